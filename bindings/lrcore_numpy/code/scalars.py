"""What the closed forms need of plain numbers, and random numbers: Python's own, with `math`."""

import math
from collections.abc import Callable, Sequence
from statistics import NormalDist


def parts(i: float, n: float) -> tuple[float, float]:
    """How much of n steps has passed, and how much is left; all after the last."""
    i = min(i, n)
    return i / n, (n - i) / n


def constant(start: float, stop: float, i: float, n: float) -> float:
    """start for n steps, then stop."""
    return start if i < n else stop


def power(x: float, rest: float, p: float) -> tuple[float, float]:
    """x**p, and what it lacks to 1; rest is 1 - x."""
    if x <= 0:
        return 0.0, 1.0
    return x**p, -math.expm1(p * (math.log(x) if x < 0.5 else math.log1p(-rest)))


def between(shape: Callable[..., float], places: Sequence[float], values: Sequence[float], t: float) -> float:
    """Values at places, joined along a shape; the first and the last one hold."""
    k = sum(place <= t for place in places)
    if k == 0 or k == len(places):
        return values[0] if k == 0 else values[-1]
    return shape(values[k - 1], values[k], t - places[k - 1], places[k] - places[k - 1])


def smooth(places: Sequence[float], values: Sequence[float], rises: Sequence[tuple[float, float]], t: float) -> float:
    """Values at places, joined by cubics; rises are slopes times lengths."""
    k = sum(place <= t for place in places)
    if k == 0 or k == len(places):
        return values[0] if k == 0 else values[-1]
    u, v = parts(t - places[k - 1], places[k] - places[k - 1])
    first, last = rises[k - 1]
    before = (1 + 2 * u) * values[k - 1] + u * first
    after = (1 + 2 * v) * values[k] - v * last
    return v * v * before + u * u * after


def reached(t: float, places: Sequence[int]) -> int:
    """How many of the places a step has reached."""
    return sum(place <= t for place in places)


def mixed(z: int) -> int:
    """Scatter 64 bits: SplitMix64 of Steele, Lea and Flood, 2014."""
    z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9 % 2**64
    z = (z ^ (z >> 27)) * 0x94D049BB133111EB % 2**64
    return z ^ (z >> 31)


def uniform(seed: int, step: int) -> float:
    """The random number between -1 and 1 of a step."""
    weyl = 0x9E3779B97F4A7C15
    bits = mixed((mixed((seed + weyl) % 2**64) + (step + 1) * weyl) % 2**64) >> 11
    return (2 * bits + 1 - 2**53) / 2**53


def normal(seed: int, step: int, within: float) -> float:
    """The same by the bell curve, of which `within` is the part in use."""
    share = uniform(seed, step)
    return math.copysign(NormalDist().inv_cdf(0.5 - abs(share) * within / 2), share)
