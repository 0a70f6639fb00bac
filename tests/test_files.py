"""Tables on disk: what is written is read, what is broken is refused, what is interrupted never happened."""

from __future__ import annotations

import fcntl
import hashlib
import json
import os
import re
import shutil
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import lrcore as lr

BASE = lr.warmup_cosine(3e-4, warmup=100, steps=2000, stop=1e-5)
PLAN = lr.Plan(BASE, weight_decay=0.1, groups={"head": {"lr": 3 * BASE}, "body": {}}, horizon=2000)
OTHER = lr.Plan(BASE, weight_decay=0.2, groups={"head": {"lr": 3 * BASE}, "body": {}}, horizon=2000)
NEW = PLAN.table(count=500)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """A table of PLAN on disk."""
    PLAN.table().save(tmp_path / "run.npy")
    return tmp_path / "run.npy"


def refused(call: Callable[[], Any]) -> str:
    """The sentence of a TableError, without the directory."""
    with pytest.raises(lr.TableError) as error:
        call()
    return re.sub(r"/[^ ,:\n]*/", "", str(error.value))


def side(path: Path, suffix: str = ".json") -> Path:
    return path.with_name(path.name + suffix)


def present(path: Path) -> set[str]:
    return {file.name for file in path.parent.iterdir()}


TABLES = {
    "float64": PLAN.table(),
    "float32": PLAN.table(dtype=np.float32),
    "from a later step": PLAN.table(100, 1900),
    "every seventh": PLAN.table()[5::7],
    "one row": PLAN.table(1),
    "no rows": PLAN.table(0),
    "wider than a block": lr.Plan(1, groups={f"g{i}": {} for i in range(3000)}).table(200),
    "more rows than a block": lr.Plan(BASE).table(1_000_000),
}


class TestRoundTrip:
    @pytest.mark.parametrize("name", TABLES)
    def test_what_is_written_is_read(self, name: str, tmp_path: Path) -> None:
        table, path = TABLES[name], tmp_path / "table.npy"
        table.save(path)
        stored = lr.open_table(path, table.plan)
        np.testing.assert_array_equal(np.asarray(stored), np.asarray(table), strict=True)
        assert (stored.start, stored.stride, stored.columns, stored.plan) == (table.start, table.stride, table.columns, table.plan)
        assert stored.digest() == table.digest()
        stored.verify()
        assert present(path) == {"table.npy", "table.npy.json"}

    def test_numpy_reads_it_too(self, path: Path) -> None:
        for mode in (None, "r"):
            np.testing.assert_array_equal(np.load(path, mmap_mode=mode), np.asarray(PLAN.table()))

    def test_the_sidecar_is_json(self, path: Path) -> None:
        sidecar = json.loads(side(path).read_text())
        assert sidecar["digest"] == PLAN.table().digest() and sidecar["fingerprint"] == PLAN.fingerprint
        assert sidecar["plan"] == json.loads(PLAN.to_json())["plan"]
        assert sidecar["rows"] == {
            "count": 2000, "start": 0, "stride": 1, "dtype": "float64", "names": ["head", "body"],
            "columns": [["head", "lr"], ["head", "weight_decay"], ["body", "lr"], ["body", "weight_decay"]],
        }  # fmt: skip

    def test_the_same_bytes_from_any_threads(self, tmp_path: Path) -> None:
        table = lr.Plan(BASE).table(1_000_000)
        digests = set()
        for threads in (1, 2, 7):
            table.save(tmp_path / "table.npy", threads=threads)
            digests.add(hashlib.sha256((tmp_path / "table.npy").read_bytes()).hexdigest())
        assert len(digests) == 1

    def test_as_float32(self, tmp_path: Path) -> None:
        PLAN.table().save(tmp_path / "table.npy", dtype=np.float32)
        np.testing.assert_array_equal(
            np.asarray(lr.open_table(tmp_path / "table.npy")), np.asarray(PLAN.table()).astype(np.float32), strict=True
        )

    def test_an_opened_table_is_mapped_and_read_only(self, path: Path) -> None:
        array = np.asarray(lr.open_table(path))
        assert np.asarray(lr.open_table(path)[10:20]).base is not None and not array.flags.writeable and not array.flags.owndata
        assert np.array(lr.open_table(path)).flags.writeable

    def test_outlives_the_file(self, path: Path) -> None:
        stored = lr.open_table(path)
        NEW.save(path)
        stored.verify()
        assert stored.digest() == PLAN.table().digest() and lr.open_table(path).digest() == NEW.digest()

    def test_a_copy_of_an_opened_table(self, path: Path) -> None:
        lr.open_table(path)[100:200].save(path.with_name("copy.npy"))
        assert lr.open_table(path.with_name("copy.npy")).digest() == PLAN.table(100, 100).digest()

    def test_progress_adds_up(self, tmp_path: Path) -> None:
        told: list[int] = []
        lr.Plan(BASE).table(1_000_000).save(tmp_path / "table.npy", progress=told.append)
        assert sum(told) == 1_000_000 and len(told) > 2


