"""A schedule in another array library's operations, for training steps that are traced and compiled.

What is smooth is fitted once, on the host, by polynomials over slices (fitting.py), in float32; what repeats, climbs stairs, or
chooses is done in integers by the framework: division, remainder, comparison. So no step is ever rounded to a float, tails do not
cancel, and the constants of a lowered schedule take a few kB whatever its horizon is.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Callable, Iterable
from fractions import Fraction
from itertools import pairwise
from math import gcd
from typing import Any

import numpy as np

from .checks import ratio
from .cycles import cycle_starts
from .errors import LoweringError
from .fitting import Slices, fitted
from .hashing import quantile, uniform
from .ops import LAST, Ops
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
    as_schedule,
)

_MOST_BREAKS = 20_000
_MOST_CYCLES = 128
_FEW_CYCLES = 4
"""Cycles that are fitted one by one, rather than found by division."""


Form = Callable[[Ops, Any], Any]
"""A node of a lowered schedule: the value, from the framework's operations and its integer variable."""


def lower(schedule: Schedule, ops: Ops) -> Callable[[Any], Any]:
    """The schedule as a function of the framework's: f(step) is float32, of the shape of `step`.

    ops : the framework's operations
    f takes an integer array or a traced scalar, and may be compiled. It is within 1e-6 relative of the exact value for steps
    0 .. 2^31 - 1 (of the largest term where terms of different signs cancel); a larger or a negative step, as a counter has it
    that has wrapped, gives the value of step 2^31 - 1.

    Raises LoweringError for what cannot be done in int32, SpecError for fractions of a horizon, or samples that are not at hand.

    >>> import lrcore as lr
    >>> f = lower(lr.warmup_cosine(0.1, warmup=10, steps=100), lr.NumpyOps())
    >>> f(np.array([0, 5, 99, -1]))
    array([0.0000000e+00, 5.0000001e-02, 3.0458648e-05, 0.0000000e+00],
          dtype=float32)
    """
    form = _lowered(as_schedule(schedule).over(1) if not schedule.resolved else schedule, Clock(), LAST)

    def evaluated(step: Any) -> Any:
        n = ops.to_integer(step)
        return form(ops, ops.where(n < 0, LAST, n))

    return evaluated


