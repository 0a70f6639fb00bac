"""Noise: the same number for a seed and a step, however it is asked for, and as many of each size as the distribution says."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import stats

import lrcore as lr
from lrcore.schedule import Noise
from oracle import assert_true

KINDS = {
    "uniform": (Noise(7), stats.uniform(-1, 2)),
    "scaled": (Noise(7, "uniform", 0.25), stats.uniform(-0.25, 0.5)),
    "normal": (Noise(7, "normal"), stats.norm()),
    "within two thirds": (Noise(7, "normal", 0.5, 0.67), stats.truncnorm(-0.67, 0.67, scale=0.5)),
    "within three": (Noise(7, "normal", 2.0, 3.0), stats.truncnorm(-3, 3, scale=2.0)),
}


@pytest.mark.parametrize("kind", KINDS)
def test_has_its_distribution(kind: str) -> None:
    noise, wanted = KINDS[kind]
    assert stats.kstest(noise.values(100_000), wanted.cdf).pvalue > 1e-3


@pytest.mark.parametrize("kind", KINDS)
def test_the_largest_and_the_smallest_of_a_million_are_exact(kind: str) -> None:
    noise = KINDS[kind][0]
    values = np.abs(noise.values(1_000_000))
    order = np.argsort(values)
    assert_true(noise, [*range(200), *order[:100].tolist(), *order[-100:].tolist(), 2**53 - 1, 2**53])


@pytest.mark.parametrize("shift", [1, 2, 1000])
def test_neighbours_and_seeds_have_nothing_to_do_with_each_other(shift: int) -> None:
    values = Noise(0).values(200_000)
    assert abs(np.corrcoef(values[shift:], values[:-shift])[0, 1]) < 0.01
    assert abs(np.corrcoef(values, Noise(shift).values(200_000))[0, 1]) < 0.01


def test_a_place_in_a_sequence_has_its_own_clock() -> None:
    noise = Noise(3)
    later = lr.constant(0.5, 10) >> noise
    assert later.values(50, 10).tolist() == noise.values(50).tolist()
    assert noise.stretch(4)(np.arange(40)).tolist() == np.repeat(noise.values(10), 4).tolist()
    assert noise(7.9) == noise(7)


REFUSED = {
    "seed": ({"seed": -1}, "seed: expected an integer >= 0, got -1."),
    "kind": ({"seed": 1, "kind": "pink"}, "kind: expected one of uniform, normal, got 'pink'."),
    "scale": ({"seed": 1, "scale": -1.0}, "scale: expected a number from 0 to 1e100, got -1.0."),
    "limit of uniform": ({"seed": 1, "limit": 1.0}, "limit: expected a number from 0.01 to 8, with normal noise, got 1.0."),
    "limit": ({"seed": 1, "kind": "normal", "limit": 9.0}, "limit: expected a number from 0.01 to 8, with normal noise, got 9.0."),
}


@pytest.mark.parametrize("case", REFUSED)
def test_refused(case: str) -> None:
    arguments, sentence = REFUSED[case]
    with pytest.raises(lr.SpecError) as refusal:
        Noise(**arguments)
    assert str(refusal.value) == sentence
