"""The schedules of fairseq (`--lr-scheduler`), as schedules.

A step is an update: step t is what fairseq's trainer sets by `step_update(t)`. The functions bear the names fairseq registers;
options of the trainer (`lr`, `max_update`) come first or last by name. What fairseq changes per epoch needs updates_per_epoch.
"""

from __future__ import annotations

from ast import literal_eval
from typing import Any

from ..errors import SpecError
from ..schedule import Constant, Product, Ramp, Schedule, Sequence, Sum, curve, maximum, ramp
from .common import (
    FLAG,
    FRACTION,
    LENGTH,
    NOT_NEGATIVE,
    POSITIVE,
    POWER,
    RATE,
    STEPS,
    Domain,
    clocked,
    geometric,
    levels,
    many,
    optional,
    preset,
    real,
    real_restarts,
    steps,
)

__all__ = ["cosine", "fixed", "inverse_sqrt", "manual", "polynomial_decay", "step", "tri_stage", "triangular"]

_SHRINK = real(above=0, high=1)


@preset(lr=many(RATE, least=1), force_anneal=optional(LENGTH), lr_shrink=_SHRINK, warmup_updates=STEPS, updates_per_epoch=optional(LENGTH))
def fixed(
    lr: list[float], force_anneal: int | None = None, lr_shrink: float = 0.1, warmup_updates: int = 0, *,
    updates_per_epoch: int | None = None,
) -> Schedule:  # fmt: skip
    """A list of rates, one an epoch, then a geometric shrink, under a linear warmup.

    Formula: f(t) lr[min(e - 1, last)] in epoch e = 1 + floor(t / updates_per_epoch), from epoch force_anneal on
    f(t) lr[last] lr_shrink^(e + 1 - force_anneal); f(t) = (t + 1) / warmup_updates for t < warmup_updates, then 1. updates_per_epoch :
    needed unless one rate holds throughout.
    Raises SpecError. Source: facebookresearch/fairseq, fairseq/optim/lr_scheduler/fixed_schedule.py.

    >>> fixed([1.0, 0.5], warmup_updates=2, updates_per_epoch=3)([0, 1, 2, 3, 9])
    array([0.5, 1. , 1. , 0.5, 0.5])
    """
    epochs: Schedule
    if force_anneal is None:
        epochs = levels(range(len(lr)), lr)
    else:
        held = [lr[min(epoch, len(lr) - 1)] for epoch in range(force_anneal - 1)]
        epochs = Sequence((*(Constant(value, 1) for value in held), geometric(lr[-1] * lr_shrink, lr_shrink)))
    if type(epochs) is not Sequence or len(epochs.phases) > 1 or force_anneal is not None:
        if updates_per_epoch is None:
            raise SpecError("updates_per_epoch", "an integer >= 1", None, "These rates change from epoch to epoch.")
        epochs = clocked(epochs, updates_per_epoch, stairs=True)
    if warmup_updates == 0:
        return epochs
    return Product((Ramp(1 / warmup_updates, 1.0, warmup_updates, endpoint=True), epochs))


@preset(lr=RATE, warmup_updates=LENGTH, warmup_init_lr=RATE)
def inverse_sqrt(lr: float, warmup_updates: int = 4000, warmup_init_lr: float = -1.0) -> Schedule:
    """A straight line to the rate, then one over the square root of the update.

    Formula: init + (lr - init) t / warmup_updates for 0 <= t < warmup_updates, then lr sqrt(warmup_updates / t). init = warmup_init_lr,
    0 where that is negative. warmup_updates : steps >= 1.
    Raises SpecError. Source: facebookresearch/fairseq, fairseq/optim/lr_scheduler/inverse_square_root_schedule.py.

    >>> inverse_sqrt(1.0, warmup_updates=4)([0, 2, 4, 16])
    array([0. , 0.5, 1. , 0.5])
    """
    return Ramp(max(0.0, warmup_init_lr), lr, warmup_updates) >> curve(lr, "inverse_sqrt", timescale=warmup_updates)


