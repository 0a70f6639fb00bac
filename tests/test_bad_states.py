"""States that are cut short, altered, of another version or no states at all: a sentence each, and nothing is half-loaded."""

from __future__ import annotations

import json
from collections.abc import Callable
from copy import deepcopy
from itertools import product
from typing import Any

import jax
import jax.numpy as jnp
import keras
import numpy as np
import optax
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec.structs import replace

import lrcore as lr
import lrcore_jax
import lrcore_keras
from lrcore.document import fingerprint
from lrcore_numpy import Stepper
from lrcore_torch import PlanScheduler

GROUPS = ["body", "head"]
RATE = lr.warmup_cosine(0.1, warmup=5, steps=50)
PLAN = lr.Plan(RATE, beta1=lr.linear(0.8, 0.95, 50), groups={"head": {"lr": 0.5 * RATE}}, horizon=50)
OTHER = lr.Plan(2 * RATE, beta1=0.9, horizon=50)


# -- the bindings ------------------------------------------------------------------------------------------------------


class InTorch:
    """What a binding's run is here: made with a plan, it loads a state, and shows all that it holds."""

    mode = "host"

    def __init__(self, plan: lr.Plan, on_change: lr.OnChange = "error") -> None:
        groups = [{"name": name, "params": [torch.zeros(2, requires_grad=True)]} for name in GROUPS]
        self.optimizer = torch.optim.AdamW(groups, lr=0.5)
        self.scheduler = PlanScheduler(self.optimizer, plan, mode=self.mode, on_change=on_change)  # type: ignore[arg-type]
        self.scheduler.seek(3)

    def load(self, state: Any) -> None:
        self.scheduler.load_state_dict(state)

    def held(self) -> Any:
        values = [{key: str(value) for key, value in group.items()} for group in self.optimizer.param_groups]
        return values, self.scheduler.state_dict(), self.scheduler.plan, self.scheduler.get_last_lr()


class OnTheDevice(InTorch):
    mode = "device"


class InNumpy:
    def __init__(self, plan: lr.Plan, on_change: lr.OnChange = "error") -> None:
        self.stepper = Stepper(plan, GROUPS, on_change)
        self.stepper.seek(3)

    def load(self, state: Any) -> None:
        self.stepper.load_state_dict(state)

    def held(self) -> Any:
        return self.stepper.state_dict(), self.stepper.plan, self.stepper.current()


class InJax:
    def __init__(self, plan: lr.Plan, on_change: lr.OnChange = "error") -> None:
        self.plan, self.on_change = plan, on_change
        self.opt_state = lrcore_jax.optimizer(optax.adamw, plan, {name: name for name in GROUPS}).init(
            {name: jnp.zeros(2) for name in GROUPS}
        )

    def load(self, state: Any) -> None:
        self.opt_state, self.plan = lrcore_jax.restore(self.opt_state, state, self.plan, self.on_change)

    def held(self) -> Any:
        return [np.asarray(leaf).tobytes() for leaf in jax.tree.leaves(self.opt_state)], self.plan


class InKeras:
    def __init__(self, plan: lr.Plan, on_change: lr.OnChange = "error") -> None:
        rules = {name: name for name in GROUPS}
        self.optimizer = lrcore_keras.attach(keras.optimizers.AdamW(), plan, rules, on_change=on_change)
        self.optimizer.build([keras.Variable(np.zeros(2), name=name) for name in GROUPS])

    def load(self, state: Any) -> None:
        lrcore_keras.load_state_dict(self.optimizer, state)

    def held(self) -> Any:
        variables = [keras.ops.convert_to_numpy(variable).tobytes() for variable in self.optimizer.variables]
        return variables, lrcore_keras.state_dict(self.optimizer), lrcore_keras.current(self.optimizer)


Run = InTorch | InNumpy | InJax | InKeras
RUNS: dict[str, Callable[..., Run]] = {"torch": InTorch, "torch device": OnTheDevice, "numpy": InNumpy, "jax": InJax, "keras": InKeras}
everywhere = pytest.mark.parametrize("run", RUNS.values(), ids=RUNS)


def good(step: int = 7) -> dict[str, Any]:
    return lr.make_state(PLAN.bind(GROUPS), step, binding={"calls": 0, "in_force": 1})


def refusal(run: Run, state: Any) -> str:
    """What the run says of a state; that it is still as it was is seen here."""
    before, given_state = deepcopy(run.held()), deepcopy(state)
    with pytest.raises(lr.LrcoreError) as refused:
        run.load(state)
    assert run.held() == before
    assert state is given_state or repr(state) == repr(given_state)
    return f"{type(refused.value).__name__}: {refused.value}"


