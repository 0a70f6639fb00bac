"""A shape costs three places: a line in `_shapes.h`, a row in `shapes.py`, a row in the oracle. Each one left out is detected."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

import lrcore as lr
import oracle
from lrcore import _kernel
from lrcore.schedule import Curve, Ramp
from lrcore.shapes import CODES, CURVES, SHAPES

ROOT = Path(__file__).parents[1]


def test_kernel_registry_and_oracle_hold_the_same_shapes_in_the_same_order() -> None:
    assert list(_kernel.SHAPE_NAMES) == list(SHAPES) == list(oracle.SHAPE)
    assert list(_kernel.CURVE_NAMES) == list(CURVES) == list(oracle.CURVE)
    assert {name: code for code, name in enumerate((*_kernel.SHAPE_NAMES, *_kernel.CURVE_NAMES))} == CODES


@pytest.mark.parametrize("name", SHAPES)
class TestEveryRow:
    def test_says_what_it_is(self, name: str) -> None:
        row = SHAPES[name]
        assert row.name == name and row.summary and row.formula and row.source
        assert all(parameter.holds(parameter.example) and parameter.summary for parameter in row.parameters)

    def test_its_example_runs_from_start_to_stop(self, name: str) -> None:
        row = SHAPES[name]
        example = lr.ramp(*row.example, 90, name, **{parameter.name: parameter.example for parameter in row.parameters})
        rates = example.values(95)
        assert rates[0] == example.start and (rates[90:] == example.stop).all() and (np.diff(rates) <= 0).all()
        assert type(example) is Ramp and lr.from_json(example.to_json()) == example

    def test_its_parameters_are_kept_within_their_domain(self, name: str) -> None:
        for i, parameter in enumerate(SHAPES[name].parameters):
            for wrong in (parameter.low - parameter.closed * max(0.001, abs(parameter.low)), parameter.high * 1.01, float("nan")):
                args = [other.example for other in SHAPES[name].parameters]
                args[i] = wrong
                with pytest.raises(lr.SpecError) as refusal:
                    Ramp(*SHAPES[name].example, 10, name, tuple(args))
                assert refusal.value.path == parameter.name


@pytest.mark.parametrize("name", CURVES)
class TestEveryCurve:
    def test_says_what_it_is(self, name: str) -> None:
        row = CURVES[name]
        assert row.name == name and row.summary and row.formula and row.source
        assert all(parameter.holds(parameter.example) and parameter.summary for parameter in row.parameters)

    def test_its_example_falls_from_its_start_and_holds_where_it_is_ended(self, name: str) -> None:
        args = {parameter.name: parameter.example for parameter in CURVES[name].parameters}
        endless, ended = lr.curve(0.1, name, **args), lr.curve(0.1, name, steps=50, **args)
        rates = endless.values(90)
        assert endless.span is None and rates[0] == 0.1 and (np.diff(rates) < 0).all()
        assert ended.span == 50 and (ended.values(90)[:51] == rates[:51]).all() and (ended.values(90)[50:] == rates[50]).all()
        assert type(endless) is Curve and lr.from_json(ended.to_json()) == ended

    def test_its_parameters_are_kept_within_their_domain(self, name: str) -> None:
        for i, parameter in enumerate(CURVES[name].parameters):
            for wrong in (parameter.low - parameter.closed * max(1.0, abs(parameter.low)), parameter.high * 1.01, float("nan")):
                args = [other.example for other in CURVES[name].parameters]
                args[i] = wrong
                with pytest.raises(lr.SpecError) as refusal:
                    Curve(0.1, name, tuple(args))
                assert refusal.value.path == parameter.name


def test_a_curve_that_grows_wants_an_end() -> None:
    with pytest.raises(lr.SpecError, match=r"steps: expected an end before geometric has grown by 1e200, got None\. Give it fewer steps\."):
        lr.curve(0.1, "geometric", gamma=1.01)
    assert lr.curve(0.1, "geometric", steps=2, gamma=2.0)([0, 1, 2, 3]).tolist() == [0.1, 0.2, 0.4, 0.4]
    assert lr.curve(0.5, "power_law", steps=6, exponent=1.0, timescale=2.0)(6) == 2.0


# -- adding one ------------------------------------------------------------------------------------------------------------------


def _edit(path: Path, pattern: str, replacement: str) -> None:
    text, count = re.subn(pattern, replacement, path.read_text(), count=1)
    assert count == 1, f"{pattern} in {path.name}"
    path.write_text(text)


def _add_to_kernel(tree: Path) -> None:
    """Two lines beside those of `linear`, and the formula they name."""
    header = tree / "src/lrcore/_shapes.h"
    _edit(header, r"(\n *)FORMULA\(line, mix\(k, (argument\(.*?\))\)\) *\\", r"\g<0>\1FORMULA(smooth, mix(k, smoothstep(\2))) \\")
    lines = header.read_text().splitlines()
    registry = next(i for i, line in enumerate(lines) if line.startswith("#define LR_SHAPES("))
    linear = next(line for line in lines[registry:] if "SHAPE(linear," in line)
    last = next(i for i in range(registry, len(lines)) if not lines[i].endswith("\\"))
    row = re.sub(r"\bline(_far)?\b", "smooth", linear.replace("linear", "smooth")).rstrip(" \\")
    lines[last : last + 1] = [lines[last] + " \\", row]
    header.write_text("\n".join(lines) + "\n")
    smoothstep = """
