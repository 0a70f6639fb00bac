"""A plan as Python functions of the step: for a project, a colleague or a paper that shall not need lrcore.

functions.py      schedules as functions, for every binding
cycles.py         how a cycle is found, and what grows and decays
leaves.py         curves, tables and clocks as expressions
formulas.py       curves as short expressions
phases.py         which steps belong to which curve
dialects.py       numbers or arrays, and the helpers each of them needs
closed_forms.py   the curves these functions call; scalars.py, arrays.py: what numbers and arrays do not share
folding.py        factors that go into the numbers of a schedule
rules.py          what a framework's own rule can follow
heading.py        the comment that code begins with
layout.py         numbers and long lines as a person writes them
"""

from __future__ import annotations

from keyword import iskeyword
from typing import Any

import lrcore as lr

from .functions import Functions
from .heading import heading
from .layout import module, string


def to_code(plan: lr.Plan | lr.BoundPlan | lr.Schedule) -> str:
    """Python code of functions of the step with the plan's values, which needs nothing but the standard library.

    plan : a Plan, a Schedule that is the plan of `lr`, or what `plan.bind(names)` gives

    There is a function for every field, `lr(step)`, or for every field of every group, `lr_head(step)`; equal schedules share one. If
    there are several, `values(step)` returns {group: {field: value}}, as `Stepper.current` does. step is an int >= 0. Values are
    within 1e-12 of lrcore's over any run.

    Raises PlanError for what no such function gives: rules, and more than 4,096 samples; SpecError for fractions of a horizon that
    is not known.

    >>> import lrcore as lr
    >>> print(to_code(lr.Plan(lr.inverse_time(0.1, 0.02), momentum=0.9)))
    # Plan(inverse_time(0.1, rate=0.02), momentum=0.9)
    # Steps count updates, from 0.
    <BLANKLINE>
    <BLANKLINE>
    def lr(step):
        return 0.1 / (1 + 0.02 * step)
    <BLANKLINE>
    <BLANKLINE>
    def momentum(step):
        return 0.9
    <BLANKLINE>
    <BLANKLINE>
    def values(step):
        return {
            "default": {"lr": lr(step), "momentum": momentum(step)},
        }
    <BLANKLINE>
    """
    bound = lr.bound_plan(plan)
    if bound.plan.adapt is not None:
        raise lr.PlanError(
            "The plan has a rule, which no function of the step can follow. Drive it with Stepper, whose observe feeds the rule, or leave "
            "adapt out."
        )
    functions = Functions({"values"}, "Stepper")
    several = len(bound.names) > 1
    called: dict[str, dict[str, str]] = {name: {} for name in bound.names}
    for (name, field), schedule in zip(bound.columns, bound.schedules, strict=True):
        wish = f"{field}_{identifier(name)}" if several else f"{field}_" if iskeyword(field) else field
        called[name][field] = functions.of(schedule, wish, f"{field} of group {name!r}" if several else field)
    text = functions.text()
    if len(bound.columns) > 1:
        text += "\n\n\ndef values(step):\n    return {\n" + "".join(f"        {_entry(*item)}\n" for item in called.items()) + "    }"
    return module(heading(plan, bound, "Steps count updates, from 0."), functions.imports(), text)


def _entry(name: str, fields: dict[str, Any]) -> str:
    inner = ", ".join(f'"{field}": {function}(step)' for field, function in fields.items())
    return f"{string(name)}: {{{inner}}},"


def identifier(name: str) -> str:
    """A group's name as part of a name of Python."""
    return "".join(letter if letter.isalnum() else "_" for letter in name)
