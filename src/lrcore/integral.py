"""The sum of a schedule's values over a range of steps, without adding them one by one.

Sums, scales, phases, cycles and stairs are taken apart by arithmetic. What is left is smooth between known breaks: there a sum over
steps is an integral with a correction at both ends (Euler and Maclaurin), the integral by Gauss and Legendre on panels that are halved
until two of them agree with the one they came from. Short panels are added up, so kinks and infinite slopes cost a few halvings.
"""

from __future__ import annotations

from fractions import Fraction
from functools import lru_cache
from itertools import accumulate, pairwise
from math import ceil, expm1, fsum, log, prod

import numpy as np

from .checks import ratio
from .errors import SpecError, Words
from .lowering import _breaks
from .schedule import Constant, Every, Maximum, Minimum, PastEnd, Per, Product, Repeat, Samples, Schedule, Sequence, Stretch, Sum, Until

ADDED_UP = 2**15
"""Ranges up to this long are added up."""
_MOST_ADDED = 2**28
"""Steps that are added up where nothing else is known, a second or so."""
_MOST_BREAKS = 4096
_AGREE = 1e-13
"""How far two halves may be from their whole, relative: Gauss on the halves is then exact to the rounding of its values."""
_NODES = 20


def total(schedule: Schedule, start: int, stop: int) -> float:
    """The sum of the values at steps start ... stop - 1; see Schedule.integral."""
    return _sum(schedule, start, stop) if stop > start else 0.0


def _sum(schedule: Schedule, a: int, b: int) -> float:
    """The sum over steps a ... b - 1, a < b."""
    if b - a <= ADDED_UP:
        return _added(schedule, a, b)
    match schedule:
        case Constant():
            return schedule.value * (b - a)
        case Sum():
            return fsum(_sum(term, a, b) for term in schedule.terms)
        case Product() if any(_is_number(term) for term in schedule.terms):
            scale = prod(term(0) for term in schedule.terms if _is_number(term))
            rest = tuple(term for term in schedule.terms if not _is_number(term))
            return scale * (_sum(rest[0] if len(rest) == 1 else Product(rest), a, b) if rest else b - a)
        case Sequence():
            ends = list(accumulate(phase.own_length("steps") for phase in schedule.phases[:-1]))
            return _in_turn(list(zip(schedule.phases, [0, *ends], [*ends, b], strict=True)), a, b)
        case Until():
            end = schedule.own_length("steps")
            return _in_turn([(schedule.inner, 0, end), (Constant(schedule(end)) if b > end else schedule, end, b)], a, b)
        case Samples():
            data = schedule.data[a:b]
            return float(data.sum(dtype=np.longdouble)) + float(schedule.data[-1]) * (b - a - len(data))
        case Repeat(growth=1.0):
            return _of_cycles(schedule, a, b)
        case Per():
            return _of_stairs(schedule.inner, schedule.k, a, b)
        case Every() if ratio(1 / schedule.k) == Fraction(1, schedule.k):
            return _of_stairs(Stretch(schedule.inner, 1 / schedule.k), schedule.k, a, b)
        case PastEnd(mode="mirror"):
            return _back_and_forth(schedule.inner, a, b)
        case PastEnd():
            return _sum(schedule.inner, a, b)
    return _between_breaks(schedule, a, b)


def _is_number(term: Schedule) -> bool:
    return isinstance(term, Constant)


def _added(schedule: Schedule, a: int, b: int) -> float:
    parts = [schedule.values(min(2**20, b - i), i).sum(dtype=np.longdouble) for i in range(a, b, 2**20)]
    return fsum(map(float, parts))


def _in_turn(phases: list[tuple[Schedule, int, int]], a: int, b: int) -> float:
    """(phase, first step, end) one after the other."""
    inside = [(phase, max(a, begin) - begin, min(b, end) - begin) for phase, begin, end in phases]
    return fsum(_sum(phase, low, high) for phase, low, high in inside if low < high)


