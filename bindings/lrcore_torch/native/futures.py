"""What a live scheduler of torch will do from now on, as schedules: each class is continued from the rates in force.

`future` gives the fields of one group on a clock on which the present is step `now`. A leaf is its preset on its own clock; a class
that multiplies the rate in force is its preset with the base value that leads through that rate; SequentialLR and ChainedScheduler
are put together from these. What no schedule says raises NotWritten.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Callable, Iterable
from functools import partial
from typing import Any

import torch
from torch.optim import lr_scheduler as native
from torch.optim.swa_utils import SWALR

import lrcore as lr
from lrcore.presets import hf
from lrcore.presets import torch as presets

Fields = dict[str, lr.Schedule]

ROUNDED = 1e-14
"""Part of the base value that rounding may leave of a rate whose closed form is 0."""


class NotWritten(lr.PlanError):
    """No schedule says what a scheduler will do, but its next values can be sampled.

    enough : how many more steps it has, where it ends; None asks the caller for `steps`
    """

    def __init__(self, reason: str, enough: int | None = None) -> None:
        self.enough = enough
        super().__init__(f"{reason} Pass steps=N to keep its next N values.")


def future(live: Any, i: int, now: int) -> Fields:
    """The fields of group i, on a clock on which the present is step `now`."""
    if type(live) is native.SequentialLR:
        return _sequence(live, i, now)
    if type(live) is native.ChainedScheduler:
        return _chain(live, i, now)
    return {field: _placed(schedule, now - _position(live), live) for field, schedule in _resumed(live, i).items()}


def clock(live: Any) -> int:
    """How often a scheduler was stepped; a ChainedScheduler keeps no count of its own."""
    if type(live) is native.ChainedScheduler:
        return clock(live._schedulers[0])
    return int(live.last_epoch)


# -- the classes: closed forms -----------------------------------------------------------------------------------------


def _whole(value: Any) -> Any:
    """100.0 counts steps as well as 100 does in torch."""
    return int(value) if isinstance(value, float) and value == int(value) else value


def _multi_step(live: Any, base: float) -> lr.Schedule:
    met = [int(step) for step in live.milestones.elements() if step == int(step)]  # torch looks the count up among them
    return presets.MultiStepLR(base, met, live.gamma)


MULTIPLIES: dict[type, Callable[[Any, float], lr.Schedule]] = {
    native.StepLR: lambda live, base: presets.StepLR(base, _whole(live.step_size), live.gamma),
    native.MultiStepLR: _multi_step,
    native.ConstantLR: lambda live, base: presets.ConstantLR(base, live.factor, _whole(live.total_iters)),
    native.LinearLR: lambda live, base: presets.LinearLR(base, live.start_factor, live.end_factor, _whole(live.total_iters)),
    native.ExponentialLR: lambda live, base: presets.ExponentialLR(base, live.gamma),
    native.PolynomialLR: lambda live, base: presets.PolynomialLR(base, _whole(live.total_iters), live.power),
    native.CosineAnnealingLR: lambda live, base: presets.CosineAnnealingLR(base, _whole(live.T_max), live.eta_min),
}
"""Classes that multiply the rate in force, with their closed form of a base value."""


def _restarts(live: Any, i: int) -> Fields:
    base = _base(live, i)
    first, length = 0, live.T_0
    while first + length <= live.last_epoch:
        first, length = first + length, length * live.T_mult
    if (live.last_epoch - first, length) == (live.T_cur, live.T_i):
        return {"lr": presets.CosineAnnealingWarmRestarts(base, live.T_0, live.T_mult, live.eta_min)}
    cycles = presets.CosineAnnealingWarmRestarts(base, live.T_i, live.T_mult, live.eta_min)  # told a position, it lost count of them
    return {"lr": _placed(cycles, live.last_epoch - _whole(live.T_cur), live)}


def _cyclic(live: Any, i: int) -> Fields:
    if live._scale_fn_custom is not None:
        raise NotWritten("A CyclicLR with a scale_fn is a function, and a plan holds no code.")
    up = round(live.total_size * live.step_ratio, 6)
    arguments: dict[str, Any] = {
        "base_lr": _base(live, i), "max_lr": float(live.max_lrs[i]), "step_size_up": _whole(up),
        "step_size_down": _whole(live.total_size - up), "mode": live.mode, "gamma": live.gamma,
    }  # fmt: skip
    fields: Fields = {"lr": presets.CyclicLR(**arguments)}
    if live.cycle_momentum:
        arguments |= {"base_momentum": live.base_momentums[i], "max_momentum": live.max_momentums[i]}
        fields[_momentum(live)] = presets.CyclicLR_momentum(**arguments)
    return fields


def _one_cycle(live: Any, i: int) -> Fields:
    group, phases, total = live.optimizer.param_groups[i], live._schedule_phases, live.total_steps
    peak = phases[0]["end_step"] + 1
    if peak <= 1:
        reason = "A OneCycleLR whose first phase ends by step 0 starts somewhere past its peak."
        raise NotWritten(reason, max(total - 1 - live.last_epoch, 0))
    first, high, last = (float(group[key]) for key in ("initial_lr", "max_lr", "min_lr"))
    arguments: dict[str, Any] = {
        "max_lr": high, "total_steps": total, "pct_start": peak / total, "anneal_strategy": live._anneal_func_type,
        "div_factor": high / first, "final_div_factor": first / last, "three_phase": len(phases) == 3,
    }  # fmt: skip
    fields: Fields = {"lr": presets.OneCycleLR(**arguments)}
    if live.cycle_momentum:
        arguments |= {key: float(group[key]) for key in ("base_momentum", "max_momentum")}
        fields[_momentum(live)] = presets.OneCycleLR_momentum(**arguments)
    return fields


def _momentum(live: Any) -> str:
    return "beta1" if live.use_beta1 else "momentum"


LAMBDAS = {
    "_get_constant_lambda": "get_constant_schedule",
    "_get_constant_schedule_with_warmup_lr_lambda": "get_constant_schedule_with_warmup",
    "_get_linear_schedule_with_warmup_lr_lambda": "get_linear_schedule_with_warmup",
    "_get_cosine_schedule_with_warmup_lr_lambda": "get_cosine_schedule_with_warmup",
    "_get_cosine_with_hard_restarts_schedule_with_warmup_lr_lambda": "get_cosine_with_hard_restarts_schedule_with_warmup",
    "_get_polynomial_decay_schedule_with_warmup_lr_lambda": "get_polynomial_decay_schedule_with_warmup",
    "_get_inverse_sqrt_schedule_lr_lambda": "get_inverse_sqrt_schedule",
    "_get_cosine_with_min_lr_schedule_with_warmup_lr_rate_lambda": "get_cosine_with_min_lr_schedule_with_warmup_lr_rate",
    "_get_wsd_scheduler_lambda": "get_wsd_schedule",
}
"""The functions that transformers gives to LambdaLR, with the presets of what made them."""


def _lambda(live: Any, i: int) -> Fields:
    function = live.lr_lambdas[i]
    inner, arguments = (function.func, dict(function.keywords)) if isinstance(function, partial) else (function, {})
    name = LAMBDAS.get(getattr(inner, "__name__", ""))
    if name is None or inner.__module__ != "transformers.optimization" or getattr(function, "args", ()):
        raise NotWritten("A LambdaLR is a function of the user's own, and a plan holds no code.")
    base = _base(live, i)
    if "min_lr_rate" in arguments and name == "get_cosine_schedule_with_warmup":
        name = "get_cosine_with_min_lr_schedule_with_warmup"
    if "lr_init" in arguments:  # its end is meant for the optimizer's default rate
        arguments["lr_end"] *= base / arguments.pop("lr_init")
    return {"lr": getattr(hf, name)(base, **{key: _whole(value) if "num_" in key else value for key, value in arguments.items()})}


SETS: dict[type, Callable[[Any, int], Fields]] = {
    native.CosineAnnealingWarmRestarts: _restarts, native.CyclicLR: _cyclic, native.OneCycleLR: _one_cycle, native.LambdaLR: _lambda,
}  # fmt: skip
"""Classes that set the rate whatever it was."""


# -- one scheduler on its own clock ------------------------------------------------------------------------------------


def _position(live: Any) -> int:
    """Where on its own clock a leaf is; SWALR counts its calls."""
    return int(live._step_count) - 1 if type(live) is SWALR else int(live.last_epoch)


def _base(live: Any, i: int) -> float:
    return float(live.base_lrs[i])


def _rate(live: Any, i: int) -> float:
    return float(live.optimizer.param_groups[i]["lr"])


def _same(value: float, closed: float, live: Any, i: int) -> bool:
    """Whether two rates differ by no more than a recursion drifts: 1e-9, or in a tensor 1,000 of its roundings."""
    held = live.optimizer.param_groups[i]["lr"]
    eps = torch.finfo(held.dtype).eps if isinstance(held, torch.Tensor) and held.is_floating_point() else 0.0
    return abs(value - closed) <= max(1e-9, 1e3 * eps) * abs(closed)


def _known_base(live: Any, i: int) -> float:
    """The base value, also of a group that was added after the scheduler was made."""
    group = live.optimizer.param_groups[i]
    return _base(live, i) if i < len(live.base_lrs) else float(group.get("initial_lr", group["lr"]))


def _resumed(live: Any, i: int) -> Fields:
    """A leaf from now on, on its own clock."""
    kind = type(live)
    if kind in MULTIPLIES:
        return {"lr": _multiplied(live, i)}
    if kind is SWALR:
        group, alpha = live.optimizer.param_groups[i], 1.0
        if _position(live) < live.anneal_epochs:
            alpha = 1 - float(presets.SWALR(1.0, 0.0, live.anneal_epochs, live._anneal_strategy)(_position(live)))
        swa_lr = float(group["swa_lr"])
        start = _known_base(live, i) if alpha == 1 else (_rate(live, i) - alpha * swa_lr) / (1 - alpha)
        return {"lr": presets.SWALR(_settled(start, _known_base(live, i), live, i), swa_lr, live.anneal_epochs, live._anneal_strategy)}
    if kind not in SETS:
        raise NotWritten(f"{kind.__name__} is no scheduler that lrcore knows by its class.")
    if i >= len(live.base_lrs):
        groups = len(live.optimizer.param_groups)
        raise lr.PlanError(f"This {kind.__name__} was made for {len(live.base_lrs)} groups, and its optimizer has {groups}. Make it anew.")
    return SETS[kind](live, i)


def _settled(found: float, base: float, live: Any, i: int) -> float:
    return base if _same(found, base, live, i) else found


def _multiplied(live: Any, i: int) -> lr.Schedule:
    """A class that multiplies the rate in force: its preset with the base value that leads through this rate."""
    closed, base, rate = MULTIPLIES[type(live)], _known_base(live, i), _rate(live, i)
    bottom = float(live.eta_min) if type(live) is native.CosineAnnealingLR else 0.0
    own = closed(live, base)
    unit = _unit(live)(live.last_epoch)
    if abs(rate - own(live.last_epoch)) <= ROUNDED * abs(base) or (unit and _same(rate - bottom, (base - bottom) * unit, live, i)):
        return own
    if live.last_epoch >= getattr(live, "total_iters", float("inf")):
        return lr.constant(rate)
    if not unit:
        raise NotWritten(f"The rate of group {i} was changed by hand while its {type(live).__name__} had brought it to the bottom.")
    altered = closed(live, bottom + (rate - bottom) / unit)
    # At its lowest point the recursion of the cosine forgets what the rate was, and goes up to its own base value.
    return altered if type(live) is not native.CosineAnnealingLR else _switched(altered, _trough(live), own)


def _unit(live: Any) -> lr.Schedule:
    """The factor of a class that multiplies, beginning with 1 (of what is above eta_min)."""
    if type(live) is native.CosineAnnealingLR:
        return presets.CosineAnnealingLR(1.0, _whole(live.T_max))
    return MULTIPLIES[type(live)](live, 1.0)


def _trough(live: Any) -> int:
    """The next step, from now on, at which a cosine is at its lowest."""
    half = _whole(live.T_max)
    return int(half * (-(-live.last_epoch // half) | 1))


def _switched(before: lr.Schedule, at: int, after: lr.Schedule) -> lr.Schedule:
    """`before` for `at` steps, then `after` on the same clock."""
    gate = lr.constant(0.0, at) >> lr.constant(1.0)
    return (before.until(at) >> lr.constant(0.0)) + gate * after


def _placed(schedule: lr.Schedule, start: int, live: Any) -> lr.Schedule:
    """A leaf's clock put on another one, on which it starts at `start`."""
    if start < 0:
        raise NotWritten(f"The {type(live).__name__} is {-start} steps ahead of the clock of what it is part of.")
    return schedule.shift(start) if start else schedule


