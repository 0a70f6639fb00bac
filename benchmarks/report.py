"""RESULTS.md and the table in README.md, made of results/*.json and nothing else."""

from __future__ import annotations

import json
from itertools import groupby
from math import floor, log10
from pathlib import Path
from statistics import median
from typing import Any

HERE = Path(__file__).parent
README = HERE.parent / "README.md"
BEGIN, END = "<!-- speed: written by make bench -->", "<!-- end -->"
Row = dict[str, Any]

INTRODUCTION = """\
# How fast lrcore is

Written by `make bench`; do not edit. The figures are medians over rounds, the spread their middle half. In each round what lrcore
is compared with runs right before it, in one process; a ratio is one of times in the same round. `fill` is
`numpy.ndarray.fill` of the same output. Outputs have been touched before, lrcore has one thread unless a row says otherwise, and
the answers of every row are checked: against the exact oracle of the tests, or against the peer. "≤" and "≥" are promises;
rows without one are told for completeness, and a peer that was faster is named as such."""


def render(results: list[dict[str, Any]]) -> str:
    """The whole of RESULTS.md; `results` are what the JSON files hold, a machine each."""
    return "\n\n".join([INTRODUCTION, training(), *map(of_machine, results)]) + "\n"


def training() -> str:
    """Where the pages of real training are (`python -m benchmarks.train`), a device each, and which device has none."""
    from .train.report import summary

    lines = ["## Real training"]
    on_cuda = False
    for path in sorted((HERE / "results" / "train").glob("train-*.json")):
        run = json.loads(path.read_text())
        on_cuda |= run["machine"]["device"] != run["machine"]["name"]
        told = summary(run["rows"]).splitlines()[0].strip("*")
        lines.append(f"[On {run['machine']['device']}](results/train/{path.stem}.md): {told}")
    if not on_cuda:
        lines.append("On a CUDA device: not measured yet. `python -m benchmarks.train --device cuda` does it, and stores its page here.")
    return "\n\n".join(lines)


def stored() -> list[dict[str, Any]]:
    """What `make bench` has stored, a machine each; of the other files in that folder none has these sections."""
    results = [json.loads(path.read_text()) for path in sorted((HERE / "results").glob("*.json"))]
    return [result for result in results if result.get("suite") == "speed"]


def write() -> None:
    """Write RESULTS.md, the table in README.md and the pictures from the JSON files that are there."""
    from .picture import draw

    results = stored()
    (HERE / "RESULTS.md").write_text(render(results))
    README.write_text(in_readme(README.read_text(), results))
    for result in results:
        if has_picture(result["rows"]):
            draw(result, HERE / picture_of(result["machine"]["name"]))


def has_picture(rows: list[Row]) -> bool:
    return any(row.get("series") for row in rows)


def picture_of(machine: str) -> str:
    return f"results/{machine}-scaling.png"


def of_machine(result: dict[str, Any]) -> str:
    machine, rows = result["machine"], result["rows"]
    versions = ", ".join(f"{package} {version}" for package, version in machine["versions"].items())
    parts = [
        f"## {machine['name']}",
        f"- CPU: {machine['cpu']}, {machine['cores']} cores, {machine['caches']}; {', '.join(machine['features'])}\n"
        f"- lrcore uses {machine['levels'][-1]}; {machine['compiler']}; {machine['memory']} of memory; {machine['system']}\n"
        f"- {machine['python']}, {versions}" + _of_earlier_runs(rows),
        summary(rows),
    ]
    if has_picture(rows):
        parts.append(f"![What grows with steps and groups, and how]({picture_of(machine['name'])})")
    for title, section in groupby(rows, key=lambda row: row["section"]):
        parts.append(of_section(title, list(section)))
    parts += misses(rows)
    return "\n\n".join(parts)


def _of_earlier_runs(rows: list[Row]) -> str:
    """What `--into` leaves to say: not all rows are of the code as it is now."""
    earlier = [row for row in rows if row.get("earlier")]
    if not earlier:
        return ""
    again = dict.fromkeys(row["section"] for row in rows if not row.get("earlier"))
    return f"\n- {len(earlier)} of {len(rows)} rows are of an earlier run, on the code of then. Measured since: {'; '.join(again)}."


