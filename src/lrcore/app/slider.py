"""A slider over given values that speaks while it is dragged, so that the curve follows the hand.

Streamlit's own slider tells its value when it is let go. This one is the browser's range input: arrow keys, Page Up and Down, Home and
End move it, and screen readers read the value rather than its place.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import streamlit as st

from .component import component

_HTML = '<div class="slider"><input type="range" min="0" step="1"><output aria-hidden="true"></output></div>'

_CSS = """
.slider { position: relative; height: 2.5rem; display: flex; align-items: center; padding: 0 2px; }
input { appearance: none; -webkit-appearance: none; width: 100%; height: 2.5rem; margin: 0; background: none; cursor: pointer; --part: 0%; }
input::-webkit-slider-runnable-track { height: 4px; border-radius: 2px;
  background: linear-gradient(to right, var(--st-primary-color) var(--part), #DCE3E9 var(--part)); }
input::-moz-range-track { height: 4px; border-radius: 2px;
  background: linear-gradient(to right, var(--st-primary-color) var(--part), #DCE3E9 var(--part)); }
input::-webkit-slider-thumb { -webkit-appearance: none; width: 16px; height: 16px; margin-top: -6px; border-radius: 50%;
  background: var(--st-primary-color); border: 0; }
input::-moz-range-thumb { width: 16px; height: 16px; border-radius: 50%; background: var(--st-primary-color); border: 0; }
input:focus { outline: none; }
input:focus-visible::-webkit-slider-thumb { box-shadow: 0 0 0 3px #FFFFFF, 0 0 0 5px var(--st-primary-color); }
input:focus-visible::-moz-range-thumb { box-shadow: 0 0 0 3px #FFFFFF, 0 0 0 5px var(--st-primary-color); }
output { position: absolute; top: -.55rem; transform: translateX(-50%); padding: 0 .4rem; border-radius: .3rem; font-size: .8rem;
  line-height: 1.25rem; background: var(--st-primary-color); color: #FFFFFF; opacity: 0; pointer-events: none; white-space: nowrap; }
input:active + output, input:focus-visible + output { opacity: 1; }
"""

_JS = """
const PAUSE = 40, PATIENCE = 1500;  // milliseconds: before a value is sent; until one that was sent counts as not taken

export default function ({ parentElement, data, setStateValue }) {
  const input = parentElement.querySelector("input"), bubble = parentElement.querySelector("output");
  const last = data.values.length - 1;
  const show = () => {
    const part = last ? input.value / last : 0;
    bubble.textContent = data.words[input.value];
    bubble.style.left = `calc(${100 * part}% + ${(0.5 - part) * 20}px)`;
    input.style.setProperty("--part", `${100 * part}%`);
    input.setAttribute("aria-valuetext", data.words[input.value]);
  };
  const settle = () => {
    input.moving = false;
    input.value = input.wanted;
    show();
  };
  const send = () => {
    input.pause = undefined;
    input.sent = input.value;
    input.patience = setTimeout(() => answered(settle), PATIENCE);
    setStateValue("moved", { value: data.values[input.value], at: performance.now() });
  };
  const answered = (otherwise) => {  // where the hand has gone on since, that is sent now: one at a time, so that each gets its curve
    clearTimeout(input.patience);
    const behind = input.sent !== undefined && input.sent !== input.value;
    input.sent = undefined;
    if (behind) send();
    else otherwise();
  };
  input.max = last;
  input.setAttribute("aria-label", data.label);
  input.wanted = data.place;
  if (!input.moving || Number(input.value) === data.place) {
    clearTimeout(input.patience);
    input.sent = undefined;
    settle();
  } else {
    show();
    if (input.sent !== undefined && Number(input.sent) === data.place) answered(() => {});
  }
  input.oninput = () => {
    input.moving = true;
    show();
    if (input.sent === undefined) input.pause ??= setTimeout(send, PAUSE);
  };
}
"""


def slider(label: str, values: Sequence[float], value: float, key: str, on_change: Callable[..., None], args: tuple[Any, ...]) -> None:
    """Show the slider at one of the values; `on_change(*args)` is called while it moves, and reads `moved(key)`."""
    data = {"label": label, "values": list(values), "words": [f"{each:,g}" for each in values], "place": list(values).index(value)}
    component("lrcore_slider", _HTML, _CSS, _JS)(data=data, key=key, on_moved_change=lambda: on_change(*args))


def moved(key: str) -> float | None:
    """Where a slider was moved to."""
    found = st.session_state.get(key)
    place = found.get("moved") if found else None
    return place["value"] if place else None
