"""The gallery in the README and the pictures of docs/plots.md: every recipe, in its place, as the code draws it now."""

from __future__ import annotations

import re
import struct
from pathlib import Path

import lrcore as lr
from docs import make_catalogue

PAGE = make_catalogue.FOLDER / "plots.md"


def texts_of(png: bytes) -> dict[str, str]:
    """The words a PNG carries."""
    at, found = 8, {}
    while at < len(png):
        (size,) = struct.unpack(">I", png[at : at + 4])
        if png[at + 4 : at + 8] == b"tEXt":
            key, _, value = png[at + 8 : at + 8 + size].decode("latin-1").partition("\0")
            found[key] = value
        at += size + 12
    return found


def test_every_recipe_has_a_place_of_its_own_by_family() -> None:
    cells = make_catalogue.cells()
    assert [cell.recipe.name for cell in cells] == [
        recipe.name for family in make_catalogue.FAMILIES for recipe in lr.recipes().values() if recipe.family == family
    ]
    assert {cell.recipe.name for cell in cells} == set(lr.recipes())
    assert len({(cell.row, cell.column) for cell in cells}) == len(cells) and max(cell.column for cell in cells) < make_catalogue.COLUMNS
    families = [{cell.recipe.family for cell in cells if cell.row == row} for row in range(cells[-1].row + 1)]
    assert all(len(row) == 1 for row in families)


def test_the_gallery_is_what_the_code_draws_now() -> None:
    png = make_catalogue.GALLERY.read_bytes()
    assert texts_of(png)["Digest"] == make_catalogue.gallery_digest(), "run python docs/make_catalogue.py"
    assert len(png) < 500_000


def test_the_gallery_draws_and_names_every_recipe() -> None:
    figure = make_catalogue.gallery()
    said = [text.get_text() for text in figure.texts]
    assert sorted(said) == sorted([*lr.recipes(), *make_catalogue.FAMILIES.values()])
    assert [len(ax.lines) for ax in figure.axes] == [1] * len(lr.recipes())


def test_the_page_shows_every_picture_it_draws(tmp_path: Path) -> None:
    drawn = list(make_catalogue.plots(PAGE, tmp_path))
    assert drawn and set(drawn) == set(re.findall(r"pictures/(plots_\w+\.png)", PAGE.read_text()))
    kept = {path.name for path in (make_catalogue.FOLDER / "pictures").glob("plots_*.png")}
    assert kept == set(drawn) and all((tmp_path / name).stat().st_size > 5000 for name in drawn)
