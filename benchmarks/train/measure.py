"""How a row is measured: one untimed run whose every rate is compared with the plan, then the same run again in interleaved repeats.

Contenders are what is compared: the same training under different schedules. A repeat runs a few steps of each in turn, so noise
that lasts longer than a repeat, such as a neighbour or a clock that changes, falls on all of them.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from statistics import median
from time import perf_counter

import numpy as np

from .rows import Row

SETTLED = 2
"""Steps in which a backend may compile."""
PROFILED = 5
"""Steps that the profiler sees."""


@dataclass(frozen=True)
class Run:
    """A run of `repeats * each` steps; a repeat times `each` steps of every contender."""

    repeats: int
    each: int

    @property
    def steps(self) -> int:
        return self.repeats * self.each


MANY = 100
"""Groups from which a run is shorter: an update of so many takes tens of milliseconds, unless it is captured."""


def run_of(model: str, device: str, short: bool, groups: int = 1) -> Run:
    """How long a run is."""
    if device == "cpu" and model == "gpt":
        return Run(5, 4) if short else Run(15, 4)
    if groups >= MANY:
        return Run(5, 6) if short else Run(15, 4 if device == "cpu" else 8)
    return Run(5, 12) if short else Run(15, 20)


@dataclass(kw_only=True)
class Contender:
    """Training under one schedule, from step 0 and the first weights."""

    step: Callable[[], object]
    """One training step, and the schedule's next step where that is part of it. It takes the batches in their order."""
    rates: Callable[[], np.ndarray]
    """The rates in force, one for each group; an array of the type in which the step uses them. Called before each step."""
    rates_after: bool = False
    """True: `rates` tells those of the step that was just made, and is called after it, before `schedule`."""
    loss: Callable[[], float]
    """The loss of the last step."""
    rewind: Callable[[], object]
    """The schedule back to step 0, the weights as they are: what was compiled stays compiled."""
    schedule: Callable[[], object] | None = None
    """The call after a step that brings the next rates; None if they come by themselves."""
    synchronise: Callable[[], object] = lambda: None
    """Wait until the device has done everything."""
    planned: np.ndarray
    """The rates that must be used, float64, (steps, groups) or, of one group, (steps,)."""
    tolerance: float = 0.0
    """How far a rate may be off the planned one, which is cast to its type first: relative to its value."""
    of_peak: bool = False
    """True: relative to the largest planned rate instead, for schedulers whose float32 sums lose the small ones."""


Stopwatch = Callable[[Contender, Callable[[], None]], float]
"""Seconds that the work of a contender takes on its device."""


def wall(contender: Contender, work: Callable[[], None]) -> float:
    """Seconds by the clock on the wall, until the device has done everything."""
    contender.synchronise()
    begin = perf_counter()
    work()
    contender.synchronise()
    return perf_counter() - begin


def measured(
    like: Row, contenders: dict[str, Contender], run: Run, *, reference: str | None = None,
    compilations: Callable[[], int] | None = None, counts: Callable[[Callable[[], None], int], tuple[float, float]] | None = None,
    stopwatch: Stopwatch = wall,
) -> list[Row]:  # fmt: skip
    """A row for each contender, which are called by what drives their rates; one is "constant".

    like : a row with the backend, model, step and groups of all of them
    reference : the framework's own scheduler on the same curve, whose final loss the others' is compared with
    compilations : how many there were so far, in this process
    counts : gets work and the number of steps it makes, does it, and tells (synchronisations, copies) per step
    Raises AssertionError, naming the row, for a rate that is not the plan's, and for a loss that is not finite.
    """
    rows = {name: replace(like, schedule=name) for name in contenders}
    for name, contender in contenders.items():
        follow(rows[name], contender, run.steps, compilations)
    for name, row in rows.items():
        if reference in rows and name != reference and np.array_equal(contenders[name].planned, contenders[reference].planned):
            row.loss_difference = row.final_loss - rows[reference].final_loss
    time(rows, contenders, run, stopwatch)
    if counts is not None:
        for name, contender in contenders.items():
            contender.rewind()
            rows[name].synchronisations, rows[name].copies = counts(lambda contender=contender: make(contender, PROFILED), PROFILED)
    return list(rows.values())


