"""A rule that runs: metrics in, events out, and the rates in force. The machine itself is C, in `_adaptive.h`."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from math import inf, isfinite, isnan, nan
from typing import Any, NamedTuple

import msgspec
import numpy as np

from .._adaptive import Watch
from ..checks import number, whole
from ..errors import SpecError, StateError
from .rules import GreedyLR, NewBob, ReduceLROnPlateau, Rule


class Event(NamedTuple):
    """What a rule decided at a step: the rate is multiplied by `factor` from there on; None: all events before are forgotten."""

    step: int
    factor: float | None


class Adaptation:
    """A rule that runs: fed with metrics by `observe`, it collects events, and `rate` applies them to what a schedule says.

    rule : the rule
    events : [Event(step, factor)], all so far

    Each event makes a rate max(rate factor, min_lr), unless that is a change within eps: the arithmetic of the framework that the rule
    comes from, one event after the other, from the schedule's value at the step in question. So on a constant schedule the rates are
    the framework's, and on any other a minimum lifts nothing: a rate that a warmup has not yet brought above it stays.

    >>> import lrcore as lr
    >>> machine, warmup = lr.ReduceLROnPlateau(factor=0.5, patience=0, min_lr=0.2).begin(), lr.linear(0.0, 1.0, 10)
    >>> for step, loss in enumerate([1.0, 1.0]):
    ...     event = machine.observe(loss, step)
    >>> [machine.rate(warmup(step)) for step in (1, 3, 10)]
    [0.1, 0.2, 0.5]
    """

    def __init__(self, rule: Rule) -> None:
        self.rule = rule
        self.events: list[Event] = []
        self._last = -1  # the step of the last observation
        self._watch = _machine(rule)
        self._limits: dict[str, tuple[float, float]] = {}

    @property
    def best(self) -> float | None:
        """The best metric so far, of NewBob the last one; None before there is one."""
        state = self._watch.state()
        best: float | None = state["best"] if state["seen"] else None
        return best

    # -- observing -----------------------------------------------------------------------------------------------------

    def observe(self, metric: Any, step: int, scheduled: float | Mapping[str, float] | None = None) -> Event | None:
        """Feed one metric; returns the event that it makes, if it makes one.

        metric : a number, or an array or tensor without dimensions; NaN and infinities too
        step : the step in force, not below that of the observation before
        scheduled : what the schedule says at this step, once or {group: rate}. GreedyLR begins anew, and Keras's convention counts a
            cooldown, according to whether the rates are at their minimum; without it none is

        Raises SpecError for what is no metric or step, StateError for a step that goes backwards; then nothing is changed.
        """
        value, step = metric_of(metric), self.check_step(step)
        rates = {} if scheduled is None else scheduled if isinstance(scheduled, Mapping) else {"default": scheduled}
        groups = [(self.rate(rate, name), *self.limits(name)) for name, rate in rates.items()]
        factor = self._watch.observe(value, groups)
        self._last = step
        if factor is None:
            return None
        event = Event(step, None if isnan(factor) else factor)
        self.events.append(event)
        return event

    def check_step(self, step: int) -> int:
        """The step of an observation that could come next; SpecError or StateError for one that could not."""
        step = whole(step, "step")
        if step < self._last:
            raise StateError(
                f"step: expected {self._last:,} or more, the step of the last observation, got {step:,}. To go back, load the state that "
                "was saved there, or begin anew."
            )
        return step

    def forget(self) -> None:
        """Forget the metrics, as at the start of a run; the events stay in force."""
        self._watch.begin()
        self._last = -1

    def better(self, metric: float, best: float) -> bool:
        """Whether a metric beats another by more than the threshold; NewBob, which compares otherwise, has no answer."""
        return self._watch.better(metric, best)

    # -- the rates in force --------------------------------------------------------------------------------------------

    def limits(self, group: str = "default") -> tuple[float, float]:
        """What reductions and rises of a group may reach: (min_lr, max_lr), infinite where the rule has none."""
        if group not in self._limits:
            low, high = getattr(self.rule, "min_lr", -inf), getattr(self.rule, "max_lr", inf)
            self._limits[group] = (_bound(low, group, 0.0), _bound(high, group, inf))
        return self._limits[group]

    def rate(self, scheduled: float, group: str = "default") -> float:
        """The rate in force where the schedule says `scheduled`."""
        rate: float = self._watch.rate(scheduled, *self.limits(group)) if self.events else scheduled
        return rate

    def rates(self, scheduled: Mapping[str, float]) -> dict[str, float]:
        """The same for {group: rate}."""
        return {group: self.rate(rate, group) for group, rate in scheduled.items()}

    def apply(self, scheduled: np.ndarray, group: str = "default") -> None:
        """The same for every number of a float64 array of one dimension, in place."""
        if self.events:
            self._watch.apply(scheduled, *self.limits(group))

    # -- state ---------------------------------------------------------------------------------------------------------

    def state_dict(self) -> dict[str, Any]:
        """Events and all that the machine remembers, as plain JSON types; numbers that JSON does not have are strings.

        >>> import lrcore as lr
        >>> machine = lr.NewBob().begin()
        >>> state = machine.state_dict()
        >>> state["rule"], state["events"], state["best"]
        ('NewBob', [], 'inf')
        """
        watch = self._watch.state()
        for name in ("best", "sum"):
            watch[name] = _plain(watch[name])
        watch["window"] = [_plain(value) for value in watch["window"]]
        return {"rule": type(self.rule).__name__, "step": self._last, "events": [list(event) for event in self.events], **watch}

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Go on from a state; twice is the same as once. The knobs are those of `rule`, which may be others than the state was made with.

        Raises StateError for a state that is incomplete, altered or of another kind of rule; then nothing is changed.
        """
        saved = _read(state)
        kind = type(self.rule).__name__
        if saved.rule != kind:
            raise StateError(f"The state is of a {saved.rule}, and the rule is a {kind}. Load the state of a {kind}, or begin anew.")
        size = self.rule.window_size if isinstance(self.rule, GreedyLR) and self.rule.smooth else 0
        window = [float(value) for value in saved.window][-size:] if size else []
        count = len(window) if isinstance(self.rule, GreedyLR) else saved.count
        if isinstance(self.rule, ReduceLROnPlateau) and count >= self.rule.accumulation_size:
            count = 0
        total = float(saved.sum) if len(window) == len(saved.window) else sum(window)
        self._watch.restore(
            saved.seen, float(saved.best), total, saved.bad, saved.good, saved.cooling, saved.warming, saved.left, count, window,
            [nan if factor is None else factor for _, factor in saved.events],
        )  # fmt: skip
        self.events = [Event(step, factor) for step, factor in saved.events]
        self._last = saved.step

    def __reduce__(self) -> tuple[Any, ...]:
        return _copied, (type(self), self.rule, self.state_dict())

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self.rule!r}, {len(self.events):,} events)"


