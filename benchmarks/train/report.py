"""The rows of a run as markdown, and its rates and losses as one page of pictures."""

from __future__ import annotations

from itertools import groupby
from pathlib import Path
from typing import Any

import numpy as np

Row = dict[str, Any]

OWN = ("SequentialLR", "CosineDecay", "warmup_cosine_decay_schedule", "own formula")
"""What lrcore's rows are compared with: the framework's own schedule on the same curve."""
HEAD = (
    "schedule", "groups", "over constant", "spread", "", "step, ms", "scheduler's call, µs", "recompilations", "waits", "copies",
    "rates off by", "final loss", "against own",
)  # fmt: skip
INTRODUCTION = """\
Written by `python -m benchmarks.train`. Real training: a step is forward, backward and update. **Over constant** is what a step takes
longer than at a constant rate, the median over repeats in which every schedule trains some steps in turn, with its middle half.
**scheduler's call** keeps the host that long; where there is none, the schedule is part of the step. **waits** and **copies** are those
between host and device in a step. **recompilations** are those after the second step. **rates off by** is the largest relative difference
between the rates that were used and the plan's, at every step of the whole run, after the cast to the type they are kept in; a row whose
rates were wrong would have ended the run. **against own** is the final loss less the one under the framework's own schedule
on the same curve. Runs are short, so losses tell whether training is the same, not how good it gets."""


def render(result: dict[str, Any]) -> str:
    """The page of one run; `result` is what its JSON file holds."""
    machine, rows = result["machine"], result["rows"]
    versions = ", ".join(f"{package} {number}" for package, number in machine["versions"].items())
    parts = [
        f"# Training on {machine['device']}",
        f"- {machine['cpu']}, {machine['cores']} cores; lrcore uses {machine['levels'][-1]}; {machine['system']}\n"
        f"- {machine['python']}, {versions}",
        *(["**A short run: its times mean little.**"] if result["short"] else []),
        INTRODUCTION,
        summary(rows),
    ]
    for (backend, model, step), section in groupby(rows, key=lambda row: (row["backend"], row["model"], row["step"])):
        parts.append(of_section(", ".join(filter(None, (backend, model, step))), list(section)))
    return "\n\n".join(parts) + "\n"


def summary(rows: list[Row]) -> str:
    """How many rows were run, and where lrcore was slower than what the framework has."""
    run = [row for row in rows if row["reason"] is None]
    slower = [(row, own) for row in run if (own := own_of(row, run)) and verdict(row, own).startswith("**")]
    lines = [
        f"**{len(run)} rows run, all with the right rates; {len(rows) - len(run)} not run. "
        f"lrcore was slower than the framework's own schedule in {len(slower)}.**"
    ]
    if slower:
        lines += ["", "Slower, with the middle halves of the two apart:", ""]
        lines += [
            f"- {row['backend']}, {row['model']}, {row['step']}, {_groups(row)}: {row['schedule']} {_percent(row['over_constant'])} over "
            f"constant, {own['schedule']} {_percent(own['over_constant'])}"
            for row, own in slower
        ]
    return "\n".join(lines)


def own_of(row: Row, rows: list[Row]) -> Row | None:
    """The row of the framework's own schedule that one of lrcore's is compared with; None for other rows."""
    if not row["schedule"].startswith("lrcore"):
        return None
    same = ("backend", "model", "step", "groups")
    found = (other for other in rows if other["schedule"] in OWN and all(other[key] == row[key] for key in same))
    return next(found, None)


def verdict(row: Row, own: Row) -> str:
    """lrcore's row against the framework's own, in words; the middle halves of what they take over a constant rate decide."""
    if row["over_low"] > own["over_high"]:
        return f"**slower than {own['schedule']}**"
    return f"faster than {own['schedule']}" if row["over_high"] < own["over_low"] else f"as {own['schedule']}, within the spread"


def of_section(title: str, rows: list[Row]) -> str:
    reasons = {row["reason"] for row in rows}
    if len(reasons) == 1 and None not in reasons:
        return f"## {title}\n\nnot run: {reasons.pop()}"
    lines = [f"## {title}", "", _line(HEAD), _line(["---", *["--:"] * 3, "---", *["--:"] * 8])]
    lines += [_line(_cells(row, own_of(row, rows))) for row in rows]
    return "\n".join(lines)


def _cells(row: Row, own: Row | None) -> list[str]:
    first = [row["schedule"], f"{row['groups']:,}"]
    if row["reason"] is not None:
        return [*first, f"not run: {row['reason']}", *[""] * (len(HEAD) - 3)]
    constant = row["schedule"] == "constant"
    compared = own is not None and own["reason"] is None
    return [
        *first,
        "" if constant else _percent(row["over_constant"]),
        "" if constant else f"{_percent(row['over_low'])} to {_percent(row['over_high'])}",
        verdict(row, own) if compared else "",
        f"{row['step_ms']:.3g}",
        "in the step" if row["scheduler_us"] is None and not constant else _short(row["scheduler_us"]),
        *("not counted" if row[key] is None else f"{row[key]:g}" for key in ("recompilations", "synchronisations", "copies")),
        "same bits" if row["rate_error"] == 0 else f"{row['rate_error']:.1e}",
        f"{row['final_loss']:.4f}",
        "" if row["loss_difference"] is None else f"{row['loss_difference']:+.1e}" if row["loss_difference"] else "0",
    ]


