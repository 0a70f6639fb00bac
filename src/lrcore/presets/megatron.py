# ruff: noqa: N802  the names are Megatron's
"""The OptimizerParamScheduler of Megatron-LM, as schedules.

A step is its num_steps (Megatron counts samples there): step t is the rate at num_steps = t. `optimizer` and the two options for
checkpoints are left out. The weight decay that it writes comes from a preset of its own.
"""

from __future__ import annotations

from typing import Literal

from ..errors import SpecError
from ..schedule import Constant, Ramp, Schedule, Sum, Until, curve, maximum
from .common import LENGTH, NOT_NEGATIVE, RATE, STEPS, choice, optional, preset, switch

__all__ = ["OptimizerParamScheduler", "OptimizerParamScheduler_weight_decay"]

Decay = Literal["linear", "cosine", "exponential", "minus_sqrt"]


@preset(
    init_lr=RATE, max_lr=NOT_NEGATIVE, min_lr=NOT_NEGATIVE, lr_warmup_steps=STEPS, lr_decay_steps=LENGTH,
    lr_decay_style=choice("constant", "linear", "cosine", "inverse-square-root", "WSD"), wsd_decay_steps=optional(LENGTH),
    lr_wsd_decay_style=optional(choice("linear", "cosine", "exponential", "minus_sqrt")),
)  # fmt: skip
def OptimizerParamScheduler(
    init_lr: float, max_lr: float, min_lr: float, lr_warmup_steps: int, lr_decay_steps: int,
    lr_decay_style: Literal["constant", "linear", "cosine", "inverse-square-root", "WSD"], *, wsd_decay_steps: int | None = None,
    lr_wsd_decay_style: Decay | None = None,
) -> Schedule:  # fmt: skip
    """A straight line to max_lr, then one of five ways to min_lr.

    Formula: init_lr + (max_lr - init_lr) t / w for 0 <= t <= w = lr_warmup_steps. Then, to T = lr_decay_steps, min_lr + c (max_lr -
    min_lr) with c = 1 - r (linear) or (1 + cos(pi r)) / 2 (cosine), r = (t - w) / (T - w); or max(min_lr, max_lr sqrt(w / t))
    (inverse-square-root, w at least 1); or (WSD) c = 1 until T - d, d = wsd_decay_steps, and after it 1 - r, (1 + cos(pi r)) / 2, 2^(1
    - r) - 1 (exponential) or 1 - sqrt(r), r = (t - T + d) / d. Past T min_lr; with constant max_lr for ever. w < T, d <= T.
    Raises SpecError. Source: NVIDIA/Megatron-LM, megatron/core/optimizer_param_scheduler.py.

    >>> OptimizerParamScheduler(0.0, 1.0, 0.0, 2, 8, "WSD", wsd_decay_steps=4, lr_wsd_decay_style="minus_sqrt")([0, 1, 2, 4, 5, 8])
    array([0. , 0.5, 1. , 1. , 0.5, 0. ])
    """
    w, total = lr_warmup_steps, lr_decay_steps
    if not init_lr <= max_lr >= min_lr:
        raise SpecError("max_lr", f"a number >= init_lr ({init_lr}) and min_lr ({min_lr})", max_lr)
    if w >= total:
        raise SpecError("lr_warmup_steps", f"an integer below lr_decay_steps ({total})", w)
    warmup = Ramp(init_lr, max_lr, w)
    if lr_decay_style == "constant":
        return warmup
    if lr_decay_style == "inverse-square-root":
        decay = warmup >> Constant(max_lr, 0 if w else 1) >> maximum(curve(max_lr, "inverse_sqrt", timescale=max(w, 1)), min_lr)
        return Until(decay, total + 1) >> Constant(min_lr)
    if lr_decay_style != "WSD":
        return warmup >> Ramp(max_lr, min_lr, total - w, lr_decay_style)
    if wsd_decay_steps is None or lr_wsd_decay_style is None or wsd_decay_steps > total:
        raise SpecError("wsd_decay_steps", f"wsd_decay_steps up to {total} and lr_wsd_decay_style, with WSD", wsd_decay_steps)
    hold = total - wsd_decay_steps
    anneal = _cooldown(max_lr, min_lr, wsd_decay_steps, lr_wsd_decay_style)
    if hold >= w:
        return warmup >> Constant(max_lr, hold - w) >> anneal
    return switch(warmup, w + 1, Constant(max_lr, hold) >> anneal)


def _cooldown(start: float, stop: float, length: int, style: Decay) -> Schedule:
    if style == "minus_sqrt":
        return Ramp(start, stop, length, "sqrt")
    if style != "exponential":
        return Ramp(start, stop, length, style)
    height = start - stop
    if height == 0:
        return Constant(stop)
    return Sum((Constant(stop - height), Ramp(2 * height, height, length, "exponential"))).until(length) >> Constant(stop)


@preset(
    start_wd=NOT_NEGATIVE, end_wd=NOT_NEGATIVE, wd_incr_steps=STEPS, wd_incr_style=choice("constant", "linear", "cosine")
)  # fmt: skip
def OptimizerParamScheduler_weight_decay(
    start_wd: float, end_wd: float, wd_incr_steps: int, wd_incr_style: Literal["constant", "linear", "cosine"]
) -> Schedule:
    """The weight decay that goes with it: from start_wd up to end_wd.

    Formula: start_wd + (end_wd - start_wd) c, c = r (linear) or (1 - cos(pi r)) / 2 (cosine), r = t / wd_incr_steps, then end_wd;
    constant wants both equal. end_wd >= start_wd.
    Raises SpecError. Source: NVIDIA/Megatron-LM, megatron/core/optimizer_param_scheduler.py.

    >>> OptimizerParamScheduler_weight_decay(0.0, 0.5, 4, "cosine")([0, 2, 4, 9])
    array([0.  , 0.25, 0.5 , 0.5 ])
    """
    if end_wd < start_wd or (wd_incr_style == "constant" and end_wd != start_wd):
        raise SpecError("end_wd", f"a number {'=' if wd_incr_style == 'constant' else '>='} start_wd ({start_wd})", end_wd)
    return Constant(end_wd) if wd_incr_style == "constant" else Ramp(start_wd, end_wd, wd_incr_steps, wd_incr_style)
