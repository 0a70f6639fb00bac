"""What is known of a run, and the columns of the plan over it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from math import inf, nextafter
from typing import Any

import msgspec

from ..checks import number, whole
from ..clocks import Clock
from ..errors import LrcoreError, SpecError
from ..introspect import Part, last_answered, on_updates, parts
from ..plan import Plan
from ..reach import Extrema, extrema
from ..schedule import Schedule
from .finding import Finding, Found

MEMORIES = ("momentum", "beta1", "beta2", "alpha", "rho")
"""Fields that say how much of the past is kept: from 0 to 1, 1 not included."""
WORK = 2**25
"""How much to do for one search of a check, in values looked at: less than a tenth of a second."""
FURTHER = 10**6
"""How far into its last phase an endless schedule is looked at, if nothing says how long the run is."""
BELOW_ONE = nextafter(1.0, 0.0)


@dataclass(frozen=True)
class Run:
    """What is known of the run.

    updates : how many it makes, None if nothing says; told : how that was found, empty if the plan itself says it
    epochs : how many it makes, None if nothing says; jump : the ratio by which phases may differ where they meet
    """

    updates: int | None
    told: str
    epochs: int | None
    jump: float


@dataclass(frozen=True)
class Column:
    """A scheduled value by update.

    field; place : where it is; bounds : the lowest and the highest value allowed; parts : its phases, in updates
    written : the schedule in the plan's own unit
    """

    field: str
    place: str
    schedule: Schedule
    written: Schedule
    parts: list[Part]
    bounds: tuple[float, float]
    updates: int | None

    @cached_property
    def last(self) -> int:
        """The last update worth looking at."""
        last = last_answered(self.schedule)
        if self.updates is not None:
            return min(self.updates - 1, last)
        return last if isinstance(self.schedule.span, int) else min(self.parts[-1][2] + FURTHER, last)

    @cached_property
    def extrema(self) -> Extrema | None:
        """The least and the greatest value of the run; None if they cannot be found in seconds."""
        try:
            return extrema(self.schedule, 0, self.last, WORK)
        except SpecError:
            return None


class Known(msgspec.Struct, frozen=True):
    """The numbers of the run as they were given to check()."""

    horizon: int | None
    dataset_size: int | None
    batch_size: int | None
    accumulation: int | None
    world_size: int | None
    epochs: int | None
    drop_last: bool | None

    def __post_init__(self) -> None:
        for name in self.__struct_fields__[:-1]:
            if getattr(self, name) is not None:
                whole(getattr(self, name), name, low=1)

    def clock(self, clock: Clock | None) -> Clock | None:
        """The plan's clock with what is known here in its place; a new one if the batch is known."""
        given = {"epoch_size": self.dataset_size, "batch_size": self.batch_size}
        given |= {"accumulation": self.accumulation, "world_size": self.world_size}
        given = {name: value for name, value in given.items() if value is not None}
        if clock is not None:
            return msgspec.structs.replace(clock, **given)
        if self.batch_size is None:
            return None
        return Clock(**given, drop_last=None if self.dataset_size is None else self.drop_last)  # type: ignore[arg-type]


def run_of(plan: Plan, known: Known, jump: float) -> tuple[Run, list[Finding]]:
    """The run, and where the numbers it was told contradict each other."""
    findings = list(_contradictions(plan.clock, known))
    if plan.unit == "seconds":  # which no number of updates says anything about
        return Run(plan.horizon, "", known.epochs, jump), findings
    clock, counted = known.clock(plan.clock), None
    if clock is not None and clock.epoch_size is not None and known.epochs is not None:
        counted = clock.updates_until(known.epochs, "epochs")
    if known.horizon is not None and counted not in (None, known.horizon):
        sentence = f"The run is said to make {known.horizon:,} updates, and {known.epochs:,} epochs make {counted:,}."
        mend = "Leave horizon out, or correct the sizes; what follows is for the horizon."
        findings.append(Finding("clock-mismatch", "warning", "horizon", sentence, mend))
    if known.horizon is not None:
        return Run(known.horizon, "as it is told", known.epochs, jump), findings
    if counted is not None and clock is not None:
        told = f"{known.epochs:,} epochs of {clock.epoch_size:,} samples in batches of {clock.global_batch:,}"
        return Run(counted, told, known.epochs, jump), findings
    return Run(plan.updates, "", known.epochs, jump), findings


