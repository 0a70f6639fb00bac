"""What cannot mean anything is refused when it is made or asked for, with one whole sentence; nothing crashes, nothing is half done."""

from __future__ import annotations

from math import inf, nan
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import lrcore as lr
from lrcore import schedule as types

A = lr.linear(0, 1, 10)
NAMES = {name: getattr(types, name) for name in dir(types) if not name.startswith("_")}
NAMES |= {"lr": lr, "np": np, "inf": inf, "nan": nan, "A": A}


FULL = 'an integer >= 0, a fraction strictly between 0 and 1, or "rest"'
WITHIN = "an integer >= 0 or a fraction strictly between 0 and 1"


def _length(got: str, path: str = "steps", expected: str = FULL) -> str:
    return f"{path}: expected {expected}, got {got}. An int counts steps, a float is a fraction of the horizon."


def _ends(got: str) -> str:
    return (
        f"exponential.stop: expected start and stop of one sign, both between 1e-300 and 1e300 in size, got {got}. "
        "A factor per step never reaches or crosses zero; stop at a small value instead."
    )


MADE = {
    "lr.linear(nan, 1, 10)": "linear.start: expected a finite number, got nan.",
    "lr.linear(0, inf, 10)": "linear.stop: expected a finite number, got inf.",
    "lr.constant(-inf)": "constant.value: expected a finite number, got -inf.",
    'lr.linear("0", 1, 10)': "linear.start: expected a finite number, got '0'. Give an int or a float.",
    "lr.linear(True, 1, 10)": "linear.start: expected a finite number, got True. Give an int or a float.",
    "lr.linear(None, 1, 10)": "linear.start: expected a finite number, got None. Give an int or a float.",
    "lr.linear(10**400, 1, 10)": "linear.start: expected a finite number, got 1" + 76 * "0" + ".... It does not fit a float64.",
    "lr.linear(1j, 1, 10)": "linear.start: expected a finite number, got 1j. Give an int or a float.",
    "lr.linear(np.array([1.0]), 1, 10)": "linear.start: expected a finite number, got array([1.]). Give an int or a float.",
    "lr.linear(-1e308, 1e308, 10)": "linear.stop: expected ends whose difference fits a float64, got (-1e+308, 1e+308).",
    "lr.linear(0, 1, -1)": _length("-1", "linear.steps"),
    "lr.linear(0, 1, 1.0)": _length("1.0", "linear.steps"),
    "lr.linear(0, 1, 2.5)": _length("2.5", "linear.steps"),
    "lr.linear(0, 1, 0.0)": _length("0.0", "linear.steps"),
    "lr.linear(0, 1, nan)": _length("nan", "linear.steps"),
    "lr.linear(0, 1, True)": _length("True", "linear.steps"),
    'lr.linear(0, 1, "10")': _length("'10'", "linear.steps"),
    "lr.linear(0, 1, None)": _length("None", "linear.steps"),
    "lr.linear(0, 1, 2**53 + 1)": "linear.steps: expected a length of at most 2**53 steps, got 9007199254740993.",
    "lr.linear(0, 1, -0.5)": _length("-0.5", "linear.steps"),
    "lr.constant(1, -1)": _length("-1", "constant.steps", FULL.replace("or ", "") + ", or None"),
    "lr.constant(1, False)": _length("False", "constant.steps", FULL.replace("or ", "") + ", or None"),
    'lr.Ramp(0, 1, 10, "wobbly")': f"shape: expected one of {', '.join(lr.SHAPES)}, got 'wobbly'.",
    "lr.Ramp(0, 1, 10, 3)": f"shape: expected one of {', '.join(lr.SHAPES)}, got 3.",
    'lr.Ramp(0, 1, 10, "linear", (1.0,))': "args: expected the parameters of linear (none), got (1.0,).",
    'lr.Ramp(0, 1, 10, "polynomial")': "args: expected the parameters of polynomial (power), got ().",
    "lr.Ramp(0, 1, 10, endpoint=1)": "endpoint: expected True or False, got 1.",
    'lr.ramp(0, 1, 10, "wobbly")': f"shape: expected one of {', '.join(lr.SHAPES)}, got 'wobbly'.",
    'lr.ramp(0, 1, 10, "polynomial")': "parameters: expected exactly those of polynomial (power), got [].",
    "lr.ramp(0, 1, 10, power=2)": "parameters: expected exactly those of linear (none), got ['power'].",
    "lr.polynomial(1, 0, 10, 0)": "polynomial.power: expected a number above 0.001 and up to 100, got 0.",
    "lr.polynomial(1, 0, 10, 1025)": "polynomial.power: expected a number above 0.001 and up to 100, got 1025.",
    "lr.polynomial(1, 0, 10, nan)": "polynomial.power: expected a number above 0.001 and up to 100, got nan.",
    'lr.polynomial(1, 0, 10, "2")': "polynomial.power: expected a number above 0.001 and up to 100, got '2'. Give an int or a float.",
    'lr.polynomial(1, 0, 10, 2, origin="end")': "polynomial.origin: expected one of stop, start, got 'end'.",
    "lr.exponential(1, 0, 10)": _ends("(1.0, 0.0)"),
    "lr.exponential(1, -1, 10)": _ends("(1.0, -1.0)"),
    "lr.exponential(1, 1e-301, 10)": _ends("(1.0, 1e-301)"),
    "lr.exponential(0, 0, 10)": _ends("(0.0, 0.0)"),
    "lr.Knots([], [])": "positions: expected at least one number, got [].",
    "lr.Knots([0, 1], [1])": "knots: expected as many values as positions (2), got 1.",
    "lr.Knots([0, 0], [1, 2])": "positions[1]: expected a position above 0.0, got 0.0. Positions must increase.",
    "lr.Knots([1, 0], [1, 2])": "positions[1]: expected a position above 1.0, got 0.0. Positions must increase.",
    "lr.Knots([-1, 0], [1, 2])": "positions: expected positions from 0 to 2**53, got (-1.0, 0.0).",
    "lr.Knots([0, 2.0**54], [1, 2])": "positions: expected positions from 0 to 2**53, got (0.0, 1.8014398509481984e+16).",
    "lr.Knots([0, nan], [1, 2])": "positions[1]: expected a finite number, got nan.",
    "lr.Knots([0, 1], [1, inf])": "knots[1]: expected a finite number, got inf.",
    'lr.Knots([0, 1], [1, -1], "log")': (
        "knots[1]: expected neighbours of one sign, both between 1e-300 and 1e300 in size, got (1.0, -1.0)."
    ),
    'lr.Knots([0, 1], [1, 2], "cubic")': "kind: expected one of linear, cosine, log, pchip, got 'cubic'.",
    "lr.Knots([0, 1], [-1e308, 1e308])": "knots: expected values whose differences fit a float64, got (-1e+308, 1e+308).",
    'lr.Knots("01", [1, 2])': "positions: expected at least one number, got '01'.",
    "lr.Knots([0, True], [1, 2])": "positions[1]: expected a finite number, got True. Give an int or a float.",
    "lr.Samples([])": "values: expected a one-dimensional array of at least one finite number, got float64 of shape (0,).",
    "lr.Samples([[1.0]])": "values: expected a one-dimensional array of at least one finite number, got float64 of shape (1, 1).",
    "lr.Samples([1.0, nan])": "values[1]: expected a finite number, got nan.",
    'lr.Samples(["a"])': "values: expected a one-dimensional array of at least one finite number, got <U1 of shape (1,).",
    "lr.Samples([True])": "values: expected a one-dimensional array of at least one finite number, got bool of shape (1,).",
    "lr.Samples(1.0)": "values: expected a one-dimensional array of at least one finite number, got float64 of shape ().",
    "lr.Samples(None)": "values: expected a one-dimensional array of at least one finite number, got object of shape ().",
    'lr.Samples((), sha256="abc", length=5000)': "sha256: expected 64 hexadecimal digits, got 'abc'.",
    'lr.Samples((), sha256="0" * 64, length=10)': "length: expected an integer >= 4097, got 10.",
    'lr.Samples((), sha256="0"*64, length=5000, dtype="int8")': "dtype: expected float64 or float32, got 'int8'.",
    "lr.Samples()": "values: expected a one-dimensional array of at least one finite number, got float64 of shape (0,).",
    "lr.Samples([1j])": "values: expected a one-dimensional array of at least one finite number, got complex128 of shape (1,).",
    "lr.from_function(lambda t: 1 / (t - 1) if t != 1 else nan, 3)": "f(1): expected a finite number, got nan.",
    'lr.from_function(lambda t: "x", 3)': "f(0): expected a finite number, got 'x'. Give an int or a float.",
    "lr.from_function(lambda t: 1.0, 0)": "steps: expected an integer >= 1, got 0.",
    "lr.from_function(lambda t:1.0, 2.0)": "steps: expected an integer >= 1, got 2.0.",
    "lr.constant(1) >> A": (
        "phases[0]: expected a phase that ends, since another follows, "
        "got Constant(value=1.0). Give it a length, or cut it with .until(steps)."
    ),
    "A * nan": "value: expected a finite number, got nan.",
    "A + inf": "value: expected a finite number, got inf.",
    "A >> nan": "schedule: expected a Schedule or a finite number, got nan.",
    "A*True": "value: expected a finite number, got True. Give an int or a float.",
    "lr.minimum()": "terms: expected a tuple of at least one schedule, got ().",
    'lr.minimum(A, "x")': "terms[1]: expected a Schedule or a finite number, got 'x'. Give an int or a float.",
    "lr.maximum(A, nan)": "terms[1]: expected a Schedule or a finite number, got nan.",
    "Sequence([])": "phases: expected a tuple of at least one schedule, got [].",
    "Sequence(A)": "phases: expected a tuple of at least one schedule, got Ramp(start=0.0, stop=1.0, steps=10).",
    "Sequence([A, None])": "phases[1]: expected a Schedule or a finite number, got None. Give an int or a float.",
    "lr.constant(1e200) * lr.constant(1e200)": (
        "Product: expected values that fit a float64, got inf. Some value of this schedule would overflow."
    ),
    "lr.constant(1e308) + lr.constant(1e308)": (
        "Sum: expected values that fit a float64, got inf. Some value of this schedule would overflow."
    ),
    "lr.constant(1, 2**53) >> A": "Sequence: expected at most 2**53 steps in all, got 9007199254741002.",
    "A.clip(1, 0)": "lo: expected a number <= hi, got (1.0, 0.0).",
    "A.clip(nan, 1)": "lo: expected a finite number, got nan.",
    'A.clip(0, "1")': "hi: expected a finite number, got '1'. Give an int or a float.",
    "A.repeat(0)": "times: expected an integer >= 1, got 0.",
    "A.repeat(-1)": "times: expected an integer >= 1, got -1.",
    "A.repeat(2.0)": "times: expected an integer >= 1, got 2.0.",
    "A.repeat(True)": "times: expected an integer >= 1, got True.",
    "lr.constant(1).repeat()": "inner: expected a schedule that ends, to repeat it, got Constant(value=1.0). Cut it with .until(steps).",
    "lr.linear(0, 1, 0).repeat()": "inner: expected a schedule of at least one step, to repeat it, got Ramp(start=0.0, stop=1.0, steps=0).",
    "A.repeat(stretch=0)": "stretch: expected a number > 0, got 0.0.",
    "A.repeat(stretch=-1)": "stretch: expected a number > 0, got -1.0.",
    "A.repeat(stretch=nan)": "stretch: expected a number > 0, got nan.",
    "A.repeat(decay=0)": "decay: expected a number > 0, got 0.0.",
    'A.repeat(decay="x")': "decay: expected a number > 0, got 'x'. Give an int or a float.",
    "A.repeat(floor=nan)": "floor: expected a finite number, got nan.",
    "A.repeat(decay_floor=-1)": "decay_floor: expected a number > 0, got -1.0.",
    "A.repeat(decay=2)": "Repeat: expected values that fit a float64, got inf. Some value of this schedule would overflow.",
    "A.repeat(2000, decay=2)": "Repeat: expected values that fit a float64, got inf. Some value of this schedule would overflow.",
    "A.repeat(stretch=0.5)": "stretch: expected cycles of at least one step, got 0.5. Cycle 4 would shrink to nothing; repeat fewer times.",
    "A.repeat(9, stretch=0.5)": (
        "stretch: expected cycles of at least one step, got 0.5. Cycle 4 would shrink to nothing; repeat fewer times."
    ),
    "A.repeat(1000, stretch=2)": (
        "Repeat: expected at most 2**53 steps in all, got 10715086071862673209484250490600018105614048117055336074437503883703510511249...."
    ),
    "A.repeat(stretch=1.000001)": (
        "stretch: expected at most 20000 cycles of unequal length, got 1.000001. Use a stretch further from 1, or fewer times."
    ),
    "A.repeat(2**53)": "Repeat: expected at most 2**53 steps in all, got 90071992547409920.",
    'Repeat("x")': "inner: expected a Schedule, got 'x'.",
    "A.every(0)": "k: expected an integer >= 1, got 0.",
    "A.every(1.0)": "k: expected an integer >= 1, got 1.0.",
    "A.every(True)": "k: expected an integer >= 1, got True.",
    "A.per(0)": "k: expected an integer >= 1, got 0.",
    "A.per(-3)": "k: expected an integer >= 1, got -3.",
    "A.per(2**53)": "Per: expected at most 2**53 steps in all, got 90071992547409920.",
    "A.stretch(0)": "k: expected a number > 0, got 0.0.",
    "A.stretch(-1)": "k: expected a number > 0, got -1.0.",
    "A.stretch(nan)": "k: expected a number > 0, got nan.",
    "A.stretch(inf)": "k: expected a number > 0, got inf.",
    'A.stretch("2")': "k: expected a number > 0, got '2'. Give an int or a float.",
    "A.stretch(1e300)": (
        "Stretch: expected at most 2**53 steps in all, "
        "got 10000000000000000525047602552044202487044685811081591549158541155118024579889...."
    ),
    "A.shift(-1)": "k: expected an integer >= 0, got -1. To start in the middle, evaluate from a later step instead.",
    "A.shift(1.5)": "k: expected an integer >= 0, got 1.5. To start in the middle, evaluate from a later step instead.",
    "A.until(-1)": _length("-1"),
    "A.until(1.0)": _length("1.0"),
    "A.until(None)": _length("None"),
    "A.until(2**53 + 1)": "steps: expected a length of at most 2**53 steps, got 9007199254740993.",
    "A.every(2**53 + 1)": "k: expected an integer from 1 to 2**53, got 9007199254740993.",
    "A.override(2**53 + 1, 0, 1)": "at: expected an integer from 0 to 2**53, got 9007199254740993.",
    'A.past_end("bounce")': "mode: expected one of hold, repeat, mirror, error, got 'bounce'.",
    'lr.constant(1).past_end("mirror")': (
        "inner: expected a schedule that ends, to say what follows its end, got Constant(value=1.0). Cut it with .until(steps)."
    ),
    'lr.linear(0, 1, 0).past_end("error")': ("inner: expected a schedule of at least one step, got Ramp(start=0.0, stop=1.0, steps=0)."),
    'lr.constant(1).past_end("repeat")': (
        "inner: expected a schedule that ends, to repeat it, got Constant(value=1.0). Cut it with .until(steps)."
    ),
    "A.past_end(None)": "mode: expected one of hold, repeat, mirror, error, got None.",
    'PastEnd(A, "hold")': "mode: expected one of hold, repeat, mirror, error, got 'hold'.",
    "A.override(-1, 0, 5)": "at: expected an integer >= 0, got -1.",
    "A.override(2.0, 0, 5)": "at: expected an integer >= 0, got 2.0.",
    "A.over(0.5)": "horizon: expected an integer >= 0, got 0.5.",
    "A.over(-1)": "horizon: expected an integer >= 0, got -1.",
    '(lr.linear(0, 1, "rest") >> lr.linear(0, 1, "rest"))': "phases[1].steps: expected at most one phase of \"rest\", got 'rest'.",
    "(lr.linear(0, 1, 0.7) >> lr.linear(0, 1, 0.4))": "phases: expected fractions of the horizon that add up to at most 1, got 1.1.",
    '(lr.linear(0, 1, 100) >> lr.linear(0, 1, "rest")).over(50)': (
        "phases[1].steps: expected something left of the horizon for the rest, got -50.0."
    ),
    "lr.linear(0, 1, 0.5).values()": "count: expected a number of steps, got None. Call .over(horizon) first.",
    "lr.constant(1).values()": "count: expected a number of steps, got None. An endless schedule has no length of its own.",
    "(lr.linear(0, 1, 0.5)*lr.constant(1)).steps": (
        "steps: expected a schedule without fractions of a horizon, "
        "got Product(terms=(Ramp(start=0.0, stop=1.0, steps=0.5), Constant(value=1.0))). Call .over(horizon) first."
    ),
    'lr.warmup("x", 5)': "warmup.schedule: expected a Schedule, got 'x'.",
    "lr.warmup_cosine(1, warmup=20, steps=10)": "warmup_cosine.warmup: expected a length within the 10 steps of the run, got 20.",
    "lr.warmup_cosine(1, warmup=1.0, steps=10)": _length("1.0", "warmup_cosine.warmup", WITHIN),
    "lr.warmup_cosine(1, warmup=2, steps=0.5)": "warmup_cosine.steps: expected an integer >= 0, got 0.5.",
    "lr.wsd(1, warmup=2, decay=2)": "wsd.decay: expected both decay and steps, or neither, got {'decay': 2, 'steps': None}.",
    "lr.wsd(1, warmup=6, decay=6, steps=10)": (
        "wsd.decay: expected warmup and decay within the 10 steps of the run, got {'warmup': 6, 'decay': 6}."
    ),
    "lr.wsd(1, warmup=0.1)": "wsd.warmup: expected an integer >= 0, got 0.1. A fraction needs steps.",
    "lr.cosine_restarts(1, 0, 0)": (
        "cosine_restarts.cycle: expected a schedule of at least one step, to repeat it, "
        "got Ramp(start=1.0, stop=0.0, steps=0, shape='cosine')."
    ),
    "lr.cosine_restarts(1, 0, 10, cycle_mul=0.5)": (
        "cosine_restarts.cycle_mul: expected cycles of at least one step, got 0.5. Cycle 4 would shrink to nothing; repeat fewer times."
    ),
    'lr.wsd(1, warmup="rest", decay=2, steps=10)': f"wsd.warmup: expected {WITHIN}, got 'rest'.",
}


