"""What recipes share: parameters that mean the same everywhere, and lengths within a run."""

from decimal import Decimal, localcontext
from fractions import Fraction
from typing import Annotated

from ..checks import Length, decimal_fraction, rounded
from ..errors import SpecError
from ..registry import count, length, value
from ..schedule import Constant, Curve, Number, Ramp, Schedule, Sequence, Sum, ramp

Start = Annotated[Number, value(), "the value of step 0"]
Stop = Annotated[Number, value(), "the value reached at the end"]
Peak = Annotated[Number, value(), "the value at the top"]
Steps = Annotated[Length, length(), "steps from start to stop"]
Run = Annotated[int, count(), "steps of the whole run"]
Climb = Annotated[Length, length(rest=False), "steps of the climb from 0; a fraction is one of the run"]
Every = Annotated[int, count(1), "steps between changes"]

GOYAL = "Goyal et al. 2017 (arXiv:1706.02677), section 2.2"
SGDR = "Loshchilov & Hutter 2016 (arXiv:1608.03983)"
SMITH = "Smith 2015 (arXiv:1506.01186)"


def within(value: Length, path: str, steps: int, of: str = "run") -> int:
    """A length as steps of a run of `steps`, and not longer than it."""
    if isinstance(value, float):
        value = rounded(decimal_fraction(value) * steps)
    if isinstance(value, str) or value > steps:
        raise SpecError(path, f"a length within the {steps} steps of the {of}", value)
    return value


def phases(steps: int, **lengths: Length) -> list[int]:
    """Several lengths as steps of a run of `steps`, all of them together not longer than it."""
    whole = {path: within(value, path, steps) for path, value in lengths.items()}
    if sum(whole.values()) > steps:
        raise SpecError(list(whole)[-1], f"{' and '.join(whole)} within the {steps} steps of the run", whole)
    return list(whole.values())


def clocked(curve: Curve, every: int, staircase: bool) -> Schedule:
    """A curve whose unit of time is `every` steps, by stairs or smoothly."""
    return curve if every == 1 else curve.per(every) if staircase else curve.stretch(every)


def cooldown(peak: Number, stop: Number, steps: Length, shape: str, parameters: dict[str, Number]) -> Schedule:
    """From peak to stop along any shape of the registry, or along Megatron's `halving`."""
    if shape != "halving":
        return ramp(peak, stop, steps, shape, endpoint=False, **parameters)
    if parameters:
        raise SpecError("parameters", "exactly those of halving (none)", sorted(parameters))
    if peak == stop:
        return Ramp(peak, stop, steps)
    fall = Sum((Constant(2 * stop - peak), Ramp(2 * (peak - stop), peak - stop, steps, "exponential")))
    return Sequence((fall, Ramp(stop, stop, 0)))  # the sum comes within a rounding of stop, what holds is stop


PI = Decimal("3.14159265358979323846264338327950288419716939937511")


def cos_pi(u: Fraction) -> Fraction:
    """cos(pi u), u from 0 to 1, to 40 digits, the same on every machine."""
    with localcontext() as context:
        context.prec = 50
        square = (PI * u.numerator / u.denominator) ** 2
        total = term = Decimal(1)
        for n in range(2, 80, 2):
            term *= -square / (n * (n - 1))
            total += term
    return Fraction(total)


def exp(x: Fraction) -> Fraction:
    """exp(x) to 40 digits, the same on every machine, which the C library's is not."""
    with localcontext() as context:
        context.prec = 40
        return Fraction((Decimal(x.numerator) / Decimal(x.denominator)).exp())
