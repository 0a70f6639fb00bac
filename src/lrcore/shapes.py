"""The registry of shapes: the curves a Ramp can take from start to stop.

A shape stands in three places, compared by a test: its formula for the kernel in `_shapes.h`, its row here, and its exact
formula in `tests/oracle.py`. Everything else enumerates this registry.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from .errors import SpecError


@dataclass(frozen=True)
class Parameter:
    """A number a shape takes beside its ends, with the domain low < value <= high."""

    name: str
    low: float
    high: float
    summary: str
    example: float

    @property
    def domain(self) -> str:
        return f"a number above {self.low:g} and up to {self.high:g}"


@dataclass(frozen=True)
class Shape:
    """One curve over u in [0, 1): `formula` is the value between start and stop.

    example : a start and a stop that suit the shape, for pictures and tests
    ends : refuses ends between which the curve cannot run; None where any two will do
    """

    name: str
    summary: str
    formula: str
    source: str
    parameters: tuple[Parameter, ...] = ()
    example: tuple[float, float] = (3e-4, 1e-5)
    ends: Callable[[float, float], None] | None = None


def _ends_of_exponential(start: float, stop: float) -> None:
    """Refuse ends that no constant factor connects."""
    if (start > 0) == (stop > 0) and all(1e-300 <= abs(end) <= 1e300 for end in (start, stop)):
        return
    raise SpecError(
        "stop", "start and stop of one sign, both between 1e-300 and 1e300 in size", (start, stop),
        "A factor per step never reaches or crosses zero; stop at a small value instead.",
    )  # fmt: skip


_POWER = Parameter("power", 0.001, 100.0, "exponent of the curve", 2.5)

SHAPES: dict[str, Shape] = {
    shape.name: shape
    for shape in (
        Shape("constant", "start until the end, then stop", "start", "He et al. 2015, section 4.2 (constant warmup)"),
        Shape("linear", "a straight line", "start + (stop - start) u", "Goyal et al. 2017 (arXiv:1706.02677), section 2.2"),
        Shape(
            "cosine", "half a cosine wave, flat at both ends", "stop + (start - stop) (1 + cos(pi u)) / 2",
            "Loshchilov & Hutter 2016 (arXiv:1608.03983)",
        ),
        Shape("exponential", "the same factor every step", "start (stop / start)^u", "geometric interpolation", ends=_ends_of_exponential),
        Shape(
            "polynomial", "a power of what is left, flat at the stop", "stop + (start - stop) (1 - u)^power",
            "Caffe `poly` policy; Liu et al. 2015 (arXiv:1506.04579)", (_POWER,),
        ),
        Shape(
            "polynomial_from_start", "a power of what has passed, flat at the start", "start + (stop - start) u^power",
            "the same curve measured from its start", (_POWER,),
        ),
    )
}  # fmt: skip

CODES: dict[str, int] = {name: code for code, name in enumerate(SHAPES)}
"""The number by which the kernel knows each shape: its place in this registry and in LR_SHAPES of `_shapes.h`."""
