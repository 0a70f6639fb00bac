"""A run that is stopped in another binding goes on in Keras, on the backend there is, and goes back: by a file of JSON."""

from __future__ import annotations

import json

import keras
import pytest
import torch

import lrcore as lr
from keras_steps import go_on, model_of, weight_of
from lrcore_keras import attach, load_state_dict, state_dict
from lrcore_torch import PlanScheduler
from test_moving_states import PLANS, RATE, RUNS, STEPS, assert_moves, assert_rates, at, loaded, stored
from tests.keras.test_conformance import Run

OTHERS = list(RUNS.values())
PAIRS = [(Run, Run), *((Run, other) for other in OTHERS), *((other, Run) for other in OTHERS)]


@pytest.mark.parametrize(("source", "target"), PAIRS, ids=lambda kind: kind.__name__)
@pytest.mark.parametrize("case", PLANS)
def test_a_run_goes_on_in_another_binding(source, target, case, tmp_path):
    for step in STEPS[case]:
        assert_moves(source, target, PLANS[case], step, tmp_path)


@pytest.mark.parametrize("source", OTHERS, ids=lambda kind: kind.__name__)
def test_another_plan_is_refused_wherever_it_comes_from(source, tmp_path):
    other = lr.Plan(lr.linear(0.1, 0.0, 40))
    run = at(Run, other, 2)
    with pytest.raises(lr.StateError, match=r"^The checkpoint at step 7 was made with another plan\.\n"):
        loaded(run, stored(at(source, PLANS["groups"], 7), tmp_path))
    assert_rates(run, other, 2)


def test_a_compiled_fit_goes_on_where_torch_stopped_and_back(tmp_path):
    """One group, which each calls by a name of its own."""
    theirs = PlanScheduler(torch.optim.SGD([torch.zeros(1, requires_grad=True)], lr=0.5), RATE)
    theirs.seek(7)
    file = tmp_path / "run.json"
    file.write_text(json.dumps(theirs.state_dict()))
    model = model_of(attach(keras.optimizers.SGD(), RATE))
    go_on(model, 2)  # what is compiled before the state is loaded goes on from there too
    load_state_dict(model.optimizer, json.loads(file.read_text()))
    before = weight_of(model)
    go_on(model, 3)
    assert before - weight_of(model) == pytest.approx(RATE(7) + RATE(8) + RATE(9), rel=1e-5)
    file.write_text(json.dumps(state_dict(model.optimizer)))
    theirs.load_state_dict(json.loads(file.read_text()))
    assert (theirs.last_epoch, theirs.get_last_lr()) == (10, [RATE(10)])
