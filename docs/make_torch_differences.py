"""Write docs/torch_differences.md from PyTorch and lrcore_torch, live: python docs/make_torch_differences.py."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from types import ModuleType
from typing import Any

import torch
from torch.optim import lr_scheduler as stock

from lrcore.presets.differences import DIFFERENCES, Difference
from lrcore_torch import lr_scheduler as ours

PAGE = Path(__file__).with_name("torch_differences.md")
HEAD = f"""\
# Where lrcore_torch.lr_scheduler differs from torch.optim.lr_scheduler

Everywhere else the rates, the momenta and the errors are PyTorch's. What the two give was computed from PyTorch
{torch.__version__.split("+")[0]} and lrcore when this page was written, by `docs/make_torch_differences.py`; a test computes it again.
A number is the rate of the first group, base rate 0.1, unless the situation says otherwise.

| class | situation | PyTorch | lrcore | why |
| --- | --- | --- | --- | --- |
"""


@dataclass(frozen=True)
class Row:
    """One difference: `run(module)` returns what PyTorch's module and ours do not agree on."""

    classes: str
    situation: str
    run: Callable[[Any], object]
    why: str


def optimizer(*rates: Any, **options: Any) -> torch.optim.SGD:
    """One parameter for each rate."""
    groups = [{"params": [torch.zeros(1, requires_grad=True)], "lr": rate} for rate in rates or (0.1,)]
    return torch.optim.SGD(groups, **{"momentum": 0.9, **options})


def rate(scheduler: Any, steps: int = 0) -> float:
    """The first group's rate after more steps."""
    for _ in range(steps):
        scheduler.optimizer.step()
        scheduler.step()
    return float(scheduler.optimizer.param_groups[0]["lr"])


def outcome(run: Callable[[Any], object], module: ModuleType) -> str:
    """What a run gives, in words."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            found = run(module)
        except Exception as error:  # whatever it is, it is what the table shows
            return type(error).__name__
    return f"{found:.6g}" if isinstance(found, float) else str(found)


def _resumed(m: Any) -> float:
    one = optimizer()
    scheduler = m.ExponentialLR(one, 0.5)
    rate(scheduler, 3)
    return rate(m.ExponentialLR(one, 0.5, last_epoch=3))


def _resumed_sequence(m: Any) -> float:
    one = optimizer()
    one.param_groups[0]["initial_lr"] = 0.1
    return rate(m.SequentialLR(one, [m.ConstantLR(one, 0.5, 2), m.ExponentialLR(one, 0.5)], [2], last_epoch=3))


def _nested(m: Any, first: bool) -> float:
    one = optimizer()
    inner = m.SequentialLR(one, [m.ConstantLR(one, 0.5, 2), m.ExponentialLR(one, 0.5)], [2])
    outer = [inner, m.ExponentialLR(one, 0.9)] if first else [m.ExponentialLR(one, 0.9), inner]
    return rate(m.SequentialLR(one, outer, [5]), 2 if first else 5)


def _before_one_cycle(m: Any) -> float:
    one = optimizer()
    return rate(m.SequentialLR(one, [m.ConstantLR(one, 1.0), m.OneCycleLR(one, 5.0, 20)], [4]))


def _chained_past(m: Any) -> float:
    one = optimizer()
    return rate(m.ChainedScheduler([m.CosineAnnealingLR(one, 5), m.ExponentialLR(one, 0.5)]), 7)


def _chained_sequence(m: Any) -> float:
    one = optimizer()
    inner = m.SequentialLR(one, [m.ConstantLR(one, 0.5, 2), m.StepLR(one, 9)], [2])
    return rate(m.ChainedScheduler([m.ExponentialLR(one, 0.5), inner]), 2)


def _state_alone(m: Any) -> float:
    scheduler = m.StepLR(optimizer(), 3)
    rate(scheduler, 4)
    fresh = m.StepLR(optimizer(), 3)
    fresh.load_state_dict(scheduler.state_dict())
    return rate(fresh, 1)


def _between(m: Any) -> float:
    scheduler = m.CosineAnnealingWarmRestarts(optimizer(), 10)
    scheduler.step(2.5)
    return rate(scheduler, 1)


def _late(m: Any, make: Callable[[Any, Any], Any]) -> str:
    one = optimizer()
    scheduler = make(m, one)
    one.add_param_group({"params": [torch.zeros(1, requires_grad=True)], "lr": 0.5})
    scheduler.step()
    return "driven"


def _get_lr(m: Any) -> float:
    scheduler = m.StepLR(optimizer(), 2)
    rate(scheduler, 2)
    return float(scheduler.get_lr()[0])


def _epoch_of_a_product(m: Any) -> float:
    scheduler = m.MultiplicativeLR(optimizer(), lambda t: 0.5)
    scheduler.step(4)
    return rate(scheduler)


def _attribute(m: Any) -> object:
    return hasattr(m.OneCycleLR(optimizer(), 0.1, 10), "total_steps")


def _shared(m: Any) -> float:
    one = torch.optim.SGD([{"params": [torch.zeros(1)], "initial_lr": rate} for rate in (0.1, 0.2)], lr=torch.tensor(0.1))
    return rate(m.LambdaLR(one, lambda t: 1.0))


def _warned(m: Any) -> str:
    scheduler = m.StepLR(optimizer(), 3)
    with warnings.catch_warnings(record=True) as found:
        warnings.simplefilter("always")
        scheduler.step()
        scheduler.step(3)
    return f"{len(found)} warnings"


def _patched(m: Any) -> str:
    one = optimizer()
    m.StepLR(one, 3)
    return "replaced" if "step" in vars(one) else "left alone"


def _one_argument(m: Any, name: str, *arguments: Any) -> str:
    """When a class notices that an argument means nothing."""
    try:
        scheduler = getattr(m, name)(optimizer(), *arguments)
    except ValueError:
        return "ValueError from the constructor"
    for step in range(1, 9):
        try:
            scheduler.step()
        except Exception as error:
            return f"{type(error).__name__} at step {step}"
    return f"{rate(scheduler):.6g} at step 8"


def _of_preset(one: Difference, m: Any) -> float:
    """The example of a preset's row, through the class."""
    arguments = dict(one.arguments)
    scheduler = getattr(m, one.presets[0].removeprefix("torch."))(optimizer(arguments.pop("lr", 0.1)), **arguments)
    if "step(epoch)" in one.where:
        scheduler.step(one.step)
        return rate(scheduler)
    return rate(scheduler, one.step)


