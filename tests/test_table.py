"""A table is an array that is made where it is looked at, and nowhere else."""

from __future__ import annotations

import hashlib
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import lrcore as lr
from lrcore.table import Column

BASE = lr.warmup_cosine(3e-4, warmup=10, steps=1000, stop=1e-5)
PLAN = lr.Plan(
    BASE, weight_decay=lr.linear(0.1, 0.2, 1000), groups={"head": {"lr": 3 * BASE}, "body": {}, "still": {"lr": None}}, horizon=1000
)
TABLE = PLAN.table()
WHOLE = np.array([[schedule(step) for schedule in PLAN.bind().schedules] for step in range(1000)])
SINGLE = WHOLE.astype(np.float32)


@pytest.fixture(params=["computed", "opened"])
def table(request: pytest.FixtureRequest, tmp_path: Any) -> lr.Table:
    """The same table, computed and read from a file: what holds for the one holds for the other."""
    if request.param == "computed":
        return TABLE
    TABLE.save(tmp_path / "table.npy")
    return lr.open_table(tmp_path / "table.npy")


class TestLikeAnArray:
    def test_its_frame(self, table: lr.Table) -> None:
        array = np.asarray(table)
        assert (table.shape, table.dtype, table.nbytes, len(table), table.size, table.ndim) == (
            array.shape, array.dtype, array.nbytes, len(array), array.size, array.ndim,
        )  # fmt: skip
        assert table.columns == (
            ("head", "lr"),
            ("head", "weight_decay"),
            ("body", "lr"),
            ("body", "weight_decay"),
            ("still", "weight_decay"),
        )

    def test_all_of_it(self, table: lr.Table) -> None:
        np.testing.assert_array_equal(np.asarray(table), WHOLE, strict=True)
        np.testing.assert_array_equal(np.array(table, dtype=np.float32), SINGLE, strict=True)
        np.testing.assert_array_equal(np.asarray(table, dtype=object), WHOLE.astype(object))

    @pytest.mark.parametrize("i", [0, 1, 9, 10, 999, -1, -1000, np.int32(5)])
    def test_a_row(self, table: lr.Table, i: Any) -> None:
        out = np.empty(5)
        assert table.row(i, out) is out
        for row in (table[i], table.row(i), out):
            np.testing.assert_array_equal(row, WHOLE[i], strict=True)

    @settings(max_examples=60, deadline=None)
    @given(st.slices(1000).filter(lambda part: (part.step or 1) > 0), st.slices(50).filter(lambda part: (part.step or 1) > 0))
    def test_a_part_of_a_part(self, one: slice, other: slice) -> None:
        part = TABLE[one][other]
        assert isinstance(part, lr.Table)
        np.testing.assert_array_equal(np.asarray(part), WHOLE[one][other])
        np.testing.assert_array_equal(np.asarray(part["body", "lr"]), WHOLE[one][other][:, 2])

    @pytest.mark.parametrize("part", [slice(3, 900, 7), slice(-5, None), slice(500, 100), slice(0, 1)])
    def test_a_part(self, table: lr.Table, part: slice) -> None:
        np.testing.assert_array_equal(np.asarray(table[part]), WHOLE[part], strict=True)
        assert table[part].digest() == hashlib.sha256(WHOLE[part].tobytes()).hexdigest()

    def test_a_column(self, table: lr.Table) -> None:
        column = table["body", "lr"]
        assert isinstance(column, Column) and len(column) == 1000 and column.shape == (1000,) and column.dtype == np.float64
        np.testing.assert_array_equal(np.asarray(column), WHOLE[:, 2], strict=True)
        np.testing.assert_array_equal(np.asarray(column[5:400:3]), WHOLE[5:400:3, 2])
        assert column[7] == column[-993] == WHOLE[7, 2] and list(column[:20]) == WHOLE[:20, 2].tolist()

    @pytest.mark.parametrize("indices", [[5], [3, 3, -1, 0], np.arange(999, -1, -7), [], np.array([1, 2], dtype=np.uint8)])
    def test_rows(self, table: lr.Table, indices: Any) -> None:
        np.testing.assert_array_equal(table.rows(indices), WHOLE[np.asarray(indices, dtype=np.int64)], strict=True)

    def test_iteration(self, table: lr.Table) -> None:
        rows = list(table[:300])
        np.testing.assert_array_equal(rows, WHOLE[:300])

    def test_digest_is_of_the_rows_in_c_order(self, table: lr.Table) -> None:
        assert table.digest() == hashlib.sha256(WHOLE.tobytes()).hexdigest()


