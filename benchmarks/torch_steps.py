"""A training step in torch: what PlanScheduler adds to it, beside what torch's own schedulers add."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from timeit import Timer
from typing import Any

import numpy as np

import lrcore as lr

from .schedules import PEAK
from .tasks import Task

HORIZON = 10**6
LOOP = "for group in optimizer.param_groups: group['lr'] = rate"


def _scales(groups: int) -> np.ndarray:
    return 0.999 ** np.arange(groups)


def _optimizer(groups: int) -> Any:
    import torch

    return torch.optim.SGD(
        [{"params": [torch.zeros(1, requires_grad=True)], "lr": PEAK * scale} for scale in _scales(groups)], momentum=0.9
    )


COSINE = lr.cosine(PEAK, 0.0, HORIZON)


def _plan(groups: int, rate: lr.Schedule = COSINE, **fields: lr.Schedule) -> lr.Plan:
    return lr.Plan(groups={f"group{i}": {"lr": float(scale) * rate, **fields} for i, scale in enumerate(_scales(groups))})


def _follows_the_plan(scheduler: Any, plan: lr.Plan) -> None:
    """Every group of plain cosines holds what the formula says, in float64 or rounded to the float32 of a tensor."""
    step = scheduler.last_epoch
    rounding = 1e-13 if isinstance(scheduler.optimizer.param_groups[0]["lr"], float) else 6e-8
    rates = PEAK * _scales(len(plan.groups)) * (1 + np.cos(np.pi * step / HORIZON)) / 2
    np.testing.assert_allclose([float(group["lr"]) for group in scheduler.optimizer.param_groups], rates, rtol=rounding)


presets = lr.presets.torch
CONTENDERS: dict[str, tuple[lr.Schedule, Callable[[Any, Any], Any]]] = {
    "CosineAnnealingLR": (COSINE, lambda torch, optimizer: torch.CosineAnnealingLR(optimizer, HORIZON)),
    "OneCycleLR": (
        presets.OneCycleLR(PEAK, HORIZON),
        lambda torch, optimizer: torch.OneCycleLR(optimizer, [group["lr"] for group in optimizer.param_groups], HORIZON),
    ),
    "LambdaLR": (COSINE, lambda torch, optimizer: torch.LambdaLR(optimizer, lambda t: (1 + np.cos(np.pi * t / HORIZON)) / 2)),
    "SequentialLR": (
        presets.SequentialLR([presets.LinearLR(PEAK, total_iters=10), COSINE], [10]),
        lambda torch, optimizer: torch.SequentialLR(
            optimizer, [torch.LinearLR(optimizer, total_iters=10), torch.CosineAnnealingLR(optimizer, HORIZON)], [10]
        ),
    ),
}
"""Schedulers of torch's by name: the schedule they give an optimizer at a rate of PEAK, and how each is made."""


def step_task(groups: int, contender: str, count: int) -> Task:
    """`count` steps of PlanScheduler against as many of a scheduler of torch's, or as many loops that assign a constant."""
    import torch

    from lrcore_torch import PlanScheduler

    rate, make = CONTENDERS.get(contender, (COSINE, None))
    momentum = {"momentum": presets.OneCycleLR_momentum(PEAK, HORIZON)} if contender == "OneCycleLR" else {}  # which schedules it too
    plan = _plan(groups, rate, **momentum)
    ours, other = PlanScheduler(_optimizer(groups), plan), _optimizer(groups)
    other.step()  # torch's schedulers warn where they come first
    theirs = make(torch.optim.lr_scheduler, other) if make else None
    other.step()

    def check() -> None:
        if rate is COSINE:
            _follows_the_plan(ours, plan)
        if theirs:  # the same curve, which torch's recursions drift from
            assert theirs.last_epoch == ours.last_epoch
            mine, others = ([[group[key] for key in ("lr", *momentum)] for group in each.param_groups] for each in (ours.optimizer, other))
            np.testing.assert_allclose(mine, others, rtol=1e-9)

    names = {"step": theirs.step} if theirs else {"optimizer": other, "rate": PEAK}
    base = Timer("step()" if theirs else LOOP, globals=names)
    return Task(partial(Timer("step()", globals={"step": ours.step}).timeit, count), check, partial(base.timeit, count), count, count)


def device_step_task(groups: int, count: int) -> Task:
    """`count` eager steps of the device mode on the CPU against as many of CosineAnnealingLR on tensor rates."""
    import torch

    from lrcore_torch import PlanScheduler

    plan = _plan(groups)
    ours, other = PlanScheduler(_optimizer(groups), plan, mode="device"), _optimizer(groups)
    for group in other.param_groups:
        group["lr"] = torch.tensor(group["lr"])
    theirs = torch.optim.lr_scheduler.CosineAnnealingLR(other, HORIZON)
    other.step()
    base = Timer("step()", globals={"step": theirs.step})
    timer = Timer("step()", globals={"step": ours.step})
    return Task(partial(timer.timeit, count), lambda: _follows_the_plan(ours, plan), partial(base.timeit, count), count, count)


def attach_task(groups: int, count: int) -> Task:
    """Making a PlanScheduler on an optimizer."""
    from lrcore_torch import PlanScheduler

    plan, optimizer = _plan(groups), _optimizer(groups)
    made: list[Any] = [None]

    def attach() -> None:
        for _ in range(count):
            made[0] = PlanScheduler(optimizer, plan)

    return Task(attach, lambda: _follows_the_plan(made[0], plan), items=count)


def compiled_task(groups: int, count: int) -> Task:
    """`count` training steps compiled with the device mode's advance() in them, against as many at a constant tensor rate.

    The model is a chain of layers, 64 wide, that has so many weights; the batch is 256. AdamW is called for all groups.
    """
    import torch

    from lrcore_torch import PlanScheduler

    def trained(scheduled: bool) -> tuple[Any, Any]:
        torch.manual_seed(0)
        layers = [torch.nn.Linear(64, 64, bias=False) for _ in range(groups)]
        optimizer = torch.optim.AdamW([{"params": layer.parameters()} for layer in layers], lr=torch.tensor(PEAK))
        scheduler = PlanScheduler(optimizer, _plan(groups), mode="device")
        batch = torch.randn(256, 64)

        def step() -> None:
            optimizer.zero_grad()
            signal = batch
            for layer in layers:
                signal = torch.tanh(layer(signal))
            signal.square().mean().backward()
            update()

        @torch.compile
        def update() -> None:
            optimizer.step()
            if scheduled:
                scheduler.advance()

        for _ in range(3):
            step()
        return step, scheduler

    (ours, scheduler), (theirs, _) = trained(True), trained(False)

    def steps(step: Callable[[], None]) -> None:
        with torch.compiler.set_stance("fail_on_recompile"):  # nothing compiles after the third step
            for _ in range(count):
                step()

    return Task(partial(steps, ours), lambda: _follows_the_plan(scheduler, _plan(groups)), partial(steps, theirs), count, count)
