# ruff: noqa: N802  the names are timm's
"""The schedulers of timm.scheduler, as schedules.

A step is what timm is told by `scheduler.step(t)` or `step_update(t)`: epochs or updates, as t_in_epochs says there and as you
mean it here (`.per(k)` turns a schedule of epochs of k updates into one of updates). `optimizer` is replaced by `lr`, the group's
rate; `initialize` is left out. Noise is drawn from lrcore's own generator: the same distribution, other draws than timm's.
"""

from __future__ import annotations

from collections.abc import Callable
from math import exp
from typing import Any

from ..errors import SpecError
from ..schedule import Constant, Noise, Product, Ramp, Schedule, Sum, ramp
from .common import (
    FLAG,
    LENGTH,
    NOT_NEGATIVE,
    POSITIVE,
    POWER,
    RATE,
    STEPS,
    Domain,
    clocked,
    cycles,
    factors,
    geometric,
    many,
    optional,
    preset,
    real,
    steps,
    switch,
)

__all__ = ["CosineLRScheduler", "MultiStepLRScheduler", "PolyLRScheduler", "StepLRScheduler", "TanhLRScheduler"]

NoiseRange = int | list[int] | tuple[int, int] | None


def _range(value: Any, path: str) -> tuple[int, int | None] | None:
    if value is None:
        return None
    if isinstance(value, list | tuple):
        if len(value) != 2:
            raise SpecError(path, "a first step, or the first step and the one after the last", value)
        return STEPS(value[0], f"{path}[0]"), STEPS(value[1], f"{path}[1]")
    return STEPS(value, path), None


_SEED = steps(0, 2**53)
_COMMON: dict[str, Domain] = {
    "lr": RATE, "warmup_t": STEPS, "warmup_lr_init": NOT_NEGATIVE, "warmup_prefix": FLAG, "t_in_epochs": FLAG,
    "noise_range_t": Domain("a first step, a pair of steps, or None", _range, ([1], -1, "x")),
    "noise_pct": POSITIVE, "noise_std": POSITIVE, "noise_seed": optional(_SEED),
}  # fmt: skip
_CYCLES: dict[str, Domain] = {
    **_COMMON, "t_initial": LENGTH, "lr_min": NOT_NEGATIVE, "cycle_mul": real(1), "cycle_decay": real(above=0, high=1),
    "cycle_limit": STEPS,
}  # fmt: skip


def _warmed(curve: Schedule, target: float, warmup_t: int, warmup_lr_init: float, prefix: bool) -> Schedule:
    """A line to `target`, then the curve from its start, or, without prefix, on the clock that ran through the warmup."""
    warmup = Ramp(warmup_lr_init, target, warmup_t)
    return warmup >> curve if prefix else switch(warmup, warmup_t, curve)


def _noisy(schedule: Schedule, noise_range_t: Any, pct: float, std: float, seed: int | None) -> Schedule:
    """The schedule times 1 + n from the first step of the range to the one before its last."""
    if noise_range_t is None:
        return schedule
    first, end = noise_range_t
    if end is not None and end <= first:
        return schedule
    if not 0.01 <= pct / std <= 8:
        raise SpecError("noise_pct", f"a number from 0.01 to 8 times noise_std ({std})", pct)
    gate = Constant(0.0, first) >> (Constant(1.0) if end is None else Constant(1.0, end - first) >> Constant(0.0))
    noise = Noise(42 if seed is None else seed, "normal", std, pct / std)
    return Product((schedule, Sum((Constant(1.0), Product((gate, noise))))))


def _cycled(
    shape: Callable[[float, float, int], Schedule], lr: float, lr_min: float, t_initial: int, mul: float, decay: float, limit: int
) -> Schedule:
    """Cycle i from lr decay^i to lr_min: the part of lr shrinks, the part of lr_min does not; past the last cycle, lr_min."""
    if limit == 0:
        return Constant(lr_min)
    if limit == 1:
        return shape(lr, lr_min, t_initial) >> Constant(lr_min)
    if decay == 1:
        return cycles(lambda length: shape(lr, lr_min, length), t_initial, mul, limit, 1.0) >> Constant(lr_min)
    falling = cycles(lambda length: shape(lr, 0.0, length), t_initial, mul, limit, decay)
    if lr_min == 0:
        return falling >> Constant(0.0)
    rising = cycles(lambda length: shape(0.0, lr_min, length), t_initial, mul, limit, 1.0)
    return Sum((falling, rising)) >> Constant(lr_min)


