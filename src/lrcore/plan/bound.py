"""A plan met with the groups there are: a column for each group and field, compiled together."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np

from ..checks import LAST_STEP, whole
from ..clocks import Clock, Unit
from ..errors import SpecError
from ..schedule import Schedule

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from ..adaptive.groups import Adaptations
    from ..drawing.step_axis import Scale
    from ..program import Program
    from ..table import Table
    from .plan import Plan


@dataclass(frozen=True)
class BoundPlan:
    """A plan met with the groups there are; made by `plan.bind(names)`.

    names : the groups, in order
    columns : (group, field) of every scheduled value, group by group
    schedules : the schedule of every column, every length in steps
    """

    plan: Plan
    names: tuple[str, ...]
    columns: tuple[tuple[str, str], ...]
    schedules: tuple[Schedule, ...]

    def __repr__(self) -> str:
        return f"BoundPlan({len(self.names):,} groups, {len(self.columns):,} columns, fingerprint {self.plan.fingerprint[:12]}...)"

    @cached_property
    def program(self) -> Program:
        """All columns compiled together; made at the first use and kept."""
        from ..compiler import compile_columns

        return compile_columns(list(self.schedules))

    @cached_property
    def sources(self) -> tuple[tuple[Schedule, ...], tuple[int, ...], tuple[float, ...]]:
        """(schedules, which, scales): what the columns share. Column j is `scales[j] * schedules[which[j]]`, bit for bit.

        >>> import lrcore as lr
        >>> base = lr.linear(1.0, 0.0, 4)
        >>> lr.Plan(groups={"head": {"lr": base}, "body": {"lr": 0.5 * base}}).bind().sources[1:]
        ((0, 0), (1.0, 0.5))
        """
        from ..compiler import split_scale

        known: dict[Schedule, int] = {}
        scaled = [split_scale(schedule) for schedule in self.schedules]
        which = tuple(known.setdefault(source, len(known)) for _, source in scaled)
        return tuple(known), which, tuple(scale for scale, _ in scaled)

    def row(self, step: int, out: np.ndarray | None = None) -> np.ndarray:
        """The values of all columns at one step, float64 (columns,); written to `out` if given.

        Raises SpecError for a step outside [0, 2**53].
        """
        return self.program.row(whole(step, "step"), out)

    def current(self, step: int) -> dict[str, dict[str, float]]:
        """The values in force at a step, by group and field; a group without scheduled fields has an empty dict.

        >>> import lrcore as lr
        >>> lr.Plan(lr.linear(1.0, 0.0, 4), momentum=0.9).bind().current(1)
        {'default': {'lr': 0.75, 'momentum': 0.9}}
        """
        values: dict[str, dict[str, float]] = {name: {} for name in self.names}
        for (name, field), value in zip(self.columns, self.row(step).tolist(), strict=True):
            values[name][field] = value
        return values

    def begin(self) -> Adaptations:
        """The plan's rules at the start of a run; none for a plan without."""
        from ..adaptive.groups import Adaptations

        return Adaptations(self)

    def own_length(self, path: str) -> int:
        """The horizon, or the steps of the longest column that ends; a SpecError at `path` if there is neither."""
        updates = self.plan.updates
        if updates is not None:
            return updates
        lengths = [schedule.span for schedule in self.schedules if isinstance(schedule.span, int)]
        if lengths:
            return max(lengths)
        raise SpecError(path, "a number of steps", None, "The plan has no horizon, and its schedules do not end.")

    def table(self, count: int | None = None, start: int = 0, *, dtype: Any = np.float64) -> Table:
        """The values of updates start, ..., start + count - 1, one row each, computed when asked for.

        count : rows; None goes on until the horizon (or, without one, the end of the longest column)
        dtype : float64 or float32; float32 is the float64 value rounded once
        Raises SpecError for a count or start outside [0, 2**53].
        """
        from ..table import plan_table

        start = whole(start, "start")
        rows = max(self.own_length("count") - start, 0) if count is None else whole(count, "count")
        if start + rows > LAST_STEP + 1:
            raise SpecError("count", "rows up to step 2**53", count)
        return plan_table(self, rows, start, dtype)

    def plot(
        self, steps: int | None = None, axes: Any = None, *, groups: Iterable[str] | None = None, fields: Iterable[str] | None = None,
        log: bool = False, phases: bool = True, scale: Scale = "auto", unit: Unit | None = None, clock: Clock | None = None,
    ) -> list[Axes]:  # fmt: skip
        """Draw every field over `steps` updates with matplotlib; returns a list of axes, one for each field.

        A group has a line, and groups with equal schedules share one. A title says where a rule may change the rate.
        steps : None takes the horizon, or the longest column
        axes : as many matplotlib axes as there are fields; None makes a figure
        groups, fields : those to draw, None for all
        clock : what `unit` is converted by, None for the plan's own. Other arguments are those of `Schedule.plot`
        Raises PlanError for groups and fields there are not, SpecError, ImportError without matplotlib.
        """
        from ..drawing.pictures import Look, plot_plan

        return plot_plan(self, steps, axes, Look(log, phases, scale, unit, clock), groups, fields)

    def _repr_png_(self) -> Any:
        """The picture a notebook shows; None where there is no matplotlib, or nothing to draw."""
        from ..drawing.notebook import picture

        return picture(self)
