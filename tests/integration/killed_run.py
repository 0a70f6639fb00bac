"""A training that can be killed anywhere: handwritten digits, AdamW, a checkpoint every few updates, and a log of every rate.

As a script it is one run to the end, `killed_run.py run FOLDER PLAN`; runs that are killed again and again, `kills FOLDER PLAN TIMES`;
or, under torchrun, a part of a run, which may be killed at a step, `part FOLDER UNTIL [AT]`.
"""

from __future__ import annotations

import os
import random
import signal
import sys
import time
import traceback
from pathlib import Path

import numpy as np
import torch
import torch.distributed as dist
from msgspec.structs import replace

import lrcore as lr
from digits import IMAGES, LABELS, SEEN, UNSEEN
from lrcore_torch import PlanScheduler

UPDATES, EVERY, OBSERVED = 300, 7, 5
RATE = lr.warmup_cosine(0.01, warmup=30, steps=UPDATES, stop=1e-5)
PLAIN = lr.Plan(RATE, beta1=lr.linear(0.8, 0.95, UPDATES), weight_decay=0.01, groups={"head": {"lr": 0.5 * RATE}}, horizon=UPDATES)
RULE = lr.ReduceLROnPlateau(factor=0.7, patience=1, threshold=0.01, cooldown=1)
PLANS = {"plain": PLAIN, "with events": replace(PLAIN, adapt={"head": RULE, "body": replace(RULE, patience=2)})}
COLUMNS = PLAIN.bind(["body", "head"]).columns
PLACES = ["before the update", "between the two steps", "after the update", "in the checkpoint"]
FROM_OUTSIDE = "from outside"


class Network(torch.nn.Module):
    """Two layers, a parameter group each."""

    def __init__(self) -> None:
        super().__init__()
        torch.manual_seed(0)
        self.body, self.head = torch.nn.Linear(64, 32), torch.nn.Linear(32, 10)

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        return self.head(torch.tanh(self.body(images)))


def loss_of(model: torch.nn.Module, chosen: np.ndarray | slice) -> torch.Tensor:
    return torch.nn.functional.cross_entropy(model(torch.from_numpy(IMAGES[chosen])), torch.from_numpy(LABELS[chosen]))


def train(
    folder: Path, plan: lr.Plan, until: int = UPDATES, kill: tuple[int | None, str] | None = None, rank: int = 0, world: int = 1
) -> None:
    """Go on from the checkpoint, if there is one, until an update; or until the process kills itself: from a step on, at a place.

    Every update has the gradient of two half batches: a process of its own for each, or one after the other in a single process.
    """
    network = Network()
    model = torch.nn.parallel.DistributedDataParallel(network) if world > 1 else network
    optimizer = torch.optim.AdamW([{"name": name, "params": getattr(network, name).parameters()} for name in ("body", "head")])
    scheduler = PlanScheduler(optimizer, plan)
    parts = {"model": network, "optimizer": optimizer, "scheduler": scheduler}
    if (folder / "run.pt").exists():
        saved = torch.load(folder / "run.pt", weights_only=True)
        for name, part in parts.items():
            part.load_state_dict(saved[name])
    log = os.open(folder / f"rates.{rank}", os.O_WRONLY | os.O_CREAT | os.O_APPEND)

    def may_die(place: str) -> None:
        if kill and scheduler.last_epoch >= kill[0] and place == kill[1]:
            os.kill(os.getpid(), signal.SIGKILL)

    for update in range(scheduler.last_epoch, until):
        may_die(PLACES[0])
        optimizer.zero_grad()
        batch = np.random.default_rng([1, update]).integers(0, SEEN.stop, 32)
        halves = np.split(batch, 2)[rank::world]
        for half in halves:
            (loss_of(model, half) / len(halves)).backward()
        os.write(log, np.array([update, *values_of(optimizer)]).tobytes())
        optimizer.step()
        may_die(PLACES[1])
        scheduler.step()
        if plan.adapt is not None and update % OBSERVED == OBSERVED - 1:
            with torch.no_grad():
                scheduler.observe(loss_of(network, UNSEEN))
        may_die(PLACES[2])
        if rank == 0 and (scheduler.last_epoch % EVERY == 0 or scheduler.last_epoch == until):
            torch.save({name: part.state_dict() for name, part in parts.items()}, folder / "next.pt")
            may_die(PLACES[3])
            os.replace(folder / "next.pt", folder / "run.pt")


def values_of(optimizer: torch.optim.Optimizer) -> list[float]:
    """What the optimizer is about to use, in the order of COLUMNS."""
    return [value for group in optimizer.param_groups for value in (group["lr"], group["betas"][0], group["weight_decay"])]


def logged(folder: Path, rank: int = 0) -> np.ndarray:
    """(update, values) of every update that was begun, in the order it was; some are done again after a kill."""
    file = folder / f"rates.{rank}"
    numbers = np.frombuffer(file.read_bytes() if file.exists() else b"")
    width = 1 + len(COLUMNS)
    return numbers[: len(numbers) // width * width].reshape(-1, width)


def begun(folder: Path) -> int:
    """How far a run has come, in updates."""
    return int(logged(folder)[:, 0].max(initial=-1)) + 1


def kill_again_and_again(folder: Path, plan: lr.Plan, times: int) -> None:
    """Start a run, kill it, start it again, in its code or from outside; if it ends before it was killed so often, begin another."""
    import torch._dynamo  # noqa: F401  (each child would load it with its first optimizer, which takes longer than all the rest)

    chance = random.Random(0)
    kills = runs = 0
    while kills < times:
        runs, ended = runs + 1, False
        run = folder / str(runs)
        run.mkdir()
        while not ended:
            place = chance.choice([*PLACES, FROM_OUTSIDE]) if kills < times else ""
            ended = not killed(run, plan, begun(run) + chance.randint(0, UPDATES // times), place)
            kills += not ended


def killed(run: Path, plan: lr.Plan, at: int, place: str) -> bool:
    """Go on with a run in a process of its own; whether it was killed."""
    child = os.fork()
    if not child:
        code = 1
        try:
            train(run, plan, kill=(at, place))
            code = 0
        except BaseException:
            traceback.print_exc()
        os._exit(code)
    if place == FROM_OUTSIDE:
        while begun(run) < at and os.waitid(os.P_PID, child, os.WEXITED | os.WNOHANG | os.WNOWAIT) is None:
            time.sleep(0.001)
        os.kill(child, signal.SIGKILL)
    code = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
    if code not in (0, -signal.SIGKILL):
        sys.exit(f"The run ended with {code}.")
    return code != 0


def part(folder: Path, until: int, at: int | None = None) -> None:
    """What torchrun starts: a part of a run, to its end, or until one of the processes is killed between the two steps."""
    dist.init_process_group("gloo")
    rank, world = dist.get_rank(), dist.get_world_size()
    dies = at is not None and rank == world - 1
    train(folder, PLAIN, until, (at, PLACES[1]) if dies else None, rank, world)
    dist.destroy_process_group()
    os._exit(0)  # threads of gloo that outlive the group can abort an orderly exit: pytorch issue 190489


if __name__ == "__main__":
    verb, where, *rest = sys.argv[1:]
    if verb == "run":
        train(Path(where), PLANS[rest[0]])
    elif verb == "kills":
        kill_again_and_again(Path(where), PLANS[rest[0]], int(rest[1]))
    else:
        part(Path(where), *map(int, rest))
