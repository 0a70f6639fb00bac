"""The studio as people meet it: its real server, and headless Chromium in front of it."""

import os
import socket
import subprocess
import sys
import time
from pathlib import Path
from urllib.request import ProxyHandler, build_opener

import pytest
from playwright.sync_api import expect, sync_playwright
from streamlit.proto.BackMsg_pb2 import BackMsg
from streamlit.proto.ForwardMsg_pb2 import ForwardMsg

expect.set_options(timeout=60_000)  # a busy machine takes its time; what is right is waited for, whatever it takes

FLAGS = ["--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking",
         "--disable-component-update", "--disable-sync"]  # fmt: skip


def pytest_addoption(parser):
    parser.addoption("--screenshots", type=Path, default=None, help="the folder that screenshots are written to; none without it")


@pytest.fixture(scope="session")
def studio(tmp_path_factory):
    """The address of a running studio."""
    with socket.socket() as free:
        free.bind(("localhost", 0))
        port = free.getsockname()[1]
    from lrcore.app.server import arguments

    log = tmp_path_factory.mktemp("studio") / "log"
    with log.open("w") as out:
        server = subprocess.Popen([sys.executable, "-m", "streamlit", *arguments(port)], stdout=out, stderr=out)
    local, end = build_opener(ProxyHandler({})), time.monotonic() + 60
    while True:
        try:
            local.open(f"http://localhost:{port}/_stcore/health", timeout=1).close()
            break
        except OSError:
            assert time.monotonic() < end, log.read_text()
            time.sleep(0.2)
    yield f"http://localhost:{port}"
    server.terminate()
    server.wait(30)
    assert "Traceback" not in log.read_text()


@pytest.fixture(scope="session")
def chromium():
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=os.environ.get("CHROMIUM", "/usr/bin/chromium"), args=FLAGS)
        yield browser
        browser.close()


class Answers:
    """Whether the server has answered the last thing a page asked of it, as their messages tell."""

    QUIET = 0.15
    """Seconds after an act within which a page asks for what came of it."""

    def __init__(self, page):
        self._page = page
        self.asked = 0  # how often the page has asked for anything
        self._waits, self._runs = True, False
        page.on("websocket", self._listen)

    def _listen(self, socket):
        socket.on("framesent", self._sent)
        socket.on("framereceived", self._received)

    def _sent(self, data):
        if BackMsg.FromString(data).WhichOneof("type") == "rerun_script":
            self.asked += 1
            self._waits, self._runs = True, False

    def _received(self, data):
        if isinstance(data, bytes):
            message = ForwardMsg.FromString(data)
            if message.WhichOneof("type") == "new_session":
                self._runs = True
            elif message.WhichOneof("type") == "script_finished" and self._runs:
                self._waits = message.script_finished == ForwardMsg.FINISHED_EARLY_FOR_RERUN

    def more_than(self, asked, seconds=3.0):
        """Whether the page asks for something more, soon."""
        end = time.monotonic() + seconds
        while self.asked <= asked and time.monotonic() < end:
            self._page.wait_for_timeout(30)
        return self.asked > asked

    def wait(self):
        """Until nothing is under way: who acts before that acts on a page that is about to change."""
        end = time.monotonic() + 60
        self._page.wait_for_timeout(1000 * self.QUIET)
        while self._waits:
            assert time.monotonic() < end, "the server does not answer"
            self._page.wait_for_timeout(30)
        expect(self._page.get_by_test_id("stApp")).to_have_attribute("data-test-script-state", "notRunning")


@pytest.fixture
def page(chromium, studio):
    context = chromium.new_context(viewport={"width": 1440, "height": 1000}, base_url=studio)
    context.grant_permissions(["clipboard-read", "clipboard-write"])
    page = context.new_page()
    page.set_default_timeout(60_000)
    page.answers = Answers(page)
    page.settled = page.answers.wait
    wrong = []
    page.on("console", lambda message: wrong.append(message.text) if message.type == "error" else None)
    page.on("pageerror", lambda error: wrong.append(str(error)))
    page.on("request", lambda request: wrong.append(request.url) if not request.url.startswith((studio, "data:", "blob:", "ws:")) else None)
    yield page
    context.close()
    assert wrong == []  # nothing in the console, and nothing asked of anybody but the studio itself


@pytest.fixture
def shoot(request, page):
    """Write a picture of the page, if --screenshots says where to."""

    def written(name):
        folder = request.config.getoption("--screenshots")
        if folder is not None:
            folder.mkdir(parents=True, exist_ok=True)
            page.wait_for_timeout(800)
            page.screenshot(path=folder / f"studio_{name}.png")

    return written
