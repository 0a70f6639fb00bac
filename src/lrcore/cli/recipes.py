"""`lrcore list`: the recipes there are, with their parameters."""

from __future__ import annotations

from dataclasses import asdict
from difflib import get_close_matches
from typing import Annotated, Any

import msgspec
import typer
from rich.text import Text

from ..errors import LrcoreError
from ..registry import Recipe, RecipeParameter, recipes
from .options import AsJson, complete_recipe
from .screen import grid, out, paragraph, put


def list_recipes(
    name: Annotated[
        str | None,
        typer.Argument(
            metavar="NAME", help="A recipe, which is told in full, or a family.", autocompletion=complete_recipe, show_default=False
        ),
    ] = None,
    as_json: AsJson = False,
) -> None:
    """List the recipes there are, or tell one in full."""
    known = recipes()
    chosen = {each: recipe for each, recipe in known.items() if name in (None, each, recipe.family)}
    if not chosen:
        raise LrcoreError(_unknown(str(name), known))
    if as_json:
        found = [_data(recipe) for recipe in chosen.values()]
        out().print(msgspec.json.encode(found[0] if name in known else found).decode(), soft_wrap=True)
    elif name in known:
        _tell(known[name])
    else:
        _overview(chosen)


def _unknown(name: str, known: dict[str, Recipe]) -> str:
    said = [each for each, recipe in known.items() if any(name.lower() in words.lower() for words in recipe.elsewhere.values())]
    if near := get_close_matches(name, known, 1, 0.85):
        hint = f"Did you mean {near[0]}?"
    elif said:
        hint = f"Elsewhere that is a name for something like {' or '.join(said[:4])}."
    else:
        near = get_close_matches(name, known, 1)
        hint = f"Did you mean {near[0]}?" if near else "Leave the name out to see them all."
    return f"There is no recipe {name}. {hint}"


def _overview(chosen: dict[str, Recipe]) -> None:
    console, family = out(), ""
    for name, recipe in chosen.items():
        if recipe.family != family:
            if family:
                console.print()
            family = recipe.family
            console.print(Text(family.capitalize(), "bold underline"))
        paragraph(console, Text.assemble((name, "bold"), f"({_parameters(recipe)})"), indent=2)
        paragraph(console, Text(recipe.summary.partition("\n")[0], "dim"), indent=4)


def _parameters(recipe: Recipe) -> str:
    words = [parameter.name if parameter.required else f"{parameter.name}={parameter.default!r}" for parameter in recipe.parameters]
    first_named = next((i for i, parameter in enumerate(recipe.parameters) if parameter.keyword), None)
    if first_named is not None:
        words.insert(first_named, "*")
    return ", ".join(words + ["**shape parameters"] * recipe.takes_shape_parameters)


def _tell(recipe: Recipe) -> None:
    console = out()
    paragraph(console, Text.assemble((recipe.name, "bold"), f"({_parameters(recipe)})"))
    paragraph(console, " ".join(recipe.summary.split()))
    console.print()
    for parameter in recipe.parameters:
        default = "" if parameter.required else f"; {parameter.default!r} if not given"
        console.print(Text(f"  {parameter.name}", "bold"))
        paragraph(console, f"{parameter.summary}; {parameter.domain.words}{default}", indent=4)
    console.print()
    about = grid("", "")
    about.show_header = False
    rows = {"formula": recipe.formula, "first value": recipe.first, "end": recipe.end or "it has none", "source": recipe.source}
    rows |= {"elsewhere": "\n".join(f"{library}: {words}" for library, words in recipe.elsewhere.items()), "example": _example(recipe)}
    for what, words in rows.items():
        if words:
            about.add_row(Text(what, "bold"), words)
    put(console, about)


def _example(recipe: Recipe) -> str:
    from ..expression import to_expression
    from ..schedule import Schedule

    def told(value: Any) -> str:
        return to_expression(value) if isinstance(value, Schedule) else repr(value)

    return f"{recipe.name}({', '.join(f'{name}={told(value)}' for name, value in recipe.example.items())})"


def _data(recipe: Recipe) -> dict[str, Any]:
    return {
        "name": recipe.name, "family": recipe.family, "summary": recipe.summary, "notes": recipe.notes, "formula": recipe.formula,
        "parameters": [_parameter(each) for each in recipe.parameters], "first": recipe.first, "end": recipe.end,
        "boundary": recipe.boundary, "source": recipe.source, "elsewhere": recipe.elsewhere, "example": _example(recipe),
    }  # fmt: skip


def _parameter(parameter: RecipeParameter) -> dict[str, Any]:
    """A bound that is infinite is null, which JSON has instead."""
    domain = {key: None if value in (float("inf"), float("-inf")) else value for key, value in asdict(parameter.domain).items()}
    return {
        "name": parameter.name, "type": parameter.type, "summary": parameter.summary, "required": parameter.required,
        "keyword": parameter.keyword, "default": parameter.default, "accepts": parameter.domain.words, "domain": domain,
    }  # fmt: skip
