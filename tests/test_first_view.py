"""The first view of a page: painted at once, and the rest of the page still in its place."""

import pytest

from tests.whole_site import PROCEDURE

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]
SIZES = {"phone": {"width": 360, "height": 740}, "desk": {"width": 1280, "height": 800}}
IS_LAID_OUT = "e => e.checkVisibility({ contentVisibilityAuto: true })"
COMES_TO_REST = """() => new Promise((resolve) => {
  let last = -1, still = 0;
  const look = () => {
    still = scrollY === last ? still + 1 : 0;
    last = scrollY;
    still > 20 ? resolve() : requestAnimationFrame(look);
  };
  look();
})"""
FONTS = """performance.getEntriesByType('resource').filter((e) => e.name.endsWith('.woff2'))
  .map((e) => e.initiatorType)"""


def links(page):
    """The table of contents that this screen shows, unfolded."""
    page.evaluate("document.querySelector('details.contents').open = true")
    return [each for each in page.locator(".contents a").all() if each.is_visible()]


@pytest.mark.parametrize("size", SIZES.values(), ids=SIZES)
def test_a_link_to_a_section_leads_to_it(whole_site, open_page, size):
    page = open_page(viewport=size, reduced_motion="no-preference")
    page.goto(PROCEDURE)
    number = len(links(page))
    assert number > 8
    for which in (number - 1, 1, number // 2):
        page.goto(PROCEDURE)
        link = links(page)[which]
        target = link.get_attribute("href")
        link.click()
        page.evaluate(COMES_TO_REST)
        top = page.locator(target).bounding_box()["y"]
        assert 30 <= top <= 34, target  # 2 rem from the edge, as everywhere.


def test_a_long_page_is_laid_out_as_far_as_it_is_seen(whole_site, open_page):
    page = open_page(viewport=SIZES["phone"])
    page.goto(PROCEDURE)
    last, headline = page.locator("#sources li").first, page.locator("h1")

    assert headline.evaluate(IS_LAID_OUT)
    assert not last.evaluate(IS_LAID_OUT)
    assert "Sources" in page.locator("main").aria_snapshot()  # Screen readers have it all the same.

    page.evaluate("location.hash = '#risks'")
    assert last.evaluate(IS_LAID_OUT)


def test_where_no_script_runs_all_of_it_is_laid_out(whole_site, open_page):
    """Nobody would lead the reader back to their line."""
    page = open_page(viewport=SIZES["phone"], java_script_enabled=False)
    page.goto(PROCEDURE)

    assert page.locator("#sources li").first.evaluate(IS_LAID_OUT)


@pytest.mark.parametrize("size", SIZES.values(), ids=SIZES)
def test_who_comes_back_finds_the_line_that_was_read(whole_site, open_page, size):
    page = open_page(viewport=size, reduced_motion="reduce")
    page.goto(PROCEDURE)
    line = page.locator("#sources li").last  # After all that is long.
    # As one reads: window after window, each laid out when it is reached.
    while line.evaluate("e => e.getBoundingClientRect().top") > 200:
        page.evaluate("scrollBy(0, innerHeight / 2)")
        page.wait_for_timeout(40)
    page.wait_for_function("history.state && history.state.place")
    page.wait_for_timeout(200)
    read_at = line.bounding_box()["y"]

    for came_back in (lambda: page.goto("/surgeons/") and page.go_back(), page.reload):
        came_back()
        page.wait_for_timeout(200)
        assert abs(line.bounding_box()["y"] - read_at) <= 2


def test_nothing_is_cut_off_that_stands_out_of_its_section(whole_site, open_page):
    page = open_page(viewport=SIZES["phone"])
    page.goto(PROCEDURE)
    section = page.locator("section:has(> .timeline)")
    section.scroll_into_view_if_needed()
    room = section.evaluate("e => parseFloat(getComputedStyle(e).overflowClipMargin)")
    handle = 1.25 * 16  # Half of the handle that compares two pictures; dots and outlines are less.
    assert room >= handle


@pytest.mark.parametrize(("size", "asked_by"), [("phone", "css"), ("desk", "link")])
def test_a_telephone_does_not_wait_for_the_heading_font(whole_site, open_page, size, asked_by):
    """A font that the page itself asks for holds the first view back; a style sheet's does not."""
    page = open_page(viewport=SIZES[size])
    page.goto(PROCEDURE)
    page.wait_for_function(f"{FONTS}.length > 0")
    assert page.evaluate(FONTS) == [asked_by]
