"""The charts of an experiment, as the data that plotly draws in the browser: a line for each schedule, a band for its seeds."""

from __future__ import annotations

from collections.abc import Container, Mapping
from typing import Any

import numpy as np

from ..experiment import Results, Setup
from ..experiment.contenders import GROUP
from ..experiment.results import Curve
from ..plan import Plan
from .look import FONT, GRID, MUTED, color, dash

PANELS = {"rate": "Learning rate", "train_loss": "Training loss", "accuracy": "Test accuracy, %"}
"""Fields of Epoch, and what their charts are called."""
HEIGHT = 300
CONFIG = {"displaylogo": False, "displayModeBar": False, "scrollZoom": False}
_FACTOR = {"accuracy": 100.0}
_FINE = 600
"""Steps at which a schedule that changes within epochs is drawn."""
_DECADES = 4
"""What the axis of losses shows above the lowest one, at most."""


def figure(results: Results, field: str, places: Mapping[str, int], stairs: Container[str] = ()) -> dict[str, Any]:
    """The chart of a field of Epoch, as far as the experiment has come.

    places : of the colours; stairs : schedules whose rate holds for an epoch
    """
    curves = {name: _scaled(results.curve(name, field), _FACTOR.get(field, 1.0)) for name in results.plans}
    ends = {name: [epoch.epoch for epoch in results.epochs if epoch.name == name and epoch.diverged] for name in results.plans}
    traces = []
    for name, curve in curves.items():
        steep = field == "rate" and name in stairs
        if results.setup.seeds > 1:
            traces += _band(curve, name, places[name], steep)
        traces.append(_line(curve, name, places[name], steep))
        if ends[name] and curve.epochs.size:
            traces.append(_crosses(curve, ends[name], name, places[name]))
    return {"data": traces, "layout": _layout(field, results.setup, list(curves.values()))}


def preview(
    plans: Mapping[str, Plan], setup: Setup, updates: int, places: Mapping[str, int], stairs: Container[str] = ()
) -> dict[str, Any]:
    """The rate of every plan, before anything has run.

    updates : of an epoch
    """
    steps = np.linspace(0, setup.epochs * updates - 1, _FINE).round()
    ends = np.arange(1, setup.epochs + 1)
    traces = []
    for name, plan in plans.items():
        bound = plan.bind([GROUP])
        if (GROUP, "lr") in bound.columns:
            rate = bound.schedules[bound.columns.index((GROUP, "lr"))]
            at = ends * updates - 1 if name in stairs else steps.astype(np.int64)
            values = rate(at)
            traces.append(
                _line(Curve(ends if name in stairs else at / updates, values, values, values), name, places[name], name in stairs)
            )
    return {"data": traces, "layout": _layout("rate", setup, [])}


def _scaled(curve: Curve, factor: float) -> Curve:
    return Curve(curve.epochs, factor * curve.mean, factor * curve.low, factor * curve.high)


def _line(curve: Curve, name: str, place: int, stairs: bool = False) -> dict[str, Any]:
    alone = {"mode": "lines+markers", "marker": {"size": 6}} if len(curve.epochs) == 1 and not stairs else {"mode": "lines"}
    return {
        "type": "scatter", "name": name, **_points(curve.epochs, curve.mean, stairs), **alone,
        "line": {"color": color(place), "dash": dash(place), "width": 2, "shape": "vh" if stairs else "linear"},
        "hovertemplate": "%{y:.4~g}  <b>%{fullData.name}</b><extra></extra>",
    }  # fmt: skip


def _points(epochs: np.ndarray, values: np.ndarray, stairs: bool) -> dict[str, np.ndarray]:
    """x and y; a value that holds for an epoch begins where the epoch does."""
    if not stairs:
        return {"x": epochs, "y": values}
    return {"x": np.concatenate([epochs[:1] - 1, epochs]), "y": np.concatenate([values[:1], values])}


