"""Runs in phases: a climb, a level, a way down."""

from decimal import ROUND_CEILING, Decimal, localcontext
from fractions import Fraction
from typing import Annotated, Literal

from ..checks import Length, whole
from ..errors import SpecError
from ..registry import choice, count, length, many, ratio, recipe, shape, value
from ..schedule import Constant, Curve, Maximum, Minimum, Number, Ramp, Schedule, Sequence, ramp
from ..shapes import SHAPES
from ._common import SMITH, Climb, Every, Peak, Run, Stop, clocked, cooldown, phases, within

Cooldown = Annotated[str, shape("halving"), "the curve of the way down"]
Plain = Annotated[str, shape(without=[name for name in SHAPES if SHAPES[name].parameters]), "the curve of the way down"]
HAEGELE = "Haegele et al. 2024 (arXiv:2405.18392)"


@recipe(
    formula="peak t / warmup for t < warmup; peak to steps - decay; then from peak to stop in `decay` steps along `shape`",
    first="0",
    end="stop",
    boundary="step steps - decay still has the peak, and is the first of the way down",
    source=f"Hu et al. 2024 (arXiv:2404.06395); Zhai et al. 2021 (arXiv:2106.04560); the cooldowns: {HAEGELE}",
    elsewhere={
        "transformers": "warmup_stable_decay, whose climb starts at min_lr_ratio",
        "Megatron": "WSD: linear, cosine, minus_sqrt is sqrt, exponential is halving",
        "torchtitan": "linear, sqrt, cosine, with a last value above stop",
        "nanotron": "linear, cosine, 1-sqrt is sqrt",
        "pytorch_optimizer": "wsd, 1-sqrt by default",
        "modded-nanogpt, nanochat": "the warmdown",
    },
    example={"peak": 3e-4, "warmup": 100, "decay": 200, "steps": 1000, "shape": "sqrt"},
)
def wsd(
    peak: Peak,
    *,
    warmup: Climb,
    decay: Annotated[Length | None, length(rest=False, special=(None,)), "steps of the way down; a fraction is one of the run"] = None,
    steps: Annotated[int | None, count(special=(None,)), "steps of the whole run; None, without a decay, is for ever"] = None,
    stop: Stop = 0.0,
    shape: Cooldown = "linear",
    **parameters: Number,
) -> Sequence:
    """Warmup, stable, decay: a linear climb from 0, the peak held, then a way down along any shape.

    Without `steps` and `decay` the peak is held for ever, to be ended with `.override`. The ways down in use: "linear", "cosine",
    "sqrt" (known as 1-sqrt), "square", "exponential" and "harmonic" (to a stop that is not 0), "mirror_cosine", "polynomial" with a
    power, and "halving", Megatron's exponential: stop + (peak - stop) (2^(1 - u) - 1).

    >>> wsd(1.0, warmup=2, decay=4, steps=10)([0, 1, 2, 5, 8, 10])
    array([0. , 0.5, 1. , 1. , 0.5, 0. ])
    >>> wsd(1.0, warmup=2, decay=4, steps=10, shape="polynomial", power=2)(8)
    0.25
    """
    if (steps is None) != (decay is None):
        raise SpecError("decay", "both decay and steps, or neither", {"decay": decay, "steps": steps})
    if steps is None or decay is None:
        return Ramp(0.0, peak, whole(warmup, "warmup", hint="A fraction needs steps.")) >> Constant(peak)
    climb, fall = phases(steps, warmup=warmup, decay=decay)
    return Sequence((Ramp(0.0, peak, climb), Constant(peak, steps - climb - fall), cooldown(peak, stop, fall, shape, parameters)))


