"""Tables: the values of a plan as (rows, columns), computed when they are asked for.

A Table is a window on rows of a source: the compiled plan, or an opened file. Slicing moves the window and computes nothing.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from operator import index
from os import PathLike
from typing import TYPE_CHECKING, Any, Protocol, overload

import numpy as np

from .errors import SpecError, TableError, Words
from .plan import BoundPlan, Plan

if TYPE_CHECKING:
    from .files import StoredTable

ARRAY_LIMIT = 16 * 2**30
"""Bytes a table may take as one array; more is refused before anything is allocated, as is more than the memory available."""

_BLOCK = 2**20
"""Bytes computed at a time while a table is streamed: small enough to stay in the second-level cache."""


class Source(Protocol):
    """Where rows come from, by step: `count` steps first, first + stride, ..."""

    def block(
        self, first: int, count: int, stride: int, dtype: Any, out: np.ndarray | None = None, threads: int | None = None
    ) -> np.ndarray: ...  # fmt: skip
    def at(self, steps: np.ndarray, dtype: Any) -> np.ndarray: ...
    def row(self, step: int, out: np.ndarray | None) -> np.ndarray: ...
    def column(self, j: int, first: int, count: int, stride: int, dtype: Any) -> np.ndarray: ...
    def view(self, first: int, count: int, stride: int) -> np.ndarray | None: ...


class _Computed:
    """Rows computed by the program of a bound plan, which is compiled at the first use."""

    def __init__(self, bound: BoundPlan) -> None:
        self._bound = bound

    def block(
        self, first: int, count: int, stride: int, dtype: Any, out: np.ndarray | None = None, threads: int | None = None
    ) -> np.ndarray:  # fmt: skip
        return self._bound.program.rows(count, first, stride, dtype=dtype, out=out, threads=threads)

    def at(self, steps: np.ndarray, dtype: Any) -> np.ndarray:
        return self._bound.program.rows_at(steps, dtype=dtype)

    def row(self, step: int, out: np.ndarray | None) -> np.ndarray:
        return self._bound.program.row(step, out)

    def column(self, j: int, first: int, count: int, stride: int, dtype: Any) -> np.ndarray:
        return self._bound.schedules[j].values(count, first, stride, dtype=dtype)

    def view(self, first: int, count: int, stride: int) -> np.ndarray | None:
        return None


def plan_table(bound: BoundPlan, count: int, start: int, dtype: Any) -> Table:
    """The table of a bound plan; see `BoundPlan.table`."""
    return Table(_Computed(bound), bound, count, start, 1, checked_dtype(dtype))


def checked_dtype(dtype: Any) -> np.dtype[Any]:
    """float64 or float32 in the machine's byte order; SpecError for others, TypeError for what is no dtype."""
    known: np.dtype[Any] = np.dtype(dtype)
    if known not in (np.float64, np.float32):
        raise SpecError("dtype", "float64 or float32", known.name)
    return known


_INFINITE = {"float16": 65520.0, "bfloat16": (2 - 2**-8) * 2.0**127}
"""The types below float32, and the smallest number that each rounds to infinity."""


def rounded_once(values: np.ndarray, name: str) -> np.ndarray:
    """float64 values on their way to a type below float32, so that they are rounded once, to the nearest and ties to even.

    name : "float16" gives a float16 array; "bfloat16", which NumPy has not, a float32 array that becomes the right bfloat16 when it is
        converted: each value is next to the exact one, the one with an odd last bit where none is exact. Converting float64
        itself rounds twice in every framework, by way of float32, and moves ties
    Raises TableError for values too large for the type.

    >>> rounded_once(np.array([1 / 3, 0.1]), "float16")
    array([0.3333, 0.1   ], dtype=float16)
    """
    largest = float(np.abs(values).max(initial=0.0))
    with np.errstate(over="ignore", under="ignore"):
        near = values.astype(np.float16 if name == "float16" else np.float32)
    if name == "bfloat16":
        bits = near.view(np.uint32)
        bits -= np.abs(near) > np.abs(values)  # towards zero: the neighbour's bits are one less
        bits |= near != values
    if largest >= _INFINITE[name]:
        raise TableError(f"The table reaches {largest!r}, and {name} ends below {_INFINITE[name]:.6g}. Take float32 or float64.")
    return near


