"""The page of schedules: controls on the left, the canvas beside them, and below it what comes of the selected one."""

from __future__ import annotations

from collections.abc import Callable

import streamlit as st

from . import files as outputs
from . import items, results, run
from .canvas import Canvas
from .chart import AXES, CONFIG, figure
from .controls import schedule
from .curves import Shown, shown
from .look import plain
from .making import Made, made
from .plot import plot
from .state import guarded, redo, session, shows, undo


def page() -> None:
    """Draw the page."""
    found = session()
    now = found.canvas
    if found.said:
        st.error(plain(found.said), icon=":material/error:")
    with st.container(key="page"):
        left, right = st.columns([4, 8], gap="large")
        of = {item.id: made(item, now.run) for item in now.items}
        view = shown(now, found.good)
        with right, st.container(key="canvas"):  # first, so that the curve is there before all the rest
            _canvas(now, view)
        with left, st.container(key="controls", gap="xsmall"):
            _controls(now, of)
        with right, st.container(key="results"):
            _results(now, of, view)
    found.unseen.clear()


def _controls(now: Canvas, of: dict[int, Made]) -> None:
    items.adding()
    items.listed(of)
    item = now.chosen
    if item is None:
        st.info("The canvas is empty. Add a schedule above.", icon=":material/info:")
        return
    refusals = of[item.id].refusals
    items.naming(item)
    schedule(item, ("lr",), "Schedule", refusals)
    parts: tuple[tuple[str, str, tuple[str, ...], Callable[[], None]], ...] = (
        ("Momentum, weight decay and other fields", f"fields-{item.id}", ("fields", *(field for field in item.fields if field != "lr")),
         lambda: run.other_fields(item, refusals)),
        ("Parameter groups", f"groups-{item.id}", ("groups", "layer_decay"), lambda: run.groups(item, refusals)),
        ("The run", "the-run", ("run",), lambda: run.running(refusals)),
    )  # fmt: skip
    for label, key, roots, show in parts:
        if any(place[0] in roots for place in refusals):
            st.session_state[key] = True  # what is refused is seen
        part = st.expander(label, key=key, on_change="rerun")
        if part.open:  # what is closed costs nothing
            with part:
                show()


def _canvas(now: Canvas, view: Shown) -> None:
    with st.container(key="toolbar", horizontal=True, vertical_alignment="center", gap="small"):
        key = shows("log", now.log)
        st.toggle("Log scale", key=key, on_change=run.view_changed, args=(key, "log"))
        key = shows("shade", now.shade)
        told = "Shade the phases of the selected schedule."
        st.toggle("Phases", key=key, help=told, on_change=run.view_changed, args=(key, "shade"))
        if len(view.axes) > 1:
            key = shows("axis", now.axis if now.axis in view.axes else "updates")
            st.segmented_control(
                "Axis", view.axes, key=key, label_visibility="collapsed", required=True,
                format_func=lambda unit: f"{AXES[unit].removesuffix('s')}s", on_change=run.view_changed, args=(key, "axis"),
            )  # fmt: skip
        st.space("stretch")
        past, future = session().past, session().future
        st.button("Undo", icon=":material/undo:", help="Undo", key="undo", on_click=guarded(undo), disabled=not past, type="tertiary")
        st.button("Redo", icon=":material/redo:", help="Redo", key="redo", on_click=guarded(redo), disabled=not future, type="tertiary")
        with st.popover("Import", icon=":material/upload:", type="tertiary"):
            items.importing()
        with st.popover("Link", icon=":material/link:", type="tertiary"):
            outputs.link()
    told = ", ".join(line.label for line in view.lines) or "nothing"
    plot(figure(now, view), CONFIG, key="chart", alt=f"Chart of {told} over {view.steps:,} steps.")


def _results(now: Canvas, of: dict[int, Made], view: Shown) -> None:
    item = now.chosen
    if item is None:
        return
    found = of[item.id]
    if found.plan is None or found.bound is None:
        kept = " The chart keeps its last good curve." if item.id in view.bound else ""
        st.warning(f"**{plain(item.name)}** cannot be made as it stands; the controls say why.{kept}", icon=":material/warning:")
        return
    results.numbers(found.bound, view)
    code, phases, checks, files = st.tabs(["Code", "Phases", "Checks", "Files"], key="results-tabs", on_change="rerun")
    if code.open:
        with code:
            results.code(item, found.plan)
    if phases.open:
        with phases:
            results.phases(found.plan)
    if checks.open:
        with checks:
            results.findings(found.plan, now.run)
    if files.open:
        with files:
            outputs.files(item, found.plan, found.bound, view)
