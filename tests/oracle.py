"""The slow twin: every schedule from its definition, with exact positions and 80 digits, sharing no evaluation with lrcore.

`exact` gives the value, `tolerance` how far from it a float64 may lie. The promise: a curve within 2 ulp of its exact value (of
its larger end where it crosses zero), stairs and plain values exact; arithmetic adds the errors of its terms and half an ulp
for each operation of its own.
"""

from __future__ import annotations

import math
from bisect import bisect_right
from collections.abc import Callable, Iterable
from decimal import Decimal
from fractions import Fraction
from functools import lru_cache
from itertools import pairwise
from typing import Any

import mpmath
import numpy as np

from lrcore import schedule as lr

mp = mpmath.mp.clone()
mp.dps = 80
real = mp.convert  # exact for a float, rounded to 80 digits for a fraction
Judged = tuple[mpmath.mpf, mpmath.mpf]
ZERO = mp.mpf(0)


class Refused(Exception):
    """The step lies where the schedule refuses evaluation."""


def exact(schedule: lr.Schedule, step: int | float) -> mpmath.mpf:
    """The value at a step, a float taken as the real number it is."""
    return judge(schedule, step)[0]


def tolerance(schedule: lr.Schedule, step: int | float) -> mpmath.mpf:
    """How far from `exact` a float64 result may lie."""
    return judge(schedule, step)[1]


def judge(schedule: lr.Schedule, step: int | float) -> Judged:
    """`exact` and `tolerance` in one go."""
    return _at(schedule, Fraction(step))


def ulp(value: mpmath.mpf) -> mpmath.mpf:
    """The spacing of float64 at |value|."""
    return mp.ldexp(1, max(mp.mag(value) - 53, -1074) if value else -1074)


def assert_true(schedule: lr.Schedule, steps: Iterable[int | float], values: np.ndarray | None = None, slack: int = 0) -> None:
    """Every value of these steps within its tolerance; the message shows the worst, with its error in ulp of the exact value.

    slack : ulp by which a real step may be off: clocks within clocks round real positions (whole ones stay exact)
    """
    steps = list(steps)
    if values is None:
        values = schedule(np.array(steps, dtype=np.float64 if any(isinstance(step, float) for step in steps) else np.int64))
    worst, message = mp.mpf(-1), ""
    for step, value in zip(steps, values.tolist(), strict=True):
        wanted, allowed = judge(schedule, step)
        if slack:
            near = [max(step + sign * slack * math.ulp(step), 0.0) for sign in (-1, 1)]
            allowed += max(abs(exact(schedule, place) - wanted) for place in near)
        error = abs(real(value) - wanted)
        if not error <= allowed and not error / ulp(wanted) <= worst:  # NaN fails too
            worst = error / ulp(wanted)
            message = (
                f"step {step!r}: got {value!r}, exactly {mp.nstr(wanted, 25)}: "
                f"{float(worst):.4g} ulp, {float(allowed / ulp(wanted)):.4g} allowed, of {schedule!r:.1000}"
            )
    assert not message, message


# -- shapes: one row per shape, value = start * left + stop * passed with both weights free of cancellation ---------------------


def _log(x: Fraction) -> mpmath.mpf:
    """log of x in (0, 1], exact however close to either end."""
    return mp.log(real(x)) if x < Fraction(1, 2) else mp.log1p(real(x - 1))


def _mix(start: Fraction, stop: Fraction, left: Any, passed: Any) -> mpmath.mpf:
    return real(start) * left + real(stop) * passed


def _power(x: Fraction, power: float) -> tuple[mpmath.mpf, mpmath.mpf]:
    """x**power, and what it lacks to 1."""
    exponent = power * _log(x)
    return mp.exp(exponent), -mp.expm1(exponent)


def _exponential(u: Fraction, args: tuple[float, ...], start: Fraction, stop: Fraction) -> mpmath.mpf:
    return real(start) * mp.exp(real(u) * mp.log(real(stop / start)))


def _rex(u: Fraction, args: tuple[float, ...], start: Fraction, stop: Fraction) -> mpmath.mpf:
    beta = Fraction(args[0])
    rest = 1 - (1 - beta) * u
    return real((start * (1 - u) + stop * beta * u) / rest)


