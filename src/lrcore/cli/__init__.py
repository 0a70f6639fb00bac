"""The command line: `lrcore show`, `table`, `plot`, `check`, `diff`, `find`, `compare`, `code`, `convert`, ...

app.py        the commands there are
plans.py      a PLAN on the line to a schedule or a plan; documents.py: JSON and YAML to the same
options.py    arguments and options that several commands have, and what completes them
screen.py     what is printed, and how wide; progress bars; files that appear when they are complete
curve.py      a curve drawn with letters of the terminal; axes.py: its ticks
show.py, table.py, pictures.py, checks.py, find.py, writings.py, recipes.py, compare.py, studio.py : the commands
"""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from io import StringIO, TextIOWrapper
from types import FrameType
from typing import Any

FOUND, WRONG, INTERRUPTED, UNREAD = 1, 2, 130, 141
"""Exit codes beside 0: something was found; bad input; Ctrl-C; nobody reads the output any more. The last two are a shell's own: 128 and
the number of the signal, as for SIGTERM and SIGHUP."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line; returns the exit code.

    arguments : what stands behind `lrcore`; None takes the process's own
    Results go to standard output; progress, and one sentence for an error, to standard error.
    """
    for name in ("stdout", "stderr"):
        if getattr(sys, name) is None:  # closed by who called, as by >&-
            setattr(sys, name, StringIO())
        elif isinstance(stream := getattr(sys, name), TextIOWrapper):
            stream.reconfigure(errors="replace")  # a terminal that cannot show a letter is no reason to stop
    with _signals():
        try:
            code = _run(arguments)
            sys.stdout.flush()
        except BrokenPipeError:
            _forget(sys.stdout.fileno())
            return UNREAD
        except KeyboardInterrupt as stop:
            _tell(str(stop) or "Interrupted.")
            return INTERRUPTED
        except OSError as error:  # of standard output: commands name the file that is at fault
            _forget(sys.stdout.fileno())
            _tell(f"The output could not be written: {error.strerror or error}.")
            return WRONG
    return code


def _run(arguments: Sequence[str] | None) -> int:
    try:
        import rich  # noqa: F401
        import typer
    except ImportError as error:
        missing = f"The command line is built on typer and rich, and {error.name} is not installed."
        _tell(f'{missing} Install them with pip install "lrcore[cli]".')
        return WRONG
    from ..errors import LrcoreError
    from .app import command

    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")  # Keras loads TensorFlow where it is installed, which tells of the processor

    try:
        _invoked(command(), list(sys.argv[1:] if arguments is None else arguments))
    except typer.Exit as end:
        return end.exit_code
    except typer.TyperException as error:
        _tell(error.format_message())
    except (LrcoreError, ImportError) as error:
        _tell(str(error))
    except MemoryError:
        _tell("That takes more memory than there is. Take fewer steps.")
    except OSError:
        raise
    except Exception as error:
        if "LRCORE_TRACEBACK" in os.environ:
            raise
        _tell(f"{type(error).__name__}: {error}. That is a fault of lrcore's; LRCORE_TRACEBACK=1 shows where, for a report.")
    else:
        return 0
    return WRONG


def _invoked(command: Any, arguments: list[str]) -> None:
    """Run the command that the arguments name; `command.main` would do so too, and swallow Ctrl-C."""
    if "_LRCORE_COMPLETE" in os.environ:  # a shell asks what may follow
        command.main(arguments, prog_name="lrcore")
    with command.make_context("lrcore", arguments or ["--help"]) as context:
        command.invoke(context)


_LONGEST = 800
"""Letters of a sentence that quotes what was given."""


def _tell(sentence: str) -> None:
    """A sentence for the person at the terminal."""
    shown = sentence if len(sentence) <= _LONGEST else f"{sentence[:_LONGEST]}..."
    with suppress(OSError):
        try:
            from .screen import tell
        except ImportError:
            print(f"lrcore: {shown}", file=sys.stderr)
        else:
            tell(f"lrcore: {shown}")


def _forget(descriptor: int) -> None:
    """Let what is still in the buffers go nowhere, so that the interpreter does not complain at its exit."""
    with suppress(OSError):
        os.dup2(os.open(os.devnull, os.O_WRONLY), descriptor)


@contextmanager
def _signals() -> Iterator[None]:
    """The first Ctrl-C is an exception, and what comes while it cleans up is ignored; SIGTERM and SIGHUP clean up as well."""

    def interrupted(number: int, frame: FrameType | None) -> None:
        signal.signal(signal.SIGINT, signal.SIG_IGN)
        raise KeyboardInterrupt

    def ended(number: int, frame: FrameType | None) -> None:
        signal.signal(number, signal.SIG_IGN)
        raise SystemExit(128 + number)

    handlers = {signal.SIGINT: interrupted, signal.SIGTERM: ended, signal.SIGHUP: ended}
    before = {number: signal.getsignal(number) for number in handlers}
    for number, handler in handlers.items():
        if before[number] != signal.SIG_IGN:  # nohup, or a shell that runs this in the background
            signal.signal(number, handler)
    try:
        yield
    finally:
        for number, handler_before in before.items():
            signal.signal(number, handler_before)
