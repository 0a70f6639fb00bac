"""Which stock scheduler of torch has a schedule's values: at every step, and past the end.

Left out on purpose, since their values part from ours there: CosineAnnealingLR for a cosine that ends (it rises again past T_max),
LinearLR from 0 (it refuses that), OneCycleLR for a run that goes on past it (it raises).
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from itertools import accumulate, pairwise
from math import isclose, prod
from typing import Any

import lrcore as lr
from lrcore_numpy.code.folding import ratio
from lrcore_numpy.code.layout import number, string

FOR_EVER = 2**53

CLASSES = frozenset({
    "ChainedScheduler", "ConstantLR", "CosineAnnealingLR", "CosineAnnealingWarmRestarts", "CyclicLR", "ExponentialLR", "LambdaLR",
    "LinearLR", "MultiStepLR", "MultiplicativeLR", "OneCycleLR", "PolynomialLR", "ReduceLROnPlateau", "SequentialLR", "StepLR",
})  # fmt: skip
"""The names of torch's classes."""

BY_GROUP = {"base_lr", "max_lr", "base_momentum", "max_momentum"}
"""Arguments that take a list, one value a group."""


@dataclass(frozen=True)
class Stock:
    """A class of torch.optim.lr_scheduler with its arguments; base is the rate its groups must have, None if it sets that itself."""

    name: str
    base: float | None
    args: dict[str, Any] = field(default_factory=dict)
    note: str = ""

    def scaled(self, factor: float) -> Stock:
        """The same curve times a factor."""
        sizes = {"eta_min", "base_lr", "max_lr"}
        args = {name: value * factor if name in sizes else value for name, value in self.args.items()}
        if "schedulers" in args:
            args["schedulers"] = [phase.scaled(factor) for phase in args["schedulers"]]
        return replace(self, base=None if self.base is None else self.base * factor, args=args)

    def classes(self) -> set[str]:
        """The names to import."""
        return {self.name}.union(*(phase.classes() for phase in self.args.get("schedulers", [])))

    def call(self, optimizer: str) -> str:
        """The code that makes it."""
        args = [optimizer]
        for name, value in self.args.items():
            if name == "schedulers":
                args.append(f"[{', '.join(phase.call(optimizer) for phase in value)}]")
            else:
                args.append(f"{name}={shown(value)}")
        return f"{self.name}({', '.join(args)})"


def shown(value: Any) -> str:
    """An argument as code."""
    if isinstance(value, list):
        return f"[{', '.join(map(shown, value))}]"
    if isinstance(value, float):
        return number(value)
    return string(value) if isinstance(value, str) else "2**53" if value == FOR_EVER else repr(value)


def stock(rate: lr.Schedule, momentum: lr.Schedule | None, horizon: int | None) -> Stock | None:
    """The scheduler of one group's rate, and of the momentum that goes with it; None if there is none."""
    if isinstance(rate, lr.Product):
        factors = [term.value for term in rate.terms if isinstance(term, lr.Constant)]
        others = [term for term in rate.terms if not isinstance(term, lr.Constant)]
        if len(others) == 1 and prod(factors) > 0:
            inner = stock(others[0], momentum, horizon)
            return inner and inner.scaled(prod(factors))
    found = _cyclic(rate, momentum) or _one_cycle(rate, momentum, horizon)
    if found or momentum is not None:
        return found
    phases = _phases(rate)
    if all(isinstance(phase, lr.Constant) for phase in phases):
        return _levels(phases)
    tops = [_top(phase) for phase in phases]
    base = max((top for top in tops if top is not None), default=0.0)
    if None in tops or base <= 0:
        return None
    members = [_phase(phase, base, last=i == len(phases) - 1) for i, phase in enumerate(phases)]
    if None in members:
        return None
    if len(members) == 1:
        return members[0]
    starts = list(accumulate(phase.own_length("steps") for phase in phases[:-1]))
    return Stock("SequentialLR", base, {"schedulers": members, "milestones": starts})


def together(found: list[Stock | None]) -> Stock | None:
    """One scheduler for all groups: what differs between them must be their base rate, or an argument that takes a list."""
    known = [one for one in found if one is not None]
    first = known[0] if known else None
    if first is None or len(known) < len(found) or any((one.name, one.args.keys()) != (first.name, first.args.keys()) for one in known):
        return None
    args = dict(first.args)
    for name, value in first.args.items():
        if any(_without_base(one.args[name]) != _without_base(value) for one in known):
            if name not in BY_GROUP:
                return None
            args[name] = [one.args[name] for one in known]
    return replace(first, args=args)


