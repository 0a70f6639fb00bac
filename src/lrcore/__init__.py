"""lrcore: learning-rate schedules as values, evaluated for whole step ranges at the speed of memory."""

from importlib import import_module
from typing import TYPE_CHECKING, Any

from ._kernel import RowStepper, RowWriter, simd_level, write_row
from .adaptive.rules import GreedyLR, NewBob, ReduceLROnPlateau, Rule
from .checks import ratio
from .clocks import Clock
from .compiler import compile_columns, compile_schedule
from .document import from_json
from .errors import LoweringError, LrcoreError, PlanError, SpecError, StateError, TableError
from .plan import BoundPlan, Plan, bound_plan, layerwise
from .program import Program
from .schedule import (
    Constant,
    Curve,
    Every,
    Knots,
    Maximum,
    Minimum,
    Noise,
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
    curve,
    from_function,
    maximum,
    minimum,
    ramp,
)
from .shapes import CURVES, SHAPES, Parameter, Shape
from .state import ON_CHANGE, OnChange, base_of, check_state, events_of, exactly, make_state
from .table import Column, Table, open_table, rounded_once

__version__ = "0.1.0"

if TYPE_CHECKING:
    from . import presets
    from .adaptive.adaptation import Adaptation, Event, Replay
    from .adaptive.groups import Adaptations
    from .catalogue import (
        chebyshev,
        compounding,
        constant,
        cosine,
        cosine_linear,
        cosine_power,
        cosine_power_annealing,
        cosine_restarts,
        cosine_then_linear,
        cosine_wave,
        cyclic,
        cyclic_momentum,
        direct_power,
        exponential,
        exponential_decay,
        flat_cosine,
        half_cosine,
        infinite,
        inverse_sqrt,
        inverse_time,
        jagged_restarts,
        k_decay,
        linear,
        linear_to_zero,
        lr_range_test,
        multistep,
        natural_exponential,
        noam,
        noise,
        noisy_linear_cosine,
        one_cycle,
        one_cycle_momentum,
        piecewise_constant,
        polynomial,
        power,
        power_scheduler,
        rex,
        sigmoid,
        sine_wave,
        slanted_triangular,
        step,
        tanh_decay,
        tri_stage,
        warm_cool_decay,
        warmup,
        warmup_cosine,
        warmup_factor,
        warmup_flat_linear,
        warmup_linear,
        warmup_restarts,
        wsd,
        wsd_s,
    )
    from .changes import Change, PlanDiff, diff
    from .code import TARGETS, to_code
    from .drawing.pictures import plot
    from .expression.reading import from_expression
    from .expression.writing import to_expression
    from .finder import RangeTest, Suggestion
    from .findings.finding import CHECKS, Finding, Findings
    from .introspect import Explanation, Phase, Phases
    from .lowering import lower
    from .ops import NumpyOps, Ops
    from .reach import Extrema, Point
    from .registry import Domain, Recipe, RecipeParameter, recipes
    from .run_clock import RunClock

_LATER = {
    "Adaptation": "adaptive.adaptation",
    "Adaptations": "adaptive.groups",
    "CHECKS": "findings.finding",
    "Change": "changes",
    "Domain": "registry",
    "Event": "adaptive.adaptation",
    "Explanation": "introspect",
    "Extrema": "reach",
    "Finding": "findings.finding",
    "Findings": "findings.finding",
    "NumpyOps": "ops",
    "Ops": "ops",
    "Phase": "introspect",
    "Phases": "introspect",
    "PlanDiff": "changes",
    "Point": "reach",
    "RangeTest": "finder",
    "Recipe": "registry",
    "RecipeParameter": "registry",
    "Replay": "adaptive.adaptation",
    "RunClock": "run_clock",
    "Suggestion": "finder",
    "TARGETS": "code",
    "diff": "changes",
    "from_expression": "expression.reading",
    "lower": "lowering",
    "plot": "drawing.pictures",
    "recipes": "registry",
    "to_code": "code",
    "to_expression": "expression.writing",
}
"""Where a name is that is loaded when it is first asked for; names of __all__ that are neither here nor above are recipes."""


def __getattr__(name: str) -> Any:
    if name == "presets":
        return import_module(".presets", __name__)
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    found = globals()[name] = getattr(import_module(f".{_LATER.get(name, 'catalogue')}", __name__), name)
    return found


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})


__all__ = [
    "Adaptation",
    "Adaptations",
    "BoundPlan",
    "CHECKS",
    "CURVES",
    "Change",
    "Clock",
    "Column",
    "Constant",
    "Curve",
    "Domain",
    "Event",
    "Every",
    "Explanation",
    "Extrema",
    "Finding",
    "Findings",
    "GreedyLR",
    "Knots",
    "LoweringError",
    "LrcoreError",
    "Maximum",
    "Minimum",
    "NewBob",
    "Noise",
    "NumpyOps",
    "ON_CHANGE",
    "OnChange",
    "Ops",
    "Parameter",
    "PastEnd",
    "Per",
    "Phase",
    "Phases",
    "Plan",
    "PlanDiff",
    "PlanError",
    "Point",
    "Product",
    "Program",
    "Ramp",
    "RangeTest",
    "Recipe",
    "RecipeParameter",
    "ReduceLROnPlateau",
    "Repeat",
    "Replay",
    "RowStepper",
    "RowWriter",
    "Rule",
    "RunClock",
    "SHAPES",
    "Samples",
    "Schedule",
    "Sequence",
    "Shape",
    "SpecError",
    "StateError",
    "Stretch",
    "Suggestion",
    "Sum",
    "TARGETS",
    "Table",
    "TableError",
    "Until",
    "base_of",
    "bound_plan",
    "chebyshev",
    "check_state",
    "compile_columns",
    "compile_schedule",
    "compounding",
    "constant",
    "cosine",
    "cosine_linear",
    "cosine_power",
    "cosine_power_annealing",
    "cosine_restarts",
    "cosine_then_linear",
    "cosine_wave",
    "curve",
    "cyclic",
    "cyclic_momentum",
    "diff",
    "direct_power",
    "events_of",
    "exactly",
    "exponential",
    "exponential_decay",
    "flat_cosine",
    "from_expression",
    "from_function",
    "from_json",
    "half_cosine",
    "infinite",
    "inverse_sqrt",
    "inverse_time",
    "jagged_restarts",
    "k_decay",
    "layerwise",
    "linear",
    "linear_to_zero",
    "lower",
    "lr_range_test",
    "make_state",
    "maximum",
    "minimum",
    "multistep",
    "natural_exponential",
    "noam",
    "noise",
    "noisy_linear_cosine",
    "one_cycle",
    "one_cycle_momentum",
    "open_table",
    "piecewise_constant",
    "plot",
    "polynomial",
    "power",
    "power_scheduler",
    "presets",
    "ramp",
    "ratio",
    "recipes",
    "rex",
    "rounded_once",
    "sigmoid",
    "simd_level",
    "sine_wave",
    "slanted_triangular",
    "step",
    "tanh_decay",
    "to_code",
    "to_expression",
    "tri_stage",
    "warm_cool_decay",
    "warmup",
    "warmup_cosine",
    "warmup_factor",
    "warmup_flat_linear",
    "warmup_linear",
    "warmup_restarts",
    "write_row",
    "wsd",
    "wsd_s",
]
