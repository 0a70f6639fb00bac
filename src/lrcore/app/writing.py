"""What an item is in lrcore's own words: the recipe as it is called, rather than the parts it is made of."""

from __future__ import annotations

from typing import Any

import msgspec

from ..code import to_code
from ..document import from_json
from ..expression import from_expression, to_expression
from ..expression.writing import _prefixed, call
from ..plan import KEYWORDS, Plan
from ..registry import RecipeParameter, recipes
from .canvas import Item, Named, Stored, What, Written


def expression(what: What) -> str:
    """An expression that gives the schedule; of a recipe, arguments that are its defaults are left out."""
    match what:
        case Written():
            return what.text.strip()
        case Stored():
            return to_expression(from_json(what.json))
    known = {parameter.name: parameter for parameter in recipes()[what.recipe].parameters}
    placed: list[str] = []
    named: list[str] = []
    for name in sorted(what.arguments, key=lambda name: list(known).index(name) if name in known else len(known)):
        value = what.arguments[name]
        if _is_default(known.get(name), value):
            continue
        text = expression(value) if isinstance(value, Named | Written | Stored) else call("", value)[1:-1]
        parameter = known.get(name)
        by_place = parameter is not None and parameter.required and not parameter.keyword and not named
        (placed if by_place else named).append(text if by_place else f"{name}={text}")
    return f"{what.recipe}({', '.join(placed + named)})"


def _is_default(parameter: RecipeParameter | None, value: Any) -> bool:
    return (
        parameter is not None and not parameter.required and value == parameter.default and (value is None) == (parameter.default is None)
    )


def lrcore_code(item: Item, plan: Plan) -> str:
    """The code that gives an item's plan, with its recipes called by name wherever that is the very same plan.

    >>> import lrcore as lr
    >>> print(lrcore_code(Item(1, "", {"lr": Named("step", {"start": 0.1, "gamma": 0.5, "every": 20})}), lr.Plan(lr.step(0.1, 0.5, 20))))
    import lrcore as lr
    <BLANKLINE>
    plan = lr.Plan(lr.step(0.1, 0.5, 20))
    <BLANKLINE>
    """
    try:
        code = to_code(plan, "lrcore", _prefixed(_whole(item, plan), "lr."))
        if from_expression(code) == plan:
            return code
    except (ValueError, KeyError, SyntaxError, RecursionError):
        pass  # an expression of several lines, for one
    return to_code(plan, "lrcore")


def _whole(item: Item, plan: Plan) -> str:
    """The call of Plan with everything the item says."""
    rate = expression(item.fields["lr"])
    others = {field: expression(what) for field, what in item.fields.items() if field != "lr"}
    unkept = ", ".join(f'"{field}": {text}' for field, text in others.items() if field not in KEYWORDS)
    parts = [rate, *(f"{field}={text}" for field, text in others.items() if field in KEYWORDS)]
    parts += [f"fields={{{unkept}}}"] if unkept else []
    parts += [f"groups={{{', '.join(_groups(item, rate, plan))}}}"] if item.groups else []
    rest = msgspec.structs.replace(plan, **dict.fromkeys(KEYWORDS), fields={}, groups=())
    return f"Plan({', '.join([*parts, *filter(None, [to_expression(rest)[5:-1]])])})"


def _groups(item: Item, rate: str, plan: Plan) -> list[str]:
    last = len(item.groups) - 1
    written = []
    for i, group in enumerate(item.groups):
        factors = [group.factor] if group.factor != 1 else []
        if item.layer_decay is not None and i < last:
            factors.append(item.layer_decay ** (last - i))
        joint = f"({rate})" if factors and (">>" in rate or "+" in rate) else rate
        fields = [f'"lr": {None if group.frozen else " * ".join([*map(repr, factors), joint])}']
        fields += [f'"weight_decay": {group.weight_decay!r}'] if group.weight_decay is not None else []
        written.append(f"{call('', group.name)[1:-1]}: {{{', '.join(fields)}}}")
    return written
