"""A Program: schedules compiled to flat nodes, and the ways to evaluate them. `compiler.py` makes it."""

from __future__ import annotations

from itertools import pairwise
from math import prod
from typing import Any

import numpy as np

from ._kernel import OPS, Kernel, StepError, call_quickly, survey
from .checks import LAST_STEP, whole
from .errors import SpecError, Words
from .threads import pool, workers_for

PIECES, PRODUCT, SUM, MINIMUM, MAXIMUM, REPEAT, EVERY, PER, MIRROR, REFUSE = range(len(OPS))
"""What a node does."""


class Program(Kernel):
    """Schedules compiled to flat nodes, ready to evaluate.

    columns : how many schedules it evaluates side by side; `program(step)` and `values` are for one, rows for any number

    >>> import lrcore as lr
    >>> program = lr.linear(1.0, 0.0, 4).program
    >>> program(1), program.values(6)
    (0.75, array([1.  , 0.75, 0.5 , 0.25, 0.  , 0.  ]))
    """

    __slots__ = ()

    def values(
        self, count: int, start: int = 0, stride: int = 1, *, dtype: Any = np.float64, out: Any = None, threads: int | None = None
    ) -> np.ndarray:
        """The values of `count` steps of a one-column program; see Schedule.values."""
        if self.columns != 1:
            raise SpecError("program", "a program of one column", Words(f"one of {self.columns} columns"), "Use rows().")
        return self._range((), count, start, stride, dtype, out, threads)

    def rows(
        self, count: int, start: int = 0, stride: int = 1, *, dtype: Any = np.float64, out: Any = None, threads: int | None = None
    ) -> np.ndarray:
        """A (count, columns) array in C order: row i holds every column's value at step start + i * stride."""
        return self._range((self.columns,), count, start, stride, dtype, out, threads)

    def rows_at(self, steps: Any, *, dtype: Any = np.float64, out: Any = None) -> np.ndarray:
        """A (len(steps), columns) array: the columns' values at any steps."""
        positions, stride = _positions(steps)
        if positions.ndim != 1:
            raise SpecError("steps", "a one-dimensional array of steps", Words(f"shape {positions.shape}"))
        array = _output((len(positions), self.columns), dtype, out)
        if out is not None and self.may_refuse:
            array[...] = self.rows_at(positions, dtype=dtype)
            return array
        self._into(array, lambda part, a, b: self._gather(positions[a:b], stride, part))
        return array

    def row(self, step: int, out: Any = None) -> np.ndarray:
        """The values of all columns at one step, as a float64 array (columns,)."""
        step = whole(step, "step")
        row = _output((self.columns,), np.float64, out)
        if out is not None and self.may_refuse:
            row[...] = self.row(step)
            return row
        self._into(row[None, :], lambda part, a, b: self._fill(step, 1, part))
        return row

    def listing(self) -> str:
        """The program as a table a person can read: nodes in the order they are evaluated, and the pieces of each."""
        pieces: dict[int, list[tuple[Any, ...]]] = {}
        for index, *piece in self.pieces():
            pieces.setdefault(index, []).append(tuple(piece))
        lines = []
        for index, (op, children, length) in enumerate(self.nodes()):
            uses = " of " * bool(children) + ", ".join(f"%{child}" for child in children[:8]) + ", ..." * (len(children) > 8)
            lines.append(f"%{index} {OPS[op]}{uses}" + f"  length {length:g}" * (op >= REPEAT))
            for begin, formula, child, b, s, end, span, rate in pieces.get(index, ()):
                what = f"%{child} at {s:g} x {b + 0.0:+g}" if formula == "call" else f"{end!r}" if formula == "hold" else ""
                if formula not in ("call", "hold"):
                    what = f"end {end!r}  span {span!r}  m = {s:g} x {b + 0.0:+g}  rate {rate:.6g}"
                lines.append(f"    from {begin:<16.16g} {formula:<12} {what}")
        lines += [f"column {j}: {'' if scale == 1 else f'{scale!r} * '}%{index}" for j, (index, scale) in enumerate(self.sources())]
        return "\n".join(lines)

    def __repr__(self) -> str:
        return f"<Program of {self.columns} column{'s' * (self.columns != 1)}, {len(self.nodes())} nodes>"

    # -- behind the doors ----------------------------------------------------------------------------------------------

    def _evaluate(self, steps: Any) -> Any:
        """Everything the kernel's fast path leaves over: arrays, and steps to refuse."""
        positions, stride = _positions(steps)
        out = np.empty(positions.shape if self.columns == 1 else (*positions.shape, self.columns))
        self._gather(positions.reshape(-1), stride, out.reshape(-1, self.columns))
        if out.ndim == 0:
            return float(out)
        return out

    def _gather(self, positions: np.ndarray, stride: int, out: np.ndarray) -> None:
        if stride:  # an array of evenly spaced steps is a range
            self._fill(int(positions[0]), stride, out)
            return
        try:
            self.fill_gather(positions, positions.dtype == np.int64, out, out.dtype == np.float32)
        except StepError as error:
            raise self._refused(error, float(positions.max())) from None

    def _fill(self, first: int, stride: int, out: np.ndarray) -> None:
        try:
            self.fill_range(first, stride, len(out), out, out.dtype == np.float32)
        except StepError as error:
            raise self._refused(error, first + stride * (len(out) - 1)) from None

    def _refused(self, error: StepError, step: float) -> SpecError:
        if error.args[0] == "ticks":
            return SpecError("step", "a step within 2**53 ticks of the stretched clocks", step, "Stretch by a fraction of smaller numbers.")
        ends = [length for op, _, length in self.nodes() if op == REFUSE]
        return SpecError(
            "step",
            f"a step before the end at {min(ends):.0f}",
            int(step) if step == int(step) else step,
            'The schedule says past_end("error").',
        )

    def _range(self, tail: tuple[int, ...], count: int, start: int, stride: int, dtype: Any, out: Any, threads: int | None) -> np.ndarray:
        count, start, stride = whole(count, "count"), whole(start, "start"), whole(stride, "stride", low=1)
        last = start + stride * max(count - 1, 0)
        if last > LAST_STEP:
            raise SpecError("count", "a last step of at most 2**53", last)
        array = _output((count, *tail), dtype, out)
        if out is not None and self.may_refuse:
            array[...] = self._range(tail, count, start, stride, dtype, None, threads)
            return array
        rows = array if tail else array.reshape(-1, 1) if array.flags.c_contiguous else array[:, None]
        workers = workers_for(threads, count * self.columns)

        def fill(part: np.ndarray, a: int, b: int) -> None:
            self._fill(start + stride * a, stride, part)

        if workers == 1:
            self._into(rows, fill)
            return array
        bounds = [count * i // workers for i in range(workers + 1)]
        jobs = [
            pool(workers).submit(self._into, rows[a:b], lambda part, c, d, a=a: fill(part, a + c, a + d))
            for a, b in pairwise(bounds)
        ]  # fmt: skip
        for job in jobs:
            job.result()
        return array

    def _into(self, rows: np.ndarray, fill: Any) -> None:
        """Let fill(part, a, b) write rows a .. b, through a small copy where `rows` has gaps."""
        if rows.flags.c_contiguous:
            fill(rows, 0, len(rows))
            return
        block = max(1, 65536 // max(rows.shape[1], 1))
        for a in range(0, len(rows), block):
            b = min(a + block, len(rows))
            part = np.empty((b - a, rows.shape[1]), rows.dtype)
            fill(part, a, b)
            rows[a:b] = part


call_quickly(Program)


def _positions(steps: Any) -> tuple[np.ndarray, int]:
    """Steps as a contiguous int64 or float64 array, all within [0, 2**53], and how far apart they are, 0 if not evenly ascending."""
    expected = "steps as integers or floats"
    if isinstance(steps, str | bytes | bool | np.bool_) or steps is None:
        raise TypeError(f"steps: expected {expected[9:]}, got {steps!r}.")
    if isinstance(steps, int) and not 0 <= steps <= LAST_STEP:
        raise _outside(steps)
    try:
        array = np.asarray(steps)
    except ValueError:
        raise TypeError(f"steps: expected an array of {expected[9:]}, got {type(steps).__name__} of uneven shape.") from None
    if array.size == 0:
        return np.empty(array.shape, np.int64), 0
    if array.dtype.kind not in "iuf":
        raise TypeError(f"steps: expected an array of {expected[9:]}, got {array.dtype}.")
    integers = array.dtype.kind != "f"
    positions = np.ascontiguousarray(array, np.int64 if integers else np.float64).reshape(array.shape)
    inside, stride = survey(positions.reshape(-1), integers)  # a uint64 beyond int64 is below 0 there
    if not inside:
        raise _outside(array[~((array >= 0) & (array <= LAST_STEP))].flat[0].item())  # NaN fails both
    return positions, stride


def _outside(step: float) -> SpecError:
    return SpecError("steps", "a step from 0 to 2**53", step)


def _output(shape: tuple[int, ...], dtype: Any, out: Any) -> np.ndarray:
    """The array to write: a new one, or the caller's buffer, checked."""
    kind = np.dtype(dtype)
    if kind not in (np.dtype(np.float64), np.dtype(np.float32)):
        raise SpecError("dtype", "float64 or float32", Words(kind))
    if out is None:
        try:
            return np.empty(shape, kind)
        except MemoryError:
            size = kind.itemsize * prod(shape) / 2**30
            raise SpecError("count", "an array that fits in memory", Words(f"one of {size:,.0f} GiB"), "Evaluate it in parts.") from None
    array = out if isinstance(out, np.ndarray) else _viewed(out)
    if array.dtype != kind:
        raise SpecError("out", f"a buffer of {kind}", Words(array.dtype), "Pass the dtype of out as dtype=.")
    if array.shape != shape:
        raise SpecError("out", f"a buffer of shape {shape}", Words(f"shape {array.shape}"))
    if not array.flags.writeable:
        raise SpecError("out", "a writable buffer", Words("a read-only one"))
    return array


def _viewed(out: Any) -> np.ndarray:
    try:
        return np.asarray(memoryview(out))
    except TypeError:
        raise TypeError(f"out: expected a writable buffer such as a NumPy array, got {type(out).__name__}.") from None
