"""Trainers that bring a metric of their own accord: to a plateau scheduler in Lightning, to a callback in transformers."""

from __future__ import annotations

from collections.abc import Mapping
from importlib import import_module
from typing import Any, SupportsFloat

from torch import Tensor
from torch.optim import lr_scheduler as stock

import lrcore as lr

from .scheduler import PlanScheduler


class PlanObserver(stock.ReduceLROnPlateau):
    """What a trainer that knows PyTorch's ReduceLROnPlateau steps with a metric: `step(metric)` is `scheduler.observe(metric)`.

    scheduler : the PlanScheduler, which the trainer steps too, and whose state is saved by it
    group : as for `PlanScheduler.observe`

    In Lightning both are returned for one optimizer, the plan's by step and this one with what to monitor:
    `[optimizer], [{"scheduler": scheduler, "interval": "step"}, {"scheduler": PlanObserver(scheduler), "monitor": "val_loss"}]`.

    >>> import torch, lrcore as lr
    >>> plan = lr.Plan(1.0, adapt=lr.ReduceLROnPlateau(factor=0.5, patience=0))
    >>> observer = PlanObserver(PlanScheduler(torch.optim.SGD([torch.zeros(1)]), plan))
    >>> observer.step(3.0), observer.step(3.0)
    (None, None)
    >>> observer.get_last_lr()
    [0.5]
    """

    def __init__(self, scheduler: PlanScheduler, group: str | None = None) -> None:
        if not isinstance(scheduler, PlanScheduler):
            raise TypeError(f"PlanObserver takes a PlanScheduler, got {type(scheduler).__name__}.")
        self.scheduler, self.group, self.optimizer = scheduler, group, scheduler.optimizer

    @property
    def last_epoch(self) -> int:  # type: ignore[override]  # an attribute that is set, there
        """The step of the plan that is in force."""
        return self.scheduler.last_epoch

    def step(self, metrics: SupportsFloat, epoch: int | None = None) -> None:  # type: ignore[override]
        """Observe one metric."""
        self.scheduler.observe(metrics, self.group)

    def get_last_lr(self) -> list[float | Tensor]:
        """The rates in force, group by group."""
        return self.scheduler.get_last_lr()

    def get_lr(self) -> list[float | Tensor]:
        """The rates in force, group by group."""
        return self.scheduler.get_last_lr()

    def state_dict(self) -> dict[str, Any]:
        """Nothing: the events are in the state of the PlanScheduler."""
        return {}

    def load_state_dict(self, state_dict: Mapping[str, Any]) -> None:
        """Nothing is loaded: the events come with the state of the PlanScheduler."""


def trainer_observer(metric: str = "eval_loss", group: str | None = None) -> Any:
    """A callback for `transformers.Trainer` that observes a metric of every evaluation during training.

    metric : its name as evaluations give it, such as "eval_loss" or, of several data sets, "eval_name_loss"
    group : as for `PlanScheduler.observe`
    The Trainer's scheduler must be a PlanScheduler whose plan has a rule: `Trainer(..., optimizers=(optimizer, scheduler),
    callbacks=[trainer_observer()])`. The callback raises PlanError if the evaluations have no such metric.
    """
    if not isinstance(metric, str) or not metric:
        raise lr.SpecError("metric", 'the name of a metric, such as "eval_loss"', metric)
    base: Any = import_module("transformers").TrainerCallback

    class Observer(base):  # type: ignore[misc]  # a callback must be of their class, which most users of torch do not have
        """Observes a metric of every evaluation during training."""

        def __init__(self) -> None:
            self.training = self.found = False
            self.others: set[str] = set()  # what the evaluations since the last update gave beside the metric

        def on_train_begin(self, args: Any, state: Any, control: Any, **kwargs: Any) -> None:
            self.training = True

        def on_train_end(self, args: Any, state: Any, control: Any, **kwargs: Any) -> None:
            self.training = False

        def on_evaluate(
            self, args: Any, state: Any, control: Any, metrics: Mapping[str, float], lr_scheduler: Any = None, **kwargs: Any
        ) -> None:
            if not self.training:
                return
            if not isinstance(lr_scheduler, PlanScheduler):
                name = type(lr_scheduler).__name__
                raise TypeError(f"The Trainer's scheduler must be a PlanScheduler, got {name}. Pass optimizers=(optimizer, scheduler).")
            if metric in metrics:
                lr_scheduler.observe(metrics[metric], group)
            self.found |= metric in metrics
            self.others |= set(metrics) - {metric}

        def on_step_begin(self, args: Any, state: Any, control: Any, **kwargs: Any) -> None:
            if self.others and not self.found:
                raise lr.PlanError(f"No evaluation gave {metric!r}. Name one of these: {', '.join(sorted(self.others))}.")
            self.others, self.found = set(), False

    return Observer()
