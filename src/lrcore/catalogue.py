"""The catalogue: the schedules the field knows by name. Every recipe only composes what `schedule.py` offers."""

from __future__ import annotations

from typing import Literal

from .checks import Length, decimal_fraction, length, number, rounded, whole
from .errors import SpecError
from .schedule import Constant, Number, Ramp, Schedule, Sequence, ramp


def constant(value: Number, steps: Length | None = None) -> Constant:
    """`value`, for `steps` steps or for ever.

    Formula: value, for t >= 0. Past its end the value holds.
    value : any finite number; steps : a length, or None for endless.
    Raises SpecError.

    >>> constant(0.1)(10**9)
    0.1
    """
    return Constant(value, steps)


def linear(start: Number, stop: Number, steps: Length) -> Ramp:
    """A straight line from start to stop.

    Formula: start + (stop - start) t / steps for 0 <= t < steps, then stop. steps : a length.
    Raises SpecError. Source: Goyal et al. 2017 (arXiv:1706.02677), section 2.2, for the warmup.

    >>> linear(0.0, 1.0, 4)([0, 1, 4, 9])
    array([0.  , 0.25, 1.  , 1.  ])
    """
    return Ramp(start, stop, steps, "linear")


def cosine(start: Number, stop: Number, steps: Length) -> Ramp:
    """Half a cosine wave from start to stop, flat at both ends.

    Formula: stop + (start - stop) (1 + cos(pi t / steps)) / 2 for 0 <= t < steps, then stop. steps : a length.
    Raises SpecError. Source: Loshchilov & Hutter 2016 (arXiv:1608.03983), equation 5, one cycle.

    >>> cosine(1.0, 0.0, 4)([0, 2, 4])
    array([1. , 0.5, 0. ])
    """
    return Ramp(start, stop, steps, "cosine")


def exponential(start: Number, stop: Number, steps: Length) -> Ramp:
    """The same factor every step, from start to stop.

    Formula: start (stop / start)^(t / steps) for 0 <= t < steps, then stop. start and stop : of one sign, not 0; steps : a length.
    Raises SpecError. Source: the geometric interpolation of learning-rate finders (Smith 2015, arXiv:1506.01186).

    >>> exponential(1.0, 0.01, 2)([0, 1, 2])
    array([1.  , 0.1 , 0.01])
    """
    return Ramp(start, stop, steps, "exponential")


def polynomial(start: Number, stop: Number, steps: Length, power: Number, origin: Literal["stop", "start"] = "stop") -> Ramp:
    """A power of what is left (origin "stop") or of what has passed (origin "start").

    Formula, u = t / steps: stop + (start - stop) (1 - u)^power, or with origin "start" start + (stop - start) u^power;
    for 0 <= t < steps, then stop. power : above 0.001, up to 100 (of a power above 16, heights below 2^-800 count as 0);
    steps : a length.
    Raises SpecError. Source: the `poly` policy of Caffe; Liu et al. 2015 (arXiv:1506.04579).

    >>> polynomial(1.0, 0.0, 4, power=2)([0, 2, 4])
    array([1.  , 0.25, 0.  ])
    >>> polynomial(1.0, 0.0, 4, power=2, origin="start")([0, 2, 4])
    array([1.  , 0.75, 0.  ])
    """
    if origin not in ("stop", "start"):
        raise SpecError("origin", '"stop" or "start"', origin)
    return ramp(start, stop, steps, "polynomial" if origin == "stop" else "polynomial_from_start", power=power)


def cosine_restarts(
    start: Number, stop: Number, cycle: Length, cycle_mul: Number = 1, cycles: int | None = None, decay: Number = 1
) -> Schedule:
    """Cosine annealing with warm restarts (SGDR).

    Formula: in cycle i, of floor(cycle * cycle_mul^i) steps, half a cosine from stop + (start - stop) decay^i to stop. A cycle
    begins at its peak; `stop` itself is never reached but past the last cycle.
    cycles : how many, None for ever; decay : what each restart's height above `stop` is multiplied by.
    Raises SpecError. Source: Loshchilov & Hutter 2016 (arXiv:1608.03983).

    >>> cosine_restarts(1.0, 0.0, 2, cycle_mul=2)([0, 1, 2, 4, 6])
    array([1. , 0.5, 1. , 0.5, 1. ])
    """
    return cosine(start, stop, cycle).repeat(cycles, stretch=cycle_mul, decay=decay, floor=stop)


