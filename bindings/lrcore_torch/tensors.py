"""The values of a plan as tensors."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
import torch

import lrcore as lr

_BY_KERNEL = {torch.float64: np.float64, torch.float32: np.float32}
"""Types the kernel fills itself; the others are rounded from its float64."""


def table(
    plan: lr.Plan | lr.BoundPlan | lr.Schedule, count: int | None = None, start: int = 0, *, device: torch.device | str | int | None = None,
    dtype: torch.dtype = torch.float64, names: Iterable[str] | None = None,
) -> torch.Tensor:  # fmt: skip
    """The values of `count` steps from `start`: a tensor (count, columns) of a plan, (count,) of a schedule.

    count : rows; None goes on until the horizon, or the end of the longest schedule
    device : None is the CPU. There float64 and float32 are the very memory the kernel filled; other devices get a copy
    dtype : float64, float32, float16 or bfloat16; every one but the first is the float64 value rounded once
    names : the groups of a plan whose patterns need them, in order; columns are `plan.bind(names).columns`

    Values are in the units of the schedules. Raises SpecError for a dtype, count or start that will not do; PlanError for names
    that do not fit; TableError for a table that would not fit the memory, and for values too large for float16 or bfloat16.

    >>> import lrcore as lr
    >>> table(lr.linear(1.0, 0.0, steps=4))
    tensor([1.0000, 0.7500, 0.5000, 0.2500], dtype=torch.float64)
    >>> table(lr.Plan(lr.linear(1.0, 0.0, steps=4), momentum=0.5), count=2, start=3, dtype=torch.bfloat16)
    tensor([[0.2500, 0.5000],
            [0.0000, 0.5000]], dtype=torch.bfloat16)
    """
    if dtype not in (*_BY_KERNEL, torch.float16, torch.bfloat16):
        raise lr.SpecError("dtype", "one of torch.float64, torch.float32, torch.float16, torch.bfloat16", dtype)
    # a Table refuses what would not fit the memory before anything is allocated
    array = np.asarray(lr.bound_plan(plan, names).table(count, start, dtype=_BY_KERNEL.get(dtype, np.float64)))
    if dtype not in _BY_KERNEL:
        array = lr.rounded_once(array, str(dtype).removeprefix("torch."))
    tensor = torch.from_numpy(array).to(dtype)
    if isinstance(plan, lr.Schedule):
        tensor = tensor.squeeze(1)
    return tensor if device is None else tensor.to(device)