# -- several schedulers ------------------------------------------------------------------------------------------------


def _begun(live: Any, i: int, before: float) -> Fields:
    """A leaf that SequentialLR starts after the rate `before`, on its own clock: torch then takes the closed form of step 0."""
    if type(live) in MULTIPLIES:
        total = getattr(live, "total_iters", 1)
        return {"lr": MULTIPLIES[type(live)](live, _known_base(live, i)) if total > 0 else lr.constant(_known_base(live, i))}
    if type(live) is SWALR and live._step_count == 1:
        return {"lr": presets.SWALR(before, float(live.optimizer.param_groups[i]["swa_lr"]), live.anneal_epochs, live._anneal_strategy)}
    if type(live) is native.CosineAnnealingWarmRestarts and (live.T_cur, live.T_i) != (0, live.T_0):
        raise NotWritten("A CosineAnnealingWarmRestarts that was stepped before its turn goes on inside a cycle.")
    if type(live) in (native.SequentialLR, native.ChainedScheduler):
        raise lr.PlanError(
            f"A {type(live).__name__} that is not the first of a SequentialLR has no rates: torch fails where it would start it "
            "(NotImplementedError). Write its schedulers into the outer one."
        )
    if type(live) not in SETS:
        raise NotWritten(f"{type(live).__name__} is no scheduler that lrcore knows how to start.")
    return SETS[type(live)](live, i)


