"""The command line at a terminal and in pipes: widths, colours, Ctrl-C, readers that go away."""

import os
import re
import signal
import subprocess
import time

import numpy as np
import pytest

from terminal import COMMAND, ESCAPE, Terminal, environment, lrcore

PLAN = "warmup_cosine(3e-4, warmup=2000, steps=100_000)"
GROUPS = "Plan(cosine(0.1, 0, 90), weight_decay=0.1, groups={'bias': {'weight_decay': 0}, 'a_long_name_of_a_group': {'lr': 1e-4}})"
LONG = 10**9

PRINTING = {
    "show": ["show", PLAN],
    "show_log": ["show", PLAN, "--log"],
    "show_groups": ["show", GROUPS],
    "check": ["check", PLAN, "--horizon", "1000"],
    "explain": ["explain", PLAN, "51000"],
    "diff": ["diff", PLAN, "cosine(0.1, 0, 90)"],
    "list": ["list"],
    "list_one": ["list", "wsd"],
    "error": ["show", "warmup_cosin(3e-4, 2000, 100_000)"],
}
HELPS = [[], *([name] for name in ("show", "check", "table", "plot", "code", "diff", "explain", "convert", "list", "find", "studio"))]


@pytest.mark.parametrize("arguments", PRINTING.values(), ids=PRINTING)
@pytest.mark.parametrize("columns", [40, 200])
def test_no_line_is_wider_than_the_terminal(arguments, columns):
    seen = Terminal(*arguments, columns=columns).finish()
    assert seen.lines[1:]
    assert max(map(len, seen.lines)) <= min(columns, 110)


@pytest.mark.parametrize("arguments", HELPS, ids=lambda arguments: arguments[0] if arguments else "lrcore")
def test_help_fits_forty_columns(arguments):
    seen = Terminal(*arguments, "--help", columns=40).finish()
    assert seen.returncode == 0
    assert max(map(len, seen.lines)) <= 40


def test_the_curve_is_as_wide_as_the_terminal():
    widths = [max(map(len, Terminal("show", PLAN, columns=columns).finish().lines)) for columns in (40, 80, 200)]
    assert widths == [40, 80, 110]


@pytest.mark.parametrize("arguments", PRINTING.values(), ids=PRINTING)
def test_there_are_no_codes_in_a_pipe(arguments):
    got = lrcore(*arguments)
    assert not ESCAPE.search(got.stdout + got.stderr)
    assert not re.search(r" +$", got.stdout, re.MULTILINE)


COLOR = re.compile(r"\x1b\[[0-9;]*(3[0-7]|9[0-7]|38;)")


def test_there_are_colors_at_a_terminal_unless_they_are_not_wanted():
    assert COLOR.search(Terminal("show", PLAN).finish().text)
    assert not COLOR.search(Terminal("show", PLAN, NO_COLOR="1").finish().text)
    assert COLOR.search(lrcore("show", PLAN, FORCE_COLOR="1").stdout)


def test_without_colors_curves_have_letters():
    with_colors, without = (Terminal("show", GROUPS, "--field", "lr", **more).finish().lines for more in ({}, {"NO_COLOR": "1"}))
    assert not re.search("aaa|bbb", "".join(with_colors))
    assert re.search("aaa", "".join(without)) and re.search("bbb", "".join(without))


def test_what_a_terminal_cannot_show_does_not_stop_it():
    got = lrcore("show", PLAN, PYTHONIOENCODING="ascii")
    assert got.returncode == 0 and "aaaa" in got.stdout


def test_standard_output_has_results_only(tmp_path):
    got = lrcore("table", PLAN, "-o", "-", "--steps", "3")
    assert got.stdout == "step,lr\n0,0.0\n1,1.5e-07\n2,3e-07\n" and got.stderr == ""
    got = lrcore("table", PLAN, "-o", str(tmp_path / "lr.csv"), "--steps", "3")
    assert got.stdout == "" and "3 rows" in got.stderr


