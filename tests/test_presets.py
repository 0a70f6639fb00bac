"""Presets: the laws every one of them keeps, the libraries that are not installed by their formulas, and the refusals.

The live libraries have a file of their own, `test_presets_live.py`.
"""

import doctest
import json
import math
import pickle
import subprocess
import sys
from inspect import Parameter
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import lrcore as lr
from lrcore.presets import DIFFERENCES, composer, deepspeed, fairseq, fastai, hf, keras, megatron, optax, presets, timm, torch
from lrcore.presets.differences import differs
from lrcore.presets.page import page
from preset_references import REFERENCES

PRESETS = presets()
PAGE = Path(__file__).parents[1] / "docs" / "presets.md"
EPS = float(np.finfo(float).eps)

SAMPLE = {
    "lr": 0.5, "schedulers": [lr.Constant(0.5)], "milestones": [], "schedules": [lr.Constant(0.5)], "boundaries": [], "values": [1.0],
    "base_lr": 0.1, "max_lr": 1.0, "total_steps": 20, "lr_lambda": abs, "steps": 8, "gamma": 0.5, "step_size": 3, "T_max": 9, "T_0": 9,
    "swa_lr": 0.1, "initial_learning_rate": 0.5, "decay_steps": 9, "first_decay_steps": 9, "decay_rate": 0.5, "value": 0.1,
    "init_value": 0.2,
    "end_value": 0.1, "power": 2.0, "transition_steps": 9, "interpolate_type": "cosine", "peak_value": 1.0, "warmup_steps": 3,
    "cosine_kwargs": [{"init_value": 0.0, "peak_value": 1.0, "warmup_steps": 2, "decay_steps": 6}], "num_warmup_steps": 3,
    "num_training_steps": 20, "num_decay_steps": 4, "decay_t": 5, "t_initial": 9, "init_lr": 0.1, "min_lr": 0.1, "lr_warmup_steps": 3,
    "lr_decay_steps": 20, "lr_decay_style": "cosine", "start_wd": 0.0, "end_wd": 0.1, "wd_incr_steps": 9, "wd_incr_style": "linear",
    "cycle_min_lr": 0.1, "cycle_max_lr": 1.0, "total_num_steps": 2000, "t_0": 5, "t_warmup": 3, "start": 1.0, "end": 0.5,
    "pcts": [1.0], "scheds": [fastai.SchedLin(1.0, 0.0)], "pct": 0.25, "middle": 1.0, "n_epoch": 2, "lr_max": 1.0, "n_batches": 4,
    "n_cycles": 2, "cycle_len": 1,
}  # fmt: skip
"""A value for every argument without a default."""
SPECIAL = {
    "torch.OneCycleLR": {"total_steps": 20}, "torch.OneCycleLR_momentum": {"total_steps": 20},
    "hf.get_wsd_schedule": {"num_stable_steps": 2}, "hf.get_cosine_with_min_lr_schedule_with_warmup": {"min_lr": 0.1},
    "hf.get_cosine_with_min_lr_schedule_with_warmup_lr_rate": {"min_lr": 0.1}, "timm.MultiStepLRScheduler": {"decay_t": [3, 6]},
    "fairseq.fixed": {"lr": [0.5, 0.1], "updates_per_epoch": 3}, "fairseq.cosine": {"lr_period_updates": 9},
}  # fmt: skip


def example(path):
    """Arguments with which a preset can be called: the required ones, and what else it needs."""
    required = [name for name, found in PRESETS[path].signature.parameters.items() if found.default is Parameter.empty]
    return {name: SAMPLE[name] for name in required} | SPECIAL.get(path, {})


