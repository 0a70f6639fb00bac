"""What is taken home from the studio: pictures, values, plans, the canvas, and a link to it."""

from __future__ import annotations

import csv
import io
from collections.abc import Callable

import streamlit as st

from ..drawing.pictures import plot
from ..errors import LrcoreError
from ..plan import BoundPlan, Plan
from .canvas import Canvas, Item
from .curves import Shown
from .links import to_document, to_link
from .look import plain
from .state import canvas

ROWS = 1_000_000
"""Rows of a CSV file, at most: what spreadsheets take."""


def files(item: Item, plan: Plan, bound: BoundPlan, view: Shown) -> None:
    """Downloads of the selected schedule and of the canvas; each file is made when it is asked for."""
    now = canvas()
    stem = "".join(letter if letter.isalnum() else "_" for letter in item.name)
    stride = max(-(-view.steps // ROWS), 1)
    with st.container(horizontal=True):
        if view.lines:
            _download("PNG", "lrcore.png", "image/png", lambda: picture(now, view, "png"))
            _download("SVG", "lrcore.svg", "image/svg+xml", lambda: picture(now, view, "svg"))
        _download("CSV", f"{stem}.csv", "text/csv", lambda: table(bound, view.steps, stride))
        _download("Plan (JSON)", f"{stem}.json", "application/json", plan.to_json)
        _download("Canvas (JSON)", "canvas.json", "application/json", lambda: to_document(now))
    every = "every step" if stride == 1 else f"every {stride:,} steps, since a file has at most {ROWS:,} rows"
    st.caption(f"PNG and SVG show the chart. CSV has the values of {item.name} at {every}, in full precision.")


def _download(label: str, name: str, kind: str, data: Callable[[], str | bytes]) -> None:
    st.download_button(label, data, name, kind, icon=":material/download:", on_click="ignore", key=f"file-{label}")


def table(bound: BoundPlan, steps: int, stride: int = 1) -> str:
    """The values as CSV, a row for every `stride` steps; the numbers read back as the same.

    >>> import lrcore as lr
    >>> print(table(lr.Plan(lr.linear(1.0, 0.0, 4), momentum=0.9).bind(), 4, 2))
    step,lr,momentum
    0,1.0,0.9
    2,0.5,0.9
    <BLANKLINE>
    """
    at = range(0, steps, stride)
    columns = [schedule.values(len(at), 0, stride).tolist() for schedule in bound.schedules]
    several = len(bound.names) > 1
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(["step", *(f"{group}.{field}" if several else field for group, field in bound.columns)])
    writer.writerows(zip(at, *columns, strict=True))
    return text.getvalue()


def picture(now: Canvas, view: Shown, kind: str) -> bytes:
    """The chart as matplotlib draws it, for papers and slides; kind : "png" or "svg". Raises ImportError without matplotlib."""
    try:
        from matplotlib.figure import Figure
    except ImportError as error:
        hint = 'Pictures are drawn with matplotlib, which is not installed. Install it with pip install "lrcore[plot]".'
        raise ImportError(hint) from error
    rows = len(view.fields)
    figure = Figure(figsize=(8, 0.8 + 2.8 * rows), layout="constrained")
    axes = figure.subplots(rows, 1, sharex=True, squeeze=False)[:, 0]
    drawn = {line.item.id: line.item.name for line in view.lines}
    unit = now.axis if now.axis in view.axes and now.axis != "updates" else None
    plot(
        *(view.bound[number] for number in drawn), labels=list(drawn.values()), steps=view.steps, axes=axes, log=now.log, phases=now.shade,
        unit=unit, clock=view.clock,
    )  # fmt: skip
    buffer = io.BytesIO()
    figure.savefig(buffer, format=kind, dpi=160)
    return buffer.getvalue()


def link() -> None:
    """A link that opens this canvas."""
    base = (st.context.url or "").partition("?")[0]
    try:
        st.code(f"{base}?canvas={to_link(canvas())}", language=None, wrap_lines=True, height=140)
        st.caption("It opens this canvas wherever the studio runs at this address.")
    except LrcoreError as error:
        st.error(plain(str(error)), icon=":material/error:")
