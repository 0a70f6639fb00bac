"""Curves that come back: restarts, waves, cycles, and the one cycle."""

from collections.abc import Callable
from fractions import Fraction
from typing import Annotated, Literal

from ..checks import Length, decimal_fraction
from ..checks import ratio as simple
from ..errors import SpecError
from ..registry import choice, count, length, ratio, recipe, schedule, value
from ..schedule import Constant, Curve, Knots, Number, Product, Ramp, Schedule, Sequence, Sum
from ._common import SGDR, SMITH, Peak, Run, Start, within

Cycles = Annotated[int | None, count(1, unit="cycles", special=(None,)), "how many; None is for ever"]
Up = Annotated[int, count(), "steps from base to peak"]
Down = Annotated[int | None, count(special=(None,)), "steps back; None is as many as up"]
Mode = Annotated[
    Literal["triangular", "triangular2", "exp_range"],
    choice("triangular", "triangular2", "exp_range"),
    "whether the peaks stay, are halved every cycle, or fall with every step",
]
Gamma = Annotated[Number, ratio(0, 1, above=True), "exp_range's factor of every step"]
Share = Annotated[Length, length(rest=False), "steps to the turn; a fraction is one of the run"]
Bend = Annotated[Literal["cosine", "linear"], choice("cosine", "linear"), "the curve of each phase"]
PHASES = Annotated[Literal[2, 3], choice(2, 3), "2: there and to the end; 3: there, back as slowly, and to the end"]
MOST = 1000
"""Cycles that are written out; doubling fifty times passes 2^53 steps."""

SUPER = "Smith & Topin 2017 (arXiv:1708.07120)"


@recipe(
    formula="in cycle i, of floor(cycle cycle_mul^i) steps, half a cosine from s + (start - stop) decay^i to s, s = stop decay_floor^i",
    first="start",
    end="stop * decay_floor ** (cycles - 1)",
    boundary="a restart already has the new cycle's start; a cycle's stop is never reached, but past the last one",
    source=f"{SGDR}",
    elsewhere={
        "torch": "CosineAnnealingWarmRestarts(T_0=cycle, T_mult=cycle_mul)",
        "timm": "CosineLRScheduler(cycle_mul, cycle_decay, cycle_limit)",
        "Keras": "CosineDecayRestarts(first_decay_steps, t_mul, m_mul), wrong at some restarts",
        "fairseq": "cosine, lr_shrink is decay and decay_floor",
        "transformers": "cosine_with_restarts, equal cycles",
        "composer": "CosineAnnealingWarmRestartsScheduler",
    },
    example={"start": 3e-4, "stop": 1e-5, "cycle": 200, "cycle_mul": 2, "decay": 0.7},
    window=1400,
    blame={"stretch": "cycle_mul", "inner": "cycle", "times": "cycles"},
)
def cosine_restarts(
    start: Start,
    stop: Annotated[Number, value(), "the value each cycle goes to"],
    cycle: Annotated[Length, length(), "steps of the first cycle"],
    cycle_mul: Annotated[Number, ratio(0, above=True), "how much longer each cycle is than the one before"] = 1,
    cycles: Cycles = None,
    decay: Annotated[Number, ratio(0, above=True), "what each restart multiplies the height above stop by"] = 1,
    decay_floor: Annotated[Number, ratio(0, above=True), "what each restart multiplies stop by"] = 1,
) -> Schedule:
    """Cosine annealing with warm restarts (SGDR).

    Restarts lie at exact integers, with cycle_mul read as a fraction (1.5 is 3/2), at any step up to 2^53.

    >>> cosine_restarts(1.0, 0.0, 2, cycle_mul=2)([0, 1, 2, 4, 6])
    array([1. , 0.5, 1. , 0.5, 1. ])
    """
    return Ramp(start, stop, cycle, "cosine").repeat(cycles, stretch=cycle_mul, decay=decay, floor=stop, decay_floor=decay_floor)


