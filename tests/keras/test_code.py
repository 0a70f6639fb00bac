"""to_code: what it writes runs with Keras alone, eagerly and in the compiled step, and has the plan's values."""

from __future__ import annotations

import re
from contextlib import suppress
from typing import Any

import keras
import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from keras import ops

import lrcore as lr
from keras_steps import Probe
from lrcore_keras import attach, to_code
from strategies import schedules

FLOAT32 = 1e-5
"""Of the largest value; 3.3e-6 seen, in 1.01**340."""

WARM = lr.warmup_cosine(0.1, warmup=5, steps=30)


def run(code: str) -> dict[str, Any]:
    assert "lrcore" not in code
    assert set(re.findall(r"^(?:import|from) (\S+)", code, re.MULTILINE)) <= {"keras", "math", "numpy"}
    space: dict[str, Any] = {}
    exec(compile(code, "code", "exec"), space)
    return space


def rates(rate: Any, steps: np.ndarray) -> np.ndarray:
    """A learning rate called at steps: those of our classes all at once, Keras's own, which take one, one by one."""
    if isinstance(rate, float):
        return np.full(len(steps), rate)
    if type(rate).__module__.startswith("keras"):
        return np.array([float(ops.convert_to_numpy(rate(ops.convert_to_tensor(step, "int32")))) for step in steps.tolist()])
    return np.broadcast_to(ops.convert_to_numpy(rate(ops.convert_to_tensor(steps.astype(np.int32)))), steps.shape)


def assert_written(rate: lr.Schedule, steps: np.ndarray) -> None:
    exact, code = rate(steps), to_code(rate)
    largest = max(np.abs(exact).max(), rate._facts[1], 1e-30)  # of the terms of a sum, which may cancel
    assert np.abs(rates(run(code)["learning_rate"], steps) - exact).max() <= FLOAT32 * largest, code


