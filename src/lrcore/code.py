"""A plan as code to paste: for lrcore itself, or for a framework alone, by the generators of the bindings.

The generators need no framework: the code for torch can be written where torch is not installed.
"""

from __future__ import annotations

from importlib import import_module
from typing import Literal, get_args

from .errors import SpecError
from .expression import to_expression
from .expression.layout import laid_out
from .plan import BoundPlan, Plan
from .schedule import Schedule

Target = Literal["torch", "keras", "optax", "numpy", "lrcore"]
TARGETS: tuple[Target, ...] = get_args(Target)
"""What code can be written for."""

_GENERATORS = {"torch": "lrcore_torch.code", "keras": "lrcore_keras.code", "optax": "lrcore_jax.code", "numpy": "lrcore_numpy.code"}


def to_code(plan: Plan | BoundPlan | Schedule, target: Target = "lrcore", expression: str | None = None) -> str:
    """Python code that gives a plan's values at every step and past its end.

    target : "torch", "keras", "optax" and "numpy" give code that does without lrcore; "lrcore" gives the plan itself, which any of the
        bindings takes
    expression : for "lrcore", how the plan is written, instead of what `lr.to_expression` makes of it
    Raises SpecError for another target, PlanError for what a target cannot say; the sentence tells what can.

    >>> import lrcore as lr
    >>> print(to_code(lr.linear(0.0, 0.1, 100) >> lr.cosine(0.1, 0.0, 900)))
    import lrcore as lr
    <BLANKLINE>
    plan = lr.Plan(lr.linear(0.0, 0.1, 100) >> lr.cosine(0.1, 0.0, 900))
    <BLANKLINE>
    """
    if target not in TARGETS:
        raise SpecError("target", f"one of {', '.join(TARGETS)}", target)
    if target != "lrcore":
        return str(import_module(_GENERATORS[target]).to_code(plan))
    whole = plan.plan if isinstance(plan, BoundPlan) else plan
    written = to_expression(whole, "lr.") if expression is None else expression
    if not isinstance(whole, Plan):
        written = f"lr.Plan({written})"
    return f"import lrcore as lr\n\n{laid_out(written, 'plan = ')}\n"
