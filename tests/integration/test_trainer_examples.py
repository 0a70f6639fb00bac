"""The examples with trainers run as a newcomer runs them, and the rates they print are the plan's."""

from __future__ import annotations

import re
import sys
from pathlib import Path

import pytest

import lrcore as lr
from integration.applied import run

EXAMPLES = Path(__file__).parents[2] / "examples"
CASES = {
    "torch_lightning.py": (lr.one_cycle(0.1, steps=40), range(0, 40, 5)),
    "torch_hf_trainer.py": (lr.wsd(0.01, warmup=0.1, decay=0.25, steps=40), range(3, 40, 4)),
}


@pytest.mark.parametrize("name", CASES)
def test_the_printed_rates_are_the_plans(name):
    rate, updates = CASES[name]
    text = run([sys.executable, str(EXAMPLES / name)])
    assert re.findall(r"update (\d+): rate ([\d.]+)", text) == [(str(update), f"{rate(update):.6f}") for update in updates]
    assert "resumed from the checkpoint" in text
