"""One set of axes: lines, the phases behind them with their names, and the legend."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.text import Text
from matplotlib.transforms import Bbox, ScaledTranslation

from ..compiler import split_scale
from ..schedule import Schedule
from .sampling import Band, sampled_steps
from .step_axis import StepAxis
from .style import BAND, QUIET, colors
from .value_axis import floor_of, linear_axis, log_axis

_LEGEND = 12
"""Lines a legend can name and an eye can tell apart."""
_BESIDE = 24
"""Letters of a name that has room beside the axes."""
_BANDS = 40
"""Phases, at most, that are shaded: more would be a pattern of their own."""
_DOTS = 40
"""Steps, at most, that are drawn as dots too."""
_DENSE = 600
"""Turns of a line beyond which it fills an area, which is drawn lighter."""
_OURS = "lrcore"
"""What our lines have for an id, so that a second call on the same axes knows them."""
_SEEN = 0.003
"""The part of the width below which a phase is not seen behind its line."""
_EVEN = 1000
"""Steps, evenly spread, that say which values a logarithmic axis shows."""


@dataclass(frozen=True)
class Line:
    """A schedule to draw: what it is called, the phases it has, whether it is common to all that is drawn, and its colour."""

    schedule: Schedule
    names: tuple[str, ...]
    bands: tuple[Band, ...] = ()
    common: bool = False
    color: Any = None

    @property
    def label(self) -> str:
        if len(self.names) <= 3:
            return ", ".join(filter(None, self.names))
        return f"all {len(self.names)}" if self.common else f"{self.names[0]} and {len(self.names) - 1} others"


class BandName(Text):
    """The name of a phase above its band: as much of it as fits, whatever the size of the figure and however far one has zoomed in."""

    def __init__(self, ax: Axes, name: str, first: float, end: float) -> None:
        above = ax.get_xaxis_transform() + ScaledTranslation(0, 3 / 72, ax.figure.dpi_scale_trans)
        super().__init__(first, 1.0, name, color=QUIET, fontsize=8, ha="center", va="bottom", transform=above, clip_on=False)
        self._forms = (name, f"{name[:5]}.", "") if len(name) > 6 else (name, "")
        self._first, self._end = first, end

    def _fit(self, renderer: Any) -> None:
        ax: Any = self.axes
        across = ax.get_xaxis_transform()
        left, right = np.clip(across.transform([(self._first, 0.0), (self._end, 0.0)])[:, 0], ax.bbox.x0, ax.bbox.x1)
        self.set_x(float(across.inverted().transform(((left + right) / 2, 0.0))[0]))
        for form in self._forms:
            self.set_text(form)
            if not form or super().get_window_extent(renderer).width <= right - left - 6:
                return

    def get_window_extent(self, renderer: Any = None, dpi: float | None = None) -> Bbox:
        self._fit(renderer)
        return super().get_window_extent(renderer, dpi)

    def draw(self, renderer: Any) -> None:
        self._fit(renderer)
        super().draw(renderer)


def draw(ax: Axes, lines: Sequence[Line], axis: StepAxis, *, log: bool, phases: bool, ours: bool, labelled: bool = True) -> None:
    """Draw lines on axes.

    ours : whether the figure is ours, and has room beside the axes; labelled : whether the axis of steps says what it counts
    On axes that hold lines of ours already the limits grow; on axes that hold others, limits, ticks and scales are left as they are.
    """
    before = list(ax.lines)
    foreign = any(line.get_gid() != _OURS for line in before) if before else ax.has_data()
    log = log or ax.get_yscale() == "log"
    alike = not before and len({line.bands for line in lines}) == 1
    sources = [split_scale(line.schedule)[1] for line in lines]  # a thousand scaled groups are looked at once
    steps_of = {source: _steps(source, axis, log) for source in dict.fromkeys(sources)}
    curves = [(steps_of[source], line.schedule(steps_of[source])) for line, source in zip(lines, sources, strict=True)]
    bottom = None if foreign else _limits(ax, [values for _, values in curves], lines, axis, log)
    palette = colors(len(before) + len(lines))[len(before) :] if before else [line.color for line in lines]
    for i, (line, (steps, values), color) in enumerate(zip(lines, curves, palette, strict=True)):
        named = line.label if len(lines) <= _LEGEND or i in (0, len(lines) - 1) else ""  # of very many, the ends say which way they go
        shown = values if bottom is None else np.maximum(values, bottom)
        ax.plot(axis.at(steps), shown, color=color, label=named or None, gid=_OURS, **_stroke(line, steps, shown, axis, alike))
    if not before and not foreign:
        axis.apply(ax, labelled=labelled)
    elif not foreign and ax.get_xscale() == "linear":
        ax.set_xlim(0, max(ax.get_xlim()[1], axis.end))
    if phases and alike and not foreign:
        _shade(ax, lines[0].bands, axis)
    if any(line.label for line in lines):
        _legend(ax, ours)


def _steps(schedule: Schedule, axis: StepAxis, log: bool) -> np.ndarray:
    """The steps to draw: those of the whole picture, and more where the axis is drawn larger."""
    found = [sampled_steps(schedule, axis.steps, log=log)]
    if axis.scale == "log":
        found.append(sampled_steps(schedule, axis.steps, log=log, spread="log"))
    elif axis.scale == "phases":
        found += [sampled_steps(schedule, end - first, first=first, log=log) for first, end in axis.short]
    return np.unique(np.concatenate(found))


def _stroke(line: Line, steps: np.ndarray, values: np.ndarray, axis: StepAxis, alike: bool) -> dict[str, Any]:
    """How a line is drawn: with a dot at every step where there are few, or else where its phases begin and no band says so."""
    ways = np.sign(np.diff(values))
    if np.count_nonzero(np.diff(ways[ways != 0])) > _DENSE:
        return {"linewidth": 0.8, "alpha": 0.5}
    style = {"linewidth": 1.8, "solid_joinstyle": "round"}
    if axis.steps <= _DOTS:
        return style | {"marker": "o", "markersize": 3.6}
    if alike or not 1 < len(line.bands) <= _LEGEND:
        return style
    turns = np.searchsorted(steps, [first for _, first, _ in line.bands[1:]]).tolist()
    return style | {"marker": "o", "markersize": 4, "markevery": turns}


def _legend(ax: Axes, ours: bool) -> None:
    """The names of the lines: in a figure of ours beside the axes, or below them where they are long; else where there is room."""
    root: Any = ax.get_figure(root=True)
    if not ours:
        ax.legend(loc="best", frameon=False, fontsize=9)
    elif len(root.axes) > 1 or max(len(str(line.get_label())) for line in ax.lines) <= _BESIDE:
        ax.legend(loc="upper left", bbox_to_anchor=(1.0, 1.0), borderaxespad=0.2, frameon=False, fontsize=9)
    else:
        root.legend(loc="outside lower left", frameon=False, fontsize=9)


def _limits(ax: Axes, drawn: Sequence[np.ndarray], lines: Sequence[Line], axis: StepAxis, log: bool) -> float | None:
    """Set the limits and ticks of the values; the floor of a logarithmic axis, None where all of them are on it."""
    earlier = [np.asarray(line.get_ydata(), dtype=np.float64) for line in ax.lines]
    values = np.concatenate([*drawn, *earlier])
    least, greatest = float(values.min()), float(values.max())
    if not log or greatest <= 0:
        if log:
            ax.set_yscale("linear")
        linear_axis(ax, least, greatest)
        return None
    spread = np.linspace(0, axis.steps - 1, min(_EVEN, axis.steps)).astype(np.int64)
    even = np.concatenate([*(line.schedule(spread) for line in lines), *earlier])
    bottom = floor_of(even if even.max() > 0 else values, least)
    log_axis(ax, bottom, least, greatest)
    return bottom


def _shade(ax: Axes, bands: Sequence[Band], axis: StepAxis) -> None:
    """Every second phase shaded, and their names above the axes."""
    if not 1 < len(bands) <= _BANDS:
        return
    larger = axis.short if axis.scale == "phases" else ()
    shade = False
    for name, first, end in bands:
        left, right = axis.at(np.array([first, end])).tolist()
        ax.add_artist(BandName(ax, name, left, right))
        if any(begin <= first and end <= stop for begin, stop in larger):
            shade = False  # it has a colour of its own
        elif right - left > _SEEN * axis.end:
            if shade:
                ax.axvspan(left, right, color=BAND, linewidth=0, zorder=0)
            shade = not shade
