"""Climbs to a first value: as a phase before a schedule, as a factor, and with the decays that usually follow."""

from decimal import Decimal, localcontext
from fractions import Fraction
from math import inf, sqrt
from typing import Annotated, Literal

import numpy as np

from ..checks import Length, decimal_fraction, whole
from ..errors import SpecError
from ..registry import choice, count, length, ratio, recipe, schedule, shape, value
from ..schedule import Constant, Curve, Minimum, Number, Ramp, Samples, Schedule, Sequence, Sum, ramp
from ._common import GOYAL, SGDR, Climb, Peak, Run, Stop, exp, phases, within


@recipe(
    formula="start + (schedule(0) - start) t / steps for t < steps, or along another shape; then schedule(t - steps)",
    first="start",
    end="schedule(schedule.span)",
    source=f"{GOYAL}",
    elsewhere={
        "transformers": "every schedule with num_warmup_steps, start=0",
        "Megatron, optax, Keras": "start=0, or as given",
        "torchtitan, modded-nanogpt, pytorch_warmup": 'start="first"',
        "NeMo": 'start="inside"',
        "Paddle": "LinearWarmup(schedule)",
        "MXNet, Detectron2": 'shape="constant" too',
        "OLMo-core": 'shape="exponential" too',
        "DeepSpeed": 'shape="logarithmic", a step late',
    },
    example={"schedule": Ramp(3e-4, 1e-5, 800, "cosine"), "steps": 200},
    blame={"base": "steps"},
)
def warmup(
    schedule: Annotated[Schedule, schedule(), "what follows the climb, from its step 0"],
    steps: Annotated[Length, length(), "steps of the climb"],
    start: Annotated[
        Number | Literal["first", "inside"],
        value(special=("first", "inside")),
        'the value of step 0; "first": a step\'s share, the last one arrives; "inside": a share of one step more, none arrives',
    ] = 0.0,
    shape: Annotated[str, shape("saturation"), "the curve of the climb"] = "linear",
    **parameters: Number,
) -> Sequence:
    """Climb to a schedule's first value, then follow it from its step 0.

    With start="first", linear only, step t of the climb has schedule(0) (t + 1) / steps; with "inside", (t + 1) / (steps + 1).
    The forms in use, p = t / steps: "linear"; "constant" (start, then a jump); "cosine"; "polynomial" with power=0.5, which is
    1 - sqrt(1 - p); "polynomial_from_start" with a power, p^power; "exponential", the same factor every step, from a start that
    is not 0; "saturation" with a rate, 1 - exp(-rate p), which jumps the rest; "logarithmic", log(t + 1) / log(steps), which arrives
    on the last step of the climb (with a base, log(1 + (base - 1) p) / log(base) as every other shape).

    >>> import lrcore as lr
    >>> warmup(lr.linear(1.0, 0.0, 4), 2)([0, 1, 2, 4])
    array([0. , 0.5, 1. , 0.5])
    >>> warmup(lr.constant(1.0), 4, start="first")([0, 1, 2, 3, 4])
    array([0.25, 0.5 , 0.75, 1.  , 1.  ])
    >>> warmup(lr.constant(1.0), 3, start="inside")([0, 1, 2, 3])
    array([0.25, 0.5 , 0.75, 1.  ])
    >>> warmup(lr.constant(1.0), 4, shape="logarithmic")([0, 1, 3, 4])
    array([0. , 0.5, 1. , 1. ])
    """
    peak = schedule(0)
    if isinstance(start, str):
        if shape != "linear" or parameters:
            raise SpecError("shape", f'linear, with start="{start}"', shape)
        steps = whole(steps, "steps", hint=f'With start="{start}" the length is an int; resolve fractions before.')
        climb = Ramp(peak / max(steps, 1), peak, steps, endpoint=True) if start == "first" else Ramp(peak / (steps + 1), peak, steps)
        return climb >> schedule
    if shape == "logarithmic" and not parameters:
        steps = whole(steps, "steps", hint='With shape="logarithmic" and no base the length is an int; resolve fractions before.')
        return ramp(start, peak, steps, shape, endpoint=True, base=max(2, steps)) >> schedule
    if shape != "saturation":
        return ramp(start, peak, steps, shape, endpoint=False, **parameters) >> schedule
    if set(parameters) != {"rate"}:
        raise SpecError("parameters", "exactly those of saturation (rate)", sorted(parameters))
    steps = whole(steps, "steps", hint='With shape="saturation" the length is an int; resolve fractions before.')
    rate = RATE.check(parameters["rate"], "rate")
    lacking = Curve(start - peak, "natural_exponential", (rate / max(steps, 1),), steps)
    return Sum((Constant(peak), lacking)) >> schedule