def _line(cells: Any) -> str:
    return f"| {' | '.join(cells)} |"


def _groups(row: Row) -> str:
    return f"{row['groups']:,} group{'s' * (row['groups'] != 1)}"


def _percent(number: float) -> str:
    return f"{number:+.1f} %"


def _short(number: float | None) -> str:
    return "" if number is None else f"{number:,.1f}" if number < 100 else f"{number:,.0f}"


# -- the picture -------------------------------------------------------------------------------------------------------

ACROSS = 4
"""Columns side by side; more go below."""
FLAT, CYCLE, PLANNED, INK, PALE = "#9a9a9a", "#2f8f5b", "#1f5fa8", "#333333", "#777777"
COLOURS = {"constant": FLAT, "OneCycleLR": CYCLE}
"""Of the schedules that do not follow the common curve."""
PLACES = {FLAT: (0.98, 1.04, "right", "bottom"), PLANNED: (0.98, 0.95, "right", "top"), CYCLE: (0.36, 0.06, "center", "bottom")}
"""Where names stand: beside their line, at a part of the run and of the peak."""


def draw(result: dict[str, Any], path: Path) -> None:
    """One page: a column for each backend and model, its rates above its losses. One line stands for all schedules that used its rates."""
    import matplotlib as mpl

    mpl.use("Agg")  # a picture in a file needs no display
    from matplotlib import pyplot as plt

    columns = [shown(list(rows)) for _, rows in groupby(result["rows"], key=lambda row: (row["backend"], row["model"]))]
    columns = [rows for rows in columns if rows]
    if not columns:
        return
    across, bands = min(len(columns), ACROSS), -(-len(columns) // ACROSS)
    figure = plt.figure(figsize=(3.5 * across + 0.7, 4.7 * bands + 0.9), layout="constrained")
    figure.get_layout_engine().set(w_pad=0.12, h_pad=0.06, wspace=0.02)
    figure.suptitle(
        f"Rates and losses of real training on {result['machine']['device']}", x=0.012, ha="left", fontsize=14, fontweight="bold", color=INK
    )
    for band, part in enumerate(figure.subfigures(bands, 1, squeeze=False)[:, 0]):
        chosen = columns[band * ACROSS : (band + 1) * ACROSS]
        panels = part.subplots(2, across, squeeze=False, sharex="col", height_ratios=(1, 1))
        for (above, below), rows in zip(panels.T, chosen, strict=False):
            _column(above, below, rows)
        for empty in panels.T[len(chosen) :].flat:
            empty.set_visible(False)
        panels[0, 0].set_ylabel("rate, in terms of its peak", color=INK)
        panels[1, 0].set_ylabel("loss, mean over 5 % of the run", color=INK)
    figure.savefig(path, dpi=150)
    plt.close(figure)


def shown(rows: list[Row]) -> list[Row]:
    """The rows of the last kind of step that has lrcore beside the framework's own, with the fewest groups."""
    run = [row for row in rows if row["reason"] is None]
    kinds = {(row["step"], row["groups"]) for row in run if own_of(row, run)}
    if not kinds:
        return []
    order = [row["step"] for row in run]
    kind = min(kinds, key=lambda kind: (kind[1], -order.index(kind[0])))
    return [row for row in run if (row["step"], row["groups"]) == kind]


def window(steps: int) -> int:
    """Steps that a point of the losses is the mean of."""
    return max(steps // 20, 1)


def folded(name: str) -> str:
    """A name that is too long to stand beside its line, in two lines."""
    half = name.find("_", len(name) // 2 - 2) + 1 if len(name) > 20 else 0
    return f"{name[:half]}\n{name[half:]}" if half else name


def _column(above: Any, below: Any, rows: list[Row]) -> None:
    first, steps = rows[0], len(rows[0]["rates"])
    peak = max(max(row["rates"]) for row in rows)
    together: dict[str, list[str]] = {}
    mean = window(steps)
    for row in rows:
        colour = COLOURS.get(row["schedule"], PLANNED)
        together.setdefault(colour, []).append(row["schedule"])
        over = {"color": colour, "linewidth": 1.8 if colour == PLANNED else 1.3, "zorder": 3 if colour == PLANNED else 2}
        above.plot(np.array(row["rates"]) / peak, **over)
        losses = np.convolve(row["losses"], np.full(mean, 1 / mean), "valid")
        below.plot(np.arange(mean - 1, steps), losses, **over)
    above.set_title(f"{first['backend']}, {first['model']}", loc="left", fontsize=11, fontweight="bold", color=INK, pad=16)
    above.text(0, 1.03, f"{first['step']}, {_groups(first)}", transform=above.transAxes, fontsize=8.5, color=PALE)
    for colour, names in together.items():
        x, y, across, up = PLACES[colour]
        above.text(x * (steps - 1), y, "\n".join(map(folded, names)), color=colour, ha=across, va=up, fontsize=8.5, linespacing=1.25)
    above.set_ylim(0, 1.2)
    above.set_yticks([0, 0.5, 1], ["0", "½", "1"])
    below.set_ylim(0, None)
    below.set_xlabel("step", color=INK)
    below.xaxis.get_major_locator().set_params(integer=True)
    for panel in (above, below):
        panel.set_xlim(0, steps - 1)
        panel.spines[["top", "right"]].set_visible(False)
        panel.spines[["left", "bottom"]].set_color("#bbbbbb")
        panel.tick_params(colors=PALE, labelsize=8.5, length=3)
