"""The list of what is on the canvas: add, pick, name, hide, duplicate, remove."""

from __future__ import annotations

from collections.abc import Callable

import streamlit as st

from ..errors import SpecError
from .canvas import MOST_ITEMS, Canvas, Item
from .controls import begin, choices, label_of
from .links import imported
from .look import color, plain
from .making import Made
from .state import canvas, commit, guarded, session, shows


def listed(made: dict[int, Made]) -> None:
    """Every item with its colour and its buttons, the selected one marked."""
    now = canvas()
    chosen = now.chosen
    st.html(_swatches(now))
    with st.container(key="items", gap=None):
        for item in now.items:
            selected = chosen is not None and item.id == chosen.id
            row = f"item-{item.id}{'-selected' if selected else ''}"
            with st.container(key=row, horizontal=True, vertical_alignment="center", gap=None, wrap=False):
                broken = "  :red[:material/error:]" if made[item.id].plan is None else ""
                st.button(
                    f"{plain(item.name)}{broken}", key=f"pick-{item.id}", type="tertiary", width="stretch",
                    on_click=_do, args=(lambda now, item=item: now.but(selected=item.id),),
                )  # fmt: skip
                _button(item, "hide", "visibility_off" if item.hidden else "visibility", "Show" if item.hidden else "Hide", _hidden)
                _button(item, "copy", "content_copy", "Duplicate", lambda now, item: now.duplicate(item.id))
                _button(item, "remove", "delete", "Remove", lambda now, item: now.remove(item.id))


def _swatches(now: Canvas) -> str:
    rules = [
        f".st-key-pick-{item.id} button::before {{background: {color(item.color) if not item.hidden else 'transparent'}; "
        f"border: 2px solid {color(item.color)};}}"
        for item in now.items
    ]
    return f"<style>{' '.join(rules)}</style>"


def _button(item: Item, name: str, icon: str, told: str, change: Callable[[Canvas, Item], Canvas]) -> None:
    st.button(
        f"{told} {plain(item.name)}", key=f"{name}-{item.id}", icon=f":material/{icon}:", help=f"{told} {item.name}", type="tertiary",
        on_click=_do, args=(lambda now: change(now, item),),
    )  # fmt: skip


def _hidden(now: Canvas, item: Item) -> Canvas:
    return now.change(item.but(hidden=not item.hidden))


@guarded
def _do(change: Callable[[Canvas], Canvas]) -> None:
    commit(change(canvas()))


# -- adding ------------------------------------------------------------------------------------------------------------------


def adding() -> None:
    """The list to add a schedule from, and the import."""
    full = canvas().full
    st.selectbox(
        "Add a schedule", choices(), index=None, format_func=label_of, placeholder="Type to search: cosine, warmup, restarts ...",
        key="add", on_change=_add, disabled=full, filter_mode="contains",
    )  # fmt: skip
    if full:
        st.caption(f"The canvas has {MOST_ITEMS} schedules, which is all it can show. Remove one to add another.")


@guarded
def _add() -> None:
    choice = st.session_state["add"]
    st.session_state["add"] = None
    if choice is not None:
        commit(canvas().add(begin(choice)))


def importing() -> None:
    """JSON, YAML or an expression, pasted or from a file."""
    example = "cosine(3e-4, 0, 1000) >> constant(1e-5)"
    st.text_area("Paste JSON, YAML or an expression", key="import-text", height=120, placeholder=example)
    st.button("Import the text", on_click=_import_text, key="import-button", width="stretch")
    st.file_uploader("Or choose a file", type=["json", "yaml", "yml", "txt"], key="import-file", on_change=_import_file)
    if said := st.session_state.get("import-said"):
        st.error(plain(said), icon=":material/error:")


@guarded
def _import_text() -> None:
    if _import(st.session_state["import-text"], ""):
        st.session_state["import-text"] = ""


@guarded
def _import_file() -> None:
    file = st.session_state["import-file"]
    if file is not None:
        try:
            text = file.getvalue().decode()
        except UnicodeDecodeError:
            st.session_state["import-said"] = f"{file.name}: expected a text file, got something else. Choose a JSON or YAML file."
            return
        _import(text, file.name.rpartition(".")[0])


def _import(text: str, name: str) -> bool:
    """Whether the text was put on the canvas; if not, the sentence is kept for under its field."""
    try:
        commit(imported(text, canvas(), name[:60]))
        st.session_state["import-said"] = ""
    except (SpecError, ImportError) as error:
        st.session_state["import-said"] = str(error)
        return False
    return True


def naming(item: Item) -> None:
    """The name of the selected item."""
    key = f"name-{item.id}"
    st.text_input("Name", key=shows(key, item.name), max_chars=60, on_change=_named, args=(item.id, key))


@guarded
def _named(number: int, key: str) -> None:
    item, name = canvas().item(number), " ".join(st.session_state[key].split())
    if item is None:
        return
    if not name:
        session().said = "name: expected at least one letter, got nothing. The schedule keeps its name."
        return
    commit(canvas().change(item.but(name=name if name == item.name else canvas().remove(number).free_name(name))))
