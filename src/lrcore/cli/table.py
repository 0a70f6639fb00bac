"""`lrcore table`: the values of a plan in a file, however many there are."""

from __future__ import annotations

import csv
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Annotated, Any, Literal, TextIO

import typer

from ..table import Table
from .options import Names, PlanText, Steps
from .plans import bound, read_plan
from .screen import complete_file, progress, suffix_of, tell, untouched, writable


def table(
    plan: PlanText,
    output: Annotated[
        Path, typer.Option("--output", "-o", help="A .npy or .csv file, replaced if it is there; - prints CSV.", show_default=False)
    ],
    steps: Steps = None,
    start: Annotated[int, typer.Option(min=0, help="The first update.")] = 0,
    dtype: Annotated[Literal["float64", "float32"], typer.Option(help="The type of the values, rounded once.")] = "float64",
    names: Names = None,
) -> None:
    """Write the values of a plan, one row for each update.

    The file appears when it is complete: Ctrl-C leaves the old one, or none. A .npy file has a .json beside it, which says what
    its columns are and holds the plan; lr.open_table reads the two.
    """
    values = bound(read_plan(plan), names, None if steps is None else start + steps).table(steps, start, dtype=dtype)
    if str(output) == "-":
        for _ in _csv(values, sys.stdout):
            pass
        return
    write = _WRITERS[suffix_of(output, tuple(_WRITERS))]
    writable(output)
    with progress(output.name, len(values)) as advance:
        write(values, output, advance)
    rows, columns = values.shape
    tell(f"{output}: {rows:,} rows of {columns:,} column{'s' * (columns != 1)}, {dtype}")


def _save_npy(values: Table, path: Path, advance: Callable[[int], Any]) -> None:
    with untouched(path):
        values.save(path, progress=advance)


def _save_csv(values: Table, path: Path, advance: Callable[[int], Any]) -> None:
    with complete_file(path) as unfinished, unfinished.open("w", encoding="utf-8", newline="") as file:
        for rows in _csv(values, file):
            advance(rows)


_WRITERS: dict[str, Callable[[Table, Path, Callable[[int], Any]], None]] = {".npy": _save_npy, ".csv": _save_csv}


def _csv(values: Table, file: TextIO) -> Iterator[int]:
    """Write rows, each number in the fewest digits that read back equal; gives how many were written, block by block."""
    alone = values.bound.names == ("default",)
    csv.writer(file, lineterminator="\n").writerow(["step", *(field if alone else f"{group} {field}" for group, field in values.columns)])
    number: Callable[[float], str] = repr if values.dtype.itemsize == 8 else "{:.9g}".format
    for first, block in values.blocks(2**18):
        step = values.start + first
        file.writelines(f"{step + i},{','.join(map(number, row))}\n" for i, row in enumerate(block.tolist()))
        yield len(block)