@preset(**_COMMON, decay_t=POSITIVE, decay_rate=NOT_NEGATIVE)
def StepLRScheduler(
    lr: float, decay_t: float, decay_rate: float = 1.0, warmup_t: int = 0, warmup_lr_init: float = 0.0, warmup_prefix: bool = True,
    t_in_epochs: bool = True, noise_range_t: NoiseRange = None, noise_pct: float = 0.67, noise_std: float = 1.0,
    noise_seed: int | None = 42,
) -> Schedule:  # fmt: skip
    """The rate times decay_rate every decay_t steps, after a linear warmup.

    Formula: warmup_lr_init + (lr - warmup_lr_init) t / warmup_t for 0 <= t < warmup_t, then lr decay_rate^floor(c / decay_t) with
    c = t - warmup_t, or t without warmup_prefix. Noise as in CosineLRScheduler.
    Raises SpecError. Source: huggingface/pytorch-image-models, timm/scheduler/step_lr.py.

    >>> StepLRScheduler(1.0, decay_t=3, decay_rate=0.5, warmup_t=2)([0, 1, 2, 4, 5])
    array([0. , 0.5, 1. , 1. , 0.5])
    """
    stairs = clocked(geometric(lr, decay_rate, decay_t), decay_t, stairs=True)
    warmed = _warmed(stairs, lr, warmup_t, warmup_lr_init, warmup_prefix)
    return _noisy(warmed, noise_range_t, noise_pct, noise_std, noise_seed)


@preset(**_COMMON, decay_t=many(STEPS, ascending=True), decay_rate=NOT_NEGATIVE)
def MultiStepLRScheduler(
    lr: float, decay_t: list[int], decay_rate: float = 1.0, warmup_t: int = 0, warmup_lr_init: float = 0.0, warmup_prefix: bool = True,
    t_in_epochs: bool = True, noise_range_t: NoiseRange = None, noise_pct: float = 0.67, noise_std: float = 1.0,
    noise_seed: int | None = 42,
) -> Schedule:  # fmt: skip
    """The rate times decay_rate one step before every boundary, after a linear warmup.

    Formula: the warmup of StepLRScheduler, then lr decay_rate^(number of decay_t <= c + 1), with its c: timm counts the step that
    comes next. Noise as in CosineLRScheduler.
    Raises SpecError. Source: huggingface/pytorch-image-models, timm/scheduler/multistep_lr.py.

    >>> MultiStepLRScheduler(1.0, decay_t=[3, 6], decay_rate=0.5)([1, 2, 4, 5])
    array([1.  , 0.5 , 0.5 , 0.25])
    """
    stairs = factors(lr, [max(0, boundary - 1) for boundary in decay_t], decay_rate)
    warmed = _warmed(stairs, lr, warmup_t, warmup_lr_init, warmup_prefix)
    return _noisy(warmed, noise_range_t, noise_pct, noise_std, noise_seed)


@preset(**_CYCLES, k_decay=real(0.25, 10))
def CosineLRScheduler(
    lr: float, t_initial: int, lr_min: float = 0.0, cycle_mul: float = 1.0, cycle_decay: float = 1.0, cycle_limit: int = 1,
    warmup_t: int = 0, warmup_lr_init: float = 0.0, warmup_prefix: bool = False, t_in_epochs: bool = True,
    noise_range_t: NoiseRange = None, noise_pct: float = 0.67, noise_std: float = 1.0, noise_seed: int | None = 42, k_decay: float = 1.0,
) -> Schedule:  # fmt: skip
    """Cosines to lr_min, each longer and lower than the one before, after a linear warmup.

    Formula: a line from warmup_lr_init to lr in warmup_t steps, then lr_min + (lr cycle_decay^i - lr_min) (1 + cos(pi p^k_decay)) / 2, p
    being the part that has passed of cycle i of t_initial cycle_mul^i steps; past cycle_limit cycles lr_min. The clock of the cycles
    starts after the warmup, or with it without warmup_prefix. Cycles of fractional length are whole on a finer clock, so that
    restarts are exact. noise_range_t : the rate times 1 + n from that step on, or from the first to before the second; n normal with
    standard deviation noise_std, within noise_pct.
    Raises SpecError. Source: huggingface/pytorch-image-models, timm/scheduler/cosine_lr.py; k-decay: Zhang & Li 2020 (arXiv:2004.05909).

    >>> CosineLRScheduler(1.0, 4, cycle_decay=0.5, cycle_limit=2, warmup_t=2, warmup_prefix=True)([0, 1, 2, 4, 6, 8, 10])
    array([0.  , 0.5 , 1.  , 0.5 , 0.5 , 0.25, 0.  ])
    """

    def cosine(start: float, stop: float, length: int) -> Schedule:
        return Ramp(start, stop, length, "cosine") if k_decay == 1 else ramp(start, stop, length, "k_decay", k=k_decay)

    curve = _cycled(cosine, lr, lr_min, t_initial, cycle_mul, cycle_decay, cycle_limit)
    warmed = _warmed(curve, lr, warmup_t, warmup_lr_init, warmup_prefix)
    return _noisy(warmed, noise_range_t, noise_pct, noise_std, noise_seed)


