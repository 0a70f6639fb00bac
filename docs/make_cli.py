"""Write what the commands in docs/cli.md print: `python docs/make_cli.py`."""

import os
import re
import subprocess
import sys
import tempfile
from collections.abc import Iterable
from pathlib import Path

FOLDER = Path(__file__).parent
ROOT = FOLDER.parent
DOCUMENT = FOLDER / "cli.md"
CONSOLE = re.compile(r"^```console\n(.*?)^```$", re.MULTILINE | re.DOTALL)
COMMAND = re.compile(r"^\$ (.*)$", re.MULTILINE)


def in_bash(lines: Iterable[str], folder: Path) -> list[str]:
    """What each line prints, errors among it, as a person types them one after the other; `$?` is that of the line before."""
    script = [f'lrcore() {{ "{sys.executable}" -m lrcore "$@"; }}', "exec 2>&1", "code=0"]
    for line in lines:
        script += ["echo '@@@'", f"(exit $code); {line}", "code=$?"]
    kept = {key: value for key, value in os.environ.items() if key not in ("COLUMNS", "NO_COLOR", "FORCE_COLOR")}
    kept["PYTHONPATH"] = os.pathsep.join(str(ROOT / each) for each in ("src", "bindings"))
    got = subprocess.run(["bash", "-c", "\n".join(script)], capture_output=True, text=True, cwd=folder, env=kept, check=True)
    return got.stdout.split("@@@\n")[1:]


def filled(text: str) -> str:
    """The document with every output anew."""
    with tempfile.TemporaryDirectory() as folder:
        (Path(folder) / "examples").symlink_to(ROOT / "examples")
        outputs = iter(in_bash(COMMAND.findall("".join(CONSOLE.findall(text))), Path(folder)))

    def console(found: re.Match[str]) -> str:
        return "```console\n" + "".join(f"$ {line}\n{next(outputs)}" for line in COMMAND.findall(found[1])) + "```"

    return CONSOLE.sub(console, text)


if __name__ == "__main__":
    DOCUMENT.write_text(filled(DOCUMENT.read_text()))
