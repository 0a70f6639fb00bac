"""`lrcore show`: a plan as curves and a table of its phases; `lrcore explain`: where one value comes from."""

from __future__ import annotations

from string import ascii_lowercase
from typing import Annotated

import numpy as np
import typer
from rich.text import Text
from rich.tree import Tree

from ..errors import PlanError
from ..introspect import Explanation, Phase
from ..plan import BoundPlan
from ..schedule import Constant, Schedule
from .axes import value_words
from .curve import COLORS, Canvas, Line
from .options import Fields, Groups, Horizon, Log, Names, PlanText, Steps
from .plans import as_plan, bound, names_of, read_plan
from .screen import grid, out, paragraph, put

_ROOM = 6
"""Curves of a panel that an eye can tell apart."""


def show(
    plan: PlanText,
    names: Names = None,
    groups: Groups = None,
    fields: Fields = None,
    steps: Steps = None,
    start: Annotated[int, typer.Option(min=0, help="The first step that is drawn.")] = 0,
    log: Log = False,
) -> None:
    """Draw a plan in the terminal, and list its phases.

    A field has a panel, and groups with equal schedules share a curve. The curve is as wide as the terminal.
    """
    met = bound(read_plan(plan), names, steps)
    end = _end(met, start, steps)
    panels = chosen(met, groups, fields)
    console = out()
    moving = [field for field, curves in panels.items() if not all(isinstance(schedule, Constant) for schedule in curves)]
    for field in moving or list(panels)[:1]:  # the table says as much of what stays as it is
        _panel(met, field, panels[field], start, end, log)
        console.print()
    _phases(met, names, panels)
    if met.plan.adapt is not None:
        paragraph(console, Text("A rule of the plan changes lr as the metrics of the run go; shown is what the schedule says.", "dim"))


def explain(
    plan: PlanText,
    step: Annotated[int, typer.Argument(min=0, metavar="STEP", help="The update whose value is explained.", show_default=False)],
    group: Annotated[str | None, typer.Option("--group", "-g", help="The group; the first one if not given.")] = None,
    field: Annotated[str, typer.Option("--field", "-f", help="The field.")] = "lr",
    horizon: Horizon = None,
) -> None:
    """Say which pattern, phase and terms give a value."""
    put(out(), _tree(as_plan(read_plan(plan), horizon).explain(step, group, field)))


def _tree(told: Explanation, inside: Tree | None = None) -> Tree:
    words = f"{told.path}: {told.what} = {told.value!r}" if told.path else f"{told.what} = {told.value!r}"
    tree = Tree(words) if inside is None else inside.add(words)
    for part in told.parts:
        _tree(part, tree)
    return tree


def _end(met: BoundPlan, start: int, steps: int | None) -> int:
    """The end of the picture; of plans that do not end, some way into the last phase."""
    if steps is not None:
        return start + steps
    try:
        end = met.own_length("--steps")
    except ValueError:
        end = max(max(phase.first for phase in met.plan.phases(met.names)) * 2, 100)
    if start >= end:
        raise PlanError(
            f"The plan is over after {end:,} steps, and the picture would begin at {start:,}. Give a smaller --start, or --steps."
        )
    return end


Panels = dict[str, dict[Schedule, list[str]]]
"""{field: {schedule: its groups}}"""


def chosen(met: BoundPlan, groups: list[str] | None, fields: list[str] | None) -> Panels:
    """What the options pick of a plan; PlanError for a group or a field it does not have."""
    for what, asked, known in (("group", groups, met.names), ("field", fields, tuple(dict.fromkeys(field for _, field in met.columns)))):
        for name in asked or ():
            if name not in known:
                raise PlanError(f"The plan has no {what} {name}. It has {', '.join(known[:12])}{', ...' if len(known) > 12 else ''}.")
    panels: Panels = {}
    for (group, field), schedule in zip(met.columns, met.schedules, strict=True):
        if (not groups or group in groups) and (not fields or field in fields):
            panels.setdefault(field, {}).setdefault(schedule, []).append(group)
    if not panels:
        raise PlanError("The plan schedules none of these fields for these groups. Ask for another field or group.")
    return panels


