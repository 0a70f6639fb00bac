"""What a schedule costs in Keras and optax: an eager call, a compiled training step, compiling it, and the saved model.

Each backend of Keras is measured in a process of its own, whose figures are told as JSON: python -m benchmarks.compiled_steps keras-jax
"""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Callable
from functools import cache
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory
from time import perf_counter
from typing import Any

import numpy as np

import lrcore as lr

PEAK, WARMUP = 0.1, 100
ROUNDS, CALLS = 15, 20


def ours(steps: int) -> lr.Schedule:
    return lr.linear(0.0, PEAK, WARMUP) >> lr.cosine(PEAK, 0.0, steps - WARMUP)


def interleaved(contenders: dict[str, Callable[[], object]], calls: int = CALLS) -> dict[str, float]:
    """Seconds of a call of each, the median of rounds in which they take turns."""
    times: dict[str, list[float]] = {name: [] for name in contenders}
    for call in contenders.values():
        call()
    for _ in range(ROUNDS):
        for name, call in contenders.items():
            begin = perf_counter()
            for _ in range(calls):
                call()
            times[name].append((perf_counter() - begin) / calls)
    return {name: median(taken) for name, taken in times.items()}


def seconds(call: Callable[[], object]) -> float:
    begin = perf_counter()
    call()
    return perf_counter() - begin


# -- Keras -------------------------------------------------------------------------------------------------------------


def keras_figures() -> dict[str, float]:
    import keras

    from lrcore_keras import PlanSchedule

    horizon = 10**6
    batch, target = np.ones((64, 64), np.float32), np.zeros((64, 1), np.float32)

    def model(rate: Any) -> Any:
        keras.utils.set_random_seed(0)
        made = keras.Sequential([keras.Input((64,)), keras.layers.Dense(256, activation="relu"), keras.layers.Dense(1)])
        made.compile(keras.optimizers.SGD(rate), "mse")
        return made

    theirs = keras.optimizers.schedules.CosineDecay(0.0, horizon - WARMUP, warmup_target=PEAK, warmup_steps=WARMUP)
    schedule = PlanSchedule(ours(horizon))
    models = {"constant": model(PEAK), "lrcore": model(schedule), "Keras": model(theirs)}
    iterations = models["lrcore"].optimizer.iterations
    iterations.assign(horizon // 2)
    np.testing.assert_allclose(float(schedule(iterations)), ours(horizon)(horizon // 2), rtol=1e-6)
    np.testing.assert_allclose(float(theirs(iterations)), ours(horizon)(horizon // 2), rtol=1e-4)
    eager = interleaved({"lrcore": lambda: schedule(iterations), "Keras": lambda: theirs(iterations)}, 5)
    step = interleaved({name: (lambda made=made: made.train_on_batch(batch, target)) for name, made in models.items()})
    figures = {
        "eager call, as fast as CosineDecay": eager["Keras"] / eager["lrcore"],
        "step, of one at a constant rate": step["lrcore"] / step["constant"],
        "step with CosineDecay, of one at a constant rate": step["Keras"] / step["constant"],
    }
    short, long = model(PlanSchedule(ours(10**3))), model(PlanSchedule(ours(10**9)))
    compiling = [seconds(lambda made=made: made.train_on_batch(batch, target)) for made in (short, long)]
    figures["compiling 10^9 steps, of compiling 10^3"] = compiling[1] / compiling[0]
    with TemporaryDirectory() as folder:
        sizes = []
        for name, made in (("short", short), ("long", long), ("keras", models["Keras"])):
            path = Path(folder) / f"{name}.keras"
            made.save(path)
            sizes.append(path.stat().st_size)
    figures["saved model of 10^9 steps, of 10^3"] = sizes[1] / sizes[0]
    figures["saved model, of one with CosineDecay"] = sizes[1] / sizes[2]
    return figures


# -- optax -------------------------------------------------------------------------------------------------------------


def optax_figures() -> dict[str, float]:
    import jax
    import jax.numpy as jnp
    import optax

    from lrcore_jax import schedule

    horizon = 10**6
    weights = {"w": jnp.ones((256, 256))}

    def step(rate: Any) -> Callable[[], object]:
        optimizer = optax.adam(rate)
        state = optimizer.init(weights)

        @jax.jit
        def update(state: Any) -> Any:
            return optimizer.update(jax.tree.map(jnp.ones_like, weights), state, weights)

        return lambda: jax.block_until_ready(update(state))

    theirs = optax.warmup_cosine_decay_schedule(0.0, PEAK, WARMUP, horizon)
    lowered = schedule(ours(horizon))
    np.testing.assert_allclose(float(jax.jit(lowered)(horizon // 2)), ours(horizon)(horizon // 2), rtol=1e-6)
    np.testing.assert_allclose(float(jax.jit(theirs)(horizon // 2)), ours(horizon)(horizon // 2), rtol=1e-4)
    count = jnp.asarray(horizon // 2, jnp.int32)
    eager = interleaved({"lrcore": lambda: lowered(count), "optax": lambda: theirs(count)}, 5)
    steps = interleaved({"constant": step(PEAK), "lrcore": step(lowered), "optax": step(theirs)})
    compiling = [seconds(step(schedule(ours(length)))) for length in (10**3, 10**9)]
    return {
        "eager call, as fast as optax's": eager["optax"] / eager["lrcore"],
        "step, of one at a constant rate": steps["lrcore"] / steps["constant"],
        "step with optax's schedule, of one at a constant rate": steps["optax"] / steps["constant"],
        "compiling 10^9 steps, of compiling 10^3": compiling[1] / compiling[0],
    }


@cache
def figures_of(backend: str) -> dict[str, float]:
    """The figures of one backend, measured in a process of its own: keras-tensorflow, keras-jax, keras-torch or optax."""
    import subprocess

    environment = os.environ | {"KERAS_BACKEND": backend.removeprefix("keras-"), "JAX_PLATFORMS": "cpu", "TF_CPP_MIN_LOG_LEVEL": "3"}
    command = [sys.executable, "-m", "benchmarks.compiled_steps", backend]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=True)
    told: dict[str, float] = json.loads(done.stdout.splitlines()[-1])
    return told


if __name__ == "__main__":
    print(json.dumps(optax_figures() if sys.argv[1] == "optax" else keras_figures()))
