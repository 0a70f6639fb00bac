"""The values a slider steps through, made from a parameter's domain; and text to values and back."""

from __future__ import annotations

from bisect import bisect_left
from functools import lru_cache
from math import ceil, floor, inf, isfinite, log10
from typing import Any

from ..registry import Domain

Number = int | float
MANTISSAS = (1.0, 1.2, 1.4, 1.6, 1.8, 2.0, 2.2, 2.5, 2.8, 3.0, 3.5, 4.0, 4.5, 5.0, 5.5, 6.0, 6.5, 7.0, 7.5, 8.0, 9.0)
"""The steps of a decade: short numbers, a tenth or a quarter apart."""
_RATES = (-7, 1)
"""The decades of a rate."""
SAFE = 2**53 - 1
"""The largest integer a browser holds."""


@lru_cache(1024)
def scale(domain: Domain, reference: Any, largest: int = 0) -> tuple[Number, ...]:
    """The values a slider steps through, increasing; empty where a slider would not help.

    reference : a value the parameter may well have: of its example, or its default; largest : the largest length there has been
    """
    if domain.kind in ("count", "length"):
        return _integers(int(domain.low), reference if isinstance(reference, int) else 100, largest)
    if domain.kind not in ("value", "ratio"):
        return ()
    known = float(reference) if isinstance(reference, int | float) else 0.001 if domain.kind == "value" else 1.0
    return tuple(value for value in _numbers(domain, known) if domain.holds(value))


def fractions() -> tuple[float, ...]:
    """What a slider for a fraction of the run steps through."""
    return tuple(round(i / 100, 2) for i in range(1, 100))


def _integers(low: int, reference: int, largest: int) -> tuple[int, ...]:
    top = ceil(log10(max(100 * reference, largest, 1000)))
    whole = {round(mantissa * 10**power) for power in range(top) for mantissa in MANTISSAS}
    return tuple(sorted({value for value in whole if value >= low} | {low, 10**top}))


def _numbers(domain: Domain, known: float) -> tuple[float, ...]:
    if domain.kind == "value":
        if 0.5 <= abs(known) < 1:  # a momentum, a decay of averages
            return _even(0.0, 1.0)
        return _decades(*_RATES) if known >= 0 else ()
    span = domain.high - domain.low
    if span < inf and (domain.low <= 0 or domain.high < 100 * domain.low) and span <= 50:
        return _even(domain.low, domain.high)
    if not known:
        return _even(max(domain.low, -1.0), min(domain.high, 1.0))
    around = log10(abs(known))
    if domain.low > 0 and span < inf:
        return _decades(max(floor(log10(domain.low)), floor(around) - 3), min(ceil(log10(domain.high)), ceil(around) + 3))
    return _decades(floor(around) - 1, ceil(around) + 1)


def _even(low: float, high: float) -> tuple[float, ...]:
    """Some 100 to 200 round numbers from low to high."""
    power = floor(log10((high - low) / 100))
    step = next(each for each in (5.0, 2.0, 1.0) if each * 10**power <= (high - low) / 100) * 10**power
    return tuple(round(i * step, 9) for i in range(ceil(low / step), floor(high / step + 1e-9) + 1))


def _decades(first: int, last: int) -> tuple[float, ...]:
    numbers = (float(f"{mantissa}e{power}") for power in range(first, last) for mantissa in MANTISSAS)
    return (0.0, *numbers, float(f"1e{last}"))


def nearest(values: tuple[Number, ...], value: Any) -> Number:
    """The one of the values nearest to another."""
    if not isinstance(value, int | float):
        return values[0]
    i = bisect_left(values, value)
    around = values[max(i - 1, 0) : i + 1]
    return min(around, key=lambda each: abs(each - value))


def step_of(domain: Domain, reference: Any) -> Number:
    """By how much an arrow key changes a number."""
    if domain.kind == "count":
        return 1
    size = abs(reference) if isinstance(reference, int | float) and not isinstance(reference, bool) else 0.0
    return float(f"1e{floor(log10(size)) - 1}") if size else 0.01


# -- text --------------------------------------------------------------------------------------------------------------------


def read(text: str) -> Any:
    """A number if the text is one, else the text; what is neither is left for the domain to refuse.

    >>> read("1_000"), read("0.1"), read("3e-4"), read("rest"), read("x")
    (1000, 0.1, 0.0003, 'rest', 'x')
    """
    text = text.strip()
    for kind in (int, float):
        try:
            number = kind(text)
        except ValueError:
            continue
        return number if isfinite(number) and abs(number) < 10**300 else text
    return text


def read_list(text: str) -> list[Any]:
    """The numbers of a line, with commas, semicolons or blanks between them.

    >>> read_list("30, 60 x")
    [30, 60, 'x']
    """
    return [read(word) for word in text.replace(",", " ").replace(";", " ").strip("[]() ").split()]


def write(value: Any) -> str:
    """A value as one types it.

    >>> write([30, 60]), write(0.0003), write("rest")
    ('30, 60', '0.0003', 'rest')
    """
    if isinstance(value, list | tuple):
        return ", ".join(map(write, value))
    return value if isinstance(value, str) else "" if value is None else repr(value)
