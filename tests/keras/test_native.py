"""from_native, to_code and table: plans from Keras's schedules, code that needs Keras alone, tensors of the backend."""

from __future__ import annotations

import keras
import numpy as np
import pytest

import lrcore as lr
from keras_steps import BACKEND, Probe
from lrcore_keras import PlanSchedule, attach, from_native, schedules, table, to_code

native = keras.optimizers.schedules
RATE = lr.warmup_cosine(0.1, warmup=5, steps=20, stop=1e-3)
PLAN = lr.Plan(RATE, momentum=0.9, groups={"head.*": {"lr": 0.1 * RATE}})


# -- from Keras --------------------------------------------------------------------------------------------------------

STOCK = {
    "CosineDecay": {"initial_learning_rate": 0.0, "decay_steps": 90, "alpha": 0.1, "warmup_target": 0.5, "warmup_steps": 10},
    "CosineDecayRestarts": {"initial_learning_rate": 0.1, "first_decay_steps": 30, "t_mul": 1.5, "m_mul": 0.8, "alpha": 0.1},
    "ExponentialDecay": {"initial_learning_rate": 0.1, "decay_steps": 20, "decay_rate": 0.5, "staircase": True},
    "InverseTimeDecay": {"initial_learning_rate": 0.1, "decay_steps": 20, "decay_rate": 0.5},
    "PiecewiseConstantDecay": {"boundaries": [30, 60], "values": [0.1, 0.05, 0.01]},
    "PolynomialDecay": {"initial_learning_rate": 0.1, "decay_steps": 50, "end_learning_rate": 0.01, "power": 0.5, "cycle": True},
}


@pytest.mark.parametrize("name", STOCK)
def test_from_a_schedule_an_optimizer_and_a_name(name):
    wanted = lr.Plan(getattr(schedules, name)(**STOCK[name]).schedule)
    schedule = getattr(native, name)(**STOCK[name])
    assert from_native(schedule) == from_native(keras.optimizers.SGD(schedule)) == from_native(name, **STOCK[name]) == wanted


def test_from_a_number_and_from_our_own():
    assert from_native(keras.optimizers.SGD(0.25)) == lr.Plan(0.25)
    assert from_native(PlanSchedule(RATE)) == from_native(attach(keras.optimizers.SGD(), RATE)) == lr.Plan(RATE)
    assert from_native(PlanSchedule(RATE, steps_per_update=3)).lr == RATE.per(3)


class Halving(native.LearningRateSchedule):
    def __call__(self, step):
        return 0.5 ** keras.ops.cast(step, "float32")


def test_anything_else_is_sampled():
    assert from_native(Halving(), steps=4) == lr.Plan(lr.Samples([1.0, 0.5, 0.25, 0.125]))


# -- to Keras ----------------------------------------------------------------------------------------------------------


def made(code):
    names: dict[str, object] = {}
    exec(code, names)
    return names["learning_rate"]


@pytest.mark.parametrize(
    "schedule",
    [
        lr.cosine(0.1, 0.0, 100), lr.cosine(0.1, 0.01, 100), lr.linear(0.1, 0.02, 50), lr.polynomial(0.1, 0.0, 50, power=2),
        lr.linear(0.0, 0.1, 10) >> lr.cosine(0.1, 0.01, 90), lr.step(0.1, gamma=0.5, every=30), lr.curve(0.1, "geometric", gamma=0.99),
        lr.inverse_time(0.1, 0.02), lr.piecewise_constant([30, 60], [0.1, 0.05, 0.01]), lr.cosine(0.1, 0.01, 30).repeat(stretch=2.0),
        lr.cosine(0.1, 0.0, 30).repeat(),
    ],
    ids=repr,
)  # fmt: skip
def test_stock_schedules_where_they_mean_the_same(schedule):
    code = to_code(schedule)
    assert "keras.optimizers.schedules." in code and "class " not in code
    steps = np.arange(300)
    np.testing.assert_allclose(from_native(made(code)).lr(steps), schedule(steps), rtol=1e-12, atol=1e-16)


