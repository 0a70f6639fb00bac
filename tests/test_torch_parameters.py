"""param_groups: every parameter that learns is in one group, and the groups' names are what a plan is written with."""

from __future__ import annotations

import pytest
import torch
import transformers
from torch import nn
from transformers.trainer_pt_utils import get_parameter_names

import lrcore as lr
from lrcore_torch import PlanScheduler
from lrcore_torch.parameters import layer_names, param_groups


class Block(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.norm1 = nn.LayerNorm((4, 8))  # a norm of two dimensions
        self.attn = nn.MultiheadAttention(8, 2)
        self.mlp = nn.Sequential(nn.Linear(8, 16), nn.GELU(), nn.Linear(16, 8))


class ViT(nn.Module):
    """Registered as timm does it: tokens, patches, blocks, the last norm, the head."""

    def __init__(self, blocks: int = 12) -> None:
        super().__init__()
        self.cls_token, self.pos_embed = nn.Parameter(torch.zeros(1, 1, 8)), nn.Parameter(torch.zeros(1, 5, 8))
        self.patch_embed = nn.Conv2d(3, 8, 4)
        self.blocks = nn.ModuleList(Block() for _ in range(blocks))
        self.norm, self.head = nn.RMSNorm(8), nn.Linear(8, 10)


RULES = {"cls_token|embed": "stem", "^norm|^head": "head"}


def by_name(model: nn.Module, *args: object) -> dict[str, list[str]]:
    """Group name -> names of its parameters."""
    names = {id(parameter): name for name, parameter in model.named_parameters()}
    return {group["name"]: [names[id(each)] for each in group["params"]] for group in param_groups(model, *args)}  # type: ignore[arg-type]


def test_groups_stand_from_the_input_to_the_output():
    layers = [f"layer{i}" for i in range(12)]
    groups = param_groups(ViT(), RULES)
    assert layer_names(groups) == ["stem", *layers, "head"]
    assert [group["name"] for group in groups] == [name + tail for name in ("stem", *layers, "head") for tail in ("", ".no_decay")]


def test_layers_are_counted_not_spelled():
    model = nn.ModuleDict({"head": nn.Linear(2, 2), "blocks": nn.ModuleDict({str(i): nn.Linear(2, 2) for i in (10, 9, 0)})})
    assert layer_names(param_groups(model, {"head": "head"})) == ["head", "layer0", "layer9", "layer10"]


def test_norms_and_biases_stand_apart():
    model = ViT(1)
    assert by_name(model, RULES) == {
        "stem": ["cls_token", "pos_embed", "patch_embed.weight"],
        "stem.no_decay": ["patch_embed.bias"],
        "layer0": [f"blocks.0.{name}" for name in ("attn.in_proj_weight", "attn.out_proj.weight", "mlp.0.weight", "mlp.2.weight")],
        "layer0.no_decay": [
            f"blocks.0.{name}"
            for name in ("norm1.weight", "norm1.bias", "attn.in_proj_bias", "attn.out_proj.bias", "mlp.0.bias", "mlp.2.bias")
        ],
        "head": ["head.weight"],
        "head.no_decay": ["norm.weight", "head.bias"],
    }


def test_the_same_parameters_decay_as_in_transformers():
    config = transformers.BertConfig(hidden_size=8, num_hidden_layers=2, num_attention_heads=2, intermediate_size=8, vocab_size=9)
    model = transformers.BertModel(config)
    groups = by_name(model, {"^embeddings": "stem", "^pooler": "head"}, r"encoder\.layer\.(\d+)")
    assert list(groups)[::2] == ["stem", "layer0", "layer1", "head"]
    decaying = [name for name in get_parameter_names(model, [nn.LayerNorm]) if "bias" not in name]
    assert sorted(name for group, names in groups.items() if not group.endswith(".no_decay") for name in names) == sorted(decaying)


def test_the_first_rule_wins_and_may_name_any_group():
    rules = [("cls_token|pos_embed", "stem.no_decay"), ("embed", "stem"), (r"blocks\.0", "stem"), (".*", "rest")]
    groups = by_name(ViT(2), rules)
    assert list(groups) == ["stem", "stem.no_decay", "rest", "rest.no_decay"]
    assert {"cls_token", "pos_embed"} < set(groups["stem.no_decay"]) and "blocks.0.mlp.0.weight" in groups["stem"]
    assert "blocks.1.mlp.0.weight" in groups["rest"]


def test_what_is_frozen_is_left_out_and_left_alone():
    model = ViT(2)
    model.head.requires_grad_(False)
    groups = by_name(model, {"embed|cls": None, "^norm": "head"})
    assert list(groups) == ["layer0", "layer0.no_decay", "layer1", "layer1.no_decay", "head.no_decay"]
    assert model.pos_embed.requires_grad and not model.head.weight.requires_grad


def test_tied_parameters_come_once():
    model = nn.ModuleDict({"embed": nn.Embedding(5, 4), "out": nn.Linear(4, 5, bias=False)})
    model["out"].weight = model["embed"].weight
    assert by_name(model, {"embed": "stem", ".*": "head"}) == {"stem": ["embed.weight"]}


@pytest.mark.parametrize("rules", [RULES, {".*": "all"}, {"mlp": "mlp", "norm": None, ".*": "rest"}])
def test_every_parameter_is_in_one_group_or_left_out(rules):
    model = ViT(3)
    left_out = {name for name, _ in model.named_parameters() if "norm" in name} if None in rules.values() else set()
    listed = [name for names in by_name(model, rules).values() for name in names]
    assert sorted(listed) == sorted({name for name, _ in model.named_parameters()} - left_out)


def test_a_plan_of_layers_drives_them():
    groups = param_groups(ViT(2), RULES)
    rates = lr.layerwise(lr.cosine(1e-3, 0.0, 10), 0.5, layer_names(groups))
    plan = lr.Plan(
        weight_decay=0.05,
        groups={name: {"lr": rate} for name, rate in rates.items()}
        | {f"{name}.no_decay": {"lr": rate, "weight_decay": 0.0} for name, rate in rates.items()},
    )
    optimizer = torch.optim.AdamW(groups, lr=1.0)
    PlanScheduler(optimizer, plan)
    assert [(group["lr"], group["weight_decay"]) for group in optimizer.param_groups] == [
        (1e-3 * 0.5 ** (3 - i // 2), 0.0 if i % 2 else 0.05) for i in range(8)
    ]


MODEL = ViT(1)
BAD = {
    "no rule": (
        (MODEL, {"^head": "head"}),
        "No rule takes cls_token, pos_embed, patch_embed.weight, patch_embed.bias, norm.weight. Give them a group in rules, or None to "
        'leave them out; rules={..., ".*": "rest"} takes whatever is left.',
    ),
    "no layers": (
        (MODEL, RULES, None),
        "No rule takes blocks.0.norm1.weight, blocks.0.norm1.bias, blocks.0.attn.in_proj_weight, blocks.0.attn.in_proj_bias, "
        "blocks.0.attn.out_proj.weight, blocks.0.attn.out_proj.bias and 4 more. Give them a group in rules, or None to "
        'leave them out; rules={..., ".*": "rest"} takes whatever is left.',
    ),
    "no match": (
        (MODEL, {"haed": "head"}),
        "rules['haed'] matches no parameter of the model. Correct the pattern, or leave it out.",
    ),
    "nothing left": ((MODEL, {".*": None}), "No parameter is left for the optimizer: every one is frozen, or left out by a rule."),
    "no model": ((3,), "model: expected a torch.nn.Module, got 3."),
    "no pairs": (
        (MODEL, ["^head"]),
        'rules: expected a mapping from patterns to names of groups, got [\'^head\']. Write rules={"^head": "head"}.',
    ),
    "no name": ((MODEL, {"^head": ""}), "rules['^head']: expected the name of a group, or None to leave the parameters out, got ''."),
    "no pattern": (
        (MODEL, {"(": "head"}),
        "rules: expected regular expressions (missing ), unterminated subpattern at position 0), got '('.",
    ),
    "no number": (
        (MODEL, RULES, r"blocks\.\d+"),
        "layers: expected a pattern with a group for the number, such as blocks\\.(\\d+), got 'blocks\\\\.\\\\d+'.",
    ),
    "not a number": (
        (MODEL, RULES, r"(blocks)"),
        "layers: expected a pattern whose first group is a number in 'blocks.0.norm1.weight', got '(blocks)'.",
    ),
}


@pytest.mark.parametrize("case", BAD)
def test_bad_input_is_a_sentence(case):
    arguments, sentence = BAD[case]
    with pytest.raises(lr.LrcoreError) as refusal:
        param_groups(*arguments)
    assert str(refusal.value) == sentence
