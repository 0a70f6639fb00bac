"""Checks before the run: for every code a plan that has it and one that has not; and what the catalogue's own recipes give."""

import json
from types import SimpleNamespace

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import lrcore as lr
from strategies import schedules
from test_presets import PRESETS, example

RUN = {"dataset_size": 50_000, "batch_size": 250, "epochs": 10}  # 2,000 updates
WARM = lr.warmup_cosine(0.1, warmup=100, steps=2000)
COSINE = lr.cosine(0.1, 0.0, 2000)


def groups(*patterns, **more):
    return lr.Plan(0.1, groups={pattern: {"lr": 0.2} for pattern in patterns}, **more)


def sgd(*names):
    return SimpleNamespace(param_groups=[{"params": [], "lr": 0.1, "momentum": 0.9, "weight_decay": 0.0, "name": name} for name in names])


# code, severity, a plan or schedule that has it with what is known of the run, and one that has not
TABLE = [
    ("clock-mismatch", "warning", COSINE, {**RUN, "horizon": 1000}, COSINE, {**RUN, "horizon": 2000}),
    ("clock-mismatch", "warning", lr.Plan(COSINE, clock=lr.Clock(batch_size=32)), {"batch_size": 64},
     lr.Plan(COSINE, clock=lr.Clock(batch_size=32)), {"batch_size": 32}),
    ("horizon-missing", "error", lr.Plan(lr.linear(0.1, 0.0, 0.5)), {}, lr.Plan(lr.linear(0.1, 0.0, 0.5)), RUN),
    ("horizon-mismatch", "error", lr.cosine(0.1, 0.0, 1000), RUN, COSINE, RUN),
    ("horizon-mismatch", "warning", lr.cosine(0.1, 0.01, 1000), RUN, lr.linear(0.0, 0.1, 100), RUN),
    ("horizon-mismatch", "warning", lr.cosine(0.1, 0.0, 4000), RUN, lr.constant(0.1), RUN),
    ("horizon-mismatch", "note", lr.one_cycle(0.1, 1999), RUN, lr.one_cycle(0.1, 2000), RUN),
    ("horizon-mismatch", "error", COSINE.past_end("error"), {**RUN, "epochs": 11}, COSINE.past_end("error"), RUN),
    ("horizon-mismatch", "error", lr.Plan(COSINE, horizon=2000), {**RUN, "accumulation": 1, "epochs": 20},
     lr.Plan(COSINE, horizon=2000), {**RUN, "accumulation": 2, "epochs": 20}),
    ("horizon-mismatch", "error", COSINE, {**RUN, "epochs": 80}, COSINE, {**RUN, "epochs": 80, "world_size": 8}),
    ("horizon-mismatch", "error", lr.Plan(COSINE, horizon=4000), {}, lr.Plan(COSINE, horizon=2000), {}),
    ("horizon-mismatch", "warning", lr.Plan(COSINE, horizon=1000), {},
     lr.Plan(0.1, weight_decay=lr.cosine(0.1, 0.01, 500), horizon=1000), {}),
    ("horizon-mismatch", "error", COSINE >> lr.constant(0.0), {"horizon": 4000}, COSINE >> lr.constant(0.01), {"horizon": 4000}),
    ("warmup-too-long", "error", WARM, {"horizon": 100}, WARM, {"horizon": 101}),
    ("warmup-too-long", "error", lr.linear(0.0, 0.1, 500), {"horizon": 400}, lr.linear(0.0, 0.1, 500), {"horizon": 500}),
    ("phase-unreached", "warning", lr.wsd(0.1, warmup=10, decay=20, steps=100), {"horizon": 80},
     lr.wsd(0.1, warmup=10, decay=20, steps=100), {"horizon": 81}),
    ("phase-unreached", "warning", COSINE >> lr.linear(0.01, 0.0, 10), RUN, COSINE >> lr.constant(0.0), RUN),
    ("rises-after-end", "warning", lr.cosine(0.1, 0.0, 200).past_end("mirror"), RUN, COSINE.past_end("mirror"), RUN),
    ("rises-after-end", "warning", 2.0 * lr.cosine(0.1, 0.0, 200).past_end("mirror"), RUN, lr.cosine(0.1, 0.0, 200).past_end("hold"), RUN),
    ("cycle-cut", "note", lr.cosine(0.1, 0.0, 300).repeat(), RUN, lr.cosine(0.1, 0.0, 200).repeat(), RUN),
    ("cycle-cut", "note", lr.cosine(0.1, 0.0, 300).repeat(stretch=2), RUN, lr.cosine(0.1, 0.0, 300).repeat(stretch=2), {"horizon": 2100}),
    ("epoch-step-mixup", "error", lr.cosine(0.1, 0.0, 10), RUN, COSINE, RUN),
    ("epoch-step-mixup", "error", lr.cosine(0.1, 0.0, 10).past_end("error"), RUN, lr.cosine(0.1, 0.0, 10).per(200), RUN),
    ("epoch-step-mixup", "warning", lr.cosine(0.1, 0.0, 10).repeat(), RUN, lr.cosine(0.1, 0.0, 20).repeat(), RUN),
    ("epoch-step-mixup", "error", lr.Plan(COSINE, unit="epochs", clock=lr.Clock(batch_size=250, epoch_size=50_000)), {"epochs": 10},
     lr.Plan(lr.cosine(0.1, 0.0, 10), unit="epochs", clock=lr.Clock(batch_size=250, epoch_size=50_000)), {"epochs": 10}),
    ("zero-start", "note", WARM, {}, lr.linear(0.001, 0.1, 100) >> COSINE, {}),
    ("zero-start", "note", lr.Plan(WARM), {}, lr.Plan(0.1, weight_decay=lr.linear(0.0, 0.1, 100)), {}),
    ("repeated-warmup", "note", lr.constant(0.01, 1) >> lr.linear(0.01, 0.1, 9), {}, lr.linear(0.01, 0.1, 9), {}),
    ("repeated-warmup", "warning", lr.ramp(0.01, 0.05, 5, endpoint=True) >> lr.linear(0.05, 0.1, 9), {},
     lr.linear(0.0, 0.1, 20).every(2), {}),
    ("jump", "warning", lr.linear(0.0, 0.01, 100) >> COSINE, {}, WARM, {}),
    ("jump", "warning", lr.cosine(0.1, 0.05, 100) >> lr.constant(0.001), {}, lr.cosine(0.1, 0.05, 100) >> lr.constant(0.05), {}),
    ("jump", "warning", lr.constant(0.1, 100) >> lr.linear(0.04, 0.0, 100), {},
     lr.constant(0.1, 100) >> lr.linear(0.04, 0.0, 100), {"jump": 3}),
    ("jump", "note", lr.constant(0.0, 100) >> COSINE, {}, lr.multistep(0.1, [10, 20], 0.1), {}),
    ("negative-value", "error", lr.linear(0.1, -0.1, 100), {}, lr.linear(0.1, -0.1, 100).clip(0.0, 1.0), {}),
    ("negative-value", "error", lr.linear(0.1, -0.1, 100), {}, lr.linear(0.1, -0.1, 100), {"horizon": 50}),
    ("negative-value", "note", 0.1 + lr.Noise(1), {"horizon": 100}, 1.1 + lr.Noise(1), {"horizon": 100}),
    ("negative-value", "error", lr.Plan(0.1, weight_decay=-0.1), {}, lr.Plan(0.1, fields={"offset": -0.1}), {}),
    ("out-of-bounds", "error", WARM, {"bounds": 0.05}, WARM, {"bounds": 0.1}),
    ("out-of-bounds", "error", lr.Plan(0.1, weight_decay=0.01), {"bounds": {"weight_decay": (0.05, 0.2)}},
     lr.Plan(0.1, weight_decay=0.1), {"bounds": {"weight_decay": (0.05, 0.2)}}),
    ("out-of-bounds", "error", lr.Plan(0.1, momentum=lr.linear(0.9, 1.0, 10)), {}, lr.Plan(0.1, momentum=lr.linear(0.9, 0.99, 10)), {}),
    ("peak-between-updates", "warning", lr.Knots((0.0, 4.5, 9.0), (0.0, 1.0, 0.0)), {}, lr.Knots((0.0, 4.0, 9.0), (0.0, 1.0, 0.0)), {}),
    ("peak-between-updates", "note", lr.Knots((0.0, 99.5, 200.0), (0.0, 1.0, 0.0)), {},
     lr.linear(0.0, 1.0, 10) >> lr.linear(1.0, 0.0, 9), {}),
    ("peak-between-updates", "warning", lr.linear(0.0, 1.0, 10) >> lr.constant(0.5), {}, lr.linear(0.0, 1.0, 10) >> lr.constant(1.0), {}),
    ("min-above-max", "error", lr.maximum(COSINE, 0.2), {}, lr.maximum(COSINE, 0.05), {}),
    ("min-above-max", "error", lr.minimum(lr.maximum(COSINE, 0.05), 0.03), {}, COSINE.clip(0.01, 0.05), {}),
    ("min-above-max", "warning", lr.linear(0.0, 1e-4, 100) >> lr.cosine(1e-4, 1e-3, 900), {},
     lr.linear(0.0, 1e-3, 100) >> lr.cosine(1e-3, 1e-4, 900), {}),
    ("min-above-max", "warning", lr.Plan(COSINE, adapt=lr.ReduceLROnPlateau(min_lr=0.2)), {},
     lr.Plan(COSINE, adapt=lr.ReduceLROnPlateau(min_lr=0.01)), {}),
    ("nothing-scheduled", "error", lr.Plan(), {}, lr.Plan(0.1), {}),
    ("group-names", "error", groups("head"), {"names": ["head", "head"]}, groups("head"), {"names": ["head", "body"]}),
    ("group-unmatched", "error", groups("heda"), {"names": ["head", "body"]}, groups("he.*"), {"names": ["head", "body"]}),
    ("group-unmatched", "error", groups("heda"), {"optimizer": sgd("head", "body")}, groups("head"), {"optimizer": sgd("head", "body")}),
    ("group-hidden", "error", groups(".*", "head"), {"names": ["head", "body"]}, groups("head", ".*"), {"names": ["head", "body"]}),
    ("group-twice", "note", groups("head", ".*"), {"names": ["head", "body"]}, groups("head", "b.*"), {"names": ["head", "body"]}),
    ("field-unknown", "error", lr.Plan(0.1, beta1=0.9), {"optimizer": sgd("all")}, lr.Plan(0.1, momentum=0.9), {"optimizer": sgd("all")}),
    ("field-unknown", "error", lr.Plan(0.1, momentum=0.9), {"optimizer": ["lr", "betas"]},
     lr.Plan(0.1, beta2=0.9), {"optimizer": ["lr", "betas"]}),
]  # fmt: skip


