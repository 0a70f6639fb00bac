"""Adaptive rules in Keras: PlanCallback feeds them, and the compiled step has the rates after their events, without a new trace."""

from __future__ import annotations

import json

import keras
import numpy as np
import pytest
import torch

import lrcore as lr
from keras_steps import BACKEND, go_on, model_of, weight_of
from lrcore_keras import PlanCallback, PlanSchedule, attach, current, load_state_dict, observe, state_dict
from lrcore_keras.rules import ROOM, pieces_of
from lrcore_torch import PlanScheduler

PLATEAU, GREEDY = lr.ReduceLROnPlateau, lr.GreedyLR
RATE = lr.warmup_cosine(0.1, warmup=6, steps=30, stop=1e-3)
PLAN = lr.Plan(RATE, adapt=PLATEAU(factor=0.5, patience=0, min_lr=0.02))
LOSSES = [1.0, 0.9, 0.95, 0.5, 0.5, 0.6, 0.4, 0.45]
"""One for each epoch of two batches."""


class Scripted(keras.callbacks.Callback):
    """Puts a metric into the logs of every epoch."""

    def __init__(self, losses=LOSSES):
        super().__init__()
        self.losses = iter(losses)

    def on_epoch_end(self, epoch, logs=None):
        logs["quality"] = next(self.losses)


def by_the_core(plan, losses=LOSSES, batches=2):
    """The rules after these losses, and the rate of every update."""
    running, rates = plan.bind().begin(), []
    for epoch, loss in enumerate(losses):
        rates += [running.current(step)["default"]["lr"] for step in range(batches * epoch, batches * (epoch + 1))]
        running.observe(loss, batches * (epoch + 1))
    return running, rates


# -- what events make of a rate ------------------------------------------------------------------------------------------------

RULES = {
    "torch": PLATEAU(factor=0.5, patience=0, min_lr=0.003),
    "large eps": PLATEAU(factor=0.7, patience=0, min_lr=0.001, eps=0.01),
    "to zero": PLATEAU(factor=0.0, patience=0, min_lr=0.01),
    "keras": PLATEAU(factor=0.3, patience=0, min_lr=0.003, convention="keras"),
    "optax": PLATEAU(factor=0.3, patience=0, min_scale=0.05, convention="optax"),
    "greedy": GREEDY(factor=0.8, patience=0, min_lr=0.003, max_lr=0.2, reset_start=4),
    "greedy, large eps": GREEDY(factor=0.8, patience=0, min_lr=0.003, max_lr=0.2, eps=0.002, reset_start=10**6),
    "newbob": lr.NewBob(factor=0.6, min_lr=0.003),
}
SCHEDULED = np.r_[0.0, np.geomspace(1e-9, 2.0, 400)]


@pytest.mark.parametrize("name", RULES)
def test_pieces_are_the_rate_after_the_events(name):
    machine, metrics = RULES[name].begin(), np.random.default_rng(0).normal(size=120).cumsum()
    seen = set()
    for step, metric in enumerate(metrics):
        machine.observe(metric, step, 0.1)
        pieces = pieces_of(machine)
        seen.add(len(pieces.uppers))
        place = np.searchsorted(pieces.uppers, SCHEDULED)
        values = pieces.slopes[place] * SCHEDULED + pieces.offsets[place]
        exact = np.array([machine.rate(rate) for rate in SCHEDULED])
        at_an_edge = np.isclose(SCHEDULED[:, None], pieces.uppers[:-1], rtol=1e-6).any(axis=1)
        np.testing.assert_allclose(values[~at_an_edge], exact[~at_an_edge], rtol=2e-6, atol=1e-12)
    assert len(machine.events) > 2 and max(seen) < ROOM