@pytest.mark.parametrize("name", lr.recipes())
def test_every_recipe(name):
    rate = lr.recipes()[name](**lr.recipes()[name].example)
    span = min(rate.span, 1_000) if isinstance(rate.span, int) else 1_000
    stride = 1 if "class " in to_code(rate) else 23  # Keras's own are called one by one
    assert_written(rate, np.arange(0, span + span // 10, stride))


@settings(max_examples=8, deadline=None, suppress_health_check=list(HealthCheck))
@given(schedules())
def test_any_schedule_is_right_or_refused(rate):
    with suppress(lr.PlanError):  # noise in cycles, clocks that int32 cannot count
        assert_written(rate, np.arange(120))


def test_in_the_compiled_step():
    names = ["wsd", "sine_wave", "cosine_restarts", "noam", "chebyshev", "slanted_triangular", "noise"]
    plans = [lr.recipes()[name](**lr.recipes()[name].example) for name in names]
    probe = Probe([run(to_code(plan))["learning_rate"] for plan in plans])
    for step in (0, 55, 250, 999, 1100):
        np.testing.assert_allclose(probe.rates([step] * len(plans)), [plan(step) for plan in plans], rtol=FLOAT32, atol=1e-9)


# -- groups and fields ---------------------------------------------------------------------------------------------------------


def trained(optimizer: Any, steps: int) -> np.ndarray:
    """The weights of a small model after so many compiled steps."""
    keras.utils.set_random_seed(1)
    model = keras.Sequential([keras.Input((3,)), keras.layers.Dense(2, name="body"), keras.layers.Dense(1, name="head")])
    model.compile(optimizer, "mse")
    x = np.linspace(-1.0, 1.0, 24, dtype=np.float32).reshape(8, 3)
    model.fit(x, x.sum(axis=1), batch_size=8, epochs=steps, shuffle=False, verbose=0)
    return np.concatenate([np.ravel(ops.convert_to_numpy(weight)) for weight in model.trainable_weights])


FIELDS = {
    "SGD": lr.Plan(lr.one_cycle(0.1, 30), momentum=lr.one_cycle_momentum(30)),
    "SGD with a decay": lr.Plan(WARM, momentum=lr.linear(0.5, 0.9, 20), weight_decay=0.01),
    "SGD of constants": lr.Plan(WARM, momentum=0.9),
    "Adam": lr.Plan(WARM, beta1=lr.linear(0.8, 0.9, 20), beta2=0.99),
    "AdamW": lr.Plan(WARM, beta1=0.8, weight_decay=lr.cosine(0.01, 0.1, 20)),
    "RMSprop": lr.Plan(WARM, fields={"rho": lr.linear(0.9, 0.8, 10)}),
}


@pytest.mark.parametrize("name", FIELDS)
def test_an_optimizer_with_every_field_trains_as_an_attached_one(name):
    plan = FIELDS[name]
    code = to_code(plan)
    native = getattr(keras.optimizers, name.split()[0])
    options = {"momentum": 0.5} if native is keras.optimizers.SGD else {}
    attached = attach(native(**options, weight_decay=0.01 if "decay" in name else native().weight_decay), plan)
    np.testing.assert_allclose(trained(run(code)["optimizer"], 33), trained(attached, 33), rtol=2e-4, atol=2e-5)


@pytest.mark.parametrize("plan", [
    lr.Plan(WARM, groups={"head": {"lr": lr.one_cycle(0.3, 30)}}).bind(["body", "head"]),
    lr.Plan(WARM, momentum=lr.one_cycle_momentum(30), groups={"head": {"lr": 0.01, "momentum": 0.5}}).bind(["body", "head"]),
])  # fmt: skip
def test_groups_have_an_optimizer_each(plan):
    code = to_code(plan)
    lines = code[code.index("# Variables have no groups") :].splitlines()[1:]
    space = run(code)
    space["group_of"] = lambda path: "head" if "head" in path else "body"
    exec("\n".join(line[2:] for line in lines), space)
    for group, values in plan.current(20).items():
        assert float(space["optimizers"][group].learning_rate) >= 0
        rate = space.get("learning_rates", {}).get(group)
        assert rate is None or rates(rate, np.array([20])) == pytest.approx(values["lr"], rel=FLOAT32)
    trained(space["optimizer"], 3)
    assert [int(each.iterations) for each in space["optimizers"].values()] == [3, 3]


def test_one_group_of_several():
    bound = lr.Plan(0.1, groups={"head": {"lr": WARM}}).bind(["body", "head"])
    assert "learning_rate = 0.1" in to_code(bound, group="body")
    assert rates(run(to_code(bound, group="head"))["learning_rate"], np.array([20])) == pytest.approx(WARM(20), rel=FLOAT32)


@pytest.mark.parametrize("rule", [
    lr.ReduceLROnPlateau(factor=0.5, patience=2, convention="keras"),
    lr.ReduceLROnPlateau("max", 0.3, 1, threshold=0.05, cooldown=2, min_lr=0.02, convention="keras"),
])  # fmt: skip
def test_a_rule_is_kerass_own_callback(rule):
    plan = lr.Plan(0.1, adapt=rule)
    space, ours = run(to_code(plan)), plan.bind().begin()
    model = keras.Sequential([keras.Input((1,)), keras.layers.Dense(1)])
    model.compile(keras.optimizers.SGD(space["learning_rate"]), "mse")
    callback = space["plateau"]
    callback.set_model(model)
    callback.on_train_begin()
    for step, loss in enumerate(np.random.default_rng(3).uniform(0.9, 1.1, 40).tolist()):
        callback.on_epoch_end(step, {"val_loss": loss})
        ours.observe(loss, step)
        assert float(ops.convert_to_numpy(model.optimizer.learning_rate)) == np.float32(ours.current(step)["default"]["lr"])
    assert ours.active


REFUSED = {
    "a rule on a schedule": (
        lr.Plan(WARM, adapt=lr.ReduceLROnPlateau(convention="keras")),
        "Keras's ReduceLROnPlateau changes the one rate of an optimizer, and only a rate that no schedule changes. Give the plan one group "
        'with a constant lr, or take the code for "lrcore", whose attach has a rule on top of any plan.',
    ),
    "another rule": (
        lr.Plan(0.1, adapt=lr.ReduceLROnPlateau()),
        "The rule follows torch's convention, and keras.callbacks.ReduceLROnPlateau acts at other observations. Write "
        'ReduceLROnPlateau(convention="keras"), or take the code for "lrcore".',
    ),
    "fields of different optimizers": (
        lr.Plan(WARM, momentum=0.9, beta1=0.8),
        "No optimizer of Keras has beta1, momentum of group 'default' together. Leave out what yours does not have, or take "
        'the code for "lrcore", and attach the plan to your optimizer.',
    ),
    "too many samples": (
        lr.Samples(np.linspace(0, 1, 5000)),
        "lr holds 5,000 samples, and up to 4,096 are written into code. Drive it with PlanSchedule, or draw it with fewer points: "
        "lr.Knots(positions, values).",
    ),
}


@pytest.mark.parametrize("name", REFUSED)
def test_what_keras_cannot_do_is_a_sentence(name):
    plan, sentence = REFUSED[name]
    with pytest.raises(lr.PlanError) as refusal:
        to_code(plan)
    assert str(refusal.value) == sentence