def check(plan, known):
    return plan.check(**known)


@pytest.mark.parametrize(
    ("code", "severity", "bad", "known", "good", "of_good"), TABLE, ids=[f"{i}-{row[0]}" for i, row in enumerate(TABLE)]
)
def test_a_plan_that_has_it_and_one_that_has_not(code, severity, bad, known, good, of_good):
    assert (code, severity) in {(finding.code, finding.severity) for finding in check(bad, known)}
    assert (code, severity) not in {(finding.code, finding.severity) for finding in check(good, of_good)}


def test_every_code_is_in_the_table():
    assert {row[0] for row in TABLE} == set(lr.CHECKS)


@pytest.mark.parametrize("name", lr.recipes())
def test_recipes_have_nothing_worse_than_notes(name):
    recipe = lr.recipes()[name]
    assert not recipe(**recipe.example).check().serious


@pytest.mark.parametrize("path", PRESETS)
def test_presets_have_nothing_worse_than_notes(path):
    schedule = PRESETS[path].function(**example(path))
    assert not lr.Plan(schedule, horizon=None if schedule.resolved else 20).check().serious


def test_findings_are_sentences_in_order():
    plan = lr.Plan(lr.warmup_cosine(0.1, warmup=100, steps=1000), groups={"heda": {"lr": 0.1}})
    findings = plan.check(**RUN, names=["head"])
    assert [finding.severity for finding in findings] == ["error", "error", "note"] and len(findings.errors) == len(findings.serious) == 2
    assert findings[1].sentence == (
        "The plan is for 1,000 updates, and the run makes 2,000 (10 epochs of 50,000 samples in batches of 250): "
        "the last 1,000 updates have lr 0."
    )
    assert (findings[0].where, findings[0].mend) == ("groups['heda']", "Did you mean 'head'?")
    assert all(finding.sentence.endswith(".") and finding.mend[-1] in ".?" for finding in findings)
    assert msgspec.convert(json.loads(findings.to_json()), list[lr.Finding]) == list(findings)
    assert all(finding.where in str(findings) for finding in findings) and str(lr.Plan(0.1).check()) == "nothing found"


