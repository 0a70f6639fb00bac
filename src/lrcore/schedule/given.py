"""Schedules whose values are given one by one: knots with curves between them, and the samples of an array."""

from __future__ import annotations

from fractions import Fraction
from functools import cached_property
from itertools import pairwise
from math import isfinite
from typing import Any, Literal

import numpy as np

from ..checks import LAST_STEP, number, whole
from ..errors import SpecError
from ..samples import INLINE, sample_digest, sample_values
from ..shapes import SHAPES
from .base import Schedule, Span


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
        from ..pchip import slopes

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
        from ..samples import load_samples

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


def from_function(f: Any, steps: int) -> Samples:
    """The values f(0), ..., f(steps - 1) of any function of the step, as Samples.

    >>> from_function(lambda step: 1 / (1 + step), 3)(2)
    0.3333333333333333
    """
    steps = whole(steps, "steps", low=1)
    return Samples([number(f(step), f"f({step})") for step in range(steps)])  # type: ignore[arg-type]
