"""Clocks: how updates, microbatches, samples, tokens and epochs of a run turn into each other, exactly.

Every unit but the update is a constant number of samples. Samples are a piecewise linear function of updates, with a corner
wherever the global batch changes.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from fractions import Fraction
from functools import cached_property, lru_cache
from math import ceil, floor
from typing import Any, Literal, overload

import msgspec
import numpy as np
from msgspec.structs import force_setattr

from .checks import LAST_STEP, ratio, whole
from .errors import SpecError, Words
from .schedule import Arithmetic, Constant, Product, Schedule, Sequence, Stretch, Sum, Until

Unit = Literal["updates", "microbatches", "samples", "tokens", "epochs", "seconds"]
UNITS: tuple[Unit, ...] = ("updates", "microbatches", "samples", "tokens", "epochs", "seconds")
"""What the lengths of a plan may count."""

Units = int | float | Fraction
"""A number of units; a float is read as the fraction it is written as, 0.1 as 1/10."""


Window = tuple[int, int, int]
"""(first, samples, batch), updates of one global batch: from update `first` on, before which `samples` samples were processed."""


class Clock(msgspec.Struct, frozen=True, dict=True, omit_defaults=True, repr_omit_defaults=True, forbid_unknown_fields=True):
    """What an update of a run processes: an immutable value that converts between units, exactly and both ways.

    batch_size : samples of one microbatch on one worker
    accumulation : microbatches on each worker that make one update
    world_size : workers, each with samples of its own
    epoch_size : samples of an epoch; only needed for epochs
    drop_last : what an epoch does with the samples that do not fill its last global batch. None: the batch goes on into the next
        epoch, as in a stream. True: they are dropped. False: a batch is made of them, which counts as a full one
    sequence_length : tokens of a sample; only needed for tokens
    batch_ramp : ((update, samples), ...), the global batch from each of these updates on; before the first of them it is
        batch_size * accumulation * world_size

    Raises SpecError.

    >>> clock = Clock(batch_size=8, accumulation=4, world_size=16, sequence_length=2048, batch_ramp=((100, 1024), (300, 2048)))
    >>> clock.units_before(100, "samples"), clock.units_before(301, "tokens")
    (51200, 528482304)
    >>> clock.update_at(528_482_303, "tokens")
    300
    """

    batch_size: int
    accumulation: int = 1
    world_size: int = 1
    epoch_size: int | None = None
    drop_last: bool | None = None
    sequence_length: int | None = None
    batch_ramp: tuple[tuple[int, int], ...] = ()

    def __post_init__(self) -> None:
        for field in ("batch_size", "accumulation", "world_size", "epoch_size", "sequence_length"):
            value = getattr(self, field)
            if value is not None or field in ("batch_size", "accumulation", "world_size"):
                force_setattr(self, field, whole(value, field, low=1))
        if self.drop_last not in (None, True, False) or type(self.drop_last) not in (bool, type(None)):
            raise SpecError("drop_last", "True, False or None", self.drop_last)
        force_setattr(self, "batch_ramp", tuple(self._changes()) or ())
        if self.drop_last is not None:
            if self.epoch_size is None:
                raise SpecError("drop_last", "None without epoch_size", self.drop_last, "Give epoch_size, the samples of an epoch.")
            if self.batch_ramp:
                raise SpecError("drop_last", "None with a batch_ramp", self.drop_last, "With it epochs would not all be equally long.")
            if self.drop_last and self.epoch_size < self.global_batch:
                raise SpecError(
                    "epoch_size", f"at least one global batch of {self.global_batch}", self.epoch_size, "All of it would be dropped."
                )

    def _changes(self) -> Iterator[tuple[int, int]]:
        """The steps of the ramp that change something, checked."""
        given: Any = self.batch_ramp
        if not isinstance(given, tuple | list):
            raise SpecError("batch_ramp", "a tuple of (update, samples) pairs", given)
        last, batch = -1, self.global_batch
        for i, pair in enumerate(given):
            if not isinstance(pair, tuple | list) or len(pair) != 2:
                raise SpecError(f"batch_ramp[{i}]", "a pair (update, samples)", pair)
            first, samples = whole(pair[0], f"batch_ramp[{i}][0]"), whole(pair[1], f"batch_ramp[{i}][1]", low=1)
            if first <= last:
                raise SpecError(f"batch_ramp[{i}][0]", f"an update after {last}", first, "Updates must increase.")
            if samples != batch:
                yield first, samples
            last, batch = first, samples

    @property
    def global_batch(self) -> int:
        """Samples of an update before any ramp: batch_size * accumulation * world_size."""
        return self.batch_size * self.accumulation * self.world_size

    @cached_property
    def _windows(self) -> tuple[Window, ...]:
        windows = [(0, 0, self.global_batch)]
        for first, batch in self.batch_ramp:
            begin, samples, before = windows[-1]
            windows.append((first, samples + before * (first - begin), batch))
        return tuple(windows[1:] if len(windows) > 1 and windows[1][0] == 0 else windows)

    @cached_property
    def _arrays(self) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """The windows as columns for NumPy, without those that start beyond 2**53."""
        inside = [window for window in self._windows if max(window) <= LAST_STEP]
        first, samples, batch = np.array(inside, dtype=np.int64).T
        return first, samples, batch

    def samples_per(self, unit: Unit) -> Fraction:
        """How many samples make one microbatch (of all workers), sample, token or epoch.

        Raises SpecError for updates, whose samples may change, for seconds, and where the clock was not told what it takes.

        >>> Clock(batch_size=8, sequence_length=2048).samples_per("tokens")
        Fraction(1, 2048)
        """
        if unit == "samples":
            return Fraction(1)
        if unit == "tokens":
            if self.sequence_length is None:
                raise SpecError("clock.sequence_length", "the tokens of a sample", None, "Give it to the Clock to count in tokens.")
            return Fraction(1, self.sequence_length)
        if unit == "epochs":
            if self.epoch_size is None:
                raise SpecError("clock.epoch_size", "the samples of an epoch", None, "Give it to the Clock to count in epochs.")
            batch = 1 if self.drop_last is None else self.global_batch
            return Fraction((self.epoch_size if self.drop_last else self.epoch_size + batch - 1) // batch * batch)
        if unit == "microbatches":
            together = self.batch_size * self.world_size
            for i, (_, samples) in enumerate(self.batch_ramp):
                if samples % together:
                    raise SpecError(f"clock.batch_ramp[{i}][1]", f"a multiple of {together}, to count in microbatches", samples)
            return Fraction(together)
        raise SpecError("unit", "one of microbatches, samples, tokens, epochs", unit)

    # -- conversions ---------------------------------------------------------------------------------------------------

    @overload
    def convert(self, value: Units, from_: Unit, to: Unit) -> int | Fraction: ...
    @overload
    def convert(self, value: np.ndarray, from_: Unit, to: Unit) -> np.ndarray: ...
    def convert(self, value: Any, from_: Unit, to: Unit) -> Any:
        """So many units from the start of the run, in another unit; the way back gives the value again.

        value : an int, Fraction or float from 0 to 2**53, which gives an int, or a Fraction where that is not whole; or an int64 array,
            which gives an int64 array
        Raises SpecError, also for an array whose results are not all whole: `update_at` and `units_before` round.

        >>> clock = Clock(batch_size=32, epoch_size=50_000)
        >>> clock.convert(90, "epochs", "updates"), clock.convert(1, "updates", "epochs"), clock.convert(1.5, "epochs", "samples")
        (140625, Fraction(2, 3125), 75000)
        """
        if isinstance(value, np.ndarray):
            return self._converted(_int64(value, "value"), from_, to)
        position = self._samples(_fraction(value, "value"), from_)
        units = self._position(position) if to == "updates" else position / self.samples_per(to)
        return units.numerator if units.denominator == 1 else units

    @overload
    def units_before(self, update: int, unit: Unit) -> int | Fraction: ...
    @overload
    def units_before(self, update: np.ndarray, unit: Unit) -> np.ndarray: ...
    def units_before(self, update: Any, unit: Unit) -> Any:
        """How many units were processed before an update begins.

        update : an int, which gives an int, or a Fraction of an epoch; or an int64 array, which gives an int64 array, and float64 of epochs
        Raises SpecError.

        >>> Clock(batch_size=512, sequence_length=1024).units_before(np.array([0, 1, 10**6]), "tokens")
        array([           0,       524288, 524288000000])
        """
        if isinstance(update, np.ndarray) and unit == "epochs":
            return self.convert(update, "updates", "samples") / float(self.samples_per(unit))
        return self.convert(update if isinstance(update, np.ndarray) else whole(update, "update"), "updates", unit)

    @overload
    def update_at(self, units: Units, unit: Unit) -> int: ...
    @overload
    def update_at(self, units: np.ndarray, unit: Unit) -> np.ndarray: ...
    def update_at(self, units: Any, unit: Unit) -> Any:
        """The update that processes a unit: the last one before which at most so many units were processed.

        units : an int, Fraction or float from 0 to 2**53, which gives an int; or an int64 array, which gives an int64 array
        Raises SpecError.

        >>> clock = Clock(batch_size=100, batch_ramp=((10, 200),))
        >>> clock.update_at(999, "samples"), clock.update_at(1000, "samples"), clock.update_at(1399, "samples")
        (9, 10, 11)
        """
        if not isinstance(units, np.ndarray):
            return floor(self._position(self._samples(_fraction(units, "units"), unit)))
        given = _int64(units, "units")
        if unit == "updates":
            return given
        per = self.samples_per(unit)
        self._bounded(given, unit)
        samples = given * per.numerator // per.denominator  # batches begin and end with whole samples
        first, before, batch = self._arrays
        i = np.searchsorted(before, samples, side="right") - 1
        updates: np.ndarray = first[i] + (samples - before[i]) // batch[i]
        return updates

    def updates_until(self, units: Units, unit: Unit) -> int:
        """How many updates it takes to have processed so many units.

        >>> Clock(batch_size=100).updates_until(1001, "samples")
        11
        """
        return ceil(self._position(self._samples(_fraction(units, "units"), unit)))

    def _samples(self, units: Fraction, unit: Unit) -> Fraction:
        """The samples that so many units are."""
        if unit != "updates":
            return units * self.samples_per(unit)
        first, samples, batch = next(window for window in reversed(self._windows) if window[0] <= units)
        return samples + (units - first) * batch

    def _position(self, samples: Fraction) -> Fraction:
        """The real position on the clock of updates after so many samples."""
        first, before, batch = next(window for window in reversed(self._windows) if window[1] <= samples)
        return first + (samples - before) / batch

    def _converted(self, given: np.ndarray, from_: Unit, to: Unit) -> np.ndarray:
        self._bounded(given, from_)
        if from_ == "updates":
            first, before, batch = self._arrays
            i = np.searchsorted(first, given, side="right") - 1
            samples = before[i] + batch[i] * (given - first[i])
        else:
            per = self.samples_per(from_)
            samples, rest = np.divmod(given * per.numerator, per.denominator)
            if to == from_:
                return given.copy()
            _refuse_rest(rest, given, from_, "samples")
        if to == "updates":
            first, before, batch = self._arrays
            i = np.searchsorted(before, samples, side="right") - 1
            whole_updates, rest = np.divmod(samples - before[i], batch[i])
            units: np.ndarray = first[i] + whole_updates
        else:
            per = self.samples_per(to)
            units, rest = np.divmod(samples * per.denominator, per.numerator)
        _refuse_rest(rest, given, from_, to)
        return units

    def _bounded(self, given: np.ndarray, unit: Unit) -> None:
        """Refuse what would not fit int64 on the way: everything grows with the largest value."""
        if given.size:
            largest = int(given.max())
            if self._samples(Fraction(largest), unit) * (self.sequence_length or 1) > 2**62:
                raise SpecError("value", "units whose samples and tokens fit an int64", largest, "Convert them as ints, one by one.")

    # -- schedules -----------------------------------------------------------------------------------------------------

    def on_updates(self, schedule: Schedule, unit: Unit) -> Schedule:
        """A schedule whose steps are units as one whose steps are updates: its value at update t is the one after units_before(t).

        unit : what the lengths of `schedule` count; not seconds, which only a running clock knows
        The position is exact below 2**53 units. With a batch ramp a value costs one evaluation for each batch of it.
        Raises SpecError for a schedule with fractions of a horizon, and for what cannot be written as stretched and delayed schedules:
        a batch that falls below the mean of those before it, and numbers with prime factors above 1,000,000.

        >>> import lrcore as lr
        >>> clock = Clock(batch_size=256)
        >>> clock.on_updates(lr.linear(1.0, 0.0, 1024), "samples").values()
        array([1.  , 0.75, 0.5 , 0.25])
        """
        if unit == "updates":
            return schedule
        per = self.samples_per(unit)
        if not schedule.resolved:
            raise SpecError("schedule", "lengths without fractions", schedule, "Turn fractions into units with .over(horizon).")
        return term_by_term(schedule, lambda term: self._rewritten(term, per))

    def _rewritten(self, schedule: Schedule, per: Fraction) -> Schedule:
        end = None if schedule.span is None else Fraction(schedule.span) * per
        windows = [window for window in self._windows if end is None or window[1] < end] or list(self._windows[:1])
        if len(windows) == 1:
            return _stretched(schedule, per / windows[0][2])
        scale = max(per, Fraction(1))  # on the clock of samples, or of tokens if these are finer
        joined = _joined(_stretched(schedule, scale), windows, int(scale / per))
        return joined if end is None else Until(joined, ceil(self._position(end)))


def term_by_term(schedule: Schedule, rewritten: Callable[[Schedule], Schedule]) -> Schedule:
    """A schedule on another clock, within sums and products: columns that scale one schedule go on sharing it."""
    if isinstance(schedule, Arithmetic):
        return type(schedule)(tuple(term_by_term(term, rewritten) for term in schedule.terms))
    return schedule if isinstance(schedule, Constant) and schedule.steps is None else rewritten(schedule)


def _joined(schedule: Schedule, windows: list[Window], finer: int) -> Schedule:
    """A schedule on samples, or on a clock `finer` times as fine, as one on updates: in each window the schedule at its pace."""
    terms: list[Schedule] = []
    for i, (first, samples, batch) in enumerate(windows):
        delay = (batch * first - samples) * finer
        if delay < 0:
            raise SpecError(
                "clock.batch_ramp", f"from update {first} on a batch no smaller than the mean of those before it", batch,
                "A schedule cannot be delayed by less than nothing; write it with unit=\"updates\".",
            )  # fmt: skip
        here = Sequence((Constant(0.0, delay), schedule)) if delay else schedule
        here = _stretched(here, Fraction(1, batch * finer))
        parts = [Constant(0.0, first), Constant(1.0)]
        if i + 1 < len(windows):
            following = windows[i + 1][0]
            here = Until(here, following)  # a pace that goes on faster than the run might meet an end that refuses
            parts[1:] = [Constant(1.0, following - first), Constant(0.0)]
        terms.append(Product((Sequence(tuple(parts[0 if first else 1 :])), here)))
    return Sum(tuple(terms))


def _stretched(schedule: Schedule, k: Fraction) -> Schedule:
    """schedule.stretch(k) for a k that need not be written by a float: in several steps, if it takes them."""
    if k == 1:
        return schedule
    if ratio(float(k)) == k:
        return Stretch(schedule, float(k))
    if k.numerator > 1:
        schedule = Stretch(schedule, float(k.numerator))
    for factor in _factors(k.denominator):
        schedule = Stretch(schedule, 1 / factor)
    return schedule


@lru_cache
def _factors(integer: int) -> tuple[int, ...]:
    """Factors up to 1,000,000 whose product is an integer: 1 over such a factor is written by a float."""
    factors, rest = [1], integer  # the last one is still being filled
    prime = 2
    while rest > 1:
        if prime * prime > rest:
            prime = rest
        if prime > 1_000_000:
            raise SpecError("clock", "sizes whose prime factors are at most 1,000,000", rest, "Choose a rounder batch or epoch.")
        while rest % prime == 0:
            rest //= prime
            if factors[-1] * prime > 1_000_000:
                factors.append(1)
            factors[-1] *= prime
        prime += 1 + prime % 2
    return tuple(factors)


def _fraction(value: Any, path: str) -> Fraction:
    """A number of units as an exact fraction."""
    if isinstance(value, Fraction):
        exact = value
    elif isinstance(value, float):  # NumPy's float64 is one
        exact = ratio(value) if 0 <= value <= LAST_STEP else Fraction(-1)
    else:
        exact = Fraction(whole(value, path))
    if not 0 <= exact <= LAST_STEP:
        raise SpecError(path, "a number from 0 to 2**53", value)
    return exact


def _int64(values: np.ndarray, path: str) -> np.ndarray:
    if values.dtype.kind not in "iu":
        raise SpecError(path, "an array of integers", Words(f"an array of {values.dtype}"))
    if values.size and not 0 <= int(values.min()) <= int(values.max()) <= LAST_STEP:
        raise SpecError(path, "integers from 0 to 2**53", Words(f"some from {values.min()} to {values.max()}"))
    return values.astype(np.int64)


def _refuse_rest(rest: np.ndarray, given: np.ndarray, from_: Unit, to: Unit) -> None:
    if rest.any():
        bad = int(given.reshape(-1)[np.flatnonzero(rest)[0]])
        hint = "An array gives an array of integers; update_at rounds, and a single value gives a Fraction."
        raise SpecError("value", f"{from_} that are whole {to}", bad, hint)
