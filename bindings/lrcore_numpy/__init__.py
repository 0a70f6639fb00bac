"""lrcore for loops written by hand: NumPy, CuPy, scikit-learn's `partial_fit`, anything that holds its rate in an attribute or an entry.

stepper.py   Stepper, which counts the steps of a plan and has its values
places.py    where an object holds a value, by the words of a path
tables.py    tables as arrays, in memory or in a file
code/        a plan as Python functions that need nothing but `math`
native.py    schedules from arrays and functions
"""

from .code import to_code
from .native import from_native
from .stepper import Stepper
from .tables import table

__all__ = ["Stepper", "from_native", "table", "to_code"]
