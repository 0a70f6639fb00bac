"""Write docs/catalogue.md and docs/pictures from the registry of recipes: python docs/make_catalogue.py."""

from __future__ import annotations

import sys
from pathlib import Path

import lrcore as lr

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


def draw(folder: Path) -> None:
    """A small picture of every recipe's example."""
    import matplotlib

    matplotlib.use("Agg")
    from matplotlib import pyplot

    folder.mkdir(exist_ok=True)
    for recipe in lr.recipes().values():
        steps = range(recipe.window + recipe.window // 20)
        values = recipe(**recipe.example)(steps)
        figure, axes = pyplot.subplots(figsize=(4, 1.6), dpi=80, layout="constrained")
        axes.plot(steps, values, linewidth=1.6)
        if values.min() > 0 and values.max() / values.min() > 1e6:
            axes.set_yscale("log")
        else:
            axes.ticklabel_format(axis="y", style="sci", scilimits=(-2, 3), useMathText=True)
        axes.set_xlim(0, steps[-1])
        axes.tick_params(labelsize=7)
        axes.yaxis.get_offset_text().set_size(7)
        axes.grid(True, linewidth=0.5, alpha=0.4)
        axes.spines[["top", "right"]].set_visible(False)
        figure.savefig(folder / f"{recipe.name}.png", metadata={"Software": None})
        pyplot.close(figure)


if __name__ == "__main__":
    (FOLDER / "catalogue.md").write_text(document())
    draw(FOLDER / "pictures")
    sys.stdout.write(f"{len(lr.recipes())} recipes written\n")
