"""The schedules of optax.schedules, as schedules.

A step is the count optax passes: step t is `schedule(t)`. optax computes in float32; a preset gives the value its formula means
(`lrcore.presets.DIFFERENCES`).
"""

from __future__ import annotations

from typing import Any, Literal

from ..errors import SpecError
from ..schedule import Constant, Ramp, Schedule, maximum, minimum, ramp
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
    Domain,
    boundaries,
    choice,
    clocked,
    drawn,
    geometric,
    joined,
    levels,
    many,
    optional,
    preset,
    real,
    steps,
)

__all__ = [
    "constant_schedule",
    "cosine_decay_schedule",
    "cosine_onecycle_schedule",
    "exponential_decay",
    "join_schedules",
    "linear_onecycle_schedule",
    "linear_schedule",
    "piecewise_constant_schedule",
    "piecewise_interpolate_schedule",
    "polynomial_schedule",
    "sgdr_schedule",
    "warmup_constant_schedule",
    "warmup_cosine_decay_schedule",
    "warmup_exponential_decay_schedule",
]

_ANY_STEPS = steps(-(2**53))
_EXPONENT = real(0.25, 10)


@preset(value=RATE)
def constant_schedule(value: float) -> Constant:
    """The same value for ever.

    Formula: value, for t >= 0. Raises SpecError. Source: optax.constant_schedule.

    >>> constant_schedule(0.1)(10**9)
    0.1
    """
    return Constant(value)


def _line(init_value: float, end_value: float, power: float, transition_steps: int, transition_begin: int) -> Schedule:
    if transition_steps <= 0:
        return Constant(init_value)
    if power == 1:
        decay = Ramp(init_value, end_value, transition_steps)
    else:
        decay = ramp(init_value, end_value, transition_steps, "polynomial", power=power)
    return Constant(init_value, transition_begin) >> decay if transition_begin > 0 else decay


@preset(init_value=RATE, end_value=RATE, power=POWER, transition_steps=_ANY_STEPS, transition_begin=_ANY_STEPS)
def polynomial_schedule(init_value: float, end_value: float, power: float, transition_steps: int, transition_begin: int = 0) -> Schedule:
    """A power of what is left, after a wait.

    Formula: end + (init - end) (1 - c / transition_steps)^power, c = t - transition_begin from 0 to transition_steps; init before,
    end after. transition_steps <= 0 means init for ever, a negative transition_begin none. power : above 0.001, up to 100.
    Raises SpecError. Source: optax.polynomial_schedule.

    >>> polynomial_schedule(1.0, 0.0, 2, transition_steps=4, transition_begin=2)([0, 2, 4, 6, 9])
    array([1.  , 1.  , 0.25, 0.  , 0.  ])
    """
    return _line(init_value, end_value, power, transition_steps, transition_begin)


@preset(init_value=RATE, end_value=RATE, transition_steps=_ANY_STEPS, transition_begin=_ANY_STEPS)
def linear_schedule(init_value: float, end_value: float, transition_steps: int, transition_begin: int = 0) -> Schedule:
    """A straight line, after a wait.

    Formula: init + (end - init) c / transition_steps, c = t - transition_begin from 0 to transition_steps; init before, end after.
    transition_steps <= 0 means init for ever, a negative transition_begin none.
    Raises SpecError. Source: optax.linear_schedule.

    >>> linear_schedule(1.0, 0.0, transition_steps=4, transition_begin=2)([0, 2, 4, 6, 9])
    array([1. , 1. , 0.5, 0. , 0. ])
    """
    return _line(init_value, end_value, 1.0, transition_steps, transition_begin)


@preset(init_value=RATE, boundaries_and_scales=boundaries(NOT_NEGATIVE))
def piecewise_constant_schedule(init_value: float, boundaries_and_scales: dict[int, float] | None = None) -> Schedule:
    """A value scaled at every boundary.

    Formula: init times the scale of every boundary <= t, for t >= 0. boundaries_and_scales : {step: scale >= 0}.
    Raises SpecError. Source: optax.piecewise_constant_schedule.

    >>> piecewise_constant_schedule(1.0, {3: 0.5, 6: 0.5})([2, 3, 5, 6])
    array([1.  , 0.5 , 0.5 , 0.25])
    """
    points = _scaled(init_value, boundaries_and_scales)
    return levels([step for step, _ in points], [value for _, value in points])