def test_of_too_many_pieces_the_highest_rates_have_theirs():
    machine = PLATEAU(factor=0.98, patience=0).begin()
    for step in range(600):
        machine.observe(1.0, step)
    pieces = pieces_of(machine)
    uppers, slopes, offsets = pieces.packed().astype(float)
    scheduled = np.geomspace(2 * uppers[0], 10.0, 50)
    place = (scheduled[:, None] > uppers).sum(axis=1)
    exact = [machine.rate(rate) for rate in scheduled]
    assert len(pieces.uppers) > ROOM and np.isfinite(scheduled).all()
    np.testing.assert_allclose(slopes[place] * scheduled + offsets[place], exact, rtol=1e-5)


# -- in fit --------------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("jit_compile", [False, "auto"])
@pytest.mark.parametrize("name", ["torch", "greedy", "optax"])
def test_the_compiled_step_has_the_rates_and_is_traced_once(name, jit_compile):
    plan, traces, moves = lr.Plan(RATE, adapt=RULES[name]), [], []

    def loss(_, prediction):
        traces.append(1)
        return keras.ops.mean(prediction)

    model = keras.Sequential([keras.Input((1,)), keras.layers.Dense(1, use_bias=False, kernel_initializer="zeros")])
    model.compile(attach(keras.optimizers.SGD(), plan), loss=loss, jit_compile=jit_compile)
    weigh = keras.callbacks.LambdaCallback(on_epoch_end=lambda epoch, logs: moves.append((weight_of(model), len(traces))))
    history = go_on(model, 2, epochs=8, callbacks=[Scripted(), weigh, PlanCallback(monitor="quality")]).history
    running, rates = by_the_core(plan)
    assert len(running.machines[None].events) >= 3
    weights = -np.cumsum(rates)[1::2]
    np.testing.assert_allclose([weight for weight, _ in moves], weights, rtol=1e-5)
    np.testing.assert_allclose(history["lr"], rates[1::2], rtol=1e-12)
    if (BACKEND, jit_compile) not in (("torch", False), ("torch", "auto"), ("jax", False)):  # where nothing is compiled
        assert moves[-1][1] == moves[0][1] == len(traces)
    assert current(model.optimizer) == running.current(16)
    assert float(model.optimizer.learning_rate) == pytest.approx(running.current(16)["default"]["lr"], rel=1e-6)


@pytest.mark.parametrize("seed", range(3))
def test_on_a_constant_rate_it_does_what_keras_does(seed):
    """Beside keras.callbacks.ReduceLROnPlateau, each with a model of its own."""
    losses = np.random.default_rng(seed).normal(size=25).cumsum().tolist()
    knobs = {"factor": 0.3, "patience": 2, "cooldown": 1, "min_lr": 1e-3}
    theirs = model_of(keras.optimizers.SGD(0.1), jit_compile=False)
    native = keras.callbacks.ReduceLROnPlateau("quality", mode="min", min_delta=0.1, **knobs)
    expected = go_on(theirs, 1, epochs=25, callbacks=[Scripted(losses), native]).history["learning_rate"]
    rule = PLATEAU(threshold=0.1, convention="keras", **knobs)
    ours = model_of(keras.optimizers.SGD(), jit_compile=False)
    rates = go_on(ours, 1, epochs=25, callbacks=[Scripted(losses), PlanCallback(lr.Plan(0.1, adapt=rule), monitor="quality")]).history["lr"]
    np.testing.assert_allclose(rates, expected, rtol=1e-7)
    assert rates[-1] < 0.1
    np.testing.assert_allclose(weight_of(ours), weight_of(theirs), rtol=1e-5)


def test_keras_itself_cannot_reduce_a_schedule():
    model = model_of(keras.optimizers.SGD(PlanSchedule(RATE)))
    with pytest.raises(TypeError):
        go_on(model, 1, epochs=3, callbacks=[keras.callbacks.ReduceLROnPlateau("loss", patience=0)])


