"""A plan attached to a Keras optimizer: every field of every group, inside the compiled training step.

`attach` makes an optimizer of a class derived from the given one. Before each update it computes the values of its groups, once
each, and lets the optimizer's own code see those of one group after the other: the rate as its argument, and momentum, betas or
weight decay as attributes. So an update is that of one optimizer per group, while clipping, accumulation and averaging stay as they
are, over all variables. On the PyTorch backend the optimizers update lists of variables and never call `update_step`, which is why
`_backend_update_step` is the method to take part in.
"""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from copy import deepcopy
from functools import cache
from typing import Any

import keras
import numpy as np
from keras import ops

import lrcore as lr

from .groups import RATE, Columns, Rules, checked_rules, groups_of, names_of
from .ops import LAST
from .rules import checkpointed

_ENTRY = "lrcore"
"""What the state of the plan is called among the numbered variables of a saved optimizer."""

Row = dict[str, dict[str, Any]]
"""{group: {attribute of the optimizer: value}}"""


def attach(
    optimizer: Any, plan: lr.Plan | lr.Schedule, rules: Mapping[str, str] | None = None, *, steps_per_update: int | None = None,
    on_change: lr.OnChange = "error",
) -> Any:  # fmt: skip
    """An optimizer like the given one that follows a plan; compile the model with it.

    optimizer : any Keras optimizer, LossScaleOptimizer too. It is not changed; what it is configured with and, if it has been
        built, its moments and its count of iterations are those of the new one
    plan : a Plan, or a Schedule that then drives the learning rate
    rules : {regular expression: group}. A variable is in the group of the first rule that is found in its `path`,
        such as "sequential/head/kernel". None is one group of all variables
    steps_per_update : training steps that make one step of the plan; None takes the optimizer's gradient_accumulation_steps,
        so that the plan counts updates of the weights
    on_change : what `load_state_dict` and `model.load_weights` do with the state of another plan: "error" shows the differences,
        "keep" goes on with the plan of the state, "replace" with this one, "rebase" with this one scaled to go on from the value in force

    Every field is scheduled in the compiled step: lr, momentum, beta1, beta2, weight_decay, eps, alpha and rho under Keras's
    names, and other floating-point attributes under their own. What the plan does not schedule for a group, or freezes by None, stays as
    the optimizer has it: such a group keeps the optimizer's own learning rate. To hold variables still give them the rate 0.0.
    Decoupled weight decay takes the rate of its group. The rules of a plan with `adapt` are fed by `observe`, or by PlanCallback.

    Raises PlanError for a plan or rules that do not fit: at once, but for rules that do not fit the variables of an optimizer
    that has not been built, which are met when it is.

    >>> import keras, lrcore as lr
    >>> from lrcore_keras import current
    >>> plan = lr.Plan(lr.linear(1.0, 0.0, 4), groups={"biases": {"lr": 0.5, "momentum": lr.linear(0.0, 0.8, 4)}})
    >>> optimizer = attach(keras.optimizers.SGD(), plan, {"bias$": "biases", ".*": "weights"})
    >>> current(optimizer)
    {'biases': {'lr': 0.5, 'momentum': 0.0}, 'weights': {'lr': 1.0}}
    """
    if not isinstance(optimizer, keras.optimizers.Optimizer):
        raise TypeError(f"attach takes a Keras optimizer, such as keras.optimizers.Adam(), got {type(optimizer).__name__}.")
    if isinstance(optimizer, keras.optimizers.LossScaleOptimizer):
        inner = attach(optimizer.inner_optimizer, plan, rules, steps_per_update=steps_per_update, on_change=on_change)
        return _with_state_of(optimizer, type(optimizer)(**{**optimizer.get_config(), "inner_optimizer": inner}))
    if isinstance(optimizer, keras.optimizers.MultiOptimizer):
        raise lr.PlanError(
            "A MultiOptimizer has no rate of its own. Attach the plan to one optimizer, with rules for its groups, or a plan to each of "
            "the optimizers it is made of."
        )
    if on_change not in lr.ON_CHANGE:
        raise lr.SpecError("on_change", f"one of {', '.join(lr.ON_CHANGE)}", on_change)
    if steps_per_update is not None and (type(steps_per_update) is not int or steps_per_update < 1):
        raise lr.SpecError("steps_per_update", "an integer >= 1, or None", steps_per_update)
    if not isinstance(plan, lr.Plan):
        plan = lr.Plan(plan)
    own = optimizer._own if isinstance(optimizer, PlannedOptimizer) else _serialized(optimizer)
    native = optimizer._native if isinstance(optimizer, PlannedOptimizer) else type(optimizer)
    steps = steps_per_update or own["config"]["gradient_accumulation_steps"] or 1
    made = _planned(native)._following(plan, None if rules is None else checked_rules(rules), own, steps, on_change)
    return _with_state_of(optimizer, made)