class TestSingle:
    """A float32 table is the float64 one rounded once, wherever it is looked at."""

    def test_everywhere(self) -> None:
        table = PLAN.table(dtype=np.float32)
        out = np.empty(5, np.float32)
        np.testing.assert_array_equal(np.asarray(table), SINGLE, strict=True)
        np.testing.assert_array_equal(table[7], SINGLE[7], strict=True)
        np.testing.assert_array_equal(table.row(7, out), SINGLE[7], strict=True)
        np.testing.assert_array_equal(table.rows([1, -1]), SINGLE[[1, -1]], strict=True)
        np.testing.assert_array_equal(np.asarray(table["head", "lr"]), SINGLE[:, 0], strict=True)
        np.testing.assert_array_equal(np.asarray(table, dtype=np.float64), SINGLE.astype(np.float64), strict=True)
        assert table.digest() == hashlib.sha256(SINGLE.tobytes()).hexdigest() == TABLE.astype("f4").digest()

    def test_does_not_become_exact_again(self) -> None:
        with pytest.raises(lr.SpecError) as error:
            PLAN.table(dtype=np.float32).astype(np.float64)
        assert str(error.value) == (
            "dtype: expected float32, since float32 values do not become exact again, got 'float64'. "
            "Take the table from the plan with dtype=float64."
        )


class TestCountAndStart:
    def test_rows_are_updates(self) -> None:
        np.testing.assert_array_equal(np.asarray(PLAN.table(50, 300)), WHOLE[300:350])

    def test_until_the_horizon(self) -> None:
        assert len(PLAN.table()) == 1000 and len(PLAN.table(start=300)) == 700 and len(PLAN.table(start=2000)) == 0

    def test_without_a_horizon_until_the_longest_column_ends(self) -> None:
        assert len(lr.Plan(lr.linear(0, 1, 30), momentum=lr.linear(0, 1, 40), beta1=0.9).table()) == 40

    def test_up_to_the_last_step_there_is(self) -> None:
        assert PLAN.table(2, 2**53 - 1)[-1].tolist() == PLAN.bind().row(2**53).tolist()

    def test_no_rows(self) -> None:
        table = PLAN.table(0)
        assert np.asarray(table).shape == (0, 5) and table.digest() == hashlib.sha256().hexdigest() and list(table) == []
        assert len(str(table).splitlines()) == 2


def test_looks_like_a_table() -> None:
    plan = lr.Plan(lr.linear(1.0, 0.0, 1000), groups={f"g{i}": {} for i in range(8)}, horizon=1000)
    assert str(plan.table()).splitlines()[::3] == [
        "Table(1,000 rows x 8 columns, float64, 62.5 KiB as an array)",
        " 142  0.858  0.858  0.858  0.858  0.858  0.858",
        " 570   0.43   0.43   0.43   0.43   0.43   0.43",
        " 999  0.001  0.001  0.001  0.001  0.001  0.001",
    ]
    assert repr(plan.table()["g0", "lr"]) == "Column(('g0', 'lr'), 1,000 rows, float64)"


def test_slicing_computes_nothing() -> None:
    samples = lr.Samples(np.linspace(0, 1, 5000))
    absent = lr.from_json(lr.Plan(samples).to_json())  # its values are not at hand: it could not be evaluated
    part = absent.table(10**6)[100 : 10**5 : 3]["default", "lr"][5:]
    assert len(part) == 33295 and "1,000,000 rows" in repr(absent.table(10**6))
    with pytest.raises(lr.SpecError, match=r"^samples: expected the 5,000 values of SHA-256 [0-9a-f]{12}\.\.\. at hand, got no values\."):
        part[0]


HUGE = lr.Plan(BASE, groups={f"g{i}": {} for i in range(1000)}).table(10**9)
LARGE = (
    r"^1,000,000,000 rows x 1,000 columns of float64 take 7\.3 TiB as one array, "
    r"more than the [\d.]+ GiB (made at once|of memory available)\. "
    r'Take a part with table\[a:b\], table\["group", "field"\] or table\.rows\(indices\), or write a file with table\.save\(path\)\.$'
)


