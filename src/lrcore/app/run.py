"""What belongs to the run rather than to one schedule: horizon and clock; and of the plan: other fields, and groups."""

from __future__ import annotations

from typing import Any

import msgspec
import streamlit as st

from ..clocks import UNITS
from ..plan import FIELDS
from .canvas import MOST_GROUPS, Canvas, Group, Item, Written
from .controls import refusal, schedule
from .making import Refusals
from .scales import SAFE
from .state import canvas, commit, guarded, shows

_USUAL = {"momentum": "0.9", "beta1": "0.9", "beta2": "0.999", "weight_decay": "0.01", "eps": "1e-8", "alpha": "0.99", "rho": "0.9"}
"""What a field begins with, the default of most optimizers."""

_NUMBERS = {
    "horizon": ("Horizon", "How long the run is, in the unit below; what fractions of the horizon refer to, and what is drawn."),
    "epochs": ("Epochs", "How many epochs the run makes; the checks compare the plan with it."),
    "batch_size": ("Batch size", "Samples of a microbatch on one worker; with it come axes of samples and epochs."),
    "epoch_size": ("Dataset size", "Samples of an epoch."),
    "accumulation": ("Accumulation", "Microbatches on each worker that make an update."),
    "world_size": ("Workers", "Each with samples of its own."),
    "sequence_length": ("Sequence length", "Tokens of a sample."),
}


def running(refusals: Refusals) -> None:
    """The numbers of the run, two in a row."""
    run = canvas().run
    columns = st.columns(2, gap="small", wrap=False)
    for i, (name, (label, told)) in enumerate(_NUMBERS.items()):
        with columns[i % 2]:
            value = getattr(run, name)
            shown = value if isinstance(value, int) and abs(value) <= SAFE else None
            key = shows(f"run/{name}", shown)
            st.number_input(
                label, value=None, step=1, format="%d", key=key, help=told, placeholder="not given", on_change=_ran, args=(name, key)
            )
            refusal(refusals, ("run", name))
    with columns[1]:
        units = [unit for unit in UNITS if unit != "seconds"]  # of seconds there is no curve before the run
        key = shows("run/unit", run.unit)
        st.selectbox(
            "Lengths count", units, key=key, help="The unit of every length and of the horizon.", on_change=_ran, args=("unit", key)
        )
    refusal(refusals, ("run", "unit"))
    refusal(refusals, ("run", "clock"))


@guarded
def _ran(name: str, key: str) -> None:
    value = st.session_state[key]
    if value is None and name in ("accumulation", "world_size", "unit"):
        value = getattr(type(canvas().run)(), name)
    commit(canvas().but(run=msgspec.structs.replace(canvas().run, **{name: value})), key)


# -- other fields ------------------------------------------------------------------------------------------------------------


def other_fields(item: Item, refusals: Refusals) -> None:
    """Momentum, weight decay, ...: a schedule for each."""
    refusal(refusals, ("fields",))
    for field in item.fields:
        if field != "lr":
            with st.container(border=True):
                schedule(item, (field,), field, refusals)
                st.button(
                    f"Remove {field}", key=f"drop-{item.id}-{field}", icon=":material/delete:", type="tertiary",
                    on_click=_drop, args=(item.id, field),
                )  # fmt: skip
    key = f"add-field-{item.id}"
    st.selectbox(
        "Add a field", [field for field in FIELDS if field not in item.fields], index=None, placeholder="momentum, weight_decay ...",
        key=key, accept_new_options=True, on_change=_add_field, args=(item.id, key),
    )  # fmt: skip


@guarded
def _drop(number: int, field: str) -> None:
    _change(number, lambda item: item.without_field(field))


@guarded
def _add_field(number: int, key: str) -> None:
    field = st.session_state[key]
    st.session_state[key] = None
    if field:
        _change(number, lambda item: item.put((field,), Written(_USUAL.get(field, "0.1"))) if field not in item.fields else item)


def _change(number: int, change: Any, step: str = "") -> None:
    item = canvas().item(number)
    if item is not None:
        commit(canvas().change(change(item)), step)


