"""A schedule is a value: it compares, hashes, prints, pickles and stores, and comes back equal."""

from __future__ import annotations

import copy
import json
import pickle
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given

import lrcore as lr
from lrcore import schedule as types
from record_digests import DOCUMENTS, written
from strategies import schedules

NAMES = {name: getattr(types, name) for name in dir(types) if not name.startswith("_")}
RECORDED = json.loads(DOCUMENTS.read_text())


@given(schedules())
def test_comes_back_equal(schedule: lr.Schedule) -> None:
    for again in (
        eval(repr(schedule), NAMES),
        lr.from_json(schedule.to_json()),
        pickle.loads(pickle.dumps(schedule)),
        copy.deepcopy(schedule),
    ):
        assert again == schedule and hash(again) == hash(schedule)
        assert again.to_json() == schedule.to_json() and again.fingerprint == schedule.fingerprint


def test_unresolved_lengths_come_back_equal() -> None:
    schedule = (lr.linear(0, 1, 0.1) >> lr.cosine(1, 0, "rest")).until(0.5)
    assert eval(repr(schedule), NAMES) == lr.from_json(schedule.to_json()) == schedule


A, B, C = lr.linear(0, 1, 10), lr.cosine(1, 0, 20), lr.constant(0.5)
EQUAL = {
    "ints and floats": (lr.linear(0, 1, 10), lr.linear(0.0, 1.0, 10)),
    "numpy numbers": (lr.linear(np.float32(0.5), np.float64(1), np.int32(10)), lr.linear(0.5, 1.0, 10)),
    "minus zero": (lr.linear(-0.0, 1, 10), lr.linear(0.0, 1, 10)),
    "nested sequence": (A >> (B >> C), (A >> B) >> C),
    "nested sum": (A + (B + C), (A + B) + C),
    "nested product": (A * (B * C), (A * B) * C),
    "nested minimum": (lr.minimum(A, lr.minimum(B, C)), lr.minimum(A, B, C)),
    "number in a sum": (A + 1, 1 + A),
    "number in a product": (A * 2, 2.0 * A),
    "number as a phase": (A >> 0.5, A >> lr.constant(0.5)),
    "number in a minimum": (lr.minimum(1, A), lr.minimum(lr.constant(1.0), A)),
    "list of phases": (types.Sequence([A, B]), A >> B),
    "default shape": (lr.Ramp(0, 1, 10, "linear", (), False), lr.Ramp(0, 1, 10)),
    "list of parameters": (lr.Ramp(1, 0, 10, "polynomial", [2]), lr.polynomial(1, 0, 10, 2.0)),
    "default of repeat": (A.repeat(stretch=1.0, decay=1, floor=-0.0, decay_floor=1), A.repeat()),
    "nothing to shift": (A.shift(0), A),
    "hold past the end": (A.past_end("hold"), A),
    "repeat past the end": (A.past_end("repeat"), A.repeat()),
    "knots of an array": (lr.Knots(np.array([0, 10]), np.array([0, 1])), lr.Knots((0.0, 10.0), (0.0, 1.0))),
    "samples of an array": (lr.Samples(np.array([1, 2], dtype=np.int8)), lr.Samples([1.0, 2.0])),
    "samples of a function": (lr.from_function(lambda step: step, 3), lr.Samples([0, 1, 2])),
    "samples of another byte order": (lr.Samples(np.arange(5000.0).astype(">f8")), lr.Samples(np.arange(5000.0))),
    "samples not contiguous": (lr.Samples(np.arange(10000.0)[::2]), lr.Samples(np.arange(0.0, 10000.0, 2))),
    "fractions resolved": ((lr.linear(0, 1, 0.1) >> lr.cosine(1, 0, "rest")).over(1000), lr.warmup_cosine(1, warmup=0.1, steps=1000)),
}


@pytest.mark.parametrize("case", EQUAL)
def test_equal_however_written(case: str) -> None:
    one, other = EQUAL[case]
    assert one == other and hash(one) == hash(other)
    assert one.to_json() == other.to_json() and one.fingerprint == other.fingerprint and repr(one) == repr(other)


DIFFERENT = [
    A, B, C, A >> B, B >> A, A + B, A * B, lr.minimum(A, B), lr.maximum(A, B), A.every(2), A.per(2), A.stretch(2), A.until(2), A.repeat(2),
    A.repeat(), A.repeat(stretch=2), A.past_end("mirror"), A.past_end("error"), lr.constant(0.5, 5), lr.Ramp(0, 1, 10, endpoint=True),
    lr.Samples([0.0]), lr.Knots([0], [0]), lr.Knots([0], [0], "pchip"), lr.linear(0, 1, 11), lr.linear(0, 1, 0.1),
]  # fmt: skip


def test_different_schedules_differ() -> None:
    assert len(set(DIFFERENT)) == len({s.fingerprint for s in DIFFERENT}) == len({repr(s) for s in DIFFERENT}) == len(DIFFERENT)


