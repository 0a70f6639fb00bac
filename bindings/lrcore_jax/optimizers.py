"""An optax factory with every field of a plan in it: one `optax.inject_hyperparams` per group, by label."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from functools import lru_cache
from inspect import Parameter, Signature, signature
from typing import Any

import jax
import optax

import lrcore as lr

from .counts import schedule
from .fields import keys_of
from .observing import Driven, PlanRules, observing, rates_of

Factory = Callable[..., Any]
ALONE = "default"
"""The group of an optimizer without labels."""


def optimizer(
    factory: Factory, plan: lr.Plan | lr.Schedule, labels: Any = None, **static: Any
) -> optax.GradientTransformationExtraArgs:  # fmt: skip
    """An optax optimizer whose every update uses the plan's values of its step: update k those of step k, from 0.

    factory : a function of optax that makes an optimizer, not called: `optax.adamw`, `optax.sgd`, one of your own
    plan : a Plan, or a Schedule that then drives the rate of every group
    labels : the name of the group of every parameter: a pytree of strings, or a function from the parameters to one, as
        `optax.partition` takes them. Names and patterns of the plan's groups are met with these. None is one group, "default"
    static : further arguments of the factory, the same for every group, such as `nesterov=True`

    lr is the factory's `learning_rate`, beta1 and beta2 are `b1` and `b2`, alpha is `decay`; other fields have the factory's own
    names. The values are float32, in the units of the schedules. What the plan schedules is to be seen in the state, as
    `optax.inject_hyperparams` keeps it: `state.hyperparams["learning_rate"]`; with labels a group's is in
    `state.inner_states[name].inner_state`, and `current(state)` finds all of them. What the plan does not schedule stays a Python
    number. State keeps its types: values of float32 do not make float32 of the moments of bfloat16 parameters.

    The step is the count of updates in the state: a checkpoint of that goes on where it was, updates that are skipped
    (`optax.apply_if_finite`) and micro-steps (`optax.MultiSteps`) do not count. optax knows all parameters from the start, so there
    are no groups that come later: new parameters, or other labels, need a new `init`; `restore` brings that to the step.

    The rules of a plan with `adapt` are in the state: `opt_state = observe(opt_state, loss)` feeds them, and the next update has the rates
    that they decide on.

    Raises PlanError for a plan that does not fit factory and labels (a function's labels are known in `init`), SpecError for
    arguments that the factory does not have, LoweringError for what cannot be computed in a trace.

    >>> import jax.numpy as jnp, lrcore as lr, optax
    >>> tx = optimizer(optax.adamw, lr.Plan(lr.linear(1.0, 0.0, steps=4), weight_decay=0.1))
    >>> params = jnp.zeros(3)
    >>> state = tx.init(params)
    >>> for _ in range(2):
    ...     updates, state = tx.update(jnp.ones(3), state, params)
    >>> state.hyperparams
    {'learning_rate': Array(0.75, dtype=float32), 'weight_decay': Array(0.1, dtype=float32)}
    """
    if not callable(factory) or isinstance(factory, optax.GradientTransformation):
        raise lr.SpecError("factory", "a function such as optax.adamw, not called", factory)
    if isinstance(plan, lr.Schedule):
        plan = lr.Plan(plan)
    if not isinstance(plan, lr.Plan):
        raise lr.SpecError("plan", "a Plan or a Schedule", plan)
    parameters = _parameters(factory)
    for name in static:
        if name not in parameters:
            raise lr.SpecError("static", f"arguments of {_name(factory)}: {', '.join(parameters)}", name)
    if labels is not None:
        return _by_label(factory, plan, labels, static)
    others = [repr(pattern) for pattern, _ in plan.groups if pattern != ALONE and not re.fullmatch(pattern, ALONE)]
    if others:
        raise lr.PlanError(
            f"The plan has groups ({', '.join(others)}), and nothing says which parameters are in them. Pass labels=, a pytree of names "
            "or a function from the parameters to one."
        )
    return _with_rules(plan, _groups(factory, plan, (ALONE,), static)[ALONE], lambda params: (ALONE,))


def _with_rules(plan: lr.Plan, inner: Any, names: Callable[[Any], tuple[str, ...]]) -> optax.GradientTransformationExtraArgs:
    return inner if plan.adapt is None else observing(inner, lambda params: PlanRules.of(plan.bind(names(params))))


def _by_label(factory: Factory, plan: lr.Plan, labels: Any, static: dict[str, Any]) -> optax.GradientTransformationExtraArgs:
    @lru_cache
    def parts(names: tuple[str, ...]) -> optax.GradientTransformationExtraArgs:
        return optax.partition(_groups(factory, plan, names, static), labels)

    if not callable(labels):
        return _with_rules(plan, parts(_names(labels)), lambda params: _names(labels))

    def init(params: Any) -> Any:
        return parts(_names(labels(params))).init(params)

    def update(updates: Any, state: Any, params: Any = None, **extra: Any) -> Any:
        return parts(tuple(sorted(state.inner_states))).update(updates, state, params, **extra)

    return _with_rules(plan, optax.GradientTransformationExtraArgs(init, update), lambda params: _names(labels(params)))


def _names(labels: Any) -> tuple[str, ...]:
    leaves = jax.tree.leaves(labels)
    for leaf in leaves:
        if not isinstance(leaf, str) or not leaf:
            raise lr.SpecError("labels", "a pytree of names, one string for each parameter", leaf)
    if not leaves:
        raise lr.SpecError("labels", "a pytree of at least one name", labels)
    return tuple(sorted(set(leaves)))


def _groups(factory: Factory, plan: lr.Plan, names: Iterable[str], static: dict[str, Any]) -> dict[str, Any]:
    """{name: transformation}."""
    bound = plan.bind(names)
    columns: dict[str, dict[str, lr.Schedule]] = {name: {} for name in bound.names}
    for (name, field), column in zip(bound.columns, bound.schedules, strict=True):
        columns[name][field] = column
    driven = {} if plan.adapt is None else rates_of(PlanRules.of(bound))
    return {name: _group(factory, name, fields, static, driven.get(name)) for name, fields in columns.items()}


def _group(factory: Factory, name: str, fields: dict[str, lr.Schedule], static: dict[str, Any], driven: Driven | None) -> Any:
    parameters = _parameters(factory)
    keys = keys_of(fields, parameters, _name(factory), name)
    for key in keys:
        if key in static:
            raise lr.PlanError(
                f"The plan schedules {keys[key]} of {name!r}, and {key}={static[key]!r} is given too. Leave one of them out."
            )
    for key, parameter in parameters.items():
        if parameter.default is Parameter.empty and key not in keys and key not in static:
            what = "lr" if key == "learning_rate" else key
            raise lr.PlanError(f"{_name(factory)} needs {key}, and the plan has no {what} for {name!r}. Schedule it, or pass {key}=.")
    if not keys:
        return optax.with_extra_args_support(factory(**static))

    # inject_hyperparams sees the plan's fields alone: what it makes arrays of, a factory can no longer use as a Python number
    def scheduled(**values: Any) -> Any:
        return factory(**static, **values)

    scheduled.__signature__ = Signature([Parameter(key, Parameter.KEYWORD_ONLY) for key in keys])  # type: ignore[attr-defined]
    injected = optax.inject_hyperparams(scheduled)
    values = {key: driven if driven is not None and field == "lr" else schedule(fields[field]) for key, field in keys.items()}
    return _of_lasting_types(injected(**values))


def _of_lasting_types(inner: Any) -> optax.GradientTransformationExtraArgs:
    """The same, its state of the same types before and after an update, as scan and compiled steps need it."""

    def update(updates: Any, state: Any, params: Any = None, **extra: Any) -> Any:
        updates, new = inner.update(updates, state, params, **extra)
        return updates, jax.tree.map(_typed, new, state)

    return optax.GradientTransformationExtraArgs(inner.init, update)


def _typed(new: Any, old: Any) -> Any:
    types = getattr(new, "dtype", None), getattr(old, "dtype", None)
    return new if None in types or types[0] == types[1] else new.astype(types[1])


def _parameters(factory: Factory) -> dict[str, Parameter]:
    kinds = (Parameter.POSITIONAL_OR_KEYWORD, Parameter.KEYWORD_ONLY)
    return {name: each for name, each in signature(factory).parameters.items() if each.kind in kinds}


def _name(factory: Factory) -> str:
    return getattr(factory, "__name__", None) or repr(factory)