def test_metrics_of_batches():
    rule = PLATEAU("max", factor=0.5, patience=0)  # the loss falls: every metric after the first is worse
    model = model_of(attach(keras.optimizers.SGD(), lr.Plan(1.0, adapt=rule)))
    seen = []
    spy = keras.callbacks.LambdaCallback(on_train_batch_end=lambda batch, logs: seen.append(logs["lr"]))
    go_on(model, 9, callbacks=[PlanCallback(monitor="loss", every=2), spy])
    assert seen == [1, 1, 1, 1, 0.5, 0.5, 0.25, 0.25, 0.125]
    assert weight_of(model) == pytest.approx(-sum(seen))


def test_groups_watch_metrics_of_their_own():
    plan = lr.Plan(0.1, adapt={"kernels": PLATEAU(factor=0.5, patience=0), "biases": PLATEAU("max", factor=0.1, patience=0)})
    model = keras.Sequential([keras.Input((1,)), keras.layers.Dense(1)])
    model.compile(attach(keras.optimizers.SGD(), plan, {"kernel": "kernels", "bias": "biases"}), "mse")
    watch = PlanCallback(monitor={"kernels": "quality", "biases": "quality"})
    go_on(model, 1, epochs=3, callbacks=[Scripted([1.0, 2.0, 1.5]), watch])
    assert current(model.optimizer) == {"kernels": {"lr": 0.1 * 0.5 * 0.5}, "biases": {"lr": 0.1 * 0.1}}
    observe(model.optimizer, 3.0, "kernels")
    assert current(model.optimizer)["kernels"] == {"lr": 0.1 * 0.5 * 0.5 * 0.5}


def test_epochs_are_a_clock_for_a_plan_with_a_rule():
    plan = lr.Plan(lr.linear(0.8, 0.0, 4), adapt=PLATEAU(factor=0.5, patience=0))
    history = go_on(
        model_of(keras.optimizers.SGD()), 2, epochs=4, callbacks=[Scripted(), PlanCallback(plan, unit="epochs", monitor="quality")]
    ).history
    assert history["lr"] == pytest.approx([0.8, 0.6, 0.4, 0.1])  # the third loss is worse than the second


# -- states --------------------------------------------------------------------------------------------------------------------


def watched(model, losses, first=0):
    return go_on(model, 2, epochs=first + len(losses), initial_epoch=first, callbacks=[Scripted(losses), PlanCallback(monitor="quality")])


def test_a_saved_model_goes_on_with_its_rules(tmp_path):
    def made():
        model = keras.Sequential([keras.Input((1,)), keras.layers.Dense(1)])
        model.compile(attach(keras.optimizers.SGD(momentum=0.5), PLAN), "mse")
        return model

    model = made()
    watched(model, LOSSES[:5])
    model.save(tmp_path / "model.keras")
    model.save_weights(tmp_path / "model.weights.h5")
    loaded, weights = keras.models.load_model(tmp_path / "model.keras"), made()
    weights.build((None, 1))
    weights.optimizer.build(weights.trainable_variables)
    weights.load_weights(tmp_path / "model.weights.h5")
    again = attach(model.optimizer, PLAN)
    for optimizer in (loaded.optimizer, weights.optimizer, again):
        assert state_dict(optimizer) == state_dict(model.optimizer) and current(optimizer) == current(model.optimizer)
    for each in (model, loaded, weights):
        watched(each, LOSSES[5:], 5)
    running, _ = by_the_core(PLAN)
    assert current(model.optimizer) == running.current(16)
    for each in (loaded, weights):
        assert state_dict(each.optimizer) == state_dict(model.optimizer)
        np.testing.assert_allclose(each.get_weights()[0], model.get_weights()[0], rtol=1e-6)


def test_files_of_optimizers_without_rules_are_read_and_the_other_way(tmp_path):
    """The rules' variable is in no file, so the numbers of the others are those that they have without."""
    for saved, read in ((lr.Plan(RATE), PLAN), (PLAN, lr.Plan(RATE))):
        models = []
        for plan in (saved, read):
            model = keras.Sequential([keras.Input((1,)), keras.layers.Dense(1)])
            model.compile(attach(keras.optimizers.SGD(momentum=0.5), plan, on_change="replace"), "mse")
            model.optimizer.build(model.trainable_variables)
            models.append(model)
        go_on(models[0], 2)
        models[0].save_weights(tmp_path / "model.weights.h5")
        models[1].load_weights(tmp_path / "model.weights.h5")
        for one, other in zip(models[0].optimizer.momentums, models[1].optimizer.momentums, strict=True):
            np.testing.assert_array_equal(one.numpy(), other.numpy())
        assert np.abs(models[1].optimizer.momentums[0].numpy()).max() > 0


