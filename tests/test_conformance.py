"""The laws of lrcore.conformance: what keeps them passes, and each is broken by an adapter that breaks it."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from copy import deepcopy
from typing import Any

import numpy as np
import pytest
import torch

import lrcore as lr
from examples.made_up_framework import PlanPilot, Trainer
from lrcore import conformance
from lrcore.conformance import Driver, Law, Values, check, laws
from lrcore_numpy import Stepper
from lrcore_torch import PlanScheduler


class MadeUp(Driver):
    """The rate is read from how far a weight moves under a gradient of 1."""

    rounding = 1e-15  # what the move, which is a product and a sum, adds
    last_step = 2**53

    def __init__(self, plan: lr.Plan, names: tuple[str, ...]) -> None:
        self.pilot = PlanPilot(Trainer(**dict.fromkeys(names, 1)), plan)

    def update(self) -> Values:
        trainer = self.pilot.trainer
        before = {name: weight.copy() for name, weight in trainer.weights.items()}
        for name in before:
            trainer.weights[name][:] = before[name][:] = 0.0
        trainer.move({name: np.ones(1) for name in before})
        return {name: {"lr": float(before[name][0] - trainer.weights[name][0])} for name in before}

    def step(self) -> None:
        self.pilot.step()

    def save(self) -> dict[str, Any]:
        return {"trainer": deepcopy(self.pilot.trainer.slices), "plan": self.pilot.state_dict()}

    def load(self, state: dict[str, Any]) -> None:
        for part, saved in state.items():
            if part == "plan":
                self.pilot.load_state_dict(saved)
            else:  # the framework puts back its knobs, which are the plan's to set
                for name, knobs in saved.items():
                    self.pilot.trainer.slices[name].update(drag=knobs["drag"])

    def seek(self, step: int) -> None:
        self.pilot.seek(step)

    def add_group(self, name: str) -> None:
        trainer = self.pilot.trainer
        trainer.slices[name], trainer.weights[name], trainer.moves[name] = {"speed": 0.3, "drag": 0.0}, np.zeros(1), np.zeros(1)


class Loop(Driver):
    """A loop by hand with a Stepper, whose settings are read as the update reads them."""

    fields = ("lr", "momentum", "weight_decay")
    last_step = 2**53

    def __init__(self, plan: lr.Plan, names: tuple[str, ...]) -> None:
        self.stepper = Stepper(plan, names)

    def update(self) -> Values:
        settings = {name: dict.fromkeys(fields, 0.0) for name, fields in self.stepper.current().items()}
        self.stepper.apply(settings if len(settings) > 1 else settings[self.stepper.names[0]])
        return settings

    def step(self) -> None:
        self.stepper.step()

    def save(self) -> dict[str, Any]:
        return {"plan": self.stepper.state_dict()}

    def load(self, state: dict[str, Any]) -> None:
        self.stepper.load_state_dict(state["plan"])

    def seek(self, step: int) -> None:
        self.stepper.seek(step)

    def add_group(self, name: str) -> None:
        self.stepper.bind((*self.stepper.names, name))


class TorchHost(Driver):
    """A weight of a group moves by its rate; momentum and weight decay are read from the group, where the update reads them."""

    fields = ("lr", "momentum", "weight_decay")
    last_step = 2**53
    mode = "host"

    def __init__(self, plan: lr.Plan, names: tuple[str, ...]) -> None:
        self.optimizer = torch.optim.SGD([self._group(name) for name in names], lr=0.3)
        self.scheduler = PlanScheduler(self.optimizer, plan, mode=self.mode)

    def _group(self, name: str) -> dict[str, Any]:
        return {"params": [torch.zeros(1, dtype=torch.float64, requires_grad=True)], "name": name}

    def update(self) -> Values:
        groups = self.optimizer.param_groups
        for group in groups:
            group["params"][0].data.zero_()
            group["params"][0].grad = torch.ones(1, dtype=torch.float64)
        self.optimizer.state.clear()  # without momentum from before
        self.optimizer.step()
        others = self.fields[1:]
        return {group["name"]: {"lr": -group["params"][0].item()} | {field: float(group[field]) for field in others} for group in groups}

    def step(self) -> None:
        self.scheduler.step()

    def save(self) -> dict[str, Any]:
        return deepcopy({"optimizer": self.optimizer.state_dict(), "plan": self.scheduler.state_dict()})

    def load(self, state: dict[str, Any]) -> None:
        for part, saved in state.items():
            (self.optimizer if part == "optimizer" else self.scheduler).load_state_dict(saved)

    def seek(self, step: int) -> None:
        self.scheduler.seek(step)

    def add_group(self, name: str) -> None:
        self.optimizer.add_param_group(self._group(name))


class TorchDevice(TorchHost):
    """The same with rates that are views of one float32 vector."""

    rounding = 6e-8
    mode = "device"


DRIVERS = [MadeUp, Loop, TorchHost, TorchDevice]


@pytest.mark.parametrize(("driver", "law"), [(driver, law) for driver in DRIVERS for law in laws(driver)], ids=lambda value: value.__name__)
def test_an_adapter_keeps_the_laws(driver, law):
    law(driver)


def test_all_of_them_at_once():
    check(Loop)


def test_every_law_is_listed_and_says_what_it_is():
    public = {value for name, value in vars(conformance).items() if inspect.isfunction(value) and not name.startswith("_")}
    written = {value for value in public if next(iter(inspect.signature(value).parameters), "") == "driver"} - {check, laws}
    assert set(conformance.LAWS) == written and all(law.__doc__ for law in written)


def test_every_recipe_is_tried():
    assert set(lr.recipes()) < set(conformance.plans())


class Bare(MadeUp):
    """An adapter that cannot seek, of a framework that cannot add groups."""

    seek = None
    add_group = None


def test_what_an_adapter_cannot_do_is_not_asked_of_it():
    assert set(conformance.LAWS) - set(laws(Bare)) == {conformance.seeks, conformance.late_groups}
    conformance.same_values(Bare, ["cosine", "warmup_cosine", "sequence"])


def test_the_example_is_short():
    assert len(inspect.getsource(PlanPilot).splitlines()) < 60


# -- broken on purpose ---------------------------------------------------------------------------------------------------------


class LateByOne(Loop):
    def update(self):
        bound = self.stepper.plan.bind(self.stepper.names)
        return bound.current(max(self.stepper.position - 1, 0))


class InSingle(Loop):
    def update(self):
        return {name: {field: float(np.float32(value)) for field, value in fields.items()} for name, fields in super().update().items()}


class OneRateForAll(Loop):
    def update(self):
        values = super().update()
        return dict.fromkeys(values, next(iter(values.values())))


class EndsAtZero(Loop):
    def update(self):
        values = super().update()
        return values if self.stepper.position < 3 else {name: dict.fromkeys(fields, 0.0) for name, fields in values.items()}


class Shared(Loop):
    kept: Stepper | None = None

    def __init__(self, plan, names):
        if Shared.kept is None or Shared.kept.plan != plan:
            Shared.kept = Stepper(plan, names)
        self.stepper = Shared.kept


class Forgets(Loop):
    def load(self, state):
        super().load({"plan": {**state["plan"], "step": 0}})


class Adds(Loop):
    """The second load goes on from where the first one ended."""

    def load(self, state):
        before = self.stepper.position
        super().load(state)
        self.stepper.seek(self.stepper.position + before)


class WantsTheOptimizerFirst(TorchHost):
    def load(self, state):
        super().load(state)
        if next(iter(state)) == "plan":
            for group, saved in zip(self.optimizer.param_groups, state["optimizer"]["param_groups"], strict=True):
                group["lr"] = 2 * saved["lr"]


class OnlyForward(Loop):
    def load(self, state):
        if state["plan"]["step"] >= self.stepper.position:
            super().load(state)


class TakesAnything(Loop):
    def __init__(self, plan, names):
        self.stepper = Stepper(plan, names, on_change="replace")


class RefusesTooLate(Loop):
    def load(self, state):
        try:
            super().load(state)
        except lr.StateError:
            self.stepper.seek(state["plan"]["step"])
            raise


class SeeksOneTooFar(Loop):
    def seek(self, step):
        self.stepper.seek(step + 1)


class ForgetsLateGroups(Loop):
    def add_group(self, name):
        pass


class LeavesLateGroups(MadeUp):
    """A late group keeps the rate it came with."""

    def add_group(self, name):
        super().add_group(name)
        self.late = name

    def update(self):
        if hasattr(self, "late"):
            self.pilot.trainer.slices[self.late]["speed"] = 0.3
        return super().update()


BROKEN: list[tuple[type[Driver], Law, str]] = [
    (
        LateByOne,
        conformance.same_values,
        r"^Linear, at step 1, lr of 'body' is 0\.00029970999999999996 by the plan, and the update used 0\.0003: ",
    ),
    (
        InSingle,
        conformance.same_values,
        r"lr of 'body' is 0\.0003 by the plan, and the update used 0\.0003000000142492354: 4\.7e-08 of it ",
    ),
    (
        OneRateForAll,
        conformance.groups_have_their_own,
        r"^At step 1, lr of 'head' is 0\.002 by the plan, and the update used 0\.02: 9 of it",
    ),
    (EndsAtZero, conformance.holds_past_the_end, r"^At step 3, lr of 'body' is 0\.025 by the plan, and the update used 0\.0: 1 of it off"),
    (
        Shared,
        conformance.runs_stand_alone,
        r"^At step 0, lr of 'body' is 0\.0 by the plan, and the update used 0\.1: 0\.1 off, where nothing",
    ),
    (
        Forgets,
        conformance.resumes_at_any_step,
        r"^Resumed, at step 1, lr of 'body' is 0\.02 by the plan, and the update used 0\.0: 1 of it",
    ),
    (Adds, conformance.loads_twice, r"^At step 7, lr of 'body' is "),
    (WantsTheOptimizerFirst, conformance.loads_in_any_order, r"^Plan before optimizer, at step 7, lr of 'body' is .*: 1 of it off"),
    (OnlyForward, conformance.goes_back, r"^At step 4, lr of 'body' is 0\.08"),
    (TakesAnything, conformance.refuses_another_plan, r"^The checkpoint of another plan was loaded\. lr\.check_state says whether a state"),
    (RefusesTooLate, conformance.refuses_another_plan, r"^After the refusal, at step 3, lr of 'body' is "),
    (SeeksOneTooFar, conformance.seeks, r"^At step 17, lr of 'body' is "),
    (ForgetsLateGroups, conformance.late_groups, r"^At step 4 the update had the groups body, head, without the late one\."),
    (LeavesLateGroups, conformance.late_groups, r"^At step 4, lr of 'late' is "),
]


@pytest.mark.parametrize(("driver", "law", "sentence"), BROKEN, ids=lambda value: getattr(value, "__name__", ""))
def test_a_broken_adapter_is_found_out(driver: type[Driver], law: Callable[..., None], sentence: str):
    Shared.kept = None
    with pytest.raises(AssertionError, match=sentence):
        law(driver)


def test_every_law_can_be_broken():
    assert {law for _, law, _ in BROKEN} == set(conformance.LAWS)


def test_check_says_which_law():
    with pytest.raises(AssertionError, match=r"^groups_have_their_own: At step 3, lr of 'body' is 0\.06"):
        check(type("Ends", (EndsAtZero,), {"without": frozenset(conformance.plans()), "fields": ("lr",)}))
