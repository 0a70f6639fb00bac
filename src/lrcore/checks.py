"""Numbers at the door: each is checked and normalised once, so that nothing behind it has to ask again."""

from __future__ import annotations

from decimal import Decimal
from fractions import Fraction
from math import floor, isfinite
from numbers import Integral, Real
from typing import Any, Literal

from .errors import SpecError

LAST_STEP = 2**53
"""Steps and lengths end here: beyond it float64 no longer tells neighbouring steps apart."""

Length = int | float | Literal["rest"]
"""Steps as an int, a fraction of the horizon as a float strictly between 0 and 1, or whatever is left."""


def number(value: Any, path: str, expected: str = "a finite number") -> float:
    """The value as a finite float64; -0.0 becomes 0.0."""
    if type(value) is not float:
        if isinstance(value, bool) or not isinstance(value, Real):
            raise SpecError(path, expected, value, "Give an int or a float.")
        try:
            value = float(value)
        except OverflowError:
            raise SpecError(path, expected, value, "It does not fit a float64.") from None
    if not isfinite(value):
        raise SpecError(path, expected, value)
    return value or 0.0


def whole(value: Any, path: str, low: int = 0, high: int = LAST_STEP, hint: str = "") -> int:
    """The value as an int from low to high."""
    if type(value) is not int:
        if isinstance(value, bool) or not isinstance(value, Integral):
            raise SpecError(path, _integer(low, high), value, hint)
        value = int(value)
    if not low <= value <= high:
        raise SpecError(path, _integer(low, high, value > high), value, hint)
    integer: int = value
    return integer


def _integer(low: int, high: int, above: bool = False) -> str:
    if high == LAST_STEP:
        return f"an integer from {low} to 2**53" if above else f"an integer >= {low}"
    return f"an integer from {low} to {high}"


def length(value: Any, path: str) -> Length:
    """A length in steps: an int, a fraction of the horizon, or "rest"."""
    if type(value) is int:
        if 0 <= value <= LAST_STEP:
            return value
        if value > LAST_STEP:
            raise SpecError(path, "a length of at most 2**53 steps", value)
    elif isinstance(value, str):
        if value == "rest":
            return "rest"
    elif isinstance(value, Real) and not isinstance(value, bool):
        if isinstance(value, Integral):
            return length(int(value), path)
        if 0.0 < float(value) < 1.0:
            return float(value)
    raise SpecError(
        path, 'an integer >= 0, a fraction strictly between 0 and 1, or "rest"', value,
        "An int counts steps, a float is a fraction of the horizon.",
    )  # fmt: skip


def decimal_fraction(value: float) -> Fraction:
    """The exact fraction the shortest decimal of a float stands for: 0.1 is 1/10."""
    return Fraction(Decimal(repr(value)))


def ratio(value: float) -> Fraction:
    """The simplest fraction written by a float: 1.5 is 3/2, and 0.3333333333333333 is 1/3."""
    simple = Fraction(value).limit_denominator(1_000_000)
    return simple if float(simple) == value else decimal_fraction(value)


def rounded(value: Fraction) -> int:
    """The nearest integer; a half goes up."""
    return floor(value + Fraction(1, 2))
