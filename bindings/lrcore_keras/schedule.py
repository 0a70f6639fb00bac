"""A plan as a Keras learning-rate schedule, evaluated inside the compiled training step."""

from __future__ import annotations

import re
from collections.abc import Callable
from contextlib import suppress
from typing import Any

import keras
import msgspec
import numpy as np
from keras import ops

import lrcore as lr

from .ops import LAST, KerasOps, on_host, tensor_of


class NoSamples(lr.SpecError):
    """The values of Samples that are not at hand."""


@keras.saving.register_keras_serializable(package="lrcore")
class PlanSchedule(keras.optimizers.schedules.LearningRateSchedule):  # type: ignore[misc]
    """One value of a plan at every step of an optimizer: `keras.optimizers.Adam(PlanSchedule(plan))`.

    plan : a Plan or a BoundPlan, of which one field of one group is taken, or a Schedule. Lengths count updates of the weights.
    group : whose values; None if the plan has one group. For several, `lrcore_keras.attach` gives each its own
    field : what is read, the rate unless another is named
    steps_per_update : what `gradient_accumulation_steps` is in the optimizer. Keras passes the number of batches; the plan counts
        updates, so the value is that of step // steps_per_update

    Calling it with an integer tensor of shape () gives a float32 tensor of shape (). Inside a compiled step (tf.function, XLA,
    jax.jit, torch.compile) it is made of integer operations and small polynomials and is within 1e-6 relative of the plan's
    exact value at steps 0 .. 2^31 - 1; eagerly it is the exact value, rounded once. The value of step 2^31 - 1 holds for every
    step after it, also where a 32-bit counter has become negative.

    In a file of a model it is the plan's JSON: a few hundred bytes, whatever the length of the run.

    Raises SpecError for a field or group that the plan does not have, for fractions of a horizon it does not know and for a step
    that is no integer scalar; LoweringError, in a compiled step, for noise and what else cannot be made of its operations.

    >>> import keras, lrcore as lr
    >>> rate = PlanSchedule(lr.warmup_cosine(0.1, warmup=10, steps=100))
    >>> optimizer = keras.optimizers.SGD(rate)
    >>> _ = optimizer.iterations.assign(5)
    >>> round(float(optimizer.learning_rate), 7)
    0.05
    >>> PlanSchedule.from_config(rate.get_config()).schedule == rate.schedule
    True
    """

    def __init__(
        self, plan: lr.Plan | lr.BoundPlan | lr.Schedule, *, group: str | None = None, field: str = "lr", steps_per_update: int = 1
    ) -> None:
        if type(steps_per_update) is not int or not 1 <= steps_per_update <= LAST:
            raise lr.SpecError("steps_per_update", "an integer >= 1", steps_per_update)
        self.plan, self.group, self.field, self.steps_per_update = plan, group, field, steps_per_update
        self.schedule = column(plan, group, field)
        self._form: Callable[[Any], Any] | None = None
        with suppress(NoSamples):  # as in a model that is being loaded
            self._lower()

    def __call__(self, step: Any) -> Any:
        """The value at a step: what a Keras optimizer asks for."""
        value = tensor_of(step)
        if isinstance(value, int) or on_host(value):
            self._form = self._form or self._lower()
            return ops.convert_to_tensor(np.float32(self.schedule(self._updates(int(value)))))
        return self.lowered(value)

    def _updates(self, step: int) -> int:
        return min(step // self.steps_per_update, LAST) if step >= 0 else LAST // self.steps_per_update

    def lowered(self, steps: Any) -> Any:
        """The values at an integer tensor of any shape, made of the backend's operations: what a compiled step computes."""
        if self.steps_per_update > 1:
            steps = ops.where(steps < 0, ops.cast(LAST, steps.dtype), steps) // self.steps_per_update
        return (self._form or self._lower())(steps)

    def _lower(self) -> Callable[[Any], Any]:
        self.schedule = _with_samples(self.schedule)
        try:
            self._form = lr.lower(self.schedule, KerasOps())
        except lr.SpecError as error:
            if error.path != "samples":
                raise
            hint = "Pass them to lrcore_keras.provide, or make the Samples with the path of their .npy file."
            raise NoSamples(error.path, error.expected, error.got, hint) from None
        return self._form

    def get_config(self) -> dict[str, Any]:
        """The plan's JSON and the arguments that are not their defaults, in plain types. Long Samples are named by their digest."""
        document = self.schedule if isinstance(self.plan, lr.BoundPlan) else self.plan
        config: dict[str, Any] = {"plan": document.to_json()}
        if isinstance(document, lr.Plan):
            config |= {"group": self.group, "field": self.field}
        return config | {"steps_per_update": self.steps_per_update}

    @classmethod
    def from_config(cls, config: dict[str, Any]) -> PlanSchedule:
        """The schedule of a config; SpecError for a plan that was written by a newer lrcore, or altered."""
        return cls(lr.from_json(config["plan"]), **{name: value for name, value in config.items() if name != "plan"})

    def __getstate__(self) -> dict[str, Any]:
        return self.__dict__ | {"_form": None}

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self.schedule!r})"


