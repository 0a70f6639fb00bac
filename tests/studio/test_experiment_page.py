"""The Experiment page in a real browser: an experiment to its end, one that is stopped, an upload, a phone, the keyboard."""

import csv
import io
import re
import shlex

import numpy as np
import pytest
from playwright.sync_api import expect

from lrcore.experiment import Results, contenders, run
from lrcore.experiment.setup import Setup
from lrcore.experiment.texts import cells

LONG = 120_000
"""Milliseconds an experiment may take on a busy machine."""


@pytest.fixture
def experiment(page):
    """The page, as one comes to it from the first one."""
    page.goto("/")
    page.get_by_role("link", name="Experiment").click()
    expect(button(page, "Start")).to_be_enabled(timeout=LONG)
    page.settled()
    return page


def button(page, name):
    return page.get_by_role("button", name=name, exact=True)


def fill(page, **values):
    """Type into fields, as somebody does who leaves each with the tabulator."""
    for label, value in values.items():
        field = page.get_by_label(label.replace("_", " "), exact=True)
        field.fill(str(value))
        field.press("Tab")
        page.settled()


def charts(page):
    """What plotly holds of every chart: {name: [x, y]} of its lines."""
    return page.evaluate(
        """[...document.querySelectorAll('.js-plotly-plot')].map(chart => Object.fromEntries(
            chart._fullData.map(trace => [trace.name, [Array.from(trace.x), Array.from(trace.y)]])))"""
    )


def table(page):
    rows = page.get_by_test_id("stTable").locator("tbody tr").all()
    return [[cell.replace("\u00a0", " ") for cell in row.locator("td").all_inner_texts()] for row in rows]


def test_an_experiment_to_its_end(experiment, shoot):
    page = experiment
    shoot("experiment_before")
    fill(page, Epochs=12, Seeds=2)
    button(page, "Start").click()
    expect(page.get_by_test_id("stProgress")).to_contain_text("epoch", timeout=LONG)
    expect(page.locator(".js-plotly-plot")).to_have_count(3)
    page.get_by_text("seed 2 of 2").wait_for(timeout=LONG)
    shoot("experiment_running")
    expect(page.get_by_text("Done.")).to_be_visible(timeout=LONG)
    expect(button(page, "Start")).to_be_enabled()
    shoot("experiment")

    setup, results = repeated(terminal(page))
    assert (setup.epochs, setup.seeds) == (12, 2)
    shown = table(page)
    best = results.best()
    for row, expected in zip(shown, cells(results), strict=True):
        assert re.sub(r"\s*best$", "", row[0]) == expected[0]
        assert row[0].endswith("best") == (expected[0] == best)
        assert row[1:-1] == list(expected[1:-1])  # the last are seconds
    rate, loss, accuracy = charts(page)
    for name in results.plans:
        assert loss[name][1] == results.curve(name, "train_loss").mean.tolist()
        assert accuracy[name][1] == (100 * results.curve(name, "accuracy").mean).tolist()
        assert rate[name][1][-12:] == results.curve(name, "rate").mean.tolist()

    with page.expect_download() as download:
        button(page, "CSV").click()
    rows = list(csv.DictReader(io.StringIO(download.value.path().read_text())))
    assert [float(row["test_loss"]) for row in rows] == [epoch.test_loss for epoch in results.epochs]
    with page.expect_download() as download:
        button(page, "PNG").click()
    assert download.value.path().read_bytes().startswith(b"\x89PNG")


def terminal(page):
    """The line for the terminal, once it is there."""
    line = page.get_by_test_id("stCode").filter(has_text="lrcore compare")
    expect(line).to_be_visible()
    return line.inner_text().replace("\n", " ")


def repeated(line):
    """The setup that a line for the terminal means, and what the engine makes of it."""
    words = shlex.split(line)[2:]
    options = words[next(i for i, word in enumerate(words) if word.startswith("--")) :]
    given = words[: -len(options)]
    values = {name[2:]: value for name, value in zip(options[::2], options[1::2], strict=True)}
    setup = Setup(solver=values["solver"], rate=float(values["rate"]), epochs=int(values["epochs"]), seeds=int(values["seeds"]))
    results = Results(setup, contenders(given, setup))
    for epoch in run(setup, results.plans):
        results.add(epoch)
    return setup, results


