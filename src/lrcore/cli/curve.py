"""Curves drawn with the letters of a terminal: braille patterns, which have two by four dots in the place of a letter.

Where a terminal has no colours to tell several curves apart, or no braille, each curve has a letter of its own.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from math import log10
from string import ascii_lowercase

import numpy as np
from rich.text import Text

from .axes import decades, round_ticks, step_words, words_of

COLORS = ("bright_blue", "bright_yellow", "bright_magenta", "bright_green", "bright_cyan", "bright_red")
"""Of the sixteen that every terminal has, so that its own theme decides how they look."""

_DOTS = np.array([[0x01, 0x08], [0x02, 0x10], [0x04, 0x20], [0x40, 0x80]])
"""Bits of a braille pattern by row and column; U+2800 is the one without dots."""


@dataclass(frozen=True)
class Line:
    """A curve: its name, and values at steps that increase."""

    name: str
    steps: np.ndarray
    values: np.ndarray


@dataclass(frozen=True)
class Canvas:
    """Where to draw: letters across and down, the steps from first to end, the phases that are named above, (name, first, end).

    log : a logarithmic axis of values, without those that are not above 0; letters : draw with letters instead of braille
    """

    width: int
    height: int
    first: int
    end: int
    log: bool = False
    letters: bool = False
    bands: list[tuple[str, int, int]] = field(default_factory=list)

    def draw(self, lines: list[Line]) -> list[Text]:
        """The lines of text of one panel, axes included."""
        low, high = self._range(lines)
        count = max(self.height // 3, 2)
        ticks = decades(10**low, 10**high, count) if self.log else round_ticks(low, high, count)
        places = (self._row(log10(tick) if self.log else tick, low, high) for tick in ticks)
        rows = dict(zip(places, words_of(ticks), strict=True))
        left = max(map(len, rows.values()), default=1)
        across = max(self.width - left - 2, 8)
        patterns = [self._pattern(line, low, high, across) for line in lines]
        names, edges = self._named(across)
        text = [Text(" " * (left + 2) + names, style="dim")] if names.strip() else []
        for row in range(self.height):
            cells = self._cells(patterns, row, edges)
            cells.rstrip()
            text.append(Text.assemble((f"{rows.get(row, ''):>{left}} {'┤' if row in rows else '│'}", "dim"), cells))
        return text + [Text(" " * (left + 1) + each, style="dim") for each in self._steps(across)]

    # -- where things are ----------------------------------------------------------------------------------------------

    def _range(self, lines: list[Line]) -> tuple[float, float]:
        """The values at the bottom and at the top, as logarithms on a logarithmic axis."""
        values = np.concatenate([line.values for line in lines])
        if self.log:
            values = np.log10(values[values > 0])
            if not values.size:
                return -1.0, 0.0
        low, high = float(values.min()), float(values.max())
        if not self.log and 0 < low <= high / 2:
            return 0.0, high
        if low == high:
            return (low - 0.5, high + 0.5) if self.log or low == 0 else (min(0.0, 1.2 * low), max(0.0, 1.2 * high))
        return low, high

    def _row(self, value: float, low: float, high: float) -> int:
        return round((high - value) / (high - low) * (self.height * 4 - 1)) // 4

    def _column(self, step: float, across: int) -> int:
        return min(int((step - self.first) / max(self.end - self.first, 1) * across), across - 1)

    # -- what is drawn -------------------------------------------------------------------------------------------------

    def _pattern(self, line: Line, low: float, high: float, across: int) -> np.ndarray:
        """The dots of a curve, as the bits of each letter: the points are joined, so that no jump leaves a gap."""
        values = np.where(line.values > 0, line.values, np.nan) if self.log else line.values
        y = (high - (np.log10(values) if self.log else values)) / (high - low) * (self.height * 4 - 1)
        x = (line.steps - self.first) / max(self.end - 1 - self.first, 1) * (across * 2 - 1)
        x, y = (np.append(each, each[-1]) for each in (x, y))  # a single point is joined with itself
        drawn = np.isfinite(y[:-1]) & np.isfinite(y[1:])
        x0, x1, y0, y1 = x[:-1][drawn], x[1:][drawn], y[:-1][drawn], y[1:][drawn]
        counts = (np.maximum(np.abs(x1 - x0), np.abs(y1 - y0)) + 2).astype(int)
        which = np.repeat(np.arange(counts.size), counts)
        share = (np.arange(counts.sum()) - np.repeat(counts.cumsum() - counts, counts)) / np.maximum(counts - 1, 1)[which]
        dots = np.zeros((self.height * 4, across * 2), dtype=bool)
        down, right = (np.rint(a[which] + (b - a)[which] * share).astype(int) for a, b in ((y0, y1), (x0, x1)))
        dots[down, right] = True
        bits: np.ndarray = (dots.reshape(self.height, 4, across, 2) * _DOTS[:, None, :]).sum(axis=(1, 3))
        return bits

    def _cells(self, patterns: list[np.ndarray], row: int, edges: set[int]) -> Text:
        text = Text()
        for column in range(patterns[0].shape[1]):
            here = [(bin(int(pattern[row, column])).count("1"), -i, int(pattern[row, column])) for i, pattern in enumerate(patterns)]
            dots, which, _ = max(here)
            if not dots:
                text.append(*(("┊", "dim") if column in edges else (" ", "")))
            elif self.letters:
                text.append(ascii_lowercase[-which % 26], COLORS[-which % len(COLORS)])
            else:
                together = 0
                for _, _, bits in here:
                    together |= bits
                text.append(chr(0x2800 + together), COLORS[-which % len(COLORS)])
        return text

    def _named(self, across: int) -> tuple[str, set[int]]:
        """The names of the phases in one line, each over its own where there is room, and the columns they begin in."""
        letters = [" "] * across
        edges = {column for _, begin, _ in self.bands[1:] if 0 < (column := self._column(begin, across)) < across - 1}
        if len(edges) > max(across // 8, 1):
            return "", set()
        for name, begin, end in self.bands:
            left, right = self._column(begin, across), self._column(end, across)
            if right - left >= len(name) + 2:
                place = (left + right + 1 - len(name)) // 2
                letters[place : place + len(name)] = name
        return "".join(letters).rstrip(), edges

    def _steps(self, across: int) -> tuple[str, str]:
        """The axis of steps, and what stands under it."""
        line, words = ["─"] * across, [" "] * (across + 1)
        free = 0
        for tick in round_ticks(self.first, self.end, max(across // 12, 2)):
            column, word = self._column(tick, across), step_words(tick)
            place = max(min(column + 1 - len(word) // 2, across + 1 - len(word)), 0)
            if place >= free and tick == int(tick):
                line[column] = "┬"
                words[place : place + len(word)] = word
                free = place + len(word) + 2
        return "└" + "".join(line), "".join(words).rstrip()
