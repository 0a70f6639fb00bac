"""Randomness that can be asked for again."""

from math import sqrt
from typing import Annotated, Literal

from ..registry import choice, count, ratio, recipe, schedule
from ..schedule import Constant, Curve, Noise, Number, Product, Ramp, Schedule, Sequence, Sum
from ._common import Run, Start
from .curves import enveloped


@recipe(
    formula="schedule(t) (1 + n(t)); n(t) in (-scale, scale), or normal with standard deviation scale, of the seed and floor(t) alone",
    first="schedule(0) * (1 + Noise(seed, kind, scale, limit)(0))",
    end="schedule(schedule.span)",
    boundary="every step has its own noise",
    source="timm, `noise_range_t`; the numbers are SplitMix64's (Steele, Lea & Flood 2014)",
    elsewhere={
        "timm": 'CosineLRScheduler(noise_pct, noise_seed): kind="normal", scale=1, limit=noise_pct, other numbers',
        "TensorFlow": "NoisyLinearCosineDecay, whose noise is added to a line and fades (`noisy_linear_cosine`)",
    },
    example={"schedule": Ramp(3e-4, 1e-5, 1000, "cosine"), "scale": 0.2, "seed": 1},
    window=1000,
)
def noise(
    schedule: Annotated[Schedule, schedule(), "the schedule under the noise"],
    scale: Annotated[Number, ratio(0, 1000), "the largest uniform noise, or the standard deviation; 0.1 is 10 % of the value"],
    seed: Annotated[int, count(unit=""), "which noise"] = 0,
    kind: Annotated[Literal["uniform", "normal"], choice("uniform", "normal"), "how it is distributed"] = "uniform",
    limit: Annotated[Number | None, ratio(0.01, 8, special=(None,)), "of normal noise, in standard deviations; none lies beyond it"] = None,
) -> Schedule:
    """A schedule times random numbers around 1, the same ones whenever and wherever a step is asked for.

    Past the end of the schedule its end value holds, without noise. `lr.Noise` is the noise alone, to add or multiply with.

    >>> import lrcore as lr
    >>> noisy = noise(lr.linear(1.0, 0.0, 100), 0.1, seed=3)
    >>> bool((abs(noisy.values() / lr.linear_to_zero(1.0, 100).values() - 1) < 0.1).all())
    True
    >>> bool(noisy(7) == noisy.values(10)[7]), noisy(100)
    (True, 0.0)
    """
    factor: Schedule = Sum((Constant(1.0), Noise(seed, kind, scale, limit)))
    if schedule.span is not None:
        factor = Sequence((factor.until(schedule.span), Ramp(1.0, 1.0, 0)))
    return Product((schedule, factor))


@recipe(
    formula="start ((1 - u + alpha + n(t)) (1 + cos(2 pi periods u)) / 2 + beta), u = t / steps; "
    "n(t) normal with variance variance / (1 + t)^decay, of the seed and floor(t) alone",
    first="start * (1 + alpha + Noise(seed, 'normal')(0) * variance**0.5 + beta)",
    end="start * (alpha * (1 + cos(2 * pi * periods)) / 2 + beta)",
    boundary="every step has its own noise; from `steps` on there is none",
    source="Bello et al. 2017 (arXiv:1709.07417); TensorFlow, `NoisyLinearCosineDecay`",
    elsewhere={
        "TensorFlow": "NoisyLinearCosineDecay(initial_variance=variance, variance_decay=decay, num_periods=periods), other numbers "
        "each time a step is asked for; without the noise it is LinearCosineDecay (`cosine_linear`)"
    },
    example={"start": 3e-4, "steps": 1000, "seed": 1},
)
def noisy_linear_cosine(
    start: Start,
    steps: Run,
    periods: Annotated[Number, ratio(0, 1e6, above=True), "waves in the run; 0.5 is half a wave"] = 0.5,
    alpha: Annotated[Number, ratio(), "what the line is raised by"] = 0.0,
    beta: Annotated[Number, ratio(), "what the whole is raised by"] = 0.001,
    variance: Annotated[Number, ratio(0, 1e6), "the variance of the noise at step 0, in terms of start"] = 1.0,
    decay: Annotated[Number, ratio(0, 32), "the power of time the variance falls with"] = 0.55,
    seed: Annotated[int, count(unit=""), "which noise"] = 0,
) -> Schedule:
    """A line with fading noise, under cosine waves; the same numbers whenever and wherever a step is asked for.

    Where the noise outweighs the line the value is negative, as it is in TensorFlow.

    >>> quiet = noisy_linear_cosine(1.0, 4, beta=0.0, variance=0.0)
    >>> quiet([0, 2, 4])
    array([1.  , 0.25, 0.  ])
    """
    deviation = Curve(sqrt(variance), "power_law", (-decay / 2, 1.0)) if decay else Constant(sqrt(variance))
    noise = Sequence((Product((Noise(seed, "normal"), deviation)).until(steps), Ramp(0.0, 0.0, 0)))
    return enveloped(start, 0.0, steps, periods, beta, Sum((Ramp(1 + alpha, alpha, steps), noise)))
