"""Plans from Keras's own schedules."""

from __future__ import annotations

from typing import Any

import keras
import numpy as np

import lrcore as lr
from lrcore import presets

from . import schedules
from .schedule import PlanSchedule

_NATIVE = keras.optimizers.schedules
_NAMES = presets.keras.__all__


def from_native(schedule: Any, *, steps: int | None = None, **arguments: Any) -> lr.Plan:
    """The plan of a Keras schedule, of what an optimizer is trained with, or of a schedule's name and arguments.

    schedule : one of Keras's own schedules or a PlanSchedule; an optimizer, whose learning rate is taken; or a name such as
        "CosineDecay", with its arguments
    steps : for a schedule of any other class: how many of its values to keep, from step 0; the last one holds

    Keras computes in float32, and counts in it; the plan has the values that the formulas mean. A step is `optimizer.iterations`.
    Raises SpecError for a name, arguments or an object that it does not know, and for values that no run could use; PlanError
    for a schedule that is a function of the user's own, without steps.

    >>> import keras
    >>> from_native(keras.optimizers.schedules.CosineDecay(0.1, decay_steps=100))
    Plan(lr=Ramp(start=0.1, stop=0.0, steps=100, shape='cosine'))
    >>> from_native("ExponentialDecay", initial_learning_rate=0.1, decay_steps=10, decay_rate=0.5).lr(20)
    0.025
    """
    if isinstance(schedule, str):
        return lr.Plan(_by_name(schedule, arguments))
    if arguments:
        raise lr.SpecError("arguments", "none with an object", sorted(arguments), "They belong to a name.")
    if isinstance(schedule, keras.optimizers.Optimizer):
        schedule = getattr(schedule, "inner_optimizer", schedule)._learning_rate
        if isinstance(schedule, keras.Variable):
            return lr.Plan(float(keras.ops.convert_to_numpy(schedule)))
    if isinstance(schedule, PlanSchedule):
        return lr.Plan(schedule.schedule.per(schedule.steps_per_update) if schedule.steps_per_update > 1 else schedule.schedule)
    if not isinstance(schedule, _NATIVE.LearningRateSchedule):
        raise lr.SpecError(
            "schedule", "a schedule of keras.optimizers.schedules, an optimizer or a name", schedule, f"Names are {', '.join(_NAMES)}."
        )
    name = type(schedule).__name__
    if type(schedule) is getattr(_NATIVE, name, None) and name in _NAMES:
        given = {key: _plain(value) for key, value in schedule.get_config().items()}
        made: PlanSchedule = getattr(schedules, name)(**given)
        return lr.Plan(made.schedule)
    if steps is None:
        raise lr.PlanError(f"{name} is a class of the user's own, and a plan holds no code. Pass steps=N to keep its first N values.")
    return lr.Plan(lr.from_function(lambda step: float(keras.ops.convert_to_numpy(schedule(step))), steps))


def _by_name(name: str, arguments: dict[str, Any]) -> lr.Schedule:
    if name not in _NAMES:
        raise lr.SpecError("schedule", f"one of {', '.join(_NAMES)}", name)
    try:
        made: PlanSchedule = getattr(schedules, name)(**arguments)
    except TypeError as error:
        raise lr.SpecError("arguments", f"those of {name}", sorted(arguments), f"{str(error).capitalize()}.") from None
    return made.schedule


def _plain(value: Any) -> Any:
    """What a Keras schedule holds as plain numbers."""
    if isinstance(value, list | tuple):
        return [_plain(item) for item in value]
    if isinstance(value, np.generic) or keras.ops.is_tensor(value):
        return keras.ops.convert_to_numpy(value).item()
    return value
