"""The curves of lrcore as Python functions of `math` alone: `to_code` copies those it needs into the code it writes.

`u` is the part of the way that has passed and `v` the part that is left, each exact before its one rounding: no `1 - u` and no
`1 + cos` ever cancels, so a value is right to about 1e-15 up to the last step. Formulas and sources: `lrcore.SHAPES`.
"""

import math
from collections.abc import Callable, Sequence

Curve = Callable[..., float]


def ramp(shape: Curve, start: float, stop: float, i: float, n: float, *args: float) -> float:
    """From start to stop along a shape, i of n steps in; past these, stop."""
    if i <= 0 or i >= n:
        return stop if i >= n else start
    return shape(start, stop, i / n, (n - i) / n, *args)


def between(shape: Curve, places: Sequence[float], values: Sequence[float], t: float) -> float:
    """Values at places, joined along a shape; the first one holds before them, the last one after."""
    k = sum(place <= t for place in places)
    if k == 0 or k == len(places):
        return values[0] if k == 0 else values[-1]
    a, b = places[k - 1], places[k]
    return shape(values[k - 1], values[k], (t - a) / (b - a), (b - t) / (b - a))


def smooth(places: Sequence[float], values: Sequence[float], rises: Sequence[tuple[float, float]], t: float) -> float:
    """Values at places, joined by cubics; a piece's rises are its length times the slopes at its ends."""
    k = sum(place <= t for place in places)
    if k == 0 or k == len(places):
        return values[0] if k == 0 else values[-1]
    a, b = places[k - 1], places[k]
    u, v = (t - a) / (b - a), (b - t) / (b - a)
    first, last = rises[k - 1]
    return v * v * ((1 + 2 * u) * values[k - 1] + u * first) + u * u * ((1 + 2 * v) * values[k] - v * last)


def power(x: float, rest: float, p: float) -> tuple[float, float]:
    """x**p, and what it lacks to 1; rest is 1 - x."""
    if x <= 0:
        return 0.0, 1.0
    return x**p, -math.expm1(p * (math.log(x) if x < 0.5 else math.log1p(-rest)))


def wave(u: float, v: float) -> tuple[float, float]:
    """Half a cosine wave: what is left of it, and what has passed."""
    return math.sin(math.pi * v / 2) ** 2, math.sin(math.pi * u / 2) ** 2


def constant(start: float, stop: float, u: float, v: float) -> float:
    return start


def linear(start: float, stop: float, u: float, v: float) -> float:
    return start * v + stop * u


def cosine(start: float, stop: float, u: float, v: float) -> float:
    left, passed = wave(u, v)
    return start * left + stop * passed


def exponential(start: float, stop: float, u: float, v: float) -> float:
    return math.copysign(abs(start) ** v * abs(stop) ** u, start)


def polynomial(start: float, stop: float, u: float, v: float, exponent: float) -> float:
    left, passed = power(v, u, exponent)
    return start * left + stop * passed


def polynomial_from_start(start: float, stop: float, u: float, v: float, exponent: float) -> float:
    passed, left = power(u, v, exponent)
    return start * left + stop * passed


def sqrt(start: float, stop: float, u: float, v: float) -> float:
    return polynomial_from_start(start, stop, u, v, 0.5)


def square(start: float, stop: float, u: float, v: float) -> float:
    return polynomial_from_start(start, stop, u, v, 2.0)


def harmonic(start: float, stop: float, u: float, v: float) -> float:
    return 1 / (v / start + u / stop)


def logarithmic(start: float, stop: float, u: float, v: float, base: float) -> float:
    whole = math.log1p(base - 1)
    return (start * -math.log1p(-v * (base - 1) / base) + stop * math.log1p(u * (base - 1))) / whole


def rex(start: float, stop: float, u: float, v: float, beta: float) -> float:
    return (start * v + stop * beta * u) / (v + beta * u)


def tanh(start: float, stop: float, u: float, v: float, lower: float, upper: float) -> float:
    length, here = upper - lower, lower * v + upper * u
    left, passed = math.sinh(length * v) * math.cosh(lower), math.sinh(length * u) * math.cosh(upper)
    return (start * left + stop * passed) / (math.sinh(length) * math.cosh(here))


def sigmoid(start: float, stop: float, u: float, v: float, steepness: float) -> float:
    return tanh(start, stop, u, v, -steepness / 4, steepness / 4)


def cosine_power(start: float, stop: float, u: float, v: float, exponent: float) -> float:
    left, passed = power(*wave(u, v), exponent)
    return start * left + stop * passed


def cosine_power_annealing(start: float, stop: float, u: float, v: float, base: float) -> float:
    left, passed = wave(u, v)
    log = math.log1p(base - 1)
    return (start * math.expm1(log * left) - stop * base * math.expm1(-log * passed)) / (base - 1)


def mirror_cosine(start: float, stop: float, u: float, v: float) -> float:
    left, passed = wave(u, v)
    return start * (2 * v - left) + stop * (2 * u - passed)


def quarter_cosine(start: float, stop: float, u: float, v: float) -> float:
    return start * 2 * math.sin(math.pi * v / 4) ** 2 + stop * math.sin(math.pi * u / 2)


def k_decay(start: float, stop: float, u: float, v: float, k: float) -> float:
    return cosine(start, stop, *power(u, v, k))


def k_decay_polynomial(start: float, stop: float, u: float, v: float, k: float, exponent: float) -> float:
    passed, left = power(u, v, k)
    return polynomial(start, stop, passed, left, exponent)
