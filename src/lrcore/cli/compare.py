"""`lrcore compare`: the same small model trained under several schedules, with a table, a picture and every epoch as CSV."""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Iterator, Mapping
from contextlib import closing, contextmanager
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.markup import escape
from rich.progress import BarColumn, Progress, TextColumn

from ..errors import LrcoreError, SpecError
from ..plan import Plan
from .options import AsJson
from .pictures import use_files
from .plans import read_plan
from .screen import complete_file, err, grid, out, put, quiet

if TYPE_CHECKING:
    from ..experiment import Epoch, Results, Setup

_ORDER = (0, 1, 4, 2, 3, 6, 5)
"""Columns of the table, those first that a narrow terminal keeps."""


def complete_schedule(incomplete: str) -> list[str]:
    """The named schedules, then the recipes."""
    from ..experiment.contenders import NAMED
    from ..registry import recipes

    known = [*NAMED, *(f"{name}(" for name in recipes())] if incomplete else list(NAMED)
    return [name for name in known if name.startswith(incomplete)]


def _choice(help: str, *known: str) -> Any:
    return typer.Option(help=help, autocompletion=lambda: list(known))


def compare(
    schedules: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="SCHEDULE", autocompletion=complete_schedule, show_default=False,
            help="A name from above, or a PLAN; mine=PLAN gives it a name. The first five names if none is given.",
        ),
    ] = None,
    data: Annotated[str, typer.Option(help='"digits", or the path of an MNIST file or folder.')] = "digits",
    epochs: Annotated[int, typer.Option("--epochs", "-e", help="Times every image is trained on.")] = 100,
    seeds: Annotated[int, typer.Option("--seeds", "-s", help="Runs of each schedule, from other weights with other batches.")] = 3,
    backend: Annotated[str, _choice("torch or keras.", "torch", "keras")] = "torch",
    solver: Annotated[str, _choice("sgd, momentum, adam or adamw.", "sgd", "momentum", "adam", "adamw")] = "adam",
    rate: Annotated[float | None, typer.Option(help="The peak that all are scaled to; none if not given.", show_default=False)] = None,
    batch: Annotated[int, typer.Option(help="Images of an update.")] = 32,
    hidden: Annotated[int, typer.Option(help="Units of the hidden layer.")] = 128,
    train: Annotated[
        str | None,
        typer.Option(help="Images to train on, a number or a fraction; the file's own part, or 0.8.", show_default=False),
    ] = None,
    limit: Annotated[int, typer.Option(help="Images to read, the first of each part; 0 reads all.")] = 10_000,
    unit: Annotated[str, _choice("What lengths in a PLAN count, updates or epochs.", "updates", "epochs")] = "updates",
    output: Annotated[
        Path | None,
        typer.Option("--output", "-o", help="Write compare.csv, compare.md and compare.png to this folder.", show_default=False),
    ] = None,
    as_json: AsJson = False,
) -> None:  # fmt: skip
    """Train one small model under several schedules.

    The model has one hidden layer and learns handwritten digits. Every schedule starts from the same weights and sees the same batches.
    Ctrl-C shows what is complete.

    Schedules with a name are step, exponential, cosine, plateau, cyclic, multistep, cosine_restarts and constant: a value for each
    epoch, from 0.1 down, or up and down. Over 100 epochs the first five are those of a Keras article that is often copied.
    """
    from ..experiment import ARTICLE, Results, Setup, contenders

    if output is not None:
        _check_folder(output)
    with _options():
        knobs: dict[str, Any] = {"solver": solver, "backend": backend, "unit": unit, "train": _train(train), "limit": limit or None}
        setup = Setup(data=data, hidden=hidden, rate=rate, batch=batch, epochs=epochs, seeds=seeds, **knobs)
        setup.split()
    plans = contenders(_read(schedules or ARTICLE), setup)
    _warn(plans, setup)
    results = Results(setup, plans)
    try:
        _train_all(results)
    except KeyboardInterrupt:
        done, all_runs = sum(len(results.runs(name)) for name in plans), len(plans) * setup.seeds
        if done:
            _show(results, as_json)
        raise KeyboardInterrupt(f"Interrupted: {done} of {all_runs} runs were complete, and no file was written.") from None
    _show(results, as_json)
    if output is not None:
        _write(results, output)


# -- what is asked -----------------------------------------------------------------------------------------------------


@contextmanager
def _options() -> Iterator[None]:
    """Errors of the setup, which has the names of the options."""
    try:
        yield
    except SpecError as error:
        name = re.match(r"data|train|hidden|solver|rate|batch|epochs|seeds|backend|limit|unit", error.path)
        raise LrcoreError(f"--{error}" if name and name[0] == error.path else str(error)) from None


def _train(given: str | None) -> int | float | None:
    if given is None:
        return None
    try:
        return int(given) if given.strip().lstrip("+-").isdigit() else float(given)
    except ValueError:
        raise SpecError("train", "a number of images, or a fraction such as 0.8", given) from None


