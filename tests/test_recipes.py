"""Laws of every recipe, drawn from the registry; and each recipe against its published formula, written out here."""

import inspect
import math
import re
from collections.abc import Callable, Iterator
from itertools import pairwise
from math import cos, exp, floor, log, pi, sin, sqrt, tanh
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from hypothesis.strategies import DataObject, SearchStrategy

import lrcore as lr
from docs import make_catalogue
from lrcore import catalogue
from lrcore import schedule as types
from lrcore.checks import LAST_STEP
from lrcore.errors import shown
from lrcore.registry import Domain
from oracle import assert_true
from strategies import RATES, positions_of_interest, ramps, steps_of_interest

RECIPES = lr.recipes()
every_recipe = pytest.mark.parametrize("name", RECIPES)
every_parameter = pytest.mark.parametrize(
    ("name", "parameter"), [(name, each.name) for name, recipe in RECIPES.items() for each in recipe.parameters]
)


def example(name: str, **changes: Any) -> lr.Schedule:
    return RECIPES[name](**RECIPES[name].example | changes)


def parameter_of(name: str, parameter: str) -> lr.RecipeParameter:
    return next(each for each in RECIPES[name].parameters if each.name == parameter)


def ulps(value: float, wanted: float) -> float:
    return abs(value - wanted) / math.ulp(wanted)


# -- the registry says enough --------------------------------------------------------------------------------------------------


def test_the_catalogue_is_the_registry() -> None:
    assert set(RECIPES) == set(catalogue.__all__) <= set(lr.__all__)


@every_recipe
def test_a_recipe_says_what_it_is(name: str) -> None:
    recipe = RECIPES[name]
    assert all((recipe.summary, recipe.formula, recipe.first, recipe.boundary, recipe.source, recipe.example, recipe.parameters))
    assert recipe.summary.endswith(".") and "\n" not in recipe.summary
    assert recipe.window >= 2


@every_recipe
def test_help_has_what_the_registry_has(name: str) -> None:
    function, recipe = getattr(lr, name), RECIPES[name]
    written = inspect.getdoc(function) or ""
    for said in (recipe.summary, recipe.formula, recipe.boundary, recipe.source, ">>> ", *recipe.elsewhere.values()):
        assert said in written
    assert "Annotated" not in str(inspect.signature(function))
    named = [each for each in inspect.signature(function).parameters.values() if each.kind is not each.VAR_KEYWORD]
    assert [each.name for each in named] == [each.name for each in recipe.parameters]


@every_parameter
def test_defaults_and_examples_lie_in_their_domains(name: str, parameter: str) -> None:
    known = parameter_of(name, parameter)
    assert known.summary and known.domain.words
    for value in ([] if known.required else [known.default]) + [RECIPES[name].example.get(parameter, known.default)]:
        if value is not None or None in known.domain.special:
            known.domain.check(value, parameter)


def test_a_call_that_does_not_fit_is_pythons_own_error() -> None:
    with pytest.raises(TypeError, match=r"step\(\) missing 1 required positional argument: 'every'"):
        lr.step(0.1, 0.5)  # type: ignore[call-arg]
    with pytest.raises(TypeError, match=r"step\(\) takes 3 positional arguments but 4 were given"):
        lr.step(0.1, 0.5, 3, 4)  # type: ignore[call-arg]
    with pytest.raises(TypeError, match=r"step\(\) got an unexpected keyword argument 'gama'"):
        lr.step(0.1, gama=0.5, every=3)  # type: ignore[call-arg]


def test_the_document_is_the_registry() -> None:
    assert (make_catalogue.FOLDER / "catalogue.md").read_text() == make_catalogue.document(), "run python docs/make_catalogue.py"
    pictures = {path.stem for path in make_catalogue.FOLDER.glob("pictures/*.png")}
    shown = {name for page in make_catalogue.FOLDER.glob("*.md") for name in re.findall(r"pictures/(\w+)\.png", page.read_text())}
    assert set(RECIPES) <= pictures == shown
    assert {recipe.family for recipe in RECIPES.values()} == set(make_catalogue.FAMILIES)


def test_pictures_are_drawn(tmp_path: Path) -> None:
    make_catalogue.draw(tmp_path)
    assert {path.stem for path in tmp_path.glob("*.png") if path.stat().st_size > 1000} == set(RECIPES)


# -- outside the domain --------------------------------------------------------------------------------------------------------


def outside(domain: Domain) -> Iterator[tuple[Any, str, str]]:
    """Values a domain refuses, each with what the path goes on with and what is expected."""
    match domain.kind:
        case "value" | "ratio":
            wrong = [math.nan, math.inf, -math.inf, True, "x", [1.0], 1j]
            if math.isfinite(domain.low):
                wrong += [domain.low if domain.above else math.nextafter(domain.low, -math.inf), domain.low - 1]
            if math.isfinite(domain.high):
                wrong += [domain.high if domain.below else math.nextafter(domain.high, math.inf), domain.high + 1]
        case "count":
            wrong = [domain.low - 1, -(10**30), 1.5, 1.0, math.nan, True, "x", [1]]
            yield LAST_STEP + 1, "", f"an integer from {domain.low} to 2**53"
        case "length":
            wrong = [-1, 0.0, 1.0, 1.5, math.nan, math.inf, True, "x", [1]] + ["rest"] * (not domain.rest)
            yield LAST_STEP + 1, "", "a length of at most 2**53 steps"
        case "choice" | "shape":
            wrong = ["wobbly", "", 7, 1.5, True, math.nan, ["linear"]]
        case "flag":
            wrong = [1, 0.0, "x", math.nan]
        case "schedule":
            wrong = [0.1, True, "x", math.nan, [1]]
        case _:
            wrong = [5, True, "x", math.nan, {1: 2}] + [[]] * bool(domain.least)
            yield from (([value], f"[0]{path}", expected) for value, path, expected in outside(domain.item))
            if domain.increasing:
                yield [3, 3], "[1]", f"{domain.item.words}, above the one before it (3)"
    yield from ((value, "", domain.words) for value in [*wrong, *([] if None in domain.special else [None])])


