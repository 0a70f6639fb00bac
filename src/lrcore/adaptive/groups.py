"""The rules of a plan, each with the groups whose rate it drives."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np

from ..errors import PlanError, StateError
from .adaptation import Adaptation, Event, metric_of
from .rules import Rule

if TYPE_CHECKING:
    from ..plan import BoundPlan

_ALL = None
"""The pattern of a rule that is there for every group."""


class Adaptations:
    """The rules of a bound plan, running: `bound.begin()` makes them, bindings feed them and ask for the rates.

    bound : the plan with its groups
    machines : {pattern: Adaptation}, one for each rule; None is the pattern of a rule that is there for all groups

    A group's rate is driven by the first rule whose pattern matches its name. Groups of one rule share its machine and its events, and
    have minimum rates of their own.

    >>> import lrcore as lr
    >>> rule = lr.ReduceLROnPlateau(factor=0.5, patience=0)
    >>> rules = lr.Plan(lr.linear(1.0, 0.0, 4), adapt=rule).bind(["head", "body"]).begin()
    >>> [rules.observe(loss, step) for step, loss in enumerate([3.0, 3.0])]
    [[], [Event(step=1, factor=0.5)]]
    >>> rules.current(2)
    {'head': {'lr': 0.25}, 'body': {'lr': 0.25}}
    """

    def __init__(self, bound: BoundPlan) -> None:
        self.bound = bound
        self.machines: dict[str | None, Adaptation] = {pattern: rule.begin() for pattern, rule in rules_of(bound.plan.adapt)}
        driven = [name for name, field in bound.columns if field == "lr"]
        self._driver = drivers(bound.plan.adapt, driven)
        self._columns = {name: j for j, (name, field) in enumerate(bound.columns) if field == "lr" and name in self._driver}
        alike: dict[tuple[str | None, tuple[float, float]], list[str]] = {}
        for name in self._columns:
            pattern = self._driver[name]
            alike.setdefault((pattern, self.machines[pattern].limits(name)), []).append(name)
        self._alike = [  # columns that one call can apply the events to: of one machine, between the same limits
            (self.machines[pattern], names[0], np.array([self._columns[name] for name in names])) for (pattern, _), names in alike.items()
        ]

    @property
    def active(self) -> bool:
        """Whether there has been an event, so that the rates are other than the schedule's."""
        return any(machine.events for machine in self.machines.values())

    @property
    def groups(self) -> tuple[str, ...]:
        """The groups that have a rule."""
        return tuple(self._driver)

    def of(self, group: str) -> Adaptation | None:
        """The machine that drives a group; None if there is none. PlanError for a group that is not there."""
        if group not in self.bound.names:
            raise PlanError(f"There is no group {group!r}. There are {', '.join(map(repr, self.bound.names))}.")
        return self.machines[self._driver[group]] if group in self._driver else None

    # -- observing -----------------------------------------------------------------------------------------------------

    def observe(self, metric: Any, step: int, group: str | None = None) -> list[Event]:
        """Feed one metric to the rule of a group, or to all rules; returns the events that it makes.

        step : the step in force, whose rates the next update uses
        Raises as `Adaptation.observe` does, PlanError for a group without a rule; then nothing is changed.
        """
        if group is None:
            fed = list(self.machines)
        elif self.of(group) is None:
            raise PlanError(f"The group {group!r} has no rule. Observe for one of {', '.join(map(repr, self.groups))}.")
        else:
            fed = [self._driver[group]]
        value = metric_of(metric)
        row = self.bound.row(step).tolist()
        for pattern in fed:
            self.machines[pattern].check_step(step)
        events = []
        for pattern in fed:
            machine = self.machines[pattern]
            scheduled = {name: row[j] for name, j in self._columns.items() if self._driver[name] == pattern}
            if (event := machine.observe(value, step, scheduled)) is not None:
                events.append(event)
        return events

    # -- the values in force -------------------------------------------------------------------------------------------

    def row(self, step: int) -> np.ndarray:
        """The values in force of all columns at a step, as `BoundPlan.row`."""
        row = self.bound.row(step)
        for machine, name, columns in self._alike:
            rates = row[columns]
            machine.apply(rates, name)
            row[columns] = rates
        return row

    def apply(self, rows: np.ndarray, columns: Sequence[tuple[str, str]] | None = None) -> None:
        """Apply the events to float64 rows (steps, columns), in place; columns says what they are of, None the plan's."""
        for j, (name, field) in enumerate(self.bound.columns if columns is None else columns):
            if field == "lr" and name in self._driver:
                self.machines[self._driver[name]].apply(rows[:, j], name)

    def current(self, step: int) -> dict[str, dict[str, float]]:
        """The values in force at a step, by group and field, as `BoundPlan.current`."""
        values = self.bound.current(step)
        for name in self._columns:
            values[name]["lr"] = self.machines[self._driver[name]].rate(values[name]["lr"], name)
        return values

    # -- state ---------------------------------------------------------------------------------------------------------

    def state_dict(self) -> list[dict[str, Any]]:
        """What `make_state` takes for its events: one entry for each rule, of plain JSON types."""
        return [{"groups": pattern, **machine.state_dict()} for pattern, machine in self.machines.items()]

    def load_state_dict(self, entries: Iterable[Any]) -> None:
        """Go on from the events of a state; loading twice is the same as loading once.

        Entries meet the rules by their pattern and kind: a rule with other knobs goes on with them, a new one starts anew.
        Raises StateError for entries that are incomplete or altered; then nothing is changed.
        """
        ready = loaded(entries, self.bound.plan.adapt)
        for pattern, machine in self.machines.items():
            machine.load_state_dict(ready[pattern].state_dict())

    def __reduce__(self) -> tuple[Any, ...]:
        return _copied, (type(self), replace(self.bound), self.state_dict())  # a bound plan without its program


