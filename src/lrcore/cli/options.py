"""Arguments and options that several commands have, and what a shell completes them with."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer


def complete_plan(incomplete: str) -> list[str]:
    """Recipes that begin so; the shell itself knows the files."""
    from ..registry import recipes

    return [f"{name}(" for name in recipes() if name.startswith(incomplete)] if incomplete else []


def complete_recipe(incomplete: str) -> list[str]:
    """Names of recipes that begin so."""
    from ..registry import recipes

    return [name for name in recipes() if name.startswith(incomplete)]


_PLAN = 'A JSON or YAML file, "-" for standard input, or an expression such as "cosine(0.1, 0, 90)".'


def plan_argument(metavar: str = "PLAN", help: str = _PLAN) -> typer.models.ArgumentInfo:
    """An argument that is a plan."""
    argument: typer.models.ArgumentInfo = typer.Argument(metavar=metavar, help=help, autocompletion=complete_plan, show_default=False)
    return argument


PlanText = Annotated[str, plan_argument()]
PlanTexts = Annotated[list[str], plan_argument()]
Names = Annotated[str | None, typer.Option(help="The groups there are, with commas between them.", show_default=False)]
Groups = Annotated[list[str] | None, typer.Option("--group", "-g", help="Only this group; may be given again.", show_default=False)]
Fields = Annotated[list[str] | None, typer.Option("--field", "-f", help="Only this field; may be given again.", show_default=False)]
Steps = Annotated[int | None, typer.Option("--steps", "-n", min=1, help="How many steps; else the plan's own length.", show_default=False)]
Horizon = Annotated[int | None, typer.Option(min=1, help="The length of the run, where the plan does not say it.", show_default=False)]
Log = Annotated[bool, typer.Option("--log", help="A logarithmic axis of values.")]
AsJson = Annotated[bool, typer.Option("--json", help="Print JSON.")]
Output = Annotated[Path, typer.Option("--output", "-o", help="The file to write; one that is there is replaced.", show_default=False)]
Picture = Annotated[Path | None, typer.Option("--output", "-o", help="Draw to this .png, .svg or .pdf file as well.", show_default=False)]
