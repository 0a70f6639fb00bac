"""One curve, from here to there or without an end."""

from fractions import Fraction
from typing import Annotated, Literal

from ..checks import Length, whole
from ..checks import ratio as simple
from ..errors import SpecError
from ..registry import choice, count, flag, length, parameter_of, ratio, recipe, value
from ..schedule import Constant, Curve, Number, Product, Ramp, Schedule, Sequence, Sum, ramp
from ..shapes import CURVES, SHAPES
from ._common import GOYAL, SGDR, Run, Start, Steps, Stop, clocked, exp, within

Staircase = Annotated[bool, flag(), "change only every so many steps, by whole powers"]
DECAY = {"start": 3e-4, "stop": 1e-5, "steps": 1000}


@recipe(
    formula="value",
    first="value",
    end="value",
    source="He et al. 2015 (arXiv:1512.03385), section 4.2, for the constant warmup",
    elsewhere={
        "optax": "constant_schedule",
        "transformers": "constant",
        "torch": "ConstantLR is a constant for `total_iters` epochs, then another",
    },
    example={"value": 3e-4, "steps": 1000},
)
def constant(
    value: Annotated[Number, value(), "the value"],
    steps: Annotated[Length | None, length(special=(None,)), "how long; None is for ever"] = None,
) -> Constant:
    """The same value at every step.

    Past its end the value holds too: a length only matters to what follows.

    >>> constant(0.1)(10**9)
    0.1
    """
    return Constant(value, steps)


@recipe(
    formula="start + (stop - start) t / steps",
    first="start",
    end="stop",
    source=f"{GOYAL}, for the warmup",
    elsewhere={
        "torch": "LinearLR, with factors of a base rate",
        "optax": "linear_schedule",
        "composer": "LinearScheduler",
        "fastai": "SchedLin",
    },
    example=DECAY,
)
def linear(start: Start, stop: Stop, steps: Steps) -> Ramp:
    """A straight line from start to stop.

    >>> linear(0.0, 1.0, 4)([0, 1, 4, 9])
    array([0.  , 0.25, 1.  , 1.  ])
    """
    return Ramp(start, stop, steps, "linear")


@recipe(
    formula="start (1 - t / steps)",
    first="start",
    end="0",
    source="Defazio et al. 2023 (arXiv:2310.07831); Bergsma et al. 2025 (arXiv:2502.15938), `D2Z`",
    elsewhere={"transformers": "linear, with a warmup before it", "torch": "PolynomialLR(power=1)", "modded-nanogpt": "the warmdown"},
    example={"start": 3e-4, "steps": 1000},
)
def linear_to_zero(start: Start, steps: Annotated[Length, length(), "steps from start to zero"]) -> Ramp:
    """A straight line from start to zero.

    The last step of the run, steps - 1, still has start / steps.

    >>> linear_to_zero(1.0, 4)([0, 1, 3, 4])
    array([1.  , 0.75, 0.25, 0.  ])
    """
    return Ramp(start, 0.0, steps)


@recipe(
    formula="stop + (start - stop) (1 + cos(pi t / steps)) / 2",
    first="start",
    end="stop",
    source=f"{SGDR}, equation 5, one cycle",
    elsewhere={
        "torch": "CosineAnnealingLR, which goes up again past T_max (`cosine_wave`)",
        "optax": "cosine_decay_schedule, with stop as the ratio alpha",
        "Keras": "CosineDecay, with stop as the ratio alpha",
        "transformers": "cosine(num_cycles=0.5), with a warmup before it",
        "fastai": "SchedCos",
    },
    example=DECAY,
)
def cosine(start: Start, stop: Stop, steps: Steps) -> Ramp:
    """Half a cosine wave from start to stop, flat at both ends.

    >>> cosine(1.0, 0.0, 4)([0, 2, 4])
    array([1. , 0.5, 0. ])
    """
    return Ramp(start, stop, steps, "cosine")