def follow(row: Row, contender: Contender, steps: int, compilations: Callable[[], int] | None = None) -> None:
    """A whole run, step by step: rates, losses and compilations go into the row, and the rates are compared with the plan."""
    used, losses, settled = [], [], 0
    for step in range(steps):
        if step == SETTLED and compilations is not None:
            settled = compilations()
        if not contender.rates_after:
            used.append(np.array(contender.rates()))
        contender.step()
        if contender.rates_after:
            used.append(np.array(contender.rates()))
        losses.append(contender.loss())
        if contender.schedule is not None:
            contender.schedule()
    row.recompilations = None if compilations is None else compilations() - settled
    row.rate_error = error(row, contender, np.array(used).reshape(steps, -1))
    row.rates, row.losses, row.final_loss = np.array(used, float).reshape(steps, -1)[:, -1].tolist(), losses, losses[-1]
    assert np.isfinite(losses).all(), (
        f"{row}: expected a finite loss at every step, got {losses[int(np.isfinite(losses).argmin())]} at step "
        f"{int(np.isfinite(losses).argmin())}. Lower the peak, or look at the step."
    )


def error(row: Row, contender: Contender, used: np.ndarray) -> float:
    """The largest relative difference of the used rates, (steps, groups), from the planned ones after the cast.

    Raises AssertionError if one is further off than the contender's tolerance allows.
    """
    planned = contender.planned.reshape(len(used), -1).astype(used.dtype).astype(float)
    assert planned.shape == used.shape, f"{row}: expected {planned.shape[1]} rates a step, got {used.shape[1]}. Give one for each group."
    off = np.abs(used.astype(float) - planned)
    relative = np.divide(off, np.abs(planned), out=np.where(off > 0, np.inf, 0.0), where=planned != 0)
    judged = off / np.abs(planned).max() if contender.of_peak else relative
    step, group = np.unravel_index(judged.argmax(), judged.shape)
    assert judged[step, group] <= contender.tolerance, (
        f"{row}: at step {step} the rate of group {group} was {used[step, group]!s}, where the plan has {planned[step, group]!s}: off by "
        f"{judged[step, group]:.2g} of {'the peak' if contender.of_peak else 'its value'}, where {contender.tolerance:.2g} is allowed. "
        "A wrong schedule is not timed: mend it, or its plan."
    )
    return float(relative.max())


def make(contender: Contender, steps: int) -> float:
    """Some steps, and the seconds that the scheduler's calls took of them."""
    waited = 0.0
    for _ in range(steps):
        contender.step()
        if contender.schedule is not None:
            begin = perf_counter()
            contender.schedule()
            waited += perf_counter() - begin
    return waited


def time(rows: dict[str, Row], contenders: dict[str, Contender], run: Run, stopwatch: Stopwatch) -> None:
    """The run again, in repeats in which every contender makes a few steps; the figures go into the rows."""
    names = list(contenders)
    seconds = {name: np.empty(run.repeats) for name in names}
    waited: dict[str, list[float]] = {name: [] for name in names}
    for contender in contenders.values():
        contender.rewind()
    for repeat in range(run.repeats):
        first = repeat % len(names)  # each comes first in turn
        for name in names[first:] + names[:first]:
            contender = contenders[name]

            def work(name: str = name, contender: Contender = contender) -> None:
                waited[name].append(make(contender, run.each))

            seconds[name][repeat] = stopwatch(contender, work) / run.each
    for name, row in rows.items():
        row.low_ms, row.step_ms, row.high_ms = (1e3 * np.quantile(seconds[name], (0.25, 0.5, 0.75))).tolist()
        over = 100 * (seconds[name] / seconds["constant"] - 1)
        row.over_low, row.over_constant, row.over_high = np.quantile(over, (0.25, 0.5, 0.75)).tolist()
        row.scheduler_us = 1e6 * median(waited[name]) / run.each if contenders[name].schedule is not None else None
