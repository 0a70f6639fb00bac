"""What the closed forms need of arrays, in `jax.numpy` or `keras.ops`; `real` makes an array of integers one of float32."""

import math
from collections.abc import Callable, Sequence
from typing import Any

xp: Any = math
Part = Any


def real(x: Any) -> Part:
    return x


def parts(i: Any, n: Any) -> tuple[Part, Part]:
    """How much of n steps has passed, and how much is left; all after the last."""
    i = xp.minimum(i, n)
    return real(i) / n, real(n - i) / n


def constant(start: float, stop: float, i: Any, n: Any) -> Part:
    """start for n steps, then stop."""
    return xp.where(i < n, start, stop)


def power(x: Part, rest: Part, p: float) -> tuple[Part, Part]:
    """x**p, and what it lacks to 1; rest is 1 - x."""
    return x**p, -xp.expm1(p * xp.where(x < 0.5, xp.log(x), xp.log1p(-rest)))


def reached(step: Any, places: Sequence[float]) -> Any:
    """How many of the places a step has reached."""
    passed = xp.greater_equal(xp.expand_dims(step, -1), xp.array(places))
    return xp.sum(xp.where(passed, 1, 0), axis=-1)


def between(shape: Callable[..., Part], places: Sequence[float], values: Sequence[float], step: Any) -> Part:
    """Values at places, joined along a shape; the first and the last one hold."""
    at, held = xp.array(places, "float32"), xp.array(values, "float32")
    k = xp.minimum(xp.maximum(reached(step, places), 1), len(places) - 1)
    first, last = xp.take(at, k - 1), xp.take(at, k)
    return shape(xp.take(held, k - 1), xp.take(held, k), xp.maximum(real(step) - first, 0.0), last - first)


def smooth(places: Sequence[float], values: Sequence[float], rises: Sequence[tuple[float, float]], step: Any) -> Part:
    """Values at places, joined by cubics; rises are slopes times lengths."""
    at, held, rise = (xp.array(each, "float32") for each in (places, values, rises))
    k = xp.minimum(xp.maximum(reached(step, places), 1), len(places) - 1)
    first, last = xp.take(at, k - 1), xp.take(at, k)
    u, v = parts(xp.maximum(real(step) - first, 0.0), last - first)
    up, down = (xp.take(rise[:, end], k - 1) for end in (0, 1))
    before = (1 + 2 * u) * xp.take(held, k - 1) + u * up
    after = (1 + 2 * v) * xp.take(held, k) - v * down
    return v * v * before + u * u * after
