"""What came out of an experiment: epochs as they come, and rows and curves of them over the seeds."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from math import floor, log10
from typing import TYPE_CHECKING, NamedTuple

import msgspec
import numpy as np

from ..plan import Plan
from .running import Epoch
from .setup import Setup

if TYPE_CHECKING:
    from matplotlib.figure import Figure

GOAL = 0.95
"""The accuracy whose first epoch a row tells, unless told otherwise."""


class Spread(msgspec.Struct, frozen=True):
    """Mean over the seeds, and their standard deviation (n - 1); None for a single seed, and both where there is no number."""

    mean: float | None = None
    deviation: float | None = None

    def text(self, decimals: int | None = None, scale: float = 1.0) -> str:
        """Mean and deviation as people write them, with so many decimals; with None, as many as give the mean two digits.

        >>> Spread(0.95, 0.012).text(1, 100), Spread(0.01234, 0.0004).text(), Spread(2e-9).text(), Spread().text()
        ('95.0 ± 1.2', '0.012 ± 0.000', '2.0e-09', '–')
        """
        if self.mean is None:
            return "–"
        if decimals is None:
            decimals = 1 - floor(log10(self.mean)) if self.mean > 0 else 1
        form = f".{max(decimals, 0)}f" if decimals <= 7 else ".1e"
        return f"{self.mean * scale:{form}}" + ("" if self.deviation is None else f" ± {self.deviation * scale:{form}}")


class Row(msgspec.Struct, frozen=True):
    """What one schedule came to, over the runs that are complete.

    name : of the schedule
    seeds, diverged : runs that are complete, and how many of them ended in NaN; these are in none of the means but `seconds`
    accuracy, train_loss, test_loss : after the last epoch
    best_accuracy : of all epochs of a run
    epochs_to_goal : the first epoch with the accuracy asked for; no number if a run never had it
    seconds : of training, a run
    """

    name: str
    seeds: int
    diverged: int
    accuracy: Spread
    best_accuracy: Spread
    train_loss: Spread
    test_loss: Spread
    epochs_to_goal: Spread
    seconds: Spread


class Curve(NamedTuple):
    """A quantity by epoch, over the seeds that got so far: float64 arrays as long as `epochs`."""

    epochs: np.ndarray
    mean: np.ndarray
    low: np.ndarray
    high: np.ndarray


class Results:
    """The epochs of an experiment so far.

    setup, plans : what is run; the texts say so
    """

    def __init__(self, setup: Setup, plans: Mapping[str, Plan]) -> None:
        self.setup, self.plans = setup, dict(plans)
        self.epochs: list[Epoch] = []
        self._runs: dict[str, dict[int, list[Epoch]]] = {name: {} for name in plans}

    def add(self, epoch: Epoch) -> None:
        """Take what `run` gave."""
        self.epochs.append(epoch)
        runs = self._runs[epoch.name]
        runs[epoch.seed] = [*runs.get(epoch.seed, ()), epoch]  # a new list: another thread may be reading the old one

    def runs(self, name: str) -> list[list[Epoch]]:
        """The runs of a schedule that are complete: all epochs, or up to the one that diverged."""
        return [run for run in list(self._runs[name].values()) if len(run) == self.setup.epochs or run[-1].diverged]

    @property
    def partial(self) -> bool:
        """Whether runs are still missing."""
        return any(len(self.runs(name)) < self.setup.seeds for name in self.plans)

    def summary(self, goal: float = GOAL) -> list[Row]:
        """A row for each schedule, in their order; those without a complete run have no numbers.

        goal : the accuracy whose first epoch is told
        """
        return [_row(name, self.runs(name), goal) for name in self.plans]

    def best(self) -> str | None:
        """The schedule with the highest mean accuracy after the last epoch; None before there is one."""
        known = [row for row in self.summary() if row.accuracy.mean is not None]
        return max(known, key=lambda row: row.accuracy.mean or 0.0).name if known else None

    def curve(self, name: str, field: str) -> Curve:
        """A field of Epoch by epoch: the mean, and from the lowest to the highest seed. Epochs of a run that diverged count until then."""
        runs = list(self._runs[name].values())
        length = max(map(len, runs), default=0)
        values = [[getattr(epoch, field) for run in runs for epoch in run[i : i + 1]] for i in range(length)]
        finite = [np.array([value for value in each if np.isfinite(value)]) for each in values]
        kept = [i for i, each in enumerate(finite) if each.size]
        measures = [np.array([measure(finite[i]) for i in kept]) for measure in (np.mean, np.min, np.max)]
        return Curve(np.array(kept, dtype=np.int64) + 1, *measures)

    def to_csv(self) -> str:
        """Every epoch, one line each, with a line of names first; nan where a run has diverged."""
        from .texts import csv_of

        return csv_of(self.epochs)

    def to_json(self) -> str:
        """One object: setup, plans, whether runs are missing, the rows of `summary`, and every epoch; null where a run has diverged."""
        from .texts import json_of

        return json_of(self)

    def to_markdown(self) -> str:
        """The table of the rows, the best one bold, and what each schedule is."""
        from .texts import markdown_of

        return markdown_of(self)

    def plot(self) -> Figure:
        """Rate, training loss and test accuracy by epoch, a line for each schedule and a band from the lowest to the highest seed.

        Raises ImportError without matplotlib.
        """
        from .picture import figure_of

        return figure_of(self)


def _row(name: str, runs: list[list[Epoch]], goal: float) -> Row:
    whole = [run for run in runs if not run[-1].diverged]
    reached = [next((epoch.epoch for epoch in run if epoch.accuracy >= goal), None) for run in whole]
    return Row(
        name, len(runs), len(runs) - len(whole),
        accuracy=_spread(run[-1].accuracy for run in whole),
        best_accuracy=_spread(max(epoch.accuracy for epoch in run) for run in whole),
        train_loss=_spread(run[-1].train_loss for run in whole),
        test_loss=_spread(run[-1].test_loss for run in whole),
        epochs_to_goal=Spread() if None in reached else _spread(epoch for epoch in reached if epoch),
        seconds=_spread(sum(epoch.seconds for epoch in run) for run in runs),
    )  # fmt: skip


def _spread(values: Iterable[float]) -> Spread:
    array = np.array(list(values), dtype=np.float64)
    if not array.size:
        return Spread()
    return Spread(float(array.mean()), float(array.std(ddof=1)) if array.size > 1 else None)
