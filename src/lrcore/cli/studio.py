"""`lrcore studio`: a page in the browser to choose schedules on."""

from __future__ import annotations

import socket
from typing import Annotated

import typer

from ..errors import LrcoreError
from .options import plan_argument
from .plans import is_expression, read_plan


def studio(
    plans: Annotated[list[str] | None, plan_argument("PLAN", "Plans to open the page with, in any form of PLAN.")] = None,
    port: Annotated[int, typer.Option(min=1, max=65535, help="Where the page is: http://localhost:PORT.")] = 8501,
    browser: Annotated[bool, typer.Option("--browser/--no-browser", help="Whether to open a browser.")] = True,
) -> None:
    """Choose schedules on a page in the browser.

    Every recipe has a control for each parameter, several schedules share a canvas, and the page ends in code. Ctrl-C ends it.
    """
    values = [(given, read_plan(given)) for given in plans or ()]
    with socket.socket() as test:
        test.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)  # as servers do: a port that was just closed is free
        try:
            test.bind(("localhost", port))
        except OSError as error:
            raise LrcoreError(f"Port {port} cannot be used: {error.strerror}. Give another one with --port.") from None
    from ..app import start

    opened = [given if is_expression(given) else value for given, value in values]  # an expression keeps its recipes' controls
    raise typer.Exit(start(opened, port=port, browser=browser))
