"""A plan is a value; bound to names it is columns; two of them have a diff; a run that follows one has a state."""

from __future__ import annotations

import copy
import itertools
import json
import math
import pickle
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import lrcore as lr
from lrcore import schedule as types
from lrcore.changes import first_difference
from lrcore.state import check_state, make_state
from strategies import schedules

NAMES = {name: getattr(types, name) for name in dir(types) if not name.startswith("_")} | {"Plan": lr.Plan}
BASE = lr.warmup_cosine(1.0, warmup=10, steps=100)
NOTHING = st.nothing()
FRACTIONS = lr.linear(0, 1, 0.1) >> lr.cosine(1, 0, "rest")


def given_fields(extra: st.SearchStrategy[Any] = NOTHING) -> st.SearchStrategy[dict[str, Any]]:
    names = st.sampled_from(["lr", "momentum", "beta1", "beta2", "weight_decay", "eps", "rho", "alpha", "zeta", "_k"])
    return st.dictionaries(names, st.one_of(schedules(max_depth=2), st.integers(-3, 3), extra), max_size=4)


@st.composite
def plans(draw: st.DrawFn) -> lr.Plan:
    groups = draw(st.dictionaries(st.sampled_from(["a", "b", "c.*", "d|e", "f.0"]), given_fields(st.none()), max_size=3))
    return lr.Plan(
        draw(schedules(max_depth=2)), fields=draw(given_fields().map(without_lr)), groups=groups, horizon=draw(st.sampled_from([None, 100]))
    )


def without_lr(fields: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in fields.items() if name != "lr"}


class TestValue:
    @settings(max_examples=60, deadline=None)
    @given(plans())
    def test_comes_back_equal(self, plan: lr.Plan) -> None:
        for again in (eval(repr(plan), NAMES), lr.from_json(plan.to_json()), pickle.loads(pickle.dumps(plan)), copy.deepcopy(plan)):
            assert again == plan and hash(again) == hash(plan) and again.fingerprint == plan.fingerprint and repr(again) == repr(plan)

    @pytest.mark.parametrize(
        ("one", "other"),
        [
            (lr.Plan(1), lr.Plan(lr.constant(1.0))),
            (lr.Plan(fields={"lr": BASE, "beta1": 0.9}), lr.Plan(BASE, beta1=0.9)),
            (lr.Plan(fields={"eps": 1, "alpha": 2}), lr.Plan(fields={"alpha": 2, "eps": 1.0})),
            (lr.Plan(BASE, fields={"eps": None, "momentum": None}), lr.Plan(BASE)),
            (lr.Plan(groups={"a": {"lr": 1, "eps": 2}}), lr.Plan(groups=[("a", {"eps": 2, "lr": 1})])),
            (lr.Plan(BASE, horizon=np.int64(100)), lr.Plan(BASE, horizon=100)),
        ],
    )
    def test_equal_however_written(self, one: lr.Plan, other: lr.Plan) -> None:
        assert one == other and hash(one) == hash(other) and one.to_json() == other.to_json() and repr(one) == repr(other)

    def test_different_plans_differ(self) -> None:
        a, b = {"lr": 1.0}, {"lr": None}
        plans = [lr.Plan(1), lr.Plan(2), lr.Plan(momentum=1), lr.Plan(1, horizon=5), lr.Plan(fields={"eps": 1}), lr.Plan(groups={"x": {}})]
        plans += [lr.Plan(groups={"x": a}), lr.Plan(groups={"x": b}), lr.Plan(groups={"x": a, "y": b}), lr.Plan(groups={"y": b, "x": a})]
        assert len(set(plans)) == len({plan.fingerprint for plan in plans}) == len(plans)

    def test_document_is_recorded(self) -> None:
        plan = lr.Plan(lr.linear(0, 1, 0.5), weight_decay=0.1, fields={"eps": 1e-8}, groups={"head.*": {"lr": None}}, horizon=10)
        assert plan.to_json() == (
            '{"lrcore":1,"plan":{"lr":{"type":"ramp","start":0.0,"stop":1.0,"steps":0.5},"weight_decay":{"type":"constant","value":0.1},'
            '"fields":{"eps":{"type":"constant","value":1e-8}},"groups":[["head.*",{"lr":null}]],"horizon":10}}'
        )
        assert plan.fingerprint == "75fe7bb3c07e39810b173ea42ba025bccf9df3ae8d116667f5cab67db9f1d278"

    def test_cannot_be_changed(self) -> None:
        plan = lr.Plan(BASE, fields={"eps": 1}, groups={"a": {"lr": 1}})
        with pytest.raises(AttributeError):
            plan.lr = None  # type: ignore[misc]
        for change in (lambda: plan.fields.update(eps=2), lambda: plan.fields.__setitem__("eps", 2), lambda: plan.groups[0][1].clear()):
            with pytest.raises(TypeError, match=r"^The fields of a plan do not change; make a new Plan\.$"):
                change()

    def test_the_callers_dictionaries_are_not_kept(self) -> None:
        fields, inner = {"eps": 1}, {"lr": 1}
        plan = lr.Plan(BASE, fields=fields, groups={"a": inner})
        before = plan.fingerprint
        fields["eps"], inner["lr"] = 2, 2
        assert plan.fingerprint == before