@recipe(
    formula="as `wsd` in every period, but for the climb: from the second period on each begins at the peak",
    first="0",
    end="stop",
    boundary="a period's first step has the peak again, without a climb",
    source="Wen et al. 2024 (arXiv:2410.05192)",
    elsewhere={"OLMo-core": "WSDS(period_lengths, warmup, decay)", "Levanter": "cycles with decay"},
    example={"peak": 3e-4, "warmup": 50, "periods": [300, 300, 400], "decay": 0.2},
)
def wsd_s(
    peak: Peak,
    *,
    warmup: Annotated[int, count(), "steps of the climb from 0, in the first period"],
    periods: Annotated[list[int], many(count(1), least=1), "steps of each period"],
    decay: Annotated[Length, length(rest=False), "steps of each way down; a fraction is one of its period"],
    stop: Stop = 0.0,
    shape: Cooldown = "linear",
    **parameters: Number,
) -> Sequence:
    """WSD-S: several ways down in one run, each from a peak taken up again, so that each period ends in a usable model.

    >>> wsd_s(1.0, warmup=2, periods=[6, 4], decay=2)([0, 2, 4, 5, 6, 8, 9, 10])
    array([0. , 1. , 1. , 0.5, 1. , 1. , 0.5, 0. ])
    """
    parts: list[Schedule] = [Ramp(0.0, peak, warmup)]
    for i, period in enumerate(periods):
        fall = within(decay, "decay", period, "period")
        level = period - fall - (0 if i else warmup)
        if level < 0:
            raise SpecError("decay", f"warmup and decay within the {period} steps of the period", {"warmup": warmup, "decay": fall})
        parts += [Constant(peak, level), cooldown(peak, stop, fall, shape, parameters)]
    return Sequence(tuple(parts))


@recipe(
    formula="peak for t < hold; then stop + (peak - stop) (1 + cos(pi (t - hold) / (steps - hold))) / 2",
    first="peak",
    end="stop",
    source="fastai, `fit_flat_cos`; Wright & Demeure 2021, Ranger21 (arXiv:2106.13731)",
    elsewhere={"fastai": "fit_flat_cos(pct_start=hold), which stops at peak / 1e5", "Ranger": "flat, then cosine from 72 or 75 %"},
    example={"peak": 3e-4, "steps": 1000},
)
def flat_cosine(
    peak: Peak,
    steps: Run,
    hold: Annotated[Length, length(rest=False), "steps of the level; a fraction is one of the run"] = 0.75,
    stop: Stop = 0.0,
) -> Sequence:
    """The peak held, then half a cosine: what Ranger is trained with.

    >>> flat_cosine(1.0, 8, hold=0.5)([0, 3, 4, 6, 8])
    array([1. , 1. , 1. , 0.5, 0. ])
    """
    level = within(hold, "hold", steps)
    return Sequence((Constant(peak, level), Ramp(peak, stop, steps - level, "cosine")))


@recipe(
    formula="middle t / warmup for t < warmup, with middle = (peak + stop) / 2; then stop + (middle - stop) (1 - sin(pi u / 2)), "
    "u = (t - warmup) / (steps - warmup)",
    first="0",
    end="stop",
    source="OLMo-core, `HalfCosWithWarmup`",
    elsewhere={"OLMo-core": "HalfCosWithWarmup(warmup, alpha_f), whose stop is alpha_f peak"},
    example={"peak": 3e-4, "steps": 1000, "warmup": 100},
)
def half_cosine(peak: Peak, steps: Run, *, warmup: Climb, stop: Stop = 0.0) -> Sequence:
    """The second half of half a cosine: a linear climb to the middle between peak and stop, and down from there.

    It is what is left of a cosine twice as long when its first half, flat at the peak, is left out.

    >>> half_cosine(1.0, 6, warmup=2)([0, 1, 2, 6])
    array([0.  , 0.25, 0.5 , 0.  ])
    """
    climb = within(warmup, "warmup", steps)
    middle = (peak + stop) / 2
    return Sequence((Ramp(0.0, middle, climb), Ramp(middle, stop, steps - climb, "quarter_cosine")))


