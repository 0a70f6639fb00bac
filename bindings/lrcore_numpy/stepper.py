"""A counter of steps that has the values of a plan at hand, for a loop that is written by hand."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from copy import copy
from typing import Any

import lrcore as lr

from .places import write

Column = str | tuple[str, str]
"""A field of the only group, or a group and a field."""


class Stepper:
    """The values of a plan, step by step: after k calls of `step()` it has those of step k, as float64.

    plan : a Plan, or a Schedule that is the plan of `lr`
    names : the groups, where the plan has patterns or the loop has groups the plan does not name; None takes the plan's own
    on_change : what `load_state_dict` does if the checkpoint was made with another plan: "error" shows the differences, "keep"
        goes on with the checkpoint's plan, "replace" with this one at that step, "rebase" with this one scaled to go on from
        the value in force
    clock : the RunClock that a plan in seconds follows; None makes one. The times it observes are part of the state

    It starts at step 0. Use its values in an update, then call `step()`: `stepper.value` where the plan has one, `stepper["momentum"]`
    where it has one group, `stepper["head", "lr"]`, or `current()` for all of them; `apply` writes them into an object.

    Raises PlanError for names that do not fit the plan; SpecError for arguments, and for steps that the plan refuses.

    >>> import lrcore as lr
    >>> stepper, weight = Stepper(lr.linear(1.0, 0.0, steps=4)), 10.0
    >>> for _ in range(3):
    ...     weight -= stepper.value * 1.0
    ...     print(stepper.step(), weight)
    1 9.0
    2 8.25
    3 7.75
    """

    def __init__(
        self, plan: lr.Plan | lr.BoundPlan | lr.Schedule, names: Iterable[str] | None = None, on_change: lr.OnChange = "error",
        clock: lr.RunClock | None = None,
    ) -> None:  # fmt: skip
        if on_change not in lr.ON_CHANGE:
            raise lr.SpecError("on_change", f"one of {', '.join(lr.ON_CHANGE)}", on_change)
        self.on_change = on_change
        self._base: dict[str, dict[str, float]] = {}
        self._clock = lr.RunClock() if isinstance(plan, lr.Plan) and plan.unit == "seconds" and clock is None else clock
        self._follow(lr.bound_plan(plan, names, self._clock), 0)

    def _follow(self, bound: lr.BoundPlan, step: int, events: Iterable[Any] = ()) -> None:
        """Go on with a plan at a step, after the events of its rules. Nothing is changed before the row is there."""
        rules = None if bound.plan.adapt is None else bound.begin()
        if rules is not None:
            rules.load_state_dict(events)
        held: dict[str, dict[str, float]] = {name: {} for name in bound.names}
        rows, fields = [held[name] for name, _ in bound.columns], [field for _, field in bound.columns]
        lr.write_row(bound.program, self._at(step), rows, fields)
        self._bound, self._position, self._held, self._rows, self._fields = bound, step, held, rows, fields
        self._rules = rules
        self._adapt()

    def _adapt(self) -> None:
        """Let the events of the rules be in the row that was just written."""
        if self._rules is not None and self._rules.active:
            for name in self._rules.groups:
                if (machine := self._rules.of(name)) is not None:
                    self._held[name]["lr"] = machine.rate(self._held[name]["lr"], name)

    def _at(self, step: int) -> int:
        """Where on the program's clock a step is: of a plan in seconds at the time before it, which is now for the next one."""
        return step if self._clock is None else self._clock.microseconds(step)

    # -- stepping ------------------------------------------------------------------------------------------------------

    def step(self) -> int:
        """Go on to the next step, and return it. Raises SpecError if the plan refuses it; the one in force then stays."""
        step = self._position + 1
        lr.write_row(self._bound.program, self._at(step), self._rows, self._fields)
        self._position = step
        if self._rules is not None:
            self._adapt()
        return step

    def seek(self, step: int) -> None:
        """Go to a step. Raises SpecError for one outside [0, 2**53]; the one in force then stays.

        >>> import lrcore as lr
        >>> stepper = Stepper(lr.linear(1.0, 0.0, steps=4))
        >>> stepper.seek(3)
        >>> stepper.value
        0.25
        """
        if self._clock is not None and step < self._position:
            self._clock.rewind(step)
        lr.write_row(self._bound.program, self._at(step), self._rows, self._fields)
        self._position = step
        self._adapt()

    def observe(self, metric: Any, group: str | None = None) -> list[lr.Event]:
        """Feed a metric to the plan's rule; an event it makes is in force at once. Returns the events, as a rule an empty list.

        metric : a number, or an array without dimensions
        group : with a rule for each of several groups, whose; None is every rule
        Raises PlanError for a plan or group without a rule; SpecError for what is no metric, StateError for a step before that of the
        last observation. Then everything stays as it was.

        >>> import lrcore as lr
        >>> stepper = Stepper(lr.Plan(lr.linear(1.0, 0.0, steps=4), adapt=lr.ReduceLROnPlateau(factor=0.5, patience=0)))
        >>> for loss in 3.0, 3.0, 2.0:
        ...     step = stepper.step()
        ...     print(stepper.observe(loss), stepper.value)
        [] 0.75
        [Event(step=2, factor=0.5)] 0.25
        [] 0.125
        """
        if self._rules is None:
            raise lr.PlanError("The plan has no rule that a metric could go to. Give it one: Plan(..., adapt=lr.ReduceLROnPlateau()).")
        events = self._rules.observe(metric, self._position, group)
        if events:
            self.seek(self._position)
        return events

    def replace(self, plan: lr.Plan | lr.Schedule, on_change: lr.OnChange = "replace") -> None:
        """Go on with another plan from the step in force: with its value there, or with on_change="rebase" from the value in force.

        For the rest on_change is what it is for `load_state_dict`. Raises as that does; the old plan then stays.

        >>> import lrcore as lr
        >>> hold = lr.wsd(1.0, warmup=10)
        >>> stepper = Stepper(hold)
        >>> stepper.seek(500)
        >>> stepper.replace(hold.override(at=500, stop=0.0, steps=4))
        >>> stepper.step(), stepper.value
        (501, 0.75)
        """
        ours = lr.bound_plan(plan, None if isinstance(plan, lr.BoundPlan) else self.names, self._clock).plan
        self._take_over(self.state_dict(), ours, on_change, live=True)

    def bind(self, names: Iterable[str]) -> None:
        """Go on with other groups: one that is added on the way, or no longer trained. Raises PlanError; the old ones then stay.

        >>> import lrcore as lr
        >>> stepper = Stepper(lr.linear(1.0, 0.0, steps=4), ["head"])
        >>> stepper.bind(["head", "body"])
        >>> stepper["body", "lr"]
        1.0
        """
        self._follow(lr.bound_plan(self.plan, names, self._clock), self._position, self._events())

    # -- what is in force ----------------------------------------------------------------------------------------------

    @property
    def plan(self) -> lr.Plan:
        """The plan in force."""
        return self._bound.plan

    @property
    def names(self) -> tuple[str, ...]:
        """The groups."""
        return self._bound.names

    @property
    def position(self) -> int:
        """The step in force."""
        return self._position

    @property
    def value(self) -> float:
        """The value in force of a plan that has one; PlanError for one that has more."""
        if len(self._rows) != 1:
            first = self._bound.columns[0]
            asked = repr(first[1]) if len(self.names) == 1 else f"{first[0]!r}, {first[1]!r}"
            raise lr.PlanError(f"The plan has {len(self._rows):,} values a step, {self._listed()}. Say which, as in stepper[{asked}].")
        return self._rows[0][self._fields[0]]

    def __getitem__(self, column: Column) -> float:
        """The value in force of a field, or of (group, field); PlanError for one that the plan does not have.

        >>> import lrcore as lr
        >>> stepper = Stepper(lr.Plan(lr.linear(1.0, 0.0, steps=4), momentum=0.9))
        >>> stepper["lr"], stepper["default", "momentum"]
        (1.0, 0.9)
        """
        try:
            if not isinstance(column, str):
                group, field = column
                return self._held[group][field]
            if len(self._held) == 1:
                return self._rows[0][column]
        except (KeyError, TypeError, ValueError):
            pass
        of = "a field" if len(self._held) == 1 else "a group and a field"
        raise lr.PlanError(f"The plan has no {column!r}. Ask for {of}: it has {self._listed()}.")

    def _listed(self) -> str:
        single = len(self.names) == 1
        shown = [repr(field) if single else f"({name!r}, {field!r})" for name, field in self._bound.columns[:12]]
        return ", ".join(shown) + ", ..." * (len(self._rows) > 12)

    def current(self) -> dict[str, dict[str, float]]:
        """The values in force, by group and field: a copy, which later steps leave alone.

        >>> import lrcore as lr
        >>> Stepper(lr.Plan(0.1, momentum=0.9)).current()
        {'default': {'lr': 0.1, 'momentum': 0.9}}
        """
        return {name: dict(fields) for name, fields in self._held.items()}

    def apply(self, target: Any, places: str | Mapping[str, Column] | None = None) -> None:
        """Write the values in force into an object: into entries of dictionaries and lists, and attributes of anything else.

        target : the object, or a dictionary of several
        places : None writes every value where the object calls it by the name of its field; of several groups, each into the entry
            or attribute of its name. A string is the place of a plan's only value. Otherwise {place: field}, or
            {place: (group, field)}, and nothing else is written. Dots lead inwards: "optimizer.lr", "layers.0.rate".

        Where a number stands a Python float is put; an array of one element is filled in place. Raises PlanError for a place that is
        missing, holds no number or cannot be set, and then everything stays as it was.

        >>> import lrcore as lr
        >>> stepper, settings = Stepper(lr.Plan(0.5, momentum=0.9)), {"lr": 0.0, "momentum": 0.0, "sgd": {"eta0": 0.0}}
        >>> stepper.apply(settings, {"sgd.eta0": "lr"})
        >>> settings
        {'lr': 0.0, 'momentum': 0.0, 'sgd': {'eta0': 0.5}}
        >>> stepper.apply(settings)
        >>> settings
        {'lr': 0.5, 'momentum': 0.9, 'sgd': {'eta0': 0.5}}
        """
        if places is None:
            inward = len(self._held) > 1
            named = [((name, field) if inward else (field,), row[field]) for name, row in self._held.items() for field in row]
            write(target, named)
        elif isinstance(places, str):
            write(target, [(tuple(places.split(".")), self.value)])
        elif isinstance(places, Mapping):
            write(target, [(tuple(str(place).split(".")), self[column]) for place, column in places.items()])
        else:
            raise lr.SpecError("places", "a place, or a mapping from places to fields", places)

    # -- state ---------------------------------------------------------------------------------------------------------

    def state_dict(self) -> dict[str, Any]:
        """Step, plan and fingerprint, in plain Python types; a few hundred bytes, whatever the length of the run."""
        times = {} if self._clock is None else self._clock.binding()
        return lr.make_state(self._bound, self._position, self._bound.current(0) | self._base, self._events(), times)

    def _events(self) -> list[dict[str, Any]]:
        return [] if self._rules is None else self._rules.state_dict()

    def load_state_dict(self, state_dict: Mapping[str, Any]) -> None:
        """Go to the step of a state, which may come from another binding. Loading twice is the same as loading once.

        Raises StateError for the state of another plan, unless on_change says what to do with it, and for one that is incomplete or
        altered; PlanError for a plan that does not fit the groups. Everything then stays as it was.

        >>> import lrcore as lr
        >>> stopped, resumed = Stepper(lr.linear(1.0, 0.0, steps=4)), Stepper(lr.linear(1.0, 0.0, steps=4))
        >>> stopped.seek(3)
        >>> resumed.load_state_dict(stopped.state_dict())
        >>> resumed.position, resumed.value
        (3, 0.25)
        """
        self._take_over(state_dict, self.plan, self.on_change)
        saved = lr.base_of(state_dict)
        self._base |= {name: saved[name] for name in self.names if name in saved}

    def _take_over(self, state: Mapping[str, Any], ours: lr.Plan, on_change: lr.OnChange, live: bool = False) -> None:
        plan, step = lr.check_state(state, ours, on_change, self.names)
        bound = self._bound if plan == self.plan else lr.bound_plan(plan, self.names, self._clock)
        if self._clock is not None and not live:
            bound.program.row(self._clock.saved(state))  # a plan that refuses it is met before anything is changed
            self._clock.load(state)
        self._follow(bound, max(step, 0), lr.events_of(state))

    def __reduce__(self) -> tuple[Any, ...]:
        return _copied, (type(self), self.plan, self.names, self.on_change, copy(self._clock), self.state_dict())

    def __repr__(self) -> str:
        return f"{type(self).__name__}(step {self._position:,}, {len(self.names):,} groups, plan {self.plan.fingerprint[:12]})"


def _copied(
    kind: type[Stepper], plan: lr.Plan, names: tuple[str, ...], on_change: lr.OnChange, clock: lr.RunClock | None, state: dict[str, Any]
) -> Stepper:
    stepper = kind(plan, names, on_change, clock)
    stepper.load_state_dict(state)
    return stepper
