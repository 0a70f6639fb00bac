"""A callback that has a model follow a plan, and shows every value in the logs."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal

import keras
from keras import ops

import lrcore as lr

from .attach import PlannedOptimizer, attach, observe
from .ops import LAST
from .schedule import PlanSchedule

UNITS = ("updates", "epochs")


class PlanCallback(keras.callbacks.Callback):  # type: ignore[misc]
    """Every field of a plan in `model.fit`, by step or by epoch, and every value in the logs: for History, TensorBoard, CSVLogger.

    plan : a Plan, or a Schedule that drives the learning rate. None logs what the optimizer follows already
    rules : {regular expression for variable.path: group}, for a plan with groups; as `attach` takes them
    unit : what the plan's lengths count: "updates" of the weights, or "epochs", in which its values then stay the same
    steps_per_epoch : batches of an epoch; None asks Keras, which knows it unless the data come from a generator
    monitor : of a plan with `adapt`, the entry of the logs that its rules watch, or {group: entry}; None leaves them to `observe`
    every : after how many batches; None is at the end of each epoch, where the logs have the validation's entries too

    Keras compiles the numbers that an optimizer holds (momentum, betas, weight decay) into the training step, so that writing
    them from a callback changes nothing on TensorFlow and JAX. So when training begins the model gets an optimizer that computes
    them in its step: `model.optimizer = attach(model.optimizer, plan, rules)`, with the moments and the count of the one it had. It stays,
    is saved with the model, and the next `fit` with an equal callback goes on with it. Put the callback before those that read logs.

    The logs of a batch and of an epoch have the values of its last update, by field, or by group/field where there are several
    groups: `history.history["momentum"]`.

    Raises PlanError when training begins: for a plan that does not fit the optimizer, for an optimizer that has a schedule or
    a plan of its own, and for epochs of unknown length.

    >>> import keras, numpy as np, lrcore as lr
    >>> model = keras.Sequential([keras.Input((1,)), keras.layers.Dense(1)])
    >>> model.compile(keras.optimizers.SGD(), loss="mse")
    >>> plan = lr.Plan(lr.linear(1.0, 0.0, steps=4), momentum=lr.linear(0.5, 0.9, steps=4))
    >>> history = model.fit(np.ones((8, 1)), np.ones((8, 1)), batch_size=4, epochs=2, verbose=0, callbacks=[PlanCallback(plan)])
    >>> history.history["lr"], history.history["momentum"]
    ([0.75, 0.25], [0.6, 0.8])
    """

    def __init__(
        self, plan: lr.Plan | lr.Schedule | None = None, rules: Mapping[str, str] | None = None, *,
        unit: Literal["updates", "epochs"] = "updates", steps_per_epoch: int | None = None,
        monitor: str | Mapping[str, str] | None = "val_loss", every: int | None = None,
    ) -> None:  # fmt: skip
        super().__init__()
        if isinstance(plan, lr.Schedule):
            plan = lr.Plan(plan)
        if not isinstance(plan, lr.Plan | None):
            raise lr.SpecError("plan", "a Plan, a Schedule or None", plan)
        if unit not in UNITS:
            raise lr.SpecError("unit", f"one of {', '.join(UNITS)}", unit)
        for name, count in (("steps_per_epoch", steps_per_epoch), ("every", every)):
            if count is not None and (type(count) is not int or count < 1):
                raise lr.SpecError(name, "an integer >= 1, or None", count)
        watched = monitor.values() if isinstance(monitor, Mapping) else [monitor]
        if not all(isinstance(entry, str | None) for entry in watched):
            raise lr.SpecError("monitor", "the name of an entry of the logs, {group: name}, or None", monitor)
        if plan is not None and unit != "updates" and plan.unit != "updates":
            raise lr.SpecError("unit", f"updates with a plan in {plan.unit}", unit, "The plan says itself what its lengths count.")
        self.plan, self.rules, self.unit, self.steps_per_epoch = plan, rules, unit, steps_per_epoch
        self.monitor, self.every = monitor, every

    # -- following -----------------------------------------------------------------------------------------------------

    def on_train_begin(self, logs: Any = None) -> None:
        """Have the model's optimizer follow the plan, unless it does."""
        if self.plan is not None:
            plan = _by_epoch(self.plan, self._epoch()) if self.unit == "epochs" else self.plan
            self._follow(plan)
        self._optimizer = _inner(self.model.optimizer)
        followed = followed_by(self._optimizer)
        if followed is None:
            raise lr.PlanError("The optimizer follows no plan. Give PlanCallback one, or compile the model with attach(optimizer, plan).")
        self._bound, self._steps = followed
        self._count = count_of(self._optimizer)

    def _follow(self, plan: lr.Plan) -> None:
        optimizer = _inner(self.model.optimizer)
        known, rate = followed_by(optimizer), getattr(optimizer, "_learning_rate", None)
        if isinstance(optimizer, PlannedOptimizer):
            if known is not None and known[0].plan != plan:
                raise lr.PlanError(
                    f"The optimizer follows another plan.\n{known[0].plan.diff(plan)}\nGive that one to PlanCallback, or none."
                )
            return
        if isinstance(rate, keras.optimizers.schedules.LearningRateSchedule) and not _same_rate(rate, plan):
            raise lr.PlanError(
                f"The learning rate of the optimizer is a {type(rate).__name__}, and the plan of PlanCallback schedules lr too. Compile "
                "the model with a number, or leave lr out of the plan."
            )
        model = self.model
        model.optimizer = attach(model.optimizer, plan, self.rules, steps_per_update=1 if self.unit == "epochs" else None)
        model._compile_config.config["optimizer"] = model.optimizer  # what a file of the model is compiled with when it is loaded
        model.make_train_function(force=True)  # one that was compiled before holds the old optimizer

    def _epoch(self) -> int:
        batches = self.steps_per_epoch or self.params.get("steps")
        if not batches:
            raise lr.PlanError("Keras does not know how many batches an epoch of these data has. Pass steps_per_epoch= to PlanCallback.")
        return int(batches)

    # -- logging -------------------------------------------------------------------------------------------------------

    def on_epoch_begin(self, epoch: int, logs: Any = None) -> None:
        """Look where the optimizer is: a step that a loss scale skipped is no update."""
        self._count, self._batch = count_of(self._optimizer), -1

    def on_train_batch_end(self, batch: int, logs: Any = None) -> None:
        """Show the values of the last update. The optimizer is not asked, which would have to wait for the step."""
        self._count += batch - self._batch
        self._show(logs)
        if self.every is not None and (batch + 1) // self.every > (self._batch + 1) // self.every:
            self._observe(logs)
        self._batch = batch

    def on_epoch_end(self, epoch: int, logs: Any = None) -> None:
        """Show the values of the last update of the epoch."""
        self._count = count_of(self._optimizer)
        self._show(logs)
        if self.every is None:
            self._observe(logs)

    def _observe(self, logs: Any) -> None:
        """Feed the rules of the plan; their events are in force from the next update on."""
        if self.monitor is None or not isinstance(self._optimizer, PlannedOptimizer) or self._optimizer._columns.adapted is None:
            return
        entries: Any = self.monitor.items() if isinstance(self.monitor, Mapping) else [(None, self.monitor)]
        for group, entry in entries:
            if entry not in (logs or {}):
                raise lr.PlanError(
                    f"The rule of the plan watches {entry!r}, and the logs have {', '.join(logs or ()) or 'nothing'}. Pass monitor= to "
                    "PlanCallback with one of these, or validation_data= to fit."
                )
            observe(_inner(self.model.optimizer), float(logs[entry]), group)  # self.model: JAX brings the variables there

    def _show(self, logs: Any) -> None:
        if logs is None:
            return
        step = max(self._count - 1, 0) // self._steps
        planned = isinstance(self._optimizer, PlannedOptimizer)
        values = self._optimizer._columns.current(step) if planned else self._bound.current(step)
        several = len(values) > 1
        logs.update(
            {f"{group}/{field}" if several else field: value for group, fields in values.items() for field, value in fields.items()}
        )