@recipe(
    formula="start (stop / start)^(t / steps)",
    first="start",
    end="stop",
    source="the geometric interpolation of learning-rate finders (Smith 2015, arXiv:1506.01186)",
    elsewhere={
        "fastai": "SchedExp",
        "praxis": "Exponential",
        "torch": "ExponentialLR gives a factor per epoch instead (`exponential_decay`)",
    },
    example=DECAY,
)
def exponential(start: Start, stop: Stop, steps: Steps) -> Ramp:
    """The same factor every step, from start to stop.

    start and stop have one sign, and are not 0.

    >>> exponential(1.0, 0.01, 2)([0, 1, 2])
    array([1.  , 0.1 , 0.01])
    """
    return Ramp(start, stop, steps, "exponential")


@recipe(
    formula='stop + (start - stop) (1 - t / steps)^power, or with origin="start" start + (stop - start) (t / steps)^power',
    first="start",
    end="stop",
    source="the `poly` policy of Caffe; Liu et al. 2015 (arXiv:1506.04579)",
    elsewhere={
        "torch": "PolynomialLR, to 0",
        "optax": "polynomial_schedule",
        "Keras": "PolynomialDecay(cycle=False)",
        "transformers": "polynomial",
        "fastai": 'SchedPoly, which is origin="start"',
    },
    example={**DECAY, "power": 2.0},
)
def polynomial(
    start: Start,
    stop: Stop,
    steps: Steps,
    power: Annotated[Number, parameter_of(SHAPES, "polynomial", "power"), "the exponent"],
    origin: Annotated[
        Literal["stop", "start"], choice("stop", "start"), "the end the power is measured from, where the curve is flat"
    ] = "stop",
) -> Ramp:
    """A power of what is left (origin "stop") or of what has passed (origin "start").

    Of a power above 16, heights below 2^-800 count as 0.

    >>> polynomial(1.0, 0.0, 4, power=2)([0, 2, 4])
    array([1.  , 0.25, 0.  ])
    >>> polynomial(1.0, 0.0, 4, power=2, origin="start")([0, 2, 4])
    array([1.  , 0.75, 0.  ])
    """
    return ramp(start, stop, steps, "polynomial" if origin == "stop" else "polynomial_from_start", power=power)


@recipe(
    formula="stop + (start - stop) ((1 + cos(pi t / steps)) / 2)^power",
    first="start",
    end="stop",
    source="optax, `cosine_decay_schedule(exponent=)`",
    elsewhere={
        "optax": "cosine_decay_schedule(exponent=power)",
        "levanter": "cosine(exponent)",
        "sharpDARTS": "another curve (`cosine_power_annealing`)",
    },
    example={**DECAY, "power": 2.0},
)
def cosine_power(
    start: Start,
    stop: Stop,
    steps: Steps,
    power: Annotated[Number, parameter_of(SHAPES, "cosine_power", "power"), "the exponent of the wave"],
) -> Ramp:
    """A power of half a cosine wave.

    Printed without the (1/2)^power, the formula starts at another value than start.

    >>> cosine_power(1.0, 0.0, 4, power=2)([0, 2, 4])
    array([1.  , 0.25, 0.  ])
    """
    return ramp(start, stop, steps, "cosine_power", power=power)


@recipe(
    formula="stop + (start - stop) (base^c - 1) / (base - 1), c = (1 + cos(pi t / steps)) / 2",
    first="start",
    end="stop",
    source="Hundt et al. 2019, sharpDARTS (arXiv:1903.09900)",
    elsewhere={"sharpDARTS": "cosine_power_annealing(exponent_order=base), on epochs counted from 1"},
    example=DECAY,
)
def cosine_power_annealing(
    start: Start,
    stop: Stop,
    steps: Steps,
    base: Annotated[Number, parameter_of(SHAPES, "cosine_power_annealing", "base"), "near 1 a half cosine; larger falls earlier"] = 10.0,
) -> Ramp:
    """An exponential of half a cosine wave, as sharpDARTS defines cosine power annealing.

    >>> cosine_power_annealing(1.0, 0.0, 4, base=9)([0, 2, 4])
    array([1.  , 0.25, 0.  ])
    """
    return ramp(start, stop, steps, "cosine_power_annealing", base=base)