@recipe(
    formula="cycle i: a line from stop to p = stop + (peak - stop) decay^i in `warmup` steps, half a cosine back to stop in the rest of it",
    first="stop if warmup else peak",
    end="stop",
    boundary="a cycle, of floor((cycle - warmup) cycle_mul^i) + warmup steps, begins at stop; its peak is `warmup` steps later",
    source=f"{SGDR}, with a climb in place of each jump",
    elsewhere={
        "pytorch-cosine-annealing-with-warmup": "CosineAnnealingWarmupRestarts, gamma times the whole peak, lengths cut cycle by cycle",
        "optax": "sgdr_schedule, every cycle written out",
    },
    example={"peak": 3e-4, "stop": 1e-5, "cycle": 250, "warmup": 50, "decay": 0.7},
    window=1000,
    blame={"times": "cycles"},
)
def warmup_restarts(
    peak: Peak,
    *,
    cycle: Annotated[int, count(1), "steps of the first cycle, its climb included"],
    warmup: Annotated[int, count(), "steps of the climb each cycle begins with"],
    stop: Annotated[Number, value(), "the value each cycle begins and ends with"] = 0.0,
    cycle_mul: Annotated[Number, ratio(0, above=True), "how much longer the rest of each cycle is than that of the one before"] = 1,
    cycles: Cycles = None,
    decay: Annotated[Number, ratio(0, above=True), "what each restart multiplies the height above stop by"] = 1,
) -> Schedule:
    """Cosine annealing with restarts that climb: a line up, half a cosine down, again and again.

    Cycles of different lengths are written out one by one, so with a cycle_mul their number is wanted.

    >>> warmup_restarts(1.0, cycle=6, warmup=2, decay=0.5)([0, 2, 4, 6, 8, 10])
    array([0.  , 1.  , 0.5 , 0.  , 0.5 , 0.25])
    """
    if warmup > cycle:
        raise SpecError("warmup", f"a climb within the {cycle} steps of the first cycle", warmup)
    if cycle_mul == 1:
        return (Ramp(stop, peak, warmup) >> Ramp(peak, stop, cycle - warmup, "cosine")).repeat(cycles, decay=decay, floor=stop)
    if cycles is None or cycles > MOST:
        raise SpecError("cycles", f"an integer from 1 to {MOST}, with a cycle_mul other than 1", cycles)
    exact, parts = Fraction(cycle - warmup), list[Schedule]()
    for i in range(cycles):
        top = stop + (peak - stop) * decay**i
        parts += [Ramp(stop, top, warmup), Ramp(top, stop, int(exact), "cosine")]
        exact *= simple(float(cycle_mul))
    return Sequence(tuple(parts))


@recipe(
    formula="stop + (start - stop) (1 + cos(pi t / steps)) / 2",
    first="start",
    end="start",
    boundary="stop is reached at `steps`, start again at 2 steps",
    source=f"{SGDR}, equation 5, past its cycle; torch, `CosineAnnealingLR`",
    elsewhere={
        "torch": "CosineAnnealingLR(T_max=steps), past T_max",
        "transformers": "cosine(num_cycles), half a cycle if not told otherwise",
    },
    example={"start": 3e-4, "stop": 1e-5, "steps": 200},
    window=1000,
    blame={"inner": "steps"},
)
def cosine_wave(
    start: Start,
    stop: Annotated[Number, value(), "the value at the other side of the wave"],
    steps: Annotated[int, count(1), "steps from start to stop; the way back takes as many"],
    cycles: Cycles = None,
) -> Schedule:
    """The whole cosine wave: to stop, and back to start.

    >>> cosine_wave(1.0, 0.0, 2)([0, 1, 2, 3, 4, 6])
    array([1. , 0.5, 0. , 0.5, 1. , 0. ])
    """
    wave = Ramp(start, stop, steps, "cosine").past_end("mirror")
    return wave if cycles is None else wave.until(2 * steps * cycles)


def _fading(
    once: Callable[[Number, Number], Schedule],
    base: Number,
    peak: Number,
    mode: str,
    fading: str,
    halving: str,
    gamma: Number,
    cycles: int | None,
) -> Schedule:
    """One cycle between two values, again and again: as it is, halved every cycle, or fading with every step."""
    if mode != fading:
        if gamma != 1:
            raise SpecError("gamma", f'1 with mode="{mode}"', gamma, f'It belongs to mode="{fading}".')
        return once(base, peak).repeat(cycles, decay=0.5 if mode == halving else 1.0, floor=base)
    heights = once(0.0, peak - base)
    faded = Sum((Constant(base), Product((heights.repeat(cycles), Curve(1.0, "geometric", (gamma,))))))
    return faded if cycles is None else faded.until(cycles * heights.own_length("cycles"))