def test_curves_grow_a_change_disturbs_nothing_and_stop_stops(experiment, shoot):
    page = experiment
    fill(page, Epochs=400, Seeds=1)
    button(page, "Start").click()
    progress = page.get_by_test_id("stProgress")
    expect(progress).to_contain_text("epoch", timeout=LONG)
    first = longest(page)
    page.wait_for_function("() => Math.max(...document.querySelectorAll('.js-plotly-plot')[1]._fullData.map(t => t.x.length)) > 3")
    fill(page, Epochs=0)
    expect(page.get_by_text(re.compile("epochs: expected an integer .* 1, got 0"))).to_be_visible()
    expect(progress).to_contain_text("of 400")
    page.wait_for_timeout(2_000)
    assert longest(page) > first
    button(page, "Stop").click()
    expect(page.get_by_text(re.compile(r"Stopped at \d+%"))).to_be_visible(timeout=LONG)
    assert not button(page, "Start").is_enabled()  # the epochs are still refused
    expect(page.locator(".js-plotly-plot")).to_have_count(3)
    stood = longest(page)
    shoot("experiment_stopped")
    page.wait_for_timeout(2_000)
    assert longest(page) == stood < 400
    fill(page, Epochs=2)
    expect(button(page, "Start")).to_be_enabled()


def longest(page):
    page.wait_for_function("() => document.querySelectorAll('.js-plotly-plot').length == 3")
    return max((len(x) for x, _ in charts(page)[1].values()), default=0)


def test_settings_and_results_stay_when_one_looks_at_the_other_page(experiment):
    page = experiment
    fill(page, Epochs=3, Seeds=1, Base_rate=0.05)
    button(page, "Start").click()
    expect(button(page, "Stop")).to_be_visible()
    page.get_by_role("link", name="Schedules").click()
    expect(page.locator(".js-plotly-plot")).to_have_count(1)
    page.get_by_role("link", name="Experiment").click()
    expect(page.get_by_text("Done.")).to_be_visible(timeout=LONG)
    assert page.get_by_label("Epochs", exact=True).input_value() == "3"
    assert page.get_by_label("Base rate", exact=True).input_value() == "0.05"


def test_an_upload(experiment, shoot, tmp_path):
    from sklearn.datasets import load_digits

    digits = load_digits()
    file = tmp_path / "small.npz"
    np.savez_compressed(file, images=(digits.images[:400] * 15).astype(np.uint8), labels=digits.target[:400])
    (tmp_path / "broken.npz").write_bytes(file.read_bytes()[:2_000])
    page = experiment
    page.get_by_test_id("stButtonGroup").get_by_text("Upload").click()
    page.settled()
    page.locator("input[type=file]").set_input_files(tmp_path / "broken.npz")
    expect(page.get_by_text("upload/broken.npz: expected a whole .npz file")).to_be_visible()
    shoot("experiment_refused")
    page.get_by_role("button", name=re.compile("Remove broken.npz")).click()
    expect(page.get_by_text("upload/broken.npz")).to_have_count(0)
    page.settled()
    page.locator("input[type=file]").set_input_files(file)
    expect(page.get_by_text("320 images to train on, 80 to test on")).to_be_visible()
    fill(page, Epochs=3, Seeds=1)
    button(page, "Start").click()
    expect(page.get_by_text("Done.")).to_be_visible(timeout=LONG)
    expect(page.get_by_text("small.npz: 320 images to train on and 80 to test on")).to_be_visible()
    assert "--data small.npz" in terminal(page)


def test_a_phone(experiment, shoot):
    page = experiment
    page.set_viewport_size({"width": 390, "height": 844})
    fill(page, Epochs=3, Seeds=2)
    button(page, "Start").click()
    expect(page.get_by_text("Done.")).to_be_visible(timeout=LONG)
    assert page.evaluate("document.documentElement.scrollWidth") <= 390
    assert page.evaluate("document.querySelector('[data-testid=stMain]').scrollWidth") <= 390
    page.get_by_text("Done.").scroll_into_view_if_needed()
    shoot("experiment_phone")
    page.get_by_test_id("stTable").scroll_into_view_if_needed()
    shoot("experiment_phone_table")


def test_the_keyboard_alone(experiment):
    page = experiment
    page.get_by_label("Epochs", exact=True).focus()
    page.keyboard.press("Control+A")
    page.keyboard.type("2")
    page.keyboard.press("Tab")
    seen = []
    for _ in range(40):
        page.keyboard.press("Tab")
        seen.append(page.evaluate("document.activeElement.innerText || document.activeElement.getAttribute('aria-label') || ''"))
        if seen[-1].strip().endswith("Start"):
            break
    assert seen[-1].strip().endswith("Start"), seen
    page.keyboard.press("Enter")
    expect(page.get_by_text("Done.")).to_be_visible(timeout=LONG)
    expect(page.get_by_text("2 epochs, 3 seeds")).to_be_visible()
