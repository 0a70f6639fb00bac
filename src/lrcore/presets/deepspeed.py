# ruff: noqa: N802  the names are DeepSpeed's
"""The schedules of deepspeed.runtime.lr_schedules, as schedules.

A step is an optimizer update: step 0 runs at the rate that constructing the scheduler sets, step t at the one its t-th `step()`
sets. The Warmup* schedulers evaluate that one at t - 1, so their first two updates run at the same rate. `optimizer` is
replaced by `lr`, the group's rate, where it is used; last_batch_iteration is left out. OneCycle's beta1 comes from a preset of its own.
"""

from __future__ import annotations

from typing import Any, Literal

from ..errors import SpecError
from ..schedule import Constant, Ramp, Schedule, Sequence, curve
from ..shapes import SHAPES
from .common import FLAG, FRACTION, LENGTH, NOT_NEGATIVE, RATE, STEPS, choice, clocked, growing, optional, preset, switch

__all__ = ["LRRangeTest", "OneCycle", "OneCycle_momentum", "WarmupCosineLR", "WarmupDecayLR", "WarmupLR"]

Warmup = Literal["log", "linear"]
_WARMUP = choice("log", "linear")


@preset(lr_range_test_min_lr=RATE, lr_range_test_step_size=LENGTH, lr_range_test_step_rate=NOT_NEGATIVE, lr_range_test_staircase=FLAG)
def LRRangeTest(
    lr_range_test_min_lr: float = 1e-3, lr_range_test_step_size: int = 2000, lr_range_test_step_rate: float = 1.0,
    lr_range_test_staircase: bool = False,
) -> Schedule:  # fmt: skip
    """A rate that grows without end, to see where training breaks.

    Formula: min_lr (1 + step_rate t / step_size), with staircase floor(t / step_size), up to 2**53 steps. step_size : steps >= 1;
    step_rate : >= 0.
    Raises SpecError. Source: deepspeedai/DeepSpeed, deepspeed/runtime/lr_schedules.py; Smith 2018 (arXiv:1803.09820).

    >>> LRRangeTest(0.5, 4)([0, 1, 4, 8]), LRRangeTest(0.5, 4, lr_range_test_staircase=True)([0, 3, 4, 9])
    (array([0.5  , 0.625, 1.   , 1.5  ]), array([0.5, 0.5, 1. , 1.5]))
    """
    if lr_range_test_step_rate == 0:
        return Constant(lr_range_test_min_lr)
    if lr_range_test_staircase:
        stairs = growing(lr_range_test_min_lr, 1 / lr_range_test_step_rate, lr_range_test_step_size)
        return clocked(stairs, lr_range_test_step_size, stairs=True)
    return growing(lr_range_test_min_lr, lr_range_test_step_size / lr_range_test_step_rate)


