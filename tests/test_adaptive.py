"""The state machine of ReduceLROnPlateau: its events are PyTorch's, and its state is all of it."""

import json
import math

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch.optim.lr_scheduler import ReduceLROnPlateau as PyTorchs

import lrcore as lr
from lrcore.adaptive import ReduceLROnPlateau

KNOBS = st.fixed_dictionaries(
    {},
    optional={
        "mode": st.sampled_from(["min", "max"]), "factor": st.sampled_from([0.1, 0.5, 0.0]), "patience": st.integers(0, 4),
        "threshold": st.sampled_from([1e-4, 0.1, 0.0]), "threshold_mode": st.sampled_from(["rel", "abs"]), "cooldown": st.integers(0, 4),
        "min_lr": st.sampled_from([0.0, 0.02]), "eps": st.sampled_from([0.0, 1e-8, 0.01]),
    },
)  # fmt: skip
METRICS = st.lists(st.one_of(st.sampled_from([1.0, 0.9, -1.0, 0.0, math.nan, math.inf, -math.inf]), st.floats(-2, 2)), max_size=40)


@given(KNOBS, METRICS)
def test_the_trace_is_pytorchs(knobs, metrics):
    optimizer = torch.optim.SGD([torch.zeros(1, requires_grad=True)], lr=0.1)
    theirs, ours, rate = PyTorchs(optimizer, **knobs), ReduceLROnPlateau(**knobs), 0.1
    for step, metric in enumerate(metrics):
        theirs.step(metric)
        if ours.observe(metric, step) is not None:
            rate = ours.reduced(rate)
        assert rate == optimizer.param_groups[0]["lr"]
        assert (ours.best, ours.num_bad_epochs, ours.cooldown_counter) == (theirs.best, theirs.num_bad_epochs, theirs.cooldown_counter)


@given(KNOBS, METRICS, METRICS)
def test_a_state_is_all_there_is_to_know(knobs, before, after):
    rule, resumed = ReduceLROnPlateau(**knobs), ReduceLROnPlateau(**knobs)
    for step, metric in enumerate(before):
        rule.observe(metric, step)
    state = json.loads(json.dumps(rule.state_dict()))
    for _ in range(2):
        resumed.load_state_dict(state)
    assert resumed == rule
    answers = [[one.observe(metric, step) for step, metric in enumerate(after, len(before))] for one in (rule, resumed)]
    assert answers[0] == answers[1] and rule.events == resumed.events


def test_patience_0_answers_every_bad_observation():
    rule = ReduceLROnPlateau(patience=0)
    assert [rule.observe(1.0, step) for step in range(3)] == [None, 0.1, 0.1]
    assert rule.events == [(1, 0.1), (2, 0.1)]


def test_nan_is_a_bad_observation_and_never_the_best():
    rule = ReduceLROnPlateau(patience=1)
    assert [rule.observe(math.nan, step) for step in range(2)] == [None, 0.1] and rule.best == math.inf


def test_a_reduction_stops_at_the_least_rate_and_lifts_none():
    rule = ReduceLROnPlateau(factor=0.1, min_lr=0.05)
    assert rule.reduced(0.1) == 0.05 and rule.reduced(0.01) == 0.01 and rule.reduced(0.1, least=0.09) == 0.09


@pytest.mark.parametrize(
    ("knobs", "sentence"),
    [
        ({"factor": 1.0}, "factor: expected a number from 0 up to 1, 1 not included, got 1.0."),
        ({"factor": -0.1}, "factor: expected a number from 0 up to 1, 1 not included, got -0.1."),
        ({"mode": "least"}, "mode: expected one of min, max, got 'least'."),
        ({"threshold_mode": 3}, "threshold_mode: expected one of rel, abs, got 3."),
        ({"convention": "chainer"}, "convention: expected one of torch, got 'chainer'."),
        ({"patience": 1.5}, "patience: expected an integer >= 0, got 1.5."),
        ({"cooldown": -1}, "cooldown: expected an integer >= 0, got -1."),
        ({"threshold": math.nan}, "threshold: expected a finite number, got nan."),
        ({"eps": -1.0}, "eps: expected a number >= 0, got -1.0."),
        ({"min_lr": "0"}, "min_lr: expected a finite number, got '0'. Give an int or a float."),
    ],
)
def test_bad_knobs_are_refused_with_a_sentence(knobs, sentence):
    with pytest.raises(lr.SpecError) as refusal:
        ReduceLROnPlateau(**knobs)
    assert str(refusal.value) == sentence


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        ({"extra": 1}, "This is no state of ReduceLROnPlateau: it should hold best, num_bad_epochs, cooldown_counter, events. "),
        ({"best": "low"}, "The state is incomplete or altered: best: expected a finite number, got 'low'. "),
        ({"num_bad_epochs": -1}, "The state is incomplete or altered: num_bad_epochs: expected an integer >= 0, got -1. "),
        ({"events": [[1]]}, "The state is incomplete or altered: "),
    ],
)
def test_a_state_that_is_none_is_refused_and_changes_nothing(change, sentence):
    rule = ReduceLROnPlateau()
    rule.observe(0.5, 0)
    before = rule.state_dict()
    with pytest.raises(lr.StateError) as refusal:
        rule.load_state_dict({**before, **change})
    assert str(refusal.value).startswith(sentence) and rule.state_dict() == before
