"""What the controls of the Experiment page say, as an experiment that can run; and that experiment written for the terminal and for Python.

Nothing here shows anything: a refusal is kept with the control it belongs to.
"""

from __future__ import annotations

import re
import shlex
from collections.abc import Mapping
from dataclasses import dataclass, field
from math import ceil
from pathlib import Path
from typing import Any

import msgspec

from ..errors import LrcoreError
from ..experiment import NAMED, Setup, contenders
from ..experiment.contenders import PEAK
from ..experiment.setup import ARTICLE_LIMIT
from ..expression import to_expression
from ..plan import Plan
from .canvas import Canvas
from .curves import length
from .look import COLORS
from .making import made

LENGTHS = {"run": "Over the whole run", "updates": "In updates", "epochs": "In epochs"}
"""What the lengths on the canvas are here: what the canvas shows is stretched over the run, or each step is an update or an epoch."""
OWN_FIELDS = tuple(name for name in Setup.__struct_fields__ if name != "unit")


class Choices(msgspec.Struct, frozen=True, kw_only=True):
    """The controls, as they stand; what Setup takes by the same names, right or wrong.

    data : None where a file is wanted and none is given yet; train : as it was typed
    named : schedules of NAMED; canvas : those of the Schedules page, empty if they are not wanted; lengths : one of LENGTHS
    """

    data: str | None = "digits"
    train: str = ""
    hidden: float | None = 128
    solver: str = "momentum"
    rate: float | None = PEAK
    batch: float | None = 32
    epochs: float | None = 30
    seeds: float | None = 3
    backend: str = "torch"
    limit: float | None = ARTICLE_LIMIT
    named: tuple[str, ...] = ()
    canvas: Canvas = Canvas()
    lengths: str = "run"


@dataclass(frozen=True)
class Prepared:
    """An experiment that can run, or what is in its way.

    setup : None where something is refused; sizes : of the training and the test part
    given : the schedules as `contenders` takes them; plans : as it gave them; places : of their colours in the palette
    refusals : {control: sentence}
    """

    setup: Setup | None = None
    sizes: tuple[int, int] | None = None
    given: dict[str, str | Plan] = field(default_factory=dict)
    plans: dict[str, Plan] = field(default_factory=dict)
    places: dict[str, int] = field(default_factory=dict)
    refusals: dict[str, str] = field(default_factory=dict)

    @property
    def stairs(self) -> set[str]:
        """The schedules that have one value for each epoch."""
        return {name for name, value in self.given.items() if isinstance(value, str)}

    @property
    def ready(self) -> bool:
        """Whether it can be started."""
        return bool(self.setup and self.plans and not self.refusals)


def prepared(choices: Choices) -> Prepared:
    """What the choices mean; every control that is wrong has its own sentence."""
    refusals: dict[str, str] = {}
    values = {name: getattr(choices, name) for name in OWN_FIELDS} | {"train": typed(choices.train)}
    for name, value in values.items():
        if name == "data" and value is None:
            continue
        _try(refusals, name, lambda name=name, value=value: Setup(**{name: value}))
    if refusals or choices.data is None:
        return Prepared(refusals=refusals)
    setup = Setup(**values)
    _try(refusals, "data", setup.images)
    if refusals:
        return Prepared(refusals=refusals)
    split = _try(refusals, "train", setup.split)
    if split is None:
        return Prepared(refusals=refusals)
    sizes = len(split.train_labels), len(split.test_labels)
    given: dict[str, str | Plan] = {name: name for name in choices.named}
    places: dict[str, int] = {}
    factor = _stretch(choices, setup.epochs * ceil(sizes[0] / setup.batch))
    for item in choices.canvas.items:
        found = made(item.but(groups=(), layer_decay=None), choices.canvas.run)
        name = free_name(item.name, given)
        if found.bound is None or found.plan is None:
            refusals.setdefault("canvas", f"{item.name}: {next(iter(found.refusals.values()))}")
            continue
        fields = dict(zip((own for _, own in found.bound.columns), found.bound.schedules, strict=True))
        if choices.lengths == "run" and factor != 1:
            fields = {own: schedule.stretch(factor) for own, schedule in fields.items()}
        if choices.lengths == "epochs":
            fields = {own: schedule.per(ceil(sizes[0] / setup.batch)) for own, schedule in fields.items()}
        given[name], places[name] = Plan(fields=fields, adapt=found.plan.adapt), item.color
    if not given and "canvas" not in refusals:
        refusals["named"] = "Choose at least one schedule."
    plans: dict[str, Plan] = {}
    for name, value in given.items():
        control = "named" if isinstance(value, str) else "canvas"
        plans |= _try(refusals, control, lambda name=name, value=value: contenders({name: value}, setup)) or {}
    free = [place for place in range(len(COLORS) * 4) if place not in places.values()]
    places |= dict(zip([name for name in given if name not in places], free, strict=False))
    return Prepared(setup, sizes, given, plans, places, refusals)