@every_parameter
def test_outside_its_domain_a_parameter_is_refused_by_name(name: str, parameter: str) -> None:
    for value, path, expected in outside(parameter_of(name, parameter).domain):
        with pytest.raises(lr.SpecError) as refusal:
            example(name, **{parameter: value})
        wrong = value[int(path[1])] if path else value
        sentence = f"{name}.{parameter}{path}: expected {expected}, got {shown(wrong)}."
        assert str(refusal.value).startswith(sentence), value


TOGETHER = {
    "lr.exponential(1, 0, 5)": (
        "exponential.stop: expected start and stop of one sign, both between 1e-300 and 1e300 in size, got (1.0, 0.0). "
        "A factor per step never reaches or crosses zero; stop at a small value instead."
    ),
    "lr.cosine_restarts(1, 0, 0)": (
        "cosine_restarts.cycle: expected a schedule of at least one step, to repeat it, "
        "got Ramp(start=1.0, stop=0.0, steps=0, shape='cosine')."
    ),
    "lr.cosine_restarts(1, 0, 10, cycle_mul=0.5)": (
        "cosine_restarts.cycle_mul: expected cycles of at least one step, got 0.5. Cycle 4 would shrink to nothing; repeat fewer times."
    ),
    "lr.cosine_restarts(1, 0, 2**52, cycles=3)": "cosine_restarts: expected at most 2**53 steps in all, got 13510798882111488.",
    "lr.multistep(0.1, [5, 3], 0.1)": (
        "multistep.milestones[1]: expected a step not before the last one (5), got 3. List them in order."
    ),
    "lr.multistep(1, range(400), 1e3)": "multistep.milestones: expected a list, each an integer >= 0, got range(0, 400).",
    "lr.multistep(1, [1] * 400, 1e3)": "multistep.gamma: expected factors whose product fits a float64, got 1000.0.",
    "lr.piecewise_constant([5], [1])": "piecewise_constant.values: expected one value more than boundaries (2), got 1.",
    "lr.wsd(1, warmup=0.6, decay=0.6, steps=10)": (
        "wsd.decay: expected warmup and decay within the 10 steps of the run, got {'warmup': 6, 'decay': 6}."
    ),
    'lr.wsd(1, warmup=1, decay=1, steps=10, shape="polynomial")': (
        "wsd.parameters: expected exactly those of polynomial (power), got []."
    ),
    'lr.wsd(1, warmup=1, decay=1, steps=10, shape="polynomial", power=0)': (
        "wsd.power: expected a number above 0.001 and up to 100, got 0.0."
    ),
    'lr.wsd(1, warmup=1, decay=1, steps=10, shape="halving", power=2)': (
        "wsd.parameters: expected exactly those of halving (none), got ['power']."
    ),
    "lr.wsd_s(1, warmup=5, periods=[12, 4], decay=6)": "wsd_s.decay: expected a length within the 4 steps of the period, got 6.",
    "lr.wsd_s(1, warmup=5, periods=[10], decay=6)": (
        "wsd_s.decay: expected warmup and decay within the 10 steps of the period, got {'warmup': 5, 'decay': 6}."
    ),
    "lr.one_cycle(1, 10, up=6, phases=3)": "one_cycle.up: expected with phases=3 at most half of the 10 steps of the run, got 6.",
    "lr.one_cycle(1, 10, up=11)": "one_cycle.up: expected a length within the 10 steps of the run, got 11.",
    "lr.cyclic(0, 1, up=0)": "cyclic.up: expected a cycle of at least one step, got {'up': 0, 'down': 0}.",
    "lr.cyclic(0, 1, up=5, gamma=0.5)": (
        "cyclic.gamma: expected 1 with mode=\"triangular\", got 0.5. It belongs to mode=\"exp_range\"."
    ),
    "lr.inverse_sqrt(1, warmup=0)": "inverse_sqrt.timescale: expected a number where there is no warmup to take it from, got None.",
    "lr.power(1, warmup=0)": "power.warmup: expected at least one step, which the power of time is measured by, got 0.",
    "lr.power(1, warmup=0.5)": "power.warmup: expected an integer >= 0, got 0.5. A fraction needs steps.",
    "lr.power(1, warmup=5, decay=5)": "power.decay: expected an integer from 0 to 0, got 5. A decay needs steps.",
    "lr.infinite(1, plateau=0.5, warmup=1, cooldown=1, stop=0.1)": (
        "infinite.hold: expected a number of steps, since a way down follows, got None. Or leave out anneal and stop."
    ),
    "lr.infinite(1, plateau=0.5, warmup=1, cooldown=1, hold=3)": (
        "infinite.stop: expected the value reached at the end, since the plateau ends, got None."
    ),
    "lr.direct_power(1, decay=5)": "direct_power.decay: expected an integer from 0 to 0, got 5. A decay needs steps.",
    "lr.direct_power(1, steps=5, decay=6)": "direct_power.decay: expected a length within the 5 steps of the power of time, got 6.",
    "lr.power_scheduler(1, batch=10**9, length=1, a=1e305)": (
        "power_scheduler.a: expected a value whose product with batch and the power of tokens fits a float64, got 1e+305."
    ),
    "lr.warm_cool_decay(1, warmup=6, cooldown=6, steps=10)": (
        "warm_cool_decay.cooldown: expected warmup and cooldown within the 10 steps of the run, got {'warmup': 6, 'cooldown': 6}."
    ),
    "lr.sine_wave(0, 1, 5, gamma=0.5)": (
        "sine_wave.gamma: expected 1 with mode=\"constant\", got 0.5. It belongs to mode=\"exponential\"."
    ),
    "lr.chebyshev(1, 12)": "chebyshev.cycle: expected a power of two up to 1024, got 12.",
    "lr.chebyshev(1, 2048)": "chebyshev.cycle: expected a power of two up to 1024, got 2048.",
    "lr.chebyshev(1, 4, low=2)": "chebyshev.high: expected a number of at least low (2.0), got 1.0.",
    "lr.chebyshev(1, 4, low=1e-320, high=1e-320)": "chebyshev.low: expected a number that base can be divided by, got 1e-320.",
    "lr.noisy_linear_cosine(1, 10, periods=0.1234567891)": (
        "noisy_linear_cosine.periods: expected a fraction of whole numbers up to 500,000, got 0.1234567891. 2.5 is 5 / 2."
    ),
    'lr.warmup(lr.constant(1), 0.5, shape="logarithmic")': (
        "warmup.steps: expected an integer >= 0, got 0.5. "
        'With shape="logarithmic" and no base the length is an int; resolve fractions before.'
    ),
    'lr.warmup(lr.constant(1), 2**50, shape="logarithmic")': (
        "warmup.steps: expected a number from 1.001 to 1e+12, got 1125899906842624.0."
    ),
    "lr.tanh_decay(1, 0, 5, lower=3, upper=-3)": "tanh_decay.upper: expected a number of at least 0.001 above lower (3.0), got -3.0.",
    "lr.compounding(1, 10, 0.5)": "compounding.stop: expected a value that start times powers of gamma can reach, got 10.0.",
    "lr.compounding(0, 10, 2)": "compounding.stop: expected a value that start times powers of gamma can reach, got 10.0.",
    "lr.warmup_restarts(1, cycle=5, warmup=6)": "warmup_restarts.warmup: expected a climb within the 5 steps of the first cycle, got 6.",
    "lr.warmup_restarts(1, cycle=5, warmup=2, cycle_mul=2)": (
        "warmup_restarts.cycles: expected an integer from 1 to 1000, with a cycle_mul other than 1, got None."
    ),
    "lr.noise(lr.constant(1), 0.1, limit=2)": "noise.limit: expected a number from 0.01 to 8, with normal noise, got 2.0.",
    "lr.cosine_linear(1, 0, 10, periods=0.1234567891)": (
        "cosine_linear.periods: expected a fraction of whole numbers up to 500,000, got 0.1234567891. 2.5 is 5 / 2."
    ),
    'lr.warmup_factor("radam", 100)': (
        "warmup_factor.beta2: expected a number above 0.6 and up to 0.9999, and no steps, for radam, got {'steps': 100, 'beta2': None}."
    ),
    'lr.warmup_factor("linear")': "warmup_factor.steps: expected either steps or beta2, got {'steps': None, 'beta2': None}.",
    'lr.warmup(lr.constant(1), 5, "inside", shape="cosine")': "warmup.shape: expected linear, with start=\"inside\", got 'cosine'.",
    'lr.warmup(lr.constant(1), 5, shape="saturation")': "warmup.parameters: expected exactly those of saturation (rate), got [].",
    'lr.warmup(lr.constant(1), 5, shape="saturation", rate=0)': "warmup.rate: expected a number above 0 and up to 700, got 0.",
    "lr.jagged_restarts(lr.constant(1), every=5, warmup=3, anneal=3)": (
        "jagged_restarts.warmup: expected warmup and anneal within the 5 steps between restarts, got {'warmup': 3, 'anneal': 3}."
    ),
}  # fmt: skip


