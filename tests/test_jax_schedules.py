"""Drop-in schedules, plans from optax's own, code of them, and tables: each against optax itself, or the plan."""

from __future__ import annotations

import inspect
import re
from fractions import Fraction
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import lrcore as lr
import lrcore_jax
from lrcore.presets import DIFFERENCES
from lrcore.presets import optax as presets
from lrcore_jax import Scheduled, from_native, schedule, schedules, table, to_code
from strategies import schedules as any_schedule

ROOT = Path(__file__).parents[1]
CYCLE = {"init_value": 0.0, "peak_value": 0.5, "warmup_steps": 3, "decay_steps": 10}
CALLS: dict[str, list[tuple[tuple[Any, ...], dict[str, Any]]]] = {
    "constant_schedule": [((0.25,), {})],
    "linear_schedule": [((1.0, 0.5, 10), {}), ((1.0, 0.0, 10, 5), {}), ((0.5, 1.0, 0), {})],
    "polynomial_schedule": [((1.0, 0.25, 2, 10), {"transition_begin": 3}), ((1.0, 0.0, 0.5, 10, -2), {})],
    "exponential_decay": [
        ((1.0, 10, 0.5), {}), ((1.0, 10, 0.5, 3, True), {"end_value": 0.2}), ((1.0, 10, 0.0), {}),
        ((0.5, 10, 1.5), {"end_value": 1.0}),
    ],
    "cosine_decay_schedule": [((1.0, 20), {}), ((1.0, 20, 0.1, 2.0), {})],
    "warmup_cosine_decay_schedule": [((0.0, 1.0, 5, 20), {}), ((0.0, 1.0, 5, 20, 0.25, 2.0), {})],
    "warmup_exponential_decay_schedule": [((0.0, 1.0, 5, 10, 0.5), {"transition_begin": 2, "staircase": True, "end_value": 0.3})],
    "warmup_constant_schedule": [((0.0, 1.0, 5), {})],
    "linear_onecycle_schedule": [((40, 1.0), {}), ((40, 1.0, 0.25, 0.5, 8.0, 16.0), {})],
    "cosine_onecycle_schedule": [((40, 1.0), {}), ((40, 1.0, 0.25, 8.0, 16.0), {})],
    "piecewise_constant_schedule": [((1.0, {5: 0.5, 10: 0.25}), {}), ((1.0,), {})],
    "piecewise_interpolate_schedule": [(("linear", 1.0, {5: 0.5, 10: 0.25}), {}), (("cosine", 1.0, {5: 0.5, 10: 0.0}), {})],
    "sgdr_schedule": [(([CYCLE, {**CYCLE, "peak_value": 0.25, "end_value": 0.125}],), {})],
}  # fmt: skip
EACH = [(name, i) for name, calls in CALLS.items() for i in range(len(calls))]
every_call = pytest.mark.parametrize(("name", "i"), EACH)
COUNTS = np.arange(60)


def values(theirs: Any, counts: Any = COUNTS) -> np.ndarray:
    """A function's values, traced; not compiled, since what XLA makes of a division by 40 is no longer the function's own."""
    mapped = jax.vmap(lambda count: jnp.asarray(theirs(count), dtype=jnp.float32))
    return np.asarray(mapped(jnp.asarray(counts, dtype=jnp.int32)), dtype=np.float64)


def assert_agree(ours: Any, theirs: Any, of_peak: float = 4e-7) -> None:
    assert np.abs(ours - theirs).max() <= of_peak * np.abs(theirs).max()


# -- drop-in -------------------------------------------------------------------------------------------------------------------


def test_it_has_every_schedule_of_optax():
    theirs = {name for name in dir(optax.schedules) if name.endswith(("_schedule", "_schedules", "_decay"))} - {"_schedule"}
    assert theirs == set(schedules.__all__) == set(CALLS) | {"join_schedules"}


@pytest.mark.parametrize("name", schedules.__all__)
def test_the_arguments_are_optaxs(name):
    def arguments(function: Any) -> list[tuple[str, Any]]:
        return [(each.name, each.default) for each in inspect.signature(function).parameters.values()]

    assert arguments(getattr(schedules, name)) == arguments(getattr(optax, name))
    assert getattr(schedules, name).__doc__


