"""A plan: which schedule drives which field of which parameter group, as one value."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any

import msgspec
import numpy as np
from msgspec.structs import force_setattr

from ..adaptive.rules import AnyRule, Rule, checked_adapt
from ..checks import whole
from ..clocks import UNITS, Clock, Unit
from ..document import FORMAT, fingerprint
from ..errors import PlanError, SpecError
from ..schedule import AnySchedule, Number, Schedule, as_schedule
from .bound import BoundPlan
from .fields import KEYWORDS, NO_FIELDS, Fields, checked_fields, rank
from .names import OF_A_REGEX, checked_names, listed

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from ..changes import PlanDiff
    from ..drawing.step_axis import Scale
    from ..findings.finding import Findings
    from ..introspect import Explanation, Phases
    from ..run_clock import RunClock
    from ..table import Table

Given = Schedule | Number | None


class _FirstField(msgspec.Struct, frozen=True, omit_defaults=True, forbid_unknown_fields=True):
    lr: AnySchedule | None = None


class Plan(_FirstField, frozen=True, kw_only=True):
    """(group, field) -> Schedule, for a run of `horizon` updates: an immutable value that compares, hashes, prints and stores.

    lr, momentum, beta1, beta2, weight_decay : Schedule, number (a constant) or None (not scheduled), for every group
    fields : the same for any other field, by name
    groups : {pattern: {field: Schedule, number or None}}. A pattern is the name of a group, or a regular expression its
        whole name matches; the first pattern that matches a group wins, and its fields stand in for the plan's. None freezes
        the field: the group keeps the value it has.
    horizon : the length of the run, >= 1, in updates or in `unit`; what fractions of the horizon refer to
    unit : what every length counts: "updates", "microbatches", "samples", "tokens", "epochs", or "seconds" of a RunClock. Step t is
        update t all the same, and has the values after the units that were processed before it
    clock : the Clock that says how many units an update has
    adapt : a rule such as ReduceLROnPlateau(), which changes `lr` as the metrics of the run go, or {pattern: rule, or None}, where the
        first pattern that matches a group wins. It is fed by `observe` of a binding; tables show what the schedules say

    Raises SpecError for what no plan can mean, TypeError for an unknown keyword.

    >>> import lrcore as lr
    >>> plan = lr.Plan(lr.linear(1.0, 0.0, 4), weight_decay=0.1, groups={"head": {"lr": 2.0}}, horizon=4)
    >>> plan.bind(["head", "body"]).columns
    (('head', 'lr'), ('head', 'weight_decay'), ('body', 'lr'), ('body', 'weight_decay'))
    >>> plan == eval(repr(plan), vars(lr)) == lr.from_json(plan.to_json())
    True
    """

    momentum: AnySchedule | None = None
    beta1: AnySchedule | None = None
    beta2: AnySchedule | None = None
    weight_decay: AnySchedule | None = None
    fields: dict[str, AnySchedule] = NO_FIELDS
    groups: tuple[tuple[str, dict[str, AnySchedule | None]], ...] = ()
    horizon: int | None = None
    unit: Unit = "updates"
    clock: Clock | None = None
    adapt: AnyRule | tuple[tuple[str, AnyRule | None], ...] | None = None

    if TYPE_CHECKING:  # what a caller may write, which is more than what is kept

        def __init__(
            self, lr: Given = None, *, momentum: Given = None, beta1: Given = None, beta2: Given = None, weight_decay: Given = None,
            fields: Mapping[str, Given] = ..., groups: Mapping[str, Mapping[str, Given]] | Iterable[tuple[str, Mapping[str, Given]]] = ...,
            horizon: int | None = None, unit: Unit = "updates", clock: Clock | None = None,
            adapt: Rule | Mapping[str, Rule | None] | Iterable[tuple[str, Rule | None]] | None = None,
        ) -> None: ...  # fmt: skip

    def __post_init__(self) -> None:
        fields = checked_fields(self.fields, "fields")
        for field in KEYWORDS:
            value = getattr(self, field)
            if fields.get(field) is not None:
                if value is not None:
                    raise SpecError(
                        f"fields[{field!r}]", "a field that is not given as a keyword too", fields[field], "Leave one of them out."
                    )
                value = fields[field]
            if value is not None:
                force_setattr(self, field, as_schedule(value, field))
        others = {field: value for field, value in fields.items() if value is not None and field not in KEYWORDS}
        force_setattr(self, "fields", Fields(others) if others else NO_FIELDS)
        force_setattr(self, "groups", tuple(self._checked_groups()) or ())
        self._check_clock()
        force_setattr(self, "adapt", checked_adapt(self.adapt))
        if self.horizon is not None:
            force_setattr(self, "horizon", whole(self.horizon, "horizon", low=1))
            for path, schedule in self._parts():
                self._resolved(schedule, path)

    def _check_clock(self) -> None:
        if self.unit not in UNITS:
            raise SpecError("unit", f"one of {', '.join(UNITS)}", self.unit)
        if self.unit == "updates":
            force_setattr(self, "unit", "updates")  # the default itself, which the JSON leaves out by identity
        if not isinstance(self.clock, Clock | None):
            raise SpecError("clock", "a Clock or None", self.clock, "Write clock=lr.Clock(batch_size=...).")
        if self.unit in ("updates", "seconds"):
            return
        if self.clock is None:
            hint = "Write clock=lr.Clock(batch_size=...)."
            raise SpecError("clock", f"a Clock, which says how many {self.unit} an update has", None, hint)
        self.clock.samples_per(self.unit)

    def _checked_groups(self) -> Iterable[tuple[str, Fields]]:
        given: Any = self.groups
        pairs = list(given.items() if isinstance(given, Mapping) else given if isinstance(given, tuple | list) else [given])
        seen = set()
        for pair in pairs:
            if not isinstance(pair, tuple | list) or len(pair) != 2:
                raise SpecError("groups", "a mapping from patterns to fields", given, 'Write groups={"head": {"lr": ...}}.')
            pattern, fields = pair
            if not isinstance(pattern, str) or not pattern:
                raise SpecError("groups", "patterns that are strings", pattern)
            if pattern in seen:
                raise SpecError("groups", "every pattern once", pattern)
            seen.add(pattern)
            if not OF_A_REGEX.isdisjoint(pattern):
                try:
                    re.compile(pattern)
                except re.error as error:
                    raise SpecError("groups", f"names or regular expressions ({error})", pattern) from None
            yield pattern, checked_fields(fields, f"groups[{pattern!r}]")

    def _parts(self) -> Iterable[tuple[str, Schedule]]:
        """Every schedule of the plan with where it stands."""
        yield from ((path, schedule) for path, schedule in self.defaults.items())
        for pattern, fields in self.groups:
            yield from ((f"groups[{pattern!r}][{field!r}]", schedule) for field, schedule in fields.items() if schedule is not None)

    def _resolved(self, schedule: Schedule, path: str) -> Schedule:
        """The schedule without fractions of the horizon."""
        if schedule.resolved:
            return schedule
        if self.horizon is None:
            raise SpecError("horizon", f"a number of {self.unit}", None, f"The lengths in {path} are fractions of it.")
        try:
            return schedule.over(self.horizon)
        except SpecError as error:
            raise SpecError(f"{path}.{error.path}", error.expected, error.got, error.hint) from None

    def __repr__(self) -> str:
        shown = {field: getattr(self, field) for field in (*KEYWORDS, "horizon", "clock")}
        shown["unit"] = None if self.unit == "updates" else self.unit
        shown["fields"], shown["groups"] = self.fields or None, dict(self.groups) or None
        shown["adapt"] = dict(self.adapt) if isinstance(self.adapt, tuple) else self.adapt
        return f"Plan({', '.join(f'{name}={shown[name]!r}' for name in self.__struct_fields__ if shown[name] is not None)})"

    @property
    def defaults(self) -> Fields:
        """The plan's own fields: what a group has where no pattern says otherwise."""
        keywords = {field: getattr(self, field) for field in KEYWORDS if getattr(self, field) is not None}
        return Fields({**keywords, **self.fields})

    def to_json(self) -> str:
        """The plan as a JSON document, the same for equal plans; `lr.from_json` reads it back."""
        return msgspec.json.encode(PlanDocument(FORMAT, self)).decode()

    @property
    def fingerprint(self) -> str:
        """SHA-256 of the JSON document, in hexadecimal."""
        return fingerprint(self.to_json())

    def bind(self, names: Iterable[str] | None = None) -> BoundPlan:
        """Meet the plan with the groups there are.

        names : the groups, in order, each once. None takes the plan's own: the patterns if all are plain names, `default` if
            there are none.
        Raises PlanError if a pattern matches no group or is hidden by earlier ones, if names repeat, or if nothing is scheduled;
        SpecError for fractions of a horizon the plan does not have. A plan in seconds is bound by the clock it runs on:
        `run_clock.bind(plan, names)`.
        """
        if self.unit == "seconds":
            raise PlanError(
                "A plan in seconds has no values by update before the run. Bind it with run_clock.bind(plan, names), or give the clock to "
                "what follows the plan, as in PlanScheduler(optimizer, plan, clock=lr.RunClock()); run_clock.replay(plan) is the plan of "
                "a run that has been. It cannot be rebased."
            )
        known, columns, schedules = self.met(names)
        if self.clock is not None:
            schedules = tuple(self.clock.on_updates(schedule, self.unit) for schedule in schedules)
        return BoundPlan(self, known, columns, schedules)

    def met(self, names: Iterable[str] | None = None) -> tuple[tuple[str, ...], tuple[tuple[str, str], ...], tuple[Schedule, ...]]:
        """(names, columns, schedules) as a BoundPlan has them, with schedules whose lengths still count units; errors as for `bind`."""
        written = self.written(names)
        columns = tuple((name, field) for name, fields in written.items() for field in fields)
        if not columns:
            raise PlanError(f"The plan schedules nothing for the groups {listed(written)}. Give it lr=, or another field.")
        schedules = tuple(self._resolved(written[name][field], f"{field} of group {name!r}") for name, field in columns)
        if self.adapt is not None:
            from ..adaptive.groups import drivers

            drivers(self.adapt, [name for name, field in columns if field == "lr"])
        return tuple(written), columns, schedules

    @property
    def updates(self) -> int | None:
        """The horizon in updates; None without a horizon, and for a plan in seconds, which ends when its time is over.

        >>> import lrcore as lr
        >>> lr.Plan(1e-3, horizon=10**9, unit="tokens", clock=lr.Clock(batch_size=256, sequence_length=1024)).updates
        3815
        """
        if self.horizon is None or self.unit == "seconds":
            return None
        return self.horizon if self.clock is None else self.clock.updates_until(self.horizon, self.unit)

    def written(self, names: Iterable[str] | None = None) -> dict[str, dict[str, Schedule]]:
        """{group: {field: schedule}} as written, fractions of the horizon included; names and errors as for `bind`."""
        known = self._own_names() if names is None else checked_names(names)
        chosen = self._chosen(known)
        defaults = self.defaults
        written = {}
        for name in known:
            fields = {**defaults, **chosen.get(name, NO_FIELDS)}
            written[name] = {field: fields[field] for field in sorted(fields, key=rank) if fields[field] is not None}
        return written

    def _own_names(self) -> tuple[str, ...]:
        for pattern, _ in self.groups:
            if not OF_A_REGEX.isdisjoint(pattern):
                raise PlanError(f"groups[{pattern!r}] is a pattern, so the names of the groups are needed. Call plan.bind(names) first.")
        return tuple(pattern for pattern, _ in self.groups) or ("default",)

    def _chosen(self, names: tuple[str, ...]) -> dict[str, dict[str, AnySchedule | None]]:
        """Group name -> the fields of the first pattern that matches it."""
        taken: dict[str, str] = {}
        known = set(names)
        for pattern, _ in self.groups:
            matches = [pattern] if pattern in known else [name for name in names if re.fullmatch(pattern, name)]
            if not matches:
                from difflib import get_close_matches

                near = get_close_matches(pattern, names, 1)
                hint = f"Did you mean {near[0]!r}?" if near else "Correct the pattern, or leave it out."
                raise PlanError(f"groups[{pattern!r}] matches none of the groups {listed(names)}. {hint}")
            free = [name for name in matches if name not in taken]
            if not free:
                first = f"groups[{taken[matches[0]]!r}]"
                raise PlanError(f"groups[{pattern!r}] is never reached: {first} comes first and takes {listed(matches)}. Write it earlier.")
            taken.update(dict.fromkeys(free, pattern))
        fields = dict(self.groups)
        return {name: fields[pattern] for name, pattern in taken.items()}

    def table(self, count: int | None = None, start: int = 0, *, dtype: Any = np.float64) -> Table:
        """The values of `count` updates from `start`, one row each: `plan.bind().table(...)`.

        >>> import lrcore as lr
        >>> lr.Plan(lr.linear(1.0, 0.0, 4), momentum=0.9).table(3)[1]
        array([0.75, 0.9 ])
        """
        return self.bind().table(count, start, dtype=dtype)

    def diff(self, other: Plan) -> PlanDiff:
        """What changes from this plan to the other, as data; `str` of it is the text.

        >>> import lrcore as lr
        >>> print(lr.Plan(lr.linear(1.0, 0.0, 4)).diff(lr.Plan(lr.linear(1.0, 0.5, 4))))
        lr.stop: 0.0 -> 0.5, values differ from step 1
        """
        from ..changes import diff_plans

        return diff_plans(self, other)

    def phases(self, names: Iterable[str] | None = None) -> Phases:
        """The phases of every column, in updates; `str` of it is a table. names, and errors, as for `bind`.

        >>> import lrcore as lr
        >>> print(lr.Plan(lr.warmup_cosine(0.1, warmup=10, steps=100), weight_decay=0.1, horizon=100).phases())
        group    field         phase     first  end  start  stop
        default  lr            linear    0      10   0      0.09
        default  lr            cosine    10     100  0.1    3.04586e-05
        default  weight_decay  constant  0      -    0.1    0.1
        """
        from ..introspect import plan_phases

        return plan_phases(self, names)

    def explain(self, step: int, group: str | None = None, field: str = "lr") -> Explanation:
        """Which pattern, phase and terms give a value; `str` of it is a tree.

        group : None takes the first. Raises PlanError for what the plan does not schedule.

        >>> import lrcore as lr
        >>> print(lr.Plan(groups={"head": {"lr": 0.5 * lr.linear(1.0, 0.0, 4)}}).explain(1, "head"))
        lr of group 'head' at update 1 = 0.375
        └─ groups['head']['lr']: product of 2 at step 1 = 0.375
           ├─ terms[0]: constant = 0.5
           └─ terms[1]: linear from 1.0 to 0.0 in 4 steps, at its step 1 = 0.75
        """
        from ..introspect import plan_explain

        return plan_explain(self, step, group, field)

    def check(
        self, *, horizon: int | None = None, dataset_size: int | None = None, batch_size: int | None = None,
        accumulation: int | None = None, world_size: int | None = None, epochs: int | None = None, drop_last: bool | None = None,
        optimizer: Any = None, names: Iterable[str] | None = None,
        bounds: float | tuple[float, float] | Mapping[str, float | tuple[float, float]] | None = None, jump: float = 2.0,
    ) -> Findings:  # fmt: skip
        """Mistakes the plan can be seen to have before the run; what it is not told about the run it leaves out.

        horizon : updates the run makes; else they are counted from what follows, else the plan's own
        dataset_size, epochs : samples of an epoch, and how many; batch_size, accumulation, world_size, drop_last : as of a Clock,
            whose numbers stand in where the plan has one
        optimizer : anything with param_groups, a Keras optimizer, a factory, or the names of its fields; its groups are the names
        names : the groups there are
        bounds : the highest rate allowed, a pair (lowest, highest), or {field: either}
        jump : by what factor neighbouring phases may differ where they meet, > 1
        Raises SpecError for arguments that mean nothing; what is wrong with the plan is a finding.

        >>> import lrcore as lr
        >>> print(lr.Plan(lr.warmup_cosine(0.1, warmup=100, steps=1000)).check(dataset_size=50_000, batch_size=250, epochs=10))
        error    horizon-mismatch      lr
                 The plan is for 1,000 updates, and the run makes 2,000 (10 epochs of 50,000 samples in batches of
                 250): the last 1,000 updates have lr 0. Plan for 2,000 updates.
        note     zero-start            lr
                 Update 0 has rate 0: it computes gradients and changes nothing. If that is not meant, start at a
                 small value.
        """
        from ..findings.check import check_plan

        return check_plan(
            self, horizon=horizon, dataset_size=dataset_size, batch_size=batch_size, accumulation=accumulation, world_size=world_size,
            epochs=epochs, drop_last=drop_last, optimizer=optimizer, names=names, bounds=bounds, jump=jump,
        )  # fmt: skip

    def plot(
        self, steps: int | None = None, axes: Any = None, *, groups: Iterable[str] | None = None, fields: Iterable[str] | None = None,
        log: bool = False, phases: bool = True, scale: Scale = "auto", unit: Unit | None = None, clock: Clock | None = None,
    ) -> list[Axes]:  # fmt: skip
        """Draw every field over `steps` updates with matplotlib: `plan.bind().plot(...)`.

        >>> import lrcore as lr
        >>> plan = lr.Plan(lr.linear(1.0, 0.0, 100), momentum=0.9)
        >>> [ax.get_ylabel() for ax in plan.plot()]
        ['lr', 'momentum']
        """
        bound = self.bind()
        return bound.plot(steps, axes, groups=groups, fields=fields, log=log, phases=phases, scale=scale, unit=unit, clock=clock)

    def _repr_png_(self) -> Any:
        """The picture a notebook shows; None where there is no matplotlib, or nothing to draw."""
        from ..drawing.notebook import picture

        return picture(self)