@pytest.mark.parametrize("written", TOGETHER)
def test_parameters_that_do_not_go_together(written: str) -> None:
    with pytest.raises(lr.SpecError) as refusal:
        eval(written, {"lr": lr})
    assert str(refusal.value) == TOGETHER[written]


# -- values --------------------------------------------------------------------------------------------------------------------


@every_recipe
def test_an_example_survives_and_is_true(name: str) -> None:
    schedule = example(name)
    assert eval(repr(schedule), vars(types)) == schedule == lr.from_json(schedule.to_json()) == example(name)
    steps = steps_of_interest(schedule, 100)
    values = schedule(np.array(steps))
    assert np.isfinite(values).all()
    assert values.tolist() == [schedule(step) for step in steps] == [schedule.values(1, step)[0] for step in steps]
    assert_true(schedule, steps, values)
    assert_true(schedule, positions_of_interest(schedule, 40), slack=4)


def said(name: str, expression: str, arguments: dict[str, Any]) -> float:
    return float(eval(expression, {"cos": cos, "exp": exp, "pi": pi, "tanh": tanh, "Noise": lr.Noise}, RECIPES[name].complete(arguments)))


@every_recipe
def test_first_value_and_end_are_as_said(name: str) -> None:
    recipe, schedule = RECIPES[name], example(name)
    assert ulps(schedule(0), said(name, recipe.first, recipe.example)) <= 4
    if not recipe.end:
        assert schedule.span is None
        return
    cycles = {"cycles": 3} if schedule.span is None else {}
    schedule = example(name, **cycles)
    end = schedule.own_length("steps")
    assert ulps(schedule(end), said(name, recipe.end, recipe.example | cycles)) <= 4
    assert {schedule(step) for step in (end + 1, end + 10**6, LAST_STEP)} == {schedule(end)}


