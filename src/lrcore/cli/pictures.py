"""`lrcore plot`: plans as a picture in a file."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Annotated, Any

import typer

from ..plan import BoundPlan, Plan
from ..schedule import Schedule
from .options import Log, Names, Output, PlanTexts, Steps
from .plans import bound, read_plan
from .screen import complete_file, suffix_of, tell, writable

PICTURES = (".png", ".svg", ".pdf")
_LONGEST = 40
"""Letters of an argument that a legend has room for."""


def plot(
    plans: PlanTexts,
    output: Output,
    labels: Annotated[list[str] | None, typer.Option("--label", "-l", help="A plan's name; once for each plan, in their order.")] = None,
    names: Names = None,
    steps: Steps = None,
    log: Log = False,
    dpi: Annotated[int, typer.Option(min=20, max=1200, help="Dots per inch of a .png.")] = 150,
) -> None:
    """Draw plans on one canvas, as PNG, SVG or PDF."""
    suffix_of(output, PICTURES)
    writable(output)
    if labels and len(labels) != len(plans):
        raise typer.BadParameter(f"There are {len(plans)} plans and {len(labels)} labels. Give one for each plan.")
    drawn = [_drawable(read_plan(given), names, steps) for given in plans]
    use_files()
    from ..drawing.pictures import plot as draw

    save_picture(draw(*drawn, labels=labels or (_names(plans) if len(plans) > 1 else None), steps=steps, log=log), output, dpi)


def _drawable(value: Schedule | Plan, names: str | None, steps: int | None) -> Schedule | BoundPlan:
    """A plan met with its groups; of a schedule, fractions of the horizon are fractions of what is drawn."""
    if isinstance(value, Plan):
        return bound(value, names, steps)
    if value.resolved:
        return value
    return bound(value) if steps is None else value.over(steps)  # the one says that the horizon is missing


def _names(plans: list[str]) -> list[str]:
    """Files by their names, expressions as they were written, each once."""
    names = [Path(given).stem if os.path.exists(given) else given for given in plans]
    short = [name if len(name) <= _LONGEST else f"{name[: _LONGEST - 1]}…" for name in names]
    return [name if short.count(name) == 1 else f"{name} ({i})" for i, name in enumerate(short, start=1)]


def use_files() -> None:
    """Have matplotlib draw to files, so that no display is needed; an ImportError says what to install."""
    try:
        import matplotlib as mpl
    except ImportError as error:
        raise ImportError('Plots are drawn with matplotlib, which is not installed. Install it with pip install "lrcore[plot]".') from error
    mpl.use("Agg")


def save_picture(axes: Any, path: Path, dpi: int = 150) -> None:
    """Write the figure that matplotlib's axes, one or several, are on."""
    while not hasattr(axes, "figure"):
        axes = axes[0]
    with complete_file(path) as unfinished:
        axes.figure.savefig(unfinished, dpi=dpi)
    tell(f"{path}: drawn")
