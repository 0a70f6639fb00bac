# ruff: noqa: N802  the names are Composer's
"""The schedulers of composer.optim, as schedules.

A step is a batch. Times are numbers of steps, where Composer takes time strings; "1dur", its default, is the length of the run,
which `.over(horizon)` fills in. Composer's schedulers give factors: here `lr`, the rate they multiply, comes first.
"""

from __future__ import annotations

from typing import Any, Literal

from ..checks import LAST_STEP
from ..errors import SpecError
from ..schedule import Constant, PastEnd, Ramp, Schedule, Sequence, ramp
from .common import LENGTH, NOT_NEGATIVE, POSITIVE, POWER, RATE, STEPS, Domain, clocked, factors, geometric, many, preset, switch

__all__ = [
    "ConstantScheduler",
    "CosineAnnealingScheduler",
    "CosineAnnealingWarmRestartsScheduler",
    "CosineAnnealingWithWarmupScheduler",
    "ExponentialScheduler",
    "LinearScheduler",
    "LinearWithWarmupScheduler",
    "MultiStepScheduler",
    "MultiStepWithWarmupScheduler",
    "PolynomialScheduler",
    "StepScheduler",
]

Duration = int | Literal["1dur"]


def _duration(value: Any, path: str) -> int | Literal["rest"]:
    if value == "1dur" or value == "rest":
        return "rest"
    return _steps(value, path)


def _steps(value: Any, path: str) -> int:
    steps: int = STEPS(value, path)
    return steps


_DURATION = Domain('an integer >= 0, or "1dur"', _duration, (-1, 2.5, "3ep", None))


@preset(lr=RATE, alpha=RATE, t_max=_DURATION)
def ConstantScheduler(lr: float, alpha: float = 1.0, t_max: Duration = "1dur") -> Schedule:
    """A part of the rate for a time, then all of it.

    Formula: lr alpha for 0 <= t < t_max, then lr. t_max : steps, or "1dur" for the run.
    Raises SpecError. Source: mosaicml/composer, composer/optim/scheduler.py.

    >>> ConstantScheduler(1.0, alpha=0.5, t_max=2)([0, 1, 2, 9])
    array([0.5, 0.5, 1. , 1. ])
    """
    return Constant(lr * alpha, t_max) >> Constant(lr)  # type: ignore[arg-type]


@preset(lr=RATE, step_size=LENGTH, gamma=NOT_NEGATIVE)
def StepScheduler(lr: float, step_size: int, gamma: float = 0.1) -> Schedule:
    """The rate times gamma every step_size steps.

    Formula: lr gamma^floor(t / step_size), for t >= 0. step_size : steps >= 1; gamma : >= 0.
    Raises SpecError. Source: mosaicml/composer, composer/optim/scheduler.py.

    >>> StepScheduler(1.0, 3, gamma=0.5)([0, 2, 3, 6])
    array([1.  , 1.  , 0.5 , 0.25])
    """
    return clocked(geometric(lr, gamma, step_size), step_size, stairs=True)


@preset(lr=RATE, milestones=many(STEPS), gamma=NOT_NEGATIVE)
def MultiStepScheduler(lr: float, milestones: list[int], gamma: float = 0.1) -> Schedule:
    """The rate times gamma at every milestone.

    Formula: lr gamma^(number of milestones <= t), for t >= 0. milestones : steps, in any order; gamma : >= 0.
    Raises SpecError. Source: mosaicml/composer, composer/optim/scheduler.py.

    >>> MultiStepScheduler(1.0, [3, 6], gamma=0.5)([2, 3, 5, 6])
    array([1.  , 0.5 , 0.5 , 0.25])
    """
    return factors(lr, milestones, gamma)