class PlanDocument(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The JSON document of a plan."""

    lrcore: int
    plan: Plan


def bound_plan(plan: Any, names: Iterable[str] | None = None, clock: RunClock | None = None) -> BoundPlan:
    """What a function may be given for a plan: a Plan, met with `names`; a bare Schedule, for the group "default"; a BoundPlan.

    clock : the RunClock of a plan in seconds
    Raises SpecError for anything else, and for names of a BoundPlan, which has its own; PlanError as `bind` does.

    >>> import lrcore as lr
    >>> bound_plan(lr.linear(1.0, 0.0, 4)).columns
    (('default', 'lr'),)
    """
    if isinstance(plan, BoundPlan):
        if names is not None:
            raise SpecError("names", "None with a BoundPlan", names, "It has names of its own.")
        if clock is not getattr(plan, "run_clock", None):
            hint = "For a table of a run in seconds take run_clock.replay(plan)."
            raise SpecError("clock", "the RunClock that the plan is bound to, or None if it is bound to none", clock, hint)
        return plan
    if isinstance(plan, Schedule):
        plan = Plan(plan)
    if not isinstance(plan, Plan):
        raise SpecError("plan", "a Plan, a BoundPlan or a Schedule", plan)
    return plan.bind(names) if clock is None else clock.bind(plan, names)
