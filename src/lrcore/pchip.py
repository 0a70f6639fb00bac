"""Monotone cubic interpolation (Fritsch & Carlson 1980; Fritsch & Butland 1984), in exact fractions."""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction
from itertools import pairwise


def slopes(xs: Sequence[Fraction], ys: Sequence[Fraction]) -> list[Fraction]:
    """The slope at every knot: the weighted harmonic mean of its neighbours' slopes, 0 at an extreme.

    The outermost slopes follow the parabola through the last three knots, limited so that no piece overshoots.
    """
    h = [b - a for a, b in pairwise(xs)]
    delta = [(b - a) / step for a, b, step in zip(ys, ys[1:], h, strict=False)]
    if len(xs) == 2:
        return [delta[0], delta[0]]
    inner = [_mean(h[i - 1], h[i], delta[i - 1], delta[i]) for i in range(1, len(h))]
    return [_outer(h[0], h[1], delta[0], delta[1]), *inner, _outer(h[-1], h[-2], delta[-1], delta[-2])]


def _mean(h0: Fraction, h1: Fraction, d0: Fraction, d1: Fraction) -> Fraction:
    if d0 * d1 <= 0:
        return Fraction(0)
    w0, w1 = 2 * h1 + h0, h1 + 2 * h0
    return (w0 + w1) / (w0 / d0 + w1 / d1)


def _outer(h0: Fraction, h1: Fraction, d0: Fraction, d1: Fraction) -> Fraction:
    slope = ((2 * h0 + h1) * d0 - h0 * d1) / (h0 + h1)
    if slope * d0 <= 0:
        return Fraction(0)
    if d0 * d1 < 0 and abs(slope) > 3 * abs(d0):
        return 3 * d0
    return slope


def cubic_pieces(xs: Sequence[Fraction], values: Sequence[float]) -> list[tuple[float, tuple[float, ...]]]:
    """For every piece, (the fraction of its length where it is half way, coefficients).

    With w the fraction of the piece and c the fraction of the way, c = a w + b w^2 + c w^3: coefficients holds a, b, c in two
    doubles each, measured from the piece's start and then from its stop.
    """
    if len(xs) == 1:
        return []
    ys = [Fraction(value) for value in values]
    slope = slopes(xs, ys)
    pieces: list[tuple[float, tuple[float, ...]]] = []
    for i in range(len(xs) - 1):
        h, span = xs[i + 1] - xs[i], ys[i + 1] - ys[i]
        if span == 0:
            pieces.append((0.5, (0.0,) * 12))
            continue
        first, last = h * slope[i] / span, h * slope[i + 1] / span
        from_start, from_stop = _cubic(first, last), _cubic(last, first)
        numbers = [part for c in (*from_start, *from_stop) for part in _two_doubles(c)]
        pieces.append((_half_way(from_start), tuple(numbers)))
    return pieces


def _cubic(first: Fraction, last: Fraction) -> tuple[Fraction, Fraction, Fraction]:
    return first, 3 - 2 * first - last, first + last - 2


def _two_doubles(value: Fraction) -> tuple[float, float]:
    high = float(value)
    return high, float(value - Fraction(high))


def _half_way(cubic: tuple[Fraction, Fraction, Fraction]) -> float:
    a, b, c = map(float, cubic)
    low, high = 0.0, 1.0
    for _ in range(60):
        middle = (low + high) / 2
        low, high = (middle, high) if ((c * middle + b) * middle + a) * middle < 0.5 else (low, middle)
    return low
