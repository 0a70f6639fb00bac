"""Ticks of an axis drawn with letters: where they stand and how they read."""

from __future__ import annotations

from math import ceil, floor, log10

_PREFIXES = ((10**12, "T"), (10**9, "G"), (10**6, "M"), (10**3, "k"))


def round_ticks(low: float, high: float, count: int) -> list[float]:
    """Round numbers from low to high, at most `count` + 1 of them, evenly spaced.

    >>> round_ticks(0.0, 3e-4, 4)
    [0.0, 0.0001, 0.0002, 0.0003]
    """
    if not low < high:
        return [low]
    rough = (high - low) / max(count, 1)
    power = floor(log10(rough))
    factor = next(factor for factor in (1, 2, 5, 10) if factor * 10.0**power >= rough * (1 - 1e-9))
    # multiples of an integer over a power of ten, so that a tick is the float its decimals stand for
    whole, tenth = (factor * 10**power, 1) if power >= 0 else (factor, 10**-power)
    first, last = ceil(low * tenth / whole - 1e-9), floor(high * tenth / whole + 1e-9)
    return [i * whole / tenth for i in range(first, last + 1)]


def decades(low: float, high: float, count: int) -> list[float]:
    """Powers of ten from low to high, every second or third of very many; 1, 2 and 5 of each where they are few.

    >>> decades(2e-6, 3e-4, 5), decades(0.02, 0.3, 5)
    ([1e-05, 0.0001], [0.02, 0.05, 0.1, 0.2])
    """
    first, last = ceil(log10(low) - 1e-9), floor(log10(high) + 1e-9)
    if last - first < 1:
        near = (float(f"{factor}e{power}") for power in range(first - 1, last + 1) for factor in (1, 2, 5))
        return [tick for tick in near if low * (1 - 1e-9) <= tick <= high * (1 + 1e-9)]
    return [float(f"1e{power}") for power in range(first, last + 1, max(ceil((last - first + 1) / max(count, 1)), 1))]


def value_words(value: float, digits: int = 6) -> str:
    """A value in few letters, with so many significant digits.

    >>> [value_words(value) for value in (0.0, 2.5e-4, 0.05, 1e-7, 12.0, 1e6)]
    ['0', '2.5e-4', '0.05', '1e-7', '12', '1e6']
    """
    if value == 0 or 1e-3 <= abs(value) < 1e5:
        return f"{value:.{digits}g}"
    mantissa, _, power = f"{value:.{digits - 1}e}".partition("e")
    return f"{float(mantissa):.{digits}g}e{int(power)}"


def words_of(ticks: list[float]) -> list[str]:
    """Ticks in as many digits as tell them apart.

    >>> words_of([1.0, 1.0000005, 1.000001])
    ['1', '1.0000005', '1.000001']
    """
    tries = ([value_words(tick, digits) for tick in ticks] for digits in (6, 9, 12, 15, 17))
    return next((words for words in tries if len(set(words)) == len(ticks)), [repr(tick) for tick in ticks])


def step_words(step: float) -> str:
    """A step with the prefix of its thousands.

    >>> [step_words(step) for step in (0, 500, 20_000, 1_500_000, 10**9)]
    ['0', '500', '20k', '1.5M', '1G']
    """
    for size, prefix in _PREFIXES:
        if abs(step) >= size:
            return f"{step / size:g}{prefix}"
    return f"{step:g}"
