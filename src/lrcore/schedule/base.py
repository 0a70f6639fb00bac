"""The base of all schedules: what every one knows, and everything that can be done with one."""

from __future__ import annotations

from fractions import Fraction
from functools import cached_property
from math import inf
from typing import TYPE_CHECKING, Any, Literal, overload

import msgspec
import numpy as np
from msgspec.structs import force_setattr

from .._kernel import call_schedule
from ..checks import LAST_STEP, Length, decimal_fraction, length, number, rounded, whole
from ..errors import SpecError

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from ..clocks import Clock, Unit
    from ..drawing.step_axis import Scale
    from ..findings.finding import Findings
    from ..introspect import Explanation, Phases
    from ..program import Program
    from ..reach import Extrema
    from .clocked import Every, Per, Stretch, Until
    from .joined import Product, Sequence, Sum

MAX_DEPTH = 200
"""Schedules nest at most this deep; sequences, sums and products are flat however they were written."""

Number = int | float
Span = int | None | Literal["rest"]
"""How long a schedule lasts: steps, None for endless, or "rest" while fractions of a horizon are left in it."""


def snake(name: str) -> str:
    return "".join("_" + letter.lower() if letter.isupper() else letter for letter in name).lstrip("_")


class Schedule(
    msgspec.Struct, frozen=True, dict=True, omit_defaults=True, repr_omit_defaults=True,
    forbid_unknown_fields=True, tag=snake, tag_field="type",
):  # fmt: skip
    """A value for every step: the base of all schedules.

    Calling one evaluates it: an int or float step gives a float, an array of steps a float64 array of its shape.

    >>> import lrcore as lr
    >>> plan = lr.linear(0.0, 0.1, 4) >> lr.cosine(0.1, 0.0, 4)
    >>> plan(2), plan([0, 4, 6, 8])
    (0.05, array([0.  , 0.1 , 0.05, 0.  ]))
    """

    # -- what a schedule knows about itself ----------------------------------------------------------------------------

    @cached_property
    def _facts(self) -> tuple[Span, float, int]:
        """(span, bound of the absolute value, depth), worked out once when the schedule is made."""
        raise TypeError(f"{type(self).__name__} is the base of schedules and none itself; make a Ramp, a Constant, ...")

    @property
    def span(self) -> Span:
        """Steps until the end, None if endless, "rest" while it holds fractions of a horizon."""
        return self._facts[0]

    @property
    def resolved(self) -> bool:
        """Whether every length is in steps; if not, `.over(horizon)` makes it so."""
        return self.span != "rest"

    def _check(self) -> None:
        """Refuse what would be too deep, too long or too large; called at the end of every construction."""
        span, bound, depth = self._facts
        if depth > MAX_DEPTH:
            raise SpecError(type(self).__name__, f"at most {MAX_DEPTH} levels of nesting", depth, "Join phases with >>, which stays flat.")
        if isinstance(span, int) and span > LAST_STEP:
            raise SpecError(type(self).__name__, "at most 2**53 steps in all", span)
        if not bound < inf:
            raise SpecError(type(self).__name__, "values that fit a float64", bound, "Some value of this schedule would overflow.")

    # -- evaluation ----------------------------------------------------------------------------------------------------

    @cached_property
    def program(self) -> Program:
        """The compiled form; made at the first use and kept."""
        from ..compiler import compile_schedule

        return compile_schedule(self)

    if TYPE_CHECKING:

        @overload
        def __call__(self, steps: Number) -> float: ...
        @overload
        def __call__(self, steps: Any) -> np.ndarray: ...
        def __call__(self, steps: Any) -> Any: ...

    else:
        __call__ = call_schedule  # compiled: a frame of Python would cost as much as the value

    def values(
        self,
        count: int | None = None,
        start: int = 0,
        stride: int = 1,
        *,
        dtype: Any = np.float64,
        out: Any = None,
        threads: int | None = None,
    ) -> np.ndarray:
        """The values of `count` steps: start, start + stride, ...

        count : int, or None for the schedule's own length
        dtype : float64 or float32; float32 is the float64 value rounded once
        out : any writable buffer of that dtype and shape (count,), strided or not; it is filled and returned
        threads : how many; None chooses by the amount of work
        Raises SpecError, or TypeError for what is no buffer.

        >>> import lrcore as lr
        >>> lr.linear(1.0, 0.0, 4).values(6)
        array([1.  , 0.75, 0.5 , 0.25, 0.  , 0.  ])
        """
        if count is None:
            count = self.own_length("count")
        return self.program.values(count, start, stride, dtype=dtype, out=out, threads=threads)

    def own_length(self, path: str) -> int:
        """The length in steps, or a SpecError at `path` that asks for one."""
        span = self.span
        if isinstance(span, int):
            return span
        hint = "An endless schedule has no length of its own." if span is None else "Call .over(horizon) first."
        raise SpecError(path, "a number of steps", None, hint)

    def plot(
        self, steps: int | None = None, *, ax: Any = None, log: bool = False, phases: bool = True, scale: Scale = "auto",
        unit: Unit | None = None, clock: Clock | None = None, label: str | None = None,
    ) -> Axes:  # fmt: skip
        """Draw the schedule with matplotlib; returns the axes. Any number of steps is drawn in a moment, and no spike is missed.

        steps : how many, from 0; None takes the schedule's own length
        ax : matplotlib axes to draw on; None makes a figure
        log : a logarithmic axis of values. What is 0 or negative, or far below all but 1 % of the values, is drawn on its lowest line,
            which then says "<=". Without any value above 0 the axis stays linear
        phases : whether every second phase is shaded, and the phases named above the axes
        scale : how long a step is: "linear"; "log" (step t stands at log(1 + t)); "phases", where phases shorter than 1.5 % of the picture
            are drawn larger than to scale, and the axis says so; "auto" takes "phases" where there are such, on axes that hold nothing yet
        unit : what the axis counts: "updates", "microbatches", "samples", "tokens" or "epochs", by a `clock`; None is updates
        label : its name in a legend
        Raises SpecError, ImportError without matplotlib.

        >>> import lrcore as lr
        >>> ax = lr.warmup_cosine(3e-4, warmup=2_000, steps=10**9).plot(unit="epochs", clock=lr.Clock(256, epoch_size=1_281_167))
        >>> ax.get_xlabel(), int(ax.get_xlim()[1])
        ('epoch  (first 0.4 not to scale)', 199817)
        """
        from ..drawing.pictures import Look, plot_schedule

        return plot_schedule(self, steps, ax, Look(log, phases, scale, unit, clock), label)

    def _repr_png_(self) -> Any:
        """The picture a notebook shows; None where there is no matplotlib, or nothing to draw."""
        from ..drawing.notebook import picture

        return picture(self)

    # -- looking at it -------------------------------------------------------------------------------------------------

    def timeline(self, steps: int | None = None) -> Phases:
        """The phases in order, with their first steps, ends and values; `str` of it is a table.

        steps : where the last value of an endless phase is looked at

        >>> import lrcore as lr
        >>> print(lr.warmup_cosine(0.1, warmup=10, steps=100).timeline())
        phase   first  end  start  stop
        linear  0      10   0      0.09
        cosine  10     100  0.1    3.04586e-05
        """
        from ..introspect import timeline

        return timeline(self, steps)

    def breakpoints(self, steps: int | None = None) -> list[int]:
        """The first steps of new pieces, within 0 < step < steps: where the schedule turns, jumps or begins a cycle.

        steps : None takes the schedule's own length. Of more than some thousand, the first and the last are listed.

        >>> import lrcore as lr
        >>> lr.wsd(0.1, warmup=10, decay=20, steps=100).breakpoints()
        [10, 80]
        """
        from ..introspect import breakpoints

        return breakpoints(self, steps)

    def extrema(self, steps: int | None = None) -> Extrema:
        """The least and the greatest value over the steps 0 ... steps - 1, each with the first step it was found at.

        steps : >= 1; None takes the schedule's own length
        From the pieces, not from samples: over up to 2^18 steps to the bit, over more the value is one the schedule has, and no other
        lies further out by more than 20 ulp. Raises SpecError where too many pieces would have to be looked at, as of noise.

        >>> import lrcore as lr
        >>> lr.warmup_cosine(0.1, warmup=10, steps=10**12).extrema().greatest
        Point(step=10, value=0.1)
        """
        from ..reach import extrema

        steps = max(self.own_length("steps"), 1) if steps is None else whole(steps, "steps", low=1)
        return extrema(self, 0, steps - 1)

    def first_below(self, x: Number) -> int | None:
        """The first step whose value is below x; None if there is none up to the end, or up to 2^53.

        By bisection on the pieces, so exact where neighbours are in order; a curve may swap neighbours that differ by 2 ulp.

        >>> import lrcore as lr
        >>> lr.cosine(0.1, 0.0, 10**12).first_below(0.05)
        500000000001
        """
        from ..introspect import first_below

        return first_below(self, x)

    def integral(self, start: int = 0, stop: int | None = None) -> float:
        """The sum of the values over the steps start ... stop - 1.

        stop : None takes the schedule's own length
        By arithmetic for phases, sums, scales, cycles and stairs; by Euler-Maclaurin for what is smooth. Within 1e-12 of the sum of the
        largest values there can be. Raises SpecError beyond 2^28 steps of what has to be added up one by one, such as noise.

        >>> import lrcore as lr
        >>> lr.linear(1.0, 0.0, 10**12).integral(stop=10)
        9.999999999955
        """
        from ..integral import total

        start = whole(start, "start")
        return total(self, start, whole(self.own_length("stop") if stop is None else stop, "stop", low=start))

    def explain(self, step: int) -> Explanation:
        """Which parts gave the value at a step; `str` of it is a tree.

        >>> import lrcore as lr
        >>> print(lr.warmup_cosine(0.1, warmup=10, steps=100).explain(55))
        phase 2 of 2, from step 10 = 0.05
        └─ phases[1]: cosine from 0.1 to 0.0 in 90 steps, at its step 45 = 0.05
        """
        from ..introspect import explain

        return explain(self, whole(step, "step"))

    def check(self, **known: Any) -> Findings:
        """Mistakes it can be seen to have before the run, as the rate of a run; the arguments are those of `Plan.check`.

        >>> import lrcore as lr
        >>> print(lr.cosine(0.1, 0.0, 90).check(epochs=90, dataset_size=50_000, batch_size=256).errors.codes)
        ['horizon-mismatch', 'epoch-step-mixup']
        """
        from ..findings.check import check_schedule

        return check_schedule(self, known)

    # -- combinators ---------------------------------------------------------------------------------------------------

    # The classes below this one are imported where they are used: each is built on this one.

    def __rshift__(self, other: Schedule | Number) -> Sequence:
        from .joined import Sequence
        from .leaves import as_schedule

        return Sequence((self, as_schedule(other))) if isinstance(other, Schedule | int | float) else NotImplemented

    def __mul__(self, other: Schedule | Number) -> Product:
        from .joined import Product
        from .leaves import Constant

        if not isinstance(other, Schedule | int | float):
            return NotImplemented
        return Product((self, other)) if isinstance(other, Schedule) else Product((Constant(other), self))

    def __add__(self, other: Schedule | Number) -> Sum:
        from .joined import Sum
        from .leaves import Constant

        if not isinstance(other, Schedule | int | float):
            return NotImplemented
        return Sum((self, other)) if isinstance(other, Schedule) else Sum((Constant(other), self))

    __rmul__ = __mul__
    __radd__ = __add__

    def clip(self, lo: Number, hi: Number) -> Schedule:
        """The value kept within [lo, hi]."""
        from .joined import Maximum, Minimum
        from .leaves import Constant

        lo, hi = number(lo, "lo"), number(hi, "hi")
        if lo > hi:
            raise SpecError("lo", "a number <= hi", (lo, hi))
        return Minimum((Constant(hi), Maximum((Constant(lo), self))))

    def repeat(
        self, times: int | None = None, stretch: Number = 1, decay: Number = 1, floor: Number = 0, decay_floor: Number = 1
    ) -> Schedule:
        """The schedule again and again; see Repeat."""
        from .clocked import Repeat

        return Repeat(self, times, stretch, decay, floor, decay_floor)

    def every(self, k: int) -> Every:
        """Stairs: the value of step (t // k) * k."""
        from .clocked import Every

        return Every(self, k)

    def per(self, k: int) -> Per:
        """The schedule on a clock that ticks every k steps (an epoch of k updates): the value of t // k."""
        from .clocked import Per

        return Per(self, k)

    def stretch(self, k: Number) -> Stretch:
        """The curve k times as long: the value at the real position t / k, boundaries at ceil(b * k)."""
        from .clocked import Stretch

        return Stretch(self, k)

    def shift(self, k: int) -> Schedule:
        """The first value for k steps, then the schedule from its step 0."""
        from .leaves import Constant

        k = whole(k, "k", hint="To start in the middle, evaluate from a later step instead.")
        return Constant(self(0), k) >> self if k else self

    def until(self, steps: Length) -> Until:
        """Cut to `steps` steps; past the cut, the value of that step holds."""
        from .clocked import Until

        return Until(self, steps)

    def past_end(self, mode: Literal["hold", "repeat", "mirror", "error"]) -> Schedule:
        """What happens past the end: hold the last value, start again, go back and forth, or refuse."""
        from .clocked import PastEnd

        if mode == "hold":
            return self
        return self.repeat() if mode == "repeat" else PastEnd(self, mode)

    def override(self, at: int, stop: Number, steps: int, shape: str = "linear", **parameters: Number) -> Sequence:
        """From step `at`, leave for `stop` along `shape` in `steps` steps, from the value in force there; then hold.

        >>> import lrcore as lr
        >>> lr.constant(0.1).override(at=100, stop=0.0, steps=10)([99, 100, 105, 110])
        array([0.1 , 0.1 , 0.05, 0.  ])
        """
        from .clocked import Until
        from .leaves import ramp

        at = whole(at, "at")
        return Until(self, at) >> ramp(self(at), stop, steps, shape, endpoint=False, **parameters)

    # -- horizons ------------------------------------------------------------------------------------------------------

    def over(self, horizon: int) -> Schedule:
        """The same schedule with every fraction of the horizon turned into steps.

        >>> import lrcore as lr
        >>> (lr.linear(0.0, 1.0, 0.1) >> lr.cosine(1.0, 0.0, "rest")).over(1000)
        Sequence(phases=(Ramp(start=0.0, stop=1.0, steps=100), Ramp(start=1.0, stop=0.0, steps=900, shape='cosine')))
        """
        return self._over(Fraction(whole(horizon, "horizon")))

    def _over(self, horizon: Fraction) -> Schedule:
        if self.resolved:
            return self
        changes: dict[str, Any] = {}
        for field in self.__struct_fields__:
            value = getattr(self, field)
            if isinstance(value, Schedule):
                changes[field] = value._over(self._inner_horizon(horizon))
            elif field == "steps" and isinstance(value, float | str):
                changes[field] = rounded(exact_length(length(value, "steps"), horizon))
            elif isinstance(value, tuple) and value and isinstance(value[0], Schedule):
                changes[field] = tuple(term._over(horizon) for term in value)
        return msgspec.structs.replace(self, **changes)

    def _inner_horizon(self, horizon: Fraction) -> Fraction:
        return horizon

    # -- JSON ----------------------------------------------------------------------------------------------------------

    def to_json(self) -> str:
        """The schedule as a JSON document, the same for equal schedules; `lr.from_json` reads it back."""
        from ..document import schedule_document

        return schedule_document(self)

    @property
    def fingerprint(self) -> str:
        """SHA-256 of the JSON document, in hexadecimal."""
        from ..document import fingerprint

        return fingerprint(self.to_json())

    def _keep(self, field: str, value: object) -> None:
        """Store a normalised field while the schedule is being made."""
        if value is not getattr(self, field):
            force_setattr(self, field, value)

    def _keep_number(self, field: str) -> None:
        self._keep(field, number(getattr(self, field), field))

    def _keep_defaults(self) -> None:
        """Make a field that equals its default the default itself: the encoder and repr leave it out by identity."""
        defaults = self.__struct_defaults__
        for field, default in zip(self.__struct_fields__[-len(defaults) :], defaults, strict=True):
            value = getattr(self, field)
            if value is not default and type(value) is type(default) and value == default:
                force_setattr(self, field, default)


def exact_length(value: Length, horizon: Fraction) -> Fraction:
    """A length as an exact number of steps, before rounding."""
    if isinstance(value, int):
        return Fraction(value)
    return horizon if isinstance(value, str) else decimal_fraction(value) * horizon


def span_of(steps: Length | None) -> Span:
    return steps if steps is None or isinstance(steps, int) else "rest"


def steps_of(schedule: Schedule) -> int | None:
    span = schedule.span
    if span == "rest":
        raise SpecError("steps", "a schedule without fractions of a horizon", schedule, "Call .over(horizon) first.")
    return span
