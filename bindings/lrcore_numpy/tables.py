"""The values of a plan as arrays: any of four types, any layout, in memory or mapped from a file."""

from __future__ import annotations

import os
from collections.abc import Iterable
from pathlib import Path
from typing import Any, Literal

import numpy as np

import lrcore as lr

_BY_KERNEL = ("float64", "float32")
"""Types the kernel fills itself; the others are rounded from its float64."""
_ROUNDED = ("float16", "bfloat16")


def table(
    plan: lr.Plan | lr.BoundPlan | lr.Schedule, count: int | None = None, start: int = 0, *, dtype: Any = None,
    order: Literal["C", "F"] = "C", out: np.ndarray | None = None, path: str | os.PathLike[str] | None = None,
    names: Iterable[str] | None = None,
) -> np.ndarray:  # fmt: skip
    """The values of `count` steps from `start`: an array (count, columns) of a plan, (count,) of a schedule.

    count : rows; None goes on until the horizon, or the end of the longest schedule
    dtype : float64, float32, float16 or ml_dtypes.bfloat16; None is that of `out`, or float64. Every one but float64 is the float64
        value rounded once, to the nearest, ties to even
    order : "C" has the values of a step side by side, "F" those of a column
    out : an array to fill and return, however it is laid out; one that is strided, turned or part of another is as good
    path : a `.npy` file to write the table to, which is then returned mapped, read-only. It appears when it is complete, in place of
        what was there. NumPy's format has no word for bfloat16: `np.load(path).view(bfloat16)` reads it. `plan.table().save(path)`
        writes one that knows its plan
    names : the groups of a plan whose patterns need them, in order; columns are `plan.bind(names).columns`

    Values are in the units of the schedules. Raises SpecError for arguments that will not do; PlanError for names that do not fit;
    TableError for a table that does not fit the memory or the disk, and for values too large for float16 or bfloat16, in which case
    the rows before them may be in `out`.

    >>> import lrcore as lr
    >>> table(lr.linear(1.0, 0.0, steps=4))
    array([1.  , 0.75, 0.5 , 0.25])
    >>> table(lr.Plan(lr.linear(1.0, 0.0, steps=4), momentum=0.5), count=2, start=3, dtype="float16")
    array([[0.25, 0.5 ],
           [0.  , 0.5 ]], dtype=float16)
    """
    bound = lr.bound_plan(plan, names)
    rows = bound.table(count, start)
    shape = rows.shape[:1] if isinstance(plan, lr.Schedule) else rows.shape
    wanted = _checked_dtype(dtype if dtype is not None or out is None else getattr(out, "dtype", None))
    if order not in ("C", "F"):
        raise lr.SpecError("order", '"C" or "F"', order)
    if out is not None:
        _check_out(out, shape, wanted, order, path)
        _fill(out, rows)
        return out
    if path is not None:
        return _in_file(Path(path), rows, shape, wanted, order)
    if order == "C" and wanted.name in _BY_KERNEL:
        return np.asarray(rows.astype(wanted)).reshape(shape)
    try:
        array = np.empty(shape, wanted, order)
    except (MemoryError, ValueError) as error:
        raise lr.TableError(
            f"{rows.shape[0]:,} rows x {rows.shape[1]:,} columns of {wanted.name}: {error}. Write a file with path=."
        ) from None
    _fill(array, rows)
    return array


def _checked_dtype(dtype: Any) -> np.dtype[Any]:
    expected = "float64, float32, float16 or ml_dtypes.bfloat16"
    try:
        known: np.dtype[Any] = np.dtype(np.float64 if dtype is None else dtype)
    except TypeError:
        raise lr.SpecError("dtype", expected, dtype) from None
    if known.name not in (*_BY_KERNEL, *_ROUNDED) or not known.isnative:
        raise lr.SpecError("dtype", expected, known)
    return known


def _check_out(out: Any, shape: tuple[int, ...], dtype: np.dtype[Any], order: str, path: Any) -> None:
    expected = f"a writable {dtype.name} array of shape {shape}"
    if not isinstance(out, np.ndarray):
        raise lr.SpecError("out", expected, out)
    if out.shape != shape or out.dtype != dtype or not out.flags.writeable:
        raise lr.SpecError(
            "out", expected, out, f"This one is {'' if out.flags.writeable else 'read-only '}{out.dtype} of shape {out.shape}."
        )
    if path is not None:
        raise lr.SpecError("path", "None with out", path, "Leave out one of them.")
    if order != "C":
        raise lr.SpecError("order", "none with out", order, "The array has its own.")


def _fill(out: np.ndarray, rows: lr.Table) -> None:
    """Every row to its place, about a megabyte at a time."""
    out = out.reshape(rows.shape) if out.flags.c_contiguous else out if out.ndim == 2 else out[:, np.newaxis]
    if out.dtype.name in _BY_KERNEL:
        rows = rows.astype(out.dtype)
        if out.flags.c_contiguous:
            rows.fill(0, out, threads=None)
            return
    for first, block in rows.blocks():
        out[first : first + len(block)] = block if block.dtype == out.dtype else lr.rounded_once(block, out.dtype.name)


def _in_file(target: Path, rows: lr.Table, shape: tuple[int, ...], dtype: np.dtype[Any], order: str) -> np.ndarray:
    """The table in a `.npy` file, under another name until it is complete."""
    part = target.with_name(f"{target.name}.{os.getpid()}.part")
    try:
        mapped = np.lib.format.open_memmap(part, "w+", dtype, shape, fortran_order=order == "F")
        with part.open("r+b") as file:
            os.posix_fallocate(file.fileno(), 0, part.stat().st_size)  # a full disk is an error here, and a signal below
        _fill(mapped, rows)
        mapped.flush()
        part.replace(target)
    except OSError as error:
        cause = error.strerror or error
        raise lr.TableError(f"The table could not be written to {target}: {cause}. What was there before is unchanged.") from error
    finally:
        part.unlink(missing_ok=True)
    return np.lib.format.open_memmap(target, "r").view(dtype)