class TestBind:
    def test_first_match_wins_and_group_fields_stand_in(self) -> None:
        plan = lr.Plan(1.0, weight_decay=0.1, groups={"head": {"lr": 2.0}, "h.*": {"lr": None}, "body": {"momentum": 0.9}})
        assert plan.bind(["head", "hip", "body", "rest"]).current(0) == {
            "head": {"lr": 2.0, "weight_decay": 0.1},
            "hip": {"weight_decay": 0.1},
            "body": {"lr": 1.0, "momentum": 0.9, "weight_decay": 0.1},
            "rest": {"lr": 1.0, "weight_decay": 0.1},
        }

    @pytest.mark.parametrize(
        ("groups", "names"),
        [({}, ("default",)), ({"b": {}, "a": {}}, ("b", "a")), ({"layers.0": {}, "enc/w-1": {}}, ("layers.0", "enc/w-1"))],
    )
    def test_own_names(self, groups: dict[str, Any], names: tuple[str, ...]) -> None:
        assert lr.Plan(1, groups=groups).bind().names == names

    def test_a_pattern_that_is_a_name_is_that_name_alone(self) -> None:
        plan = lr.Plan(1, groups={"layer.1": {"lr": 2}})
        assert plan.bind(["layer.1", "layerx1"]).row(0).tolist() == [2, 1]
        assert plan.bind(["layerx1"]).row(0).tolist() == [2]

    def test_columns_in_canonical_order(self) -> None:
        fields = {
            "zeta": 1,
            "eps": 1,
            "weight_decay": 1,
            "beta2": 1,
            "beta1": 1,
            "momentum": 1,
            "rho": 1,
            "alpha": 1,
            "lr": 1,
            "amsgrad": 1,
        }
        columns = [field for _, field in lr.Plan(fields=fields).bind().columns]
        assert columns == ["lr", "momentum", "beta1", "beta2", "weight_decay", "eps", "alpha", "rho", "amsgrad", "zeta"]

    @settings(max_examples=40, deadline=None)
    @given(plans(), st.integers(0, 10**6))
    def test_row_is_the_schedules_values(self, plan: lr.Plan, step: int) -> None:
        bound = (
            plan.bind(["a", "b", "cc", "d", "f.0"])
            if all(pattern in ["a", "b", "c.*", "d|e", "f.0"] for pattern, _ in plan.groups)
            else plan.bind()
        )
        assert bound.row(step).tolist() == [schedule(step) for schedule in bound.schedules]

    def test_fractions_are_of_the_horizon(self) -> None:
        plan = lr.Plan(FRACTIONS, groups={"a": {"lr": 0.5 * FRACTIONS}}, horizon=100)
        assert plan.bind(["a", "b"]).schedules == (0.5 * FRACTIONS.over(100), FRACTIONS.over(100))

    def test_layerwise(self) -> None:
        rates = lr.layerwise(BASE, 0.5, ["stem", "body", "head"])
        assert rates == {"stem": 0.25 * BASE, "body": 0.5 * BASE, "head": BASE}
        plan = lr.Plan(groups={name: {"lr": rate} for name, rate in rates.items()})
        assert plan.bind().row(10).tolist() == [0.25, 0.5, 1.0]


