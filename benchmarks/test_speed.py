"""Times every case that the instruction set in force allows, and checks the answers it timed.

What a case is compared with runs right before each of its rounds, in the same process: pytest-benchmark calls it as the
round's set-up, and the figure is the median over the rounds of the two times' ratio. Noise that lasts longer than a round,
such as a neighbour or a clock that changes, falls on both sides of a ratio.
"""

from __future__ import annotations

import os
from importlib.util import find_spec
from time import perf_counter
from typing import Any

import numpy as np
import pytest

from benchmarks.cases import CASES, Case

LEVEL = os.environ.get("LRCORE_SIMD")
CORES = len(os.sched_getaffinity(0))
QUICK = 20_000
"""The largest size of a smoke run."""
BUDGET = 30.0
"""Seconds: of a case that would take longer, fewer rounds are run, at least 3, and the results say how many."""


@pytest.mark.filterwarnings("ignore:`torch.jit.script_method` is deprecated:DeprecationWarning")  # inductor's own
@pytest.mark.parametrize("case", [case for case in CASES if case.level == LEVEL], ids=str)
def test_speed(case: Case, benchmark: Any, request: pytest.FixtureRequest) -> None:
    absent = [module for module in case.needs if find_spec(module) is None]
    if absent or case.cores > CORES:
        pytest.skip(f"needs {', '.join(absent) or f'{case.cores} cores'}")
    quick = request.config.getoption("--quick")
    task = case.prepare(min(case.size, QUICK) if quick else case.size)
    base, told = [], []

    def set_up() -> None:
        for run in (task.base, None):
            if task.before is not None:
                task.before()
            if run is not None:
                begin = perf_counter()
                run()
                base.append(perf_counter() - begin)

    def timed() -> None:
        told.append(task.ours())

    rounds = min(case.rounds, 3) if quick else case.rounds
    if rounds > 1:  # what runs once is not warmed up
        begin = perf_counter()
        set_up()
        timed()
        rounds = max(min(rounds, int(BUDGET / (perf_counter() - begin))), 3)
    benchmark.pedantic(timed, setup=set_up, rounds=rounds)
    task.check()

    ours = np.array(benchmark.stats.stats.data) / task.items
    theirs = np.array(base[-rounds:] or [np.nan] * rounds) / task.base_items
    numbers = [np.nan if number is None else number for number in told[-rounds:]]
    figures = np.array([case.unit.figure(*round) for round in zip(theirs, ours, numbers, strict=True)])
    low, figure, high = np.quantile(figures, (0.25, 0.5, 0.75)).tolist()
    benchmark.extra_info.update(
        place=CASES.index(case), section=case.section, note=case.note, name=case.name, size=case.size, rounds=rounds, unit=case.unit.name,
        figure=figure, low=low, high=high, promise=case.promise, more_is_better=case.unit.more_is_better, kept=case.kept(figure),
        ours=float(np.median(ours)), base=float(np.median(theirs)) if base else None, series=case.series, at=case.at,
    )  # fmt: skip