def state_dict(optimizer: Any) -> dict[str, Any]:
    """Step, plan and fingerprint in plain Python types: what the `load_state_dict` of this and of every other binding takes.

    >>> import keras, lrcore as lr
    >>> state_dict(attach(keras.optimizers.SGD(0.5), lr.linear(1.0, 0.0, 4)))["base"]
    [['default', 'lr', 0.5]]
    """
    return _planned_in(optimizer)._state()


def observe(optimizer: Any, metric: Any, group: str | None = None) -> list[lr.Event]:
    """Feed a metric to the rules of the plan; the next update has the rates after the events that it makes, which are returned.

    optimizer : what `attach` returned for a plan with `adapt`
    metric : a number, or an array or tensor without dimensions, such as a loss on validation data; NaN and infinities too
    group : the group whose rule is meant; None means all rules

    Nothing is compiled again: what the events make of a rate is a variable of the optimizer. Between the steps of `fit` this is
    for callbacks, as PlanCallback, which get `self.model` first. Raises PlanError for a plan or a group without a rule, SpecError for
    what is no metric, StateError if the optimizer is before the step of the last observation; then everything stays as it was.

    >>> import keras, lrcore as lr
    >>> from lrcore_keras import current
    >>> plan = lr.Plan(lr.linear(1.0, 0.0, 4), adapt=lr.ReduceLROnPlateau(factor=0.5, patience=0))
    >>> optimizer = attach(keras.optimizers.SGD(), plan)
    >>> [observe(optimizer, loss) for loss in (3.0, 3.0)], current(optimizer)
    ([[], [Event(step=0, factor=0.5)]], {'default': {'lr': 0.5}})
    """
    planned = _planned_in(optimizer)
    if planned._columns.adapted is None:
        raise lr.PlanError("The plan has no rule that a metric could go to. Give it one: Plan(..., adapt=lr.ReduceLROnPlateau()).")
    return planned._columns.adapted.observe(metric, planned._count() // planned._steps, group)


def load_state_dict(optimizer: Any, state: Mapping[str, Any]) -> None:
    """Go on at the step of a state, such as that of a run in PyTorch: the next update is the first one after it.

    The optimizer's counter is set, its moments are left alone. Call it outside `fit`. What happens with the state of another plan
    is said by the `on_change` of `attach`. Raises StateError, and PlanError where the plan would change and the step that
    has been compiled would not follow; then everything stays as it was.

    >>> import keras, lrcore as lr
    >>> from lrcore_keras import current
    >>> optimizer = attach(keras.optimizers.SGD(), lr.linear(1.0, 0.0, 4))
    >>> load_state_dict(optimizer, lr.make_state(lr.Plan(lr.linear(1.0, 0.0, 4)).bind(), 3))
    >>> current(optimizer)
    {'default': {'lr': 0.25}}
    """
    planned = _planned_in(optimizer)
    plan, step = lr.check_state(state, planned._columns.bound.plan, planned._on_change, planned._columns.bound.names)
    calls = state.get("binding", {}).get("calls", 0)
    count = max(step, 0) * planned._steps + calls % planned._steps
    if count > LAST and planned._iterations.dtype == "int32":
        raise lr.StateError(f"The state is at training step {count:,}, and the counter of this Keras backend ends at {LAST:,}.")
    planned._change(plan)
    planned._iterations.assign(count)
    planned._take(lr.events_of(state))


@keras.saving.register_keras_serializable(package="lrcore", name="PlannedOptimizer")
class PlannedOptimizer(keras.optimizers.Optimizer):  # type: ignore[misc]
    """What `attach` puts in front of an optimizer's own class; `isinstance` knows an attached optimizer by it.

    It takes part in methods of Keras that are not public: `_backend_apply_gradients`, `_backend_update_step`,
    `_apply_weight_decay` and `_get_current_learning_rate`. The tests hold them to what they do in the release that is installed.
    """

    _native: type
    _own: dict[str, Any]  # the optimizer that was given, as Keras serializes it
    _own_rate: Any  # its learning rate: a float, a schedule, or a function
    _columns: Columns
    _rules: Rules | None
    _steps: int
    _on_change: lr.OnChange
    _group_of: dict[Any, str]
    _of_rules: list[Any] = []  # variables that a file does not hold: they are worked out of the state of the rules
    _row: Row | None = None  # values by group, while an update is being made
    _rate: Any = None  # that of the group whose variables are being updated
    _compiled = False

    @classmethod
    def _following(cls, plan: lr.Plan, rules: Rules | None, own: dict[str, Any], steps: int, on_change: lr.OnChange) -> PlannedOptimizer:
        config = deepcopy(own["config"])
        if isinstance(config[RATE], dict):
            config[RATE] = keras.saving.deserialize_keras_object(config[RATE])
        columns = Columns(plan, names_of(plan, rules), cls._native.__name__, config, steps)
        made: PlannedOptimizer = cls._native.from_config.__func__(cls, {**config, RATE: columns.rate or config[RATE]})  # type: ignore[attr-defined]
        made._keep(_own=own, _own_rate=config[RATE], _columns=columns, _rules=rules, _steps=steps, _on_change=on_change, _group_of={})
        if plan.adapt is not None and keras.backend.backend() == "tensorflow":
            made.rules_state = checkpointed(lambda: made._columns.adapted)
        return made

    def _keep(self, **attributes: Any) -> None:
        """Set attributes without Keras looking for variables in them, or wrapping them."""
        self.__dict__.update(attributes)

    # -- updating ------------------------------------------------------------------------------------------------------

    def build(self, variables: list[Any]) -> None:
        """Find the group of every variable, then make the optimizer's own; PlanError for rules that do not fit."""
        if self.built:
            return
        groups = [self._columns.bound.names[0]] * len(variables)
        if self._rules is not None:
            groups = groups_of([getattr(variable, "path", variable.name) for variable in variables], self._rules)
        self._keep(_group_of={self._var_key(variable): group for variable, group in zip(variables, groups, strict=True)})
        # SGD and RMSprop have buffers only if their momentum is not 0 when they are built
        self._keep(**{"momentum": 1.0} if self._columns.has_momentum else {})
        try:
            super().build(variables)
        finally:
            self._keep(**self._columns.own)
        self._build_rules()

    def _build_rules(self) -> None:
        if self._columns.adapted is not None:
            self._keep(_of_rules=[*self._of_rules, self._columns.adapted.build(self)])

    def _backend_apply_gradients(self, grads: Any, trainable_variables: Any) -> None:
        self._keep(_row=self._columns.row(self._iterations))
        try:
            super()._backend_apply_gradients(grads, trainable_variables)
        finally:
            self._keep(_row=None)

    def _backend_update_step(self, grads: Any, trainable_variables: Any, learning_rate: Any) -> None:
        self._keep(_compiled=keras.backend.backend() != "torch")
        # Nadam multiplies this one up for all variables, once per call
        shared = getattr(self, "_u_product", None)
        before = None if shared is None else ops.copy(shared)
        for group, places in self._by_group(trainable_variables):
            if shared is not None:
                shared.assign(before)
            with self._in_force(group) as rate:
                super()._backend_update_step([grads[i] for i in places], [trainable_variables[i] for i in places], rate)

    def _apply_weight_decay(self, variables: Any) -> None:
        for group, places in self._by_group(variables):
            if decayed := [variables[i] for i in places if self._use_weight_decay(variables[i])]:
                with self._in_force(group):
                    super()._apply_weight_decay(decayed)

    def _by_group(self, variables: Any) -> Iterator[tuple[str, list[int]]]:
        """Every group that has variables here, with their places in the list."""
        places: dict[str, list[int]] = {group: [] for group in self._columns.bound.names}
        for i, variable in enumerate(variables):
            places[self._group_of[self._var_key(variable)]].append(i)
        return ((group, places) for group, places in places.items() if places)

    @contextmanager
    def _in_force(self, group: str) -> Iterator[Any]:
        """Let the optimizer's own code see the values of a group; gives the group's rate."""
        values = dict((self._row or self._columns.row(self._iterations))[group])
        rate = values.pop(RATE) if RATE in values else self._rate_without_plan()
        try:
            self._keep(**values, _rate=rate)
            yield rate
        finally:
            self._keep(**self._columns.own, _rate=None)

    def _rate_without_plan(self) -> Any:
        if self._columns.rate is None:
            return super()._get_current_learning_rate()
        if isinstance(self._own_rate, keras.optimizers.schedules.LearningRateSchedule):
            return self._own_rate(self._iterations)
        return self._own_rate() if callable(self._own_rate) else self._own_rate

    def _get_current_learning_rate(self) -> Any:
        if self._rate is not None:
            return self._rate
        if self._columns.adapted is not None:
            return next(values[RATE] for values in self._columns.row(self._iterations).values() if RATE in values)
        return super()._get_current_learning_rate()

    @property
    def learning_rate(self) -> Any:
        """The rate in force, that of the first group which has one in the plan; `current` gives those of all."""
        return self._get_current_learning_rate()

    @learning_rate.setter
    def learning_rate(self, value: Any) -> None:
        if self._columns.rate is not None:
            raise lr.PlanError(
                "The learning rate follows a plan and cannot be set. Attach another plan and compile the model with what attach returns; "
                "in place of a callback that sets the rate give the plan a rule, such as Plan(..., adapt=lr.ReduceLROnPlateau())."
            )
        keras.optimizers.Optimizer.learning_rate.fset(self, value)

    # -- state ---------------------------------------------------------------------------------------------------------

    def _count(self) -> int:
        """Training steps so far; the last one there can be for a counter that has wrapped."""
        count = int(ops.convert_to_numpy(self._iterations))
        return count if count >= 0 else LAST

    def _state(self) -> dict[str, Any]:
        step, calls = divmod(self._count(), self._steps)
        rate = {"lr": self._own_rate} if isinstance(self._own_rate, float) else {}
        base = {group: {**rate, **self._columns.own_fields(group)} for group in self._columns.bound.names}
        events = () if self._columns.adapted is None else self._columns.adapted.running.state_dict()
        return lr.make_state(self._columns.bound, step, base, events, {"calls": calls})

    def _take(self, events: Iterable[Any]) -> None:
        """Have the rules go on from the events of a state, which has been checked."""
        if self._columns.adapted is not None:
            self._columns.adapted.load(events)

    def _change(self, plan: lr.Plan) -> None:
        """Follow another plan from here on."""
        if plan == self._columns.bound.plan:
            return
        columns = Columns(plan, self._columns.bound.names, self._native.__name__, self._own["config"], self._steps)
        if self._compiled or (self.built and columns.has_momentum and not self._columns.has_momentum):
            raise lr.PlanError(
                "The training step that has been compiled follows the plan it was compiled with. Attach the new plan to this optimizer, "
                "compile the model with what attach returns, and load the state then."
            )
        if columns.rate is not None or self._columns.rate is not None:
            self._keep(_learning_rate=columns.rate or self._own_rate)
        self._keep(_columns=columns)
        if self.built:
            self._build_rules()

    def save_own_variables(self, store: Any) -> None:
        """The variables, and the state of the plan."""
        super().save_own_variables(_Variables(store, self._places_of_rules()))
        store[_ENTRY] = np.frombuffer(json.dumps(self._state()).encode(), dtype=np.uint8)

    def load_own_variables(self, store: Any) -> None:
        """The variables, if the plan of the state is this one or `on_change` says what to do; StateError else."""
        if _ENTRY in store.keys():  # noqa: SIM118  (a store of Keras, which has no `in` in every format)
            try:
                state = json.loads(np.asarray(store[_ENTRY]).tobytes())
            except ValueError as error:
                raise lr.StateError(f"The state is incomplete or altered: {error}. Load another checkpoint.") from None
            plan, _ = lr.check_state(state, self._columns.bound.plan, self._on_change, self._columns.bound.names)
            self._change(plan)
            self._take(lr.events_of(state))
        super().load_own_variables(_Variables(store, self._places_of_rules()))

    def _places_of_rules(self) -> dict[str, Any]:
        """The numbers of the rules' variables, with what they hold."""
        ours = {id(variable) for variable in self._of_rules}
        return {str(i): ops.convert_to_numpy(variable) for i, variable in enumerate(self.variables) if id(variable) in ours}

    def get_config(self) -> dict[str, Any]:
        """The optimizer that was given, the plan as JSON, and the other arguments of `attach`."""
        return {
            "optimizer": deepcopy(self._own), "plan": self._columns.bound.plan.to_json(),
            "rules": None if self._rules is None else [list(rule) for rule in self._rules],
            "steps_per_update": self._steps, "on_change": self._on_change,
        }  # fmt: skip

    @classmethod
    def from_config(cls, config: dict[str, Any], custom_objects: dict[str, Any] | None = None) -> PlannedOptimizer:
        """What `attach` makes of it, whatever class it is called on."""
        optimizer = keras.optimizers.deserialize(deepcopy(config["optimizer"]), custom_objects)
        plan = lr.from_json(config["plan"])
        rules = None if config["rules"] is None else dict(config["rules"])
        attached: PlannedOptimizer = attach(
            optimizer, plan, rules, steps_per_update=config["steps_per_update"], on_change=config["on_change"]
        )
        return attached

    def __reduce__(self) -> tuple[Any, ...]:
        _, arguments = super().__reduce__()
        return PlannedOptimizer._unpickle_model, arguments  # by a class that can be imported, as this one's cannot


class _Variables(Mapping[str, Any]):
    """What Keras itself puts into a store, without the plan and its rules.

    besides : variables by their number that are not in the store, and what they hold
    """

    def __init__(self, store: Any, besides: Mapping[str, Any]) -> None:
        self._store, self._besides = store, besides

    def __getitem__(self, key: str) -> Any:
        return self._besides[key] if key in self._besides else self._store[key]

    def __setitem__(self, key: str, value: Any) -> None:
        if key not in self._besides:
            self._store[key] = value

    def __iter__(self) -> Iterator[str]:
        yield from (key for key in self._store.keys() if key != _ENTRY)  # noqa: SIM118
        yield from self._besides

    def __len__(self) -> int:
        return sum(1 for _ in self)


@cache
def _planned(native: type) -> type[PlannedOptimizer]:
    """The class of optimizers like these that follow a plan. All go by one name in files: from_config finds the class again."""
    made = type(
        f"Planned{native.__name__}", (PlannedOptimizer, native), {"_native": native, "__module__": __name__, "__doc__": native.__doc__}
    )
    registered: type[PlannedOptimizer] = keras.saving.register_keras_serializable("lrcore", "PlannedOptimizer")(made)
    return registered


def _planned_in(optimizer: Any) -> PlannedOptimizer:
    planned = getattr(optimizer, "inner_optimizer", optimizer)
    if not isinstance(planned, PlannedOptimizer):
        raise TypeError(f"This takes an optimizer that attach(optimizer, plan) returned, got {type(optimizer).__name__}.")
    return planned


def _serialized(optimizer: Any) -> dict[str, Any]:
    """The optimizer as Keras serializes it, under its public name: on the PyTorch backend Keras writes that of a class of the backend."""
    serialized: dict[str, Any] = keras.optimizers.serialize(optimizer)
    name = serialized["class_name"]
    public = getattr(keras.optimizers, name, None)
    if public is not None and isinstance(optimizer, public) and type(optimizer).__module__.startswith("keras."):
        serialized.update(module="keras.optimizers", registered_name=None)
    return serialized


def _with_state_of(optimizer: Any, made: Any) -> Any:
    """The new optimizer, where the given one is: its count, and its moments if it has been built."""
    for name in ("_exclude_from_weight_decay", "_exclude_from_weight_decay_pattern"):
        if hasattr(optimizer, name):
            setattr(made, name, getattr(optimizer, name))
    if optimizer.built:
        made.build(optimizer._trainable_variables)
    held = defaultdict(list)
    for variable in _but_rules(optimizer):
        held[variable.name].append(variable)
    for variable in _but_rules(made):
        if held[variable.name]:
            variable.assign(ops.copy(held[variable.name].pop(0)))  # JAX gives the memory of a variable away when it trains
    if isinstance(optimizer, PlannedOptimizer) and optimizer._columns.adapted is not None:
        made._take(optimizer._columns.adapted.running.state_dict())
    return made


def _but_rules(optimizer: Any) -> list[Any]:
    ours = {id(variable) for variable in getattr(optimizer, "_of_rules", ())}
    return [variable for variable in optimizer._variables if id(variable) not in ours]