def accepted(domain: Domain) -> SearchStrategy[Any]:
    """Values a domain accepts, of moderate size."""
    special = [st.just(word) for word in domain.special]
    match domain.kind:
        case "value":
            plain: SearchStrategy[Any] = RATES
        case "ratio":
            low, high = max(domain.low, min(-4.0, domain.high - 4.0)), min(domain.high, max(4.0, domain.low + 4.0))
            plain = st.floats(low, high, exclude_min=domain.above, exclude_max=domain.below).filter(lambda x: x == 0 or abs(x) > 1e-6)
        case "count":
            plain = st.integers(int(domain.low), int(domain.low) + 60)
        case "length":
            plain = st.one_of(st.integers(0, 60), st.sampled_from([0.1, 0.25, 0.5]))
        case "choice" | "shape":
            plain = st.sampled_from(domain.choices)
        case "flag":
            plain = st.booleans()
        case "schedule":
            plain = ramps()
        case _:
            plain = st.lists(accepted(domain.item), min_size=domain.least, max_size=5)
            plain = plain.map(lambda values: sorted(set(values))) if domain.increasing else plain
    return st.one_of(plain, *special)


@every_recipe
@settings(max_examples=12, deadline=None, suppress_health_check=list(HealthCheck))
@given(data=st.data())
def test_random_arguments_give_the_truth_or_a_sentence(name: str, data: DataObject) -> None:
    recipe = RECIPES[name]
    keep = set(data.draw(st.sets(st.sampled_from(sorted(recipe.example)))))
    arguments = {each.name: data.draw(accepted(each.domain), each.name) for each in recipe.parameters if each.name not in keep}
    try:
        schedule = example(name, **arguments)
    except lr.SpecError as refusal:
        sentence = str(refusal)
        assert sentence.startswith((f"{name}.", f"{name}:"))
        return
    assert lr.from_json(schedule.to_json()) == schedule == eval(repr(schedule), vars(types))
    try:
        schedule = schedule.over(100)
    except lr.SpecError as refusal:  # cycles that grow from a fraction of the horizon are known to be too long only now
        if "at most 2**53 steps" in str(refusal):
            return
        raise
    steps = steps_of_interest(schedule, 30)
    assert schedule(np.array(steps)).tolist() == [schedule(step) for step in steps]
    assert_true(schedule, steps)


LENGTHS = ("length", "count")


@every_recipe
@pytest.mark.parametrize("steps", [0, 1, 2])
def test_short_lengths(name: str, steps: int) -> None:
    recipe = RECIPES[name]
    lengths = [each.name for each in recipe.parameters if each.domain.kind in LENGTHS and each.domain.unit == "steps"]
    evaluated, refused = 0, list[str]()
    for changes in (*({each: steps} for each in lengths), dict.fromkeys(lengths, steps)):
        try:
            schedule = example(name, **changes)
        except lr.SpecError as refusal:  # longer phases than the run, say; the sentences are tested above
            refused.append(str(refusal))
            continue
        evaluated += 1
        assert np.isfinite(schedule.values(20)).all() and lr.from_json(schedule.to_json()) == schedule
        assert_true(schedule, range(12))
    assert all(sentence.startswith((f"{name}.", f"{name}:")) for sentence in refused)
    assert evaluated or not lengths or not steps


@pytest.mark.parametrize(
    "name", [name for name, recipe in RECIPES.items() if {"peak", "warmup", "steps"} <= {p.name for p in recipe.parameters}]
)
def test_warmup_as_long_as_the_run(name: str) -> None:
    rest = {each.name: 0 for each in RECIPES[name].parameters if each.name in ("decay", "cooldown")}
    schedule = RECIPES[name](peak=1.0, warmup=100, steps=100, **rest)
    top = 0.5 if name == "half_cosine" else 1.0  # it climbs to the middle
    assert schedule.values(100).tolist() == lr.linear(0.0, top, 100).values().tolist()
    assert schedule.own_length("steps") == 100


# -- the published formulas ----------------------------------------------------------------------------------------------------


def mix(start: float, stop: float, left: float) -> float:
    return stop + (start - stop) * left


def half_cosine(u: float) -> float:
    return (1 + cos(pi * u)) / 2


def halving_triangle(t: int, up: int, down: int) -> float:
    cycle, at = divmod(t, up + down)
    return (at / up if at <= up else 1 - (at - up) / down) / 2**cycle


def slanted(t: int, peak: float, steps: int, cut: float, ratio: float) -> float:
    turn = floor(steps * cut)
    q = t / turn if t < turn else 1 - (t - turn) / (turn * (1 / cut - 1))
    return peak * (1 + q * (ratio - 1)) / ratio


def restarts(t: int, start: float, stop: float, cycle: int, cycle_mul: int, decay: float, **_: Any) -> float:
    i, length = 0, cycle
    while t >= length:
        i, t, length = i + 1, t - length, length * cycle_mul
    return mix(stop + (start - stop) * decay**i, stop, half_cosine(t / length))


def climbing(t: int, peak: float, cycle: int, warmup: int, stop: float, decay: float) -> float:
    i, at = divmod(t, cycle)
    top = stop + (peak - stop) * decay**i
    return mix(stop, top, 1 - at / warmup) if at < warmup else mix(top, stop, half_cosine((at - warmup) / (cycle - warmup)))