RATE = ratio(0, 700, above=True)
BETA2 = ratio(0, 1, below=True, special=(None,))


@recipe(
    formula='"linear": min(1, (t + 1) / steps); "exponential": 1 - exp(-(t + 1) / steps); "radam": '
    "sqrt((r - 4) (r - 2) r_inf / ((r_inf - 4) (r_inf - 2) r)), r_inf = 2 / (1 - beta2) - 1, r = r_inf - 2 n beta2^n / (1 - beta2^n), "
    "n = t + the first n from which on r > 4",
    first="1 / steps if form == 'linear' else 1 - exp(-1 / steps)",
    source="Ma & Yarats 2019 (arXiv:1910.04209); Liu et al. 2019, RAdam (arXiv:1908.03265); pytorch_warmup",
    elsewhere={
        "pytorch_warmup": "LinearWarmup, ExponentialWarmup; with beta2 UntunedLinearWarmup, UntunedExponentialWarmup, RAdamWarmup",
        "t5x, scenic, big_vision": "the warmup among the factors of a schedule",
    },
    example={"form": "exponential", "steps": 200},
    window=1000,
)
def warmup_factor(
    form: Annotated[Literal["linear", "exponential", "radam"], choice("linear", "exponential", "radam"), "the curve of the factor"],
    steps: Annotated[int | None, count(1, special=(None,)), "steps of the line, or the time constant of the exponential"] = None,
    beta2: Annotated[Number | None, BETA2, "Adam's; without steps it gives them: floor(2 / (1 - beta2)), or 1 / (1 - beta2)"] = None,
) -> Schedule:
    """A factor that climbs to 1, to multiply a schedule with: the schedule keeps its own clock and is not shifted.

    The rectification term of RAdam wants beta2 alone, and is kept as samples until it rounds to 1: 4,023 for a beta2 of 0.99, 40,416
    for 0.999. Of more than 4,096 a document holds the digest only.

    >>> (0.1 * warmup_factor("linear", 4))([0, 1, 3, 9])
    array([0.025, 0.05 , 0.1  , 0.1  ])
    >>> warmup_factor("linear", beta2=0.999) == warmup_factor("linear", 2000)
    True
    """
    if form == "radam":
        return _rectification(steps, beta2)
    if (steps is None) == (beta2 is None):
        raise SpecError("steps", "either steps or beta2", {"steps": steps, "beta2": beta2})
    memory = Fraction(steps or 0) if beta2 is None else 1 / (1 - decimal_fraction(beta2))
    if form == "linear":
        climb = steps if steps is not None else int(2 * memory)
        return Ramp(1 / climb, 1.0, climb, endpoint=True)
    lacking = Curve(-float(exp(-1 / memory)), "natural_exponential", (float(1 / memory),))
    return Sum((Constant(1.0), lacking))


def _rectification(steps: int | None, beta2: Number | None) -> Samples:
    """RAdam's factor from the first update on whose variance can be rectified, to 40 digits."""
    if steps is not None or beta2 is None or not 0.6 < beta2 <= 0.9999:
        raise SpecError("beta2", "a number above 0.6 and up to 0.9999, and no steps, for radam", {"steps": steps, "beta2": beta2})
    with localcontext() as context:
        context.prec = 40
        beta = Decimal(repr(float(beta2)))
        most = 2 / (1 - beta) - 1
        scale, power, n, values = most / ((most - 4) * (most - 2)), Decimal(1), 0, [0.0]
        while values[-1] < 1.0:
            n, power = n + 1, power * beta
            rho = most - 2 * n * power / (1 - power)
            if rho > 4:
                values.append(float(((rho - 4) * (rho - 2) / rho * scale).sqrt()))
    return Samples(np.array(values[1:]))  # type: ignore[arg-type]


@recipe(
    formula="peak t / warmup for t < warmup; then stop + (peak - stop) (1 + cos(pi p)) / 2, p = (t - warmup) / (steps - warmup)",
    first="0",
    end="stop",
    source=f"{GOYAL}; {SGDR}",
    elsewhere={
        "transformers": "cosine, cosine_with_min_lr",
        "optax": "warmup_cosine_decay_schedule",
        "Keras": "CosineDecay(warmup_target, warmup_steps)",
        "Megatron, OLMo-core, composer": "cosine with warmup",
    },
    example={"peak": 3e-4, "warmup": 100, "steps": 1000, "stop": 3e-5},
)
def warmup_cosine(peak: Peak, *, warmup: Climb, steps: Run, stop: Stop = 0.0) -> Sequence:
    """A linear climb from 0 to the peak, then half a cosine to stop; `steps` is the whole run.

    >>> warmup_cosine(1.0, warmup=2, steps=6)([0, 1, 2, 4, 6])
    array([0. , 0.5, 1. , 0.5, 0. ])
    """
    climb = within(warmup, "warmup", steps)
    return Sequence((Ramp(0.0, peak, climb), Ramp(peak, stop, steps - climb, "cosine")))


