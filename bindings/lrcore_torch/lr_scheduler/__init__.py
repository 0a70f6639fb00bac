"""The schedulers of torch.optim.lr_scheduler, by their names, on lrcore's kernel: a project switches by changing one import.

Same arguments, errors and values. Every class is a subclass of PyTorch's, so that `isinstance` says what it said; those that are
plans are a `PlanScheduler` too. What PyTorch gets wrong is mended, and listed in docs/torch_differences.md.

>>> import torch
>>> from lrcore_torch.lr_scheduler import StepLR
>>> optimizer = torch.optim.SGD([torch.zeros(1, requires_grad=True)], lr=0.1)
>>> scheduler = StepLR(optimizer, step_size=30)
>>> scheduler.plan
Plan(lr=...)
"""

from torch.optim.lr_scheduler import LRScheduler

from .composed import ChainedScheduler, SequentialLR
from .cycles import CyclicLR, OneCycleLR
from .functions import LambdaLR, MultiplicativeLR
from .planned import (
    ConstantLR,
    CosineAnnealingLR,
    CosineAnnealingWarmRestarts,
    ExponentialLR,
    LinearLR,
    MultiStepLR,
    PolynomialLR,
    StepLR,
)
from .plateau import ReduceLROnPlateau

__all__ = [
    "ChainedScheduler",
    "ConstantLR",
    "CosineAnnealingLR",
    "CosineAnnealingWarmRestarts",
    "CyclicLR",
    "ExponentialLR",
    "LRScheduler",
    "LambdaLR",
    "LinearLR",
    "MultiStepLR",
    "MultiplicativeLR",
    "OneCycleLR",
    "PolynomialLR",
    "ReduceLROnPlateau",
    "SequentialLR",
    "StepLR",
]