# -- groups ------------------------------------------------------------------------------------------------------------------


def groups(item: Item, refusals: Refusals) -> None:
    """The parameter groups of the selected plan: a factor of the rate each, or frozen, and a weight decay of its own."""
    refusal(refusals, ("groups",))
    for i, group in enumerate(item.groups):
        _group(item, i, group)
    with st.container(horizontal=True, vertical_alignment="bottom"):
        full = len(item.groups) >= MOST_GROUPS
        st.button("Add a group", key=f"add-group-{item.id}", icon=":material/add:", on_click=_add_group, args=(item.id,), disabled=full)
        if len(item.groups) > 1:
            key = shows(f"layers/{item.id}", item.layer_decay)
            st.number_input(
                "Layer decay", value=None, step=0.05, format="%g", key=key, width=170, placeholder="none",
                help="Groups from the input to the output: each has this factor of the rate of the one after it.",
                on_change=_layers, args=(item.id, key),
            )  # fmt: skip
    refusal(refusals, ("layer_decay",))


def _group(item: Item, place: int, group: Group) -> None:
    stem = f"group-{item.id}-{place}"
    with st.container(key=stem, border=True, gap="small"):
        top = st.columns([5, 4], gap="small", vertical_alignment="bottom", wrap=False)
        bottom = st.columns([5, 4], gap="small", vertical_alignment="center", wrap=False)
        key = shows(f"{stem}-name", group.name)
        top[0].text_input("Group", key=key, on_change=_grouped, args=(item.id, place, "name", key), max_chars=60)
        key = shows(f"{stem}-factor", float(group.factor))
        top[1].number_input(
            "Rate ×",
            value=None,
            key=key,
            format="%g",
            step=0.1,
            disabled=group.frozen,
            on_change=_grouped,
            args=(item.id, place, "factor", key),
        )
        key = shows(f"{stem}-weight_decay", group.weight_decay)
        bottom[0].number_input(
            "Weight decay", value=None, key=key, format="%g", step=0.01, placeholder="the plan's",
            on_change=_grouped, args=(item.id, place, "weight_decay", key),
        )  # fmt: skip
        key = shows(f"{stem}-frozen", group.frozen)
        bottom[1].checkbox("frozen", key=key, help="Its rate is left as it is.", on_change=_grouped, args=(item.id, place, "frozen", key))
        bottom[1].button(
            "Remove", key=f"{stem}-remove", icon=":material/delete:", type="tertiary", help=f"Remove group {group.name}",
            on_click=_ungrouped, args=(item.id, place),
        )  # fmt: skip


@guarded
def _add_group(number: int) -> None:
    def added(item: Item) -> Item:
        used = {group.name for group in item.groups}
        name = next(name for name in ("backbone", "head", *(f"group{i}" for i in range(MOST_GROUPS + 2))) if name not in used)
        return item.but(groups=(*item.groups, Group(name)))

    _change(number, added)


@guarded
def _grouped(number: int, place: int, name: str, key: str) -> None:
    value = st.session_state[key]
    if value is None and name == "factor":
        return
    if name == "name":
        value = value.strip()
        if not value:
            return

    def with_group(item: Item) -> Item:
        changed = msgspec.structs.replace(item.groups[place], **{name: value})
        return item.but(groups=(*item.groups[:place], changed, *item.groups[place + 1 :]))

    _change(number, with_group, key)


@guarded
def _ungrouped(number: int, place: int) -> None:
    _change(number, lambda item: item.but(groups=item.groups[:place] + item.groups[place + 1 :]))


@guarded
def _layers(number: int, key: str) -> None:
    value = st.session_state[key]
    _change(number, lambda item: item.but(layer_decay=value), key)


@guarded
def view_changed(key: str, name: str) -> None:
    """A switch of the view: whether the axis is logarithmic, its unit, whether phases are shaded."""
    value = st.session_state[key]
    if value is not None:
        now: Canvas = canvas()
        commit(now.but(**{name: value}), key)
