"""Plans from the schedules of optax: by name and arguments, from a live one, or from samples of any function of the count."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from inspect import signature
from types import FunctionType
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

import lrcore as lr
from lrcore.presets import optax as presets

from .counts import Scheduled
from .schedules import plain

_PROBES = (0, 1, 2, 3, 7, 10, 99, 1_000, 12_345, 100_000)
_CLOSE = 1e-4
"""Of the largest value probed: optax's float32 rounds a power of 12,345 by that much; a formula that is another one is further off."""


def from_native(native: str | Callable[[Any], Any], *, steps: int | None = None, **arguments: Any) -> lr.Plan:
    """A plan whose lr has the values of a schedule of optax.

    native : a name of `optax.schedules` with its arguments, or a schedule that is there: what one of those functions returned (it
        is read back, joined ones too), one of `lrcore_jax.schedule`, or any function of the count
    steps : >= 1; for what cannot be read back, how many values to keep, those of counts 0 .. steps - 1; the last one then holds
    arguments : those of a name

    Raises PlanError for a function that cannot be read back if steps is None; SpecError for unknown names and arguments, and
    values that are no finite numbers. Source: optax.schedules; the numbers are those of `lrcore.presets.optax`.

    >>> import optax
    >>> from_native("linear_schedule", init_value=1.0, end_value=0.0, transition_steps=4)
    Plan(lr=Ramp(start=1.0, stop=0.0, steps=4))
    >>> from_native(optax.warmup_constant_schedule(0.0, 0.5, 10))
    Plan(lr=Ramp(start=0.0, stop=0.5, steps=10))
    >>> from_native(lambda count: 1 / (1 + count), steps=3)
    Plan(lr=Samples(samples=(1.0, 0.5, 0.3333333333333333)))
    """
    if steps is not None and (type(steps) is not int or steps < 1):
        raise lr.SpecError("steps", "an integer >= 1", steps)
    if isinstance(native, str):
        return lr.Plan(_named(native, arguments))
    if arguments:
        raise lr.SpecError("arguments", "none with a schedule that is there", list(arguments), "They belong to a name.")
    if not callable(native):
        raise lr.SpecError("native", "a name of optax.schedules, or a function of the count", native)
    found = _read_back(native)
    if found is None and steps is None:
        raise lr.PlanError("This function of the count cannot be read back. Pass steps=N to keep its first N values.")
    return lr.Plan(_sampled(native, steps or 1) if found is None else found)


def _named(name: str, arguments: dict[str, Any]) -> lr.Schedule:
    if name not in presets.__all__:
        raise lr.SpecError("native", f"one of {', '.join(presets.__all__)}", name)
    preset: Callable[..., lr.Schedule] = getattr(presets, name)
    taken = signature(preset).parameters
    for key in arguments:
        if key not in taken:
            raise lr.SpecError("arguments", f"those of {name}: {', '.join(taken)}", key)
    for key, parameter in taken.items():
        if parameter.default is parameter.empty and key not in arguments:
            raise lr.SpecError(key, f"a value, which {name} needs", None)
    if name == "join_schedules":
        phases = [from_native(each).lr for each in arguments["schedules"]]
        return presets.join_schedules(phases, plain("boundaries", arguments["boundaries"]))  # type: ignore[arg-type]
    return preset(**{key: plain(key, value) for key, value in arguments.items()})


# -- live ones: optax's functions keep their arguments in their closures ------------------------------------------------


def _read_back(native: Callable[[Any], Any]) -> lr.Schedule | None:
    """The schedule of a function that optax or lrcore_jax made; None if it is another's, or does not have that schedule's values."""
    if isinstance(native, Scheduled):
        return native.schedule
    inner = native if isinstance(native, FunctionType) else getattr(native, "__wrapped__", native)  # of jax.jit
    if not isinstance(inner, FunctionType) or not inner.__module__.startswith("optax.schedules."):
        return None
    name = inner.__qualname__.partition(".")[0]
    held = _held(inner)
    try:
        if name == "join_schedules":
            phases = [_read_back(phase) for phase in held["schedules"]]
            return None if None in phases else presets.join_schedules(phases, plain("boundaries", list(held["boundaries"])))  # type: ignore[arg-type]
        if name == "piecewise_interpolate_schedule":
            kind = "cosine" if "cosine" in held["interpolate_fn"].__name__ else "linear"
            held = {"interpolate_type": kind, "init_value": held["init_value"],
                    "boundaries_and_scales": dict(zip(held["boundaries"], held["scales"], strict=True))}  # fmt: skip
        if set(held) == {"init_value"}:  # of no steps
            name, held = "constant_schedule", {"value": held["init_value"]}
        taken = signature(getattr(presets, name)).parameters
        found: lr.Schedule = getattr(presets, name)(**{key: plain(key, value) for key, value in held.items() if key in taken})
    except (AttributeError, KeyError, TypeError, lr.SpecError):
        return None
    return found if _same_values(native, found) else None


def _held(native: FunctionType) -> dict[str, Any]:
    """What a function is closed over, by name."""
    found = {}
    for name, cell in zip(native.__code__.co_freevars, native.__closure__ or (), strict=True):
        with suppress(ValueError):  # a cell that was never filled
            found[name] = cell.cell_contents
    return found


def _same_values(native: Callable[[Any], Any], found: lr.Schedule) -> bool:
    theirs = np.array([float(native(count)) for count in _PROBES])
    ours = found(list(_PROBES))
    return bool((np.abs(theirs - ours) <= _CLOSE * np.abs(ours).max(initial=1e-30)).all())


def _sampled(native: Callable[[Any], Any], steps: int) -> lr.Samples:
    """The first values: of a function of JAX all at once, of Python's one by one, in float64."""
    if isinstance(native(0), jax.Array):
        return lr.Samples(np.asarray(jax.vmap(lambda count: jnp.asarray(native(count)))(jnp.arange(steps))))  # type: ignore[arg-type]
    return lr.from_function(lambda count: float(native(count)), steps)
