"""Write docs/catalogue.md, the gallery and docs/pictures from the registry of recipes: python docs/make_catalogue.py."""

from __future__ import annotations

import doctest
import re
import sys
from collections.abc import Iterator
from hashlib import sha256
from itertools import groupby
from pathlib import Path
from typing import NamedTuple

import matplotlib as mpl
import numpy as np

import lrcore as lr
from lrcore.drawing import style
from lrcore.drawing.sampling import sampled_steps
from lrcore.drawing.style import COLORS, INK, QUIET, house_style, new_axes

FOLDER = Path(__file__).parent
FAMILIES = {
    "curves": "Curves",
    "stairs": "Stairs",
    "warmups": "Warmups",
    "phases": "Runs in phases",
    "cycles": "Cycles",
    "randoms": "Noise",
}
INTRODUCTION = """\
# The catalogue

Every schedule lrcore knows by name, written from its registry (`lr.recipes()`) by `docs/make_catalogue.py`. A recipe only composes
what `lr.ramp`, `lr.curve` and the combinators offer, so whatever it returns can be printed, stored, joined and cut.

t is the step, counted from 0. Lengths count steps: an int is steps, a float strictly between 0 and 1 is a fraction (of the run where
the recipe takes `steps` for the whole run, of the horizon given to `.over` elsewhere). Pictures show the arguments above them. The
examples want

```python
>>> import lrcore as lr
>>> from lrcore.catalogue import *

```
"""


def document() -> str:
    """The text of catalogue.md."""
    parts = [INTRODUCTION]
    for family, title in FAMILIES.items():
        members = [recipe for recipe in lr.recipes().values() if recipe.family == family]
        rows = "\n".join(f"| [{recipe.name}](#{recipe.name}) | {recipe.summary} |" for recipe in members)
        parts.append(f"## {title}\n\n| recipe | |\n| --- | --- |\n{rows}\n")
        parts += map(section, members)
    return "\n".join(parts)


def section(recipe: lr.Recipe) -> str:
    """One recipe: what it gives, a picture, its parameters, where it comes from."""
    call = ", ".join(f"{name}={value!r}" for name, value in recipe.example.items())
    rows = "\n".join(
        f"| `{each.name}` | {each.domain.words} | {'' if each.required else f'`{each.default!r}`'} | {each.domain.unit} | {each.summary} |"
        for each in recipe.parameters
    )
    more = "\nThe parameters of the chosen shape are taken by name.\n" if recipe.takes_shape_parameters else ""
    names = "".join(f"\n- {library}: {name}" for library, name in recipe.elsewhere.items())
    return f"""\
### {recipe.name}

{recipe.summary}

`lr.{recipe.name}({call})`

![{recipe.name}](pictures/{recipe.name}.png)

Formula: `{recipe.formula.replace("`", "")}`

First value: `{recipe.first}`. {f"From the end on: `{recipe.end}`, held." if recipe.end else "It has no end."}
Boundaries: {recipe.boundary}.
{f"{chr(10)}{recipe.notes}{chr(10)}" if recipe.notes else ""}
```python
{recipe.usage}

```

| parameter | accepts | default | unit | |
| --- | --- | --- | --- | --- |
{rows}
{more}
Source: {recipe.source}.
{f"{chr(10)}Elsewhere:{chr(10)}{names}{chr(10)}" if names else ""}"""


# -- pictures ------------------------------------------------------------------------------------------------------------------