def said(call: Any) -> str:
    """The error of a call, as its kind and sentence."""
    try:
        call()
    except Exception as error:
        return f"{type(error).__name__}: {error}"
    return "nothing was refused"


REFUSED = {
    "text as a rate": (
        lambda: lr.Plan("fast"),
        "SpecError: lr: expected a Schedule or a finite number, got 'fast'. Give an int or a float.",
    ),
    "nan": (lambda: lr.Plan(momentum=math.nan), "SpecError: momentum: expected a Schedule or a finite number, got nan."),
    "boolean": (
        lambda: lr.Plan(fields={"eps": True}),
        "SpecError: fields['eps']: expected a Schedule or a finite number, got True. Give an int or a float.",
    ),
    "rate in a group": (
        lambda: lr.Plan(groups={"a": {"lr": math.inf}}),
        "SpecError: groups['a']['lr']: expected a Schedule or a finite number, got inf.",
    ),
    "schedule as a group": (
        lambda: lr.Plan(groups={"a": lr.constant(1)}),
        "SpecError: groups['a']: expected a mapping from field names to schedules, got Constant(value=1.0). "
        'For a rate write {"lr": ...}.',
    ),
    "number as groups": (
        lambda: lr.Plan(groups=3),
        'SpecError: groups: expected a mapping from patterns to fields, got 3. Write groups={"head": {"lr": ...}}.',
    ),
    "field given twice": (
        lambda: lr.Plan(1, fields={"lr": 2}),
        "SpecError: fields['lr']: expected a field that is not given as a keyword too, got Constant(value=2.0). Leave one of them out.",
    ),
    "name of a field": (
        lambda: lr.Plan(fields={"a b": 1}),
        "SpecError: fields: expected field names such as lr or weight_decay, got 'a b'.",
    ),
    "no name": (lambda: lr.Plan(groups={"a": {"": 1}}), "SpecError: groups['a']: expected field names such as lr or weight_decay, got ''."),
    "pattern that is no text": (lambda: lr.Plan(groups={3: {}}), "SpecError: groups: expected patterns that are strings, got 3."),
    "pattern twice": (lambda: lr.Plan(groups=[("a", {}), ("a", {})]), "SpecError: groups: expected every pattern once, got 'a'."),
    "pattern that does not compile": (
        lambda: lr.Plan(groups={"a(": {}}),
        "SpecError: groups: expected names or regular expressions (missing ), unterminated subpattern at position 1), got 'a('.",
    ),
    "horizon of none": (lambda: lr.Plan(1, horizon=0), "SpecError: horizon: expected an integer >= 1, got 0."),
    "horizon that is a float": (lambda: lr.Plan(1, horizon=1e3), "SpecError: horizon: expected an integer >= 1, got 1000.0."),
    "phases beyond the horizon": (
        lambda: lr.Plan(lr.linear(0, 1, 50) >> lr.linear(1, 0, "rest"), horizon=40),
        "SpecError: lr.phases[1].steps: expected something left of the horizon for the rest, got -10.0.",
    ),
    "fractions of no horizon": (
        lambda: lr.Plan(FRACTIONS).bind(),
        "SpecError: horizon: expected a number of updates, got None. The lengths in lr of group 'default' are fractions of it.",
    ),
    "misspelt group": (
        lambda: lr.Plan(1, groups={"haed": {}}).bind(["head", "body"]),
        "PlanError: groups['haed'] matches none of the groups 'head', 'body'. Did you mean 'head'?",
    ),
    "pattern without match": (
        lambda: lr.Plan(1, groups={"x.*": {}}).bind([f"g{i}" for i in range(20)]),
        "PlanError: groups['x.*'] matches none of the groups 'g0', 'g1', 'g2', 'g3', 'g4', 'g5', 'g6', 'g7', 'g8', 'g9' and 10 more. "
        "Correct the pattern, or leave it out.",
    ),
    "pattern never reached": (
        lambda: lr.Plan(1, groups={".*": {}, "head": {}}).bind(["head", "body"]),
        "PlanError: groups['head'] is never reached: groups['.*'] comes first and takes 'head'. Write it earlier.",
    ),
    "pattern without names": (
        lambda: lr.Plan(1, groups={"h.*": {}}).bind(),
        "PlanError: groups['h.*'] is a pattern, so the names of the groups are needed. Call plan.bind(names) first.",
    ),
    "name twice": (lambda: lr.Plan(1).bind(["a", "b", "a"]), "PlanError: Two groups are called 'a'. Give every group a name of its own."),
    "no groups": (lambda: lr.Plan(1).bind([]), "PlanError: There are no groups to bind the plan to. Give at least one name."),
    "text as names": (lambda: lr.Plan(1).bind("head"), "SpecError: names: expected a list of group names, got 'head'."),
    "number as a name": (lambda: lr.Plan(1).bind(["a", 3]), "SpecError: names[1]: expected the name of a group, got 3."),
    "nothing scheduled": (
        lambda: lr.Plan(groups={"a": {"lr": None}}).bind(),
        "PlanError: The plan schedules nothing for the groups 'a'. Give it lr=, or another field.",
    ),
    "misspelt keyword": (lambda: lr.Plan(1, weight_decy=1), "TypeError: Unexpected keyword argument 'weight_decy'"),
    "unknown key": (
        lambda: lr.from_json('{"lrcore":1,"plan":{"lrr":null}}'),
        "SpecError: plan: expected the fields of an lrcore document, got Object contains unknown field lrr.",
    ),
    "bad value in JSON": (
        lambda: lr.from_json('{"lrcore":1,"plan":{"horizon":0}}'),
        "SpecError: plan.horizon: expected an integer >= 1, got 0.",
    ),
    "decay of nothing": (lambda: lr.layerwise(1, 0, ["a"]), "SpecError: decay: expected a number > 0, got 0.0."),
    "decay that overflows": (
        lambda: lr.layerwise(1, 1e300, ["a", "b", "c"]),
        "SpecError: decay: expected a number whose power 2 fits a float64, got 1e+300.",
    ),
    "row before the start": (lambda: lr.Plan(1).bind().row(-1), "SpecError: step: expected an integer >= 0, got -1."),
}


