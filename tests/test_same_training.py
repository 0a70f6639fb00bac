"""The same plan trains the same way: one run in NumPy, torch on the host and on the device, and JAX (Keras: tests/keras)."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest

import digits
import lrcore as lr

EXACT = digits.RATE(np.arange(digits.UPDATES))


def in_torch(mode: str) -> tuple[list[np.ndarray], list[float]]:
    import torch

    from lrcore_torch import PlanScheduler

    weights = [torch.tensor(weight, requires_grad=True) for weight in digits.first_weights()]
    optimizer = torch.optim.SGD(weights, lr=1.0, momentum=0.5)
    scheduler = PlanScheduler(optimizer, digits.PLAN, mode=mode)
    rates = []
    for images, labels in digits.batches():
        hidden = torch.tanh(torch.from_numpy(images) @ weights[0] + weights[1])
        loss = torch.nn.functional.cross_entropy(hidden @ weights[2] + weights[3], torch.from_numpy(labels))
        optimizer.zero_grad()
        loss.backward()
        rates.append(float(optimizer.param_groups[0]["lr"]))
        optimizer.step()
        scheduler.step()
    return [weight.detach().numpy() for weight in weights], rates


def in_jax() -> tuple[list[np.ndarray], list[float]]:
    import jax
    import jax.numpy as jnp
    import optax

    import lrcore_jax

    optimizer = lrcore_jax.optimizer(optax.sgd, digits.PLAN)
    weights = [jnp.asarray(weight) for weight in digits.first_weights()]
    state = optimizer.init(weights)

    def loss(weights: list[jax.Array], images: jax.Array, labels: jax.Array) -> jax.Array:
        hidden = jnp.tanh(images @ weights[0] + weights[1])
        scores = hidden @ weights[2] + weights[3]
        return optax.softmax_cross_entropy_with_integer_labels(scores, labels).mean()

    @jax.jit
    def update(weights, state, images, labels):
        updates, state = optimizer.update(jax.grad(loss)(weights, images, labels), state, weights)
        return optax.apply_updates(weights, updates), state

    rates = []
    for images, labels in digits.batches():
        weights, state = update(weights, state, images, labels.astype(np.int32))
        rates.append(float(state.hyperparams["learning_rate"]))
    return [np.asarray(weight) for weight in weights], rates


RUNS: dict[str, tuple[Callable[[], tuple[list[np.ndarray], list[float]]], float]] = {  # with what rates may differ by
    "numpy": (digits.trained_in_numpy, 0.0),
    "torch": (lambda: in_torch("host"), 0.0),
    "torch, device mode": (lambda: in_torch("device"), 6e-8),
    "jax": (in_jax, 1e-6),
}


@pytest.mark.parametrize("name", RUNS)
def test_the_same_rates_and_the_same_accuracy(name):
    run, rounding = RUNS[name]
    weights, rates = run()
    np.testing.assert_allclose(rates, EXACT, rtol=rounding, atol=0)
    reference = digits.accuracy(digits.trained_in_numpy()[0])
    assert reference > 0.85 and digits.accuracy(weights) == pytest.approx(reference, abs=0.01)


def test_that_another_plan_would_be_noticed(monkeypatch):
    reference = digits.accuracy(digits.trained_in_numpy()[0])
    monkeypatch.setattr(digits, "PLAN", lr.Plan(0.01 * digits.RATE, momentum=0.0))
    assert abs(digits.accuracy(digits.trained_in_numpy()[0]) - reference) > 0.01