def _copied(kind: type[Adaptation], rule: Rule, state: dict[str, Any]) -> Adaptation:
    machine = kind(rule)
    machine.load_state_dict(state)
    return machine


def metric_of(metric: Any, path: str = "metric") -> float:
    """A metric as a float; SpecError for what is none."""
    expected = "a number, or an array or tensor without dimensions"
    if type(metric) is float:
        return metric
    if isinstance(metric, bool | str | bytes | complex) or not hasattr(metric, "__float__"):
        raise SpecError(path, expected, metric)
    if tuple(getattr(metric, "shape", ())) != ():
        raise SpecError(path, expected, metric, "Pass its mean, or its only element.")
    try:
        return float(metric)
    except (TypeError, ValueError, OverflowError) as error:
        raise SpecError(path, f"{expected} ({error})", metric) from None


def _bound(given: float | Mapping[str, float], group: str, unnamed: float) -> float:
    """The bound of a group: the first whose name or pattern is its own."""
    if not isinstance(given, Mapping):
        return given
    found = (rate for pattern, rate in given.items() if pattern == group or re.fullmatch(pattern, group))
    return next(found, unnamed)


def _machine(rule: Rule) -> Watch:
    """The machine in C for a rule."""
    match rule:
        case ReduceLROnPlateau():
            return Watch(
                rule.convention, rule.mode == "max", rule.threshold_mode == "rel", factor=rule.factor, threshold=rule.threshold,
                atol=rule.atol, eps=rule.eps, min_scale=rule.min_scale, patience=rule.patience, cooldown=rule.cooldown,
                size=rule.accumulation_size if rule.convention == "optax" else 0,
            )  # fmt: skip
        case GreedyLR():
            return Watch(
                "greedy", rule.mode == "max", rule.threshold_mode == "rel", factor=rule.factor, threshold=rule.threshold, eps=rule.eps,
                patience=rule.patience, cooldown=rule.cooldown, warmup=rule.warmup, reset_start=rule.reset_start,
                size=rule.window_size if rule.smooth else 0,
            )  # fmt: skip
        case NewBob():
            return Watch("newbob", factor=rule.factor, threshold=rule.threshold, patience=rule.patience)
    raise SpecError("rule", "a ReduceLROnPlateau, a GreedyLR or a NewBob", rule)