def _band(curve: Curve, name: str, place: int, stairs: bool) -> list[dict[str, Any]]:
    """From the lowest to the highest seed."""
    red, green, blue = (int(color(place)[i : i + 2], 16) for i in (1, 3, 5))
    edge = {
        "type": "scatter", "mode": "lines", "hoverinfo": "skip", "name": f"{name}, seeds",
        "line": {"width": 0, "shape": "vh" if stairs else "linear"},
    }  # fmt: skip
    fill = {"fill": "tonexty", "fillcolor": f"rgba({red},{green},{blue},0.14)"}
    return [edge | _points(curve.epochs, curve.low, stairs), edge | _points(curve.epochs, curve.high, stairs) | fill]


def _crosses(curve: Curve, ends: list[int], name: str, place: int) -> dict[str, Any]:
    """Where runs diverged, on the line as far as it goes."""
    at = [int(np.searchsorted(curve.epochs, end, "right")) - 1 for end in ends]
    at = [max(each, 0) for each in at]
    return {
        "type": "scatter", "name": f"{name}, diverged", "mode": "markers", "x": curve.epochs[at], "y": curve.mean[at],
        "marker": {"symbol": "x", "size": 10, "color": color(place)}, "hovertemplate": "<b>%{fullData.name}</b><extra></extra>",
    }  # fmt: skip


def _layout(field: str, setup: Setup, curves: list[Curve]) -> dict[str, Any]:
    values: dict[str, Any] = {
        "gridcolor": GRID, "zeroline": False, "automargin": True, "nticks": 6, "ticklabelstandoff": 4,
        "exponentformat": "e", "showexponent": "all", "minexponent": 2,
    }  # fmt: skip
    if field == "rate":
        values["rangemode"] = "tozero"
    if field == "train_loss":
        values |= _loss_axis(curves)
    if field == "accuracy":
        values |= _accuracy_axis(curves, setup.epochs)
    return {
        "title": {"text": PANELS[field], "font": {"size": 14}, "x": 0, "xref": "container", "y": 0.97, "yanchor": "top"},
        "margin": {"l": 4, "r": 8, "t": 40, "b": 4}, "height": HEIGHT, "showlegend": False,
        "hovermode": "x unified", "hoverlabel": {"font": {"size": 12}}, "font": {"color": MUTED, "size": 12, "family": FONT},
        "paper_bgcolor": "#FFFFFF", "plot_bgcolor": "#FFFFFF", "uirevision": "one",
        "xaxis": {
            "title": {"text": "epoch", "standoff": 4}, "range": [0, setup.epochs], "gridcolor": GRID, "zeroline": False,
            "automargin": True, "nticks": 6, "tickformat": ",d", "showline": True, "linecolor": "#B8C4CE", "hoverformat": ",d",
            "unifiedhovertitle": {"text": "epoch %{x}"},
        },
        "yaxis": values,
    }  # fmt: skip


def _loss_axis(curves: list[Curve]) -> dict[str, Any]:
    """Logarithmic; losses that explode do not push the others together."""
    positive = np.concatenate([*(each[each > 0] for curve in curves for each in (curve.low, curve.high)), np.empty(0)])
    if not positive.size:
        return {"type": "log"}
    low, high = np.log10(positive.min()), np.log10(min(positive.max(), positive.min() * 10.0**_DECADES))
    pad = max(0.05 * (high - low), 0.05)
    return {
        "type": "log",
        "range": [low - pad, high + pad],
        "dtick": 1 if high - low > 1 else "D2",
        "nticks": 8,
        "minor": {"showgrid": False},
    }


def _accuracy_axis(curves: list[Curve], epochs: int) -> dict[str, Any]:
    """Room for the accuracies that matter: from the lowest one after the first tenth of the epochs."""
    late = [each[curve.epochs > epochs // 10] for curve in curves for each in (curve.low, curve.high)]
    seen = np.concatenate([*late, np.empty(0)])
    if not seen.size:
        return {"range": [0, 100]}
    low, high = float(seen.min()), float(seen.max())
    pad = max(0.08 * (high - low), 0.5)
    return {"range": [max(low - pad, -1), min(high + pad, 101)]}
