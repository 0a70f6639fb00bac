"""The laws of every adapter, on attached optimizers of this backend."""

from __future__ import annotations

from typing import Any

import keras
import numpy as np
import pytest

import lrcore as lr
from lrcore import conformance
from lrcore_keras import attach, load_state_dict, state_dict


class Run(conformance.Driver):
    """Plain SGD on a weight for each group, at 0 and with the gradient 1: an update leaves the rate, negated."""

    rounding = 1e-6

    def __init__(self, plan: lr.Plan, names: tuple[str, ...]) -> None:
        self.plan, self.weights = plan, [keras.Variable(np.zeros(1, np.float32), name=name) for name in names]
        self.optimizer = attach(keras.optimizers.SGD(), plan, {name: name for name in names})
        self.optimizer.build(self.weights)

    def update(self) -> conformance.Values:
        for weight in self.weights:
            weight.assign(np.zeros(1, np.float32))
        self.optimizer.apply([keras.ops.ones(1) for _ in self.weights], self.weights)
        return {weight.name: {"lr": -float(keras.ops.convert_to_numpy(weight.value)[0])} for weight in self.weights}

    def step(self) -> None:
        """Keras counts by itself."""

    def save(self) -> dict[str, Any]:
        moments = [np.array(keras.ops.convert_to_numpy(variable.value)) for variable in self.optimizer.variables]
        return {"optimizer": moments, "plan": state_dict(self.optimizer)}

    def load(self, state: dict[str, Any]) -> None:
        for part, value in state.items():
            if part == "optimizer":
                lr.check_state(state["plan"], self.plan)  # as model.load_weights does, which has both
                for variable, moment in zip(self.optimizer.variables, value, strict=True):
                    variable.assign(moment)
            else:
                load_state_dict(self.optimizer, value)

    def seek(self, step: int) -> None:
        self.optimizer.iterations.assign(step)


@pytest.mark.parametrize("law", conformance.laws(Run), ids=lambda law: law.__name__)
def test_law(law):
    law(Run)
