"""Schedules as values: immutable expressions that map a step to a float64.

A schedule checks itself when it is made and computes nothing: it compares, hashes, prints and stores. Evaluation belongs to
the Program it compiles to. Lengths count steps; a phase owns its first step and not the one after its last (half-open).

base.py      what all schedules share, and everything that can be done with one
leaves.py    constants, ramps, curves, noise
given.py     values given one by one: knots, samples
clocked.py   one schedule on another clock
joined.py    several schedules on one clock
"""

from typing import TYPE_CHECKING, TypeAlias

from . import clocked, joined
from .base import MAX_DEPTH, Number, Schedule, Span, snake
from .clocked import Every, PastEnd, Per, Repeat, Stretch, Until
from .given import Knots, Samples, from_function
from .joined import Arithmetic, Maximum, Minimum, Product, Sequence, Sum, maximum, minimum
from .leaves import Constant, Curve, Noise, Ramp, as_schedule, curve, ramp

if TYPE_CHECKING:
    AnySchedule: TypeAlias = Schedule
else:
    AnySchedule = (
        Constant | Ramp | Curve | Noise | Knots | Samples | Sequence | Product | Sum | Minimum | Maximum
        | Repeat | Every | Per | Stretch | Until | PastEnd
    )  # fmt: skip
    clocked.AnySchedule = joined.AnySchedule = AnySchedule  # where the JSON decoder looks for what the fields are said to be

__all__ = [
    "AnySchedule",
    "Arithmetic",
    "Constant",
    "Curve",
    "Every",
    "Knots",
    "MAX_DEPTH",
    "Maximum",
    "Minimum",
    "Noise",
    "Number",
    "PastEnd",
    "Per",
    "Product",
    "Ramp",
    "Repeat",
    "Samples",
    "Schedule",
    "Sequence",
    "Span",
    "Stretch",
    "Sum",
    "Until",
    "as_schedule",
    "curve",
    "from_function",
    "maximum",
    "minimum",
    "ramp",
    "snake",
]
