"""Every constant of the kernel is the one its recipe gives, to the last bit."""

import re
from pathlib import Path

import coefficients

HEADER = Path(__file__).parents[1] / "src/lrcore/_coefficients.h"
NUMBER = re.compile(r"-?0x1\.[0-9a-f]+p[+-]\d+")


def test_the_header_is_what_the_recipes_give() -> None:
    assert HEADER.read_text() == coefficients.header()


def test_no_constant_may_move_by_one_part_in_2_to_the_40() -> None:
    text, wanted = HEADER.read_text(), coefficients.header()
    numbers = list(NUMBER.finditer(text))
    assert len(numbers) > 400
    for match in numbers:
        moved = (float.fromhex(match.group()) * (1 + 2**-40)).hex()
        assert text[: match.start()] + moved + text[match.end() :] != wanted