/* w^2 (3 - 2 w) */
static inline dd smoothstep(dd w) {
    dd rest = two_sum(3.0, -2.0 * w.h);
    rest.l -= 2.0 * w.l;
    return dd_multiply(dd_multiply(w, w), rest);
}
"""
    _edit(header, r"\n#endif\s*$", "\n" + smoothstep + "\n#endif\n")


def _add_to_registry(tree: Path) -> None:
    row = 'Shape("smooth", "cubic smoothstep, flat at both ends", "start + (stop - start) u^2 (3 - 2 u)", "Hermite interpolation"),'
    _edit(tree / "src/lrcore/shapes.py", r"(SHAPES: dict\[str, Shape\] = \{(?:.*\n)*?)    \)\n\}", rf"\1        {row}\n    )\n}}")


def _add_to_oracle(tree: Path) -> None:
    row = '    "smooth": lambda u, args, start, stop: real(start + (stop - start) * u**2 * (3 - 2 * u)),'
    _edit(tree / "tests/oracle.py", r"(\nSHAPE: dict(?:.*\n)*?)\}\n", rf"\1{row}\n}}\n")


PLACES = {"kernel": _add_to_kernel, "registry": _add_to_registry, "oracle": _add_to_oracle}


def _copy(tree: Path) -> Path:
    ignore = shutil.ignore_patterns("__pycache__", "*.pyc")
    shutil.copytree(ROOT / "src/lrcore", tree / "src/lrcore", ignore=ignore)
    shutil.copytree(ROOT / "tests", tree / "tests", ignore=ignore)
    for name in ("setup.py", "pyproject.toml", "README.md", "LICENSE"):
        shutil.copy(ROOT / name, tree)
    kernel = Path(_kernel.__file__)
    shutil.copy(kernel, tree / "src/lrcore" / kernel.name)
    return tree


def _run(tree: Path, *command: str) -> subprocess.CompletedProcess[str]:
    env = {**os.environ, "PYTHONPATH": str(tree / "src"), "LRCORE_CFLAGS": "-O0"}  # what is compiled here runs for a second
    return subprocess.run([sys.executable, *command], cwd=tree, env=env, capture_output=True, text=True, timeout=300, check=False)


def _pytest(tree: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    return _run(tree, "-m", "pytest", "-q", "-p", "no:cacheprovider", "--tb=short", *arguments)


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A kernel that knows one shape more, built in a copy of the source tree."""
    tree = _copy(tmp_path_factory.mktemp("tree"))
    _add_to_kernel(tree)
    for stale in (tree / "src/lrcore").glob("_kernel*.so"):
        stale.unlink()
    done = _run(tree, "setup.py", "-q", "build_ext", "--inplace")
    assert done.returncode == 0, done.stderr
    return next((tree / "src/lrcore").glob("_kernel*.so"))


@pytest.mark.parametrize("left_out", [None, *PLACES])
def test_a_new_shape_takes_three_places_and_each_one_left_out_is_detected(left_out: str | None, built: Path, tmp_path: Path) -> None:
    tree = _copy(tmp_path)
    for place, add in PLACES.items():
        if place != left_out:
            add(tree)
    if left_out != "kernel":
        shutil.copy(built, tree / "src/lrcore" / built.name)
    done = _pytest(tree, "tests/test_shapes.py", "-k", "hold_the_same_shapes")
    assert done.returncode == (0 if left_out is None else 1), done.stdout + done.stderr
    if left_out is None:  # and every law holds for it, without a line of test code
        laws = _pytest(tree, "tests/test_truth.py", "tests/test_shapes.py", "-k", "smooth")
        assert laws.returncode == 0 and " passed" in laws.stdout, laws.stdout + laws.stderr
    else:
        assert "AssertionError" in done.stdout and "smooth" in done.stdout
