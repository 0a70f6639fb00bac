"""Code in every language: written without the frameworks, laid out as formatters do, complete enough to paste."""

from __future__ import annotations

import ast
import json
import subprocess
import sys
from importlib import import_module
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings

import lrcore as lr
from lrcore.code import TARGETS
from strategies import schedules

ROOT = Path(__file__).parents[1]
WARM = lr.warmup_cosine(0.1, warmup=10, steps=100)
PLANS: dict[str, lr.Plan | lr.Schedule | lr.BoundPlan] = {
    **{name: recipe(**recipe.example) for name, recipe in lr.recipes().items()},
    "momentum": lr.Plan(lr.one_cycle(0.1, 100), momentum=lr.one_cycle_momentum(100)),
    "momentum to the end of the run": lr.Plan(lr.one_cycle(0.1, 100), momentum=lr.one_cycle_momentum(100), horizon=100),
    "fields": lr.Plan(WARM, beta1=lr.linear(0.8, 0.9, 10), weight_decay=lr.cosine(0.1, 0.2, 100)),
    "groups": lr.Plan(
        WARM, groups={"head": {"lr": 0.3 * lr.one_cycle(1.0, 100), "beta2": lr.linear(0.8, 0.9, 10)}, "frozen": {"lr": None}},
    ).bind(["body", "head", "frozen"]),
    "layers": lr.Plan(groups={name: {"lr": rate} for name, rate in lr.layerwise(WARM, 0.5, ["stem", "body", "head"]).items()}),
    "samples": lr.Samples([0.1 / (1 + i) for i in range(500)]),
    "knots": lr.Knots(tuple(range(0, 400, 20)), tuple(0.1 / (1 + i) for i in range(20)), "pchip"),
    "a horizon": lr.Plan(lr.warmup_cosine(0.1, warmup=0.1, steps=1_000), horizon=1_000),
}  # fmt: skip
GENERATORS = {"torch": "lrcore_torch.code", "keras": "lrcore_keras.code", "optax": "lrcore_jax.code", "numpy": "lrcore_numpy.code"}
BLOCKED = """
import json, sys
for name in ("torch", "keras", "tensorflow", "jax", "jaxlib", "optax"):
    sys.modules[name] = None
from test_code import written
json.dump(written(), sys.stdout)
"""


def written() -> dict[str, str]:
    """Everything that can be written, or the refusal."""
    return {f"{target} {name}": written_or_refused(plan, target) for target in GENERATORS for name, plan in PLANS.items()}


def written_or_refused(plan: Any, target: Any) -> str:
    """The code, or the one line that says why there is none."""
    try:
        return lr.to_code(plan, target)
    except lr.LrcoreError as refusal:
        return str(refusal)


def test_the_code_is_the_same_without_the_frameworks():
    for name in ("torch", "keras", "jax", "optax"):
        import_module(name)
    paths = [str(ROOT / "tests"), *sys.path]
    found = subprocess.run(
        [sys.executable, "-c", f"import sys; sys.path[:0] = {paths!r}\n{BLOCKED}"], capture_output=True, text=True, check=True
    )
    assert json.loads(found.stdout) == written()


@pytest.mark.parametrize("package", ["lrcore_torch", "lrcore_keras", "lrcore_jax"])
def test_a_package_loads_its_framework_when_a_name_needs_it(package):
    """Names are listed and code is written without it; asking for one that needs it says what to install."""
    code = f"""
import sys
for name in ("torch", "keras", "tensorflow", "jax", "optax"):
    sys.modules[name] = None
import {package} as package
assert set(package.__all__) <= set(dir(package)) and "to_code" in vars(package) or package.to_code
name = next(name for name in package.__all__ if name != "to_code")
try:
    getattr(package, name)
except ImportError as error:
    print(error)
try:
    package.nothing
except AttributeError as error:
    print(error)
"""
    said = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.splitlines()
    module = import_module(package)
    name = next(name for name in module.__all__ if name != "to_code")
    framework, extra = {"lrcore_torch": ("torch", "torch"), "lrcore_keras": ("keras", "keras"), "lrcore_jax": ("jax", "jax")}[package]
    assert said == [
        f'{package}.{name} works with {framework}, which is not installed. Install it with pip install "lrcore[{extra}]".',
        f"module {package!r} has no attribute 'nothing'",
    ]


