"""Pictures of schedules and plans, drawn with matplotlib: plain, readable, and true at every boundary."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from .changes import landmarks
from .checks import whole
from .errors import SpecError
from .plan import BoundPlan
from .schedule import Schedule

if TYPE_CHECKING:
    from matplotlib.axes import Axes

_POINTS = 2000
_LEGEND = 12
"""Lines a legend can name and an eye can tell apart."""


def plot_schedules(schedules: dict[str, Schedule], steps: int | None, ax: Axes | None) -> Axes:
    """Draw schedules by name over the steps 0, ..., `steps` - 1; equal ones share a line.

    steps : None takes the longest own length
    ax : matplotlib axes to draw on; None makes a figure
    Raises SpecError where all are endless and `steps` is None, ImportError without matplotlib.
    """
    if steps is None:
        spans = [schedule.span for schedule in schedules.values() if isinstance(schedule.span, int)]
        steps = max(spans) if spans else next(iter(schedules.values())).own_length("steps")
    steps = whole(steps, "steps", low=1)
    axes = _new_axes(1)[0] if ax is None else ax
    _draw(axes, schedules, steps)
    axes.set_ylabel("value")
    axes.set_xlabel("step")
    return axes


def plot_plan(bound: BoundPlan, steps: int | None, axes: Any) -> list[Axes]:
    """Draw every field of a plan over `steps` updates, one axes per field and a line per group; equal groups share a line.

    steps : None takes the horizon, or the longest column
    axes : as many matplotlib axes as there are fields; None makes a figure
    Returns the axes. Raises SpecError for another number of axes, ImportError without matplotlib.
    """
    steps = bound.own_length("steps") if steps is None else whole(steps, "steps", low=1)
    fields: dict[str, dict[str, Schedule]] = {}
    for (group, field), schedule in zip(bound.columns, bound.schedules, strict=True):
        fields.setdefault(field, {})[group] = schedule
    chosen = _new_axes(len(fields)) if axes is None else list(np.ravel(axes))
    if len(chosen) != len(fields):
        raise SpecError("axes", f"{len(fields)} axes, one for each of {', '.join(fields)}", len(chosen))
    for ax, (field, schedules) in zip(chosen, fields.items(), strict=True):
        _draw(ax, schedules, steps)
        ax.set_ylabel(field)
    chosen[-1].set_xlabel("update")
    return chosen


def _new_axes(count: int) -> list[Axes]:
    try:
        from matplotlib import pyplot
    except ImportError as error:
        raise ImportError('Plots are drawn with matplotlib, which is not installed. Install it with pip install "lrcore[plot]".') from error
    _, axes = pyplot.subplots(count, 1, sharex=True, squeeze=False, figsize=(7.5, 1.2 + 2.4 * count), layout="constrained")
    return list(axes[:, 0])


def sampled_steps(schedule: Schedule, steps: int) -> np.ndarray:
    """About 2,000 of the steps 0, ..., steps - 1: evenly spread, with both sides of every boundary and some points after it.

    A phase too short for the even ones is so drawn in its own shape, however long the run is.
    """
    last = steps - 1
    spread = np.linspace(0, last, min(steps, _POINTS)).astype(np.int64)
    marks = np.array(landmarks(schedule, last), dtype=np.int64)
    fewer = marks if len(marks) <= 2 * _POINTS else marks[np.linspace(0, len(marks) - 1, 2 * _POINTS).astype(int)]
    between = np.linspace(fewer[:-1], fewer[1:], 17)[1:-1].astype(np.int64).ravel() if len(fewer) <= 256 else fewer
    return np.unique(np.concatenate([spread, fewer, between]))


def _draw(ax: Axes, schedules: dict[str, Schedule], steps: int) -> None:
    lines: dict[Schedule, list[str]] = {}
    for name, schedule in schedules.items():
        lines.setdefault(schedule, []).append(name)
    colors = _colors(len(lines))
    for i, (schedule, names) in enumerate(lines.items()):
        at = sampled_steps(schedule, steps)
        named = len(lines) <= _LEGEND or i in (0, len(lines) - 1)  # of very many, the first and the last say which way they go
        ax.plot(at, schedule(at), color=colors[i], linewidth=1.6, label=_label(names) if named else None, solid_joinstyle="round")
    if any(schedules):
        ax.legend(loc="best", frameon=False, fontsize="small")
    ax.set_xlim(0, steps)
    ax.xaxis.set_major_formatter(lambda value, position: f"{value:,.0f}")
    if ax.get_yscale() == "linear":  # a caller's own axes may be logarithmic
        ax.ticklabel_format(axis="y", style="sci", scilimits=(-3, 4), useMathText=True)
    ax.grid(True, linewidth=0.5, alpha=0.4)
    ax.margins(y=0.06)
    for side in ("top", "right"):
        ax.spines[side].set_visible(False)


def _colors(count: int) -> list[Any]:
    if count <= 10:
        return [f"C{i}" for i in range(count)]
    from matplotlib import colormaps

    return list(colormaps["viridis"](np.linspace(0.0, 0.9, count)))


def _label(names: list[str]) -> str:
    if len(names) <= 3:
        return ", ".join(names)
    return f"{names[0]} and {len(names) - 1} others"
