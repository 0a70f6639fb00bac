"""The comment that code begins with: the schedule as written, and how the code is used."""

from __future__ import annotations

from typing import Any

import lrcore as lr

from .layout import commented


def heading(plan: Any, bound: lr.BoundPlan, use: str) -> str:
    """The plan as an expression, the run it is for, and `use`, what to do with the code."""
    given = plan if isinstance(plan, lr.Schedule) else bound.plan
    if isinstance(given, lr.Plan) and not given.groups and given == lr.Plan(given.lr, horizon=given.horizon) and given.lr is not None:
        given = given.lr
    steps = bound.plan.updates
    ends = [schedule.span for schedule in bound.schedules]
    if steps is None and all(isinstance(end, int) for end in ends):
        steps = max(end for end in ends if isinstance(end, int))
    run = f"A run of {steps:,} updates. " if steps else ""
    return commented(lr.to_expression(given)) + commented(run + use)
