"""PlanCallback: every field takes effect in a compiled step, by update or by epoch, and stands in the logs."""

from __future__ import annotations

import keras
import numpy as np
import pytest

import lrcore as lr
from keras_steps import go_on, model_of, weight_of
from lrcore_keras import PlanCallback, PlanSchedule, attach, current

RATE = lr.linear(0.1, 0.02, steps=8)
MOMENTUM = lr.linear(0.5, 0.9, steps=8)
PLAN = lr.Plan(RATE, momentum=MOMENTUM)


def momentum_weights(rates, momenta):
    """The weight after each step of SGD with momentum under gradient 1, in float64."""
    weight, velocity, weights = 0.0, 0.0, []
    for rate, momentum in zip(rates, momenta, strict=True):
        velocity = momentum * velocity - rate
        weight += velocity
        weights.append(weight)
    return weights


@pytest.mark.parametrize("jit_compile", [False, "auto"])
@pytest.mark.parametrize("trained_before", [False, True])
def test_momentum_takes_effect_in_the_compiled_step(jit_compile, trained_before):
    model = model_of(keras.optimizers.SGD(0.7, momentum=0.3), jit_compile)
    if trained_before:  # the step that was compiled without the plan must not be used
        go_on(model)
        model.set_weights([np.zeros((1, 1))])
        model.optimizer.momentums[0].assign(np.zeros((1, 1)))
        model.optimizer._iterations.assign(0)
    go_on(model, 6, callbacks=[PlanCallback(PLAN)])
    assert weight_of(model) == pytest.approx(momentum_weights(RATE(np.arange(6)), MOMENTUM(np.arange(6)))[-1], rel=1e-5)


FIELDS = {
    "SGD": {"momentum": 0.6, "weight_decay": 0.1},
    "RMSprop": {"rho": 0.8, "momentum": 0.6, "epsilon": 0.1},
    "Adam": {"beta_1": 0.7, "beta_2": 0.8, "epsilon": 0.1},
    "AdamW": {"beta_1": 0.7, "beta_2": 0.8, "weight_decay": 0.2},
    "Lion": {"beta_1": 0.3, "beta_2": 0.6, "weight_decay": 0.2},
    "Adadelta": {"rho": 0.7},
}
NEUTRAL = {"beta_1": "beta1", "beta_2": "beta2", "epsilon": "eps"}


@pytest.mark.parametrize("name", FIELDS)
def test_every_field_is_that_of_an_optimizer_made_with_it(name):
    """What is trained under constant fields is what the optimizer trains that was made with them."""

    def trained(optimizer, callbacks=()):
        keras.utils.set_random_seed(2)
        model = keras.Sequential([keras.Input((3,)), keras.layers.Dense(4, "tanh"), keras.layers.Dense(1)])
        model.compile(optimizer, loss="mse")
        data = np.random.default_rng(0).normal(size=(24, 3))
        model.fit(data, data.sum(axis=1), batch_size=4, verbose=0, shuffle=False, callbacks=list(callbacks))
        return np.concatenate([weight.ravel() for weight in model.get_weights()])

    kind, fields = getattr(keras.optimizers, name), FIELDS[name]
    plan = lr.Plan(0.01, fields={NEUTRAL.get(key, key): value for key, value in fields.items()})
    other = {"momentum": 0.1} if "momentum" in fields else {}
    ours, theirs, without = trained(kind(**other), [PlanCallback(plan)]), trained(kind(0.01, **fields)), trained(kind(0.01, **other))
    np.testing.assert_allclose(ours, theirs, rtol=2e-5, atol=1e-6)
    assert np.abs(ours - without).max() > 1e-5  # they make a difference


def test_epochs_are_a_clock():
    plan = lr.Plan(lr.linear(0.4, 0.0, steps=4), momentum=lr.linear(0.0, 0.8, steps=4))
    model = model_of(keras.optimizers.SGD())
    history = go_on(model, 3, epochs=4, callbacks=[PlanCallback(plan, unit="epochs")]).history
    rates, momenta = plan.lr(np.arange(4)), plan.momentum(np.arange(4))
    np.testing.assert_array_equal(history["lr"], rates)
    np.testing.assert_array_equal(history["momentum"], momenta)
    assert weight_of(model) == pytest.approx(momentum_weights(np.repeat(rates, 3), np.repeat(momenta, 3))[-1], rel=1e-5)


def test_every_value_is_in_the_logs():
    seen = []
    spy = keras.callbacks.LambdaCallback(on_train_batch_end=lambda batch, logs: seen.append((logs["lr"], logs["momentum"])))
    callback = PlanCallback(PLAN)
    model = model_of(keras.optimizers.SGD(momentum=0.5))
    history = go_on(model, 3, epochs=2, callbacks=[callback, spy]).history
    assert seen == [(RATE(step), MOMENTUM(step)) for step in range(6)]
    assert history["lr"] == [RATE(2), RATE(5)] and history["momentum"] == [MOMENTUM(2), MOMENTUM(5)]
    again = go_on(model, 2, callbacks=[callback]).history  # a fit that goes on
    assert again["lr"] == [RATE(7)]


