"""The rules of a plan inside of an optimizer's state: metrics in, and rates that every update takes from there."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

import jax
import optax

import lrcore as lr

from .counts import Scheduled, schedule
from .rules import RuleState, RunningRule, adapt

RULES = "lrcore_rules"
"""The extra argument by which an update gives the states of the rules to its schedules."""


@dataclass(frozen=True)
class PlanRules:
    """The rules of a bound plan: which there are, and which group's rate each of them drives."""

    patterns: tuple[str | None, ...]
    machines: tuple[RunningRule, ...]
    driven: tuple[tuple[str, Scheduled, int], ...]
    """(group, what it schedules, place of its rule)"""

    @classmethod
    def of(cls, bound: lr.BoundPlan) -> PlanRules:
        running = bound.begin()
        patterns = tuple(running.machines)
        rates = {name: schedule(each) for (name, field), each in zip(bound.columns, bound.schedules, strict=True) if field == "lr"}
        places = {id(machine): i for i, machine in enumerate(running.machines.values())}
        return cls(
            patterns,
            tuple(adapt(machine.rule) for machine in running.machines.values()),
            tuple((name, rates[name], places[id(running.of(name))]) for name in running.groups),
        )

    def init(self) -> tuple[RuleState, ...]:
        return tuple(machine.init() for machine in self.machines)

    def restored(self, running: lr.Adaptations) -> tuple[RuleState, ...]:
        """The states of rules that ran on the host."""
        parts = zip(self.patterns, self.machines, strict=True)
        return tuple(machine.restored(running.machines[pattern].state_dict()) for pattern, machine in parts)

    def entries(self, states: tuple[RuleState, ...]) -> list[dict[str, Any]]:
        """What the state of a run has for its events, as `Adaptations.state_dict`."""
        parts = zip(self.patterns, self.machines, states, strict=True)
        return [{"groups": pattern, **machine.state_dict(state)} for pattern, machine, state in parts]

    def observed(self, states: tuple[RuleState, ...], metric: Any, count: Any, group: str | None) -> tuple[RuleState, ...]:
        """The states after a metric, for the rule of one group or for all."""
        if group is not None and group not in (known := [name for name, _, _ in self.driven]):
            raise lr.PlanError(f"The group {group!r} has no rule. Observe for one of {', '.join(map(repr, known))}.")
        fed = {i for name, _, i in self.driven if group in (None, name)}
        return tuple(
            machine.update(state, metric, count, {name: rate(count) for name, rate, j in self.driven if j == i}) if i in fed else state
            for i, (machine, state) in enumerate(zip(self.machines, states, strict=True))
        )


@partial(jax.tree_util.register_dataclass, data_fields=["inner", "states"], meta_fields=["rules"])
@dataclass(frozen=True)
class Observing:
    """The state of an optimizer whose plan has rules: the optimizer's own, and what the rules remember."""

    inner: Any
    states: tuple[RuleState, ...]
    rules: PlanRules


class Driven(optax.schedules.WrappedSchedule):  # type: ignore[misc]
    """A group's rate: its schedule, after the events of its rule."""

    def __init__(self, scheduled: Scheduled, machine: RunningRule, place: int, group: str) -> None:
        super().__init__(scheduled)
        self._machine, self._place, self._group = machine, place, group

    def __call__(self, state: Any, **extra: Any) -> Any:
        value = super().__call__(state)
        states = extra.get(RULES)
        return value if states is None else self._machine.rate(states[self._place], value, self._group)


def rates_of(rules: PlanRules) -> dict[str, Driven]:
    """What drives the rate of each group that has a rule."""
    return {name: Driven(scheduled, rules.machines[i], i, name) for name, scheduled, i in rules.driven}


def observing(inner: optax.GradientTransformationExtraArgs, rules: Callable[[Any], PlanRules]) -> optax.GradientTransformationExtraArgs:
    """An optimizer whose schedules are told what its rules remember. rules : what they are, of the parameters"""

    def init(params: Any) -> Observing:
        made = rules(params)
        return Observing(inner.init(params), made.init(), made)

    def update(updates: Any, state: Observing, params: Any = None, **extra: Any) -> Any:
        updates, new = inner.update(updates, state.inner, params, **extra, **{RULES: state.states})
        return updates, replace(state, inner=new)

    return optax.GradientTransformationExtraArgs(init, update)


def observe(opt_state: Any, metric: Any, group: str | None = None) -> Any:
    """The optimizer's state after its rules have seen a metric: the next update uses the rates that they decide on.

    opt_state : the state of an optimizer made by `optimizer` of a plan with `adapt`, also inside of `optax.chain` and others
    metric : a number or an array without dimensions, such as a loss on validation data; NaN and infinities too
    group : the group whose rule is meant; None means all rules

    A pure function, which may be part of a compiled step. Raises StateError for a state without rules, PlanError for a group without one.

    >>> import jax.numpy as jnp, lrcore as lr, optax
    >>> from lrcore_jax import events, optimizer
    >>> tx = optimizer(optax.sgd, lr.Plan(0.5, adapt=lr.ReduceLROnPlateau(factor=0.1, patience=0)))
    >>> params = jnp.zeros(2)
    >>> opt_state = tx.init(params)
    >>> for loss in (1.0, 1.0):
    ...     opt_state = observe(opt_state, loss)
    >>> updates, opt_state = tx.update(jnp.ones(2), opt_state, params)
    >>> updates, events(opt_state)
    (Array([-0.05, -0.05], dtype=float32), {None: [Event(step=0, factor=0.1)]})
    """

    def after(node: Any) -> Any:
        if not isinstance(node, Observing):
            return node
        return replace(node, states=node.rules.observed(node.states, metric, _count(node.inner), group))

    observing_of(opt_state)
    return jax.tree.map(after, opt_state, is_leaf=lambda node: isinstance(node, Observing))


def events(opt_state: Any) -> Mapping[str | None, list[lr.Event]]:
    """{pattern: events so far} of the rules in an optimizer's state; None is the pattern of a rule for all groups.

    The log of a rule keeps 256 events; of more, the oldest are merged into one. Raises StateError for a state without rules.
    """
    found = observing_of(opt_state)
    parts = zip(found.rules.patterns, found.rules.machines, found.states, strict=True)
    return {pattern: machine.events(state) for pattern, machine, state in parts}


def observing_of(opt_state: Any) -> Observing:
    """The part of a state that has rules; StateError where there is none."""
    for node in jax.tree.leaves(opt_state, is_leaf=lambda node: isinstance(node, Observing)):
        if isinstance(node, Observing):
            return node
    raise lr.StateError("This optimizer state has no rules. Pass that of lrcore_jax.optimizer with a plan that has adapt=.")


def _count(inner: Any) -> Any:
    """Updates so far: what the first of the counters in an optimizer's state says."""
    held = optax.schedules.InjectStatefulHyperparamsState
    found = (node for node in jax.tree.leaves(inner, is_leaf=lambda node: isinstance(node, held)) if isinstance(node, held))
    return next(found).count