def summary(rows: list[Row]) -> str:
    """How many promises were kept, and the row of each section that is furthest from its own; how many peers were faster."""
    promised = [row for row in rows if row["promise"] is not None]
    missed, lost = [row for row in promised if not row["kept"]], [row for row in rows if _lost(row)]
    told = f"**{len(promised) - len(missed)} of {len(promised)} promises kept, {len(missed)} missed; {len(lost)} peers faster.**"
    lines = [told, "", line(["section", "rows", "promised", "kept", "peer faster", "worst"]), line(["---", *["--:"] * 4, "---"])]
    for title, section in groupby(rows, key=lambda row: row["section"]):
        chosen = list(section)
        of_these = [row for row in chosen if row["promise"] is not None]
        kept, faster = sum(row["kept"] for row in of_these), sum(map(_lost, chosen))
        worst = max(of_these or chosen, key=_badness)
        told = f"{worst['name']}: {figure(worst)}{_wanted(worst)}"
        of_kept = ["", ""] if not of_these else [str(len(of_these)), str(kept) if kept == len(of_these) else f"**{kept}**"]
        lines.append(line([title, str(len(chosen)), *of_kept, f"**{faster}**" if faster else "", told]))
    return "\n".join(lines)


def misses(rows: list[Row]) -> list[str]:
    """Every promise that was missed and every peer that was faster, by name."""
    parts = []
    missed, lost = [row for row in rows if row["kept"] is False], [row for row in rows if _lost(row)]
    for what, chosen in (("Promises that were missed", missed), ("Lost to a peer", lost)):
        lines: list[str] = []
        alike: dict[tuple[str, str, str], list[Row]] = {}
        for row in chosen:
            alike.setdefault((row["section"], row["unit"], _promise(row)), []).append(row)
        for (section, unit, promise), of_these in alike.items():
            figures = "; ".join(f"{row['name']} {digits(row['figure'])}{_beside(row)}" for row in of_these)
            lines.append(f"- {section}, {unit}{f', promised {promise}' if promise else ''}: {figures}")
        if lines:
            parts.append("\n".join([f"### {what}", "", *lines]))
    return parts


def _beside(row: Row) -> str:
    """The peer's figure, of a row whose own is no ratio."""
    return f" (the peer {digits(row['figure'] / row['ours'] * row['base'])})" if _lost(row) and not row["more_is_better"] else ""


def _lost(row: Row) -> bool:
    slower = row["figure"] < 1 if row["more_is_better"] else row["base"] is not None and row["ours"] > row["base"]
    return row["section"].startswith("Against") and slower


def _badness(row: Row) -> float:
    """The figure over what was promised, else our time over that of what it is compared with: more is worse."""
    if row["promise"] is None and (row["base"] is not None or row.get("series")):
        return row["ours"] / row["base"] if row["base"] is not None else 0.0
    over = row["figure"] / (row["promise"] or 1.0)
    return 1 / over if row["more_is_better"] else over


def of_section(title: str, rows: list[Row]) -> str:
    rounds = sorted({row["rounds"] for row in rows})
    compared = any(row["base"] is not None for row in rows)
    note = f"{rows[0]['note']} {' or '.join(map(str, rounds))} rounds.".strip()
    head = ["what", "measured", "spread", "promise", "", *(["lrcore, each", "compared with, each"] if compared else [])]
    lines = [f"### {title}", "", note, "", line(head), line(["---", "--:", "--:", "--:", "---", *(["--:", "--:"] if compared else [])])]
    for row in rows:
        cells = [row["name"], figure(row), f"{digits(row['low'])} to {digits(row['high'])}", _promise(row), _verdict(row)]
        lines.append(line([*cells, *([_seconds(row["ours"]), _seconds(row["base"])] if compared else [])]))
    return "\n".join(lines)


def line(cells: list[str]) -> str:
    return f"| {' | '.join(cells)} |"


def _verdict(row: Row) -> str:
    if row["kept"] is not None:
        return "kept" if row["kept"] else "**missed**"
    return "**the peer is faster**" if _lost(row) else ""


def figure(row: Row) -> str:
    return f"{digits(row['figure'])} {row['unit']}"