@preset(
    lr=RATE, warmup_updates=STEPS, warmup_init_lr=RATE, min_lr=NOT_NEGATIVE, t_mult=real(1), lr_period_updates=steps(-(2**53)),
    lr_shrink=_SHRINK, max_update=STEPS,
)  # fmt: skip
def cosine(
    lr: float, warmup_updates: int = 0, warmup_init_lr: float = -1.0, min_lr: float = 0.0, t_mult: float = 1.0,
    lr_period_updates: int = -1, lr_shrink: float = 0.1, *, max_update: int = 0,
) -> Schedule:  # fmt: skip
    """A straight line to the rate, then cosines to min_lr, each t_mult times as long and lr_shrink times as high.

    Formula: after the warmup lr_shrink^i (min_lr + (lr - min_lr) (1 + cos(pi c / T_i)) / 2), c steps into cycle i of
    T_i = lr_period_updates t_mult^i steps: floor and peak both shrink. lr_period_updates <= 0 means max_update - warmup_updates;
    a negative warmup_init_lr means min_lr. Restarts are exact, as in keras.CosineDecayRestarts. t_mult : >= 1.
    Raises SpecError. Source: facebookresearch/fairseq, fairseq/optim/lr_scheduler/cosine_lr_scheduler.py.

    >>> cosine(1.0, warmup_updates=2, lr_period_updates=4, lr_shrink=0.5)([0, 1, 2, 4, 6, 8])
    array([0.  , 0.5 , 1.  , 0.5 , 0.5 , 0.25])
    """
    if lr <= min_lr:
        raise SpecError("lr", f"a number above min_lr ({min_lr})", lr)
    period = lr_period_updates if lr_period_updates > 0 else max_update - warmup_updates
    if period <= 0:
        raise SpecError("lr_period_updates", "lr_period_updates, or max_update above warmup_updates", lr_period_updates)
    warmup = Ramp(min_lr if warmup_init_lr < 0 else warmup_init_lr, lr, warmup_updates)
    return warmup >> real_restarts(lr, min_lr, period, t_mult, lr_shrink, lr_shrink)


@preset(
    lr=RATE, warmup_updates=STEPS, end_learning_rate=RATE, power=POWER, total_num_update=STEPS
)  # fmt: skip
def polynomial_decay(
    lr: float, warmup_updates: int = 0, end_learning_rate: float = 0.0, power: float = 1.0, total_num_update: int = 1_000_000
) -> Schedule:
    """A straight line from zero to the rate, then a power of what is left.

    Formula: lr t / w for 0 <= t <= w = warmup_updates, then end + (lr - end) (1 - (t - w) / (T - w))^power to T = total_num_update, then
    end = end_learning_rate. force_anneal, which freezes the rate in force, is left out: cut the schedule with `.until`.
    Raises SpecError. Source: facebookresearch/fairseq, fairseq/optim/lr_scheduler/polynomial_decay_schedule.py.

    >>> polynomial_decay(1.0, warmup_updates=2, total_num_update=6, power=2)([0, 1, 2, 4, 6, 9])
    array([0.  , 0.5 , 1.  , 0.25, 0.  , 0.  ])
    """
    decay = ramp(lr, end_learning_rate, max(0, total_num_update - warmup_updates), "polynomial", power=power)
    return Ramp(0.0, lr, warmup_updates) >> decay


@preset(lr=RATE, warmup_updates=STEPS, warmup_init_lr=RATE, min_lr=NOT_NEGATIVE, lr_decay_period=LENGTH, lr_decay=real(0, 1))
def step(
    lr: float, warmup_updates: int = 0, warmup_init_lr: float = -1.0, min_lr: float = 0.0, lr_decay_period: int = 25000,
    lr_decay: float = 0.5,
) -> Schedule:  # fmt: skip
    """A straight line to the rate, then stairs down to min_lr.

    Formula: after the warmup max(lr lr_decay^floor(c / lr_decay_period), min_lr), c = t - warmup_updates. A negative warmup_init_lr means
    min_lr.
    Raises SpecError. Source: facebookresearch/fairseq, fairseq/optim/lr_scheduler/step_lr_scheduler.py.

    >>> step(1.0, warmup_updates=2, min_lr=0.2, lr_decay_period=2)([0, 1, 2, 4, 6, 8])
    array([0.2 , 0.6 , 1.  , 0.5 , 0.25, 0.2 ])
    """
    if lr <= min_lr:
        raise SpecError("lr", f"a number above min_lr ({min_lr})", lr)
    warmup = Ramp(min_lr if warmup_init_lr < 0 else warmup_init_lr, lr, warmup_updates)
    return warmup >> maximum(clocked(geometric(lr, lr_decay, lr_decay_period), lr_decay_period, stairs=True), min_lr)


@preset(
    lr=RATE, warmup_steps=STEPS, hold_steps=STEPS, decay_steps=STEPS, phase_ratio=optional(many(FRACTION, least=3)),
    init_lr_scale=NOT_NEGATIVE, final_lr_scale=POSITIVE, max_update=STEPS,
)  # fmt: skip
def tri_stage(
    lr: float, warmup_steps: int = 4000, hold_steps: int = 20000, decay_steps: int = 60000, phase_ratio: list[float] | None = None,
    init_lr_scale: float = 0.01, final_lr_scale: float = 0.01, *, max_update: int = 0,
) -> Schedule:  # fmt: skip
    """A straight line to the rate, a hold, an exponential decay, a hold.

    Formula: from lr init_lr_scale to lr in warmup_steps, lr for hold_steps, lr final_lr_scale^(c / decay_steps) for decay_steps, then
    lr final_lr_scale. phase_ratio : three parts of max_update, rounded down, in place of the three lengths.
    Raises SpecError. Source: facebookresearch/fairseq, fairseq/optim/lr_scheduler/tri_stage_lr_scheduler.py; Park et al. 2019
    (arXiv:1904.08779).

    >>> tri_stage(1.0, 2, 2, 4, init_lr_scale=0.5, final_lr_scale=0.25)([0, 1, 2, 4, 6, 8, 9])
    array([0.5 , 0.75, 1.  , 1.  , 0.5 , 0.25, 0.25])
    """
    if lr == 0:
        raise SpecError("lr", "a number other than 0", lr)
    if phase_ratio is not None:
        if len(phase_ratio) != 3 or max_update == 0:
            raise SpecError("phase_ratio", "three fractions, and max_update", phase_ratio)
        warmup_steps, hold_steps, decay_steps = (int(max_update * part) for part in phase_ratio)
    decay = Ramp(lr, lr * final_lr_scale, decay_steps, "exponential")
    return Ramp(lr * init_lr_scale, lr, warmup_steps) >> Constant(lr, hold_steps) >> decay


