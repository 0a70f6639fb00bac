# ruff: noqa: N802  the names are fastai's
"""The schedules of fastai.callback.schedule, as schedules.

fastai's schedules are functions of the part of training that has passed; here they last a number of steps, `steps`, or
n_epoch epochs of n_batches batches, and step t is the batch at t / steps. What becomes of momentum comes from a preset of its own.
"""

from __future__ import annotations

from fractions import Fraction
from math import lcm

from msgspec.structs import replace

from ..checks import ratio
from ..errors import SpecError
from ..schedule import Constant, Ramp, Schedule, Sequence, ramp
from .common import FRACTION, GRID, LENGTH, POSITIVE, POWER, RATE, SCHEDULE, clocked, drawn, many, preset

__all__ = [
    "SchedCos",
    "SchedExp",
    "SchedLin",
    "SchedNo",
    "SchedPoly",
    "combine_scheds",
    "combined_cos",
    "fit_flat_cos",
    "fit_one_cycle",
    "fit_one_cycle_momentum",
    "fit_sgdr",
]


@preset(start=RATE, end=RATE, steps=LENGTH)
def SchedLin(start: float, end: float, steps: int = 1) -> Ramp:
    """A straight line.

    Formula: start + (end - start) t / steps for 0 <= t < steps, then end. steps : steps >= 1; combine_scheds sets it.
    Raises SpecError. Source: fastai/fastai, fastai/callback/schedule.py.

    >>> SchedLin(1.0, 0.0, 4)([0, 2, 4, 9])
    array([1. , 0.5, 0. , 0. ])
    """
    return Ramp(start, end, steps)


@preset(start=RATE, end=RATE, steps=LENGTH)
def SchedCos(start: float, end: float, steps: int = 1) -> Ramp:
    """Half a cosine wave.

    Formula: end + (start - end) (1 + cos(pi t / steps)) / 2 for 0 <= t < steps, then end. steps : as for SchedLin.
    Raises SpecError. Source: fastai/fastai, fastai/callback/schedule.py.

    >>> SchedCos(1.0, 0.0, 4)([0, 2, 4, 9])
    array([1. , 0.5, 0. , 0. ])
    """
    return Ramp(start, end, steps, "cosine")


@preset(start=RATE, end=RATE, steps=LENGTH)
def SchedNo(start: float, end: float, steps: int = 1) -> Constant:
    """The start, whatever the end.

    Formula: start, for t >= 0. steps : as for SchedLin. Raises SpecError. Source: fastai/fastai, fastai/callback/schedule.py.

    >>> SchedNo(1.0, 0.0, 4)([0, 2, 4, 9])
    array([1., 1., 1., 1.])
    """
    return Constant(start, steps)


@preset(start=RATE, end=RATE, steps=LENGTH)
def SchedExp(start: float, end: float, steps: int = 1) -> Ramp:
    """The same factor every step.

    Formula: start (end / start)^(t / steps) for 0 <= t < steps, then end. start, end : of one sign, not 0; steps : as for SchedLin.
    Raises SpecError. Source: fastai/fastai, fastai/callback/schedule.py.

    >>> SchedExp(1.0, 0.25, 4)([0, 2, 4, 9])
    array([1.  , 0.5 , 0.25, 0.25])
    """
    return Ramp(start, end, steps, "exponential")


@preset(start=RATE, end=RATE, power=POWER, steps=LENGTH)
def SchedPoly(start: float, end: float, power: float, steps: int = 1) -> Ramp:
    """A power of what has passed.

    Formula: start + (end - start) (t / steps)^power for 0 <= t < steps, then end: flat at the start, where other libraries' polynomials
    are flat at the end. power : above 0.001, up to 100; steps : as for SchedLin.
    Raises SpecError. Source: fastai/fastai, fastai/callback/schedule.py.

    >>> SchedPoly(1.0, 0.0, 2, 4)([0, 2, 4, 9])
    array([1.  , 0.75, 0.  , 0.  ])
    """
    return ramp(start, end, steps, "polynomial_from_start", power=power)


@preset(pcts=many(FRACTION, least=1), scheds=many(SCHEDULE, least=1), steps=LENGTH)
def combine_scheds(pcts: list[float], scheds: list[Schedule], steps: int) -> Schedule:
    """One Sched* after the other, each for its part of the run.

    pcts : parts that add up to 1, as written; scheds : as many Sched* of this module; steps : of the whole. Phases meet at real
    positions pct steps: on a clock of 1/q steps they are whole, so that boundaries and values are exact; q up to 1,000,000.
    Raises SpecError. Source: fastai/fastai, fastai/callback/schedule.py.

    >>> combine_scheds([0.25, 0.75], [SchedLin(0.0, 1.0), SchedCos(1.0, 0.0)], steps=8)([0, 1, 2, 5, 8, 9])
    array([0. , 0.5, 1. , 0.5, 0. , 0. ])
    """
    parts = [ratio(part) * steps for part in pcts]
    if len(scheds) != len(pcts):
        raise SpecError("scheds", f"as many as pcts ({len(pcts)})", len(scheds))
    if abs(sum(parts, Fraction(-steps))) > Fraction(steps, 10**12):
        raise SpecError("pcts", "parts that add up to 1", float(sum(map(ratio, pcts))))
    grid = lcm(*(part.denominator for part in parts))
    if grid > GRID:
        raise SpecError("pcts", f"parts of {steps} steps that are fractions of at most 1/{GRID:,} step", pcts, "Round them.")
    phases = []
    for i, (sched, part) in enumerate(zip(scheds, parts, strict=True)):
        if not isinstance(sched, Ramp | Constant):
            raise SpecError(f"scheds[{i}]", "a SchedLin, SchedCos, SchedNo, SchedExp or SchedPoly", sched)
        phases.append(replace(sched, steps=int(part * grid)))
    return clocked(Sequence(tuple(phases)), 1 / grid)


