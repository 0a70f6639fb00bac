"""Randomness that can be asked for again."""

from typing import Annotated, Literal

from ..registry import choice, count, ratio, recipe, schedule
from ..schedule import Constant, Noise, Number, Product, Ramp, Schedule, Sequence, Sum


@recipe(
    formula="schedule(t) (1 + n(t)); n(t) in (-scale, scale), or normal with standard deviation scale, of the seed and floor(t) alone",
    first="schedule(0) * (1 + Noise(seed, kind, scale, limit)(0))",
    end="schedule(schedule.span)",
    boundary="every step has its own noise",
    source="timm, `noise_range_t`; the numbers are SplitMix64's (Steele, Lea & Flood 2014)",
    elsewhere={
        "timm": 'CosineLRScheduler(noise_pct, noise_seed): kind="normal", scale=1, limit=noise_pct, other numbers',
        "TensorFlow": "NoisyLinearCosineDecay, whose noise is added to the line and fades",
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