_PROVIDED: dict[str, lr.Samples] = {}


def provide(values: Any) -> None:
    """Have the values of long Samples at hand in this process, for models that are loaded from files.

    values : the array that the Samples were made of. A file names it by its digest, and carries no data

    >>> import lrcore as lr, numpy as np
    >>> rates = np.linspace(0.1, 0.0, 10_000)
    >>> read = PlanSchedule.from_config(PlanSchedule(lr.Samples(rates)).get_config())
    >>> read(5)
    Traceback (most recent call last):
    lrcore_keras.schedule.NoSamples: samples: expected the 10,000 values of SHA-256 ... at hand, got no values. Pass them to ...
    >>> provide(rates)
    >>> round(float(read(5)), 7)
    0.09995
    """
    samples = lr.Samples(values)
    _PROVIDED[samples.sha256] = samples


def _with_samples(schedule: lr.Schedule) -> lr.Schedule:
    """The schedule with the samples that were provided, itself where there are none in it."""
    if isinstance(schedule, lr.Samples):
        return _PROVIDED.get(schedule.sha256, schedule)
    changes: dict[str, Any] = {}
    for field in schedule.__struct_fields__:
        held = getattr(schedule, field)
        parts = held if isinstance(held, tuple) else (held,)
        if any(isinstance(part, lr.Schedule) for part in parts):
            new = tuple(map(_with_samples, parts))
            if any(one is not other for one, other in zip(new, parts, strict=True)):
                changes[field] = new if isinstance(held, tuple) else new[0]
    return msgspec.structs.replace(schedule, **changes) if changes else schedule


def column(plan: Any, group: str | None, field: str) -> lr.Schedule:
    """The schedule of one field of one group, every length in steps."""
    if isinstance(plan, lr.Schedule):
        if group is not None or field != "lr":
            raise lr.SpecError("plan", "a Plan, to take a group or a field of it", plan, "Leave group and field out.")
        plan = lr.Plan(plan)
    written = plan.plan if isinstance(plan, lr.BoundPlan) else plan
    if isinstance(written, lr.Plan) and written.adapt is not None and field == "lr":
        raise lr.PlanError(
            "The plan has a rule, and a schedule sees no metrics. Compile the model with attach(optimizer, plan), and give fit a "
            "PlanCallback(), or call observe."
        )
    if isinstance(plan, lr.Plan):
        plan = plan.bind() if group is None else _of_group(plan, group)
    if not isinstance(plan, lr.BoundPlan):
        raise lr.SpecError("plan", "a Plan, a BoundPlan or a Schedule", plan)
    names = plan.names if group is None else (group,)
    if len(names) > 1:
        hint = "attach(optimizer, plan) gives each group its own."
        raise lr.SpecError("group", f"one of {', '.join(map(repr, names))}", None, hint)
    found = dict(zip(plan.columns, plan.schedules, strict=True))
    if names[0] not in plan.names:
        raise lr.SpecError("group", f"one of {', '.join(map(repr, plan.names))}", group)
    if (names[0], field) not in found:
        has = ", ".join(known for name, known in plan.columns if name == names[0])
        raise lr.SpecError("field", f"one of those that the plan schedules ({has})", field)
    return found[names[0], field]


def _of_group(plan: lr.Plan, group: str) -> lr.BoundPlan:
    """The plan met with one group alone: patterns of other groups are not asked for."""
    if not plan.groups and group != "default":
        raise lr.SpecError("group", "None or 'default', since the plan has no groups", group)
    matching = [(pattern, fields) for pattern, fields in plan.groups if pattern == group or re.fullmatch(pattern, group)]
    return lr.Plan(fields=plan.defaults, groups=dict(matching[:1]), horizon=plan.horizon, unit=plan.unit, clock=plan.clock).bind([group])