def one_cycle(t: int, first: float, top: float, last: float, steps: int, up: float) -> float:
    turn = floor(up * steps + 0.5)
    return mix(first, top, half_cosine(t / turn)) if t < turn else mix(top, last, half_cosine((t - turn) / (steps - turn)))


def periods(t: int, peak: float, warmup: int, periods: list[int], decay: float, stop: float) -> float:
    begin = 0
    for period in periods:
        if t < begin + period:
            fall = decay * period
            left = begin + period - t
            return peak * t / warmup if t < warmup else peak * left / fall if left < fall else peak
        begin += period
    return stop


def jagged(t: int, value: float, every: int, warmup: int, anneal: int, floor: float) -> float:
    cycle, at = divmod(t, every)
    if cycle and at < warmup:
        return value * mix(floor, 1.0, 1 - at / warmup)
    return value * mix(1.0, floor, (every - at) / anneal) if every - at < anneal else value


def power(t: int, peak: float, warmup: int, exponent: float, steps: int, decay: int) -> float:
    last = steps - decay
    law = peak * (min(t, last) / warmup) ** exponent if t >= warmup else peak * t / warmup
    return law * (1 - (t - last) / decay) if t > last else law


def fractal(cycle: int) -> list[int]:
    return [0] if cycle == 1 else [each for j in fractal(cycle // 2) for each in (j, cycle - 1 - j)]


def node(t: int, base: float, cycle: int, low: float, high: float, every: int, cycles: int | None) -> float:
    center, radius, place = (high + low) / 2, (high - low) / 2, fractal(cycle)[t // every % cycle]
    return base / (center - radius * cos((place + 0.5) * pi / cycle))


def cooled(t: int, peak: float, warmup: int, cooldown: int, steps: int, gamma: float, every: int) -> float:
    cooling = steps - cooldown
    rate = peak * gamma ** ((min(t, cooling) - warmup) / every) if t >= warmup else peak * t / warmup
    return rate * min(1, (steps - t) / cooldown)


def power_of_tokens(t: int, peak: float, batch: int, length: int, warmup: int, a: float, b: float) -> float:
    rate = min(peak, batch * a * (max(t, warmup) * batch * length) ** b)
    return rate * min(1, t / warmup)


FORMULAS: dict[str, Callable[..., float]] = {
    "constant": lambda t, value, **_: value,
    "linear": lambda t, start, stop, steps: start + (stop - start) * t / steps,
    "linear_to_zero": lambda t, start, steps: start * (1 - t / steps),
    "cosine": lambda t, start, stop, steps: mix(start, stop, half_cosine(t / steps)),
    "exponential": lambda t, start, stop, steps: start * (stop / start) ** (t / steps),
    "polynomial": lambda t, start, stop, steps, power, origin: mix(start, stop, (1 - t / steps) ** power),
    "cosine_power": lambda t, start, stop, steps, power: mix(start, stop, half_cosine(t / steps) ** power),
    "cosine_power_annealing": lambda t, start, stop, steps, base: mix(
        start, stop, (base ** (1 + half_cosine(t / steps)) - base) / (base**2 - base)
    ),
    "k_decay": lambda t, start, stop, steps, k, power: mix(start, stop, half_cosine(t**k / steps**k)),
    "rex": lambda t, start, stop, steps, beta: mix(start, stop, (1 - t / steps) / (1 - t / steps + beta * t / steps)),
    "tanh_decay": lambda t, start, stop, steps, lower, upper: mix(
        start, stop, (1 - tanh(lower * (1 - t / steps) + upper * t / steps)) / 2
    ),
    "sigmoid": lambda t, start, stop, steps, steepness: mix(
        start, stop, 0.5 - tanh(steepness * (t / steps - 0.5) / 2) / tanh(steepness / 4) / 2
    ),
    "cosine_linear": lambda t, start, stop, steps, periods, alpha, beta: mix(
        start, stop, (alpha + 1 - t / steps) * (1 + cos(2 * pi * periods * t / steps)) / 2 + beta
    ),
    "exponential_decay": lambda t, start, gamma, every, staircase: start * gamma ** (t // every if staircase else t / every),
    "natural_exponential": lambda t, start, rate: start * exp(-rate * t),
    "inverse_time": lambda t, start, rate, every, staircase: start / (1 + rate * (t // every if staircase else t / every)),
    "step": lambda t, start, gamma, every: start * gamma ** (t // every),
    "multistep": lambda t, start, milestones, gamma, side: start * gamma ** sum(m <= t for m in milestones),
    "piecewise_constant": lambda t, boundaries, values, side: values[sum(b <= t for b in boundaries)],
    "warmup": lambda t, schedule, steps, start, shape: t / steps * schedule(0) if t < steps else schedule(t - steps),
    "warmup_factor": lambda t, form, steps, beta2: 1 - exp(-(t + 1) / steps),
    "warmup_cosine": lambda t, peak, warmup, steps, stop: (
        peak * t / warmup if t < warmup else mix(peak, stop, half_cosine((t - warmup) / (steps - warmup)))
    ),
    "warmup_linear": lambda t, peak, warmup, steps, stop: peak * max(0.0, min(t / warmup, (steps - t) / (steps - warmup))),
    "inverse_sqrt": lambda t, peak, warmup, timescale: peak * min(t / warmup, sqrt(warmup / max(t, 1))),
    "noam": lambda t, d_model, warmup, scale: scale * d_model**-0.5 * min((t + 1) ** -0.5, (t + 1) * warmup**-1.5),
    "power": power,
    "wsd": lambda t, peak, warmup, decay, steps, stop, shape: (
        peak * min(t / warmup, 1) if t < steps - decay else peak * (1 - sqrt((t - (steps - decay)) / decay))
    ),
    "wsd_s": lambda t, shape, **rest: periods(t, **rest),
    "half_cosine": lambda t, peak, steps, warmup, stop: (
        (stop + peak) / 2 * t / warmup if t < warmup
        else stop + (peak - stop) * (1 + math.cos(math.pi * (0.5 + 0.5 * min((t - warmup) / (steps - warmup), 1.0)))) / 2
    ),
    "flat_cosine": lambda t, peak, steps, hold, stop: (
        peak if t < hold * steps else mix(peak, stop, half_cosine((t - hold * steps) / (steps - hold * steps)))
    ),
    "warmup_flat_linear": lambda t, peak, steps, warmup, decay, stop: peak * min(t / (warmup * steps), 1, (steps - t) / (decay * steps)),
    "tri_stage": lambda t, peak, warmup, hold, decay, initial_scale, final_scale: peak * (
        mix(initial_scale, 1, 1 - t / warmup) if t < warmup else final_scale ** (max(t - warmup - hold, 0) / decay)
    ),
    "infinite": lambda t, peak, plateau, warmup, cooldown, hold, anneal, stop, shape: (
        peak * t / warmup if t < warmup else mix(peak, plateau, half_cosine(min((t - warmup) / cooldown, 1)))
        if t < warmup + cooldown + hold else plateau * (stop / plateau) ** ((t - warmup - cooldown - hold) / anneal)
    ),
    "cosine_then_linear": lambda t, peak, warmup, steps, decay, stop, end: (
        peak * t / warmup if t < warmup else mix(peak, stop, half_cosine((min(t, steps - decay) - warmup) / (steps - warmup)))
        * min(1, (steps - t) / decay)
    ),
    "lr_range_test": lambda t, start, stop, steps, shape, every: start * (stop / start) ** (t / steps),
    "compounding": lambda t, start, stop, gamma: min(stop, start * gamma**t),
    "cosine_restarts": restarts,
    "warmup_restarts": lambda t, cycle_mul, cycles, **rest: climbing(t, **rest),
    "cosine_wave": lambda t, start, stop, steps, cycles: mix(start, stop, half_cosine(t / steps)),
    "cyclic": lambda t, base, peak, up, down, mode, gamma, cycles: base + (peak - base) * halving_triangle(t, up, down),
    "cyclic_momentum": lambda t, up, down, high, low, mode, gamma, cycles: high - (high - low) * halving_triangle(t, up, down),
    "noise": lambda t, schedule, scale, seed, kind, limit: schedule(t) * (1 + lr.Noise(seed, kind, scale, limit)(t)),
    "slanted_triangular": slanted,
    "one_cycle": lambda t, peak, steps, up, div, final_div, phases, shape: one_cycle(
        t, peak / div, peak, peak / div / final_div, steps, up
    ),
    "one_cycle_momentum": lambda t, steps, high, low, up, phases, shape: one_cycle(t, high, low, high, steps, up),
    "jagged_restarts": lambda t, schedule, **rest: jagged(t, schedule(t), **rest),
    "sine_wave": lambda t, base, peak, period, mode, gamma, cycles: (
        base + (peak - base) * abs(sin(pi * t / period)) / 2 ** (t // period)
    ),
    "chebyshev": node,
    "warm_cool_decay": cooled,
    "noisy_linear_cosine": lambda t, start, steps, periods, alpha, beta, variance, decay, seed: start * (
        (alpha + 1 - t / steps + lr.Noise(seed, "normal", sqrt(variance / (1 + t) ** decay))(t))
        * (1 + cos(2 * pi * periods * t / steps)) / 2 + beta
    ),
    "direct_power": lambda t, start, exponent, steps, decay, offset: start * max(t - offset, 1) ** exponent * min(
        1, (steps - (t - offset)) / (steps * decay)
    ),
    "power_scheduler": power_of_tokens,
}  # fmt: skip
"""The value at step t of the example's arguments, as the source prints it; in plain floats, so to nine digits of the largest value."""


@every_recipe
def test_the_published_formula(name: str) -> None:
    recipe = RECIPES[name]
    arguments = recipe.complete(recipe.example)
    window = recipe.window
    wanted = np.array([FORMULAS[name](t, **arguments) for t in range(window)])
    values = example(name).values(window)
    np.testing.assert_allclose(values, wanted, rtol=1e-9, atol=1e-14 * np.abs(wanted).max())
    assert len(set(values.tolist())) > 2 or name == "constant"


# -- named facts ---------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("up", "steps", "top"), [(0.3, 10, 3), (0.25, 10, 3), (0.35, 10, 4), (0.15, 30, 5), (0, 10, 0), (10, 10, 10), (1, 1, 1)]
)
@pytest.mark.parametrize("shape", ["cosine", "linear"])
def test_one_cycle_peaks_at_a_step(up: Any, steps: int, top: int, shape: Any) -> None:
    rate, momentum = lr.one_cycle(0.1, steps, up, shape=shape), lr.one_cycle_momentum(steps, up=up, shape=shape)
    if top < steps:
        assert rate(top) == max(rate.values()) == 0.1 and momentum(top) == min(momentum.values()) == 0.85
    assert rate(steps) == rate(10**9) == 0.1 / 25 / 1e4 and momentum(steps) == 0.95
    assert min(rate.values(steps + 5)) > 0


def test_a_cycle_of_three_phases() -> None:
    cycle = lr.one_cycle(1.0, 100, up=0.4, div=10, final_div=100, phases=3, shape="linear")
    assert cycle([0, 20, 40, 60, 80, 90, 100]).tolist() == [0.1, 0.55, 1.0, 0.55, 0.1, pytest.approx(0.0505), 0.001]


@pytest.mark.parametrize(("up", "down"), [(3, 3), (1, 5), (5, 1), (0, 4), (4, 0), (60, 140)])
def test_corners_of_cycles(up: int, down: int) -> None:
    whole, cycles = up + down, 40
    for mode, peak in (("triangular", lambda i: 1.0), ("triangular2", lambda i: 2.0**-i), ("exp_range", lambda i: 0.9 ** (i * whole + up))):
        cycle = lr.cyclic(0.0, 1.0, up, down, mode=mode, gamma=0.9 if mode == "exp_range" else 1)  # type: ignore[arg-type]
        starts = cycle([i * whole for i in range(cycles)])
        peaks = pytest.approx([peak(i) for i in range(cycles)], rel=1e-12 if mode == "exp_range" else 0)
        assert starts.tolist() == ([0.0] * cycles if up else peaks)
        assert not down or cycle([i * whole + up for i in range(cycles)]).tolist() == peaks


@pytest.mark.parametrize("warmup", [1, 2, 3, 4000])
def test_noam_peaks_at_the_update_it_warms_up_to(warmup: int) -> None:
    schedule = lr.noam(512, warmup)
    values = schedule.values(3 * warmup)
    assert values.argmax() == warmup - 1 and ulps(values.max(), (512 * warmup) ** -0.5) <= 1


@pytest.mark.parametrize("steps", [20, 100, 1000, 1234, 99])
@pytest.mark.parametrize(("cut", "ratio"), [(0.1, 32), (0.25, 10), (0.3, 100)])
def test_slanted_triangles(steps: int, cut: float, ratio: float) -> None:
    wanted = [max(slanted(t, 0.01, steps, cut, ratio), 0.01 / ratio) for t in range(steps)]
    np.testing.assert_allclose(lr.slanted_triangular(0.01, steps, cut, ratio).values(), wanted, rtol=1e-12)


@pytest.mark.parametrize("length", [1, 3, 1000])
def test_restarts_are_exact_at_the_millionth_cycle(length: int) -> None:
    schedule = lr.cosine_restarts(1.0, 0.125, length)
    for cycle in (1, 7, 10**6, 10**6 + 1, 10**12):
        assert schedule(cycle * length) == 1.0
        if length > 1:
            assert schedule(cycle * length - 1) == schedule(length - 1) < 1.0


@pytest.mark.parametrize("cycle_mul", [1.5, 3, 10, 1.1, 2])
def test_restarts_are_exact_for_real_multipliers(cycle_mul: float) -> None:
    schedule = lr.cosine_restarts(1.0, 0.0, 10, cycle_mul=cycle_mul, decay=0.5)
    exact = lr.checks.ratio(float(cycle_mul))
    begins = np.cumsum([0, *(floor(10 * exact**i) for i in range(15))]).tolist()
    for i, (begin, end) in enumerate(pairwise(begins)):
        assert schedule(begin) == 0.5**i and schedule(end - 1) < schedule(begin)


def test_restarts_that_climb_grow_by_their_cosine_alone() -> None:
    schedule = lr.warmup_restarts(1.0, cycle=7, warmup=2, stop=0.25, cycle_mul=1.5, cycles=3, decay=0.5)
    assert schedule.span == 7 + (2 + 7) + (2 + 11)  # 5, 7.5 and 11.25 steps, rounded down each for itself
    assert schedule([0, 2, 7, 9, 16, 18, 29]).tolist() == [0.25, 1.0, 0.25, 0.625, 0.25, 0.4375, 0.25]


@pytest.mark.parametrize(("start", "stop", "gamma"), [(1.0, 1024.0, 2.0), (1.0, 1000.0, 2.0), (0.1, 1e-3, 0.9), (-1.0, -8.0, 1.5)])
def test_compounding_ends_at_the_first_step_that_reaches_its_bound(start: float, stop: float, gamma: float) -> None:
    schedule = lr.compounding(start, stop, gamma)
    end = schedule.own_length("steps")
    assert abs(math.log(stop / start)) <= abs(end * math.log(gamma)) * (1 + 1e-15) and schedule(end - 1) != schedule(end) == stop


@pytest.mark.parametrize("shape", parameter_of("wsd", "shape").domain.choices)
def test_every_cooldown_goes_from_peak_to_stop(shape: str) -> None:
    own = {each.name: each.example for each in lr.SHAPES[shape].parameters} if shape in lr.SHAPES else {}
    schedule = lr.wsd(1.0, warmup=10, decay=30, steps=100, stop=0.25, shape=shape, **own)
    values = schedule.values(110)
    assert values[10] == values[70] == 1.0 and set(values[100:]) == {0.25}
    assert (np.diff(values[70:101]) <= 0).all()
    if shape == "halving":
        np.testing.assert_allclose(values[70:100], [0.25 + 0.75 * (2 * 0.5 ** (i / 30) - 1) for i in range(30)], rtol=1e-15)


PREFIXES: dict[str, tuple[dict[str, Any], Callable[[float], float]]] = {
    "constant": ({"start": 0.1}, lambda p: 0.1),
    "linear": ({}, lambda p: p),
    "cosine": ({}, lambda p: (1 - cos(pi * p)) / 2),
    "polynomial": ({"power": 0.5}, lambda p: 1 - sqrt(1 - p)),
    "polynomial_from_start": ({"power": 2}, lambda p: p**2),
    "exponential": ({"start": 0.01}, lambda p: 0.01 * 100**p),
    "saturation": ({"rate": 5.0}, lambda p: 1 - exp(-5 * p)),
    "logarithmic": ({}, lambda p: log(50 * p + 1) / log(50)),
}


@pytest.mark.parametrize("shape", PREFIXES)
def test_every_form_of_warmup(shape: str) -> None:
    arguments, formula = PREFIXES[shape]
    schedule = lr.warmup(lr.linear(1.0, 0.0, 50), 50, shape=shape, **arguments)
    wanted = [formula(t / 50) for t in range(50)] + [1 - t / 50 for t in range(51)]
    np.testing.assert_allclose(schedule.values(101), wanted, rtol=1e-12, atol=1e-15)
    assert schedule(50) == 1.0


@pytest.mark.parametrize(
    ("start", "formula"), [(0.0, lambda t: t / 7), ("first", lambda t: (t + 1) / 7), ("inside", lambda t: (t + 1) / 8)]
)
def test_every_first_value_of_a_warmup(start: Any, formula: Callable[[int], float]) -> None:
    np.testing.assert_allclose(lr.warmup(lr.constant(1.0), 7, start).values(9), [*map(formula, range(7)), 1, 1], rtol=1e-15)


@pytest.mark.parametrize("steps", [0, 1, 2, 3, 1000])
def test_a_logarithmic_warmup_arrives_on_its_last_step(steps: int) -> None:
    values = lr.warmup(lr.constant(0.3), steps, 0.1, shape="logarithmic").values(steps + 3)
    assert (values[max(steps - 1, 0) :] == 0.3).all() and (np.diff(values[:steps]) > 0).all()
    assert steps < 2 or values[0] == 0.1
    based = lr.warmup(lr.constant(0.3), steps, 0.1, shape="logarithmic", base=10)
    assert based == lr.ramp(0.1, 0.3, steps, "logarithmic", base=10) >> lr.constant(0.3)


@pytest.mark.parametrize("period", [1, 2, 7, 250])
def test_arches_end_where_they_begin(period: int) -> None:
    modes = {"constant": lambda t: 1.0, "halving": lambda t: 2.0 ** -(t // period), "exponential": lambda t: 0.999**t}
    tops = (np.arange(40) + 0.5) * period
    for mode, height in modes.items():
        arches = lr.sine_wave(0.0, 1.0, period, mode, 0.999 if mode == "exponential" else 1, cycles=40)  # type: ignore[arg-type]
        assert not arches([i * period for i in range(42)]).any()
        np.testing.assert_allclose(arches(tops), [height(top) for top in tops], rtol=1e-12)


@pytest.mark.parametrize("cycle", [1, 2, 8, 1024])
def test_chebyshev_steps_solve_what_they_are_made_for(cycle: int) -> None:
    steps = lr.chebyshev(1.0, cycle, low=0.1).values(cycle)
    curvatures = np.linspace(0.1, 1.0, 41)
    shrunk = np.prod([1 - curvatures * each for each in steps], axis=0)  # in this order no partial product overflows or drowns
    best = 2 / (np.cosh(cycle * np.arccosh(1.1 / 0.9)) * 2)  # the Chebyshev polynomial's, which nothing beats
    assert np.abs(shrunk).max() <= best * 1.001 + 1e-15
    assert lr.chebyshev(1.0, cycle, cycles=1).own_length("steps") == cycle


def test_noise_of_a_line_fades_and_ends() -> None:
    quiet = lr.cosine_linear(1.0, 0.0, 4000, beta=0.001)
    noisy = lr.noisy_linear_cosine(1.0, 4000, decay=1.0, seed=5)
    lacking = noisy.values(4000) - quiet.values(4000)
    scaled = lacking[:2000] / lr.cosine(1.0, 0.0, 4000).values(2000) * np.sqrt(np.arange(1, 2001))
    assert 0.9 < scaled.std() < 1.1 and abs(scaled.mean()) < 0.1
    assert noisy(4000) == noisy(10**9) == 0.001
    assert np.array_equal(lr.noisy_linear_cosine(1.0, 4000, variance=0).values(), quiet.values())


def test_untuned_warmups() -> None:
    np.testing.assert_allclose(
        lr.warmup_factor("linear", beta2=0.98).values(200), [min(1, (t + 1) / 100) for t in range(200)], rtol=1e-15
    )  # fmt: skip
    np.testing.assert_allclose(
        lr.warmup_factor("exponential", beta2=0.98).values(200), [1 - exp(-(t + 1) * 0.02) for t in range(200)], rtol=1e-12
    )  # fmt: skip


def test_the_rectification_term_of_radam() -> None:
    factor = lr.warmup_factor("radam", beta2=0.98)
    most = 2 / (1 - 0.98) - 1
    rho = [most - 2 * n * 0.98**n / (1 - 0.98**n) for n in range(5, 405)]  # at n = 4 it is still below 4
    wanted = [sqrt((r - 4) * (r - 2) * most / ((most - 4) * (most - 2) * r)) for r in rho]
    np.testing.assert_allclose(factor.values(400), wanted, rtol=1e-11)
    assert factor(10**6) == 1.0 and factor(0) < 0.1


def test_sides_of_a_boundary() -> None:
    at, after = (lr.piecewise_constant([3, 5], [1, 2, 3], side=side) for side in ("at", "after"))  # type: ignore[arg-type]
    assert at.values(7).tolist() == [1, 1, 1, 2, 2, 3, 3] and after.values(7).tolist() == [1, 1, 1, 1, 2, 2, 3]
    assert lr.multistep(1.0, [2, 2, 4], 0.5).values(6).tolist() == [1, 1, 0.25, 0.25, 0.125, 0.125]