def _of_stairs(inner: Schedule, k: int, a: int, b: int) -> float:
    """Every value of the inner schedule k times; fewer at both ends."""
    first, last = -(-a // k), b // k
    if first > last:
        return inner(last) * (b - a)
    parts = [inner(a // k) * (first * k - a), inner(last) * (b - last * k) if b > last * k else 0.0]
    return fsum([*parts, k * _sum(inner, first, last)] if first < last else parts)


def _back_and_forth(inner: Schedule, a: int, b: int) -> float:
    length = inner.own_length("steps")

    def there(low: int, high: int) -> float:
        return _sum(inner, low, high) if low < high else 0.0

    def until(end: int) -> float:
        """From step 0 to before `end`."""
        periods, rest = divmod(end, 2 * length)
        part = there(0, min(rest, length)) + (there(2 * length - rest + 1, length + 1) if rest > length else 0.0)
        return part + (periods * (2 * there(0, length) - inner(0) + inner(length)) if periods else 0.0)

    if b - a <= 2 * length:  # no period to count: from one turn to the next, so that nothing is subtracted
        parts = []
        while a < b:
            half = a // length
            end = min(b, (half + 1) * length)
            low, high = a - half * length, end - half * length
            parts.append(there(low, high) if half % 2 == 0 else there(length - high + 1, length - low + 1))
            a = end
        return fsum(parts)
    return until(b) - until(a) if a else until(b)


def _of_cycles(repeat: Repeat, a: int, b: int) -> float:
    """Cycle i of n values with the sum s adds up to n (low_i - floor factor_i) + s factor_i, so many cycles to two geometric sums."""
    length, times = repeat.inner.own_length("inner"), repeat.times
    parts = []
    if times is not None and b > times * length:
        parts.append(repeat(times * length) * (b - max(a, times * length)))
        b = times * length
    if a >= b:
        return fsum(parts)

    def part(i: int, low: int, high: int) -> float:
        factor, floor = repeat.decay**i, repeat.floor * repeat.decay_floor**i
        return (high - low) * (floor - repeat.floor * factor) + factor * _sum(repeat.inner, low, high)

    first, last = a // length, (b - 1) // length
    if first == last:
        return fsum([*parts, part(first, a - first * length, b - first * length)])
    parts += [part(first, a - first * length, length), part(last, 0, b - last * length)]
    if last > first + 1:
        factors, floors = _geometric(repeat.decay, first + 1, last), _geometric(repeat.decay_floor, first + 1, last)
        parts += [length * repeat.floor * (floors - factors) if repeat.floor else 0.0, factors * _sum(repeat.inner, 0, length)]
    return fsum(parts)


def _geometric(factor: float, first: int, last: int) -> float:
    """factor**first + ... + factor**(last - 1)."""
    if factor == 1:
        return float(last - first)
    rate = log(factor)
    return factor**first * expm1(rate * (last - first)) / expm1(rate)


# -- what is smooth between breaks -------------------------------------------------------------------------------------


def _between_breaks(schedule: Schedule, a: int, b: int) -> float:
    breaks = _known_breaks(schedule, b)
    if breaks is None or len(breaks) > _MOST_BREAKS:
        if b - a > _MOST_ADDED:
            raise SpecError(
                "stop", "a sum whose pieces are known, or of at most 268,435,456 steps", Words(f"{b - a:,} steps"),
                "Noise, and products of many cycles, have to be added up one by one.",
            )  # fmt: skip
        return _added(schedule, a, b)
    edges = [a, *sorted({ceil(position) for position in breaks if a < position < b}), b]
    return fsum(_smooth(schedule, low, high) for low, high in pairwise(edges) if low < high)


def _known_breaks(schedule: Schedule, last: int) -> list[Fraction] | None:
    """Positions between which a schedule is smooth but for kinks; None if they are too many, or not known."""
    if isinstance(schedule, Minimum | Maximum):
        parts = [_known_breaks(term, last) for term in schedule.terms]
        return None if None in parts else [position for part in parts if part is not None for position in part]
    return _breaks(schedule, Fraction(last))


@lru_cache(maxsize=1)
def _gauss() -> tuple[np.ndarray, np.ndarray]:
    """Nodes and weights on [0, 1]."""
    nodes, weights = np.polynomial.legendre.leggauss(_NODES)
    return (nodes + 1) / 2, weights / 2


def _integrals(schedule: Schedule, low: np.ndarray, high: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Of every panel the integral, and the largest value seen."""
    nodes, weights = _gauss()
    values = schedule(low[:, None] + (high - low)[:, None] * nodes)
    return (high - low) * (values @ weights), np.abs(values).max(axis=1)


def _smooth(schedule: Schedule, a: int, b: int) -> float:
    """The sum over a ... b - 1, between which nothing breaks."""
    parts: list[float] = []
    low, high = np.array([a]), np.array([b - 1])  # panels, both ends included
    while low.size:
        short = high - low < ADDED_UP
        parts += [_added(schedule, int(i), int(j) + 1) for i, j in zip(low[short], high[short], strict=True)]
        low, high = low[~short], high[~short]
        if not low.size:
            break
        middle = (low + high) // 2
        whole, largest = _integrals(schedule, low.astype(float), high.astype(float))
        left, _ = _integrals(schedule, low.astype(float), middle.astype(float))
        right, _ = _integrals(schedule, middle.astype(float), high.astype(float))
        agree = np.abs(left + right - whole) <= _AGREE * largest * (high - low)
        if agree.any():
            i, j = low[agree], high[agree]
            parts += (left[agree] + right[agree]).tolist() + _corrections(schedule, i, j).tolist()
        open_, half = ~agree, middle[~agree]
        if len(parts) > 100_000:
            raise SpecError("stop", "a sum of fewer pieces", Words(f"{b - a:,} steps"), "Ask for fewer steps.")
        low, high = np.concatenate([low[open_], half + 1]), np.concatenate([half, high[open_]])
    return fsum(parts)


def _corrections(schedule: Schedule, low: np.ndarray, high: np.ndarray) -> np.ndarray:
    """What the sum over low ... high has beyond the integral: half of both ends, a twelfth of how much the slope grows, and minus a
    720th of how much the third derivative does."""
    inward = np.arange(6)
    ends: np.ndarray = schedule(low[:, None] + inward) + schedule(high[:, None] - inward)
    slope = np.array([-137 / 60, 5.0, -5.0, 10 / 3, -5 / 4, 1 / 5])  # from six neighbours, inside the panel
    third = np.array([-17 / 4, 71 / 4, -59 / 2, 49 / 2, -41 / 4, 7 / 4])
    result: np.ndarray = ends[:, 0] / 2 - ends @ slope / 12 + ends @ third / 720
    return result