class Table:
    """The values of a plan: an array of shape (count, columns) that is not made until it is asked for.

    columns : (group, field) of every column
    start, stride : row i holds the values of step start + i * stride
    bound, plan : what the values are of

    `table[i]` is a row, `table[a:b]` a Table, `table["head", "lr"]` a Column, `numpy.asarray(table)` all of it.

    >>> import lrcore as lr
    >>> table = lr.Plan(lr.linear(1.0, 0.0, 4), momentum=0.9).table(10**9)
    >>> table
    Table(1,000,000,000 rows x 2 columns, float64, 14.9 GiB as an array)
    >>> table[1], table["default", "lr"][3], table[:2].rows([0, -1]).tolist()
    (array([0.75, 0.9 ]), 0.25, [[1.0, 0.9], [0.75, 0.9]])
    """

    def __init__(self, source: Source, bound: BoundPlan, count: int, start: int, stride: int, dtype: np.dtype[Any]) -> None:
        self._source = source
        self.bound, self.start, self.stride, self.dtype = bound, start, stride, dtype
        self.shape = (count, len(bound.columns))

    @property
    def plan(self) -> Plan:
        return self.bound.plan

    @property
    def columns(self) -> tuple[tuple[str, str], ...]:
        return self.bound.columns

    @property
    def ndim(self) -> int:
        return 2

    @property
    def size(self) -> int:
        return self.shape[0] * self.shape[1]

    @property
    def nbytes(self) -> int:
        """Bytes the table would take as one array."""
        return self.size * self.dtype.itemsize

    def __len__(self) -> int:
        return self.shape[0]

    def __repr__(self) -> str:
        count, columns = self.shape
        return f"{type(self).__name__}({count:,} rows x {columns:,} columns, {self.dtype.name}, {_bytes(self.nbytes)} as an array)"

    def __str__(self) -> str:
        """A few rows and columns to look at."""
        count, width = self.shape
        chosen = sorted({i * (count - 1) // 7 for i in range(8)}) if count else []
        shown = self.columns[:6]
        lines = [["step", *(f"{group} {field}" for group, field in shown)]]
        for i, row in zip(chosen, self.rows(chosen)[:, :6] if count else [], strict=True):
            lines.append([f"{self.start + i * self.stride:,}", *(f"{value:.6g}" for value in row)])
        widths = [max(map(len, cells)) for cells in zip(*lines, strict=True)]
        text = ["  ".join(cell.rjust(size) for cell, size in zip(line, widths, strict=True)) for line in lines]
        more = f"... and {width - len(shown):,} more columns" if width > len(shown) else ""
        return "\n".join([repr(self), *text, *filter(None, [more])])

    # -- parts ---------------------------------------------------------------------------------------------------------

    @overload
    def __getitem__(self, key: int) -> np.ndarray: ...
    @overload
    def __getitem__(self, key: slice) -> Table: ...
    @overload
    def __getitem__(self, key: tuple[str, str]) -> Column: ...
    def __getitem__(self, key: Any) -> Any:
        if isinstance(key, slice):
            return self._part(key)
        if isinstance(key, tuple):
            if key not in self.columns:
                near = ", ".join(map(repr, self.columns[:6]))
                raise TableError(f"The table has no column {key!r}. Its columns are {near}{', ...' if len(self.columns) > 6 else ''}.")
            return Column(self, self.columns.index(key))
        try:
            i = index(key)
        except TypeError:
            hint = "For several rows call table.rows(indices)."
            raise TypeError(f"A table takes an integer, a slice or (group, field) in brackets, got {key!r}. {hint}") from None
        return self.row(i)

    def _part(self, key: slice) -> Table:
        first, stop, step = key.indices(len(self))
        if step < 0:
            raise SpecError("step", "a slice that goes forward", key, "Reverse the array made from it.")
        count = len(range(first, stop, step))
        return Table(self._source, self.bound, count, self.start + first * self.stride, self.stride * step, self.dtype)

    def _step(self, i: Any) -> int:
        count, place = len(self), index(i)
        if not -count <= place < count:
            raise IndexError(f"row {place} is outside a table of {count:,} rows")
        return self.start + (place + count if place < 0 else place) * self.stride

    def row(self, i: int, out: np.ndarray | None = None) -> np.ndarray:
        """Row i (negative ones count from the end) as an array (columns,) of the table's dtype, written to `out` if given.

        Raises IndexError outside the table, SpecError for an `out` of another shape or dtype.
        """
        step = self._step(i)
        if out is not None:
            self._check_out(out)
        if self.dtype == np.float64:
            return self._source.row(step, out)
        row: np.ndarray = self._source.at(np.array([step]), self.dtype)[0]
        if out is None:
            return row
        out[...] = row
        return out

    def _check_out(self, out: Any) -> None:
        expected = f"a writable {self.dtype.name} array of shape {self.shape[1:]}"
        if not isinstance(out, np.ndarray):
            raise SpecError("out", expected, out)
        if out.shape != self.shape[1:] or out.dtype != self.dtype or not out.flags.writeable:
            state = "" if out.flags.writeable else "read-only "
            raise SpecError("out", expected, Words(f"a {state}{out.dtype} array of shape {out.shape}"))

    def rows(self, indices: Any) -> np.ndarray:
        """The rows at several indices, in any order (negative ones count from the end), as an array (len(indices), columns).

        Raises IndexError outside the table, TableError if they would not fit the memory.
        """
        places = np.asarray(indices)
        if places.ndim != 1 or (places.size and places.dtype.kind not in "iu"):
            raise SpecError("indices", "a one-dimensional array of integers", indices)
        places = places.astype(np.int64)
        count = len(self)
        bad = np.flatnonzero((places < -count) | (places >= count))
        if bad.size:
            raise IndexError(f"row {places[bad[0]]} is outside a table of {count:,} rows")
        _refuse_large(len(places), self.shape[1], self.dtype)
        return self._source.at(self.start + np.where(places < 0, places + count, places) * self.stride, self.dtype)

    def __iter__(self) -> Iterator[np.ndarray]:
        for _, block in self.blocks():
            yield from block.copy()

    def blocks(self, size: int = _BLOCK) -> Iterator[tuple[int, np.ndarray]]:
        """(first row, rows) after (first row, rows), about `size` bytes at a time, each in the same buffer as the one before."""
        count, width = self.shape
        rows = max(size // max(width * self.dtype.itemsize, 1), 1)
        buffer = np.empty((min(rows, count), width), self.dtype)
        for first in range(0, count, rows):
            block = buffer[: min(rows, count - first)]
            self.fill(first, block)
            yield first, block

    def fill(self, first: int, out: np.ndarray, threads: int | None = 1) -> None:
        """Write rows first, first + 1, ... to `out`, as many as it has."""
        self._source.block(self.start + first * self.stride, len(out), self.stride, out.dtype, out, threads)

    # -- all of it -----------------------------------------------------------------------------------------------------

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> np.ndarray:
        wanted = self.dtype if dtype is None else np.dtype(dtype)
        view = self._source.view(self.start, len(self), self.stride)
        if view is not None and wanted == self.dtype and not copy:
            return view
        if copy is False:
            raise ValueError("A table is computed when it is asked for, so an array of it is always a copy. Leave out copy=False.")
        _refuse_large(*self.shape, wanted)
        array = self._source.block(self.start, len(self), self.stride, self.dtype)
        return array.astype(wanted, copy=bool(copy) and view is not None)

    def digest(self) -> str:
        """SHA-256 of the rows in C order, in hexadecimal, in bounded memory."""
        from hashlib import sha256

        sha = sha256()
        for _, block in self.blocks():
            sha.update(block.data)
        return sha.hexdigest()

    def save(
        self, path: str | PathLike[str], *, dtype: Any = None, progress: Callable[[int], object] | None = None, threads: int | None = None
    ) -> None:  # fmt: skip
        """Write the table to a `.npy` file at `path`, with a JSON sidecar at `path` + ".json"; `lr.open_table` opens them.

        The file appears when it is complete: a writer that is interrupted or killed leaves the old file, or none.

        dtype : float64 or float32; None keeps the table's
        progress : called after each block with the number of rows it had, such as `tqdm(total=len(table)).update`
        threads : how many compute and write (one more digests); None takes the processors there are, up to 4
        Raises TableError if the file cannot be written or does not read back.
        """
        from .files import save_table

        table = self if dtype is None else self.astype(dtype)
        save_table(table, path, progress, threads)

    def astype(self, dtype: Any) -> Table:
        """The same table as float64 or float32; values that were rounded to float32 stay so."""
        wanted = checked_dtype(dtype)
        if wanted == self.dtype:
            return self
        if self.dtype != np.float64:
            hint = "Take the table from the plan with dtype=float64."
            raise SpecError("dtype", "float32, since float32 values do not become exact again", wanted.name, hint)
        return Table(self._source, self.bound, len(self), self.start, self.stride, wanted)


def open_table(path: str | PathLike[str], plan: Plan | None = None) -> StoredTable:
    """Open a table written by `table.save`, mapped into memory: opening reads no rows, however many there are.

    plan : if given, the plan the table must be of
    Returns a Table whose `.verify()` reads all rows and compares their digest with the one recorded; nothing less finds a
    value that was altered.
    Raises TableError for a file that is missing, cut short, separated from its sidecar, of another plan, or altered in its
    header or sidecar.
    """
    from .files import read_table

    return read_table(path, plan)


class Column:
    """One column of a table, lazy like it: `column[i]` is a float, `column[a:b]` a Column, `numpy.asarray(column)` an array."""

    def __init__(self, table: Table, j: int) -> None:
        self._table, self._j = table, j

    @property
    def shape(self) -> tuple[int]:
        return (len(self._table),)

    @property
    def dtype(self) -> np.dtype[Any]:
        return self._table.dtype

    def __len__(self) -> int:
        return len(self._table)

    def __repr__(self) -> str:
        return f"Column({self._table.columns[self._j]!r}, {len(self):,} rows, {self.dtype.name})"

    @overload
    def __getitem__(self, key: int) -> float: ...
    @overload
    def __getitem__(self, key: slice) -> Column: ...
    def __getitem__(self, key: Any) -> Any:
        if isinstance(key, slice):
            return Column(self._table._part(key), self._j)
        try:
            i = index(key)
        except TypeError:
            raise TypeError(f"A column takes an integer or a slice in brackets, got {key!r}.") from None
        return float(self._values(self._table._step(i), 1)[0])

    def _values(self, first: int, count: int) -> np.ndarray:
        return self._table._source.column(self._j, first, count, self._table.stride, self.dtype)

    def __iter__(self) -> Iterator[float]:
        size = _BLOCK // self.dtype.itemsize
        for first in range(0, len(self), size):
            yield from self._values(self._table.start + first * self._table.stride, min(size, len(self) - first)).tolist()

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> np.ndarray:
        if copy is False:
            raise ValueError("A column is computed when it is asked for, so an array of it is always a copy. Leave out copy=False.")
        wanted = self.dtype if dtype is None else np.dtype(dtype)
        _refuse_large(len(self), 1, wanted)
        return self._values(self._table.start, len(self)).astype(wanted, copy=bool(copy))


def _refuse_large(rows: int, columns: int, dtype: np.dtype[Any]) -> None:
    size = rows * columns * dtype.itemsize
    available = _available()
    if size <= min(ARRAY_LIMIT, available):
        return
    limit = f"{_bytes(ARRAY_LIMIT)} made at once" if available >= ARRAY_LIMIT else f"{_bytes(available)} of memory available"
    raise TableError(
        f"{rows:,} rows x {columns:,} columns of {dtype.name} take {_bytes(size)} as one array, more than the {limit}. "
        'Take a part with table[a:b], table["group", "field"] or table.rows(indices), or write a file with table.save(path).'
    )


def _available() -> int:
    """Bytes of memory that can be had without swapping, where the system says so."""
    try:
        with open("/proc/meminfo", encoding="ascii") as lines:
            return next(int(line.split()[1]) * 1024 for line in lines if line.startswith("MemAvailable:"))
    except (OSError, StopIteration):
        return ARRAY_LIMIT


def _bytes(size: float) -> str:
    if size < 1024:
        return f"{size:,} bytes"
    units = iter(("KiB", "MiB", "GiB", "TiB"))
    unit = next(units)
    while (size := size / 1024) >= 1024 and unit != "TiB":
        unit = next(units)
    return f"{size:,.1f} {unit}"
