"""The Experiment page without a browser: its controls, their sentences, and that what it shows is what the engine gives."""

import io
import json
import shlex
import time
from itertools import pairwise
from threading import Thread

import numpy as np
import pytest

pytest.importorskip("streamlit")
from streamlit.testing.v1 import AppTest

import lrcore as lr
from lrcore.app import experiment_job
from lrcore.app.canvas import Canvas, Named, Written
from lrcore.app.experiment_charts import figure, preview
from lrcore.app.experiment_choices import LENGTHS, Choices, code, command, prepared
from lrcore.app.experiment_job import Job
from lrcore.experiment import NAMED, PLATFORM, Results, Setup, contenders, run
from lrcore.experiment.texts import COLUMNS, cells

SHORT = {"epochs": 2, "seeds": 2}
CANVAS = Canvas().add(Named("cosine", {"start": 0.2, "stop": 0.02, "steps": 1_000})).add(Written("one_cycle(0.05, steps=500)"), "cycle")


def script():
    from lrcore.app.experiment_view import page

    page()


def opened(canvas=CANVAS, **values):
    """The page, with some controls set to other values."""
    from lrcore.app.state import Session

    at = AppTest.from_function(script, default_timeout=120)
    at.session_state["studio"] = Session(canvas)
    at.run()
    for name, value in values.items():
        widget(at, name).set_value(value)
    return at.run()


def widget(at, name):
    return next(each for each in [*at.number_input, *at.text_input, *at.selectbox, *at.multiselect, *at.toggle, *at.segmented_control]
                if each.key == f"experiment-{name}")  # fmt: skip


def said(at):
    """The sentences of refusal, as people read them."""
    return [error.value.replace("\\", "") for error in at.error]


def start(at):
    return at.button(key="experiment-start").click().run()


def ended(at):
    """The page when the experiment has ended."""
    end = time.monotonic() + 100
    while not any(each.key == "experiment-start" for each in at.button):
        assert time.monotonic() < end
        time.sleep(0.2)
        at.run()
    assert not at.exception
    return at


def finished(job):
    while job.running:
        job.take()
        time.sleep(0.02)
    return job


def engine(setup, plans):
    results = Results(setup, plans)
    for epoch in run(setup, plans):
        results.add(epoch)
    return results


def same(results):
    """What of every epoch does not depend on the machine's speed."""
    return [(each.name, each.seed, each.epoch, each.rate, each.train_loss, each.test_loss, each.accuracy) for each in results.epochs]


# -- what the choices mean -----------------------------------------------------------------------------------------------------


def test_the_page_begins_with_the_platforms_schedules_and_those_of_the_canvas():
    at = opened()
    assert not at.exception
    assert not at.error
    assert tuple(widget(at, "named").value) == PLATFORM
    assert not at.button(key="experiment-start").disabled
    shown = prepared(Choices(named=PLATFORM, canvas=CANVAS))
    assert list(shown.plans) == [*PLATFORM, "my cosine", "cycle"]
    assert len(set(shown.places.values())) == len(shown.places)
    assert [shown.places[name] for name in ("my cosine", "cycle")] == [item.color for item in CANVAS.items]


def test_named_schedules_are_the_engines():
    found = prepared(Choices(named=tuple(NAMED), epochs=7))
    assert found.plans == contenders(list(NAMED), found.setup)


