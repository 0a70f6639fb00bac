"""The learning-rate finder: from the losses of a range test to a rate, with what several rules say and how well repeated runs agree.

A range test trains for a few steps, each with a higher rate than the one before, and watches the loss. Here are only its numbers: the
bindings train, and put everything back. Every slope is taken of the smoothed loss over the decimal logarithm of the rate.
"""

from __future__ import annotations

import signal
import threading
from collections.abc import Callable, Iterable, Iterator
from contextlib import ExitStack, contextmanager
from math import inf, isfinite
from numbers import Real
from typing import TYPE_CHECKING, Any

import msgspec
import numpy as np
from msgspec.structs import force_setattr

from .checks import number, whole
from .document import FORMAT, decode
from .errors import PlanError, SpecError, Words
from .schedule import Schedule

if TYPE_CHECKING:
    from matplotlib.axes import Axes

Run = tuple[tuple[float, float | None], ...]
"""(rate, loss) for every step; a loss of None was NaN or infinite, and is the last."""

Stream = Iterable[tuple[float, float]]

_FEWEST = 8
"""Points that a rule can make something of."""
_GUARDED = 10
"""Losses to see before one of them can be too high: of the very first, one may be low by chance."""
_DECADES = 1.2
"""The length of the interval that `slide` moves: 15 of 100 steps from 1e-7 to 10, where the rule comes from."""
_BEND = 0.03
"""By how much the slopes at its two ends must differ, in whole falls of the loss a decade."""


class Suggestion(msgspec.Struct, frozen=True):
    """What one rule makes of a range test.

    name : the rule, a key of RangeTest.suggestions
    rate : the suggested rate, None if there is none; then `reason` says why
    index : the step of the test whose rate is meant, of `minimum_tenth` the step of the minimum; None without a rate
    runs : what the rule says to each run alone, in their order; None where it says nothing

    >>> Suggestion("steepest", 0.02, 57, runs=(0.01, 0.04, None)).spread
    0.6
    """

    name: str
    rate: float | None
    index: int | None = None
    reason: str = ""
    runs: tuple[float | None, ...] = ()

    @property
    def spread(self) -> float | None:
        """Decades from the lowest to the highest rate of single runs: 0.3 is a factor of 2. None for fewer than two rates."""
        rates = [rate for rate in self.runs if rate is not None]
        return round(float(np.log10(max(rates) / min(rates))), 2) if len(rates) > 1 else None

    def __str__(self) -> str:
        if self.rate is None:
            return f"{self.name}: none. {self.reason}"
        agreed = "" if self.spread is None else f", {sum(rate is not None for rate in self.runs)} runs within {self.spread} decades"
        return f"{self.name}: {self.rate:.3g}{agreed}"


class _RangeTestDocument(msgspec.Struct, forbid_unknown_fields=True):
    lrcore: int
    range_test: RangeTest