@pytest.mark.parametrize("package", ["lrcore_torch", "lrcore_keras", "lrcore_jax", "lrcore_numpy"])
def test_every_public_name_is_there(package):
    module = import_module(package)
    assert all(getattr(module, name) is not None for name in module.__all__)


def test_importing_a_package_is_light():
    code = "import sys, lrcore_torch, lrcore_keras, lrcore_jax; sys.exit(bool({'torch', 'keras', 'jax', 'optax'} & set(sys.modules)))"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """All code as files, refusals left out."""
    made = tmp_path_factory.mktemp("code")
    for name, code in written().items():
        if code.startswith("#"):
            (made / f"{name.replace(' ', '_')}.py").write_text(code)
    return made


@pytest.mark.parametrize("command", [["format", "--check"], ["check", "--select", "E4,E7,E9,F,I,UP,B,W"]])
def test_formatters_and_linters_have_nothing_to_say(folder, command):
    builtins = ["--config", 'builtins = ["optimizer"]'] if command[0] == "check" else []
    found = subprocess.run(
        [sys.executable, "-m", "ruff", *command, "--isolated", *builtins, str(folder)], capture_output=True, text=True, check=False
    )
    assert found.returncode == 0, found.stdout


def test_what_is_written_fits_on_a_screen(folder):
    long = {path.name for path in folder.iterdir() if any(len(line) > 88 for line in path.read_text().splitlines())}
    assert long <= {"keras_noise.py", "keras_noisy_linear_cosine.py"}  # integer operations, one by one


@pytest.mark.parametrize("target", GENERATORS)
@pytest.mark.parametrize("name", ["warmup_cosine", "groups", "a horizon"])
def test_the_first_lines_say_what_it_is_and_how_it_is_used(name, target):
    lines = [line[2:] for line in lr.to_code(PLANS[name], target).splitlines() if line.startswith("# ")]
    plan = PLANS[name]
    whole: Any = plan.plan if isinstance(plan, lr.BoundPlan) else plan
    assert " ".join(lines).replace(" ", "").startswith(lr.to_expression(whole.lr if name == "a horizon" else whole).replace(" ", "")[:80])
    text = " ".join(lines)
    assert name != "a horizon" or "A run of 1,000 updates." in text
    assert {"torch": "scheduler.step() once after each optimizer.step()", "keras": "Keras counts the batches", "optax": "optax counts",
            "numpy": "Steps count updates, from 0."}[target] in text  # fmt: skip


@pytest.mark.parametrize("name", PLANS)
def test_code_for_lrcore_gives_an_equal_plan(name):
    plan = PLANS[name]
    space: dict[str, Any] = {}
    exec(lr.to_code(plan, "lrcore"), space)
    whole = plan.plan if isinstance(plan, lr.BoundPlan) else plan
    assert space["plan"] == (lr.Plan(whole) if isinstance(whole, lr.Schedule) else whole)


@settings(max_examples=60, deadline=None, suppress_health_check=list(HealthCheck))
@given(schedules())
def test_any_code_is_python_or_a_sentence(schedule):
    for target in TARGETS:
        code = written_or_refused(schedule, target)
        assert ast.parse(code) if "\n" in code else code.endswith(".")


def test_numbers_are_written_as_a_person_would():
    code = lr.to_code(lr.multistep(0.1, [30, 60], 0.1), "keras")
    assert "[0.1, 0.01, 0.001]" in code and "0000000" not in code.partition("import")[2]