class TestRefused:
    """Whatever is wrong with a file, a sentence says so; nothing crashes and no wrong value is read."""

    @pytest.mark.parametrize("left", [0, 1, 9, 10, 127, 128, 129, 5000, -33, -32, -1])
    def test_truncated(self, path: Path, left: int) -> None:
        size = path.stat().st_size
        os.truncate(path, left % size)
        sentence = refused(lambda: lr.open_table(path))
        if left == 0:
            assert sentence == "run.npy is empty. Write the table again."
        elif 0 < left < 128:
            assert sentence == "run.npy is no .npy file, or its header was altered. Write the table again."
        else:
            assert (
                sentence == f"run.npy is truncated: its header asks for {size:,} bytes, and it has {left % size:,}. Write the table again."
            )

    def test_longer_than_it_was(self, path: Path) -> None:
        with path.open("ab") as file:
            file.write(b"more")
        assert refused(lambda: lr.open_table(path)).startswith("run.npy and run.npy.json do not belong together: one of them was altered")

    @pytest.mark.parametrize("place", range(0, 128, 3))
    def test_any_byte_of_the_header(self, path: Path, place: int) -> None:
        content = bytearray(path.read_bytes())
        content[place] ^= 1
        path.write_bytes(content)
        assert refused(lambda: lr.open_table(path)) == (
            "The header of run.npy was altered: it does not say 2,000 rows x 4 columns of float64. Write the table again."
        )

    def test_any_byte_of_the_sidecar(self, path: Path) -> None:
        text = side(path).read_bytes()
        for place in range(0, len(text), 41):
            side(path).write_bytes(text[:place] + bytes([text[place] ^ 1]) + text[place + 1 :])
            assert refused(lambda: lr.open_table(path)) == (
                "run.npy and run.npy.json do not belong together: one of them was altered or comes from another table. "
                "Write the table again."
            )

    @pytest.mark.parametrize("place", [128, 40_000, -33])
    def test_a_value_is_found_by_verify(self, path: Path, place: int) -> None:
        content = bytearray(path.read_bytes())
        content[place] ^= 1
        path.write_bytes(content)
        sentence = (
            "The values in run.npy were altered after they were written: their SHA-256 is not the recorded one. Write the table again."
        )
        assert refused(lr.open_table(path).verify) == sentence

    def test_of_another_plan(self, path: Path) -> None:
        assert refused(lambda: lr.open_table(path, OTHER)) == (
            "run.npy holds the table of another plan.\nweight_decay.value: 0.1 -> 0.2, values differ from step 0\n"
            "Write the table of this plan, or open the file without one."
        )

    def test_with_the_sidecar_of_another(self, path: Path) -> None:
        OTHER.table().save(path.with_name("other.npy"))
        shutil.copy(side(path.with_name("other.npy")), side(path))
        assert refused(lambda: lr.open_table(path)).startswith("run.npy and run.npy.json do not belong together")

    def test_without_its_sidecar(self, path: Path) -> None:
        side(path).unlink()
        assert refused(lambda: lr.open_table(path)) == (
            "run.npy has no sidecar run.npy.json beside it, which says what its rows are. Put it back, or write it again."
        )

    def test_no_file(self, tmp_path: Path) -> None:
        assert refused(lambda: lr.open_table(tmp_path / "none.npy")) == "There is no file none.npy. Write one with table.save(path)."

    @pytest.mark.parametrize(
        ("change", "sentence"),
        [
            (
                (b'"lrcore": 1', b'"lrcore": 2'),
                "run.npy.json is of format 2, and this lrcore reads format 1. Open it with the lrcore that wrote it.",
            ),
            ((b'"digest"', b'"digets"'), "run.npy.json cannot be read: document: expected the fields of an lrcore document, got "),
            (
                (b'"value":0.1', b'"value":0.3'),
                "run.npy.json contradicts itself: its plan does not have its fingerprint or columns. Write the table again.",
            ),
        ],
    )
    def test_a_pair_that_never_was_sound(self, path: Path, change: tuple[bytes, bytes], sentence: str) -> None:
        text = side(path).read_bytes().replace(*change)
        side(path).write_bytes(text)
        path.write_bytes(path.read_bytes()[:-32] + hashlib.sha256(text).digest())
        assert refused(lambda: lr.open_table(path)).startswith(sentence)

    def test_where_nothing_can_be_written(self, tmp_path: Path) -> None:
        sentence = "The table could not be written to run.npy: No such file or directory. What was there before is unchanged."
        assert refused(lambda: NEW.save(tmp_path / "none" / "run.npy")) == sentence
        assert refused(lambda: NEW.save(tmp_path)).endswith("is a directory. Give the name of a file in it, such as table.npy.")
        with pytest.raises(lr.SpecError, match=r"^threads: expected an integer >= 1, got 0\.$"):
            NEW.save(tmp_path / "run.npy", threads=0)


