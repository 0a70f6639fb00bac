"""What every function here takes for a plan."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import lrcore as lr


def bound_plan(plan: Any, names: Iterable[str] | None = None) -> lr.BoundPlan:
    """A Plan met with names, the plan of a bare Schedule, or a BoundPlan as it is; SpecError for anything else."""
    if isinstance(plan, lr.BoundPlan):
        if names is not None:
            raise lr.SpecError("names", "None with a BoundPlan", names, "It has names of its own.")
        return plan
    if isinstance(plan, lr.Schedule):
        plan = lr.Plan(plan)
    if not isinstance(plan, lr.Plan):
        raise lr.SpecError("plan", "a Plan, a BoundPlan or a Schedule", plan)
    return plan.bind(names)