def _scaled(value: float, scales: dict[int, float] | None) -> list[tuple[int, float]]:
    points = [(0, value)]
    for step, scale in (scales or {}).items():
        points.append((step, points[-1][1] * scale))
    return points


@preset(interpolate_type=choice("linear", "cosine"), init_value=RATE, boundaries_and_scales=boundaries(NOT_NEGATIVE))
def piecewise_interpolate_schedule(
    interpolate_type: Literal["linear", "cosine"], init_value: float, boundaries_and_scales: dict[int, float] | None = None
) -> Schedule:
    """A value scaled at every boundary, with straight lines or half cosines in between.

    Formula: knots at 0 and at each boundary, the value there being init times the scales so far; the last one holds.
    boundaries_and_scales : {step: scale >= 0}. Raises SpecError. Source: optax.piecewise_interpolate_schedule.

    >>> piecewise_interpolate_schedule("linear", 1.0, {4: 0.5, 8: 0.5})([0, 2, 4, 6, 8, 9])
    array([1.   , 0.75 , 0.5  , 0.375, 0.25 , 0.25 ])
    """
    return drawn(_scaled(init_value, boundaries_and_scales), interpolate_type)


_ONE_CYCLE: dict[str, Domain] = {
    "transition_steps": LENGTH, "peak_value": RATE, "pct_start": FRACTION, "div_factor": POSITIVE, "final_div_factor": POSITIVE
}  # fmt: skip


@preset(**_ONE_CYCLE, pct_final=FRACTION)
def linear_onecycle_schedule(
    transition_steps: int, peak_value: float, pct_start: float = 0.3, pct_final: float = 0.85, div_factor: float = 25.0,
    final_div_factor: float = 1e4,
) -> Schedule:  # fmt: skip
    """Up to the peak, down to where it began, and on to a small value, on straight lines.

    Formula: knots at 0, floor(pct_start T), floor(pct_final T) and T = transition_steps, with init = peak / div_factor, peak, init and
    init / final_div_factor; the last one holds. A phase of no steps is left out. pct_start <= pct_final.
    Raises SpecError. Source: optax.linear_onecycle_schedule; Smith & Topin 2017 (arXiv:1708.07120).

    >>> linear_onecycle_schedule(10, 1.0, pct_start=0.5, pct_final=0.75, div_factor=5, final_div_factor=20)([0, 5, 7, 10, 99])
    array([0.2 , 1.  , 0.2 , 0.01, 0.01])
    """
    first, second = int(pct_start * transition_steps), int(pct_final * transition_steps)
    if second < first:
        raise SpecError("pct_final", f"a number from pct_start ({pct_start}) to 1", pct_final)
    init = peak_value / div_factor
    return drawn([(0, init), (first, peak_value), (second, init), (transition_steps, init / final_div_factor)], "linear")


@preset(**_ONE_CYCLE)
def cosine_onecycle_schedule(
    transition_steps: int, peak_value: float, pct_start: float = 0.3, div_factor: float = 25.0, final_div_factor: float = 1e4
) -> Schedule:
    """Up to the peak and down to a small value, on half cosines.

    Formula: knots at 0, floor(pct_start T) and T = transition_steps, with init = peak / div_factor, peak and init / final_div_factor;
    the last one holds. A phase of no steps is left out.
    Raises SpecError. Source: optax.cosine_onecycle_schedule; Smith & Topin 2017 (arXiv:1708.07120).

    >>> cosine_onecycle_schedule(10, 1.0, pct_start=0.5, div_factor=5, final_div_factor=20)([0, 5, 10, 99])
    array([0.2 , 1.  , 0.01, 0.01])
    """
    init = peak_value / div_factor
    return drawn([(0, init), (int(pct_start * transition_steps), peak_value), (transition_steps, init / final_div_factor)], "cosine")


def _exponential(init: float, every: int, rate: float, begin: int, staircase: bool, end: float | None) -> Schedule:
    if every <= 0 or rate == 0:
        return Constant(init)
    decay = clocked(geometric(init, rate, every), every, stairs=staircase)
    decay = Constant(init, begin) >> decay if begin > 0 else decay
    if end is None:
        return decay
    return maximum(decay, end) if rate < 1 else minimum(decay, end)


