"""Handwritten digits in JAX: warmup and cosine, a slower first layer, and a weight decay that grows, in one compiled step of AdamW."""

import jax
import jax.numpy as jnp
import numpy as np
import optax
from sklearn.datasets import load_digits
from sklearn.model_selection import train_test_split

import lrcore as lr
from lrcore_jax import current, optimizer, step_of

EPOCHS, BATCH = 10, 64

pixels, digits = load_digits(return_X_y=True)
train_x, test_x, train_y, test_y = train_test_split(np.float32(pixels / 16), digits, test_size=0.2, random_state=0, stratify=digits)
updates_per_epoch = len(train_x) // BATCH
steps = EPOCHS * updates_per_epoch

base = lr.warmup_cosine(4e-3, warmup=0.1, steps=steps, stop=4e-5)
plan = lr.Plan(base, weight_decay=lr.cosine(0.01, 0.1, steps), groups={"first": {"lr": 0.5 * base}, "bias": {"weight_decay": 0.0}})

rng = np.random.default_rng(0)
params = {
    name: {"weight": jnp.float32(rng.normal(0, (2 / rows) ** 0.5, (rows, columns))), "bias": jnp.zeros(columns)}
    for name, rows, columns in (("first", 64, 128), ("last", 128, 10))
}
labels = {name: {"weight": name, "bias": "bias"} for name in params}
tx = optimizer(optax.adamw, plan, labels)


def logits(params, x):
    hidden = jax.nn.relu(x @ params["first"]["weight"] + params["first"]["bias"])
    return hidden @ params["last"]["weight"] + params["last"]["bias"]


def loss_of(params, x, y):
    return optax.softmax_cross_entropy_with_integer_labels(logits(params, x), y).mean()


@jax.jit
def train(params, opt_state, x, y):
    loss, grads = jax.value_and_grad(loss_of)(params, x, y)
    updates, opt_state = tx.update(grads, opt_state, params)
    return optax.apply_updates(params, updates), opt_state, loss


opt_state = tx.init(params)
for _ in range(EPOCHS):
    order = rng.permutation(len(train_x))
    for batch in order[: updates_per_epoch * BATCH].reshape(-1, BATCH):
        params, opt_state, loss = train(params, opt_state, train_x[batch], train_y[batch])
    update, values = step_of(opt_state) - 1, current(opt_state)  # of the last update
    print(f"update {update}: rate {values['last']['lr']:.6f}, first layer {values['first']['lr']:.6f}, loss {loss:.4f}")

accuracy = float((logits(params, test_x).argmax(1) == test_y).mean())
print(f"accuracy {accuracy:.3f} on {len(test_y)} digits")
