"""What a notebook shows: a picture where one can be drawn, else the text, and never an error."""

from __future__ import annotations

import struct
import subprocess
import sys
from typing import Any

import pytest

import lrcore as lr

ENDLESS = lr.linear(0.0, 0.1, 500) >> lr.constant(0.1)
SHOWN = {
    "schedule": lr.warmup_cosine(3e-4, warmup=2000, steps=10**9),
    "endless": ENDLESS,
    "constant": lr.constant(0.1),
    "curve": lr.inverse_sqrt(0.1, warmup=1000),
    "cycles": lr.cosine(1.0, 0.0, 100).repeat(),
    "noise": lr.Noise(seed=1),
    "fractions": lr.linear(0.0, 1.0, 0.1) >> lr.cosine(1.0, 0.0, "rest"),
    "nothing": lr.linear(0.0, 1.0, 0),
    "refused past its end": lr.linear(0.0, 1.0, 10).past_end("error"),
    "plan": lr.Plan(lr.cosine(0.1, 0.0, 100), momentum=0.9),
    "endless plan": lr.Plan(ENDLESS, momentum=0.9),
    "plan of fractions": lr.Plan(lr.linear(0.0, 1.0, 0.1) >> lr.cosine(1.0, 0.0, "rest")),
    "bound": lr.Plan(lr.cosine(0.1, 0.0, 100)).bind(["a", "b"]),
}
TEXT = {
    "patterns": lr.Plan(groups={"layer.*": {"lr": 0.1}}),
    "seconds": lr.Plan(lr.cosine(0.1, 0.0, 100), unit="seconds"),
    "nothing scheduled": lr.Plan(),
    "very many columns": lr.Plan(0.1, horizon=100).bind([f"g{i}" for i in range(1000)]),
    "no data": lr.Samples(sha256="0" * 64, length=5000),
}


def displayed(value: Any) -> dict[str, Any]:
    """What IPython sends to the page."""
    formatter = pytest.importorskip("IPython.core.formatters").DisplayFormatter()
    return dict(formatter.format(value)[0])


@pytest.mark.parametrize("name", SHOWN)
def test_a_picture_is_shown(name: str) -> None:
    data, size = SHOWN[name]._repr_png_()
    width, height = struct.unpack(">II", data[16:24])  # of the PNG's header
    assert data[:8] == b"\x89PNG\r\n\x1a\n" and (width // 2, height // 2) == (size["width"], size["height"]) and 500 < size["width"] < 700


@pytest.mark.parametrize("name", TEXT)
def test_what_cannot_be_drawn_is_text(name: str) -> None:
    assert TEXT[name]._repr_png_() is None and set(displayed(TEXT[name])) == {"text/plain"}


@pytest.mark.parametrize("name", ["schedule", "plan", "bound"])
def test_ipython_shows_picture_and_text(name: str) -> None:
    shown = displayed(SHOWN[name])
    assert set(shown) == {"text/plain", "image/png"} and shown["image/png"].startswith(b"\x89PNG") and shown["text/plain"]


def test_pyplot_does_not_know_of_the_figure_and_would_show_it_twice() -> None:
    from matplotlib import pyplot

    before = pyplot.get_fignums()
    SHOWN["plan"]._repr_png_()
    assert pyplot.get_fignums() == before


@pytest.mark.parametrize("shown", ["lr.linear(0, 1, 9)", "lr.Plan(lr.linear(0, 1, 9))", "lr.Plan(lr.linear(0, 1, 9)).bind()"])
def test_without_matplotlib_the_text_is_shown(shown: str) -> None:
    code = f"import sys; sys.modules['matplotlib'] = None\nimport lrcore as lr\nassert ({shown})._repr_png_() is None and repr({shown})"
    assert subprocess.run([sys.executable, "-c", code]).returncode == 0
