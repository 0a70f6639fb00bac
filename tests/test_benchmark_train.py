"""The training benchmark: short runs are complete and right, wrong rates end them, and what cannot be run says why."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from dataclasses import asdict, replace
from pathlib import Path

import numpy as np
import pytest
import torch

from benchmarks.machine import describe
from benchmarks.train import __main__ as command
from benchmarks.train import digits, measure, numpy_train, plans, report, text, torch_train
from benchmarks.train.measure import Contender, Run, follow, measured
from benchmarks.train.rows import NotRunError, Row

ROOT = Path(__file__).parents[1]
SHORT = Run(repeats=3, each=10)
LIKE = Row(backend="torch", model="mlp", step="eager", groups=1, schedule="constant")
NAMES = ["constant", *torch_train.OWN, "lrcore host", "lrcore device"]


@pytest.fixture(scope="module", autouse=True)
def one_thread():
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)


@pytest.fixture(scope="module")
def numpy_rows() -> list[Row]:
    return measured(
        replace(LIKE, backend="numpy", step="python"), numpy_train.contenders(np, SHORT), SHORT, reference="own formula"
    )  # fmt: skip


@pytest.fixture(scope="module")
def torch_rows() -> list[Row]:
    contenders = {name: torch_train.contender(name, "mlp", "eager", 1, "cpu", SHORT) for name in NAMES}
    return measured(LIKE, contenders, SHORT, reference="SequentialLR", compilations=torch_train.compilations)


def made(rate_of) -> Contender:
    """Training in NumPy at rates that are given, planned as the common curve of ten steps."""
    network, now, curve = numpy_train.Network(np, 10), [0], plans.warmup_cosine(digits.SGD_PEAK, 10)

    def schedule() -> None:
        now[0] += 1

    return Contender(
        step=lambda: network.train(rate_of(curve, now[0])), schedule=schedule, rewind=lambda: now.__setitem__(0, 0),
        rates=lambda: np.array([rate_of(curve, now[0])]), loss=network.loss, planned=curve.values(10), tolerance=1e-6,
    )  # fmt: skip


def test_rows_are_complete_and_right(numpy_rows, torch_rows):
    for row in [*numpy_rows, *torch_rows]:
        assert len(row.rates) == len(row.losses) == SHORT.steps
        assert row.low_ms <= row.step_ms <= row.high_ms and row.over_low <= row.over_constant <= row.over_high
        assert row.rate_error <= (0 if row.schedule.startswith(("lrcore", "constant")) else 1e-6)
        assert row.final_loss == row.losses[-1] < row.losses[0]
        assert (row.scheduler_us is None) == (row.schedule == "constant")


def test_the_same_rates_train_the_same_in_every_backend(numpy_rows, torch_rows):
    for rows in (numpy_rows, torch_rows):
        compared = {row.schedule: row.loss_difference for row in rows if row.loss_difference is not None}
        assert compared and max(map(abs, compared.values())) < 1e-5
        assert not {"constant", "OneCycleLR"} & set(compared)


def test_networks_start_the_same_in_numpy_and_torch(numpy_rows, torch_rows):
    assert abs(numpy_rows[0].losses[0] - torch_rows[0].losses[0]) < 1e-5


@pytest.mark.parametrize(
    ("fault", "step"),
    [
        (lambda curve, now: curve(now) * (1 + 1e-5), r"\d"),  # a peak that is slightly off
        (lambda curve, now: curve(now + 1), r"\d"),  # a step too early
        (lambda curve, now: curve(now) * (1 + 1e-5 * (now == 7)), "7"),  # one step alone
    ],
)
def test_a_wrong_rate_ends_the_run_with_the_name_of_the_row(fault, step):
    row = replace(LIKE, backend="numpy", step="python", schedule="lrcore table")
    follow(row, made(lambda curve, now: curve(now)), 10)
    with pytest.raises(
        AssertionError, match=rf"^numpy, mlp, python, 1 group, lrcore table: at step {step} the rate of group 0 was .*mend it"
    ):
        follow(row, made(fault), 10)


@pytest.mark.parametrize("name", ["lrcore host", "SequentialLR"])
def test_a_scheduler_of_torch_that_follows_another_curve_ends_the_run(name):
    contender = torch_train.contender(name, "mlp", "eager", 2, "cpu", SHORT)
    contender.planned = contender.planned * (1 + 1e-5)
    with pytest.raises(AssertionError, match=f"torch, mlp, eager, 2 groups, {name}: at step"):
        follow(replace(LIKE, groups=2, schedule=name), contender, SHORT.steps)


def test_a_loss_that_explodes_ends_the_run():
    contender = made(lambda curve, now: curve(now))
    contender.loss = lambda: float("nan")
    with pytest.raises(AssertionError, match="expected a finite loss at every step, got nan at step 0"):
        follow(replace(LIKE), contender, 10)


@pytest.mark.parametrize("name", ["SequentialLR", "lrcore device"])
def test_groups_of_the_gpt_follow_their_plan_and_it_learns(name):
    row = replace(LIKE, model="gpt", step="fused", groups=4, schedule=name)
    follow(row, torch_train.contender(name, "gpt", "fused", 4, "cpu", Run(3, 8)), 24)
    assert row.losses[-1] < row.losses[0] - 1


@pytest.mark.filterwarnings("ignore:`torch.jit.script_method` is deprecated:DeprecationWarning")  # inductor's own
def test_the_rates_of_a_compiled_step_are_right_and_it_is_compiled_once():
    row = replace(LIKE, step="compiled", schedule="lrcore device")
    follow(row, torch_train.contender("lrcore device", "mlp", "compiled", 1, "cpu", SHORT), SHORT.steps, torch_train.compilations)
    assert (row.rate_error, row.recompilations) == (0, 0)


def test_the_profiler_counts_what_the_host_asks_of_tensors():
    value = torch.ones(1)
    assert torch_train.counts("cpu", lambda: [value.item() for _ in range(6)], 2) == (3, None)


def test_the_last_group_has_the_rate_and_the_first_about_half_of_it():
    names = digits.group_names(1_000)
    first, *_, last = plans.rates(plans.layered(1.0, names), names, 1)[0]
    assert last == 1 and 0.5 <= first < 0.501


def test_the_large_gpt_has_the_size_it_says():
    gpt = text.LARGE
    assert 12 * gpt.layers * gpt.width**2 + (2 * text.TOKENS + gpt.context + (2 * gpt.layers + 1)) * gpt.width == 85_740_288


@pytest.mark.parametrize(
    ("backend", "missing", "reason"),
    [("jax", "optax", "Not installed here: optax."), ("torch", None, "torch .* finds no CUDA device here.")],
)
def test_what_is_missing_is_a_row_that_says_so(backend, missing, reason, monkeypatch):
    if missing is None and torch.cuda.is_available():
        pytest.skip("there is a CUDA device")
    found = command.find_spec
    monkeypatch.setattr(command, "find_spec", lambda name: None if name == missing else found(name))
    (row,) = command.rows_of(backend, "cuda", short=True)
    assert row.step_ms is None and re.fullmatch(reason, row.reason)


@pytest.mark.parametrize(("step", "name"), [("cuda graph", "constant"), ("foreach", "lrcore device")])
def test_a_step_that_the_cpu_cannot_make_is_refused(step, name):
    with pytest.raises(NotRunError, match=r"^A.*\.$"):
        torch_train.contender(name, "mlp", step, 1, "cpu", SHORT)


class TestReport:
    @pytest.fixture
    def result(self, torch_rows):
        refused = Row(backend="torch", model="mlp", step="cuda graph", groups=1, schedule="constant", reason="It needs a device.")
        one = replace(refused, step="eager", groups=100, reason="It takes too long.")
        slower = [replace(row, over_low=500.0, over_constant=600.0) if row.schedule == "lrcore device" else row for row in torch_rows]
        return {
            "machine": describe() | {"device": "a device"},
            "short": True,
            "rows": json.loads(json.dumps([asdict(row) for row in [*slower, one, refused]])),
        }

    def test_rows_that_were_run_and_those_that_were_not(self, result):
        page = report.render(result)
        assert "**6 rows run, all with the right rates; 2 not run. lrcore was slower than the framework's own schedule in 1.**" in page
        assert "| lrcore device | 1 | +600.0 % |" in page and page.count("**slower than SequentialLR**") == 1
        assert "| constant | 100 | not run: It takes too long. |" in page
        assert page.endswith("## torch, mlp, cuda graph\n\nnot run: It needs a device.\n")

    def test_tables_have_as_many_cells_as_their_heads(self, result):
        assert {line.count("|") for line in report.render(result).splitlines() if line.startswith("|")} == {len(report.HEAD) + 1}

    def test_the_picture_is_drawn_where_there_is_something_to_draw(self, result, tmp_path):
        report.draw(result, tmp_path / "some.png")
        assert (tmp_path / "some.png").read_bytes().startswith(b"\x89PNG")
        report.draw(result | {"rows": result["rows"][-2:]}, tmp_path / "none.png")
        assert not (tmp_path / "none.png").exists()


def test_the_command_writes_what_it_tells(tmp_path):
    done = subprocess.run(
        [sys.executable, "-m", "benchmarks.train", "--short", "--backend", "numpy", "--out", str(tmp_path)],
        cwd=ROOT, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    (written,) = tmp_path.glob("*.json")
    result = json.loads(written.read_text())
    assert [row["schedule"] for row in result["rows"]] == ["constant", "own formula", "lrcore table", "lrcore host"]
    assert len(result["rows"][0]["rates"]) == measure.run_of("mlp", "cpu", short=True).steps
    assert done.stdout.strip() == report.render(result).strip() == written.with_suffix(".md").read_text().strip()


def test_a_backend_that_fails_ends_the_command_and_nothing_is_written(tmp_path, monkeypatch, capfd):
    monkeypatch.setitem(command.BACKENDS, "numpy", ("no_such_module", ["numpy"]))
    monkeypatch.setattr(command.sys, "executable", "/bin/false")
    assert command.main(["--short", "--backend", "numpy", "--out", str(tmp_path)]) == 1
    assert "numpy: the training failed" in capfd.readouterr().err and not list(tmp_path.iterdir())