@recipe(
    formula="peak t / warmup for t < warmup; peak until steps - decay; then a line to stop",
    first="0",
    end="stop",
    source="Wright & Demeure 2021, Ranger21 (arXiv:2106.13731)",
    elsewhere={"Ranger21": "its own schedule: the climb at least 2 / (1 - beta2), the line divided by one step more, its stop 3e-5"},
    example={"peak": 3e-4, "steps": 1000},
)
def warmup_flat_linear(
    peak: Peak,
    steps: Run,
    *,
    warmup: Climb = 0.22,
    decay: Annotated[Length, length(rest=False), "steps of the line down; a fraction is one of the run"] = 0.28,
    stop: Stop = 0.0,
) -> Sequence:
    """A linear climb, the peak held, a line down: Ranger21's schedule, which is `wsd` with its defaults.

    >>> warmup_flat_linear(1.0, 100)([0, 11, 22, 72, 86, 100])
    array([0. , 0.5, 1. , 1. , 0.5, 0. ])
    """
    climb, fall = phases(steps, warmup=warmup, decay=decay)
    return Sequence((Ramp(0.0, peak, climb), Constant(peak, steps - climb - fall), Ramp(peak, stop, fall)))


@recipe(
    formula="a line from initial_scale peak to peak, peak held, then peak final_scale^(u), u the share of `decay` passed",
    first="initial_scale * peak",
    end="final_scale * peak",
    source="Park et al. 2019, SpecAugment (arXiv:1904.08779); fairseq, `tri_stage`",
    elsewhere={"fairseq": "tri_stage", "fairseq2": "TriStageLR", "SpeechBrain": "without an end of the decay"},
    example={"peak": 3e-4, "warmup": 100, "hold": 400, "decay": 500},
)
def tri_stage(
    peak: Peak,
    *,
    warmup: Annotated[Length, length(), "steps of the climb"],
    hold: Annotated[Length, length(), "steps of the level"],
    decay: Annotated[Length, length(), "steps of the exponential way down"],
    initial_scale: Annotated[Number, ratio(), "the first value, as a factor of the peak"] = 0.01,
    final_scale: Annotated[Number, ratio(0, above=True), "the last value, as a factor of the peak"] = 0.01,
) -> Sequence:
    """A climb, a level, an exponential way down: the schedule of SpecAugment and wav2vec. Fractions are turned into steps by `.over`.

    >>> tri_stage(1.0, warmup=2, hold=2, decay=4)([0, 2, 4, 6, 8])
    array([0.01, 1.  , 1.  , 0.1 , 0.01])
    """
    return Sequence((Ramp(initial_scale * peak, peak, warmup), Constant(peak, hold), Ramp(peak, final_scale * peak, decay, "exponential")))