def _copied(kind: type[Adaptations], bound: BoundPlan, entries: list[dict[str, Any]]) -> Adaptations:
    rules = kind(bound)
    rules.load_state_dict(entries)
    return rules


def rules_of(adapt: Any) -> list[tuple[str | None, Rule]]:
    """(pattern, rule) of what a plan has for `adapt`; None is the pattern of a rule for all groups."""
    if adapt is None:
        return []
    if isinstance(adapt, Rule):
        return [(_ALL, adapt)]
    return [(pattern, rule) for pattern, rule in adapt if rule is not None]


def drivers(adapt: Any, names: Iterable[str]) -> dict[str, str | None]:
    """{group: the pattern of its rule}, for the groups that have one; PlanError for a pattern that matches none."""
    names = list(names)
    if isinstance(adapt, Rule):
        if not names:
            raise PlanError("adapt: the plan has a rule for the rate, and schedules lr for no group. Give it lr=, or leave the rule out.")
        return dict.fromkeys(names, _ALL)
    found: dict[str, str | None] = {}
    reached = set()
    taken: set[str] = set()
    for pattern, rule in adapt or ():
        matches = [pattern] if pattern in names else [name for name in names if re.fullmatch(pattern, name)]
        for name in matches:
            if name not in taken:
                taken.add(name)
                reached.add(pattern)
                if rule is not None:
                    found[name] = pattern
        if pattern not in reached:
            why = "is never reached: earlier patterns take" if matches else "matches none of the groups whose lr is scheduled, of"
            raise PlanError(f"adapt[{pattern!r}] {why} {', '.join(map(repr, matches or names))}. Correct the pattern, or leave it out.")
    return {name: found[name] for name in names if name in found}


def loaded(entries: Iterable[Any], adapt: Any) -> dict[str | None, Adaptation]:
    """{pattern: machine} for every rule of a plan, where the entries of a state left them; StateError."""
    machines = {pattern: rule.begin() for pattern, rule in rules_of(adapt)}
    for pattern, entry in carried(entries, adapt).items():
        machines[pattern].load_state_dict(entry)
    return machines


def left_behind(bound: BoundPlan, entries: Iterable[Any], new: Any) -> Adaptations:
    """The rules of an old plan with those events that do not go on under the rules of a new one."""
    entries = list(entries)
    kept = carried(entries, new)
    rules = bound.begin()
    rules.load_state_dict(entry for entry in entries if entry["groups"] not in kept)
    return rules


def carried(entries: Iterable[Any], adapt: Any) -> dict[str | None, dict[str, Any]]:
    """{pattern: state} for the rules of a plan that a state has an entry for, of the same kind; StateError for what is no entry."""
    rules = dict(rules_of(adapt))
    found: dict[str | None, dict[str, Any]] = {}
    for i, entry in enumerate(entries):
        if not isinstance(entry, Mapping) or "groups" not in entry or "rule" not in entry:
            raise StateError(f"The state is incomplete or altered: events[{i}] is no state of a rule. Load another checkpoint.")
        pattern = entry["groups"]
        rule = rules.get(pattern) if pattern is None or isinstance(pattern, str) else None
        if rule is not None and type(rule).__name__ == entry["rule"]:
            found[pattern] = {key: value for key, value in entry.items() if key != "groups"}
    return found
