"""Under which argument of an optax factory a field of a plan stands."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

import lrcore as lr

KEYS: dict[str, tuple[str, ...]] = {
    "lr": ("learning_rate",),
    "beta1": ("b1", "beta1"),
    "beta2": ("b2", "beta2"),
    "weight_decay": ("weight_decay", "weight_decay_rate"),
    "alpha": ("alpha", "decay"),
}
"""What optax calls a field, the first that a factory has; any other field is called what it is."""

_FIELDS = {key: field for field, keys in KEYS.items() for key in keys}


def field_of(key: str) -> str:
    """The neutral name of an optax hyper-parameter."""
    return _FIELDS.get(key, key)


def keys_of(fields: Iterable[str], parameters: Mapping[str, Any], factory: str, group: str) -> dict[str, str]:
    """{argument of the factory: field}; PlanError for a field the factory does not have."""
    found: dict[str, str] = {}
    for field in fields:
        key = next((key for key in KEYS.get(field, (field,)) if key in parameters), None)
        if key is None:
            hint = " Its momentum is beta1." if field == "momentum" and "b1" in parameters else ""
            wanted = " or ".join(KEYS.get(field, (field,)))
            raise lr.PlanError(
                f"The plan schedules {field} of {group!r}, and {factory} has no argument {wanted}.{hint} It has {', '.join(parameters)}."
            )
        if key in found:
            raise lr.PlanError(f"The plan schedules {found[key]} and {field} of {group!r}, and both are {key} of {factory}. Leave one out.")
        found[key] = field
    return found