class TestInterrupted:
    """The old pair stays, and nothing else is left."""

    @pytest.mark.parametrize("error", [KeyboardInterrupt, RuntimeError])
    def test_by_an_exception(self, path: Path, error: type[BaseException]) -> None:
        before = path.read_bytes(), side(path).read_bytes()

        def stop(rows: int) -> None:
            raise error

        with pytest.raises(error):
            lr.Plan(BASE).table(2_000_000).save(path, progress=stop)
        assert (path.read_bytes(), side(path).read_bytes()) == before and present(path) == {"run.npy", "run.npy.json"}

    def test_by_ctrl_c(self, path: Path) -> None:
        child = writer(path, "lr.Plan(lr.cosine(1.0, 0.0, 10**10)).table().save(path, progress=told)")
        child.send_signal(signal.SIGINT)
        _, errors = child.communicate(timeout=20)
        assert errors.splitlines()[-1] == "KeyboardInterrupt" and present(path) == {"run.npy", "run.npy.json"}
        lr.open_table(path, PLAN).verify()

    def test_by_a_full_disk(self, path: Path) -> None:
        child = writer(
            path, "resource.setrlimit(resource.RLIMIT_FSIZE, (2**22, 2**22)); lr.Plan(0.1).table(10**7).save(path, progress=told)"
        )
        _, errors = child.communicate(timeout=20)
        assert re.sub(r"/[^ ]*/", "", errors.splitlines()[-1]) == (
            "lrcore.errors.TableError: The table could not be written to run.npy: File too large. What was there before is unchanged."
        )
        assert present(path) == {"run.npy", "run.npy.json"}
        lr.open_table(path, PLAN).verify()

    @pytest.mark.parametrize("first", [True, False])
    def test_by_kill_at_any_moment(self, tmp_path: Path, first: bool) -> None:
        """`first`: into an empty directory, once; otherwise over an old pair, again and again, with two plans in turn."""
        plans = [lr.Plan(BASE, momentum=value) for value in (0.1, 0.2)]
        seen = set()
        for delay in (0, 0.0005, 0.001, 0.002, 0.003, 0.005, 0.008, 0.013):
            path = tmp_path / f"{delay}.npy"
            if not first:
                plans[0].table(40_000).save(path)
            plan = "lr.Plan(lr.warmup_cosine(3e-4, warmup=100, steps=2000, stop=1e-5), momentum=value)"
            values = "(0.1,)" if first else "itertools.cycle((0.2, 0.1))"
            child = writer(path, f"told(0)\nfor value in {values}: {plan}.table(40_000).save(path)")
            time.sleep(delay)
            child.kill()
            child.communicate()
            if first and not path.exists():
                continue
            stored = lr.open_table(path)
            stored.verify()
            assert stored.plan in plans[: 1 if first else 2] and stored.digest() == stored.plan.table(40_000).digest()
            seen.add(stored.plan)
        assert seen or first