@recipe(
    formula="peak t / warmup for t < warmup; half a cosine from peak to plateau; plateau held; from plateau to stop along `shape`",
    first="0",
    end="stop",
    source="Singh et al. 2025 (arXiv:2503.02844)",
    elsewhere={"forgather": "InfiniteLRScheduler", "schedules-and-scaling": "cos_inf", "axolotl": "cosine_constant_lr_ratio"},
    example={"peak": 3e-4, "plateau": 1e-4, "warmup": 100, "cooldown": 300, "hold": 400, "anneal": 200, "stop": 1e-5},
)
def infinite(
    peak: Peak,
    *,
    plateau: Annotated[Number, value(), "the value held"],
    warmup: Annotated[int, count(), "steps of the climb from 0"],
    cooldown: Annotated[int, count(), "steps of the cosine from peak to plateau"],
    hold: Annotated[int | None, count(special=(None,)), "steps of the plateau; None is for ever"] = None,
    anneal: Annotated[int, count(), "steps of the way down that ends it"] = 0,
    stop: Annotated[Number | None, value(special=(None,)), "the value reached at the end"] = None,
    shape: Plain = "exponential",
) -> Sequence:
    """A climb, a cosine to a level that can be held for as long as there is data, and a way down when it is time for one.

    Without `hold` the plateau has no end: take a checkpoint from it and add the way down with `.override`.

    >>> infinite(1.0, plateau=0.4, warmup=2, cooldown=4)([0, 2, 4, 6, 10**9])
    array([0. , 1. , 0.7, 0.4, 0.4])
    >>> infinite(1.0, plateau=0.4, warmup=2, cooldown=4, hold=4, anneal=2, stop=0.1)([10, 11, 12])
    array([0.4, 0.2, 0.1])
    """
    start: list[Schedule] = [Ramp(0.0, peak, warmup), Ramp(peak, plateau, cooldown, "cosine")]
    if hold is None:
        if anneal or stop is not None:
            raise SpecError("hold", "a number of steps, since a way down follows", hold, "Or leave out anneal and stop.")
        return Sequence((*start, Constant(plateau)))
    if stop is None:
        raise SpecError("stop", "the value reached at the end, since the plateau ends", stop)
    return Sequence((*start, Constant(plateau, hold), ramp(plateau, stop, anneal, shape)))


@recipe(
    formula="as `warmup_cosine` to t = steps - decay; then a line from the value it has come to, to end",
    first="0",
    end="end",
    boundary="step steps - decay still has the cosine's value, and is the first of the line",
    source="OLMo-core, `CosWithWarmupAndLinearDecay`",
    elsewhere={"OLMo-core": "CosWithWarmupAndLinearDecay(decay, decay_min_lr=end)"},
    example={"peak": 3e-4, "warmup": 100, "steps": 1000, "decay": 200, "stop": 3e-5},
    window=1000,
)
def cosine_then_linear(
    peak: Peak,
    *,
    warmup: Climb,
    steps: Run,
    decay: Annotated[Length, length(rest=False), "steps of the line; a fraction is one of the run"],
    stop: Annotated[Number, value(), "the value the cosine goes to"] = 0.0,
    end: Annotated[Number, value(), "the value the line goes to"] = 0.0,
) -> Sequence:
    """A climb and a cosine that is cut short by a line.

    >>> cosine_then_linear(1.0, warmup=0, steps=8, decay=4)([0, 4, 6, 8])
    array([1.  , 0.5 , 0.25, 0.  ])
    """
    climb, fall = phases(steps, warmup=warmup, decay=decay)
    return (Ramp(0.0, peak, climb) >> Ramp(peak, stop, steps - climb, "cosine")).override(steps - fall, end, fall)


@recipe(
    formula="peak t / warmup for t < warmup; peak gamma^((t - warmup) / every) to t = steps - cooldown; then a line from there to 0",
    first="0 if warmup else peak",
    end="0 if cooldown else peak * gamma ** ((steps - warmup) / every)",
    boundary="step steps - cooldown still has the decay's value, and is the first of the line",
    source="SpeechBrain, `WarmCoolDecayLRSchedule`; Zhai et al. 2021 (arXiv:2106.04560), for the phases",
    elsewhere={
        "SpeechBrain": "WarmCoolDecayLRSchedule(decay_factor=gamma, decay_every=every); its line leaves from "
        "peak gamma^((steps - cooldown) / every), a jump by gamma^(warmup / every) one step past the boundary"
    },
    example={"peak": 3e-4, "warmup": 100, "cooldown": 200, "steps": 1000, "gamma": 0.75, "every": 250},
)
def warm_cool_decay(
    peak: Peak,
    *,
    warmup: Climb,
    cooldown: Annotated[Length, length(rest=False), "steps of the line to 0; a fraction is one of the run"],
    steps: Run,
    gamma: Annotated[Number, ratio(0, 1, above=True), "the factor of every so many steps"] = 0.75,
    every: Annotated[int, count(1), "steps a factor takes"] = 100_000,
) -> Sequence:
    """A linear climb, a slow exponential decay, a line to 0.

    >>> warm_cool_decay(1.0, warmup=2, cooldown=2, steps=8, gamma=0.25, every=4)([0, 1, 2, 4, 6, 7, 8])
    array([0.   , 0.5  , 1.   , 0.5  , 0.25 , 0.125, 0.   ])
    """
    climb, fall = phases(steps, warmup=warmup, cooldown=cooldown)
    decay = clocked(Curve(peak, "geometric", (gamma,)), every, False)
    if not fall:
        return Sequence((Ramp(0.0, peak, climb), decay.until(steps - climb)))
    return (Ramp(0.0, peak, climb) >> decay).override(steps - fall, 0.0, fall)


