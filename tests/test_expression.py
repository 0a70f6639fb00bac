"""Expressions: what is written reads back equal, what is refused is one sentence, and nothing of Python runs."""

from __future__ import annotations

import random
import re
import subprocess
import sys
from contextlib import suppress
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import lrcore as lr
from lrcore import from_expression, to_code, to_expression
from lrcore.expression.layout import WIDTH
from lrcore.expression.reading import METHODS, names
from strategies import schedules

RECIPES = lr.recipes()


def plan_of(schedule: lr.Schedule) -> lr.Plan:
    groups = {"head": {"lr": 0.1 * schedule}, 'a "b" \\w': {"momentum": None}, "schlüssel": {"weight_decay": schedule}}
    return lr.Plan(schedule, momentum=0.9, fields={"rho": 0.1}, groups=groups, horizon=1_000_000)


# -- there and back ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", RECIPES)
def test_a_recipe_is_called_as_in_python(name: str) -> None:
    recipe = RECIPES[name]
    call = f"{name}({', '.join(f'{key}={value!r}' for key, value in recipe.example.items())})"
    assert from_expression(call) == from_expression(f"lr.{call}") == recipe(**recipe.example)


@settings(max_examples=150, deadline=None)
@given(schedules(max_depth=4))
def test_what_is_written_reads_back(schedule: lr.Schedule) -> None:
    assert from_expression(to_expression(schedule)) == schedule == from_expression(repr(schedule))
    plan = plan_of(schedule)
    assert from_expression(to_expression(plan)) == plan == from_expression(repr(plan))


@settings(max_examples=150, deadline=None)
@given(schedules(max_depth=4))
def test_lrcore_code_runs_and_reads_back(schedule: lr.Schedule) -> None:
    plan = plan_of(schedule)
    code = to_code(plan)
    made: dict[str, Any] = {}
    exec(code, made)
    assert made["plan"] == plan == from_expression(code)


def test_every_part_of_a_plan_is_written() -> None:
    plan = lr.Plan(
        lr.cosine(0.1, 0.0, 1_000), beta2=0.999, groups={"a": {"lr": None}, "b": {}}, horizon=1_000, unit="tokens",
        clock=lr.Clock(batch_size=8, sequence_length=16), adapt={"a": lr.ReduceLROnPlateau(factor=0.5), "b": None},
    )  # fmt: skip
    assert from_expression(to_expression(plan)) == from_expression(to_code(plan)) == plan


@pytest.mark.parametrize("name", RECIPES)
def test_lines_are_short_and_laid_out_as_formatters_do(name: str) -> None:
    code = to_code(lr.Plan(RECIPES[name](**RECIPES[name].example), momentum=0.9))
    wide = [line for line in code.splitlines() if len(line) > WIDTH and not re.search(r"\w\([^()]*\)[,.)]*$", line)]
    assert not wide  # a call without calls in it stays on its line
    formatted = subprocess.run(
        [sys.executable, "-m", "ruff", "format", "--isolated", "-"], input=code, capture_output=True, text=True, check=True
    ).stdout
    assert len(formatted.splitlines()) - len(code.splitlines()) <= 12 and from_expression(formatted) == from_expression(code)


@pytest.mark.parametrize(
    ("text", "meaning"),
    [
        ("0.1", lr.constant(0.1)),
        ("-1e-3 * 2**3", lr.constant(-0.008)),
        ("presets.torch.StepLR(0.1, step_size=30)", lr.step(0.1, 0.1, every=30)),
        ("0.1 >> cosine(1, 0, 5)", None),
        ("(linear(0, 1, 5)\n >> 1)", lr.linear(0, 1, 5) >> 1),
        ("import lrcore as lr\nbase = lr.cosine(1, 0, 9)\nplan = lr.Plan(base, groups={'a': {'lr': 0.5 * base}})",
         lr.Plan(lr.cosine(1, 0, 9), groups={"a": {"lr": 0.5 * lr.cosine(1, 0, 9)}})),
        ("linear(0, 1, 10).override(at=5, stop=0.0, steps=2)", lr.linear(0, 1, 10).override(at=5, stop=0.0, steps=2)),
        ("minimum(cosine(1, 0, 9), 0.5).clip(0.1, 0.4)", lr.minimum(lr.cosine(1, 0, 9), 0.5).clip(0.1, 0.4)),
        ("Samples([0.1, 0.2])", lr.Samples([0.1, 0.2])),
    ],
)  # fmt: skip
def test_means_what_python_would(text: str, meaning: lr.Schedule | lr.Plan | None) -> None:
    if meaning is None:
        with pytest.raises(lr.SpecError):
            from_expression(text)
    else:
        assert from_expression(text) == meaning


# -- refusals ----------------------------------------------------------------------------------------------------------