_EXPONENTIAL: dict[str, Domain] = {
    "transition_steps": _ANY_STEPS, "decay_rate": NOT_NEGATIVE, "transition_begin": _ANY_STEPS, "staircase": FLAG,
    "end_value": optional(RATE)
}  # fmt: skip


@preset(init_value=RATE, **_EXPONENTIAL)
def exponential_decay(
    init_value: float, transition_steps: int, decay_rate: float, transition_begin: int = 0, staircase: bool = False,
    end_value: float | None = None,
) -> Schedule:  # fmt: skip
    """The value times decay_rate every transition_steps steps, smoothly or in stairs, after a wait and up to a limit.

    Formula: init decay_rate^(c / transition_steps), c = t - transition_begin (with staircase the quotient rounded down), init before;
    end_value bounds it from below where decay_rate < 1, else from above. transition_steps <= 0 and decay_rate 0 mean init for ever.
    Raises SpecError. Source: optax.exponential_decay.

    >>> exponential_decay(1.0, 10, 0.25, transition_begin=2, end_value=0.1)([0, 2, 7, 12, 99])
    array([1.  , 1.  , 0.5 , 0.25, 0.1 ])
    """
    return _exponential(init_value, transition_steps, decay_rate, transition_begin, staircase, end_value)


def _cosine(start: float, stop: float, length: int, exponent: float) -> Schedule:
    return Ramp(start, stop, length, "cosine") if exponent == 1 else ramp(start, stop, length, "cosine_power", power=exponent)


@preset(init_value=RATE, decay_steps=LENGTH, alpha=RATE, exponent=_EXPONENT)
def cosine_decay_schedule(init_value: float, decay_steps: int, alpha: float = 0.0, exponent: float = 1.0) -> Schedule:
    """Half a cosine wave, raised to a power, to a part of the value.

    Formula: init (alpha + (1 - alpha) ((1 + cos(pi t / decay_steps)) / 2)^exponent), then alpha init. exponent : from 0.25 to 10.
    Raises SpecError. Source: optax.cosine_decay_schedule; Loshchilov & Hutter 2016 (arXiv:1608.03983).

    >>> cosine_decay_schedule(1.0, 4, alpha=0.5)([0, 2, 4, 9]), cosine_decay_schedule(1.0, 4, exponent=2)(2)
    (array([1.  , 0.75, 0.5 , 0.5 ]), 0.25)
    """
    return _cosine(init_value, alpha * init_value, decay_steps, exponent)


@preset(init_value=RATE, peak_value=RATE, warmup_steps=STEPS)
def warmup_constant_schedule(init_value: float, peak_value: float, warmup_steps: int) -> Schedule:
    """A straight line to the peak, which holds.

    Formula: init + (peak - init) t / warmup_steps for 0 <= t < warmup_steps, then peak.
    Raises SpecError. Source: optax.warmup_constant_schedule.

    >>> warmup_constant_schedule(0.0, 1.0, 4)([0, 2, 4, 9])
    array([0. , 0.5, 1. , 1. ])
    """
    return Ramp(init_value, peak_value, warmup_steps)


def _warmup_cosine(init: float, peak: float, warmup: int, decay_steps: int, end: float, exponent: float) -> Schedule:
    if decay_steps < warmup:
        raise SpecError("decay_steps", f"an integer >= warmup_steps ({warmup})", decay_steps, "It counts the warmup too.")
    return Ramp(init, peak, warmup) >> _cosine(peak, end, decay_steps - warmup, exponent)


_WARMUP_COSINE: dict[str, Domain] = {
    "init_value": RATE, "peak_value": RATE, "warmup_steps": STEPS, "decay_steps": STEPS, "end_value": RATE, "exponent": _EXPONENT
}  # fmt: skip