def _promise(row: Row) -> str:
    return "" if row["promise"] is None else f"{'≥' if row['more_is_better'] else '≤'} {digits(row['promise'])}"


def _wanted(row: Row) -> str:
    return f", promised {_promise(row)}" if row["promise"] is not None else ""


def digits(number: float) -> str:
    """Three digits, or all before the point."""
    if number == 0:
        return "0"
    places = max(2 - floor(log10(abs(number))), 0)
    shown = f"{number:,.{places}f}"
    return shown.rstrip("0").rstrip(".") if "." in shown else shown


def _seconds(seconds: float | None) -> str:
    if seconds is None:
        return ""
    for unit, size in (("s", 1.0), ("ms", 1e-3), ("µs", 1e-6)):
        if seconds >= size:
            return f"{digits(seconds / size)} {unit}"
    return f"{digits(seconds * 1e9)} ns"


# -- the table in README.md --------------------------------------------------------------------------------------------

HEADLINES: list[tuple[str, str, str, str]] = [
    ("a range of 10^6 values", "NumPy's expression", "Against NumPy's expression, 10^6 values", ""),
    ("the same as float32", "optax under jit", "Against optax under jit (CPU), float32, 10^6 values", ""),
    ("a range, per value", "a loop over a scheduler of torch's", "Against a loop over torch's scheduler.step(), 10^6 values", ""),
    ("", "a loop over a scheduler of timm's", "Against a loop over timm's scheduler.step_update(), 10^6 values", ""),
    ("", "a loop that fills a NumPy array", "Against a loop that fills a NumPy array, 10^6 values", ""),
    ("`schedule(step)`, a float", "a Python function", "Against plain Python, one value a call", ""),
    ("", "a schedule of Keras's, eagerly", "Against Keras's schedules, one value a call", ""),
    ("`PlanScheduler.step()`", "torch's `CosineAnnealingLR`", "PlanScheduler.step() against torch's CosineAnnealingLR.step()", ""),
    ("a range of 10^7 values", "filling the memory", "Ranges of 10^7 steps, float64", ""),
    ("a table to disk", "filling a `.npy` memmap", "A table of 4 columns to disk", "rows"),
]
"""What is told in README.md: what lrcore does, what it is compared with, and the rows, by section and a part of the name."""


def in_readme(text: str, results: list[dict[str, Any]]) -> str:
    """The text of README.md with its table written anew, from the machine that has most rows."""
    before, begin, rest = text.partition(BEGIN)
    _, end, after = rest.partition(END)
    if not begin or not end:
        raise ValueError(f"README.md: expected the lines {BEGIN} and {END}, around the table of speed. Put them back.")
    table = "" if not results else headlines(max(results, key=lambda result: len(result["rows"])))
    return f"{before}{BEGIN}\n\n{table}\n{END}{after}"


def headlines(result: dict[str, Any]) -> str:
    """Ten rows that say how many times as fast lrcore is, over all schedules measured, the least of them by name."""
    machine, rows = result["machine"], result["rows"]
    lines = [line(["lrcore", "beside", "as fast, median", "at least", "at most"]), line(["---", "---", "--:", "---", "--:"])]
    for what, peer, section, part in HEADLINES:
        chosen = [row for row in rows if row["section"] == section and part in row["name"]]
        if chosen:
            speeds = sorted((_as_fast(row), row["name"]) for row in chosen)
            (low, least), (high, _) = speeds[0], speeds[-1]
            at_least = f"{digits(low)} x ({least})" + (", **slower**" if low < 1 else "")
            lines.append(line([what, peer, f"**{digits(median(speed for speed, _ in speeds))} x**", at_least, f"{digits(high)} x"]))
    promised = [row for row in rows if row["promise"] is not None]
    told = f"{machine['cpu']}, {machine['cores']} cores, {machine['levels'][-1]}; {machine['compiler'].partition(':')[0]} "
    told += f"{machine['compiler'].rpartition(' ')[2]}, {machine['python']}, NumPy {machine['versions'].get('numpy', '?')}. "
    told += f"Of {len(promised)} promises of speed {sum(row['kept'] for row in promised)} were kept."
    return "\n".join([*lines, "", told]) + "\n"


def _as_fast(row: Row) -> float:
    return row["figure"] if row["more_is_better"] else 1 / row["figure"]