@pytest.mark.parametrize("written", MADE)
def test_refused_when_made(written: str) -> None:
    with pytest.raises(lr.SpecError) as refusal:
        eval(written, NAMES)
    assert str(refusal.value) == MADE[written]


STEP = "steps: expected a step from 0 to 2**53, got"
ENDED = 'The schedule says past_end("error").'
MISSING = "Pass them with .with_data(values), or give the path of their .npy file."
UNRESOLVED = "schedule: expected lengths in steps, got Ramp(start=0.0, stop=1.0, steps=0.5). Turn fractions into steps with .over(horizon)."

ASKED = {
    "A(-1)": f"{STEP} -1.",
    "A(2**53 + 1)": f"{STEP} 9007199254740993.",
    "A(10**30)": f"{STEP} 1000000000000000000000000000000.",
    "A(-0.5)": f"{STEP} -0.5.",
    "A(nan)": f"{STEP} nan.",
    "A(inf)": f"{STEP} inf.",
    "A(1e300)": f"{STEP} 1e+300.",
    "A([1, -1])": f"{STEP} -1.",
    "A([0.5, nan])": f"{STEP} nan.",
    "A([2**53 + 1])": f"{STEP} 9007199254740993.",
    "A([2**63])": f"{STEP} 9223372036854775808.",
    "A(range(-1, 5))": f"{STEP} -1.",
    "A(np.array([2**64 - 1], dtype=np.uint64))": f"{STEP} 18446744073709551615.",
    "A(np.float64(-1))": f"{STEP} -1.0.",
    "A.values(-1)": "count: expected an integer >= 0, got -1.",
    "A.values(1.0)": "count: expected an integer >= 0, got 1.0.",
    "A.values(True)": "count: expected an integer >= 0, got True.",
    'A.values("5")': "count: expected an integer >= 0, got '5'.",
    "A.values(5, -1)": "start: expected an integer >= 0, got -1.",
    "A.values(5, 0.0)": "start: expected an integer >= 0, got 0.0.",
    "A.values(5, 0, 0)": "stride: expected an integer >= 1, got 0.",
    "A.values(5, 0, -1)": "stride: expected an integer >= 1, got -1.",
    "A.values(2, 2**53)": "count: expected a last step of at most 2**53, got 9007199254740993.",
    "A.values(3, 0, 2**53)": "count: expected a last step of at most 2**53, got 18014398509481984.",
    "A.values(5, dtype=int)": "dtype: expected float64 or float32, got int64.",
    'A.values(5, dtype="float16")': "dtype: expected float64 or float32, got float16.",
    "A.values(5, out=np.zeros(4))": "out: expected a buffer of shape (5,), got shape (4,).",
    "A.values(5, out=np.zeros((5, 1)))": "out: expected a buffer of shape (5,), got shape (5, 1).",
    "A.values(5, out=np.zeros(5, np.float32))": "out: expected a buffer of float64, got float32. Pass the dtype of out as dtype=.",
    "A.values(5, out=np.zeros(5, int))": "out: expected a buffer of float64, got int64. Pass the dtype of out as dtype=.",
    'A.values(5, out=np.zeros(5, ">f8"))': "out: expected a buffer of float64, got >f8. Pass the dtype of out as dtype=.",
    "A.values(5, out=np.broadcast_to(0.0, 5))": "out: expected a writable buffer, got a read-only one.",
    "A.values(5, threads=0)": "threads: expected an integer from 1 to 1024, got 0.",
    "A.values(5, threads=1025)": "threads: expected an integer from 1 to 1024, got 1025.",
    "A.values(5, threads=1.5)": "threads: expected an integer from 1 to 1024, got 1.5.",
    "A.values(5, threads=True)": "threads: expected an integer from 1 to 1024, got True.",
    "lr.constant(1).values()": "count: expected a number of steps, got None. An endless schedule has no length of its own.",
    "R(10)": f"step: expected a step before the end at 10, got 10. {ENDED}",
    "R(10.5)": f"step: expected a step before the end at 10, got 10.5. {ENDED}",
    "R([0, 11])": f"step: expected a step before the end at 10, got 11. {ENDED}",
    "R.values(12)": f"step: expected a step before the end at 10, got 11. {ENDED}",
    "R(2**53)": f"step: expected a step before the end at 10, got 9007199254740992. {ENDED}",
    'lr.write_row(R.program, 10, [{}], ["lr"])': f"step: expected a step before the end at 10, got 10. {ENDED}",
    "P.values(5)": "program: expected a program of one column, got one of 2 columns. Use rows().",
    "P.row(-1)": "step: expected an integer >= 0, got -1.",
    "P.row(0.5)": "step: expected an integer >= 0, got 0.5.",
    "P.row(1, out=np.zeros(3))": "out: expected a buffer of shape (2,), got shape (3,).",
    "P.rows(5, out=np.zeros((5, 3)))": "out: expected a buffer of shape (5, 2), got shape (5, 3).",
    "P.rows_at([[1]])": "steps: expected a one-dimensional array of steps, got shape (1, 1).",
    "P.rows_at([-1])": f"{STEP} -1.",
    'lr.write_row(P, -1, [{}, {}], ["lr", "lr"])': f"{STEP} -1.",
    'lr.write_row(P, 2**53 + 1, [{}, {}], ["lr", "lr"])': f"{STEP} 9007199254740993.",
    "lr.linear(0, 1, 0.5)(3)": UNRESOLVED,
    "lr.linear(0, 1, 0.5).values(3)": UNRESOLVED,
    "lr.compile_columns([lr.linear(0, 1, 0.5)])": UNRESOLVED,
    "lr.linear(0, 1, 0.5).shift(3)": UNRESOLVED,
    "lr.linear(0, 1, 0.5).override(3, 1, 1)": UNRESOLVED,
    "lr.warmup(lr.linear(0, 1, 0.5), 5)": "warmup." + UNRESOLVED,
    "lr.warmup(A, -1)": _length("-1", "warmup.steps"),
    'lr.warmup(A, 5, "last")': 'warmup.start: expected a finite number, "first", or "inside", got \'last\'. Give an int or a float.',
    'lr.warmup(A, 0.5, "first")': (
        'warmup.steps: expected an integer >= 0, got 0.5. With start="first" the length is an int; resolve fractions before.'
    ),
    'lr.warmup(A, 5, "first", shape="cosine")': "warmup.shape: expected linear, with start=\"first\", got 'cosine'.",
    'lr.warmup(A, 5, shape="polynomial")': "warmup.parameters: expected exactly those of polynomial (power), got [].",
    'A.override(3, 1, 1, "wobbly")': f"shape: expected one of {', '.join(lr.SHAPES)}, got 'wobbly'.",
    'lr.Samples((), sha256="0" * 64, length=5000)(3)': (
        f"samples: expected the 5,000 values of SHA-256 000000000000... at hand, got no values. {MISSING}"
    ),
    'lr.Samples((), sha256="0" * 64, length=5000, path="/nowhere/x.npy")(3)': (
        f"samples: expected the 5,000 values of SHA-256 000000000000... at hand, got no file at /nowhere/x.npy. {MISSING}"
    ),
}
NAMES |= {"R": A.past_end("error"), "P": lr.compile_columns([A, 0.5 * A])}


