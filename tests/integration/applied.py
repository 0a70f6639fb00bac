"""What every test here looks at: the values an optimizer holds at the moment it updates, beside the plan's."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch.optim import AdamW, Optimizer

import lrcore as lr

RATE = lr.warmup_cosine(0.1, warmup=5, steps=20, stop=1e-3)
PLAN = lr.Plan(RATE, beta1=lr.linear(0.8, 0.95, 20), groups={"head": {"lr": 0.1 * RATE}}, horizon=20)
NAMES = ["body", "head"]
QUIET = {"CUDA_VISIBLE_DEVICES": "", "HF_HUB_OFFLINE": "1", "OMP_NUM_THREADS": "1", "PYTHONWARNINGS": "ignore"}
"""For processes of their own: a CPU with one thread, no network; their warnings are the launcher's and the trainers'."""


class Line(torch.nn.Module):
    """Two layers, a parameter group each."""

    def __init__(self) -> None:
        super().__init__()
        self.body = torch.nn.Linear(4, 4)
        self.head = torch.nn.Linear(4, 1)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.head(torch.tanh(self.body(x)))


def adamw(model: torch.nn.Module) -> AdamW:
    """An optimizer with the groups body and head, at a rate the plan does not have."""
    return AdamW([{"params": getattr(model, name).parameters(), "name": name} for name in NAMES], lr=0.5)


def record(optimizer: Optimizer) -> list[list[float]]:
    """A list that gets a row at each update: rate and first beta of body, then of head, the columns of PLAN."""
    rows: list[list[float]] = []

    def note(optimizer: Optimizer, *_: Any) -> None:
        rows.append([value for group in optimizer.param_groups for value in (float(group["lr"]), float(group["betas"][0]))])

    optimizer.register_step_pre_hook(note)
    return rows


def planned(count: int, start: int = 0, mode: str = "host") -> list[list[float]]:
    """The rows the plan has for `count` updates; on the device they are rounded to float32."""
    rows = PLAN.bind(NAMES).table(count, start).rows(range(count))
    return (rows if mode == "host" else rows.astype(np.float32)).tolist()


def launch(script: Path, *arguments: object, processes: int) -> None:
    """Run a script as torchrun does, in one or more processes that talk over gloo."""
    command = [sys.executable, "-m", "torch.distributed.run", "--standalone", f"--nproc-per-node={processes}", script, *arguments]
    run([str(part) for part in command])


def run(command: list[str], timeout: float = 240) -> str:
    """The output of a process of its own; its errors become ours."""
    path = os.pathsep.join(filter(None, [str(Path(__file__).parents[1]), os.environ.get("PYTHONPATH")]))  # this file, for scripts
    with subprocess.Popen(
        command, env=os.environ | QUIET | {"PYTHONPATH": path}, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
        start_new_session=True,
    ) as process:  # fmt: skip
        try:
            output, errors = process.communicate(timeout=timeout)
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, signal.SIGKILL)  # the launcher's workers too
            raise
    assert process.returncode == 0, f"{' '.join(command)}\n{output}\n{errors}"
    return output


def read(path: Path) -> Any:
    return json.loads(path.read_text())
