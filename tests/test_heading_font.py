"""The heading font: each file holds what the stylesheet promises of it, together all of it."""

import re
from functools import cache

import pytest
from django.conf import settings
from PIL import ImageFont

from tests.whole_site import PROCEDURE

FONTS = settings.BASE_DIR / "static" / "fonts"
WHOLE = "newsreader.woff2"
FACE = re.compile(r'@font-face \{[^}]*fonts/([\w.-]+)"[^}]*unicode-range:([^;]+);')
RANGE = re.compile(r"U\+([0-9A-F]+)(?:-([0-9A-F]+))?")
NO_CHARACTER = "\uffff"
FETCHED = """performance.getEntriesByType('resource').map((e) => e.name)
  .filter((name) => name.endsWith('.woff2')).map((name) => name.split('/').pop())"""


def promised():
    """The characters that tokens.css leads a browser to seek in each file."""
    css = (settings.BASE_DIR / "static" / "css" / "tokens.css").read_text()
    return {name: set().union(*characters(ranges)) for name, ranges in FACE.findall(css)}


def characters(ranges):
    for first, last in RANGE.findall(ranges):
        yield map(chr, range(int(first, 16), int(last or first, 16) + 1))


@cache
def opened(name):
    return ImageFont.truetype(FONTS / name, 400, layout_engine=ImageFont.Layout.BASIC)


def is_drawn_by(name, character):
    return drawn(name, character) != drawn(name, NO_CHARACTER)


def drawn(name, character):
    mask = opened(name).getmask(character)
    return mask.size, bytes(mask)


def wide(name, character):
    return opened(name).getlength(character)


def test_no_character_is_sought_in_both_files():
    """Else Chromium fetches the second on every page, while it waits for the first."""
    basic, rest = promised().values()

    assert not basic & rest


def test_each_file_holds_what_the_whole_font_has_of_its_range():
    for name, sought in promised().items():
        had = [each for each in sorted(sought) if is_drawn_by(WHOLE, each)]
        assert [each for each in had if not is_drawn_by(name, each)] == []
        assert [each for each in had if abs(wide(name, each) - wide(WHOLE, each)) > 1] == []


def test_whatever_the_whole_font_holds_a_browser_finds():
    known = {chr(point) for point in range(0x20, 0x2300) if is_drawn_by(WHOLE, chr(point))}

    assert len(known) > 200
    assert known <= set().union(*promised().values())


def test_the_first_file_is_enough_for_english_and_stays_small():
    text = "Dr. O’Neill’s “Rhinoplasty” – what is done, and when… [$4,000]\xa0?"

    assert set(text) <= promised()["newsreader-basic.woff2"]
    assert (FONTS / "newsreader-basic.woff2").stat().st_size < 9_600


@pytest.mark.browser
@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("width", [360, 1280])
def test_the_second_file_is_fetched_only_where_a_heading_needs_it(whole_site, open_page, width):
    page = open_page(viewport={"width": width, "height": 740})
    page.goto(PROCEDURE)
    assert fetched(page) == ["newsreader-basic.woff2"]

    page.evaluate("document.querySelector('h1').textContent = 'Zoë Botulinum™'")
    assert fetched(page) == ["newsreader-basic.woff2", "newsreader-rest.woff2"]


def fetched(page):
    page.wait_for_timeout(100)  # Until it is laid out, and asks.
    page.evaluate("document.fonts.ready")
    return page.evaluate(FETCHED)