@pytest.mark.parametrize("case", REFUSED)
def test_refused_with_a_sentence(case: str) -> None:
    call, sentence = REFUSED[case]
    assert said(call) == sentence


class TestDiff:
    @settings(max_examples=60, deadline=None)
    @given(plans(), plans())
    def test_is_false_only_for_equal_plans(self, one: lr.Plan, other: lr.Plan) -> None:
        assert bool(one.diff(other)) == (one != other) and not one.diff(one)

    def test_of_a_part(self) -> None:
        (change,) = lr.Plan(BASE).diff(lr.Plan(lr.warmup_cosine(1.0, warmup=10, steps=100, stop=0.5)))
        assert (change.group, change.field, change.part, change.old, change.new, change.step) == (
            None,
            "lr",
            "phases[1].stop",
            0.0,
            0.5,
            11,
        )

    def test_as_text(self) -> None:
        old = lr.Plan(BASE, groups={"head": {"lr": 2 * BASE, "eps": None}}, horizon=100)
        new = lr.Plan(BASE, momentum=0.9, groups={"head": {"lr": 3 * BASE}, "body": {}}, horizon=200)
        assert str(old.diff(new)).splitlines() == [
            "groups: ['head'] -> ['head', 'body']",
            "horizon: 100 -> 200",
            "momentum: nothing -> 0.9, values differ from step 0",
            "groups['head']['lr'].terms[0].value: 2.0 -> 3.0, values differ from step 1",
            "groups['head']['eps']: frozen -> nothing",
        ]
        assert str(old.diff(old)) == "no difference"

    def test_a_new_horizon_moves_fractions(self) -> None:
        text = str(lr.Plan(FRACTIONS, weight_decay=1, horizon=100).diff(lr.Plan(FRACTIONS, weight_decay=1, horizon=200)))
        assert text.splitlines() == [
            "horizon: 100 -> 200",
            "lr.phases[0].steps: 10 -> 20, values differ from step 1",
            "lr.phases[1].steps: 90 -> 180, values differ from step 1",
        ]

    def test_written_otherwise_with_the_same_values(self) -> None:
        (change,) = lr.Plan(lr.constant(0.5, 10) >> lr.constant(0.5)).diff(lr.Plan(0.5))
        assert change.step is None and str(change) == "lr: Constant(value=0.5, steps=10) >> 0.5 -> 0.5"

    @settings(max_examples=60, deadline=None)
    @given(schedules(max_depth=3), schedules(max_depth=3))
    def test_first_difference_is_the_first(self, one: lr.Schedule, other: lr.Schedule) -> None:
        horizon, step = 3000, first_difference(one, other, 3000)
        unequal = np.flatnonzero(one.values(horizon) != other.values(horizon))
        assert step == unequal[0] if unequal.size else step is None or step >= horizon

    @pytest.mark.parametrize("at", [70_000, 2**24 + 3, 10**12, 2**52])
    def test_found_far_away(self, at: int) -> None:
        one = lr.constant(0.5)
        assert first_difference(one, one.until(at) >> lr.constant(0.25), 2**53, 2**20) == at

    def test_steps_that_are_refused_are_no_error(self) -> None:
        assert lr.Plan(BASE.past_end("error"), horizon=200).diff(lr.Plan(BASE, horizon=200)).changes[0].step is None


