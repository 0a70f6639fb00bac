"""The pictures: one schedule, a plan in panels, or several of both on one canvas."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from contextlib import nullcontext
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np

from ..checks import whole
from ..clocks import Clock, Unit
from ..errors import PlanError, SpecError
from ..plan import BoundPlan, Plan
from ..schedule import Schedule
from .sampling import Band, column_bands, phase_bands
from .style import QUIET, SHARED, colors, house_style, new_axes, pyplot

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from .canvas import Line
    from .step_axis import Scale, StepAxis


@dataclass(frozen=True)
class Look:
    """How to draw, as `Schedule.plot` takes it; `managed` : whether pyplot knows the figure, and so may show it."""

    log: bool = False
    phases: bool = True
    scale: Scale = "auto"
    unit: Unit | None = None
    clock: Clock | None = None
    managed: bool = True


Named = tuple[str, Schedule, tuple[Band, ...]]
"""A schedule with what it is called and its phases."""
Panels = dict[str, list[Named]]
"""What stands on the axis of values -> what to draw there."""


def plot(
    *drawn: Schedule | Plan | BoundPlan, steps: int | None = None, labels: Sequence[str] | None = None, axes: Any = None, log: bool = False,
    phases: bool = True, scale: Scale = "auto", unit: Unit | None = None, clock: Clock | None = None, **named: Schedule | Plan | BoundPlan,
) -> Any:  # fmt: skip
    """Draw schedules and plans on one canvas with matplotlib: schedules alone on one axes, with plans an axes for every field.

    drawn, named : a schedule beside plans is their `lr`; `plot(cosine=..., wsd=...)` says what they are called
    labels : what `drawn` are called; None takes the names of their phases
    axes : matplotlib axes to draw on, one for each panel; None makes a figure
    steps : None takes the longest length of all. Other arguments are those of `Schedule.plot`, clock that of the first plan with one
    Returns the axes; a list of them where there is a plan. Raises SpecError, ImportError without matplotlib.

    >>> import lrcore as lr
    >>> ax = lr.plot(cosine=lr.cosine(0.1, 0.0, 1000), wsd=lr.wsd(0.1, warmup=100, decay=200, steps=1000))
    >>> [line.get_label() for line in ax.lines]
    ['cosine', 'wsd']
    """
    if not drawn and not named:
        raise SpecError("plot", "at least one schedule or plan", None, "Write lr.plot(a, b), or lr.plot(cosine=a, wsd=b).")
    for name, each in [*((f"[{i}]", each) for i, each in enumerate(drawn)), *named.items()]:
        if not isinstance(each, Schedule | Plan | BoundPlan):
            raise SpecError(f"plot{name}" if name[0] == "[" else f"plot.{name}", "a Schedule, a Plan or a BoundPlan", each)
    called = [""] if len(drawn) == 1 and not named and labels is None else _called(drawn, labels) + list(named)
    everything: list[Schedule | BoundPlan] = [_bound(each) for each in (*drawn, *named.values())]
    plans = [each for each in everything if isinstance(each, BoundPlan)]
    steps = _length(everything, steps)
    if clock is None:
        clock = next((plan.plan.clock for plan in plans if plan.plan.clock is not None), None)
    panels: Panels = {}
    for name, each in zip(called, everything, strict=True):
        if isinstance(each, Schedule):
            panels.setdefault("lr" if plans else "value", []).append((name, each, tuple(phase_bands(each, steps))))
            continue
        for (group, field), schedule, bands in zip(each.columns, each.schedules, column_bands(each, steps), strict=True):
            label = name if len(each.names) == 1 else f"{name}: {group}" if name else group
            panels.setdefault(field, []).append((label, schedule, tuple(bands)))
    made = _drawn(panels, steps, axes, Look(log, phases, scale, unit, clock))
    _tell_rules(dict(zip(panels, made, strict=True)), plans)
    return made if plans else made[0]


def plot_schedule(schedule: Schedule, steps: int | None, ax: Axes | None, look: Look, label: str | None) -> Axes:
    """One schedule; see Schedule.plot."""
    steps = _length([schedule], steps)
    return _drawn({"value": [(label or "", schedule, tuple(phase_bands(schedule, steps)))]}, steps, ax, look)[0]


def plot_plan(
    bound: BoundPlan, steps: int | None, axes: Any, look: Look, groups: Iterable[str] | None, fields: Iterable[str] | None
) -> list[Axes]:
    """A plan in panels; see BoundPlan.plot."""
    steps = _length([bound], steps)
    of_groups = _picked(groups, bound.names, "group")
    of_fields = _picked(fields, tuple(dict.fromkeys(field for _, field in bound.columns)), "field")
    panels: Panels = {field: [] for field in of_fields}
    for (group, field), schedule, bands in zip(bound.columns, bound.schedules, column_bands(bound, steps), strict=True):
        if group in of_groups and field in of_fields:
            panels[field].append((group if len(bound.names) > 1 else "", schedule, tuple(bands)))
    panels = {field: lines for field, lines in panels.items() if lines}
    if not panels:
        raise PlanError(f"The plan schedules no {' or '.join(of_fields)} for {', '.join(map(repr, of_groups))}: there is nothing to draw.")
    if look.clock is None:
        look = replace(look, clock=bound.plan.clock)
    made = _drawn(panels, steps, axes, look)
    _tell_rules(dict(zip(panels, made, strict=True)), [bound])
    return made


def _tell_rules(panels: dict[str, Axes], plans: Sequence[BoundPlan]) -> None:
    """Say above the rates which rules may change them."""
    adapts = [plan.plan.adapt for plan in plans if plan.plan.adapt is not None]
    rules = [rule for adapt in adapts for rule in (dict(adapt).values() if isinstance(adapt, tuple) else [adapt])]
    names = dict.fromkeys(type(rule).__name__ for rule in rules if rule is not None)
    if names and "lr" in panels:
        with house_style():
            title = f"as scheduled; {' and '.join(names)} may change it during the run"
            panels["lr"].set_title(title, fontsize=9, color=QUIET, pad=18)


def _picked(given: Iterable[str] | None, known: Sequence[str], what: str) -> tuple[str, ...]:
    """The groups or fields asked for, each of which there must be."""
    if given is None:
        return tuple(known)
    picked = (given,) if isinstance(given, str) else tuple(given)
    for name in picked:
        if name not in known:
            raise PlanError(f"The plan has no {what} {name!r} to draw. It has {', '.join(map(repr, known))}.")
    return picked


def _called(drawn: Sequence[Any], labels: Sequence[str] | None) -> list[str]:
    """What schedules and plans are called that were given without a name."""
    if labels is not None:
        if isinstance(labels, str) or len(labels) != len(drawn):
            raise SpecError("labels", f"{len(drawn)} names, one for each", labels)
        return list(map(str, labels))
    names = [_phases_of(each) if isinstance(each, Schedule) else "plan" for each in drawn]
    return [f"{name} {names[: i + 1].count(name)}" if names.count(name) > 1 else name for i, name in enumerate(names)]


def _phases_of(schedule: Schedule) -> str:
    from ..introspect import name_of, parts

    names = list(dict.fromkeys(name_of(part) for part, *_ in parts(schedule)))
    return ", ".join(names) if len(names) <= 3 else f"{', '.join(names[:3])}, ..."


def _bound(given: Schedule | Plan | BoundPlan) -> Schedule | BoundPlan:
    if isinstance(given, Schedule):
        return given
    bound = given.bind() if isinstance(given, Plan) else given
    observed = getattr(bound, "run_clock", None)  # of a plan in seconds: the updates there have been
    return bound if observed is None else observed.replay(bound.plan).bind(bound.names)


def _length(drawn: Sequence[Schedule | BoundPlan], steps: int | None) -> int:
    """The steps to draw: those asked for, or the longest length there is."""
    if steps is None:
        errors, lengths = [], []
        for each in drawn:
            try:
                lengths.append(each.own_length("steps"))
            except SpecError as error:
                errors.append(error)
        if not lengths:
            raise errors[0]
        steps = max(lengths)
    return whole(steps, "steps", low=1)


def _drawn(panels: Panels, steps: int, given: Any, look: Look) -> list[Axes]:
    """Every panel on axes of its own."""
    pyplot()  # which says what to install
    from .canvas import draw

    axes = [] if given is None else list(np.ravel(given))
    if given is not None and len(axes) != len(panels):
        raise SpecError("axes", f"{len(panels)} axes, one for each of {', '.join(panels)}", len(axes))
    axis = _axis(panels, steps, axes, look)
    axes = axes or new_axes(len(panels), managed=look.managed)
    with house_style() if given is None else nullcontext():  # the user's axes have the user's style
        for ax, (field, lines) in zip(axes, _lines(panels).items(), strict=True):
            last = ax is axes[-1] or given is not None
            draw(ax, lines, axis, log=look.log, phases=look.phases, ours=given is None, labelled=last)
            if not ax.get_ylabel():
                ax.set_ylabel(field)
        if given is None and len(axes) > 1:
            figure: Any = axes[0].get_figure(root=True)
            figure.align_ylabels(axes)
    return axes


def _lines(panels: Panels) -> dict[str, list[Line]]:
    """The lines of every panel: equal schedules share one, and a name has one colour in all panels; what all share is grey."""
    from .canvas import Line

    lines: dict[str, list[Line]] = {}
    for field, named in panels.items():
        together: dict[Schedule, tuple[tuple[str, ...], tuple[Band, ...]]] = {}
        for name, schedule, bands in named:
            together[schedule] = ((*together.get(schedule, ((), ()))[0], name), bands)
        lines[field] = [Line(schedule, names, bands, len(names) == len(named) > 1) for schedule, (names, bands) in together.items()]
    firsts = list(dict.fromkeys(line.names[0] for each in lines.values() for line in each if not line.common))
    palette = dict(zip(firsts, colors(len(firsts)), strict=True))
    return {
        field: [replace(line, color=SHARED if line.common else palette[line.names[0]]) for line in each] for field, each in lines.items()
    }


def _axis(panels: Panels, steps: int, given: Sequence[Axes], look: Look) -> StepAxis:
    """The axis of steps: on empty axes with short phases drawn larger than to scale."""
    from .step_axis import StepAxis, short_phases

    bands = {bands for named in panels.values() for _, _, bands in named}
    axis = StepAxis(steps, look.unit or "updates", look.clock, look.scale)
    short = short_phases(bands, axis) if look.scale in ("auto", "phases") else ()
    empty = not any(ax.has_data() or set(ax.get_shared_x_axes().get_siblings(ax)) - set(given) for ax in given)
    return replace(axis, scale=("phases" if short and empty else "linear") if look.scale == "auto" else look.scale, short=short)