def _stairs(first: float, last: float, length: int, count: int) -> Schedule:
    """From `first` to `last` in `length` steps: a line, or `count` stairs that round towards the value they come from."""
    if count == 0:
        return Ramp(first, last, length)
    starts = [-(-i * length // count) for i in range(count + 1)]
    return _levels(starts, [first + (last - first) * (i / count) for i in range(count)])


def _levels(starts: list[int], values: list[float]) -> Schedule:
    phases = [Constant(value, right - left) for left, right, value in zip(starts, starts[1:], values, strict=False)]
    return Sequence(tuple(phases))


def _cycle(low: float, high: float, first: int, second: int | None, stairs: int, second_stairs: int | None) -> Schedule:
    """Up and down; a stair of the way down changes one step after its boundary, since DeepSpeed rounds towards the low end."""
    second = first if second is None else second
    down = stairs if second_stairs is None else second_stairs
    up = _stairs(low, high, first, stairs)
    if down == 0:
        return up >> Ramp(high, low, second)
    starts = [0, *(i * second // down + 1 for i in range(down)), second]
    falling = _levels(starts, [high, *(low + (high - low) * ((down - 1 - i) / down) for i in range(down))])
    return up >> falling


_CYCLE: dict[str, Any] = {
    "cycle_min_lr": RATE, "cycle_max_lr": RATE, "decay_lr_rate": NOT_NEGATIVE, "cycle_first_step_size": LENGTH,
    "cycle_second_step_size": optional(LENGTH), "cycle_first_stair_count": STEPS, "cycle_second_stair_count": optional(STEPS),
    "decay_step_size": STEPS, "cycle_momentum": FLAG, "cycle_min_mom": RATE, "cycle_max_mom": RATE, "decay_mom_rate": NOT_NEGATIVE,
}  # fmt: skip


@preset(**_CYCLE)
def OneCycle(
    cycle_min_lr: float, cycle_max_lr: float, decay_lr_rate: float = 0.0, cycle_first_step_size: int = 2000,
    cycle_second_step_size: int | None = None, cycle_first_stair_count: int = 0, cycle_second_stair_count: int | None = None,
    decay_step_size: int = 0, cycle_momentum: bool = True, cycle_min_mom: float = 0.8, cycle_max_mom: float = 0.9,
    decay_mom_rate: float = 0.0,
) -> Schedule:  # fmt: skip
    """Up from cycle_min_lr to cycle_max_lr, down again, then slowly towards zero.

    Formula: lines of cycle_first_step_size and cycle_second_step_size (None: as many) steps, or with a stair count the line rounded down to
    that many parts of its height; then cycle_min_lr / (1 + decay_lr_rate n / decay_step_size) n steps after the cycle, or cycle_min_lr
    where either is 0. The rest are OneCycle_momentum's.
    Raises SpecError. Source: deepspeedai/DeepSpeed, deepspeed/runtime/lr_schedules.py; Smith 2018 (arXiv:1803.09820).

    >>> OneCycle(1.0, 2.0, 1.0, cycle_first_step_size=4, decay_step_size=10)([0, 2, 4, 6, 8, 18])
    array([1. , 1.5, 2. , 1.5, 1. , 0.5])
    """
    cycle = _cycle(
        cycle_min_lr, cycle_max_lr, cycle_first_step_size, cycle_second_step_size, cycle_first_stair_count, cycle_second_stair_count
    )
    if decay_step_size == 0 or decay_lr_rate == 0:
        return cycle >> Constant(cycle_min_lr)
    return cycle >> curve(cycle_min_lr, "inverse_time", rate=decay_lr_rate / decay_step_size)


@preset(**_CYCLE)
def OneCycle_momentum(
    cycle_min_lr: float, cycle_max_lr: float, decay_lr_rate: float = 0.0, cycle_first_step_size: int = 2000,
    cycle_second_step_size: int | None = None, cycle_first_stair_count: int = 0, cycle_second_stair_count: int | None = None,
    decay_step_size: int = 0, cycle_momentum: bool = True, cycle_min_mom: float = 0.8, cycle_max_mom: float = 0.9,
    decay_mom_rate: float = 0.0,
) -> Schedule:  # fmt: skip
    """The beta1 that goes with OneCycle: down when the rate goes up, then slowly up.

    Formula: OneCycle between cycle_max_mom and cycle_min_mom; then cycle_max_mom (1 + decay_mom_rate n / decay_step_size) n steps after the
    cycle, or cycle_max_mom where either is 0. Nothing keeps it below 1.
    Raises SpecError, also without cycle_momentum. Source: deepspeedai/DeepSpeed, deepspeed/runtime/lr_schedules.py.

    >>> OneCycle_momentum(1.0, 2.0, cycle_first_step_size=4)([0, 2, 4, 6, 8]).round(6)
    array([0.9 , 0.85, 0.8 , 0.85, 0.9 ])
    """
    if not cycle_momentum:
        raise SpecError("cycle_momentum", "True", cycle_momentum, "Without it beta1 stays what the optimizer was given.")
    cycle = _cycle(
        cycle_max_mom, cycle_min_mom, cycle_first_step_size, cycle_second_step_size, cycle_first_stair_count, cycle_second_stair_count
    )
    if decay_step_size == 0 or decay_mom_rate == 0:
        return cycle >> Constant(cycle_max_mom)
    return cycle >> growing(cycle_max_mom, decay_step_size / decay_mom_rate, after=cycle.own_length("cycle"))


def _warmup(low: float, high: float, length: int, kind: Warmup) -> Schedule:
    """A line, or the logarithm log(t + 1) / log(length), which is at `high` one step before its end."""
    if kind == "linear":
        return Ramp(low, high, length)
    longest = SHAPES["logarithmic"].parameters[0].high
    if length > longest:
        raise SpecError("warmup_num_steps", f'an integer up to {longest:g} with warmup_type="log"', length)
    return Ramp(low, high, length, "logarithmic", (length,), endpoint=True)


@preset(lr=RATE, warmup_min_lr=RATE, warmup_max_lr=optional(RATE), warmup_num_steps=LENGTH, warmup_type=_WARMUP)
def WarmupLR(
    lr: float, warmup_min_lr: float = 0.0, warmup_max_lr: float | None = None, warmup_num_steps: int = 1000, warmup_type: Warmup = "log"
) -> Schedule:
    """A logarithm, or a straight line, up to warmup_max_lr, which holds.

    Formula: min + (max - min) g(t - 1), min at t = 0, with g(n) = log(n + 1) / log(w), or n / w with linear, for n < w, then 1.
    warmup_max_lr : None means lr; w = warmup_num_steps, at least 2.
    Raises SpecError. Source: deepspeedai/DeepSpeed, deepspeed/runtime/lr_schedules.py.

    >>> WarmupLR(1.0, warmup_num_steps=4)([0, 1, 2, 4, 9])
    array([0. , 0. , 0.5, 1. , 1. ])
    """
    top = lr if warmup_max_lr is None else warmup_max_lr
    return Constant(warmup_min_lr, 1) >> _warmup(warmup_min_lr, top, max(2, warmup_num_steps), warmup_type) >> Constant(top)


@preset(total_num_steps=STEPS, warmup_min_lr=RATE, warmup_max_lr=RATE, warmup_num_steps=LENGTH, warmup_type=_WARMUP)
def WarmupDecayLR(
    total_num_steps: int, warmup_min_lr: float = 0.0, warmup_max_lr: float = 0.001, warmup_num_steps: int = 1000,
    warmup_type: Warmup = "log",
) -> Schedule:  # fmt: skip
    """WarmupLR, then a straight line back to warmup_min_lr.

    Formula: min + (max - min) g(t - 1), min at t = 0, with the g of WarmupLR for n < w, then (T - n) / (T - w) to T = total_num_steps,
    then 0.
    Raises SpecError. Source: deepspeedai/DeepSpeed, deepspeed/runtime/lr_schedules.py.

    >>> WarmupDecayLR(8, warmup_max_lr=1.0, warmup_num_steps=4)([0, 2, 4, 5, 7, 9])
    array([0. , 0.5, 1. , 1. , 0.5, 0. ])
    """
    w = max(2, warmup_num_steps)
    warmup = Constant(warmup_min_lr, 1) >> _warmup(warmup_min_lr, warmup_max_lr, w, warmup_type)
    return warmup >> Ramp(warmup_max_lr, warmup_min_lr, max(0, total_num_steps - w))


@preset(lr=RATE, total_num_steps=STEPS, warmup_min_ratio=FRACTION, warmup_num_steps=LENGTH, cos_min_ratio=NOT_NEGATIVE, warmup_type=_WARMUP)
def WarmupCosineLR(
    lr: float, total_num_steps: int, warmup_min_ratio: float = 0.0, warmup_num_steps: int = 1000, cos_min_ratio: float = 0.0001,
    warmup_type: Warmup = "log",
) -> Schedule:  # fmt: skip
    """A logarithm, or a straight line, up to the rate, then half a cosine wave to cos_min_ratio of it.

    Formula: lr (r + (1 - r) g(t - 1)), lr r at t = 0, with r = warmup_min_ratio and the g of WarmupLR to t = w; then lr (m + (1 - m) (1
    + cos(pi p)) / 2), m = cos_min_ratio, p = (t - w) / (T - w) up to 1, T = total_num_steps: the cosine is a step ahead of the warmup,
    so it is cut in at its second step.
    Raises SpecError. Source: deepspeedai/DeepSpeed, deepspeed/runtime/lr_schedules.py.

    >>> WarmupCosineLR(1.0, 8, warmup_num_steps=4, cos_min_ratio=0.0)([0, 2, 4, 6, 8, 9])
    array([0. , 0.5, 1. , 0.5, 0. , 0. ])
    """
    w = max(2, warmup_num_steps)
    warmup = Constant(lr * warmup_min_ratio, 1) >> _warmup(lr * warmup_min_ratio, lr, w, warmup_type)
    cosine = Constant(lr, w) >> Ramp(lr, lr * cos_min_ratio, max(1, total_num_steps - w), "cosine")
    return switch(warmup, w + 1, cosine)