class TestState:
    OLD, NEW = lr.Plan(BASE, momentum=0.9, horizon=100), lr.Plan(2 * BASE, momentum=0.8, horizon=100)

    def state(self, step: int = 30) -> dict[str, Any]:
        return make_state(self.OLD.bind(), step)

    def test_is_plain_json(self) -> None:
        state = make_state(self.OLD.bind(), np.int64(30), {"default": {"lr": np.float64(0.1)}})
        assert json.loads(json.dumps(state)) == state
        assert state == {
            "version": 1, "step": 30, "fingerprint": self.OLD.fingerprint, "plan": self.OLD.to_json(),
            "base": [["default", "lr", 0.1]], "events": [], "binding": {},
        }  # fmt: skip

    def test_of_the_same_plan_needs_no_choice(self) -> None:
        for on_change in ("error", "keep", "replace", "rebase"):
            assert check_state(self.state(), self.OLD, on_change) == (self.OLD, 30)

    def test_of_another_plan_is_refused_with_its_diff(self) -> None:
        assert said(lambda: check_state(self.state(), self.NEW)) == (
            "StateError: The checkpoint at step 30 was made with another plan.\n"
            "lr: linear(0.0, 1.0, 10) >> cosine(1.0, 0.0, 90) -> 2.0 * (linear(0.0, 1.0, 10) >> cosine(1.0, 0.0, 90)), values differ from "
            "step 1\n"
            "momentum.value: 0.9 -> 0.8, values differ from step 0\n"
            'Pass on_change="keep" to go on with the plan of the checkpoint, "replace" to use the new plan from this step on, or '
            '"rebase" to use the new plan made continuous with the values in force.\n'
            "At step 30:\n"
            "  lr: 0.883022 by the checkpoint, 1.76604 by the new plan; rebased it goes on as the new curve times 0.5\n"
            "  momentum: 0.9 by the checkpoint, 0.8 by the new plan; rebased it goes on as the new curve 0.5 times as far from 1"
        )

    def test_keep_and_replace(self) -> None:
        assert check_state(self.state(), self.NEW, "keep") == (self.OLD, 30)
        assert check_state(self.state(), self.NEW, "replace") == (self.NEW, 30)

    @settings(max_examples=60, deadline=None)
    @given(schedules(max_depth=2), schedules(max_depth=2), st.integers(0, 5000))
    def test_rebase_goes_on_from_the_value_in_force(self, old: lr.Schedule, new: lr.Schedule, step: int) -> None:
        before = lr.Plan(old, beta1=0.9)
        after, at = check_state(make_state(before.bind(), step), lr.Plan(new, beta1=0.99 * lr.linear(1, 0.9, 9000)), "rebase")
        assert at == step
        np.testing.assert_allclose(after.bind().row(step), before.bind().row(step), rtol=1e-13, atol=1e-13)
        assert after.bind().table(100, step).rows(range(100))[:, 1].max() <= 1.0

    def test_rebase_keeps_the_shape(self) -> None:
        old, new = lr.Plan(lr.linear(1, 0, 100)), lr.Plan(lr.linear(1, 0, 200))
        plan, _ = check_state(make_state(old.bind(), 50), new, "rebase")
        np.testing.assert_allclose(np.asarray(plan.bind().table(150, 50))[:, 0], np.linspace(0.5, 0.0, 150, endpoint=False))

    def test_rebase_adds_where_nothing_can_be_scaled(self) -> None:
        old, new = lr.Plan(0.25), lr.Plan(lr.linear(0, 1, 100))
        plan, _ = check_state(make_state(old.bind(), 0), new, "rebase")
        assert [plan.bind().row(step)[0] for step in (0, 50)] == [0.25, 0.75]

    def test_rebase_twice_is_rebase_once(self) -> None:
        once, step = check_state(self.state(), self.NEW, "rebase")
        assert check_state(make_state(once.bind(), step), self.NEW, "rebase") == (once, step)

    def test_rebase_keeps_fractions_frozen_fields_and_new_groups(self) -> None:
        old = lr.Plan(FRACTIONS, horizon=100).bind(["a", "b"])
        new = lr.Plan(FRACTIONS, momentum=0.9, groups={"a": {"momentum": None}, "c": {"lr": 3}}, horizon=200)
        plan, _ = check_state(make_state(old, 50), new, "rebase", ["a", "b", "c"])
        assert plan.horizon == 200 and plan.bind(["a", "b", "c"]).columns == new.bind(["a", "b", "c"]).columns
        row = plan.bind(["a", "b", "c"]).row(50)
        np.testing.assert_allclose(row, [old.row(50)[0], old.row(50)[1], 0.9, 3.0, 0.9])

    @pytest.mark.parametrize(
        ("change", "sentence"),
        [
            (lambda s: s.clear(), "This is no state of an lrcore plan: it has no version. Pass what state_dict() returned."),
            (
                lambda s: s.update(version=2),
                "The state is of version 2, and this lrcore reads version 1. Read it with the lrcore that wrote it, or a newer one.",
            ),
            (lambda s: s.pop("step"), "The state is incomplete or altered: Object missing required field step. Load another checkpoint."),
            (
                lambda s: s.update(step=True),
                "The state is incomplete or altered: Expected int, got bool - at $.step. Load another checkpoint.",
            ),
            (
                lambda s: s.update(step=-2),
                "The state is incomplete or altered: step: expected an integer >= -1, got -2. Load another checkpoint.",
            ),
            (
                lambda s: s.update(more=1),
                "The state is incomplete or altered: Object contains unknown field more. Load another checkpoint.",
            ),
            (
                lambda s: s.update(plan="{}"),
                "The state is incomplete or altered: its plan does not have its fingerprint. Load another checkpoint.",
            ),
            (
                lambda s: s["base"][0].__setitem__(2, math.nan),
                "The state is incomplete or altered: base[0]: expected a finite number, got nan. Load another checkpoint.",
            ),
        ],
    )
    def test_altered_is_refused(self, change: Any, sentence: str) -> None:
        state = self.state()
        change(state)
        for on_change in ("error", "keep", "replace", "rebase"):
            assert said(lambda choice=on_change: check_state(state, self.NEW, choice)) == f"StateError: {sentence}"

    def test_unknown_choice(self) -> None:
        sentence = "SpecError: on_change: expected one of error, keep, replace, rebase, got 'ignore'."
        assert said(lambda: check_state(self.state(), self.OLD, "ignore")) == sentence

    def test_checking_changes_nothing(self) -> None:
        state = self.state()
        before = copy.deepcopy(state)
        results = [check_state(state, self.NEW, choice) for choice, _ in itertools.product(("keep", "replace", "rebase"), range(2))]
        assert state == before and results[::2] == results[1::2]
