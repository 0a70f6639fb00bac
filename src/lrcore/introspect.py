"""What a schedule or a plan is made of, as data: phases, breakpoints, where it passes a value, and which parts gave one."""

from __future__ import annotations

import re
from bisect import bisect_right
from collections.abc import Iterable
from collections.abc import Sequence as Rows
from fractions import Fraction
from itertools import accumulate
from math import ceil
from typing import TYPE_CHECKING

import msgspec

from .changes import boundaries
from .checks import LAST_STEP, number, ratio, whole
from .cycles import cycle_starts
from .errors import PlanError, SpecError
from .reach import first_beyond
from .schedule import (
    Arithmetic,
    Constant,
    Curve,
    Every,
    Knots,
    Noise,
    PastEnd,
    Per,
    Ramp,
    Repeat,
    Schedule,
    Sequence,
    Stretch,
    Until,
    snake,
)

if TYPE_CHECKING:
    from .plan import Plan


def text_table(header: Rows[str], rows: Iterable[Rows[str]]) -> str:
    """Rows of words under a header, in columns."""
    lines = [header, *rows]
    widths = [max(len(line[i]) for line in lines) for i in range(len(header))]
    return "\n".join("  ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)).rstrip() for line in lines)


# -- phases ------------------------------------------------------------------------------------------------------------


class Phase(msgspec.Struct, frozen=True):
    """One phase of a schedule: the steps first ... end - 1.

    name : its shape, or what kind of schedule it is; path : where it is written, empty for the schedule itself
    end : the step after its last, None if it is endless
    start, stop : the values at its first and at its last step; None where there is no such step
    group, field : of a plan, the column
    """

    name: str
    path: str
    first: int
    end: int | None
    start: float | None
    stop: float | None
    group: str = ""
    field: str = ""

    @property
    def steps(self) -> int | None:
        """How many steps it lasts, None if it is endless."""
        return None if self.end is None else self.end - self.first


class Phases(tuple[Phase, ...]):
    """Phases in order; `str` of it is a table, `to_json()` a JSON list."""

    __slots__ = ()

    def __str__(self) -> str:
        columns = ["group", "field"] if any(phase.field for phase in self) else []
        header = [*columns, "phase", "first", "end", "start", "stop"]
        rows = []
        for phase in self:
            end = "-" if phase.end is None else f"{phase.end:,}"
            values = ["-" if value is None else f"{value:.6g}" for value in (phase.start, phase.stop)]
            rows.append([*(getattr(phase, column) for column in columns), phase.name, f"{phase.first:,}", end, *values])
        return text_table(header, rows)

    def to_json(self) -> str:
        """A JSON list of objects with the fields of Phase."""
        return msgspec.json.encode(list(self)).decode()


def timeline(schedule: Schedule, steps: int | None, found: list[Part] | None = None, group: str = "", field: str = "") -> Phases:
    """The phases of a schedule, or of what is `found`; `steps` says where the last value of an endless one is, and cuts nothing."""
    phases = []
    for part, path, first, end in parts(schedule) if found is None else found:
        last = end - 1 if end is not None else steps - 1 if steps is not None else None
        owns = end is None or end > first
        stop = schedule(last) if owns and last is not None and last >= first else None
        phases.append(Phase(name_of(part), path, first, end, schedule(first) if owns else None, stop, group, field))
    return Phases(phases)


def name_of(schedule: Schedule) -> str:
    """What a phase is called: a ramp by its shape."""
    return schedule.shape if isinstance(schedule, Ramp | Curve) else snake(type(schedule).__name__)


Part = tuple[Schedule, str, int, int | None]
"""(a phase, where it is written, its first step, its end)"""


def parts(schedule: Schedule, path: str = "") -> list[Part]:
    """The phases of a schedule, also of one that scales, clips, cuts or stretches a sequence."""

    def inside(inner: Schedule, where: str) -> list[Part]:
        return parts(inner, f"{path}.{where}" if path else where)

    match schedule:
        case Sequence():
            found, begin = [], 0
            for i, phase in enumerate(schedule.phases):
                end = None if phase.span is None else begin + phase.own_length("steps")
                found += [(part, p, begin + a, end if b is None else begin + b) for part, p, a, b in inside(phase, f"phases[{i}]")]
                begin = end or begin
            return found
        case Arithmetic():
            varying = [i for i, term in enumerate(schedule.terms) if not isinstance(term, Constant)]
            if len(varying) == 1 and schedule.terms[varying[0]].span == schedule.span:  # a constant may last longer
                return inside(schedule.terms[varying[0]], f"terms[{varying[0]}]")
        case Until():
            cut = schedule.own_length("steps")
            cut_off: list[Part] = [
                (part, p, a, cut if b is None else min(b, cut)) for part, p, a, b in inside(schedule.inner, "inner") if a < cut
            ]
            if len(cut_off) > 1:
                return cut_off
            return [(cut_off[0][0] if cut_off else schedule, path, 0, cut)]
        case Stretch() | Per() | Every():
            found = inside(schedule.inner, "inner")
            if len(found) > 1:
                k = ratio(schedule.k) if isinstance(schedule, Stretch) else schedule.k

                def moved(step: int) -> int:
                    if not isinstance(schedule, Every):
                        return ceil(step * k)
                    stair = -(-step // schedule.k) * schedule.k
                    return stair if schedule.span is None else min(stair, schedule.own_length("steps"))

                return [(part, p, moved(a), None if b is None else moved(b)) for part, p, a, b in found]
        case PastEnd(mode="error"):
            return inside(schedule.inner, "inner")
    return [(schedule, path, 0, schedule.own_length("steps") if schedule.span is not None else None)]


def on_updates(plan: Plan, found: list[Part]) -> list[Part]:
    """Phases whose steps are units of the plan as phases whose steps are updates."""
    clock = plan.clock
    if clock is None or plan.unit in ("updates", "seconds"):
        return found

    def moved(units: int) -> int:
        return clock.updates_until(units, plan.unit)

    return [(part, path, moved(first), None if end is None else moved(end)) for part, path, first, end in found]


def plan_phases(plan: Plan, names: Iterable[str] | None) -> Phases:
    """The phases of every column of a plan; see Plan.phases."""
    bound = plan.bind(names)
    _, columns, written = plan.met(names)
    found = Phases()
    for (group, field), units, schedule in zip(columns, written, bound.schedules, strict=True):
        found = Phases(found + timeline(schedule, plan.updates, on_updates(plan, parts(units)), group, field))
    return found


def breakpoints(schedule: Schedule, steps: int | None) -> list[int]:
    """The first steps of new pieces; see Schedule.breakpoints."""
    steps = schedule.own_length("steps") if steps is None else whole(steps, "steps")
    return sorted({step for step in boundaries(schedule, steps) if 0 < step < steps})


# -- where a value is passed -------------------------------------------------------------------------------------------


def last_answered(schedule: Schedule) -> int:
    """The last step worth asking for: the end, whose value is held, or 2**53; the last that is not refused."""
    span = schedule.span
    last = span if isinstance(span, int) else LAST_STEP
    if answers(schedule, last):
        return last
    low, high = 0, last
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (middle, high) if answers(schedule, middle) else (low, middle)
    return low


def answers(schedule: Schedule, step: int) -> bool:
    """Whether a schedule has a value at a step, which one that refuses steps past its end has not."""
    try:
        schedule(step)
    except SpecError:
        return False
    return True


def first_below(schedule: Schedule, bound: float) -> int | None:
    """The first step with a value below the bound; see Schedule.first_below."""
    return first_beyond(schedule, number(bound, "x"), 0, last_answered(schedule), -1)


# -- which parts gave a value ------------------------------------------------------------------------------------------


class Explanation(msgspec.Struct, frozen=True):
    """Where a value comes from: what stands there, the value it gives, and the parts it is made of; `str` of it is a tree.

    path : where it is written, such as `phases[1]`
    """

    what: str
    value: float
    path: str = ""
    parts: tuple[Explanation, ...] = ()

    def __str__(self) -> str:
        return "\n".join(self._lines("", ""))

    def _lines(self, head: str, indent: str) -> list[str]:
        place = f"{self.path}: " if self.path else ""
        lines = [f"{head}{place}{self.what} = {self.value!r}"]
        for i, part in enumerate(self.parts):
            last = i == len(self.parts) - 1
            lines += part._lines(indent + ("└─ " if last else "├─ "), indent + ("   " if last else "│  "))
        return lines

    def to_json(self) -> str:
        """The tree as nested JSON objects."""
        return msgspec.json.encode(self).decode()


def explain(schedule: Schedule, position: int | Fraction, path: str = "") -> Explanation:
    """The tree of a schedule's value at a position; see Schedule.explain."""
    position = min(position, LAST_STEP)  # inside a stretched clock the last steps lie beyond
    position = position.numerator if isinstance(position, Fraction) and position.denominator == 1 else position
    value = schedule(position if isinstance(position, int) else float(position))
    at = f"{position:,}" if isinstance(position, int) else f"{float(position):,.6g}"
    what, inner = _told(schedule, position, at)
    return Explanation(what, value, path, tuple(explain(part, where, name) for name, part, where in inner))


Inner = list[tuple[str, Schedule, int | Fraction]]


def _told(schedule: Schedule, position: int | Fraction, at: str) -> tuple[str, Inner]:
    """What a schedule is at a position, and the parts that give its value there: (where, part, position in it)."""
    name = name_of(schedule)
    match schedule:
        case Ramp():
            past = ", past its end" if position >= schedule.own_length("steps") else ""
            return f"{name} from {schedule.start!r} to {schedule.stop!r} in {schedule.steps:,} steps, at its step {at}{past}", []
        case Curve() | Knots() | Noise():
            return f"{name}{f' from {schedule.start!r}' if isinstance(schedule, Curve) else ''}, at its step {at}", []
        case Constant():
            return "constant", []
        case Sequence():
            begins = list(accumulate((phase.own_length("steps") for phase in schedule.phases[:-1]), initial=0))
            i = bisect_right(begins, position) - 1
            what = f"phase {i + 1} of {len(begins)}, from step {begins[i]:,}"
            return what, [(f"phases[{i}]", schedule.phases[i], position - begins[i])]
        case Arithmetic():
            return f"{name} of {len(schedule.terms)} at step {at}", [
                (f"terms[{i}]", term, position) for i, term in enumerate(schedule.terms)
            ]
        case Repeat():
            return _cycle(schedule, position)
        case Every():
            stair = position // schedule.k * schedule.k
            return f"stairs of {schedule.k:,} steps, the value of step {stair:,}", [("inner", schedule.inner, stair)]
        case Per():
            return f"tick {position // schedule.k:,} of {schedule.k:,} steps each", [("inner", schedule.inner, position // schedule.k)]
        case Stretch():
            return f"stretched by {schedule.k!r}, at step {at}", [("inner", schedule.inner, position / ratio(schedule.k))]
        case Until():
            cut = schedule.own_length("steps")
            held = f", holding since step {cut:,}" if position >= cut else ""
            return f"cut to {cut:,} steps{held}", [("inner", schedule.inner, min(position, cut))]
        case PastEnd(mode="mirror"):
            length = schedule.inner.own_length("steps")
            there = position % (2 * length)
            way = "back" if there > length else "forth"
            return f"back and forth over {length:,} steps, going {way}", [("inner", schedule.inner, min(there, 2 * length - there))]
        case PastEnd():
            return "refused past its end", [("inner", schedule.inner, position)]
    return f"{name}, at step {at}", []


def _cycle(repeat: Repeat, position: int | Fraction) -> tuple[str, Inner]:
    length = repeat.inner.own_length("steps")
    starts = cycle_starts(length, repeat.growth, repeat.times)
    i = int(position // length) if starts is None else bisect_right(starts, position) - 1
    ended = repeat.times is not None and i >= repeat.times
    if repeat.times is not None:
        i = min(i, repeat.times - 1)
    begin, end = (i * length, (i + 1) * length) if starts is None else (starts[i], starts[i + 1])
    what = f"cycle {i + 1:,}, from step {begin:,} to {end:,}" + (", past its end" if ended else "")
    factor, floor = repeat.decay**i, repeat.floor
    if factor != 1 or repeat.decay_floor**i != 1:
        what += f", value {floor * repeat.decay_floor**i!r} + (inner - {floor!r}) * {factor!r}"
    inside = Fraction(length) if ended else Fraction(position - begin) * Fraction(length, end - begin)
    return what, [("inner", repeat.inner, inside)]


def plan_explain(plan: Plan, step: int, group: str | None, field: str) -> Explanation:
    """The tree of one value of a plan; see Plan.explain."""
    step = whole(step, "step")
    group = plan._own_names()[0] if group is None else group
    pattern = next((pattern for pattern, _ in plan.groups if pattern == group or re.fullmatch(pattern, group)), None)
    fields = {} if pattern is None else dict(plan.groups)[pattern]
    given = field in fields
    schedule = fields[field] if given else plan.defaults.get(field)
    if schedule is None:
        frozen = f"groups[{pattern!r}] freezes it" if given else f"it has {', '.join(sorted({*plan.defaults, *fields})) or 'nothing'}"
        raise PlanError(f"The plan does not schedule {field} of {group!r}: {frozen}. Ask for another field or group.")
    place = f"groups[{pattern!r}][{field!r}]" if given else field
    schedule = plan._resolved(schedule, place)
    if plan.unit == "seconds":
        raise PlanError(f"A plan in seconds has no value at update {step:,} before the run. Explain its schedule at so many seconds.")
    what = f"{field} of group {group!r} at update {step:,}"
    if plan.clock is None or plan.unit == "updates":
        tree = explain(schedule, step, place)
        return Explanation(what, tree.value, "", (tree,))
    units = plan.clock.units_before(step, plan.unit)
    value = plan.clock.on_updates(schedule, plan.unit)(step)
    many = f"{units:,}" if isinstance(units, int) else f"{float(units):,.6g}"
    return Explanation(f"{what}, after {many} {plan.unit}", value, "", (explain(schedule, units, place),))
