"""What the state of an optax optimizer says of its plan, and states that move to and from other frameworks."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import jax
import jax.numpy as jnp
import optax

import lrcore as lr

from .counts import LAST
from .fields import field_of
from .observing import Observing, PlanRules
from .optimizers import ALONE

_HELD = optax.schedules.InjectStatefulHyperparamsState
_PARTS = optax.transforms.PartitionState


def current(opt_state: Any) -> dict[str, dict[str, float]]:
    """The values that an optimizer's state holds, by group and field, as float32: those of the last update.

    opt_state : the state of an optimizer made by `optimizer`, also inside of `optax.chain`, `optax.MultiSteps` and others
    Before the first update, and after `restore`, they are those of the next one. Raises StateError for a state without schedules.

    >>> import jax.numpy as jnp, lrcore as lr, optax
    >>> from lrcore_jax import optimizer
    >>> current(optimizer(optax.sgd, lr.Plan(0.5, momentum=0.75)).init(jnp.zeros(3)))
    {'default': {'lr': 0.5, 'momentum': 0.75}}
    """
    values: dict[str, dict[str, float]] = {}
    for name, states in _found(opt_state).items():
        fields = [(field_of(key), state.hyperparams[key]) for state in states for key in state.hyperparams_states]
        values[name] = {field: float(value) for field, value in sorted(fields, key=lambda item: _rank(item[0]))}
    return values


def _rank(field: str) -> tuple[int, str]:
    known = ("lr", "momentum", "beta1", "beta2", "weight_decay", "eps", "alpha", "rho")
    return (known.index(field) if field in known else len(known), field)


def step_of(opt_state: Any) -> int:
    """The step of the next update, which is the number of updates made.

    Raises StateError for a state without schedules, or whose groups are not at the same step.

    >>> import jax.numpy as jnp, lrcore as lr, optax
    >>> from lrcore_jax import optimizer
    >>> step_of(optimizer(optax.sgd, lr.Plan(0.5)).init(jnp.zeros(3)))
    0
    """
    counts = {name: int(state.count) for name, states in _found(opt_state).items() for state in states}
    if len(set(counts.values())) > 1:
        shown = ", ".join(f"{name!r} at {count:,}" for name, count in list(counts.items())[:6])
        raise lr.StateError(f"The groups are not at the same step: {shown}. Pass the state of one optimizer.")
    return next(iter(counts.values()))


def state_of(opt_state: Any, plan: lr.Plan | lr.Schedule) -> dict[str, Any]:
    """Step, plan and fingerprint, of plain JSON types: what every binding of lrcore stores, and loads.

    plan : what the optimizer was made with
    Moments are not in it; for those keep `opt_state` as it is. Raises StateError as `step_of` does, PlanError for another plan.

    >>> import jax.numpy as jnp, lrcore as lr, optax
    >>> from lrcore_jax import optimizer
    >>> plan = lr.Plan(0.5)
    >>> state_of(optimizer(optax.sgd, plan).init(jnp.zeros(3)), plan)["step"]
    0
    """
    rules = [node for node in jax.tree.leaves(opt_state, is_leaf=_whole) if isinstance(node, Observing)]
    events = rules[0].rules.entries(rules[0].states) if rules else ()
    return lr.make_state(_plan(plan).bind(_found(opt_state)), step_of(opt_state), events=events)


def restore(
    opt_state: Any, state: Mapping[str, Any], plan: lr.Plan | lr.Schedule, on_change: lr.OnChange = "error"
) -> tuple[Any, lr.Plan]:  # fmt: skip
    """An optimizer's state at the step of a stored one, of this or another binding, and the plan to go on with.

    opt_state : the state to bring there; it is not changed. Moments, and optax's own counts, stay what they are in it
    plan : what the optimizer was made with
    on_change : what to do if the stored state was made with another plan: "error" shows the differences, "keep" goes on with the
        stored plan, "replace" with this one at that step, "rebase" with this one scaled to go on from the value in force

    A plan is part of the optimizer: if the one that comes back is another, make the optimizer anew with it; the state suits
    that too, as long as the fields are the same. Events of its rules are in force again.
    Raises StateError, and SpecError for an unknown on_change.

    >>> import jax.numpy as jnp, lrcore as lr, optax
    >>> from lrcore_jax import optimizer
    >>> plan = lr.Plan(lr.linear(1.0, 0.0, steps=4))
    >>> stored = lr.make_state(plan.bind(), 3)
    >>> opt_state, plan = restore(optimizer(optax.sgd, plan).init(jnp.zeros(3)), stored, plan)
    >>> step_of(opt_state), current(opt_state)
    (3, {'default': {'lr': 0.25}})
    """
    names, plan = tuple(_found(opt_state)), _plan(plan)
    chosen, step = lr.check_state(state, plan, on_change, names)
    if step > LAST:
        raise lr.StateError(f"The state is at step {step:,}, and optax counts in 32 bits, up to {LAST:,}. Go on in another binding.")
    step = max(step, 0)
    running = chosen.bind(names).begin()
    running.load_state_dict(lr.events_of(state))
    values = running.current(step)

    def at_step(name: str, held: Any) -> Any:
        known = {key: values[name].get(field_of(key)) for key in held.hyperparams_states}
        changed = {key: jnp.asarray(value, dtype=held.hyperparams[key].dtype) for key, value in known.items() if value is not None}
        counts = {key: each._replace(count=jnp.full_like(each.count, step)) for key, each in held.hyperparams_states.items()}
        return held._replace(
            count=jnp.full_like(held.count, step), hyperparams={**held.hyperparams, **changed}, hyperparams_states=counts
        )  # fmt: skip

    def with_rules(node: Any) -> Any:
        """The state of an optimizer of the chosen plan, which may have other rules than the one that the state was made for."""
        if not _whole(node):
            return node
        inner = _mapped(at_step, node.inner if isinstance(node, Observing) else node, ALONE)
        if chosen.adapt is None:
            return inner
        rules = PlanRules.of(running.bound)
        return Observing(inner, rules.restored(running), rules)

    return jax.tree.map(with_rules, opt_state, is_leaf=_whole), chosen


def _plan(plan: Any) -> lr.Plan:
    if isinstance(plan, lr.Schedule):
        return lr.Plan(plan)
    if not isinstance(plan, lr.Plan):
        raise lr.SpecError("plan", "a Plan or a Schedule", plan)
    return plan


def _ends(node: Any) -> bool:
    return isinstance(node, _HELD | _PARTS)


def _whole(node: Any) -> bool:
    """Whether it is all that an optimizer made by `optimizer` has for its state."""
    return isinstance(node, Observing) or _ends(node)


def _found(opt_state: Any) -> dict[str, list[Any]]:
    """Group -> the states with schedules in it, wherever they are in an optimizer's state."""
    found: dict[str, list[Any]] = {}

    def look(node: Any, name: str) -> None:
        for leaf in jax.tree.leaves(node, is_leaf=_ends):
            if isinstance(leaf, _PARTS):
                for label, inner in leaf.inner_states.items():
                    found.setdefault(str(label), [])
                    look(inner, str(label))
            elif isinstance(leaf, _HELD):
                found.setdefault(name, []).append(leaf)

    look(opt_state, ALONE)
    if not any(found.values()):
        raise lr.StateError("This optimizer state holds no schedule. Pass that of an optimizer made by lrcore_jax.optimizer.")
    return found


def _mapped(change: Callable[[str, Any], Any], node: Any, name: str) -> Any:
    def of_leaf(leaf: Any) -> Any:
        if isinstance(leaf, _PARTS):
            return leaf._replace(inner_states={label: _mapped(change, inner, str(label)) for label, inner in leaf.inner_states.items()})
        return change(name, leaf) if isinstance(leaf, _HELD) else leaf

    return jax.tree.map(of_leaf, node, is_leaf=_ends)
