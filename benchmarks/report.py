"""RESULTS.md, made of results/*.json and nothing else."""

from __future__ import annotations

import json
from itertools import groupby
from math import floor, log10
from pathlib import Path
from typing import Any

HERE = Path(__file__).parent
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
    return "\n\n".join([INTRODUCTION, *map(of_machine, results)]) + "\n"


def write() -> str:
    """Write RESULTS.md from the JSON files that are there, and return it."""
    results = [json.loads(path.read_text()) for path in sorted((HERE / "results").glob("*.json"))]
    text = render(results)
    (HERE / "RESULTS.md").write_text(text)
    return text


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
    for title, section in groupby(rows, key=lambda row: row["section"]):
        parts.append(of_section(title, list(section)))
    return "\n\n".join(parts)


def _of_earlier_runs(rows: list[Row]) -> str:
    """What `--into` leaves to say: not all rows are of the code as it is now."""
    earlier = [row for row in rows if row.get("earlier")]
    if not earlier:
        return ""
    again = dict.fromkeys(row["section"] for row in rows if not row.get("earlier"))
    return f"\n- {len(earlier)} of {len(rows)} rows are of an earlier run, on the code of then. Measured since: {'; '.join(again)}."


def summary(rows: list[Row]) -> str:
    """How many promises were kept, and which were not; which peers were faster."""
    promised = [row for row in rows if row["promise"] is not None]
    missed = [row for row in promised if not row["kept"]]
    lost = [row for row in rows if row["section"].startswith("Against") and row["figure"] < 1]
    lines = [f"**{len(promised) - len(missed)} of {len(promised)} promises kept, {len(missed)} missed; {len(lost)} peers faster.**"]
    for what, chosen in (("Missed", missed), ("Lost to a peer", lost)):
        if chosen:
            lines += ["", f"{what}:", "", *(f"- {row['section']}: {row['name']}: {_figure(row)}{_wanted(row)}" for row in chosen)]
    return "\n".join(lines)


def of_section(title: str, rows: list[Row]) -> str:
    rounds = sorted({row["rounds"] for row in rows})
    compared = any(row["base"] is not None for row in rows)
    note = f"{rows[0]['note']} {' or '.join(map(str, rounds))} rounds.".strip()
    head = ["what", "measured", "spread", "promise", "", *(["lrcore, each", "compared with, each"] if compared else [])]
    lines = [f"### {title}", "", note, "", _line(head), _line(["---", "--:", "--:", "--:", "---", *(["--:", "--:"] if compared else [])])]
    for row in rows:
        cells = [row["name"], _figure(row), f"{_digits(row['low'])} to {_digits(row['high'])}", _promise(row), _verdict(row)]
        lines.append(_line([*cells, *([_seconds(row["ours"]), _seconds(row["base"])] if compared else [])]))
    return "\n".join(lines)


def _line(cells: list[str]) -> str:
    return f"| {' | '.join(cells)} |"


def _verdict(row: Row) -> str:
    if row["kept"] is not None:
        return "kept" if row["kept"] else "**missed**"
    return "**the peer is faster**" if row["section"].startswith("Against") and row["figure"] < 1 else ""


def _figure(row: Row) -> str:
    return f"{_digits(row['figure'])} {row['unit']}"


def _promise(row: Row) -> str:
    return "" if row["promise"] is None else f"{'≥' if row['more_is_better'] else '≤'} {_digits(row['promise'])}"


def _wanted(row: Row) -> str:
    return f", promised {_promise(row)}" if row["promise"] is not None else ""


def _digits(number: float) -> str:
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
            return f"{_digits(seconds / size)} {unit}"
    return f"{_digits(seconds * 1e9)} ns"