CHEBYSHEV = lr.recipes()["chebyshev"].example


@every_call
def test_the_values_are_optaxs(name, i):
    args, kwargs = CALLS[name][i]
    ours, theirs = getattr(schedules, name)(*args, **kwargs), getattr(optax, name)(*args, **kwargs)
    assert isinstance(ours, Scheduled) and ours == schedule(getattr(presets, name)(*args, **kwargs))
    assert_agree(values(ours), values(theirs))


def test_arguments_as_users_of_optax_write_them():
    ours = schedules.linear_schedule(jnp.float32(1.0), np.float32(0.5), transition_steps=10.0, transition_begin=np.int64(2))
    assert ours == schedules.linear_schedule(1.0, 0.5, 10, 2)
    assert schedules.piecewise_constant_schedule(1.0, {5.0: jnp.float32(0.5)}) == schedules.piecewise_constant_schedule(1.0, {5: 0.5})


def test_joining_any_functions():
    ours, foreign = schedules.linear_schedule(1.0, 0.0, 10), optax.exponential_decay(0.5, 7, 0.5)
    assert schedules.join_schedules([ours, ours], [4]) == schedule(presets.join_schedules([ours.schedule, ours.schedule], [4]))
    joined = schedules.join_schedules([foreign, ours, lambda count: 0.1 / (1 + count)], [4, 11])
    theirs = optax.join_schedules([foreign, optax.linear_schedule(1.0, 0.0, 10), lambda count: 0.1 / (1 + count)], [4, 11])
    assert_agree(values(joined), values(theirs))


OPTAX = [one for one in DIFFERENCES if one.presets[0].startswith("optax.")]


@pytest.mark.parametrize("one", OPTAX, ids=lambda one: f"{one.presets[0]}: {one.where}")
def test_the_table_of_differences_is_true(one):
    name = one.presets[0].removeprefix("optax.")
    ours = getattr(schedules, name)(**one.arguments)
    assert [float(ours(one.step)), float(jax.jit(ours)(one.step))] == pytest.approx([one.ours] * 2, rel=1e-6)
    if one.theirs is None:
        with pytest.raises(ValueError, match="requires positive"):
            getattr(optax, name)(**one.arguments)
    else:
        assert float(getattr(optax, name)(**one.arguments)(one.step)) == pytest.approx(one.theirs, rel=1e-7, abs=1e-15)


def test_the_page_shows_the_differences():
    page = (ROOT / "docs" / "jax.md").read_text()
    for one in OPTAX:
        names = ", ".join(path.removeprefix("optax.") for path in one.presets if path.startswith("optax."))
        assert f"| {names} | {one.where} | {one.gives} | {one.right} | {one.reason} |" in page


def test_a_compiled_power_of_optax_may_end_in_nan():
    """XLA multiplies by 1 / 40, and 1 - 40 (1 / 40) is -6e-8, of which there is no power."""
    arguments = {"init_value": 1.0, "end_value": 0.25, "power": 2.5, "transition_steps": 40}
    assert np.isnan(jax.jit(optax.polynomial_schedule(**arguments))(40))
    assert jax.jit(schedules.polynomial_schedule(**arguments))(40) == 0.25


def test_the_tail_is_right_where_optaxs_is_not():
    """The last 1,000 counts of a cosine over a billion steps."""
    length = 10**9
    counts = np.arange(length - 1_000, length)
    ours, exact = schedules.cosine_decay_schedule(1.0, length), lr.cosine(1.0, 0.0, length)(counts)
    np.testing.assert_allclose(values(ours, counts), exact, rtol=1e-6)
    assert (np.abs(values(optax.cosine_decay_schedule(1.0, length), counts) - exact) > 0.9 * exact).all()


# -- from_native ---------------------------------------------------------------------------------------------------------------


@every_call
def test_plans_by_name_and_from_live_schedules(name, i):
    args, kwargs = CALLS[name][i]
    named = inspect.signature(getattr(optax, name)).bind(*args, **kwargs).arguments
    live = getattr(optax, name)(*args, **kwargs)
    wanted = values(live)
    assert_agree(from_native(name, **named).lr(COUNTS), wanted)
    assert_agree(from_native(live).lr(COUNTS), wanted)