@preset(lr=RATE, alpha_i=RATE, alpha_f=RATE, t_max=_DURATION)
def LinearScheduler(lr: float, alpha_i: float = 1.0, alpha_f: float = 0.0, t_max: Duration = "1dur") -> Schedule:
    """A straight line between two parts of the rate.

    Formula: lr (alpha_i + (alpha_f - alpha_i) t / t_max) for 0 <= t < t_max, then lr alpha_f. t_max : steps, or "1dur" for the run.
    Raises SpecError. Source: mosaicml/composer, composer/optim/scheduler.py.

    >>> LinearScheduler(1.0).over(4)([0, 2, 4, 9])
    array([1. , 0.5, 0. , 0. ])
    """
    return Ramp(lr * alpha_i, lr * alpha_f, t_max)  # type: ignore[arg-type]


@preset(lr=RATE, gamma=NOT_NEGATIVE, decay_period=POSITIVE)
def ExponentialScheduler(lr: float, gamma: float, decay_period: float = 1) -> Schedule:
    """The rate times gamma every decay_period steps, smoothly.

    Formula: lr gamma^(t / decay_period), for t >= 0. decay_period : above 0, in steps (Composer's default is an epoch); gamma : >= 0.
    Raises SpecError. Source: mosaicml/composer, composer/optim/scheduler.py.

    >>> ExponentialScheduler(1.0, 0.25, decay_period=2)([0, 1, 2])
    array([1.  , 0.5 , 0.25])
    """
    return clocked(geometric(lr, gamma, decay_period), decay_period) if gamma else geometric(lr, gamma)


@preset(lr=RATE, t_max=_DURATION, alpha_f=RATE)
def CosineAnnealingScheduler(lr: float, t_max: Duration = "1dur", alpha_f: float = 0.0) -> Schedule:
    """Half a cosine wave to a part of the rate.

    Formula: lr (alpha_f + (1 - alpha_f) (1 + cos(pi t / t_max)) / 2) for 0 <= t < t_max, then lr alpha_f. t_max : steps, or "1dur".
    Raises SpecError. Source: mosaicml/composer, composer/optim/scheduler.py.

    >>> CosineAnnealingScheduler(1.0, 4, alpha_f=0.5)([0, 2, 4, 9])
    array([1.  , 0.75, 0.5 , 0.5 ])
    """
    return Ramp(lr, lr * alpha_f, t_max, "cosine")  # type: ignore[arg-type]


@preset(lr=RATE, t_0=LENGTH, t_mult=POSITIVE, alpha_f=RATE)
def CosineAnnealingWarmRestartsScheduler(lr: float, t_0: int, t_mult: float = 1.0, alpha_f: float = 0.0) -> Schedule:
    """Cosines to a part of the rate, each t_mult times as long as the one before, rounded down each time.

    Formula: lr (alpha_f + (1 - alpha_f) (1 + cos(pi c / T_i)) / 2), c steps into cycle i; T_0 = t_0, T_(i+1) = floor(t_mult T_i),
    written out as phases until it stays the same or passes 2**53 steps in all. A cycle that would shrink to nothing is refused, at
    evaluation, as Composer refuses it. t_0 : steps >= 1; t_mult : above 0.
    Raises SpecError. Source: mosaicml/composer, composer/optim/scheduler.py.

    >>> CosineAnnealingWarmRestartsScheduler(1.0, 5, t_mult=1.5)([0, 5, 12, 17, 22])
    array([1. , 1. , 1. , 0.5, 1. ])
    """
    if t_mult == int(t_mult):
        return Ramp(lr, lr * alpha_f, t_0, "cosine").repeat(None, t_mult)
    phases: list[Schedule] = []
    length, total = t_0, 0
    while length and total + length <= LAST_STEP:
        cycle = Ramp(lr, lr * alpha_f, length, "cosine")
        after = int(t_mult * length)
        if after == length:
            return Sequence((*phases, cycle.repeat()))
        phases.append(cycle)
        length, total = after, total + length
    return PastEnd(Sequence(tuple(phases)), "error") if length == 0 else Sequence(tuple(phases))


def _lasting(t_max: int | Literal["rest"], t_warmup: int) -> int | Literal["rest"]:
    """What the warmup leaves of t_max."""
    if t_max == "rest":
        return "rest"
    if t_max < t_warmup:
        raise SpecError("t_max", f"an integer >= t_warmup ({t_warmup})", t_max, "It counts the warmup too.")
    return t_max - t_warmup


