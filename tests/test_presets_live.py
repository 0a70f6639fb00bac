"""Presets against the libraries themselves, over whole runs with random arguments.

The only differences allowed are those of `lrcore.presets.DIFFERENCES`.
"""

import math
from functools import partial

import jax
import jax.numpy as jnp
import keras
import numpy as np
import optax
import pytest
import torch as pytorch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch.optim.swa_utils import SWALR
from transformers import optimization as transformers

from lrcore.presets import DIFFERENCES, hf, torch
from lrcore.presets import keras as lr_keras
from lrcore.presets import optax as lr_optax
from lrcore.presets.differences import differs

live = settings(max_examples=settings.default.max_examples // 6)  # a whole run each
RATES = st.sampled_from([1.0, 0.1, 3e-4, 0.7, 2.5])
RATIOS = st.floats(0.01, 0.99).map(lambda value: round(value, 3))
COUNTS = st.integers(1, 40)
PARTS = st.sampled_from([0.0, 0.1, 0.25, 0.5, 1.0])


def arguments(required=None, **optional):
    """Dictionaries of arguments, the optional ones left out at times, so that defaults are compared too."""
    return st.fixed_dictionaries(required or {}, optional=optional)


def agree(ours, theirs, path, given_arguments, relative, of_peak):
    """Every value within a part of itself, and a part of the largest: sums of library terms cancel near zero."""
    ours, theirs = np.asarray(ours), np.asarray(theirs, dtype=np.float64)
    compared = np.array([not differs(path, given_arguments, t) for t in range(len(theirs))])
    allowed = relative * np.abs(theirs) + of_peak * np.abs(theirs[compared]).max(initial=0.0)
    wrong = compared & ~(np.abs(ours - theirs) <= allowed)
    assert not wrong.any(), (path, given_arguments, np.flatnonzero(wrong)[:5], ours[wrong][:5], theirs[wrong][:5])


# -- torch and transformers --------------------------------------------------------------------------------------------

FLOAT64 = {"relative": 1e-12, "of_peak": 128 * np.finfo(float).eps}
"""1e-12 of the value; and 128 roundings of the largest one: the library's 1 + cos cancels near the end of a curve, and its cos takes
a rounded argument of up to 500 radians (83 roundings seen in 150 random runs of each)."""


def stepped(make, lr, count, field="lr", raises=()):
    """The rates of a real optimizer under a real scheduler; the closed form where torch has one, since the other drifts."""
    optimizer = pytorch.optim.SGD([pytorch.nn.Parameter(pytorch.zeros(1))], lr=lr, momentum=0.9)
    values = []
    try:
        scheduler = make(optimizer)
        for _ in range(count):
            closed = getattr(scheduler, "_get_closed_form_lr", None)
            values.append(closed()[0] if closed and field == "lr" else optimizer.param_groups[0][field])
            optimizer.step()
            scheduler.step()
    except raises:
        values += [math.nan] * (count - len(values))
    return np.array(values)


LR = {"lr": RATES}
CYCLE = arguments(
    {"base_lr": st.sampled_from([0.0, 1e-3, 0.1]), "max_lr": RATES, "step_size_up": st.integers(1, 9)}, step_size_down=st.integers(1, 9),
    mode=st.sampled_from(["triangular", "triangular2", "exp_range"]), gamma=st.floats(0.5, 1.0), base_momentum=st.just(0.7),
)  # fmt: skip
ONE_CYCLE = arguments(
    {"max_lr": RATES, "total_steps": st.integers(2, 60)}, pct_start=st.one_of(RATIOS, st.sampled_from([0.0, 0.5, 1.0])),
    anneal_strategy=st.sampled_from(["cos", "linear"]), div_factor=st.sampled_from([25.0, 10.0]), final_div_factor=st.just(100.0),
    three_phase=st.booleans(),
)  # fmt: skip
TORCH = {
    "ConstantLR": arguments(LR, factor=st.floats(0.1, 1), total_iters=st.integers(1, 40)),
    "LinearLR": arguments(LR, start_factor=st.floats(0.1, 1), end_factor=PARTS, total_iters=st.integers(1, 40)),
    "StepLR": arguments({**LR, "step_size": COUNTS}, gamma=st.floats(0.1, 1.5)),
    "MultiStepLR": arguments({**LR, "milestones": st.lists(st.integers(0, 40), max_size=5)}, gamma=st.floats(0.1, 1.5)),
    "ExponentialLR": arguments({**LR, "gamma": st.floats(0.5, 1.5)}),
    "PolynomialLR": arguments(LR, total_iters=st.integers(1, 40), power=st.floats(0.5, 4)),
    "CosineAnnealingLR": arguments({**LR, "T_max": COUNTS}, eta_min=st.sampled_from([0.0, 1e-5, 0.01])),
    "CosineAnnealingWarmRestarts": arguments({**LR, "T_0": st.integers(1, 12)}, T_mult=st.integers(1, 4), eta_min=st.just(1e-5)),
    "CyclicLR": CYCLE,
    "OneCycleLR": ONE_CYCLE,
    "SWALR": arguments({**LR, "swa_lr": RATES}, anneal_epochs=st.integers(0, 20), anneal_strategy=st.sampled_from(["cos", "linear"])),
}
SETS_ITS_RATE = {"CyclicLR", "OneCycleLR"}


@pytest.mark.parametrize("name", TORCH)
def test_torch(name):
    theirs = SWALR if name == "SWALR" else getattr(pytorch.optim.lr_scheduler, name)

    @live
    @given(TORCH[name])
    def check(given_arguments):
        rest = {key: value for key, value in given_arguments.items() if key != "lr"}
        count = given_arguments.get("total_steps", 70)
        values = stepped(lambda optimizer: theirs(optimizer, **rest), given_arguments.get("lr", 0.1), count, raises=ZeroDivisionError)
        drift = 1e-10 if name == "SWALR" else 0.0  # it has no closed form: it inverts its own last value, which loses digits
        tolerance = {**FLOAT64, "of_peak": FLOAT64["of_peak"] + drift}
        agree(getattr(torch, name)(**given_arguments).values(count), values, f"torch.{name}", given_arguments, **tolerance)

    check()


@pytest.mark.parametrize(("name", "strategy"), [("CyclicLR", CYCLE), ("OneCycleLR", ONE_CYCLE)])
def test_torch_momentum(name, strategy):
    @live
    @given(strategy)
    def check(given_arguments):
        count = given_arguments.get("total_steps", 70)
        make = partial(getattr(pytorch.optim.lr_scheduler, name), **given_arguments)
        values = stepped(make, 0.1, count, "momentum", raises=ZeroDivisionError)
        ours = getattr(torch, f"{name}_momentum")(**given_arguments).values(count)
        agree(ours, values, f"torch.{name}_momentum", given_arguments, **FLOAT64)

    check()


@live
@given(RATES, st.lists(st.integers(1, 15), min_size=2, max_size=2), st.floats(0.5, 0.99))
def test_torch_sequences(lr, gaps, gamma):
    milestones = [gaps[0], sum(gaps)]
    parts = pytorch.optim.lr_scheduler

    def theirs(optimizer):
        members = [parts.ConstantLR(optimizer, 0.5, 9), parts.ExponentialLR(optimizer, gamma), parts.StepLR(optimizer, 4)]
        return parts.SequentialLR(optimizer, members, milestones)

    ours = torch.SequentialLR([torch.ConstantLR(lr, 0.5, 9), torch.ExponentialLR(lr, gamma), torch.StepLR(lr, 4)], milestones)
    agree(ours.values(50), stepped(theirs, lr, 50), "torch.SequentialLR", {}, **FLOAT64)


@live
@given(RATES, st.floats(0.5, 0.99), st.integers(1, 20))
def test_torch_chains(lr, gamma, length):
    parts = pytorch.optim.lr_scheduler

    def theirs(optimizer):
        members = [parts.LinearLR(optimizer, 0.2, total_iters=length), parts.ExponentialLR(optimizer, gamma), parts.StepLR(optimizer, 7)]
        return parts.ChainedScheduler(members)

    members = [torch.LinearLR(lr, 0.2, total_iters=length), torch.ExponentialLR(lr, gamma), torch.StepLR(lr, 7)]
    agree(torch.ChainedScheduler(members, lr).values(50), stepped(theirs, lr, 50), "torch.ChainedScheduler", {}, **FLOAT64)


def test_torch_functions():
    parts = pytorch.optim.lr_scheduler
    for name in ("LambdaLR", "MultiplicativeLR"):
        ours = getattr(torch, name)(0.3, lambda t: 1 / (1 + t / 7), 40)
        theirs = stepped(lambda optimizer, name=name: getattr(parts, name)(optimizer, lambda t: 1 / (1 + t / 7)), 0.3, 40)
        agree(ours.values(), theirs, f"torch.{name}", {}, 0, 0)


WARMUP = {"num_warmup_steps": st.integers(0, 20)}
RUN = {**LR, **WARMUP, "num_training_steps": st.integers(0, 60)}
FLOORS = st.sampled_from([{"min_lr": 1e-5}, {"min_lr_rate": 0.25}, {"min_lr": 0.0}])
WAVES = st.sampled_from([0.5, 1.0, 1.5, 0.75, 0.3, 2.0])
HF = {
    "get_constant_schedule": arguments(LR),
    "get_constant_schedule_with_warmup": arguments({**LR, **WARMUP}),
    "get_linear_schedule_with_warmup": arguments(RUN),
    "get_cosine_schedule_with_warmup": arguments(RUN, num_cycles=WAVES),
    "get_cosine_with_hard_restarts_schedule_with_warmup": arguments(RUN, num_cycles=st.integers(1, 9)),
    "get_polynomial_decay_schedule_with_warmup": arguments(RUN, lr_end=st.just(1e-5), power=st.floats(0.5, 4)),
    "get_inverse_sqrt_schedule": arguments({**LR, **WARMUP}, timescale=st.integers(1, 500)),
    "get_cosine_with_min_lr_schedule_with_warmup": st.builds(dict.__or__, arguments(RUN, num_cycles=WAVES), FLOORS),
    "get_cosine_with_min_lr_schedule_with_warmup_lr_rate": st.builds(
        dict.__or__, arguments(RUN, num_cycles=WAVES, warmup_lr_rate=PARTS), FLOORS
    ),
    "get_wsd_schedule": arguments(
        {**LR, **WARMUP, "num_decay_steps": st.integers(0, 30), "num_stable_steps": st.integers(0, 20)},
        warmup_type=st.sampled_from(["linear", "cosine", "1-sqrt"]), decay_type=st.sampled_from(["linear", "cosine", "1-sqrt"]),
        min_lr_ratio=PARTS, num_cycles=WAVES,
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", HF)
def test_transformers(name):
    @live
    @given(HF[name])
    def check(given_arguments):
        rest = {key: value for key, value in given_arguments.items() if key != "lr"}
        count = 80
        if name.endswith("lr_rate") and not given_arguments["num_warmup_steps"]:
            count = max(1, given_arguments["num_training_steps"])  # samples, which end with the run
        make = partial(getattr(transformers, name), **rest)
        values = stepped(make, given_arguments["lr"], count, raises=ZeroDivisionError)
        agree(getattr(hf, name)(**given_arguments).values(count), values, f"hf.{name}", given_arguments, **FLOAT64)

    check()


# -- keras and optax: float32 ------------------------------------------------------------------------------------------

EPS32 = float(np.finfo(np.float32).eps)
FLOAT32 = (0.0, 2 * EPS32)
"""Two roundings of the largest value; 1.7 seen in 150 random runs of each. Warm restarts multiply three rounded factors: 7.3 seen,
12 allowed."""
RATES32 = RATES.map(lambda value: float(np.float32(value)))
RATIOS32 = st.sampled_from([0.5, 0.25, 0.75, 0.96875, 0.875])
"""Arguments that float32 holds exactly: what is compared is the arithmetic, not the reading of the argument."""

KERAS = {
    "ExponentialDecay": arguments(
        {"initial_learning_rate": RATES32, "decay_steps": COUNTS, "decay_rate": RATIOS32}, staircase=st.booleans()
    ),
    "InverseTimeDecay": arguments(
        {"initial_learning_rate": RATES32, "decay_steps": COUNTS, "decay_rate": st.sampled_from([0.0, 0.5, 2.0])}, staircase=st.booleans()
    ),
    "PolynomialDecay": arguments(
        {"initial_learning_rate": RATES32, "decay_steps": COUNTS}, end_learning_rate=RATES32, power=st.sampled_from([0.5, 1.0, 2.0, 3.0]),
        cycle=st.booleans(),
    ),
    "PiecewiseConstantDecay": st.lists(st.integers(0, 70), min_size=1, max_size=5).map(
        lambda found: {"boundaries": sorted(found), "values": [float(2**-i) for i in range(len(found) + 1)]}
    ),
    "CosineDecay": arguments(
        {"initial_learning_rate": RATES32, "decay_steps": COUNTS}, alpha=PARTS, warmup_target=RATES32, warmup_steps=st.integers(0, 20)
    ),
    "CosineDecayRestarts": arguments(
        {"initial_learning_rate": RATES32, "first_decay_steps": st.integers(1, 20)}, t_mul=st.sampled_from([1.0, 1.5, 2.0, 3.0]),
        m_mul=RATIOS32, alpha=PARTS,
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", KERAS)
def test_keras(name):
    @live
    @given(KERAS[name])
    def check(given_arguments):
        theirs = getattr(keras.optimizers.schedules, name)(**given_arguments)
        values = [float(theirs(t)) for t in range(70)]
        ours = getattr(lr_keras, name)(**given_arguments).values(70)
        allowed = (0.0, 12 * EPS32) if name == "CosineDecayRestarts" else FLOAT32
        agree(ours, values, f"keras.{name}", given_arguments, *allowed)

    check()


BEGIN = {"transition_begin": st.integers(0, 20)}
EXPONENTIAL = {"transition_steps": COUNTS, "decay_rate": RATIOS32}
EXPONENTIAL_OPTIONS = {**BEGIN, "staircase": st.booleans(), "end_value": st.sampled_from([0.0, 0.0625])}
SCALES = st.dictionaries(st.integers(0, 60), RATIOS32, max_size=5)
ENDS = {"init_value": RATES32, "peak_value": RATES32}
WARMUP_COSINE = arguments(
    {**ENDS, "warmup_steps": st.integers(1, 20), "decay_steps": st.integers(21, 60)},
    end_value=RATES32,
    exponent=st.sampled_from([1.0, 2.0]),
)
OPTAX = {
    "constant_schedule": arguments({"value": RATES32}),
    "linear_schedule": arguments({"init_value": RATES32, "end_value": RATES32, "transition_steps": st.integers(-1, 40)}, **BEGIN),
    "polynomial_schedule": arguments(
        {"init_value": RATES32, "end_value": RATES32, "power": st.sampled_from([1, 2, 0.5]), "transition_steps": COUNTS}, **BEGIN
    ),
    "piecewise_constant_schedule": arguments({"init_value": RATES32, "boundaries_and_scales": SCALES}),
    "piecewise_interpolate_schedule": arguments(
        {"interpolate_type": st.sampled_from(["linear", "cosine"]), "init_value": RATES32, "boundaries_and_scales": SCALES}
    ),
    "linear_onecycle_schedule": arguments({"transition_steps": COUNTS, "peak_value": RATES32}, pct_start=st.sampled_from([0.25, 0.5])),
    "cosine_onecycle_schedule": arguments({"transition_steps": COUNTS, "peak_value": RATES32}, pct_start=PARTS, div_factor=st.just(8.0)),
    "exponential_decay": arguments({"init_value": RATES32, **EXPONENTIAL}, **EXPONENTIAL_OPTIONS),
    "cosine_decay_schedule": arguments(
        {"init_value": RATES32, "decay_steps": COUNTS}, alpha=PARTS, exponent=st.sampled_from([1.0, 2.0, 0.5])
    ),
    "warmup_constant_schedule": arguments({**ENDS, "warmup_steps": st.integers(0, 20)}),
    "warmup_cosine_decay_schedule": WARMUP_COSINE,
    "warmup_exponential_decay_schedule": arguments({**ENDS, "warmup_steps": st.integers(1, 20), **EXPONENTIAL}, **EXPONENTIAL_OPTIONS),
    "sgdr_schedule": st.lists(WARMUP_COSINE, min_size=1, max_size=3).map(lambda found: {"cosine_kwargs": found}),
}


@pytest.mark.parametrize("name", OPTAX)
def test_optax(name):
    @live
    @given(OPTAX[name])
    def check(given_arguments):
        theirs = getattr(optax, name)(**given_arguments)
        values = np.broadcast_to(jax.vmap(lambda t: jnp.asarray(theirs(t)))(jnp.arange(70)), 70)
        ours = getattr(lr_optax, name)(**given_arguments).values(70)
        agree(ours, values, f"optax.{name}", given_arguments, *FLOAT32)

    check()


# -- where a library is wrong ------------------------------------------------------------------------------------------


def live_value(path, given_arguments, step):
    """What the library itself gives; None where it raises."""
    library, name = path.split(".")
    rest = {key: value for key, value in given_arguments.items() if key != "lr"}
    try:
        if library == "keras":
            return float(getattr(keras.optimizers.schedules, name)(**rest)(step))
        if library == "optax":
            return float(getattr(optax, name)(**rest)(step))
        make = getattr(pytorch.optim.lr_scheduler if library == "torch" else transformers, name)
        optimizer = pytorch.optim.SGD([pytorch.nn.Parameter(pytorch.zeros(1))], lr=given_arguments.get("lr", 0.1), momentum=0.9)
        scheduler = make(optimizer, **rest)
        if name == "CosineAnnealingWarmRestarts":
            scheduler.step(step)
        else:
            for _ in range(step):
                optimizer.step()
                scheduler.step()
    except (ZeroDivisionError, ValueError):
        return None
    return optimizer.param_groups[0]["lr"]


LIVE = [one for one in DIFFERENCES if one.presets[0].split(".")[0] in ("torch", "keras", "optax", "hf")]


@pytest.mark.parametrize("one", LIVE, ids=lambda one: f"{one.presets[0]}: {one.where}")
def test_the_library_still_gives_the_number_we_say_is_wrong(one):
    theirs = live_value(one.presets[0], one.arguments, one.step)
    assert theirs == (one.theirs if one.theirs is None else pytest.approx(one.theirs, rel=1e-7, abs=1e-15))
    assert theirs is None or theirs != one.ours


def test_fastai_positions_in_float32():
    """fastai keeps the ends of phases in a float32 tensor; this is what that makes of the position at step 1 of 7."""
    one = next(one for one in DIFFERENCES if one.presets[0] == "fastai.combined_cos")
    ends = pytorch.tensor([0.0, 0.3, 0.7]).cumsum(0)
    position = ((1 / 7 - ends[0]) / (ends[1] - ends[0])).item()
    assert (1 + math.cos(math.pi * (1 - position))) / 2 == pytest.approx(one.theirs, rel=1e-12)
    assert abs(one.theirs - one.ours) > 1e-9