def test_groups_have_their_own_columns():
    model = model_of(keras.optimizers.SGD())
    plan = lr.Plan(groups={"kernels": {"lr": RATE}})
    history = go_on(model, 2, callbacks=[PlanCallback(plan, {"kernel": "kernels"})]).history
    assert history["lr"] == [RATE(1)]


@pytest.mark.parametrize("make", [lambda: attach(keras.optimizers.SGD(), RATE), lambda: keras.optimizers.SGD(PlanSchedule(RATE))])
def test_without_a_plan_it_logs_what_the_optimizer_follows(make):
    model = model_of(make())
    assert go_on(model, 3, callbacks=[PlanCallback()]).history["lr"] == [RATE(2)]
    assert current(model.optimizer) == {"default": {"lr": RATE(3)}}


def test_tensorboard_and_files_get_them(tmp_path):
    model = model_of(keras.optimizers.SGD(momentum=0.5))
    go_on(model, 2, callbacks=[PlanCallback(PLAN), keras.callbacks.CSVLogger(tmp_path / "log.csv")])
    header, row = (tmp_path / "log.csv").read_text().splitlines()
    assert float(dict(zip(header.split(","), row.split(","), strict=True))["momentum"]) == MOMENTUM(1)


def test_a_model_saved_on_the_way_goes_on(tmp_path):
    def compiled():
        model = keras.Sequential([keras.Input((1,)), keras.layers.Dense(1, use_bias=False, kernel_initializer="zeros")])
        model.compile(keras.optimizers.SGD(momentum=0.5), loss="mse")
        return model

    model = compiled()
    go_on(model, 3, callbacks=[PlanCallback(PLAN), keras.callbacks.ModelCheckpoint(tmp_path / "model.keras")])
    again = keras.saving.load_model(tmp_path / "model.keras")
    for each in (model, again):
        assert go_on(each, 2, callbacks=[PlanCallback(PLAN)]).history["momentum"] == [MOMENTUM(4)]
    np.testing.assert_array_equal(model.get_weights()[0], again.get_weights()[0])


# -- bad input ---------------------------------------------------------------------------------------------------------


def endless():
    while True:
        yield np.ones((1, 1)), np.ones((1, 1))


REFUSED = {
    "no plan": (
        lambda: go_on(model_of(keras.optimizers.SGD()), callbacks=[PlanCallback()]),
        "The optimizer follows no plan. Give PlanCallback one, or compile the model with attach(optimizer, plan).",
    ),
    "a schedule of Keras's": (
        lambda: go_on(model_of(keras.optimizers.SGD(keras.optimizers.schedules.CosineDecay(0.1, 9))), callbacks=[PlanCallback(RATE)]),
        "The learning rate of the optimizer is a CosineDecay, and the plan of PlanCallback schedules lr too. Compile the model with a "
        "number, or leave lr out of the plan.",
    ),
    "another plan": (
        lambda: go_on(model_of(attach(keras.optimizers.SGD(), RATE)), callbacks=[PlanCallback(lr.linear(0.1, 0.04, steps=8))]),
        "The optimizer follows another plan.\nlr.stop: 0.02 -> 0.04, values differ from step 1\nGive that one to PlanCallback, or none.",
    ),
    "epochs of unknown length": (
        lambda: model_of(keras.optimizers.SGD()).fit(
            endless(), verbose=0, shuffle=False, callbacks=[PlanCallback(RATE, unit="epochs"), keras.callbacks.TerminateOnNaN()]
        ),
        "Keras does not know how many batches an epoch of these data has. Pass steps_per_epoch= to PlanCallback.",
    ),
    "a field there is not": (
        lambda: go_on(model_of(keras.optimizers.SGD()), callbacks=[PlanCallback(lr.Plan(RATE, beta1=0.9))]), "has no beta_1",
    ),
    "a field around the update": (
        lambda: go_on(model_of(keras.optimizers.SGD(clipnorm=1.0)), callbacks=[PlanCallback(lr.Plan(fields={"clipnorm": RATE}))]),
        "reads clipnorm for all its variables at once",
    ),
    "a unit there is not": (lambda: PlanCallback(RATE, unit="days"), "unit: expected one of updates, epochs, got 'days'."),
    "a number": (lambda: PlanCallback(0.1), "plan: expected a Plan, a Schedule or None, got 0.1."),
    "an optimizer without a plan": (
        lambda: current(keras.optimizers.SGD()),
        "This SGD follows no plan. Take what attach(optimizer, plan) returns, or give it PlanSchedule(plan) as its learning rate.",
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", REFUSED)
def test_bad_input_is_a_sentence(name):
    call, sentence = REFUSED[name]
    with pytest.raises(lr.LrcoreError) as refusal:
        call()
    assert sentence in str(refusal.value)
