"""How the studio is started: streamlit's options, in one place."""

from __future__ import annotations

import threading
import webbrowser
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path
from time import monotonic, sleep
from urllib.error import URLError
from urllib.request import ProxyHandler, build_opener

from ..errors import LrcoreError
from ..plan import Plan
from ..schedule import Schedule
from .canvas import Canvas
from .links import OPENED, opened, to_link
from .look import THEME

SCRIPT = Path(__file__).with_name("main.py")

# runner.fastReruns stays on: without it a run of the page that follows a fragment's draws itself into the fragment (streamlit 1.67)
OPTIONS = {
    "server.address": "localhost",               # this machine's own page, not the network's
    "server.headless": "true",                   # no question for an address, no look-up of ours; the browser is opened below
    "server.fileWatcherType": "none",
    "server.maxUploadSize": "64",
    "browser.gatherUsageStats": "false",
    "client.toolbarMode": "minimal",
    "client.showErrorDetails": "none",
    "client.showErrorLinks": "false",
    "logger.hideWelcomeMessage": "true",
    "logger.level": "warning",
    **{f"theme.{name}": value for name, value in THEME.items()},
}  # fmt: skip


def arguments(port: int, canvas: Canvas | None = None) -> list[str]:
    """What follows `streamlit` on the command line that shows the studio."""
    options = [f"--{name}={value}" for name, value in {**OPTIONS, "server.port": str(port)}.items()]
    return ["run", str(SCRIPT), *options, *(["--", OPENED + to_link(canvas)] if canvas is not None and canvas.items else [])]


def start(plans: Iterable[Schedule | Plan | str] = (), port: int = 8501, browser: bool = True) -> int:
    """Show the studio at http://localhost:`port` until Ctrl-C; the exit code.

    plans : what is on the canvas when it opens. Of an expression, as text, the recipes keep their controls
    browser : whether the page is opened in the browser
    Raises SpecError for an expression that is none, and for plans too large to hand over; ImportError without streamlit or plotly.
    """
    try:
        import plotly  # noqa: F401
        from streamlit.web import cli
    except ImportError as error:
        raise ImportError(
            'The studio is shown with streamlit and plotly, which are not installed. Install them with pip install "lrcore[app]".'
        ) from error
    canvas = Canvas()
    for plan in plans:
        if canvas.full:
            raise LrcoreError(f"The canvas has room for {len(canvas.items)} plans. Open the studio with fewer.")
        canvas = opened(plan, canvas=canvas)
    address = f"http://localhost:{port}"
    print(f"The studio is at {address}. Ctrl-C ends it.", flush=True)
    if browser:
        threading.Thread(target=_open, args=(address,), daemon=True).start()
    with suppress(KeyboardInterrupt):
        cli.main(arguments(port, canvas), prog_name="lrcore studio", standalone_mode=False)
    return 0


def _open(address: str, patience: float = 30.0) -> None:
    """Open the page as soon as the server answers."""
    local = build_opener(ProxyHandler({}))  # localhost is nobody's to look up
    end = monotonic() + patience
    while monotonic() < end:
        with suppress(URLError, OSError):
            local.open(f"{address}/_stcore/health", timeout=1).close()
            webbrowser.open(address)
            return
        sleep(0.1)
