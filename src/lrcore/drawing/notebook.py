"""What a notebook shows of a schedule or a plan: its picture, or nothing, so that its text is shown."""

from __future__ import annotations

from importlib.util import find_spec
from io import BytesIO
from typing import TYPE_CHECKING, Any

from msgspec.structs import replace

from ..changes import boundaries
from ..checks import LAST_STEP
from ..plan import BoundPlan, Plan
from ..schedule import Schedule

if TYPE_CHECKING:
    from matplotlib.axes import Axes

_DPI = 144
"""Dots to the inch; the page shows the picture at half its size, so that it is sharp on fine screens."""
_COLUMNS = 256
"""Columns of a plan, at most: to draw more would hold up the notebook for seconds."""
_HORIZON = 1000
"""Steps over which fractions of a horizon are drawn."""


def picture(drawn: Schedule | Plan | BoundPlan) -> tuple[bytes, dict[str, int]] | None:
    """(PNG, its width and height on the page); None without matplotlib, and for what cannot be drawn.

    An endless schedule is drawn a little past where it changes, and fractions of a horizon in percent of it.
    """
    if find_spec("matplotlib") is None:
        return None
    try:
        axes = _axes(drawn)
        if not axes:
            return None
        out = BytesIO()
        figure: Any = axes[0].get_figure(root=True)
        figure.savefig(out, format="png", dpi=_DPI)
    except Exception:  # a display that fails is worse than one that shows the text
        return None
    width, height = figure.get_size_inches() * _DPI / 2
    return out.getvalue(), {"width": int(width), "height": int(height)}


def _axes(drawn: Schedule | Plan | BoundPlan) -> list[Axes]:
    from .pictures import Look, plot_plan, plot_schedule

    look = Look(managed=False)
    if isinstance(drawn, Schedule):
        steps = drawn.span if isinstance(drawn.span, int) else _telling(drawn.over(_HORIZON)) if drawn.span is None else _HORIZON
        axes = [plot_schedule(drawn.over(_HORIZON), max(steps, 1), None, look, None)]
        return axes if drawn.resolved else _in_percent(axes)
    resolved = isinstance(drawn, BoundPlan) or drawn.horizon is not None or all(schedule.resolved for _, schedule in drawn._parts())
    bound = drawn if isinstance(drawn, BoundPlan) else (drawn if resolved else replace(drawn, horizon=_HORIZON, unit="updates")).bind()
    if len(bound.columns) > _COLUMNS:
        return []
    axes = plot_plan(bound, _of_plan(bound), None, look, None, None)
    return axes if resolved else _in_percent(axes)


def _of_plan(bound: BoundPlan) -> int | None:
    """The steps of a plan that has no length: as many as the column that takes longest to show what it does."""
    if bound.plan.updates is not None or any(isinstance(schedule.span, int) for schedule in bound.schedules):
        return None
    return max(map(_telling, dict.fromkeys(bound.schedules)))


def _telling(schedule: Schedule) -> int:
    """Steps that show what an endless schedule does: some past the sixth boundary or the last, or until half its value has gone."""
    marks = sorted(step for step in boundaries(schedule, LAST_STEP) if 0 < step < LAST_STEP // 8)[:6]
    if marks:
        goes_on = len(marks) < 6 and schedule(marks[-1] + 1) != schedule(4 * marks[-1])
        return 4 * marks[-1] if goes_on else marks[-1] + marks[-1] // 4 + 1
    start = schedule(0)
    return next((steps for steps in (10**power for power in range(2, 13)) if abs(schedule(steps) - start) > abs(start) / 2), _HORIZON)


def _in_percent(axes: list[Axes]) -> list[Axes]:
    from matplotlib.ticker import MaxNLocator, PercentFormatter

    for ax in axes:
        ax.set_xscale("linear")
        ax.xaxis.set_major_locator(MaxNLocator(10))
        ax.xaxis.set_major_formatter(PercentFormatter(_HORIZON, decimals=0))
    axes[-1].set_xlabel("of the horizon")
    return axes
