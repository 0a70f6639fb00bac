"""A plan as Python functions of the step: for a project, a colleague or a paper that shall not need lrcore.

functions.py      schedules as functions, for every binding
closed_forms.py   the curves these functions call
"""

from __future__ import annotations

from keyword import iskeyword
from typing import Any

import lrcore as lr

from .functions import Functions


def to_code(plan: lr.Plan | lr.BoundPlan | lr.Schedule) -> str:
    """Python code of functions of the step with the plan's values, which needs nothing but `math`.

    plan : a Plan, a Schedule that is the plan of `lr`, or what `plan.bind(names)` gives

    There is a function for every field, `lr(t)`, or for every field of every group, `lr_head(t)`; equal schedules share one. If there
    are several, `values(t)` returns {group: {field: value}}, as `Stepper.current` does. t is a step, an int >= 0. Values are
    within 1e-12 of lrcore's over any run.

    Raises PlanError for what no such function gives: noise, and more than 4,096 samples; SpecError for fractions of a horizon that is
    not known.

    >>> import lrcore as lr
    >>> print(to_code(lr.Plan(lr.inverse_time(0.1, 0.02), momentum=0.9)))
    def lr(t):
        return 0.1 / (1 + 0.02 * t)
    <BLANKLINE>
    <BLANKLINE>
    def momentum(t):
        return 0.9
    <BLANKLINE>
    <BLANKLINE>
    def values(t):
        return {
            "default": {"lr": lr(t), "momentum": momentum(t)},
        }
    <BLANKLINE>
    """
    bound = lr.bound_plan(plan)
    functions = Functions({"values"}, "Stepper")
    several = len(bound.names) > 1
    called: dict[str, dict[str, str]] = {name: {} for name in bound.names}
    for (name, field), schedule in zip(bound.columns, bound.schedules, strict=True):
        wish = f"{field}_{_identifier(name)}" if several else f"{field}_" if iskeyword(field) else field
        called[name][field] = functions.of(schedule, wish, f"{field} of group {name!r}" if several else field)
    text = functions.text()
    if len(bound.columns) > 1:
        text += "\n\n\ndef values(t):\n    return {\n" + "".join(f"        {_entry(*item)}\n" for item in called.items()) + "    }"
    return ("import math\n\n\n" if functions.uses_math else "") + text + "\n"


def _entry(name: str, fields: dict[str, Any]) -> str:
    inner = ", ".join(f'"{field}": {function}(t)' for field, function in fields.items())
    key = f'"{name}"' if name.isprintable() and not set(name) & set('"\\') else repr(name)
    return f"{key}: {{{inner}}},"


def _identifier(name: str) -> str:
    return "".join(letter if letter.isalnum() else "_" for letter in name)