@pytest.mark.parametrize("arguments", [["list"], ["show", PLAN], ["table", PLAN, "-o", "-"]], ids=lambda arguments: arguments[0])
def test_a_reader_that_goes_away_ends_it_quietly(arguments):
    with subprocess.Popen([*COMMAND, *arguments], stdout=subprocess.PIPE, stderr=subprocess.PIPE, env=environment()) as process:
        process.stdout.close()  # before the first line: the whole output is too short to fill the pipe
        assert process.wait(60) == 141 and process.stderr.read() == b""


def test_a_full_disk_is_one_sentence():
    with open("/dev/full", "w") as full:
        got = subprocess.run([*COMMAND, "list"], stdout=full, stderr=subprocess.PIPE, env=environment(), text=True, check=False)
    assert got.returncode == 2 and got.stderr == "lrcore: The output could not be written: No space left on device.\n"


# -- Ctrl-C ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("name", "steps"), [("lr.npy", LONG), ("lr.csv", LONG // 10)])
@pytest.mark.parametrize("before", [b"", b"as it was"], ids=["new", "old"])
def test_interrupting_a_long_table_leaves_nothing_behind(name, steps, before, tmp_path):
    if before:
        (tmp_path / name).write_bytes(before)
    run = Terminal("table", PLAN, "--steps", str(steps), "-o", name, cwd=tmp_path)
    run.wait_for("1%")
    assert len(list(tmp_path.iterdir())) > bool(before)  # it was writing
    run.press_interrupt()
    seen = run.finish()
    assert seen.returncode == 130
    assert f"lrcore: Interrupted: {name} is as it was before." in seen.text and "Traceback" not in seen.text
    assert [path.read_bytes() for path in tmp_path.iterdir()] == [before] * bool(before)
    assert max(map(len, seen.lines)) <= 80


def test_ending_a_long_table_leaves_nothing_behind(tmp_path):
    process = subprocess.Popen([*COMMAND, "table", PLAN, "-n", str(LONG), "-o", "lr.npy"], cwd=tmp_path, env=environment())
    while not list(tmp_path.iterdir()):
        time.sleep(0.05)
    process.send_signal(signal.SIGTERM)
    assert process.wait(60) == 143
    assert list(tmp_path.iterdir()) == []


def test_interrupting_a_table_on_standard_output():
    process = subprocess.Popen(
        [*COMMAND, "table", PLAN, "-n", str(LONG), "-o", "-"], stdout=subprocess.PIPE, stderr=subprocess.PIPE, env=environment()
    )
    process.stdout.read(10**5)
    process.send_signal(signal.SIGINT)
    _, told = process.communicate(timeout=60)
    assert process.returncode == 130 and told == b"lrcore: Interrupted.\n"


def test_a_run_in_the_background_that_ignores_interrupts_goes_on_doing_so(tmp_path):
    ignoring = ["sh", "-c", 'trap "" INT; exec "$@"', "sh"]
    command = [*ignoring, *COMMAND, "table", PLAN, "-n", str(2 * 10**6), "-o", "lr.csv"]
    process = subprocess.Popen(command, cwd=tmp_path, env=environment(), stderr=subprocess.PIPE)
    while not list(tmp_path.iterdir()):
        time.sleep(0.02)
    process.send_signal(signal.SIGINT)
    process.communicate(timeout=60)
    assert process.returncode == 0 and (tmp_path / "lr.csv").is_file()


@pytest.mark.parametrize("columns", [40, 80])
def test_a_bar_is_shown_while_a_table_is_written(columns, tmp_path):
    seen = Terminal("table", PLAN, "--steps", str(5 * 10**7), "-o", "lr.npy", columns=columns, cwd=tmp_path).finish()
    assert "%" in seen.text and max(map(len, seen.lines)) <= columns
    assert seen.returncode == 0 and os.path.getsize(tmp_path / "lr.npy") > 8 * 5 * 10**7
    assert np.load(tmp_path / "lr.npy", mmap_mode="r").shape == (5 * 10**7, 1)