@pytest.mark.parametrize("written", ASKED)
def test_refused_when_asked(written: str) -> None:
    with pytest.raises(lr.SpecError) as refusal:
        eval(written, NAMES)
    assert str(refusal.value) == ASKED[written]


def test_a_file_of_other_samples_is_refused(tmp_path: Path) -> None:
    values, path = np.arange(5000.0), str(tmp_path / "values.npy")
    np.save(path, values + 1)
    samples = lr.from_json(lr.Samples(values, path=path).to_json())
    with pytest.raises(lr.SpecError) as refusal:
        samples(3)
    digests = [array.sha256[:12] for array in (lr.Samples(values), lr.Samples(values + 1))]
    assert str(refusal.value) == f"samples: expected values of SHA-256 {digests[0]}... in {path}, got other values, {digests[1]}...."


@pytest.mark.parametrize("out", [np.full(12, -1.0), np.full(24, -1.0)[::2]])
def test_a_refused_range_writes_nothing(out: Any) -> None:
    with pytest.raises(lr.SpecError):
        A.past_end("error").values(12, out=out)
    assert (out == -1).all()


@pytest.mark.parametrize("step", [-1, 10, 2**53 + 1])
def test_a_refused_row_writes_nothing(step: int) -> None:
    program, dicts = lr.compile_columns([A, A.past_end("error")]), [{"lr": -1.0}, {"lr": -1.0}]
    with pytest.raises(lr.SpecError):
        lr.write_row(program, step, dicts, ["lr", "lr"])
    assert dicts == [{"lr": -1.0}, {"lr": -1.0}]


