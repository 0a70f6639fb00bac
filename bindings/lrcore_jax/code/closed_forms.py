"""The curves of lrcore, and what joins schedules, in jax.numpy alone: `to_code` copies those it needs into the code it writes.

`u` is the part of the way that has passed and `v` the part that is left, each from whole numbers: no `1 - u` and no `1 + cos`
cancels, so that float32 does not lose the tails. Formulas and sources: `lrcore.SHAPES` and `lrcore.CURVES`.
"""

import math
from collections.abc import Callable, Sequence
from typing import Any

import jax.numpy as jnp

Part = Any
"""A float32 array."""
Curve = Callable[..., Part]
Schedule = Callable[[Any], Part]


def ramp(shape: Curve, start: float, stop: float, steps: int, *args: float) -> Schedule:
    """From start to stop along a shape; past the end, stop."""

    def schedule(count: Any) -> Part:
        i = jnp.clip(count, 0, steps - 1)
        return jnp.where(count < steps, shape(start, stop, i / steps, (steps - i) / steps, *args), stop)

    return schedule


def along(curve: Curve, start: float, *args: float) -> Schedule:
    """A curve without an end."""
    return lambda count: start * curve(jnp.maximum(count, 0), *args)


def between(shape: Curve, places: Sequence[float], values: Sequence[float]) -> Schedule:
    """Values at places, joined along a shape; the first one holds before them, the last one after."""
    at, held = jnp.array(places), jnp.array(values)

    def schedule(count: Any) -> Part:
        k = jnp.clip(jnp.sum(jnp.expand_dims(count, -1) >= at, axis=-1), 1, len(places) - 1)
        u = jnp.clip((count - at[k - 1]) / (at[k] - at[k - 1]), 0, 1)
        v = jnp.clip((at[k] - count) / (at[k] - at[k - 1]), 0, 1)
        return shape(held[k - 1], held[k], u, v)

    return schedule


def samples(values: Sequence[float]) -> Schedule:
    """One value a step; the last one holds."""
    held = jnp.array(values)
    return lambda count: held[jnp.clip(count, 0, len(values) - 1)]


def product(*schedules: Schedule) -> Schedule:
    return lambda count: math.prod(schedule(count) for schedule in schedules)


def total(*schedules: Schedule) -> Schedule:
    return lambda count: sum(schedule(count) for schedule in schedules)


def smallest(first: Schedule, *others: Schedule) -> Schedule:
    def schedule(count: Any) -> Part:
        value = first(count)
        for other in others:
            value = jnp.minimum(value, other(count))
        return value

    return schedule


def largest(first: Schedule, *others: Schedule) -> Schedule:
    def schedule(count: Any) -> Part:
        value = first(count)
        for other in others:
            value = jnp.maximum(value, other(count))
        return value

    return schedule


