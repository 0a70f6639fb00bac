"""A network in plain NumPy learns scikit-learn's handwritten digits, with rate, momentum and decay from one plan."""

import numpy as np
from sklearn.datasets import load_digits
from sklearn.model_selection import train_test_split

import lrcore as lr
from lrcore_numpy import Stepper

EPOCHS, BATCH, HIDDEN = 15, 64, 64

pixels, digits = load_digits(return_X_y=True)
seen, unseen, seen_digits, unseen_digits = train_test_split(pixels / 16, digits, test_size=0.2, random_state=0, stratify=digits)
targets = np.eye(10)[seen_digits]

random = np.random.default_rng(0)
weights = {
    "hidden": random.normal(0, np.sqrt(2 / 64), (65, HIDDEN)),  # the last row of each is the bias
    "output": random.normal(0, np.sqrt(1 / HIDDEN), (HIDDEN + 1, 10)),
}
moves = {name: np.zeros_like(weight) for name, weight in weights.items()}

updates = EPOCHS * -(-len(seen) // BATCH)
rate = lr.warmup_cosine(0.2, warmup=0.1, steps=updates)
plan = lr.Plan(rate, momentum=lr.linear(0.5, 0.95, updates), weight_decay=1e-4, groups={"output": {"lr": 0.5 * rate}})
stepper = Stepper(plan, ["hidden", "output"])


def with_ones(values: np.ndarray) -> np.ndarray:
    return np.hstack([values, np.ones((len(values), 1))])


def forward(inputs: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    hidden = np.maximum(with_ones(inputs) @ weights["hidden"], 0)
    scores = with_ones(hidden) @ weights["output"]
    odds = np.exp(scores - scores.max(axis=1, keepdims=True))
    return hidden, odds / odds.sum(axis=1, keepdims=True)


for _ in range(EPOCHS):
    order = random.permutation(len(seen))
    for batch in np.split(order, range(BATCH, len(order), BATCH)):
        if stepper.position % 50 == 0:
            print(f"update {stepper.position}: rate {stepper['hidden', 'lr']:.6f}, momentum {stepper['hidden', 'momentum']:.3f}")
        hidden, chances = forward(seen[batch])
        error = (chances - targets[batch]) / len(batch)
        gradients = {
            "hidden": with_ones(seen[batch]).T @ ((error @ weights["output"][:-1].T) * (hidden > 0)),
            "output": with_ones(hidden).T @ error,
        }
        for name, values in stepper.current().items():
            moves[name] = values["momentum"] * moves[name] - values["lr"] * (gradients[name] + values["weight_decay"] * weights[name])
            weights[name] += moves[name]
        stepper.step()

print(f"accuracy {np.mean(forward(unseen)[1].argmax(axis=1) == unseen_digits):.1%} after {stepper.position} updates")
