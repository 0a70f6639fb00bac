"""Below the chart, of the selected schedule: numbers, code, phases, checks and files."""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache
from html import escape
from typing import Any

import streamlit as st

from ..code import TARGETS, Target, to_code
from ..errors import LrcoreError
from ..findings.finding import Finding, Findings
from ..plan import BoundPlan, Plan
from .canvas import Item, Run
from .curves import Shown, numbers_of
from .look import plain
from .state import unexpected
from .writing import lrcore_code

ROWS = 1_000_000
"""Rows of a CSV file, at most: what spreadsheets take."""
_TOLD = 60
"""Phases in the table, at most."""
NAMES: dict[str, str] = {"torch": "PyTorch", "keras": "Keras", "optax": "optax", "numpy": "NumPy", "lrcore": "lrcore"}
_LOOK: dict[str, tuple[Callable[..., Any], str]] = {
    "error": (st.error, ":material/error:"), "warning": (st.warning, ":material/warning:"), "note": (st.info, ":material/info:"),
}  # fmt: skip


def numbers(bound: BoundPlan, view: Shown) -> None:
    """Ends, extremes and mean of the selected rate, that of its first group."""
    place = next((i for i, (_, field) in enumerate(bound.columns) if field == "lr"), 0)
    found = numbers_of(bound.schedules[place], view.steps)
    ends = {"first": found.first, "last": found.last, "min": found.least, "max": found.greatest, "mean": found.mean}
    shown: dict[str, str | float | None] = {"group": bound.columns[place][0]} if len(bound.names) > 1 else {}
    shown |= {"steps": f"{view.steps:,}", **ends}
    with st.container(key="numbers", horizontal=True, gap="medium"):
        for name, value in shown.items():
            text = value if isinstance(value, str) else "–" if value is None else f"{value:.4g}"
            st.html(f"<span class='number'><span>{name}</span> <b>{escape(text)}</b></span>", width="content")


# -- code --------------------------------------------------------------------------------------------------------------------


def code(item: Item, plan: Plan) -> None:
    """The plan in the words of a framework, with a button that copies it."""
    target: Target = st.segmented_control(
        "Code for", TARGETS, default=TARGETS[0], format_func=lambda name: NAMES.get(name, name), key="target", required=True,
        label_visibility="collapsed",
    ) or TARGETS[0]  # fmt: skip
    try:
        st.code(lrcore_code(item, plan) if target == "lrcore" else _code(plan, target), language="python", height="content")
    except (LrcoreError, ImportError) as error:
        st.warning(plain(str(error)), icon=":material/info:")
    except Exception as error:  # what a generator did not expect is no reason to lose the page
        st.error(plain(unexpected(error)), icon=":material/error:")


@lru_cache(128)
def _code(plan: Plan, target: Target) -> str:
    return to_code(plan, target)


# -- phases and findings -----------------------------------------------------------------------------------------------------


def phases(plan: Plan) -> None:
    """The timeline as a table."""
    found = _phases(plan)
    header = {"phase": "Phase", "first": "First step", "end": "End", "start": "Value at first", "stop": "Value at last"}
    several = len({(phase.group, phase.field) for phase in found}) > 1
    rows = []
    for phase in found[:_TOLD]:
        own = {"Group": phase.group, "Field": phase.field} if several else {}
        rows.append(own | {
            header["phase"]: phase.name.replace("_", " "), header["first"]: f"{phase.first:,}",
            header["end"]: "–" if phase.end is None else f"{phase.end:,}",
            header["start"]: "–" if phase.start is None else f"{phase.start:.6g}",
            header["stop"]: "–" if phase.stop is None else f"{phase.stop:.6g}",
        })  # fmt: skip
    with st.container(key="phases"):
        st.table(rows, border="horizontal", hide_index=True)
    if len(found) > _TOLD:
        st.caption(f"The first {_TOLD} of {len(found):,} phases.")


@lru_cache(128)
def _phases(plan: Plan) -> Any:
    return plan.phases()


@lru_cache(128)
def checked(plan: Plan, epochs: int | None) -> Findings:
    """What is found about the plan; a number of the run that the check refuses is a finding too."""
    try:
        return plan.check(epochs=epochs)
    except LrcoreError as error:
        return Findings([Finding("clock-mismatch", "error", "the run", str(error), "")])


def findings(plan: Plan, run: Run) -> None:
    """Every finding with its severity, the worst first."""
    found = checked(plan, run.epochs)
    if not found:
        st.success("Nothing found. The more of the run is known, the more is checked: see The run.", icon=":material/check_circle:")
    for finding in found:
        show, icon = _LOOK[finding.severity]
        told = f"{finding.sentence} {finding.mend}"
        show(f"**{finding.severity}: {finding.code}** ({plain(finding.where)})  \n{plain(told)}", icon=icon)
