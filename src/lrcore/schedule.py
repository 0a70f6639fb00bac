"""Schedules as values: immutable expressions that map a step to a float64.

A schedule checks itself when it is made and computes nothing: it compares, hashes, prints and stores. Evaluation belongs to
the Program it compiles to. Lengths count steps; a phase owns its first step and not the one after its last (half-open).
"""

from __future__ import annotations

from fractions import Fraction
from functools import cached_property
from itertools import pairwise
from math import inf, isfinite
from typing import TYPE_CHECKING, Any, Literal, TypeAlias, overload

import msgspec
import numpy as np
from msgspec.structs import force_setattr

from ._kernel import call_schedule
from .checks import LAST_STEP, Length, decimal_fraction, length, number, ratio, rounded, whole
from .cycles import cycle_starts
from .errors import SpecError
from .samples import INLINE, sample_digest, sample_values
from .shapes import CURVES, SHAPES, Shape

if TYPE_CHECKING:
    from .findings.finding import Findings
    from .introspect import Explanation, Phases
    from .program import Program
    from .reach import Extrema

    AnySchedule: TypeAlias = "Schedule"  # the union of all schedules, which the JSON decoder wants spelled out (end of this file)

MAX_DEPTH = 200
"""Schedules nest at most this deep; sequences, sums and products are flat however they were written."""

Number = int | float
Span = int | None | Literal["rest"]
"""How long a schedule lasts: steps, None for endless, or "rest" while fractions of a horizon are left in it."""


def _snake(name: str) -> str:
    return "".join("_" + letter.lower() if letter.isupper() else letter for letter in name).lstrip("_")


