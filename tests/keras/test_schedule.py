"""PlanSchedule: the rate of a compiled training step is the plan's, at any step, and is saved as the plan."""

from __future__ import annotations

import copy
import json
import pickle
import zipfile

import keras
import numpy as np
import pytest
from hypothesis import given, settings

import lrcore as lr
from keras_steps import BACKEND, Probe, go_on, model_of, rate_at, weight_of
from lrcore_keras import PlanSchedule, provide
from strategies import answers, schedules, steps_of_interest
from test_lowering import size_of

LAST = 2**31 - 1
RECIPES = {name: recipe(**recipe.example) for name, recipe in lr.recipes().items()}
PLAN = lr.Plan(lr.warmup_cosine(0.1, warmup=10, steps=100), momentum=0.9, groups={"head": {"lr": 0.5}, "body.*": {}})
RATE = lr.warmup_cosine(0.1, warmup=10, steps=100)


def steps_of(schedule: lr.Schedule, count: int = 60) -> list[int]:
    """Both sides of boundaries, the last steps before an end, around 2^24, the last there is, and random ones."""
    fixed = [0, 1, *range(2**24 - 2, 2**24 + 3), LAST - 1, LAST]
    near = [step for step in steps_of_interest(schedule, most=count) if step <= LAST]
    return (fixed + near + near * count)[:count]


def assert_same_rates(rates: dict[str, lr.Schedule], jit: bool = True) -> None:
    probe = Probe([PlanSchedule(schedule) for schedule in rates.values()], jit)
    steps = {name: steps_of(schedule) for name, schedule in rates.items()}
    shown = np.array([probe.rates([steps[name][i] for name in rates]) for i in range(60)])
    for j, (name, schedule) in enumerate(rates.items()):
        exact = schedule(np.array(steps[name]))
        wrong = np.abs(shown[:, j] - exact) / (size_of(schedule, exact) + 1e-31)
        at = int(wrong.argmax())
        assert wrong[at] <= 1e-6, (name, steps[name][at], exact[at], shown[at, j])


# -- the same numbers --------------------------------------------------------------------------------------------------


def lowers(schedule: lr.Schedule) -> bool:
    try:
        PlanSchedule(schedule)
    except lr.LoweringError:
        return False
    return True


def test_every_recipe_in_a_compiled_step():
    assert_same_rates(RECIPES)


def test_random_schedules_in_a_compiled_step():
    drawn: dict[str, lr.Schedule] = {}

    @settings(max_examples=40)
    @given(schedule=schedules())
    def draw(schedule):
        if len(drawn) < 20 and answers(schedule, LAST) and lowers(schedule) and np.abs(schedule(np.array(steps_of(schedule)))).max() < 1e30:
            drawn[repr(schedule)] = schedule

    draw()
    assert_same_rates(drawn, jit=False)


@pytest.mark.parametrize("name", RECIPES)
def test_lowered_takes_many_steps(name):
    schedule = RECIPES[name]
    steps = np.array(steps_of(schedule))
    shown = keras.ops.convert_to_numpy(PlanSchedule(schedule).lowered(keras.ops.convert_to_tensor(steps.astype(np.int32))))
    exact = schedule(steps)
    assert shown.dtype == np.float32
    assert (np.abs(shown - exact) <= 1e-6 * (size_of(schedule, exact) + 1e-31)).all()


@pytest.mark.filterwarnings("ignore:`torch.jit.script_method` is deprecated:DeprecationWarning")  # torch's own compiler, when it is loaded
@pytest.mark.parametrize("jit_compile", [False, True])
def test_in_fit(jit_compile):
    rate = lr.linear(0.0, 0.1, 1000) >> lr.cosine(0.1, 0.0, 10**8).every(7)
    model = model_of(keras.optimizers.SGD(PlanSchedule(rate)), jit_compile)
    for step in (0, 1, 999, 1000, 1007, 2**24 + 1, 10**8, 10**8 + 999, LAST - 1):
        assert rate_at(model, step) == pytest.approx(rate(step), rel=1e-6)


@pytest.mark.parametrize("optimizer", ["SGD", "Adam", "AdamW"])
def test_a_constant_rate_trains_the_same(optimizer):
    def trained(rate):
        keras.utils.set_random_seed(1)
        model = keras.Sequential([keras.Input((3,)), keras.layers.Dense(4, "tanh"), keras.layers.Dense(1)])
        model.compile(getattr(keras.optimizers, optimizer)(rate), loss="mse")
        data = np.random.default_rng(0).normal(size=(32, 3))
        model.fit(data, data.sum(axis=1), batch_size=4, epochs=1, verbose=0, shuffle=False)
        return model.get_weights()

    for ours, theirs in zip(trained(PlanSchedule(lr.constant(0.01))), trained(0.01), strict=True):
        np.testing.assert_allclose(ours, theirs, rtol=1e-6, atol=1e-7)