@preset(lr=RATE, max_lr=RATE, lr_period_updates=steps(2), lr_shrink=_SHRINK, shrink_min=FLAG)
def triangular(lr: float, max_lr: float, lr_period_updates: int = 5000, lr_shrink: float = 0.1, shrink_min: bool = False) -> Schedule:
    """Up to max_lr and down again, for ever, each peak lr_shrink times the one before.

    Formula: m + (lr_shrink^i max_lr - m) h, where h goes 0 -> 1 -> 0 in cycle i of 2 floor(lr_period_updates / 2) steps and m is lr, with
    shrink_min lr_shrink^i lr. lr_period_updates : steps >= 2.
    Raises SpecError. Source: facebookresearch/fairseq, fairseq/optim/lr_scheduler/triangular_lr_scheduler.py; Smith 2015
    (arXiv:1506.01186).

    >>> triangular(0.0, 1.0, lr_period_updates=4, lr_shrink=0.5)([0, 1, 2, 3, 4, 6])
    array([0. , 0.5, 1. , 0.5, 0. , 0.5])
    """
    if max_lr <= lr:
        raise SpecError("max_lr", f"a number above lr ({lr})", max_lr)
    half = lr_period_updates // 2

    def triangle(low: float, high: float) -> Schedule:
        return Ramp(low, high, half) >> Ramp(high, low, half)

    if shrink_min or lr == 0:
        return triangle(lr, max_lr).repeat(decay=lr_shrink)
    return Sum((triangle(lr, 0.0).repeat(), triangle(0.0, max_lr).repeat(decay=lr_shrink)))


def _rates(value: Any, path: str) -> dict[int, float]:
    """`{"1": 0.1, "2-4": 0.2, "5,7": 0.3}` as a dictionary or as fairseq's string, taken apart and sorted."""
    given = value
    if isinstance(given, str):
        try:
            given = literal_eval(given)
        except (ValueError, SyntaxError):
            raise SpecError(path, "a dictionary, or the text of one", value) from None
    if not isinstance(given, dict):
        raise SpecError(path, "a dictionary, or the text of one", value)
    rates: dict[int, float] = {}
    for key, rate in given.items():
        for part in str(key).split(","):
            first, dash, last = part.partition("-")
            try:
                span = range(int(first), int(last if dash else first) + 1)
            except ValueError:
                raise SpecError(f"{path} key", 'a step, a range "2-5" or a list "1,3"', key) from None
            rates |= {STEPS(at, f"{path} key"): RATE(rate, f"{path}[{key!r}]") for at in span}
    return dict(sorted(rates.items()))


_RATES = Domain("a dictionary from steps to rates, or the text of one", _rates, (3, "{", "[1]", {"x": 0.1}, {1: "y"}))


@preset(lr=RATE, epoch2lr=_RATES, update2lr=_RATES, updates_per_epoch=optional(LENGTH))
def manual(lr: float, epoch2lr: Any = "{}", update2lr: Any = "{}", *, updates_per_epoch: int | None = None) -> Schedule:
    """Rates by update, or by epoch.

    Formula: the rate of the largest key <= t in update2lr, or <= 1 + floor(t / updates_per_epoch) in epoch2lr; before the first key the
    rate of key 1, if there is one, else lr. Keys : "3", "2-5", "1,7", in a dictionary or its text, of one of the two.
    Raises SpecError. Source: facebookresearch/fairseq, fairseq/optim/lr_scheduler/manual_lr_scheduler.py.

    >>> manual(1.0, update2lr={"2-3": 0.5, "6": 0.25})([0, 2, 5, 6])
    array([1.  , 0.5 , 0.5 , 0.25])
    """
    if epoch2lr and update2lr:
        raise SpecError("epoch2lr", "either epoch2lr or update2lr", epoch2lr)
    rates = epoch2lr or update2lr
    first = 1 if epoch2lr else 0
    shifted = {max(0, key - first): rate for key, rate in rates.items()}
    schedule = levels([0, *shifted], [rates.get(1, lr), *shifted.values()])
    if not epoch2lr:
        return schedule
    if updates_per_epoch is None:
        raise SpecError("updates_per_epoch", "an integer >= 1", None, "These rates change from epoch to epoch.")
    return clocked(schedule, updates_per_epoch, stairs=True)
