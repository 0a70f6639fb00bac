"""The axis of steps: which unit it counts, which short phases are drawn larger than to scale, and where its ticks stand."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import pairwise
from typing import Any, Literal, get_args

import numpy as np
from matplotlib.axes import Axes
from matplotlib.ticker import FixedLocator, Formatter, Locator, MaxNLocator

from ..clocks import Clock, Unit
from ..errors import SpecError
from .sampling import Band
from .style import NEAR, steps_in_words

Scale = Literal["auto", "linear", "log", "phases"]
"""How long a step is on the axis.

linear : all steps are; log : step t stands at log(1 + t); phases : phases shorter than 1.5 % of the picture are drawn larger than to scale;
auto : "phases" where there are such phases, on axes that hold nothing yet
"""
_SHORT = 0.015
"""The part of the width below which the shape of a phase is no longer seen."""
_SHARE = 0.16
"""The part of the width that short phases get."""
_FEW = 3
"""Places, at most, at which the axis changes its scale."""
_NAMES = {"updates": "step", "microbatches": "microbatches", "samples": "samples", "tokens": "tokens", "epochs": "epoch"}


def short_phases(bands: Iterable[Sequence[Band]], axis: StepAxis) -> tuple[tuple[int, int], ...]:
    """(first, end) of the phases too short to be seen on an axis, in order; neighbours together. None where there are too many."""
    ends = sorted({(first, end) for each in bands for name, first, end in each if name not in ("constant", "held") and end - first > 2})
    if not ends:
        return ()
    units = dict(zip((cuts := np.unique(ends)).tolist(), axis.at(cuts).tolist(), strict=True))
    width = _SHORT * float(axis.at(np.array([axis.steps]))[0])
    found: list[tuple[int, int]] = []
    for first, end in ends:
        if units[end] - units[first] < width:
            if found and units[first] - units[found[-1][1]] < width:
                first, end = found[-1][0], max(end, found.pop()[1])
            found.append((first, end))
    found = [(first, end) for first, end in found if units[end] - units[first] < 2 * width]
    return tuple(found if len(found) <= _FEW else [span for span in found if span[0] == 0])


@dataclass(frozen=True)
class StepAxis:
    """The steps 0, ..., steps - 1 as an axis.

    unit, clock : what it counts, and the Clock that converts steps to it; scale : "linear", "log" or "phases"
    short : the phases that "phases" draws larger than to scale
    """

    steps: int
    unit: Unit = "updates"
    clock: Clock | None = None
    scale: Scale = "linear"
    short: tuple[tuple[int, int], ...] = ()

    def __post_init__(self) -> None:
        if self.scale not in get_args(Scale):
            raise SpecError("scale", f"one of {', '.join(get_args(Scale))}", self.scale)
        if self.unit not in _NAMES:
            hint = "For the seconds of a run that has been, draw run_clock.replay(plan)." if self.unit == "seconds" else ""
            raise SpecError("unit", f"one of {', '.join(_NAMES)}", self.unit, hint)
        if self.unit != "updates" and not isinstance(self.clock, Clock):
            hint = "Write clock=lr.Clock(batch_size=...)."
            raise SpecError("clock", f"a Clock, which says how many {self.unit} an update has", self.clock, hint)

    def at(self, steps: np.ndarray) -> np.ndarray:
        """Where steps stand on the axis: how many units are processed before them."""
        if self.clock is None or self.unit == "updates":
            return steps
        try:
            return self.clock.units_before(np.asarray(steps, dtype=np.int64), self.unit)
        except SpecError:  # beyond int64, or steps that are no whole units
            return np.array([float(self.clock.units_before(int(step), self.unit)) for step in steps.ravel()]).reshape(steps.shape)

    @cached_property
    def _knots(self) -> tuple[np.ndarray, np.ndarray]:
        """(units, parts of the width): the places where a step becomes longer or shorter, and both ends."""
        cuts = sorted({0, self.steps, *(cut for span in self.short for cut in span)})
        share = _SHARE if len(self.short) == 1 else 0.36 / max(len(self.short), 1)
        magnified = {first for first, _ in self.short}
        units = self.at(np.array(cuts, dtype=np.int64)).astype(np.float64)
        widths = np.diff(units)
        larger = np.isin(cuts[:-1], list(magnified))
        widths[~larger] *= (1 - share * len(self.short)) / widths[~larger].sum()
        widths[larger] = share
        return units, np.cumsum([0.0, *widths])

    @property
    def end(self) -> float:
        """Where the axis ends, in its unit."""
        return float(self._knots[0][-1])

    def _place(self, span: tuple[int, int]) -> str:
        """Where a phase lies, in words."""
        first, end = self.at(np.array(span)).tolist()
        if span[0] == 0:
            return f"first {steps_in_words(float(f'{end:.3g}'))}"
        long = steps_in_words(float(f"{end - first:.3g}"))
        return f"last {long}" if span[1] == self.steps else f"{long} from {steps_in_words(first)}"

    def apply(self, ax: Axes, *, labelled: bool = True) -> None:
        """Make it the x axis of some axes."""
        units, parts = self._knots
        label = _NAMES[self.unit]
        formatter: Formatter = StepFormatter(units if self.scale == "phases" else units[[0, -1]])
        if self.scale == "log":
            ax.set_xscale("symlog", linthresh=1, linscale=0.3)
            ax.xaxis.set_major_locator(FixedLocator([0, *10.0 ** np.arange(16)]))
            ax.xaxis.set_minor_locator(FixedLocator([]))
        elif self.scale == "phases" and self.short:
            ax.set_xscale("function", functions=(_Line(units, parts), _Line(parts, units)))
            ax.xaxis.set_major_locator(_PiecewiseLocator(units, parts))
            for first, end in self.at(np.array(self.short)):
                ax.axvspan(first, end, color=NEAR, linewidth=0, zorder=0)
            label += f"  ({' and '.join(map(self._place, self.short))} not to scale)"
        else:
            ax.xaxis.set_major_locator(MaxNLocator(8, steps=[1, 2, 2.5, 5, 10], integer=units[-1] > 4))
        ax.xaxis.set_major_formatter(formatter)
        ax.set_xlim(units[0], units[-1])
        if labelled:
            ax.set_xlabel(label)


@dataclass(frozen=True)
class _Line:
    """The function through some points, straight between them and beyond them; a class, so that figures can be pickled."""

    x: np.ndarray
    y: np.ndarray

    def __call__(self, at: Any) -> Any:
        at = np.asarray(at, dtype=np.float64)
        i = np.clip(np.searchsorted(self.x, at, side="right") - 1, 0, len(self.x) - 2)
        return self.y[i] + (at - self.x[i]) * (self.y[i + 1] - self.y[i]) / (self.x[i + 1] - self.x[i])


class _PiecewiseLocator(Locator):
    """Round ticks in every part of an axis whose scale changes, as many as there is room for."""

    def __init__(self, units: np.ndarray, parts: np.ndarray) -> None:
        self.units, self.parts = units, parts

    def __call__(self) -> list[float]:
        axis: Any = self.axis
        return self.tick_values(*axis.get_view_interval())

    def tick_values(self, vmin: float, vmax: float) -> list[float]:
        low, high = sorted((vmin, vmax))
        shown = _Line(self.units, self.parts)
        across = float(shown(high) - shown(low)) or 1.0
        ticks: list[float] = []
        for a, b in pairwise(np.clip(self.units, low, high)):
            share = float(shown(b) - shown(a)) / across
            if a < b and share > 0.02:
                base = a if b - a < a else 0.0  # far from 0 a short phase has round ticks counted from its start
                locator = MaxNLocator(max(round(8 * share), 1), steps=[1, 2, 2.5, 5, 10])
                inside = [tick + base for tick in locator.tick_values(a - base, b - base) if a <= tick + base <= b + 0.01 * (b - a)]
                ticks += [tick for tick in inside if all(abs(shown(tick) - shown(other)) > 0.05 * across for other in ticks)]
        return sorted(ticks)


class StepFormatter(Formatter):
    """Ticks in words; where neighbours would read the same, how far they are from the change of scale before them."""

    def __init__(self, units: np.ndarray) -> None:
        self.units = units

    def __call__(self, value: float, position: int | None = None) -> str:
        return steps_in_words(value)

    def format_ticks(self, values: list[float]) -> list[str]:
        words = [steps_in_words(value) for value in values]
        before = [max((unit for unit in self.units.tolist() if unit <= value), default=0.0) for value in values]
        return [
            f"+{steps_in_words(value - start)}" if words.count(word) > 1 and value > start else word
            for word, value, start in zip(words, values, before, strict=True)
        ]