def _without_base(value: Any) -> Any:
    return [replace(phase, base=None) for phase in value] if isinstance(value, list) and isinstance(value[0], Stock) else value


# -- one phase after the other -----------------------------------------------------------------------------------------


def _phases(rate: lr.Schedule) -> list[lr.Schedule]:
    """The phases of a sequence that own a step, and the last one; a ramp that stays where it is is a constant."""
    parts = rate.phases if isinstance(rate, lr.Sequence) else (rate,)
    kept: list[lr.Schedule] = []
    for i, part in enumerate(parts):
        if i == len(parts) - 1 or part.span:
            flat = isinstance(part, lr.Ramp) and (part.start == part.stop or part.own_length("steps") <= part.endpoint)
            kept.append(lr.Constant(part.stop, part.steps) if flat else part)  # type: ignore[attr-defined]
    return kept


def _top(phase: lr.Schedule) -> float | None:
    """The base rate a phase would need, at least."""
    match phase:
        case lr.Constant():
            return phase.value
        case lr.Ramp():
            return max(phase.start, phase.stop)
        case lr.Curve():
            return phase.start
        case lr.Until() | lr.Per() | lr.PastEnd() | lr.Repeat():
            return _top(phase.inner)
    return None


def _phase(phase: lr.Schedule, base: float, last: bool) -> Stock | None:
    """The scheduler of one phase on a group of that base rate; the last one must be right past its end too."""
    match phase:
        case lr.Constant(value=value) if value == base:
            return Stock("ConstantLR", base, {"factor": 1.0})
        case lr.Constant(value=value) if value >= 0:
            steps = FOR_EVER if last else phase.own_length("steps")
            return Stock("ConstantLR", base, {"factor": ratio(value, base), "total_iters": steps})
        case lr.Ramp(shape="linear", start=start, stop=stop) if start > 0 and stop >= 0:
            return Stock(
                "LinearLR", base, {"start_factor": ratio(start, base), "end_factor": ratio(stop, base), "total_iters": _steps(phase)}
            )
        case lr.Ramp(shape="polynomial", start=start, stop=0.0) if start == base:
            return Stock("PolynomialLR", base, {"total_iters": _steps(phase), "power": phase.args[0]})
        case lr.Ramp(shape="cosine", start=start) if start == base and not last:
            return Stock("CosineAnnealingLR", base, {"T_max": _steps(phase), "eta_min": phase.stop})
        case lr.PastEnd(mode="mirror", inner=lr.Ramp(shape="cosine", start=start, endpoint=False) as half) if start == base:
            return Stock("CosineAnnealingLR", base, {"T_max": half.steps, "eta_min": half.stop})
        case lr.Curve(shape="geometric", start=start) if start == base and (phase.steps is None or not last):
            return Stock("ExponentialLR", base, {"gamma": phase.args[0]})
        case lr.Per(inner=lr.Curve(shape="geometric", start=start) as curve) if start == base and (curve.steps is None or not last):
            return Stock("StepLR", base, {"step_size": phase.k, "gamma": curve.args[0]})
        case lr.Repeat(inner=lr.Ramp(shape="cosine", start=start, endpoint=False) as cycle, times=None, decay=1.0, decay_floor=1.0):
            if start == base and phase.growth.is_integer():
                args = {"T_0": cycle.steps, "T_mult": int(phase.growth), "eta_min": cycle.stop}
                return Stock("CosineAnnealingWarmRestarts", base, args)
        case lr.Until(inner=inner) if not last:
            return _phase(inner, base, last)
    return None


def _steps(ramp: lr.Ramp) -> int:
    return ramp.own_length("steps") - ramp.endpoint


def _levels(phases: list[lr.Schedule]) -> Stock | None:
    """Constants: one, two of which the first is lower, or each the same factor of the one before."""
    values = [phase.value for phase in phases if isinstance(phase, lr.Constant)]
    starts = list(accumulate(phase.own_length("steps") for phase in phases[:-1]))
    if min(values) < 0 or values[-1] == 0:
        return None
    if len(values) == 1:
        return Stock("ConstantLR", values[0], {"factor": 1.0})
    if len(values) == 2 and values[0] <= values[1]:
        return Stock("ConstantLR", values[1], {"factor": ratio(values[0], values[1]), "total_iters": starts[0]})
    if min(values) == 0 or any(not isclose(b / a, values[1] / values[0], rel_tol=1e-13) for a, b in pairwise(values)):
        return None
    return Stock("MultiStepLR", values[0], {"milestones": starts, "gamma": ratio(values[1], values[0])})


# -- what changes momentum too -----------------------------------------------------------------------------------------