TYPE_ERRORS = {
    "A(True)": "steps: expected integers or floats, got True.",
    "A(np.True_)": "steps: expected integers or floats, got np.True_.",
    'A("3")': "steps: expected integers or floats, got '3'.",
    "A(None)": "steps: expected integers or floats, got None.",
    "A([True, False])": "steps: expected an array of integers or floats, got bool.",
    'A(["1"])': "steps: expected an array of integers or floats, got <U1.",
    "A([1, None])": "steps: expected an array of integers or floats, got object.",
    "A(1j)": "steps: expected an array of integers or floats, got complex128.",
    "A([[1], [2, 3]])": "steps: expected an array of integers or floats, got list of uneven shape.",
    'A(np.array([1], dtype="M8[s]"))': "steps: expected an array of integers or floats, got datetime64[s].",
    "A(A)": "steps: expected an array of integers or floats, got object.",
    "A.values(5, out=[0] * 5)": "out: expected a writable buffer such as a NumPy array, got list.",
    "A.values(5, out=5)": "out: expected a writable buffer such as a NumPy array, got int.",
    'A.values(5, dtype="nonsense")': "data type 'nonsense' not understood",
    'P.rows_at("3")': "steps: expected integers or floats, got '3'.",
    'A >> "cosine"': "unsupported operand type(s) for >>: 'Ramp' and 'str'",
    "A >> None": "unsupported operand type(s) for >>: 'Ramp' and 'NoneType'",
    "3 >> A": "unsupported operand type(s) for >>: 'int' and 'Ramp'",
    "A + None": "unsupported operand type(s) for +: 'Ramp' and 'NoneType'",
    "lr.from_json(5)": "from_json takes str or bytes, got int",
    "lr.from_json(None)": "from_json takes str or bytes, got NoneType",
    "lr.linear(0, 1)": "linear() missing 1 required positional argument: 'steps'",
    "lr.linear(0, 1, 10, color=3)": "linear() got an unexpected keyword argument 'color'",
}


