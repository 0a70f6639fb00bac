"""lrcore in PyTorch: a plan written into an optimizer's parameter groups, on the host or on the device.

scheduler.py     PlanScheduler, an LRScheduler
groups.py        where a plan's fields stand in the groups of an optimizer
device.py        their values as views of one vector on the device
optimizers.py    what torch's optimizers do with tensors
lr_scheduler/    the classes of torch.optim.lr_scheduler, on plans: change one import
native.py        plans from the schedulers of torch, transformers and timm
code.py          code of torch's own classes from plans
parameters.py    named groups from a model
observers.py     metrics from Lightning and transformers to a plan's rules
finder.py        a learning-rate range test of a model, which is left as it was
tensors.py       tables as tensors
"""

from typing import TYPE_CHECKING

from lrcore_numpy.later import later

if TYPE_CHECKING:
    from .code import to_code
    from .finder import find_lr
    from .native import from_native
    from .observers import PlanObserver, trainer_observer
    from .parameters import layer_names, param_groups
    from .scheduler import PlanScheduler
    from .tensors import table

_LATER = {
    "PlanObserver": "observers",
    "PlanScheduler": "scheduler",
    "find_lr": "finder",
    "from_native": "native",
    "layer_names": "parameters",
    "param_groups": "parameters",
    "table": "tensors",
    "to_code": "code",
    "trainer_observer": "observers",
}

__getattr__, __dir__ = later(__name__, _LATER, "torch")

__all__ = [
    "PlanObserver",
    "PlanScheduler",
    "find_lr",
    "from_native",
    "layer_names",
    "param_groups",
    "table",
    "to_code",
    "trainer_observer",
]