@preset(**_CYCLES, lb=real(-10, 10), ub=real(-10, 10))
def TanhLRScheduler(
    lr: float, t_initial: int, lb: float = -7.0, ub: float = 3.0, lr_min: float = 0.0, cycle_mul: float = 1.0, cycle_decay: float = 1.0,
    cycle_limit: int = 1, warmup_t: int = 0, warmup_lr_init: float = 0.0, warmup_prefix: bool = False, t_in_epochs: bool = True,
    noise_range_t: NoiseRange = None, noise_pct: float = 0.67, noise_std: float = 1.0, noise_seed: int | None = 42,
) -> Schedule:  # fmt: skip
    """Hyperbolic tangents towards lr_min, each longer and lower than the one before, after a linear warmup.

    Formula: CosineLRScheduler with (1 - tanh(lb (1 - p) + ub p)) / 2 for its cosine, which is neither 1 at p = 0 nor 0 at p = 1: with
    lb = -7, ub = 3 it goes from 1 - 8e-7 to 0.0025. Without warmup_prefix the warmup leads to the value the curve has after it. lb, ub
    : from -10 to 10, lb < ub.
    Raises SpecError. Source: huggingface/pytorch-image-models, timm/scheduler/tanh_lr.py; Hsueh et al. 2018 (arXiv:1806.01593).

    >>> TanhLRScheduler(1.0, 10, lb=-3, ub=3)([0, 5, 10]).round(4)
    array([0.9975, 0.5   , 0.    ])
    """
    if lb >= ub:
        raise SpecError("lb", f"a number below ub ({ub})", lb)
    high, low = 1 / (1 + exp(2 * lb)), 1 / (1 + exp(2 * ub))

    def tanh(start: float, stop: float, length: int) -> Schedule:
        ends = stop * (1 - high) + start * high, stop * (1 - low) + start * low
        return ramp(*ends, length, "tanh", lower=lb, upper=ub)

    curve = _cycled(tanh, lr, lr_min, t_initial, cycle_mul, cycle_decay, cycle_limit)
    target = lr if warmup_prefix or not warmup_t else curve(warmup_t)
    warmed = _warmed(curve, target, warmup_t, warmup_lr_init, warmup_prefix)
    return _noisy(warmed, noise_range_t, noise_pct, noise_std, noise_seed)


@preset(**_CYCLES, power=POWER, k_decay=real(0.25, 10))
def PolyLRScheduler(
    lr: float, t_initial: int, power: float = 0.5, lr_min: float = 0.0, cycle_mul: float = 1.0, cycle_decay: float = 1.0,
    cycle_limit: int = 1, warmup_t: int = 0, warmup_lr_init: float = 0.0, warmup_prefix: bool = False, t_in_epochs: bool = True,
    noise_range_t: NoiseRange = None, noise_pct: float = 0.67, noise_std: float = 1.0, noise_seed: int | None = 42, k_decay: float = 1.0,
) -> Schedule:  # fmt: skip
    """Powers of what is left, to lr_min, each longer and lower than the one before, after a linear warmup.

    Formula: CosineLRScheduler with (1 - p^k_decay)^power for its cosine. power : above 0.001, up to 100, with k_decay from 0.25 to 10.
    Raises SpecError. Source: huggingface/pytorch-image-models, timm/scheduler/poly_lr.py; k-decay: Zhang & Li 2020 (arXiv:2004.05909).

    >>> PolyLRScheduler(1.0, 4, power=2.0)([0, 2, 4, 9])
    array([1.  , 0.25, 0.  , 0.  ])
    """

    def poly(start: float, stop: float, length: int) -> Schedule:
        if k_decay == 1:
            return ramp(start, stop, length, "polynomial", power=power)
        return ramp(start, stop, length, "k_decay_polynomial", k=k_decay, power=power)

    curve = _cycled(poly, lr, lr_min, t_initial, cycle_mul, cycle_decay, cycle_limit)
    warmed = _warmed(curve, lr, warmup_t, warmup_lr_init, warmup_prefix)
    return _noisy(warmed, noise_range_t, noise_pct, noise_std, noise_seed)
