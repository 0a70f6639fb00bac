"""table: a plan's values as a tensor, in the kernel's own memory, and every other type rounded once."""

from __future__ import annotations

import tracemalloc
from fractions import Fraction

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

import lrcore as lr
from lrcore_torch.tensors import table

RATE = lr.warmup_cosine(0.1, warmup=5, steps=20, stop=1e-3)
PLAN = lr.Plan(RATE, momentum=0.9, groups={"head.*": {"lr": 0.1 * RATE}})
TYPES = {torch.float64: 53, torch.float32: 24, torch.float16: 11, torch.bfloat16: 8}
"""Bits of the significand."""


@pytest.mark.parametrize("dtype", [torch.float64, torch.float32])
def test_a_plan_gives_rows_and_a_schedule_a_vector(dtype):
    bound = PLAN.bind(["body", "head1"])
    kernel = np.float64 if dtype == torch.float64 else np.float32
    wanted = torch.from_numpy(np.array(bound.table(12, 3, dtype=kernel)))
    for plan in (bound, PLAN):
        values = table(plan, 12, 3, dtype=dtype, names=None if plan is bound else ["body", "head1"])
        assert values.dtype == dtype and values.is_contiguous() and torch.equal(values, wanted)
    assert torch.equal(table(RATE, 12, 3, dtype=dtype), wanted[:, 0])


def test_it_goes_on_until_the_end():
    assert table(RATE).shape == (20,) and table(RATE, start=15).shape == (5,) and table(RATE, 0).shape == (0,)
    assert table(lr.Plan(0.1, horizon=7)).shape == (7, 1)


@pytest.mark.parametrize("dtype", [torch.float64, torch.float32])
def test_the_memory_is_the_kernels(dtype):
    tracemalloc.start()  # NumPy's memory is traced, torch's own is not
    values = table(RATE, 10**6, dtype=dtype)
    held, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    size = values.numel() * values.element_size()
    assert size <= held and peak < 1.05 * size
    array = values.numpy()
    array[7] = 2.0
    assert values[7] == 2.0 and array.ctypes.data == values.data_ptr()


@pytest.mark.parametrize("dtype", [torch.float64, torch.float16])
def test_other_devices_get_a_copy(dtype):
    moved = table(RATE, 6, device="meta", dtype=dtype)
    assert (moved.device.type, moved.shape, moved.dtype) == ("meta", (6,), dtype)
    if torch.cuda.is_available():
        assert torch.equal(table(RATE, 6, device="cuda", dtype=dtype).cpu(), table(RATE, 6, dtype=dtype))


# -- rounding ------------------------------------------------------------------------------------------------------------------

TIES = [sign * 2.0**exponent * (1 + Fraction(1, 2**bits) + Fraction(tail, 2**48))
        for sign in (1, -1) for exponent in (0, -10, -15, -22) for bits in (8, 11) for tail in (-1, 0, 1)]  # fmt: skip
"""Values a hair beside the middle of two neighbours, where rounding twice ends in the wrong one."""


def nearest(value: float, dtype: torch.dtype) -> float:
    """The number of the type next to the value, the even one of two: exact arithmetic."""
    exact, least = Fraction(value), torch.finfo(dtype).smallest_normal
    if not exact:
        return 0.0
    exponent = max(np.frexp(value)[1], np.frexp(least)[1]) - TYPES[dtype]
    return float(round(exact / Fraction(2) ** int(exponent)) * Fraction(2) ** int(exponent))


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16])
def test_low_precision_is_rounded_once(dtype):
    values = [float(value) for value in TIES]
    rounded = table(lr.Samples(values), dtype=dtype).double().tolist()
    assert rounded == [nearest(value, dtype) for value in values]
    twice = torch.tensor(values, dtype=torch.float64).float().to(dtype).double().tolist()
    assert twice != rounded  # these values tell the difference


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16])
@settings(max_examples=100, deadline=None)
@given(values=st.lists(st.floats(-6e4, 6e4), min_size=1, max_size=8))
def test_any_value_is_rounded_to_its_neighbour(dtype, values):
    assert table(lr.Samples(values), dtype=dtype).double().tolist() == [nearest(value + 0.0, dtype) for value in values]


# -- bad input -----------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("call", "sentence"),
    [
        (
            lambda: table(RATE, 3, dtype=torch.int64),
            "dtype: expected one of torch.float64, torch.float32, torch.float16, torch.bfloat16, got torch.int64.",
        ),
        (
            lambda: table(lr.constant(0.1)),
            "count: expected a number of steps, got None. The plan has no horizon, and its schedules do not end.",
        ),
        (
            lambda: table(lr.Plan(RATE).bind(), 3, names=["a"]),
            "names: expected None with a BoundPlan, got ['a']. It has names of its own.",
        ),
        (lambda: table(0.1, 3), "plan: expected a Plan, a BoundPlan or a Schedule, got 0.1."),
        (lambda: table(PLAN, 3), "groups['head.*'] is a pattern, so the names of the groups are needed. Call plan.bind(names) first."),
        (
            lambda: table(lr.constant(1e5), 3, dtype=torch.float16),
            "The table reaches 100000.0, and float16 ends below 65520. Take float32 or float64.",
        ),
    ],
)
def test_bad_input_is_a_sentence(call, sentence):
    with pytest.raises(lr.LrcoreError) as refusal:
        call()
    assert str(refusal.value) == sentence


def test_a_table_too_large_is_refused_before_it_is_made():
    with pytest.raises(lr.TableError, match=r"^1,000,000,000,000 rows x 1 columns of float64 take 7.3 TiB as one array, more than the"):
        table(lr.constant(0.1), 10**12)