def test_a_counter_that_has_wrapped_holds_the_last_value():
    rate = lr.linear(1.0, 0.5, 2**31)
    probe = Probe([PlanSchedule(rate)])
    for step in (-(2**31), -5, -1):
        assert probe.rates([step])[0] == pytest.approx(rate(LAST), rel=1e-6)
        assert float(PlanSchedule(rate)(step)) == np.float32(rate(LAST))
    if BACKEND == "tensorflow":  # which counts in 64 bits
        assert probe.rates([2**40])[0] == pytest.approx(rate(LAST), rel=1e-6)


@pytest.mark.parametrize("step", [0, 7, 10, 99, 100, 2**24 + 1, LAST])
def test_an_eager_call_is_exact(step):
    variable = keras.Variable(step, dtype="int", trainable=False)
    for given_step in (step, np.int64(step), variable, variable.value):
        value = PlanSchedule(RATE)(given_step)
        assert keras.backend.standardize_dtype(value.dtype) == "float32" and tuple(value.shape) == ()
        assert float(value) == np.float32(RATE(step))


@pytest.mark.parametrize("k", [2, 3])
def test_gradient_accumulation_counts_updates(k):
    rate = lr.linear(1.0, 0.0, 8)
    model = model_of(keras.optimizers.SGD(PlanSchedule(rate, steps_per_update=k), gradient_accumulation_steps=k))
    used = []
    for _ in range(4):
        before = weight_of(model)
        go_on(model, k)
        used.append(before - weight_of(model))
    np.testing.assert_allclose(used, rate(np.arange(4)), rtol=1e-6)


# -- what a model's file holds -----------------------------------------------------------------------------------------


def compiled_for_files(rate):
    model = keras.Sequential([keras.Input((1,)), keras.layers.Dense(1, use_bias=False, kernel_initializer="zeros")])
    model.compile(keras.optimizers.SGD(PlanSchedule(rate) if isinstance(rate, lr.Schedule) else rate), loss="mse")
    return model


def test_a_saved_model_goes_on(tmp_path):
    model = compiled_for_files(RATE)
    go_on(model, 7)
    model.save(tmp_path / "model.keras")
    again = keras.saving.load_model(tmp_path / "model.keras")
    assert int(again.optimizer.iterations) == 7 and again.optimizer._learning_rate.schedule == RATE
    for each in (model, again):
        go_on(each, 9)
    np.testing.assert_array_equal(model.get_weights()[0], again.get_weights()[0])


def test_checkpoints_go_on(tmp_path):
    model = compiled_for_files(RATE)
    go_on(model, 7)
    model.save_weights(tmp_path / "at.weights.h5")
    again = compiled_for_files(RATE)
    go_on(again, 1)
    again.load_weights(tmp_path / "at.weights.h5")
    assert int(again.optimizer.iterations) == 7 and float(again.optimizer.learning_rate) == np.float32(RATE(7))


SAMPLES = np.random.default_rng(0).uniform(0.01, 0.1, 10**6)


def test_the_size_of_a_model_does_not_depend_on_the_horizon(tmp_path):
    sizes = {}
    for name, rate in {
        "short": lr.warmup_cosine(0.1, warmup=10, steps=10**3),
        "long": lr.warmup_cosine(0.1, warmup=10, steps=10**9),
        "samples": lr.Samples(SAMPLES),
    }.items():
        model = compiled_for_files(rate)
        go_on(model)
        model.save(tmp_path / f"{name}.keras")
        sizes[name] = (tmp_path / f"{name}.keras").stat().st_size
    assert max(sizes.values()) <= 1.01 * min(sizes.values()), sizes


def test_long_samples_are_no_constant_of_the_step():
    schedule = PlanSchedule(lr.Samples(SAMPLES))
    if BACKEND == "tensorflow":
        import tensorflow as tf

        step = tf.function(schedule.lowered).get_concrete_function(tf.TensorSpec((), tf.int64))
        assert len(step.graph.as_graph_def().SerializeToString()) < 20_000
    if BACKEND == "jax":
        import jax

        assert len(jax.jit(schedule.lowered).lower(np.int32(0)).as_text()) < 20_000
    assert not model_of(keras.optimizers.SGD(schedule)).optimizer.variables[1:]


def test_long_samples_in_a_compiled_step():
    schedule = lr.Samples(SAMPLES)
    steps = [0, 1, 4095, 4096, 10**6 - 1, 10**6, LAST]
    probe = Probe([PlanSchedule(schedule), PlanSchedule(0.5 * schedule.every(3))])
    shown = np.array([probe.rates([step, step]) for step in steps])
    np.testing.assert_allclose(shown[:, 0], schedule(np.array(steps)), rtol=6e-8)
    np.testing.assert_allclose(shown[:, 1], 0.5 * schedule.every(3)(np.array(steps)), rtol=2e-7)


