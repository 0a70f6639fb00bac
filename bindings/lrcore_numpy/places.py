"""Where an object holds a value, by the words of a path: an entry of a dictionary or list, an attribute of anything else."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from difflib import get_close_matches
from numbers import Real
from typing import Any, NamedTuple

import lrcore as lr

Path = tuple[str, ...]
_ENTRIES = (dict, list, Mapping, Sequence)


class Place(NamedTuple):
    """An entry of `owner`, or its attribute, and what it holds."""

    path: Path
    owner: Any
    key: Any
    held: Any
    number: bool
    """Whether a number is held, which is replaced; else it is an array, which is filled."""

    def put(self, value: Any) -> None:
        if isinstance(self.owner, _ENTRIES):
            self.owner[self.key] = value  # type: ignore[index]
        else:
            setattr(self.owner, self.key, value)


def write(target: Any, values: Iterable[tuple[Path, float]]) -> None:
    """Write every value to its place; all of them, or none and a PlanError."""
    found = [(_place(target, path), value) for path, value in values]
    done: list[Place] = []
    try:
        for place, value in found:
            if place.number:
                place.put(value)
                done.append(place)
    except Exception as error:
        for written in reversed(done):
            written.put(written.held)
        kind = type(place.owner).__name__
        raise lr.PlanError(
            f"{'.'.join(place.path)} of {kind} cannot be set: {str(error).rstrip('.')}. Nothing was changed; leave it out."
        ) from error
    for place, value in found:  # arrays last: filling one that was looked at does not fail
        if not place.number:
            place.held.fill(value)


def _place(target: Any, path: Path) -> Place:
    owner = target
    for part in path[:-1]:
        owner = _held(owner, part, path)[1]
    key, held = _held(owner, path[-1], path)
    number = _is_number(held)
    if not number and not _can_be_filled(held):
        raise lr.PlanError(f"{'.'.join(path)} is to hold a value of the plan, and holds {repr(held)[:60]}, no number. Name another place.")
    return Place(path, owner, key, held, number)


def _is_number(held: Any) -> bool:
    return type(held) is float or (isinstance(held, Real) and not isinstance(held, bool))


def _can_be_filled(held: Any) -> bool:
    """Whether it is an array of one number, of NumPy or of CuPy, that can hold a fraction."""
    if getattr(held, "size", None) != 1 or not callable(getattr(held, "fill", None)):
        return False
    return held.dtype.kind not in "biuO" and bool(getattr(held.flags, "writeable", True))


def _held(owner: Any, part: str, path: Path) -> tuple[Any, Any]:
    """The key of a part of the path, and what is there."""
    if isinstance(owner, Mapping):
        if part in owner:
            return part, owner[part]
        known = [str(key) for key in owner]
    elif isinstance(owner, Sequence):
        if part.isdecimal() and int(part) < len(owner):
            return int(part), owner[int(part)]
        known = [str(i) for i in range(len(owner))]
    else:
        if hasattr(owner, part):
            return part, getattr(owner, part)
        known = [name for name in dir(owner) if not name.startswith("_") and not callable(getattr(owner, name, None))]
    raise lr.PlanError(f"A value of the plan goes to {'.'.join(path)}, and {type(owner).__name__} has no {part}. {_hint(part, known)}")


def _hint(part: str, known: list[str]) -> str:
    if near := get_close_matches(part, known, 1):
        return f"Did you mean {near[0]}?"
    return f"It has {', '.join(known[:12])}{', ...' * (len(known) > 12)}." if known else "It has no values."