def _cyclic(rate: lr.Schedule, momentum: lr.Schedule | None) -> Stock | None:
    found = _triangles(rate)
    turned = _triangles(momentum) if momentum is not None else None
    if found is None or (momentum is not None and (turned is None or turned[2:] != found[2:])):
        return None
    base, peak, up, down, mode, gamma = found
    args = {"base_lr": base, "max_lr": peak, "step_size_up": up, "step_size_down": down, "mode": mode}
    if mode == "exp_range":
        args["gamma"] = gamma
    momenta = {"cycle_momentum": False} if turned is None else {"base_momentum": turned[1], "max_momentum": turned[0]}
    return Stock("CyclicLR", None, args | momenta)


def _triangles(schedule: lr.Schedule) -> tuple[float, float, int, int, str, float] | None:
    """(base, peak, up, down, mode, gamma) of CyclicLR."""
    match schedule:
        case lr.Repeat(inner=inner, times=None, growth=1.0, decay_floor=1.0, decay=decay, floor=floor):
            turns = _turns(inner)
            if turns and (decay == 1 or (decay == 0.5 and floor == turns[0])):
                return *turns, "triangular" if decay == 1 else "triangular2", 1.0
        case lr.Sum(
            terms=(
                lr.Constant(value=base),
                lr.Product(
                    terms=(
                        lr.Repeat(times=None, growth=1.0, decay=1.0, decay_floor=1.0) as heights,
                        lr.Curve(shape="geometric", start=1.0, steps=None) as fading,
                    )
                ),
            )
        ):
            turns = _turns(heights.inner)
            if turns and turns[0] == 0:
                return base, base + turns[1], turns[2], turns[3], "exp_range", fading.args[0]
    return None


def _turns(cycle: lr.Schedule) -> tuple[float, float, int, int] | None:
    """(base, peak, up, down) of one triangle."""
    match cycle:
        case lr.Sequence(phases=(lr.Ramp(shape="linear", endpoint=False) as up, lr.Ramp(shape="linear", endpoint=False) as down)):
            n, m = up.own_length("steps"), down.own_length("steps")
            if n and m and up.start == down.stop and up.stop == down.start:
                return up.start, up.stop, n, m
    return None


def _one_cycle(rate: lr.Schedule, momentum: lr.Schedule | None, horizon: int | None) -> Stock | None:
    found = _arcs(rate)
    turned = _arcs(momentum) if momentum is not None else None
    if found is None or (momentum is not None and (turned is None or turned[:2] != found[:2])):
        return None
    kind, places, (first, peak, *back, last) = found
    total = int(places[-1]) + 1
    if min(first, peak, last) <= 0 or back not in ([], [first]) or (horizon or total + 1) > total:
        return None
    args = {
        "max_lr": peak, "total_steps": total, "pct_start": ratio(places[1] + 1, total),
        "anneal_strategy": "cos" if kind == "cosine" else kind,
        "div_factor": ratio(peak, first), "final_div_factor": ratio(first, last), "three_phase": bool(back),
    }  # fmt: skip
    note = f"The run ends with step {total - 1:,}; the step after the next raises a ValueError."
    if turned is None:
        return Stock("OneCycleLR", None, args | {"cycle_momentum": False}, note)
    high, low, *rest = turned[2]
    return Stock("OneCycleLR", None, args | {"base_momentum": low, "max_momentum": high}, note) if set(rest) == {high} else None


def _arcs(schedule: lr.Schedule) -> tuple[str, tuple[float, ...], tuple[float, ...]] | None:
    """(linear or cosine, places, values) of the two or three phases of OneCycleLR."""
    match schedule:
        case lr.Knots(kind="linear" | "cosine" as kind):
            places, values = schedule.positions, schedule.knots
        case lr.Sequence(phases=(lr.Ramp(shape="linear" | "cosine" as kind), *_) as ramps):
            if any(not isinstance(ramp, lr.Ramp) or ramp.shape != kind or ramp.endpoint or not ramp.steps for ramp in ramps):
                return None
            if any(a.stop != b.start for a, b in pairwise(ramps)):  # type: ignore[attr-defined]
                return None
            places = (0.0, *map(float, accumulate(ramp.own_length("steps") for ramp in ramps)))
            values = (ramps[0].start, *(ramp.stop for ramp in ramps))  # type: ignore[attr-defined]
        case _:
            return None
    if len(places) not in (3, 4) or places[0] != 0 or not places[-1].is_integer() or places[1] <= 0:
        return None
    if len(places) == 4 and not isclose(places[2], 2 * places[1], rel_tol=1e-14):
        return None
    return kind, places, values
