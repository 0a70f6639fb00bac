"""The fields of a group: their neutral names, their order, and a mapping of them that does not change."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ..errors import SpecError
from ..frozen import FrozenDict
from ..schedule import as_schedule

FIELDS = ("lr", "momentum", "beta1", "beta2", "weight_decay", "eps", "alpha", "rho")
"""The fields with a neutral name, in the order of a table's columns; others follow by the alphabet and pass through to the framework."""

KEYWORDS = FIELDS[:5]
"""Those a Plan takes by keyword."""


class Fields(FrozenDict):
    """Field name -> schedule in canonical order."""

    sentence = "The fields of a plan do not change; make a new Plan."


NO_FIELDS = Fields()


def rank(field: str) -> tuple[int, str]:
    return (FIELDS.index(field) if field in FIELDS else len(FIELDS), field)


def checked_fields(given: Any, path: str) -> Fields:
    """A mapping of fields with every number a constant, in canonical order."""
    if not isinstance(given, Mapping):
        raise SpecError(path, "a mapping from field names to schedules", given, 'For a rate write {"lr": ...}.')
    for field in given:
        if not isinstance(field, str) or not field.isidentifier():
            raise SpecError(path, "field names such as lr or weight_decay", field)
    made = {field: None if value is None else as_schedule(value, f"{path}[{field!r}]") for field, value in given.items()}
    return Fields((field, made[field]) for field in sorted(made, key=rank))
