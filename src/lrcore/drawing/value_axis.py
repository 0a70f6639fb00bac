"""The axis of values: rates as people write them, and a logarithmic axis that bears zeros."""

from __future__ import annotations

from collections.abc import Sequence
from math import floor, log10

import numpy as np
from matplotlib.axes import Axes
from matplotlib.ticker import FixedLocator, Formatter, LogLocator, MaxNLocator

from .style import value_in_words

_RARE = 0.01
"""The part of the width whose values may lie below a logarithmic axis, and are drawn at its floor."""


class ValueFormatter(Formatter):
    """Rates in words.

    linear : whether what is tiny beside the largest tick is a rounding error of 0; floor : what stands for all that lies at or below it
    """

    def __init__(self, linear: bool = True, floor: float | None = None) -> None:
        self.linear, self.floor = linear, floor

    def __call__(self, value: float, position: int | None = None) -> str:
        return self.format_ticks([value])[0]

    def format_ticks(self, values: Sequence[float]) -> list[str]:
        largest = max((abs(value) for value in values), default=0.0)
        values = [0.0 if self.linear and abs(value) < 1e-9 * largest else value for value in values]
        words = [value_in_words(value) for value in values]
        if len(set(words)) < len(words):
            words = [f"{value:.12g}" for value in values]
        return [
            f"≤ {word}" if self.floor and abs(value / self.floor - 1) < 1e-3 else word for word, value in zip(words, values, strict=True)
        ]


def floor_of(even: np.ndarray, lowest: float) -> float | None:
    """The decade below which a logarithmic axis shows nothing, None if nothing lies below it.

    even : the values of evenly spread steps; lowest : the least value there is
    Zeros, and what is below all but 1 % of the positive values, as the last steps of a decay to 0 are, would take most of the axis.
    """
    positive = even[even > 0]
    bottom = 10.0 ** floor(log10(np.quantile(positive, _RARE, method="lower")) + 1e-9)
    return bottom if lowest < bottom else None


def log_axis(ax: Axes, bottom: float | None, least: float, greatest: float) -> None:
    """A logarithmic axis of the values from `least`, or from the floor `bottom`, to `greatest`."""
    low = least if bottom is None else bottom
    room = 0.05 * max(log10(greatest / low), 0.3)
    ax.set_yscale("log")
    ax.set_ylim(low / 10**room, greatest * 10**room)
    decades = log10(greatest / low)
    subs = (1.0, 2.0, 5.0) if decades < 2.5 else (1.0,)
    ax.yaxis.set_major_locator(LogLocator(subs=subs, numticks=9))
    ax.yaxis.set_minor_locator(FixedLocator([]))
    ax.yaxis.set_major_formatter(ValueFormatter(linear=False, floor=bottom))


def linear_axis(ax: Axes, least: float, greatest: float) -> None:
    """An axis from `least` to `greatest`; from 0 where the values come near it, as rates do."""
    if 0 <= least <= 0.7 * greatest or least == greatest > 0:
        least = 0.0
    room = 0.06 * (greatest - least) or 0.05 * abs(greatest) or 0.05
    ax.set_ylim(least - room / 2, greatest + room)
    ax.yaxis.set_major_locator(MaxNLocator(6, steps=[1, 2, 2.5, 5, 10]))
    ax.yaxis.set_major_formatter(ValueFormatter())