@pytest.mark.parametrize("path", PRESETS)
class TestEveryPreset:
    def test_is_a_value_that_survives_being_stored(self, path):
        schedule = PRESETS[path].function(**example(path))
        if not schedule.resolved:
            schedule = schedule.over(20)
        assert lr.from_json(schedule.to_json()) == schedule == pickle.loads(pickle.dumps(schedule))
        assert np.isfinite(schedule.values(50)).all()

    def test_says_what_it_gives_and_where_from(self, path):
        text = PRESETS[path].function.__doc__
        assert all(word in text for word in ("Raises SpecError", "Source: ", ">>> "))

    def test_names_the_argument_it_refuses(self, path):
        given_arguments = example(path)
        for name, domain in PRESETS[path].domains.items():
            for bad in domain.bad:
                with pytest.raises(lr.SpecError) as refusal:
                    PRESETS[path].function(**{**given_arguments, name: bad})
                assert str(refusal.value).startswith(f"{path}.{name}"), (name, bad)
                assert ": expected " in str(refusal.value) and ", got " in str(refusal.value)

    def test_checks_every_number_it_takes(self, path):
        unchecked = {"scale_fn", "lr_lambda", "cosine_kwargs", "noise_range_t"}
        assert set(PRESETS[path].signature.parameters) - set(PRESETS[path].domains) <= unchecked


@pytest.mark.parametrize(
    ("call", "sentence"),
    [
        (lambda: torch.StepLR(0.1, 30, gamma=-1), "torch.StepLR.gamma: expected a number >= 0, got -1."),
        (
            lambda: torch.CyclicLR(0.1, 1.0, scale_fn=abs),
            "torch.CyclicLR.scale_fn: expected None, got <built-in function abs>. "
            "A schedule holds no code; give the values to lrcore.from_function.",
        ),
        (
            lambda: torch.OneCycleLR(1.0, epochs=3),
            "torch.OneCycleLR.total_steps: expected total_steps, or both epochs and steps_per_epoch, got None.",
        ),
        (
            lambda: torch.OneCycleLR_momentum(1.0, 10, cycle_momentum=False),
            "torch.OneCycleLR_momentum.cycle_momentum: expected True, got False. "
            "Without it the momentum stays what the optimizer was given.",
        ),
        (
            lambda: torch.SequentialLR([lr.Constant(1.0)], [3]),
            "torch.SequentialLR.schedulers: expected one more than the milestones (2), got 1.",
        ),
        (
            lambda: torch.SequentialLR([lr.Constant(1.0)] * 3, [5, 3]),
            "torch.SequentialLR.milestones[1]: expected a number >= 5, got 3. Give them in ascending order.",
        ),
        (lambda: torch.ChainedScheduler([lr.Constant(0.0)], 0.0), "torch.ChainedScheduler.lr: expected a number other than 0, got 0.0."),
        (
            lambda: torch.LambdaLR(0.1, lambda t: math.nan, 3),
            "torch.LambdaLR.lr_lambda(0): expected a finite number, got nan.",
        ),
        (
            lambda: keras.PiecewiseConstantDecay([1, 2], [0.1]),
            "keras.PiecewiseConstantDecay.values: expected one more than the boundaries (3), got 1.",
        ),
        (
            lambda: optax.warmup_cosine_decay_schedule(0.0, 1.0, 5, 4),
            "optax.warmup_cosine_decay_schedule.decay_steps: expected an integer >= warmup_steps (5), got 4. It counts the warmup too.",
        ),
        (
            lambda: optax.piecewise_constant_schedule(1.0, {3: -0.5}),
            "optax.piecewise_constant_schedule.boundaries_and_scales[3]: expected a number >= 0, got -0.5.",
        ),
        (
            lambda: hf.get_cosine_with_min_lr_schedule_with_warmup(1.0, 1, 2),
            "hf.get_cosine_with_min_lr_schedule_with_warmup.min_lr: expected exactly one of min_lr and min_lr_rate, got (None, None).",
        ),
        (lambda: timm.TanhLRScheduler(1.0, 9, lb=3), "timm.TanhLRScheduler.lb: expected a number below ub (3.0), got 3.0."),
        (
            lambda: timm.PolyLRScheduler(1.0, 9, cycle_mul=1.37, cycle_limit=9),
            "timm.PolyLRScheduler.cycle_mul: expected cycles whose ends are fractions of at most 1/1,000,000 step, got 1.37. "
            "Use fewer cycles.",
        ),
        (
            lambda: fairseq.fixed([1.0, 0.5]),
            "fairseq.fixed.updates_per_epoch: expected an integer >= 1, got None. These rates change from epoch to epoch.",
        ),
        (
            lambda: fairseq.manual(1.0, update2lr={"a-b": 1.0}),
            'fairseq.manual.update2lr key: expected a step, a range "2-5" or a list "1,3", got \'a-b\'.',
        ),
        (
            lambda: megatron.OptimizerParamScheduler(0.0, 1.0, 0.0, 9, 9, "linear"),
            "megatron.OptimizerParamScheduler.lr_warmup_steps: expected an integer below lr_decay_steps (9), got 9.",
        ),
        (
            lambda: deepspeed.WarmupLR(1.0, warmup_type="square"),
            "deepspeed.WarmupLR.warmup_type: expected one of log, linear, got 'square'.",
        ),
        (
            lambda: deepspeed.WarmupLR(1.0, warmup_num_steps=2**50),
            'deepspeed.WarmupLR.warmup_num_steps: expected an integer up to 1e+12 with warmup_type="log", got 1125899906842624.',
        ),
        (
            lambda: composer.CosineAnnealingWithWarmupScheduler(1.0, 5, 4),
            "composer.CosineAnnealingWithWarmupScheduler.t_max: expected an integer >= t_warmup (5), got 4. It counts the warmup too.",
        ),
        (
            lambda: fastai.combine_scheds([0.5, 0.4], [fastai.SchedLin(1, 0)] * 2, 10),
            "fastai.combine_scheds.pcts: expected parts that add up to 1, got 0.9.",
        ),
    ],
)
def test_refusals_are_whole_sentences(call, sentence):
    with pytest.raises(lr.SpecError) as refusal:
        call()
    assert str(refusal.value) == sentence


