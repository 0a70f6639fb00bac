"""An optimizer with a plan trains as one optimizer per group would, in the compiled step of whatever backend runs the tests."""

from __future__ import annotations

import copy
import pickle
import re
import subprocess
import sys

import keras
import numpy as np
import pytest
import torch

import lrcore as lr
from lrcore_keras import PlanSchedule, attach, current, load_state_dict, state_dict
from lrcore_keras.attach import PlannedOptimizer
from lrcore_torch import PlanScheduler

BACKEND = keras.backend.backend()
OPTIMIZERS = {
    "SGD": lambda rate=0.5, **more: keras.optimizers.SGD(rate, **more),
    "momentum": lambda rate=0.5, **more: keras.optimizers.SGD(rate, momentum=0.9, **more),
    "Nesterov": lambda rate=0.5, **more: keras.optimizers.SGD(rate, momentum=0.9, nesterov=True, **more),
    "Adam": lambda rate=0.5, **more: keras.optimizers.Adam(rate, **more),
    "AdamW": lambda rate=0.5, **more: keras.optimizers.AdamW(rate, weight_decay=0.1, **more),
    "Nadam": lambda rate=0.5, **more: keras.optimizers.Nadam(rate, **more),
    "RMSprop": lambda rate=0.5, **more: keras.optimizers.RMSprop(rate, momentum=0.9, centered=True, **more),
    "Lion": lambda rate=0.5, **more: keras.optimizers.Lion(rate, **more),
}
HEAD, BODY = lr.linear(0.02, 0.0, 8), lr.warmup_cosine(0.1, warmup=3, steps=12)
GROUPS = lr.Plan(groups={"head": {"lr": HEAD}, "body": {"lr": BODY}})
RULES = {"head": "head", ".*": "body"}
GRADIENTS = np.random.default_rng(0).normal(size=(6, 2, 3)).astype(np.float32)
"""(step, variable, entry)"""


def variables() -> list[keras.Variable]:
    return [keras.Variable(np.array(values, np.float32), name=name) for name, values in (("body", [1, 2, 3]), ("head", [4, 5, 6]))]


def trained(optimizer, gradients=GRADIENTS, held=None) -> np.ndarray:
    """The variables after each update of a compiled step, (step, variable, entry); eager on the PyTorch backend, as Keras is there."""
    held = variables() if held is None else held
    if not optimizer.built:
        optimizer.build(held)
    step = {"tensorflow": _tensorflow, "jax": _jax, "torch": _torch}[BACKEND](optimizer, held)
    weights = []
    for gradient in gradients:
        step([keras.ops.convert_to_tensor(row) for row in gradient])
        weights.append([np.copy(keras.ops.convert_to_numpy(variable.value)) for variable in held])
    return np.array(weights)


def _tensorflow(optimizer, held):
    import tensorflow as tf

    return tf.function(lambda gradients: optimizer.apply(gradients, held), jit_compile=True)


def _jax(optimizer, held):
    import jax

    compiled = jax.jit(optimizer.stateless_apply)

    def step(gradients):
        values = compiled([v.value for v in optimizer.variables], gradients, [v.value for v in held])
        for variables, new in zip((held, optimizer.variables), values, strict=True):
            for variable, value in zip(variables, new, strict=True):
                variable.assign(value)

    return step


def _torch(optimizer, held):
    return torch.no_grad()(lambda gradients: optimizer.apply(gradients, held))


def network() -> keras.Model:
    keras.utils.set_random_seed(0)
    layers = [keras.Input((3,)), keras.layers.Dense(5, activation="tanh", name="body"), keras.layers.Dense(2, name="head")]
    return keras.Sequential(layers, name="net")


X = np.random.default_rng(1).normal(size=(24, 3)).astype(np.float32)
Y = X[:, :2] ** 2


def fitted(model, optimizer=None, epochs=1, **options) -> keras.Model:
    if optimizer is not None:
        model.compile(optimizer, loss="mse", **options)
    model.fit(X, Y, batch_size=8, epochs=epochs, shuffle=False, verbose=0)
    return model


def assert_same_weights(model, other):
    for a, b in zip(model.get_weights(), other.get_weights(), strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-6, atol=1e-7)