def typed(text: str) -> Any:
    """What stands in a text field as a number, where it is one; None where it is empty; else as it is."""
    text = text.strip().replace(",", "").replace("_", "")
    for read in (int, float):
        try:
            return read(text)
        except ValueError:
            continue
    return text or None


def free_name(name: str, taken: Mapping[str, Any]) -> str:
    """A name for a schedule of the canvas that no other has, and that a command line can carry before a `=`."""
    name = re.sub(r"\s*[=(){}\[\]>*+,\s]\s*", " ", name).strip() or "schedule"
    tries = (name, f"my {name}", *(f"my {name} {i}" for i in range(2, len(taken) + 3)))
    return next(each for each in tries if each not in taken and each not in NAMED)


def _try(refusals: dict[str, str], control: str, make: Any) -> Any:
    """What `make` gives, or None with its sentence at the control."""
    try:
        return make()
    except (LrcoreError, ImportError) as error:
        refusals.setdefault(control, str(error))
    except (OverflowError, MemoryError) as error:
        refusals.setdefault(control, f"{control}: expected numbers that can be worked out, got {type(error).__name__}.")
    return None


def _stretch(choices: Choices, updates: int) -> float:
    """Updates of the run for each step that the canvas shows."""
    bound = [(item, made(item.but(groups=(), layer_decay=None), choices.canvas.run).bound) for item in choices.canvas.items]
    shown = max([length(item, each) for item, each in bound if each is not None], default=0)
    return updates / shown if shown else 1.0


# -- the same experiment elsewhere ---------------------------------------------------------------------------------------------


def _differing(setup: Setup, data: str) -> dict[str, Any]:
    """The fields of a setup that are not what they are by default."""
    shown = {name: getattr(setup, name) for name in OWN_FIELDS} | {"data": data}
    usual = Setup()
    return {name: value for name, value in shown.items() if value != getattr(usual, name)}


def written(name: str, value: str | Plan) -> str:
    """A schedule as `contenders` and the command line take it."""
    if isinstance(value, str):
        return value
    alone = value.adapt is None and set(value.defaults) == {"lr"}
    return f"{name}={to_expression(value.defaults['lr'] if alone else value)}"


def command(setup: Setup, given: Mapping[str, str | Plan], data: str | None = None) -> str:
    """The line for a terminal that repeats an experiment.

    data : what to write for the data, where the setup has the path of an upload
    """
    options = [f"--{name} {shlex.quote(f'{value:g}' if isinstance(value, float) else str(value))}"
               for name, value in _differing(setup, data or setup.data).items()]  # fmt: skip
    schedules = [shlex.quote(written(name, value)) for name, value in given.items()]
    return " ".join(["lrcore compare", *schedules, *options])


def code(setup: Setup, given: Mapping[str, str | Plan], data: str | None = None) -> str:
    """The Python that repeats an experiment, shows its table and saves its picture."""
    arguments = ", ".join(f"{name}={value!r}" for name, value in _differing(setup, data or setup.data).items())
    schedules = "\n".join(f"    {written(name, value)!r}," for name, value in given.items())
    return (
        "from lrcore.experiment import Results, Setup, contenders, run\n\n"
        f"setup = Setup({arguments})\n"
        f"plans = contenders([\n{schedules}\n], setup)\n"
        "results = Results(setup, plans)\n"
        "for epoch in run(setup, plans):\n"
        "    results.add(epoch)\n"
        "print(results.to_markdown())\n"
        'results.plot().savefig("experiment.png")\n'
    )


def named_file(path: str) -> str:
    """The last part of a path, for those who have the file elsewhere."""
    return path if path == "digits" else Path(path).name


def plain(text: str) -> str:
    """Text in which Markdown sees nothing to set."""
    return "".join(f"\\{letter}" if letter in "\\`*_{}[]<>()#+-.!|~$:" else letter for letter in text)
