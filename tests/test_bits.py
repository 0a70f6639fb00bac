"""One value per step: the same bits however it is asked for, in how many pieces, threads or processes, on which instruction set."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

import lrcore as lr
from lrcore import _kernel
from lrcore.compiler import compile_columns
from lrcore.schedule import Schedule
from lrcore.shapes import SHAPES
from record_digests import DOCUMENTS
from strategies import answers, schedules, steps_of_interest

RECORDED = json.loads(DOCUMENTS.read_text())
HERE = Path(__file__).parent


def starts(schedule: Schedule, count: int, stride: int = 1) -> list[int]:
    """First steps of ranges across boundaries, and 0; of those that the schedule answers."""
    near = {max(step - count * stride // 2, 0) for step in steps_of_interest(schedule, 6) if step < 2**52}
    found = sorted(start for start in {0, *near} if answers(schedule, start, count, stride))
    assume(found)
    return found


class TestSameBits:
    @given(schedules())
    def test_scalar_array_and_range(self, schedule: Schedule) -> None:
        for start in starts(schedule, 80):
            steps = range(start, start + 80)
            whole = schedule.values(80, start).tobytes()
            assert np.array([schedule(step) for step in steps]).tobytes() == whole
            assert np.array([schedule(float(step)) for step in steps]).tobytes() == whole
            assert schedule(steps).tobytes() == whole
            assert schedule(np.array(steps, dtype=float)).tobytes() == whole
            assert schedule(np.array(steps).reshape(8, 10)).tobytes() == whole

    @given(schedules(), st.randoms(use_true_random=False))
    def test_strided_and_shuffled(self, schedule: Schedule, rng: Any) -> None:
        stride = rng.choice([2, 3, 10, 997, 2**20])
        for start in starts(schedule, 60, stride):
            steps = np.arange(60) * stride + start
            assert schedule.values(60, start, stride).tobytes() == schedule(steps).tobytes()
            order = np.array(rng.sample(range(60), 60))
            assert schedule(steps[order]).tobytes() == schedule(steps)[order].tobytes()

    @given(schedules(), st.randoms(use_true_random=False))
    def test_ascending_with_gaps(self, schedule: Schedule, rng: Any) -> None:
        start = rng.choice(starts(schedule, 10_000))
        whole = schedule.values(10_000, start)
        for share in (0.02, 0.5):
            chosen = np.flatnonzero(np.random.default_rng(rng.getrandbits(32)).random(10_000) < share)
            for steps in (chosen, np.repeat(chosen, 3)):
                assert schedule(steps + start).tobytes() == whole[steps].tobytes()
                assert schedule((steps + start).astype(float)).tobytes() == whole[steps].tobytes()

    @given(schedules(), st.randoms(use_true_random=False))
    def test_any_chunking(self, schedule: Schedule, rng: Any) -> None:
        start = rng.choice(starts(schedule, 3000))
        whole = schedule.values(3000, start)
        cuts = [0, *sorted(rng.sample(range(1, 3000), 5)), 3000]
        parts = [schedule.values(end - begin, start + begin) for begin, end in pairwise(cuts)]
        assert np.concatenate(parts).tobytes() == whole.tobytes()
        assert schedule(np.arange(start, start + 3000)).tobytes() == whole.tobytes()

    @given(schedules(), st.randoms(use_true_random=False))
    def test_any_buffer(self, schedule: Schedule, rng: Any) -> None:
        start = rng.choice(starts(schedule, 500))
        for dtype in (np.float64, np.float32):
            whole = schedule.values(500, start, dtype=dtype)
            wide = np.full((500, 4), np.nan, dtype)
            for out in (wide[:, 1].copy(), wide.reshape(-1)[::4], wide[:, 1], wide[::-1, 2], np.asfortranarray(wide)[:, 3]):
                assert schedule.values(500, start, dtype=dtype, out=out) is out
                assert out.tobytes() == whole.tobytes()


def test_a_strided_buffer_is_written_only_where_asked() -> None:
    wide = np.full((1000, 3), -1.0)
    lr.cosine(1.0, 0.0, 1000).values(1000, out=wide[:, 1])
    assert (wide[:, [0, 2]] == -1).all() and wide[0, 1] == 1


def test_into_a_memmap(tmp_path: Path) -> None:
    schedule = lr.warmup_cosine(3e-4, warmup=100, steps=10_000)
    out = np.lib.format.open_memmap(tmp_path / "rates.npy", mode="w+", dtype=np.float64, shape=(10_000,))
    schedule.values(10_000, out=out)
    out.flush()
    assert np.load(tmp_path / "rates.npy").tobytes() == schedule.values(10_000).tobytes()


LARGE = {
    **{name: lr.Ramp(*row.example, 10**6, name, tuple(parameter.example for parameter in row.parameters)) for name, row in SHAPES.items()},
    "warmup and cosine": lr.warmup_cosine(1.0, warmup=1000, steps=900_001),
    "restarts": lr.cosine_restarts(1.0, 0.0, 777, decay=0.999),
    "restarts of growing cycles": lr.cosine_restarts(1.0, 0.0, 777, cycle_mul=1.3, decay=0.9),
    "a product of stairs": lr.exponential(1.0, 1e-6, 900_000).every(33) * lr.linear(0.5, 1.0, 12_345).repeat(),
    "a tangent in slices and blocks": lr.ramp(1.0, 0.0, 7_000_001, "tanh", lower=-6.0, upper=3.0),
    "a logarithm": lr.ramp(0.0, 1.0, 900_001, "logarithmic", base=1e6),
    "a law without an end": lr.curve(1.0, "inverse_sqrt", timescale=20_000),
    "mirror": lr.cosine(1.0, 0.0, 99_991).past_end("mirror") + 0.5,
}


@pytest.mark.parametrize("name", LARGE)
@pytest.mark.parametrize("dtype", [np.float64, np.float32])
def test_any_number_of_threads(name: str, dtype: Any) -> None:
    schedule = LARGE[name]
    one = schedule.values(1_000_003, 17, dtype=dtype, threads=1).tobytes()
    for threads in (2, 3, 7, None):
        assert schedule.values(1_000_003, 17, dtype=dtype, threads=threads).tobytes() == one
    out = np.empty(2_000_006, dtype)[::2]
    assert schedule.values(1_000_003, 17, dtype=dtype, out=out, threads=4).tobytes() == one


@pytest.mark.parametrize("name", ["cosine", "linear", "polynomial", "a law without an end", "restarts", "a product of stairs", "mirror"])
@pytest.mark.parametrize("dtype", [np.float64, np.float32])
def test_an_output_too_large_for_caches(name: str, dtype: Any) -> None:
    """It is written past them: the same values, wherever the output begins within a line."""
    schedule, count = LARGE[name], 35_000_000 // np.dtype(dtype).itemsize
    expected = np.concatenate([schedule.values(min(100_000, count - i), i, dtype=dtype, threads=1) for i in range(0, count, 100_000)])
    for skew in (0, 1, 5):
        room = np.full(count + 20, np.nan, dtype)
        first = -room.ctypes.data % 64 // room.itemsize + skew
        schedule.values(count, out=room[first : first + count], dtype=dtype, threads=1)
        assert room[first : first + count].tobytes() == expected.tobytes()
        assert np.isnan(room[:first]).all()
        assert np.isnan(room[first + count :]).all()


ONCE_WRONG = [
    (lr.constant(1.0, 345) >> lr.Knots([1.3441769576843354, 227.34417695768434], [-0.95, 2.0]), 70),
    (lr.ramp(1e-5, 3.79, 2147483653, "polynomial_from_start", power=3, endpoint=True).repeat(stretch=1.5), 3221225439),
]


@pytest.mark.parametrize(("schedule", "start"), ONCE_WRONG, ids=range(len(ONCE_WRONG)))
def test_once_wrong(schedule: Schedule, start: int) -> None:
    assert schedule.values(300, start).tolist() == [schedule(step) for step in range(start, start + 300)]


@pytest.mark.parametrize("name", LARGE)
def test_a_million_scattered_steps(name: str) -> None:
    schedule, order = LARGE[name], np.random.default_rng(0).permutation(300_000)
    whole = schedule.values(300_000)
    assert schedule(order).tobytes() == whole[order].tobytes()
    assert schedule(order.astype(float)).tobytes() == whole[order].tobytes()
    assert schedule.values(3_000, 5, 97).tobytes() == whole[5::97][:3000].tobytes()


@pytest.mark.parametrize("gap", [1, 2, 13, 400])
@pytest.mark.parametrize("name", LARGE)
def test_many_ascending_steps(name: str, gap: int) -> None:
    schedule = LARGE[name]
    whole = schedule.values(1_000_000)
    steps = np.random.default_rng(gap).integers(0, 2 * gap + 1, 1_000_000 // gap).cumsum()
    steps = steps[steps < 1_000_000]
    assert schedule(steps).tobytes() == whole[steps].tobytes()
    assert schedule(steps.astype(float)).tobytes() == whole[steps].tobytes()
    assert schedule.program.rows_at(steps, dtype=np.float32).tobytes() == whole[steps].astype(np.float32).tobytes()


def digest_in(code: str, **environment: str) -> Any:
    """What a fresh interpreter prints, as JSON."""
    env = {**os.environ, "PYTHONPATH": os.pathsep.join([str(HERE), *filter(None, sys.path)]), **environment}
    done = subprocess.run([sys.executable, "-c", code], env=env, capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


FORK = """
import hashlib, json, os, lrcore as lr
def digest(threads):
    return hashlib.sha256(lr.cosine(1.0, 0.0, 999_983).values(3_000_000, threads=threads)).hexdigest()
