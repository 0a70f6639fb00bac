"""to_code: the code runs with nothing but torch, and a real optimizer under it has the plan's rates, over the run and past it."""

from __future__ import annotations

import math
import re
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import HealthCheck, given, settings
from torch.optim import SGD, AdamW, Optimizer

import lrcore as lr
from lrcore import presets
from lrcore_numpy.code import closed_forms
from lrcore_torch.code import to_code
from oracle import tolerance
from strategies import schedules, steps_of_interest

FORMULA = 1e-12
"""Relative error allowed of a closed form over a run; 1e-14 seen."""

TOLERANCES = 400
"""The same at any step, in tolerances of the oracle, which know how much a sum cancels; 88 seen in 4,000 random schedules: an
exponential's argument of 700 rounds by 350 units of the last place of the value."""

STOCK = 1e-11
"""Of the largest rate, allowed of a scheduler that multiplies the rate in force; 4e-14 seen in 1,500 steps."""

WARM = lr.linear(0.01, 0.1, 10)
HEAD = {"head": {"lr": 0.5 * WARM}, "body": {"lr": WARM}}


def made(kind: type[Optimizer] = SGD, groups: int = 1, **options: Any) -> Optimizer:
    return kind([{"params": [torch.zeros(1, requires_grad=True)]} for _ in range(groups)], lr=7.0, **options)


def run(code: str, optimizer: Optimizer) -> Any:
    """The scheduler that the code makes."""
    assert "lrcore" not in code
    assert set(re.findall(r"^(?:import|from) (\S+)", code, re.M)) <= {"math", "statistics", "torch.optim.lr_scheduler"}
    space: dict[str, Any] = {"optimizer": optimizer}
    exec(compile(code, "code", "exec"), space)
    return space["scheduler"]


def stepped(code: str, count: int, optimizer: Optimizer, key: str = "lr") -> np.ndarray:
    """(count, groups): what the groups hold at steps 0, 1, ..."""
    scheduler, rows = run(code, optimizer), []
    for _ in range(count):
        rows.append([group[key][0] if key == "betas" else group[key] for group in optimizer.param_groups])
        optimizer.step()
        scheduler.step()
    return np.array(rows)


def classes(code: str) -> set[str]:
    return set(re.findall(r"(\w+)\(", code)) & set(vars(torch.optim.lr_scheduler))


def agree(code: str, schedule: lr.Schedule, count: int) -> None:
    rates, values = stepped(code, count, made())[:, 0], schedule.values(count)
    allowed = FORMULA * np.abs(values) if "LambdaLR" in code else STOCK * np.abs(values).max()
    assert (np.abs(rates - values) <= allowed).all(), code


# -- every recipe, every shape, any nesting ------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", lr.recipes())
def test_every_recipe(name):
    recipe = lr.recipes()[name]
    schedule = recipe(**recipe.example)
    span = schedule.span if isinstance(schedule.span, int) else 1500
    agree(to_code(schedule), schedule, min(span, 1500) + 40)


def test_every_shape_has_a_closed_form():
    assert set(lr.SHAPES) <= set(vars(closed_forms))


@pytest.mark.parametrize("endpoint", [False, True])
@pytest.mark.parametrize("name", lr.SHAPES)
def test_every_shape_at_any_step(name, endpoint):
    shape = lr.SHAPES[name]
    args = tuple(parameter.example for parameter in shape.parameters)
    for start, stop in (shape.example, shape.example[::-1], *([] if shape.ends else [(0.0, 1.0), (1.0, 0.0), (-1.0, 2.0)])):
        for steps in (1, 90, 10**9):
            ramp = lr.Ramp(start, stop, steps, name, args, endpoint)
            close(ramp, steps_of_interest(ramp, 40))


@settings(max_examples=150, deadline=None, suppress_health_check=list(HealthCheck))
@given(schedules())
def test_any_nesting_at_any_step(schedule):
    last = 2**48 if "Noise(" in repr(schedule) else 2**53  # the noise of stretched steps that float64 does not tell apart is anyone's
    close(schedule, [step for step in steps_of_interest(schedule, 40) if step <= last])


