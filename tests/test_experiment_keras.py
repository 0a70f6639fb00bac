"""The experiment in Keras, in processes of their own, beside the same one in PyTorch."""

import json
import os
import subprocess
import sys
from functools import cache

import numpy as np
import pytest

import lrcore as lr
from lrcore.experiment import SOLVERS, Setup, run
from lrcore.experiment.contenders import contenders

ENGINES = ("torch", "jax")
SIZE = {"epochs": 3, "seeds": 1, "train": 200, "hidden": 32, "rate": 0.01}
NEAR = {"sgd": 1e-6, "momentum": 1e-6, "adam": 1e-3, "adamw": 1e-3}
"""Measured on three backends: 5e-8 and 9e-5 after 3 epochs of 45 updates; float32 sums in another order."""

CODE = """
import json, os, random, sys
import numpy as np
from lrcore.experiment import SOLVERS, Setup, contenders, run
import lrcore.experiment.on_keras  # loading Keras draws random numbers, whoever does it

def told(setup, given):
    return [[each.rate, each.train_loss, each.test_loss, each.accuracy] for each in run(setup, contenders(given, setup))]

size, random_states = json.loads(sys.argv[1]), (random.getstate(), np.random.get_state()[1].tolist())
found = {solver: told(Setup(backend="keras", solver=solver, **size), ["constant"]) for solver in SOLVERS}
found["plateau"] = told(Setup(backend="keras", **{**size, "epochs": 20, "rate": 0.1}), ["plateau"])
found["by update"] = told(Setup(backend="keras", **size), ["linear(0.01, 0, 21)"])
found["twice"] = told(Setup(backend="keras", **size), {"one": "cosine", "two": "cosine"})
found["wild"] = told(Setup(backend="keras", solver="sgd", **{**size, "rate": None}), ["constant(1e30)"])
import keras
found["engine"] = keras.backend.backend()
found["environment"] = os.environ.get("KERAS_BACKEND")
found["untouched"] = random_states == (random.getstate(), np.random.get_state()[1].tolist())
print(json.dumps(found))
"""


@cache
def in_keras(engine):
    """What a process finds that runs on this backend: the one that is taken where nothing is said, or the one of KERAS_BACKEND."""
    environment = {name: value for name, value in os.environ.items() if name != "KERAS_BACKEND"}
    environment |= {} if engine == ENGINES[0] else {"KERAS_BACKEND": engine}
    done = subprocess.run([sys.executable, "-c", CODE, json.dumps(SIZE)], capture_output=True, text=True, env=environment, check=False)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


@pytest.mark.parametrize("solver", SOLVERS)
@pytest.mark.parametrize("engine", ENGINES)
def test_a_constant_rate_gives_the_losses_of_pytorch(engine, solver):
    """Keras's Adam adds its epsilon before the correction of its second moment, which in PyTorch is an epsilon that becomes smaller."""
    setup = Setup(solver=solver, **SIZE)
    step = np.arange(1, setup.updates + 1)
    fields = {} if solver in ("sgd", "momentum") else {"eps": lr.Samples(1e-7 / np.sqrt(1 - 0.999**step))}
    found = [[each.train_loss, each.test_loss] for each in run(setup, {"constant": lr.Plan(0.01, fields=fields, horizon=setup.updates)})]
    np.testing.assert_allclose([each[1:3] for each in in_keras(engine)[solver]], found, rtol=NEAR[solver])


@pytest.mark.parametrize("engine", ENGINES)
def test_the_optimizer_had_the_rates_of_the_table(engine):
    setup = Setup(**SIZE)
    rates = contenders(["linear(0.01, 0, 21)"], setup)["linear"].table(setup.updates)["default", "lr"]
    expected = np.asarray(rates[:]).reshape(3, -1)[:, -1]
    np.testing.assert_allclose([each[0] for each in in_keras(engine)["by update"]], expected, rtol=1e-6)


@pytest.mark.parametrize("engine", ENGINES)
def test_plateau_reduces_exactly_where_its_rule_says(engine):
    setup = Setup(**{**SIZE, "epochs": 20, "rate": 0.1})
    found = in_keras(engine)["plateau"]
    replayed = contenders(["plateau"], setup)["plateau"].adapt.replay([each[2] for each in found], rate=0.1)
    assert len(replayed.events) >= 2
    np.testing.assert_allclose([each[0] for each in found[1:]], replayed.rates[:-1], rtol=1e-7)


@pytest.mark.parametrize("engine", ENGINES)
def test_equal_plans_are_equal_runs(engine):
    found = in_keras(engine)["twice"]
    assert found[:3] == found[3:]


@pytest.mark.parametrize("engine", ENGINES)
def test_a_run_that_diverges_says_so(engine):
    (only,) = in_keras(engine)["wild"]
    assert np.isnan(only[1:]).all()


@pytest.mark.parametrize("engine", ENGINES)
def test_it_runs_on_the_backend_of_keras_and_leaves_no_traces(engine):
    found = in_keras(engine)
    assert (found["engine"], found["untouched"]) == (engine, True)
    assert found["environment"] == (None if engine == ENGINES[0] else engine)
