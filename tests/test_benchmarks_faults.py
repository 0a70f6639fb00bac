"""Seeded faults: whoever computes the wrong schedule makes the benchmark fail, and does not win it. Real runs, of small size."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
ROWS = {
    "Against NumPy's expression, 10^3 values: cosine": "",
    "Against a loop that fills a NumPy array, 10^6 values: cosine": "",
    "Against a loop over torch's scheduler.step(), 10^6 values: cosine": "",
    "Against a loop over timm's scheduler.step_update(), 10^6 values: cosine": "timm",
    "Against lrsched.sample, 10^6 values: cosine": "lrsched",
    "Against optax under jit (CPU), float32, 10^3 values: cosine": "optax",
    "Against Keras's schedules, one value a call: cosine": "keras",
    "PlanScheduler.step() against torch's OneCycleLR.step(): 10 groups": "",
}
"""A row of every contender, and the module it needs."""
PRESENT = {row for row, module in ROWS.items() if not module or find_spec(module)}

NO_FAULT = ""
WRONG_CONTENDERS = """
from dataclasses import replace
from benchmarks import torch_steps
from benchmarks.peers import PEERS

PEERS["cosine"] = replace(PEERS["linear"], ours=PEERS["cosine"].ours)
rate, _ = torch_steps.CONTENDERS["OneCycleLR"]
def shorter(torch, optimizer):
    return torch.OneCycleLR(optimizer, [group["lr"] for group in optimizer.param_groups], torch_steps.HORIZON // 2)
torch_steps.CONTENDERS["OneCycleLR"] = rate, shorter
"""
WRONG_MAKER = """
from dataclasses import replace
from benchmarks.peers import PEERS

PEERS["cosine"] = replace(PEERS["cosine"], ours=PEERS["linear"].ours)
"""
KERNEL_A_STEP_LATE = """
from lrcore import Schedule

values = Schedule.values
def late(self, count, start=0, **options):
    return values(self, count, start + 1, **options)
Schedule.values = late
"""


def run(folder: Path, fault: str, *command: str) -> subprocess.CompletedProcess[str]:
    """The command, with a fault seeded as a plugin into whatever pytest it starts."""
    (folder / "seeded.py").write_text(fault)
    ours = {name: value for name, value in os.environ.items() if not name.startswith("PYTEST_XDIST")}  # with it nothing is timed
    environment = ours | {"PYTEST_ADDOPTS": "-p seeded -p no:cacheprovider", "COLUMNS": "400"}
    environment["PYTHONPATH"] = os.pathsep.join([str(folder), str(ROOT), *filter(None, [os.environ.get("PYTHONPATH")])])
    return subprocess.run([sys.executable, "-m", *command], cwd=ROOT, env=environment, capture_output=True, text=True, check=False)


def wrong(done: subprocess.CompletedProcess[str]) -> set[str]:
    """The rows whose answers were found wrong."""
    return set(re.findall(r"^FAILED .*test_speed\[(.*)\] - AssertionError", done.stdout, re.MULTILINE))


@pytest.mark.parametrize(("fault", "found"), [(NO_FAULT, set()), (WRONG_CONTENDERS, PRESENT)], ids=["none", "every contender"])
def test_a_contender_that_computes_another_schedule_fails(tmp_path, fault, found):
    only = "|".join(f"^{re.escape(row)}$" for row in PRESENT)
    done = run(tmp_path, fault, "pytest", "benchmarks/test_speed.py", "-q", "-rf", "--quick", "--only", only)
    assert wrong(done) == found, done.stdout + done.stderr
    assert f"{len(PRESENT)} {'failed' if found else 'passed'}" in done.stdout


def test_a_kernel_that_is_a_step_late_fails(tmp_path):
    row = "Ranges of 10^6 steps, float64: cosine"
    done = run(tmp_path, KERNEL_A_STEP_LATE, "pytest", "benchmarks/test_speed.py", "-q", "-rf", "--quick", "--only", f"^{re.escape(row)}$")
    assert wrong(done) == {row}, done.stdout + done.stderr


def test_the_command_fails_where_our_row_is_wrong_and_writes_nothing(tmp_path):
    row = "Against NumPy's expression, 10^3 values: cosine"
    before = (ROOT / "benchmarks" / "RESULTS.md").read_bytes()
    done = run(tmp_path, WRONG_MAKER, "benchmarks", "--quick", "--only", f"^{re.escape(row)}$")
    assert done.returncode == 1 and wrong(done) == {row}, done.stdout + done.stderr
    assert "A case failed or gave a wrong answer, see above; nothing was written." in done.stderr
    assert (ROOT / "benchmarks" / "RESULTS.md").read_bytes() == before
