"""Schedules and plans as expressions: the line a person writes in a terminal, a configuration file or a page.

reading.py   an expression to what it means, without running it as Python
writing.py   a schedule or a plan to the expression a person would write
layout.py    the lines of a long one
"""

from .reading import from_expression
from .writing import to_expression

__all__ = ["from_expression", "to_expression"]
