"""Plans from what is there: live schedulers of torch, transformers and timm, transformers' names, and samples of anything else.

Here, which scheduler it is -> futures.py, what it will do -> lrcore.presets, the numbers; or samples.py.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from inspect import signature
from typing import Any

from torch.optim import Optimizer

import lrcore as lr
from lrcore.presets import hf, timm

from ..scheduler import PlanScheduler
from .futures import Fields, NotWritten, clock, future
from .samples import sampled

NAMES: dict[str, Callable[..., lr.Schedule]] = {
    "linear": hf.get_linear_schedule_with_warmup,
    "cosine": hf.get_cosine_schedule_with_warmup,
    "cosine_with_restarts": hf.get_cosine_with_hard_restarts_schedule_with_warmup,
    "polynomial": hf.get_polynomial_decay_schedule_with_warmup,
    "constant": hf.get_constant_schedule,
    "constant_with_warmup": hf.get_constant_schedule_with_warmup,
    "inverse_sqrt": hf.get_inverse_sqrt_schedule,
    "cosine_with_min_lr": hf.get_cosine_with_min_lr_schedule_with_warmup,
    "cosine_warmup_with_min_lr": hf.get_cosine_with_min_lr_schedule_with_warmup_lr_rate,
    "warmup_stable_decay": hf.get_wsd_schedule,
}
"""The names of transformers.get_scheduler that are schedules."""

ADAPTIVE = ("ReduceLROnPlateau", "GreedyLR", "PlateauLRScheduler", "reduce_lr_on_plateau", "greedy")


def from_native(scheduler: Any, optimizer: Optimizer | None = None, *, steps: int | None = None, **arguments: Any) -> lr.Plan:
    """A plan with the values a scheduler goes on with, on its own clock: step t is the rate after t calls of `step()`.

    scheduler : a live scheduler, at any step: any class of torch.optim.lr_scheduler, also SequentialLR and ChainedScheduler of
        them, torch.optim.swa_utils.SWALR, what transformers.get_scheduler returns, one of timm.scheduler, any object with
        `optimizer` and `step()`; or a name of transformers.get_scheduler
    optimizer : with a name, whose groups have the base values; leave it out and give lr, for a plan of every group
    steps : >= 1; for what no schedule says, a user's function above all, how many further values to keep; the last one then
        holds. They come from stepping a copy: the scheduler, its optimizer and the random states stay as they are, but a
        function that changes what it is closed over is called. Where a schedule says it, steps is not needed, nor looked at.
    arguments : with a name, lr and the arguments of get_scheduler, those of scheduler_specific_kwargs also one by one

    `PlanScheduler(optimizer, plan).seek(scheduler.last_epoch)` goes on with it. Groups with the same values give a plan of every
    group, others one by group name. The momentum or beta1 of OneCycleLR and CyclicLR is part of it. A rate that was changed by
    hand, or belongs to an optimizer that was not restored with its scheduler, is gone on from as torch would: multiplied, until
    a step sets it. A scheduler of timm gives what `step(t)`, or `step_update(t)` if not t_in_epochs, writes. What torch's
    recursion adds in rounding errors is left out. Past the end, OneCycleLR holds its last value, where torch goes on for a step and
    fails, and so does cosine_warmup_with_min_lr without warmup, where the wave of transformers rises again.

    Raises PlanError if the values depend on a metric (ReduceLROnPlateau), or if no schedule says them and steps is None;
    SpecError for what is no scheduler, unknown names and arguments.
    Source: torch.optim.lr_scheduler, transformers.optimization, timm.scheduler; the numbers are those of `lrcore.presets`.

    >>> import torch
    >>> optimizer = torch.optim.SGD([torch.zeros(1, requires_grad=True)], lr=0.5)
    >>> from_native(torch.optim.lr_scheduler.StepLR(optimizer, step_size=3))
    Plan(lr=Per(inner=Curve(start=0.5, shape='geometric', args=(0.1,)), k=3))
    >>> from_native("linear", lr=1.0, num_warmup_steps=2, num_training_steps=6).table(7)[4]
    array([0.5])
    """
    if steps is not None and (type(steps) is not int or steps < 1):
        raise lr.SpecError("steps", "an integer >= 1", steps)
    if isinstance(scheduler, str):
        return _named(str(getattr(scheduler, "value", scheduler)), optimizer, arguments)
    if arguments:
        raise lr.SpecError("arguments", "none with a live scheduler", list(arguments), "They belong to a name.")
    if isinstance(scheduler, PlanScheduler):
        return scheduler.plan
    library, name = type(scheduler).__module__.partition(".")[0], type(scheduler).__name__
    if name in ADAPTIVE and library in ("torch", "transformers", "timm"):
        raise _adaptive(name)
    live = getattr(scheduler, "optimizer", None)
    if not hasattr(live, "param_groups") or not callable(getattr(scheduler, "step", None)):
        raise lr.SpecError("scheduler", "a scheduler with an optimizer, or a name", scheduler, f"Names are {', '.join(NAMES)}.")
    if optimizer is not None and optimizer is not live:
        raise lr.SpecError("optimizer", "the scheduler's own, or None", optimizer, "A live scheduler knows its optimizer.")
    names = _names(live)
    now = 0 if library == "timm" else _clock(scheduler)
    try:
        groups = [_fields(scheduler, library, i, now) for i in range(len(names))]
    except NotWritten as reason:
        steps = reason.enough if steps is None else steps
        if steps is None:
            raise
        groups = sampled(scheduler, steps, now)
    return _plan(names, groups)


def _fields(scheduler: Any, library: str, i: int, now: int) -> Fields:
    try:
        return _of_timm(scheduler, i) if library == "timm" else future(scheduler, i, now)
    except (lr.SpecError, ArithmeticError) as error:  # an argument no preset takes
        raise NotWritten(f"The values of this {type(scheduler).__name__} cannot be written as a schedule: {error}") from error


def _clock(scheduler: Any) -> int:
    try:
        return max(clock(scheduler), 0)
    except (AttributeError, TypeError):
        return 0  # no scheduler of torch: it is sampled, from a step 0 that is now


def _adaptive(name: str) -> lr.PlanError:
    return lr.PlanError(f"The values of {name} depend on a metric that is not known yet, so no plan has them. Give a scheduler of steps.")


# -- transformers, by name ---------------------------------------------------------------------------------------------


def _named(name: str, optimizer: Optimizer | None, arguments: dict[str, Any]) -> lr.Plan:
    if name in ADAPTIVE:
        raise _adaptive(name)
    if name not in NAMES:
        hint = "The classes of torch and timm by name are functions of lrcore.presets.torch and lrcore.presets.timm."
        raise lr.SpecError("scheduler", f"one of {', '.join(NAMES)}", name, hint)
    given = {**arguments, **(arguments.get("scheduler_specific_kwargs") or {})}
    given.pop("scheduler_specific_kwargs", None)
    if ("lr" in given) == (optimizer is not None):
        raise lr.SpecError("lr", "either lr or an optimizer, and not both", given.get("lr"))
    preset = NAMES[name]
    taken = signature(preset).parameters
    for ignored in {"num_warmup_steps", "num_training_steps"} - set(taken):  # get_scheduler takes both whatever the name
        given.pop(ignored, None)
    known = {key: value for key, value in given.items() if value is not None}
    for key in known:
        if key not in taken:
            raise lr.SpecError("arguments", f"those of {name}: {', '.join(taken)}", key)
    for key, parameter in taken.items():
        if parameter.default is parameter.empty and key not in known and key != "lr":
            raise lr.SpecError(key, f"a value, which {name} needs", None)
    if optimizer is None:
        return lr.Plan(preset(**known))
    default = float(optimizer.defaults["lr"])  # what transformers divides absolute ends by, whatever a group's own rate is
    groups: list[Fields] = []
    for group in optimizer.param_groups:
        base = float(group.get("initial_lr", group["lr"]))
        ends = {"lr_end": 1e-7} if name == "polynomial" else {}
        ends = {key: value * (base / default) for key, value in (ends | known).items() if key in ("lr_end", "min_lr")}
        groups.append({"lr": preset(**{**known, **ends, "lr": base})})
    return _plan(_names(optimizer), groups)


# -- timm --------------------------------------------------------------------------------------------------------------


def _of_timm(scheduler: Any, i: int) -> Fields:
    name = type(scheduler).__name__
    if name not in timm.__all__:
        raise NotWritten(f"{name} is no scheduler of timm that lrcore knows by its class.")
    if scheduler.noise_range_t is not None:
        raise NotWritten(f"The noise of this {name} comes from torch's generator, whose draws no schedule repeats.")
    preset = getattr(timm, name)
    others = {key: getattr(scheduler, key) for key in signature(preset).parameters if key != "lr" and not key.startswith("noise_")}
    schedule: lr.Schedule = preset(float(scheduler.base_values[i]), **others)
    scale = float(scheduler.optimizer.param_groups[i].get("lr_scale", 1.0))
    return {"lr": schedule if scale == 1 else scale * schedule}


# -- the plan ----------------------------------------------------------------------------------------------------------


def _names(optimizer: Any) -> list[str]:
    return [group.get("name", f"group{i}") for i, group in enumerate(optimizer.param_groups)]


def _plan(names: list[str], groups: list[Fields]) -> lr.Plan:
    """A plan of every group if all have the same fields, else of each by its name."""
    if all(fields == groups[0] for fields in groups):
        plan = lr.Plan(fields=groups[0])
    else:
        # A name that reads as a regular expression is written as one that matches nothing but the name.
        patterns = [re.escape(name) if re.search(r"[\\^$*+?{}\[\]|()]", name) else name for name in names]
        plan = lr.Plan(groups=dict(zip(patterns, groups, strict=True)))
    plan.bind(names)  # refuses names that are there twice
    return plan