def test_samples_are_found_by_their_path_or_given_again(tmp_path, monkeypatch):
    np.save(tmp_path / "rates.npy", SAMPLES)
    monkeypatch.setattr("lrcore_keras.schedule._PROVIDED", {})
    for schedule in (lr.Samples(SAMPLES, path=str(tmp_path / "rates.npy")), 0.5 * lr.Samples(SAMPLES)):
        model = compiled_for_files(schedule)
        go_on(model, 3)
        model.save(tmp_path / "model.keras")
        again = keras.saving.load_model(tmp_path / "model.keras")
        if isinstance(schedule, lr.Product):
            with pytest.raises(lr.SpecError) as refusal:
                again.optimizer.learning_rate  # noqa: B018
            assert str(refusal.value) == (
                f"samples: expected the 1,000,000 values of SHA-256 {lr.Samples(SAMPLES).sha256[:12]}... at hand, got no values. "
                "Pass them to lrcore_keras.provide, or make the Samples with the path of their .npy file."
            )
            provide(SAMPLES)
        for each in (model, again):
            go_on(each, 2)
        np.testing.assert_array_equal(model.get_weights()[0], again.get_weights()[0])


def test_a_plan_of_a_newer_format_is_a_sentence(tmp_path):
    model = compiled_for_files(RATE)
    model.save(tmp_path / "model.keras")
    with zipfile.ZipFile(tmp_path / "model.keras") as old, zipfile.ZipFile(tmp_path / "newer.keras", "w") as new:
        for name in old.namelist():
            data = old.read(name)
            new.writestr(name, data.replace(rb"{\"lrcore\":1,", rb"{\"lrcore\":9,") if name == "config.json" else data)
    with pytest.raises(
        Exception, match=r"expected a document of format 1, got 9\. Read it with the lrcore that wrote it, or a newer one\."
    ):
        keras.saving.load_model(tmp_path / "newer.keras")


@pytest.mark.parametrize(
    "schedule",
    [
        PlanSchedule(RATE), PlanSchedule(PLAN, group="head"), PlanSchedule(PLAN, group="body1", field="momentum"),
        PlanSchedule(lr.Plan(lr.linear(0.0, 1.0, 0.5), horizon=10), steps_per_update=4),
        PlanSchedule(PLAN.bind(["head", "body2"]), group="body2"),
    ],
    ids=str,
)  # fmt: skip
def test_configs_and_copies_come_back_equal(schedule):
    config = json.loads(json.dumps(keras.optimizers.schedules.serialize(schedule)))
    for again in (keras.optimizers.schedules.deserialize(config), copy.deepcopy(schedule), pickle.loads(pickle.dumps(schedule))):
        assert type(again) is PlanSchedule and repr(again) == repr(schedule)
        assert again.schedule == schedule.schedule and again.steps_per_update == schedule.steps_per_update
        assert float(again(5)) == float(schedule(5))


# -- bad input ---------------------------------------------------------------------------------------------------------

INTEGER = "an integer tensor of shape (), such as optimizer.iterations"
MANY = "For many steps at once call lrcore_keras.table, or PlanSchedule.lowered."
REFUSED = {
    "a float": (lambda: PlanSchedule(RATE)(3.0), "step: expected an integer or a tensor of one, such as optimizer.iterations, got 3.0."),
    "a float tensor": (
        lambda: PlanSchedule(RATE)(keras.ops.convert_to_tensor(3.0)), f"step: expected {INTEGER}, got float32 of shape (). {MANY}",
    ),
    "a vector": (
        lambda: PlanSchedule(RATE)(keras.ops.convert_to_tensor(np.ones(1, "int32"))),
        f"step: expected {INTEGER}, got int32 of shape (1,). {MANY}",
    ),
    "a plan of several groups": (
        lambda: PlanSchedule(PLAN.bind(["head", "body"])),
        "group: expected one of 'head', 'body', got None. attach(optimizer, plan) gives each group its own.",
    ),
    "a group of a schedule": (
        lambda: PlanSchedule(lr.constant(0.1), group="head"),
        "plan: expected a Plan, to take a group or a field of it, got Constant(value=0.1). Leave group and field out.",
    ),
    "a group of a plan without": (
        lambda: PlanSchedule(lr.Plan(0.1), group="head"),
        "group: expected None or 'default', since the plan has no groups, got 'head'.",
    ),
    "a field there is not": (
        lambda: PlanSchedule(lr.Plan(RATE, momentum=0.9), field="beta1"),
        "field: expected one of those that the plan schedules (lr, momentum), got 'beta1'.",
    ),
    "no plan": (lambda: PlanSchedule(0.1), "plan: expected a Plan, a BoundPlan or a Schedule, got 0.1."),
    "steps_per_update": (lambda: PlanSchedule(RATE, steps_per_update=0), "steps_per_update: expected an integer >= 1, got 0."),
    "fractions of no horizon": (
        lambda: PlanSchedule(lr.linear(0.0, 1.0, 0.5)),
        "horizon: expected a number of updates, got None. The lengths in lr of group 'default' are fractions of it.",
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", REFUSED)
def test_bad_input_is_a_sentence(name):
    call, sentence = REFUSED[name]
    with pytest.raises(lr.LrcoreError) as refusal:
        call()
    assert str(refusal.value) == sentence
