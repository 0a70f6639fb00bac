"""The schedulers of libraries that are not installed, as plain formulas: the value at step t, one function for each preset.

Written from what each library documents and computes, in its float64 arithmetic, restarts by logarithm included; the sources are
named at each section. Nothing here uses lrcore.
"""

from bisect import bisect_right
from math import cos, floor, log, pi, sqrt, tanh

# -- timm: huggingface/pytorch-image-models, timm/scheduler/{scheduler,cosine_lr,tanh_lr,poly_lr,step_lr,multistep_lr}.py ---------


def _timm(t, lr, main, warmup_t, warmup_lr_init, warmup_prefix, target=None):
    if t < warmup_t:
        return warmup_lr_init + t * (((lr if target is None else target) - warmup_lr_init) / warmup_t)
    return main(t - warmup_t if warmup_prefix else t)


def _timm_cycles(t, t_initial, mul):
    """(cycle, its length, the position in it), the cycle of a growing one by logarithm."""
    if mul == 1:
        return t // t_initial, t_initial, t % t_initial
    i = floor(log(1 - t / t_initial * (1 - mul), mul))
    return i, mul**i * t_initial, t - (1 - mul**i) / (1 - mul) * t_initial


def timm_StepLRScheduler(t, lr, decay_t, decay_rate=1.0, warmup_t=0, warmup_lr_init=0.0, warmup_prefix=True):
    return _timm(t, lr, lambda at: lr * decay_rate ** (at // decay_t), warmup_t, warmup_lr_init, warmup_prefix)


def timm_MultiStepLRScheduler(t, lr, decay_t, decay_rate=1.0, warmup_t=0, warmup_lr_init=0.0, warmup_prefix=True):
    return _timm(t, lr, lambda at: lr * decay_rate ** bisect_right(decay_t, at + 1), warmup_t, warmup_lr_init, warmup_prefix)


def _timm_cyclic(
    part, t, lr, t_initial, lr_min=0.0, cycle_mul=1.0, cycle_decay=1.0, cycle_limit=1, warmup_t=0, warmup_lr_init=0.0,
    warmup_prefix=False, leads_to_curve=False,
):  # fmt: skip
    def main(at):
        i, length, position = _timm_cycles(at, t_initial, cycle_mul)
        return lr_min + (lr * cycle_decay**i - lr_min) * part(position, length) if i < cycle_limit else lr_min

    target = main(warmup_t) if leads_to_curve and not warmup_prefix else lr
    return _timm(t, lr, main, warmup_t, warmup_lr_init, warmup_prefix, target)


def timm_CosineLRScheduler(t, k_decay=1.0, **rest):
    return _timm_cyclic(lambda c, length: 0.5 * (1 + cos(pi * c**k_decay / length**k_decay)), t, **rest)


def timm_PolyLRScheduler(t, power=0.5, k_decay=1.0, **rest):
    return _timm_cyclic(lambda c, length: max(0.0, 1 - c**k_decay / length**k_decay) ** power, t, **rest)


def timm_TanhLRScheduler(t, lb=-7.0, ub=3.0, **rest):
    return _timm_cyclic(lambda c, length: 0.5 * (1 - tanh(lb * (1 - c / length) + ub * c / length)), t, leads_to_curve=True, **rest)


# -- fairseq: facebookresearch/fairseq, fairseq/optim/lr_scheduler/*.py ---------------------------------------------------------


def fairseq_fixed(t, lr, force_anneal=None, lr_shrink=0.1, warmup_updates=0, updates_per_epoch=1):
    epoch = 1 + t // updates_per_epoch
    if force_anneal is None or epoch < force_anneal:
        rate = lr[min(epoch - 1, len(lr) - 1)]
    else:
        rate = lr[-1] * lr_shrink ** (epoch + 1 - force_anneal)
    return (t + 1) / warmup_updates * rate if t < warmup_updates else rate


def fairseq_inverse_sqrt(t, lr, warmup_updates=4000, warmup_init_lr=-1.0):
    init = max(0.0, warmup_init_lr)
    return init + t * (lr - init) / warmup_updates if t < warmup_updates else lr * warmup_updates**0.5 * t**-0.5


def fairseq_cosine(t, lr, warmup_updates=0, warmup_init_lr=-1.0, min_lr=0.0, t_mult=1.0, lr_period_updates=-1, lr_shrink=0.1, max_update=0):
    init = min_lr if warmup_init_lr < 0 else warmup_init_lr
    if t < warmup_updates:
        return init + t * (lr - init) / warmup_updates
    period = lr_period_updates if lr_period_updates > 0 else max_update - warmup_updates
    i, length, position = _timm_cycles(t - warmup_updates, period, t_mult)
    low, high = min_lr * lr_shrink**i, lr * lr_shrink**i
    return low + 0.5 * (high - low) * (1 + cos(pi * position / length))


def fairseq_polynomial_decay(t, lr, warmup_updates=0, end_learning_rate=0.0, power=1.0, total_num_update=1_000_000):
    if 0 < warmup_updates >= t:
        return t / warmup_updates * lr
    if t >= total_num_update:
        return end_learning_rate
    left = 1 - (t - warmup_updates) / (total_num_update - warmup_updates)
    return (lr - end_learning_rate) * left**power + end_learning_rate


def fairseq_step(t, lr, warmup_updates=0, warmup_init_lr=-1.0, min_lr=0.0, lr_decay_period=25000, lr_decay=0.5):
    init = min_lr if warmup_init_lr < 0 else warmup_init_lr
    if t < warmup_updates:
        return init + t * (lr - init) / warmup_updates
    return max(lr * lr_decay ** ((t - warmup_updates) // lr_decay_period), min_lr)


def fairseq_tri_stage(
    t, lr, warmup_steps=4000, hold_steps=20000, decay_steps=60000, phase_ratio=None, init_lr_scale=0.01, final_lr_scale=0.01, max_update=0
):
    if phase_ratio:
        warmup_steps, hold_steps, decay_steps = (int(max_update * part) for part in phase_ratio)
    if t < warmup_steps:
        return lr * init_lr_scale + t * (lr - lr * init_lr_scale) / warmup_steps
    if t < warmup_steps + hold_steps:
        return lr
    if t <= warmup_steps + hold_steps + decay_steps and decay_steps:
        return lr * final_lr_scale ** ((t - warmup_steps - hold_steps) / decay_steps)
    return lr * final_lr_scale


def fairseq_triangular(t, lr, max_lr, lr_period_updates=5000, lr_shrink=0.1, shrink_min=False):
    half = lr_period_updates // 2
    cycle = t // (2 * half)
    high, low = max_lr * lr_shrink**cycle, lr * (lr_shrink**cycle if shrink_min else 1)
    return low + (high - low) * max(0.0, 1 - abs(t / half - 2 * cycle - 1))


def fairseq_manual(t, lr, epoch2lr=None, update2lr=None, updates_per_epoch=1):
    rates, at = (epoch2lr, 1 + t // updates_per_epoch) if epoch2lr else (update2lr or {}, t)
    passed = [key for key in rates if key <= at]
    return rates[max(passed)] if passed else rates.get(1, lr)


# -- megatron: NVIDIA/Megatron-LM, megatron/core/optimizer_param_scheduler.py ---------------------------------------------------


def megatron_OptimizerParamScheduler(
    t, init_lr, max_lr, min_lr, lr_warmup_steps, lr_decay_steps, lr_decay_style, wsd_decay_steps=None, lr_wsd_decay_style=None
):
    w, total = lr_warmup_steps, lr_decay_steps
    if 0 < w >= t:
        return init_lr + (max_lr - init_lr) * t / w
    if lr_decay_style == "constant":
        return max_lr
    if t > total:
        return min_lr
    if lr_decay_style == "inverse-square-root":
        return max(min_lr, max_lr * sqrt(max(w, 1)) / sqrt(max(t, 1)))
    ratio, style = (t - w) / (total - w), lr_decay_style
    if style == "WSD":
        if t <= total - wsd_decay_steps:
            return max_lr
        ratio, style = (t - total + wsd_decay_steps) / wsd_decay_steps, lr_wsd_decay_style
    left = {
        "linear": 1 - ratio, "cosine": 0.5 * (cos(pi * ratio) + 1), "exponential": 2 * 0.5**ratio - 1, "minus_sqrt": 1 - sqrt(ratio)
    }  # fmt: skip
    return min_lr + left[style] * (max_lr - min_lr)


def megatron_OptimizerParamScheduler_weight_decay(t, start_wd, end_wd, wd_incr_steps, wd_incr_style):
    if t > wd_incr_steps or wd_incr_style == "constant":
        return end_wd
    ratio = t / wd_incr_steps
    return start_wd + (ratio if wd_incr_style == "linear" else 0.5 * (cos(pi * (1 - ratio)) + 1)) * (end_wd - start_wd)


# -- deepspeed: deepspeedai/DeepSpeed, deepspeed/runtime/lr_schedules.py; its last_batch_iteration is t - 1 ------------------------


def deepspeed_LRRangeTest(
    t, lr_range_test_min_lr=1e-3, lr_range_test_step_size=2000, lr_range_test_step_rate=1.0, lr_range_test_staircase=False
):
    interval = t // lr_range_test_step_size if lr_range_test_staircase else t / lr_range_test_step_size
    return lr_range_test_min_lr * (1 + lr_range_test_step_rate * interval)


def _deepspeed_height(t, first, second, stairs, second_stairs):
    """The part of the height at t, or None after the cycle."""
    second = first if second is None else second
    if t >= first + second:
        return None
    up = t <= first
    count = stairs if up or second_stairs is None else second_stairs
    part = t / first if up else (first + second - t) / second
    return (t * count // first if up else (first + second - t) * count // second) / count if count else part


def deepspeed_OneCycle(
    t, cycle_min_lr, cycle_max_lr, decay_lr_rate=0.0, cycle_first_step_size=2000, cycle_second_step_size=None, cycle_first_stair_count=0,
    cycle_second_stair_count=None, decay_step_size=0, decay_mom_rate=0.0, cycle_min_mom=0.8, cycle_max_mom=0.9,
):  # fmt: skip
    second = cycle_first_step_size if cycle_second_step_size is None else cycle_second_step_size
    height = _deepspeed_height(t, cycle_first_step_size, second, cycle_first_stair_count, cycle_second_stair_count)
    if height is not None:
        return cycle_min_lr + (cycle_max_lr - cycle_min_lr) * height
    after = (t - cycle_first_step_size - second) / decay_step_size if decay_step_size else 0
    return cycle_min_lr / (1 + decay_lr_rate * after)


def deepspeed_OneCycle_momentum(
    t, cycle_min_lr, cycle_max_lr, decay_lr_rate=0.0, cycle_first_step_size=2000, cycle_second_step_size=None, cycle_first_stair_count=0,
    cycle_second_stair_count=None, decay_step_size=0, decay_mom_rate=0.0, cycle_min_mom=0.8, cycle_max_mom=0.9,
):  # fmt: skip
    if t == 0:
        return cycle_min_mom
    second = cycle_first_step_size if cycle_second_step_size is None else cycle_second_step_size
    height = _deepspeed_height(t, cycle_first_step_size, second, cycle_first_stair_count, cycle_second_stair_count)
    if height is not None:
        return cycle_max_mom - (cycle_max_mom - cycle_min_mom) * height
    after = (t - cycle_first_step_size - second) / decay_step_size if decay_step_size else 0
    return cycle_max_mom * (1 + decay_mom_rate * after)


def _deepspeed_warmup(n, w, kind):
    return log(n + 1) / log(w) if kind == "log" else n / w


def deepspeed_WarmupLR(t, lr, warmup_min_lr=0.0, warmup_max_lr=None, warmup_num_steps=1000, warmup_type="log"):
    w, n, top = max(2, warmup_num_steps), t - 1, lr if warmup_max_lr is None else warmup_max_lr
    if n < 0:
        return warmup_min_lr
    return warmup_min_lr + (top - warmup_min_lr) * (_deepspeed_warmup(n, w, warmup_type) if n < w else 1.0)


def deepspeed_WarmupDecayLR(t, total_num_steps, warmup_min_lr=0.0, warmup_max_lr=0.001, warmup_num_steps=1000, warmup_type="log"):
    w, n = max(2, warmup_num_steps), t - 1
    if n < 0:
        return warmup_min_lr
    part = _deepspeed_warmup(n, w, warmup_type) if n < w else max(0.0, (total_num_steps - n) / max(1.0, total_num_steps - w))
    return warmup_min_lr + (warmup_max_lr - warmup_min_lr) * part


def deepspeed_WarmupCosineLR(t, lr, total_num_steps, warmup_min_ratio=0.0, warmup_num_steps=1000, cos_min_ratio=0.0001, warmup_type="log"):
    w, n = max(2, warmup_num_steps), t - 1
    if n < 0:
        return 0.0
    if n < w:
        return lr * (warmup_min_ratio + (1 - warmup_min_ratio) * _deepspeed_warmup(n, w, warmup_type))
    progress = min(1.0, (n - w + 1) / max(1, total_num_steps - w))
    return lr * max(0.0, cos_min_ratio + (1 - cos_min_ratio) * (1 + cos(pi * progress)) / 2)


# -- composer: mosaicml/composer, composer/optim/scheduler.py ------------------------------------------------------------------


def composer_ConstantScheduler(t, lr, alpha=1.0, t_max=0):
    return lr * (alpha if t < t_max else 1.0)


def composer_StepScheduler(t, lr, step_size, gamma=0.1):
    return lr * gamma ** int(t / step_size)


def composer_MultiStepScheduler(t, lr, milestones, gamma=0.1):
    return lr * gamma ** sum(t >= milestone for milestone in milestones)


def composer_LinearScheduler(t, lr, alpha_i=1.0, alpha_f=0.0, t_max=1):
    return lr * (alpha_i + min(1.0, t / t_max) * (alpha_f - alpha_i))


def composer_ExponentialScheduler(t, lr, gamma, decay_period=1):
    return lr * gamma ** (t / decay_period)


def composer_CosineAnnealingScheduler(t, lr, t_max=1, alpha_f=0.0):
    return lr * (alpha_f + (1 - alpha_f) * (1 + cos(pi * min(1.0, t / t_max))) / 2)


def composer_CosineAnnealingWarmRestartsScheduler(t, lr, t_0, t_mult=1.0, alpha_f=0.0):
    length = end = t_0
    while end <= t:
        length = int(t_mult * length)
        end += length
    return composer_CosineAnnealingScheduler(t - end + length, lr, length, alpha_f)


def composer_PolynomialScheduler(t, lr, power, t_max=1, alpha_f=0.0):
    return lr * (alpha_f + (1 - t / t_max) ** power * (1 - alpha_f))


def composer_MultiStepWithWarmupScheduler(t, lr, t_warmup, milestones, gamma=0.1):
    return lr * t / t_warmup if t < t_warmup else composer_MultiStepScheduler(t, lr, milestones, gamma)


def composer_LinearWithWarmupScheduler(t, lr, t_warmup, alpha_i=1.0, alpha_f=0.0, t_max=1):
    if t < t_warmup:
        return lr * alpha_i * t / t_warmup
    return composer_LinearScheduler(t - t_warmup, lr, alpha_i, alpha_f, t_max - t_warmup)


def composer_CosineAnnealingWithWarmupScheduler(t, lr, t_warmup, t_max=1, alpha_f=0.0):
    return lr * t / t_warmup if t < t_warmup else composer_CosineAnnealingScheduler(t - t_warmup, lr, t_max - t_warmup, alpha_f)


# -- fastai: fastai/fastai, fastai/callback/schedule.py; the position is t / steps, at most 1 -------------------------------------


def fastai_SchedLin(t, start, end, steps=1):
    return start + min(1.0, t / steps) * (end - start)


def fastai_SchedCos(t, start, end, steps=1):
    return start + (1 + cos(pi * (1 - min(1.0, t / steps)))) * (end - start) / 2


def fastai_SchedNo(t, start, end, steps=1):
    return start


def fastai_SchedExp(t, start, end, steps=1):
    return start * (end / start) ** min(1.0, t / steps)


def fastai_SchedPoly(t, start, end, power, steps=1):
    return start + (end - start) * min(1.0, t / steps) ** power


def fastai_combined_cos(t, pct, start, middle, end, steps):
    position = min(1.0, t / steps)
    if position < pct:
        return fastai_SchedCos(position / pct, start, middle)
    return fastai_SchedCos((position - pct) / (1 - pct), middle, end) if pct < 1 else end


def fastai_fit_one_cycle(t, n_epoch, lr_max, div=25.0, div_final=1e5, pct_start=0.25, n_batches=1):
    return fastai_combined_cos(t, pct_start, lr_max / div, lr_max, lr_max / div_final, n_epoch * n_batches)


def fastai_fit_one_cycle_momentum(t, n_epoch, moms=(0.95, 0.85, 0.95), pct_start=0.25, n_batches=1):
    return fastai_combined_cos(t, pct_start, *moms, n_epoch * n_batches)


def fastai_fit_flat_cos(t, n_epoch, lr, div_final=1e5, pct_start=0.75, n_batches=1):
    return fastai_combined_cos(t, pct_start, lr, lr, lr / div_final, n_epoch * n_batches)


def fastai_fit_sgdr(t, n_cycles, cycle_len, lr_max, cycle_mult=2, n_batches=1):
    epochs = cycle_len * (cycle_mult**n_cycles - 1) // (cycle_mult - 1)
    start, length = 0, cycle_len * n_batches
    while start + length <= t < epochs * n_batches:
        start, length = start + length, length * cycle_mult
    return fastai_SchedCos(t - start, lr_max, 0.0, length) if t < epochs * n_batches else 0.0


REFERENCES = {name.replace("_", ".", 1): value for name, value in globals().items() if callable(value) and name[:1] != "_" and "_" in name}
REFERENCES = {path: value for path, value in REFERENCES.items() if value.__module__ == __name__}
"""By the path of the preset, `timm.StepLRScheduler`."""
