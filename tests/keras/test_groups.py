"""Rules say which variables are in which group; whatever leaves that open is refused with a sentence."""

from __future__ import annotations

import re

import keras
import pytest

import lrcore as lr
from lrcore_keras.groups import attribute_of, checked_rules, groups_of, names_of

PATHS = ["net/body/kernel", "net/body/bias", "net/head/kernel", "net/head/bias"]


@pytest.mark.parametrize(
    ("rules", "groups"),
    [
        ({".*": "all"}, ["all"] * 4),
        ({"bias$": "free", ".*": "rest"}, ["rest", "free", "rest", "free"]),
        ({"head/kernel": "head", "head": "free", "body": "body"}, ["body", "body", "head", "free"]),
        ({"head/bias": "free", "head/": "head", "bias$": "free", ".*": "body"}, ["body", "free", "head", "free"]),
        ({"head/": "one", "bias$": "one", ".*": "two"}, ["two", "one", "one", "one"]),
        ({"kernel": "a", "bias": "b"}, ["a", "b", "a", "b"]),
    ],
)
def test_the_first_rule_that_is_found_wins(rules, groups):
    assert groups_of(PATHS, checked_rules(rules)) == groups


@pytest.mark.parametrize(
    ("rules", "sentence"),
    [
        (
            {"neck": "a", ".*": "b"},
            "rules['neck'] matches none of the variables 'net/body/kernel', 'net/body/bias', 'net/head/kernel', 'net/head/bias'. "
            "Correct it, or leave it out.",
        ),
        ({"head": "a"}, "No rule matches 'net/body/kernel', 'net/body/bias'. Write one for them, or end with a rule '.*'."),
        (
            {".*": "b", "head": "a"},
            "rules['head'] is never reached: rules before it, such as '.*', take 'net/head/bias', 'net/head/kernel'. Write it earlier.",
        ),
        (
            {"head": "a", "bias": "b", ".*": "c"},
            "'net/head/bias' matches rules['head'] for group 'a' and rules['bias'] for group 'b', and neither is part of the other. "
            "Write a rule for what both match before them.",
        ),
    ],
)
def test_what_the_rules_leave_open_is_refused(rules, sentence):
    with pytest.raises(lr.PlanError, match=f"^{re.escape(sentence)}$"):
        groups_of(PATHS, checked_rules(rules))


@pytest.mark.parametrize(
    ("rules", "sentence"),
    [
        ([], "rules: expected a mapping from regular expressions to groups, got []. Write {\"bias$\": \"biases\", \".*\": \"weights\"}."),
        ({}, "rules: expected a mapping from regular expressions to groups, got {}. Write {\"bias$\": \"biases\", \".*\": \"weights\"}."),
        ({"a": 1}, "rules: expected regular expressions with names of groups, got {'a': 1}. Write {\"bias$\": \"biases\"}."),
        ({"(": "a"}, "rules: expected regular expressions (missing ), unterminated subpattern at position 0), got '('."),
    ],
)  # fmt: skip
def test_what_is_no_rule_is_refused(rules, sentence):
    with pytest.raises(lr.SpecError, match=f"^{re.escape(sentence)}$"):
        checked_rules(rules)


def test_a_plan_with_groups_needs_rules():
    sentence = (
        "The plan has the groups 'head', and no rules say which variables are in them. "
        'Pass rules={regular expression for variable.path: group}, such as {"head/": "head", ".*": "body"}.'
    )
    with pytest.raises(lr.PlanError, match=f"^{re.escape(sentence)}$"):
        names_of(lr.Plan(0.1, groups={"head": {"lr": 0.2}}), None)
    assert names_of(lr.Plan(0.1), None) == ["default"]


@pytest.mark.parametrize(
    ("kind", "field", "attribute"),
    [
        ("SGD", "lr", "learning_rate"), ("SGD", "momentum", "momentum"), ("SGD", "weight_decay", "weight_decay"),
        ("AdamW", "beta1", "beta_1"), ("AdamW", "beta2", "beta_2"), ("AdamW", "eps", "epsilon"),
        ("RMSprop", "rho", "rho"), ("RMSprop", "alpha", "rho"), ("Muon", "adam_beta_1", "adam_beta_1"),
    ],
)  # fmt: skip
def test_fields_have_a_place(kind, field, attribute):
    config = getattr(keras.optimizers, kind)().get_config()
    assert attribute_of(field, "g", kind, config) == attribute
    assert attribute in config


@pytest.mark.parametrize(
    ("kind", "field", "sentence"),
    [
        (
            "Adam", "momentum",
            "The plan schedules momentum of 'g', and Adam has no momentum. Its momentum is beta1. "
            "It has learning_rate, beta_1, beta_2, epsilon, weight_decay.",
        ),
        ("SGD", "beta1", "The plan schedules beta1 of 'g', and SGD has no beta_1. It has learning_rate, momentum, weight_decay."),
        (
            "SGD", "clipnorm",
            "The plan schedules clipnorm of 'g', and SGD reads clipnorm for all its variables at once, as a constant. "
            "Leave it out of the plan.",
        ),
        (
            "Muon", "ns_steps",
            "The plan schedules ns_steps of 'g', and Muon holds 5 in ns_steps, which is no floating-point number. "
            "Leave it out of the plan.",
        ),
    ],
)  # fmt: skip
def test_fields_without_a_place_are_refused(kind, field, sentence):
    with pytest.raises(lr.PlanError, match=f"^{re.escape(sentence)}$"):
        attribute_of(field, "g", kind, getattr(keras.optimizers, kind)().get_config())