# -- one by one --------------------------------------------------------------------------------------------------------

NONE = "This is no state of an lrcore plan: it has no version. Pass what state_dict() returned."
ALTERED = "The state is incomplete or altered: {} Load another checkpoint."
BAD: dict[str, tuple[Any, str]] = {
    "nothing": (None, NONE),
    "a number": (7, NONE),
    "a text": (json.dumps(good()), NONE),
    "a list": ([1, 7], NONE),
    "empty": ({}, NONE),
    "of something else": ({"base_lrs": [0.1], "_step_count": 8}, NONE),
    "a version in words": ({"version": "1"}, NONE),
    "a version to come": (
        {**good(), "version": 2},
        "The state is of version 2, and this lrcore reads version 1. Read it with the lrcore that wrote it, or a newer one.",
    ),
    "a step before the first": ({**good(), "step": -2}, ALTERED.format("step: expected an integer >= -1, got -2.")),
    "a step that is not one": ({**good(), "step": 2.5}, ALTERED.format("Expected int, got float - at $.step.")),
    "a truth for a step": ({**good(), "step": True}, ALTERED.format("Expected int, got bool - at $.step.")),
    "a step past the last": (
        {**good(), "step": 2**53 + 1},
        ALTERED.format("step: expected an integer from -1 to 2**53, got 9007199254740993."),
    ),
    "a negative count": (
        {**good(), "binding": {"calls": -1}},
        ALTERED.format("binding['calls']: expected an integer >= 0, got -1."),
    ),
    "a count in words": ({**good(), "binding": {"calls": "1"}}, ALTERED.format("binding['calls']: expected an integer >= 0, got '1'.")),
    "events that are no list": ({**good(), "events": 3}, ALTERED.format("Expected array, got int - at $.events.")),
    "a rate that is none": (
        {**good(), "base": [["body", "lr", float("nan")]]},
        ALTERED.format("base[0]: expected a finite number, got nan."),
    ),
    "another fingerprint": ({**good(), "fingerprint": "0" * 64}, ALTERED.format("its plan does not have its fingerprint.")),
    "one thing more": ({**good(), "more": 1}, ALTERED.format("Object contains unknown field more.")),
}


@everywhere
@pytest.mark.parametrize("case", BAD)
def test_a_bad_state_is_refused_with_a_sentence(run, case):
    state, sentence = BAD[case]
    for plan, on_change in ((PLAN, "error"), (OTHER, "rebase")):
        assert refusal(run(plan, on_change), state) == f"StateError: {sentence}"


@pytest.mark.parametrize("last_epoch", [-2, 2**53 + 1, 2.5, True, None, "7"])
@pytest.mark.parametrize("run", [InTorch, OnTheDevice])
def test_a_bad_state_of_a_torch_scheduler_is_refused(run, last_epoch):
    sentence = f"StateError: last_epoch: expected an integer from -1 to 2**53, got {last_epoch!r}. Load another checkpoint."
    assert refusal(run(PLAN), {"last_epoch": last_epoch, "base_lrs": [0.1]}) == sentence


@everywhere
@pytest.mark.parametrize("key", ["version", "step", "fingerprint", "plan", "base", "events"])
def test_a_state_with_a_part_missing_is_refused(run, key):
    state = good()
    del state[key]
    expected = NONE if key == "version" else ALTERED.format(f"Object missing required field {key}.")
    assert refusal(run(PLAN), state) == f"StateError: {expected}"


# -- events ------------------------------------------------------------------------------------------------------------

RULED = replace(PLAN, adapt=lr.ReduceLROnPlateau(factor=0.5, patience=0))


def with_events(plan: lr.Plan = RULED) -> dict[str, Any]:
    """A state in whose run the rule had its say at the steps 1, 2 and 3."""
    rules = plan.bind(GROUPS).begin()
    for step in range(4):
        rules.observe(1.0, step)
    return lr.make_state(rules.bound, 7, events=rules.state_dict())


BAD_EVENTS: dict[str, tuple[dict[str, Any], str]] = {
    "out of order": ({"events": [[2, 0.5], [1, 0.5]]}, "events[1]"),
    "after the last observation": ({"events": [[1, 0.5], [9, 0.5]]}, "events[1]"),
    "before the start": ({"events": [[-1, 0.5]]}, "events[0]"),
    "no factor": ({"events": [[1]]}, "events[0]"),
    "a factor that is no number": ({"events": [[1, float("nan")]]}, "events[0]"),
    "a negative count": ({"bad": -1}, "bad"),
    "a count in words": ({"cooling": "2"}, "cooling"),
    "another rule": ({"rule": "NewBob"}, "events"),
    "a group without a rule": ({"groups": "tail"}, "events"),
    "one thing more": ({"more": 1}, "more"),
}


