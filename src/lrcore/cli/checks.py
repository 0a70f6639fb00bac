"""`lrcore check`: mistakes a plan can be seen to have before the run; `lrcore diff`: what changes from one plan to another."""

from __future__ import annotations

import re
from typing import Annotated, Any

import msgspec
import typer
from rich.text import Text

from ..changes import Change
from ..changes import diff as changes_of
from ..errors import LrcoreError, SpecError
from ..findings.finding import Severity
from ..plan import Plan
from . import FOUND
from .options import AsJson, Names, PlanText, plan_argument
from .plans import as_plan, names_of, read_plan
from .screen import out, paragraph

_STYLES: dict[Severity, str] = {"error": "bold red", "warning": "yellow", "note": "cyan"}

_DropLast = Annotated[
    bool | None, typer.Option("--drop-last/--keep-last", help="What becomes of the last batch of an epoch.", show_default=False)
]


def _count(help: str) -> Any:
    return typer.Option(help=help, show_default=False)


def check(
    plan: PlanText,
    horizon: Annotated[int | None, _count("Updates the run makes; counted from the sizes if not given.")] = None,
    dataset_size: Annotated[int | None, _count("Samples of an epoch.")] = None,
    batch_size: Annotated[int | None, _count("Samples of a microbatch on one worker.")] = None,
    epochs: Annotated[int | None, _count("Epochs of the run.")] = None,
    accumulation: Annotated[int | None, _count("Microbatches of an update.")] = None,
    world_size: Annotated[int | None, _count("Workers.")] = None,
    drop_last: Annotated[
        bool | None, typer.Option("--drop-last/--keep-last", help="What becomes of the last batch of an epoch.", show_default=False)
    ] = None,
    names: Names = None,
    optimizer_fields: Annotated[str | None, _count("What the optimizer has, such as lr,betas,eps.")] = None,
    min_lr: Annotated[float | None, _count("The lowest rate allowed.")] = None,
    max_lr: Annotated[float | None, _count("The highest rate allowed.")] = None,
    jump: Annotated[float, typer.Option(help="By what factor neighbouring phases may differ where they meet.")] = 2.0,
    as_json: AsJson = False,
) -> None:
    """Look for mistakes before the run.

    Lengths, warmups, jumps, groups and bounds are looked at. The exit code is 1 if an error or a warning was found, 0 if there is
    nothing but notes.
    """
    bounds = None if min_lr is None and max_lr is None else (-1e300 if min_lr is None else min_lr, 1e300 if max_lr is None else max_lr)
    try:
        findings = as_plan(read_plan(plan), horizon).check(
            horizon=horizon, dataset_size=dataset_size, batch_size=batch_size, accumulation=accumulation, world_size=world_size,
            epochs=epochs, drop_last=drop_last, optimizer=names_of(optimizer_fields), names=names_of(names), bounds=bounds, jump=jump,
        )  # fmt: skip
    except SpecError as error:  # of what was told about the run: the options have the names of the arguments
        raise LrcoreError(re.sub(r"^\w+", lambda found: f"--{found[0].replace('_', '-')}", str(error))) from None
    console = out()
    if as_json:
        console.print(findings.to_json(), soft_wrap=True)
    else:
        for finding in findings:
            severity, code = (finding.severity, _STYLES[finding.severity]), (finding.code, "bold")
            paragraph(console, Text.assemble(severity, "  ", code, "  ", finding.where))
            paragraph(console, f"{finding.sentence} {finding.mend}", indent=2)
        if not findings:
            console.print("nothing found")
    if findings.serious:
        raise typer.Exit(FOUND)


def diff(
    old: Annotated[str, plan_argument("OLD", "The plan as it was, in any form of PLAN.")],
    new: Annotated[str, plan_argument("NEW", "The plan as it is now.")],
    as_json: AsJson = False,
) -> None:
    """Show what changes from one plan to another.

    Each line says from which step on values differ. The exit code is 0 if nothing does, 1 if something does.
    """
    before, after = read_plan(old), read_plan(new)
    if isinstance(before, Plan) or isinstance(after, Plan):
        before, after = as_plan(before), as_plan(after)
    changes = changes_of(before, after)
    console = out()
    if as_json:
        console.print(msgspec.json.encode([_plain(change) for change in changes]).decode(), soft_wrap=True)
    else:
        for line in str(changes).splitlines():
            console.print(line)
    if changes:
        raise typer.Exit(FOUND)


def _plain(change: Change) -> dict[str, Any]:
    """A change as JSON has it; schedules as their expressions."""
    return {key: _told(getattr(change, key)) for key in ("group", "field", "part", "old", "new", "step")}


def _told(value: Any) -> Any:
    from ..expression import to_expression
    from ..schedule import Schedule

    if isinstance(value, Schedule | Plan):
        return to_expression(value)
    return value if isinstance(value, str | int | float | list | None) else str(value)