# -- updates -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", OPTIMIZERS)
def test_groups_train_as_separate_optimizers(kind):
    weights = trained(attach(OPTIMIZERS[kind](), GROUPS, RULES))
    for i, rate in enumerate((BODY, HEAD)):
        alone = trained(OPTIMIZERS[kind](PlanSchedule(rate)), GRADIENTS[:, i : i + 1], variables()[i : i + 1])
        np.testing.assert_allclose(weights[:, i], alone[:, 0], rtol=1e-6)


COMPILED = [("momentum", False), ("momentum", True), ("AdamW", True)]


@pytest.mark.filterwarnings("ignore:`torch.jit.script_method` is deprecated:DeprecationWarning")  # torch's own compiler, when it is loaded
@pytest.mark.parametrize(("kind", "jit"), COMPILED[:2] if BACKEND == "torch" else COMPILED)  # half a minute to compile one
def test_fit_is_that_of_separate_optimizers(kind, jit):
    make = OPTIMIZERS[kind]
    separate = keras.optimizers.OptimizerMap(make(PlanSchedule(BODY)), {".*head.*": make(PlanSchedule(HEAD))})
    ours = fitted(network(), attach(make(), GROUPS, RULES), jit_compile=jit)
    assert_same_weights(ours, fitted(network(), keras.optimizers.MultiOptimizer(separate), jit_compile=jit and BACKEND != "torch"))


EVERYTHING = {
    "global_clipnorm": lambda make, rate: make(rate, global_clipnorm=0.5),
    "clipnorm": lambda make, rate: make(rate, clipnorm=0.5),
    "averages": lambda make, rate: make(rate, use_ema=True, ema_momentum=0.5, ema_overwrite_frequency=2),
    "a loss scale": lambda make, rate: make(rate, loss_scale_factor=8.0),
    "LossScaleOptimizer": lambda make, rate: keras.optimizers.LossScaleOptimizer(make(rate), initial_scale=4.0, dynamic_growth_steps=2),
}


@pytest.mark.parametrize("kind", ["momentum", "AdamW"])
@pytest.mark.parametrize("option", EVERYTHING)
def test_what_goes_over_all_variables_goes_on(option, kind):
    same = lr.Plan(groups={"head": {"lr": BODY}, "body": {"lr": BODY}})
    weights = trained(attach(EVERYTHING[option](OPTIMIZERS[kind], 0.5), same, RULES))
    np.testing.assert_allclose(weights, trained(EVERYTHING[option](OPTIMIZERS[kind], PlanSchedule(BODY))), rtol=1e-6)


def test_accumulated_gradients_are_one_step_of_the_plan():
    rate = lr.linear(1.0, 0.0, 4)
    optimizer = attach(keras.optimizers.SGD(gradient_accumulation_steps=2), rate)
    weights = trained(optimizer, np.ones((6, 2, 3), np.float32))
    np.testing.assert_allclose(weights[:, 0, 0], [1, 0, 0, -0.75, -0.75, -1.25], atol=1e-7)
    assert current(optimizer) == {"default": {"lr": 0.25}}


def descent(rows, w=1.0, gradient=1.0):
    """SGD by hand: momentum, then the step."""
    v = 0.0
    for row in rows:
        w -= w * row.get("weight_decay", 0.0) * row["lr"]
        v = row.get("momentum", 0.0) * v - row["lr"] * gradient
        w += v
        yield w


def adam(rows, w=1.0, gradient=1.0):
    m = v = 0.0
    for t, row in enumerate(rows, 1):
        w -= w * row.get("weight_decay", 0.0) * row["lr"]
        m += (1 - row["beta1"]) * (gradient - m)
        v += (1 - row["beta2"]) * (gradient**2 - v)
        scale = np.sqrt(1 - row["beta2"] ** t) / (1 - row["beta1"] ** t)
        w -= row["lr"] * scale * m / (np.sqrt(v) + row["eps"])
        yield w


def rmsprop(rows, w=1.0, gradient=1.0):
    v = m = 0.0
    for row in rows:
        v = row["alpha"] * v + (1 - row["alpha"]) * gradient**2
        m = row["momentum"] * m + row["lr"] * gradient / np.sqrt(v + 1e-7)
        w -= m
        yield w


UP, TO_ZERO_AND_BACK = lr.linear(0.1, 0.9, 6), lr.linear(0.9, 0.0, 3) >> lr.linear(0.0, 0.9, 3)