@pytest.mark.parametrize("case", BAD_EVENTS)
@pytest.mark.parametrize("run", [InTorch, OnTheDevice, InNumpy])
def test_bad_events_are_refused(run, case):
    change, named = BAD_EVENTS[case]
    state = with_events()
    state["events"][0].update(change)
    sentence = refusal(run(RULED), state)
    assert sentence.startswith("StateError: ") and named in sentence and sentence.endswith(".")


# -- cut short ---------------------------------------------------------------------------------------------------------


def test_json_that_is_cut_anywhere_is_no_state():
    text = json.dumps(good())
    run = InNumpy(PLAN)
    for end in range(len(text)):
        try:
            state = json.loads(text[:end])
        except json.JSONDecodeError:
            continue
        refusal(run, state)  # pragma: no cover: an object that is cut is no JSON


@everywhere
@pytest.mark.parametrize("on_change", ["keep", "rebase"])
def test_a_plan_that_is_cut_anywhere_is_refused(run, on_change):
    text, at_all = PLAN.to_json(), run(OTHER, on_change)
    for end in range(0, len(text), 1 if run is InNumpy else 41):
        cut = text[:end]
        assert refusal(at_all, {**good(), "plan": cut}) == f"StateError: {ALTERED.format('its plan does not have its fingerprint.')}"
        signed = refusal(at_all, {**good(), "plan": cut, "fingerprint": fingerprint(cut)})
        assert signed.startswith("StateError: The plan of the checkpoint cannot be read: document: expected ")


@everywhere
def test_a_plan_that_has_no_value_at_the_step_is_refused(run):
    ends = lr.Plan(lr.cosine(0.1, 0.0, 5).past_end("error"))
    state = lr.make_state(ends.bind(GROUPS), 7)
    assert refusal(run(OTHER, "keep"), state).startswith("SpecError: ")
    assert "before the end at 5" in refusal(run(OTHER, "rebase"), state)


@everywhere
def test_a_plan_for_other_groups_is_refused(run):
    state = lr.make_state(lr.Plan(RATE, groups={"tail": {"lr": 1.0}}).bind(["tail", "body"]), 7)
    assert refusal(run(OTHER, "keep"), state).startswith("PlanError: groups['tail'] matches none of the groups 'body', 'head'. ")


# -- altered at random -------------------------------------------------------------------------------------------------

ANYTHING = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**70), 2**70)
    | st.sampled_from([2**31 - 1, 2**31, 2**53, 2**53 + 1])
    | st.floats()
    | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=4,
)


def places(node: Any) -> list[list[Any]]:
    """The way to everything inside a document."""
    keys = list(node) if isinstance(node, dict) else range(len(node)) if isinstance(node, list) else []
    return [[key, *rest] for key in keys for rest in ([], *places(node[key]))]


@st.composite
def altered(draw: st.DrawFn) -> dict[str, Any]:
    """A state with one thing in it another, or gone; or whose plan was changed so, and signed again."""
    state = draw(st.sampled_from([good(draw(st.integers(-1, 60))), with_events()]))
    plan = json.loads(state["plan"])
    document = draw(st.sampled_from([state, plan]))
    *way, last = draw(st.sampled_from(places(document)))
    node = document
    for key in way:
        node = node[key]
    if draw(st.booleans()):
        node[last] = draw(ANYTHING)
    else:
        del node[last]
    if document is plan:
        state["plan"] = json.dumps(plan, separators=(",", ":"))
        state["fingerprint"] = fingerprint(state["plan"])
    return state


@everywhere
@settings(max_examples=60, deadline=None)
@given(state=altered(), on_change=st.sampled_from(lr.ON_CHANGE))
def test_whatever_is_altered_it_loads_as_a_whole_or_not_at_all(run, state, on_change):
    going = run(OTHER, on_change)
    before = deepcopy(going.held())
    try:
        going.load(deepcopy(state))
    except lr.LrcoreError:
        expected = before
    else:
        again = run(OTHER, on_change)
        again.load(deepcopy(state))
        again.load(deepcopy(state))
        expected = again.held()
    assert going.held() == expected


def test_these_states_can_be_loaded():
    """Else nothing above is said about what is bad in them."""
    for run, (plan, on_change) in product(RUNS.values(), ((PLAN, "error"), (OTHER, "keep"), (OTHER, "replace"), (OTHER, "rebase"))):
        run(plan, on_change).load(json.loads(json.dumps(good())))