@recipe(
    formula="start gamma^t, kept from passing stop",
    first="start",
    end="stop",
    boundary="stop is in force from the first step at which start gamma^t has reached it",
    source="thinc, `compounding`",
    elsewhere={"thinc": "compounding(start, stop, compound=gamma)", "MXNet": "FactorScheduler(step=1, stop_factor_lr=stop)"},
    example={"start": 1e-5, "stop": 3e-4, "gamma": 1.01},
)
def compounding(
    start: Annotated[Number, value(), "the value of step 0, not 0"],
    stop: Annotated[Number, value(), "the value never passed; of the same sign"],
    gamma: Annotated[Number, ratio(0, 1e9, above=True), "the factor of every step, towards stop"],
) -> Schedule:
    """A factor every step until a bound is reached: growth for rates and batch sizes, or decay to a floor.

    >>> compounding(1.0, 10.0, 2.0)([0, 1, 3, 4, 5])
    array([ 1.,  2.,  8., 10., 10.])
    """
    ways = Fraction(stop) / Fraction(start) if start else Fraction(0)
    if ways <= 0 or gamma == 1 or (ways > 1) != (gamma > 1):
        raise SpecError("stop", "a value that start times powers of gamma can reach", stop)
    with localcontext() as context:
        context.prec = 40
        passed = (Decimal(ways.numerator) / Decimal(ways.denominator)).ln() / Decimal(gamma).ln()
    growing = Curve(start, "geometric", (gamma,), int(passed.to_integral_value(ROUND_CEILING)))
    bound = Minimum if stop > start else Maximum
    return bound((Constant(stop), growing))


@recipe(
    formula='start (stop / start)^(n / steps), or with shape="linear" start + (stop - start) n / steps; n = floor(t / every) every',
    first="start",
    end="stop",
    boundary="a stair of `every` steps begins at a multiple of it",
    source=f"{SMITH}, section 3.3",
    elsewhere={
        "fastai": "lr_find: 1e-7 to 10 in 100 steps",
        "Lightning": "lr_find: 1e-8 to 1 in 100 steps",
        "pytorch-lr-finder": "range_test(step_mode)",
    },
    example={"start": 1e-7, "stop": 10.0, "steps": 100},
)
def lr_range_test(
    start: Annotated[Number, value(), "the lowest value"],
    stop: Annotated[Number, value(), "the highest value, reached at the end"],
    steps: Run,
    shape: Annotated[Literal["exponential", "linear"], choice("exponential", "linear"), "the curve"] = "exponential",
    every: Every = 1,
) -> Schedule:
    """The rates a learning-rate finder tries, from very small to too large.

    With `every` the value changes by stairs, and stop is reached where `every` divides steps.

    >>> lr_range_test(1e-4, 1.0, 4)([0, 1, 2, 4])
    array([1.e-04, 1.e-03, 1.e-02, 1.e+00])
    >>> lr_range_test(0.0, 1.0, 4, "linear", every=2)([0, 1, 2, 3, 4])
    array([0. , 0. , 0.5, 0.5, 1. ])
    """
    test = Ramp(start, stop, steps, shape)
    return test if every == 1 else test.every(every)