def _triangles(base: Number, peak: Number, up: int, down: int | None, mode: str, gamma: Number, cycles: int | None) -> Schedule:
    fall = up if down is None else down
    if up + fall == 0:
        raise SpecError("up", "a cycle of at least one step", {"up": up, "down": fall})
    return _fading(
        lambda low, high: Ramp(low, high, up) >> Ramp(high, low, fall), base, peak, mode, "exp_range", "triangular2", gamma, cycles
    )


@recipe(
    formula="base + (peak - base) x s, x rising from 0 to 1 in `up` steps and falling in `down`; s: 1, 2^-cycle, or gamma^t",
    first="base if up else peak",
    end="base",
    boundary="the peak is at step `up` of a cycle, base at its first step",
    source=f"{SMITH}",
    elsewhere={
        "torch": "CyclicLR(step_size_up=up, step_size_down=down, mode, gamma)",
        "TensorFlow Addons": "CyclicalLearningRate",
        "Paddle": "CyclicLR",
        "thinc": "cyclic_triangular, a step early",
    },
    example={"base": 1e-3, "peak": 0.1, "up": 60, "down": 140, "mode": "triangular2"},
    window=1000,
    blame={"times": "cycles"},
)
def cyclic(
    base: Annotated[Number, value(), "the value each cycle starts from"],
    peak: Peak,
    up: Up,
    down: Down = None,
    mode: Mode = "triangular",
    gamma: Gamma = 1.0,
    cycles: Cycles = None,
) -> Schedule:
    """Cyclical learning rates: triangles, as they are, halved every cycle, or fading with every step.

    >>> cyclic(0.0, 1.0, up=2)([0, 1, 2, 3, 4, 6])
    array([0. , 0.5, 1. , 0.5, 0. , 1. ])
    >>> cyclic(0.0, 1.0, up=1, down=3, mode="triangular2")([0, 1, 2, 4, 5])
    array([0.        , 1.        , 0.66666667, 0.        , 0.5       ])
    >>> cyclic(0.0, 1.0, up=2, mode="exp_range", gamma=0.5)([0, 2, 6])
    array([0.      , 0.25    , 0.015625])
    """
    return _triangles(base, peak, up, down, mode, gamma, cycles)


@recipe(
    formula="high - (high - low) x s, x and s as in `cyclic`",
    first="high if up else low",
    end="high",
    boundary="low is at step `up` of a cycle, high at its first step",
    source=f"{SMITH}; torch, `CyclicLR(cycle_momentum=True)`",
    elsewhere={"torch": "CyclicLR(base_momentum=low, max_momentum=high)"},
    example={"up": 60, "down": 140, "mode": "triangular2"},
    window=1000,
    blame={"times": "cycles"},
)
def cyclic_momentum(
    up: Annotated[int, count(), "steps from high to low"],
    down: Down = None,
    high: Annotated[Number, value(), "the value each cycle starts from"] = 0.9,
    low: Annotated[Number, value(), "the value where the rate has its peak"] = 0.8,
    mode: Mode = "triangular",
    gamma: Gamma = 1.0,
    cycles: Cycles = None,
) -> Schedule:
    """The momentum that goes with `cyclic`: low where the rate is high.

    >>> cyclic_momentum(up=2, high=1.0, low=0.5)([0, 1, 2, 4])
    array([1.  , 0.75, 0.5 , 1.  ])
    """
    return _triangles(high, low, up, down, mode, gamma, cycles)


