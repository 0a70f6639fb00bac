"""Parameter groups with names, for plans to say what they get."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import Any

from torch import Tensor, nn

import lrcore as lr

NO_DECAY = ".no_decay"
"""How the name of a group ends that holds norms and biases."""

_NORMS = (nn.LayerNorm, nn.RMSNorm)
"""Norms whose parameters may have more than one dimension; those of all others have one, which is enough to know them by."""

Rules = Mapping[str, str | None] | Iterable[tuple[str, str | None]]


def param_groups(model: nn.Module, rules: Rules | None = None, layers: str | None = r"blocks\.(\d+)") -> list[dict[str, Any]]:
    r"""The model's parameters as named groups for an optimizer, from the input to the output. Rates live in the Plan.

    rules : {pattern: name of the group, or None to leave the parameters out}; the first pattern found in a parameter's full name
        wins, `re.search`. What is left out stays as it is: it still requires its gradient, and keeps its value. `".*"` last is
        the rest
    layers : what no rule takes goes by this pattern, whose first group is the layer's number: to layer0, layer1, ... None for no layers

    Returns [{"name": ..., "params": [...]}, ...]. Norms and biases of a group stand apart, in one called "... .no_decay" right
    after it: the parameters of normalisation layers, those called bias, and all of at most one dimension, as timm and
    Hugging Face have it; embeddings decay, and a rule for a name that ends in .no_decay keeps them from it. Groups stand in the order
    of their first parameter in the model, layers by number. Parameters that need no gradient are left out, tied ones come once,
    under their first name.

    Raises PlanError for parameters that nothing matches, a pattern that matches none, and if no group is left; SpecError for
    arguments that mean nothing.

    >>> import lrcore as lr, torch
    >>> class Block(torch.nn.Module):
    ...     def __init__(self):
    ...         super().__init__()
    ...         self.norm, self.mlp = torch.nn.LayerNorm(8), torch.nn.Linear(8, 8)
    >>> class ViT(torch.nn.Module):
    ...     def __init__(self):
    ...         super().__init__()
    ...         self.patch_embed = torch.nn.Conv2d(3, 8, 4)
    ...         self.blocks = torch.nn.ModuleList([Block(), Block()])
    ...         self.norm, self.head = torch.nn.LayerNorm(8), torch.nn.Linear(8, 10)
    >>> groups = param_groups(ViT(), {"embed": "stem", "^norm|^head": "head"})
    >>> [group["name"] for group in groups][:4]
    ['stem', 'stem.no_decay', 'layer0', 'layer0.no_decay']

    Layer-wise decay of the rate, and no weight decay for norms and biases:

    >>> rates = lr.layerwise(lr.cosine(1e-3, 0.0, 100), 0.5, layer_names(groups))
    >>> plan = lr.Plan(weight_decay=0.05, groups={
    ...     **{name: {"lr": rate} for name, rate in rates.items()},
    ...     **{name + ".no_decay": {"lr": rate, "weight_decay": 0.0} for name, rate in rates.items()},
    ... })
    >>> for name, values in plan.bind(group["name"] for group in groups).current(0).items():
    ...     print(f"{name:16} {values}")
    stem             {'lr': 0.000125, 'weight_decay': 0.05}
    stem.no_decay    {'lr': 0.000125, 'weight_decay': 0.0}
    layer0           {'lr': 0.00025, 'weight_decay': 0.05}
    layer0.no_decay  {'lr': 0.00025, 'weight_decay': 0.0}
    layer1           {'lr': 0.0005, 'weight_decay': 0.05}
    layer1.no_decay  {'lr': 0.0005, 'weight_decay': 0.0}
    head             {'lr': 0.001, 'weight_decay': 0.05}
    head.no_decay    {'lr': 0.001, 'weight_decay': 0.0}
    >>> optimizer = torch.optim.AdamW(groups)
    """
    if not isinstance(model, nn.Module):
        raise lr.SpecError("model", "a torch.nn.Module", model)
    checked, layer = _rules(rules), _compiled(layers, "layers") if layers is not None else None
    if layer is not None and layer.groups < 1:
        raise lr.SpecError("layers", r"a pattern with a group for the number, such as blocks\.(\d+)", layers)
    named = list(model.named_parameters())
    for rule, _ in checked:
        if not any(rule.search(name) for name, _ in named):
            raise lr.PlanError(f"rules[{rule.pattern!r}] matches no parameter of the model. Correct the pattern, or leave it out.")
    found, lost = _sorted_out(named, checked, layer, _in_norms(model))
    if lost:
        raise lr.PlanError(
            f"No rule takes {_listed(lost)}. Give them a group in rules, or None to leave them out; "
            'rules={..., ".*": "rest"} takes whatever is left.'
        )
    if not found:
        raise lr.PlanError("No parameter is left for the optimizer: every one is frozen, or left out by a rule.")
    return [{"name": name, "params": params} for name, params in found.items()]


def layer_names(groups: Iterable[Mapping[str, Any]]) -> list[str]:
    """The names of groups made by `param_groups`, norms and biases counted with their layer: what `lr.layerwise` takes.

    >>> layer_names([{"name": "stem"}, {"name": "layer0"}, {"name": "layer0.no_decay"}, {"name": "head.no_decay"}])
    ['stem', 'layer0', 'head']
    """
    return list(dict.fromkeys(str(group["name"]).removesuffix(NO_DECAY) for group in groups))


def _rules(rules: Any) -> list[tuple[re.Pattern[str], str | None]]:
    pairs = list(rules.items() if isinstance(rules, Mapping) else rules or ())
    checked = []
    for pair in pairs:
        if not isinstance(pair, tuple | list) or len(pair) != 2:
            raise lr.SpecError("rules", "a mapping from patterns to names of groups", rules, 'Write rules={"^head": "head"}.')
        pattern, name = pair
        if name is not None and (not isinstance(name, str) or not name):
            raise lr.SpecError(f"rules[{pattern!r}]", "the name of a group, or None to leave the parameters out", name)
        checked.append((_compiled(pattern, "rules"), name))
    return checked


def _compiled(pattern: Any, path: str) -> re.Pattern[str]:
    try:
        return re.compile(pattern)
    except (re.error, TypeError) as error:
        raise lr.SpecError(path, f"regular expressions ({error})", pattern) from None


def _sorted_out(
    named: list[tuple[str, nn.Parameter]], rules: list[tuple[re.Pattern[str], str | None]], layer: re.Pattern[str] | None, norms: set[str]
) -> tuple[dict[str, list[Tensor]], list[str]]:  # fmt: skip
    """Parameters by group, groups in their order, and the names of the parameters that no rule takes."""
    found: dict[str, list[Tensor]] = {}
    order: dict[str, tuple[int, int, bool]] = {}
    lost, first_layer = [], len(named)
    for i, (name, parameter) in enumerate(named):
        if not parameter.requires_grad:
            continue
        place, number = i, 0
        ruled = [group for rule, group in rules if rule.search(name)]
        if ruled:
            group = ruled[0]
        elif layer is not None and (match := layer.search(name)):
            first_layer = min(first_layer, i)
            place, number = first_layer, _number(match, layer)
            group = f"layer{number}"
        else:
            lost.append(name)
            continue
        if group is None:
            continue
        apart = name in norms or parameter.ndim <= 1 or name.endswith("bias")
        stem = group.removesuffix(NO_DECAY)
        full = stem + NO_DECAY if apart or group != stem else stem
        place, number, _ = order.get(stem, order.get(stem + NO_DECAY, (place, number, False)))
        order.setdefault(full, (place, number, full != stem))
        found.setdefault(full, []).append(parameter)
    return {name: found[name] for name in sorted(found, key=order.__getitem__)}, lost


def _number(match: re.Match[str], layer: re.Pattern[str]) -> int:
    try:
        return int(match[1])
    except (TypeError, ValueError):
        raise lr.SpecError("layers", f"a pattern whose first group is a number in {match.string!r}", layer.pattern) from None


def _in_norms(model: nn.Module) -> set[str]:
    """Full names of the parameters that belong to normalisation layers."""
    norms = [(name, module) for name, module in model.named_modules() if isinstance(module, _NORMS)]
    return {f"{name}.{own}" if name else own for name, module in norms for own, _ in module.named_parameters(recurse=False)}


def _listed(names: list[str]) -> str:
    return ", ".join(names) if len(names) <= 8 else f"{', '.join(names[:6])} and {len(names) - 6} more"
