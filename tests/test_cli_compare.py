"""`lrcore compare` as a person runs it: what it prints and writes, Ctrl-C, narrow terminals, refusals."""

import csv
import json
import os
import re
import subprocess
import sys

import numpy as np
import pytest

import lrcore as lr
from lrcore.cli import main
from lrcore.experiment import NAMED
from terminal import ESCAPE, Terminal, environment, lrcore

QUICK = ("--epochs", "2", "--seeds", "2", "--train", "200", "--hidden", "16")
LONG = ("--epochs", "100000", "--seeds", "1", "--train", "100", "--hidden", "4")
HEAD = "schedule  accuracy %  best %  train loss  test loss  epochs to 95 %  seconds"


@pytest.fixture(scope="module")
def article(tmp_path_factory):
    """The five of the article, with a folder of files."""
    folder = tmp_path_factory.mktemp("compared")
    return lrcore("compare", *QUICK, "-o", str(folder / "new")), folder / "new"


def test_without_names_it_compares_the_five_of_the_article(article):
    got, _ = article
    assert (got.returncode, got.stderr.count("\n")) == (0, 1), got.stderr
    assert not ESCAPE.search(got.stdout)
    about, _, head, *rows = got.stdout.splitlines()[:8]
    assert about == "digits: 200 images to train on and 1,597 to test on, 16 hidden units, Adam, batches of 32, 2 epochs, 2 seeds, torch."
    assert re.split("  +", head) == re.split("  +", HEAD)
    assert [row.split()[0] for row in rows] == ["step", "exponential", "cosine", "plateau", "cyclic"]
    assert all(re.fullmatch(r"\S+ +\d+\.\d ± \d+\.\d +.*", row) for row in rows)


def test_it_writes_every_epoch_the_table_and_the_picture(article):
    got, folder = article
    assert got.stderr == f"{folder}: compare.csv, compare.md and compare.png written\n"
    assert sorted(path.name for path in folder.iterdir()) == ["compare.csv", "compare.md", "compare.png"]
    with (folder / "compare.csv").open() as file:
        rows = list(csv.DictReader(file))
    assert len(rows) == 5 * 2 * 2
    assert [float(row["rate"]) for row in rows if row["name"] == "step" and row["seed"] == "1"] == [0.1, 0.05]
    table = [line for line in (folder / "compare.md").read_text().splitlines() if line.startswith("| ")]
    told = {line.split()[0]: re.findall(r"[\d.]+ ± [\d.]+", line) for line in got.stdout.splitlines()[3:8]}
    assert {line.split("|")[1].strip(" *"): re.findall(r"[\d.]+ ± [\d.]+", line) for line in table[2:]} == told
    assert (folder / "compare.png").read_bytes().startswith(b"\x89PNG")


def test_json_is_all_that_is_printed():
    got = lrcore("compare", "mine=linear(0.1, 0.0, 14)", "constant", "--json", *QUICK)
    found = json.loads(got.stdout)
    assert (list(found["plans"]), found["partial"], len(found["epochs"]), got.stderr) == (["mine", "constant"], False, 8, "")
    assert [epoch["rate"] for epoch in found["epochs"][:2]] == [lr.linear(0.1, 0.0, 14)(step) for step in (6, 13)]


def test_it_compares_files_and_standard_input(tmp_path):
    (tmp_path / "night.json").write_text(lr.Plan(lr.linear(0.1, 0.0, 14)).to_json())
    got = lrcore("compare", "night.json", "-", "day=night.json", "--json", *QUICK, stdin="cosine(0.1, 0.0, 14)", cwd=tmp_path)
    found = json.loads(got.stdout)
    assert list(found["plans"]) == ["night", "stdin", "day"]
    assert found["plans"]["night"] == found["plans"]["day"]


def test_it_reads_an_mnist_file(tmp_path):
    images, labels = np.random.default_rng(0).integers(0, 256, (60, 5, 5), np.uint8), np.arange(60) % 4
    np.savez(tmp_path / "tiny.npz", x_train=images[:40], y_train=labels[:40], x_test=images[40:], y_test=labels[40:])
    asked = ("compare", "cosine", "--data", "tiny.npz", "--epochs", "1", "--seeds", "1")
    assert lrcore(*asked, cwd=tmp_path).stdout.startswith("tiny.npz: 40 images to train on and 20 to test on, ")
    assert lrcore(*asked, "--train", "0.9", "--limit", "30", cwd=tmp_path).stdout.startswith("tiny.npz: 27 images to train on and 3 ")


def test_it_trains_in_keras():
    got = lrcore("compare", "cosine", "--backend", "keras", *QUICK, KERAS_BACKEND="torch")
    assert (got.returncode, got.stderr) == (0, "")
    assert "keras.\n" in got.stdout and re.search(r"^cosine +\d+\.\d ± ", got.stdout, re.MULTILINE)


def test_a_run_that_diverges_is_in_the_table():
    got = lrcore("compare", "wild=constant(1e30)", "constant", "--solver", "sgd", *QUICK)
    assert got.returncode == 0
    assert re.search(r"^wild +diverged in 2 of 2 +– ", got.stdout, re.MULTILINE)


def test_a_length_in_the_wrong_unit_is_told():
    got = lrcore("compare", "cosine(0.1, 0.0, 2)", *QUICK)
    assert got.returncode == 0
    assert got.stderr.startswith("cosine: The plan is for 2 updates, and the run makes 14 (2 epochs of 200 samples in batches of 32)")
    assert lrcore("compare", "cosine(0.1, 0.0, 2)", "--unit", "epochs", *QUICK).stderr == ""


