"""The functions of optax.schedules by their names and arguments, on lrcore's numbers: a project switches by changing one import.

Each returns a function of the count that optax takes everywhere it takes its own, and that knows its Schedule. The count stays an
integer and the value is within 1e-6 of itself, where optax's becomes a float32; docs/jax.md lists the differences.

>>> from lrcore_jax import schedules
>>> rate = schedules.warmup_cosine_decay_schedule(0.0, 1.0, warmup_steps=4, decay_steps=8)
>>> rate(2), rate(6)
(Array(0.5, dtype=float32), Array(0.5, dtype=float32))
>>> rate.schedule
Sequence(phases=(Ramp(start=0.0, stop=1.0, steps=4), Ramp(start=1.0, stop=0.0, steps=4, shape='cosine')))
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import wraps
from inspect import signature
from typing import Any, ParamSpec

import jax
import optax

import lrcore as lr
from lrcore.presets import optax as presets

from .counts import Scheduled, schedule

__all__ = [
    "constant_schedule",
    "cosine_decay_schedule",
    "cosine_onecycle_schedule",
    "exponential_decay",
    "join_schedules",
    "linear_onecycle_schedule",
    "linear_schedule",
    "piecewise_constant_schedule",
    "piecewise_interpolate_schedule",
    "polynomial_schedule",
    "sgdr_schedule",
    "warmup_constant_schedule",
    "warmup_cosine_decay_schedule",
    "warmup_exponential_decay_schedule",
]

P = ParamSpec("P")


def _drop_in(preset: Callable[P, lr.Schedule]) -> Callable[P, Scheduled]:
    """optax's function of that name: the preset's arguments, as optax's users write them, and a function of the count."""
    known = signature(preset)

    @wraps(preset)
    def made(*args: P.args, **kwargs: P.kwargs) -> Scheduled:
        given = known.bind(*args, **kwargs)
        given.arguments = {name: plain(name, value) for name, value in given.arguments.items()}
        return schedule(preset(*given.args, **given.kwargs))

    made.__module__ = __name__
    made.__doc__ = (preset.__doc__ or "").partition(">>>")[0].rstrip() + "\n"
    return made


def plain(name: str, value: Any) -> Any:
    """An argument in Python's own types: scalars of JAX and NumPy, lengths such as 100.0, and what dictionaries and lists hold."""
    if isinstance(value, dict):
        return {_step(key): plain(str(key), item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [plain(name, item) for item in value]
    if isinstance(value, jax.Array) and not isinstance(value, jax.core.Tracer) and value.ndim == 0:
        value = value.item()
    return _step(value) if name.endswith(("_steps", "_begin")) or name == "boundaries" else value


def _step(value: Any) -> Any:
    return int(value) if isinstance(value, float) and value.is_integer() else value


constant_schedule = _drop_in(presets.constant_schedule)
cosine_decay_schedule = _drop_in(presets.cosine_decay_schedule)
cosine_onecycle_schedule = _drop_in(presets.cosine_onecycle_schedule)
exponential_decay = _drop_in(presets.exponential_decay)
linear_onecycle_schedule = _drop_in(presets.linear_onecycle_schedule)
linear_schedule = _drop_in(presets.linear_schedule)
piecewise_constant_schedule = _drop_in(presets.piecewise_constant_schedule)
piecewise_interpolate_schedule = _drop_in(presets.piecewise_interpolate_schedule)
polynomial_schedule = _drop_in(presets.polynomial_schedule)
sgdr_schedule = _drop_in(presets.sgdr_schedule)
warmup_constant_schedule = _drop_in(presets.warmup_constant_schedule)
warmup_cosine_decay_schedule = _drop_in(presets.warmup_cosine_decay_schedule)
warmup_exponential_decay_schedule = _drop_in(presets.warmup_exponential_decay_schedule)


def join_schedules(schedules: Sequence[Callable[[Any], Any]], boundaries: Sequence[int]) -> Callable[[Any], Any]:
    """One schedule after the other, each from its own count 0 at its boundary; the new one is in force at count >= boundary.

    schedules : one more than boundaries: functions of this module, or any function of the count, of which optax makes the join
    boundaries : counts in ascending order
    Returns a Scheduled if all of the schedules are. Raises SpecError. Source: optax.join_schedules.

    >>> rate = join_schedules([constant_schedule(0.5), linear_schedule(1.0, 0.0, 4)], [2])
    >>> [float(rate(count)) for count in (0, 2, 4)]
    [0.5, 1.0, 0.5]
    """
    at = plain("boundaries", tuple(boundaries))
    own = [each.schedule for each in schedules if isinstance(each, Scheduled)]
    if len(own) == len(schedules):
        return schedule(presets.join_schedules(own, at))
    for i, each in enumerate(schedules):
        if not callable(each):
            raise lr.SpecError(f"schedules[{i}]", "a function of the count", each)
    presets.join_schedules([lr.constant(0.0)] * len(schedules), at)  # refuses boundaries that do not fit
    joined: Callable[[Any], Any] = optax.join_schedules(schedules, at)
    return joined