def _panel(met: BoundPlan, field: str, curves: dict[Schedule, list[str]], start: int, end: int, log: bool) -> None:
    from ..drawing.sampling import phase_bands, sampled_steps

    console = out()
    lines = []
    all_curves = list(curves.items())
    spread = np.unique(np.linspace(0, len(curves) - 1, min(len(curves), _ROOM)).astype(int))  # of many, from the first to the last
    for schedule, groups in (all_curves[i] for i in spread):
        at = np.union1d(sampled_steps(schedule, end), np.linspace(start, end - 1, 2 * console.width).astype(np.int64))
        at = at[at >= start]
        lines.append(Line(_groups(groups), at, schedule(at)))
    colorless = console.no_color or console.color_system is None
    letters = (colorless and len(lines) > 1) or not _has_braille(console.encoding)
    column = met.columns.index((next(iter(curves.values()))[0], field))
    bands = phase_bands(met, end, column) if len(curves) == 1 else []
    bands = [(name, max(first, start), stop) for name, first, stop in bands if stop > start]
    canvas = Canvas(console.width, max(8, min(console.width // 6, 14)), start, end, log, letters, bands if len(bands) > 1 else [])
    for words in _legend(field, lines, letters, len(curves), met):
        console.print(words)
    for text in canvas.draw(lines):
        console.print(text, no_wrap=True, crop=True)
    if log and any((line.values <= 0).any() for line in lines):
        paragraph(console, Text("Values of 0 and below are not on a logarithmic axis.", "dim"))


def _has_braille(encoding: str) -> bool:
    try:
        "⠿┤".encode(encoding)
    except (UnicodeEncodeError, LookupError):
        return False
    return True


def _legend(field: str, lines: list[Line], letters: bool, curves: int, met: BoundPlan) -> list[Text]:
    """The field, and each curve's mark and name; a mark stays with its name where lines break."""
    told = [Text(field, "bold")]
    if met.names == ("default",):
        return told
    parts = []
    for i, line in enumerate(lines):
        mark = "" if curves == 1 else f"{ascii_lowercase[i] if letters else '━━'} "
        parts.append(Text.assemble((mark, COLORS[i % len(COLORS)]), line.name))
    if curves > len(lines):
        parts.append(Text(f"{len(lines)} of {curves:,}: choose with --group", "dim"))
    for part in parts:
        if told[-1].cell_len + 2 + part.cell_len <= out().width:
            told[-1] = Text.assemble(told[-1], "  ", part)
        else:
            told.append(Text.assemble("  ", part))
    return told


def _groups(groups: list[str]) -> str:
    return ", ".join(groups) if len(groups) <= 3 else f"{groups[0]} and {len(groups) - 1:,} more"


# -- phases ---------------------------------------------------------------------------------------------------------------


def _phases(met: BoundPlan, names: str | None, panels: Panels) -> None:
    """A line for each phase, once for groups that share a schedule."""
    phases: dict[tuple[str, str], list[Phase]] = {}
    for phase in met.plan.phases(names_of(names)):
        phases.setdefault((phase.group, phase.field), []).append(phase)
    several, named = len(panels) > 1, met.names != ("default",)
    grouped = named and (several or any(len(curves) > 1 for curves in panels.values()))
    blocks = [(field, groups) for field, curves in panels.items() for groups in list(curves.values())[: 4 * _ROOM]]
    table, console = grid(*["field"] * several, *["groups"] * grouped, "phase", "steps", "value"), out()
    before = ""
    for field, groups in blocks:
        heads = ["" if field == before else field] * several + [_groups(groups)] * grouped
        for phase in phases[groups[0], field]:
            table.add_row(*heads, *_words(phase))
            heads, before = [""] * len(heads), field
    if console.measure(table, options=console.options.update(max_width=1_000)).maximum <= console.width:
        put(console, table)
    else:
        _stacked([([field] * several + [_groups(groups)] * grouped, phases[groups[0], field]) for field, groups in blocks])
    if named and not grouped and len(met.names) > 1:
        console.print(f"Alike for all {len(met.names):,} groups.", style="dim")


def _stacked(blocks: list[tuple[list[str], list[Phase]]]) -> None:
    """The same for a narrow terminal: fields and groups above their phases."""
    console = out()
    for i, (heads, phases) in enumerate(blocks):
        if heads:
            console.print("\n" * (i > 0) + "  ".join(heads), style="bold")
        table = grid("phase", "steps", "value")
        table.show_header = not heads
        for phase in phases:
            table.add_row(*_words(phase))
        put(console, table)


def _words(phase: Phase) -> tuple[str, str, str]:
    """A phase as its name, its steps and its values."""
    steps = f"{phase.first:,} and on" if phase.end is None else f"{phase.first:,} to {phase.end - 1:,}" if phase.steps else "none"
    if phase.start is None:
        return phase.name, steps, "-"
    first = value_words(phase.start, 4)
    last = first if phase.stop is None else value_words(phase.stop, 4)
    return phase.name, steps, first if first == last else f"{first} → {last}"
