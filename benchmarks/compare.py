"""`make bench-compare`: what got slower or faster than the run that is stored, as figures of ratios to fill or to a row's own base."""

from __future__ import annotations

from typing import Any

from .report import digits, figure, line

Row = dict[str, Any]
APART, APART_ALONE = 0.10, 0.25
"""How far apart two medians must be to count as changed, of the smaller; rows of one round have no spread, and need more."""

RULE = (
    f"A row has changed if the middle halves of its rounds do not overlap and the medians differ by more than {APART * 100:.0f} %"
    f" ({APART_ALONE * 100:.0f} % where a row has a single round)."
)


def changed(before: Row, now: Row) -> float:
    """By what factor a row got slower; 1 if it did not change, below 1 if it got faster."""
    slower = now["figure"] / before["figure"]
    if now["more_is_better"]:
        slower = 1 / slower
    overlap = before["low"] <= now["high"] and now["low"] <= before["high"]
    needed = 1 + (APART_ALONE if 1 in (before["rounds"], now["rounds"]) else APART)
    return 1.0 if overlap or max(slower, 1 / slower) <= needed else slower


def compare(stored: list[Row], rows: list[Row]) -> tuple[str, bool]:
    """A table of the rows that changed, slower ones first, with the rule; whether any got slower."""
    known = {(row["section"], row["name"]): row for row in stored}
    pairs = [(known[key], row) for row in rows if (key := (row["section"], row["name"])) in known and known[key]["unit"] == row["unit"]]
    told = sorted(((changed(*pair), *pair) for pair in pairs), key=lambda each: -each[0])
    slower, faster = sum(factor > 1 for factor, *_ in told), sum(factor < 1 for factor, *_ in told)
    lines = [f"{slower} of {len(pairs)} rows got slower, {faster} faster; {len(rows) - len(pairs)} are new. {RULE}"]
    if slower or faster:
        lines += ["", line(["", "row", "stored", "now"]), line(["---", "---", "--:", "--:"])]
    for factor, before, now in told:
        if factor != 1:
            word = f"**{digits(factor)} x slower**" if factor > 1 else f"{digits(1 / factor)} x faster"
            lines.append(line([word, f"{now['section']}: {now['name']}", figure(before), figure(now)]))
    return "\n".join(lines), slower > 0