class Clock:
    """The real position of a schedule from an integer variable: (n * mul + off) / den."""

    def __init__(self, mul: int = 1, off: int = 0, den: int = 1) -> None:
        common = gcd(mul, off, den)
        self.mul, self.off, self.den = mul // common, off // common, den // common

    def stretched(self, k: Fraction) -> Clock:
        return Clock(self.mul * k.denominator, self.off * k.denominator, self.den * k.numerator)

    def first(self, position: Fraction | int) -> int:
        """The first n at or after a position."""
        return int(-(-(position * self.den - self.off) // self.mul))

    def at(self, n: int) -> Fraction:
        return Fraction(n * self.mul + self.off, self.den)

    def after(self, position: int) -> tuple[int, Clock]:
        """The first n at or after a position, and the clock of what begins there, from 0 on."""
        first = self.first(position)
        return first, Clock(self.mul, first * self.mul + self.off - position * self.den, self.den)

    def values(self, schedule: Schedule) -> Callable[[np.ndarray], np.ndarray]:
        """The exact values at n, which may be real."""
        if self.off == 0:  # the schedule's own clock is exact where a float would not be
            pace = Fraction(self.den, self.mul)
            on_clock = schedule if pace == 1 else schedule.stretch(float(pace))
            if pace == 1 or ratio(float(pace)) == pace:
                return lambda n: np.asarray(on_clock(n))
        return lambda n: np.asarray(schedule((n * float(self.mul) + self.off) / self.den))

    def quotient(self, divisor: int, last: int) -> Callable[[Any], tuple[Any, Any]]:
        """n -> (how often `divisor` goes into the position, what is left of it in ticks of 1 / den), in int32."""
        whole = divisor * self.den
        if last * self.mul + self.off <= LAST:
            if whole > LAST:
                return lambda n: (n * 0, n * self.mul + self.off)
            return lambda n: ((n * self.mul + self.off) // whole, (n * self.mul + self.off) % whole)
        if min(whole - 1, last) * self.mul + self.off > LAST or (last // whole + 1) * self.mul > LAST:
            raise LoweringError(
                f"A clock of {self.mul}/{self.den} ticks a step, divided by {divisor}, does not fit int32. Stretch by a simpler fraction, "
                "or give the values as Samples."
            )

        def divided(n: Any) -> tuple[Any, Any]:
            rest = (n % whole) * self.mul + self.off
            return (n // whole) * self.mul + rest // whole, rest % whole

        return divided


# -- what is smooth ----------------------------------------------------------------------------------------------------


def _breaks(schedule: Schedule, last: Fraction) -> list[Fraction] | None:
    """Positions up to `last` between which a schedule is smooth; None if it is not made of a limited number of smooth pieces."""
    found: list[Fraction] | None = []
    match schedule:
        case Constant():
            pass
        case Ramp():
            found = [Fraction(schedule.steps - schedule.endpoint), Fraction(schedule.steps)]  # type: ignore[operator]
        case Curve():
            found = [] if schedule.steps is None else [Fraction(schedule.steps)]
        case Knots():
            found = [Fraction(position) for position in schedule.positions]
        case Sequence():
            found = _of_phases(schedule, last)
        case Product() | Sum():
            found = _united([_breaks(term, last) for term in schedule.terms])
        case Stretch():
            k = ratio(schedule.k)
            inner = _breaks(schedule.inner, last / k)
            found = None if inner is None else [position * k for position in inner]
        case Until():
            inner, cut = _breaks(schedule.inner, last), Fraction(schedule.steps)
            found = None if inner is None else [*(position for position in inner if position < cut), cut]
        case Repeat():
            found = _of_cycles(schedule, last)
        case PastEnd(mode="error"):
            found = _breaks(schedule.inner, last)
        case _:
            found = None
    if found is None or len(found) > _MOST_BREAKS:
        return None
    return [position for position in found if position <= last]


def _united(parts: Iterable[list[Fraction] | None]) -> list[Fraction] | None:
    found: set[Fraction] = set()
    for part in parts:
        if part is None:
            return None
        found.update(part)
    return sorted(found)


def _of_phases(schedule: Sequence, last: Fraction) -> list[Fraction] | None:
    found: list[Fraction] = []
    begin = 0
    for phase in schedule.phases:
        inside = _breaks(phase, last - begin)
        if inside is None:
            return None
        span = phase.span
        found += [Fraction(begin), *(begin + position for position in inside if not isinstance(span, int) or position <= span)]
        if not isinstance(span, int) or begin + span > last:
            break
        begin += span
    return found


def _of_cycles(schedule: Repeat, last: Fraction) -> list[Fraction] | None:
    """Of few cycles, or of many that grow."""
    cycle = schedule.inner.span
    assert isinstance(cycle, int)
    starts = cycle_starts(cycle, schedule.growth, schedule.times)
    if starts is None:
        seen = min(int(last // cycle) + 1, schedule.times or LAST)
        if seen > _FEW_CYCLES:
            return None
        starts = tuple(cycle * i for i in range(seen + 1))
    inside = _breaks(schedule.inner, Fraction(cycle))
    if inside is None:
        return None
    seen = bisect_right(starts, last)
    found = []
    for begin, end in pairwise(starts[: seen + 1]):
        found += [Fraction(begin), *(begin + position * (end - begin) / cycle for position in inside), Fraction(end)]
        if len(found) > _MOST_BREAKS:
            return None
    return found


def _smooth(schedule: Schedule, clock: Clock, last: int) -> Form | None:
    """The form of a schedule that is made of smooth pieces, up to n = last."""
    breaks = _breaks(schedule, clock.at(last))
    if breaks is None:
        return None
    slices = fitted(clock.values(schedule), [clock.first(position) for position in breaks], last)
    return None if slices is None else _polynomials(slices)


def _polynomials(slices: Slices) -> Callable[..., Any]:
    """form(ops, n, between): the polynomial of the slice of n, at n + between."""
    if len(slices.begins) == 1 and not slices.rows[0, 2:].any():
        return _held(float(slices.rows[0, 1]))

    def form(ops: Ops, n: Any, between: Any = None) -> Any:
        if len(slices.begins) == 1:
            row, centre = ops.constant(slices.rows[0]), int(slices.centres[0])
        else:
            at = ops.count(ops.expand(n) >= ops.constant(slices.begins[1:]))
            row, centre = ops.take(ops.constant(slices.rows), at), ops.take(ops.constant(slices.centres), at)
        offset = ops.to_float(n - centre)
        u = (offset if between is None else offset + between) * row[..., 0]
        value = row[..., -1]
        for j in range(slices.rows.shape[1] - 2, 0, -1):
            value = value * u + row[..., j]
        return value

    return form


def _held(value: float) -> Callable[..., Any]:
    return lambda ops, n, between=None: ops.to_float(n * 0) + ops.constant(np.float32(value))


def _table_of(values: Callable[[np.ndarray], np.ndarray], last: int) -> Form:
    """A smooth function of 0 .. last on its own."""
    slices = fitted(values, [], last)
    if slices is None:
        raise LoweringError("The factors of the cycles need more than 65,536 polynomials. Repeat fewer times.")
    return _polynomials(slices)


# -- what is not -------------------------------------------------------------------------------------------------------


def _lowered(schedule: Schedule, clock: Clock, last: int) -> Form:
    """The form of a schedule at (n * mul + off) / den, for n in 0 .. last."""
    smooth = _smooth(schedule, clock, last)
    if smooth is not None:
        return smooth
    match schedule:
        case Sequence():
            return _phases(schedule, clock, last)
        case Product() | Sum() | Minimum() | Maximum():
            return _terms(schedule, clock, last)
        case Repeat():
            return _cycles(schedule, clock, last)
        case Every() | Per():
            return _stairs(schedule, clock, last)
        case Stretch():
            return _lowered(schedule.inner, clock.stretched(ratio(schedule.k)), last)
        case Until():
            return _cut(schedule, clock, last)
        case PastEnd(mode="mirror"):
            return _mirrored(schedule, clock, last)
        case PastEnd():
            return _lowered(schedule.inner, clock, last)
        case Samples():
            return _sampled(schedule, clock, last)
        case Noise():
            return _noisy(schedule, clock, last)
    raise LoweringError(f"The {type(schedule).__name__} needs more than 65,536 polynomials or 20,000 pieces. Give its values as Samples.")


def _phases(schedule: Sequence, clock: Clock, last: int) -> Form:
    """Neighbours that are smooth together in one form; each form takes over where it begins."""
    runs: list[tuple[int, list[Schedule]]] = []
    begin, was_smooth = 0, False
    for phase in schedule.phases:
        if Fraction(begin) > clock.at(last):
            break
        smooth = _breaks(phase, clock.at(last) - begin) is not None
        if smooth and was_smooth:
            runs[-1][1].append(phase)
        else:
            runs.append((begin, [phase]))
        was_smooth = smooth
        begin += phase.span if isinstance(phase.span, int) else 0
    forms = []
    for start, phases in runs:
        first, own = clock.after(start)
        forms.append((first, _lowered(Sequence(tuple(phases)) if len(phases) > 1 else phases[0], own, last - first)))

    def form(ops: Ops, n: Any) -> Any:
        value = forms[0][1](ops, n)
        for first, following in forms[1:]:
            value = ops.where(n >= first, following(ops, ops.maximum(n - first, 0)), value)
        return value

    return form


def _terms(schedule: Product | Sum | Minimum | Maximum, clock: Clock, last: int) -> Form:
    """Terms that are smooth are multiplied or added before they are fitted."""
    kind = type(schedule)
    terms = list(schedule.terms)
    if kind in (Product, Sum):
        smooth = [term for term in terms if _breaks(term, clock.at(last)) is not None]
        rest = [term for term in terms if _breaks(term, clock.at(last)) is None]
        terms = [*rest, *([kind(tuple(smooth)) if len(smooth) > 1 else smooth[0]] if smooth else [])]
    forms = [_lowered(term, clock, last) for term in terms]

    def form(ops: Ops, n: Any) -> Any:
        value = forms[0](ops, n)
        for other in forms[1:]:
            term = other(ops, n)
            if kind is Product:
                value = value * term
            elif kind is Sum:
                value = value + term
            else:
                value = ops.minimum(value, term) if kind is Minimum else ops.maximum(value, term)
        return value

    return form


def _cycles(schedule: Repeat, clock: Clock, last: int) -> Form:
    """Which cycle, and where in it, by division; a cycle's value is v decay^i + floor (decay_floor^i - decay^i)."""
    cycle = schedule.inner.span
    assert isinstance(cycle, int)
    starts = cycle_starts(cycle, schedule.growth, schedule.times)
    seen = int(clock.at(last) // cycle) + 1 if starts is None else bisect_right(starts, clock.at(last))
    if starts is not None or seen <= _FEW_CYCLES:
        return _one_by_one(schedule, clock, last, starts or tuple(cycle * i for i in range(min(seen, schedule.times or seen) + 1)))
    divide, ticks = clock.quotient(cycle, last), cycle * clock.den
    most = seen - 1 if schedule.times is None else min(seen, schedule.times) - 1
    inner = _lowered(schedule.inner, Clock(1, 0, clock.den), min(ticks, LAST))
    decay, floor, decay_floor, times = schedule.decay, schedule.floor, schedule.decay_floor, schedule.times
    scale = None if decay == 1 else _table_of(lambda i: np.exp(i * np.log(decay)), most)
    lift = None if floor == 0 or decay == decay_floor else _table_of(lambda i: floor * (decay_floor**i - decay**i), most)

    def form(ops: Ops, n: Any) -> Any:
        i, tick = divide(n)
        if times is not None and times <= most + 1 and ticks <= LAST:
            tick, i = ops.where(i >= times, ticks, tick), ops.minimum(i, times - 1)
        value = inner(ops, tick)
        if scale is not None:
            value = value * scale(ops, i)
        return value if lift is None else value + lift(ops, i)

    return form


def _one_by_one(schedule: Repeat, clock: Clock, last: int, starts: tuple[int, ...]) -> Form:
    """Cycles of different length, each on the inner schedule stretched to it."""
    seen = min(bisect_right(starts, clock.at(last)), len(starts) - 1)
    if seen > _MOST_CYCLES:
        raise LoweringError(f"{seen:,} cycles of different length cannot be lowered one by one. Give the values as Samples.")
    cycle, forms = starts[1] - starts[0], []
    for i in range(seen):
        first, own = clock.after(starts[i])
        length = starts[i + 1] - starts[i]
        own_last = min(clock.first(starts[i + 1]), last) - first
        inner = _lowered(schedule.inner, own.stretched(Fraction(length, cycle)), own_last)
        scale = schedule.decay**i
        lift = schedule.floor * (schedule.decay_floor**i - scale)
        forms.append((first, own_last, inner, np.float32(scale), np.float32(lift)))
    end = min(clock.first(starts[seen]), LAST)

    def form(ops: Ops, n: Any) -> Any:
        value = None
        for first, own_last, inner, scale, lift in forms:
            own = inner(ops, ops.minimum(ops.maximum(ops.minimum(n, end) - first, 0), own_last)) * scale + lift
            value = own if value is None else ops.where(n >= first, own, value)
        return value

    return form


def _stairs(schedule: Every | Per, clock: Clock, last: int) -> Form:
    divide = clock.quotient(schedule.k, last)
    inner = _lowered(schedule.inner, Clock(schedule.k if isinstance(schedule, Every) else 1), int(clock.at(last) // schedule.k))
    return lambda ops, n: inner(ops, divide(n)[0])


def _cut(schedule: Until, clock: Clock, last: int) -> Form:
    cut = schedule.steps
    assert isinstance(cut, int)
    end = clock.first(cut)
    if end > last:
        return _lowered(schedule.inner, clock, last)
    held = _held(schedule.inner(cut))
    if end == 0:
        return held
    inner = _lowered(schedule.inner, clock, end - 1)
    return lambda ops, n: ops.where(n < end, inner(ops, ops.minimum(n, end - 1)), held(ops, n))


def _mirrored(schedule: PastEnd, clock: Clock, last: int) -> Form:
    length = schedule.inner.span
    assert isinstance(length, int)
    divide, turn = clock.quotient(2 * length, last), length * clock.den
    inner = _lowered(schedule.inner, Clock(1, 0, clock.den), min(turn, LAST))

    def form(ops: Ops, n: Any) -> Any:
        tick = divide(n)[1]
        if turn <= LAST:  # back from the turn on, without 2 turn, which need not fit int32
            tick = ops.where(tick > turn, turn - (ops.maximum(tick, turn) - turn), tick)
        return inner(ops, tick)

    return form


def _sampled(schedule: Samples, clock: Clock, last: int) -> Form:
    data = schedule(np.arange(schedule.steps)).astype(np.float32)
    divide = clock.quotient(1, last)
    return lambda ops, n: ops.take(ops.table(data), ops.minimum(divide(n)[0], len(data) - 1))


def _noisy(schedule: Noise, clock: Clock, last: int) -> Form:
    """Uniform as it is drawn; normal through the quantiles of the number's size, within 1e-6 of the scale."""
    divide, scale, limit = clock.quotient(1, last), np.float32(schedule.scale), schedule.limit
    if schedule.kind == "uniform":

        def drawn(ops: Ops, n: Any) -> Any:
            whole, low = uniform(ops, schedule.seed, divide(n)[0])
            return (ops.to_float(whole) + low) * (np.float32(2.0**-31) * scale)

        return drawn
    slices = fitted(lambda n: schedule.scale * quantile(limit, np.asarray(n, dtype=np.float64)), [], LAST, absolute=1e-7 * schedule.scale)
    assert slices is not None
    far = _polynomials(slices)

    def normal(ops: Ops, n: Any) -> Any:
        whole, low = uniform(ops, schedule.seed, divide(n)[0])
        size = ops.where(whole < 0, -1 - whole, whole)
        value = far(ops, size, ops.where(whole < 0, 1 - low, low))
        return ops.where(whole < 0, -value, value)

    return normal
