"""Where a library's own numbers are wrong, and a preset gives the right ones: the one list of them.

`docs/presets.md` shows it, the tests compare preset and library everywhere but here, and compute each example from both.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from fractions import Fraction
from typing import Any

from .common import PRESETS

Arguments = dict[str, Any]


@dataclass(frozen=True)
class Difference:
    """One thing that a library gets wrong.

    presets : the paths it concerns
    where, gives, right, reason, size : words for the table
    applies : whether step t of a preset called with these arguments is concerned
    arguments, step, theirs, ours : an example: what the library gives there (None: it raises), and what the preset gives
    """

    presets: tuple[str, ...]
    where: str
    gives: str
    right: str
    reason: str
    size: str
    arguments: Arguments = field(hash=False)
    step: int
    theirs: float | None
    ours: float
    applies: Callable[[Arguments, int], bool] = field(repr=False)


def _restart(arguments: Arguments, t: int, length: str, mul: str, warmup: str = "") -> bool:
    """Whether t is the first or the last step of a cycle: there a logarithm may be off by one cycle."""
    t -= arguments[warmup] if warmup else 0
    start, cycle = Fraction(0), Fraction(arguments[length])
    while start + cycle <= t + 1:
        start += cycle
        cycle *= Fraction(arguments[mul]).limit_denominator(1_000_000)
    return start > 0 and t - 1 < start <= t + 1


def _onecycle_ends(arguments: Arguments, final: bool) -> bool:
    """Whether two phases of an optax one-cycle end on the same step."""
    steps = arguments["transition_steps"]
    ends = [int(arguments["pct_start"] * steps), steps]
    if final:
        ends.append(int(arguments["pct_final"] * steps))
    return len(set(ends)) < len(ends)


DIFFERENCES: tuple[Difference, ...] = (
    Difference(
        ("torch.ConstantLR",), "total_iters = 0", "lr factor for ever", "lr from step 0: the phase owns no step",
        "the factor is undone at step total_iters, which the counter passes before it looks", "a factor of 1 / factor",
        {"lr": 1.0, "factor": 0.5, "total_iters": 0}, 3, 0.5, 1.0, lambda a, t: a["total_iters"] == 0,
    ),
    Difference(
        ("torch.LinearLR",), "total_iters = 0", "lr start_factor for ever", "lr end_factor from step 0",
        "as ConstantLR (pytorch#193682)", "a factor of end_factor / start_factor",
        {"lr": 1.0, "start_factor": 0.25, "total_iters": 0}, 3, 0.25, 1.0, lambda a, t: a["total_iters"] == 0,
    ),
    Difference(
        ("torch.PolynomialLR",), "total_iters = 0", "lr for ever", "0 from step 0",
        "as ConstantLR; its closed form divides by zero (pytorch#168044)", "the whole rate",
        {"lr": 1.0, "total_iters": 0}, 3, 1.0, 0.0, lambda a, t: a["total_iters"] == 0,
    ),
    Difference(
        ("torch.ExponentialLR", "torch.StepLR", "torch.LinearLR", "torch.PolynomialLR", "torch.CosineAnnealingLR"),
        "every step", "the rate in force times a factor", "the closed form",
        "each step multiplies what the last one left, rounding errors included", "up to 5e-14 relative in 20,000 steps",
        {"lr": 0.1, "gamma": 0.999}, 1000, 0.03676954247709642, 0.03676954247709637, lambda a, t: False,
    ),
    Difference(
        ("torch.CosineAnnealingWarmRestarts",), "`scheduler.step(epoch)` at a restart", "eta_min", "the restart's lr",
        "the cycle is found by a float logarithm, rounded down", "the whole height, on one step",
        {"lr": 1.0, "T_0": 10, "T_mult": 3}, 1210, 0.0, 1.0, lambda a, t: False,
    ),
    Difference(
        ("torch.OneCycleLR", "torch.OneCycleLR_momentum"), "pct_start total_steps < 1",
        "a rate past the peak at step 0, on a curve that began before it", "the peak at step 0",
        "the first phase ends at pct_start total_steps - 1, before the run", "2.4 % of the peak at T = 10, pct_start = 0",
        {"max_lr": 1.0, "total_steps": 10, "pct_start": 0.0}, 0, 0.9755283460218526, 1.0,
        lambda a, t: a["pct_start"] * _total(a) < 1,
    ),
    Difference(
        ("torch.OneCycleLR", "torch.OneCycleLR_momentum"), "pct_start total_steps = 1", "ZeroDivisionError at step 0", "the peak at step 0",
        "the first phase lasts from 0 to 0", "no run", {"max_lr": 1.0, "total_steps": 10, "pct_start": 0.1}, 0, None, 1.0,
        lambda a, t: a["pct_start"] * _total(a) == 1,
    ),
    Difference(
        ("torch.OneCycleLR", "torch.OneCycleLR_momentum"), "step total_steps, one past the last",
        "the last phase goes on: below zero with `linear`; one more step raises", "the last value holds",
        "the last phase has no end", "14 % of the peak, with the wrong sign, at T = 10",
        {"max_lr": 1.0, "total_steps": 10, "anneal_strategy": "linear"}, 10, -0.14285257142857133, 4e-6, lambda a, t: t >= _total(a),
    ),
    Difference(
        ("keras.CosineDecayRestarts",), "about a restart, t_mul above 1", "the end of the cycle before, or the start of the one after",
        "the cycle that t lies in", "the cycle is found by a float32 logarithm, rounded down", "the whole height, on single steps",
        {"initial_learning_rate": 1.0, "first_decay_steps": 1000}, 8_191_000, 0.0, 1.0,
        lambda a, t: a["t_mul"] != 1 and _restart(a, t, "first_decay_steps", "t_mul"),
    ),
    Difference(
        ("keras.PolynomialDecay", "keras.ExponentialDecay", "keras.CosineDecay", "keras.InverseTimeDecay"), "t above 2^24",
        "the value of a step nearby", "the value of step t", "the clock is a float32, which has no odd steps there",
        "up to half a spacing of float32: 1 step at 2^24, 64 at 2^30",
        {"initial_learning_rate": 0.0, "decay_steps": 2**25, "end_learning_rate": 2.0**25}, 2**24 + 1, 2.0**24, 2.0**24 + 1,
        lambda a, t: t > 2**24,
    ),
    Difference(
        ("optax.linear_schedule", "optax.polynomial_schedule", "optax.exponential_decay", "optax.cosine_decay_schedule"), "t above 2^24",
        "the value of a step nearby", "the value of step t", "the count becomes a float32", "as Keras's",
        {"init_value": 0.0, "end_value": 2.0**25, "transition_steps": 2**25}, 2**24 + 1, 2.0**24, 2.0**24 + 1, lambda a, t: t > 2**24,
    ),
    Difference(
        ("optax.cosine_onecycle_schedule",), "two phases end on the same step", "a curve that leaves one factor out",
        "the phase of no steps left out", "the ends are the keys of a dictionary, where the later one replaces the earlier",
        "a factor of div_factor", {"transition_steps": 4, "peak_value": 1.0, "pct_start": 1.0}, 4, 1.6e-7, 4e-6,
        lambda a, t: _onecycle_ends(a, False),
    ),
    Difference(
        ("optax.linear_onecycle_schedule",), "two phases end on the same step", "a curve that leaves one factor out",
        "the phase of no steps left out", "as cosine_onecycle_schedule", "a factor of div_factor",
        {"transition_steps": 1, "peak_value": 1.0}, 0, 0.0016, 0.04, lambda a, t: _onecycle_ends(a, True),
    ),
    Difference(
        ("optax.warmup_constant_schedule",), "warmup_steps = 0", "init_value for ever", "peak_value from step 0",
        "a transition of no steps stays at its first value", "the whole rate",
        {"init_value": 0.0, "peak_value": 1.0, "warmup_steps": 0}, 3, 0.0, 1.0,
        lambda a, t: a["warmup_steps"] == 0,
    ),
    Difference(
        ("optax.warmup_cosine_decay_schedule",), "decay_steps = warmup_steps", "ValueError", "the end from there on",
        "a decay of no steps is refused", "no run",
        {"init_value": 0.0, "peak_value": 1.0, "warmup_steps": 4, "decay_steps": 4, "end_value": 0.5}, 4, None, 0.5,
        lambda a, t: a["decay_steps"] <= a["warmup_steps"],
    ),
    Difference(
        ("optax.warmup_cosine_decay_schedule",), "peak_value = 0", "0 from the warmup on", "a curve from 0 to end_value",
        "the end is kept as a part of the peak", "end_value",
        {"init_value": 1.0, "peak_value": 0.0, "warmup_steps": 2, "decay_steps": 4, "end_value": 0.5}, 4, 0.0, 0.5,
        lambda a, t: a["peak_value"] == 0,
    ),
    Difference(
        ("hf.get_cosine_with_hard_restarts_schedule_with_warmup",), "a restart that falls on a step", "0", "lr",
        "num_cycles (t / T) is rounded, and falls short of the whole number it should be", "the whole rate, on one step",
        {"lr": 1.0, "num_warmup_steps": 0, "num_training_steps": 98, "num_cycles": 49}, 2, 0.0, 1.0,
        lambda a, t: (t - a["num_warmup_steps"]) * a["num_cycles"] % max(1, a["num_training_steps"] - a["num_warmup_steps"]) == 0,
    ),
    Difference(
        ("hf.get_polynomial_decay_schedule_with_warmup",), "num_training_steps = num_warmup_steps", "ZeroDivisionError at that step",
        "lr_end", "the decay divides by its length", "no run",
        {"lr": 1.0, "num_warmup_steps": 4, "num_training_steps": 4}, 4, None, 1e-7,
        lambda a, t: a["num_training_steps"] == a["num_warmup_steps"] <= t,
    ),
    Difference(
        ("timm.CosineLRScheduler", "timm.TanhLRScheduler", "timm.PolyLRScheduler"), "at a restart, cycle_mul above 1",
        "the end of the cycle before", "the start of the cycle", "the cycle is found by a float logarithm, rounded down",
        "the whole height, on one step", {"lr": 1.0, "t_initial": 10, "cycle_mul": 3.0, "cycle_limit": 9}, 1210, 0.0, 1.0,
        lambda a, t: a["cycle_mul"] != 1
        and _restart(a, t, "t_initial", "cycle_mul", "warmup_t" if a["warmup_prefix"] else ""),
    ),
    Difference(
        ("timm.StepLRScheduler", "timm.MultiStepLRScheduler", "timm.CosineLRScheduler", "timm.TanhLRScheduler", "timm.PolyLRScheduler"),
        "noise_std other than 1", "noise of standard deviation 1, cut at noise_pct", "noise of standard deviation noise_std, cut there",
        "the argument is stored and never used", "the spread of the noise", {}, 0, None, 0.0, lambda a, t: a["noise_range_t"] is not None,
    ),
    Difference(
        ("fairseq.cosine",), "at a restart, t_mult above 1", "the end of the cycle before", "the start of the cycle",
        "as timm.CosineLRScheduler", "the whole height, on one step",
        {"lr": 1.0, "lr_period_updates": 10, "t_mult": 3.0, "lr_shrink": 1.0}, 1210, 0.0, 1.0,
        lambda a, t: a["t_mult"] != 1
        and _restart(a, t, "lr_period_updates", "t_mult", "warmup_updates"),
    ),
    Difference(
        ("megatron.OptimizerParamScheduler_weight_decay",), "wd_incr_steps = 0, step 0, not constant", "ZeroDivisionError", "end_wd",
        "the ramp divides by its length", "no run",
        {"start_wd": 0.0, "end_wd": 0.5, "wd_incr_steps": 0, "wd_incr_style": "linear"}, 0, None, 0.5,
        lambda a, t: a["wd_incr_steps"] == 0 and t == 0,
    ),
    Difference(
        ("deepspeed.WarmupCosineLR",), "step 0, warmup_min_ratio above 0", "0", "lr warmup_min_ratio",
        "the rate that the constructor sets leaves the ratio out", "the whole rate, on one step",
        {"lr": 1.0, "total_num_steps": 8, "warmup_num_steps": 4, "warmup_min_ratio": 0.5}, 0, 0.0, 0.5, lambda a, t: t == 0,
    ),
    Difference(
        ("deepspeed.OneCycle_momentum",), "step 0", "cycle_min_mom", "cycle_max_mom, as the formula has it",
        "the constructor sets the lower end", "the height of the cycle, on one step",
        {"cycle_min_lr": 0.1, "cycle_max_lr": 1.0}, 0, 0.8, 0.9, lambda a, t: t == 0,
    ),
    Difference(
        ("composer.PolynomialScheduler",), "t above t_max", "a rate that rises again, or a complex number", "lr alpha_f",
        "the part that has passed is not clipped, though the documentation says so", "unbounded",
        {"lr": 1.0, "power": 2.0, "t_max": 4}, 6, 0.25, 0.0, lambda a, t: t > a["t_max"],
    ),
    Difference(
        ("fastai.combined_cos", "fastai.combine_scheds", "fastai.fit_one_cycle", "fastai.fit_one_cycle_momentum", "fastai.fit_flat_cos"),
        "every step", "positions rounded to float32", "positions as written", "pcts become a float32 tensor",
        "up to 1e-7 of the height", {"pct": 0.3, "start": 0.0, "middle": 1.0, "end": 0.0, "steps": 7}, 1,
        0.462634955429763, 0.4626349532067879, lambda a, t: False,
    ),
    Difference(
        ("fastai.fit_sgdr",), "cycle_mult = 1", "ZeroDivisionError", "cycles of equal length",
        "the number of epochs divides by cycle_mult - 1",
        "no run", {"n_cycles": 2, "cycle_len": 1, "lr_max": 1.0, "cycle_mult": 1, "n_batches": 4}, 4, None, 1.0,
        lambda a, t: a["cycle_mult"] == 1,
    ),
)  # fmt: skip


def _total(arguments: Arguments) -> int:
    total = arguments["total_steps"]
    return arguments["epochs"] * arguments["steps_per_epoch"] if total is None else total  # type: ignore[no-any-return]


def differs(path: str, arguments: Arguments, step: int) -> bool:
    """Whether the list says that the library's value there is not to be had; arguments left out have their defaults."""
    bound = PRESETS[path].signature.bind_partial(**arguments)
    bound.apply_defaults()
    return any(path in found.presets and found.applies(bound.arguments, step) for found in DIFFERENCES)
