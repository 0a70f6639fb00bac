"""The commands there are."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from typing import Annotated, Any

import typer

from .checks import check, diff
from .compare import compare
from .find import find
from .pictures import plot
from .recipes import list_recipes
from .screen import WIDEST
from .show import explain, show
from .studio import studio
from .table import table
from .writings import code, convert

_ABOUT = """Learning-rate schedules: look at a plan, check it, write its table, its picture and its code.

PLAN is a JSON or YAML file, - for standard input, or an expression such as "warmup_cosine(3e-4, warmup=2000, steps=100000)"."""


COMMANDS: list[tuple[str, Callable[..., Any], tuple[str, ...]]] = [
    ("show", show, (
        'lrcore show "warmup_cosine(3e-4, warmup=2000, steps=100000)"', "lrcore show plan.yaml --field lr --log",
        'echo "one_cycle(0.1, steps=500)" | lrcore show -',
    )),
    ("check", check, (
        'lrcore check "warmup_cosine(0.1, warmup=100, steps=1000)" --horizon 2000',
        "lrcore check plan.yaml --dataset-size 50000 --batch-size 128 --epochs 90 --max-lr 0.5",
    )),
    ("table", table, ("lrcore table plan.yaml -o lr.npy", 'lrcore table "cosine(0.1, 0, 90)" -o - | head')),
    ("plot", plot, ('lrcore plot "cosine(0.1, 0, 90)" "linear(0.1, 0, 90)" -o curves.png', "lrcore plot plan.yaml --log -o plan.svg")),
    ("code", code, (
        'lrcore code "warmup_cosine(3e-4, warmup=2000, steps=100000)" --for torch', "lrcore code plan.yaml --for keras -o schedule.py",
    )),
    ("diff", diff, ('lrcore diff old.json new.json', 'lrcore diff "cosine(0.1, 0, 90)" "cosine(0.1, 0, 100)"')),
    ("explain", explain, ('lrcore explain "warmup_cosine(3e-4, warmup=2000, steps=100000)" 51000',)),
    ("convert", convert, ('lrcore convert "cosine(0.1, 0, 90)" -o plan.json', "lrcore convert plan.yaml --to expression")),
    ("list", list_recipes, ("lrcore list", "lrcore list warmup_cosine", "lrcore list --json")),
    ("find", find, ("lrcore find", "lrcore find --optimizer momentum -o test.png")),
    ("compare", compare, ("lrcore compare", "lrcore compare step cosine plateau --epochs 50")),
    ("studio", studio, ("lrcore studio", 'lrcore studio "cosine(0.1, 0, 90)" --port 8600 --no-browser')),
]  # fmt: skip
"""Name, function, examples; in the order that help lists them."""


def _version(asked: bool) -> None:
    if asked:
        from lrcore import __version__

        typer.echo(f"lrcore {__version__}")
        raise typer.Exit


def _callback(
    version: Annotated[bool, typer.Option("--version", callback=_version, is_eager=True, help="Print the version.")] = False,
) -> None:
    pass


def command() -> Any:
    """The command line as one object."""
    width = max(min(shutil.get_terminal_size().columns, WIDEST) - 2, 20)
    app = typer.Typer(
        name="lrcore", help=_ABOUT, no_args_is_help=True, rich_markup_mode=None, pretty_exceptions_enable=False,
        context_settings={"help_option_names": ["-h", "--help"], "terminal_width": width},
    )  # fmt: skip
    app.callback()(_callback)
    for name, function, examples in COMMANDS:
        app.command(name, epilog=_epilog(examples, width), context_settings={"terminal_width": width})(function)
    return typer.main.get_command(app)


def _epilog(examples: tuple[str, ...], width: int) -> str:
    """Examples on lines of their own; where they are too wide, as paragraphs that wrap."""
    if max(map(len, examples)) + 4 <= width:
        return "Examples:\n\n\b\n" + "\n".join(f"  {line}" for line in examples)
    return "\n\n".join(("Examples:", *examples))