@recipe(
    formula="stop + (start - stop) (1 + cos(pi (t / steps)^k)) / 2, or with a power stop + (start - stop) (1 - (t / steps)^k)^power",
    first="start",
    end="stop",
    source="Zhang & Li 2020 (arXiv:2004.05909)",
    elsewhere={"timm": "CosineLRScheduler(k_decay=k), PolyLRScheduler(k_decay=k, power=power)", "Lingua": "cosine with cosine_theta=k"},
    example={**DECAY, "k": 2.0},
)
def k_decay(
    start: Start,
    stop: Stop,
    steps: Steps,
    k: Annotated[Number, parameter_of(SHAPES, "k_decay", "k"), "the exponent of the time; 1 is the plain curve, larger stays up longer"],
    power: Annotated[Number | None, ratio(0.25, 10.0, special=(None,)), "the exponent of what is left; None is the half cosine"] = None,
) -> Ramp:
    """A half cosine or a polynomial that runs on a power of the time.

    >>> k_decay(1.0, 0.0, 4, k=1)([0, 2, 4])
    array([1. , 0.5, 0. ])
    >>> k_decay(1.0, 0.0, 4, k=2, power=1)([0, 2, 4])
    array([1.  , 0.75, 0.  ])
    """
    if power is None:
        return ramp(start, stop, steps, "k_decay", k=k)
    return ramp(start, stop, steps, "k_decay_polynomial", k=k, power=power)


@recipe(
    formula="stop + (start - stop) (1 - u) / (1 - (1 - beta) u), u = t / steps",
    first="start",
    end="stop",
    source="Chen et al. 2021 (arXiv:2107.04197), where beta is 1/2",
    elsewhere={"pytorch_optimizer": "REXScheduler", "axolotl": "RexLR, whose d = 0.9 is beta = 0.1", "init2winit": "rex, with beta"},
    example=DECAY,
)
def rex(
    start: Start,
    stop: Stop,
    steps: Steps,
    beta: Annotated[Number, parameter_of(SHAPES, "rex", "beta"), "1 is a line; below 1 it stays up longer"] = 0.5,
) -> Ramp:
    """Reflected exponential decay: slow at first, fast at the end.

    >>> rex(1.0, 0.0, 3)([0, 1, 3])
    array([1. , 0.8, 0. ])
    """
    return ramp(start, stop, steps, "rex", beta=beta)


@recipe(
    formula="stop + (start - stop) (1 - tanh(lower + (upper - lower) t / steps)) / 2",
    first="stop + (start - stop) * (1 - tanh(lower)) / 2",
    end="stop + (start - stop) * (1 - tanh(upper)) / 2",
    source="Hsueh et al. 2018 (arXiv:1806.01593)",
    elsewhere={"timm": "TanhLRScheduler(lb=lower, ub=upper), which jumps to lr_min past its last cycle"},
    example=DECAY,
)
def tanh_decay(
    start: Annotated[Number, value(), "the value the curve comes from; step 0 is a little nearer to stop"],
    stop: Annotated[Number, value(), "the value the curve goes to; its end is a little nearer to start"],
    steps: Steps,
    lower: Annotated[Number, parameter_of(SHAPES, "tanh", "lower"), "the tangent's argument at step 0"] = -7.0,
    upper: Annotated[Number, parameter_of(SHAPES, "tanh", "upper"), "the tangent's argument at the end; above lower"] = 3.0,
) -> Ramp:
    """A stretch of the hyperbolic tangent; as published, neither end is exact.

    With the defaults it starts 8e-7 and ends 0.25 % of the way from its ends. `ramp(start, stop, steps, "tanh", ...)` is the same
    curve with its ends moved to start and stop.

    >>> tanh_decay(1.0, 0.0, 10)([0, 7, 10]).round(6)
    array([0.999999, 0.5     , 0.002473])
    """

    def reached(x: Number) -> float:
        """The value where the tangent's argument is x: (1 - tanh x) / 2 = 1 / (1 + exp(2 x))."""
        return float(Fraction(stop) + (Fraction(start) - Fraction(stop)) / (1 + exp(2 * Fraction(x))))

    return ramp(reached(lower), reached(upper), steps, "tanh", lower=lower, upper=upper)


