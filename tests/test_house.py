"""The rules of the house: what is public, what an import may load, and that every example in the documentation runs."""

import doctest
import importlib
import pkgutil
import re
import subprocess
import sys
from importlib.resources import files
from inspect import isclass, isroutine
from itertools import pairwise
from pathlib import Path
from types import ModuleType

import pytest

import lrcore as lr
from lrcore import catalogue

ROOT = Path(__file__).parents[1]
PACKAGES = sorted(path.parent.name for path in ROOT.glob("*/lrcore*/__init__.py"))
MODULES = [
    name
    for package in PACKAGES
    for name in (package, *(found.name for found in pkgutil.walk_packages(importlib.import_module(package).__path__, f"{package}.")))
]
DOCUMENTS = ["README.md", *sorted(f"docs/{path.name}" for path in (ROOT / "docs").glob("*.md") if ">>> " in path.read_text())]
EXAMPLES = doctest.NORMALIZE_WHITESPACE | doctest.ELLIPSIS

LOADS_A_FRAMEWORK = """
import sys, lrcore
sys.exit(bool({"torch", "keras", "tensorflow", "jax", "scipy", "matplotlib"} & set(sys.modules)))
"""


def status(code: str) -> int:
    return subprocess.run([sys.executable, "-c", code], check=False).returncode


def test_all_is_exactly_the_public_names():
    loaded = {name for name, value in vars(lr).items() if not name.startswith("_") and not isinstance(value, ModuleType)}
    public = loaded | set(lr._LATER) | set(catalogue.__all__) | {"presets"}
    assert sorted(public - {"Any", "TYPE_CHECKING", "import_module"}) == sorted(lr.__all__)


def test_what_is_loaded_later_is_what_it_is_said_to_be():
    later = {name: f"lrcore.{module}" for name, module in lr._LATER.items() if name not in ("CHECKS", "TARGETS")}
    assert {name: getattr(lr, name).__module__ for name in later} == later


@pytest.mark.parametrize("name", lr.__all__)
def test_a_public_name_is_documented(name):
    value = getattr(lr, name)
    assert not (isclass(value) or isroutine(value)) or value.__doc__


def test_the_core_loads_no_framework():
    assert status(LOADS_A_FRAMEWORK) == 0


def test_that_test_can_fail():
    assert status("import torch" + LOADS_A_FRAMEWORK) == 1


@pytest.mark.parametrize("path", sorted((ROOT / "bindings").rglob("*.py")), ids=lambda path: str(path.relative_to(ROOT)))
def test_bindings_use_public_names_only(path):
    imported = re.findall(r"^\s*(?:from|import) (lrcore[\w.]*)", path.read_text(), re.MULTILINE)
    assert {name for name in imported if not name.startswith("lrcore_")} <= {"lrcore", "lrcore.presets"}
    assert not re.search(r"\blr\._", path.read_text())


@pytest.mark.parametrize("package", PACKAGES)
def test_a_package_says_that_it_is_typed(package):
    assert files(package).joinpath("py.typed").is_file()


def test_the_kernel_has_its_types():
    assert files("lrcore").joinpath("_kernel.pyi").is_file()


@pytest.mark.parametrize("name", MODULES)
def test_docstring_examples(name):
    assert doctest.testmod(importlib.import_module(name), optionflags=EXAMPLES).failed == 0


@pytest.mark.parametrize("path", DOCUMENTS)
def test_documents_examples(path, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)  # an example may write a file
    result = doctest.testfile(str(ROOT / path), module_relative=False, optionflags=EXAMPLES)
    assert result.attempted and not result.failed


def test_the_readme_shows_a_result_by_its_tenth_line():
    lines = (ROOT / "README.md").read_text().splitlines()[:10]
    shown = [line for call, line in pairwise(lines) if call.startswith(">>> ") and not line.startswith((">>>", "```"))]
    assert shown
