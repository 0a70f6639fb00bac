# ruff: noqa: N802  the names are Keras's
"""The schedules of keras.optimizers.schedules, as schedules.

A step is `optimizer.iterations`: step t is what the Keras object gives for `t`. `name` is left out. Keras computes in float32,
clock included; a preset gives the value its formula means (`lrcore.presets.DIFFERENCES`).
"""

from __future__ import annotations

from ..errors import SpecError
from ..schedule import Constant, Product, Ramp, Schedule, Sum, curve, ramp
from .common import (
    FLAG,
    LENGTH,
    NOT_NEGATIVE,
    POSITIVE,
    POWER,
    RATE,
    STEPS,
    clocked,
    geometric,
    levels,
    many,
    optional,
    preset,
    real,
    real_restarts,
)

__all__ = ["CosineDecay", "CosineDecayRestarts", "ExponentialDecay", "InverseTimeDecay", "PiecewiseConstantDecay", "PolynomialDecay"]


@preset(initial_learning_rate=RATE, decay_steps=LENGTH, alpha=RATE, warmup_target=optional(RATE), warmup_steps=STEPS)
def CosineDecay(
    initial_learning_rate: float, decay_steps: int, alpha: float = 0.0, warmup_target: float | None = None, warmup_steps: int = 0
) -> Schedule:
    """Half a cosine wave to a part of the rate, after a linear warmup if warmup_target is given.

    Formula: r (alpha + (1 - alpha) (1 + cos(pi c / decay_steps)) / 2), c = t - warmup_steps, then alpha r. Without warmup_target
    r = initial_learning_rate and warmup_steps counts for nothing; with it r = warmup_target, reached on a straight line at step
    warmup_steps. decay_steps : steps >= 1 after the warmup.
    Raises SpecError. Source: keras.optimizers.schedules.CosineDecay.

    >>> CosineDecay(0.0, 4, alpha=0.5, warmup_target=1.0, warmup_steps=2)([0, 1, 2, 4, 6, 9])
    array([0.  , 0.5 , 1.  , 0.75, 0.5 , 0.5 ])
    """
    if warmup_target is None:
        return Ramp(initial_learning_rate, alpha * initial_learning_rate, decay_steps, "cosine")
    warmup = Ramp(initial_learning_rate, warmup_target, warmup_steps)
    return warmup >> Ramp(warmup_target, alpha * warmup_target, decay_steps, "cosine")


@preset(initial_learning_rate=RATE, first_decay_steps=LENGTH, t_mul=real(1), m_mul=real(above=0, high=1), alpha=RATE)
def CosineDecayRestarts(
    initial_learning_rate: float, first_decay_steps: int, t_mul: float = 2.0, m_mul: float = 1.0, alpha: float = 0.0
) -> Schedule:
    """Cosines from the rate to alpha times it, each t_mul times as long and m_mul times as high as the one before.

    Formula: initial (alpha + (1 - alpha) m_mul^i (1 + cos(pi c / T_i)) / 2), c steps into cycle i of T_i = first_decay_steps t_mul^i
    steps, for t >= 0. Restarts are exact: in whole numbers for a whole t_mul, else by knots at their real positions, of which the
    first cycle that would end beyond 2**53 has none and holds. t_mul : >= 1; m_mul : above 0, up to 1.
    Raises SpecError. Source: keras.optimizers.schedules.CosineDecayRestarts; Loshchilov & Hutter 2016 (arXiv:1608.03983).

    >>> CosineDecayRestarts(1.0, 1000, m_mul=0.5)([0, 500, 1000, 2000, 3000])
    array([1.  , 0.5 , 0.5 , 0.25, 0.25])
    """
    bottom = alpha * initial_learning_rate
    if t_mul == int(t_mul):
        return real_restarts(initial_learning_rate, bottom, first_decay_steps, t_mul, m_mul, 1.0)
    height = real_restarts(initial_learning_rate - bottom, 0.0, first_decay_steps, t_mul, m_mul, m_mul)
    return Sum((Constant(bottom), height)) if bottom else height


