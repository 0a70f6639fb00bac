# ruff: noqa: N802, N803  the names are PyTorch's
"""The schedulers of torch.optim.lr_scheduler and torch.optim.swa_utils, as schedules.

A step is one `scheduler.step()`: step t is the rate after t of them. `optimizer` is replaced by `lr`, the group's rate, or left
out where the scheduler sets its own; `last_epoch` is left out, since a schedule can be asked for any step. The closed form is
meant throughout: PyTorch multiplies the rate in force, which drifts (`lrcore.presets.DIFFERENCES` says by how much).

The momentum that CyclicLR and OneCycleLR write comes from a preset of its own, with the same arguments.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Literal

from ..errors import SpecError
from ..schedule import Constant, Product, Ramp, Samples, Schedule, Sequence, Sum, Until, ramp
from .common import (
    FLAG,
    FRACTION,
    LENGTH,
    NOT_NEGATIVE,
    POSITIVE,
    POWER,
    RATE,
    SCHEDULE,
    STEPS,
    choice,
    clocked,
    drawn,
    factors,
    geometric,
    joined,
    many,
    optional,
    preset,
    real,
)

__all__ = [
    "ChainedScheduler",
    "ConstantLR",
    "CosineAnnealingLR",
    "CosineAnnealingWarmRestarts",
    "CyclicLR",
    "CyclicLR_momentum",
    "ExponentialLR",
    "LambdaLR",
    "LinearLR",
    "MultiStepLR",
    "MultiplicativeLR",
    "OneCycleLR",
    "OneCycleLR_momentum",
    "PolynomialLR",
    "SWALR",
    "SequentialLR",
    "StepLR",
]

Strategy = Literal["cos", "linear"]
Mode = Literal["triangular", "triangular2", "exp_range"]


@preset(lr=RATE, factor=FRACTION, total_iters=STEPS)
def ConstantLR(lr: float, factor: float = 1.0 / 3, total_iters: int = 5) -> Schedule:
    """A part of the rate at first, then all of it.

    Formula: lr factor for 0 <= t < total_iters, then lr. factor : from 0 to 1; total_iters : steps.
    Raises SpecError. Source: torch.optim.lr_scheduler.ConstantLR.

    >>> ConstantLR(0.3, factor=0.5, total_iters=2)([0, 1, 2, 9])
    array([0.15, 0.15, 0.3 , 0.3 ])
    """
    return Constant(lr * factor, total_iters) >> Constant(lr)


@preset(lr=RATE, start_factor=real(above=0, high=1), end_factor=FRACTION, total_iters=STEPS)
def LinearLR(lr: float, start_factor: float = 1.0 / 3, end_factor: float = 1.0, total_iters: int = 5) -> Schedule:
    """A straight line between two parts of the rate.

    Formula: lr (start_factor + (end_factor - start_factor) t / total_iters) for 0 <= t < total_iters, then lr end_factor.
    start_factor : above 0, up to 1; end_factor : from 0 to 1; total_iters : steps.
    Raises SpecError. Source: torch.optim.lr_scheduler.LinearLR.

    >>> LinearLR(0.1, start_factor=0.5, total_iters=5)([0, 1, 5, 9])
    array([0.05, 0.06, 0.1 , 0.1 ])
    """
    return Ramp(lr * start_factor, lr * end_factor, total_iters)


@preset(lr=RATE, step_size=LENGTH, gamma=NOT_NEGATIVE)
def StepLR(lr: float, step_size: int, gamma: float = 0.1) -> Schedule:
    """The rate times gamma every step_size steps.

    Formula: lr gamma^floor(t / step_size), for t >= 0. step_size : steps >= 1; gamma : >= 0, and where it is above 1 the rate
    grows to 1e199 times lr and holds.
    Raises SpecError. Source: torch.optim.lr_scheduler.StepLR.

    >>> StepLR(1.0, step_size=3, gamma=0.5)([0, 2, 3, 5, 6])
    array([1.  , 1.  , 0.5 , 0.5 , 0.25])
    """
    return clocked(geometric(lr, gamma, step_size), step_size, stairs=True)


@preset(lr=RATE, milestones=many(STEPS), gamma=NOT_NEGATIVE)
def MultiStepLR(lr: float, milestones: list[int], gamma: float = 0.1) -> Schedule:
    """The rate times gamma at every milestone.

    Formula: lr gamma^(number of milestones <= t), for t >= 0. milestones : steps in any order, one listed twice counts twice;
    gamma : >= 0.
    Raises SpecError. Source: torch.optim.lr_scheduler.MultiStepLR.

    >>> MultiStepLR(1.0, milestones=[3, 6], gamma=0.5)([2, 3, 5, 6])
    array([1.  , 0.5 , 0.5 , 0.25])
    """
    return factors(lr, milestones, gamma)


@preset(lr=RATE, gamma=NOT_NEGATIVE)
def ExponentialLR(lr: float, gamma: float) -> Schedule:
    """The rate times gamma every step.

    Formula: lr gamma^t, for t >= 0. gamma : >= 0, and where it is above 1 the rate grows to 1e199 times lr and holds.
    Raises SpecError. Source: torch.optim.lr_scheduler.ExponentialLR.

    >>> ExponentialLR(1.0, gamma=0.5)([0, 1, 2])
    array([1.  , 0.5 , 0.25])
    """
    return geometric(lr, gamma)


@preset(lr=RATE, total_iters=STEPS, power=POWER)
def PolynomialLR(lr: float, total_iters: int = 5, power: float = 1.0) -> Schedule:
    """A power of what is left, to zero.

    Formula: lr (1 - t / total_iters)^power for 0 <= t < total_iters, then 0. total_iters : steps; power : above 0.001, up to 100.
    Raises SpecError. Source: torch.optim.lr_scheduler.PolynomialLR.

    >>> PolynomialLR(1.0, total_iters=4, power=2.0)([0, 2, 4, 9])
    array([1.  , 0.25, 0.  , 0.  ])
    """
    return Ramp(lr, 0.0, total_iters) if power == 1 else ramp(lr, 0.0, total_iters, "polynomial", power=power)


@preset(lr=RATE, T_max=LENGTH, eta_min=RATE)
def CosineAnnealingLR(lr: float, T_max: int, eta_min: float = 0.0) -> Schedule:
    """Half a cosine wave to eta_min, and back up, and down again, for ever.

    Formula: eta_min + (lr - eta_min) (1 + cos(pi t / T_max)) / 2, for t >= 0: past T_max the rate rises again. T_max : steps >= 1.
    Raises SpecError. Source: torch.optim.lr_scheduler.CosineAnnealingLR; Loshchilov & Hutter 2016 (arXiv:1608.03983).

    >>> CosineAnnealingLR(1.0, T_max=10)([0, 5, 10, 15, 20])
    array([1. , 0.5, 0. , 0.5, 1. ])
    """
    return Ramp(lr, eta_min, T_max, "cosine").past_end("mirror")


@preset(lr=RATE, T_0=LENGTH, T_mult=LENGTH, eta_min=RATE)
def CosineAnnealingWarmRestarts(lr: float, T_0: int, T_mult: int = 1, eta_min: float = 0.0) -> Schedule:
    """Cosines from the rate to eta_min, each T_mult times as long as the one before.

    Formula: eta_min + (lr - eta_min) (1 + cos(pi c / T_i)) / 2, c steps into cycle i of T_i = T_0 T_mult^i steps; eta_min is
    never produced, the restart takes its place. T_0, T_mult : integers >= 1. Restarts are found in whole numbers.
    Raises SpecError. Source: torch.optim.lr_scheduler.CosineAnnealingWarmRestarts; Loshchilov & Hutter 2016 (arXiv:1608.03983).

    >>> CosineAnnealingWarmRestarts(1.0, T_0=10, T_mult=3)([0, 5, 10, 25, 1210])
    array([1. , 0.5, 1. , 0.5, 1. ])
    """
    return Ramp(lr, eta_min, T_0, "cosine").repeat(None, T_mult)


def _cyclic(start: float, peak: float, up: int, down: int | None, mode: Mode, gamma: float, scale_fn: object) -> Schedule:
    if scale_fn is not None:
        raise SpecError("scale_fn", "None", scale_fn, "A schedule holds no code; give the values to lrcore.from_function.")
    down = up if down is None else down
    if mode == "exp_range" and gamma != 1:
        rise = Ramp(0.0, peak - start, up) >> Ramp(peak - start, 0.0, down)
        return Sum((Constant(start), Product((rise.repeat(), geometric(1.0, gamma)))))
    triangle = Ramp(start, peak, up) >> Ramp(peak, start, down)
    return triangle.repeat(decay=0.5, floor=start) if mode == "triangular2" else triangle.repeat()


_CYCLE: dict[str, Any] = {
    "base_lr": RATE, "max_lr": RATE, "step_size_up": LENGTH, "step_size_down": optional(LENGTH),
    "mode": choice("triangular", "triangular2", "exp_range"), "gamma": real(above=0, high=1), "scale_mode": choice("cycle", "iterations"),
    "cycle_momentum": FLAG, "base_momentum": RATE, "max_momentum": RATE,
}  # fmt: skip


@preset(**_CYCLE)
def CyclicLR(
    base_lr: float, max_lr: float, step_size_up: int = 2000, step_size_down: int | None = None, mode: Mode = "triangular",
    gamma: float = 1.0, scale_fn: Callable[[float], float] | None = None, scale_mode: Literal["cycle", "iterations"] = "cycle",
    cycle_momentum: bool = True, base_momentum: float = 0.8, max_momentum: float = 0.9,
) -> Schedule:  # fmt: skip
    """Up from base_lr to max_lr and down again, for ever.

    Formula: base_lr + (max_lr - base_lr) h s, where h goes 0 -> 1 in step_size_up steps and 1 -> 0 in step_size_down (None: as
    many), and s is 1 (triangular), 2^-cycle (triangular2) or gamma^t (exp_range). gamma : above 0, up to 1. A scale_fn cannot be
    stored; give its values to `lrcore.from_function`. The rest are CyclicLR_momentum's.
    Raises SpecError. Source: torch.optim.lr_scheduler.CyclicLR; Smith 2015 (arXiv:1506.01186).

    >>> CyclicLR(0.0, 1.0, step_size_up=2, mode="triangular2")([0, 1, 2, 3, 4, 6])
    array([0. , 0.5, 1. , 0.5, 0. , 0.5])
    """
    return _cyclic(base_lr, max_lr, step_size_up, step_size_down, mode, gamma, scale_fn)


@preset(**_CYCLE)
def CyclicLR_momentum(
    base_lr: float, max_lr: float, step_size_up: int = 2000, step_size_down: int | None = None, mode: Mode = "triangular",
    gamma: float = 1.0, scale_fn: Callable[[float], float] | None = None, scale_mode: Literal["cycle", "iterations"] = "cycle",
    cycle_momentum: bool = True, base_momentum: float = 0.8, max_momentum: float = 0.9,
) -> Schedule:  # fmt: skip
    """The momentum that goes with CyclicLR: down when the rate goes up.

    Formula: max_momentum - (max_momentum - base_momentum) h s, with h and s of CyclicLR, for t >= 0.
    Raises SpecError, also without cycle_momentum. Source: torch.optim.lr_scheduler.CyclicLR.

    >>> CyclicLR_momentum(0.0, 1.0, step_size_up=2)([0, 1, 2, 3, 4])
    array([0.9 , 0.85, 0.8 , 0.85, 0.9 ])
    """
    _cycling(cycle_momentum)
    return _cyclic(max_momentum, base_momentum, step_size_up, step_size_down, mode, gamma, scale_fn)


def _cycling(cycle_momentum: bool) -> None:
    if not cycle_momentum:
        raise SpecError("cycle_momentum", "True", cycle_momentum, "Without it the momentum stays what the optimizer was given.")


def _one_cycle(
    total_steps: int | None, epochs: int | None, steps_per_epoch: int | None, pct_start: float, strategy: Strategy, three_phase: bool,
    values: tuple[float, float, float, float],
) -> Schedule:  # fmt: skip
    """Knots at the phase ends as PyTorch works them out, in float64: pct_start T - 1, 2 pct_start T - 2, T - 1."""
    if total_steps is None:
        if epochs is None or steps_per_epoch is None:
            raise SpecError("total_steps", "total_steps, or both epochs and steps_per_epoch", total_steps)
        total_steps = epochs * steps_per_epoch
    first, peak, third, last = values
    ends = [(float(pct_start * total_steps) - 1, peak)]
    if three_phase:
        ends.append((float(2 * pct_start * total_steps) - 2, third))
    # A phase that would end past the run is the last one that is reached.
    ends = [end for i, end in enumerate(ends) if all(before < total_steps - 1 for before, _ in ends[:i])]
    if ends[-1][0] < total_steps - 1 or total_steps == 1:
        ends.append((total_steps - 1, last))
    schedule = drawn([(0.0, first), *ends], "cosine" if strategy == "cos" else "linear")
    return Until(schedule, total_steps - 1) if ends[-1][0] > total_steps - 1 else schedule


_ONE_CYCLE: dict[str, Any] = {
    "max_lr": RATE, "total_steps": optional(LENGTH), "epochs": optional(LENGTH), "steps_per_epoch": optional(LENGTH),
    "pct_start": FRACTION, "anneal_strategy": choice("cos", "linear"), "cycle_momentum": FLAG, "base_momentum": RATE,
    "max_momentum": RATE, "div_factor": POSITIVE, "final_div_factor": POSITIVE, "three_phase": FLAG,
}  # fmt: skip


@preset(**_ONE_CYCLE)
def OneCycleLR(
    max_lr: float, total_steps: int | None = None, epochs: int | None = None, steps_per_epoch: int | None = None,
    pct_start: float = 0.3, anneal_strategy: Strategy = "cos", cycle_momentum: bool = True, base_momentum: float = 0.85,
    max_momentum: float = 0.95, div_factor: float = 25.0, final_div_factor: float = 1e4, three_phase: bool = False,
) -> Schedule:  # fmt: skip
    """Up to max_lr and down again, once.

    Formula: from max_lr / div_factor to max_lr at step pct_start T - 1, then to max_lr / div_factor / final_div_factor at step
    T - 1, along half cosines or straight lines; with three_phase back to the first value at 2 pct_start T - 2 in between. These
    ends are real numbers: the peak usually lies between two steps, and knots at real positions have it there too. A phase that
    ends at or before step 0 is left out. T = total_steps, or epochs steps_per_epoch. Past T - 1 the last value holds.
    Raises SpecError. Source: torch.optim.lr_scheduler.OneCycleLR; Smith & Topin 2017 (arXiv:1708.07120).

    >>> OneCycleLR(1.0, total_steps=11, pct_start=5 / 11, anneal_strategy="linear", div_factor=5)([0, 2, 4, 7, 10]).round(6)
    array([2.0000e-01, 6.0000e-01, 1.0000e+00, 5.0001e-01, 2.0000e-05])
    """
    first = max_lr / div_factor
    values = (first, max_lr, first, first / final_div_factor)
    return _one_cycle(total_steps, epochs, steps_per_epoch, pct_start, anneal_strategy, three_phase, values)


@preset(**_ONE_CYCLE)
def OneCycleLR_momentum(
    max_lr: float, total_steps: int | None = None, epochs: int | None = None, steps_per_epoch: int | None = None,
    pct_start: float = 0.3, anneal_strategy: Strategy = "cos", cycle_momentum: bool = True, base_momentum: float = 0.85,
    max_momentum: float = 0.95, div_factor: float = 25.0, final_div_factor: float = 1e4, three_phase: bool = False,
) -> Schedule:  # fmt: skip
    """The momentum that goes with OneCycleLR: down to base_momentum where the rate peaks, then back to max_momentum.

    Formula: the phases of OneCycleLR between max_momentum and base_momentum. Past the last step it holds.
    Raises SpecError, also without cycle_momentum. Source: torch.optim.lr_scheduler.OneCycleLR.

    >>> OneCycleLR_momentum(1.0, total_steps=11, pct_start=5 / 11, anneal_strategy="linear")([0, 2, 4, 7, 10])
    array([0.95, 0.9 , 0.85, 0.9 , 0.95])
    """
    _cycling(cycle_momentum)
    values = (max_momentum, base_momentum, max_momentum, max_momentum)
    return _one_cycle(total_steps, epochs, steps_per_epoch, pct_start, anneal_strategy, three_phase, values)


@preset(schedulers=many(SCHEDULE, least=1), milestones=many(STEPS, ascending=True))
def SequentialLR(schedulers: list[Schedule], milestones: list[int]) -> Sequence:
    """One schedule after the other, each starting from its own step 0 at its milestone.

    schedulers : schedules, one more than milestones; milestones : steps in ascending order. The new one is in force at t >= milestone.
    Raises SpecError. Source: torch.optim.lr_scheduler.SequentialLR.

    >>> SequentialLR([ConstantLR(1.0, 0.5, 9), ExponentialLR(1.0, 0.5)], milestones=[2])([0, 1, 2, 3])
    array([0.5, 0.5, 1. , 0.5])
    """
    return joined(schedulers, milestones, ("schedulers", "milestones"))


@preset(schedulers=many(SCHEDULE, least=1), lr=RATE)
def ChainedScheduler(schedulers: list[Schedule], lr: float) -> Schedule:
    """Several schedulers on one rate: the product of what each does to it.

    Formula: lr times the product of s(t) / lr, for t >= 0. schedulers : schedules made with this lr; lr : not 0. True of schedulers
    that multiply the rate in force (Step, MultiStep, Constant, Linear, Exponential, Polynomial); one that sets it (Lambda, Cyclic,
    OneCycle, WarmRestarts) makes PyTorch forget those before it, so leave these out.
    Raises SpecError. Source: torch.optim.lr_scheduler.ChainedScheduler.

    >>> ChainedScheduler([ConstantLR(0.5, 0.5, 2), ExponentialLR(0.5, 0.5)], lr=0.5)([0, 1, 2])
    array([0.25 , 0.125, 0.125])
    """
    if lr == 0:
        raise SpecError("lr", "a number other than 0", lr)
    return Product((schedulers[0], *(Product((Constant(1 / lr), scheduler)) for scheduler in schedulers[1:])))


@preset(lr=RATE, steps=LENGTH)
def LambdaLR(lr: float, lr_lambda: Callable[[int], float], steps: int) -> Samples:
    """The rate times any function of the step, sampled.

    Formula: lr lr_lambda(t) for 0 <= t < steps, then the last of these. steps : steps >= 1, since a schedule holds values, not code.
    Raises SpecError. Source: torch.optim.lr_scheduler.LambdaLR.

    >>> LambdaLR(0.5, lambda t: 1 / (1 + t), steps=4)([0, 1, 3, 9])
    array([0.5  , 0.25 , 0.125, 0.125])
    """
    return Samples([lr * _called(lr_lambda, step) for step in range(steps)])  # type: ignore[arg-type]


@preset(lr=RATE, steps=LENGTH)
def MultiplicativeLR(lr: float, lr_lambda: Callable[[int], float], steps: int) -> Samples:
    """The rate multiplied at every step by a function of it, sampled.

    Formula: lr lr_lambda(1) ... lr_lambda(t) for 0 <= t < steps, then the last of these. steps : steps >= 1.
    Raises SpecError. Source: torch.optim.lr_scheduler.MultiplicativeLR.

    >>> MultiplicativeLR(1.0, lambda t: 0.5, steps=3)([0, 1, 2, 9])
    array([1.  , 0.5 , 0.25, 0.25])
    """
    values = [lr]
    for step in range(1, steps):
        values.append(values[-1] * _called(lr_lambda, step))
    return Samples(values)  # type: ignore[arg-type]


def _called(function: Callable[[int], float], step: int) -> float:
    if not callable(function):
        raise SpecError("lr_lambda", "a function of the step", function)
    value: float = RATE(function(step), f"lr_lambda({step})")
    return value


@preset(lr=RATE, swa_lr=RATE, anneal_epochs=STEPS, anneal_strategy=choice("cos", "linear"))
def SWALR(lr: float, swa_lr: float, anneal_epochs: int = 10, anneal_strategy: Strategy = "cos") -> Ramp:
    """From the rate in force to swa_lr, then hold: the annealing of stochastic weight averaging.

    Formula: half a cosine or a straight line from lr to swa_lr in anneal_epochs steps, then swa_lr. To start it at step n of
    another schedule: `schedule.override(n, swa_lr, anneal_epochs, "cosine")`.
    Raises SpecError. Source: torch.optim.swa_utils.SWALR; Izmailov et al. 2018 (arXiv:1803.05407).

    >>> SWALR(1.0, 0.5, anneal_epochs=4)([0, 2, 4, 9])
    array([1.  , 0.75, 0.5 , 0.5 ])
    """
    return Ramp(lr, swa_lr, anneal_epochs, "cosine" if anneal_strategy == "cos" else "linear")