def test_a_live_schedule_is_read_back_exactly():
    joined = optax.join_schedules([optax.warmup_cosine_decay_schedule(0.0, 0.1, 10, 10**6), schedule(lr.step(0.1, 0.5, every=30))], [10**6])
    counts = np.r_[0:50, 10**6 - 1_000 : 10**6 + 100]
    meant = lr.linear(0.0, 0.1, 10) >> lr.cosine(0.1, 0.0, 10**6 - 10) >> lr.step(0.1, 0.5, every=30)
    assert (from_native(joined).lr(counts) == meant(counts)).all()
    assert from_native(schedule(lr.rex(0.1, 0.0, 50))).lr == lr.rex(0.1, 0.0, 50)
    assert from_native(jax.jit(optax.cosine_decay_schedule(0.1, 50))).lr == lr.cosine(0.1, 0.0, 50)


def test_what_only_looks_like_a_schedule_of_optax_is_not_read_back():
    def imposter(init_value: float, end_value: float, power: float, transition_steps: int, transition_begin: int) -> Any:
        def schedule(count: Any) -> Any:
            return init_value + end_value + power + transition_steps + transition_begin + 2.0 * count

        schedule.__module__, schedule.__qualname__ = "optax.schedules._schedule", "polynomial_schedule.<locals>.schedule"
        return schedule

    live = imposter(1.0, 0.0, 1, 10, 0)
    with pytest.raises(lr.PlanError, match=r"^This function of the count cannot be read back\. Pass steps=N to keep its first N values\.$"):
        from_native(live)
    assert (from_native(live, steps=12).lr.values(12) == 12.0 + 2.0 * np.arange(12)).all()


@pytest.mark.parametrize("function", [lambda count: 0.1 * 0.9**count, lambda count: jnp.float32(0.1) * 0.9**count])
def test_any_function_is_sampled(function):
    rate = from_native(function, steps=50).lr
    assert rate.span == 50 and rate(70) == rate(49)
    np.testing.assert_allclose(rate.values(50), 0.1 * 0.9 ** np.arange(50), rtol=1e-15 if isinstance(function(0), float) else 1e-5)


# -- to_code -------------------------------------------------------------------------------------------------------------------


def made(code: str) -> dict[str, Any]:
    """What the code makes, with nothing but optax, jax.numpy and math."""
    assert "lrcore" not in code
    assert set(re.findall(r"^(?:import|from) (\S+)", code, re.MULTILINE)) <= {"math", "optax", "jax.numpy"}
    space: dict[str, Any] = {}
    exec(compile(code, "code", "exec"), space)
    return space


def assert_written(rate: lr.Schedule, of_peak: float = 2e-5) -> None:
    counts = np.arange(min(rate.span if isinstance(rate.span, int) else 1_000, 1_000) + 40)
    code = to_code(rate)
    wrong = np.abs(values(made(code)["schedule"], counts) - rate(counts)).max()
    assert wrong <= of_peak * max(np.abs(rate(counts)).max(), 1e-30), (wrong, code)


@pytest.mark.parametrize("name", lr.recipes())
def test_code_of_every_recipe(name):
    rate = lr.recipes()[name](**lr.recipes()[name].example)
    if "Noise(" in repr(rate):
        with pytest.raises(lr.PlanError) as refusal:
            to_code(rate)
        assert str(refusal.value) == (
            "lr holds random noise, which compiled steps have no 64-bit integers for. Drive it with lrcore_jax.schedule, or sample it: "
            "lr.Samples(schedule.values(steps)), up to 4,096 steps."
        )
    else:
        assert_written(rate)


@pytest.mark.parametrize("name", [*lr.SHAPES, *lr.CURVES])
def test_code_of_every_shape(name):
    shape = {**lr.SHAPES, **lr.CURVES}[name]
    args = tuple(parameter.example for parameter in shape.parameters)
    if name in lr.CURVES:
        assert_written(lr.Curve(0.1, name, args, 400 if shape.growth else None))
    else:
        for start, stop in ((1.0, 0.01), (0.01, 1.0)):
            assert_written(lr.Ramp(start, stop, 400, name, args) >> 0.5 * lr.Ramp(start, stop, 40, name, args, endpoint=True))