@recipe(
    formula="base + (peak - base) |sin(pi t / period)| s; s: 1, 2^-floor(t / period), or gamma^t",
    first="base",
    end="base",
    boundary="the peak is half a period into a cycle, between two steps where the period is odd; base is at its first step",
    source="ParameterSchedulers.jl, `Sin`",
    elsewhere={"ParameterSchedulers.jl": "Sin, SinDecay2 (halving), SinExp (exponential), which count steps from 1"},
    example={"base": 1e-3, "peak": 0.1, "period": 250, "mode": "halving"},
    window=1000,
    blame={"times": "cycles"},
)
def sine_wave(
    base: Annotated[Number, value(), "the value each cycle starts from"],
    peak: Peak,
    period: Annotated[int, count(1), "steps from base to base"],
    mode: Annotated[
        Literal["constant", "halving", "exponential"],
        choice("constant", "halving", "exponential"),
        "whether the peaks stay, are halved every cycle, or fall with every step",
    ] = "constant",
    gamma: Annotated[Number, ratio(0, 1, above=True), "exponential's factor of every step"] = 1.0,
    cycles: Cycles = None,
) -> Schedule:
    """Sine arches: up from base to peak and back, flat at the top and with a corner below.

    >>> sine_wave(0.0, 1.0, period=6)([0, 1, 3, 5, 6]).round(6)
    array([0. , 0.5, 1. , 0.5, 0. ])
    >>> sine_wave(0.0, 1.0, period=2, mode="halving")([1, 3, 5])
    array([1.  , 0.5 , 0.25])
    """

    def arch(low: Number, high: Number) -> Schedule:
        # on a clock twice as fast, so that the top of an arch of any length lies at a whole step
        return Ramp(low, high, period, "quarter_cosine").past_end("mirror").stretch(0.5).until(period)

    return _fading(arch, base, peak, mode, "exponential", "halving", gamma, cycles)


@recipe(
    formula="peak (1 + q (ratio - 1)) / ratio; c = floor(cut steps); q = t / c to t = c, then 1 - (t - c) / (c / cut - c), not below 0",
    first="peak / ratio",
    end="peak / ratio",
    boundary="the peak is at step floor(cut steps)",
    source="Howard & Ruder 2018, ULMFiT (arXiv:1801.06146), equation 3",
    elsewhere={"AllenNLP": "SlantedTriangular(cut_frac=cut, ratio)", "thinc": "slanted_triangular, a step early"},
    example={"peak": 0.01, "steps": 1000},
)
def slanted_triangular(
    peak: Peak,
    steps: Run,
    cut: Annotated[Number, ratio(0, 1, above=True, below=True), "the rising part of the run"] = 0.1,
    ratio: Annotated[Number, ratio(1), "the peak, in terms of the lowest value"] = 32,
) -> Schedule:
    """A short rise and a long fall.

    Where cut steps is no integer the published line falls below peak / ratio before the end, and below 0 in runs of few steps; here
    it stays at peak / ratio. A run too short for a rise starts at the peak and falls to its end.

    >>> slanted_triangular(1.0, 20, cut=0.1, ratio=10)([0, 1, 2, 11, 20])
    array([0.1 , 0.55, 1.  , 0.55, 0.1 ])
    """
    low = peak / ratio
    share = decimal_fraction(float(cut))
    top = int(share * steps)
    if not top:
        return Ramp(peak, low, steps)
    return Knots((0, top, float(Fraction(top) / share)), (low, peak, low)).until(steps)


def _turns(at_ends: Number, at_turn: Number, last: Number, steps: int, up: Length, phases: int, shape: str) -> Sequence:
    turn = within(up, "up", steps)
    if phases == 2:
        return Sequence((Ramp(at_ends, at_turn, turn, shape), Ramp(at_turn, last, steps - turn, shape)))
    if 2 * turn > steps:
        raise SpecError("up", f"with phases=3 at most half of the {steps} steps of the run", up)
    back = Ramp(at_turn, at_ends, turn, shape)
    return Sequence((Ramp(at_ends, at_turn, turn, shape), back, Ramp(at_ends, last, steps - 2 * turn, shape)))