@preset(lr=RATE, power=POWER, t_max=_DURATION, alpha_f=RATE)
def PolynomialScheduler(lr: float, power: float, t_max: Duration = "1dur", alpha_f: float = 0.0) -> Schedule:
    """A power of what is left, to a part of the rate.

    Formula: lr (alpha_f + (1 - alpha_f) (1 - t / t_max)^power) for 0 <= t < t_max, then lr alpha_f. power : above 0.001, up to 100.
    Raises SpecError. Source: mosaicml/composer, composer/optim/scheduler.py.

    >>> PolynomialScheduler(1.0, 2.0, t_max=4)([0, 2, 4, 9])
    array([1.  , 0.25, 0.  , 0.  ])
    """
    return ramp(lr, lr * alpha_f, t_max, "polynomial", power=power)  # type: ignore[arg-type]


@preset(lr=RATE, t_warmup=STEPS, milestones=many(STEPS), gamma=NOT_NEGATIVE)
def MultiStepWithWarmupScheduler(lr: float, t_warmup: int, milestones: list[int], gamma: float = 0.1) -> Schedule:
    """A straight line from zero to the rate, then the rate times gamma at every milestone.

    Formula: lr t / t_warmup for 0 <= t < t_warmup, then lr gamma^(number of milestones <= t): the milestones count from step 0.
    Raises SpecError. Source: mosaicml/composer, composer/optim/scheduler.py.

    >>> MultiStepWithWarmupScheduler(1.0, 2, [4, 6], gamma=0.5)([0, 1, 2, 4, 6])
    array([0.  , 0.5 , 1.  , 0.5 , 0.25])
    """
    return switch(Ramp(0.0, lr, t_warmup), t_warmup, factors(lr, milestones, gamma))


@preset(lr=RATE, t_warmup=STEPS, alpha_i=RATE, alpha_f=RATE, t_max=_DURATION)
def LinearWithWarmupScheduler(lr: float, t_warmup: int, alpha_i: float = 1.0, alpha_f: float = 0.0, t_max: Duration = "1dur") -> Schedule:
    """A straight line from zero to a part of the rate, then one to another part.

    Formula: lr alpha_i t / t_warmup for 0 <= t < t_warmup, then lr (alpha_i + (alpha_f - alpha_i) (t - t_warmup) / (t_max - t_warmup)),
    then lr alpha_f. t_max : steps, the warmup included, or "1dur".
    Raises SpecError. Source: mosaicml/composer, composer/optim/scheduler.py.

    >>> LinearWithWarmupScheduler(1.0, 2, t_max=6)([0, 1, 2, 4, 6, 9])
    array([0. , 0.5, 1. , 0.5, 0. , 0. ])
    """
    return Ramp(0.0, lr * alpha_i, t_warmup) >> Ramp(lr * alpha_i, lr * alpha_f, _lasting(t_max, t_warmup))  # type: ignore[arg-type]


@preset(lr=RATE, t_warmup=STEPS, t_max=_DURATION, alpha_f=RATE)
def CosineAnnealingWithWarmupScheduler(lr: float, t_warmup: int, t_max: Duration = "1dur", alpha_f: float = 0.0) -> Schedule:
    """A straight line from zero to the rate, then half a cosine wave to a part of it.

    Formula: lr t / t_warmup for 0 <= t < t_warmup, then CosineAnnealingScheduler over t_max - t_warmup steps. t_max : steps, the warmup
    included, or "1dur".
    Raises SpecError. Source: mosaicml/composer, composer/optim/scheduler.py.

    >>> CosineAnnealingWithWarmupScheduler(1.0, 2, t_max=6)([0, 1, 2, 4, 6, 9])
    array([0. , 0.5, 1. , 0.5, 0. , 0. ])
    """
    return Ramp(0.0, lr, t_warmup) >> Ramp(lr, lr * alpha_f, _lasting(t_max, t_warmup), "cosine")  # type: ignore[arg-type]
