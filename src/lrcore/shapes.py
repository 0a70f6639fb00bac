"""The registry of shapes: the curves a Ramp can take from start to stop, and those a Curve can take without an end.

A shape stands in three places, compared by a test: its line for the kernel in `_shapes.h`, its row here, and its exact
formula in `tests/oracle.py`. Everything else enumerates this registry.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from .errors import SpecError


@dataclass(frozen=True)
class Parameter:
    """A number a shape takes beside its ends, with the domain low < value <= high, or low <= value if `closed`."""

    name: str
    low: float
    high: float
    summary: str
    example: float
    closed: bool = False

    @property
    def domain(self) -> str:
        return f"a number {'from' if self.closed else 'above'} {self.low:g} {'to' if self.closed else 'and up to'} {self.high:g}"

    def holds(self, value: float) -> bool:
        """Whether a value lies in the domain."""
        return (self.low <= value if self.closed else self.low < value) and value <= self.high


@dataclass(frozen=True)
class Shape:
    """One curve: `formula` is the value between start and stop at u in [0, 1), or of a curve without an end the value at x steps.

    example : a start and a stop that suit the shape, for pictures and tests
    ends : refuses ends between which the curve cannot run; None where any two will do
    args : refuses parameters that do not go together; None where any within their domains do
    growth : of a curve without an end, the factor from its start to x steps; above 1 only where an end bounds it
    """

    name: str
    summary: str
    formula: str
    source: str
    parameters: tuple[Parameter, ...] = ()
    example: tuple[float, float] = (3e-4, 1e-5)
    ends: Callable[[float, float], None] | None = None
    args: Callable[..., None] | None = None
    growth: Callable[..., float] | None = None


def _ends_of_exponential(start: float, stop: float) -> None:
    """Refuse ends that no constant factor connects."""
    if (start > 0) == (stop > 0) and all(1e-300 <= abs(end) <= 1e300 for end in (start, stop)):
        return
    raise SpecError(
        "stop", "start and stop of one sign, both between 1e-300 and 1e300 in size", (start, stop),
        "A factor per step never reaches or crosses zero; stop at a small value instead.",
    )  # fmt: skip


def _ends_of_harmonic(start: float, stop: float) -> None:
    """Refuse ends whose inverses no line connects."""
    if (start > 0) == (stop > 0) and start and stop and 1e-15 <= abs(stop / start) <= 1e15:
        return
    raise SpecError("stop", "start and stop of one sign, within a factor of 1e15", (start, stop), "Stop at a small value instead of zero.")


def _args_of_tanh(lower: float, upper: float) -> None:
    if not lower + 0.001 <= upper:
        raise SpecError("upper", f"a number of at least 0.001 above lower ({lower!r})", upper)


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
        Shape(
            "sqrt", "the square root of what has passed, steep at the start", "start + (stop - start) sqrt(u)",
            "the 1-sqrt cooldown of Haegele et al. 2024 (arXiv:2405.18392)",
        ),
        Shape(
            "square", "the square of what has passed, flat at the start", "start + (stop - start) u^2",
            "the 1-square cooldown of Haegele et al. 2024 (arXiv:2405.18392)",
        ),
        Shape(
            "harmonic", "a straight line between the inverses of the ends", "start / (1 + u (start / stop - 1))",
            "the cooldown of Meta Lingua's WSD", ends=_ends_of_harmonic,
        ),
        Shape(
            "logarithmic", "a logarithm: steep, then ever flatter", "start + (stop - start) log(1 + (base - 1) u) / log(base)",
            "DeepSpeed `WarmupLR`, with as many steps as its base", (
                Parameter("base", 1.001, 1e12, "near 1 a line; larger is steeper at the start", 1000.0, closed=True),
            ),
        ),
        Shape(
            "rex", "reflected exponential: slow, then fast", "stop + (start - stop) (1 - u) / (1 - (1 - beta) u)",
            "Chen et al. 2021 (arXiv:2107.04197), beta = 1/2", (
                Parameter("beta", 0.02, 50.0, "1 is a line; below 1 the value stays up longer", 0.5, closed=True),
            ),
        ),
        Shape(
            "tanh", "a stretch of the hyperbolic tangent",
            "stop + (start - stop) (tanh(upper) - tanh(lower + (upper - lower) u)) / (tanh(upper) - tanh(lower))",
            "Hsueh et al. 2018 (arXiv:1806.01593)", (
                Parameter("lower", -10.0, 10.0, "the tangent's argument at the start", -6.0, closed=True),
                Parameter("upper", -10.0, 10.0, "its argument at the stop", 3.0, closed=True),
            ), args=_args_of_tanh,
        ),
        Shape(
            "sigmoid", "an S, the same from both ends",
            "stop + (start - stop) (s(u) - s(1)) / (s(0) - s(1)), s(u) = 1 / (1 + exp(steepness (u - 1/2)))",
            "Caffe `sigmoid` policy, its ends moved to start and stop", (
                Parameter("steepness", 0.001, 40.0, "of the logistic curve; near 0 a line", 10.0, closed=True),
            ),
        ),
        Shape(
            "cosine_power", "a power of half a cosine wave", "stop + (start - stop) ((1 + cos(pi u)) / 2)^power",
            "optax `cosine_decay_schedule(exponent=)`", (
                Parameter("power", 0.25, 10.0, "exponent of the wave", 2.0, closed=True),
            ),
        ),
        Shape(
            "cosine_power_annealing", "an exponential of half a cosine wave",
            "stop + (start - stop) (base^c - 1) / (base - 1), c = (1 + cos(pi u)) / 2",
            "Hundt et al. 2019, sharpDARTS (arXiv:1903.09900)", (
                Parameter("base", 1.001, 10_000.0, "near 1 a cosine; larger falls earlier", 10.0, closed=True),
            ),
        ),
        Shape(
            "mirror_cosine", "twice the line minus the half cosine wave: steep at both ends",
            "stop + (start - stop) (2 (1 - u) - (1 + cos(pi u)) / 2)", "a cooldown of Haegele et al. 2024 (arXiv:2405.18392)",
        ),
        Shape(
            "quarter_cosine", "the second half of half a cosine wave: steep, then flat", "stop + (start - stop) (1 - sin(pi u / 2))",
            "OLMo-core `HalfCosWithWarmup`",
        ),
        Shape(
            "k_decay", "half a cosine wave of a power of the time", "stop + (start - stop) (1 + cos(pi u^k)) / 2",
            "Zhang & Li 2020 (arXiv:2004.05909)", (
                Parameter("k", 0.5, 10.0, "1 is the half cosine; larger stays up longer", 2.0, closed=True),
            ),
        ),
        Shape(
            "k_decay_polynomial", "a power of what a power of the time leaves", "stop + (start - stop) (1 - u^k)^power",
            "Zhang & Li 2020 (arXiv:2004.05909)", (
                Parameter("k", 0.5, 10.0, "exponent of the time", 2.0, closed=True),
                Parameter("power", 0.25, 10.0, "exponent of what is left", 1.5, closed=True),
            ),
        ),
    )
}  # fmt: skip

CURVES: dict[str, Shape] = {
    curve.name: curve
    for curve in (
        Shape(
            "geometric", "the same factor every step", "start gamma^x", "exponential decay; torch `ExponentialLR`", (
                Parameter("gamma", 1e-300, 1e9, "the factor of one step; above 1 the curve needs an end", 0.99, closed=True),
            ), growth=lambda gamma, x: gamma**x,
        ),
        Shape(
            "natural_exponential", "the same factor every step, by its logarithm", "start exp(-rate x)", "Paddle `NaturalExpDecay`", (
                Parameter("rate", 1e-30, 700.0, "what the logarithm loses a step", 0.01, closed=True),
            ),
        ),
        Shape(
            "inverse_time", "time-based decay", "start / (1 + rate x)", "Robbins & Monro 1951; Keras `InverseTimeDecay`", (
                Parameter("rate", 1e-15, 1e9, "per step; after 1 / rate steps half is left", 0.05, closed=True),
            ),
        ),
        Shape(
            "inverse_sqrt", "the inverse square root of time", "start / sqrt(1 + x / timescale)",
            "Vaswani et al. 2017 (arXiv:1706.03762), past its warmup", (
                Parameter("timescale", 1e-9, 1e15, "steps after which 1 / sqrt(2) is left", 20.0, closed=True),
            ),
        ),
        Shape(
            "power_law", "a power of time", "start (1 + x / timescale)^exponent", "Shen et al. 2024 (arXiv:2408.13359), past its warmup", (
                Parameter("exponent", -16.0, 16.0, "above 0 the curve needs an end", -0.51, closed=True),
                Parameter("timescale", 1e-9, 1e15, "steps after which 2^exponent is left", 20.0, closed=True),
            ), growth=lambda exponent, timescale, x: (1 + x / timescale) ** exponent,
        ),
    )
}  # fmt: skip

CODES: dict[str, int] = {name: code for code, name in enumerate((*SHAPES, *CURVES))}
"""The number by which the kernel knows each shape: its place in these registries and in LR_SHAPES and LR_CURVES of `_shapes.h`."""
