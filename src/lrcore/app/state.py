"""The canvas of a session, with its history; widgets show what it says, and what is done to them comes back to it."""

from __future__ import annotations

import sys
from collections.abc import Callable
from functools import wraps
from typing import Any, ParamSpec

import msgspec
import streamlit as st

from ..errors import LrcoreError
from ..registry import recipes
from .canvas import Canvas, Item, Path
from .links import OPENED, from_link
from .making import made
from .starting import fresh

_KEPT = 100
"""Changes that can be undone."""
P = ParamSpec("P")


class Session(msgspec.Struct):
    """What a session of the studio remembers.

    past, future : what undo and redo go to; step : what was changed last, so that a slider's way is one change
    good : every item as it was when it could last be made; said : a sentence for the top of the page
    unseen : widgets that were given another value in a drawing of the page that has not come to its end
    """

    canvas: Canvas
    past: list[Canvas] = []
    future: list[Canvas] = []
    step: str = ""
    good: dict[int, Item] = {}
    said: str = ""
    unseen: set[str] = set()


def session() -> Session:
    """This session's; a new one opens the canvas of its link, or of the command line, or a first schedule."""
    if "studio" not in st.session_state:
        st.session_state.studio = _opened()
    found: Session = st.session_state.studio
    return found


def canvas() -> Canvas:
    """The canvas of this session."""
    return session().canvas


def _opened() -> Session:
    given = next((word.removeprefix(OPENED) for word in sys.argv[1:] if word.startswith(OPENED)), "")
    link = st.query_params.get("canvas", given)
    if link:
        try:
            return remembered(Session(from_link(link)))
        except LrcoreError as error:
            return remembered(Session(_first(), said=str(error)))
    return remembered(Session(_first()))


def _first() -> Canvas:
    """What a page shows before anybody has chosen: the recipe that its name promises most people."""
    known = (recipe for recipe in recipes().values() if recipe.family == "warmups" and recipe.first == "0")
    return Canvas().add(fresh(next(known)))


def remembered(found: Session) -> Session:
    """The session, with every item that can be made noted as the last good one."""
    for item in found.canvas.items:
        if made(item, found.canvas.run).plan is not None:
            found.good[item.id] = item
    return found


def commit(new: Canvas, step: str = "") -> None:
    """Put another canvas in force; changes of one `step` in a row are undone as one."""
    found = session()
    if new == found.canvas:
        return
    if not step or step != found.step:
        found.past = [*found.past, found.canvas][-_KEPT:]
    found.canvas, found.step, found.future, found.said = new, step, [], ""
    remembered(found)


def undo() -> None:
    """Go back one change."""
    found = session()
    if found.past:
        found.future.append(found.canvas)
        found.canvas, found.step = found.past.pop(), ""
        remembered(found)


def redo() -> None:
    """Take back the last undo."""
    found = session()
    if found.future:
        found.past.append(found.canvas)
        found.canvas, found.step = found.future.pop(), ""
        remembered(found)


def guarded(callback: Callable[P, None]) -> Callable[P, None]:
    """A callback whose errors are a sentence on the page; what nobody expected goes to the terminal too."""

    @wraps(callback)
    def safe(*args: P.args, **kwargs: P.kwargs) -> None:
        try:
            callback(*args, **kwargs)
        except (LrcoreError, ImportError) as error:
            session().said = str(error)
        except Exception as error:
            session().said = unexpected(error)

    return safe


def unexpected(error: Exception) -> str:
    """The sentence for an error nobody expected, which the terminal gets in full."""
    from streamlit.logger import get_logger

    get_logger("lrcore.app").error("The studio met an error that it did not expect.", exc_info=error)
    return f"This did not work ({type(error).__name__}), and should have. Undo the last change; the terminal tells more."


def shows(key: str, wanted: Any) -> str:
    """The key of a widget, after making the widget show what the canvas says; one that does already is left alone, mid-drag too."""
    unseen, found = session().unseen, st.session_state.get(key)
    if key in unseen or key not in st.session_state or found != wanted or type(found) is not type(wanted):
        unseen.add(key)  # a drawing that is broken off may never reach the browser, whose widget would come up empty
        st.session_state[key] = wanted
    return key


@guarded
def changed(number: int, path: Path, key: str, read: Callable[[Any], Any]) -> None:
    """A widget of an item's argument was changed."""
    item = canvas().item(number)
    value = read(st.session_state[key])
    if item is not None and value is not None:
        commit(canvas().change(item.put(path, value)), key)