_METHODS = f"a method of a schedule ({', '.join(METHODS)})"
_EXAMPLE = "Write for example warmup_cosine(3e-4, warmup=2000, steps=100000)."


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("warmup_cosin(1)", "line 1, column 1: expected a name that lrcore knows, got warmup_cosin. Did you mean warmup_cosine?"),
        ("linear(0, 1, 5) >> zzz(3)", "line 1, column 20: expected a name that lrcore knows, got zzz. `lrcore list` shows them."),
        ("cosine(1, 0)", "cosine: expected the arguments start, stop, steps, got none for 'steps'."),
        ("cosine(1, 0, 9, stpo=2)",
         "cosine: expected the arguments start, stop, steps, got an unexpected keyword argument 'stpo'. Did you mean stop?"),
        ("cosine(1, 0, -9)", 'cosine.steps: expected an integer >= 0, a fraction strictly between 0 and 1, or "rest", got -9. '
         "An int counts steps, a float is a fraction of the horizon."),
        ("cosine(1,\n 0,, 3)", "line 2, column 4: expected an expression, got a mistake (invalid syntax). "
         "Check its brackets, commas and quotes."),
        ("", f"expression: expected a schedule, a plan or a number, got nothing. {_EXAMPLE}"),
        ("cosine", f"expression: expected a schedule, a plan or a number, got a function that is not called. {_EXAMPLE}"),
        ("'a'", f"expression: expected a schedule, a plan or a number, got 'a'. {_EXAMPLE}"),
        ("cosine(1, 0, 9).values()", f"line 1, column 1: expected {_METHODS}, got cosine(1, 0, 9).values."),
        ("__import__('os').system('ls')", f"line 1, column 1: expected {_METHODS}, got __import__('os').system."),
        ("cosine.__globals__", "line 1, column 1: expected a name that lrcore knows, got cosine.__globals__. `lrcore list` shows them."),
        ("open('x')", "line 1, column 1: expected a name that lrcore knows, got open. `lrcore list` shows them."),
        ("9**9**9", "line 1, column 1: expected a calculation whose result is a finite number, got 9 ** 9 ** 9."),
        ("1 / 0", "line 1, column 1: expected a calculation whose result is a finite number, got 1 / 0."),
        ("[1] * 1000000000", "line 1, column 1: expected numbers or schedules on both sides, got [1] * 1000000000."),
        ("cosine(1, 0, 9) - 1", "line 1, column 1: expected schedules and numbers, joined with >>, * or +, got cosine(1, 0, 9) - 1. "
         "Multiply by 1 / x, and add (-1) * b."),
        ("cosine(*[1, 0, 9])", "line 1, column 1: expected arguments written one by one, without *, got cosine(*[1, 0, 9])."),
        ("import os", "line 1, column 1: expected an expression, or `name = expression`, got import os."),
        ("cosine = 3", "line 1, column 1: expected a name other than lrcore's own cosine, got cosine = 3."),
        ("Samples([1], path='x.npy')", "Samples.path: expected no path in an expression, got 'x.npy'. Keep it in a JSON document."),
        ("1" * 100_001, "expression: expected at most 100,000 characters, got 100,001."),
    ],
)  # fmt: skip
def test_refused_with_a_sentence(text: str, sentence: str) -> None:
    with pytest.raises(lr.SpecError) as error:
        from_expression(text)
    assert str(error.value) == sentence


@pytest.mark.parametrize(
    "text", ["(" * 50_000, "-" * 90_000 + "1", "[" * 150 + "1" + "]" * 150, "+".join(["1"] * 40_000), "\0", "\ud800", "1_" * 9]
)
def test_the_absurd_is_refused_not_fatal(text: str) -> None:
    with pytest.raises(lr.SpecError):
        from_expression(text)


@pytest.mark.parametrize("name", sorted(names()))
def test_nothing_but_sentences_comes_of_any_arguments(name: str) -> None:
    rng = random.Random(name)
    values = [
        "0",
        "-1",
        "3",
        "1e308",
        "0.5",
        "'a'",
        "None",
        "True",
        "[]",
        "[1, 2]",
        "{}",
        "{'a': {'lr': 1}}",
        "'rest'",
        "cosine(1, 0, 9)",
        "2**60",
    ]
    for _ in range(60):
        arguments = ", ".join(rng.choices(values, k=rng.randrange(6)))
        with suppress(lr.SpecError):
            from_expression(f"{name}({arguments})")


@settings(max_examples=300, deadline=None)
@given(st.text(alphabet=" ().,=*+->[]{}:'0123456789eabcdlnoprstuw\n", max_size=60))
def test_noise_is_refused_with_a_sentence(text: str) -> None:
    with suppress(lr.SpecError):
        from_expression(text)