def _check_folder(folder: Path) -> None:
    """Before the training: can the files be written, and drawn?"""
    if find_spec("matplotlib") is None:
        raise ImportError('The picture is drawn with matplotlib, which is not installed. Install it with pip install "lrcore[plot]".')
    if folder.exists() and not folder.is_dir():
        raise LrcoreError(f"{folder} is a file. Give a folder with -o.")
    above = folder if folder.exists() else folder.absolute().parent
    if not above.is_dir():
        raise LrcoreError(f"There is no directory {above} to make {folder.name} in. Make it first.")
    if not os.access(above, os.W_OK):
        raise LrcoreError(f"{above} cannot be written to. Give another folder with -o.")


def _read(given: list[str] | tuple[str, ...]) -> dict[str, Any]:
    """{name: what `contenders` takes}: files and standard input are read, names and expressions stay as they are."""
    from ..experiment.contenders import add, named

    pairs: dict[str, Any] = {}
    for text in given:
        name, source = (None, text) if os.path.exists(text) else named(text)
        assert isinstance(source, str)
        word = re.fullmatch(r"\s*[A-Za-z][\w-]*\s*", source) and not os.path.exists(source)
        value = source if word else read_plan(source)
        add(pairs, name, value, Path(source).stem if os.path.exists(source) else "stdin" if source == "-" else source)
    return pairs


def _warn(plans: Mapping[str, Plan], setup: Setup) -> None:
    """What `check` has to say about schedules of one's own: a length in the wrong unit shows here."""
    from ..experiment.contenders import is_named

    console, size = err(), len(setup.split().train_labels)
    for name, plan in plans.items():
        if is_named(plan, setup):
            continue
        for finding in plan.check(
            dataset_size=size, batch_size=setup.batch, epochs=setup.epochs, drop_last=False, names=["default"]
        ).serious:
            console.print(f"{name}: {finding.sentence} {finding.mend}", style="yellow", soft_wrap=not console.is_terminal)


# -- what is done ------------------------------------------------------------------------------------------------------


def _train_all(results: Results) -> None:
    from ..experiment import run

    with quiet():
        runs = run(results.setup, results.plans)
    with closing(runs), _bars(results) as tell:
        for epoch in runs:
            results.add(epoch)
            tell(epoch)


@contextmanager
def _bars(results: Results) -> Iterator[Callable[[Epoch], None]]:
    """A bar for each schedule on standard error, if that is a terminal, with the latest accuracy and loss where there is room."""
    console, setup = err(), results.setup
    words = [TextColumn("{task.description}"), BarColumn(None), TextColumn("{task.percentage:>3.0f}%")]
    if console.width >= 60:
        words.append(TextColumn("{task.fields[state]:29}", style="dim"))
    with Progress(*words, console=console, disable=not console.is_terminal, transient=True, expand=True) as bars:
        tasks = {name: bars.add_task(escape(name), total=setup.epochs * setup.seeds, state="") for name in results.plans}

        def tell(epoch: Epoch) -> None:
            state = f"accuracy {100 * epoch.accuracy:5.1f} %  loss {epoch.test_loss:.3g}"
            if epoch.diverged:
                state = "diverged"
            bars.update(
                tasks[epoch.name], completed=epoch.seed * setup.epochs + (setup.epochs if epoch.diverged else epoch.epoch), state=state
            )

        yield tell


# -- what is shown -----------------------------------------------------------------------------------------------------


def _show(results: Results, as_json: bool) -> None:
    from ..experiment.texts import COLUMNS, about, cells, spread_told, told_all

    console = out()
    if as_json:
        console.print(results.to_json(), soft_wrap=True)
        return
    soft = not console.is_terminal
    console.print(about(results), soft_wrap=soft)
    if results.partial:
        console.print("Stopped before the end: the numbers are of the runs that were complete.", style="bold", soft_wrap=soft)
    console.print()
    rows, best = cells(results), results.best()
    if not console.is_terminal:
        console.width = 1_000
    for count in range(len(_ORDER), 1, -1):
        kept = sorted(_ORDER[:count])
        widths = [max(len(row[i]) for row in (COLUMNS, *rows)) for i in kept]
        if sum(widths) + 2 * (count - 1) <= console.width:
            break
    table = grid(*(COLUMNS[i] for i in kept), right=COLUMNS[1:])
    for row in rows:
        table.add_row(*(row[i] for i in kept), style="green" if row[0] == best else None)
    put(console, table)
    console.print()
    if len(kept) < len(_ORDER):
        console.print("Left out for want of room: " + ", ".join(COLUMNS[i] for i in sorted(_ORDER[len(kept) :])) + ".", style="dim")
    console.print(spread_told(results), style="dim", soft_wrap=soft)
    for name, told in told_all(results).items():
        console.print(f"{name}: {told}", style="dim", soft_wrap=soft)


def _write(results: Results, folder: Path) -> None:
    """The three files, each complete or as it was."""
    use_files()
    figure = results.plot()
    try:
        folder.mkdir(exist_ok=True)
    except OSError as error:
        raise LrcoreError(f"{folder} could not be made: {error.strerror}.") from error
    with complete_file(folder / "compare.csv") as unfinished:
        unfinished.write_text(results.to_csv())
    with complete_file(folder / "compare.md") as unfinished:
        unfinished.write_text(results.to_markdown())
    with complete_file(folder / "compare.png") as unfinished:
        figure.savefig(unfinished, dpi=150)
    err().print(f"{folder}: compare.csv, compare.md and compare.png written", soft_wrap=True)