@pytest.mark.parametrize(
    ("optimizer", "plan", "by_hand"),
    [
        (keras.optimizers.SGD(), lr.Plan(BODY, momentum=UP), descent),
        (keras.optimizers.SGD(momentum=0.9), lr.Plan(BODY, momentum=TO_ZERO_AND_BACK, weight_decay=UP), descent),
        (keras.optimizers.SGD(momentum=0.9), lr.Plan(BODY, momentum=0.0), descent),
        (keras.optimizers.SGD(), lr.Plan(BODY, momentum=0.5), descent),
        (keras.optimizers.AdamW(), lr.Plan(BODY, beta1=TO_ZERO_AND_BACK, beta2=UP, weight_decay=UP, fields={"eps": UP}), adam),
        (keras.optimizers.RMSprop(), lr.Plan(BODY, momentum=TO_ZERO_AND_BACK, fields={"alpha": UP}), rmsprop),
    ],
)
def test_every_field_follows_the_plan_in_the_compiled_step(optimizer, plan, by_hand):
    bound = plan.bind()
    expected = list(by_hand([bound.current(step)["default"] for step in range(6)]))
    weights = trained(attach(optimizer, plan), np.ones((6, 1, 3), np.float32), variables()[:1])
    np.testing.assert_allclose(weights[:, 0, 0], expected, rtol=2e-6)


def test_fields_are_those_of_the_group():
    plan = lr.Plan(0.1, groups={"head": {"momentum": UP, "weight_decay": UP}, "body": {}})
    weights = trained(attach(keras.optimizers.SGD(), plan, RULES), np.ones((6, 2, 3), np.float32))
    rows = [{"lr": 0.1, "momentum": UP(step), "weight_decay": UP(step)} for step in range(6)]
    np.testing.assert_allclose(weights[:, 1, 0], list(descent(rows, w=4.0)), rtol=2e-6)
    np.testing.assert_allclose(weights[:, 0, 0], 1 - 0.1 * np.arange(1, 7), rtol=1e-6)


@pytest.mark.parametrize("own", [0.25, keras.optimizers.schedules.PiecewiseConstantDecay([2], [0.25, 0.5])])
def test_a_frozen_rate_is_the_optimizers_own_and_a_rate_of_0_holds_the_variables(own):
    ones = np.ones((4, 2, 3), np.float32)
    frozen = lr.Plan(1.0, groups={"head": {"lr": None}, "body": {"lr": 0.0}})
    weights = trained(attach(keras.optimizers.SGD(own), frozen, RULES), ones)
    np.testing.assert_array_equal(weights[:, 0], [[1, 2, 3]] * 4)
    np.testing.assert_allclose(weights[:, 1:], trained(keras.optimizers.SGD(own), ones)[:, 1:], rtol=1e-6)


def test_a_plan_without_a_rate_leaves_the_rate_alone():
    optimizer = attach(keras.optimizers.SGD(0.25), lr.Plan(momentum=0.5))
    optimizer.learning_rate = 0.5
    weights = trained(optimizer, np.ones((2, 1, 3), np.float32), variables()[:1])
    np.testing.assert_allclose(weights[:, 0, 0], [0.5, -0.25])


@pytest.mark.parametrize("names", [["body"], ["body", "head"]])
def test_excluded_variables_do_not_decay(names):
    def make(rate):
        optimizer = keras.optimizers.AdamW(rate, weight_decay=0.5)
        optimizer.exclude_from_weight_decay(var_names=names)
        return optimizer

    plan = lr.Plan(groups={"head": {"lr": BODY}, "body": {"lr": BODY}})
    if BACKEND == "torch" and len(names) == 2:  # Keras's own update cannot do it there: it passes torch an empty list
        assert np.isfinite(trained(attach(make(0.5), plan, RULES))).all()
    else:
        np.testing.assert_allclose(trained(attach(make(0.5), plan, RULES)), trained(make(PlanSchedule(BODY))), rtol=1e-6)


def test_far_steps_have_the_rate_of_the_plan():
    rate = lr.cosine(1.0, 0.0, 2**26)
    optimizer = attach(keras.optimizers.SGD(), rate)
    load_state_dict(optimizer, lr.make_state(lr.Plan(rate).bind(), 2**26 - 3))
    weights = trained(optimizer, np.ones((3, 1, 3), np.float32), [keras.Variable(np.zeros(3, np.float32))])
    np.testing.assert_allclose(-np.diff(weights[:, 0, 0]), [rate(2**26 - 2), rate(2**26 - 1)], rtol=1e-2)
    np.testing.assert_allclose(-weights[0, 0, 0], rate(2**26 - 3), rtol=1e-6)


