"""The picture of what grows: the time of a call against steps and against groups, from stored rows, drawn with matplotlib."""

from __future__ import annotations

from math import log10
from pathlib import Path
from statistics import linear_regression
from typing import Any

Row = dict[str, Any]
OURS, THEIRS, FLOOR = "#0b5fa5", "#8e8e8e", "#d9822b"
INK, FAINT = "#222222", "#777777"
UNITS = ((1.0, "s"), (1e-3, "ms"), (1e-6, "µs"), (1e-9, "ns"))
Line = list[tuple[float, float]]
"""Points, by what they stand at: seconds of a whole call."""


def draw(result: dict[str, Any], path: Path) -> None:
    """Draw the rows of a run that have a place on a line; a panel without rows stays away."""
    import matplotlib

    matplotlib.use("agg")
    from matplotlib import pyplot

    panels = [panel for panel in (_ranges(result["rows"]), _tables(result["rows"]), _steps(result["rows"])) if panel["lines"]]
    width, machine = 5.2 * len(panels), result["machine"]
    with pyplot.rc_context({"font.family": "sans-serif", "font.size": 9.5, "text.color": INK, "axes.edgecolor": FAINT}):
        figure, axes = pyplot.subplots(1, len(panels), figsize=(width, 5.0), squeeze=False)
        figure.subplots_adjust(left=0.75 / width, right=1 - 1.6 / width, top=0.77, bottom=0.11, wspace=0.72)
        for ax, panel in zip(axes[0], panels, strict=True):
            _draw(ax, **panel)
        figure.text(0.2 / width, 0.97, "What a call costs as it grows", fontsize=16, weight="bold", va="top")
        told = f"Time of one call on {machine['cpu']}, {machine['levels'][-1]}, one thread. Both axes are logarithmic: a slope of 1 is in"
        told += " proportion, of 0 is free; it is told over the upper half of a line."
        figure.text(0.2 / width, 0.895, told, color=FAINT, va="top")
        figure.savefig(path, dpi=120, metadata={"Software": None})
        pyplot.close(figure)


def _line(rows: list[Row], seconds: str = "ours", items: bool = True) -> Line:
    """Seconds of a call of each row that has them: of an item, times the items of a call."""
    return sorted((row["at"], row[seconds] * (_items(row) if items else 1)) for row in rows if row[seconds] is not None)


def _items(row: Row) -> int:
    return row["size"] * (row["at"] if row["section"].startswith("Tables") else 1)


def _ranges(rows: list[Row]) -> dict[str, Any]:
    chosen = [row for row in rows if row["section"] == "Against NumPy's expression, 1 to 10^8 values"]
    series = dict.fromkeys(row["series"] for row in chosen)
    lines = []
    for name in series:
        of_it = [row for row in chosen if row["series"] == name]
        lines += [("NumPy", THEIRS, _line(of_it, "base")), ("lrcore", OURS, _line(of_it))]
    return {
        "title": "A range, by its steps",
        "subtitle": ", ".join(name.replace("_", " + ") for name in series),
        "unit": "steps",
        "lines": lines,
    }


def _tables(rows: list[Row]) -> dict[str, Any]:
    chosen = [row for row in rows if row["section"] == "Tables of 10^5 rows, 1 to 1,000 groups"]
    lines = [
        (name, OURS, _line([row for row in chosen if row["series"] == name])) for name in dict.fromkeys(row["series"] for row in chosen)
    ]
    first = [row for row in chosen if row["series"] == chosen[0]["series"]]
    lines = [("filling memory", FLOOR, _line(first, "base")), *lines] if first else []
    return {"title": "A table of 100,000 rows, by its groups", "subtitle": "warmup + cosine", "unit": "groups", "lines": lines}


def _steps(rows: list[Row]) -> dict[str, Any]:
    by_peer = {
        name: [row for row in rows if row["section"] == f"PlanScheduler.step() against {told}" and row.get("at")]
        for name, told in (
            ("CosineAnnealingLR", "torch's CosineAnnealingLR.step()"),
            ("assigning a constant", "a loop that assigns a constant"),
        )
    }
    torch, loop = by_peer.values()
    lines = [
        (name, color, _line(of_it, "base", items=False))
        for (name, of_it), color in zip(by_peer.items(), (THEIRS, FLOOR), strict=True)
        if of_it
    ]
    lines += [("PlanScheduler", OURS, _line(torch or loop, items=False))] if lines else []
    return {"title": "scheduler.step() in torch, by groups", "subtitle": "cosine, host mode", "unit": "groups", "lines": lines}


def _draw(ax: Any, title: str, subtitle: str, unit: str, lines: list[tuple[str, str, Line]]) -> None:
    ends: dict[tuple[str, str], list[Line]] = {}
    for name, color, points in lines:
        ax.plot(*zip(*points, strict=True), color=color, linewidth=1.8, marker="o", markersize=3.2, solid_capstyle="round")
        ends.setdefault((name, color), []).append(points)
    ax.set_xscale("log")
    ax.set_yscale("log")
    ax.set_title(f"{title}\n", loc="left", fontsize=11, weight="bold")
    ax.text(0, 1.02, subtitle, transform=ax.transAxes, color=FAINT, fontsize=8.5)
    ax.set_xlabel(unit, color=FAINT)
    ax.xaxis.set_major_formatter(lambda value, position: _power(value))
    ax.yaxis.set_major_formatter(lambda value, position: _seconds(value))
    ax.minorticks_off()
    ax.tick_params(length=0, colors=FAINT)
    ax.grid(True, linewidth=0.5, alpha=0.35)
    ax.set_axisbelow(True)
    for side in ("top", "right", "left"):
        ax.spines[side].set_visible(False)
    _label(ax, ends)


def _label(ax: Any, ends: dict[tuple[str, str], list[Line]]) -> None:
    """A name, with its slopes, at the right end of each line, or of each bundle of one name; pushed apart where they would touch."""
    (low, high), right = (log10(limit) for limit in ax.get_ylim()), ax.get_xlim()[1]
    heights = {key: sum(log10(line[-1][1]) for line in bundle) / len(bundle) for key, bundle in ends.items()}
    lowest = low
    for (name, color), height in sorted(heights.items(), key=lambda item: item[1]):
        slopes = sorted({f"{_slope(line):.2f}" for line in ends[name, color] if len(line) > 2})
        told = f"{name}\nslope {' to '.join([slopes[0], slopes[-1]][: len(slopes)])}" if slopes else name
        at = max(height, lowest)
        ax.annotate(
            told, (right, 10**at), xytext=(6, 0), textcoords="offset points",
            color=color, va="center", fontsize=9, weight="bold", linespacing=1.3,
        )  # fmt: skip
        lowest = at + 0.11 * (high - low)


def _slope(line: Line) -> float:
    """Of the straight line, least squares, through the upper half of the points."""
    upper = [(log10(x), log10(y)) for x, y in line[len(line) // 2 :]]
    slope, _ = linear_regression(*zip(*upper, strict=True))
    return slope


def _power(value: float) -> str:
    exponent = round(log10(value))
    return f"{value:,.0f}" if exponent <= 3 else f"$10^{exponent}$"


def _seconds(value: float) -> str:
    size, unit = next(((size, unit) for size, unit in UNITS if value >= size * 0.999), UNITS[-1])
    return f"{value / size:,.3g} {unit}"