@pytest.mark.parametrize("lengths", LENGTHS)
def test_lengths_of_the_canvas(lengths):
    """Over the run: what the canvas shows; else step by step."""
    found = prepared(Choices(canvas=CANVAS, lengths=lengths, epochs=20, rate=None))
    updates = 45
    plan = found.plans["my cosine"].bind(["default"]).schedules[0]
    item = lr.cosine(0.2, 0.02, 1_000)
    t = np.arange(0, 20 * updates, 7)
    wanted = {"run": item(t / 0.9), "updates": item(t), "epochs": item(t // updates)}[lengths]
    np.testing.assert_allclose(plan(t), wanted, rtol=1e-12)


def test_the_base_rate_is_everybodys_peak():
    found = prepared(Choices(named=("step", "cyclic"), canvas=CANVAS, rate=0.03, epochs=20))
    peaks = {name: plan.lr.extrema(found.setup.updates).greatest.value for name, plan in found.plans.items()}
    assert peaks == pytest.approx(dict.fromkeys(peaks, 0.03), rel=1e-6)


def test_a_wrong_schedule_of_the_canvas_is_named_and_the_others_are_kept():
    found = prepared(Choices(named=("step",), canvas=CANVAS.add(Written("cosine("), "broken")))
    assert found.refusals["canvas"].startswith("broken: line 1, column 7: expected an expression")
    assert set(found.plans) == {"step", "my cosine", "cycle"}
    assert not found.ready


@pytest.mark.parametrize("name", ["cosine", "a=b", "x (y), z", "é *", " ", "step", "2 + 2"])
def test_any_name_can_be_written_on_the_line(name):
    found = prepared(Choices(canvas=Canvas().add(Written("cosine(0.1, 0, 90)"), name), named=("step",), **SHORT))
    words = shlex.split(command(found.setup, found.given))
    given = words[2 : next(i for i, word in enumerate(words) if word.startswith("--"))]
    assert contenders(given, found.setup) == found.plans


# -- sentences -----------------------------------------------------------------------------------------------------------------


def test_an_empty_base_rate_leaves_schedules_as_they_are_written():
    at = opened(named=["step"], rate=None)
    assert not at.error
    at = ended(start(opened(named=["step"], rate=None, **SHORT)))
    assert "--rate" not in at.code[0].value
    assert "rate" not in at.code[1].value.partition(")")[0]


@pytest.mark.parametrize(
    ("name", "typed", "value"),
    [
        ("epochs", 0, 0),
        ("seeds", -1, -1),
        ("batch", 0, 0),
        ("hidden", -5, -5),
        ("rate", -0.1, -0.1),
        ("rate", 0.0, 0.0),
        ("train", "1.5", 1.5),
        ("train", "half", "half"),
        ("train", "-3", -3),
    ],
)
def test_the_sentence_of_the_setup_stands_at_the_control(name, typed, value):
    with pytest.raises(lr.SpecError) as caught:
        Setup(**{name: value})
    at = opened(**{name: typed})
    assert not at.exception
    assert said(at) == [str(caught.value)]
    assert at.button(key="experiment-start").disabled


def test_every_wrong_control_has_its_own_sentence():
    at = opened(epochs=0, seeds=0, train="no", rate=-1.0)
    assert [each.partition(":")[0] for each in said(at)] == ["train", "rate", "epochs", "seeds"]


def test_more_training_images_than_there_are():
    at = opened(train="1,797")
    assert [each.partition(", got")[0] for each in said(at)] == [
        "train: expected how many of the 1,797 images to train on, from 1 to 1,796, or a fraction strictly between 0 and 1"
    ]


def test_nothing_to_compare():
    at = opened(Canvas(), named=[])
    assert said(at) == ["Choose at least one schedule."]
    assert at.button(key="experiment-start").disabled


def test_without_a_framework_the_page_says_what_to_install(monkeypatch):
    monkeypatch.setitem(__import__("sys").modules, "torch", None)
    monkeypatch.setitem(__import__("sys").modules, "keras", None)
    at = opened()
    assert said(at) == ['Models are trained with PyTorch or Keras, and neither is installed. Install one with pip install "lrcore[torch]".']
    assert at.button(key="experiment-start").disabled


# -- data ----------------------------------------------------------------------------------------------------------------------


def small(**more):
    from sklearn.datasets import load_digits

    digits = load_digits()
    content = io.BytesIO()
    np.savez_compressed(content, images=(digits.images[:300] * 15).astype(np.uint8), labels=digits.target[:300], **more)
    return content.getvalue()


def test_a_path_is_read(tmp_path):
    (path := tmp_path / "some.npz").write_bytes(small())
    at = opened(source="MNIST file")
    assert not at.error
    assert at.button(key="experiment-start").disabled
    widget(at, "path").set_value(str(path))
    widget(at, "limit").set_value(200)
    at.run()
    assert any("160 images to train on, 40 to test on" in each.value for each in at.caption)
    widget(at, "path").set_value(str(tmp_path / "none.npz")).run()
    assert said(at) == [f'{tmp_path / "none.npz"}: expected a file or folder of images, or "digits", got nothing there.']


def test_an_upload_is_read_and_its_place_is_not_shown():
    at = opened(source="Upload")
    at.file_uploader[0].set_value([("small.npz", small(), "application/zip")]).run()
    assert not at.error
    assert any("240 images to train on, 60 to test on" in each.value for each in at.caption)
    at.file_uploader[0].set_value([("../small.npz", small()[:500], "application/zip")]).run()
    assert [each.partition(", got")[0] for each in said(at)] == ["upload/small.npz: expected a whole .npz file"]
    at.file_uploader[0].set_value([("picture.png", b"\x89PNG", "image/png")]).run()
    assert said(at) == ["upload: expected a folder with train-images-idx3-ubyte, as it is or with .gz, got a folder without it."]


# -- runs ----------------------------------------------------------------------------------------------------------------------


def test_the_table_is_the_engines():
    at = ended(start(opened(**SHORT)))
    found = prepared(Choices(named=PLATFORM, canvas=CANVAS, **SHORT))
    wanted = engine(found.setup, found.plans)
    shown = at.table[0].value
    plain = [[str(cell).replace("\u00a0", " ").replace("\\", "") for cell in row] for row in shown.to_numpy()]
    best = wanted.best()
    for row, expected in zip(plain, cells(wanted), strict=True):
        assert row[0] == (f"**{best}** :green-badge[best]" if expected[0] == best else expected[0])
        assert row[1:-1] == list(expected[1:-1])
    assert [str(title).replace("\u00a0", " ") for title in shown.columns] == list(COLUMNS)


def test_settings_may_change_while_it_runs():
    at = start(opened(named=["step"], **{**SHORT, "epochs": 3}))
    widget(at, "epochs").set_value(0)
    at = ended(at.run())
    assert at.button(key="experiment-start").disabled
    assert said(at) == ["epochs: expected an integer >= 1, got 0."]
    widget(at, "epochs").set_value(5).run()
    assert "The settings have changed since. Start runs them." in [each.value for each in at.caption]
    assert any("3 epochs" in each.value for each in at.caption)


def test_a_schedule_goes_to_the_canvas():
    at = ended(start(opened(Canvas(), named=["step"], **SHORT)))
    at.button(key="experiment-open-0").click().run()
    (item,) = at.session_state["studio"].canvas.items
    assert item.name == "step"
    assert widget(at, "lengths").label == "Lengths of step"


def test_the_code_repeats_it(tmp_path, monkeypatch):
    pytest.importorskip("matplotlib")
    monkeypatch.chdir(tmp_path)
    found = prepared(Choices(named=("plateau", "step"), canvas=CANVAS, solver="adam", rate=0.01, hidden=16, train="0.5", **SHORT))
    names = {}
    exec(code(found.setup, found.given), names)
    assert names["setup"] == found.setup
    assert same(names["results"]) == same(engine(found.setup, found.plans))
    assert (tmp_path / "experiment.png").stat().st_size > 10_000


def test_the_line_repeats_it():
    typer = pytest.importorskip("typer")
    from typer.testing import CliRunner

    from lrcore.cli.compare import compare

    app = typer.Typer()
    app.command()(compare)
    found = prepared(Choices(named=("step",), canvas=CANVAS, solver="adam", rate=0.01, hidden=16, train="700", **SHORT))
    words = shlex.split(command(found.setup, found.given))[2:]
    answer = CliRunner().invoke(app, [*words, "--json"])
    assert answer.exit_code == 0, answer.output
    shown = json.loads(answer.stdout)
    wanted = engine(found.setup, found.plans)
    assert [each["test_loss"] for each in shown["epochs"]] == [each.test_loss for each in wanted.epochs]


# -- the thread ----------------------------------------------------------------------------------------------------------------


@pytest.fixture
def setup():
    return Setup(epochs=300, seeds=2, hidden=8)


def test_progress_goes_up_to_one():
    found = prepared(Choices(named=("step", "cosine"), **SHORT))
    job, seen = Job(found.setup, found.plans), [0.0]
    while job.running:
        job.take()
        seen.append(job.progress)
        time.sleep(0.01)
    assert job.state == "done"
    assert all(before <= after for before, after in pairwise(seen))
    assert job.progress == 1.0
    assert same(job.results) == same(engine(found.setup, found.plans))


def test_two_drawings_of_the_page_may_take_at_once():
    found = prepared(Choices(named=("step",), epochs=40, seeds=2))
    job = Job(found.setup, found.plans)

    def look():
        while job.running:
            job.take()
            job.results.summary()
            job.results.curve("step", "accuracy")

    looking = [Thread(target=look, daemon=True) for _ in range(4)]
    for thread in looking:
        thread.start()
    for thread in looking:
        thread.join(120)
        assert not thread.is_alive()
    assert [(epoch.seed, epoch.epoch) for epoch in job.results.epochs] == [(seed, n) for seed in range(2) for n in range(1, 41)]


def test_a_stop_ends_it_after_the_epoch(setup):
    job = Job(setup, contenders(["step", "cosine"], setup))
    while not job.results.epochs:
        job.take()
    job.stop()
    job.join(60)
    finished(job)
    assert job.state == "stopped"
    assert 0 < job.progress < 1


def test_it_ends_when_nobody_watches(setup, monkeypatch):
    monkeypatch.setattr(experiment_job, "ALONE", 0.05)
    job = Job(setup, contenders(["step"], setup), watched=lambda: False)
    job.join(60)
    assert finished(job).state == "stopped"


def test_a_short_absence_does_not_end_it():
    short = Setup(epochs=6, seeds=1, hidden=8)
    answers = iter([True, False, True, False, True, True])
    assert finished(Job(short, contenders(["step"], short), watched=lambda: next(answers))).state == "done"


def test_what_breaks_a_run_is_said():
    short = Setup(epochs=2, seeds=1, hidden=8)
    plans = contenders({"odd": lr.Plan(0.1, fields={"no_such_field": lr.constant(1.0)})}, short)
    job = finished(Job(short, plans))
    assert job.state == "failed"
    assert "no_such_field" in job.error


# -- charts --------------------------------------------------------------------------------------------------------------------


def test_charts_show_what_the_results_hold():
    found = prepared(Choices(named=("step", "plateau"), canvas=CANVAS, **SHORT))
    results = engine(found.setup, found.plans)
    for field, factor in (("train_loss", 1), ("accuracy", 100)):
        drawn = {trace["name"]: trace for trace in figure(results, field, found.places, found.stairs)["data"]}
        for name in results.plans:
            curve = results.curve(name, field)
            assert (drawn[name]["y"] == factor * curve.mean).all()
            assert (drawn[name]["x"] == curve.epochs).all()
            assert (drawn[f"{name}, seeds"]["y"] == factor * curve.high).all()


def test_the_rate_before_is_the_rate_after():
    found = prepared(Choices(named=("step", "cyclic"), epochs=5, seeds=1))
    before = {trace["name"]: trace for trace in preview(found.plans, found.setup, 45, found.places, found.stairs)["data"]}
    after = {trace["name"]: trace for trace in figure(engine(found.setup, found.plans), "rate", found.places, found.stairs)["data"]}
    for name in found.plans:
        assert (before[name]["x"] == after[name]["x"]).all()
        assert (before[name]["y"] == after[name]["y"]).all()


def test_a_run_that_diverges_is_marked():
    short = Setup(epochs=3, seeds=1, hidden=8, rate=1e6)
    results = engine(short, contenders(["step"], short))
    assert results.summary()[0].diverged in (0, 1)
    wild = Setup(epochs=3, seeds=1, hidden=8, solver="sgd", rate=1e30)
    results = engine(wild, contenders(["step"], wild))
    assert results.summary()[0].diverged == 1
    chart = figure(results, "rate", {"step": 0})
    assert [trace["name"] for trace in chart["data"]] == ["step", "step, diverged"]