@preset(pct=FRACTION, start=RATE, middle=RATE, end=RATE, steps=LENGTH)
def combined_cos(pct: float, start: float, middle: float, end: float, steps: int) -> Schedule:
    """Two half cosines.

    Formula: knots at 0, pct steps and steps, with start, middle and end, joined by half cosines; then end. The middle knot lies at its
    real position.
    Raises SpecError. Source: fastai/fastai, fastai/callback/schedule.py.

    >>> combined_cos(0.25, 0.0, 1.0, 0.5, steps=8)([0, 1, 2, 5, 8, 9])
    array([0.  , 0.5 , 1.  , 0.75, 0.5 , 0.5 ])
    """
    return drawn([(0.0, start), (pct * steps, middle), (steps, end)], "cosine")


@preset(n_epoch=LENGTH, lr_max=RATE, div=POSITIVE, div_final=POSITIVE, pct_start=FRACTION, n_batches=LENGTH)
def fit_one_cycle(
    n_epoch: int, lr_max: float, div: float = 25.0, div_final: float = 1e5, pct_start: float = 0.25, *, n_batches: int
) -> Schedule:
    """Up to lr_max and down again, once.

    Formula: combined_cos of pct_start, lr_max / div, lr_max and lr_max / div_final over n_epoch n_batches steps. n_batches : in an epoch.
    Raises SpecError. Source: fastai/fastai, fastai/callback/schedule.py; Smith & Topin 2017 (arXiv:1708.07120).

    >>> fit_one_cycle(2, 1.0, div=5, div_final=10, n_batches=4)([0, 1, 2, 5, 8])
    array([0.2 , 0.6 , 1.  , 0.55, 0.1 ])
    """
    steps = n_epoch * n_batches
    return drawn([(0.0, lr_max / div), (pct_start * steps, lr_max), (steps, lr_max / div_final)], "cosine")


@preset(n_epoch=LENGTH, moms=many(RATE, least=3), pct_start=FRACTION, n_batches=LENGTH)
def fit_one_cycle_momentum(
    n_epoch: int, moms: list[float] | tuple[float, ...] = (0.95, 0.85, 0.95), pct_start: float = 0.25, *, n_batches: int
) -> Schedule:
    """The momentum that goes with fit_one_cycle.

    Formula: combined_cos of pct_start and the three moms over n_epoch n_batches steps.
    Raises SpecError. Source: fastai/fastai, fastai/callback/schedule.py.

    >>> fit_one_cycle_momentum(2, n_batches=4)([0, 1, 2, 5, 8])
    array([0.95, 0.9 , 0.85, 0.9 , 0.95])
    """
    if len(moms) != 3:
        raise SpecError("moms", "three numbers", moms)
    steps = n_epoch * n_batches
    return drawn([(0.0, moms[0]), (pct_start * steps, moms[1]), (steps, moms[2])], "cosine")


@preset(n_epoch=LENGTH, lr=RATE, div_final=POSITIVE, pct_start=FRACTION, n_batches=LENGTH)
def fit_flat_cos(n_epoch: int, lr: float, div_final: float = 1e5, pct_start: float = 0.75, *, n_batches: int) -> Schedule:
    """The rate as it is, then half a cosine wave.

    Formula: lr until pct_start of n_epoch n_batches steps, then a half cosine to lr / div_final at the end. n_batches : in an epoch.
    Raises SpecError. Source: fastai/fastai, fastai/callback/schedule.py.

    >>> fit_flat_cos(2, 1.0, div_final=10, pct_start=0.5, n_batches=4)([0, 4, 6, 8])
    array([1.  , 1.  , 0.55, 0.1 ])
    """
    steps = n_epoch * n_batches
    return drawn([(0.0, lr), (pct_start * steps, lr), (steps, lr / div_final)], "cosine")


@preset(n_cycles=LENGTH, cycle_len=LENGTH, lr_max=RATE, cycle_mult=LENGTH, n_batches=LENGTH)
def fit_sgdr(n_cycles: int, cycle_len: int, lr_max: float, cycle_mult: int = 2, *, n_batches: int) -> Schedule:
    """Cosines to zero, each cycle_mult times as long as the one before.

    Formula: lr_max (1 + cos(pi c / T_i)) / 2, c steps into cycle i of T_i = cycle_len n_batches cycle_mult^i steps; after n_cycles, 0.
    cycle_len : epochs; n_batches : in an epoch.
    Raises SpecError. Source: fastai/fastai, fastai/callback/schedule.py; Loshchilov & Hutter 2016 (arXiv:1608.03983).

    >>> fit_sgdr(2, 1, 1.0, n_batches=4)([0, 2, 4, 8, 12])
    array([1. , 0.5, 1. , 0.5, 0. ])
    """
    return Ramp(lr_max, 0.0, cycle_len * n_batches, "cosine").repeat(n_cycles, cycle_mult)