def _contradictions(clock: Clock | None, known: Known) -> Found:
    if clock is None:
        return
    names = ("dataset_size", "batch_size", "accumulation", "world_size", "drop_last")
    for name in names:
        told, has = getattr(known, name), getattr(clock, "epoch_size" if name == "dataset_size" else name)
        if told is not None and has is not None and told != has:
            sentence = f"The run has {name}={told}, and the clock of the plan {has}."
            yield Finding("clock-mismatch", "warning", name, sentence, "Give the plan a Clock with the numbers of the run.")


# -- columns -----------------------------------------------------------------------------------------------------------


def columns_of(plan: Plan, names: list[str] | None, run: Run, bounds: Any) -> tuple[list[Column], list[Finding]]:
    """The scheduled values, equal ones once; of a plan that does not fit its groups, as they are written."""
    if run.updates is not None and plan.horizon is None and plan.unit == "updates":
        plan = msgspec.structs.replace(plan, horizon=run.updates)
    placed, findings = _placed(plan, names)
    if not placed and not findings:
        findings = [Finding("nothing-scheduled", "error", "plan", "The plan schedules nothing.", "Give it lr=, or another field.")]
    allowed = _bounds(bounds, [field for field, _, _ in placed])
    seen: set[tuple[str, Schedule]] = set()
    columns = []
    for field, place, written in placed:
        if (field, written) not in seen:
            seen.add((field, written))
            clock = None if plan.unit in ("updates", "seconds") else plan.clock
            schedule = written if clock is None else clock.on_updates(written, plan.unit)
            phases = on_updates(plan, parts(written))
            columns.append(Column(field, place, schedule, written, phases, allowed.get(field, (-inf, inf)), run.updates))
    return columns, findings


def _placed(plan: Plan, names: list[str] | None) -> tuple[list[tuple[str, str, Schedule]], list[Finding]]:
    """(field, place, schedule) of every column, and what cannot be looked at."""
    try:
        _, where, written = plan.met(names)
    except LrcoreError:  # the findings about groups say why
        return _as_written(plan)
    one_group = len({group for group, _ in where}) == 1
    columns = zip(where, written, strict=True)
    return [(field, field if one_group else f"{field} of group {group!r}", schedule) for (group, field), schedule in columns], []


def _as_written(plan: Plan) -> tuple[list[tuple[str, str, Schedule]], list[Finding]]:
    placed, findings = [], []
    for field, place, schedule in _written(plan):
        if schedule.resolved or plan.horizon is not None:
            placed.append((field, place, plan._resolved(schedule, place)))
        else:
            sentence = "Its lengths are fractions of a horizon, and the plan has none."
            findings.append(Finding("horizon-missing", "error", place, sentence, "Give the plan a horizon, or check(horizon=...)."))
    return placed, findings


def _written(plan: Plan) -> Iterator[tuple[str, str, Schedule]]:
    yield from ((field, field, schedule) for field, schedule in plan.defaults.items())
    for pattern, fields in plan.groups:
        written = ((field, schedule) for field, schedule in fields.items() if schedule is not None)
        yield from ((field, f"groups[{pattern!r}][{field!r}]", schedule) for field, schedule in written)


def _bounds(given: Any, fields: list[str]) -> dict[str, tuple[float, float]]:
    """{field: (lowest, highest)} that values may have."""
    known = dict.fromkeys(MEMORIES, (0.0, BELOW_ONE))
    wanted = given if isinstance(given, Mapping) else {} if given is None else {"lr": given}
    for field, bound in wanted.items():
        path = f"bounds[{field!r}]" if isinstance(given, Mapping) else "bounds"
        if field not in fields:
            raise SpecError(path, f"a field the plan schedules ({', '.join(dict.fromkeys(fields)) or 'none'})", field)
        pair = bound if isinstance(bound, tuple | list) else (-inf, bound)
        if len(pair) != 2:
            raise SpecError(path, "a highest value, or a pair (lowest, highest)", bound)
        low, high = (end if end in (-inf, inf) else number(end, path) for end in pair)
        if not low <= high:
            raise SpecError(path, "a lowest value that is not above the highest", bound)
        known[field] = low, high
    return known