@recipe(
    formula="peak t / warmup for t < warmup; then peak + (stop - peak) (t - warmup) / (steps - warmup)",
    first="0",
    end="stop",
    source="Devlin et al. 2018 (arXiv:1810.04805), appendix A.2",
    elsewhere={
        "transformers": "linear",
        "OLMo-core": "LinearWithWarmup",
        "DeepSpeed": "WarmupDecayLR, with a logarithmic climb if not told otherwise",
    },
    example={"peak": 3e-4, "warmup": 100, "steps": 1000},
)
def warmup_linear(peak: Peak, *, warmup: Climb, steps: Run, stop: Stop = 0.0) -> Sequence:
    """A linear climb from 0 to the peak, then a line to stop; `steps` is the whole run.

    >>> warmup_linear(1.0, warmup=2, steps=6)([0, 1, 2, 4, 6])
    array([0. , 0.5, 1. , 0.5, 0. ])
    """
    climb = within(warmup, "warmup", steps)
    return Sequence((Ramp(0.0, peak, climb), Ramp(peak, stop, steps - climb)))


@recipe(
    formula="peak t / warmup for t < warmup; then peak / sqrt(1 + (t - warmup) / timescale)",
    first="0 if warmup else peak",
    source="Vaswani et al. 2017 (arXiv:1706.03762), its peak given; Zhai et al. 2021 (arXiv:2106.04560)",
    elsewhere={
        "fairseq": "inverse_sqrt",
        "transformers": "inverse_sqrt(timescale)",
        "Megatron": "inverse-square-root, kept above min_lr",
        "big_vision": "rsqrt(timescale)",
        "T5, t5x": "1 / sqrt(max(t, warmup)), without a peak",
        "ESPnet": "WarmupLR",
    },
    example={"peak": 3e-4, "warmup": 100},
    window=1000,
)
def inverse_sqrt(
    peak: Peak,
    warmup: Annotated[int, count(), "steps of the climb from 0"],
    timescale: Annotated[
        Number | None, ratio(1e-9, 1e15, special=(None,)), "steps past the peak after which 1 / sqrt(2) of it is left; None is warmup"
    ] = None,
) -> Sequence:
    """A linear climb from 0, then the inverse square root of time: with the timescale of the climb, peak sqrt(warmup / t).

    >>> inverse_sqrt(1.0, warmup=4)([0, 2, 4, 16, 64])
    array([0.  , 0.5 , 1.  , 0.5 , 0.25])
    """
    if timescale is None and not warmup:
        raise SpecError("timescale", "a number where there is no warmup to take it from", timescale)
    return Sequence((Ramp(0.0, peak, warmup), Curve(peak, "inverse_sqrt", (warmup if timescale is None else timescale,))))


@recipe(
    formula="scale d_model^-0.5 min(n^-0.5, n warmup^-1.5), n = t + 1",
    first="scale * d_model**-0.5 * warmup**-1.5",
    boundary="the peak, scale / sqrt(d_model warmup), is at step warmup - 1, the warmup-th update",
    source="Vaswani et al. 2017 (arXiv:1706.03762), equation 3",
    elsewhere={"NeMo": "NoamAnnealing", "OpenNMT-py": "noam", "AllenNLP": "noam", "Paddle": "NoamDecay", "fairseq2": "NoamLR"},
    example={"d_model": 512, "warmup": 100},
    window=1000,
)
def noam(
    d_model: Annotated[int, count(1, unit=""), "width of the model"],
    warmup: Annotated[int, count(1), "updates of the climb"],
    scale: Annotated[Number, ratio(), "a factor for all of it"] = 1.0,
) -> Sequence:
    """The Transformer's schedule, which counts updates from 1 and takes its peak from the width of the model.

    >>> noam(64, warmup=4)([0, 1, 3, 15])
    array([0.015625, 0.03125 , 0.0625  , 0.03125 ])
    """
    peak = scale / sqrt(d_model * warmup)
    return Sequence((Ramp(peak / warmup, peak, warmup - 1), Curve(peak, "inverse_sqrt", (warmup,))))


