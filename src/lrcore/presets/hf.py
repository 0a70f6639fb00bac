"""The schedules of transformers.optimization, as schedules.

A step is one `scheduler.step()`: step t is the rate after t of them. `optimizer` is replaced by `lr`, the group's rate and the
optimizer's default; `last_epoch` is left out, since a schedule can be asked for any step.
"""

from __future__ import annotations

from fractions import Fraction
from typing import Literal

from ..errors import SpecError
from ..schedule import Constant, Ramp, Samples, Schedule, Until, curve, ramp
from .common import LENGTH, NOT_NEGATIVE, POWER, RATE, STEPS, choice, clocked, optional, preset, switch, wave

__all__ = [
    "get_constant_schedule",
    "get_constant_schedule_with_warmup",
    "get_cosine_schedule_with_warmup",
    "get_cosine_with_hard_restarts_schedule_with_warmup",
    "get_cosine_with_min_lr_schedule_with_warmup",
    "get_cosine_with_min_lr_schedule_with_warmup_lr_rate",
    "get_inverse_sqrt_schedule",
    "get_linear_schedule_with_warmup",
    "get_polynomial_decay_schedule_with_warmup",
    "get_wsd_schedule",
]


@preset(lr=RATE)
def get_constant_schedule(lr: float) -> Constant:
    """The rate as it is.

    Formula: lr, for t >= 0. Raises SpecError. Source: transformers.optimization.get_constant_schedule.

    >>> get_constant_schedule(0.1)(10**9)
    0.1
    """
    return Constant(lr)


@preset(lr=RATE, num_warmup_steps=STEPS)
def get_constant_schedule_with_warmup(lr: float, num_warmup_steps: int) -> Schedule:
    """A straight line from zero to the rate, which holds.

    Formula: lr t / num_warmup_steps for 0 <= t < num_warmup_steps, then lr.
    Raises SpecError. Source: transformers.optimization.get_constant_schedule_with_warmup.

    >>> get_constant_schedule_with_warmup(1.0, 4)([0, 2, 4, 9])
    array([0. , 0.5, 1. , 1. ])
    """
    return Ramp(0.0, lr, num_warmup_steps)


@preset(lr=RATE, num_warmup_steps=STEPS, num_training_steps=STEPS)
def get_linear_schedule_with_warmup(lr: float, num_warmup_steps: int, num_training_steps: int) -> Schedule:
    """A straight line from zero to the rate, then one back to zero.

    Formula: lr t / w for 0 <= t < w = num_warmup_steps, then lr (T - t) / (T - w) to T = num_training_steps, then 0. T includes the
    warmup. Raises SpecError. Source: transformers.optimization.get_linear_schedule_with_warmup.

    >>> get_linear_schedule_with_warmup(1.0, 2, 6)([0, 1, 2, 4, 6, 9])
    array([0. , 0.5, 1. , 0.5, 0. , 0. ])
    """
    return Ramp(0.0, lr, num_warmup_steps) >> Ramp(lr, 0.0, max(0, num_training_steps - num_warmup_steps))


def _waves(lr: float, warmup: int, training: int, cycles: float, bottom: float) -> Schedule:
    return Ramp(0.0, lr, warmup) >> wave(lr, bottom, max(1, training - warmup), cycles)


@preset(lr=RATE, num_warmup_steps=STEPS, num_training_steps=STEPS, num_cycles=NOT_NEGATIVE)
def get_cosine_schedule_with_warmup(lr: float, num_warmup_steps: int, num_training_steps: int, num_cycles: float = 0.5) -> Schedule:
    """A straight line from zero to the rate, then a cosine wave between it and zero.

    Formula: lr t / w for 0 <= t < w = num_warmup_steps, then lr (1 + cos(2 pi num_cycles (t - w) / (T - w))) / 2. The wave goes on past
    T = num_training_steps: with num_cycles 0.5 the rate rises again there. Half a wave may last a fraction of a step: the
    positions are exact, see `wave` of the shared helpers.
    Raises SpecError. Source: transformers.optimization.get_cosine_schedule_with_warmup.

    >>> get_cosine_schedule_with_warmup(1.0, 2, 6)([0, 1, 2, 4, 6, 8])
    array([0. , 0.5, 1. , 0.5, 0. , 0.5])
    """
    return _waves(lr, num_warmup_steps, num_training_steps, num_cycles, 0.0)


