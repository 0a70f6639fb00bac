"""Where a plan's fields stand in the parameter groups of a torch optimizer."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any, NamedTuple

from torch import Tensor
from torch.optim import Optimizer

import lrcore as lr

Groups = list[dict[str, Any]]
Column = tuple[str, str]
"""A group's name and a field."""

_BETAS = {"beta1": 0, "beta2": 1}
"""Fields that torch keeps together in the tuple `betas`; every other field has the name of its key."""


class Place(NamedTuple):
    """Where a value stands: `groups[group][key]`, or entry `slot` of the tuple there unless that is -1."""

    group: int
    key: str
    slot: int

    def read(self, groups: Groups) -> float | Tensor:
        held: Any = groups[self.group][self.key]
        value: float | Tensor = held if self.slot < 0 else held[self.slot]
        return value

    def put(self, groups: Groups, value: float | Tensor) -> None:
        """Let another object stand there."""
        if self.slot < 0:
            groups[self.group][self.key] = value
        else:
            values = list(groups[self.group][self.key])
            values[self.slot] = value
            groups[self.group][self.key] = tuple(values)


def group_names(groups: Groups) -> list[str]:
    """What the groups are called: `group["name"]`, else group0, group1, ... by their place."""
    return [group.get("name", f"group{i}") for i, group in enumerate(groups)]


def places_of(columns: Sequence[Column], optimizer: Optimizer) -> list[Place]:
    """Where the optimizer keeps every column; PlanError for a field it does not have."""
    groups: Groups = optimizer.param_groups
    index = {name: i for i, name in enumerate(group_names(groups))}
    places = []
    for name, field in columns:
        group = groups[index[name]]
        key, slot = ("betas", _BETAS[field]) if field in _BETAS else (field, -1)
        if key not in group:
            known = ", ".join(key for key in group if key not in ("params", "name", "initial_lr"))
            hint = " Its momentum is beta1." if field == "momentum" and "betas" in group else ""
            what = f"The plan schedules {field} of {name!r}, and {type(optimizer).__name__} has no {key}."
            raise lr.PlanError(f"{what}{hint} It has {known}.")
        value: Any = group[key] if slot < 0 else group[key][slot]
        if isinstance(value, bool) or not isinstance(value, int | float | Tensor):
            raise lr.PlanError(f"The plan schedules {field} of {name!r}, and {type(optimizer).__name__} holds {value!r} there, no number.")
        places.append(Place(index[name], key, slot))
    return places


def shared_tensors(places: Iterable[Place], groups: Groups) -> list[tuple[Place, Tensor]]:
    """Places whose tensor must be replaced by a copy, since another group holds the same one.

    `SGD(groups, lr=tensor)` puts one tensor into every group, and filling it would give all of them the last group's rate. Tensors
    that are different objects on the same memory are somebody's design, which a copy would break: a PlanError.
    """
    written = set(places)
    slots = {(place.key, place.slot) for place in written}
    seen: dict[int, Place] = {}
    memory: dict[int, Place] = {}
    copies: list[tuple[Place, Tensor]] = []
    for key, slot in sorted(slots):
        for i, group in enumerate(groups):
            place = Place(i, key, slot)
            value: Any = group.get(key) if slot < 0 else group[key][slot] if key in group else None
            if not isinstance(value, Tensor):
                continue
            if id(value) in seen:
                # Whoever comes later gets a copy; a place that is not written may keep what it shares with one that is copied.
                later = place if place in written else seen[id(value)]
                if later in written and all(later != known for known, _ in copies):
                    copies.append((later, value))
                    seen[id(value)] = place if later != place else seen[id(value)]
                continue
            seen[id(value)] = place
            other = memory.setdefault(value.data_ptr(), place)
            if other != place and value.numel():
                names = group_names(groups)
                raise lr.PlanError(
                    f"{key} of {names[other.group]!r} and of {names[i]!r} are two tensors on the same memory, so that a write to one is "
                    "a write to both. Give each group a tensor of its own, or a float."
                )
    return copies


def same_value(held: float | Tensor, value: float) -> bool:
    """Whether a group holds a value, as far as its type can."""
    if isinstance(held, Tensor):
        return bool(held.detach().reshape(()) == held.detach().new_full((), value))
    return held == value
