"""The command line as a whole: help, what it loads, what is not installed, completion, and its documentation."""

import re
import subprocess
import sys

import pytest

import lrcore as lr
from docs.make_cli import COMMAND, CONSOLE, DOCUMENT, filled, in_bash
from lrcore.cli.app import COMMANDS
from terminal import environment, lrcore

HELP = lrcore("--help").stdout
LISTED = re.findall(r"^  ([a-z]+)  ", HELP.partition("Commands:")[2], re.MULTILINE)


def test_the_version():
    assert lrcore("--version").stdout == f"lrcore {lr.__version__}\n"


def test_nothing_on_the_line_is_help():
    assert lrcore().stdout == HELP == lrcore("-h").stdout
    assert [name for name, _, _ in COMMANDS] == LISTED


@pytest.mark.parametrize("line", [["--help"], ["find", "--help"], ["show", "cosine(1, 0, 9)"], ["check", "cosine(1, 0, 9)"]], ids=" ".join)
def test_what_needs_no_framework_loads_none(line):
    code = "import sys; from lrcore.cli import main; main(sys.argv[1:]); print(*{name.partition('.')[0] for name in sys.modules})"
    got = subprocess.run([sys.executable, "-c", code, *line], capture_output=True, text=True, env=environment(), check=True)
    heavy = {"torch", "keras", "tensorflow", "jax", "optax", "matplotlib", "streamlit", "plotly", "sklearn", "scipy", "pandas", "yaml"}
    assert not heavy & set(got.stdout.splitlines()[-1].split()) and "rich" in got.stdout


@pytest.mark.parametrize(
    ("line", "missing", "extra"),
    [
        (["show", "1"], "typer", "cli"), (["show", "x.yaml"], "yaml", "cli"), (["plot", "1", "-n9", "-o", "x.png"], "matplotlib", "plot"),
        (["find"], "torch", "torch"), (["studio", "--no-browser"], "streamlit", "app"),
    ],
)  # fmt: skip
def test_a_missing_extra_is_a_sentence_with_the_command(line, missing, extra, tmp_path):
    (tmp_path / "x.yaml").write_text("lr: 0.1\n")
    hidden = f"import sys; sys.modules[{missing!r}] = None; from lrcore.cli import main; sys.exit(main(sys.argv[1:]))"
    command = [sys.executable, "-c", hidden, *line]
    got = subprocess.run(command, capture_output=True, text=True, env=environment(), cwd=tmp_path, check=False)
    assert got.returncode == 2 and got.stderr.count("\n") == 1
    assert f'pip install "lrcore[{extra}' in got.stderr


def completed(line, word):
    return lrcore(_LRCORE_COMPLETE="complete_bash", COMP_WORDS=line, COMP_CWORD=str(word)).stdout.split()


def test_a_shell_completes_commands_recipes_and_choices(tmp_path):
    assert completed("lrcore sho", 1) == ["show"]
    assert completed("lrcore show warmup_c", 2) == ["warmup_cosine("]
    assert completed("lrcore show ./plan", 2) == []  # files are the shell's
    assert completed("lrcore list warmup_c", 2) == ["warmup_cosine"]
    assert completed("lrcore code x --for t", 4) == ["torch"]
    [told] = in_bash(["lrcore --show-completion; true"], tmp_path)  # it tells the shell that it finds itself in
    assert "complete -o default -F" in told


# -- the documentation -------------------------------------------------------------------------------------------------


def test_the_documentation_shows_what_happens():
    def shape(text):  # what a range test finds depends on the framework's own arithmetic
        return re.sub(r"(?<=\$ lrcore find)[^$]*?```", lambda found: re.sub(r" +[\d.e-]+", " #", found[0]), text)

    text = DOCUMENT.read_text()
    assert shape(filled(text)) == shape(text), "run python docs/make_cli.py"


def test_the_documentation_shows_every_command():
    text = DOCUMENT.read_text()
    run = {line.split()[1] for line in COMMAND.findall("".join(CONSOLE.findall(text))) if line.startswith("lrcore ")}
    assert set(LISTED) - run == {"compare", "studio"} and all(f"`lrcore {name}" in text for name in LISTED)


def test_the_examples_in_help_run(tmp_path):
    (tmp_path / "plan.yaml").write_text("lr: warmup_cosine(3e-4, warmup=2000, steps=100000)\n")
    for name in ("old.json", "new.json"):
        (tmp_path / name).write_text(lr.cosine(0.1, 0.0, 90).to_json())
    lines = [line for name, _, examples in COMMANDS if name not in ("find", "compare", "studio") for line in examples]
    said = in_bash(lines, tmp_path)
    assert [(line, out) for line, out in zip(lines, said, strict=True) if "lrcore: " in out] == []
