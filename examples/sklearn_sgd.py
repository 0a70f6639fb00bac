"""scikit-learn's SGDClassifier, driven step by step: its own schedules know no warmup, no cosine and no resuming."""

import numpy as np
from sklearn.datasets import load_digits
from sklearn.linear_model import SGDClassifier
from sklearn.model_selection import train_test_split

import lrcore as lr
from lrcore_numpy import Stepper

EPOCHS, BATCH = 10, 64

pixels, digits = load_digits(return_X_y=True)
seen, unseen, seen_digits, unseen_digits = train_test_split(pixels / 16, digits, test_size=0.2, random_state=0, stratify=digits)

updates = EPOCHS * -(-len(seen) // BATCH)
rate = lr.warmup_cosine(0.05, warmup=0.1, steps=updates).clip(1e-5, 0.05)  # scikit-learn refuses a rate of 0
stepper = Stepper(rate)
model = SGDClassifier(loss="log_loss", learning_rate="constant", eta0=stepper.value, random_state=0)

random = np.random.default_rng(0)
for _ in range(EPOCHS):
    order = random.permutation(len(seen))
    for batch in np.split(order, range(BATCH, len(order), BATCH)):
        stepper.apply(model, "eta0")
        if stepper.position % 50 == 0:
            print(f"update {stepper.position}: rate {model.eta0:.6f}")
        model.partial_fit(seen[batch], seen_digits[batch], classes=range(10))
        stepper.step()

print(f"accuracy {model.score(unseen, unseen_digits):.1%} after {stepper.position} updates")