@recipe(
    formula="from peak / div to peak in `up` steps, then to peak / div / final_div at `steps`; with phases=3 back to peak / div first",
    first="peak / div if up else peak",
    end="peak / div / final_div",
    boundary="the peak is at a step, round(up steps) with halves up; the final value is at `steps`, one past the run",
    source=f"{SUPER}",
    elsewhere={
        "torch": "OneCycleLR(max_lr, total_steps, pct_start), its ends at total_steps - 1 and its peak between two steps",
        "optax": "cosine_onecycle_schedule, linear_onecycle_schedule",
        "fastai": "fit_one_cycle, whose final value is peak / div_final",
        "MMEngine": "OneCycleLR",
    },
    example={"peak": 0.1, "steps": 1000},
)
def one_cycle(
    peak: Peak,
    steps: Run,
    up: Share = 0.3,
    div: Annotated[Number, ratio(0, above=True), "the peak, in terms of the first value"] = 25,
    final_div: Annotated[Number, ratio(0, above=True), "the first value, in terms of the last one"] = 1e4,
    phases: PHASES = 2,
    shape: Bend = "cosine",
) -> Sequence:
    """One cycle for the whole run: up to the peak, and down to far below the start.

    >>> one_cycle(1.0, 10, div=10, final_div=10)([0, 3, 10])
    array([0.1 , 1.  , 0.01])
    >>> one_cycle(1.0, 10, up=0.4, div=10, final_div=10, phases=3, shape="linear")([0, 4, 8, 9, 10])
    array([0.1  , 1.   , 0.1  , 0.055, 0.01 ])
    """
    first = peak / div
    return _turns(first, peak, first / final_div, steps, up, phases, shape)


@recipe(
    formula="from high to low in `up` steps, then back to high: at `steps`, or with phases=3 after `up` steps more",
    first="high if up else low",
    end="high",
    boundary="low is at step round(up steps), where `one_cycle` has its peak",
    source=f"{SUPER}",
    elsewhere={"torch": "OneCycleLR(base_momentum=low, max_momentum=high)", "fastai": "fit_one_cycle(moms=(high, low, high))"},
    example={"steps": 1000},
)
def one_cycle_momentum(
    steps: Run,
    high: Annotated[Number, value(), "the value at both ends"] = 0.95,
    low: Annotated[Number, value(), "the value where the rate has its peak"] = 0.85,
    up: Share = 0.3,
    phases: PHASES = 2,
    shape: Bend = "cosine",
) -> Sequence:
    """The momentum that goes with `one_cycle`: low where the rate is high.

    >>> one_cycle_momentum(10, high=1.0, low=0.5)([0, 3, 10])
    array([1. , 0.5, 1. ])
    """
    return _turns(high, low, high, steps, up, phases, shape)


@recipe(
    formula="schedule(t) f(t); f falls from 1 to `floor` in `anneal` steps before a restart, and climbs back in `warmup` steps after it",
    first="schedule(0)",
    end="schedule(schedule.span)",
    boundary="a restart is at every multiple of `every`; its step has the factor `floor`, if there is a warmup",
    source="Lialin et al. 2023, ReLoRA (arXiv:2307.05695)",
    elsewhere={"axolotl": "JaggedLRRestartScheduler(jagged_restart_steps=every)", "ReLoRA": "cosine_restarts"},
    example={"schedule": Ramp(3e-4, 1e-5, 1000, "cosine"), "every": 250, "warmup": 50, "anneal": 20},
    window=1000,
)
def jagged_restarts(
    schedule: Annotated[Schedule, schedule(), "the schedule under the restarts"],
    every: Annotated[int, count(1), "steps from restart to restart"],
    warmup: Annotated[int, count(), "steps of the climb after each restart"],
    anneal: Annotated[int, count(), "steps of the way down before each restart"] = 0,
    floor: Annotated[Number, ratio(), "the factor at a restart"] = 0.0,
) -> Schedule:
    """Restarts of the optimizer under any schedule: a way down before each, a climb after it. The schedule's own clock runs on.

    >>> import lrcore as lr
    >>> jagged_restarts(lr.constant(1.0), every=4, warmup=2)([0, 3, 4, 5, 6, 8])
    array([1. , 1. , 0. , 0.5, 1. , 0. ])
    """
    if warmup + anneal > every:
        raise SpecError("warmup", f"warmup and anneal within the {every} steps between restarts", {"warmup": warmup, "anneal": anneal})
    down = Ramp(1.0, floor, anneal)
    first = Sequence((Constant(1.0, every - anneal), down)) if anneal else Constant(1.0, every)
    parts = (Ramp(floor, 1.0, warmup), Constant(1.0, every - warmup - anneal), *([down] if anneal else []))
    jags: Schedule = Sequence((first, Sequence(parts).repeat()))
    if schedule.span is not None:
        jags = Sequence((jags.until(schedule.span), Ramp(1.0, 1.0, 0)))  # past the end there is nothing to restart
    return Product((schedule, jags))