before = digest(2)
read, write = os.pipe()
if os.fork() == 0:
    os.write(write, (digest(2) + digest(1)).encode())
    os._exit(0)
child = os.read(read, 200).decode()
print(json.dumps([before, child[:64], child[64:], digest(2)]))
"""


@pytest.mark.skipif(not hasattr(os, "fork"), reason="this system has no fork")
def test_after_a_fork() -> None:
    assert len(set(digest_in(FORK))) == 1


@pytest.mark.parametrize("level", _kernel.levels())
def test_every_instruction_set_gives_the_recorded_digests(level: str) -> None:
    code = "import json, lrcore, record_digests as r; print(json.dumps([lrcore.simd_level(), r.digests()]))"
    used, digests = digest_in(code, LRCORE_SIMD=level)
    assert used == level
    assert not [name for name, row in RECORDED.items() if digests[name] != row["digest"]]


def test_an_instruction_set_this_machine_lacks_is_refused() -> None:
    env = {**os.environ, "LRCORE_SIMD": "abacus", "PYTHONPATH": os.pathsep.join(filter(None, sys.path))}
    done = subprocess.run([sys.executable, "-c", "import lrcore"], env=env, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 1
    assert f"ImportError: LRCORE_SIMD: expected one of {', '.join(_kernel.levels())} on this machine, got 'abacus'." in done.stderr


@given(st.lists(schedules(max_depth=3), min_size=1, max_size=5), st.randoms(use_true_random=False))
def test_rows_are_their_columns(columns: list[Schedule], rng: Any) -> None:
    columns = [*columns, 0.3 * columns[0], columns[-1]]
    program = compile_columns(columns)
    common = [start for start in starts(columns[0], 300) if all(answers(column, start, 300) for column in columns)]
    assume(common)
    start = rng.choice(common)
    rows = program.rows(300, start)
    assert rows.shape == (300, len(columns)) and rows.flags.c_contiguous
    for j, column in enumerate(columns):
        assert rows[:, j].tobytes() == column.values(300, start).tobytes()
    assert program.rows(100, start, 3).tobytes() == rows[::3].tobytes()
    assert program.rows(300, start, threads=3).tobytes() == rows.tobytes()
    assert program.rows(300, start, dtype=np.float32).tobytes() == rows.astype(np.float32).tobytes()
    order = np.array(rng.sample(range(300), 300))
    assert program.rows_at(order + start).tobytes() == rows[order].tobytes()
    assert program.rows_at(order + start, dtype=np.float32).tobytes() == rows[order].astype(np.float32).tobytes()
    assert all(program.row(start + i).tobytes() == rows[i].tobytes() for i in range(0, 300, 37))
    dicts: list[dict[str, Any]] = [{} for _ in columns]
    lr.write_row(program, start + 7, dicts, ["lr"] * len(columns))
    assert [type(d["lr"]) for d in dicts] == [float] * len(columns)
    assert np.array([d["lr"] for d in dicts]).tobytes() == rows[7].tobytes()


@pytest.mark.parametrize("dtype", [np.float64, np.float32])
def test_rows_into_buffers(dtype: Any) -> None:
    program = compile_columns([lr.cosine(1.0, 0.0, 900), lr.linear(0.0, 1.0, 700), 0.1 * lr.cosine(1.0, 0.0, 900)])
    rows = program.rows(1000, dtype=dtype)
    out = np.full((1000, 3), np.nan, dtype)
    assert program.rows(1000, dtype=dtype, out=out) is out and out.tobytes() == rows.tobytes()
    at = np.full((1000, 3), np.nan, dtype)
    assert program.rows_at(range(1000), dtype=dtype, out=at) is at and at.tobytes() == rows.tobytes()
    row = np.full(3, np.nan)
    assert program.row(5, out=row) is row and row.tobytes() == program.rows(1, 5).tobytes()