@pytest.mark.parametrize("name", [name for name in CALLS if name != "sgdr_schedule"])
def test_the_code_of_a_preset_is_that_call(name):
    """The first call, whose arguments are plain: that function, or one that optax itself makes it of."""
    same = {"warmup_constant_schedule": "linear_schedule", "warmup_exponential_decay_schedule": "where",
            "linear_onecycle_schedule": "piecewise_interpolate_schedule"}  # fmt: skip
    args, kwargs = CALLS[name][0]
    assert f"{same.get(name, name)}(" in to_code(getattr(presets, name)(*args, **kwargs))


@settings(max_examples=15)
@given(any_schedule())
def test_code_of_any_schedule_is_right_or_refused(rate):
    try:
        code = to_code(rate)
    except lr.PlanError:
        return
    counts = np.arange(80)
    exact, bound = rate(counts), max(np.abs(rate.values(100)).max(), rate._facts[1], 1e-30)
    assert np.abs(values(made(code)["schedule"], counts) - exact).max() <= 1e-5 * bound, code


def test_code_of_a_plan_has_groups_and_optaxs_arguments():
    plan = lr.Plan(lr.cosine(0.1, 0.0, 50), beta2=0.99, groups={"head": {"lr": 0.5, "beta2": lr.linear(0.9, 0.99, 9)}})
    code = to_code(plan.bind(["body", "head"]))
    assert {name: list(found) for name, found in made(code)["schedules"].items()} == {
        "body": ["learning_rate", "b2"],
        "head": ["learning_rate", "b2"],
    }
    for name, found in made(code)["schedules"].items():
        held = optax.inject_hyperparams(optax.adam)(**found).init(jnp.zeros(1)).hyperparams
        exact = plan.bind(["body", "head"]).current(0)[name]
        assert [held["learning_rate"], held["b2"]] == pytest.approx([exact["lr"], exact["beta2"]])


GROUPS = lr.Plan(
    lr.one_cycle(0.1, 60), beta1=lr.one_cycle_momentum(60),
    groups={
        "head": {"lr": 0.1 * lr.wsd(1.0, warmup=5, decay=20, steps=60), "weight_decay": lr.cosine(0.1, 0.2, 30)},
        "frozen": {"lr": None, "beta1": None},
    },
).bind(["body", "head", "frozen"])  # fmt: skip


def test_code_of_groups_drives_an_optimizer_of_each():
    found = made(to_code(GROUPS))["schedules"]
    assert list(found) == ["body", "head"]  # the other keeps its own values
    params = {"body": jnp.ones(1), "head": jnp.ones(1)}
    transforms = {group: optax.inject_hyperparams(optax.adamw)(**fields) for group, fields in found.items()}
    optimizer = optax.partition(transforms, {"body": "body", "head": "head"})
    update, state = jax.jit(optimizer.update), optimizer.init(params)
    keys = {"lr": "learning_rate", "beta1": "b1", "weight_decay": "weight_decay"}
    for step in range(66):
        _, state = update(params, state, params)
        for group in found:
            held = state.inner_states[group].inner_state.hyperparams
            for field, value in GROUPS.current(step)[group].items():
                assert float(held[keys[field]]) == pytest.approx(value, rel=1e-5, abs=1e-7)


def test_code_runs_compiled_and_by_numbers():
    for rate in (lr.noam(512, warmup=100), lr.wsd(0.1, warmup=10, decay=20, steps=60), lr.cosine_restarts(0.1, 0.0, cycle=7, cycle_mul=2)):
        schedule = made(to_code(rate))["schedule"]
        for count in (0, 5, 59, 66):
            assert float(schedule(count)) == pytest.approx(rate(count), rel=1e-5, abs=1e-8)
            assert float(jax.jit(schedule)(count)) == pytest.approx(rate(count), rel=1e-5, abs=1e-8)


