"""`lrcore code`: a plan as code to paste; `lrcore convert`: as a document or an expression."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

import msgspec
import typer

from ..code import TARGETS, to_code
from ..errors import LrcoreError
from ..expression import to_expression
from ..expression.layout import laid_out
from .options import PlanText
from .plans import as_plan, read_plan
from .screen import complete_file, out

_Target = Annotated[
    str, typer.Option("--for", help=f"{', '.join(TARGETS)}; only lrcore's code needs lrcore.", autocompletion=lambda: list(TARGETS))
]
_File = Annotated[Path | None, typer.Option("--output", "-o", help="The file to write instead of printing it.", show_default=False)]


def code(
    plan: PlanText,
    target: _Target = "lrcore",
    horizon: Annotated[
        int | None, typer.Option(min=1, help="The length of the run, where the plan does not say it.", show_default=False)
    ] = None,
    output: _File = None,
) -> None:
    """Print Python code that reproduces a plan.

    Its values are the plan's at every step, and past its end.
    """
    if target not in TARGETS:
        raise LrcoreError(f"--for: expected one of {', '.join(TARGETS)}, got {target}.")
    _give(to_code(as_plan(read_plan(plan), horizon), target), output)


def convert(
    plan: PlanText,
    form: Annotated[Literal["json", "expression"], typer.Option("--to", help="A document to store, or a line to read.")] = "json",
    output: _File = None,
) -> None:
    """Print a plan as JSON, or as an expression.

    lrcore.from_json reads the one, and every command here both.
    """
    value = read_plan(plan)
    text = msgspec.json.format(value.to_json(), indent=2) if form == "json" else laid_out(to_expression(value))
    _give(f"{text}\n", output)


def _give(text: str, output: Path | None) -> None:
    if output is None:
        out().print(text, end="", soft_wrap=True)
        return
    with complete_file(output) as unfinished:
        unfinished.write_text(text, encoding="utf-8")