@preset(initial_learning_rate=RATE, decay_steps=POSITIVE, decay_rate=POSITIVE, staircase=FLAG)
def ExponentialDecay(initial_learning_rate: float, decay_steps: float, decay_rate: float, staircase: bool = False) -> Schedule:
    """The rate times decay_rate every decay_steps steps, smoothly or in stairs.

    Formula: initial decay_rate^(t / decay_steps), with staircase floor(t / decay_steps), for t >= 0. decay_steps, decay_rate : above 0;
    where decay_rate is above 1 the rate grows to 1e199 times the initial one and holds.
    Raises SpecError. Source: keras.optimizers.schedules.ExponentialDecay.

    >>> ExponentialDecay(1.0, 10, 0.25)([0, 5, 10]), ExponentialDecay(1.0, 10, 0.25, staircase=True)([0, 5, 10])
    (array([1.  , 0.5 , 0.25]), array([1.  , 1.  , 0.25]))
    """
    return clocked(geometric(initial_learning_rate, decay_rate, decay_steps), decay_steps, stairs=staircase)


@preset(initial_learning_rate=RATE, decay_steps=POSITIVE, decay_rate=NOT_NEGATIVE, staircase=FLAG)
def InverseTimeDecay(initial_learning_rate: float, decay_steps: float, decay_rate: float, staircase: bool = False) -> Schedule:
    """The rate divided by a straight line, or by stairs.

    Formula: initial / (1 + decay_rate t / decay_steps), with staircase floor(t / decay_steps), for t >= 0. decay_steps : above 0.
    Raises SpecError. Source: keras.optimizers.schedules.InverseTimeDecay.

    >>> InverseTimeDecay(1.0, 10, 1.0)([0, 10, 30]), InverseTimeDecay(1.0, 10, 1.0, staircase=True)([9, 10, 39])
    (array([1.  , 0.5 , 0.25]), array([1.  , 0.5 , 0.25]))
    """
    if decay_rate == 0:
        return Constant(initial_learning_rate)
    if not staircase:
        return curve(initial_learning_rate, "inverse_time", rate=decay_rate / decay_steps)
    return clocked(curve(initial_learning_rate, "inverse_time", rate=decay_rate), decay_steps, stairs=True)


@preset(boundaries=many(STEPS, ascending=True), values=many(RATE, least=1))
def PiecewiseConstantDecay(boundaries: list[int], values: list[float]) -> Schedule:
    """A value until a boundary and on it, the next one after it.

    Formula: values[i] for boundaries[i - 1] < t <= boundaries[i], the last one past them: a boundary belongs to what comes before
    it. boundaries : steps in ascending order; values : one more than boundaries.
    Raises SpecError. Source: keras.optimizers.schedules.PiecewiseConstantDecay.

    >>> PiecewiseConstantDecay([3, 6], [1.0, 0.5, 0.25])([3, 4, 6, 7])
    array([1.  , 0.5 , 0.5 , 0.25])
    """
    if len(values) != len(boundaries) + 1:
        raise SpecError("values", f"one more than the boundaries ({len(boundaries) + 1})", len(values))
    return levels([0, *(boundary + 1 for boundary in boundaries)], values)


@preset(initial_learning_rate=RATE, decay_steps=LENGTH, end_learning_rate=RATE, power=POWER, cycle=FLAG)
def PolynomialDecay(
    initial_learning_rate: float, decay_steps: int, end_learning_rate: float = 0.0001, power: float = 1.0, cycle: bool = False
) -> Schedule:
    """A power of what is left of decay_steps; with cycle, of the next multiple of it.

    Formula: end + (initial - end) (1 - t / D)^power. Without cycle D = decay_steps and end holds past it; with it D is the first
    multiple of decay_steps that is not below t, so the rate is end at each multiple and jumps up after it. Written there as a
    sawtooth of decay_steps times (1 + cycle)^-power, one step late since a multiple belongs to the cycle before it.
    decay_steps : steps >= 1; power : above 0.001, up to 100, with cycle up to 16.
    Raises SpecError. Source: keras.optimizers.schedules.PolynomialDecay.

    >>> PolynomialDecay(1.0, 4, 0.0)([0, 2, 4, 6]), PolynomialDecay(1.0, 4, 0.0, cycle=True)([0, 2, 4, 6, 8])
    (array([1. , 0.5, 0. , 0. ]), array([1.  , 0.5 , 0.  , 0.25, 0.  ]))
    """
    if not cycle:
        return ramp(initial_learning_rate, end_learning_rate, decay_steps, "polynomial", power=power)
    if power > 16:
        raise SpecError("power", "a number above 0.001 and up to 16, with cycle", power)
    height = initial_learning_rate - end_learning_rate
    tooth = ramp(height * ((decay_steps - 1) / decay_steps) ** power, 0.0, decay_steps, "polynomial", endpoint=True, power=power)
    lower = clocked(curve(1.0, "power_law", exponent=-power, timescale=1.0), decay_steps, stairs=True)
    return Sum((Constant(end_learning_rate), Constant(height, 1) >> Product((tooth.repeat(), lower))))