def _logarithmic(u: Fraction, args: tuple[float, ...], start: Fraction, stop: Fraction) -> mpmath.mpf:
    more, whole = Fraction(args[0]) - 1, mp.log1p(real(Fraction(args[0]) - 1))
    left = -mp.log1p(-real((1 - u) * more / (1 + more))) / whole
    return _mix(start, stop, left, mp.log1p(real(u * more)) / whole)


def _falling(z: mpmath.mpf) -> mpmath.mpf:
    """(1 - tanh z) / 2, small where tanh is near 1."""
    return 1 / (1 + mp.exp(2 * z))


def _between(f: Callable[[mpmath.mpf], mpmath.mpf], lower: float, upper: float, u: Fraction) -> tuple[mpmath.mpf, mpmath.mpf]:
    """f along [lower, upper] as weights: what is left of the way from f(lower) to f(upper), and what has passed."""
    low, high = Fraction(lower), Fraction(upper)
    at, first, last = f(real(low + (high - low) * u)), f(real(low)), f(real(high))
    return (at - last) / (first - last), (first - at) / (first - last)


def _wave(u: mpmath.mpf, v: mpmath.mpf) -> tuple[mpmath.mpf, mpmath.mpf]:
    """Half a cosine wave at u = 1 - v: left and passed."""
    return mp.sin(mp.pi * v / 2) ** 2, mp.sin(mp.pi * u / 2) ** 2


def _mirror(u: mpmath.mpf, v: mpmath.mpf) -> tuple[mpmath.mpf, mpmath.mpf]:
    """Twice the line minus the wave: left and passed."""
    left, passed = _wave(u, v)
    return 2 * v - left, 2 * u - passed


def _power_of(left: mpmath.mpf, passed: mpmath.mpf, power: float) -> tuple[mpmath.mpf, mpmath.mpf]:
    """left**power and what it lacks to 1, of left = 1 - passed."""
    exponent = power * (mp.log(left) if left < 0.5 else mp.log1p(-passed))
    return mp.exp(exponent), -mp.expm1(exponent)


def _cosine_power_annealing(u: Fraction, args: tuple[float, ...], start: Fraction, stop: Fraction) -> mpmath.mpf:
    left, passed = _wave(real(u), real(1 - u))
    base = mp.log(real(args[0]))
    whole = mp.expm1(base)
    return _mix(start, stop, mp.expm1(base * left) / whole, -mp.exp(base) * mp.expm1(-base * passed) / whole)


SHAPE: dict[str, Callable[[Fraction, tuple[float, ...], Fraction, Fraction], mpmath.mpf]] = {
    "constant": lambda u, args, start, stop: real(start),
    "linear": lambda u, args, start, stop: real(start * (1 - u) + stop * u),
    "cosine": lambda u, args, start, stop: _mix(start, stop, mp.sin(mp.pi * real(1 - u) / 2) ** 2, mp.sin(mp.pi * real(u) / 2) ** 2),
    "exponential": _exponential,
    "polynomial": lambda u, args, start, stop: _mix(start, stop, *_power(1 - u, args[0])),
    "polynomial_from_start": lambda u, args, start, stop: _mix(start, stop, *_power(u, args[0])[::-1]),
    "sqrt": lambda u, args, start, stop: _mix(start, stop, *_power(u, 0.5)[::-1]),
    "square": lambda u, args, start, stop: _mix(start, stop, *_power(u, 2)[::-1]),
    "harmonic": lambda u, args, start, stop: real(start / (1 + u * (start / stop - 1))),
    "logarithmic": _logarithmic,
    "rex": _rex,
    "tanh": lambda u, args, start, stop: _mix(start, stop, *_between(_falling, args[0], args[1], u)),
    "sigmoid": lambda u, args, start, stop: _mix(start, stop, *_between(_falling, -args[0] / 4, args[0] / 4, u)),
    "cosine_power": lambda u, args, start, stop: _mix(start, stop, *_power_of(*_wave(real(u), real(1 - u)), args[0])),
    "cosine_power_annealing": _cosine_power_annealing,
    "mirror_cosine": lambda u, args, start, stop: _mix(start, stop, *_mirror(real(u), real(1 - u))),
    "quarter_cosine": lambda u, args, start, stop: _mix(start, stop, 2 * mp.sin(mp.pi * real(1 - u) / 4) ** 2, mp.sin(mp.pi * real(u) / 2)),
    "k_decay": lambda u, args, start, stop: _mix(start, stop, *_wave(*_power(u, args[0]))),
    "k_decay_polynomial": lambda u, args, start, stop: _mix(start, stop, *_power_of(*_power(u, args[0])[::-1], args[1])),
}
"""The exact value at u in (0, 1), by shape; u, start and stop are exact fractions."""