LOADS_A_LIBRARY = """
import sys, lrcore.presets
lrcore.presets.presets()
sys.exit(bool({"torch", "keras", "tensorflow", "jax", "optax", "transformers", "timm", "fastai"} & set(sys.modules)))
"""


def test_no_preset_loads_the_library_it_stands_for():
    assert subprocess.run([sys.executable, "-c", LOADS_A_LIBRARY], check=False).returncode == 0


def test_that_test_can_fail():
    assert subprocess.run([sys.executable, "-c", "import torch;" + LOADS_A_LIBRARY], check=False).returncode == 1


def test_the_page_is_the_one_the_registry_writes():
    assert PAGE.read_text() == page()


def test_the_examples_of_the_page_run():
    result = doctest.testfile(str(PAGE), module_relative=False, optionflags=doctest.NORMALIZE_WHITESPACE)
    assert result.attempted and not result.failed


# -- the libraries that are not installed --------------------------------------------------------------------------------------

RATES = st.sampled_from([1.0, 0.1, 3e-4, 0.7])
COUNTS = st.integers(1, 30)
LATER = st.integers(0, 20)
FLOORS = st.sampled_from([0.0, 1e-5, 0.01])
PARTS = st.sampled_from([0.25, 0.3, 0.5, 0.9])
SHRINKS = st.sampled_from([0.5, 0.9, 1.0])
STAIRS = st.integers(0, 5)
KINDS = st.sampled_from(["log", "linear"])
TIMM = {"warmup_t": LATER, "warmup_lr_init": FLOORS, "warmup_prefix": st.booleans()}
CYCLES = {
    **TIMM,
    "lr_min": FLOORS,
    "cycle_mul": st.sampled_from([1.0, 1.5, 2.0, 3.0]),
    "cycle_decay": SHRINKS,
    "cycle_limit": st.integers(0, 4),
}
ONE_CYCLE = (
    {"cycle_min_lr": FLOORS, "cycle_max_lr": RATES, "cycle_first_step_size": COUNTS},
    {
        "cycle_second_step_size": COUNTS, "cycle_first_stair_count": STAIRS, "cycle_second_stair_count": STAIRS, "decay_step_size": LATER,
        "decay_lr_rate": PARTS, "decay_mom_rate": PARTS,
    },
)  # fmt: skip
INIT = {"warmup_updates": LATER, "warmup_init_lr": st.sampled_from([-1.0, 0.0, 0.05])}
FASTAI = {"n_epoch": st.integers(1, 4), "n_batches": st.integers(1, 20)}
ARGUMENTS = {
    "timm.StepLRScheduler": ({"lr": RATES, "decay_t": COUNTS}, {**TIMM, "decay_rate": PARTS}),
    "timm.MultiStepLRScheduler": ({"lr": RATES, "decay_t": st.lists(LATER, max_size=4).map(sorted)}, {**TIMM, "decay_rate": PARTS}),
    "timm.CosineLRScheduler": ({"lr": RATES, "t_initial": COUNTS}, {**CYCLES, "k_decay": st.sampled_from([0.5, 1.0, 2.0])}),
    "timm.TanhLRScheduler": ({"lr": RATES, "t_initial": COUNTS}, {**CYCLES, "lb": st.sampled_from([-6.0, -2.0]),
    "ub": st.sampled_from([2.0, 5.0])}),
    "timm.PolyLRScheduler": ({"lr": RATES, "t_initial": COUNTS}, {**CYCLES, "power": PARTS, "k_decay": st.sampled_from([0.5, 1.0, 2.0])}),
    "fairseq.fixed": (
        {"lr": st.lists(RATES, min_size=1, max_size=3), "updates_per_epoch": st.integers(1, 9)},
        {"force_anneal": st.integers(1, 5), "lr_shrink": SHRINKS, "warmup_updates": LATER},
    ),
    "fairseq.inverse_sqrt": ({"lr": RATES, "warmup_updates": COUNTS}, {"warmup_init_lr": INIT["warmup_init_lr"]}),
    "fairseq.cosine": (
        {"lr": RATES.filter(lambda rate: rate > 0.01), "lr_period_updates": COUNTS},
        {**INIT, "min_lr": FLOORS, "t_mult": st.sampled_from([1.0, 1.5, 2.0, 3.0]), "lr_shrink": SHRINKS},
    ),
    "fairseq.polynomial_decay": ({"lr": RATES, "total_num_update": st.integers(21, 50)}, {"warmup_updates": LATER,
    "end_learning_rate": FLOORS, "power": PARTS}),
    "fairseq.step": ({"lr": RATES.filter(lambda rate: rate > 0.01)}, {**INIT, "min_lr": FLOORS, "lr_decay_period": COUNTS,
    "lr_decay": PARTS}),
    "fairseq.tri_stage": ({"lr": RATES, "warmup_steps": LATER, "hold_steps": LATER, "decay_steps": LATER}, {"init_lr_scale": PARTS,
    "final_lr_scale": PARTS}),
    "fairseq.triangular": ({"lr": FLOORS, "max_lr": RATES.filter(lambda rate: rate > 0.01), "lr_period_updates": st.integers(2, 20)},
    {"lr_shrink": SHRINKS, "shrink_min": st.booleans()}),
    "fairseq.manual": (
        {"lr": RATES, "updates_per_epoch": st.integers(1, 9)},
        {"epoch2lr": st.sampled_from([{2: 0.5, 3: 0.25}, {1: 0.5, 4: 0.1}])},
    ),
    "megatron.OptimizerParamScheduler": (
        {
            "init_lr": FLOORS, "max_lr": st.sampled_from([0.5, 1.0]), "min_lr": FLOORS, "lr_warmup_steps": LATER,
            "lr_decay_steps": st.integers(21, 50),
            "lr_decay_style": st.sampled_from(["constant", "linear", "cosine", "inverse-square-root", "WSD"]),
            "wsd_decay_steps": st.integers(1, 21),
            "lr_wsd_decay_style": st.sampled_from(["linear", "cosine", "exponential", "minus_sqrt"]),
        },
        {},
    ),
    "megatron.OptimizerParamScheduler_weight_decay": (
        {"start_wd": FLOORS, "end_wd": RATES.filter(lambda rate: rate > 0.01), "wd_incr_steps": COUNTS,
        "wd_incr_style": st.sampled_from(["linear", "cosine"])}, {}
    ),
    "deepspeed.LRRangeTest": ({}, {"lr_range_test_step_size": COUNTS, "lr_range_test_step_rate": PARTS,
    "lr_range_test_staircase": st.booleans()}),
    "deepspeed.OneCycle": ONE_CYCLE,
    "deepspeed.OneCycle_momentum": ONE_CYCLE,
    "deepspeed.WarmupLR": ({"lr": RATES, "warmup_num_steps": COUNTS}, {"warmup_min_lr": FLOORS, "warmup_max_lr": RATES,
    "warmup_type": KINDS}),
    "deepspeed.WarmupDecayLR": ({"total_num_steps": st.integers(0, 60), "warmup_num_steps": COUNTS}, {"warmup_min_lr": FLOORS,
    "warmup_max_lr": RATES, "warmup_type": KINDS}),
    "deepspeed.WarmupCosineLR": (
        {"lr": RATES, "total_num_steps": st.integers(0, 60), "warmup_num_steps": COUNTS},
        {"warmup_min_ratio": PARTS, "cos_min_ratio": PARTS, "warmup_type": KINDS},
    ),
    "composer.ConstantScheduler": ({"lr": RATES, "t_max": LATER}, {"alpha": PARTS}),
    "composer.StepScheduler": ({"lr": RATES, "step_size": COUNTS}, {"gamma": PARTS}),
    "composer.MultiStepScheduler": ({"lr": RATES, "milestones": st.lists(LATER, max_size=4)}, {"gamma": PARTS}),
    "composer.LinearScheduler": ({"lr": RATES, "t_max": COUNTS}, {"alpha_i": PARTS, "alpha_f": PARTS}),
    "composer.ExponentialScheduler": ({"lr": RATES, "gamma": PARTS}, {"decay_period": COUNTS}),
    "composer.CosineAnnealingScheduler": ({"lr": RATES, "t_max": COUNTS}, {"alpha_f": PARTS}),
    "composer.CosineAnnealingWarmRestartsScheduler": ({"lr": RATES, "t_0": COUNTS}, {"t_mult": st.sampled_from([1.0, 1.05, 1.5, 2.0]),
    "alpha_f": PARTS}),
    "composer.PolynomialScheduler": ({"lr": RATES, "power": st.sampled_from([1.0, 2.0]), "t_max": COUNTS}, {"alpha_f": PARTS}),
    "composer.MultiStepWithWarmupScheduler": ({"lr": RATES, "t_warmup": LATER, "milestones": st.lists(LATER, max_size=4)},
    {"gamma": PARTS}),
    "composer.LinearWithWarmupScheduler": ({"lr": RATES, "t_warmup": LATER, "t_max": st.integers(21, 50)}, {"alpha_i": PARTS,
    "alpha_f": PARTS}),
    "composer.CosineAnnealingWithWarmupScheduler": ({"lr": RATES, "t_warmup": LATER, "t_max": st.integers(21, 50)}, {"alpha_f": PARTS}),
    "fastai.SchedLin": ({"start": RATES, "end": RATES, "steps": COUNTS}, {}),
    "fastai.SchedCos": ({"start": RATES, "end": RATES, "steps": COUNTS}, {}),
    "fastai.SchedNo": ({"start": RATES, "end": RATES, "steps": COUNTS}, {}),
    "fastai.SchedExp": ({"start": RATES, "end": RATES, "steps": COUNTS}, {}),
    "fastai.SchedPoly": ({"start": RATES, "end": RATES, "power": PARTS, "steps": COUNTS}, {}),
    "fastai.combined_cos": ({"pct": PARTS, "start": RATES, "middle": RATES, "end": RATES, "steps": COUNTS}, {}),
    "fastai.fit_one_cycle": ({**FASTAI, "lr_max": RATES}, {"div": st.just(5.0), "div_final": st.just(10.0), "pct_start": PARTS}),
    "fastai.fit_one_cycle_momentum": (FASTAI, {"pct_start": PARTS}),
    "fastai.fit_flat_cos": ({**FASTAI, "lr": RATES}, {"div_final": st.just(10.0), "pct_start": PARTS}),
    "fastai.fit_sgdr": (
        {"n_cycles": st.integers(1, 4), "cycle_len": st.integers(1, 2), "lr_max": RATES, "n_batches": st.integers(1, 9)},
        {"cycle_mult": st.integers(2, 3)}
    ),
}  # fmt: skip


