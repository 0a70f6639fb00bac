"""A plan as code of optax's own schedules: for a project, a colleague or a paper that shall not need lrcore."""

from __future__ import annotations

import textwrap

import lrcore as lr

from ..fields import KEYS
from .expressions import Expressions


def to_code(plan: lr.Plan | lr.BoundPlan | lr.Schedule) -> str:
    """Python code of optax schedules with the plan's values; it imports optax, and jax.numpy and math where it needs them.

    plan : a Schedule, or a Plan of one group with one field: the code makes `schedule`. Any other plan, or what `plan.bind(names)`
        gives: the code makes `schedules`, {group: {argument of the factory: schedule}}

    Functions of `optax.schedules`, joined ones too, wherever they have these values at every count, and past the end; what they
    cannot say is written beside them in jax.numpy, in closed form. They compute in float32 as optax does: to about 1e-5 of
    the largest value, up to counts of 2^24; `lrcore_jax.schedule` is right further on, and in the tails. A schedule whose end is an
    error holds its last value.

    Raises PlanError for what has no such form: noise, clocks that are stretched, more than 4,096 samples, more than 2^31 steps;
    SpecError for fractions of a horizon that is not known.

    >>> import lrcore as lr
    >>> print(to_code(lr.linear(0.0, 0.1, 5) >> lr.cosine(0.1, 0.0, 95)))
    import optax
    <BLANKLINE>
    schedule = optax.warmup_cosine_decay_schedule(0.0, 0.1, 5, 100)
    <BLANKLINE>
    >>> print(to_code(lr.Plan(lr.step(0.1, 0.5, every=30), weight_decay=0.01)))
    import optax
    <BLANKLINE>
    schedules = {
        "default": {
            "learning_rate": optax.exponential_decay(0.1, 30, 0.5, staircase=True),
            "weight_decay": optax.constant_schedule(0.01),
        },
    }
    <BLANKLINE>
    """
    bound = lr.bound_plan(plan)
    expressions = Expressions()
    if len(bound.columns) == 1 and not bound.plan.groups:
        made = f"schedule = {expressions.of(bound.schedules[0], bound.columns[0][1])}\n"
    else:
        made = f"schedules = {{\n{textwrap.indent(_groups(bound, expressions), '    ')}}}\n"
    helpers = expressions.helpers()
    head = "".join(f"{line}\n" for word, line in _IMPORTS.items() if word in helpers + made)
    return "\n".join([head, f"\n{helpers}\n\n", made]) if helpers else f"{head}\n{made}"


_IMPORTS = {"math.": "import math\n", "jnp.": "import jax.numpy as jnp", "optax.": "import optax"}


def _groups(bound: lr.BoundPlan, expressions: Expressions) -> str:
    rows: dict[str, str] = dict.fromkeys(bound.names, "")
    for (name, field), schedule in zip(bound.columns, bound.schedules, strict=True):
        text = expressions.of(schedule, f"{field} of group {name!r}")
        rows[name] += f'    "{KEYS.get(field, (field,))[0]}": {text},\n'
    return "".join(f"{_quoted(name)}: {{\n{row}}},\n" for name, row in rows.items())


def _quoted(name: str) -> str:
    return repr(name) if '"' in name or "\\" in name else f'"{name}"'