def current(optimizer: Any) -> dict[str, dict[str, float]]:
    """The values that the next update will use, by group and field, in float64.

    optimizer : what `attach` returned, or any optimizer whose learning rate is a PlanSchedule
    Reading it waits for the step that is being computed. Raises PlanError for an optimizer that follows no plan.

    >>> import keras, lrcore as lr
    >>> optimizer = keras.optimizers.SGD(PlanSchedule(lr.linear(1.0, 0.0, steps=4)))
    >>> _ = optimizer.iterations.assign(3)
    >>> current(optimizer)
    {'default': {'lr': 0.25}}
    """
    optimizer = _inner(optimizer)
    followed = followed_by(optimizer)
    if followed is None:
        hint = "Take what attach(optimizer, plan) returns, or give it PlanSchedule(plan) as its learning rate."
        raise lr.PlanError(f"This {type(optimizer).__name__} follows no plan. {hint}")
    bound, steps = followed
    step = count_of(optimizer) // steps
    return optimizer._columns.current(step) if isinstance(optimizer, PlannedOptimizer) else bound.current(step)


def followed_by(optimizer: Any) -> tuple[lr.BoundPlan, int] | None:
    """The plan that an optimizer follows, and how many of its iterations make a step of it."""
    if isinstance(optimizer, PlannedOptimizer):
        return optimizer._columns.bound, optimizer._steps
    rate = getattr(optimizer, "_learning_rate", None)
    if not isinstance(rate, PlanSchedule):
        return None
    group = rate.group or "default"
    return lr.Plan(groups={group: {"lr": rate.schedule}}).bind([group]), rate.steps_per_update


def count_of(optimizer: Any) -> int:
    """Iterations so far; of a 32-bit counter that has become negative, the last one it can count."""
    count = int(ops.convert_to_numpy(optimizer._iterations.value))
    return count if count >= 0 else LAST


def _inner(optimizer: Any) -> Any:
    """The optimizer within the one that `compile` makes for float16."""
    return getattr(optimizer, "inner_optimizer", optimizer)


def _same_rate(rate: Any, plan: lr.Plan) -> bool:
    """Whether the plan has no rate, or this one."""
    return plan.lr is None or (isinstance(rate, PlanSchedule) and not plan.groups and rate.schedule == plan.bind().schedules[0])


def _by_epoch(plan: lr.Plan, batches: int) -> lr.Plan:
    """A plan whose lengths are epochs as one whose lengths are batches."""

    def slowed(fields: Mapping[str, lr.Schedule | None]) -> dict[str, lr.Schedule | None]:
        return {field: None if schedule is None else _resolved(schedule).per(batches) for field, schedule in fields.items()}

    def _resolved(schedule: lr.Schedule) -> lr.Schedule:
        return schedule if schedule.resolved or plan.horizon is None else schedule.over(plan.horizon)

    horizon = None if plan.horizon is None else plan.horizon * batches
    groups = {pattern: slowed(fields) for pattern, fields in plan.groups}
    return lr.Plan(fields=slowed(plan.defaults), groups=groups, horizon=horizon, adapt=plan.adapt)
