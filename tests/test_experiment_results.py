"""What is made of an experiment's epochs: rows, curves, CSV, JSON, Markdown, the picture."""

import csv
import io
import json
import math

import matplotlib.pyplot as plt
import numpy as np
import pytest

from lrcore.experiment import Epoch, Results, Setup, contenders

NAN = float("nan")
SETUP = Setup(epochs=3, seeds=2)
ACCURACIES = {"cosine": [[0.5, 0.96, 0.9], [0.6, 0.9, 0.97]], "wild": [[0.5, NAN], [0.2, 0.3, 0.4]], "late": [[0.1, 0.2, 0.3]]}
"""{schedule: accuracies by epoch of each seed}: "wild" diverges with the first one, the second seed of "late" is not there."""


def results(accuracies=ACCURACIES, setup=SETUP):
    """Of made-up epochs: losses are the accuracies doubled and tripled."""
    found = Results(setup, contenders(dict.fromkeys(accuracies, "cosine"), setup))
    for name, runs in accuracies.items():
        for seed, run in enumerate(runs):
            for i, accuracy in enumerate(run):
                found.add(Epoch(name, seed, i + 1, 0.1 / (i + 1), 2 * accuracy, 3 * accuracy, accuracy, 0.5))
    return found


def rows():
    return {row.name: row for row in results().summary()}


def test_a_row_is_mean_and_deviation_over_the_seeds():
    row = rows()["cosine"]
    assert (row.seeds, row.diverged) == (2, 0)
    assert (row.accuracy.mean, row.accuracy.deviation) == (np.mean([0.9, 0.97]), np.std([0.9, 0.97], ddof=1))
    assert (row.train_loss.mean, row.test_loss.mean) == pytest.approx((1.87, 2.805))
    assert row.best_accuracy.mean == pytest.approx(0.965)
    assert (row.epochs_to_goal.mean, row.seconds.mean) == (2.5, 1.5)


def test_a_run_that_diverged_is_told_and_in_no_mean():
    row = rows()["wild"]
    assert (row.seeds, row.diverged, row.accuracy.mean, row.accuracy.deviation) == (2, 1, 0.4, None)
    assert (row.epochs_to_goal.mean, row.seconds.mean) == (None, 1.25)


def test_a_run_that_is_not_complete_is_in_no_row():
    assert rows()["late"].seeds == 1
    assert results().partial
    assert not results({"cosine": ACCURACIES["cosine"], "wild": ACCURACIES["wild"]}).partial
    assert rows()["late"].accuracy.mean == 0.3
    empty = results({"late": [[0.1, 0.2]]})
    assert (empty.summary()[0].seeds, empty.summary()[0].accuracy.mean, empty.best()) == (0, None, None)


def test_the_best_has_the_highest_mean():
    assert results().best() == "cosine"


def test_a_curve_is_mean_lowest_and_highest_of_the_seeds_that_are_there():
    curve = results().curve("wild", "accuracy")
    assert curve.epochs.tolist() == [1, 2, 3]
    assert (curve.mean.tolist(), curve.low.tolist(), curve.high.tolist()) == ([0.35, 0.3, 0.4], [0.2, 0.3, 0.4], [0.5, 0.3, 0.4])
    assert results({"none": []}).curve("none", "rate").epochs.size == 0


def test_csv_has_every_epoch():
    found = results()
    read = list(csv.DictReader(io.StringIO(found.to_csv())))
    made = [
        Epoch(row["name"], int(row["seed"]), int(row["epoch"]), *(float(row[name]) for name in Epoch.__struct_fields__[3:])) for row in read
    ]
    assert repr(made) == repr(found.epochs)  # NaN is not equal to itself


def test_json_has_everything():
    read = json.loads(results().to_json())
    assert (read["setup"]["epochs"], read["partial"], len(read["epochs"])) == (3, True, 14)
    assert read["plans"]["cosine"]["lrcore"] == 1
    assert read["epochs"][7]["accuracy"] is None
    assert [(row["name"], row["diverged"]) for row in read["summary"]] == [("cosine", 0), ("wild", 1), ("late", 0)]


def test_markdown():
    text = results({**ACCURACIES, "a|b": [[NAN], [NAN]]}).to_markdown()
    table = [line for line in text.splitlines() if line.startswith("| ")]
    assert table[2:] == [
        "| **cosine** | 93.5 ± 4.9 | 96.5 ± 0.7 | 1.9 ± 0.1 | 2.8 ± 0.1 | 2 ± 1 | 1.5 ± 0.0 |",
        "| wild | 40.0, diverged in 1 of 2 | 40.0 | 0.80 | 1.2 | – | 1.2 ± 0.4 |",
        "| late | 30.0 | 30.0 | 0.60 | 0.90 | – | 1.5 |",
        "| a\\|b | diverged in 2 of 2 | – | – | – | – | 0.5 ± 0.0 |",
    ]
    assert "1,438 images to train on and 359 to test on" in text
    assert "Stopped before the end" in text
    assert "- cosine: cosine(0.1, 0.001, 3) by epoch" in text


@pytest.mark.parametrize("count", [1, 5, 12])
def test_the_picture_has_a_line_and_a_band_for_each_schedule(count):
    figure = results({f"schedule {i}": ACCURACIES["cosine"] for i in range(count)}).plot()
    panels = figure.axes
    assert [panel.get_ylabel() for panel in panels] == ["rate", "training loss", "test accuracy, %"]
    for panel in panels:
        assert len([line for line in panel.lines if line.get_linestyle() != "None"]) == len(panel.collections) == count
    assert panels[2].lines[0].get_ydata() == pytest.approx([55, 93, 93.5])
    assert [text.get_text() for text in panels[0].get_legend().get_texts()] == [f"schedule {i}" for i in range(count)]
    assert not plt.get_fignums()


def test_the_picture_marks_a_run_that_diverged():
    panel = results().plot().axes[2]
    crosses = [
        (line.get_xdata().tolist(), line.get_ydata().tolist()) for line in panel.lines if line.get_marker() == "x" and len(line.get_xdata())
    ]
    assert crosses == [([1], [35.0])]


def test_the_picture_of_nothing_is_empty():
    figure = results({"none": [], "wild": [[NAN]]}).plot()
    figure.canvas.draw()
    assert all(math.isfinite(edge) for panel in figure.axes for edge in panel.get_ylim())