# -- what is attached --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", OPTIMIZERS)
def test_it_is_an_optimizer_of_the_same_kind_and_the_given_one_stays(kind):
    given = OPTIMIZERS[kind](global_clipnorm=1.0, name="given")
    config = given.get_config()
    made = attach(given, BODY)
    assert isinstance(made, type(given)) and isinstance(made, PlannedOptimizer) and made is not given
    assert given.get_config() == config and not given.built
    assert {key: getattr(made, key) for key in config if key != "learning_rate"} == {
        k: v for k, v in config.items() if k != "learning_rate"
    }


def test_training_goes_on_where_a_built_optimizer_is():
    held, given = variables(), OPTIMIZERS["AdamW"](PlanSchedule(BODY), use_ema=True)
    trained(given, GRADIENTS[:3], held)
    attached = attach(given, lr.Plan(groups={"head": {"lr": BODY}, "body": {"lr": BODY}}), RULES)
    weights = [variable.numpy() for variable in held]
    expected = trained(given, GRADIENTS[3:], held)
    for variable, value in zip(held, weights, strict=True):
        variable.assign(value)
    np.testing.assert_allclose(trained(attached, GRADIENTS[3:], held), expected, rtol=1e-6)


def test_attaching_again_takes_another_plan():
    held, first = variables(), attach(OPTIMIZERS["momentum"](0.25), lr.Plan(BODY, weight_decay=0.5))
    trained(first, GRADIENTS[:3], held)
    second = attach(first, lr.Plan(HEAD))
    assert current(second) == {"default": {"lr": HEAD(3)}}
    assert (second.weight_decay, type(second)) == (None, type(first))
    assert state_dict(second)["base"] == [["default", "lr", 0.25]]


def test_the_rate_is_read_and_not_set():
    optimizer = attach(OPTIMIZERS["Adam"](), GROUPS, RULES)
    assert float(optimizer.learning_rate) == np.float32(HEAD(0))
    sentence = (
        "The learning rate follows a plan and cannot be set. Attach another plan and compile the model with what attach returns; "
        "in place of a callback that sets the rate give the plan a rule, such as Plan(..., adapt=lr.ReduceLROnPlateau())."
    )
    with pytest.raises(lr.PlanError, match=f"^{re.escape(sentence)}$"):
        optimizer.learning_rate = 0.1


@pytest.mark.parametrize(
    ("given", "arguments", "error", "sentence"),
    [
        ("adam", {}, TypeError, "attach takes a Keras optimizer, such as keras.optimizers.Adam(), got str."),
        (keras.optimizers.SGD(), {"on_change": "ask"}, lr.SpecError, "on_change: expected one of error, keep, replace, rebase, got 'ask'."),
        (keras.optimizers.SGD(), {"steps_per_update": 0}, lr.SpecError, "steps_per_update: expected an integer >= 1, or None, got 0."),
        (
            keras.optimizers.MultiOptimizer(keras.optimizers.OptimizerMap(keras.optimizers.SGD())), {}, lr.PlanError,
            "A MultiOptimizer has no rate of its own. Attach the plan to one optimizer, with rules for its groups, or a plan to each of "
            "the optimizers it is made of.",
        ),
        (
            keras.optimizers.RMSprop(), {"plan": lr.Plan(0.1, fields={"rho": UP, "alpha": UP})}, lr.PlanError,
            "The plan schedules alpha and rho of 'default', which are both rho in RMSprop. Leave one out.",
        ),
    ],
)  # fmt: skip
def test_what_cannot_be_attached_is_refused(given, arguments, error, sentence):
    with pytest.raises(error, match=f"^{re.escape(sentence)}$"):
        attach(given, **{"plan": BODY, **arguments})


def test_rules_that_do_not_fit_the_model_are_refused_when_it_is_met():
    with pytest.raises(lr.PlanError, match=r"^No rule matches 'net/body/kernel', 'net/body/bias'\. Write one for them"):
        fitted(network(), attach(keras.optimizers.SGD(), lr.Plan(0.1), {"head": "head"}))


def test_states_want_an_attached_optimizer():
    with pytest.raises(TypeError, match=r"^This takes an optimizer that attach\(optimizer, plan\) returned, got \w*SGD\.$"):
        state_dict(keras.optimizers.SGD())