@preset(lr=RATE, num_warmup_steps=STEPS, num_training_steps=STEPS, num_cycles=LENGTH)
def get_cosine_with_hard_restarts_schedule_with_warmup(
    lr: float, num_warmup_steps: int, num_training_steps: int, num_cycles: int = 1
) -> Schedule:
    """A straight line from zero to the rate, then half cosines to zero, each starting from the rate again.

    Formula: lr t / w for 0 <= t < w = num_warmup_steps, then lr (1 + cos(pi frac(num_cycles (t - w) / (T - w)))) / 2 to
    T = num_training_steps, then 0. A cycle of (T - w) / num_cycles = p / q steps is p steps on a clock of 1/q steps, so that restarts
    are found in whole numbers wherever they lie.
    Raises SpecError. Source: transformers.optimization.get_cosine_with_hard_restarts_schedule_with_warmup.

    >>> get_cosine_with_hard_restarts_schedule_with_warmup(1.0, 2, 10, num_cycles=2)([0, 2, 4, 6, 8, 10])
    array([0. , 1. , 0.5, 1. , 0.5, 0. ])
    """
    cycle = Fraction(max(1, num_training_steps - num_warmup_steps), num_cycles)
    restarts = clocked(Ramp(lr, 0.0, cycle.numerator, "cosine").repeat(num_cycles), 1 / cycle.denominator)
    return Ramp(0.0, lr, num_warmup_steps) >> restarts


@preset(lr=RATE, num_warmup_steps=STEPS, num_training_steps=STEPS, lr_end=RATE, power=POWER)
def get_polynomial_decay_schedule_with_warmup(
    lr: float, num_warmup_steps: int, num_training_steps: int, lr_end: float = 1e-7, power: float = 1.0
) -> Schedule:
    """A straight line from zero to the rate, then a power of what is left, to lr_end.

    Formula: lr t / w for 0 <= t < w = num_warmup_steps, then lr_end + (lr - lr_end) (1 - (t - w) / (T - w))^power to
    T = num_training_steps, then lr_end, an absolute rate below lr.
    Raises SpecError. Source: transformers.optimization.get_polynomial_decay_schedule_with_warmup.

    >>> get_polynomial_decay_schedule_with_warmup(1.0, 2, 6, lr_end=0.0, power=2)([0, 1, 2, 4, 6, 9])
    array([0.  , 0.5 , 1.  , 0.25, 0.  , 0.  ])
    """
    if lr_end >= lr:
        raise SpecError("lr_end", f"a number below lr ({lr})", lr_end)
    decay = ramp(lr, lr_end, max(0, num_training_steps - num_warmup_steps), "polynomial", power=power)
    return Ramp(0.0, lr, num_warmup_steps) >> decay


@preset(lr=RATE, num_warmup_steps=STEPS, timescale=optional(LENGTH))
def get_inverse_sqrt_schedule(lr: float, num_warmup_steps: int, timescale: int | None = None) -> Schedule:
    """A straight line from zero to the rate, then one over the square root of the time.

    Formula: lr t / w for 0 <= t < w = num_warmup_steps, then lr / sqrt(1 + (t - w) / timescale). timescale : steps >= 1; None means w,
    or 10,000 without warmup.
    Raises SpecError. Source: transformers.optimization.get_inverse_sqrt_schedule.

    >>> get_inverse_sqrt_schedule(1.0, 4)([0, 2, 4, 16])
    array([0. , 0.5, 1. , 0.5])
    """
    scale = timescale or num_warmup_steps or 10_000
    return Ramp(0.0, lr, num_warmup_steps) >> curve(lr, "inverse_sqrt", timescale=scale)


def _floor(lr: float, min_lr: float | None, min_lr_rate: float | None) -> float:
    if (min_lr is None) == (min_lr_rate is None):
        raise SpecError("min_lr", "exactly one of min_lr and min_lr_rate", (min_lr, min_lr_rate))
    return min_lr if min_lr_rate is None else lr * min_lr_rate  # type: ignore[return-value]


@preset(
    lr=RATE, num_warmup_steps=STEPS, num_training_steps=STEPS, num_cycles=NOT_NEGATIVE, min_lr=optional(NOT_NEGATIVE),
    min_lr_rate=optional(NOT_NEGATIVE),
)  # fmt: skip
def get_cosine_with_min_lr_schedule_with_warmup(
    lr: float, num_warmup_steps: int, num_training_steps: int, num_cycles: float = 0.5, min_lr: float | None = None,
    min_lr_rate: float | None = None,
) -> Schedule:  # fmt: skip
    """A straight line from zero to the rate, then a cosine wave between it and a floor.

    Formula: get_cosine_schedule_with_warmup with the wave between lr and min_lr, or lr min_lr_rate; give one of the two. The
    warmup starts at zero, below the floor.
    Raises SpecError. Source: transformers.optimization.get_cosine_with_min_lr_schedule_with_warmup.

    >>> get_cosine_with_min_lr_schedule_with_warmup(1.0, 2, 6, min_lr=0.5)([0, 1, 2, 4, 6, 8])
    array([0.  , 0.5 , 1.  , 0.75, 0.5 , 0.75])
    """
    return _waves(lr, num_warmup_steps, num_training_steps, num_cycles, _floor(lr, min_lr, min_lr_rate))


