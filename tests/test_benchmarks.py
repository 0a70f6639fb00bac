"""The benchmarks: every case runs and has its answers checked, at a size that takes no time. Nothing here asserts a speed."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from dataclasses import replace
from functools import partial
from pathlib import Path

import numpy as np
import pytest

import lrcore as lr
from benchmarks import report, schedules, tasks
from benchmarks.cases import AS_FAST, CASES, TIMES_FILL, Case

ROOT = Path(__file__).parents[1]
WORDS = {word for case in CASES for word in re.findall(r"\w+", case.name)}


@pytest.mark.filterwarnings("ignore:`torch.jit.script_method` is deprecated:DeprecationWarning")  # inductor's own
@pytest.mark.parametrize("case", [case for case in CASES if not case.slow], ids=str)
def test_a_case_runs_and_its_answers_are_right(case):
    for module in case.needs:
        pytest.importorskip(module, reason="`make bench` installs it")
    task = case.prepare(min(case.size, 1_000))
    for run in (task.base, task.ours):
        if task.before is not None:
            task.before()
        if run is not None:
            run()
    task.check()


def test_a_value_off_by_five_ulp_is_found():
    out, schedule = np.ones(1_000), lr.cosine(1.0, 0.0, 1_000)

    def wrong():
        schedule.values(1_000, out=out)
        out[500] *= 1 + 1e-15

    with pytest.raises(AssertionError, match=r"step 500: got .* ulp, 2 allowed"):
        tasks.check_filled(wrong, out, schedule)


def test_a_value_left_out_is_found():
    out = np.ones(1_000)
    with pytest.raises(AssertionError, match="a value was not written"):
        tasks.check_filled(lambda: lr.linear(1.0, 0.0, 999).values(999, out=out[:999]), out, lr.linear(1.0, 0.0, 999))


def test_every_shape_and_recipe_is_measured():
    assert set(lr.SHAPES) | set(lr.CURVES) | set(lr.recipes()) <= WORDS


def test_a_new_shape_is_measured_without_a_line_of_benchmark_code(monkeypatch):
    monkeypatch.setitem(lr.SHAPES, "bump", replace(lr.SHAPES["cosine"], name="bump"))
    assert "bump" in dict(schedules._shapes())


def test_cases_have_names_of_their_own():
    assert len({str(case) for case in CASES}) == len(CASES)


def test_pytest_collects_what_is_not_forced():
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "--collect-only", "-q", "-p", "no:cacheprovider", "benchmarks"],
        cwd=ROOT, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert f"{sum(case.level is None for case in CASES)} tests collected" in done.stdout, done.stdout + done.stderr


@pytest.mark.parametrize(
    ("unit", "figure", "kept"), [(TIMES_FILL, 1.2, True), (TIMES_FILL, 1.3, False), (AS_FAST, 1.2, False), (AS_FAST, 1.3, True)]
)
def test_promises_are_upper_or_lower_bounds(unit, figure, kept):
    assert Case("", "", 1, partial(tasks.import_task), unit, promise=1.25).kept(figure) is kept


class TestReport:
    ROW = {
        "section": "Against them, 10^6 values", "note": "", "name": "cosine", "size": 1000, "rounds": 15, "unit": "x as fast",
        "figure": 0.5, "low": 0.4, "high": 0.6, "promise": 10.0, "more_is_better": True, "kept": False,
        "ours": 2e-9, "base": 1e-9, "place": 0,
    }  # fmt: skip
    MACHINE = {
        "name": "x86_64-avx512-2cores", "cpu": "a CPU", "cores": 2, "features": ["fma"], "levels": ["baseline", "avx512"],
        "caches": "L1 1K", "memory": "1 GiB", "system": "Linux", "python": "CPython", "compiler": "GCC", "versions": {"numpy": "2"},
    }  # fmt: skip

    def test_a_miss_and_a_loss_are_told_at_the_top_and_in_the_table(self):
        text = report.render([{"machine": self.MACHINE, "rows": [self.ROW]}])
        assert "**0 of 1 promises kept, 1 missed; 1 peers faster.**" in text
        assert text.count("- Against them, 10^6 values: cosine: 0.5 x as fast, promised ≥ 10") == 2
        assert "| cosine | 0.5 x as fast | 0.4 to 0.6 | ≥ 10 | **missed** | 2 ns | 1 ns |" in text

    @pytest.mark.parametrize(
        ("number", "shown"),
        [(0, "0"), (0.0123456, "0.0123"), (1.25, "1.25"), (1.0, "1"), (80.0, "80"), (1000.0, "1,000"), (12345.6, "12,346")],
    )
    def test_numbers_are_short(self, number, shown):
        assert report._digits(number) == shown

    def test_the_results_that_are_there_render_again(self):
        for path in (ROOT / "benchmarks" / "results").glob("*.json"):
            assert json.loads(path.read_text())["machine"]["name"] == path.stem
        results = [json.loads(path.read_text()) for path in sorted((ROOT / "benchmarks" / "results").glob("*.json"))]
        if results:
            assert (ROOT / "benchmarks" / "RESULTS.md").read_text() == report.render(results)


def test_rows_measured_again_take_the_place_of_the_stored_ones():
    from benchmarks.__main__ import merged

    first, second = ({"section": case.section, "name": case.name, "figure": 1.0, "place": 99} for case in CASES[:2])
    gone = {"section": "no longer", "name": "there", "figure": 1.0, "place": 0}
    rows = merged([gone, second, first], [second | {"figure": 2.0}])
    assert sorted((row["place"], row["figure"], row.get("earlier", False)) for row in rows) == [(0, 1.0, True), (1, 2.0, False)]
    assert "1 of 2 rows are of an earlier run" in report._of_earlier_runs(rows)
