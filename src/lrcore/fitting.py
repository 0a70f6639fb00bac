"""Any smooth schedule as polynomials over slices of its steps, accurate in float32: the leaves of a lowered schedule.

A slice is halved until its polynomial, evaluated in float32 as a framework will do it, is within TOLERANCE of the exact value of
every step that is tried: both ends of it, and 31 between. Since the tolerance is relative, slices become short where a value
goes to zero, and a schedule of 10^9 steps needs no more of them than three times its octaves.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache
from itertools import pairwise

import numpy as np

DEGREE = 5
TOLERANCE = 2.2e-7
"""Of the value: three roundings to float32."""
MOST_ROWS = 65_536
_TINY = 1e-38
"""What may always be missing: float32 has fewer digits there, and frameworks flush it to zero."""
_HUGE = 1e37
"""What is larger counts as this: a curve may grow far beyond float32 under a minimum that cuts it off."""
_SMALL = 32
"""Slices of so many steps are fitted to all of them."""

_NODES = np.cos(np.pi * (np.arange(17) + 0.5) / 17)[::-1]  # Chebyshev's, in (-1, 1)
_ROUNDINGS = (1.0 + np.arange(DEGREE + 1)) * 2.0**-24
"""What each coefficient's term may be off by, of its size."""
_TRIED = np.linspace(0.0, 1.0, 33)

Values = Callable[[np.ndarray], np.ndarray]
"""The exact values at steps, integers or floats between them."""


@dataclass(frozen=True)
class Slices:
    """Row i holds for steps begins[i] <= n < begins[i + 1]: the polynomial rows[i, 1:] in u = (n - centres[i]) * rows[i, 0]."""

    begins: np.ndarray  # int32 (rows,)
    centres: np.ndarray  # int32 (rows,)
    rows: np.ndarray  # float32 (rows, 1 + DEGREE + 1)

    def __call__(self, steps: np.ndarray) -> np.ndarray:
        """The values at steps as a framework computes them, float32."""
        at = np.searchsorted(self.begins, steps, side="right") - 1
        return _evaluated(self.rows[at], steps - self.centres[at])


def _evaluated(rows: np.ndarray, offsets: np.ndarray) -> np.ndarray:
    u = offsets.astype(np.float32) * rows[..., 0]
    value = rows[..., -1]
    with np.errstate(over="ignore", invalid="ignore", under="ignore"):
        for j in range(DEGREE, 0, -1):
            value = value * u + rows[..., j]
    return value


def fitted(values: Values, breaks: list[int], last: int, absolute: float = 0.0) -> Slices | None:
    """The slices of a function of the steps 0 .. last that is smooth between `breaks`; None if it needs more than MOST_ROWS.

    absolute : an error that is allowed beside the relative one
    """
    tiny = max(_TINY, absolute)

    def limited(n: np.ndarray) -> np.ndarray:
        return np.clip(values(n), -_HUGE, _HUGE)

    edges = _at_every_scale(sorted({0, *(step for step in breaks if 0 < step <= last), last + 1}))
    todo = np.stack([edges[:-1], edges[1:]], axis=1)
    done: list[tuple[int, int, np.ndarray]] = []
    while len(todo):
        if len(done) + len(todo) > MOST_ROWS:
            return None
        wide = todo[:, 1] - todo[:, 0] > _SMALL
        again = [_keep_good(limited, todo[wide], done, tiny)] if wide.any() else []
        for begin, end in todo[~wide]:
            again += _small(limited, int(begin), int(end), done, tiny)
        todo = np.concatenate(again) if again else todo[:0]
    done.sort(key=lambda found: found[0])
    begins = np.array([begin for begin, _, _ in done], dtype=np.int32)
    centres = np.array([centre for _, centre, _ in done], dtype=np.int32)
    return _merged(Slices(begins, centres, np.stack([row for _, _, row in done])))