@pytest.mark.parametrize(
    "rule",
    [lr.ReduceLROnPlateau(factor=0.5, patience=2, convention="optax"),
     lr.ReduceLROnPlateau(factor=0.3, patience=1, threshold=0.05, cooldown=2, accumulation_size=3, min_scale=0.05, convention="optax")],
)  # fmt: skip
def test_code_of_a_rule_is_optaxs_own(rule):
    plan = lr.Plan(lr.cosine(0.1, 0.01, 40), adapt=rule)
    space = made(to_code(plan))
    optimizer = optax.chain(optax.sgd(space["schedule"]), space["plateau"])
    state, ours = optimizer.init(jnp.ones(1)), plan.bind().begin()
    for step, loss in enumerate(np.random.default_rng(3).uniform(0.9, 1.1, 60)):
        updates, state = optimizer.update(jnp.ones(1), state, jnp.ones(1), value=jnp.float32(loss))
        ours.observe(float(np.float32(loss)), step)
        assert -float(updates[0]) == pytest.approx(ours.current(step)["default"]["lr"], rel=1e-5)
    assert ours.active


def test_code_of_a_power_does_not_end_in_nan():
    compiled = jax.jit(made(to_code(lr.polynomial(1.0, 0.25, 40, power=2.5)))["schedule"])
    assert [float(compiled(count)) for count in (0, 40, 41)] == [1.0, 0.25, 0.25]


@pytest.mark.parametrize("kind", ["linear", "cosine"])
def test_code_of_knots_that_optax_cannot_have(kind):
    assert_written(lr.Knots((2.5, 7.25, 20.0, 90.0), (0.5, -1.0, 0.25, 0.0), kind), 1e-6)


def test_much_data_in_code_is_wrapped():
    rates = [lr.Samples(np.linspace(1.0, 0.1, 200)), lr.Knots(np.arange(60.0), np.linspace(1.0, 0.1, 60)), lr.chebyshev(**CHEBYSHEV)]
    assert max(len(line) for rate in rates for line in to_code(rate).splitlines()) <= 120


# -- table ---------------------------------------------------------------------------------------------------------------------

RATE = lr.warmup_cosine(0.1, warmup=5, steps=20, stop=1e-3)
PLAN = lr.Plan(RATE, momentum=0.9, groups={"head.*": {"lr": 0.1 * RATE}})


def test_a_plan_gives_rows_and_a_schedule_a_vector():
    bound = PLAN.bind(["body", "head1"])
    wanted = np.array(bound.table(12, 3, dtype=np.float32))
    for plan, names in ((bound, None), (PLAN, ["body", "head1"])):
        rows = table(plan, 12, 3, names=names)
        assert isinstance(rows, jax.Array) and rows.dtype == jnp.float32 and (rows == wanted).all()
    assert (table(RATE, 12, 3, device=jax.devices()[0]) == wanted[:, 0]).all()
    assert table(RATE).shape == (20,) and table(RATE, start=15).shape == (5,) and table(lr.Plan(0.1, horizon=7)).shape == (7, 1)


@settings(max_examples=60)
@given(st.floats(1e-6, 4.0), st.sampled_from([(jnp.bfloat16, 8), (jnp.float16, 11)]))
def test_small_types_are_rounded_once(value, kind):
    dtype, bits = kind
    exponent = int(np.floor(np.log2(value)))
    tie = (round(value * 2.0 ** (bits - 1 - exponent)) + 0.5) * 2.0 ** (exponent + 1 - bits)
    for exact in (value, tie, np.nextafter(tie, 0.0), np.nextafter(tie, 9.0), -tie):
        given = float(table(lr.Samples([exact]), dtype=dtype)[0])
        near = Fraction(given) - Fraction(float(exact))
        spacing = Fraction(float(jnp.finfo(dtype).eps)) * Fraction(2) ** max(
            int(np.floor(np.log2(abs(exact)))), -14 if bits == 11 else -126
        )
        assert abs(near) <= spacing / 2
        if abs(near) == spacing / 2:
            assert Fraction(given) / spacing % 2 == 0


def test_float64_where_jax_has_it():
    with jax.enable_x64(True):
        assert (table(RATE, dtype=jnp.float64) == RATE.values()).all() and table(RATE, dtype=jnp.float64).dtype == jnp.float64