@recipe(
    formula="stop + (start - stop) (s(t / steps) - s(1)) / (s(0) - s(1)), s(u) = 1 / (1 + exp(steepness (u - 1/2)))",
    first="start",
    end="stop",
    source="the `sigmoid` policy of Caffe, its ends moved to start and stop",
    elsewhere={"Caffe": "sigmoid, which has neither end exact"},
    example=DECAY,
)
def sigmoid(
    start: Start,
    stop: Stop,
    steps: Steps,
    steepness: Annotated[Number, parameter_of(SHAPES, "sigmoid", "steepness"), "near 0 a line; larger falls faster in the middle"] = 10.0,
) -> Ramp:
    """An S from start to stop, the same from both ends.

    >>> sigmoid(1.0, 0.0, 4)([0, 2, 4])
    array([1. , 0.5, 0. ])
    """
    return ramp(start, stop, steps, "sigmoid", steepness=steepness)


@recipe(
    formula="stop + (start - stop) ((1 - u + alpha) (1 + cos(2 pi periods u)) / 2 + beta), u = t / steps",
    first="stop + (start - stop) * (1 + alpha + beta)",
    end="stop + (start - stop) * (alpha * (1 + cos(2 * pi * periods)) / 2 + beta)",
    source="Bello et al. 2017 (arXiv:1709.07417); OLMo, `CosLinearEnvelope`",
    elsewhere={
        "OLMo": "CosLinearEnvelope, with the defaults",
        "TensorFlow": "LinearCosineDecay(num_periods=periods, alpha=alpha, beta=beta), whose beta is 0.001 if not given",
    },
    example={"start": 3e-4, "stop": 0.0, "steps": 1000, "periods": 2.5},
)
def cosine_linear(
    start: Start,
    stop: Stop,
    steps: Run,
    periods: Annotated[Number, ratio(0, 1e6, above=True), "waves in the run; 0.5 is half a wave"] = 0.5,
    alpha: Annotated[Number, ratio(), "what the line is raised by"] = 0.0,
    beta: Annotated[Number, ratio(), "what the whole is raised by"] = 0.0,
) -> Schedule:
    """Cosine waves under a straight line.

    >>> cosine_linear(1.0, 0.0, 4)([0, 2, 4])
    array([1.  , 0.25, 0.  ])
    """
    return enveloped(start, stop, steps, periods, beta, Ramp(1 + alpha, alpha, steps))


def enveloped(start: Number, stop: Number, steps: int, periods: Number, beta: Number, line: Schedule) -> Schedule:
    """Cosine waves times a line, between stop and start and raised by beta."""
    wave: Schedule = Ramp(1.0, 0.0, steps, "cosine")
    if periods != 0.5:
        half = 1 / (2 * simple(float(periods)))
        if max(half.numerator, half.denominator) > 1_000_000:
            raise SpecError("periods", "a fraction of whole numbers up to 500,000", periods, "2.5 is 5 / 2.")
        wave = wave.past_end("mirror").stretch(float(half)) if steps else Constant(1.0)
    raised = stop + (start - stop) * beta
    return Sum((Constant(raised), Product((Constant(start - stop), line, wave)))).until(steps)


# -- without an end ------------------------------------------------------------------------------------------------------------


@recipe(
    formula="start gamma^(t / every), or with staircase start gamma^floor(t / every)",
    first="start",
    source="Kingma & Ba 2014 (arXiv:1412.6980), section 4, for a rate per step",
    elsewhere={
        "torch": "ExponentialLR(gamma), every=1",
        "Keras": "ExponentialDecay(initial, every, gamma, staircase)",
        "optax": "exponential_decay(init, every, gamma, staircase=)",
        "composer": "ExponentialScheduler",
        "Ludwig": "a staircase that rounds up, and so starts at start gamma",
    },
    boundary="a stair of `every` steps begins at a multiple of it",
    example={"start": 0.1, "gamma": 0.96, "every": 20, "staircase": True},
    window=1000,
)
def exponential_decay(
    start: Start,
    gamma: Annotated[Number, ratio(0, 1, above=True), "the factor of every so many steps"],
    every: Annotated[int, count(1), "steps a factor takes"] = 1,
    staircase: Staircase = False,
) -> Schedule:
    """The same factor every so many steps, for ever.

    What falls below 2^-800 of start counts as 0.

    >>> exponential_decay(1.0, 0.5)([0, 1, 2])
    array([1.  , 0.5 , 0.25])
    >>> exponential_decay(1.0, 0.25, every=2)(1), exponential_decay(1.0, 0.25, every=2, staircase=True)(1)
    (0.5, 1.0)
    """
    return clocked(Curve(start, "geometric", (gamma,)), every, staircase)


