"""What the Experiment page shows of an experiment: how far it is, its curves and its table, and how to repeat it elsewhere."""

from __future__ import annotations

import io
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from html import escape

import streamlit as st

from ..experiment import Results
from ..experiment.texts import COLUMNS, about, cells, spread_told, told_all
from ..plan import Plan
from .experiment_charts import CONFIG, PANELS, figure
from .experiment_choices import Prepared, code, command, named_file, plain
from .experiment_job import Job
from .links import opened
from .look import MUTED, color, dash
from .plot import plot
from .state import canvas, commit, guarded

FAST = "\N{NO-BREAK SPACE}"
"""Between what a table keeps on one line: a narrow page scrolls it sideways."""
_STROKES = {"solid": "solid", "dot": "dotted"}
"""How CSS calls a stroke; what else plotly knows is dashed there."""


@dataclass(frozen=True)
class Started:
    """An experiment as it was started; the controls may say something else by now.

    data : the name of the data, for those who repeat it
    about, schedules : what is run, and what each schedule is; as it was when its data were read
    """

    job: Job
    prepared: Prepared
    data: str
    about: str
    schedules: dict[str, str]


def begin(found: Prepared, watched: Callable[[], bool]) -> Started:
    """Start it."""
    assert found.setup is not None
    told = Results(found.setup, found.plans)
    return Started(Job(found.setup, found.plans, watched), found, named_file(found.setup.data), about(told), told_all(told))


def results(started: Started, changed: bool) -> None:
    """All of it; what can be taken away only when it has ended.

    changed : whether the controls say something else
    """
    job = started.job
    _state(job)
    st.caption(plain(started.about))
    if changed and not job.running:
        st.caption("The settings have changed since. Start runs them.")
    if not job.results.epochs:
        return
    legend(job.results.plans, started.prepared.places)
    for column, field in zip(st.columns(3, gap="small"), PANELS, strict=True):
        with column:
            drawn = figure(job.results, field, started.prepared.places, started.prepared.stairs)
            plot(drawn, CONFIG, key=f"experiment-chart-{field}", alt=f"{PANELS[field]} by epoch of {', '.join(job.results.plans)}")
    _table(job.results)
    if not job.running:
        _downloads(job.results)
        _again(started)


def legend(names: Mapping[str, object], places: Mapping[str, int]) -> None:
    """The lines and what they are called, once for all charts."""
    entries = "".join(
        '<span style="display:inline-flex;align-items:center;gap:8px;white-space:nowrap">'
        f'<span style="width:24px;border-top:3px {_STROKES.get(dash(places[name]), "dashed")} {color(places[name])}"></span>'
        f"{escape(name)}</span>"
        for name in names
    )
    st.html(f'<div style="display:flex;flex-wrap:wrap;gap:4px 18px;font-size:14px;color:{MUTED}">{entries}</div>')


def _state(job: Job) -> None:
    """Where it stands."""
    setup = job.results.setup
    last = job.results.epochs[-1] if job.results.epochs else None
    match job.state:
        case "running" if last is None:
            st.progress(0.0, "Loading the framework")
        case "running":
            assert last is not None
            seed = f" · seed {last.seed + 1} of {setup.seeds}" if setup.seeds > 1 else ""
            told = "diverged" if last.diverged else f"loss {last.train_loss:.3g} · accuracy {100 * last.accuracy:.1f} %"
            st.progress(job.progress, f"{plain(last.name)}{seed} · epoch {last.epoch} of {setup.epochs} · {told}")
        case "failed":
            st.error(plain(job.error), icon=":material/error:")
        case "stopped":
            whole = any(job.results.runs(name) for name in job.results.plans)
            told = "The table counts the runs that were complete." if whole else "No run was complete."
            st.warning(f"Stopped at {job.progress:.0%}. {told}", icon=":material/stop_circle:")
        case _:
            st.success("Done.", icon=":material/check_circle:")


def _table(results: Results) -> None:
    """A row for each schedule, the best one marked."""
    best, rows = results.best(), cells(results)
    if not any(results.runs(name) for name in results.plans):
        return
    names = [f"**{plain(row[0])}** :green-badge[best]" if row[0] == best else plain(row[0]) for row in rows]
    others = {
        title.replace(" ", FAST): [row[i].replace(" ± ", f"{FAST}±{FAST}") for row in rows] for i, title in enumerate(COLUMNS) if i
    }  # fmt: skip
    st.table({COLUMNS[0]: names, **others}, border="horizontal", hide_index=True)
    st.caption(plain(spread_told(results)))


def _downloads(results: Results) -> None:
    with st.container(horizontal=True, key="experiment-downloads"):
        _download("CSV", results.to_csv(), "text/csv")
        _download("PNG", lambda: _png(results), "image/png")
        _download("JSON", results.to_json(), "application/json")


def _download(label: str, data: str | Callable[[], bytes], kind: str) -> None:
    st.download_button(label, data, f"experiment.{label.lower()}", kind, icon=":material/download:", on_click="ignore")


def _png(results: Results) -> bytes:
    content = io.BytesIO()
    results.plot().savefig(content, format="png", dpi=150)
    return content.getvalue()


def _again(started: Started) -> None:
    """The same experiment elsewhere, and what its schedules are."""
    setup, given = started.job.results.setup, started.prepared.given
    terminal, python, schedules = st.tabs(["Terminal", "Python", "Schedules"])
    with terminal:
        st.code(command(setup, given, started.data), language="sh", wrap_lines=True)
    with python:
        st.code(code(setup, given, started.data), language="python", wrap_lines=True)
    with schedules:
        for i, (name, told) in enumerate(started.schedules.items()):
            with st.container(horizontal=True, vertical_alignment="center", key=f"experiment-schedule-{i}"):
                st.markdown(f"**{plain(name)}**: {plain(told)}", width="stretch")
                st.button(
                    "Open on the canvas", key=f"experiment-open-{i}", icon=":material/open_in_new:", type="tertiary",
                    on_click=_open, args=(started.job.results.plans[name], name), disabled=canvas().full,
                )  # fmt: skip


@guarded
def _open(plan: Plan, name: str) -> None:
    """Put a schedule of the experiment on the canvas, in updates."""
    alone = plan.adapt is None and set(plan.defaults) == {"lr"}
    commit(opened(plan.defaults["lr"] if alone else plan, name, canvas()))
