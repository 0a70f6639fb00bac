"""A figure that plotly draws in the browser, and changes in place: the curve follows a slider without a flicker, and a zoom stays.

Streamlit's own chart is another element as soon as the figure is another.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import plotly
from plotly.io import to_json

from .component import component, served

_PLOTLY = Path(plotly.__file__).with_name("package_data")
"""Where plotly has its code for browsers."""

_HTML = '<div class="lrcore-plot" role="figure"></div>'

_CSS = """
.lrcore-plot { width: 100%; }
.lrcore-plot:fullscreen { background: #FFFFFF; }
"""

_JS = """
const ICON = { width: 24, height: 24, path: "M4 9V4h5v2H6v3zM15 4h5v5h-2V6h-3zM18 15h2v5h-5v-2h3zM9 18v2H4v-5h2v3z" };

function plotly(place) {  // once for a page, from the package that is installed
  window.lrcorePlotly ??= new Promise((given, refused) => {
    const root = new URL("../../", document.querySelector('script[src*="static/js/"]').src);
    const script = document.createElement("script");
    script.src = new URL(place, root);
    script.onload = () => given(window.Plotly);
    script.onerror = () => refused(new Error("plotly could not be loaded"));
    document.head.append(script);
  });
  return window.lrcorePlotly;
}

export default function ({ parentElement, data }) {
  const plot = parentElement.querySelector(".lrcore-plot");
  const fresh = plot.figure === undefined;
  const whole = () => document.fullscreenElement === plot;
  plot.figure = JSON.parse(data.figure);
  plot.style.minHeight = `${plot.figure.layout.height}px`;
  plot.setAttribute("aria-label", data.alt);
  if (fresh) {  // always the same one: with another config plotly begins anew
    const click = () => (whole() ? document.exitFullscreen() : plot.requestFullscreen());
    plot.config = { ...data.config, modeBarButtonsToAdd: [{ name: "Fullscreen", title: "Fullscreen", icon: ICON, click }] };
  }
  const draw = (Plotly) => {
    plot.drawn = plot.getBoundingClientRect().width;
    const height = whole() ? window.innerHeight : plot.figure.layout.height;
    if (plot.drawn) Plotly.react(plot, plot.figure.data, { ...plot.figure.layout, width: plot.drawn, height }, plot.config);
  };
  plotly(data.plotly).then((Plotly) => {
    if (fresh) {
      new ResizeObserver(() => plot.getBoundingClientRect().width !== plot.drawn && draw(Plotly)).observe(plot);
      plot.addEventListener("fullscreenchange", () => draw(Plotly));
    }
    draw(Plotly);
  });
}
"""


def plot(figure: Mapping[str, Any], config: Mapping[str, Any], key: str, alt: str) -> None:
    """Show a figure, or what has become of it since the last drawing of the page.

    figure : data and layout as plotly takes them; what a person zoomed stays while the layout's `uirevision` does
    config : plotly's; alt : what the figure shows, for those who do not see it
    """
    code = f"{served('plotly', _PLOTLY)}/plotly.min.js"
    shown = component("lrcore_plot", _HTML, _CSS, _JS, isolate_styles=False)
    shown(data={"figure": to_json(figure, validate=False), "config": dict(config), "alt": alt, "plotly": code}, key=key)
