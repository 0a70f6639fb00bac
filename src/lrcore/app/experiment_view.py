"""The Experiment page: the same small model trained under several schedules, looked at while it learns."""

from __future__ import annotations

from collections.abc import Callable
from math import ceil

import streamlit as st
from streamlit import runtime
from streamlit.runtime.scriptrunner import get_script_run_ctx

from .experiment_charts import CONFIG, preview
from .experiment_choices import Prepared
from .experiment_controls import controls
from .experiment_results import Started, begin, legend, results
from .plot import plot
from .state import canvas, session, unexpected

REFRESH = 0.7
"""Seconds between two looks at what is running."""


def page() -> None:
    """The page, from top to bottom."""
    left, right = st.columns([3, 8], gap="large")
    with left:
        found = controls(canvas())
        _buttons(found)
    with right:
        if session().said:
            st.error(session().said, icon=":material/error:")
        started = current()
        if started is None:
            _before(found)
            return
        running = started.job.running
        st.fragment(_after, run_every=REFRESH if running else None)(found, running)


def current() -> Started | None:
    """The experiment of this session, running or not."""
    found: Started | None = st.session_state.get("experiment")
    return found


def _buttons(found: Prepared) -> None:
    started = current()
    if started is not None and started.job.running:
        st.button("Stop", on_click=started.job.stop, key="experiment-stop", icon=":material/stop:", width="stretch")
        return
    st.button(
        "Start", on_click=_start, args=(found,), key="experiment-start", type="primary", icon=":material/play_arrow:", width="stretch",
        disabled=not found.ready, help=None if found.ready else "Something above is missing or refused.",
    )  # fmt: skip


def _start(found: Prepared) -> None:
    started = current()
    if found.setup is None or (started is not None and started.job.running):
        return
    st.session_state["experiment"] = begin(found, _watched())


def _watched() -> Callable[[], bool]:
    """Whether the page of this session is still open, as a thread may ask."""
    context = get_script_run_ctx()
    if context is None or not runtime.exists():
        return lambda: True
    return lambda: runtime.exists() and runtime.get_instance().is_active_session(context.session_id)


def _before(found: Prepared) -> None:
    """What would run."""
    st.subheader("What will run", anchor=False)
    if found.setup is None or found.sizes is None or not found.plans:
        st.caption("Choose data and schedules, and start. Every schedule trains the same model from the same weights.")
        return
    learnt, tested = found.sizes
    updates = ceil(learnt / found.setup.batch)
    st.caption(
        f"{learnt:,} images to train on, {tested:,} to test on; {updates:,} updates an epoch, {found.setup.epochs * updates:,} in a run. "
        "Every schedule starts from the same weights and sees the same batches."
    )
    legend(found.plans, found.places)
    drawn = preview(found.plans, found.setup, updates, found.places, found.stairs)
    plot(drawn, CONFIG, key="experiment-chart-before", alt=f"Learning rate by epoch of {', '.join(found.plans)}")


def _after(found: Prepared, was_running: bool) -> None:
    """The experiment that was started: how far it is, and what came out. Runs again by itself while it is running."""
    started = current()
    if started is None:
        return
    started.job.take()
    if was_running and not started.job.running:
        st.rerun()
    try:
        results(started, changed=found.ready and (found.setup, found.plans) != (started.prepared.setup, started.prepared.plans))
    except Exception as error:  # in a fragment, beyond the guard around the page
        st.error(unexpected(error), icon=":material/error:")