def test_a_constant_is_a_number():
    assert to_code(lr.constant(0.1)).endswith("\nlearning_rate = 0.1\n")


def test_code_trains_and_is_saved():
    rate = made(to_code(lr.one_cycle(0.1, steps=100), name="learning_rate"))
    again = native.deserialize(native.serialize(rate), custom_objects={type(rate).__name__: type(rate)})
    np.testing.assert_allclose(Probe([rate, again]).rates([55, 55]), [lr.one_cycle(0.1, steps=100)(55)] * 2, rtol=1e-6)


# -- tables ------------------------------------------------------------------------------------------------------------

DTYPES = ("float32", "float16", "bfloat16", *(["float64"] if BACKEND != "jax" else []))


@pytest.mark.parametrize("dtype", DTYPES)
def test_a_plan_gives_rows_and_a_schedule_a_vector(dtype):
    bound = PLAN.bind(["body", "head1"])
    exact = np.asarray(bound.table(12, 3))
    for values, wanted in (
        (table(bound, 12, 3, dtype=dtype), exact), (table(PLAN, 12, 3, dtype=dtype, names=["body", "head1"]), exact),
        (table(RATE, 12, 3, dtype=dtype), exact[:, 0]),
    ):  # fmt: skip
        assert keras.backend.standardize_dtype(values.dtype) == dtype and tuple(values.shape) == wanted.shape
        shown = keras.ops.convert_to_numpy(keras.ops.cast(values, "float32"))
        rounding = {"float64": 2**-24, "float32": 2**-24, "float16": 2**-11, "bfloat16": 2**-8}[dtype]
        np.testing.assert_allclose(shown, wanted, rtol=rounding, atol=2**-25)


def test_bfloat16_is_rounded_once():
    value = 1 + 2.0**-8 + 2.0**-40  # a hair above the middle: float32 on the way would round it down
    assert float(keras.ops.cast(table(lr.Samples([value]), dtype="bfloat16"), "float32")[0]) == 1 + 2.0**-7


# -- bad input ---------------------------------------------------------------------------------------------------------

NAMES = ", ".join(STOCK)
REFUSED = {
    "a user's class": (
        lambda: from_native(Halving()),
        "Halving is a class of the user's own, and a plan holds no code. Pass steps=N to keep its first N values.",
    ),
    "no schedule": (
        lambda: from_native(3),
        f"schedule: expected a schedule of keras.optimizers.schedules, an optimizer or a name, got 3. Names are {NAMES}.",
    ),
    "no name": (lambda: from_native("Cosine"), f"schedule: expected one of {NAMES}, got 'Cosine'."),
    "arguments with an object": (
        lambda: from_native(Halving(), steps=3, power=2), "arguments: expected none with an object, got ['power']. They belong to a name.",
    ),
    "an argument too few": (
        lambda: from_native("CosineDecay", decay_steps=3),
        "arguments: expected those of CosineDecay, got ['decay_steps']. Missing a required argument: 'initial_learning_rate'.",
    ),
    "no name in code": (lambda: to_code(RATE, name="a b"), "name: expected a name of Python, got 'a b'."),
    "a dtype": (lambda: table(RATE, 3, dtype="int32"), "dtype: expected one of float64, float32, float16, bfloat16, got 'int32'."),
    "an endless table": (
        lambda: table(lr.constant(0.1)),
        "count: expected a number of steps, got None. The plan has no horizon, and its schedules do not end.",
    ),
    "too large for float16": (
        lambda: table(lr.constant(1e5), 3, dtype="float16"),
        "The table reaches 100000.0, and float16 ends below 65520. Take float32 or float64.",
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", REFUSED)
def test_bad_input_is_a_sentence(name):
    call, sentence = REFUSED[name]
    with pytest.raises(lr.LrcoreError) as refusal:
        call()
    assert str(refusal.value) == sentence
