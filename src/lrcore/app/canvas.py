"""The canvas: the schedules on it and the run they are for, as one value that is stored, sent in a link, changed and undone.

Nothing here computes: arguments are kept as they were given, bad ones too, so that a page can show them beside what is wrong.
`making.py` turns them into plans.
"""

from __future__ import annotations

from typing import Any

import msgspec

MOST_ITEMS = 24
"""Schedules on one canvas, at most: what a legend, and an eye, can still tell apart, twice over."""
MOST_GROUPS = 64


class Named(msgspec.Struct, frozen=True, tag="recipe", forbid_unknown_fields=True):
    """A recipe by its name, with the arguments as given; a list may hold words that are no numbers."""

    recipe: str
    arguments: dict[str, Argument] = {}


class Written(msgspec.Struct, frozen=True, tag="expression", forbid_unknown_fields=True):
    """An expression such as `cosine(1, 0, 100) >> constant(0.1)`; it may give a whole plan."""

    text: str


class Stored(msgspec.Struct, frozen=True, tag="document", forbid_unknown_fields=True):
    """A schedule or plan as its JSON document, where no expression gives it back."""

    json: str


What = Named | Written | Stored
Argument = None | bool | int | float | str | list[int | float | str] | Named | Written | Stored
"""What a parameter may be given: a plain value, a list of them, or a schedule."""
Path = tuple[str, ...]
"""Where something stands: a field such as "lr" and then the arguments; or "run", "groups" or "fields" and what is meant there."""


class Group(msgspec.Struct, frozen=True, omit_defaults=True, forbid_unknown_fields=True):
    """A parameter group: its rate is `factor` times the schedule's, unless frozen; a weight decay of its own, if given."""

    name: str
    factor: float = 1.0
    frozen: bool = False
    weight_decay: float | None = None


class Item(msgspec.Struct, frozen=True, omit_defaults=True, forbid_unknown_fields=True):
    """One line on the canvas: a schedule for the rate, others for other fields, and groups.

    id : its own for as long as the canvas lives; color : its place in the palette
    fields : "lr", and then whatever else is scheduled with it
    layer_decay : of groups that are layers, the factor from each to the one before it
    """

    id: int
    name: str
    fields: dict[str, What]
    color: int = 0
    hidden: bool = False
    groups: tuple[Group, ...] = ()
    layer_decay: float | None = None

    def at(self, path: Path) -> Any:
        """What stands at a path: a schedule, or an argument of one."""
        found: Any = self.fields[path[0]]
        for name in path[1:]:
            found = found.arguments[name]
        return found

    def put(self, path: Path, value: Any) -> Item:
        """The item with something else at a path."""
        return self.but(fields={**self.fields, path[0]: _put(self.fields.get(path[0]), path[1:], value)})

    def without_field(self, field: str) -> Item:
        """The item without a field."""
        return self.but(fields={name: what for name, what in self.fields.items() if name != field})

    def but(self, **changes: Any) -> Item:
        """The item with some things changed."""
        return msgspec.structs.replace(self, **changes)


def _put(what: Any, path: Path, value: Any) -> Any:
    if not path:
        return value
    return Named(what.recipe, {**what.arguments, path[0]: _put(what.arguments.get(path[0]), path[1:], value)})


class Run(msgspec.Struct, frozen=True, omit_defaults=True, forbid_unknown_fields=True):
    """The run all schedules on the canvas are for; the numbers are those of a Plan and its Clock, and None is not given."""

    horizon: int | None = None
    unit: str = "updates"
    batch_size: int | None = None
    accumulation: int = 1
    world_size: int = 1
    epoch_size: int | None = None
    sequence_length: int | None = None
    epochs: int | None = None


class Canvas(msgspec.Struct, frozen=True, omit_defaults=True, forbid_unknown_fields=True):
    """Everything the page shows.

    selected : the id of the item whose controls, phases and code are shown; log : of the value axis
    axis : the unit of the step axis; shade : whether the phases of the selected item are shaded
    """

    items: tuple[Item, ...] = ()
    run: Run = Run()
    selected: int = 0
    log: bool = False
    axis: str = "updates"
    shade: bool = True

    def item(self, number: int) -> Item | None:
        """The item of an id."""
        return next((item for item in self.items if item.id == number), None)

    @property
    def chosen(self) -> Item | None:
        """The selected item; the first if there is none of that id."""
        return self.item(self.selected) or next(iter(self.items), None)

    @property
    def full(self) -> bool:
        """Whether there is no room for another item."""
        return len(self.items) >= MOST_ITEMS

    def but(self, **changes: Any) -> Canvas:
        """The canvas with some things changed."""
        return msgspec.structs.replace(self, **changes)

    def add(self, what: What, name: str = "", **more: Any) -> Canvas:
        """The canvas with one item more, selected; a full one as it is."""
        if self.full:
            return self
        number = max((item.id for item in self.items), default=0) + 1
        used = [item.color for item in self.items]
        color = next(color for color in range(len(used) + 1) if color not in used)
        fields = {"lr": what, **more.pop("fields", {})}
        item = Item(number, self.free_name(name or name_of(what)), fields, color, **more)
        return self.but(items=(*self.items, item), selected=number)

    def change(self, item: Item) -> Canvas:
        """The canvas with another version of an item."""
        return self.but(items=tuple(item if each.id == item.id else each for each in self.items))

    def remove(self, number: int) -> Canvas:
        """The canvas without an item; if it was selected, its neighbour is."""
        place = next((i for i, item in enumerate(self.items) if item.id == number), None)
        if place is None:
            return self
        items = self.items[:place] + self.items[place + 1 :]
        selected = items[min(place, len(items) - 1)].id if items and self.selected == number else self.selected
        return self.but(items=items, selected=selected)

    def duplicate(self, number: int) -> Canvas:
        """The canvas with a copy of an item, selected."""
        item = self.item(number)
        if item is None:
            return self
        more = {"fields": item.fields, "groups": item.groups, "layer_decay": item.layer_decay}
        return self.add(item.fields["lr"], item.name, **more)

    def free_name(self, name: str) -> str:
        """The name, with a number behind it if it is taken."""
        taken = {item.name for item in self.items}
        stem, _, last = name.rpartition(" ")
        stem = stem if stem and last.isdigit() else name
        return next(each for each in (name, *(f"{stem} {i}" for i in range(2, len(taken) + 3))) if each not in taken)


def name_of(what: What) -> str:
    """What an item of it is called until somebody names it."""
    match what:
        case Named():
            return what.recipe
        case Written():
            return "expression"
        case Stored():
            return "imported"
