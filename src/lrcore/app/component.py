"""Parts of the page that are ours, written for the browser: registered with streamlit once for each of its servers."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any

import streamlit as st
from streamlit.components.v1 import declare_component


def component(name: str, html: str, css: str, js: str, isolate_styles: bool = True) -> Callable[..., Any]:
    """What shows the part.

    isolate_styles : whether the page's rules of style end before it
    """
    return _component(_manager(), name, html, css, js, isolate_styles)


def served(name: str, folder: Path) -> str:
    """Where the server that shows the page has the files of a folder, below its own address."""
    return _served(_manager(), name, folder)


@cache
def _component(manager: Any, name: str, html: str, css: str, js: str, isolate_styles: bool) -> Callable[..., Any]:
    return st.components.v2.component(name, html=html, css=css, js=js, isolate_styles=isolate_styles)


@cache
def _served(manager: Any, name: str, folder: Path) -> str:
    return f"component/{declare_component(name, path=folder).name}"


def _manager() -> Any:
    from streamlit.components.v2.get_bidi_component_manager import get_bidi_component_manager

    return get_bidi_component_manager()