@recipe(
    formula="start exp(-rate t)",
    first="start",
    source="Paddle, `NaturalExpDecay`; MindSpore, `natural_exp_decay_lr`",
    elsewhere={"Paddle": "NaturalExpDecay(gamma=rate)", "MindSpore": "natural_exp_decay_lr"},
    example={"start": 0.1, "rate": 0.005},
    window=1000,
)
def natural_exponential(
    start: Start, rate: Annotated[Number, parameter_of(CURVES, "natural_exponential", "rate"), "what the natural logarithm loses a step"]
) -> Curve:
    """Exponential decay by its rate: after 1 / rate steps 37 % is left.

    >>> natural_exponential(1.0, 0.5)([0, 2]).round(6)
    array([1.      , 0.367879])
    """
    return Curve(start, "natural_exponential", (rate,))


@recipe(
    formula="start / (1 + rate t / every), or with staircase start / (1 + rate floor(t / every))",
    first="start",
    source="Robbins & Monro 1951; Keras, `InverseTimeDecay`",
    elsewhere={
        "Keras": "InverseTimeDecay(initial, every, rate, staircase); the old optimizers' decay=rate",
        "Paddle": "InverseTimeDecay(gamma=rate)",
        "thinc": "decaying",
        "Caffe": "inv(gamma=rate, power=1)",
    },
    boundary="a stair of `every` steps begins at a multiple of it",
    example={"start": 0.1, "rate": 0.02},
    window=1000,
)
def inverse_time(
    start: Start,
    rate: Annotated[Number, parameter_of(CURVES, "inverse_time", "rate"), "after every / rate steps half is left"],
    every: Annotated[int, count(1), "steps the rate is for"] = 1,
    staircase: Staircase = False,
) -> Schedule:
    """Time-based decay.

    >>> inverse_time(1.0, 0.5)([0, 2, 6])
    array([1.  , 0.5 , 0.25])
    """
    return clocked(Curve(start, "inverse_time", (rate,)), every, staircase)


@recipe(
    formula="start max(n, 1)^exponent, n = t - offset; with `steps` times min(1, (steps - n) / decay), to n = steps",
    first="start",
    end="0 if decay else start * steps ** exponent",
    boundary="the power begins at n = 1: steps 0 to offset + 1 have start; the line leaves from n = steps - decay",
    source="TensorFlow models, `DirectPowerDecay`, `PowerAndLinearDecay`",
    elsewhere={
        "TensorFlow models": "DirectPowerDecay(power=exponent), PowerAndLinearDecay(power=exponent, total_decay_steps=steps, offset)",
        "OLMo-core": "another curve (`power`): its power of time is 1 at the end of a climb",
    },
    example={"start": 0.01, "steps": 1000, "decay": 0.1, "offset": 20},
)
def direct_power(
    start: Start,
    exponent: Annotated[Number, ratio(-16, 0, below=True), "of the number of steps"] = -0.5,
    steps: Annotated[int | None, count(special=(None,)), "steps of the power of time and its line; None is without an end"] = None,
    decay: Annotated[Length, length(rest=False), "steps of the line to 0 that multiplies its end; a fraction is one of steps"] = 0,
    offset: Annotated[int, count(), "steps start is held before"] = 0,
) -> Schedule:
    """A power of the number of steps, without a peak to scale it by, and with a line to 0 if it is to end.

    >>> direct_power(1.0)([0, 1, 4, 16])
    array([1.  , 1.  , 0.5 , 0.25])
    >>> direct_power(1.0, -1, steps=10, decay=5)([5, 6, 8, 10]).round(6)
    array([0.2     , 0.133333, 0.05    , 0.      ])
    """
    law = Sequence((Constant(start, offset + 1), Curve(start, "power_law", (exponent, 1.0))))
    if steps is None:
        whole(decay, "decay", high=0, hint="A decay needs steps.")
        return law
    fall, end = within(decay, "decay", steps, "power of time"), offset + steps
    if not fall:
        return law.until(end)
    return Product((law, Sequence((Constant(1.0, end - fall), Ramp(1.0, 0.0, fall))))).until(end)
