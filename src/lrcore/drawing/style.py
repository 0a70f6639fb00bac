"""How our pictures look: colours, frame, words and figures; applied to what is drawn, never to the settings of the user."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from math import log10
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from matplotlib.axes import Axes

COLORS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#4D4D4D")
"""The colours of Okabe and Ito without yellow, which is not seen on white: eyes that confuse colours tell these apart."""
SHARED = COLORS[-1]
"""What is not one group's but common to all."""
INK, QUIET, LINE, FAINT = "#24292F", "#5C6670", "#9AA3AD", "#E7EAEE"
"""What is read, what explains it, the frame, and the grid."""
BAND, NEAR = (0.36, 0.49, 0.65, 0.08), (0.96, 0.65, 0.1, 0.1)
"""Every second phase, and what is drawn larger than to scale; let through, so that they suit a dark page of the user's too."""

_STYLE = {
    "figure.facecolor": "white", "savefig.facecolor": "white", "axes.facecolor": "white", "font.size": 9.5,
    "text.color": INK, "axes.labelcolor": QUIET, "axes.edgecolor": LINE, "axes.linewidth": 0.8,
    "axes.titlesize": 10.5, "axes.titlecolor": INK, "axes.titlelocation": "left", "axes.labelsize": 9.5,
    "axes.spines.top": False, "axes.spines.right": False, "axes.axisbelow": True,
    "legend.frameon": False, "legend.fontsize": 9, "legend.handlelength": 1.6, "legend.labelcolor": INK,
    "lines.linewidth": 1.8, "lines.solid_joinstyle": "round", "lines.solid_capstyle": "round",
}  # fmt: skip


def pyplot() -> Any:
    """matplotlib's pyplot; ImportError with the command that installs it."""
    try:
        from matplotlib import pyplot
    except ImportError as error:
        raise ImportError('Plots are drawn with matplotlib, which is not installed. Install it with pip install "lrcore[plot]".') from error
    return pyplot


@contextmanager
def house_style() -> Iterator[None]:
    """Within it, what is made looks like ours; the user's settings are as they were behind it."""
    with pyplot().rc_context(_STYLE):
        yield


def new_axes(rows: int, *, width: float = 7.5, height: float = 2.3, managed: bool = True) -> list[Axes]:
    """The axes of a new figure, one below the other on one axis of steps, in our style.

    width, height : inches, of the figure and of a row; managed : whether pyplot knows the figure, and so may show it
    """
    with house_style():
        from matplotlib.figure import Figure

        make = pyplot().figure if managed else Figure
        axes = make(figsize=(width, 0.8 + height * rows), layout="constrained").subplots(rows, 1, sharex=True, squeeze=False)
        for ax in axes[:, 0]:
            frame(ax)
    return list(axes[:, 0])


def frame(ax: Axes) -> None:
    """A light grid and quiet ticks, which are made when they are first drawn and would ask the user's settings."""
    ax.grid(True, color=FAINT, linewidth=0.8)
    ax.tick_params(which="both", color=LINE, labelcolor=QUIET, labelsize=9, length=3, width=0.8, direction="out")
    ax.tick_params(which="minor", length=0)


def colors(count: int) -> list[Any]:
    """Colours of so many lines: those of the house, or, where there are more, steps of one scale from dark to light."""
    if count <= len(COLORS):
        return list(COLORS[:count])
    from matplotlib import colormaps

    return list(colormaps["viridis"](np.linspace(0.0, 0.88, count)))


# -- words for numbers -------------------------------------------------------------------------------------------------

_THOUSANDS = ("", "k", "M", "G", "T", "P")


def steps_in_words(value: float) -> str:
    """A number of steps, samples or tokens, or of epochs, as a tick has it.

    >>> [steps_in_words(value) for value in (0, 0.5, 90, 1500, 2_000_000, 10**9)]
    ['0', '0.5', '90', '1.5k', '2M', '1G']
    """
    power = 0 if abs(value) < 1000 else min(int(log10(abs(value)) + 1e-12) // 3, len(_THOUSANDS) - 1)
    return f"{value / 1000**power:.6g}{_THOUSANDS[power]}"


def value_in_words(value: float) -> str:
    """A rate as people write it: 0.05, but 3e-4.

    >>> [value_in_words(value) for value in (0.0, 0.05, 3e-4, 2.5e-05, 1.5, 20000.0)]
    ['0', '0.05', '3e-4', '2.5e-5', '1.5', '2e4']
    """
    if value == 0 or 1e-3 <= abs(value) < 1e4:
        return f"{value:.6g}"
    mantissa, power = f"{value:.3e}".split("e")
    return f"{mantissa.rstrip('0').rstrip('.')}e{int(power)}"
