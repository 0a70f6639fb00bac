"""Running `lrcore` as a person does: in a process of its own, at a terminal or in a pipe."""

import fcntl
import os
import re
import select
import struct
import subprocess
import sys
import termios
import time
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parents[1]
COMMAND = [sys.executable, "-m", "lrcore"]
OF_A_TERMINAL = [
    sys.executable, "-SEc", "import fcntl, os, sys, termios; fcntl.ioctl(0, termios.TIOCSCTTY, 0); os.execv(sys.argv[1], sys.argv[1:])",
]  # fmt: skip
"""Starts a command in the session of the terminal it stands at; pty.fork would do, but not in a process with the threads of JAX."""
PLAIN = {key: value for key, value in os.environ.items() if key not in ("COLUMNS", "LINES", "NO_COLOR", "FORCE_COLOR", "TERM")}
ESCAPE = re.compile(r"\x1b\[[0-9;?]*[A-Za-z]")


def environment(**more):
    path = os.pathsep.join(str(ROOT / each) for each in ("src", "bindings"))
    return {**PLAIN, "PYTHONPATH": path, "TERM": "xterm-256color", **more}


def lrcore(*arguments, stdin="", cwd=None, **more):
    """A run in pipes, to its end."""
    return subprocess.run(
        [*COMMAND, *arguments], input=stdin, capture_output=True, text=True, cwd=cwd, env=environment(**more), timeout=120, check=False
    )


@dataclass
class Seen:
    """What stood on a terminal, and how the process ended."""

    text: str
    returncode: int

    @property
    def lines(self):
        """Every line that was ever drawn, without its colours."""
        return re.split(r"[\r\n]+", ESCAPE.sub("", self.text.replace("^C", "")))  # ^C is the terminal's own echo


class Terminal:
    """A run at a terminal of its own."""

    def __init__(self, *arguments, columns=80, cwd=None, **more):
        self.master, terminal = os.openpty()
        fcntl.ioctl(terminal, termios.TIOCSWINSZ, struct.pack("HHHH", 40, columns, 0, 0))
        self.process = subprocess.Popen(
            [*OF_A_TERMINAL, *COMMAND, *arguments], stdin=terminal, stdout=terminal, stderr=terminal,
            start_new_session=True, cwd=cwd, env=environment(**more),
        )  # fmt: skip
        os.close(terminal)
        self.text = ""

    def read(self, seconds):
        """What comes within so many seconds; False at the end."""
        if not select.select([self.master], [], [], seconds)[0]:
            return True
        try:
            block = os.read(self.master, 65536)
        except OSError:  # the other side is closed
            block = b""
        self.text += block.decode(errors="replace")
        return bool(block)

    def wait_for(self, words, seconds=60):
        """Until these words stand there."""
        end = time.monotonic() + seconds
        while words not in ESCAPE.sub("", self.text):
            assert self.read(0.2) and time.monotonic() < end, self.text

    def press_interrupt(self):
        """Ctrl-C, as the keyboard gives it."""
        os.write(self.master, b"\x03")

    def finish(self, seconds=60):
        end = time.monotonic() + seconds
        while self.read(0.2):
            if time.monotonic() > end:
                self.process.kill()
        os.close(self.master)
        return Seen(self.text, self.process.wait())