def _sequence(live: Any, i: int, now: int) -> Fields:
    """The phases on the outer clock: those that are over as they were meant, the active one from now on, the others as they will begin."""
    milestones = [_whole(step) for step in live._milestones]
    if milestones != sorted(milestones):
        raise NotWritten("The milestones of a SequentialLR do not ascend.")
    active, ahead = bisect_right(milestones, live.last_epoch), now - live.last_epoch
    starts = [0, *(max(0, step + ahead) for step in milestones)]
    held = _held(live, i)
    phases: list[Fields] = []
    for j, child in enumerate(live._schedulers):
        before = {field: schedule(starts[j] - 1) for field, schedule in _joined(phases, starts[:j]).items()} if starts[j] else held
        if j == active:
            fields = future(child, i, now - starts[j])
        elif j > active:
            fields = _begun(child, i, float(before["lr"]))
        else:
            try:
                fields = _begun(child, i, float(before["lr"]))
            except (lr.LrcoreError, ArithmeticError):
                fields = {}  # what is over need not be known
        values = before if j > active else held
        phases.append({field: fields.get(field, lr.constant(float(values[field]))) for field in held})
    scheduled = {"lr", *(_momentum(child) for child in _leaves(live._schedulers) if getattr(child, "cycle_momentum", False))}
    return {field: schedule for field, schedule in _joined(phases, starts).items() if field in scheduled}


