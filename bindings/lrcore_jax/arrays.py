"""The values of a plan as JAX arrays."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

import lrcore as lr

_TYPES = ("float64", "float32", "float16", "bfloat16")


def table(
    plan: lr.Plan | lr.BoundPlan | lr.Schedule, count: int | None = None, start: int = 0, *, device: Any = None, dtype: Any = jnp.float32,
    names: Iterable[str] | None = None,
) -> jax.Array:  # fmt: skip
    """The values of `count` steps from `start`: an array (count, columns) of a plan, (count,) of a schedule.

    count : rows; None goes on until the horizon, or the end of the longest schedule
    device : a device or a sharding; None is JAX's default
    dtype : float32, float16, bfloat16, each the float64 value rounded once; float64 itself only where JAX has `jax_enable_x64`
    names : the groups of a plan whose patterns need them, in order; columns are `plan.bind(names).columns`

    Values are in the units of the schedules. Raises SpecError for a dtype, count or start that will not do; PlanError for names
    that do not fit; TableError for a table that would not fit the memory, and for values too large for float16 or bfloat16.

    >>> import lrcore as lr
    >>> table(lr.linear(1.0, 0.0, steps=4))
    Array([1.  , 0.75, 0.5 , 0.25], dtype=float32)
    >>> table(lr.Plan(lr.linear(1.0, 0.0, steps=4), momentum=0.5), count=2, start=3, dtype=jnp.bfloat16)
    Array([[0.25, 0.5],
           [0, 0.5]], dtype=bfloat16)
    """
    name = _name_of(dtype)
    if name == "float64" and jax.dtypes.canonicalize_dtype(np.float64) != np.float64:
        raise lr.SpecError("dtype", "a type JAX has", name, "Call jax.config.update('jax_enable_x64', True) first, or take float32.")
    # a Table refuses what would not fit the memory before anything is allocated
    array = np.asarray(lr.bound_plan(plan, names).table(count, start, dtype=np.float32 if name == "float32" else np.float64))
    if name not in ("float64", "float32"):
        array = lr.rounded_once(array, name).astype(name)
    values: jax.Array = jax.device_put(array[:, 0] if isinstance(plan, lr.Schedule) else array, device)
    return values


def _name_of(dtype: Any) -> str:
    try:
        name = str(jnp.dtype(dtype).name)
    except TypeError:
        name = ""
    if name not in _TYPES:
        raise lr.SpecError("dtype", f"one of {', '.join(_TYPES)}", dtype)
    return name
