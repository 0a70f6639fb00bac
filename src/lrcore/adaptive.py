"""Rules that watch a metric and answer with events: (step, factor), each of which multiplies the rate from that step on.

A rule knows no optimizer and no schedule: it is fed by `observe(metric, step)`, and whoever holds the rate applies the factor.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from math import inf
from typing import Any, Literal

from .checks import number, whole
from .errors import SpecError, StateError

Convention = Literal["torch"]
CONVENTIONS: tuple[Convention, ...] = ("torch",)
_MODES = ("min", "max")
_THRESHOLDS = ("rel", "abs")
_STATE = ("best", "num_bad_epochs", "cooldown_counter", "events")


@dataclass
class ReduceLROnPlateau:
    """The rate times `factor` when a metric has not got better for more than `patience` observations.

    Better: below best (1 - threshold) with mode "min", above best (1 + threshold) with "max"; with threshold_mode "abs" below
    best - threshold, above best + threshold. The observation that makes num_bad_epochs pass `patience` gives the event; after it
    the next `cooldown` observations may improve the best and count as nothing else.

    mode : "min" or "max"; factor : from 0 up to 1, 1 not included; patience, cooldown : observations, integers >= 0
    threshold : a number; min_lr : what a reduction may reach; eps : the smallest reduction that is made, >= 0, in units of the rate
    convention : whose machine it is, "torch"

    A metric of NaN is not better than anything: it counts as a bad observation and never becomes the best. `best` is infinite until
    something was better. `events` holds (step, factor) for every event so far.
    Raises SpecError. Source: torch.optim.lr_scheduler.ReduceLROnPlateau.

    >>> rule = ReduceLROnPlateau(factor=0.5, patience=1)
    >>> [rule.observe(metric, step) for step, metric in enumerate([1.0, 0.9, 0.9, 0.9, 0.8])]
    [None, None, None, 0.5, None]
    >>> rule.events, rule.best
    ([(3, 0.5)], 0.8)
    """

    mode: Literal["min", "max"] = "min"
    factor: float = 0.1
    patience: int = 10
    threshold: float = 1e-4
    threshold_mode: Literal["rel", "abs"] = "rel"
    cooldown: int = 0
    min_lr: float = 0.0
    eps: float = 1e-8
    convention: Convention = "torch"
    best: float = field(init=False)
    num_bad_epochs: int = field(init=False)
    cooldown_counter: int = field(init=False)
    events: list[tuple[int, float]] = field(init=False, default_factory=list)

    def __post_init__(self) -> None:
        for name, words in (("mode", _MODES), ("threshold_mode", _THRESHOLDS), ("convention", CONVENTIONS)):
            if getattr(self, name) not in words:
                raise SpecError(name, f"one of {', '.join(words)}", getattr(self, name))
        for name in ("factor", "threshold", "min_lr", "eps"):
            setattr(self, name, number(getattr(self, name), name))
        self.patience, self.cooldown = whole(self.patience, "patience"), whole(self.cooldown, "cooldown")
        if not 0 <= self.factor < 1:
            raise SpecError("factor", "a number from 0 up to 1, 1 not included", self.factor)
        if self.eps < 0:
            raise SpecError("eps", "a number >= 0", self.eps)
        self.reset()

    @property
    def worst(self) -> float:
        """What `best` is before anything was observed."""
        return inf if self.mode == "min" else -inf

    def reset(self) -> None:
        """Forget the best and the counts; what happened, `events`, stays."""
        self.best, self.num_bad_epochs, self.cooldown_counter = self.worst, 0, 0

    def better(self, metric: float, best: float) -> bool:
        """Whether a metric beats a best one by more than the threshold."""
        if self.threshold_mode == "rel":
            return metric < best * (1.0 - self.threshold) if self.mode == "min" else metric > best * (self.threshold + 1.0)
        return metric < best - self.threshold if self.mode == "min" else metric > best + self.threshold

    def observe(self, metric: float, step: int) -> float | None:
        """Feed one metric; returns the factor if this makes an event at `step`, else None."""
        if self.better(metric, self.best):
            self.best, self.num_bad_epochs = metric, 0
        else:
            self.num_bad_epochs += 1
        if self.cooldown_counter > 0:
            self.cooldown_counter -= 1
            self.num_bad_epochs = 0
        if self.num_bad_epochs <= self.patience:
            return None
        self.cooldown_counter, self.num_bad_epochs = self.cooldown, 0
        self.events.append((step, self.factor))
        return self.factor

    def reduced(self, rate: float, least: float | None = None) -> float:
        """A rate after one event: times the factor, no lower than `least` (None: min_lr), and unchanged if that is within eps.

        >>> ReduceLROnPlateau(factor=0.1, min_lr=0.05).reduced(0.1)
        0.05
        """
        lower = max(rate * self.factor, self.min_lr if least is None else least)
        return lower if rate - lower > self.eps else rate

    def state_dict(self) -> dict[str, Any]:
        """What was seen so far, as plain Python types: best (None before the first), counts and events; the knobs are not in it."""
        best = None if self.best == self.worst else self.best
        events = [list(event) for event in self.events]
        return {"best": best, "num_bad_epochs": self.num_bad_epochs, "cooldown_counter": self.cooldown_counter, "events": events}

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Go on from a state; loading twice is the same as once. Raises StateError, and then nothing is changed."""
        if not isinstance(state, Mapping) or set(state) != set(_STATE):
            raise StateError(f"This is no state of ReduceLROnPlateau: it should hold {', '.join(_STATE)}. Pass what state_dict() returned.")
        try:
            best = self.worst if state["best"] is None else -self.worst if state["best"] == -self.worst else number(state["best"], "best")
            bad, cooling = (whole(state[name], name) for name in ("num_bad_epochs", "cooldown_counter"))
            events = [(whole(step, "events"), number(factor, "events")) for step, factor in state["events"]]
        except (SpecError, TypeError, ValueError) as error:
            raise StateError(f"The state is incomplete or altered: {error} Load another checkpoint.") from None
        self.best, self.num_bad_epochs, self.cooldown_counter, self.events = best, bad, cooling, events