def close(schedule: lr.Schedule, steps: list[int]) -> None:
    """The function written for a schedule, asked for any step."""
    code = to_code(schedule * lr.Knots((0.0, 1.0), (1.0, 1.0)))  # a factor of 1 that no stock class has
    function = run(code, made()).lr_lambdas[0]
    for step, value in zip(steps, schedule(np.array(steps)).tolist(), strict=True):
        noise = 1e-13 * schedule._facts[1] * ("Noise(" in repr(schedule))  # NormalDist is right to an ulp of the probability
        allowed = TOLERANCES * float(tolerance(schedule, step)) + 1e-15 * abs(value) + noise + 1e-240  # below 2^-800 is 0 in lrcore
        assert abs(function(step) - value) <= allowed, f"step {step}: {function(step)!r}, not {value!r}\n{schedule!r}\n{code}"


# -- where a stock class fits ----------------------------------------------------------------------------------------------------

T = presets.torch
FITS = {
    "ConstantLR": [lr.constant(0.1), T.ConstantLR(0.3, 0.5, 7)],
    "LinearLR": [T.LinearLR(0.3, 0.25, 0.75, 9), lr.linear(0.1, 0.0, 30), lr.Ramp(0.1, 0.2, 30, endpoint=True)],
    "StepLR": [T.StepLR(0.1, 7, 0.5), 0.5 * T.StepLR(0.1, 7, 0.5)],
    "MultiStepLR": [T.MultiStepLR(0.1, [7, 20, 21], 0.1), lr.multistep(0.1, [7, 20], 0.3)],
    "ExponentialLR": [T.ExponentialLR(0.1, 0.97)],
    "PolynomialLR": [T.PolynomialLR(0.1, 30, 2.5)],
    "CosineAnnealingLR": [T.CosineAnnealingLR(0.1, 20, 0.01), 0.5 * T.CosineAnnealingLR(0.1, 20, 0.01), T.CosineAnnealingLR(0.1, 1)],
    "CosineAnnealingWarmRestarts": [T.CosineAnnealingWarmRestarts(0.1, 5, 2, 0.01), T.CosineAnnealingWarmRestarts(0.1, 9)],
    "CyclicLR": [T.CyclicLR(0.01, 0.1, 5, 9, mode, 0.9) for mode in ("triangular", "triangular2", "exp_range")],
    "SequentialLR": [
        WARM >> lr.constant(0.1),
        WARM >> lr.linear(0.1, 0.02, 20),
        lr.constant(0.1, 20) >> lr.constant(0.05, 20) >> lr.polynomial(0.1, 0.0, 20, power=2),
        WARM >> T.ExponentialLR(0.1, 0.9),
        WARM >> T.StepLR(0.1, 5, 0.5),
        WARM >> T.CosineAnnealingLR(0.1, 10, 0.01),
        WARM >> T.CosineAnnealingWarmRestarts(0.1, 10, 2, 0.01),
        WARM >> lr.cosine(0.1, 0.01, 20) >> lr.constant(0.01),
        lr.cosine(0.1, 0.0, 20) >> lr.polynomial(0.1, 0.0, 20, power=2) >> T.StepLR(0.1, 7, 0.5).until(20) >> lr.constant(0.0),
        lr.Ramp(0.05, 0.1, 10, endpoint=True) >> lr.Ramp(0.1, 0.02, 10, "cosine", endpoint=True) >> lr.linear(0.02, 0.01, 5),
    ],
}  # fmt: skip


@pytest.mark.parametrize(("name", "schedule"), [(name, schedule) for name, fits in FITS.items() for schedule in fits])
def test_a_stock_class_where_one_fits(name, schedule):
    code = to_code(schedule)
    assert name in classes(code) and "LambdaLR" not in code
    agree(code, schedule, 130)


@pytest.mark.parametrize(
    "schedule",
    [
        lr.cosine(0.1, 0.0, 30),  # CosineAnnealingLR rises again
        lr.warmup_cosine(0.1, warmup=5, steps=30),
        lr.linear(0.0, 0.1, 30),  # LinearLR refuses a start of 0
        lr.constant(0.0),
        lr.piecewise_constant([10, 20], [0.1, 0.02, 0.05]),
        lr.polynomial(0.1, 0.01, 30, power=2),
        lr.one_cycle(0.1, 30),  # OneCycleLR raises past the end
        T.ExponentialLR(0.1, 1.01),  # ours stops growing at 1e199
        T.CosineAnnealingWarmRestarts(0.1, 5, 2).stretch(2),
        lr.constant(-0.1),
    ],
    ids=repr,
)
def test_a_function_where_stock_values_would_part(schedule):
    code = to_code(schedule)
    assert classes(code) == {"LambdaLR"}
    agree(code, schedule, 130)


