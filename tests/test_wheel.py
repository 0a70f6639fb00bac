"""The wheel built from the sdist works where there is no source tree, and carries what it should and no more."""

import os
import subprocess
import sys
import tarfile
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
pytestmark = pytest.mark.xdist_group("wheel")  # one worker, so that it is built once
ELSEWHERE = """
import lrcore as lr
assert lr.__file__.startswith({site!r}), lr.__file__
print(lr.warmup_cosine(1.0, warmup=2, steps=6)([0, 1, 2, 4, 6]).tolist())
"""


@pytest.fixture(scope="module")
def dist(tmp_path_factory) -> Path:
    """The sdist, and the wheel that `build` makes from it; the environment's own Cython, so that no network is needed."""
    out = tmp_path_factory.mktemp("dist")
    subprocess.run([sys.executable, "-m", "build", "--no-isolation", "--outdir", out, ROOT], check=True, capture_output=True)
    return out


def test_the_wheel_evaluates_outside_the_source_tree(dist, tmp_path):
    site = tmp_path / "site"
    wheel = next(dist.glob("*.whl"))
    subprocess.run([sys.executable, "-m", "pip", "install", "--quiet", "--no-deps", "--target", site, wheel], check=True)
    environment = {**os.environ, "PYTHONPATH": str(site)}
    code = ELSEWHERE.format(site=str(site))
    shown = subprocess.run([sys.executable, "-c", code], cwd=tmp_path, env=environment, check=True, capture_output=True, text=True).stdout
    assert shown.strip() == "[0.0, 0.5, 1.0, 0.5, 0.0]"


def test_the_sdist_carries_the_sources_and_nothing_generated(dist):
    with tarfile.open(next(dist.glob("*.tar.gz"))) as archive:
        names = {name.partition("/")[2] for name in archive.getnames()}
    sources = [path for path in (ROOT / "src/lrcore").iterdir() if path.suffix in {".py", ".pyx", ".pyi", ".h", ".c"}]
    assert {path.relative_to(ROOT).as_posix() for path in sources} <= names
    assert not [name for name in names if name.endswith((".so", ".o", ".pyc", "_kernel.c"))]


def test_the_wheel_carries_no_sources_of_the_kernel(dist):
    with zipfile.ZipFile(next(dist.glob("*.whl"))) as archive:
        names = archive.namelist()
    assert {"lrcore/py.typed", "lrcore/_kernel.pyi", "lrcore_torch/py.typed"} <= set(names)
    assert not [name for name in names if name.endswith((".pyx", ".c", ".h"))]
