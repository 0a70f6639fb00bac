"""lrcore_keras.schedules: Keras's names, arguments and defaults, and every recipe as a class that comes back from a file."""

from __future__ import annotations

import inspect
import json

import keras
import numpy as np
import pytest

import lrcore as lr
from keras_steps import Probe
from lrcore import presets
from lrcore_keras import PlanSchedule, schedules

KERAS = {
    "CosineDecay": [(0.1, 100), (0.1, 100, 0.2), (0.0, 90, 0.1, "mine", 0.5, 10)],
    "CosineDecayRestarts": [(0.1, 30), (0.1, 30, 1.5, 0.8, 0.1)],
    "ExponentialDecay": [(0.1, 20, 0.5), (0.1, 20, 0.5, True)],
    "InverseTimeDecay": [(0.1, 20, 0.5), (0.1, 20, 0.5, True, "mine")],
    "PiecewiseConstantDecay": [([30, 60], [0.1, 0.05, 0.01])],
    "PolynomialDecay": [(0.1, 50), (0.1, 50, 0.01, 2.0), (0.1, 50, 0.01, 0.5, True)],
}
CALLS = [(name, args) for name, calls in KERAS.items() for args in calls]


def native(name):
    return getattr(keras.optimizers.schedules, name)


@pytest.mark.parametrize("name", KERAS)
def test_it_is_called_as_keras_calls_it(name):
    theirs = dict(inspect.signature(native(name).__init__).parameters)
    ours = dict(inspect.signature(getattr(schedules, name)).parameters)
    assert list(theirs)[1:] == list(ours)[:-1] and list(ours)[-1] == "steps_per_update"
    assert all(ours[key].default == theirs[key].default for key in list(ours)[:-1])


@pytest.mark.parametrize(("name", "args"), CALLS)
def test_the_numbers_are_those_of_keras(name, args):
    """As far as Keras's float32 goes, away from its boundaries."""
    ours, theirs = getattr(schedules, name)(*args), native(name)(*args)
    for step in (0, 1, 7, 29, 45, 77, 101, 250):
        assert float(ours(step)) == pytest.approx(float(theirs(step)), rel=1e-4, abs=2e-7)


@pytest.mark.parametrize(("name", "args"), CALLS)
def test_configs_are_those_of_keras(name, args):
    ours, theirs = getattr(schedules, name)(*args), native(name)(*args)
    assert ours.get_config() == theirs.get_config()
    again = keras.optimizers.schedules.deserialize(json.loads(json.dumps(keras.optimizers.schedules.serialize(ours))))
    assert type(again) is type(ours) and again.schedule == ours.schedule and again.name == theirs.name


def test_all_of_keras_are_there():
    own = {name for name, kind in vars(keras.optimizers.schedules).items() if inspect.isclass(kind)}
    assert own - {"LearningRateSchedule"} == set(KERAS) <= set(schedules.__all__)


@pytest.mark.parametrize("recipe", lr.recipes().values(), ids=lambda recipe: recipe.name)
def test_every_recipe_is_a_class(recipe):
    kind = next((kind for kind in vars(schedules).values() if getattr(kind, "function", None) is recipe.function), None)
    if kind is None:
        assert recipe.name == "exponential_decay"  # the name is Keras's
        return
    made = kind(**recipe.example, steps_per_update=2)
    assert isinstance(made, PlanSchedule) and made.schedule == recipe(**recipe.example)
    again = keras.optimizers.schedules.deserialize(json.loads(json.dumps(keras.optimizers.schedules.serialize(made))))
    assert type(again) is kind and again.schedule == made.schedule and again.steps_per_update == 2
    assert again.get_config() == made.get_config()


def test_names_are_spelled_as_keras_spells():
    named = {"OneCycle", "Cyclic", "WarmupStableDecay", "InverseSqrt", "WarmupCosine", "Noam", "CosineRestarts", "LearningRateRangeTest"}
    assert named <= set(schedules.__all__)


def test_they_train():
    made = [schedules.CosineDecay(0.1, 100.0), schedules.OneCycle(0.1, steps=100), schedules.InverseSqrt(0.1, warmup=10)]
    np.testing.assert_allclose(Probe(made).rates([37, 37, 37]), [one.schedule(37) for one in made], rtol=1e-6)


@pytest.mark.parametrize(
    ("call", "sentence"),
    [
        (lambda: schedules.CosineDecay(0.1, 0), "keras.CosineDecay.decay_steps: expected an integer >= 1, got 0."),
        (lambda: schedules.CosineDecay(0.1, 2.5), "keras.CosineDecay.decay_steps: expected an integer >= 1, got 2.5."),
        (
            lambda: schedules.PiecewiseConstantDecay([3], [0.1]),
            "keras.PiecewiseConstantDecay.values: expected one more than the boundaries (2), got 1.",
        ),
        (lambda: schedules.OneCycle(0.1, steps=-1), "one_cycle.steps: expected an integer >= 0, got -1."),
    ],
)  # fmt: skip
def test_bad_input_is_a_sentence(call, sentence):
    with pytest.raises(lr.SpecError) as refusal:
        call()
    assert str(refusal.value) == sentence


def test_presets_are_the_home_of_the_numbers():
    for name, args in CALLS:
        given = getattr(schedules, name)(*args)
        assert given.schedule == getattr(presets.keras, name)(**given.arguments)
