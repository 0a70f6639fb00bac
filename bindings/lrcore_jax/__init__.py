"""lrcore in JAX: schedules as functions of a traced count, plans as optax optimizers.

counts.py       a schedule as a function count -> float32, for jit, vmap and scan
optimizers.py   an optax factory with every field of a plan in it, by label
rules.py        an adaptive rule as pure functions of a state
observing.py    the rules of a plan inside of an optimizer's state
states.py       the step and the values of an optimizer's state; states that move between frameworks
schedules.py    the functions of optax.schedules, on lrcore's numbers: change one import
native.py       plans from the schedules of optax, by name, live, or from samples
code/           code of optax's own schedules from plans
arrays.py       tables as arrays
"""

from typing import TYPE_CHECKING

from lrcore_numpy.later import later

if TYPE_CHECKING:
    from . import schedules
    from .arrays import table
    from .code import to_code
    from .counts import Scheduled, schedule
    from .native import from_native
    from .observing import events, observe
    from .optimizers import optimizer
    from .rules import adapt
    from .states import current, restore, state_of, step_of

_LATER = {
    "Scheduled": "counts",
    "adapt": "rules",
    "current": "states",
    "events": "observing",
    "from_native": "native",
    "observe": "observing",
    "optimizer": "optimizers",
    "restore": "states",
    "schedule": "counts",
    "state_of": "states",
    "step_of": "states",
    "table": "arrays",
    "to_code": "code",
}

__getattr__, __dir__ = later(__name__, _LATER, "jax")

__all__ = [
    "Scheduled",
    "adapt",
    "current",
    "events",
    "from_native",
    "observe",
    "optimizer",
    "restore",
    "schedule",
    "schedules",
    "state_of",
    "step_of",
    "table",
    "to_code",
]
