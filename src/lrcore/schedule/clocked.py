"""One schedule on another clock: repeated, in stairs, stretched, cut, and what follows its end."""

from __future__ import annotations

from fractions import Fraction
from functools import cached_property
from math import inf
from typing import TYPE_CHECKING, Literal

from ..checks import length, number, ratio, whole
from ..cycles import cycle_starts
from ..errors import SpecError
from .base import Schedule, Span, span_of, steps_of

if TYPE_CHECKING:
    from . import AnySchedule


class Wrapped(Schedule, frozen=True):
    """What the schedules around one inner schedule share."""

    inner: AnySchedule

    def _inner_facts(self) -> tuple[Span, float, int]:
        if not isinstance(self.inner, Schedule):
            raise SpecError("inner", "a Schedule", self.inner)
        return self.inner._facts

    def _finite(self, verb: str) -> Span:
        span = self._inner_facts()[0]
        if span is None:
            raise SpecError("inner", f"a schedule that ends, to {verb}", self.inner, "Cut it with .until(steps).")
        return span


class Repeat(Wrapped, frozen=True):
    """The inner schedule again and again: warm restarts, cycles.

    Cycle i lasts floor(L * growth**i) steps, in exact arithmetic on the decimals as written, and its value is
    floor * decay_floor**i + (v - floor) * decay**i, where v is the inner curve stretched to the length of the cycle.

    times : cycles, or None for ever; past the last cycle its end value holds
    growth, decay, decay_floor : numbers > 0 (`.repeat` calls growth `stretch`); a cycle that would shrink to nothing is refused
    Raises SpecError.

    >>> import lrcore as lr
    >>> lr.linear(1.0, 0.0, 2).repeat(stretch=2, decay=0.5)([0, 1, 2, 3, 4, 5, 6])
    array([1.   , 0.5  , 0.5  , 0.375, 0.25 , 0.125, 0.25 ])
    """

    times: int | None = None
    growth: float = 1.0
    decay: float = 1.0
    floor: float = 0.0
    decay_floor: float = 1.0

    def __post_init__(self) -> None:
        if self.times is not None:
            self._keep("times", whole(self.times, "times", low=1))
        for field, path in (("growth", "stretch"), ("decay", "decay"), ("decay_floor", "decay_floor")):
            value = number(getattr(self, field), path, "a number > 0")
            if value <= 0:
                raise SpecError(path, "a number > 0", value)
            self._keep(field, value)
        self._keep_number("floor")
        if self._finite("repeat it") == 0:
            raise SpecError("inner", "a schedule of at least one step, to repeat it", self.inner)
        self._keep_defaults()
        self._check()

    @property
    def steps(self) -> int | None:
        """Steps of all cycles together; None without `times`."""
        return steps_of(self)

    @cached_property
    def _facts(self) -> tuple[Span, float, int]:
        cycle, bound, depth = self._inner_facts()
        last = inf if self.times is None else self.times - 1
        bound = abs(self.floor) * _growth(self.decay_floor, last) + (bound + abs(self.floor)) * _growth(self.decay, last)
        if isinstance(cycle, int):
            starts = cycle_starts(cycle, self.growth, self.times)
            span: Span = None if self.times is None else cycle * self.times if starts is None else starts[-1]
        else:
            span = cycle
        return span, bound, depth + 1


def _growth(factor: float, times: float) -> float:
    """The largest of factor**0 ... factor**times."""
    if factor <= 1 or times == 0:
        return 1.0
    try:
        return float(factor**times)
    except OverflowError:
        return inf


class Every(Wrapped, frozen=True):
    """Stairs of k steps: the inner value of (t // k) * k."""

    k: int

    def __post_init__(self) -> None:
        self._keep("k", whole(self.k, "k", low=1))
        self._check()

    @property
    def steps(self) -> int | None:
        """Steps of the inner schedule."""
        return steps_of(self)

    @cached_property
    def _facts(self) -> tuple[Span, float, int]:
        span, bound, depth = self._inner_facts()
        return span, bound, depth + 1


class Per(Wrapped, frozen=True):
    """The inner schedule on a clock of k steps: the inner value of t // k, lengths times k."""

    k: int

    def __post_init__(self) -> None:
        self._keep("k", whole(self.k, "k", low=1))
        self._check()

    @property
    def steps(self) -> int | None:
        """k times the steps of the inner schedule."""
        return steps_of(self)

    def _inner_horizon(self, horizon: Fraction) -> Fraction:
        return horizon / self.k

    @cached_property
    def _facts(self) -> tuple[Span, float, int]:
        span, bound, depth = self._inner_facts()
        return span * self.k if isinstance(span, int) else span, bound, depth + 1


class Stretch(Wrapped, frozen=True):
    """The inner curve at the real position t / k; a boundary b comes to lie at ceil(b * k). k > 0, read as a fraction (1.5 is 3/2)."""

    k: float

    def __post_init__(self) -> None:
        self._keep("k", number(self.k, "k", "a number > 0"))
        if self.k <= 0:
            raise SpecError("k", "a number > 0", self.k)
        self._check()

    @property
    def steps(self) -> int | None:
        """k times the steps of the inner schedule, rounded up."""
        return steps_of(self)

    def _inner_horizon(self, horizon: Fraction) -> Fraction:
        return horizon / ratio(self.k)

    @cached_property
    def _facts(self) -> tuple[Span, float, int]:
        span, bound, depth = self._inner_facts()
        return -int(-span * ratio(self.k) // 1) if isinstance(span, int) else span, bound, depth + 1


class Until(Wrapped, frozen=True):
    """The inner schedule cut to `steps` steps; past the cut, the inner value at `steps` holds."""

    steps: int | float | Literal["rest"]

    def __post_init__(self) -> None:
        self._keep("steps", length(self.steps, "steps"))
        self._check()

    @cached_property
    def _facts(self) -> tuple[Span, float, int]:
        span, bound, depth = self._inner_facts()
        return "rest" if span == "rest" else span_of(self.steps), bound, depth + 1


class PastEnd(Wrapped, frozen=True):
    """The inner schedule with a rule for steps past its end.

    mode : "mirror" goes back and forth with period 2 L (as torch's CosineAnnealingLR does past T_max), "error" refuses them
    """

    mode: Literal["mirror", "error"]

    def __post_init__(self) -> None:
        if self.mode not in ("mirror", "error"):
            raise SpecError("mode", "one of hold, repeat, mirror, error", self.mode)
        if self._finite("say what follows its end") == 0:
            raise SpecError("inner", "a schedule of at least one step", self.inner)
        self._check()

    @property
    def steps(self) -> int | None:
        """Steps until the refused ones; None for a mirrored schedule, which is endless."""
        return steps_of(self)

    @cached_property
    def _facts(self) -> tuple[Span, float, int]:
        span, bound, depth = self._inner_facts()
        return None if self.mode == "mirror" and span != "rest" else span, bound, depth + 1
