"""The wheel built from the sdist works where there is no source tree; both carry what they should and no more."""

import os
import subprocess
import sys
import tarfile
import zipfile
from pathlib import Path

ROOT = Path(__file__).parents[1]
ELSEWHERE = """
import lrcore as lr
assert lr.__file__.startswith({site!r}), lr.__file__
print(lr.warmup_cosine(1.0, warmup=2, steps=6)([0, 1, 2, 4, 6]).tolist())
"""


def run(*command: str | Path, **options) -> str:
    return subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True, **options).stdout


def test_sdist_and_wheel(tmp_path):  # one test, since building takes most of its time
    run(sys.executable, "-m", "build", "--no-isolation", "--outdir", tmp_path, ROOT)  # the environment's Cython: no network
    (sdist,), (wheel,) = tmp_path.glob("*.tar.gz"), tmp_path.glob("*.whl")

    with tarfile.open(sdist) as archive:
        carried = {name.partition("/")[2] for name in archive.getnames()}
    sources = [path for path in (ROOT / "src/lrcore").iterdir() if path.suffix in {".py", ".pyx", ".pyi", ".h", ".c"}]
    assert {path.relative_to(ROOT).as_posix() for path in sources} <= carried
    assert not [name for name in carried if name.endswith((".so", ".o", ".pyc", "_kernel.c"))]

    with zipfile.ZipFile(wheel) as archive:
        carried = set(archive.namelist())
    assert {"lrcore/py.typed", "lrcore/_kernel.pyi", "lrcore_torch/py.typed"} <= carried
    assert not [name for name in carried if name.endswith((".pyx", ".c", ".h"))]

    site = tmp_path / "site"
    run(sys.executable, "-m", "pip", "install", "--quiet", "--no-deps", "--target", site, wheel)
    shown = run(sys.executable, "-c", ELSEWHERE.format(site=str(site)), cwd=tmp_path, env={**os.environ, "PYTHONPATH": str(site)})
    assert shown == "[0.0, 0.5, 1.0, 0.5, 0.0]\n"
