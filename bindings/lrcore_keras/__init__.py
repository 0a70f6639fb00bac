"""lrcore in Keras: a plan evaluated inside the compiled training step, on TensorFlow, JAX and PyTorch.

attach.py      a plan attached to an optimizer: every field of every group
groups.py      which variables make a group, and where an optimizer keeps a field
schedule.py    PlanSchedule, a learning-rate schedule
rules.py       the rules of a plan: what their events make of a rate, in a variable of the compiled step
ops.py         what a lowered schedule needs of Keras, and when a step can be read on the host
callback.py    PlanCallback: plans by epoch, values in the logs, metrics for the rules
schedules.py   Keras's own schedules by their names, and every recipe of lrcore: change one import
native.py      plans from Keras's schedules
code/          code of Keras's own classes from plans
tensors.py     tables as tensors of the backend
finder.py      a learning-rate range test of a model, which is left as it was
registered.py  what makes Keras find the classes above in files of models
"""

from typing import TYPE_CHECKING

from lrcore_numpy.later import later

from .registered import register

if TYPE_CHECKING:
    from .attach import attach, load_state_dict, observe, state_dict
    from .callback import PlanCallback, current
    from .code import to_code
    from .finder import find_lr
    from .native import from_native
    from .schedule import PlanSchedule, provide
    from .tensors import table

_LATER = {
    "PlanCallback": "callback",
    "PlanSchedule": "schedule",
    "attach": "attach",
    "current": "callback",
    "find_lr": "finder",
    "from_native": "native",
    "load_state_dict": "attach",
    "observe": "attach",
    "provide": "schedule",
    "state_dict": "attach",
    "table": "tensors",
    "to_code": "code",
}

__getattr__, __dir__ = later(__name__, _LATER, "keras")
register()

__all__ = [
    "PlanCallback",
    "PlanSchedule",
    "attach",
    "current",
    "find_lr",
    "from_native",
    "load_state_dict",
    "observe",
    "provide",
    "state_dict",
    "table",
    "to_code",
]