def test_a_thousand_groups_alike_are_one_finding():
    plan = lr.Plan(groups={f"layer{i}": {"lr": 0.999**i * WARM} for i in range(1000)})
    (finding,) = plan.check(horizon=2000)
    assert finding.where == "lr of group 'layer0', and 999 more groups alike"


@settings(max_examples=60)
@given(schedules(), st.none() | st.integers(1, 3000) | st.just(10**12), st.none() | st.integers(1, 100))
def test_any_schedule_can_be_checked(schedule, horizon, epochs):
    known = {"horizon": horizon, "epochs": epochs}
    findings = schedule.check(**known)
    assert {finding.code for finding in findings} <= set(lr.CHECKS) and schedule.check(**known) == findings


def test_a_plan_in_seconds_is_checked_by_its_seconds():
    plan = lr.Plan(lr.linear(0.0, 0.1, 100) >> lr.cosine(0.1, -0.1, 2000), unit="seconds", horizon=2100)
    assert plan.check(**RUN).codes == plan.check().codes == ["negative-value", "zero-start"]


@pytest.mark.parametrize(
    ("known", "refusal"),
    [
        ({"jump": 1}, "jump: expected a number > 1, got 1.0."),
        ({"epochs": 0}, "epochs: expected an integer >= 1, got 0."),
        ({"bounds": {"beta1": 1}}, "bounds['beta1']: expected a field the plan schedules (lr), got 'beta1'."),
        ({"bounds": (2, 1)}, "bounds: expected a lowest value that is not above the highest, got (2, 1)."),
        ({"optimizer": 3}, "optimizer: expected an optimizer with param_groups or a learning_rate, its factory, or the names of its "
                           "fields, got 3."),
    ],
)  # fmt: skip
def test_arguments_that_mean_nothing(known, refusal):
    with pytest.raises(lr.SpecError) as error:
        lr.Plan(0.1).check(**known)
    assert str(error.value) == refusal


def test_the_optimizers_of_frameworks_name_their_fields():
    torch, optax, keras = (pytest.importorskip(name) for name in ("torch", "optax", "keras"))
    sgd_of = {"sgd": torch.optim.SGD([torch.zeros(1)], 0.1), "optax": optax.sgd, "keras": keras.optimizers.SGD(0.1)}
    adam_of = {"adam": torch.optim.Adam([torch.zeros(1)], 0.1), "optax": optax.adam, "keras": keras.optimizers.Adam(0.1)}
    for sgd_, adam in zip(sgd_of.values(), adam_of.values(), strict=True):
        plans = lr.Plan(0.1, momentum=0.9), lr.Plan(0.1, beta1=0.9, beta2=0.99, fields={"eps": 1e-8})
        found = [[plan.check(optimizer=optimizer).codes for plan in plans] for optimizer in (sgd_, adam)]
        assert found == [[[], ["field-unknown"]], [["field-unknown"], []]]
