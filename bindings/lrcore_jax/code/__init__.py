"""A plan as code of optax's own schedules: for a project, a colleague or a paper that shall not need lrcore. It is written without JAX.

stock.py   which call of optax has a schedule's values
"""

from __future__ import annotations

import textwrap

import lrcore as lr
from lrcore_numpy.code import identifier
from lrcore_numpy.code.dialects import JAX
from lrcore_numpy.code.functions import Functions
from lrcore_numpy.code.heading import heading
from lrcore_numpy.code.layout import module, number, string
from lrcore_numpy.code.rules import rule_of

from ..fields import KEYS
from .stock import stock

_DRIVER = "lrcore_jax.schedule"
_PLATEAU = {
    "factor": ("factor", 0.1), "patience": ("patience", 10), "threshold": ("rtol", 1e-4), "atol": ("atol", 0.0),
    "cooldown": ("cooldown", 0), "accumulation_size": ("accumulation_size", 1), "min_scale": ("min_scale", 0.0),
}  # fmt: skip
"""Our names of what optax's rule takes: its own, and their defaults."""


def to_code(plan: lr.Plan | lr.BoundPlan | lr.Schedule) -> str:
    """Python code of optax schedules with the plan's values; it imports optax, and jax.numpy and math where it needs them.

    plan : a Schedule, or a Plan of one group with one field: the code makes `schedule`. Any other plan, or what `plan.bind(names)`
        gives: the code makes `schedules`, {group: {argument of the factory: schedule}}; a group that keeps its values is left out

    Functions of `optax.schedules`, joined ones too, wherever they have these values at every count, and past the end; anything else is a
    function in jax.numpy, in closed form. They compute in float32 as optax does: to about 1e-5 of the largest value, up to counts of
    2^24; `lrcore_jax.schedule` is right further on, and in the tails. A schedule whose end is an error holds its last value. A
    rule of optax's convention, the same for all groups, becomes `plateau`, which follows the optimizer in an `optax.chain`.

    Raises PlanError for what has no such form: other rules, noise, clocks stretched by fractions of large numbers, more than 4,096
    samples; SpecError for fractions of a horizon that is not known.

    >>> import lrcore as lr
    >>> print(to_code(lr.linear(0.0, 0.1, 5) >> lr.cosine(0.1, 0.0, 95)))
    # linear(0.0, 0.1, 5) >> cosine(0.1, 0.0, 95)
    # A run of 100 updates. optax counts the updates: optimizer =
    # optax.adamw(learning_rate=schedule).
    import optax
    <BLANKLINE>
    schedule = optax.warmup_cosine_decay_schedule(0.0, 0.1, 5, 100)
    <BLANKLINE>
    >>> print(to_code(lr.Plan(lr.step(0.1, 0.5, every=30), weight_decay=0.01)))
    # Plan(curve(0.1, "geometric", gamma=0.5).per(30), weight_decay=0.01)
    # optax counts the updates, in the optimizer below.
    import optax
    <BLANKLINE>
    schedules = {
        "default": {
            "learning_rate": optax.exponential_decay(0.1, 30, 0.5, staircase=True),
            "weight_decay": optax.constant_schedule(0.01),
        },
    }
    # optimizer = optax.inject_hyperparams(optax.adamw)(**schedules["default"])
    <BLANKLINE>
    """
    bound = lr.bound_plan(plan)
    functions = Functions({"schedules", "plateau"}, _DRIVER, JAX)
    alone = len(bound.columns) == 1 and not bound.plan.groups
    plateau = "" if bound.plan.adapt is None else _plateau(bound)
    if alone:
        field = KEYS.get(bound.columns[0][1], (bound.columns[0][1],))[0]
        call = stock(bound.schedules[0])
        if call is None:
            functions.of(bound.schedules[0], "schedule", bound.columns[0][1])
        made = f"schedule = {call}\n" if call else ""
        factory = f"optax.{_factory(bound)}({field}=schedule)"
        use = f"optax counts the updates: optimizer = {factory}."
    else:
        made = f"schedules = {{\n{textwrap.indent(_groups(bound, functions), '    ')}}}\n"
        use, factory = "optax counts the updates, in the optimizer below.", _optimizer(bound)
    if plateau:
        use = "optax counts the updates; the rule is fed by update(gradients, state, parameters, value=loss)."
        made += f"{plateau}\n# optimizer = optax.chain({factory}, plateau)\n"
    elif not alone:
        made += "".join(f"# {line}\n" for line in f"optimizer = {factory}".splitlines())
    text = functions.text()
    imports = functions.imports(*["import optax"] * ("optax." in made.partition("# ")[0]))
    return module(heading(plan, bound, use), imports, text, made)


def _factory(bound: lr.BoundPlan) -> str:
    return "sgd" if any(field == "momentum" for _, field in bound.columns) else "adamw"


def _optimizer(bound: lr.BoundPlan) -> str:
    made = f"optax.inject_hyperparams(optax.{_factory(bound)})"
    if not bound.plan.groups:
        return f'{made}(**schedules["{bound.names[0]}"])'
    each = f"    {{\n        group: {made}(**fields)\n        for group, fields in schedules.items()\n    }},\n"
    return f"optax.partition(\n{each}    labels,\n)"


def _groups(bound: lr.BoundPlan, functions: Functions) -> str:
    rows: dict[str, str] = dict.fromkeys(bound.names, "")
    for (name, field), schedule in zip(bound.columns, bound.schedules, strict=True):
        word = KEYS.get(field, (field,))[0]
        wish = f"{word}_{identifier(name)}" if bound.plan.groups else word
        text = stock(schedule) or functions.of(schedule, wish, f"{field} of group {name!r}")
        rows[name] += f'    "{word}": {text},\n'
    return "".join(f"{string(name)}: {{\n{row}}},\n" if row else f"# {string(name)} keeps its own values\n" for name, row in rows.items())


def _plateau(bound: lr.BoundPlan) -> str:
    rule = rule_of(bound, "optax", "optax.contrib.reduce_on_plateau")
    given = {word: getattr(rule, name) for name, (word, usual) in _PLATEAU.items() if getattr(rule, name) != usual}
    shown = ", ".join(f"{word}={number(value) if isinstance(value, float) else value}" for word, value in given.items())
    return f"plateau = optax.contrib.reduce_on_plateau({shown})"
