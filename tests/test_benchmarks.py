"""The benchmarks: every case runs and has its answers checked, at a size that takes no time. Nothing here asserts a speed."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from dataclasses import replace
from functools import partial
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import pytest

import lrcore as lr
from benchmarks import compare, instructions, report, schedules, tasks
from benchmarks.cases import AS_FAST, CASES, TIMES_FILL, Case

ROOT = Path(__file__).parents[1]
WORDS = {word for case in CASES for word in re.findall(r"\w+", case.name)}


@pytest.mark.filterwarnings("ignore:`torch.jit.script_method` is deprecated:DeprecationWarning")  # inductor's own
@pytest.mark.parametrize("case", [case for case in CASES if not case.slow], ids=str)
def test_a_case_runs_and_its_answers_are_right(case):
    for module in case.needs:
        if find_spec(module) is None:
            pytest.skip("`make bench` installs it")
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

    def test_a_miss_and_a_loss_are_told_at_the_top_in_the_table_and_by_name(self):
        text = report.render([{"machine": self.MACHINE, "rows": [self.ROW]}])
        assert "**0 of 1 promises kept, 1 missed; 1 peers faster.**" in text
        assert "| Against them, 10^6 values | 1 | 1 | **0** | **1** | cosine: 0.5 x as fast, promised ≥ 10 |" in text
        assert "| cosine | 0.5 x as fast | 0.4 to 0.6 | ≥ 10 | **missed** | 2 ns | 1 ns |" in text
        assert text.count("- Against them, 10^6 values, x as fast, promised ≥ 10: cosine 0.5") == 2

    def test_readme_tells_the_least_and_that_it_is_slower(self):
        section = "Against NumPy's expression, 10^6 values"
        rows = [self.ROW | {"section": section, "name": name, "figure": figure} for name, figure in (("cosine", 12.0), ("linear", 0.5))]
        table = report.in_readme(f"a\n{report.BEGIN}\nold\n{report.END}\nb", [{"machine": self.MACHINE, "rows": rows}])
        assert "| a range of 10^6 values | NumPy's expression | **6.25 x** | 0.5 x (linear), **slower** | 12 x |" in table
        assert "old" not in table and table.startswith("a\n") and table.endswith("\nb")

    def test_a_readme_without_its_marks_is_refused(self):
        with pytest.raises(ValueError, match=r"^README.md: expected the lines .* around the table of speed\. Put them back\.$"):
            report.in_readme("no marks", [])

    @pytest.mark.parametrize(
        ("number", "shown"),
        [(0, "0"), (0.0123456, "0.0123"), (1.25, "1.25"), (1.0, "1"), (80.0, "80"), (1000.0, "1,000"), (12345.6, "12,346")],
    )
    def test_numbers_are_short(self, number, shown):
        assert report.digits(number) == shown

    def test_what_is_stored_renders_again(self):
        results = report.stored()
        assert results, "benchmarks/results has no run of `make bench`"
        assert (ROOT / "benchmarks" / "RESULTS.md").read_text() == report.render(results)
        readme = (ROOT / "README.md").read_text()
        assert readme == report.in_readme(readme, results)
        for result in results:
            name = result["machine"]["name"]
            assert (ROOT / "benchmarks" / "results" / f"{name}.json").exists()
            assert (ROOT / "benchmarks" / report.picture_of(name)).exists() == report.has_picture(result["rows"])

    def test_the_picture_is_drawn_of_rows_alone(self, tmp_path):
        from benchmarks.picture import draw

        cases = [case for case in CASES if case.at is not None]
        rows = [
            self.ROW | {"section": case.section, "series": case.series, "at": case.at, "size": case.size, "name": case.name}
            for case in cases
        ]
        draw({"machine": self.MACHINE, "rows": rows}, tmp_path / "picture.png")
        assert (tmp_path / "picture.png").read_bytes().startswith(b"\x89PNG")


class TestCompare:
    ROW = {"section": "s", "name": "n", "unit": "x fill", "figure": 1.0, "low": 0.9, "high": 1.1, "rounds": 15, "more_is_better": False}

    @pytest.mark.parametrize(
        ("now", "factor"),
        [
            ({"figure": 1.3, "low": 1.2, "high": 1.4}, 1.3),
            ({"figure": 1.3, "low": 1.05, "high": 1.4}, 1.0),  # the middle halves overlap
            ({"figure": 1.09, "low": 1.105, "high": 1.12}, 1.0),  # less than 10 %
            ({"figure": 0.5, "low": 0.4, "high": 0.6}, 0.5),
            ({"figure": 1.2, "low": 1.2, "high": 1.2, "rounds": 1}, 1.0),
            ({"figure": 1.3, "low": 1.3, "high": 1.3, "rounds": 1}, 1.3),
        ],
    )
    def test_a_change_is_more_than_the_spread_and_a_tenth(self, now, factor):
        assert compare.changed(self.ROW, self.ROW | now) == factor
        more_is_better = self.ROW | {"more_is_better": True}
        assert compare.changed(more_is_better, more_is_better | now) == pytest.approx(1 / factor)

    def test_what_got_slower_is_named(self):
        slower = self.ROW | {"figure": 1.3, "low": 1.2, "high": 1.4}
        text, failed = compare.compare([self.ROW, self.ROW | {"name": "gone"}], [slower, self.ROW | {"name": "new"}])
        assert failed and text.startswith("1 of 1 rows got slower, 0 faster; 1 are new.")
        assert "| **1.3 x slower** | s: n | 1 x fill | 1.3 x fill |" in text
        assert not compare.compare([slower], [self.ROW])[1]


class TestInstructions:
    BEFORE = {"a": {"per": "call", "instructions": 100.0}, "b": {"per": "call", "instructions": 100.0}}

    def test_a_rise_beyond_the_tolerance_is_found(self):
        now = {name: {"per": "call", "instructions": count} for name, count in (("a", 101.9), ("b", 102.1), ("new", 1e9))}
        assert instructions.risen(now, self.BEFORE) == ["b"]
        assert "+2.1%" in instructions.table(now, self.BEFORE)

    def test_without_valgrind_it_says_so(self):
        done = subprocess.run(
            [sys.executable, "-m", "benchmarks.instructions"], cwd=ROOT, env={"PATH": ""}, capture_output=True, text=True, check=False
        )
        assert done.returncode == 2
        wanted = "bench-instructions: expected valgrind on the PATH, found none. Install it, with apt-get install valgrind.\n"
        assert done.stderr == wanted

    def test_every_curve_is_counted(self):
        names = {name for name, *_ in instructions.probes_of_lrcore()}
        assert {f"range of 10^5 steps: {curve}" for curve in schedules.CURVES} <= names
        stored = json.loads(instructions.STORED.read_text())
        assert set(stored["counts"]) == names | {name for name, *_ in instructions.probes_of_torch()}


def test_rows_measured_again_take_the_place_of_the_stored_ones():
    from benchmarks.__main__ import merged

    first, second = ({"section": case.section, "name": case.name, "figure": 1.0, "place": 99} for case in CASES[:2])
    gone = {"section": "no longer", "name": "there", "figure": 1.0, "place": 0}
    rows = merged([gone, second, first], [second | {"figure": 2.0}])
    assert sorted((row["place"], row["figure"], row.get("earlier", False)) for row in rows) == [(0, 1.0, True), (1, 2.0, False)]
    assert "1 of 2 rows are of an earlier run" in report._of_earlier_runs(rows)