class Schedule(
    msgspec.Struct, frozen=True, dict=True, omit_defaults=True, repr_omit_defaults=True,
    forbid_unknown_fields=True, tag=_snake, tag_field="type",
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
        from .program import compile_schedule

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

    def plot(self, steps: int | None = None, ax: Any = None) -> Any:
        """Draw the schedule over `steps` steps (its own length if None) with matplotlib; returns the axes."""
        from .plot import plot_schedules

        return plot_schedules({"": self}, steps, ax)

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
        from .introspect import timeline

        return timeline(self, steps)

    def breakpoints(self, steps: int | None = None) -> list[int]:
        """The first steps of new pieces, within 0 < step < steps: where the schedule turns, jumps or begins a cycle.

        steps : None takes the schedule's own length. Of more than some thousand, the first and the last are listed.

        >>> import lrcore as lr
        >>> lr.wsd(0.1, warmup=10, decay=20, steps=100).breakpoints()
        [10, 80]
        """
        from .introspect import breakpoints

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
        from .reach import extrema

        steps = max(self.own_length("steps"), 1) if steps is None else whole(steps, "steps", low=1)
        return extrema(self, 0, steps - 1)

    def first_below(self, x: Number) -> int | None:
        """The first step whose value is below x; None if there is none up to the end, or up to 2^53.

        By bisection on the pieces, so exact where neighbours are in order; a curve may swap neighbours that differ by 2 ulp.

        >>> import lrcore as lr
        >>> lr.cosine(0.1, 0.0, 10**12).first_below(0.05)
        500000000001
        """
        from .introspect import first_below

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
        from .integral import total

        start = whole(start, "start")
        return total(self, start, whole(self.own_length("stop") if stop is None else stop, "stop", low=start))

    def explain(self, step: int) -> Explanation:
        """Which parts gave the value at a step; `str` of it is a tree.

        >>> import lrcore as lr
        >>> print(lr.warmup_cosine(0.1, warmup=10, steps=100).explain(55))
        phase 2 of 2, from step 10 = 0.05
        └─ phases[1]: cosine from 0.1 to 0.0 in 90 steps, at its step 45 = 0.05
        """
        from .introspect import explain

        return explain(self, whole(step, "step"))

    def check(self, **known: Any) -> Findings:
        """Mistakes it can be seen to have before the run, as the rate of a run; the arguments are those of `Plan.check`.

        >>> import lrcore as lr
        >>> print(lr.cosine(0.1, 0.0, 90).check(epochs=90, dataset_size=50_000, batch_size=256).errors.codes)
        ['horizon-mismatch', 'epoch-step-mixup']
        """
        from .findings.check import check_schedule

        return check_schedule(self, known)

    # -- combinators ---------------------------------------------------------------------------------------------------

    def __rshift__(self, other: Schedule | Number) -> Sequence:
        if not isinstance(other, Schedule | int | float):
            return NotImplemented
        return Sequence((self, as_schedule(other)))

    def __mul__(self, other: Schedule | Number) -> Product:
        if not isinstance(other, Schedule | int | float):
            return NotImplemented
        return Product((self, other)) if isinstance(other, Schedule) else Product((Constant(other), self))

    def __add__(self, other: Schedule | Number) -> Sum:
        if not isinstance(other, Schedule | int | float):
            return NotImplemented
        return Sum((self, other)) if isinstance(other, Schedule) else Sum((Constant(other), self))

    __rmul__ = __mul__
    __radd__ = __add__

    def clip(self, lo: Number, hi: Number) -> Schedule:
        """The value kept within [lo, hi]."""
        lo, hi = number(lo, "lo"), number(hi, "hi")
        if lo > hi:
            raise SpecError("lo", "a number <= hi", (lo, hi))
        return Minimum((Constant(hi), Maximum((Constant(lo), self))))

    def repeat(
        self, times: int | None = None, stretch: Number = 1, decay: Number = 1, floor: Number = 0, decay_floor: Number = 1
    ) -> Schedule:
        """The schedule again and again; see Repeat."""
        return Repeat(self, times, stretch, decay, floor, decay_floor)

    def every(self, k: int) -> Every:
        """Stairs: the value of step (t // k) * k."""
        return Every(self, k)

    def per(self, k: int) -> Per:
        """The schedule on a clock that ticks every k steps (an epoch of k updates): the value of t // k."""
        return Per(self, k)

    def stretch(self, k: Number) -> Stretch:
        """The curve k times as long: the value at the real position t / k, boundaries at ceil(b * k)."""
        return Stretch(self, k)

    def shift(self, k: int) -> Schedule:
        """The first value for k steps, then the schedule from its step 0."""
        k = whole(k, "k", hint="To start in the middle, evaluate from a later step instead.")
        return Constant(self(0), k) >> self if k else self

    def until(self, steps: Length) -> Until:
        """Cut to `steps` steps; past the cut, the value of that step holds."""
        return Until(self, steps)

    def past_end(self, mode: Literal["hold", "repeat", "mirror", "error"]) -> Schedule:
        """What happens past the end: hold the last value, start again, go back and forth, or refuse."""
        if mode == "hold":
            return self
        return self.repeat() if mode == "repeat" else PastEnd(self, mode)

    def override(self, at: int, stop: Number, steps: int, shape: str = "linear", **parameters: Number) -> Sequence:
        """From step `at`, leave for `stop` along `shape` in `steps` steps, from the value in force there; then hold.

        >>> import lrcore as lr
        >>> lr.constant(0.1).override(at=100, stop=0.0, steps=10)([99, 100, 105, 110])
        array([0.1 , 0.1 , 0.05, 0.  ])
        """
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
                changes[field] = rounded(_exact(length(value, "steps"), horizon))
            elif isinstance(value, tuple) and value and isinstance(value[0], Schedule):
                changes[field] = tuple(term._over(horizon) for term in value)
        return msgspec.structs.replace(self, **changes)

    def _inner_horizon(self, horizon: Fraction) -> Fraction:
        return horizon

    # -- JSON ----------------------------------------------------------------------------------------------------------

    def to_json(self) -> str:
        """The schedule as a JSON document, the same for equal schedules; `lr.from_json` reads it back."""
        from .document import schedule_document

        return schedule_document(self)

    @property
    def fingerprint(self) -> str:
        """SHA-256 of the JSON document, in hexadecimal."""
        from .document import fingerprint

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


def _exact(value: Length, horizon: Fraction) -> Fraction:
    """A length as an exact number of steps, before rounding."""
    if isinstance(value, int):
        return Fraction(value)
    return horizon if isinstance(value, str) else decimal_fraction(value) * horizon


def _span_of(steps: Length | None) -> Span:
    return steps if steps is None or isinstance(steps, int) else "rest"


def as_schedule(value: Any, path: str = "schedule") -> Schedule:
    """A schedule as it is, a number as a constant."""
    if isinstance(value, Schedule):
        return value
    return Constant(number(value, path, "a Schedule or a finite number"))


# -- leaves ------------------------------------------------------------------------------------------------------------


class Constant(Schedule, frozen=True):
    """The same value for `steps` steps, or for ever."""

    value: float
    steps: int | float | Literal["rest"] | None = None

    def __post_init__(self) -> None:
        self._keep_number("value")
        if self.steps is not None:
            self._keep("steps", length(self.steps, "steps"))

    @cached_property
    def _facts(self) -> tuple[Span, float, int]:
        return _span_of(self.steps), abs(self.value), 1


class Ramp(Schedule, frozen=True):
    """From `start` to `stop` in `steps` steps along `shape`; `stop` itself belongs to what follows, and holds past the end.

    u = t / steps, so step 0 gives `start` exactly and step `steps` gives `stop` exactly. With endpoint=True (NumPy's word)
    u = t / (steps - 1): `stop` is reached on the last step. A Ramp of no steps owns none and leaves `stop` behind.

    args : the shape's parameters, in the registry's order; `ramp` takes them by name
    Raises SpecError.
    """

    start: float
    stop: float
    steps: int | float | Literal["rest"]
    shape: str = "linear"
    args: tuple[float, ...] = ()
    endpoint: bool = False

    def __post_init__(self) -> None:
        self._keep_number("start")
        self._keep_number("stop")
        self._keep("steps", length(self.steps, "steps"))
        shape = SHAPES.get(self.shape) if isinstance(self.shape, str) else None
        if shape is None:
            raise SpecError("shape", f"one of {', '.join(SHAPES)}", self.shape)
        if self.args or shape.parameters:
            self._keep("args", _args_of(shape, self.args))
        if not isinstance(self.endpoint, bool):
            raise SpecError("endpoint", "True or False", self.endpoint)
        if not isfinite(self.stop - self.start):
            raise SpecError("stop", "ends whose difference fits a float64", (self.start, self.stop))
        if shape.ends is not None:
            shape.ends(self.start, self.stop)
        self._keep_defaults()

    @cached_property
    def _facts(self) -> tuple[Span, float, int]:
        return _span_of(self.steps), max(abs(self.start), abs(self.stop)), 1


def _args_of(shape: Shape, args: Any) -> tuple[float, ...]:
    """A shape's parameters as floats, each within its domain."""
    if not isinstance(args, tuple | list) or len(args) != len(shape.parameters):
        wanted = ", ".join(parameter.name for parameter in shape.parameters) or "none"
        raise SpecError("args", f"the parameters of {shape.name} ({wanted})", args)
    values = []
    for parameter, value in zip(shape.parameters, args, strict=True):
        value = number(value, parameter.name, parameter.domain)
        if not parameter.holds(value):
            raise SpecError(parameter.name, parameter.domain, value)
        values.append(value)
    if shape.args is not None:
        shape.args(*values)
    return tuple(values)


class Curve(Schedule, frozen=True):
    """From `start` on along a curve without an end; with `steps` it ends there, and the value it has come to holds.

    shape : a name of CURVES; args : its parameters, in the registry's order; `curve` takes them by name
    What is left of a decay below 2^-800 of its start counts as 0.
    Raises SpecError, also for a curve that grows without an end, or by more than 1e200 to its end.
    """

    start: float
    shape: str
    args: tuple[float, ...]
    steps: int | float | Literal["rest"] | None = None

    def __post_init__(self) -> None:
        self._keep_number("start")
        shape = CURVES.get(self.shape) if isinstance(self.shape, str) else None
        if shape is None:
            raise SpecError("shape", f"one of {', '.join(CURVES)}", self.shape)
        self._keep("args", _args_of(shape, self.args))
        if self.steps is not None:
            self._keep("steps", length(self.steps, "steps"))
        if self._growth > 1e200:
            raise SpecError("steps", f"an end before {shape.name} has grown by 1e200", self.steps, "Give it fewer steps.")
        self._check()

    @property
    def _growth(self) -> float:
        """The largest factor from the start on."""
        growth = CURVES[self.shape].growth
        if growth is None or not isinstance(self.steps, int | None):
            return 1.0
        try:
            return max(1.0, growth(*self.args, float(LAST_STEP if self.steps is None else self.steps)))
        except OverflowError:
            return inf

    @cached_property
    def _facts(self) -> tuple[Span, float, int]:
        return _span_of(self.steps), abs(self.start) * self._growth, 1


class Noise(Schedule, frozen=True):
    """Random numbers that can be asked for again: the value at step t depends on the seed and floor(t) alone, and never ends.

    kind : "uniform" in (-scale, scale), or "normal" with standard deviation `scale`
    limit : normal values all lie within limit * scale of 0, each as likely as the bell curve says among those that do
    Source: SplitMix64 of the step (Steele, Lea & Flood 2014) under a key mixed from the seed; of its upper 53 bits u = (2 b + 1) / 2^53 - 1
    in (-1, 1), the uniform value over scale; a normal one is sqrt(2) erfinv(u erf(limit / sqrt(2))) scale.
    Raises SpecError.

    >>> import lrcore as lr
    >>> noise = lr.Noise(seed=1, scale=0.1)
    >>> noise(7) == noise([7])[0], abs(noise.values(1000)).max() < 0.1
    (np.True_, np.True_)
    """

    seed: int
    kind: Literal["uniform", "normal"] = "uniform"
    scale: float = 1.0
    limit: float | None = None

    def __post_init__(self) -> None:
        self._keep("seed", whole(self.seed, "seed"))
        if self.kind not in ("uniform", "normal"):
            raise SpecError("kind", "one of uniform, normal", self.kind)
        self._keep_number("scale")
        if not 0 <= self.scale <= 1e100:
            raise SpecError("scale", "a number from 0 to 1e100", self.scale)
        if self.limit is not None:
            self._keep_number("limit")
            if self.kind != "normal" or not 0.01 <= self.limit <= 8:
                raise SpecError("limit", "a number from 0.01 to 8, with normal noise", self.limit)
        self._keep_defaults()

    @cached_property
    def _facts(self) -> tuple[Span, float, int]:
        return None, self.scale * (9.0 if self.kind == "normal" else 1.0), 1


class Knots(Schedule, frozen=True):
    """Values at increasing real positions (in steps, from 0), joined by curves; held before the first and after the last.

    kind : "linear", "cosine", "log" (the same factor every step) or "pchip" (a smooth curve that never overshoots,
        Fritsch & Carlson 1980). Piece i owns the positions in [x_i, x_i+1).
    Raises SpecError for no knots, positions that do not increase, and a log through zero.
    """

    positions: tuple[float, ...]
    knots: tuple[float, ...]
    kind: Literal["linear", "cosine", "log", "pchip"] = "linear"

    def __post_init__(self) -> None:
        for field in ("positions", "knots"):
            numbers = getattr(self, field)
            if isinstance(numbers, np.ndarray):
                numbers = numbers.tolist()
            if not isinstance(numbers, tuple | list) or not numbers:
                raise SpecError(field, "at least one number", numbers)
            self._keep(field, tuple(number(value, f"{field}[{i}]") for i, value in enumerate(numbers)))
        if len(self.positions) != len(self.knots):
            raise SpecError("knots", f"as many values as positions ({len(self.positions)})", len(self.knots))
        if self.positions[0] < 0 or self.positions[-1] > LAST_STEP:
            raise SpecError("positions", "positions from 0 to 2**53", self.positions)
        for i, (left, right) in enumerate(pairwise(self.positions)):
            if not left < right:
                raise SpecError(f"positions[{i + 1}]", f"a position above {left!r}", right, "Positions must increase.")
        if self.kind not in ("linear", "cosine", "log", "pchip"):
            raise SpecError("kind", "one of linear, cosine, log, pchip", self.kind)
        if self.kind == "log":
            for i, (left, right) in enumerate(pairwise(self.knots)):
                try:
                    SHAPES["exponential"].ends(left, right)  # type: ignore[misc]
                except SpecError as error:
                    raise SpecError(f"knots[{i + 1}]", error.expected.replace("start and stop", "neighbours"), (left, right)) from None
        if not isfinite(max(self.knots) - min(self.knots)):
            raise SpecError("knots", "values whose differences fit a float64", (min(self.knots), max(self.knots)))
        self._keep_defaults()

    @property
    def steps(self) -> int:
        """Steps until the last knot."""
        return -int(-self.positions[-1] // 1)

    def slopes(self) -> tuple[Fraction, ...]:
        """The slope of a "pchip" curve at every knot, exact, in units of the values per step.

        >>> import lrcore as lr
        >>> lr.Knots((0.0, 1.0, 3.0), (0.0, 1.0, 2.0), "pchip").slopes()[1]
        Fraction(9, 13)
        """
        from .pchip import slopes

        return tuple(slopes([Fraction(x) for x in self.positions], [Fraction(y) for y in self.knots]))

    @cached_property
    def _facts(self) -> tuple[Span, float, int]:
        return self.steps, max(map(abs, self.knots)), 1


class Samples(Schedule, frozen=True):
    """The values of an array, one a step; the last one holds.

    Up to 4,096 values are part of the schedule itself. Of a longer array the schedule holds the SHA-256 of its bytes, dtype
    and length: two are equal if these are, and JSON carries no more. `path` names a `.npy` file the values can be read from.

    Raises SpecError for an empty array, NaN and infinities, and, at evaluation, if the values are not at hand.

    >>> import lrcore as lr
    >>> lr.Samples([0.1, 0.2, 0.3])([0, 1, 2, 3])
    array([0.1, 0.2, 0.3, 0.3])
    """

    samples: tuple[float, ...] = ()
    sha256: str = ""
    length: int = 0
    dtype: Literal["float64", "float32"] = "float64"
    path: str | None = None

    def __post_init__(self) -> None:
        given = self.samples
        if isinstance(given, tuple | list) and not len(given) and self.sha256:
            self._check_digest()
            return
        array = sample_values(given)
        if len(array) <= INLINE:
            self._keep("samples", tuple(array.astype(np.float64).tolist()))
            for field, default in (("sha256", ""), ("length", 0), ("dtype", "float64"), ("path", None)):
                self._keep(field, default)
            self._keep_defaults()
            return
        digest = sample_digest(array)
        if self.sha256 not in ("", digest):
            raise SpecError("sha256", f"the digest of the values, {digest}", self.sha256)
        self.__dict__["_data"] = array
        found: dict[str, Any] = {"samples": (), "sha256": digest, "length": len(array), "dtype": array.dtype.name}
        for field, value in found.items():
            self._keep(field, value)
        self._keep_defaults()

    def _check_digest(self) -> None:
        if not isinstance(self.sha256, str) or len(self.sha256) != 64 or not set(self.sha256) <= set("0123456789abcdef"):
            raise SpecError("sha256", "64 hexadecimal digits", self.sha256)
        self._keep("length", whole(self.length, "length", low=INLINE + 1))
        if self.dtype not in ("float64", "float32"):
            raise SpecError("dtype", "float64 or float32", self.dtype)
        self._keep_defaults()

    @property
    def steps(self) -> int:
        """How many values there are."""
        return self.length or len(self.samples)

    @property
    def data(self) -> np.ndarray:
        """The values as a float64 or float32 array, read from `path` if they are not in memory."""
        from .samples import load_samples

        if self.samples:
            return np.array(self.samples)
        if "_data" not in self.__dict__:
            self.__dict__["_data"] = load_samples(self.path, self.sha256, self.length, self.dtype)
        data: np.ndarray = self.__dict__["_data"]
        return data

    def with_data(self, values: Any) -> Samples:
        """The same Samples with its values at hand; they must have the recorded digest."""
        return Samples(values, sha256=self.sha256, path=self.path)

    def __reduce__(self) -> tuple[Any, ...]:
        """Pickles and copies keep the values that are in memory."""
        given = self.__dict__.get("_data", self.samples)
        return Samples, (given, self.sha256, self.length, self.dtype, self.path)

    @cached_property
    def _facts(self) -> tuple[Span, float, int]:
        if self.samples:
            return len(self.samples), max(map(abs, self.samples)), 1
        data = self.__dict__.get("_data")
        return self.length, 0.0 if data is None else float(np.abs(data).max()), 1


# -- several schedules on one clock ------------------------------------------------------------------------------------


class _Joined(Schedule, frozen=True):
    """What sequences, sums and products share: a flat tuple of schedules."""

    def _flatten(self, field: str) -> None:
        given = getattr(self, field)
        if not isinstance(given, tuple | list) or not given:
            raise SpecError(field, "a tuple of at least one schedule", given)
        flat: list[Schedule] = []
        for i, term in enumerate(given):
            if type(term) is type(self):
                flat.extend(getattr(term, field))
            else:
                flat.append(as_schedule(term, f"{field}[{i}]"))
        force_setattr(self, field, tuple(flat))
        self._check()


class Sequence(_Joined, frozen=True):
    """One phase after the other, each on its own clock from 0; all but the last must end. Written a >> b."""

    phases: tuple[AnySchedule, ...]

    def __post_init__(self) -> None:
        self._flatten("phases")
        for i, phase in enumerate(self.phases[:-1]):
            if phase.span is None:
                raise SpecError(
                    f"phases[{i}]", "a phase that ends, since another follows", phase, "Give it a length, or cut it with .until(steps)."
                )
        if not self.resolved:
            self._check_fractions()

    def _check_fractions(self) -> None:
        lengths = [getattr(phase, "steps", None) if type(phase) in (Ramp, Curve, Constant, Until) else None for phase in self.phases]
        rests = [i for i, steps in enumerate(lengths) if steps == "rest"]
        if len(rests) > 1:
            raise SpecError(f"phases[{rests[1]}].steps", 'at most one phase of "rest"', "rest")
        total = sum(decimal_fraction(steps) for steps in lengths if isinstance(steps, float))
        if total > 1:
            raise SpecError("phases", "fractions of the horizon that add up to at most 1", float(total))

    def _over(self, horizon: Fraction) -> Schedule:
        """Boundaries are the rounded sums of the exact lengths, so that no rounding error adds up along the phases."""
        phases = [phase if type(phase) in (Ramp, Curve, Constant, Until) else phase._over(horizon) for phase in self.phases]
        exact: list[Fraction | None] = []
        for phase in phases:
            steps = phase.steps if type(phase) in (Ramp, Curve, Constant, Until) else phase.span  # type: ignore[attr-defined]
            exact.append(None if steps in ("rest", None) else _exact(steps, horizon))
        rest = horizon - sum(part for part in exact if part is not None)
        done, boundary, resolved = Fraction(0), 0, []
        for i, (phase, part) in enumerate(zip(phases, exact, strict=True)):
            if phase.span is None:
                resolved.append(phase)
                continue
            if part is None and rest < 0:
                raise SpecError(f"phases[{i}].steps", "something left of the horizon for the rest", Fraction(rest).__float__())
            done += rest if part is None else part
            steps, boundary = rounded(done) - boundary, rounded(done)
            if type(phase) in (Ramp, Curve, Constant, Until):
                if isinstance(phase, Until):
                    phase = msgspec.structs.replace(phase, inner=phase.inner._over(horizon))
                phase = msgspec.structs.replace(phase, steps=steps)
            resolved.append(phase)
        return Sequence(tuple(resolved))

    @property
    def steps(self) -> int | None:
        """Steps of all phases together; None if the last is endless."""
        return _steps(self)

    @cached_property
    def _facts(self) -> tuple[Span, float, int]:
        total: Span = 0
        bound, depth = 0.0, 0
        for phase in self.phases:
            span, high, levels = phase._facts
            if isinstance(total, int) and isinstance(span, int):
                total += span
            else:
                total = "rest" if "rest" in (span, total) else None
            bound, depth = max(bound, high), max(depth, levels)
        return total, bound, depth + 1


class _Arithmetic(_Joined, frozen=True):
    """Terms combined value by value; as long as the longest, endless if one other than a plain constant is."""

    terms: tuple[AnySchedule, ...]

    def __post_init__(self) -> None:
        self._flatten("terms")

    @property
    def steps(self) -> int | None:
        """Steps of the longest term; None if one other than a plain constant is endless."""
        return _steps(self)

    def _combined(self, bounds: list[float]) -> float:
        return max(bounds)

    @cached_property
    def _facts(self) -> tuple[Span, float, int]:
        facts = [term._facts for term in self.terms]
        spans = [span for span, term in zip(facts, self.terms, strict=True) if not (type(term) is Constant and term.steps is None)]
        lasting = [span[0] for span in spans]
        if "rest" in lasting:
            longest: Span = "rest"
        else:
            longest = None if None in lasting or not lasting else max(lasting)  # type: ignore[type-var]
        return longest, self._combined([bound for _, bound, _ in facts]), 1 + max(depth for _, _, depth in facts)


class Product(_Arithmetic, frozen=True):
    """The product of the terms, from left to right. Written a * b or 0.1 * a."""

    def _combined(self, bounds: list[float]) -> float:
        product = 1.0
        for bound in bounds:
            product *= bound
        return product


class Sum(_Arithmetic, frozen=True):
    """The sum of the terms, from left to right. Written a + b or 0.1 + a."""

    def _combined(self, bounds: list[float]) -> float:
        return sum(bounds)


class Minimum(_Arithmetic, frozen=True):
    """The smallest of the terms."""


class Maximum(_Arithmetic, frozen=True):
    """The largest of the terms."""


# -- one schedule on another clock -------------------------------------------------------------------------------------


class _Wrapped(Schedule, frozen=True):
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


class Repeat(_Wrapped, frozen=True):
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
        return _steps(self)

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


class Every(_Wrapped, frozen=True):
    """Stairs of k steps: the inner value of (t // k) * k."""

    k: int

    def __post_init__(self) -> None:
        self._keep("k", whole(self.k, "k", low=1))
        self._check()

    @property
    def steps(self) -> int | None:
        """Steps of the inner schedule."""
        return _steps(self)

    @cached_property
    def _facts(self) -> tuple[Span, float, int]:
        span, bound, depth = self._inner_facts()
        return span, bound, depth + 1


class Per(_Wrapped, frozen=True):
    """The inner schedule on a clock of k steps: the inner value of t // k, lengths times k."""

    k: int

    def __post_init__(self) -> None:
        self._keep("k", whole(self.k, "k", low=1))
        self._check()

    @property
    def steps(self) -> int | None:
        """k times the steps of the inner schedule."""
        return _steps(self)

    def _inner_horizon(self, horizon: Fraction) -> Fraction:
        return horizon / self.k

    @cached_property
    def _facts(self) -> tuple[Span, float, int]:
        span, bound, depth = self._inner_facts()
        return span * self.k if isinstance(span, int) else span, bound, depth + 1


class Stretch(_Wrapped, frozen=True):
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
        return _steps(self)

    def _inner_horizon(self, horizon: Fraction) -> Fraction:
        return horizon / ratio(self.k)

    @cached_property
    def _facts(self) -> tuple[Span, float, int]:
        span, bound, depth = self._inner_facts()
        return -int(-span * ratio(self.k) // 1) if isinstance(span, int) else span, bound, depth + 1


class Until(_Wrapped, frozen=True):
    """The inner schedule cut to `steps` steps; past the cut, the inner value at `steps` holds."""

    steps: int | float | Literal["rest"]

    def __post_init__(self) -> None:
        self._keep("steps", length(self.steps, "steps"))
        self._check()

    @cached_property
    def _facts(self) -> tuple[Span, float, int]:
        span, bound, depth = self._inner_facts()
        return "rest" if span == "rest" else _span_of(self.steps), bound, depth + 1


class PastEnd(_Wrapped, frozen=True):
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
        return _steps(self)

    @cached_property
    def _facts(self) -> tuple[Span, float, int]:
        span, bound, depth = self._inner_facts()
        return None if self.mode == "mirror" and span != "rest" else span, bound, depth + 1


def _steps(schedule: Schedule) -> int | None:
    span = schedule.span
    if span == "rest":
        raise SpecError("steps", "a schedule without fractions of a horizon", schedule, "Call .over(horizon) first.")
    return span


if not TYPE_CHECKING:
    AnySchedule = (
        Constant | Ramp | Curve | Noise | Knots | Samples | Sequence | Product | Sum | Minimum | Maximum
        | Repeat | Every | Per | Stretch | Until | PastEnd
    )  # fmt: skip


def ramp(start: Number, stop: Number, steps: Length, shape: str = "linear", *, endpoint: bool = False, **parameters: Number) -> Ramp:
    """A Ramp along any shape of the registry, with the shape's parameters by name.

    >>> ramp(1.0, 0.0, 4, "polynomial", power=2)([0, 2, 4])
    array([1.  , 0.25, 0.  ])
    """
    return Ramp(start, stop, steps, shape, _in_order(SHAPES, shape, parameters), endpoint)


def curve(start: Number, shape: str, steps: Length | None = None, **parameters: Number) -> Curve:
    """A Curve without an end, or with one after `steps` steps, along any of the registry's, with its parameters by name.

    >>> curve(1.0, "inverse_time", rate=0.5)([0, 2, 6])
    array([1.  , 0.5 , 0.25])
    """
    return Curve(start, shape, _in_order(CURVES, shape, parameters), steps)


def _in_order(registry: dict[str, Shape], shape: str, parameters: dict[str, Number]) -> tuple[float, ...]:
    """A shape's parameters in the registry's order."""
    known = registry.get(shape) if isinstance(shape, str) else None
    if known is None:
        raise SpecError("shape", f"one of {', '.join(registry)}", shape)
    names = [parameter.name for parameter in known.parameters]
    if set(parameters) != set(names):
        raise SpecError("parameters", f"exactly those of {shape} ({', '.join(names) or 'none'})", sorted(parameters))
    return tuple(parameters[name] for name in names)


def minimum(*terms: Schedule | Number) -> Minimum:
    """The smallest of several schedules, step by step."""
    return Minimum(tuple(as_schedule(term, f"terms[{i}]") for i, term in enumerate(terms)))


def maximum(*terms: Schedule | Number) -> Maximum:
    """The largest of several schedules, step by step."""
    return Maximum(tuple(as_schedule(term, f"terms[{i}]") for i, term in enumerate(terms)))


def from_function(f: Any, steps: int) -> Samples:
    """The values f(0), ..., f(steps - 1) of any function of the step, as Samples.

    >>> from_function(lambda step: 1 / (1 + step), 3)(2)
    0.3333333333333333
    """
    steps = whole(steps, "steps", low=1)
    return Samples([number(f(step), f"f({step})") for step in range(steps)])  # type: ignore[arg-type]