CURVE: dict[str, Callable[[Fraction, tuple[float, ...]], mpmath.mpf]] = {
    "geometric": lambda x, args: mp.exp(real(x) * (mp.log(real(args[0])) if args[0] < 0.5 else mp.log1p(real(Fraction(args[0]) - 1)))),
    "natural_exponential": lambda x, args: mp.exp(-real(x * Fraction(args[0]))),
    "inverse_time": lambda x, args: real(1 / (1 + x * Fraction(args[0]))),
    "inverse_sqrt": lambda x, args: 1 / mp.sqrt(real(1 + x / Fraction(args[0]))),
    "power_law": lambda x, args: mp.exp(args[0] * mp.log1p(real(x / Fraction(args[1])))),
}
"""The exact factor after x steps of a curve without an end."""


def _exactly(value: float) -> Judged:
    return real(value), ZERO


def _curve(shape: str, args: tuple[float, ...], start: float, stop: float, u: Fraction) -> Judged:
    if u <= 0 or u >= 1 or shape == "constant":
        return _exactly(stop if u >= 1 else start)
    value = SHAPE[shape](u, args, Fraction(start), Fraction(stop))
    as_start = abs(value - real(start)) if u <= _NEAR else 0
    return value, 2 * _ulp_of_curve(value, start, stop) + as_start + (_FADED * abs(real(start) - real(stop)) if args else 0)


_NEAR = Fraction(1, 2**120)
"""Real positions closer to a ramp's start than this part of its length may count as the start: whole steps never are."""

_FADED = mp.mpf(2) ** -800
"""A power's height below this part of the ramp's counts as 0: (1 / 1000)^100 is none that a float64 product keeps apart from it."""


def _ulp_of_curve(value: mpmath.mpf, start: float, stop: float) -> mpmath.mpf:
    return ulp(real(max(abs(start), abs(stop)))) if start < 0 < stop or stop < 0 < start else ulp(value)


# -- lengths -------------------------------------------------------------------------------------------------------------------


def written(value: float) -> Fraction:
    """The fraction a float writes: 1.5 is 3/2, 0.3333333333333333 is 1/3, 0.1 is 1/10."""
    simple = Fraction(value).limit_denominator(10**6)
    return simple if float(simple) == value else Fraction(Decimal(repr(value)))


def length(schedule: lr.Schedule) -> int | None:
    """Steps until the end, None if endless."""
    match schedule:
        case lr.Ramp() | lr.Curve() | lr.Constant() | lr.Until():
            return schedule.steps  # type: ignore[return-value]
        case lr.Noise():
            return None
        case lr.Knots():
            return math.ceil(Fraction(schedule.positions[-1]))
        case lr.Samples():
            return len(schedule.data)
        case lr.Sequence():
            lengths = [length(phase) for phase in schedule.phases]
            return None if None in lengths else sum(lengths)  # type: ignore[arg-type]
        case lr.Product() | lr.Sum() | lr.Minimum() | lr.Maximum():
            counted = [length(term) for term in schedule.terms if not (isinstance(term, lr.Constant) and term.steps is None)]
            return None if None in counted or not counted else max(counted)  # type: ignore[type-var]
        case lr.Repeat():
            return None if schedule.times is None else _cycles(length(schedule.inner), schedule.growth, schedule.times)[-1]
        case lr.Every():
            return length(schedule.inner)
        case lr.Per():
            inner = length(schedule.inner)
            return None if inner is None else inner * schedule.k
        case lr.Stretch():
            inner = length(schedule.inner)
            return None if inner is None else math.ceil(inner * written(schedule.k))
        case lr.PastEnd():
            return None if schedule.mode == "mirror" else length(schedule.inner)
    raise TypeError(type(schedule).__name__)


