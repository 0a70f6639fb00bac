"""write_row: one evaluation of a row, written into dictionaries as Python floats, or nothing at all."""

import pytest

import lrcore as lr

BASE = lr.warmup_cosine(3e-4, warmup=100, steps=1000)
COLUMNS = [0.1 * BASE, BASE, lr.constant(0.9), BASE * BASE]
PROGRAM = lr.compile_columns(COLUMNS)
KEYS = ["lr", "lr", "momentum", "weight_decay"]


@pytest.mark.parametrize("step", [0, 1, 50, 999, 1000, 2**53])
def test_writes_the_values_of_the_step_as_floats(step):
    dicts = [{"lr": 1.0}, {}, {}, {"other": 2}]
    lr.write_row(PROGRAM, step, dicts, KEYS)
    assert [found[key] for found, key in zip(dicts, KEYS, strict=True)] == [column(step) for column in COLUMNS]
    assert all(type(found[key]) is float for found, key in zip(dicts, KEYS, strict=True))


def test_many_columns_share_one_evaluation():
    program = lr.compile_columns([scale / 1000 * BASE for scale in range(1, 1001)])
    dicts = [{} for _ in range(1000)]
    lr.write_row(program, 500, dicts, ["lr"] * 1000)
    assert [found["lr"] for found in dicts] == [(scale / 1000 * BASE)(500) for scale in range(1, 1001)]


REFUSED = {
    "a step below 0": (lambda d: lr.write_row(PROGRAM, -1, d, KEYS), lr.SpecError, "steps: expected a step from 0 to 2**53, got -1."),
    "a step above 2**53": (
        lambda d: lr.write_row(PROGRAM, 2**53 + 1, d, KEYS), lr.SpecError, f"steps: expected a step from 0 to 2**53, got {2**53 + 1}.",
    ),
    "a step beyond int64": (
        lambda d: lr.write_row(PROGRAM, 2**64, d, KEYS), lr.SpecError, f"steps: expected a step from 0 to 2**53, got {2**64}.",
    ),
    "a float": (lambda d: lr.write_row(PROGRAM, 1.5, d, KEYS), TypeError, "step: expected an int, got 1.5."),
    "too few keys": (
        lambda d: lr.write_row(PROGRAM, 1, d, KEYS[:3]), ValueError,
        "write_row: expected 4 dicts and keys, one for each column, got 4 and 3.",
    ),
    "no dict": (lambda d: lr.write_row(PROGRAM, 1, [*d[:3], None], KEYS), TypeError, "dicts[3]: expected a dict, got NoneType."),
    "past an end that refuses": (
        lambda d: lr.write_row(lr.compile_columns([BASE, BASE.past_end("error"), BASE, BASE]), 1000, d, KEYS), lr.SpecError,
        'step: expected a step before the end at 1000, got 1000. The schedule says past_end("error").',
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", REFUSED)
def test_refuses_and_writes_nothing(name):
    call, error, sentence = REFUSED[name]
    dicts = [{"lr": 1.0} for _ in range(4)]
    with pytest.raises(error) as caught:
        call(dicts)
    assert str(caught.value) == sentence
    assert dicts == [{"lr": 1.0}] * 4