@pytest.mark.parametrize("columns", [40, 200])
def test_no_line_is_wider_than_the_terminal(columns):
    seen = Terminal("compare", "cosine", "my_own_schedule=constant(0.1)", *QUICK, columns=columns).finish()
    assert seen.returncode == 0
    assert max(map(len, seen.lines)) <= min(columns, 110)
    assert "100%" in seen.text and any(line.startswith("my_own_schedule") for line in seen.lines)
    assert ("Left out for want of room" in seen.text) == (columns == 40)


def test_its_help_fits_forty_columns():
    seen = Terminal("compare", "--help", columns=40).finish()
    assert (seen.returncode, max(map(len, seen.lines)) <= 40) == (0, True)
    assert all(name in " ".join(seen.lines) for name in NAMED)


def test_interrupted_it_shows_what_is_complete_and_writes_nothing(tmp_path):
    run = Terminal("compare", "brief=constant(1e30)", "long=constant(0.1)", "--solver", "sgd", *LONG, "-o", "new", cwd=tmp_path)
    run.wait_for("1%")
    run.press_interrupt()
    seen = run.finish()
    assert seen.returncode == 130 and "Traceback" not in seen.text
    assert "Stopped before the end: the numbers are of the runs that were complete." in " ".join(seen.lines)
    assert any(re.match(r"brief +diverged in 1 of 1", line) for line in seen.lines)
    assert any(re.match(r"long +– ", line) for line in seen.lines)
    assert "lrcore: Interrupted: 1 of 2 runs were complete, and no file was written." in seen.lines
    assert list(tmp_path.iterdir()) == []


def test_interrupted_before_anything_is_complete_it_has_nothing_to_show():
    run = Terminal("compare", "constant", *LONG)
    run.wait_for("0%")
    run.press_interrupt()
    seen = run.finish()
    assert (seen.returncode, "schedule " in seen.text) == (130, False)


def test_a_file_that_cannot_be_replaced_stays_as_it_was(tmp_path):
    (tmp_path / "compare.md").mkdir()
    got = lrcore("compare", "constant", *QUICK, "-o", ".", cwd=tmp_path)
    assert got.returncode == 2
    assert got.stderr == "lrcore: compare.md is a directory. Give the name of a file in it.\n"
    assert sorted(os.listdir(tmp_path)) == ["compare.csv", "compare.md"]


NAMES = ", ".join(NAMED)


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (["cosin"], f"schedules: expected one of {NAMES}, or an expression, got 'cosin'. Did you mean cosine?"),
        (["cosine(0.1"], "'cosine(0.1': line 1, column 7: expected an expression, got a mistake"),
        (["nowhere.json"], "There is no file nowhere.json."),
        (["a=cosine", "a=step"], "schedules: expected every name once, got 'a'."),
        (["Plan(0.1, momentum=0.9)"], "The plan schedules momentum of 'default', and Adam has no momentum."),
        (["--epochs", "0"], "--epochs: expected an integer >= 1, got 0."),
        (["--epochs", "many"], "Invalid value for '--epochs'"),
        (["--solver", "lamb"], "--solver: expected one of sgd, momentum, adam, adamw, got 'lamb'."),
        (["--backend", "mxnet"], "--backend: expected one of torch, keras, got 'mxnet'."),
        (["--rate", "nan"], "--rate: expected a number > 0, got nan."),
        (["--train", "most"], "--train: expected a number of images, or a fraction such as 0.8, got 'most'."),
        (["--train", "5000"], "--train: expected how many of the 1,797 images to train on, from 1 to 1,796"),
        (["--data", "nowhere"], 'nowhere: expected a file or folder of images, or "digits", got nothing there.'),
        (["-o", "file"], "file is a file. Give a folder with -o."),
        (["-o", "nowhere/new"], "There is no directory"),
    ],
)
def test_bad_input_is_one_sentence(arguments, sentence, tmp_path, monkeypatch, capfd):
    (tmp_path / "file").touch()
    monkeypatch.chdir(tmp_path)
    code = main(["compare", *arguments])  # here: a process for each would load scikit-learn and PyTorch again
    printed = capfd.readouterr()
    assert (code, printed.out, printed.err.startswith("lrcore: ")) == (2, "", True)
    assert sentence in printed.err and printed.err.count("\n") == 1
    assert os.listdir(tmp_path) == ["file"]


def test_bad_input_ends_the_process_with_2():
    got = lrcore("compare", "cosin")
    assert (got.returncode, got.stdout, got.stderr.count("\n")) == (2, "", 1)


WITHOUT = """
import sys
from importlib.machinery import PathFinder
found = PathFinder.find_spec
PathFinder.find_spec = lambda name, *rest: None if name == sys.argv[1] else found(name, *rest)
from lrcore.cli import main
sys.exit(main(["compare", *sys.argv[2:]]))
"""


@pytest.mark.parametrize(
    ("missing", "arguments", "extra"),
    [
        ("torch", [], "lrcore[torch]"),
        ("keras", ["--backend", "keras"], "lrcore[keras,torch]"),
        ("matplotlib", ["-o", "new"], "lrcore[plot]"),
        ("sklearn.datasets", [], "lrcore[app]"),
    ],
)
def test_what_is_missing_is_said_with_the_command_that_installs_it(missing, arguments, extra, tmp_path):
    command = [sys.executable, "-c", WITHOUT, missing, *arguments]
    done = subprocess.run(command, capture_output=True, text=True, cwd=tmp_path, env=environment(), check=False)
    assert (done.returncode, done.stdout, done.stderr.count("\n")) == (2, "", 1)
    assert f'Install it with pip install "{extra}".' in done.stderr and os.listdir(tmp_path) == []