def _at_every_scale(edges: list[int]) -> np.ndarray:
    """The edges, and others at 8, 64, ... steps from both ends of each piece: what happens there must not fall between two tries."""
    found = set(edges)
    for begin, end in pairwise(edges):
        distance = 8
        while distance < end - begin:
            found |= {begin + distance, end - distance}
            distance *= 8
    return np.array(sorted(found), dtype=np.int64)


def _keep_good(values: Values, slices: np.ndarray, done: list[tuple[int, int, np.ndarray]], tiny: float) -> np.ndarray:
    """Fit all the slices; keep the good ones, and return the halves of the others."""
    begin, width = slices[:, 0], slices[:, 1] - slices[:, 0]
    centre = begin + width // 2
    nodes = (begin + (width - 1) / 2)[:, None] + ((width - 1) / 2)[:, None] * _NODES  # from the first step to the last
    exact = values(nodes.reshape(-1)).reshape(nodes.shape)
    rows = np.empty((len(slices), DEGREE + 2), dtype=np.float32)
    for size in np.unique(width):  # few: slices are halves of halves
        same = width == size
        rows[same, 0], rows[same, 1:] = 2 / size, exact[same] @ _fit(int(size)).T
    tried = begin[:, None] + np.rint((width - 1)[:, None] * _TRIED).astype(np.int64)
    good = _is_close(rows, tried - centre[:, None], values(tried.reshape(-1)).reshape(tried.shape), tiny)
    done += [(int(b), int(c), row) for b, c, row in zip(begin[good], centre[good], rows[good], strict=True)]
    bad, middle = slices[~good], centre[~good]
    return np.concatenate([np.stack([bad[:, 0], middle], axis=1), np.stack([middle, bad[:, 1]], axis=1)])


@lru_cache(maxsize=256)
def _fit(width: int) -> np.ndarray:
    """Values at the nodes of a slice of that width -> coefficients of powers of u = 2 (n - centre) / width."""
    u = ((width - 1) * _NODES + (width - 1) - 2 * (width // 2)) / width
    matrix: np.ndarray = np.linalg.pinv(np.vander(u, DEGREE + 1, increasing=True))
    return matrix


def _small(values: Values, begin: int, end: int, done: list[tuple[int, int, np.ndarray]], tiny: float) -> list[np.ndarray]:
    """The same for a slice of few steps, all of which are tried."""
    steps = np.arange(begin, end)
    exact, centre, half = values(steps), begin + (end - begin) // 2, max((end - begin) / 2, 1.0)
    row = np.zeros(DEGREE + 2, dtype=np.float32)
    row[0] = 1 / half
    terms = min(DEGREE + 1, len(steps))
    powers = np.vander((steps - centre) / half, terms, increasing=True)
    row[1 : 1 + terms] = np.linalg.lstsq(powers, exact, rcond=None)[0] if terms > 1 else exact
    if len(steps) == 1 or bool(_is_close(row, steps - centre, exact, tiny)):
        done.append((begin, centre, row))
        return []
    return [np.array([[begin, centre], [centre, end]])]


def _is_close(rows: np.ndarray, offsets: np.ndarray, exact: np.ndarray, tiny: float) -> np.ndarray:
    """Whether each slice is within the tolerance where it was tried, and cannot be rounded much worse elsewhere."""
    shown = _evaluated(rows[..., None, :], offsets).astype(np.float64)
    size = np.abs(exact)
    close = (np.abs(shown - exact) <= TOLERANCE * size + tiny).all(axis=-1)
    rounding = np.abs(rows[..., 1:]) @ _ROUNDINGS <= 3.5e-7 * size.min(axis=-1) + tiny
    good: np.ndarray = np.asarray(close & rounding)
    return good


def _merged(slices: Slices) -> Slices:
    """One row for neighbours that hold the same constant."""
    constant: np.ndarray = np.logical_not(slices.rows[:, 2:].any(axis=1))
    same = np.concatenate([[False], constant[1:] & constant[:-1] & (slices.rows[1:, 1] == slices.rows[:-1, 1])])
    return Slices(slices.begins[~same], slices.centres[~same], slices.rows[~same])