# -- groups and fields ---------------------------------------------------------------------------------------------------------


def rows(plan: lr.BoundPlan, count: int, field: str = "lr") -> np.ndarray:
    columns = [i for i, (_, each) in enumerate(plan.columns) if each == field]
    return np.asarray(plan.table(count))[:, columns]


@pytest.mark.parametrize(
    ("rate", "name"),
    [(lr.step(0.1, 0.5, every=7), "StepLR"), (WARM >> lr.constant(0.1), "SequentialLR"), (lr.cosine(0.1, 0.0, 30), "LambdaLR"),
     (T.CyclicLR(0.01, 0.1, 5), "CyclicLR"), (T.CosineAnnealingLR(0.1, 20, 0.01), "LambdaLR")],
)  # fmt: skip
def test_every_group_has_its_own_rate(rate, name):
    bound = lr.Plan(groups=lr_of(lr.layerwise(rate, 0.5, ["stem", "body", "head"]))).bind()
    code = to_code(bound)
    assert name in classes(code)
    np.testing.assert_allclose(stepped(code, 60, made(groups=3)), rows(bound, 60), rtol=STOCK)


def lr_of(rates: dict[str, lr.Schedule]) -> dict[str, Any]:
    return {name: {"lr": rate} for name, rate in rates.items()}


def test_groups_come_in_the_order_they_are_bound_in():
    plan = lr.Plan(groups={"head.*": {"lr": lr.cosine(0.1, 0.0, 9)}, "body": {"lr": lr.linear(0.0, 0.3, 9)}})
    bound = plan.bind(["body", "head.norm", "head-norm"])
    np.testing.assert_allclose(stepped(to_code(bound), 12, made(groups=3)), rows(bound, 12), rtol=FORMULA)
    with pytest.raises(ValueError, match="Expected 2 lr_lambdas"):
        run(to_code(bound), made(groups=2))


@pytest.mark.parametrize("groups", [1, 3])
def test_other_groups_than_the_plan_has_are_refused(groups):
    bound = lr.Plan(0.1, groups={"head": {"lr": 0.2}}).bind(["body", "head"])
    with pytest.raises(ValueError, match="values to unpack"):
        run(to_code(bound), made(groups=groups))


def test_a_group_without_a_rate_keeps_its_own():
    bound = lr.Plan(lr.cosine(0.1, 0.0, 9), groups={"frozen": {"lr": None}}).bind(["body", "frozen"])
    rates = stepped(to_code(bound), 12, made(groups=2))
    assert (rates[:, 1] == 7.0).all()
    np.testing.assert_allclose(rates[:, 0], rows(bound, 12)[:, 0], rtol=FORMULA)


def test_constants_are_set_once():
    plan = lr.Plan(
        lr.cosine(0.1, 0.0, 9), weight_decay=0.5, beta2=0.75, groups={"head": {"weight_decay": 0.0, "beta1": 0.5, "beta2": None}}
    )
    optimizer = made(AdamW, 2)
    run(to_code(plan.bind(["body", "head"])), optimizer)
    assert [(group["weight_decay"], group["betas"]) for group in optimizer.param_groups] == [(0.5, (0.9, 0.75)), (0.0, (0.5, 0.999))]
    assert [group["lr"] for group in optimizer.param_groups] == [0.1, 0.1]


CYCLES = [(0.01, 0.1, 5, 9, mode, 0.9) for mode in ("triangular", "triangular2", "exp_range")]
ONCE = [{"three_phase": three, "anneal_strategy": how} for three in (False, True) for how in ("cos", "linear")]
PAIRS = [
    *((T.CyclicLR(*args), T.CyclicLR_momentum(*args), None, "CyclicLR") for args in CYCLES),
    *((T.OneCycleLR(0.1, 40, **options), T.OneCycleLR_momentum(0.1, 40, **options), 40, "OneCycleLR") for options in ONCE),
    *((lr.one_cycle(0.1, 39, phases=phases), lr.one_cycle_momentum(39, phases=phases), 40, "OneCycleLR") for phases in (2, 3)),
    (lr.one_cycle(0.1, 36), lr.one_cycle_momentum(36), None, "LRScheduler"),
    (WARM >> lr.constant(0.1), lr.cosine(0.8, 0.95, 30), 36, "LRScheduler"),
]