# -- saving and resuming -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", ["momentum", "AdamW", "scaled"])
def test_a_saved_model_trains_on(kind, tmp_path):
    given = (
        keras.optimizers.LossScaleOptimizer(OPTIMIZERS["Adam"]()) if kind == "scaled" else OPTIMIZERS[kind](gradient_accumulation_steps=2)
    )
    model = fitted(network(), attach(given, GROUPS, RULES))
    model.save(tmp_path / "model.keras")
    loaded = keras.models.load_model(tmp_path / "model.keras")
    assert type(loaded.optimizer) is type(model.optimizer)
    assert loaded.optimizer.get_config() == model.optimizer.get_config()
    assert current(loaded.optimizer) == current(model.optimizer) != current(attach(given, GROUPS, RULES))
    assert_same_weights(fitted(loaded), fitted(model))


def test_a_saved_model_opens_where_nothing_has_been_attached_yet(tmp_path):
    fitted(network(), attach(OPTIMIZERS["AdamW"](), GROUPS, RULES)).save(tmp_path / "model.keras")
    code = (
        "import sys, keras, lrcore_keras\n"
        "optimizer = keras.models.load_model(sys.argv[1]).optimizer\n"
        "print(type(optimizer).__name__, lrcore_keras.current(optimizer))"
    )
    done = subprocess.run([sys.executable, "-c", code, tmp_path / "model.keras"], capture_output=True, text=True, check=False, timeout=120)
    assert done.stdout == f"PlannedAdamW {{'head': {{'lr': {HEAD(3)!r}}}, 'body': {{'lr': {BODY(3)!r}}}}}\n", done.stderr


def test_a_copied_model_or_optimizer_trains_on():
    optimizer = attach(OPTIMIZERS["AdamW"](), GROUPS, RULES)
    for copied in (copy.deepcopy(optimizer), pickle.loads(pickle.dumps(optimizer))):
        assert (type(copied), copied.get_config()) == (type(optimizer), optimizer.get_config())
    model = fitted(network(), optimizer)
    pickled = pickle.loads(pickle.dumps(model))
    assert_same_weights(fitted(pickled), fitted(model))


def test_configurations_are_portable_and_repeat():
    optimizer = attach(OPTIMIZERS["momentum"](0.25, name="given"), GROUPS, RULES, steps_per_update=3, on_change="keep")
    config = optimizer.get_config()
    assert (config["optimizer"]["module"], config["optimizer"]["class_name"]) == ("keras.optimizers", "SGD")
    assert type(optimizer).from_config(config).get_config() == config
    assert lr.from_json(config["plan"]) == GROUPS


def weights_of(plan, path, **arguments):
    model = fitted(network(), attach(OPTIMIZERS["AdamW"](), plan, **arguments), epochs=2)
    model.save_weights(path)
    return model


LONGER = lr.warmup_cosine(0.1, warmup=3, steps=24)


def test_weights_of_another_plan_are_refused_with_the_difference(tmp_path):
    weights_of(BODY, tmp_path / "run.weights.h5")
    model = network()
    model.compile(attach(OPTIMIZERS["AdamW"](), LONGER), loss="mse")
    model.optimizer.build(model.trainable_variables)
    with pytest.raises(Exception, match=r"The checkpoint at step 6 was made with another plan\.(.|\n)*lr\."):
        model.load_weights(tmp_path / "run.weights.h5")
    assert current(model.optimizer) == {"default": {"lr": LONGER(0)}}


@pytest.mark.parametrize(("on_change", "rate"), [("keep", BODY(6)), ("replace", LONGER(6)), ("rebase", BODY(6))])
def test_weights_of_another_plan_are_taken_as_on_change_says(on_change, rate, tmp_path):
    weights_of(BODY, tmp_path / "run.weights.h5")
    model = network()
    model.compile(attach(OPTIMIZERS["AdamW"](), LONGER, on_change=on_change), loss="mse")
    model.optimizer.build(model.trainable_variables)
    model.load_weights(tmp_path / "run.weights.h5")
    assert current(model.optimizer)["default"]["lr"] == pytest.approx(rate, rel=1e-12)
    assert float(model.optimizer.learning_rate) == pytest.approx(rate, rel=1e-6)
    fitted(model)