def warmup(schedule: Schedule, steps: Length, start: Number | Literal["first"] = 0.0, shape: str = "linear") -> Sequence:
    """Climb to a schedule's first value in `steps` steps, then follow it from its step 0.

    Formula: start + (schedule(0) - start) t / steps for 0 <= t < steps, or along another shape without parameters;
    with start="first", schedule(0) (t + 1) / steps: the first step already moves, the last one has arrived.
    Raises SpecError. Source: Goyal et al. 2017 (arXiv:1706.02677), section 2.2.

    >>> warmup(linear(1.0, 0.0, 4), 2)([0, 1, 2, 4])
    array([0. , 0.5, 1. , 0.5])
    >>> warmup(constant(1.0), 4, start="first")([0, 1, 2, 3, 4])
    array([0.25, 0.5 , 0.75, 1.  , 1.  ])
    """
    if not isinstance(schedule, Schedule):
        raise SpecError("schedule", "a Schedule", schedule)
    peak = schedule(0)
    if start != "first":
        return ramp(number(start, "start", 'a finite number or "first"'), peak, steps, shape) >> schedule
    if shape != "linear":
        raise SpecError("shape", 'linear, with start="first"', shape)
    steps = whole(steps, "steps", hint='With start="first" the length is an int; resolve fractions before.')
    return Ramp(peak / max(steps, 1), peak, steps, endpoint=True) >> schedule


def warmup_cosine(peak: Number, *, warmup: Length, steps: int, stop: Number = 0.0) -> Sequence:
    """A linear climb from 0 to `peak` in `warmup` steps, then half a cosine to `stop`; `steps` is the whole run.

    Formula: peak t / w for t < w = warmup, then stop + (peak - stop) (1 + cos(pi (t - w) / (steps - w))) / 2, then stop.
    warmup : a length, within steps. Raises SpecError. Source: Goyal et al. 2017; Loshchilov & Hutter 2016.

    >>> warmup_cosine(1.0, warmup=2, steps=6)([0, 1, 2, 4, 6])
    array([0. , 0.5, 1. , 0.5, 0. ])
    """
    steps = whole(steps, "steps")
    climb = _within(warmup, "warmup", steps)
    return Sequence((Ramp(0.0, peak, climb), Ramp(peak, stop, steps - climb, "cosine")))


def wsd(
    peak: Number, *, warmup: Length, decay: Length | None = None, steps: int | None = None, stop: Number = 0.0, shape: str = "linear"
) -> Sequence:  # fmt: skip
    """Warmup, stable, decay: a linear climb from 0, `peak` held, then `decay` steps to `stop` along `shape`.

    `steps` is the whole run. Without `steps` and `decay` the peak is held for ever, to be ended with `.override`.
    Raises SpecError. Source: Hu et al. 2024 (arXiv:2404.06395); Zhai et al. 2021 (arXiv:2106.04560).

    >>> wsd(1.0, warmup=2, decay=4, steps=10)([0, 1, 2, 5, 8, 10])
    array([0. , 0.5, 1. , 1. , 0.5, 0. ])
    """
    if (steps is None) != (decay is None):
        raise SpecError("decay", "both decay and steps, or neither", {"decay": decay, "steps": steps})
    if steps is None or decay is None:
        return Ramp(0.0, peak, whole(warmup, "warmup", hint="A fraction needs steps.")) >> Constant(peak)
    steps = whole(steps, "steps")
    climb = _within(warmup, "warmup", steps)
    fall = _within(decay, "decay", steps)
    if climb + fall > steps:
        raise SpecError("decay", f"warmup and decay within the {steps} steps of the run", {"warmup": climb, "decay": fall})
    return Sequence((Ramp(0.0, peak, climb), Constant(peak, steps - climb - fall), ramp(peak, stop, fall, shape)))


def _within(value: Length, path: str, steps: int) -> int:
    """A length as steps of a run of `steps`, and not longer than it."""
    value = length(value, path)
    if isinstance(value, float):
        value = rounded(decimal_fraction(value) * steps)
    if isinstance(value, str) or value > steps:
        raise SpecError(path, f"a length within the {steps} steps of the run", value)
    return value
