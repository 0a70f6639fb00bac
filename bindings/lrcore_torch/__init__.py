"""lrcore in PyTorch: a plan written into an optimizer's parameter groups."""

from .scheduler import PlanScheduler

__all__ = ["PlanScheduler"]