def test_a_run_in_torch_goes_on_in_keras_and_back():
    theirs = PlanScheduler(torch.optim.SGD([torch.zeros(1, requires_grad=True)], lr=0.5), lr.Plan(BODY))
    theirs.seek(7)
    ours = attach(keras.optimizers.SGD(), BODY)
    load_state_dict(ours, theirs.state_dict())
    weights = trained(ours, np.ones((1, 1, 3), np.float32), variables()[:1])
    np.testing.assert_allclose(weights[0, 0, 0], 1 - BODY(7), rtol=1e-6)
    theirs.load_state_dict(state_dict(ours))
    assert theirs.last_epoch == 8 and theirs.get_last_lr() == [current(ours)["default"]["lr"]] == [BODY(8)]


def test_loading_a_state_twice_is_loading_it_once():
    optimizer = attach(keras.optimizers.SGD(gradient_accumulation_steps=4), GROUPS, RULES)
    optimizer._iterations.assign(4 * 5 + 3)
    state = state_dict(optimizer)
    other = attach(keras.optimizers.SGD(gradient_accumulation_steps=4), GROUPS, RULES)
    for _ in range(2):
        load_state_dict(other, state)
        assert (state_dict(other), int(other._iterations.numpy())) == (state, 23)


def test_a_counter_that_has_wrapped_stays_at_the_last_step():
    optimizer = attach(keras.optimizers.SGD(), lr.linear(1.0, 0.0, 2**31 - 1) >> lr.constant(0.125))
    optimizer._iterations.assign(-5)
    assert current(optimizer) == {"default": {"lr": 0.125}} and float(optimizer.learning_rate) == 0.125


def test_a_compiled_step_does_not_change_its_plan():
    optimizer = attach(keras.optimizers.SGD(), BODY, on_change="keep")
    trained(optimizer)
    load_state_dict(optimizer, lr.make_state(lr.Plan(BODY).bind(), 9))
    other = lr.make_state(lr.Plan(LONGER).bind(), 5)
    if BACKEND == "torch":  # nothing is compiled there
        load_state_dict(optimizer, other)
        assert current(optimizer) == {"default": {"lr": LONGER(5)}}
        return
    sentence = (
        "The training step that has been compiled follows the plan it was compiled with. Attach the new plan to this optimizer, "
        "compile the model with what attach returns, and load the state then."
    )
    with pytest.raises(lr.PlanError, match=f"^{re.escape(sentence)}$"):
        load_state_dict(optimizer, other)
    assert current(optimizer) == {"default": {"lr": BODY(9)}}
    again = attach(optimizer, LONGER)
    load_state_dict(again, other)
    assert current(again) == {"default": {"lr": LONGER(5)}}


def test_a_step_beyond_the_counter_is_refused():
    optimizer, state = attach(keras.optimizers.SGD(), 0.5 * BODY), lr.make_state(lr.Plan(0.5 * BODY).bind(), 2**31)
    if BACKEND == "tensorflow":  # it counts in 64 bits
        load_state_dict(optimizer, state)
        assert state_dict(optimizer)["step"] == 2**31
        return
    sentence = "The state is at training step 2,147,483,648, and the counter of this Keras backend ends at 2,147,483,647."
    with pytest.raises(lr.StateError, match=f"^{re.escape(sentence)}$"):
        load_state_dict(optimizer, state)
    assert state_dict(optimizer)["step"] == 0


@pytest.mark.skipif(keras.backend.backend() != "tensorflow", reason="tf.train.Checkpoint keeps what TensorFlow tracks")
def test_checkpoints_of_tensorflow_go_on(tmp_path):
    import tensorflow as tf

    rate = lr.warmup_cosine(0.1, warmup=5, steps=50)
    x = np.ones((4, 1), np.float32)

    def made():
        model = keras.Sequential([keras.Input((1,)), keras.layers.Dense(1)])
        model.compile(attach(keras.optimizers.SGD(), lr.Plan(rate, momentum=lr.linear(0.5, 0.9, 50))), "mse")
        return model

    model, other = made(), made()
    for _ in range(7):
        model.train_on_batch(x, x)
    other.train_on_batch(x, x)
    path = tf.train.Checkpoint(model=model, optimizer=model.optimizer).save(tmp_path / "checkpoint")
    tf.train.Checkpoint(model=other, optimizer=other.optimizer).restore(path).assert_existing_objects_matched()
    assert float(other.optimizer.learning_rate) == pytest.approx(rate(7), rel=1e-6)
    for each in (model, other):
        each.train_on_batch(x, x)
    np.testing.assert_array_equal(model.get_weights()[0], other.get_weights()[0])
