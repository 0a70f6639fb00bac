"""A shape costs three places: a line in `_shapes.h`, a row in `shapes.py`, a row in the oracle. Each one left out is detected."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

import lrcore as lr
import oracle
from lrcore import _kernel
from lrcore.schedule import Ramp
from lrcore.shapes import CODES, SHAPES

ROOT = Path(__file__).parents[1]


def test_kernel_registry_and_oracle_hold_the_same_shapes_in_the_same_order() -> None:
    assert list(_kernel.SHAPE_NAMES) == list(SHAPES) == list(oracle.SHAPE)
    assert CODES == {name: code for code, name in enumerate(_kernel.SHAPE_NAMES)}


@pytest.mark.parametrize("name", SHAPES)
class TestEveryRow:
    def test_says_what_it_is(self, name: str) -> None:
        row = SHAPES[name]
        assert row.name == name and row.summary and row.formula and row.source
        assert all(parameter.low < parameter.example <= parameter.high and parameter.summary for parameter in row.parameters)

    def test_its_example_runs_from_start_to_stop(self, name: str) -> None:
        row = SHAPES[name]
        example = lr.ramp(*row.example, 90, name, **{parameter.name: parameter.example for parameter in row.parameters})
        rates = example.values(95)
        assert rates[0] == example.start and (rates[90:] == example.stop).all() and (np.diff(rates) <= 0).all()
        assert type(example) is Ramp and lr.from_json(example.to_json()) == example

    def test_its_parameters_are_kept_within_their_domain(self, name: str) -> None:
        for i, parameter in enumerate(SHAPES[name].parameters):
            for wrong in (parameter.low, parameter.high * 1.01, float("nan")):
                args = [other.example for other in SHAPES[name].parameters]
                args[i] = wrong
                with pytest.raises(lr.SpecError) as refusal:
                    Ramp(*SHAPES[name].example, 10, name, tuple(args))
                assert refusal.value.path == parameter.name
