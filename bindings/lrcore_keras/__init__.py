"""lrcore in Keras: a plan evaluated inside the compiled training step, on TensorFlow, JAX and PyTorch.

attach.py      a plan attached to an optimizer: every field of every group
groups.py      which variables make a group, and where an optimizer keeps a field
schedule.py    PlanSchedule, a learning-rate schedule
ops.py         what a lowered schedule needs of Keras, and when a step can be read on the host
callback.py    PlanCallback: plans by epoch, and values in the logs
schedules.py   Keras's own schedules by their names, and every recipe of lrcore: change one import
native.py      plans from Keras's schedules
code.py        code of Keras's own classes from plans
tensors.py     tables as tensors of the backend
"""

from .attach import attach, load_state_dict, state_dict
from .callback import PlanCallback, current
from .code import to_code
from .native import from_native
from .schedule import PlanSchedule, provide
from .tensors import table

__all__ = [
    "PlanCallback",
    "PlanSchedule",
    "attach",
    "current",
    "from_native",
    "load_state_dict",
    "provide",
    "state_dict",
    "table",
    "to_code",
]
