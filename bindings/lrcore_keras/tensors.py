"""The values of a plan as tensors of the backend."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import keras
import numpy as np

import lrcore as lr

_DTYPES = ("float64", "float32", "float16", "bfloat16")


def table(
    plan: lr.Plan | lr.BoundPlan | lr.Schedule, count: int | None = None, start: int = 0, *, dtype: str = "float32",
    names: Iterable[str] | None = None,
) -> Any:  # fmt: skip
    """The values of `count` steps from `start`: a tensor (count, columns) of a plan, (count,) of a schedule.

    count : rows; None goes on until the horizon, or the end of the longest schedule
    dtype : float64, float32, float16 or bfloat16; every one but the first is the float64 value rounded once
    names : the groups of a plan whose patterns need them, in order; columns are `plan.bind(names).columns`

    Values are in the units of the schedules. Raises SpecError for a dtype, count or start that will not do, float64 on JAX
    without `jax_enable_x64` among them; PlanError for names that do not fit; TableError for a table that would not fit the memory, and for
    values too large for float16 or bfloat16.

    >>> import keras, lrcore as lr
    >>> keras.ops.convert_to_numpy(table(lr.linear(1.0, 0.0, steps=4)))
    array([1.  , 0.75, 0.5 , 0.25], dtype=float32)
    >>> table(lr.Plan(lr.linear(1.0, 0.0, steps=4), momentum=0.5), count=2, start=3).shape == (2, 2)
    True
    """
    if dtype not in _DTYPES:
        raise lr.SpecError("dtype", f"one of {', '.join(_DTYPES)}", dtype)
    if dtype == "float64" and keras.backend.backend() == "jax" and not _x64():
        raise lr.SpecError("dtype", "float32, float16 or bfloat16, since JAX is without 64-bit numbers", dtype, "Set jax_enable_x64.")
    # a Table refuses what would not fit the memory before anything is allocated
    array = np.asarray(lr.bound_plan(plan, names).table(count, start, dtype=np.float32 if dtype == "float32" else np.float64))
    if isinstance(plan, lr.Schedule):
        array = array[:, 0]
    if dtype in ("float16", "bfloat16"):
        array = lr.rounded_once(array, dtype)
    return keras.ops.convert_to_tensor(array, dtype=dtype)


def _x64() -> bool:
    import jax

    return bool(jax.dtypes.canonicalize_dtype(np.float64) == np.float64)
