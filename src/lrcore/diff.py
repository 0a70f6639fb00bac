"""What changes from one plan to another, as data and as text."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING, Any

import numpy as np

from .cycles import cycle_starts
from .errors import SpecError, Words, shown
from .schedule import (
    Constant,
    Curve,
    Every,
    Knots,
    PastEnd,
    Per,
    Ramp,
    Repeat,
    Samples,
    Schedule,
    Sequence,
    Stretch,
    Until,
    _Arithmetic,
)

if TYPE_CHECKING:
    from .plan import Plan

_BLOCK = 65_536
_COMPARED = 2**24
"""Steps compared one by one, all columns together (some 0.1 s); beyond, boundaries and points between them."""


@dataclass(frozen=True)
class Change:
    """One thing that differs.

    group : the pattern it stands under, None for the plan's own fields
    field : the field, or "horizon", or "groups" where the patterns themselves differ
    part : where in the schedule, such as `phases[1].steps`; empty if the whole schedule differs
    old, new : what stands there: a schedule or a part of one, "frozen", or None where there is nothing
    step : the first step at which the values differ, None if no difference was found
    """

    group: str | None
    field: str
    part: str
    old: Any
    new: Any
    step: int | None

    def __str__(self) -> str:
        place = self.field if self.group is None else f"groups[{self.group!r}][{self.field!r}]"
        place = f"{place}.{self.part}" if self.part else place
        change = f"{place}: {_text(self.old)} -> {_text(self.new)}"
        return change if self.step is None else f"{change}, values differ from step {self.step:,}"


@dataclass(frozen=True)
class PlanDiff:
    """What changes from one plan to another: a tuple of Change, false if nothing does; `str` gives one line for each."""

    changes: tuple[Change, ...]

    def __bool__(self) -> bool:
        return bool(self.changes)

    def __iter__(self) -> Iterator[Change]:
        return iter(self.changes)

    def __len__(self) -> int:
        return len(self.changes)

    def __str__(self) -> str:
        return self.text()

    def text(self, lines: int | None = None) -> str:
        """One line per change, at most `lines` of them."""
        kept = self.changes[:lines]
        more = [f"... and {len(self) - len(kept):,} more"] if len(kept) < len(self) else []
        return "\n".join([*map(str, kept), *more]) or "no difference"


def _text(value: Any) -> str:
    return "nothing" if value is None else shown(value)


def diff_plans(old: Plan, new: Plan) -> PlanDiff:
    """The changes from one plan to another, in the order fields and groups are written."""
    changes: list[Change] = []
    before, after = dict(old.groups), dict(new.groups)
    if list(before) != list(after):
        changes.append(Change(None, "groups", "", list(before), list(after), None))
    if old.horizon != new.horizon:
        changes.append(Change(None, "horizon", "", old.horizon, new.horizon, None))
    sides: list[tuple[str | None, Any, Any]] = [(None, old.defaults, new.defaults)]
    sides += [(pattern, before.get(pattern, {}), after.get(pattern, {})) for pattern in _keys(before, after)]
    pairs = [(group, field, _written(had, field), _written(has, field)) for group, had, has in sides for field in _keys(had, has)]
    resized = old.horizon != new.horizon
    pairs = [pair for pair in pairs if pair[2] != pair[3] or (resized and isinstance(pair[2], Schedule) and not pair[2].resolved)]
    for group, field, left, right in pairs:
        ends = _in_force(left, old, field), _in_force(right, new, field)
        step = first_difference(*ends, max(old.horizon or 0, new.horizon or 0), _COMPARED // len(pairs))
        parts = list(_parts(left, right, "") if left != right else _parts(*ends, ""))
        changes.extend(Change(group, field, part, a, b, step) for part, a, b in parts)
    return PlanDiff(tuple(changes))


_FROZEN = Words("frozen")


def _written(fields: Mapping[str, Schedule | None], field: str) -> Schedule | Words | None:
    """What is written of a field: a schedule, "frozen", or None for nothing."""
    return (fields[field] or _FROZEN) if field in fields else None


def _in_force(written: Schedule | Words | None, plan: Plan, field: str) -> Schedule | None:
    """What that comes to: without a word of its own, a group has the plan's schedule."""
    schedule = plan.defaults.get(field) if written is None else written
    if not isinstance(schedule, Schedule) or schedule.resolved:
        return schedule if isinstance(schedule, Schedule) else None
    return None if plan.horizon is None else schedule.over(plan.horizon)


def _keys(a: Any, b: Any) -> list[str]:
    return [*a, *(key for key in b if key not in a)]


def _parts(old: Any, new: Any, path: str) -> Iterator[tuple[str, Any, Any]]:
    """The smallest parts in which two schedules differ."""
    if old == new:
        return
    if type(old) is type(new) and isinstance(old, Schedule):
        for field in old.__struct_fields__:
            yield from _parts(getattr(old, field), getattr(new, field), f"{path}.{field}" if path else field)
    elif isinstance(old, tuple) and isinstance(new, tuple) and len(old) == len(new) and old and isinstance(old[0], Schedule):
        for i, (a, b) in enumerate(zip(old, new, strict=True)):
            yield from _parts(a, b, f"{path}[{i}]")
    else:
        yield path, old, new


