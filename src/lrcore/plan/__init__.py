"""Plans: which schedule drives which field of which parameter group, as one value.

A Plan is written with names or patterns of groups and knows no framework. `bind` meets it with the names a model really has
and gives a BoundPlan: one column per (group, field), compiled together, so that shared schedules are evaluated once.

fields.py   the fields of a group
names.py    the names of groups
bound.py    BoundPlan
plan.py     Plan
"""

from .bound import BoundPlan
from .fields import FIELDS, KEYWORDS, Fields
from .names import layerwise
from .plan import Plan, PlanDocument, bound_plan

__all__ = ["FIELDS", "KEYWORDS", "BoundPlan", "Fields", "Plan", "PlanDocument", "bound_plan", "layerwise"]