@pytest.mark.parametrize(("kind", "field", "key"), [(SGD, "momentum", "momentum"), (AdamW, "beta1", "betas")])
@pytest.mark.parametrize(("rate", "momentum", "horizon", "name"), PAIRS)
def test_momentum_goes_with_the_rate(rate, momentum, horizon, name, kind, field, key):
    code = to_code(lr.Plan(rate, fields={field: momentum}, horizon=horizon))
    assert name in code and "LambdaLR" not in code
    options = {"momentum": 0.5} if kind is SGD else {}
    np.testing.assert_allclose(stepped(code, 40, made(kind, **options))[:, 0], rate.values(40), rtol=STOCK)
    np.testing.assert_allclose(stepped(code, 40, made(kind, **options), key)[:, 0], momentum.values(40), rtol=STOCK)


def test_every_field_of_every_group_follows_its_own_schedule():
    plan = lr.Plan(
        lr.one_cycle(0.1, 30), weight_decay=lr.cosine(0.01, 0.1, 30), beta1=lr.one_cycle_momentum(30),
        groups={
            "head": {"lr": 0.1, "beta2": lr.linear(0.9, 0.99, 9), "eps": 1e-6},
            "frozen": {"lr": None, "weight_decay": None, "beta1": None},
        },
    )  # fmt: skip
    bound = plan.bind(["body", "head", "frozen"])
    optimizer = made(AdamW, 3)
    scheduler = run(to_code(bound), optimizer)
    for step in range(33):
        held = [
            {"lr": g["lr"], "beta1": g["betas"][0], "beta2": g["betas"][1], "weight_decay": g["weight_decay"], "eps": g["eps"]}
            for g in optimizer.param_groups
        ]
        for name, values in zip(bound.names, held, strict=True):
            wanted = {"lr": 7.0, "beta1": 0.9, "beta2": 0.999, "weight_decay": 0.01, "eps": 1e-8} | bound.current(step)[name]
            assert values == pytest.approx(wanted, rel=FORMULA)
        optimizer.step()
        scheduler.step()


LOSSES = np.random.default_rng(3).uniform(0.9, 1.1, 60) * np.geomspace(1.0, 0.5, 60)


@pytest.mark.parametrize(
    "rule",
    [
        lr.ReduceLROnPlateau(factor=0.5, patience=2),
        lr.ReduceLROnPlateau("max", 0.3, 1, threshold=0.05, threshold_mode="abs", cooldown=2, min_lr={"head": 0.02}),
        lr.ReduceLROnPlateau(factor=0.5, patience=0, min_lr=1e-3, eps=1e-3),
    ],
)
def test_a_rule_is_torchs_own(rule):
    bound = lr.Plan(0.1, groups={"head": {"lr": 0.3}}, adapt=rule).bind(["body", "head"])
    code = to_code(bound)
    assert classes(code) == {"ReduceLROnPlateau"}
    optimizer, ours = made(groups=2), bound.begin()
    scheduler = run(code, optimizer)
    for step, loss in enumerate(LOSSES):
        optimizer.step()
        scheduler.step(loss)
        ours.observe(loss, step)
        assert [group["lr"] for group in optimizer.param_groups] == [values["lr"] for values in ours.current(step).values()]
    assert ours.active


@pytest.mark.parametrize(("horizon", "name"), [(None, "LambdaLR"), (40, "OneCycleLR"), (41, "LambdaLR")])
def test_one_cycle_only_where_it_ends_with_the_run(horizon, name):
    plan = lr.Plan(T.OneCycleLR(0.1, 40), horizon=horizon)
    assert classes(to_code(plan)) == {name}
    np.testing.assert_allclose(stepped(to_code(plan), 40, made()), rows(plan.bind(), 40), rtol=STOCK)


# -- what the code says --------------------------------------------------------------------------------------------------------


def test_equal_parts_are_written_once():
    rate = lr.warmup_cosine(0.1, warmup=5, steps=30)
    code = to_code(lr.Plan(groups=lr_of(lr.layerwise(rate, 0.5, [f"layer{i}" for i in range(12)]))))
    assert code.count("return cosine(0.1") == 1


