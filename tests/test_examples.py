"""The examples run as a newcomer runs them, and the rates they print are the plan's."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest

import lrcore as lr

EXAMPLES = Path(__file__).parents[1] / "examples"
UPDATE = re.compile(r"^update (\d+): rate (\S+?),?(?: |$)", re.MULTILINE)


# Raised by torch's own compiler, when it is loaded.
OF_TORCH = "ignore:`torch.jit.script_method` is deprecated:DeprecationWarning"


def output(name: str) -> str:
    """What an example prints, in a process of its own; a warning is an error there."""
    command = [sys.executable, "-W", "error", "-W", OF_TORCH, EXAMPLES / name]
    done = subprocess.run(command, capture_output=True, text=True, timeout=240, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout


def printed(text: str) -> list[tuple[int, str]]:
    return [(int(update), rate) for update, rate in UPDATE.findall(text)]


def planned(rate: lr.Schedule, updates: range) -> list[tuple[int, str]]:
    return [(update, f"{rate(update):.6f}") for update in updates]


def test_first_use():
    text = output("torch_first.py")
    assert printed(text) == planned(lr.warmup_cosine(0.02, warmup=10, steps=100), range(0, 100, 10))
    losses = [float(loss) for loss in re.findall(r"loss (\S+)", text)]
    assert losses[-1] < 0.1 * losses[0]


def test_resuming_with_a_longer_horizon():
    _, refused, replaced, rebased = output("torch_resume_longer.py").split("\n\n")
    old, new = (lr.warmup_cosine(0.1, warmup=10, steps=steps) for steps in (100, 200))
    assert refused.splitlines()[1] == "The checkpoint at step 60 was made with another plan."
    assert printed(replaced) == planned(new, range(60, 201, 20))
    assert printed(rebased) == planned(old(60) / new(60) * new, range(60, 201, 20))


def test_a_decay_that_is_decided_late():
    text = output("torch_wsd_late.py")
    now, end = map(int, re.search(r"decided at update (\d+): down to 0 by update (\d+)", text).groups())
    rate = lr.wsd(0.3, warmup=10).override(at=now, stop=0.0, steps=end - now)
    assert 10 < now == end - 30
    assert printed(text) == planned(rate, range(5, end + 1, 5))
    assert text.endswith("in force at the end: 0.0\n")


def test_layerwise_decay():
    text = output("torch_layerwise.py")
    names = ["embed", "layer0", "layer1", "layer2", "layer3", "head"]
    rates = lr.layerwise(lr.warmup_cosine(1e-3, warmup=10, steps=50), 0.75, names)
    expected = [
        f"update {update} of {name}{apart}: rate {rates[name](update):.8f}, weight decay {decay}"
        for update in (10, 30)
        for name in names
        for apart, decay in (("", 0.05), (".no_decay", 0.0))
    ]
    assert text.splitlines()[1:] == expected


def test_the_article():
    text = output("torch_article.py")
    rate = lr.step(0.1, 0.5, every=3)
    assert "from torch.optim.lr_scheduler import StepLR" in (EXAMPLES / "torch_article.py").read_text()  # what the import was
    assert text.splitlines() == [f"Epoch {epoch + 1}: learning rate {rate(epoch):.6f}" for epoch in range(10)]


@pytest.mark.parametrize("name", ["torch_compile.py", "torch_cuda_graph.py"])
def test_device_mode(name):
    text = output(name)
    assert printed(text) == planned(lr.warmup_cosine(0.02, warmup=10, steps=100), range(0, 100, 10))


def test_a_network_in_numpy():
    text = output("numpy_mlp.py")
    rate, up = lr.warmup_cosine(0.2, warmup=0.1, steps=345), lr.linear(0.5, 0.95, 345)
    shown = [(f"{rate(update):.6f}", f"{up(update):.3f}") for update in range(0, 345, 50)]
    assert re.findall(r"^update \d+: rate (\S+), momentum (\S+)$", text, re.MULTILINE) == shown
    assert float(re.search(r"^accuracy (\S+)% after 345 updates$", text, re.MULTILINE).group(1)) > 95


def test_scikit_learn_step_by_step():
    text = output("sklearn_sgd.py")
    assert printed(text) == planned(lr.warmup_cosine(0.05, warmup=0.1, steps=230).clip(1e-5, 0.05), range(0, 230, 50))
    assert float(re.search(r"^accuracy (\S+)% after 230 updates$", text, re.MULTILINE).group(1)) > 92


def test_digits_in_jax():
    text = output("jax_digits.py")
    rate = lr.warmup_cosine(4e-3, warmup=0.1, steps=220, stop=4e-5)
    shown = printed(text)
    assert [update for update, _ in shown] == [*range(21, 220, 22)]
    assert [float(value) for _, value in shown] == pytest.approx([rate(update) for update, _ in shown], abs=1e-6)
    assert float(re.search(r"^accuracy (\S+) on", text, re.MULTILINE).group(1)) > 0.9


def test_the_adapter_of_a_made_up_framework():
    text = output("made_up_framework.py")
    assert printed(text) == planned(lr.warmup_cosine(0.2, warmup=5, steps=50), range(0, 50, 10))
    assert float(re.findall(r"error (\S+)", text)[-1]) < 0.01
