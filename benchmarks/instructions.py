"""`make bench-instructions`: how many instructions things take, under valgrind's callgrind; a count hardly depends on who else runs.

A probe runs n times and then 2 n times in one process, and callgrind begins a new file of counts whenever os.getppid is called,
which nothing else does here: the difference of the two counts is of n runs, without start-up, imports or what comes once.
The answers are checked as those of the benchmarks are. Valgrind 3.19 knows no AVX-512, so the kernel is counted as of AVX2.

--store   record the counts in results/instructions.json; otherwise they are compared with those, 1 being the exit code if one has
          risen by more than the tolerance, and 2 if nothing could be judged
"""

from __future__ import annotations

import argparse
import json
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

ROOT = Path(__file__).parents[1]
STORED = ROOT / "benchmarks" / "results" / "instructions.json"
TOLERANCE = 0.02
"""How much a count may rise. Runs of one build were seen to differ by 0.1 % in the kernel and by 0.5 % beside torch."""
STEPS, CALLS = 10**5, 500
Probe = tuple[str, str, int, Callable[[], Any]]
"""What, per what, how often it runs, and what makes its Task."""


def probes_of_lrcore() -> Iterator[Probe]:
    from . import tasks
    from .schedules import CURVES

    for name, make in CURVES.items():
        yield f"range of 10^5 steps: {name}", "value", 2, partial(tasks.fill_task, make, "float64", STEPS)
    for name in ("constant", "linear", "cosine", "exponential", "warmup_cosine", "wsd"):
        for what, compiled in (("program(step)", True), ("schedule(step)", False)):
            yield f"{what}: {name}", "call", 2, partial(tasks.value_task, CURVES[name], compiled, False, CALLS)
    yield "lr.warmup_cosine(...)", "schedule", 2, partial(tasks.construct_task, 50)
    for name in ("cosine", "warmup_cosine", "milestones: 10 constants"):
        yield f"compiling: {name}", "schedule", 2, partial(tasks.compile_task, [CURVES[name]], 50)


def probes_of_torch() -> Iterator[Probe]:
    from . import torch_steps

    for groups in (1, 10, 100):
        yield f"PlanScheduler.step(), groups: {groups}", "call", 2, partial(torch_steps.step_task, groups, "loop", CALLS)
    for groups in (1, 10, 100):
        yield f"attaching a PlanScheduler, groups: {groups}", "call", 2, partial(torch_steps.attach_task, groups, 2)


PROBES = {"lrcore": probes_of_lrcore, "torch": probes_of_torch}


def run(which: str) -> None:
    """What valgrind counts: each probe once, to warm up, then n and 2 n times, with a mark before each. Prints what they were."""
    told = []
    for name, unit, times, prepare in PROBES[which]():
        task = prepare()

        def repeat(count: int, task: Any = task) -> None:
            for _ in range(count):
                if task.before is not None:
                    task.before()
                task.ours()

        repeat(1)
        for count in (times, 2 * times):
            os.getppid()
            repeat(count)
        os.getppid()
        task.check()
        told.append([name, unit, times * task.items])
    print(json.dumps(told))


def counts(which: str, valgrind: str) -> dict[str, dict[str, Any]]:
    """Instructions of each probe, per call or value, counted in a process of their own."""
    environment = os.environ | {"LRCORE_SIMD": "avx2", "PYTHONHASHSEED": "0", "OMP_NUM_THREADS": "1"}
    environment["PYTHONPATH"] = os.pathsep.join([*(str(ROOT / part) for part in ("src", "bindings", "tests", ".")),
                                                 *filter(None, [os.environ.get("PYTHONPATH")])])  # fmt: skip
    with TemporaryDirectory() as folder:
        command = [valgrind, "--tool=callgrind", "--dump-before=getppid", f"--callgrind-out-file={folder}/out", "--quiet"]
        code = f"from benchmarks.instructions import run; run({which!r})"
        done = subprocess.run(
            [*command, sys.executable, "-W", "ignore", "-c", code], cwd=ROOT, env=environment, capture_output=True, text=True, check=False
        )
        if done.returncode != 0:
            raise SystemExit(f"Counting {which} under valgrind failed:\n{done.stderr[-4_000:]}")
        files = sorted((path for path in Path(folder).glob("out.*")), key=lambda path: int(path.suffix[1:]))
        totals = [int(re.search(r"^totals: (\d+)", path.read_text(), re.MULTILINE)[1]) for path in files]  # type: ignore[index]
    probes = json.loads(done.stdout.splitlines()[-1])
    if len(totals) != 3 * len(probes):
        raise SystemExit(
            f"{which}: expected {3 * len(probes)} files of counts, 3 of each probe, got {len(totals)}. Does anything else call getppid?"
        )
    return {
        name: {"per": unit, "instructions": round((twice - once) / items, 3)}
        for (name, unit, items), once, twice in zip(probes, totals[1::3], totals[2::3], strict=True)
    }


def build() -> dict[str, str]:
    """What the counts depend on beside our code."""
    import numpy

    from .machine import describe

    machine = describe()
    return {key: machine[key] for key in ("compiler", "python")} | {"numpy": numpy.__version__, "instruction set": "avx2"}


def table(now: dict[str, Any], before: dict[str, Any]) -> str:
    lines = [f"{'what':<62}{'instructions':>14}{'recorded':>14}{'change':>9}"]
    for name, probe in now.items():
        count, old = probe["instructions"], before.get(name, {}).get("instructions")
        shown = f"{count:,.2f}" if count < 100 else f"{count:,.0f}"
        then = "" if old is None else f"{old:,.2f}" if old < 100 else f"{old:,.0f}"
        lines.append(f"{name + ', per ' + probe['per']:<62}{shown:>14}{then:>14}{'new' if old is None else f'{count / old - 1:+.1%}':>9}")
    return "\n".join(lines)


def risen(now: dict[str, Any], before: dict[str, Any], tolerance: float = TOLERANCE) -> list[str]:
    """The probes of which a recorded count was exceeded by more than the tolerance."""
    return [
        name for name, probe in now.items() if name in before and probe["instructions"] > before[name]["instructions"] * (1 + tolerance)
    ]


def main() -> int:
    parser = argparse.ArgumentParser(
        "python -m benchmarks.instructions", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--store", action="store_true", help="record the counts")
    parser.add_argument("--only", choices=PROBES, action="append", help="these probes alone")
    options = parser.parse_args()
    valgrind = shutil.which("valgrind")
    if valgrind is None:
        print("bench-instructions: expected valgrind on the PATH, found none. Install it, with apt-get install valgrind.", file=sys.stderr)
        return 2
    now = {name: probe for which in options.only or PROBES for name, probe in counts(which, valgrind).items()}
    stored = json.loads(STORED.read_text()) if STORED.exists() else {"build": build(), "counts": {}}
    print(table(now, stored["counts"]))
    if options.store:
        kept = stored["counts"] if options.only and stored["build"] == build() else {}
        STORED.write_text(json.dumps({"build": build(), "tolerance": TOLERANCE, "counts": kept | now}, indent=1) + "\n")
        print(f"Stored in {STORED.relative_to(ROOT)}.")
        return 0
    if stored["build"] != build():
        print(f"Not judged: the counts are of {stored['build']}, this is {build()}. --store records these.", file=sys.stderr)
        return 2
    worse = risen(now, stored["counts"])
    print(f"{len(worse)} of {len(now)} counts rose by more than {TOLERANCE * 100:.0f} %{': ' if worse else ''}{'; '.join(worse)}.")
    return int(bool(worse))


if __name__ == "__main__":
    sys.exit(main())
