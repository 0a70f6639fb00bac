"""lrcore: learning-rate schedules as values, evaluated for whole step ranges at the speed of memory."""

from ._kernel import simd_level, write_row
from .catalogue import constant, cosine, cosine_restarts, exponential, linear, polynomial, warmup, warmup_cosine, wsd
from .diff import Change, PlanDiff
from .document import from_json
from .errors import LrcoreError, PlanError, SpecError, StateError, TableError
from .plan import BoundPlan, Plan, layerwise
from .program import Program, compile_columns, compile_schedule
from .schedule import (
    Constant,
    Every,
    Knots,
    Maximum,
    Minimum,
    PastEnd,
    Per,
    Product,
    Ramp,
    Repeat,
    Samples,
    Schedule,
    Sequence,
    Stretch,
    Sum,
    Until,
    from_function,
    maximum,
    minimum,
    ramp,
)
from .shapes import SHAPES, Parameter, Shape
from .state import ON_CHANGE, OnChange, check_state, make_state
from .table import Column, Table, open_table

__version__ = "0.1.0"

__all__ = [
    "BoundPlan",
    "Change",
    "Column",
    "Constant",
    "Every",
    "Knots",
    "LrcoreError",
    "Maximum",
    "Minimum",
    "ON_CHANGE",
    "OnChange",
    "Parameter",
    "PastEnd",
    "Per",
    "Plan",
    "PlanDiff",
    "PlanError",
    "Product",
    "Program",
    "Ramp",
    "Repeat",
    "SHAPES",
    "Samples",
    "Schedule",
    "Sequence",
    "Shape",
    "SpecError",
    "StateError",
    "Stretch",
    "Sum",
    "Table",
    "TableError",
    "Until",
    "check_state",
    "compile_columns",
    "compile_schedule",
    "constant",
    "cosine",
    "cosine_restarts",
    "exponential",
    "from_function",
    "from_json",
    "layerwise",
    "linear",
    "make_state",
    "maximum",
    "minimum",
    "open_table",
    "polynomial",
    "ramp",
    "simd_level",
    "warmup",
    "warmup_cosine",
    "write_row",
    "wsd",
]
