"""What the chart shows of the canvas: lines of exact values at few steps, the phases behind them, and numbers about them."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass
from functools import lru_cache

import numpy as np

from ..clocks import UNITS, Clock, Unit
from ..drawing.sampling import sampled_steps
from ..errors import LrcoreError
from ..introspect import Phases
from ..plan import BoundPlan
from ..registry import recipes
from ..schedule import Schedule
from .canvas import Canvas, Item, Named
from .making import clock_of, made
from .starting import fresh

_WINDOW = 1000
"""Steps shown of what neither ends nor turns."""
_ADDED_UP = 2**22
"""Values whose mean is worked out by looking at all of them."""
_PHASES = 400
"""Phases that are named, at most."""


@dataclass(frozen=True)
class Line:
    """One curve: `steps` are updates, `values` exact.

    place : of the group among those of its item; of : how many groups the item has
    """

    item: Item
    field: str
    group: str
    place: int
    of: int
    steps: np.ndarray
    values: np.ndarray
    phases: np.ndarray

    @property
    def label(self) -> str:
        """What the legend calls it."""
        return self.item.name if self.of == 1 else f"{self.item.name} · {self.group}"


@dataclass(frozen=True)
class Shown:
    """Everything to draw: lines, how many updates, and of every item that could be made its plan."""

    lines: tuple[Line, ...]
    steps: int
    clock: Clock | None
    bound: dict[int, BoundPlan]

    @property
    def fields(self) -> tuple[str, ...]:
        """The fields there are lines of, the rate first."""
        return tuple(dict.fromkeys(["lr"] * any(line.field == "lr" for line in self.lines) + [line.field for line in self.lines]))

    @property
    def axes(self) -> tuple[Unit, ...]:
        """The units the steps can be shown in."""
        if self.clock is None:
            return ("updates",)
        clock, like = self.clock, "microbatches" if self.clock.accumulation == 1 else ""  # those would be the updates again
        return tuple(unit for unit in UNITS if unit == "updates" or (unit != like and _counts(clock, unit)))

    def position(self, updates: np.ndarray, axis: str) -> np.ndarray:
        """Updates in the unit of the axis."""
        if axis not in self.axes or axis == "updates" or self.clock is None:
            return updates
        return np.asarray(self.clock.units_before(updates.astype(np.int64), axis))


def shown(canvas: Canvas, last_good: dict[int, Item]) -> Shown:
    """What the canvas shows; of an item that is refused, what it was when it last was not."""
    bound: dict[int, BoundPlan] = {}
    good: dict[int, Item] = {}
    for item in canvas.items:
        for version in (item, last_good.get(item.id)):
            found = None if version is None else made(version, canvas.run).bound
            if found is not None and version is not None:
                bound[item.id], good[item.id] = found, version.but(name=item.name, color=item.color, hidden=item.hidden)
                break
    seen = {number: plan for number, plan in bound.items() if not good[number].hidden}
    steps = max([length(good[number], plan) for number, plan in seen.items()], default=_WINDOW)
    lines = [line for number, plan in seen.items() for line in _lines(good[number], plan, steps, canvas.log)]
    return Shown(tuple(lines), steps, clock_of(canvas.run), bound)


def _counts(clock: Clock, unit: Unit) -> bool:
    try:
        clock.units_before(0, unit)
    except LrcoreError:
        return False
    return True


def length(item: Item, bound: BoundPlan) -> int:
    """How many updates of an item are worth seeing: its own, or for what is endless some of its cycles and turns."""
    try:
        return max(bound.own_length("steps"), 1)
    except LrcoreError:
        what = item.fields["lr"]
        if isinstance(what, Named):
            return _window(what)
        turns = [step for schedule in bound.schedules for step in schedule.breakpoints(2**40)[:6]]
        return max(turns) * 5 // 4 if turns else _WINDOW


def _window(what: Named) -> int:
    """Of an endless recipe: its example's window, longer as its lengths are longer than those of the example."""
    recipe = recipes()[what.recipe]
    example = fresh(recipe).arguments
    ratios = []
    for parameter in recipe.parameters:
        ours, usual = (each.get(parameter.name) for each in (what.arguments, example))
        if parameter.domain.unit == "steps" and isinstance(ours, int) and isinstance(usual, int) and usual:
            ratios.append(ours / usual)
    longest = max(ratios, default=1.0)
    return max(round(recipe.window * longest), 10)


def _lines(item: Item, bound: BoundPlan, steps: int, log: bool) -> list[Line]:
    """The lines of an item: equal schedules of one field share one."""
    columns: dict[tuple[str, Schedule], str] = {}
    for (group, field), schedule in zip(bound.columns, bound.schedules, strict=True):
        columns.setdefault((field, schedule), group)
    groups = list(dict.fromkeys(columns.values()))
    lines = []
    for (field, schedule), group in columns.items():
        at, values = _sampled(schedule, steps, log)
        lines.append(Line(item, field, group, groups.index(group), len(groups), at, values, _names(schedule, at, steps)))
    return lines


@lru_cache(256)
def _sampled(schedule: Schedule, steps: int, log: bool) -> tuple[np.ndarray, np.ndarray]:
    at = sampled_steps(schedule, steps + 1, log=log)
    return at, schedule(at)


@lru_cache(256)
def phases_of(schedule: Schedule, steps: int) -> Phases:
    """The phases of a schedule."""
    return schedule.timeline(steps)


def _names(schedule: Schedule, at: np.ndarray, steps: int) -> np.ndarray:
    """The name of the phase at every step."""
    phases = [phase for phase in phases_of(schedule, steps) if phase.end is None or phase.end > phase.first]
    if not phases or len(phases) > _PHASES:
        return np.full(len(at), "")
    names = np.array([*(phase.name.replace("_", " ") for phase in phases), "past the end"])
    ends = [phase.end if phase.end is not None else np.inf for phase in phases]
    return names[np.searchsorted(np.array(ends, dtype=float), at, side="right")]


@dataclass(frozen=True)
class Numbers:
    """What is said about a line: over its steps the least, the greatest and the mean value, and the two ends."""

    first: float
    last: float
    least: float
    greatest: float
    mean: float | None


@lru_cache(256)
def numbers_of(schedule: Schedule, steps: int) -> Numbers:
    """The numbers of a schedule over steps 0 ... steps - 1; no mean where it would take too long."""
    at = sampled_steps(schedule, steps)
    values = schedule(at)
    mean = None
    if steps <= _ADDED_UP:
        mean = float(schedule.values(steps).mean())
    elif '"type":"noise"' not in schedule.to_json():  # which has to be added up, value by value
        with suppress(LrcoreError):
            mean = schedule.integral(0, steps) / steps
    return Numbers(float(values[0]), float(values[-1]), float(values.min()), float(values.max()), mean)