# -- the first step at which values differ -----------------------------------------------------------------------------


def first_difference(old: Schedule | None, new: Schedule | None, horizon: int = 0, compared: int = _COMPARED) -> int | None:
    """The first step at which two schedules differ, None if no difference was found within the horizon or their lengths.

    Exact for the first `compared` steps. Beyond, boundaries, their neighbours and 1,024 points between them are compared, and
    the last equal and the first different of these are brought together by bisection.
    """
    if old is None or new is None:
        return None if old is new else 0
    last = max([horizon, *(schedule.span for schedule in (old, new) if isinstance(schedule.span, int))])
    try:
        for first in range(0, min(last + 1, compared), _BLOCK):
            count = min(_BLOCK, last + 1 - first)
            unequal = np.not_equal(old.values(count, first), new.values(count, first))
            if unequal.any():
                return first + int(unequal.argmax())
        if last < compared:
            return None
        steps = sorted({*landmarks(old, last), *landmarks(new, last), *range(compared, last, max((last - compared) // 1024, 1)), last})
        probes = [step for step in steps if step >= compared]
        unequal = np.not_equal(old(probes), new(probes))
        if not unequal.any():
            return None
        i = int(unequal.argmax())
        low, high = int(probes[i - 1]) if i else compared - 1, int(probes[i])
        while high - low > 1:
            middle = (low + high) // 2
            low, high = (low, middle) if old(middle) != new(middle) else (middle, high)
        return high
    except SpecError:  # steps one of them refuses, or samples that are not at hand
        return None


# -- where something happens -------------------------------------------------------------------------------------------

_MANY = 4096


def landmarks(schedule: Schedule, last: int) -> list[int]:
    """Steps up to `last` between which a resolved schedule is smooth: its boundaries and their neighbours, a few thousand at most."""
    found = _thinned(_boundaries(schedule, last))
    return sorted({step for boundary in found for step in (boundary - 1, boundary, boundary + 1) if 0 <= step <= last} | {0, last})


def _thinned(steps: list[int]) -> list[int]:
    """At most a few thousand of them: the first, the last, and some between."""
    steps = sorted(set(steps))
    if len(steps) <= _MANY:
        return steps
    half = _MANY // 4
    return steps[:half] + steps[half : -half : len(steps) // half] + steps[-half:]


def _boundaries(schedule: Schedule, last: int) -> list[int]:
    """Steps up to `last` at which a schedule may turn or jump."""
    match schedule:
        case Constant() | Curve() | Ramp():
            return [schedule.steps] if isinstance(schedule.steps, int) else []
        case Knots():
            return _thinned([-int(-position // 1) for position in schedule.positions])
        case Samples():
            return [schedule.steps]
        case Sequence():
            found, begin = [], 0
            for phase in schedule.phases:
                if begin > last:
                    break
                span = phase.span if isinstance(phase.span, int) else last
                found += [begin, *(begin + step for step in _boundaries(phase, last - begin) if step <= span)]
                begin += span
            return _thinned([*found, min(begin, last + 1)])
        case _Arithmetic():
            return _thinned([step for term in schedule.terms for step in _boundaries(term, last)])
        case Repeat():
            return _cycles(schedule, last)
        case Every():
            return [-(-step // schedule.k) * schedule.k for step in _boundaries(schedule.inner, last)]
        case Per():
            return [step * schedule.k for step in _boundaries(schedule.inner, last // schedule.k)]
        case Stretch():
            return [-int(-step * schedule.k // 1) for step in _boundaries(schedule.inner, int(last / schedule.k) + 1)]
        case Until():
            cut = schedule.span if isinstance(schedule.span, int) else last
            return [*(step for step in _boundaries(schedule.inner, min(cut, last)) if step < cut), cut]
        case PastEnd():
            turn = schedule.inner.span
            inner = _boundaries(schedule.inner, last)
            if not isinstance(turn, int) or schedule.mode == "error":
                return inner
            return [*inner, *(2 * turn - step for step in inner), 2 * turn]
    return []


def _cycles(schedule: Repeat, last: int) -> list[int]:
    """The first and the last cycles up to `last`, and what happens inside each of them."""
    cycle = schedule.inner.span
    if not isinstance(cycle, int):
        return []
    starts = cycle_starts(cycle, schedule.growth, schedule.times)
    if starts is None:
        seen = min(last // cycle + 1, schedule.times or last + 1)
        chosen = _thinned([*range(min(seen + 1, _MANY)), *range(max(seen - _MANY, 0), seen + 1)])
        begins = [(i * cycle, cycle) for i in chosen]
    else:
        seen = bisect_left(starts, last + 1)
        begins = [(begin, end - begin) for begin, end in pairwise(starts[: seen + 1])] + [(starts[min(seen, len(starts) - 1)], 1)]
    inside = [step for step in _boundaries(schedule.inner, cycle) if 0 < step < cycle]
    found = [begin for begin, _ in begins]
    if len(inside) * len(begins) <= _MANY:
        found += [begin - (-step * length // cycle) for begin, length in begins for step in inside]
    return found
