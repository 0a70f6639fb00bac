"""What changes from one plan to another, as data and as text."""

from __future__ import annotations

from bisect import bisect_left
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING, Any

import msgspec
import numpy as np

from .checks import LAST_STEP, ratio
from .cycles import cycle_starts
from .errors import SpecError, Words
from .schedule import (
    Arithmetic,
    Constant,
    Curve,
    Every,
    Knots,
    PastEnd,
    Per,
    Product,
    Ramp,
    Repeat,
    Samples,
    Schedule,
    Sequence,
    Stretch,
    Sum,
    Until,
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
        if self.field == "groups" and self.group is None:
            change = f"{place}: {_patterns(self.old, self.new)}"
        else:
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
        """One line per change; if that is more than `lines`, one for all groups in which the same part changes alike.

        >>> import lrcore as lr
        >>> old, new = (lr.Plan(groups={f"layer{i}": {"lr": rate} for i in range(1000)}) for rate in (0.1, 0.2))
        >>> print(old.diff(new).text(12))
        groups['layer0']['lr'].value: 0.1 -> 0.2, values differ from step 0, and 999 more groups alike
        """
        if lines is None or len(self) <= lines:
            return "\n".join(map(str, self)) or "no difference"
        told = gathered([((change.group is None, change.field, change.part), _sameness(change), str(change)) for change in self], lines)
        return "\n".join(told)


def gathered(items: list[tuple[Any, Any, str]], lines: int) -> list[str]:
    """At most `lines` lines for items (place, change, text), each item of one group: those alike together, then those at one place."""
    alike = Counter((place, change) for place, change, _ in items)
    first = {(place, change): text for place, change, text in reversed(items)}
    told = [f"{first[key]}{_and_more(count - 1, 'alike')}" for key, count in alike.items()]
    if len(told) > lines:
        places = Counter(place for place, _, _ in items)
        at_first = {place: text for place, _, text in reversed(items)}
        told = [f"{at_first[place]}{_and_more(count - 1, 'with other numbers')}" for place, count in places.items()]
    return told if len(told) <= lines else [*told[:lines], f"... and {len(told) - lines:,} more"]


def _and_more(groups: int, how: str) -> str:
    return f", and {groups:,} more group{'s' * (groups > 1)} {how}" if groups else ""


def _sameness(change: Change) -> tuple[Any, ...]:
    """What changes have in common that differ in their group alone."""
    return (_text(change.old), _text(change.new), change.step)


def _patterns(old: list[str], new: list[str]) -> str:
    """Which patterns of groups come and go; of a few, all of them."""
    if len(repr(old)) <= _WIDTH and len(repr(new)) <= _WIDTH:
        return f"{old!r} -> {new!r}"
    come, gone = [[name for name in these if name not in set(those)] for these, those in ((new, old), (old, new))]
    told = [
        f"{word} {', '.join(map(repr, names[:6]))}{', ...' * (len(names) > 6)}"
        for word, names in (("new", come), ("no more", gone))
        if names
    ]
    return f"{len(old):,} -> {len(new):,}, {'; '.join(told) or 'the same in another order'}"


_WIDTH = 80


def _text(value: Any) -> str:
    """A value as one short line; of one that is too long, its two ends."""
    text = "nothing" if value is None else str(value) if isinstance(value, Words) else _written_out(value)
    return text if len(text) <= _WIDTH else f"{text[:45]} ... {text[-30:]}"


def _written_out(value: Any) -> str:
    """A schedule as one would write it down, `linear(0.0, 1.0, 10) >> cosine(1.0, 0.0, 90)`; anything else by its repr."""
    match value:
        case Constant(value=level, steps=None):
            return repr(level)
        case Ramp(endpoint=False):
            return f"{value.shape}({', '.join(map(repr, (value.start, value.stop, value.steps, *value.args)))})"
        case Sequence():
            return " >> ".join(map(_written_out, value.phases))
        case Product() | Sum():
            sign = " * " if isinstance(value, Product) else " + "
            return sign.join(f"({_written_out(term)})" if isinstance(term, Sequence | Sum) else _written_out(term) for term in value.terms)
        case Until() | Stretch() | Every() | Per():
            inner = _written_out(value.inner)
            verb = f"{type(value).__name__.lower()}({value.steps if isinstance(value, Until) else value.k!r})"
            return f"({inner}).{verb}" if " " in inner else f"{inner}.{verb}"
    return repr(value)


def diff(old: Schedule | Plan, new: Schedule | Plan) -> PlanDiff:
    """What changes from one schedule to another, or from one plan to another, as data; `str` of it is the text.

    Raises SpecError for one of each.

    >>> import lrcore as lr
    >>> print(lr.diff(lr.linear(1.0, 0.0, 4), lr.linear(1.0, 0.5, 4)))
    schedule.stop: 0.0 -> 0.5, values differ from step 1
    """
    from .plan import Plan

    if isinstance(old, Plan) and isinstance(new, Plan):
        return diff_plans(old, new)
    for path, value in (("old", old), ("new", new)):
        if not isinstance(value, Schedule):
            raise SpecError(path, "a Schedule beside a Schedule, or a Plan beside a Plan", value)
    resolved = isinstance(old, Schedule) and isinstance(new, Schedule) and old.resolved and new.resolved
    step = first_difference(old, new) if resolved else None  # type: ignore[arg-type]
    return PlanDiff(tuple(Change(None, "schedule", part, a, b, step) for part, a, b in _parts(old, new, "")))


def diff_plans(old: Plan, new: Plan) -> PlanDiff:
    """The changes from one plan to another, in the order fields and groups are written."""
    changes: list[Change] = []
    before, after = dict(old.groups), dict(new.groups)
    if list(before) != list(after):
        changes.append(Change(None, "groups", "", list(before), list(after), None))
    sides: list[tuple[str | None, Any, Any]] = [(None, old.defaults, new.defaults)]
    sides += [(pattern, before.get(pattern, {}), after.get(pattern, {})) for pattern in _keys(before, after)]
    pairs = [(group, field, _written(had, field), _written(has, field)) for group, had, has in sides for field in _keys(had, has)]
    resized = old.horizon != new.horizon
    alike = [(field, left) for _, field, left, right in pairs if left == right]
    for name in old.__struct_fields__:  # the horizon, and whatever else is no field of a group
        if name not in (*old.defaults, *new.defaults, "fields", "groups"):
            parts = list(_parts(getattr(old, name), getattr(new, name), ""))
            step = _retimed(old, new, alike) if parts and name in ("unit", "clock") else None
            changes.extend(Change(None, name, part, a, b, step) for part, a, b in parts)
    pairs = [pair for pair in pairs if pair[2] != pair[3] or (resized and isinstance(pair[2], Schedule) and not pair[2].resolved)]
    for group, field, left, right in pairs:
        step = _first_step(left, old, right, new, field, _COMPARED // len(pairs))
        parts = list(_parts(left, right, "") if left != right else _parts(_in_force(left, old, field), _in_force(right, new, field), ""))
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


def _first_step(left: Any, old: Plan, right: Any, new: Plan, field: str, compared: int) -> int | None:
    """The first update at which two things written of a field differ; None where only a running clock could tell."""
    if "seconds" in (old.unit, new.unit):
        return None
    try:
        ends = [_on_updates(_in_force(written, plan, field), plan) for written, plan in ((left, old), (right, new))]
        return first_difference(ends[0], ends[1], max(old.updates or 0, new.updates or 0), compared)
    except SpecError:  # what a clock cannot express
        return None


def _on_updates(schedule: Schedule | None, plan: Plan) -> Schedule | None:
    return schedule if schedule is None or plan.clock is None else plan.clock.on_updates(schedule, plan.unit)


def _retimed(old: Plan, new: Plan, alike: list[tuple[str, Any]]) -> int | None:
    """The first update at which another unit or clock gives other values of what is written alike."""
    steps = [_first_step(written, old, written, new, field, _COMPARED // len(alike)) for field, written in dict.fromkeys(alike)]
    return min((step for step in steps if step is not None), default=None)


def _keys(a: Any, b: Any) -> list[str]:
    return [*a, *(key for key in b if key not in a)]


def _parts(old: Any, new: Any, path: str) -> Iterator[tuple[str, Any, Any]]:
    """The smallest parts in which two schedules differ."""
    if old == new:
        return
    if type(old) is type(new) and isinstance(old, msgspec.Struct) and not _nothing_in_common(old, new):
        for field in old.__struct_fields__:
            yield from _parts(getattr(old, field), getattr(new, field), f"{path}.{field}" if path else field)
    elif _are_schedules(old) and _are_schedules(new):
        for i, a, b in _aligned(old, new):
            yield from _parts(a, b, f"{path}[{i}]")
    else:
        yield path, old, new


def _nothing_in_common(old: Any, new: Any) -> bool:
    """Whether two sequences are better shown as a whole, such as one that has been cut and given another end."""
    if not isinstance(old, Sequence):
        return False
    pairs = list(_aligned(old.phases, new.phases))
    return len(pairs) == max(len(old.phases), len(new.phases)) and any(None not in (a, b) and type(a) is not type(b) for _, a, b in pairs)


def _are_schedules(value: Any) -> bool:
    return isinstance(value, tuple) and bool(value) and isinstance(value[0], Schedule)


def _aligned(old: tuple[Any, ...], new: tuple[Any, ...]) -> Iterator[tuple[int, Any, Any]]:
    """Phases or terms beside each other: what both begin with, then what both end with; None stands where one has nothing."""
    shorter, longer = sorted((old, new), key=len)
    same = next((i for i, (a, b) in enumerate(zip(old, new, strict=False)) if a != b), len(shorter))
    tail = next((i for i, (a, b) in enumerate(zip(old[::-1], new[::-1], strict=False)) if a != b), len(shorter))
    tail = min(tail, len(shorter) - same)
    for i in range(same, len(longer) - tail):
        a, b = (side[i] if i < len(side) - tail else None for side in (old, new))
        yield i, a, b


# -- the first step at which values differ -----------------------------------------------------------------------------


def first_difference(old: Schedule | None, new: Schedule | None, horizon: int = 0, compared: int = _COMPARED) -> int | None:
    """The first step at which two schedules differ, None if no difference was found.

    Looked at are the steps up to the horizon and the ends of both; where one is endless and there is no horizon, up to the last boundary.
    Exact for the first `compared` steps. Beyond, boundaries, their neighbours and 1,024 points between them are compared, and
    the last equal and the first different of these are brought together by bisection.
    """
    if old is None or new is None:
        return None if old is new else 0
    last = max([horizon, *(schedule.span for schedule in (old, new) if isinstance(schedule.span, int))])
    if any(schedule.span is None for schedule in (old, new)) and not horizon:
        ends = [step for schedule in (old, new) for step in boundaries(schedule, LAST_STEP)]
        last = min(max(last, compared, *ends), LAST_STEP)
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
    found = _thinned(boundaries(schedule, last))
    return sorted({step for boundary in found for step in (boundary - 1, boundary, boundary + 1) if 0 <= step <= last} | {0, last})


def _thinned(steps: list[int]) -> list[int]:
    """At most a few thousand of them: the first, the last, and some between."""
    steps = sorted(set(steps))
    if len(steps) <= _MANY:
        return steps
    half = _MANY // 4
    return steps[:half] + steps[half : -half : len(steps) // half] + steps[-half:]


def boundaries(schedule: Schedule, last: int) -> list[int]:
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
                found += [begin, *(begin + step for step in boundaries(phase, last - begin) if step <= span)]
                begin += span
            return _thinned([*found, min(begin, last + 1)])
        case Arithmetic():
            return _thinned([step for term in schedule.terms for step in boundaries(term, last)])
        case Repeat():
            return _cycles(schedule, last)
        case Every():
            return [-(-step // schedule.k) * schedule.k for step in boundaries(schedule.inner, last)]
        case Per():
            return [step * schedule.k for step in boundaries(schedule.inner, last // schedule.k)]
        case Stretch():
            return [-int(-step * ratio(schedule.k) // 1) for step in boundaries(schedule.inner, int(last / schedule.k) + 1)]
        case Until():
            cut = schedule.span if isinstance(schedule.span, int) else last
            return [*(step for step in boundaries(schedule.inner, min(cut, last)) if step < cut), cut]
        case PastEnd():
            turn = schedule.inner.span
            inner = boundaries(schedule.inner, last)
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
    inside = [step for step in boundaries(schedule.inner, cycle) if 0 < step < cycle]
    found = [begin for begin, _ in begins]
    if len(inside) * len(begins) <= _MANY:
        found += [begin - (-step * length // cycle) for begin, length in begins for step in inside]
    return found