# -- bad input -----------------------------------------------------------------------------------------------------------------

REFUSED = {
    "a name that is none": (
        lambda: from_native("cosine"),
        f"native: expected one of {', '.join(presets.__all__)}, got 'cosine'.",
    ),
    "an unknown argument": (
        lambda: from_native("constant_schedule", rate=0.1),
        "arguments: expected those of constant_schedule: value, got 'rate'.",
    ),
    "an argument left out": (
        lambda: from_native("warmup_constant_schedule", init_value=0.0, peak_value=1.0),
        "warmup_steps: expected a value, which warmup_constant_schedule needs, got None.",
    ),
    "arguments of a live schedule": (
        lambda: from_native(optax.constant_schedule(0.1), value=0.2),
        "arguments: expected none with a schedule that is there, got ['value']. They belong to a name.",
    ),
    "no schedule": (lambda: from_native(0.1), "native: expected a name of optax.schedules, or a function of the count, got 0.1."),
    "steps": (lambda: from_native(lambda count: 0.1, steps=0), "steps: expected an integer >= 1, got 0."),
    "half a step": (
        lambda: schedules.linear_schedule(1.0, 0.0, 2.5),
        "optax.linear_schedule.transition_steps: expected an integer >= -9007199254740992, got 2.5.",
    ),
    "a number in a join": (
        lambda: schedules.join_schedules([optax.constant_schedule(0.1), 0.1], [3]),
        "schedules[1]: expected a function of the count, got 0.1.",
    ),
    "too few boundaries": (
        lambda: schedules.join_schedules([optax.constant_schedule(0.1), schedules.constant_schedule(0.1)], []),
        "optax.join_schedules.schedules: expected one more than the boundaries (1), got 2.",
    ),
    "code of nothing": (lambda: to_code(0.1), "plan: expected a Plan, a BoundPlan or a Schedule, got 0.1."),
    "code of much data": (
        lambda: to_code(lr.Samples(np.ones(5_000))),
        "lr holds 5,000 samples, and up to 4,096 are written into code. Drive it with lrcore_jax.schedule, or draw it with fewer points: "
        "lr.Knots(positions, values).",
    ),
    "code of cycles on a clock that int32 cannot count": (
        lambda: to_code(lr.cosine(0.1, 0.0, 5).repeat().stretch(0.7123)),
        "lr runs on a clock stretched by 0.7123 and has cycles or stairs inside, which the integers of compiled steps cannot count. Drive "
        "it with lrcore_jax.schedule, or stretch it by ratios of small whole numbers.",
    ),
    "code of another rule": (
        lambda: to_code(lr.Plan(0.1, adapt=lr.ReduceLROnPlateau())),
        "The rule follows torch's convention, and optax.contrib.reduce_on_plateau acts at other observations. Write "
        'ReduceLROnPlateau(convention="optax"), or take the code for "lrcore".',
    ),
    "a type": (lambda: table(RATE, dtype=jnp.int32), f"dtype: expected one of float64, float32, float16, bfloat16, got {jnp.int32!r}."),
    "float64 without x64": (
        lambda: table(RATE, dtype=jnp.float64),
        "dtype: expected a type JAX has, got 'float64'. Call jax.config.update('jax_enable_x64', True) first, or take float32.",
    ),
    "names of a bound plan": (
        lambda: table(PLAN.bind(["head"]), names=["a"]),
        "names: expected None with a BoundPlan, got ['a']. It has names of its own.",
    ),
    "too large": (
        lambda: table(lr.constant(1e5, 3), dtype=jnp.float16),
        "The table reaches 100000.0, and float16 ends below 65520. Take float32 or float64.",
    ),
    "a table of nothing": (lambda: table(0.1), "plan: expected a Plan, a BoundPlan or a Schedule, got 0.1."),
}


@pytest.mark.parametrize("case", REFUSED)
def test_what_cannot_be_meant_is_a_sentence(case):
    call, sentence = REFUSED[case]
    with pytest.raises(lr.LrcoreError) as raised:
        call()
    assert str(raised.value) == sentence


def test_all_is_what_the_package_has():
    assert all(getattr(lrcore_jax, name).__doc__ for name in lrcore_jax.__all__)