def _joined(phases: list[Fields], starts: list[int]) -> Fields:
    return {field: presets.SequentialLR([fields[field] for fields in phases], starts[1:]) for field in (phases[0] if phases else ())}


def _held(live: Any, i: int) -> dict[str, float]:
    """What the group holds now of the fields that schedulers write."""
    group = live.optimizer.param_groups[i]
    held = {"lr": float(group["lr"])}
    if "momentum" in group:
        held["momentum"] = float(group["momentum"])
    return held | ({"beta1": float(group["betas"][0])} if "betas" in group else {})


def _leaves(members: Iterable[Any]) -> list[Any]:
    """The schedulers of a composite, those of composites within it in their places."""
    return [leaf for member in members for leaf in (_leaves(member._schedulers) if hasattr(member, "_schedulers") else [member])]


def _chain(live: Any, i: int, now: int) -> Fields:
    """One after the other on one rate: a product of those that multiply; the last one's where that sets its rate."""
    members = list(live._schedulers)
    while any(type(member) is native.ChainedScheduler for member in members):
        members = [one for member in members for one in (member._schedulers if type(member) is native.ChainedScheduler else [member])]
    if len(members) == 1:
        return future(members[0], i, now)
    if type(members[-1]) in SETS and all(type(member) in SETS or type(member) in MULTIPLIES for member in members):
        written = [future(member, i, now) for member in members if type(member) in SETS]
        return {field: schedule for fields in written for field, schedule in fields.items()}
    if any(type(member) not in MULTIPLIES for member in members):
        names = ", ".join(type(member).__name__ for member in members)
        raise NotWritten(f"A ChainedScheduler of {names} mixes schedulers that multiply the rate with others.")
    if len({member.last_epoch for member in members}) > 1:
        raise NotWritten("The schedulers of a ChainedScheduler are not at the same step.")
    return {"lr": _placed(_product(members, i), now - members[0].last_epoch, live)}


def _product(members: list[Any], i: int) -> lr.Schedule:
    step, first = members[0].last_epoch, members[0]
    base, rate = _known_base(first, i), _rate(first, i)
    waves = [member for member in members if type(member) is native.CosineAnnealingLR]
    if len(waves) > 1 or any(wave.eta_min for wave in waves):
        raise NotWritten("A ChainedScheduler with several cosines, or one with an eta_min, is no product.")
    unit = presets.ChainedScheduler([_unit(member) for member in members], 1.0)(step)
    if abs(rate - base * unit) > ROUNDED * abs(base):
        if not unit:
            raise NotWritten(f"The rate of group {i} was changed by hand while its ChainedScheduler had brought it to 0.")
        base = _settled(rate / unit, base, first, i)
    chained = presets.ChainedScheduler([MULTIPLIES[type(member)](member, base) for member in members], base)
    if not waves:
        return chained
    others, trough = [member for member in members if member is not waves[0]], _trough(waves[0])
    if any(getattr(member, "total_iters", float("inf")) > trough for member in others):
        raise NotWritten("Past its lowest point, the CosineAnnealingLR of a ChainedScheduler forgets what the others did.")
    own = _known_base(waves[0], i)
    done = presets.ChainedScheduler([_unit(member) for member in others], 1.0)(trough)
    return chained if base == own and done == 1 else _switched(chained, trough, MULTIPLIES[native.CosineAnnealingLR](waves[0], own))
