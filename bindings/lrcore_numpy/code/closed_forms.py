"""The curves of lrcore as Python functions: `to_code` copies those it needs into the code it writes, for any library of arrays.

`xp` stands for `math`, `jax.numpy` or `keras.ops`. `u` is the part of the way that has passed and `v` the part that is left, each
from whole numbers: no `1 - u` and no `1 + cos` ever cancels, so that a value is right up to the last step. Formulas and sources:
`lrcore.SHAPES`. `constant`, `parts` and `power`, which differ between numbers and arrays, are in scalars.py and arrays.py.
"""

import math
from typing import Any

from .scalars import constant, parts, power

__all__ = ["constant"]
xp: Any = math
Part = Any
"""A number, or an array of float32."""


def wave(u: Part, v: Part) -> tuple[Part, Part]:
    """Half a cosine wave: what is left of it, and what has passed."""
    return xp.sin(math.pi / 2 * v) ** 2, xp.sin(math.pi / 2 * u) ** 2


def linear(start: float, stop: float, i: Part, n: Part) -> Part:
    """A straight line from start to stop in n steps, i of them in."""
    u, v = parts(i, n)
    return start * v + stop * u


def cosine(start: float, stop: float, i: Part, n: Part) -> Part:
    """Half a cosine wave from start to stop in n steps, i of them in."""
    left, passed = wave(*parts(i, n))
    return start * left + stop * passed


def exponential(start: float, stop: float, i: Part, n: Part) -> Part:
    """From start to stop in n steps, i of them in, by the same factor each step."""
    u, v = parts(i, n)
    return start**v * stop**u


def negative_exponential(start: float, stop: float, i: Part, n: Part) -> Part:
    return -exponential(-start, -stop, i, n)


def polynomial(start: float, stop: float, i: Part, n: Part, exponent: float) -> Part:
    """From start to stop in n steps, i of them in: a power of what is left."""
    u, v = parts(i, n)
    left, passed = power(v, u, exponent)
    return start * left + stop * passed


def polynomial_from_start(start: float, stop: float, i: Part, n: Part, exponent: float) -> Part:
    """From start to stop in n steps, i of them in: a power of what has passed."""
    u, v = parts(i, n)
    passed, left = power(u, v, exponent)
    return start * left + stop * passed


def sqrt(start: float, stop: float, i: Part, n: Part) -> Part:
    return polynomial_from_start(start, stop, i, n, 0.5)


def square(start: float, stop: float, i: Part, n: Part) -> Part:
    return polynomial_from_start(start, stop, i, n, 2.0)


def harmonic(start: float, stop: float, i: Part, n: Part) -> Part:
    """From start to stop in n steps, i of them in: the reciprocal goes straight."""
    u, v = parts(i, n)
    return 1 / (v / start + u / stop)


def logarithmic(start: float, stop: float, i: Part, n: Part, base: float) -> Part:
    u, v = parts(i, n)
    left, passed = -xp.log1p(-v * (base - 1) / base), xp.log1p(u * (base - 1))
    return (start * left + stop * passed) / math.log1p(base - 1)


def rex(start: float, stop: float, i: Part, n: Part, beta: float) -> Part:
    u, v = parts(i, n)
    return (start * v + stop * beta * u) / (v + beta * u)


def tanh(start: float, stop: float, i: Part, n: Part, lower: float, upper: float) -> Part:
    """From start to stop in n steps, i of them in, as tanh goes from lower to upper."""
    u, v = parts(i, n)
    length, here = upper - lower, lower * v + upper * u
    left = xp.sinh(length * v) * math.cosh(lower)
    passed = xp.sinh(length * u) * math.cosh(upper)
    return (start * left + stop * passed) / (math.sinh(length) * xp.cosh(here))


def sigmoid(start: float, stop: float, i: Part, n: Part, steepness: float) -> Part:
    return tanh(start, stop, i, n, -steepness / 4, steepness / 4)


def cosine_power(start: float, stop: float, i: Part, n: Part, exponent: float) -> Part:
    """A power of half a cosine wave, from start to stop in n steps, i of them in."""
    left, passed = power(*wave(*parts(i, n)), exponent)
    return start * left + stop * passed


def cosine_power_annealing(start: float, stop: float, i: Part, n: Part, base: float) -> Part:
    left, passed = wave(*parts(i, n))
    log = math.log1p(base - 1)
    left, passed = xp.expm1(log * left), -base * xp.expm1(-log * passed)
    return (start * left + stop * passed) / (base - 1)


def mirror_cosine(start: float, stop: float, i: Part, n: Part) -> Part:
    u, v = parts(i, n)
    left, passed = wave(u, v)
    return start * (2 * v - left) + stop * (2 * u - passed)


def quarter_cosine(start: float, stop: float, i: Part, n: Part) -> Part:
    """A quarter of a wave from start to stop in n steps, i of them in; flat at stop."""
    u, v = parts(i, n)
    return start * 2 * xp.sin(math.pi / 4 * v) ** 2 + stop * xp.sin(math.pi / 2 * u)


def k_decay(start: float, stop: float, i: Part, n: Part, k: float) -> Part:
    """Half a cosine wave over a power of the way."""
    u, v = parts(i, n)
    left, passed = wave(*power(u, v, k))
    return start * left + stop * passed


def k_decay_polynomial(start: float, stop: float, i: Part, n: Part, k: float, exponent: float) -> Part:
    u, v = parts(i, n)
    passed, left = power(u, v, k)
    left, passed = power(left, passed, exponent)
    return start * left + stop * passed
