"""What torch's optimizers do with values that are tensors on a device."""

from __future__ import annotations

import warnings

import torch
from torch import Tensor
from torch.optim import Adam, Optimizer

import lrcore as lr

from .groups import Groups, Place


def on_device(field: str, place: Place, optimizer: Optimizer) -> bool:
    """Whether a field can be a tensor of the device's: rates everywhere, betas in Adam and AdamW, and what already is one.

    Others read it on the host (`if weight_decay != 0`), or fail with foreach (betas of NAdam, RAdam, Adamax).
    """
    return (
        field == "lr"
        or (field in ("beta1", "beta2") and isinstance(optimizer, Adam))
        or isinstance(place.read(optimizer.param_groups), Tensor)
    )


def device_of(optimizer: Optimizer) -> torch.device:
    """The device of all parameters; PlanError if they are on several."""
    devices = {parameter.device for group in optimizer.param_groups for parameter in group["params"]}
    if len(devices) > 1:
        shown = ", ".join(sorted(map(str, devices)))
        raise lr.PlanError(f'The parameters are on {shown}. Use mode="host", or an optimizer and a scheduler for each device.')
    return devices.pop() if devices else torch.device("cpu")


def check_device_values(optimizer: Optimizer) -> None:
    """Refuse what would fail in `optimizer.step()`, and warn of what would make it wait for the device.

    Raises PlanError for foreach without capturable in Adam and AdamW.
    """
    groups: Groups = optimizer.param_groups
    kind = type(optimizer).__name__
    if isinstance(optimizer, Adam) and any(group["foreach"] and not group["capturable"] for group in groups):
        raise lr.PlanError(f"{kind} with foreach=True takes tensors only with capturable=True. Make it with capturable=True.")
    if device_of(optimizer).type == "cuda" and (sentence := _host_reader(kind, groups)):
        warnings.warn(sentence, stacklevel=4)


def _host_reader(kind: str, groups: Groups) -> str | None:
    """Why an eager step would read its rates on the host, at the price of a synchronisation, and could not be captured."""
    if all(group.get("fused") for group in groups):
        return None
    if "capturable" not in groups[0]:
        way = "Make it with fused=True" if "fused" in groups[0] else "Use another optimizer"
    elif not all(group["capturable"] for group in groups):
        way = "Make it with capturable=True"
    elif kind in ("RMSprop", "Adadelta", "ASGD") and any(group.get("foreach") is False for group in groups):
        way = "Leave out foreach=False"
    else:
        return None
    return f"{kind} as it was made reads its rates on the host in every eager step and cannot be captured. {way}, or compile its step."
