"""The schedules at the leaves: constants, ramps between two values, curves without an end, noise."""

from __future__ import annotations

from functools import cached_property
from math import inf, isfinite
from typing import Any, Literal

from ..checks import LAST_STEP, Length, length, number, whole
from ..errors import SpecError
from ..shapes import CURVES, SHAPES, Shape
from .base import Number, Schedule, Span, span_of


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
        return span_of(self.steps), abs(self.value), 1


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
        return span_of(self.steps), max(abs(self.start), abs(self.stop)), 1


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
        return span_of(self.steps), abs(self.start) * self._growth, 1


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


def as_schedule(value: Any, path: str = "schedule") -> Schedule:
    """A schedule as it is, a number as a constant."""
    if isinstance(value, Schedule):
        return value
    return Constant(number(value, path, "a Schedule or a finite number"))


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