@preset(
    lr=RATE, num_warmup_steps=STEPS, num_training_steps=STEPS, num_cycles=NOT_NEGATIVE, min_lr=optional(NOT_NEGATIVE),
    min_lr_rate=optional(NOT_NEGATIVE), warmup_lr_rate=optional(NOT_NEGATIVE),
)  # fmt: skip
def get_cosine_with_min_lr_schedule_with_warmup_lr_rate(
    lr: float, num_warmup_steps: int, num_training_steps: int, num_cycles: float = 0.5, min_lr: float | None = None,
    min_lr_rate: float | None = None, warmup_lr_rate: float | None = None,
) -> Schedule:  # fmt: skip
    """A straight line to the rate on the last warmup step, then a cosine wave one step ahead, between it and a floor.

    Formula: for 0 <= t < w = num_warmup_steps a line from lr / w, or lr warmup_lr_rate, at t = 0 to lr at t = w - 1; then the wave of
    get_cosine_with_min_lr_schedule_with_warmup at t + 1. Without warmup the values to num_training_steps are kept as samples, and
    the last one holds: no schedule starts one step inside a wave.
    Raises SpecError. Source: transformers.optimization.get_cosine_with_min_lr_schedule_with_warmup_lr_rate.

    >>> get_cosine_with_min_lr_schedule_with_warmup_lr_rate(1.0, 2, 6, min_lr=0.0)([0, 1, 3, 5])
    array([0.5, 1. , 0.5, 0. ])
    """
    w, bottom = num_warmup_steps, _floor(lr, min_lr, min_lr_rate)
    decay = wave(lr, bottom, max(1, num_training_steps - w), num_cycles)
    if w == 0:
        return Samples(decay.values(max(1, num_training_steps), start=1))  # type: ignore[arg-type]
    if warmup_lr_rate is None:
        warmup: Schedule = Ramp(lr / w, lr, w, endpoint=True)
    else:
        warmup = Constant(lr * warmup_lr_rate, 1) if w == 1 else Ramp(lr * warmup_lr_rate, lr, w, endpoint=True)
    return switch(warmup, w, Constant(lr, w - 1) >> decay)


@preset(
    lr=RATE, num_warmup_steps=STEPS, num_decay_steps=STEPS, num_training_steps=optional(STEPS), num_stable_steps=optional(STEPS),
    warmup_type=choice("linear", "cosine", "1-sqrt"), decay_type=choice("linear", "cosine", "1-sqrt"), min_lr_ratio=NOT_NEGATIVE,
    num_cycles=NOT_NEGATIVE,
)  # fmt: skip
def get_wsd_schedule(
    lr: float, num_warmup_steps: int, num_decay_steps: int, num_training_steps: int | None = None,
    num_stable_steps: int | None = None, warmup_type: Literal["linear", "cosine", "1-sqrt"] = "linear",
    decay_type: Literal["linear", "cosine", "1-sqrt"] = "cosine", min_lr_ratio: float = 0.0, num_cycles: float = 0.5,
) -> Schedule:  # fmt: skip
    """Warmup from the floor, a stable phase, and a decay to the floor.

    Formula: with m = min_lr_ratio, lr (m + (1 - m) f) where f is p, (1 - cos(pi p)) / 2 or 1 - sqrt(1 - p) during the warmup, 1 for
    num_stable_steps, and 1 - p, (1 + cos(2 pi num_cycles p)) / 2 or 1 - sqrt(p) during the decay, p being the part of the phase that
    has passed; then lr m. num_stable_steps : None for num_training_steps less the other two.
    Raises SpecError. Source: transformers.optimization.get_wsd_schedule; Hu et al. 2024 (arXiv:2404.06395).

    >>> get_wsd_schedule(1.0, 2, 4, num_stable_steps=2, decay_type="1-sqrt")([0, 1, 2, 4, 5, 8])
    array([0. , 0.5, 1. , 1. , 0.5, 0. ])
    """
    if num_stable_steps is None:
        if num_training_steps is None:
            raise SpecError("num_stable_steps", "num_training_steps or num_stable_steps", None)
        num_stable_steps = num_training_steps - num_warmup_steps - num_decay_steps
        if num_stable_steps < 0:
            raise SpecError("num_training_steps", "an integer >= num_warmup_steps + num_decay_steps", num_training_steps)
    bottom = lr * min_lr_ratio
    if warmup_type == "1-sqrt":
        warmup = ramp(bottom, lr, num_warmup_steps, "polynomial", power=0.5)
    else:
        warmup = Ramp(bottom, lr, num_warmup_steps, warmup_type)
    if decay_type == "cosine" and num_cycles != 0.5:
        decay: Schedule = Until(wave(lr, bottom, max(1, num_decay_steps), num_cycles), num_decay_steps)
    else:
        decay = Ramp(lr, bottom, num_decay_steps, "sqrt" if decay_type == "1-sqrt" else decay_type)
    return warmup >> Constant(lr, num_stable_steps) >> decay >> Constant(bottom)