def rows() -> list[Row]:
    """Those of the presets, and those of the classes."""
    of_presets = [
        Row(
            ", ".join(path.removeprefix("torch.") for path in one.presets if not path.endswith("_momentum")),
            f"{one.where}; {', '.join(f'{name}={value}' for name, value in one.arguments.items())}, step {one.step}",
            partial(_of_preset, one), f"{one.reason}; {one.right} is meant",
        )
        for one in DIFFERENCES if one.presets[0].startswith("torch.") and one.where != "every step"
    ]  # fmt: skip
    return [*of_presets, *OWN]


OWN = [
    Row(
        "ConstantLR", "factor=0, step total_iters", lambda m: rate(m.ConstantLR(optimizer(), 0.0, 2), 2),
        "it multiplies the rate by 1 / factor",
    ),
    Row("ExponentialLR and others", "gamma=0.5, last_epoch=3 after 3 steps", _resumed, "the rate of step 4 is left at that of step 3"),
    Row(
        "SequentialLR", "last_epoch=3; factor 0.5 for 2 steps, then gamma=0.5", _resumed_sequence,
        "it starts the first scheduler anew (pytorch#162591)",
    ),
    Row("SequentialLR", "as the first of another; step 2", partial(_nested, first=True), "the inner one is one step ahead"),
    Row("SequentialLR", "as the second of another", partial(_nested, first=False), "the inner one has no closed form to start from"),
    Row(
        "SequentialLR", "before a OneCycleLR, whose max_lr is 5; step 0", _before_one_cycle,
        "OneCycleLR overwrites initial_lr, which the first scheduler then takes for its base",
    ),
    Row(
        "ChainedScheduler", "CosineAnnealingLR with T_max=5 and gamma=0.5; step 7", _chained_past,
        "past T_max the cosine adds to the rate, which forgets the others' factors; theirs are multiplied here",
    ),
    Row(
        "ChainedScheduler", "gamma=0.5 and a SequentialLR at its milestone, 2", _chained_sequence,
        "the sequence sets the rate there, which forgets the others' factors",
    ),
    Row(
        "StepLR and others", "state loaded without the optimizer's; one step later", _state_alone,
        "only the optimizer knows the rate (pytorch#29697)",
    ),
    Row("CosineAnnealingWarmRestarts", "T_0=10, step(2.5), then step()", _between, "last_epoch is 3, the rate that of 3.5"),
    Row("MultiplicativeLR", "factor 0.5, step(4)", _epoch_of_a_product, "the rate in force is multiplied once"),
    Row("LambdaLR", "a group is added", partial(_late, make=lambda m, o: m.LambdaLR(o, lambda t: 1.0)), "one function is there for all"),
    Row(
        "OneCycleLR", "a group is added", partial(_late, make=lambda m, o: m.OneCycleLR(o, 0.1, 10)),
        "the group lacks the keys that the others were given",
    ),
    Row(
        "CosineAnnealingWarmRestarts", "a group is added", partial(_late, make=lambda m, o: m.CosineAnnealingWarmRestarts(o, 10)),
        "the base rates are of the groups there were",
    ),
    Row(
        "StepLR and others", "get_lr() called after step 2, a multiple of step_size=2", _get_lr,
        "it computes the next step's change to the rate in force, and warns",
    ),
    Row(
        "every class", "groups that share one tensor as lr, initial_lr 0.1 and 0.2", _shared,
        "filling it for the last group fills it for all",
    ),
    Row(
        "every class", "step() before optimizer.step(), and step(3)", _warned,
        "updates that GradScaler skips raise a false alarm; any step may be asked for",
    ),
    Row("every class", "the optimizer's step", _patched, "it counts calls, for that alarm; none is needed"),
    Row("OneCycleLR", "hasattr(scheduler, 'total_steps')", _attribute, "Accelerate stops stepping a scheduler that has one"),
    Row("StepLR", "step_size=0", lambda m: _one_argument(m, "StepLR", 0), "no such steps"),
    Row("CosineAnnealingLR", "T_max=0", lambda m: _one_argument(m, "CosineAnnealingLR", 0), "no such curve"),
    Row(
        "StepLR", "step_size=2.5", lambda m: _one_argument(m, "StepLR", 2.5),
        "a multiple of 2.5 that is a step comes every 5; lengths are whole",
    ),
    Row("ExponentialLR", "gamma=-1", lambda m: _one_argument(m, "ExponentialLR", -1.0), "no rate is negative"),
]  # fmt: skip


def document() -> str:
    """The text of torch_differences.md."""
    lines = [f"| {row.classes} | {row.situation} | {outcome(row.run, stock)} | {outcome(row.run, ours)} | {row.why} |\n" for row in rows()]
    return HEAD + "".join(lines)


if __name__ == "__main__":
    PAGE.write_text(document())
