"""The curves of an experiment, drawn with matplotlib."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import numpy as np

from ..drawing.style import COLORS, QUIET, frame, house_style

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from .results import Curve, Results

PANELS = (("rate", "rate"), ("train_loss", "training loss"), ("accuracy", "test accuracy, %"))
_FACTOR = {"accuracy": 100.0}
_DASHES: tuple[Any, ...] = ("-", (0, (5, 1.5)), (0, (1.5, 1)), (0, (6, 1.5, 1.5, 1.5)))
_COLUMNS = 5  # of the legend


def figure_of(results: Results) -> Figure:
    """Three panels over the epochs, a line for each schedule; see `Results.plot`.

    The figure belongs to the caller alone: pyplot does not know it, so that a server that draws many keeps none.
    """
    with house_style():
        from matplotlib.figure import Figure
        from matplotlib.ticker import FixedLocator, MaxNLocator

        count, last = len(results.plans), results.setup.epochs
        figure = Figure(figsize=(7.5, 6.6 + 0.2 * -(-count // _COLUMNS)), layout="constrained")
        panels = figure.subplots(3, 1, sharex=True)
        for axes, (field, label) in zip(panels, PANELS, strict=True):
            frame(axes)
            lines = _draw(axes, results, field)
            axes.set_ylabel(label)
        panels[0].legend(
            lines, list(results.plans), loc="lower left", bbox_to_anchor=(0, 1.03), borderaxespad=0, borderpad=0.2,
            ncols=min(_COLUMNS, count), columnspacing=1.6,
        )  # fmt: skip
        _frame_rates(panels[0], results)
        panels[1].set_yscale("log")
        _frame_accuracies(panels[2], results)
        panels[2].yaxis.set_major_formatter("{x:g}")
        panels[2].set_xlabel("epoch")
        panels[2].set_xlim(*((1, last) if last > 1 else (0.5, 1.5)))
        panels[2].xaxis.set_major_locator(MaxNLocator(integer=True) if last > 1 else FixedLocator([1]))
        figure.align_ylabels(panels)
        if notes := " ".join(_notes(results)):
            figure.supxlabel(notes, x=0.01, ha="left", fontsize=9, color=QUIET)
    return figure


def _notes(results: Results) -> Iterator[str]:
    if results.setup.seeds > 1:
        yield "Line: mean of the seeds. Band: lowest to highest seed."
    if diverged := dict.fromkeys(epoch.name for epoch in results.epochs if epoch.diverged):
        yield f"Diverged: {', '.join(diverged)}."
    if results.partial:
        yield "Stopped before the end."


def _draw(axes: Any, results: Results, field: str) -> list[Any]:
    """The mean of every schedule with its band, and a cross where a run diverged; gives the lines."""
    lines = []
    factor = _FACTOR.get(field, 1.0)
    for i, name in enumerate(results.plans):
        curve = results.curve(name, field)
        color, dash = COLORS[i % len(COLORS)], _DASHES[i % len(_DASHES)]
        mark = {"marker": "o", "markersize": 4} if curve.epochs.size == 1 else {}
        lines += axes.plot(curve.epochs, factor * curve.mean, color=color, linestyle=dash, linewidth=1.6, **mark)
        axes.fill_between(curve.epochs, factor * curve.low, factor * curve.high, color=color, alpha=0.16, linewidth=0)
        _crosses(axes, results, name, curve, factor, color)
    return lines


def _crosses(axes: Any, results: Results, name: str, curve: Curve, factor: float, color: Any) -> None:
    """On the line, where a run that diverged was last well."""
    ends = [epoch.epoch - 1 for epoch in results.epochs if epoch.name == name and epoch.diverged]
    at = [end for end in ends if end in curve.epochs]
    axes.plot(at, factor * curve.mean[np.searchsorted(curve.epochs, at)], "x", color=color, markersize=7, markeredgewidth=2)


def _frame_rates(axes: Any, results: Results) -> None:
    """Leave out rates under which nothing was learnt: they would flatten all others."""
    well = [name for name in results.plans if results.curve(name, "accuracy").epochs.size]
    rates = [results.curve(name, "rate") for name in well]
    if 0 < len(well) < len(results.plans):
        low, high = min(float(curve.low.min()) for curve in rates), max(float(curve.high.max()) for curve in rates)
        axes.set_ylim(low - 0.05 * (high - low or 1), high + 0.05 * (high - low or 1))


def _frame_accuracies(axes: Any, results: Results) -> None:
    """Let the accuracies that matter fill the panel: from the lowest one after the first tenth of the epochs."""
    low, high = 100.0, 0.0
    for name in results.plans:
        curve = results.curve(name, "accuracy")
        late = curve.low[curve.epochs > results.setup.epochs // 10]
        if late.size:
            low, high = min(low, 100 * float(late.min())), max(high, 100 * float(curve.high.max()))
    if low < high:
        axes.set_ylim(low - 0.08 * (high - low), high + 0.08 * (high - low))