def writer(path: Path, code: str) -> subprocess.Popen[str]:
    """A process that runs the code; returned as soon as it has said, by `told`, that it is writing."""
    prologue = (
        "import itertools, resource, sys\nimport lrcore as lr\nfrom lrcore import files\npath = sys.argv[1]\n"
        "def told(rows): print(rows, flush=True) if rows >= 0 else None\n"
    )
    child = subprocess.Popen([sys.executable, "-c", prologue + code, str(path)], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    assert child.stdout is not None
    child.stdout.readline()
    return child


class TestRenames:
    """The three renames, stopped after each."""

    @pytest.mark.parametrize(("done", "expected"), [(0, PLAN.table()), (1, PLAN.table()), (2, NEW), (3, NEW)])
    def test_each_leaves_one_whole_pair(self, path: Path, done: int, expected: lr.Table) -> None:
        NEW.save(path.with_name("new.npy"))
        renames = [
            (side(path.with_name("new.npy")), side(path, ".json.new")),
            (path.with_name("new.npy"), path),
            (side(path, ".json.new"), side(path)),
        ]
        for old, new in renames[:done]:
            old.replace(new)
        assert lr.open_table(path).digest() == expected.digest()
        PLAN.table(7).save(path)
        assert lr.open_table(path).digest() == PLAN.table(7).digest() and not side(path, ".json.new").exists()

    def test_two_writers_and_a_reader(self, path: Path) -> None:
        tables = [PLAN.table(count) for count in (10, 20)]
        writers = [threading.Thread(target=lambda table=table: [table.save(path) for _ in range(15)]) for table in tables]
        for thread in writers:
            thread.start()
        while any(thread.is_alive() for thread in writers):
            lr.open_table(path).verify()
        assert lr.open_table(path).digest() in {table.digest() for table in tables} and present(path) == {"run.npy", "run.npy.json"}


class TestLeftBehind:
    """Temporary files of killed writers are removed by the next one, those of living ones are not."""

    def left(self, path: Path, name: str, age: float) -> Path:
        file = path.with_name(f".{path.name}.{name}.tmp")
        file.write_bytes(b"half")
        os.utime(file, (time.time() - age,) * 2)
        return file

    def test_removed_unless_somebody_holds_them(self, path: Path) -> None:
        dead, fresh, held = self.left(path, "dead", 100), self.left(path, "fresh", 1), self.left(path, "held", 100)
        other = self.left(path.with_name("other.npy"), "dead", 100)
        with held.open("rb") as file:
            fcntl.flock(file, fcntl.LOCK_EX)
            NEW.save(path)
        assert not dead.exists() and fresh.exists() and held.exists() and other.exists()