def test_samples_are_written_out_and_long_ones_are_not():
    values = np.linspace(0.3, 0.1, 4096)
    code = to_code(lr.Samples(values))
    assert stepped(code, 5, made())[:, 0].tolist() == values[:5].tolist()
    assert max(map(len, code.splitlines())) <= 120
    with pytest.raises(lr.PlanError) as refusal:
        to_code(lr.Samples(np.linspace(0, 1, 5000)))
    assert str(refusal.value) == (
        "lr holds 5,000 samples, and up to 4,096 are written into code. "
        "Drive it with PlanScheduler, or draw it with fewer points: lr.Knots(positions, values)."
    )


def test_past_an_end_that_refuses_the_code_refuses():
    scheduler = run(to_code(lr.cosine(0.1, 0.0, 3).past_end("error")), made())
    assert math.isclose(scheduler.lr_lambdas[0](2), lr.cosine(0.1, 0.0, 3)(2))
    with pytest.raises(ValueError, match=r"^The schedule ends at step 3\.$"):
        scheduler.lr_lambdas[0](3)


def test_the_optimizer_goes_by_its_name():
    code = to_code(lr.cosine(0.1, 0.0, 3), optimizer="self.optimizer")
    assert "self.optimizer.param_groups" in code and "LambdaLR(self.optimizer, learning_rate)" in code
    assert "LambdaLR(learning_rate, learning_rate2)" in to_code(lr.cosine(0.1, 0.0, 3), optimizer="learning_rate")


REFUSED = {
    "lr.Plan(0.1, adapt=lr.NewBob())": (
        "The plan has the rule NewBob, and torch.optim.lr_scheduler.ReduceLROnPlateau is the only one there. Give the plan a "
        'ReduceLROnPlateau, or take the code for "lrcore", which has every rule.'
    ),
    "lr.Plan(0.1, adapt=lr.ReduceLROnPlateau(convention='keras'))": (
        "The rule follows keras's convention, and torch.optim.lr_scheduler.ReduceLROnPlateau acts at other observations. Write "
        'ReduceLROnPlateau(convention="torch"), or take the code for "lrcore".'
    ),
    "lr.Plan(lr.linear(0.1, 0, 9), adapt=lr.ReduceLROnPlateau())": (
        "lr of group 'default' changes, and torch's ReduceLROnPlateau works on constant values. Hold it constant, or take the "
        'code for "lrcore", whose PlanScheduler has a rule on top of any schedule.'
    ),
    "lr.Plan(groups={'a': {'lr': 0.1}, 'b': {'lr': 0.2}}, adapt={'a': lr.ReduceLROnPlateau(), 'b': None})": (
        "The groups have different rules, and torch.optim.lr_scheduler.ReduceLROnPlateau has one for all. Give them one rule, or take "
        'the code for "lrcore".'
    ),
    "lr.Plan(groups={'h.*': {'lr': 0.1}})": (
        "groups['h.*'] is a pattern, so the names of the groups are needed. Call plan.bind(names) first."
    ),
    "lr.linear(0.1, 0, 0.5)": "horizon: expected a number of updates, got None. The lengths in lr of group 'default' are fractions of it.",
    "0.1": "plan: expected a Plan, a BoundPlan or a Schedule, got 0.1.",
}  # fmt: skip


@pytest.mark.parametrize("plan", REFUSED)
def test_what_cannot_be_expressed_is_a_sentence(plan):
    with pytest.raises(lr.LrcoreError) as refusal:
        to_code(eval(plan, {"lr": lr}))
    assert str(refusal.value) == REFUSED[plan]


@pytest.mark.parametrize(
    ("name", "expected"),
    [("2x", "a name such as optimizer or self.optimizer"), ("self.", "a name such as optimizer or self.optimizer"),
     ("class", "a name such as optimizer or self.optimizer"), (None, "a name such as optimizer or self.optimizer"),
     ("math", "a name the code does not use itself"), ("group", "a name the code does not use itself")],
)  # fmt: skip
def test_an_optimizer_that_is_no_name(name, expected):
    with pytest.raises(lr.SpecError) as refusal:
        to_code(lr.constant(0.1), optimizer=name)
    assert str(refusal.value) == f"optimizer: expected {expected}, got {name!r}."