def curve(recipe: lr.Recipe) -> tuple[np.ndarray, np.ndarray, bool]:
    """The steps of a recipe's example to draw, a little past its end, their values, and whether these want a logarithmic axis."""
    schedule = recipe(**recipe.example)
    steps = sampled_steps(schedule, recipe.window + recipe.window // 20)
    values = schedule(steps)
    return steps, values, values.min() > 0 and values.max() / values.min() > 1e6


def draw(folder: Path) -> None:
    """A small picture of every recipe's example."""
    folder.mkdir(exist_ok=True)
    for recipe in lr.recipes().values():
        steps, _, log = curve(recipe)
        (axes,) = new_axes(1, width=4.4, height=1.0, managed=False)
        recipe(**recipe.example).plot(int(steps[-1]) + 1, ax=axes, log=log, phases=False)
        axes.set(xlabel="", ylabel="")
        axes.tick_params(labelsize=7.5)
        save(axes.figure, folder / f"{recipe.name}.png", dpi=90)


def save(figure: mpl.figure.Figure, path: Path, dpi: int, **metadata: str) -> None:
    """Write a figure as PNG; the version of matplotlib is left out, so that another one need not change the file."""
    figure.savefig(path, dpi=dpi, metadata={"Software": None, **metadata})


class Cell(NamedTuple):
    """A recipe's place in the gallery, from its top left corner."""

    recipe: lr.Recipe
    row: int
    column: int


COLUMNS = 6
GALLERY = FOLDER / "gallery.png"


def cells() -> list[Cell]:
    """Every recipe, in the order of the catalogue; a family begins on a row of its own, below the one that has its title."""
    placed: list[Cell] = []
    row = 0
    for family in FAMILIES:
        members = [recipe for recipe in lr.recipes().values() if recipe.family == family]
        placed += [Cell(recipe, row + i // COLUMNS, i % COLUMNS) for i, recipe in enumerate(members)]
        row = placed[-1].row + 1
    return placed


def gallery_digest() -> str:
    """What the gallery depends on: every curve, bit for bit, its place, and how it is drawn."""
    digest = sha256(Path(__file__).read_bytes() + Path(style.__file__).read_bytes())
    for cell in cells():
        digest.update(f"{cell.recipe.name} {cell.row} {cell.column}".encode())
        for array in curve(cell.recipe)[:2]:
            digest.update(array.tobytes())
    return digest.hexdigest()


def gallery() -> mpl.figure.Figure:
    """All recipes as small pictures, by family."""
    placed = cells()
    width, margin, title, name, height, gap = 9.0, 0.12, 0.32, 0.2, 0.58, 0.12  # inches
    step = (width - margin) / COLUMNS
    families = [family for family, _ in groupby(cell.recipe.family for cell in placed)]
    total = margin + len(families) * title + (placed[-1].row + 1) * (name + height + gap)
    with house_style():
        figure = mpl.figure.Figure(figsize=(width, total))
        for cell in placed:
            recipe, color = cell.recipe, COLORS[families.index(cell.recipe.family)]
            left = margin + cell.column * step
            top = total - (families.index(recipe.family) + 1) * title - cell.row * (name + height + gap)
            if cell.column == 0 and (cell.row == 0 or next(c for c in placed if c.recipe.family == recipe.family) is cell):
                figure.text(left / width, (top + 0.1) / total, FAMILIES[recipe.family], fontsize=10.5, fontweight="bold")
            figure.text(left / width, (top - 0.14) / total, recipe.name, fontsize=7.6, color=INK)
            ax = figure.add_axes((left / width, (top - name - height) / total, (step - margin) / width, height / total))
            steps, values, log = curve(recipe)
            ax.plot(steps, values, color=color, linewidth=0.8 if recipe.family == "randoms" else 1.5)
            if log:
                ax.set_yscale("log")
                ax.text(0.97, 0.08, "logarithmic", fontsize=6, color=QUIET, ha="right", transform=ax.transAxes)
            ax.margins(x=0, y=0.08)
            ax.set(xticks=[], yticks=[])
            ax.minorticks_off()
            ax.spines[["left", "bottom"]].set_color("#D5DAE0")
    return figure


def plots(page: Path, folder: Path) -> Iterator[str]:
    """The pictures of a page, each drawn by the code above it, whose last figure it is."""
    from matplotlib import pyplot

    known: dict[str, object] = {}
    for part in re.split(r"(!\[.*?\]\(pictures/\w+\.png\))", page.read_text()):
        if part.startswith("!["):
            name = re.search(r"\w+\.png", part)[0]  # type: ignore[index]
            save(pyplot.gcf(), folder / name, dpi=110)
            pyplot.close("all")
            yield name
        for example in doctest.DocTestParser().get_examples(part):
            exec(compile(example.source, page.name, "exec"), known)


if __name__ == "__main__":
    mpl.use("Agg")
    (FOLDER / "catalogue.md").write_text(document())
    draw(FOLDER / "pictures")
    save(gallery(), GALLERY, dpi=200, Digest=gallery_digest())
    shown = list(plots(FOLDER / "plots.md", FOLDER / "pictures"))
    sys.stdout.write(f"{len(lr.recipes())} recipes and {len(shown)} plots written\n")