@preset(**_WARMUP_COSINE)
def warmup_cosine_decay_schedule(
    init_value: float, peak_value: float, warmup_steps: int, decay_steps: int, end_value: float = 0.0, exponent: float = 1.0
) -> Schedule:
    """A straight line to the peak, then half a cosine wave, raised to a power.

    Formula: init + (peak - init) t / warmup_steps, then end + (peak - end) ((1 + cos(pi c)) / 2)^exponent with
    c = (t - warmup_steps) / (decay_steps - warmup_steps), then end. decay_steps : of the whole, the warmup included.
    Raises SpecError. Source: optax.warmup_cosine_decay_schedule.

    >>> warmup_cosine_decay_schedule(0.0, 1.0, 4, 8, end_value=0.5)([0, 2, 4, 6, 8, 9])
    array([0.  , 0.5 , 1.  , 0.75, 0.5 , 0.5 ])
    """
    return _warmup_cosine(init_value, peak_value, warmup_steps, decay_steps, end_value, exponent)


@preset(init_value=RATE, peak_value=RATE, warmup_steps=STEPS, **_EXPONENTIAL)
def warmup_exponential_decay_schedule(
    init_value: float, peak_value: float, warmup_steps: int, transition_steps: int, decay_rate: float, transition_begin: int = 0,
    staircase: bool = False, end_value: float | None = None,
) -> Schedule:  # fmt: skip
    """A straight line to the peak, then exponential_decay from it.

    Formula: init + (peak - init) t / warmup_steps for 0 <= t < warmup_steps, then exponential_decay(peak, ...) on its own clock.
    Raises SpecError. Source: optax.warmup_exponential_decay_schedule.

    >>> warmup_exponential_decay_schedule(0.0, 1.0, 2, 10, 0.25, end_value=0.1)([0, 1, 2, 7, 12, 99])
    array([0.  , 0.5 , 1.  , 0.5 , 0.25, 0.1 ])
    """
    decay = _exponential(peak_value, transition_steps, decay_rate, transition_begin, staircase, end_value)
    return Ramp(init_value, peak_value, warmup_steps) >> decay


@preset(schedules=many(SCHEDULE, least=1), boundaries=many(STEPS, ascending=True))
def join_schedules(schedules: list[Schedule], boundaries: list[int]) -> Schedule:
    """One schedule after the other, each from its own step 0 at its boundary.

    schedules : one more than boundaries; boundaries : steps in ascending order. The new one is in force at t >= boundary.
    Raises SpecError. Source: optax.join_schedules.

    >>> join_schedules([constant_schedule(0.5), linear_schedule(1.0, 0.0, 4)], [2])([0, 1, 2, 4, 6])
    array([0.5, 0.5, 1. , 0.5, 0. ])
    """
    return joined(schedules, boundaries)


@preset()
def sgdr_schedule(cosine_kwargs: list[dict[str, Any]]) -> Schedule:
    """Several warmup_cosine_decay_schedules, one after the other.

    cosine_kwargs : the arguments of each, by name; decay_steps is how long it lasts. The last one's end holds.
    Raises SpecError. Source: optax.sgdr_schedule; Loshchilov & Hutter 2016 (arXiv:1608.03983).

    >>> cycle = {"init_value": 0.0, "peak_value": 1.0, "warmup_steps": 2, "decay_steps": 6}
    >>> sgdr_schedule([cycle, {**cycle, "peak_value": 0.5}])([0, 2, 4, 6, 8, 10, 12])
    array([0.  , 1.  , 0.5 , 0.  , 0.5 , 0.25, 0.  ])
    """
    if not isinstance(cosine_kwargs, list | tuple) or not cosine_kwargs:
        raise SpecError("cosine_kwargs", "a list of at least one dictionary of arguments", cosine_kwargs)
    needed = set(_WARMUP_COSINE) - {"end_value", "exponent"}
    at: list[int] = []
    phases = []
    for i, kwargs in enumerate(cosine_kwargs):
        if not isinstance(kwargs, dict) or not needed <= set(kwargs) <= set(_WARMUP_COSINE):
            raise SpecError(f"cosine_kwargs[{i}]", f"a dictionary with {', '.join(sorted(needed))}", kwargs)
        known = {name: _WARMUP_COSINE[name](value, f"cosine_kwargs[{i}].{name}") for name, value in kwargs.items()}
        phases.append(
            _warmup_cosine(
                known["init_value"], known["peak_value"], known["warmup_steps"], known["decay_steps"], known.get("end_value", 0.0),
                known.get("exponent", 1.0),
            )
        )  # fmt: skip
        at.append((at[-1] if at else 0) + known["decay_steps"])
    return joined(phases, at[:-1])