def every(inner: Schedule, k: int) -> Schedule:
    """Stairs of k steps."""
    return lambda count: inner(count // k * k)


def per(inner: Schedule, k: int) -> Schedule:
    """On a clock that ticks every k steps."""
    return lambda count: inner(count // k)


def until(inner: Schedule, steps: int) -> Schedule:
    """Up to a step, whose value then holds."""
    return lambda count: inner(jnp.minimum(count, steps))


def mirror(inner: Schedule, steps: int) -> Schedule:
    """There and back, for ever."""
    return lambda count: inner(steps - jnp.abs(count % (2 * steps) - steps))


def cycles(
    inner: Schedule, steps: int, times: int | None = None, decay: float = 1.0, floor: float = 0.0, decay_floor: float = 1.0
) -> Schedule:  # fmt: skip
    """Again and again; cycle i has its height over the floor times decay**i, and the floor times decay_floor**i."""

    def schedule(count: Any) -> Part:
        i, position = count // steps, count % steps
        if times is not None:
            i, position = jnp.minimum(i, times - 1), jnp.where(i < times, position, steps)
        return floor * decay_floor**i + (inner(position) - floor) * decay**i

    return schedule


def power(x: Part, rest: Part, p: float) -> tuple[Part, Part]:
    """x**p, and what it lacks to 1; rest is 1 - x."""
    return x**p, -jnp.expm1(p * jnp.where(x < 0.5, jnp.log(x), jnp.log1p(-rest)))


def wave(u: Part, v: Part) -> tuple[Part, Part]:
    """Half a cosine wave: what is left of it, and what has passed."""
    return jnp.sin(math.pi / 2 * v) ** 2, jnp.sin(math.pi / 2 * u) ** 2


def constant(start: float, stop: float, u: Part, v: Part) -> Part:
    return start


def linear(start: float, stop: float, u: Part, v: Part) -> Part:
    return start * v + stop * u


def cosine(start: float, stop: float, u: Part, v: Part) -> Part:
    left, passed = wave(u, v)
    return start * left + stop * passed


def exponential(start: float, stop: float, u: Part, v: Part) -> Part:
    return jnp.sign(start) * abs(start) ** v * abs(stop) ** u


def polynomial(start: float, stop: float, u: Part, v: Part, exponent: float) -> Part:
    left, passed = power(v, u, exponent)
    return start * left + stop * passed


def polynomial_from_start(start: float, stop: float, u: Part, v: Part, exponent: float) -> Part:
    passed, left = power(u, v, exponent)
    return start * left + stop * passed


def sqrt(start: float, stop: float, u: Part, v: Part) -> Part:
    return polynomial_from_start(start, stop, u, v, 0.5)


def square(start: float, stop: float, u: Part, v: Part) -> Part:
    return polynomial_from_start(start, stop, u, v, 2.0)


def harmonic(start: float, stop: float, u: Part, v: Part) -> Part:
    return 1 / (v / start + u / stop)


def logarithmic(start: float, stop: float, u: Part, v: Part, base: float) -> Part:
    whole = math.log1p(base - 1)
    return (start * -jnp.log1p(-v * (base - 1) / base) + stop * jnp.log1p(u * (base - 1))) / whole


def rex(start: float, stop: float, u: Part, v: Part, beta: float) -> Part:
    return (start * v + stop * beta * u) / (v + beta * u)


def tanh(start: float, stop: float, u: Part, v: Part, lower: float, upper: float) -> Part:
    length, here = upper - lower, lower * v + upper * u
    left, passed = jnp.sinh(length * v) * math.cosh(lower), jnp.sinh(length * u) * math.cosh(upper)
    return (start * left + stop * passed) / (math.sinh(length) * jnp.cosh(here))


def sigmoid(start: float, stop: float, u: Part, v: Part, steepness: float) -> Part:
    return tanh(start, stop, u, v, -steepness / 4, steepness / 4)


def cosine_power(start: float, stop: float, u: Part, v: Part, exponent: float) -> Part:
    left, passed = power(*wave(u, v), exponent)
    return start * left + stop * passed


def cosine_power_annealing(start: float, stop: float, u: Part, v: Part, base: float) -> Part:
    left, passed = wave(u, v)
    log = math.log1p(base - 1)
    return (start * jnp.expm1(log * left) - stop * base * jnp.expm1(-log * passed)) / (base - 1)


def mirror_cosine(start: float, stop: float, u: Part, v: Part) -> Part:
    left, passed = wave(u, v)
    return start * (2 * v - left) + stop * (2 * u - passed)


def quarter_cosine(start: float, stop: float, u: Part, v: Part) -> Part:
    return start * 2 * jnp.sin(math.pi / 4 * v) ** 2 + stop * jnp.sin(math.pi / 2 * u)


def k_decay(start: float, stop: float, u: Part, v: Part, k: float) -> Part:
    return cosine(start, stop, *power(u, v, k))


def k_decay_polynomial(start: float, stop: float, u: Part, v: Part, k: float, exponent: float) -> Part:
    passed, left = power(u, v, k)
    return polynomial(start, stop, passed, left, exponent)


def geometric(x: Part, gamma: float) -> Part:
    return gamma**x


def natural_exponential(x: Part, rate: float) -> Part:
    return jnp.exp(-rate * x)


def inverse_time(x: Part, rate: float) -> Part:
    return 1 / (1 + rate * x)


def inverse_sqrt(x: Part, timescale: float) -> Part:
    return 1 / jnp.sqrt(1 + x / timescale)


def power_law(x: Part, exponent: float, timescale: float) -> Part:
    return (1 + x / timescale) ** exponent
