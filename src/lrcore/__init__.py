"""lrcore: learning-rate schedules as values, evaluated for whole step ranges at the speed of memory."""

from ._kernel import simd_level, write_row
from .catalogue import constant, cosine, cosine_restarts, exponential, linear, polynomial, warmup, warmup_cosine, wsd
from .document import from_json
from .errors import LrcoreError, PlanError, SpecError, StateError, TableError
from .program import Program, compile_columns, compile_schedule
from .schedule import (
    Constant, Every, Knots, Maximum, Minimum, PastEnd, Per, Product, Ramp, Repeat, Samples, Schedule, Sequence, Stretch, Sum, Until,
    from_function, maximum, minimum, ramp,
)  # fmt: skip
from .shapes import SHAPES, Parameter, Shape

__version__ = "0.1.0"

__all__ = [
    "Constant", "Every", "Knots", "LrcoreError", "Maximum", "Minimum", "Parameter", "PastEnd", "Per", "PlanError", "Product",
    "Program", "Ramp", "Repeat", "SHAPES", "Samples", "Schedule", "Sequence", "Shape", "SpecError", "StateError", "Stretch", "Sum",
    "TableError", "Until", "compile_columns", "compile_schedule", "constant", "cosine", "cosine_restarts", "exponential",
    "from_function", "from_json", "linear", "maximum", "minimum", "polynomial", "ramp", "simd_level", "warmup", "warmup_cosine",
    "write_row", "wsd",
]  # fmt: skip