@pytest.mark.parametrize("name", RECORDED)
class TestRecorded:
    """Documents written once and for all: what a checkpoint of this format holds keeps its meaning."""

    def test_document_and_fingerprint(self, name: str) -> None:
        row = RECORDED[name]
        schedule = written(row["written"])
        assert schedule.to_json() == row["document"]
        assert schedule.fingerprint == row["fingerprint"]

    def test_reads_back(self, name: str) -> None:
        row = RECORDED[name]
        again = lr.from_json(row["document"])
        assert again == written(row["written"]) and again.to_json() == row["document"]


def test_every_type_is_recorded() -> None:
    documents = "".join(row["document"] for row in RECORDED.values())
    tags = {kind.__struct_config__.tag for kind in types.AnySchedule.__args__}
    assert not {tag for tag in tags if f'"type":"{tag}"' not in documents}
    assert not {shape for shape in lr.SHAPES if shape != "linear" and f'"shape":"{shape}"' not in documents}


def test_defaults_are_left_out_of_the_document() -> None:
    assert lr.linear(0, 1, 10).to_json() == '{"lrcore":1,"schedule":{"type":"ramp","start":0.0,"stop":1.0,"steps":10}}'


class TestImmutable:
    def test_fields_cannot_be_set(self) -> None:
        with pytest.raises(AttributeError):
            A.start = 1.0  # type: ignore[misc]
        with pytest.raises(AttributeError):
            del A.start

    def test_the_callers_lists_are_not_kept(self) -> None:
        phases, values = [A, B], np.arange(5000.0)
        sequence, samples = types.Sequence(phases), lr.Samples(values)
        before = sequence.fingerprint, samples.fingerprint, samples(7)
        phases.append(C)
        values[:] = -1
        assert (sequence.fingerprint, samples.fingerprint, samples(7)) == before
        assert values.flags.writeable

    def test_evaluating_changes_nothing(self) -> None:
        schedule = lr.warmup_cosine(1.0, warmup=10, steps=100)
        document, shown, number = schedule.to_json(), repr(schedule), hash(schedule)
        schedule(5), schedule.values(10)
        assert (schedule.to_json(), repr(schedule), hash(schedule)) == (document, shown, number)
        assert pickle.loads(pickle.dumps(schedule)) == schedule


class TestLongSamples:
    """More than 4,096 values are named by their digest."""

    VALUES = np.linspace(0, 1, 5000)

    def test_the_document_carries_the_digest_alone(self) -> None:
        document = lr.Samples(self.VALUES).to_json()
        assert len(document) < 200 and lr.Samples(self.VALUES).sha256 in document

    def test_equal_by_digest_and_not_otherwise(self) -> None:
        other = self.VALUES.copy()
        other[4999] = 0.5
        assert lr.Samples(self.VALUES) == lr.Samples(self.VALUES.copy()) != lr.Samples(other)
        assert lr.Samples(self.VALUES.astype(np.float32)) != lr.Samples(self.VALUES)

    def test_up_to_4096_are_inline(self) -> None:
        assert len(lr.Samples(self.VALUES[:4096]).samples) == 4096 and not lr.Samples(self.VALUES[:4097]).samples

    def test_data_found_again_by_path(self, tmp_path: Path) -> None:
        path = str(tmp_path / "values.npy")
        np.save(path, self.VALUES)
        again = lr.from_json(lr.Samples(self.VALUES, path=path).to_json())
        np.testing.assert_array_equal(again.values(), self.VALUES)

    def test_data_given_again(self) -> None:
        again = lr.from_json(lr.Samples(self.VALUES).to_json())
        np.testing.assert_array_equal(again.with_data(self.VALUES).values(), self.VALUES)
        with pytest.raises(lr.SpecError, match=r"^sha256: expected the digest of the values, [0-9a-f]{64}, got '[0-9a-f]{64}'\.$"):
            again.with_data(self.VALUES + 1)

    def test_pickle_needs_its_data_no_more_than_json_does(self) -> None:
        samples = lr.Samples(self.VALUES)
        assert pickle.loads(pickle.dumps(samples)) == samples == copy.deepcopy(samples)


@pytest.mark.parametrize("call", [lambda f: f(3), lambda f: f(steps=3), lambda f: f(3.0), lambda f: f([3])[0]])
def test_a_program_is_called_like_any_function(call: Any) -> None:
    assert call(lr.linear(1.0, 0.0, 4).program) == 0.25


@pytest.mark.parametrize("call", [lambda f: f(), lambda f: f(1, 2), lambda f: f(1, steps=2), lambda f: f(step=3)])
def test_a_program_takes_one_argument(call: Any) -> None:
    with pytest.raises(TypeError):
        call(lr.linear(1.0, 0.0, 4).program)
