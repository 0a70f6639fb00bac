"""The chart, as the data that plotly draws in the browser."""

from __future__ import annotations

from html import escape
from typing import Any

import numpy as np

from ..schedule import Schedule
from .canvas import Canvas
from .curves import Line, Shown, phases_of
from .look import FONT, GRID, MUTED, SHADE, color, dash

_DECADES = 8
"""What a logarithmic axis shows below the highest value, at most."""
_NAMED = 24
"""Phases that are shaded, at most: more would be stripes."""
_LETTER = 0.0085
"""The width of a letter as a part of the chart's."""
AXES = {
    "updates": "step", "microbatches": "microbatches", "samples": "samples", "tokens": "tokens", "epochs": "epoch",
}  # fmt: skip
CONFIG = {
    "displaylogo": False,
    "displayModeBar": "hover",
    "scrollZoom": False,
    "modeBarButtonsToRemove": ["select2d", "lasso2d", "autoScale2d"],
    "toImageButtonOptions": {"format": "png", "filename": "lrcore", "scale": 2},
}


def figure(canvas: Canvas, view: Shown) -> dict[str, Any]:
    """The figure of what is shown: a panel for each field, a trace for each line."""
    fields = view.fields or ("lr",)
    share = _shares(len(fields))
    layout: dict[str, Any] = {
        "margin": {"l": 8, "r": 28, "t": 8, "b": 8},
        "height": 400 + 130 * (len(fields) - 1),
        "hovermode": "x unified" if len(view.lines) > 1 else "closest",
        "hoverdistance": 60,
        "legend": {"orientation": "h", "x": 0, "xanchor": "left", "y": 1.02, "yanchor": "bottom", "font": {"size": 14}},
        "showlegend": bool(view.lines),
        "font": {"color": MUTED, "size": 14, "family": FONT},
        "hoverlabel": {"font": {"size": 14, "family": FONT}, "bordercolor": "#C5CFD8", "bgcolor": "#FFFFFF"},
        "paper_bgcolor": "#FFFFFF",
        "plot_bgcolor": "#FFFFFF",
        "shapes": [],
        "annotations": [],
    }
    axis = canvas.axis if canvas.axis in view.axes else "updates"
    layout["uirevision"] = f"{axis} {canvas.log}"  # a zoom stays while the axes mean the same
    end = float(view.position(np.array([view.steps]), axis)[0])
    layout["xaxis"] = {
        "title": {"text": AXES[axis], "standoff": 8, "font": {"size": 14}}, "range": [0, end],
        "anchor": f"y{len(fields) if len(fields) > 1 else ''}",
        "gridcolor": GRID, "zeroline": False, "automargin": True, "tickformat": ",~r" if axis == "epochs" else ",d",
        "unifiedhovertitle": {"text": f"{AXES[axis]} %{{x:,.6~r}}" if axis == "epochs" else f"{AXES[axis]} %{{x:,}}"},
        "nticks": 8, "showline": True, "linecolor": "#B8C4CE",
    }  # fmt: skip
    for i, (field, (low, high)) in enumerate(zip(fields, share, strict=True)):
        layout[f"yaxis{i + 1 if i else ''}"] = _values(field, [line for line in view.lines if line.field == field], canvas.log, low, high)
    traces = [_trace(line, fields.index(line.field), view, axis, line.item.id == canvas.selected) for line in view.lines]
    if canvas.shade:
        _shade(layout, canvas, view, axis)
    return {"data": traces or [{"type": "scatter", "x": [0], "y": [None]}], "layout": layout}  # plotly refuses to draw nothing


def _shares(count: int) -> list[tuple[float, float]]:
    """From where to where on the height each panel goes; the first is the tallest."""
    gap, other = 0.07, min(0.24, 0.6 / max(count - 1, 1))
    lows = [i * (other + gap) for i in range(count - 1)]
    return [((count - 1) * (other + gap), 1.0), *((low, low + other) for low in reversed(lows))]


def name_of(field: str) -> str:
    """What an axis calls a field."""
    return "learning rate" if field == "lr" else field.replace("_", " ")


