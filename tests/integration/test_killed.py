"""Trainings killed with SIGKILL and resumed, twenty times over: every rate and the last weight are those of a run that was left alone."""

from __future__ import annotations

import sys
from contextlib import nullcontext
from pathlib import Path

import numpy as np
import pytest
import torch

from integration import killed_run
from integration.applied import run
from integration.killed_run import COLUMNS, PLANS, UPDATES, logged

SCRIPT = killed_run.__file__
KILLS = 20


def left_alone(folder: Path, plan: str) -> Path:
    folder.mkdir()
    run([sys.executable, SCRIPT, "run", str(folder), plan])
    return folder


def rates(folder: Path, rank: int = 0) -> np.ndarray:
    """The values of every update; one that was done again after a kill had the same again."""
    rows = logged(folder, rank)
    values = np.full((UPDATES, len(COLUMNS)), np.nan)
    values[rows[:, 0].astype(int)] = rows[:, 1:]
    assert (values[rows[:, 0].astype(int)] == rows[:, 1:]).all()
    return values


def end(folder: Path) -> tuple[dict[str, bytes], dict[str, object]]:
    """The weights and moments in bytes, and the state of the scheduler."""
    saved = torch.load(folder / "run.pt", weights_only=True)
    moments = {f"{i}.{key}": value for i, held in saved["optimizer"]["state"].items() for key, value in held.items()}
    return {key: value.numpy().tobytes() for key, value in (saved["model"] | moments).items()}, saved["scheduler"]


@pytest.mark.parametrize("plan", PLANS)
def test_killed_twenty_times(tmp_path, plan):
    calm = left_alone(tmp_path / "calm", plan)
    run([sys.executable, SCRIPT, "kills", str(tmp_path), plan, str(KILLS)])
    runs = [folder for folder in tmp_path.iterdir() if folder.name != "calm"]
    assert sum(len(logged(folder)) for folder in runs) > len(runs) * UPDATES  # what was lost was done again
    for folder in runs:
        assert (rates(folder) == rates(calm)).all()
        assert end(folder) == end(calm)
    planned = PLANS[plan].bind(["body", "head"]).table(UPDATES).rows(range(UPDATES))
    if PLANS[plan].adapt is None:
        assert (rates(calm) == planned).all()
    else:
        happened = [len(entry["events"]) for entry in end(calm)[1]["events"]]
        assert min(happened) > 1 and (rates(calm) <= planned).all()


def test_killed_and_resumed_on_two_processes_and_one(tmp_path):
    """Each process has half of every batch and gloo adds halves of gradients, which is exact: so the weights are the same bits too."""
    calm = left_alone(tmp_path / "calm", "plain")
    launch = ["-m", "torch.distributed.run", "--standalone"]
    for processes, until, *at in ((2, UPDATES, 40), (1, UPDATES, 122), (2, UPDATES)):
        command = [sys.executable, *launch, f"--nproc-per-node={processes}", SCRIPT, "part", str(tmp_path), str(until), *map(str, at)]
        with pytest.raises(AssertionError, match="SIGKILL") if at else nullcontext():  # which is how torchrun ends then
            run(command)
    assert (rates(tmp_path) == rates(calm)).all() and end(tmp_path) == end(calm)
    second = logged(tmp_path, 1)[:, 0].astype(int)
    assert {0, 40, UPDATES - 1} <= set(second) and 100 not in second
    assert (rates(tmp_path, 1)[second] == rates(calm)[second]).all()