def test_a_run_with_events_moves_from_torch_and_back():
    theirs = PlanScheduler(torch.optim.SGD([torch.zeros(1, requires_grad=True)], lr=0.5), PLAN)
    for epoch in range(4):
        for _ in range(2):
            theirs.step()
        theirs.observe(LOSSES[epoch])
    model = model_of(attach(keras.optimizers.SGD(), PLAN))
    go_on(model)  # compiled before the state is there
    load_state_dict(model.optimizer, json.loads(json.dumps(theirs.state_dict())))
    before = weight_of(model)
    watched(model, LOSSES[4:], 4)
    running, rates = by_the_core(PLAN)
    assert before - weight_of(model) == pytest.approx(sum(rates[8:]), rel=1e-5)
    theirs.load_state_dict(json.loads(json.dumps(state_dict(model.optimizer))))
    assert theirs.current() == {"group0": running.current(16)["default"]}


@pytest.mark.skipif(BACKEND != "tensorflow", reason="tf.train.Checkpoint keeps what TensorFlow tracks")
def test_checkpoints_of_tensorflow_have_what_the_rules_remember(tmp_path):
    import tensorflow as tf

    models = [model_of(attach(keras.optimizers.SGD(), PLAN)) for _ in range(2)]
    watched(models[0], LOSSES[:5])
    go_on(models[1])
    path = tf.train.Checkpoint(model=models[0], optimizer=models[0].optimizer).save(tmp_path / "checkpoint")
    tf.train.Checkpoint(model=models[1], optimizer=models[1].optimizer).restore(path).assert_existing_objects_matched()
    for model in models:
        watched(model, LOSSES[5:], 5)
    assert state_dict(models[1].optimizer) == state_dict(models[0].optimizer)
    assert weight_of(models[1]) == weight_of(models[0])


# -- bad input -----------------------------------------------------------------------------------------------------------------

REFUSED = {
    "a metric that is not there": (
        lambda: go_on(model_of(attach(keras.optimizers.SGD(), PLAN)), callbacks=[PlanCallback()]),
        "The rule of the plan watches 'val_loss', and the logs have loss, lr. Pass monitor= to PlanCallback with one of these, or "
        "validation_data= to fit.",
    ),
    "no metric": (
        lambda: observe(attach(keras.optimizers.SGD(), PLAN), "low"),
        "metric: expected a number, or an array or tensor without dimensions, got 'low'.",
    ),
    "a plan without a rule": (
        lambda: observe(attach(keras.optimizers.SGD(), RATE), 1.0),
        "The plan has no rule that a metric could go to. Give it one: Plan(..., adapt=lr.ReduceLROnPlateau()).",
    ),
    "a schedule alone": (
        lambda: PlanSchedule(PLAN),
        "The plan has a rule, and a schedule sees no metrics. Compile the model with attach(optimizer, plan), and give fit a "
        "PlanCallback(), or call observe.",
    ),
    "a monitor that is no name": (
        lambda: PlanCallback(PLAN, monitor=3), "monitor: expected the name of an entry of the logs, {group: name}, or None, got 3.",
    ),
    "batches that are none": (lambda: PlanCallback(PLAN, every=0), "every: expected an integer >= 1, or None, got 0."),
}  # fmt: skip


@pytest.mark.parametrize("name", REFUSED)
def test_bad_input_is_a_sentence(name):
    call, sentence = REFUSED[name]
    with pytest.raises(lr.LrcoreError) as refusal:
        call()
    assert str(refusal.value) == sentence