def test_every_preset_is_compared_with_something():
    live = ("torch", "keras", "optax", "hf")
    assert set(ARGUMENTS) | {"fastai.combine_scheds"} == {path for path in PRESETS if not path.startswith(live)}
    assert set(ARGUMENTS) == set(REFERENCES)


@pytest.mark.parametrize("path", ARGUMENTS)
def test_library_by_its_formula(path):
    """1e-12 of the value; 256 roundings of the largest, which a library loses where its own sums cancel (1 + cos, 1 - |x|, 1 - p^k)."""
    required, optional = ARGUMENTS[path]

    @settings(max_examples=settings.default.max_examples // 3)  # a whole run each
    @given(st.fixed_dictionaries(required, optional=optional))
    def check(given_arguments):
        count = 70
        compared = [t for t in range(count) if not differs(path, given_arguments, t)]
        theirs = np.array([REFERENCES[path](t, **given_arguments) for t in compared])
        ours = PRESETS[path].function(**given_arguments).values(count)[compared]
        wrong = np.abs(ours - theirs) > 1e-12 * np.abs(theirs) + 256 * EPS * np.abs(theirs).max(initial=0.0)
        assert not wrong.any(), (given_arguments, np.array(compared)[wrong][:5], ours[wrong][:5], theirs[wrong][:5])

    check()


def test_phases_of_a_combination_meet_where_they_should():
    combined = fastai.combine_scheds(
        [0.25, 0.35, 0.4], [fastai.SchedLin(0.0, 1.0), fastai.SchedNo(1.0, 1.0), fastai.SchedPoly(1.0, 0.0, 2)], 10
    )
    expected = [t / 2.5 if t < 2.5 else 1.0 if t < 6 else 1 - ((t - 6) / 4) ** 2 for t in range(11)]
    np.testing.assert_allclose(combined.values(11), expected, rtol=1e-14, atol=0)


def test_timm_noise():
    """Within noise_pct of the rate, inside its range only, the same for the same seed, and of the spread that was asked for."""
    plain = timm.StepLRScheduler(0.5, 10, 0.9)

    def noise(count=200, **rest):
        return timm.StepLRScheduler(0.5, 10, 0.9, **rest).values(count) / plain.values(count) - 1

    inside = noise(noise_range_t=[20, 50], noise_pct=0.3)
    assert (np.abs(inside) < 0.3).all() and (inside[20:50] != 0).all()
    assert (inside[:20] == 0).all() and (inside[50:] == 0).all()
    assert (noise(noise_range_t=20) == noise(noise_range_t=20)).all()
    assert (noise(noise_range_t=20)[20:] != noise(noise_range_t=20, noise_seed=43)[20:]).all()
    assert noise(20_000, noise_range_t=0, noise_pct=0.8, noise_std=0.1).std() == pytest.approx(0.1, rel=0.02)
    assert plain == timm.StepLRScheduler(0.5, 10, 0.9, noise_range_t=[5, 5])


# -- where a library is wrong ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("one", DIFFERENCES, ids=lambda one: f"{one.presets[0]}: {one.where}")
def test_a_difference_is_one(one):
    """The example of each row: the preset gives what the row says is right, and the library's formula, where we have it, what it says."""
    path = one.presets[0]
    if one.arguments:
        assert PRESETS[path].function(**one.arguments)(one.step) == pytest.approx(one.ours, rel=1e-9, abs=1e-15)
    for found in one.presets:
        assert found in PRESETS
    if one.arguments and path in REFERENCES and not path.startswith("fastai.comb"):
        if one.theirs is None:
            with pytest.raises(ZeroDivisionError):
                REFERENCES[path](one.step, **one.arguments)
        else:
            theirs = REFERENCES[path](one.step, **one.arguments)
            assert theirs == pytest.approx(one.theirs, abs=1e-9) and theirs != pytest.approx(one.ours, abs=1e-9)


@pytest.mark.parametrize(
    ("schedule", "restarts"),
    [
        (torch.CosineAnnealingWarmRestarts(1.0, 10, 3), [10 * (3**i - 1) // 2 for i in range(30)]),
        (keras.CosineDecayRestarts(1.0, 1000), [1000 * (2**i - 1) for i in range(40)]),
        (keras.CosineDecayRestarts(1.0, 1024, t_mul=1.5), [2 * (3**i - 2**i) * 2 ** (10 - i) for i in range(10)]),
        (fairseq.cosine(1.0, lr_period_updates=1024, t_mult=1.5, lr_shrink=1.0), [2 * (3**i - 2**i) * 2 ** (10 - i) for i in range(10)]),
        (timm.CosineLRScheduler(1.0, 1024, cycle_mul=1.5, cycle_limit=11), [2 * (3**i - 2**i) * 2 ** (10 - i) for i in range(10)]),
        (hf.get_cosine_with_hard_restarts_schedule_with_warmup(1.0, 0, 10**6, 49), [0]),
    ],
)  # fmt: skip
def test_a_restart_is_exact(schedule, restarts):
    """The peak at the restart, and next to nothing one step before: the far ones too, where a logarithm is off by a cycle."""
    restarts = np.array(restarts)
    assert (schedule(restarts) == 1.0).all()
    assert (schedule(restarts[restarts > 0] - 1) < 0.03).all()


def test_restarts_between_two_steps():
    """1,000,000 steps in 49 cycles: the restart lies at a multiple of 1000000 / 49, and the step after it owns it."""
    schedule = hf.get_cosine_with_hard_restarts_schedule_with_warmup(1.0, 0, 10**6, 49)
    for cycle in range(1, 49):
        step = -(-cycle * 10**6 // 49)
        passed = (step * 49 - cycle * 10**6) / 10**6
        assert schedule(step) == pytest.approx((1 + math.cos(math.pi * passed)) / 2, rel=1e-15) and schedule(step - 1) < 1e-7


# -- the same name, different numbers -------------------------------------------------------------------------------------------

T10 = {
    "torch": torch.CosineAnnealingLR(1.0, 10), "hf": hf.get_cosine_schedule_with_warmup(1.0, 0, 10),
    "optax": optax.cosine_decay_schedule(1.0, 10),
    "keras": keras.CosineDecay(1.0, 10), "timm": timm.CosineLRScheduler(1.0, 10), "composer": composer.CosineAnnealingScheduler(1.0, 10),
}  # fmt: skip
CONFORMANCE = [
    ("multistep: torch", torch.MultiStepLR(1.0, [3, 6]), {2: 1.0, 3: 0.1}),
    ("multistep: timm, a step early", timm.MultiStepLRScheduler(1.0, [3, 6], 0.1), {1: 1.0, 2: 0.1}),
    ("multistep: keras, a step late", keras.PiecewiseConstantDecay([3, 6], [1.0, 0.1, 0.01]), {3: 1.0, 4: 0.1}),
    ("multistep: optax", optax.piecewise_constant_schedule(1.0, {3: 0.1, 6: 0.1}), {2: 1.0, 3: 0.1}),
    *((f"cosine past its end: {name}", T10[name], {15: value}) for name, value in
      [("torch", 0.5), ("hf", 0.5), ("optax", 0), ("keras", 0), ("timm", 0), ("composer", 0)]),
    ("linear, last step: hf", hf.get_linear_schedule_with_warmup(1.0, 0, 10), {9: 0.1}),
    ("linear, last step: optax", optax.linear_schedule(1.0, 0.0, 10), {9: 0.1}),
    ("linear, last step: torch", torch.LinearLR(1.0, 1.0, 0.0, 10), {9: 0.1}),
    ("linear, last step: mmengine, which ends on it", lr.Ramp(1.0, 0.0, 10, endpoint=True), {9: 0.0}),
    ("warmup: hf", hf.get_constant_schedule_with_warmup(1.0, 4), {0: 0.0, 3: 0.75, 4: 1.0}),
    ("warmup: hf one step ahead, as torchtitan", hf.get_cosine_with_min_lr_schedule_with_warmup_lr_rate(1.0, 4, 100, min_lr=0.0),
     {0: 0.25, 3: 1.0}),
    ("warmup: timm", timm.CosineLRScheduler(1.0, 100, warmup_t=4, warmup_lr_init=0.2, warmup_prefix=True), {0: 0.2, 4: 1.0}),
    ("warmup: fairseq fixed", fairseq.fixed([1.0], warmup_updates=4), {0: 0.25, 3: 1.0, 4: 1.0}),
    *((f"polynomial of power 2: {name}", schedule, {5: 0.25}) for name, schedule in
      [("keras", keras.PolynomialDecay(1.0, 10, 0.0, 2.0)), ("torch", torch.PolynomialLR(1.0, 10, 2.0)),
       ("hf", hf.get_polynomial_decay_schedule_with_warmup(1.0, 0, 10, 0.0, 2.0))]),
    ("polynomial of power 2: fastai", fastai.SchedPoly(1.0, 0.0, 2, 10), {5: 0.75}),
    ("one cycle, final value: torch", torch.OneCycleLR(1.0, 10), {9: 4e-6}),
    ("one cycle, final value: optax", optax.cosine_onecycle_schedule(10, 1.0), {10: 4e-6}),
    ("one cycle, final value: fastai", fastai.fit_one_cycle(1, 1.0, n_batches=10), {10: 1e-5}),
    ("exponential stairs: keras", keras.ExponentialDecay(1.0, 10, 0.5, staircase=True), {10: 0.5}),
    ("exponential stairs: optax", optax.exponential_decay(1.0, 10, 0.5, staircase=True), {10: 0.5}),
    ("inverse square root: fairseq", fairseq.inverse_sqrt(1.0, 4), {16: 0.5}),
    ("inverse square root: hf", hf.get_inverse_sqrt_schedule(1.0, 4), {16: 0.5}),
    ("inverse square root: hf without warmup", hf.get_inverse_sqrt_schedule(1.0, 0), {16: 1 / math.sqrt(1.0016)}),
    # libraries without presets of their own, as the catalogue has them
    ("linear, last step: the warmdown of speedruns", lr.linear_to_zero(1.0, 10), {9: 0.1}),
    ("warmup: NeMo, between 0 and the peak", lr.warmup(lr.constant(1.0), 4, start="inside"), {0: 0.2, 4: 1.0}),
    ("warmup: pytorch_warmup", lr.warmup_factor("linear", 4), {0: 0.25, 3: 1.0}),
    ("warmup: gradual, the peak twice", lr.warmup(lr.constant(1.0, 1) >> lr.linear(1.0, 0.0, 4), 4), {0: 0.0, 4: 1.0, 5: 1.0, 6: 0.75}),
    ("warmup: ignite, which arrives on its last step", lr.Ramp(0.0, 1.0, 4, endpoint=True), {3: 1.0, 4: 1.0}),
    ("one cycle, final value: lrsched", lr.one_cycle(1.0, 10, div=25, final_div=400), {10: 1e-4}),
    ("exponential stairs: ludwig", 0.5 * lr.exponential_decay(1.0, 0.5, every=10, staircase=True), {0: 0.5, 10: 0.25}),
    ("inverse square root: T5", lr.constant(0.5, 4) >> lr.curve(0.5, "inverse_sqrt", timescale=4), {0: 0.5, 4: 0.5, 16: 0.25}),
    ("inverse square root: big_vision", hf.get_inverse_sqrt_schedule(1.0, 4, 10_000), {16: 1 / math.sqrt(1.0012)}),
]  # fmt: skip


@pytest.mark.parametrize(("schedule", "values"), [row[1:] for row in CONFORMANCE], ids=[row[0] for row in CONFORMANCE])
def test_same_name_different_numbers(schedule, values):
    for step, value in values.items():
        assert schedule(step) == pytest.approx(value, rel=1e-15, abs=1e-16)


def test_schedules_of_presets_read_as_json():
    assert json.loads(torch.StepLR(0.1, 30).to_json())
