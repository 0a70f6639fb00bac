"""RowWriter: the values of a step, in dictionaries that others hold, change and replace."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import lrcore as lr

BASE = lr.cosine(0.1, 0.01, 100)
PLAN = lr.Plan(BASE, beta1=lr.linear(0.8, 0.9, 100), groups={"head": {"lr": 0.5 * BASE}})


class Tensor:
    """What is filled in place."""

    def __init__(self) -> None:
        self.value = 0.0

    def fill_(self, value: float) -> None:
        self.value = value


def groups_of(*names: str | None) -> list[dict[str, Any]]:
    return [{"params": [], **({"name": name} if name else {}), "lr": 1, "betas": (0.9, 0.999), "eps": 0.1} for name in names]


def writer_of(groups: list[dict[str, Any]], plan: lr.Plan = PLAN) -> tuple[lr.RowWriter, lr.BoundPlan]:
    bound = plan.bind([group.get("name", f"group{i}") for i, group in enumerate(groups)])
    places = [bound.names.index(name) for name, _ in bound.columns]
    keys, slots = zip(*[("betas", 0) if field == "beta1" else (field, -1) for _, field in bound.columns], strict=True)
    return lr.RowWriter(bound.program, groups, places, list(keys), list(slots)), bound


def held(groups: list[dict[str, Any]]) -> list[float]:
    return [value for group in groups for value in (group["lr"], group["betas"][0])]


def test_writes_the_row_bit_for_bit_and_nothing_else():
    groups = groups_of("body", "head", None)
    writer, bound = writer_of(groups)
    for step in [0, 1, 7, 99, 100, 2**53]:
        assert writer.write(groups, step)
        assert held(groups) == bound.row(step).tolist()
        assert all(type(value) is float for value in held(groups))
        assert [(group["betas"][1], group["eps"]) for group in groups] == [(0.999, 0.1)] * 3


def test_writes_values_from_elsewhere():
    groups = groups_of("body", "head")
    writer, bound = writer_of(groups)
    assert writer.write_values(groups, 0.5 * bound.row(7)) and held(groups) == (0.5 * bound.row(7)).tolist()
    assert not writer.write_values(list(groups), bound.row(8)) and held(groups) == (0.5 * bound.row(7)).tolist()
    with pytest.raises(ValueError, match=r"^RowWriter: expected 4 values, one for each column, got 3\.$"):
        writer.write_values(groups, np.zeros(3))


def test_a_value_that_somebody_kept_does_not_change():
    groups = groups_of("body", "head")
    writer, bound = writer_of(groups)
    kept = []
    for step in range(50):
        writer.write(groups, step)
        kept.append(groups[0]["lr"])
        before = [group["lr"] for group in groups]
        writer.write(groups, step)
        assert before == [group["lr"] for group in groups]
    assert kept == [bound.row(step)[0] for step in range(50)]


def test_every_write_puts_another_object_there():
    """Whoever guards a dictionary by its objects, as torch.compile does, must see each change."""
    groups = groups_of("body")
    writer, _ = writer_of(groups, lr.Plan(BASE))
    writer.write(groups, 0)
    for step in range(1, 20):
        before = id(groups[0]["lr"])
        writer.write(groups, step)
        assert id(groups[0]["lr"]) != before


@pytest.mark.parametrize("after", [0, 1, 5])
def test_what_can_be_filled_is_filled(after):
    groups = groups_of("body", "head")
    writer, bound = writer_of(groups)
    for step in range(after):
        writer.write(groups, step)
    rate, beta = Tensor(), Tensor()
    groups[0]["lr"], groups[1]["betas"] = rate, (beta, 0.999)
    assert writer.write(groups, 9)
    assert (rate.value, groups[0]["betas"][0], groups[1]["lr"], beta.value) == tuple(bound.row(9).tolist())
    assert groups[0]["lr"] is rate and groups[1]["betas"][0] is beta


@pytest.mark.parametrize("number", [1, np.float64(0.5), np.float32(0.5), True])
def test_other_numbers_become_floats(number):
    groups = groups_of("body")
    writer, _ = writer_of(groups, lr.Plan(BASE))
    for step in range(3):
        groups[0]["lr"] = number
        writer.write(groups, step)
        assert type(groups[0]["lr"]) is float and groups[0]["lr"] == BASE(step)


CHANGES = {
    "another list": lambda groups: list(groups),
    "one more": lambda groups: groups.append(groups_of("late")[0]),
    "one less": lambda groups: groups.pop(),
    "permuted": lambda groups: groups.reverse(),
    "renamed": lambda groups: groups[0].update(name="other"),
    "named": lambda groups: groups[2].update(name="other"),
    "nameless": lambda groups: groups[0].pop("name"),
    "no dictionary": lambda groups: groups.__setitem__(1, None),
}


@pytest.mark.parametrize("change", CHANGES)
def test_other_groups_are_noticed_and_left_alone(change):
    groups = groups_of("body", "head", None)
    writer, _ = writer_of(groups)
    writer.write(groups, 0)
    changed = CHANGES[change](groups)
    groups = changed if isinstance(changed, list) else groups
    before = [dict(group) if group else None for group in groups]
    assert not writer.write(groups, 5)
    assert groups == before


def test_keys_that_moved_are_found():
    groups = groups_of("body", "head")
    writer, bound = writer_of(groups)
    writer.write(groups, 0)
    rate = groups[0].pop("lr")
    groups[0]["new"], groups[0]["lr"] = 1, rate
    assert writer.write(groups, 5) and held(groups) == bound.row(5).tolist()


@pytest.mark.parametrize(
    ("step", "error", "sentence"),
    [
        (-1, lr.SpecError, "steps: expected a step from 0 to 2**53, got -1."),
        (2**60, lr.SpecError, "steps: expected a step from 0 to 2**53, got 1152921504606846976."),
        (1.0, TypeError, "step: expected an int, got 1.0."),
        (100, lr.SpecError, 'step: expected a step before the end at 100, got 100. The schedule says past_end("error").'),
    ],
)
def test_a_refused_step_writes_nothing(step, error, sentence):
    groups = groups_of("body")
    writer, _ = writer_of(groups, lr.Plan(BASE.past_end("error")))
    writer.write(groups, 5)
    with pytest.raises(error) as refusal:
        writer.write(groups, step)
    assert str(refusal.value) == sentence and groups[0]["lr"] == BASE(5)


@pytest.mark.parametrize(
    ("places", "keys", "slots", "error", "sentence"),
    [
        ([0], ["lr"], [-1], ValueError, "RowWriter: expected 2 places, keys and slots, one for each column of the program."),
        ([0, 1], ["lr", "betas"], [-1, 0], ValueError, "places[1]: expected the place of one of 1 groups, got 1."),
        ([0, 0], ["lr", "betas"], [-1, 2], ValueError, "slots[1]: expected a place in a tuple of 2, or -1, got 2."),
        ([0, 0], ["lr", "gamma"], [-1, -1], KeyError, "'gamma'"),
    ],
)
def test_places_that_do_not_exist_are_refused(places, keys, slots, error, sentence):
    with pytest.raises(error) as refusal:
        lr.RowWriter(
            PLAN.bind(["head"]).program if len(keys) == 1 else lr.Plan(BASE, beta1=0.9).bind().program, groups_of("a"), places, keys, slots
        )
    assert str(refusal.value) == sentence


def test_no_memory_is_lost_over_many_steps():
    import gc
    import tracemalloc

    groups = groups_of(*(f"g{i}" for i in range(100)))
    writer, _ = writer_of(groups, lr.Plan(BASE, beta1=0.9 * BASE))
    for step in range(100):
        writer.write(groups, step)
    gc.collect()
    tracemalloc.start()
    before = tracemalloc.get_traced_memory()[0]
    for step in range(10_000):
        writer.write(groups, step)
    after = tracemalloc.get_traced_memory()[0]
    tracemalloc.stop()
    assert after - before < 50_000  # the floats of one step are some 24 bytes each


HANDS_OFF = {
    "nothing": (lambda group: None, True),
    "another value": (lambda group: group.update(lr=0.3), False),
    "the same value anew": (lambda group: group.update(lr=float(repr(group["lr"]))), False),
    "another field": (lambda group: group.update(eps=0.3), True),
    "another name": (lambda group: group.update(name="other"), False),
}


@pytest.mark.parametrize("hand", HANDS_OFF)
def test_knows_whether_its_values_still_stand(hand):
    groups = groups_of("body", "head")
    writer, _ = writer_of(groups, lr.Plan(BASE))
    assert not writer.holds(groups)
    writer.write(groups, 5)
    change, held_still = HANDS_OFF[hand]
    change(groups[1])
    assert writer.holds(groups) == held_still and not writer.holds(list(groups))