@pytest.mark.parametrize("written", TYPE_ERRORS)
def test_the_wrong_type_as_python_says_it(written: str) -> None:
    with pytest.raises(TypeError) as refusal:
        eval(written, NAMES)
    assert str(refusal.value) == TYPE_ERRORS[written]


RAMP = '{"type":"ramp","start":0.0,"stop":1.0,"steps":10}'
TRUNCATED = "document: expected a complete JSON document, got Input data was truncated."
FIELDS = "expected the fields of an lrcore document, got"
VERSION = "Read it with the lrcore that wrote it, or a newer one."


def _nested(depth: int) -> str:
    return '{"lrcore":1,"schedule":' + '{"type":"every","k":1,"inner":' * depth + RAMP + "}" * (depth + 1)


DOCUMENTS: dict[str | bytes, str] = {
    "": TRUNCATED,
    "{": TRUNCATED,
    '{"lrcore":1,"schedule":{"type":"ramp","start":0.0': TRUNCATED,
    '{"lrcore":1,"schedule":' + RAMP + "} {}": (
        "document: expected a complete JSON document, got JSON is malformed: trailing characters (byte 75)."
    ),
    b"\xff\xfe": "document: expected a complete JSON document, got JSON is malformed: invalid character (byte 0).",
    "[]": "document: expected object, got array.",
    "null": "document: expected object, got null.",
    "{}": f"document: {FIELDS} Object missing required field lrcore.",
    '{"schedule":' + RAMP + "}": f"document: {FIELDS} Object missing required field lrcore.",
    '{"lrcore":2,"schedule":' + RAMP + "}": f"lrcore: expected a document of format 1, got 2. {VERSION}",
    '{"lrcore":2,"schedule":{"type":"unheard of"}}': f"lrcore: expected a document of format 1, got 2. {VERSION}",
    '{"lrcore":0,"schedule":' + RAMP + "}": f"lrcore: expected a document of format 1, got 0. {VERSION}",
    '{"lrcore":"1","schedule":' + RAMP + "}": "lrcore: expected int, got str.",
    '{"lrcore":true,"schedule":' + RAMP + "}": "lrcore: expected int, got bool.",
    '{"lrcore":1}': f"document: {FIELDS} Object missing required field schedule.",
    '{"lrcore":1,"schedule":null}': "schedule: expected object, got null.",
    '{"lrcore":1,"schedule":{}}': f"schedule: {FIELDS} Object missing required field type.",
    '{"lrcore":1,"schedule":' + RAMP + ',"more":1}': f"document: {FIELDS} Object contains unknown field more.",
    '{"lrcore":1,"schedule":{"type":"rampe"}}': f"schedule.type: {FIELDS} Invalid value 'rampe'.",
    '{"lrcore":1,"schedule":{"type":"ramp","start":0.0,"stop":1.0}}': f"schedule: {FIELDS} Object missing required field steps.",
    '{"lrcore":1,"schedule":{"type":"constant","value":1.0,"color":"red"}}': f"schedule: {FIELDS} Object contains unknown field color.",
    '{"lrcore":1,"schedule":{"type":"constant","value":"1"}}': "schedule.value: expected float, got str.",
    '{"lrcore":1,"schedule":{"type":"constant","value":true}}': "schedule.value: expected float, got bool.",
    '{"lrcore":1,"schedule":{"type":"constant","value":1e999}}': f"schedule.value: {FIELDS} Number out of range.",
    '{"lrcore":1,"schedule":{"type":"constant","value":1.0,"steps":-1}}': _length("-1", "schedule.steps"),
    '{"lrcore":1,"schedule":{"type":"constant","value":1.0,"steps":1.0}}': _length("1.0", "schedule.steps"),
    '{"lrcore":1,"schedule":{"type":"constant","value":1.0,"steps":"many"}}': f"schedule.steps: {FIELDS} Invalid enum value 'many'.",
    '{"lrcore":1,"schedule":{"type":"ramp","start":0.0,"stop":1.0,"steps":true}}': "schedule.steps: expected int | float | str, got bool.",
    '{"lrcore":1,"schedule":{"type":"ramp","start":0.0,"stop":1.0,"steps":9,"shape":"wobbly"}}': (
        f"schedule.shape: expected one of {', '.join(lr.SHAPES)}, got 'wobbly'."
    ),
    '{"lrcore":1,"schedule":{"type":"sequence","phases":[' + RAMP + ',{"type":"constant","value":1.0,"steps":-1}]}}': (
        _length("-1", "schedule.phases[1].steps")
    ),
    '{"lrcore":1,"schedule":{"type":"sequence","phases":[]}}': "schedule.phases: expected a tuple of at least one schedule, got ().",
    '{"lrcore":1,"schedule":{"type":"samples"}}': (
        "schedule.values: expected a one-dimensional array of at least one finite number, got float64 of shape (0,)."
    ),
    '{"lrcore":1,"schedule":{"type":"samples","sha256":"zz","length":5000}}': "schedule.sha256: expected 64 hexadecimal digits, got 'zz'.",
    _nested(250): (
        "schedule." + "inner." * 50 + "Every: expected at most 200 levels of nesting, got 201. Join phases with >>, which stays flat."
    ),
    _nested(100_000): "document: expected at most 200 levels of nesting, got a deeper document.",
}  # fmt: skip


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda text: str(text)[:90])
def test_refused_when_read(document: str | bytes) -> None:
    with pytest.raises(lr.SpecError) as refusal:
        lr.from_json(document)
    assert str(refusal.value) == DOCUMENTS[document]


def test_every_prefix_of_a_document_is_refused() -> None:
    document = (A >> lr.cosine(1, 0, 5)).to_json()
    for end in range(len(document)):
        with pytest.raises(lr.SpecError):
            lr.from_json(document[:end])


@pytest.mark.parametrize("schedule", [A.past_end("error"), A.repeat().stretch(1.5)], ids=["end", "ticks"])
def test_a_refused_row_leaves_out_as_it_was(schedule: lr.Schedule) -> None:
    program = lr.compile_columns([A, schedule])
    row, rows = np.full(2, -1.0), np.full((2, 2), -1.0)
    with pytest.raises(lr.SpecError, match="step: expected"):
        program.row(2**53, out=row)
    with pytest.raises(lr.SpecError, match="step: expected"):
        program.rows(2, start=2**53 - 1, out=rows)
    assert (row == -1).all() and (rows == -1).all()
