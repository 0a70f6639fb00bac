"""What a schedule on the canvas begins with: a recipe's example, or what an expression says."""

from __future__ import annotations

import ast
from typing import Any

from ..expression import to_expression
from ..registry import Recipe, recipes
from ..schedule import Schedule
from ..shapes import CURVES, SHAPES, Shape
from .canvas import Named, What, Written
from .making import Refusals, schedule


def fresh(recipe: Recipe, before: What | None = None) -> Named:
    """A recipe with the arguments of its example, and its defaults; numbers of `before` by the same names are kept where they will do."""
    start = with_shape(recipe, Named(recipe.name, {name: _plain(value) for name, value in recipe.complete(recipe.example).items()}))
    if not isinstance(before, Named):
        return start
    numbers = {parameter.name for parameter in recipe.parameters if parameter.domain.kind in ("value", "ratio", "count", "length")}
    kept = Named(recipe.name, {**start.arguments, **{name: value for name, value in before.arguments.items() if name in numbers}})
    refused: Refusals = {}
    schedule(kept, ("lr",), refused)
    return start if refused else kept


def _plain(value: Any) -> Any:
    """An argument of an example as the canvas keeps it."""
    if isinstance(value, Schedule):
        return read_call(to_expression(value))
    return list(value) if isinstance(value, tuple) else value


def shape_of(recipe: Recipe, arguments: dict[str, Any]) -> Shape | None:
    """The shape whose own parameters a recipe takes by name, as its arguments choose it."""
    if not recipe.takes_shape_parameters:
        return None
    chosen = next(arguments.get(parameter.name) for parameter in recipe.parameters if parameter.domain.kind == "shape")
    return SHAPES.get(chosen) or CURVES.get(chosen) if isinstance(chosen, str) else None


def with_shape(recipe: Recipe, what: Named) -> Named:
    """The recipe with the parameters of the shape that is chosen, and no other's."""
    own = {parameter.name for parameter in recipe.parameters}
    shape = shape_of(recipe, what.arguments)
    examples = {parameter.name: parameter.example for parameter in shape.parameters} if shape else {}
    kept = {name: value for name, value in what.arguments.items() if name in own or name in examples}
    return Named(what.recipe, {**examples, **kept})


def read_call(text: str) -> What:
    """An expression as a recipe with arguments, if it is one call of one; else as it is."""
    written = Written(text)
    try:
        call = ast.parse(text.strip(), mode="eval").body
    except (SyntaxError, ValueError, MemoryError, RecursionError):
        return written
    if not isinstance(call, ast.Call):
        return written
    name = ast.unparse(call.func).removeprefix("lr.")
    recipe = recipes().get(name)
    if recipe is None or any(keyword.arg is None for keyword in call.keywords):
        return written
    names = [parameter.name for parameter in recipe.parameters if not parameter.keyword]
    given = dict(zip(names, call.args, strict=False)) | {str(keyword.arg): keyword.value for keyword in call.keywords}
    if len(call.args) > len(names) or len(given) < len(call.args) + len(call.keywords):
        return written
    domains = {parameter.name: parameter.domain for parameter in recipe.parameters}
    try:
        arguments = {
            key: read_call(ast.unparse(node)) if key in domains and domains[key].kind == "schedule" else _plain(ast.literal_eval(node))
            for key, node in given.items()
        }
    except ValueError:  # arithmetic, which an expression may hold and an argument may not
        return written
    return with_shape(recipe, Named(name, {**_plain_defaults(recipe), **arguments}))


def _plain_defaults(recipe: Recipe) -> dict[str, Any]:
    return {parameter.name: _plain(parameter.default) for parameter in recipe.parameters if not parameter.required}