# -- states ------------------------------------------------------------------------------------------------------------


class _State(msgspec.Struct, forbid_unknown_fields=True):
    rule: str
    step: int
    events: list[tuple[int, float | None]]
    seen: bool
    best: float | str
    sum: float | str
    bad: int
    good: int
    cooling: int
    warming: int
    left: int
    count: int
    window: list[float | str]


def _plain(value: float) -> float | str:
    return value if isfinite(value) else str(value)


def _read(state: Any) -> _State:
    """A state with every number checked; StateError."""
    try:
        saved = msgspec.convert(dict(state), _State)
        whole(saved.step, "step", low=-1)
        for name in ("bad", "good", "cooling", "warming", "left", "count"):
            whole(getattr(saved, name), name)
        for name, value in (("best", saved.best), ("sum", saved.sum), *((f"window[{i}]", value) for i, value in enumerate(saved.window))):
            if isinstance(value, str) and value not in ("nan", "inf", "-inf"):
                raise SpecError(name, 'a number, "nan", "inf" or "-inf"', value)
        before = 0
        for i, (step, factor) in enumerate(saved.events):
            whole(step, f"events[{i}]")
            if not before <= step <= saved.step:
                raise SpecError(f"events[{i}]", f"a step from {before:,} to {saved.step:,}, in order", step)
            if factor is not None and number(factor, f"events[{i}]") < 0:
                raise SpecError(f"events[{i}]", "a factor >= 0, or null", factor)
            before = step
    except (msgspec.ValidationError, SpecError, TypeError, ValueError) as error:
        sentence = str(error).replace("`", "").rstrip(".")
        raise StateError(f"The state of the rule is incomplete or altered: {sentence}. Load another checkpoint.") from None
    return saved


# -- replaying ---------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, eq=False)
class Replay:
    """What a rule does with all metrics of a run.

    rates : float64, the rate in force after each observation
    event_steps, event_factors : int64 and float64, the events; NaN is the factor of a new beginning
    best : the best metric, as `Adaptation.best`
    """

    rates: np.ndarray
    event_steps: np.ndarray
    event_factors: np.ndarray
    best: float | None

    @property
    def events(self) -> list[Event]:
        """The events, as an Adaptation has them."""
        pairs = zip(self.event_steps.tolist(), self.event_factors.tolist(), strict=True)
        return [Event(step, None if isnan(factor) else factor) for step, factor in pairs]

    def __repr__(self) -> str:
        return f"Replay({len(self.rates):,} observations, {len(self.event_steps):,} events, best {self.best!r})"


def replay(rule: Rule, metrics: Any, steps: Any = None, rate: float = 1.0) -> Replay:
    """See `Rule.replay`."""
    values = _array(metrics, "metrics", np.float64)
    rate = number(rate, "rate")
    at = None if steps is None else _array(steps, "steps", np.int64)
    if at is not None and len(at) != len(values):
        raise SpecError("steps", f"{len(values):,} of them, one for each metric", len(at))
    if at is not None and len(at) and (at[0] < 0 or (np.diff(at) < 0).any()):
        raise SpecError("steps", "integers >= 0 that do not go backwards", steps)
    machine = Adaptation(rule)
    verdicts, rates = np.empty(len(values), np.int8), np.empty(len(values))
    machine._watch.replay(values, rate, *machine.limits(), verdicts, rates)
    (places,) = verdicts.nonzero()
    factors = np.array([machine._watch.factor(verdict) for verdict in range(4)])[verdicts[places]]
    return Replay(rates, places if at is None else at[places], factors, machine.best)


def _array(given: Any, path: str, dtype: type) -> np.ndarray:
    """A contiguous array of one dimension; SpecError."""
    expected = "an array of one dimension of " + ("numbers" if dtype is np.float64 else "integers")
    try:
        array = np.asarray(given)
    except ValueError:
        raise SpecError(path, expected, given) from None
    kinds = "fiu" if dtype is np.float64 else "iu"
    if array.ndim != 1 or (array.dtype.kind not in kinds and array.size):
        raise SpecError(path, expected, given)
    return np.ascontiguousarray(array, dtype)
