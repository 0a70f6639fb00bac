"""What is printed and how wide it is, progress bars, and files that appear when they are complete."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from rich.console import Console, RenderableType
from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn, TimeRemainingColumn
from rich.table import Table as RichTable
from rich.text import Text

from ..errors import LrcoreError

WIDEST = 110
"""Columns that are used of a wider terminal: longer lines are hard to read."""


class _Console(Console):
    def on_broken_pipe(self) -> None:
        raise BrokenPipeError


def out() -> Console:
    """Standard output: colours and control codes only for a terminal, NO_COLOR and FORCE_COLOR honoured; no markup is read."""
    return _plain(stderr=False)


def err() -> Console:
    """Standard error, in the same manner."""
    return _plain(stderr=True)


def _plain(stderr: bool) -> Console:
    console = _Console(stderr=stderr, highlight=False, markup=False, emoji=False)
    if console.width > WIDEST:
        console.width = WIDEST
    return console


def tell(sentence: str) -> None:
    """A sentence on standard error, which wraps at a terminal and is one line elsewhere."""
    console = err()
    console.print(sentence, soft_wrap=not console.is_terminal)


def grid(*header: str, title: str = "", right: tuple[str, ...] = ()) -> RichTable:
    """An empty table without lines, its columns two spaces apart; cells wrap at spaces."""
    table = RichTable(box=None, pad_edge=False, padding=(0, 2, 0, 0), title=title or None, title_justify="left", header_style="bold")
    table.title_style = "bold"
    for name in header:
        table.add_column(name, justify="right" if name in right else "left", overflow="fold")
    return table


def put(console: Console, table: RenderableType) -> None:
    """Print a table or a tree; the spaces that fill its lines are for a terminal only."""
    if console.is_terminal:
        console.print(table)
        return
    with console.capture() as captured:
        console.print(table)
    console.print("\n".join(line.rstrip() for line in captured.get().splitlines()), soft_wrap=True)


def paragraph(console: Console, text: str | Text, indent: int = 0) -> None:
    """Print words that wrap under each other."""
    for line in (Text(text) if isinstance(text, str) else text).wrap(console, max(console.width - indent, 10)):
        line.rstrip()
        console.print(Text(" " * indent) + line, soft_wrap=True)


@contextmanager
def progress(what: str, total: int) -> Iterator[Callable[[int], Any]]:
    """A bar on standard error, if that is a terminal; gives a function that is told how much more was done."""
    console = err()
    columns = TextColumn("{task.description}"), BarColumn(None), TaskProgressColumn(), TimeRemainingColumn(compact=True)
    with Progress(*columns, console=console, disable=not console.is_terminal, transient=True, expand=True) as bar:
        task = bar.add_task(what, total=total)
        yield lambda count: bar.advance(task, count)


@contextmanager
def complete_file(path: Path) -> Iterator[Path]:
    """A path to write to, renamed to `path` at the end: a writer that fails or is interrupted leaves the old file, or none.

    Raises LrcoreError for a path that cannot be written.
    """
    target = writable(path)
    unfinished = target.with_name(f".{target.stem}.{os.urandom(6).hex()}.tmp{target.suffix}")
    try:
        with untouched(path):
            yield unfinished
            os.replace(unfinished, target)
    finally:
        with suppress(FileNotFoundError):
            unfinished.unlink()


@contextmanager
def untouched(path: Path) -> Iterator[None]:
    """Has an error of the system, or Ctrl-C, say that the file is as it was."""
    try:
        yield
    except KeyboardInterrupt:
        raise KeyboardInterrupt(f"Interrupted: {path} is as it was before.") from None
    except OSError as error:
        raise LrcoreError(f"{path} could not be written: {error.strerror or error}. It is as it was before.") from error


def writable(path: Path) -> Path:
    """The file that a path means, links followed; LrcoreError for a directory, or a file in one that is not there."""
    target = Path(os.path.realpath(path))
    if target.is_dir():
        raise LrcoreError(f"{path} is a directory. Give the name of a file in it.")
    if target.exists() and not target.is_file():  # a device or a pipe: a rename would put a file in its place
        raise LrcoreError(f"{path} is no file that can be replaced. Give the name of a file.")
    if not target.parent.is_dir():
        raise LrcoreError(f"There is no directory {path.parent} to write {path.name} to. Make it first.")
    return target


def suffix_of(path: Path, known: tuple[str, ...]) -> str:
    """The suffix that says how a file is written; LrcoreError for one that is not known."""
    if (suffix := path.suffix.lower()) not in known:
        *others, last = known
        kinds = f"{', '.join(others)} or {last}" if others else last
        raise LrcoreError(f"{path} ends in {suffix or 'no suffix'}: what can be written ends in {kinds}.")
    return suffix


@contextmanager
def quiet() -> Iterator[None]:
    """Without what TensorFlow's C++ code writes to standard error when Keras loads it."""
    kept, nowhere = os.dup(2), os.open(os.devnull, os.O_WRONLY)
    try:
        os.dup2(nowhere, 2)
        yield
    finally:
        os.dup2(kept, 2)
        os.close(kept)
        os.close(nowhere)
