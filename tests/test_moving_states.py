"""A run that is stopped in one binding goes on in another: the same step, plan and rates, by a file of JSON (Keras: tests/keras)."""

from __future__ import annotations

import json
from itertools import product
from pathlib import Path

import pytest

import lrcore as lr
from lrcore.conformance import Driver
from test_conformance import Loop, TorchDevice, TorchHost
from test_jax import Run

RUNS: dict[str, type[Driver]] = {
    "numpy": type("InNumPy", (Loop,), {}),
    "torch": type("InTorch", (TorchHost,), {}),
    "torch, device mode": type("OnDevice", (TorchDevice,), {}),
    "jax": type("InJax", (Run,), {}),
}
PAIRS = list(product(RUNS, RUNS))
NAMES = ("body", "head")
RATE = lr.warmup_cosine(0.1, warmup=5, steps=20, stop=1e-3)
PLANS = {
    "groups": lr.Plan(RATE, groups={"head": {"lr": 0.1 * RATE}}),
    "patterns and fractions": lr.Plan(groups={"he.*": {"lr": lr.linear(0.2, 0.0, 0.5)}, ".*": {"lr": RATE.repeat(decay=0.5)}}, horizon=20),
    "far": lr.Plan(lr.cosine(3e-4, 3e-6, 2**31)),
}
STEPS = {"groups": (0, 1, 5, 19, 23), "patterns and fractions": (7, 29), "far": (2**24 + 1, 2**31 - 9)}


def stored(run: Driver, folder: Path) -> Path:
    """The state of the plan alone, in a file: what a framework saves besides means nothing in another."""
    file = folder / "run.json"
    file.write_text(json.dumps(run.save()["plan"], allow_nan=False))
    return file


def loaded(run: Driver, file: Path) -> Driver:
    run.load({"plan": json.loads(file.read_text())})
    return run


def at(kind: type[Driver], plan: lr.Plan, step: int) -> Driver:
    """A run that has made some updates."""
    run = kind(plan, NAMES)
    run.seek(max(step - 3, 0))
    for _ in range(min(step, 3)):
        run.update()
        run.step()
    return run


def assert_rates(run: Driver, plan: lr.Plan, step: int, count: int = 3) -> None:
    """The next updates use the plan's values of their steps."""
    bound = plan.bind(NAMES)
    for now in range(step, step + count):
        used, exact = run.update(), bound.current(now)
        for name in NAMES:
            assert used[name]["lr"] == pytest.approx(exact[name]["lr"], rel=run.rounding, abs=0.0), (now, name)
        run.step()


def assert_moves(source: type[Driver], target: type[Driver], plan: lr.Plan, step: int, folder: Path) -> None:
    """There at a step, on for some updates, and back."""
    there = loaded(target(plan, NAMES), stored(at(source, plan, step), folder))
    assert_rates(there, plan, step)
    back = loaded(source(plan, NAMES), stored(there, folder))
    assert_rates(back, plan, step + 3)


@pytest.mark.parametrize(("source", "target"), PAIRS)
@pytest.mark.parametrize("case", PLANS)
def test_a_run_goes_on_in_another_binding(source, target, case, tmp_path):
    for step in STEPS[case]:
        assert_moves(RUNS[source], RUNS[target], PLANS[case], step, tmp_path)


@pytest.mark.parametrize(("source", "target"), PAIRS)
def test_another_plan_is_refused_wherever_it_comes_from(source, target, tmp_path):
    file = stored(at(RUNS[source], PLANS["groups"], 7), tmp_path)
    run = at(RUNS[target], lr.Plan(lr.linear(0.1, 0.0, 40)), 2)
    with pytest.raises(lr.StateError, match=r"^The checkpoint at step 7 was made with another plan\.\n"):
        loaded(run, file)
    assert_rates(run, lr.Plan(lr.linear(0.1, 0.0, 40)), 2)