@lru_cache(maxsize=256)
def _cycles(first: int, stretch: float, times: int | None) -> list[int]:
    """Where cycles begin, and the end of the last; without `times`, up to the first boundary beyond 2**53."""
    factor = written(stretch)
    if factor == 1 and times is not None:
        return [0, first * times] if times == 1 else [0, first, first * times]
    starts, up, down = [0], first, 1
    while len(starts) - 1 != times and starts[-1] <= 2**53:
        starts.append(starts[-1] + up // down)
        up, down = up * factor.numerator, down * factor.denominator
    return starts


# -- every schedule, at an exact position --------------------------------------------------------------------------------------


def _at(schedule: lr.Schedule, t: Fraction) -> Judged:
    match schedule:
        case lr.Constant():
            return _exactly(schedule.value)
        case lr.Ramp():
            last = schedule.steps - 1 if schedule.endpoint else schedule.steps  # type: ignore[operator]
            u = t / last if last > 0 else Fraction(1)
            return _curve(schedule.shape, schedule.args, schedule.start, schedule.stop, u)
        case lr.Curve():
            x = t if schedule.steps is None else min(t, Fraction(schedule.steps))
            value = real(schedule.start) * CURVE[schedule.shape](x, schedule.args)
            return value, (2 * ulp(value) if x else ZERO) + _FADED * abs(real(schedule.start)) * (x > 0)
        case lr.Noise():
            return _noise(schedule, math.floor(t))
        case lr.Knots():
            return _knots(schedule, t)
        case lr.Samples():
            data = schedule.data
            return _exactly(float(data[min(math.floor(t), len(data) - 1)]))
        case lr.Sequence():
            return _sequence(schedule, t)
        case lr.Product():
            return _product([_at(term, t) for term in schedule.terms])
        case lr.Sum():
            return _sum([_at(term, t) for term in schedule.terms])
        case lr.Minimum():
            return _pick(min, [_at(term, t) for term in schedule.terms])
        case lr.Maximum():
            return _pick(max, [_at(term, t) for term in schedule.terms])
        case lr.Repeat():
            return _repeat(schedule, t)
        case lr.Every():
            return _at(schedule.inner, Fraction(t // schedule.k * schedule.k))
        case lr.Per():
            return _at(schedule.inner, Fraction(t // schedule.k))
        case lr.Stretch():
            return _at(schedule.inner, t / written(schedule.k))
        case lr.Until():
            return _at(schedule.inner, min(t, Fraction(schedule.steps)))
        case lr.PastEnd():
            return _past_end(schedule, t)
    raise TypeError(type(schedule).__name__)


def _sequence(schedule: lr.Sequence, t: Fraction) -> Judged:
    for phase in schedule.phases[:-1]:
        steps = length(phase)
        if t < steps:  # type: ignore[operator]
            return _at(phase, t)
        t -= steps  # type: ignore[operator]
    last = schedule.phases[-1]
    return _at(last, t)


def _past_end(schedule: lr.PastEnd, t: Fraction) -> Judged:
    end = length(schedule.inner)
    if schedule.mode == "error":
        if t >= end:
            raise Refused(f"step {t} of {end}")
        return _at(schedule.inner, t)
    t %= 2 * end  # type: ignore[operator]
    return _at(schedule.inner, min(t, 2 * end - t))  # type: ignore[operator]


def _repeat(schedule: lr.Repeat, t: Fraction) -> Judged:
    first = length(schedule.inner)
    if written(schedule.growth) == 1:
        cycle = t // first  # type: ignore[operator]
        local = t - cycle * first  # type: ignore[operator]
        over = schedule.times is not None and cycle >= schedule.times
    else:
        starts = _cycles(first, schedule.growth, schedule.times)  # type: ignore[arg-type]
        cycle = bisect_right(starts, t) - 1
        over = schedule.times is not None and cycle >= schedule.times
        if not over:
            local = (t - starts[cycle]) * Fraction(first, starts[cycle + 1] - starts[cycle])  # type: ignore[arg-type]
    if over:
        cycle, local = schedule.times - 1, Fraction(first)  # type: ignore[operator, arg-type]
    value = _at(schedule.inner, local)
    if schedule.decay == schedule.decay_floor == 1:
        return value
    height = _product([_sum([value, _exactly(-schedule.floor)]), _factor(schedule.decay, int(cycle))])
    return _sum([_product([_exactly(schedule.floor), _factor(schedule.decay_floor, int(cycle))]), height])


def _factor(base: float, exponent: int) -> Judged:
    """A power of a decay, as a factor within 1 ulp."""
    value = real(base) ** exponent
    return value, ulp(value) if base != 1 and exponent > 1 else ZERO


# -- how errors travel ---------------------------------------------------------------------------------------------------------


def _rounded(value: mpmath.mpf, error: mpmath.mpf) -> Judged:
    """An operation's result, rounded once where the value computed so far may lie; what float64 can hold stays exact."""
    if not error and real(float(value)) == value:
        return value, error
    return value, error + ulp(abs(value) + error) / 2


def _sum(terms: list[Judged]) -> Judged:
    (value, error), *rest = terms
    for term, allowed in rest:
        if not value and not error:
            value, error = term, allowed
        elif term or allowed:
            value, error = _rounded(value + term, error + allowed)
    return value, error


def _product(terms: list[Judged]) -> Judged:
    (value, error), *rest = terms
    for term, allowed in rest:
        error = abs(value) * allowed + abs(term) * error + error * allowed
        value, error = _rounded(value * term, error)
    return value, error


def _pick(which: Callable[..., Judged], terms: list[Judged]) -> Judged:
    return which(terms, key=lambda term: term[0])[0], max(error for _, error in terms)


# -- noise ---------------------------------------------------------------------------------------------------------------------


def _splitmix(z: int) -> int:
    z = (z ^ z >> 30) * 0xBF58476D1CE4E5B9 % 2**64
    z = (z ^ z >> 27) * 0x94D049BB133111EB % 2**64
    return z ^ z >> 31


def _noise(schedule: lr.Noise, step: int) -> Judged:
    golden = 0x9E3779B97F4A7C15
    bits = _splitmix((_splitmix((schedule.seed + golden) % 2**64) + (step + 1) * golden) % 2**64) >> 11
    u = (2 * bits + 1 - 2**53) / 2**53  # exact
    if schedule.kind == "uniform":
        return real(Fraction(schedule.scale) * Fraction(u)), ulp(real(schedule.scale * u)) / 2
    inside = 1.0 if schedule.limit is None else float(mp.erf(real(schedule.limit) / mp.sqrt(2)))
    value = real(schedule.scale) * mp.sqrt(2) * mp.erfinv(real(u * inside))
    return value, 2 * ulp(value)


# -- knots ---------------------------------------------------------------------------------------------------------------------


def _knots(schedule: lr.Knots, t: Fraction) -> Judged:
    xs, ys = schedule.positions, schedule.knots
    if t <= xs[0] or t >= xs[-1]:
        return _exactly(ys[0] if t <= xs[0] else ys[-1])
    i = bisect_right(xs, t) - 1
    left = Fraction(xs[i])
    width = Fraction(xs[i + 1]) - left
    u = (t - left) / width
    if u == 0:
        return _exactly(ys[i])
    if schedule.kind != "pchip":
        shape = {"linear": "linear", "cosine": "cosine", "log": "exponential"}[schedule.kind]
        return _curve(shape, (), ys[i], ys[i + 1], u)
    slopes = _slopes(xs, ys)
    start, stop = Fraction(ys[i]), Fraction(ys[i + 1])
    value = real(
        (1 - u) ** 2 * ((1 + 2 * u) * start + u * width * slopes[i])
        + u**2 * ((3 - 2 * u) * stop - (1 - u) * width * slopes[i + 1])
    )  # fmt: skip
    return value, 2 * _ulp_of_curve(value, ys[i], ys[i + 1])


@lru_cache(maxsize=64)
def _slopes(xs: tuple[float, ...], ys: tuple[float, ...]) -> list[Fraction]:
    """The slopes of Fritsch and Carlson, with Moler's one-sided ends, in exact rationals."""
    h = [Fraction(b) - Fraction(a) for a, b in pairwise(xs)]
    rise = [(Fraction(b) - Fraction(a)) / width for a, b, width in zip(ys, ys[1:], h, strict=False)]
    if len(xs) == 2:
        return [rise[0], rise[0]]
    inner = []
    for k in range(1, len(h)):
        if rise[k - 1] * rise[k] <= 0:
            inner.append(Fraction(0))
        else:
            before, after = 2 * h[k] + h[k - 1], h[k] + 2 * h[k - 1]
            inner.append((before + after) / (before / rise[k - 1] + after / rise[k]))
    return [_end_slope(h[0], h[1], rise[0], rise[1]), *inner, _end_slope(h[-1], h[-2], rise[-1], rise[-2])]


def _end_slope(near: Fraction, far: Fraction, rise: Fraction, next_rise: Fraction) -> Fraction:
    slope = ((2 * near + far) * rise - near * next_rise) / (near + far)
    if slope * rise <= 0:
        return Fraction(0)
    return 3 * rise if rise * next_rise < 0 and abs(slope) > 3 * abs(rise) else slope