class RangeTest(msgspec.Struct, frozen=True, omit_defaults=True, forbid_unknown_fields=True):
    """The rates and losses of a range test, once or several times over: a value that suggests rates, plots itself and is stored.

    runs : one or more runs over the same rates, each a sequence of (rate, loss); rates are above 0 and rise; a run may end early. A loss
        that is NaN, infinite or None ends its run
    smoothing : from 0, not at all, up to 1: the share that the average of the losses so far has in the next one,
        a[t] = smoothing a[t - 1] + (1 - smoothing) loss[t]. The smoothed loss is a[t] / (1 - smoothing**(t + 1)), so that the first one is
        the first loss
    diverge : above 1. A run has diverged when its smoothed loss is above `diverge` times its lowest so far (for negative losses: above it
        by diverge - 1 times its size), from the tenth loss on, or at once when a loss is not finite. What came after is not looked at

    Several runs are looked at as one, by the median of their smoothed losses at each rate; one that has diverged counts as infinite.
    Raises SpecError.

    >>> import lrcore as lr
    >>> rates = lr.lr_range_test(1e-4, 10.0, steps=50)
    >>> def train(rate):                                      # a training step with that rate, and its loss
    ...     return 2.0 / (1.0 + 100.0 * rate) + rate**2
    >>> test = RangeTest.of((rate, train(rate)) for rate in rates.values())
    >>> len(test.runs[0]), test.diverged                      # the steps after it has diverged are not trained
    (46, (True,))
    >>> print(test["steepest"])
    steepest: 0.0316
    >>> test.propose(1_000)(300) == test["valley"].rate        # the peak of a one_cycle
    True
    """

    runs: tuple[Run, ...]
    smoothing: float = 0.9
    diverge: float = 4.0

    if TYPE_CHECKING:  # what a caller may write, which is more than what is kept

        def __init__(self, runs: Iterable[Iterable[tuple[float, float | None]]], smoothing: float = ..., diverge: float = ...) -> None: ...

    def __post_init__(self) -> None:
        _check_knobs(self)
        force_setattr(self, "runs", tuple(_checked_run(run, f"runs[{i}]") for i, run in enumerate(_sequence(self.runs, "runs"))))
        if not self.runs:
            raise SpecError("runs", "at least one run", self.runs)
        longest = max(self.runs, key=len)
        for i, run in enumerate(self.runs):
            for j, ((rate, _), (other, _)) in enumerate(zip(run, longest, strict=False)):
                if rate != other:
                    raise SpecError(f"runs[{i}][{j}]", f"the rate {other} of the other runs", rate, "Repeat a test with the same rates.")

    @classmethod
    def of(
        cls, *streams: Stream, smoothing: float = 0.9, diverge: float = 4.0,
        progress: int = 0, afterwards: Iterable[Callable[[], Any]] = (),
    ) -> RangeTest:  # fmt: skip
        """Read streams of (rate, loss), one for each run and one after the other, each only until its run has diverged.

        A generator may train: it is asked for its next pair only if that is wanted, and closed when it is not.

        progress : pairs of a run at most, to show a bar if tqdm is installed; 0 shows none
        afterwards : functions to call at the end, the last first, also after an exception; a Ctrl-C that comes meanwhile waits for them
        Raises SpecError for a pair that means nothing.

        >>> RangeTest.of([(0.1, 2.0), (0.2, 1.5)], [(0.1, 2.1)]).runs
        (((0.1, 2.0), (0.2, 1.5)), ((0.1, 2.1),))
        """
        with ExitStack() as ends:
            ends.enter_context(_uninterrupted_exit(afterwards))
            knobs = cls([()], smoothing, diverge)
            count = ends.enter_context(_bar(progress * len(streams)))
            return cls([_read(stream, f"runs[{i}]", knobs, count) for i, stream in enumerate(streams)], smoothing, diverge)

    @staticmethod
    def rates(start: float = 1e-7, stop: float = 10.0, steps: int = 100) -> list[float]:
        """The rates of a test, both ends included: every step multiplies by the same factor, as `lrcore.lr_range_test` has it.

        >>> RangeTest.rates(0.01, 1.0, steps=3)
        [0.01, 0.1, 1.0]
        """
        from .catalogue import lr_range_test

        expected = "a number above 0, up to 1e300"
        lowest, highest, steps = number(start, "start", expected), number(stop, "stop"), whole(steps, "steps", low=2, high=10**9)
        if not 1e-300 <= lowest <= 1e300:
            raise SpecError("start", expected, start)
        if not lowest < highest <= 1e300:
            raise SpecError("stop", f"a number above start, {lowest}", stop)
        rates: list[float] = lr_range_test(lowest, highest, steps - 1)(np.arange(steps)).tolist()
        return rates

    def __add__(self, other: RangeTest) -> RangeTest:
        """The runs of both, with the knobs of the first.

        >>> (RangeTest([[(0.1, 2.0)]]) + RangeTest([[(0.1, 2.1)]])).runs
        (((0.1, 2.0),), ((0.1, 2.1),))
        """
        return RangeTest(self.runs + other.runs, self.smoothing, self.diverge) if isinstance(other, RangeTest) else NotImplemented

    @property
    def diverged(self) -> tuple[bool, ...]:
        """Of each run, whether it has diverged."""
        return tuple(diverged for _, _, diverged in map(self._smoothed, self.runs))

    def curve(self, run: int | None = None) -> tuple[np.ndarray, np.ndarray]:
        """The rates and the smoothed losses of one run, or of all together: two float64 arrays, up to where it has diverged."""
        rates, losses, _ = self._together(self.runs if run is None else (self.runs[run],))
        return rates, losses

    @property
    def suggestions(self) -> dict[str, Suggestion]:
        """What every rule says.

        steepest : where the smoothed loss falls fastest
        minimum_tenth : a tenth of the rate at which the smoothed loss is lowest
        valley : two thirds along the longest stretch of steps in which every smoothed loss is below the one before
        slide : the middle of an interval of 1.2 decades that moves down from the highest rate as long as the loss bends upwards in it:
            while the slope at its upper end is above the one at its lower end, by more than 3 % of the whole fall a decade

        The first tenth of the points is left out, where few losses have been averaged.
        Sources: Smith 2017 (arXiv:1506.01186) has the test; the rules have the names they have in fastai, whose `slide` takes the lower
        end, and whose `valley` counts falls that are not next to each other.
        """
        return {name: self[name] for name in RULES}

    def __getitem__(self, name: str) -> Suggestion:
        """What one rule says."""
        if name not in RULES:
            raise SpecError("name", f"one of {', '.join(RULES)}", name)
        found = self._found(name, self.runs)
        if isinstance(found, str):
            return Suggestion(name, None, None, found, self._alone(name))
        index, rate = found
        return Suggestion(name, rate, index, "", self._alone(name))

    def propose(self, steps: int, recipe: Callable[..., Schedule] | None = None, *, by: str = "valley", **arguments: Any) -> Schedule:
        """A schedule for a run of that many steps, with a suggested rate as its peak.

        recipe : a function of a peak and `steps=`, such as `lrcore.warmup_cosine`; None is `lrcore.one_cycle`
        by : whose suggestion; arguments : what the recipe takes besides
        Raises PlanError where that rule suggests nothing.

        >>> import lrcore as lr
        >>> test = lr.RangeTest([[(2.0**i, (i - 8) ** 2) for i in range(-4, 10)]], smoothing=0.0)
        >>> test.propose(100, lr.warmup_cosine, by="minimum_tenth", warmup=0.1)([0, 10, 100])
        array([ 0. , 25.6,  0. ])
        """
        from .catalogue import one_cycle

        suggestion = self[by]
        if suggestion.rate is None:
            others = [name for name, other in self.suggestions.items() if other.rate is not None]
            hint = f"Choose another rule: {', '.join(others)}." if others else "Repeat the test over another range."
            raise PlanError(f"There is no rate for a schedule: {suggestion} {hint}")
        return (recipe or one_cycle)(suggestion.rate, steps=steps, **arguments)

    def plot(self, ax: Axes | None = None) -> Axes:
        """Draw the smoothed loss over the rate, the losses of each run behind it, and every suggestion.

        ax : matplotlib axes to draw on; None makes a figure
        Raises ImportError without matplotlib.
        """
        from .drawing.style import COLORS, new_axes

        axes = new_axes(1)[0] if ax is None else ax
        for i in range(len(self.runs)):
            points = [(rate, loss) for rate, loss in self.runs[i] if loss is not None]
            axes.plot(*np.array(points).reshape(-1, 2).T, color="0.75", linewidth=0.8, label=None if i else "losses")
        rates, losses = self.curve()
        axes.plot(rates, losses, color=COLORS[0], linewidth=1.8, label="smoothed")
        for i, suggestion in enumerate(self.suggestions.values()):
            if suggestion.rate is not None:
                at = np.interp(np.log10(suggestion.rate), np.log10(rates), losses)
                axes.plot(suggestion.rate, at, "osD^"[i], color=COLORS[i + 1], markersize=7, linestyle="", label=str(suggestion), zorder=3)
        axes.set_xscale("log")
        if len(losses):  # no higher: the last losses of a run that diverges would leave no room for the others
            low, high = min(loss for run in self.runs for _, loss in run if loss is not None), losses[: len(losses) // 2 + 1].max()
            room = high - low or 1.0
            axes.set_ylim(low - 0.1 * room, high + 0.2 * room)
        axes.set_xlabel("rate")
        axes.set_ylabel("loss")
        axes.legend(loc="best", frameon=False, fontsize="small")
        axes.grid(True, linewidth=0.5, alpha=0.4)
        for side in ("top", "right"):
            axes.spines[side].set_visible(False)
        return axes

    def to_json(self) -> str:
        """The JSON of it, with the version of the format.

        >>> test = RangeTest([[(0.1, 2.0), (0.2, float("nan"))]])
        >>> test.to_json()
        '{"lrcore":1,"range_test":{"runs":[[[0.1,2.0],[0.2,null]]]}}'
        >>> RangeTest.from_json(test.to_json()) == test
        True
        """
        return msgspec.json.encode(_RangeTestDocument(FORMAT, self)).decode()

    @classmethod
    def from_json(cls, text: str | bytes) -> RangeTest:
        """What `to_json` wrote. Raises SpecError for JSON that is truncated, of another version, or means nothing."""
        document: _RangeTestDocument = decode(text, _RangeTestDocument)
        if document.lrcore != FORMAT:
            hint = "Read it with the lrcore that wrote it, or a newer one."
            raise SpecError("lrcore", f"a document of format {FORMAT}", document.lrcore, hint)
        return document.range_test

    # -- from losses to rates ------------------------------------------------------------------------------------------

    def _smoothed(self, run: Run) -> tuple[list[float], list[float], bool]:
        """Rates, smoothed losses, and whether it has diverged."""
        guard, rates, losses = _Guard(self), [], []
        for rate, loss in run:
            diverged = guard.diverges(loss)
            if loss is not None:
                rates.append(rate)
                losses.append(guard.smoothed)
            if diverged:
                return rates, losses, True
        return rates, losses, False

    def _together(self, runs: tuple[Run, ...]) -> tuple[np.ndarray, np.ndarray, bool]:
        curves = [self._smoothed(run) for run in runs]
        rates = np.array(max((rates for rates, _, _ in curves), key=len), dtype=float)
        table = np.full((len(curves), len(rates)), np.nan)
        for row, (_, losses, diverged) in zip(table, curves, strict=True):
            row[: len(losses)] = losses
            row[len(losses) :] = inf if diverged else np.nan  # one that just ended says nothing of what comes after
        median = np.nanmedian(table, axis=0) if len(rates) else np.empty(0)
        end = int(np.argmax(~np.isfinite(median))) if not np.isfinite(median).all() else len(median)
        return rates[:end], median[:end], end < len(median) or sum(diverged for _, _, diverged in curves) * 2 > len(curves)

    def _found(self, name: str, runs: tuple[Run, ...]) -> tuple[int, float] | str:
        """The step and the rate, or why there is none."""
        rates, losses, diverged = self._together(runs)
        skipped = len(rates) // 10
        if len(rates) < _FEWEST:
            return f"The test has {len(rates)} losses to look at, and {_FEWEST} are needed. Start at a lower rate, or take more steps."
        x, y = np.log10(rates[skipped:]), losses[skipped:]
        if y.min() >= y[0]:
            return "The loss never falls. Start at a lower rate."
        found = RULES[name](x, y, diverged)
        if isinstance(found, str):
            return found
        index, decades = found
        return skipped + index, float(rates[skipped + index]) if decades is None else float(10**decades)

    def _alone(self, name: str) -> tuple[float | None, ...]:
        """What the rule says to each run."""
        found = (self._found(name, (run,)) for run in self.runs)
        return tuple(None if isinstance(each, str) else each[1] for each in found)


# -- the rules: from decades and smoothed losses to an index, and to decades if that point is not meant itself ----------------------

Found = tuple[int, float | None] | str


def _steepest(x: np.ndarray, y: np.ndarray, diverged: bool) -> Found:
    return int(np.gradient(y, x)[: y.argmin() + 1].argmin()), None


def _minimum_tenth(x: np.ndarray, y: np.ndarray, diverged: bool) -> Found:
    lowest = int(y.argmin())
    if lowest == len(y) - 1 and not diverged:
        return "The loss still falls at the highest rate. Stop at a higher one."
    return lowest, float(x[lowest]) - 1.0


def _valley(x: np.ndarray, y: np.ndarray, diverged: bool) -> Found:
    falls, length, end = 0, 0, 0
    for i in range(1, len(y)):
        falls = falls + 1 if y[i] < y[i - 1] else 0
        if falls > length:
            length, end = falls, i
    return end - length + round(length * 2 / 3), None


def _slide(x: np.ndarray, y: np.ndarray, diverged: bool) -> Found:
    slopes = np.gradient(y, x) / (y[0] - y.min())
    lower = np.searchsorted(x, x - _DECADES * (1 - 1e-9), side="right") - 1  # the start of the interval that ends at each point
    rests = np.flatnonzero((lower < 0) | (slopes - slopes[lower] <= _BEND))
    last = int(rests[-1]) + 1 if len(rests) else 0
    if last == len(x):
        return "The loss does not bend upwards before the highest rate. Stop at a higher one."
    return int(np.abs(x - (x[last] - _DECADES / 2)).argmin()), float(x[last]) - _DECADES / 2


RULES: dict[str, Callable[[np.ndarray, np.ndarray, bool], Found]] = {
    "steepest": _steepest, "minimum_tenth": _minimum_tenth, "valley": _valley, "slide": _slide,
}  # fmt: skip


# -- one loss after the other -----------------------------------------------------------------------------------------------


def _read(stream: Stream, path: str, knobs: RangeTest, count: Callable[[], Any]) -> list[tuple[float, float | None]]:
    """A stream, until it diverges."""
    run: list[tuple[float, float | None]] = []
    guard, pairs = _Guard(knobs), iter(stream)
    try:
        for pair in pairs:
            run.append(_checked_pair(pair, f"{path}[{len(run)}]", run[-1][0] if run else 0.0))
            count()
            if guard.diverges(run[-1][1]):
                break
    finally:
        if close := getattr(pairs, "close", None):
            close()
    return run


@contextmanager
def _bar(steps: int) -> Iterator[Callable[[], Any]]:
    """A progress bar over that many steps, as a function that makes one; one that does nothing for no steps or without tqdm."""
    try:
        from tqdm import tqdm
    except ImportError:
        steps = 0
    if not steps:
        yield lambda: None
        return
    with tqdm(total=steps, desc="range test", unit="step") as bar:
        yield bar.update


@contextmanager
def _uninterrupted_exit(afterwards: Iterable[Callable[[], Any]]) -> Iterator[None]:
    """Calls functions at the end, whatever happens. A Ctrl-C that comes while they run is raised after them."""
    with ExitStack() as calls:
        for call in afterwards:
            calls.callback(call)
        try:
            yield
        finally:
            heard = signal.getsignal(signal.SIGINT) if threading.current_thread() is threading.main_thread() else None
            came: list[int] = []
            if heard is not None:
                signal.signal(signal.SIGINT, lambda number, frame: came.append(number))
            try:
                calls.close()
            finally:
                if heard is not None:
                    signal.signal(signal.SIGINT, heard)
                if came:
                    signal.raise_signal(signal.SIGINT)


class _Guard:
    """The smoothed loss so far, and whether it has run away."""

    def __init__(self, knobs: RangeTest) -> None:
        self._keep, self._factor = knobs.smoothing, knobs.diverge
        self._seen, self._average, self._weight = 0, 0.0, 0.0
        self.smoothed, self._lowest = inf, inf

    def diverges(self, loss: float | None) -> bool:
        if loss is None:
            return True
        self._seen += 1
        self._average = self._keep * self._average + (1 - self._keep) * loss
        self._weight = self._keep * self._weight + (1 - self._keep)  # 1 - keep**seen, without its cancellation
        self.smoothed = self._average / self._weight
        self._lowest = min(self._lowest, self.smoothed)
        return self._seen >= _GUARDED and self.smoothed - self._lowest > (self._factor - 1) * abs(self._lowest)


# -- what may come --------------------------------------------------------------------------------------------------------


def _check_knobs(test: RangeTest) -> None:
    for name, lowest, highest, expected in (
        ("smoothing", 0.0, 1.0, "a number from 0 up to 1, 1 not included"),
        ("diverge", np.nextafter(1.0, 2.0), inf, "a number above 1"),
    ):
        value = number(getattr(test, name), name, expected)
        if not lowest <= value < highest:
            raise SpecError(name, expected, value)
        force_setattr(test, name, value)


def _sequence(given: Any, path: str) -> list[Any]:
    if isinstance(given, str | bytes) or not isinstance(given, Iterable):
        raise SpecError(path, "a sequence", given)
    return list(given)


def _checked_run(given: Any, path: str) -> Run:
    run: list[tuple[float, float | None]] = []
    for i, pair in enumerate(_sequence(given, path)):
        if run and run[-1][1] is None:
            raise SpecError(f"{path}[{i}]", "nothing after a loss that was not finite", pair, "Let the run end there.")
        run.append(_checked_pair(pair, f"{path}[{i}]", run[-1][0] if run else 0.0))
    return tuple(run)


def _checked_pair(pair: Any, path: str, before: float) -> tuple[float, float | None]:
    if not isinstance(pair, tuple | list) or len(pair) != 2:
        raise SpecError(path, "a pair of a rate and a loss", pair)
    rate, loss = number(pair[0], f"{path}.rate"), pair[1]
    if rate <= before:
        raise SpecError(f"{path}.rate", f"a rate above {before}", rate, "The rates of a test rise from step to step.")
    if loss is None:
        return rate, None
    if isinstance(loss, bool) or not isinstance(loss, Real):
        got = loss if isinstance(loss, str) else Words(f"a {type(loss).__name__}")
        raise SpecError(f"{path}.loss", "a number", got, "Give loss.item() or float(loss).")
    return rate, float(loss) if isfinite(loss) else None