@pytest.mark.parametrize("call", [np.asarray, lambda table: np.array(table, dtype=np.float64), lambda table: np.asarray(table[1:])])
def test_more_than_the_memory_is_refused(call: Any) -> None:
    with pytest.raises(lr.TableError, match=LARGE.replace("1,000,000,000", r"(1,000,000,000|999,999,999)")):
        call(HUGE)


REFUSED = {
    "row past the end": (lambda: TABLE[1000], "IndexError: row 1000 is outside a table of 1,000 rows"),
    "row before the start": (lambda: TABLE.row(-1001), "IndexError: row -1001 is outside a table of 1,000 rows"),
    "rows past the end": (lambda: TABLE.rows([0, 1000]), "IndexError: row 1000 is outside a table of 1,000 rows"),
    "row of a column": (lambda: TABLE["head", "lr"][1000], "IndexError: row 1000 is outside a table of 1,000 rows"),
    "backwards": (
        lambda: TABLE[::-1],
        "SpecError: step: expected a slice that goes forward, got slice(None, None, -1). Reverse the array made from it.",
    ),
    "no such column": (
        lambda: TABLE["haed", "lr"],
        "TableError: The table has no column ('haed', 'lr'). Its columns are ('head', 'lr'), ('head', 'weight_decay'), ('body', 'lr'), "
        "('body', 'weight_decay'), ('still', 'weight_decay').",
    ),
    "a list in brackets": (
        lambda: TABLE[[1, 2]],
        "TypeError: A table takes an integer, a slice or (group, field) in brackets, got [1, 2]. "
        "For several rows call table.rows(indices).",
    ),
    "a float in brackets": (lambda: TABLE["head", "lr"][1.0], "TypeError: A column takes an integer or a slice in brackets, got 1.0."),
    "rows of floats": (lambda: TABLE.rows([1.0]), "SpecError: indices: expected a one-dimensional array of integers, got [1.0]."),
    "rows of rows": (lambda: TABLE.rows([[1]]), "SpecError: indices: expected a one-dimensional array of integers, got [[1]]."),
    "out too short": (
        lambda: TABLE.row(0, np.empty(4)),
        "SpecError: out: expected a writable float64 array of shape (5,), got a float64 array of shape (4,).",
    ),
    "out of float32": (
        lambda: TABLE.row(0, np.empty(5, "f4")),
        "SpecError: out: expected a writable float64 array of shape (5,), got a float32 array of shape (5,).",
    ),
    "out that is a list": (
        lambda: TABLE.row(0, [0.0] * 5),
        "SpecError: out: expected a writable float64 array of shape (5,), got [0.0, 0.0, 0.0, 0.0, 0.0].",
    ),
    "no copy": (
        lambda: np.array(TABLE, copy=False),
        "ValueError: A table is computed when it is asked for, so an array of it is always a copy. Leave out copy=False.",
    ),
    "integers": (lambda: PLAN.table(dtype=np.int64), "SpecError: dtype: expected float64 or float32, got 'int64'."),
    "half": (lambda: TABLE.astype("f2"), "SpecError: dtype: expected float64 or float32, got 'float16'."),
    "negative count": (lambda: PLAN.table(-1), "SpecError: count: expected an integer >= 0, got -1."),
    "boolean count": (lambda: PLAN.table(True), "SpecError: count: expected an integer >= 0, got True."),
    "fractional start": (lambda: PLAN.table(1, 0.5), "SpecError: start: expected an integer >= 0, got 0.5."),
    "past the last step": (lambda: PLAN.table(3, 2**53 - 1), "SpecError: count: expected rows up to step 2**53, got 3."),
    "endless": (
        lambda: lr.Plan(0.1).table(),
        "SpecError: count: expected a number of steps, got None. The plan has no horizon, and its schedules do not end.",
    ),
}


@pytest.mark.parametrize("case", REFUSED)
def test_refused_with_a_sentence(case: str) -> None:
    call, sentence = REFUSED[case]
    with pytest.raises(Exception) as error:  # noqa: PT011  # the kind is part of the sentence
        call()
    assert f"{type(error.value).__name__}: {error.value}" == sentence
