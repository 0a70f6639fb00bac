"""An adapter for a framework that lrcore has never heard of, in under 60 lines; tests hold it to `lrcore.conformance`."""

from typing import Any

import numpy as np

import lrcore as lr


class Trainer:
    """The made-up framework: slices of one vector of weights, each moved by a speed and a drag of its own."""

    def __init__(self, **sizes: int) -> None:
        self.slices = {name: {"speed": 0.01, "drag": 0.0} for name in sizes}
        self.weights = {name: np.zeros(size) for name, size in sizes.items()}
        self.moves = {name: np.zeros(size) for name, size in sizes.items()}

    def move(self, gradients: dict[str, np.ndarray]) -> None:
        for name, knobs in self.slices.items():
            self.moves[name] = knobs["drag"] * self.moves[name] - knobs["speed"] * gradients[name]
            self.weights[name] += self.moves[name]


# -- the adapter -------------------------------------------------------------------------------------------------------

KNOBS = {"lr": "speed", "momentum": "drag"}
"""What the framework calls lrcore's fields."""


class PlanPilot:
    """Keeps the knobs of a Trainer at the values of a plan: call `step()` after every move."""

    def __init__(self, trainer: Trainer, plan: lr.Plan | lr.Schedule, on_change: lr.OnChange = "error") -> None:
        self.trainer, self.on_change = trainer, on_change
        self._follow(plan if isinstance(plan, lr.Plan) else lr.Plan(plan), 0)

    def _follow(self, plan: lr.Plan, step: int) -> None:
        """Check everything, then write: a plan that does not fit leaves the trainer as it was."""
        bound = plan.bind(self.trainer.slices)
        for name, field in bound.columns:
            if field not in KNOBS:
                raise lr.PlanError(f"The plan schedules {field} of {name!r}, and a Trainer has only {' and '.join(KNOBS)}.")
        self.bound = bound
        self.seek(step)

    def seek(self, step: int) -> None:
        """Go to a step: one evaluation of the row, written in C."""
        slices = self.trainer.slices
        if tuple(slices) != self.bound.names:  # slices were added, removed or renamed
            self.bound = self.bound.plan.bind(slices)
        places = [slices[name] for name, _ in self.bound.columns]
        lr.write_row(self.bound.program, step, places, [KNOBS[field] for _, field in self.bound.columns])
        self.position = step

    def step(self) -> None:
        self.seek(self.position + 1)

    def current(self) -> dict[str, dict[str, float]]:
        return self.bound.current(self.position)

    def state_dict(self) -> dict[str, Any]:
        return lr.make_state(self.bound, self.position)

    def load_state_dict(self, state: dict[str, Any]) -> None:
        self._follow(*lr.check_state(state, self.bound.plan, self.on_change, self.trainer.slices))


# -- a run -------------------------------------------------------------------------------------------------------------

if __name__ == "__main__":
    trainer = Trainer(body=3, head=2)
    target = {"body": np.array([1.0, 2.0, 3.0]), "head": np.array([-1.0, 1.0])}
    pilot = PlanPilot(trainer, lr.Plan(lr.warmup_cosine(0.2, warmup=5, steps=50), momentum=lr.linear(0.5, 0.9, 50)))
    for update in range(50):
        if update % 10 == 0:
            error = sum(float(np.abs(trainer.weights[name] - target[name]).sum()) for name in target)
            print(f"update {update}: rate {trainer.slices['head']['speed']:.6f}, error {error:.4f}")
        trainer.move({name: trainer.weights[name] - target[name] for name in target})
        pilot.step()