@recipe(
    formula="peak t / warmup for t < warmup; then peak (t / warmup)^exponent; over the last `decay` of `steps` a line to 0",
    first="0",
    end="0 if decay else peak * (steps / warmup) ** exponent",
    boundary="the line to 0 leaves from the value in force at steps - decay",
    source="Shen et al. 2024 (arXiv:2408.13359); OLMo-core, `PowerLR`",
    elsewhere={
        "OLMo-core": "PowerLR",
        "TensorFlow models": "PowerAndLinearDecay, without a peak, multiplied with the line (`direct_power`)",
        "Levanter": "power, of tokens (`power_scheduler`)",
        "Lingua": "inv_sqrt with exp_factor",
    },
    example={"peak": 3e-4, "warmup": 100, "steps": 1000, "decay": 100},
)
def power(
    peak: Peak,
    *,
    warmup: Annotated[Length, length(rest=False), "steps of the climb from 0, at least one; a fraction is one of the run"],
    exponent: Annotated[Number, ratio(-16, 0, below=True), "of time past the climb"] = -0.51,
    steps: Annotated[int | None, count(special=(None,)), "steps of the whole run; None is without an end"] = None,
    decay: Annotated[Length, length(rest=False), "steps of the line to 0 at the end of the run"] = 0,
) -> Schedule:
    """A linear climb from 0, then a power of time, which asks for no horizon until the line to 0 ends it.

    Without `steps` it has no end; a line can still be added to a run by `.override`.

    >>> power(1.0, warmup=4, exponent=-0.5)([0, 2, 4, 16])
    array([0. , 0.5, 1. , 0.5])
    >>> power(1.0, warmup=4, exponent=-0.5, steps=18, decay=2)([16, 17, 18])
    array([0.5 , 0.25, 0.  ])
    """
    if steps is None:
        climb, fall = whole(warmup, "warmup", hint="A fraction needs steps."), whole(decay, "decay", high=0, hint="A decay needs steps.")
    else:
        climb, fall = phases(steps, warmup=warmup, decay=decay)
    if not climb:
        raise SpecError("warmup", "at least one step, which the power of time is measured by", warmup)
    endless = Ramp(0.0, peak, climb) >> Curve(peak, "power_law", (exponent, climb))
    if steps is None:
        return endless
    return endless.override(steps - fall, 0.0, fall) if fall else endless.until(steps)


@recipe(
    formula="p(t) = min(peak, a batch (t batch length)^b) for t >= warmup; before, a line from 0 to p(warmup)",
    first="0 if warmup else peak",
    boundary="the power of tokens is infinite at step 0, which without a climb has the peak",
    source="Shen et al. 2024 (arXiv:2408.13359), the power scheduler, with its a and b",
    elsewhere={"Levanter": "power(batch_size, seq_length), whose tokens count from the end of the climb, which goes to the peak"},
    example={"peak": 0.02, "batch": 128, "length": 4096, "warmup": 100},
    window=4000,
    blame={"timescale": "warmup"},
)
def power_scheduler(
    peak: Annotated[Number, value(), "the value never passed"],
    *,
    batch: Annotated[int, count(1, unit="sequences"), "sequences of a step"],
    length: Annotated[int, count(1, unit="tokens"), "tokens of a sequence"],
    warmup: Annotated[int, count(), "steps of the climb from 0"] = 0,
    a: Annotated[Number, ratio(0, above=True), "the value per sequence of a batch at one token"] = 4.6,
    b: Annotated[Number, ratio(-16, 0, below=True), "the power of tokens"] = -0.51,
) -> Sequence:
    """A climb, then a power of the tokens seen, capped: a rate that needs no horizon and fits any batch size.

    It has no end; add the way down with `.override`.

    >>> power_scheduler(0.25, batch=1, length=4, a=1.0, b=-0.5, warmup=2)([0, 1, 2, 4, 16])
    array([0.   , 0.125, 0.25 , 0.25 , 0.125])
    """
    begin = max(warmup, 1)
    with localcontext() as context:
        context.prec = 40
        context.Emax, context.Emin = 999_999, -999_999
        law = float(Decimal(a) * batch * Decimal(begin * batch * length) ** Decimal(b))
    if law == inf:
        raise SpecError("a", "a value whose product with batch and the power of tokens fits a float64", a)
    before = Ramp(0.0, min(peak, law), warmup) if warmup else Constant(peak, 1)
    return before >> Minimum((Constant(peak), Curve(law, "power_law", (b, begin))))
