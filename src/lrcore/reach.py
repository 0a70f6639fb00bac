"""How far the values of a schedule reach over a range of steps, and the first step at which they pass a bound.

A schedule is taken apart: a ramp goes one way, a sum lies between the sums of what its terms reach, all cycles of a repeat reach as
far as the first. So a range is bounded from a few values of its pieces. The range with the most to offer is halved until its values
go one way, are few enough to be looked at, or follow a polynomial whose turns are known: 10^12 steps take about as many halvings as
their logarithm.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from fractions import Fraction
from functools import lru_cache, reduce
from heapq import heappop, heappush
from itertools import accumulate, pairwise
from math import inf, isqrt, nextafter, ulp
from typing import NamedTuple

import numpy as np

from .checks import LAST_STEP, ratio
from .cycles import cycle_starts
from .errors import SpecError, Words
from .lowering import _breaks
from .schedule import (
    Constant,
    Curve,
    Every,
    Knots,
    Maximum,
    Minimum,
    Noise,
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

BLOCK = 8192
"""Steps that are looked at one by one rather than halved again."""
LOOKED_AT = 2**18
"""Ranges up to this long are looked at as a whole: it takes less than a millisecond."""
MOST = 2**29
"""How much a search may do before it gives up, in values looked at: a second or two."""
_HALVING = 2**13
"""What halving a range costs, in these."""
_ENOUGH = 2**25
"""How much to do to find the first of several steps with one value."""
_DEGREE = 24
"""Of the polynomial that is fitted to what is smooth."""
_FEW = 200 * _HALVING
"""How much to do for a bound that need not be the narrowest."""

Position = int | Fraction


class Point(NamedTuple):
    """A step and the value there."""

    step: int
    value: float


class Extrema(NamedTuple):
    """The least and the greatest value over a range of steps, each with the first step that has it."""

    least: Point
    greatest: Point


class Reach(NamedTuple):
    """All values of a range lie in [low, high]; they rise (1), fall (-1), are one value (0), or may do anything (None)."""

    low: float
    high: float
    way: int | None


def _held(value: float) -> Reach:
    return Reach(value, value, 0)


def _one_way(values: list[float]) -> Reach:
    """What lies between values in order, if the values between two of them do."""
    up = all(a <= b for a, b in pairwise(values))
    down = all(a >= b for a, b in pairwise(values))
    return Reach(min(values), max(values), 0 if up and down else 1 if up else -1 if down else None)


def _joined(parts: list[Reach]) -> Reach:
    """Ranges that follow one another."""
    if len(parts) == 1:
        return parts[0]
    up = all(part.way in (0, 1) for part in parts) and all(a.high <= b.low for a, b in pairwise(parts))
    down = all(part.way in (0, -1) for part in parts) and all(a.low >= b.high for a, b in pairwise(parts))
    way = 0 if up and down else 1 if up else -1 if down else None
    return Reach(min(part.low for part in parts), max(part.high for part in parts), way)


def _same_way(a: Reach, b: Reach) -> int | None:
    if a.way == 0 or b.way == 0:
        return b.way if a.way == 0 else a.way
    return a.way if a.way == b.way else None


def _product(a: Reach, b: Reach) -> Reach:
    corners = (a.low * b.low, a.low * b.high, a.high * b.low, a.high * b.high)
    if a.low >= 0 and b.low >= 0:
        way = _same_way(a, b)
    elif a.way == 0 or b.way == 0:
        factor, other = (a.low, b) if a.way == 0 else (b.low, a)
        way = other.way if factor >= 0 or other.way is None else -other.way
    else:
        way = None
    return Reach(min(corners), max(corners), way)


_OF_TERMS = {
    Product: _product,
    Sum: lambda a, b: Reach(a.low + b.low, a.high + b.high, _same_way(a, b)),
    Minimum: lambda a, b: Reach(min(a.low, b.low), min(a.high, b.high), _same_way(a, b)),
    Maximum: lambda a, b: Reach(max(a.low, b.low), max(a.high, b.high), _same_way(a, b)),
}


def _within(part: Reach, every: Reach) -> Reach:
    """What part of a range reaches, given what all of it does."""
    return Reach(max(part.low, every.low), min(part.high, every.high), part.way)


def _at(schedule: Schedule, position: Position) -> float:
    position = min(position, LAST_STEP)  # inside a stretched clock the last steps lie beyond
    if isinstance(position, Fraction) and position.denominator > 1:
        return schedule(float(position))
    return schedule(int(position))


def _before(end: int, whole: bool) -> Position:
    """The last position before the end: of steps the one before, of real positions the neighbour."""
    return end - 1 if whole else Fraction(nextafter(float(end), 0.0))


def reach(schedule: Schedule, a: Position, b: Position, whole: bool = True) -> Reach:
    """What the values at positions a to b, both included, reach; `whole` if these are steps and not real positions."""
    match schedule:
        case Constant():
            return _held(schedule.value)
        case Ramp() | Curve():
            return _one_way([_at(schedule, a), _at(schedule, b)])
        case Knots():
            inside = schedule.knots[bisect_right(schedule.positions, a) : bisect_left(schedule.positions, b)]
            return _one_way([_at(schedule, a), *inside, _at(schedule, b)])
        case Samples():
            last = schedule.steps - 1
            data = schedule.data[min(int(a), last) : min(int(b), last) + 1]
            if len(data) <= BLOCK:
                return _one_way(data.tolist())
            return Reach(float(data.min()), float(data.max()), None)
        case Noise():
            bound = schedule._facts[1]
            return Reach(-bound, bound, None)
        case Product() | Sum() | Minimum() | Maximum():
            return reduce(_OF_TERMS[type(schedule)], [reach(term, a, b, whole) for term in schedule.terms])
        case Sequence():
            return _of_phases(schedule, a, b, whole)
        case Every():
            return reach(schedule.inner, a // schedule.k * schedule.k, b // schedule.k * schedule.k)
        case Per():
            return reach(schedule.inner, a // schedule.k, b // schedule.k)
        case Stretch():
            k = ratio(schedule.k)
            return reach(schedule.inner, a / k, b / k, whole=False)
        case Until():
            end = _end(schedule)
            parts = [reach(schedule.inner, a, min(b, _before(end, whole)), whole)] if a < end else []
            return _joined([*parts, _held(schedule(end))] if b >= end else parts)
        case PastEnd(mode="mirror"):
            return _back_and_forth(schedule.inner, a, b, whole)
        case PastEnd():
            return reach(schedule.inner, a, b, whole)
        case Repeat():
            return _of_cycles(schedule, a, b, whole)
    raise TypeError(f"{type(schedule).__name__} is no schedule whose pieces are known")


def _end(schedule: Schedule) -> int:
    return schedule.own_length("steps")


def _begins(schedule: Sequence) -> list[int]:
    return list(accumulate((_end(phase) for phase in schedule.phases[:-1]), initial=0))


def _of_phases(schedule: Sequence, a: Position, b: Position, whole: bool) -> Reach:
    begins = _begins(schedule)
    first, last = bisect_right(begins, a) - 1, bisect_right(begins, b) - 1
    parts = []
    for i in range(first, last + 1):
        begin, phase = begins[i], schedule.phases[i]
        low = max(a - begin, 0)
        high = b - begin if i == last else _before(begins[i + 1] - begin, whole)
        if low <= high:
            parts.append(reach(phase, low, high, whole))
    return _joined(parts)


def _back_and_forth(inner: Schedule, a: Position, b: Position, whole: bool) -> Reach:
    """Half a period after the other, every second one from its end."""
    length = _end(inner)
    if b - a >= 2 * length:
        every = tight(inner, 0, length, whole)
        return every._replace(way=0 if every.way == 0 else None)
    parts = []
    for half in range(int(a // length), int(b // length) + 1):
        low, high = max(a - half * length, 0), min(b - half * length, length)
        if half % 2:
            low, high = length - high, length - low
        part = reach(inner, low, high, whole)
        if part.way is None:
            part = _within(part, tight(inner, 0, length, whole))
        parts.append(part._replace(way=-part.way) if half % 2 and part.way else part)
    return _joined(parts)


def _of_cycles(repeat: Repeat, a: Position, b: Position, whole: bool) -> Reach:
    """The cycles at both ends, and those between them at once."""
    length = _end(repeat.inner)
    starts = cycle_starts(length, repeat.growth, repeat.times)

    def begin(i: int) -> int:
        return i * length if starts is None else starts[i]

    def index(position: Position) -> int:
        i = int(position // length) if starts is None else min(bisect_right(starts, position), len(starts)) - 1
        return i if repeat.times is None else min(i, repeat.times)  # the one after the last is what is held

    on_steps = whole and starts is None

    def cycle(i: int, low: Position, high: Position) -> Reach:
        if i == repeat.times:
            return _held(repeat(begin(i)))
        pace = 1 if starts is None else Fraction(length, starts[i + 1] - starts[i])
        part = reach(repeat.inner, low * pace, high * pace, on_steps)
        return _in_cycles(repeat, part if part.way is not None else _within(part, every()), i, i)

    def every() -> Reach:
        return tight(repeat.inner, 0, _before(length, on_steps), on_steps)

    first, last = index(a), index(b)
    if first == last:
        return cycle(first, a - begin(first), b - begin(first))
    parts = [cycle(first, a - begin(first), _before(begin(first + 1) - begin(first), whole))]
    if last > first + 1:
        parts.append(_in_cycles(repeat, every(), first + 1, last - 1))
    return _joined([*parts, cycle(last, 0, b - begin(last))])


def _in_cycles(repeat: Repeat, inner: Reach, first: int, last: int) -> Reach:
    """What the inner values reach in cycles first to last: low + (v - floor) * factor, as the kernel has it."""
    if repeat.decay == 1 and (repeat.decay_floor == 1 or repeat.floor == 0):
        return inner if first == last else inner._replace(way=0 if inner.way == 0 else None)
    factors = sorted((repeat.decay**first, repeat.decay**last))
    floors = sorted((repeat.floor * repeat.decay_floor**first, repeat.floor * repeat.decay_floor**last))
    moved = Reach(inner.low - repeat.floor, inner.high - repeat.floor, None)
    scaled = _product(moved, Reach(factors[0], factors[1], None))
    slack = 8 * ulp(max(abs(scaled.low), abs(scaled.high), abs(floors[0]), abs(floors[1])))
    return Reach(floors[0] + scaled.low - slack, floors[1] + scaled.high + slack, inner.way if first == last else None)


@lru_cache(maxsize=256)
def tight(schedule: Schedule, a: Position, b: Position, whole: bool) -> Reach:
    """Like reach, and as narrow as it gets: what many cycles have in common must not be wider than they are."""
    found = reach(schedule, a, b, whole)
    if found.way is not None or isinstance(schedule, Ramp | Curve | Knots | Samples | Noise):
        return found
    if whole and b - a < LOOKED_AT:
        ends = extrema(schedule, int(a), int(b))
        return Reach(ends.least.value, ends.greatest.value, None)
    if whole:
        bounds = [_furthest(schedule, int(a), int(b), sign, _FEW)[1] for sign in (-1, 1)]
        return Reach(bounds[0], bounds[1], None)
    edges = [Fraction(a) + (Fraction(b) - Fraction(a)) * i / 256 for i in range(257)]
    parts = [reach(schedule, low, high, False) for low, high in pairwise(edges)]
    return Reach(min(part.low for part in parts), max(part.high for part in parts), None)


# -- searches ----------------------------------------------------------------------------------------------------------


def extrema(schedule: Schedule, first: int, last: int, work: int | None = None) -> Extrema:
    """The least and the greatest value at steps first to last, both included; `work` is how much to do for them, None for MOST.

    Over at most LOOKED_AT steps, to the bit. Beyond, the value is one the schedule has, and none lies further out by more than 20 ulp:
    that is how exactly a curve goes one way. Raises SpecError where too many pieces would have to be looked at.
    """
    if last - first < LOOKED_AT:
        values = schedule.values(last - first + 1, first)
        low, high = int(values.argmin()), int(values.argmax())
        return Extrema(Point(first + low, float(values[low])), Point(first + high, float(values[high])))
    found = []
    for sign in (-1, 1):
        best, bound = _furthest(schedule, first, last, sign, MOST if work is None else work)
        if bound != best.value:
            raise _too_much(first, last)
        try:
            step = first_beyond(
                schedule, nextafter(best.value, -sign * inf), first, best.step, sign, min(MOST if work is None else work, _ENOUGH)
            )
        except SpecError:  # the step it was found at will do
            step = None
        found.append(best if step is None else Point(step, schedule(step)))
    return Extrema(*found)


def _furthest(schedule: Schedule, first: int, last: int, sign: int, work: int) -> tuple[Point, float]:
    """The greatest value (sign 1) or the least (-1), and a bound of them all: the value itself, unless the work did not suffice."""

    def offer(a: int, b: int) -> tuple[float, int, int, int | None]:
        found = reach(schedule, a, b)
        return (-found.high if sign > 0 else found.low), a, b, found.way

    best = max((Point(step, schedule(step)) for step in (first, last)), key=lambda point: sign * point.value)
    heap = [offer(first, last)]
    block = _block(last - first, work)
    breaks = _breaks(schedule, Fraction(last))
    while work > 0:
        work -= _HALVING
        most, a, b, way = heap[0]
        if -most <= sign * best.value + 16 * ulp(best.value):
            return best, best.value
        heappop(heap)
        turns = None if way is not None or b - a < block else _turns(schedule, breaks, a, b)
        if way is not None or turns is not None:
            candidates = [Point(step, schedule(step)) for step in (a, *(turns or ()), b)]
        elif b - a < block:
            work -= b - a
            values = schedule.values(b - a + 1, a) * sign
            at = int(values.argmax())
            candidates = [Point(a + at, sign * float(values[at]))]
        else:
            middle = (a + b) // 2
            candidates = [Point(middle, schedule(middle))]
            heappush(heap, offer(a, middle))
            heappush(heap, offer(middle + 1, b))
        best = max([best, *candidates], key=lambda point: sign * point.value)
        if not heap:
            return best, best.value
    return best, -sign * heap[0][0]


def _turns(schedule: Schedule, breaks: list[Fraction] | None, a: int, b: int) -> list[int] | None:
    """Steps of a ... b around which a smooth schedule turns: where the polynomial that fits it to 1e-13 does; None if none fits."""
    if breaks is None or any(a < position < b for position in breaks):
        return None
    nodes = np.polynomial.chebyshev.chebpts1(_DEGREE + 1)
    points = np.array([nodes, (nodes + np.roll(nodes, 1)) / 2])
    try:
        values, between = schedule((a + b) / 2 + (b - a) / 2 * points)
    except SpecError:
        return None
    fit = np.polynomial.chebyshev.chebfit(nodes, values, _DEGREE)
    if np.abs(np.polynomial.chebyshev.chebval(points[1], fit) - between).max() > 1e-13 * np.abs(values).max():
        return None
    roots = np.polynomial.chebyshev.chebroots(np.polynomial.chebyshev.chebder(fit))
    real = roots.real[(np.abs(roots.imag) < 1e-6) & (np.abs(roots.real) < 1)]
    around = {int((a + b) / 2 + (b - a) / 2 * root) + offset for root in real.tolist() for offset in (0, 1)}
    return sorted(step for step in around if a < step < b)


def _block(steps: int, work: int) -> int:
    """How few steps are looked at: of curves that pull against each other, what is left open falls with the root of the range."""
    return max(BLOCK, min(isqrt(steps) // 16, work // 256))


def first_beyond(schedule: Schedule, bound: float, first: int, last: int, sign: int, work: int | None = None) -> int | None:
    """The first step of first ... last whose value lies above the bound (sign 1) or below it (-1); None if there is none.

    On a stretch that goes one way by bisection, so exact where neighbours do; a curve may swap neighbours that differ by 2 ulp.
    """

    def beyond(value: float) -> bool:
        return sign * value > sign * bound

    stack = [(first, last)]
    work = MOST if work is None else work
    block = _block(last - first, work)
    while work > 0:
        if not stack:
            return None
        work -= _HALVING
        a, b = stack.pop()
        if b - a < block:
            work -= b - a
            found = np.flatnonzero(schedule.values(b - a + 1, a) * sign > sign * bound)
            if found.size:
                return a + int(found[0])
            continue
        low, high, way = reach(schedule, a, b)
        if not beyond(high if sign > 0 else low):
            continue
        if beyond(low if sign > 0 else high):
            return a
        if way is not None and way * sign > 0 and beyond(schedule(b)):
            while b - a > 1:
                middle = (a + b) // 2
                a, b = (a, middle) if beyond(schedule(middle)) else (middle, b)
            return b
        middle = (a + b) // 2
        stack += [(middle + 1, b), (a, middle)]
    raise _too_much(first, last)


def _too_much(first: int, last: int) -> SpecError:
    return SpecError(
        "steps", "a range whose values can be bounded from the pieces of the schedule", Words(f"{last - first + 1:,} steps"),
        "Ask for fewer steps; noise, and products of many cycles, have to be looked at one by one.",
    )  # fmt: skip