def _values(field: str, lines: list[Line], log: bool, low: float, high: float) -> dict[str, Any]:
    """The axis of a field's values."""
    axis: dict[str, Any] = {
        "title": {"text": name_of(field), "standoff": 8, "font": {"size": 14}}, "domain": [low, high],
        "gridcolor": GRID, "zeroline": False, "automargin": True, "exponentformat": "e", "showexponent": "all", "minexponent": 2,
        "anchor": "x", "ticklabelstandoff": 4, "nticks": 7 if high - low > 0.4 else 4,
    }  # fmt: skip
    positive = [values for line in lines for values in [line.values[line.values > 0]] if len(values)]
    if log and field == "lr" and positive:
        top = max(float(values.max()) for values in positive)
        bottom = max(min(float(values.min()) for values in positive), top * 10.0**-_DECADES)
        pad = max(0.04 * np.log10(top / bottom), 0.05)
        axis |= {
            "type": "log",
            "range": [float(np.log10(bottom)) - pad, float(np.log10(top)) + 2.5 * pad],
            "dtick": 1 if top / bottom > 30 else "D1",
        }
    elif lines:
        least, greatest = (float(choose(choose(line.values) for line in lines)) for choose in (min, max))
        pad = 0.06 * (greatest - least) or 0.1 * abs(greatest) or 1.0
        axis["range"] = [least - (pad if least else 0.4 * pad), greatest + 1.8 * pad]  # room for the names of the phases
    return axis


def _trace(line: Line, panel: int, view: Shown, axis: str, selected: bool) -> dict[str, Any]:
    at = view.position(line.steps, axis)
    faded = 1.0 if line.of <= 4 else 0.35 + 0.65 * line.place / (line.of - 1)
    told = ["%{text}"] if line.phases.any() else []
    if axis != "updates" or len(view.lines) == 1 or len(line.steps) <= view.steps:  # else the head of the box says it for all lines
        told = [*([f"{AXES[axis]} %{{x:,.6~r}}"] if axis != "updates" else []), "step %{customdata:,}", *told]
    return {
        "type": "scatter", "mode": "lines", "name": escape(line.label), "uid": f"{line.item.id} {line.group} {line.field}",
        "x": at, "y": line.values, "customdata": line.steps, "text": line.phases,
        "yaxis": f"y{panel + 1 if panel else ''}", "legendgroup": f"{line.item.id}{line.group}", "showlegend": panel == 0,
        "line": {
            "color": color(line.item.color), "width": 3 if selected else 2,
            "dash": dash(line.item.color, line.place if line.of <= 4 else 0),
        },
        "opacity": faded,
        "hovertemplate": f"<b>%{{fullData.name}}</b>  %{{y:.6~g}}  <span style='color:{MUTED}'>{' · '.join(told)}</span><extra></extra>",
    }  # fmt: skip


def _shade(layout: dict[str, Any], canvas: Canvas, view: Shown, axis: str) -> None:
    """Bands behind the phases of the selected rate, every other one shaded, with their names where they fit."""
    chosen = canvas.chosen
    line = next((line for line in view.lines if chosen and line.item.id == chosen.id and line.field == "lr"), None)
    if line is None:
        return
    bound = view.bound[line.item.id]
    rate: Schedule = bound.schedules[bound.columns.index((line.group, "lr"))]
    phases = [phase for phase in phases_of(rate, view.steps) if phase.first < view.steps and phase.end != phase.first]
    if not 1 < len(phases) <= _NAMED:
        return
    last = float(view.position(np.array([view.steps]), axis)[0])
    for i, phase in enumerate(phases):
        end = view.steps if phase.end is None else min(phase.end, view.steps)
        left, right = (float(x) for x in view.position(np.array([phase.first, end]), axis))
        if i % 2 == 0:
            layout["shapes"].append({
                "type": "rect", "xref": "x", "yref": "paper", "x0": left, "x1": right, "y0": 0, "y1": 1,
                "fillcolor": SHADE, "line": {"width": 0}, "layer": "below",
            })  # fmt: skip
        name = phase.name.replace("_", " ")
        if (right - left) / last > _LETTER * (len(name) + 1):
            layout["annotations"].append({
                "x": (left + right) / 2, "xref": "x", "y": 1, "yref": "paper", "yanchor": "top", "text": name, "showarrow": False,
                "font": {"size": 12, "color": MUTED},
            })  # fmt: skip
