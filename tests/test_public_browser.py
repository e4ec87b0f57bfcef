"""Every public page in a real browser: for everybody, on every screen, whatever is switched off."""

import pytest

from tests.whole_site import FORM, PROCEDURE

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]

# The last is a desktop screen of 1280 × 1024 at 400 % zoom.
NARROW = {"small phone": (320, 640), "phone": (360, 740), "zoomed": (320, 256)}
WIDE = {"desk": (1280, 800)}
EXPECTED = ("404", "410")  # Which the console reports for pages that are meant to say so.

# Whatever sticks out, unless something around it scrolls or cuts it.
STICKING_OUT = """() => {
  const width = document.documentElement.clientWidth;
  const cut = (e) => e && (getComputedStyle(e).overflowX !== "visible" || cut(e.parentElement));
  const found = [...document.body.querySelectorAll("*")].filter((e) => {
    const box = e.getBoundingClientRect();
    return box.width && (box.right > width + 1 || box.left < -1) && !cut(e);
  }).map((e) => e.outerHTML.slice(0, 120));
  return document.documentElement.scrollWidth > width ? ["the page scrolls", ...found] : found;
}"""


def sticking_out(page, sizes):
    found = {}
    for name, (width, height) in sizes.items():
        page.set_viewport_size({"width": width, "height": height})
        if problems := page.evaluate(STICKING_OUT):
            found[name] = problems
    return found


def open_details(page):
    page.evaluate("document.querySelectorAll('details').forEach((each) => { each.open = true; })")


@pytest.mark.parametrize("size", [NARROW["small phone"], WIDE["desk"]], ids=["320", "1280"])
def test_every_page_is_accessible_and_fits(whole_site, open_page, axe, problems, size):
    for status in EXPECTED:
        problems.allow(status)
    width, height = size
    page = open_page()
    for name, address in whole_site.items():
        page.set_viewport_size({"width": width, "height": height})
        page.goto(address)
        open_details(page)
        for scheme in ("light", "dark"):
            page.emulate_media(color_scheme=scheme, reduced_motion="reduce")
            assert axe(page) == [], f"{name}, {scheme}"
        assert sticking_out(page, NARROW if width == 320 else WIDE) == {}, name


def read_through(page):
    """To the end of the page, so that all of it has been laid out."""
    for section in page.locator("main section").all():
        section.evaluate("e => e.scrollIntoView({ behavior: 'instant' })")
        page.evaluate("() => new Promise((done) => requestAnimationFrame(() => done()))")


OBSERVE_SHIFTS = """
window.shifts = [];
new PerformanceObserver((list) => {
  for (const shift of list.getEntries()) {
    window.shifts.push(...shift.sources.map(({ node }) => node && node.outerHTML.slice(0, 80)));
  }
}).observe({ type: "layout-shift", buffered: true });
"""


@pytest.mark.parametrize("size", [NARROW["phone"], WIDE["desk"]], ids=["phone", "desk"])
def test_pictures_that_come_late_move_nothing(whole_site, open_page, size):
    page = open_page(viewport={"width": size[0], "height": size[1]})
    page.add_init_script(OBSERVE_SHIFTS)
    held = []
    page.route("**/media/**", lambda route: held.append(route))
    page.goto(PROCEDURE, wait_until="domcontentloaded")
    page.evaluate("document.fonts.ready")
    read_through(page)
    height = page.evaluate("document.documentElement.scrollHeight")
    pictures = page.locator("main img").all()
    assert len(pictures) == 6
    for picture in pictures:
        picture.evaluate("e => e.scrollIntoView({ block: 'center', behavior: 'instant' })")
        page.wait_for_timeout(50)
        while not picture.evaluate("e => e.complete && e.naturalWidth"):
            while held:
                held.pop().continue_()
            page.wait_for_timeout(20)
    page.wait_for_timeout(50)

    assert page.evaluate("window.shifts") == []
    assert page.evaluate("document.documentElement.scrollHeight") == height


def test_a_patient_asks_without_scripts_and_without_style_sheets(whole_site, open_page):
    page = open_page(java_script_enabled=False)
    page.route("**/*.css", lambda route: route.abort("aborted"))
    page.goto(PROCEDURE)
    page.locator("summary").last.click()
    assert page.locator("details[open] p").last.is_visible()
    page.get_by_role("link", name="Request a consultation").first.click()

    page.get_by_label("Full name", exact=True).fill("Ada Patient")
    page.get_by_label("Email address").fill("ada@example.com")
    page.get_by_label("What would you like to discuss?").fill("My smile.")
    page.get_by_label("Email", exact=True).check()
    page.get_by_role("button", name="Send request").click()
    assert page.get_by_role("heading", name="There is a problem").is_visible()
    page.locator("#id_consent_health_data").check()
    page.get_by_role("button", name="Send request").click()

    page.get_by_role("heading", name="We have your request").wait_for()


def test_the_form_with_errors_is_for_everybody(whole_site, page, axe):
    page.goto(FORM)
    page.get_by_role("button", name="Send request").click()
    page.get_by_role("heading", name="There is a problem").wait_for()

    assert page.evaluate("document.activeElement.classList.contains('summary')")
    assert axe(page) == []
    assert sticking_out(page, NARROW) == {}


def test_every_control_shows_that_it_has_the_focus(whole_site, page):
    page.goto(PROCEDURE)
    for _ in range(12):
        page.keyboard.press("Tab")
        assert page.evaluate(
            "getComputedStyle(document.activeElement).outlineStyle !== 'none'"
            " && parseFloat(getComputedStyle(document.activeElement).outlineWidth) >= 2"
        ), page.evaluate("document.activeElement.outerHTML")


def test_on_paper_a_procedure_is_a_handout(whole_site, page):
    page.goto(PROCEDURE)
    page.emulate_media(media="print", color_scheme="dark")

    def is_seen(selector):
        return page.locator(selector).first.is_visible()

    on_paper = ("h1", ".on-paper", ".facts", "#risks", ".timeline", "#when_to_get_help", "#sources")
    assert [each for each in on_paper if not is_seen(each)] == []
    on_screen = ("nav", "a.button", ".hero", ".related", "footer a", "input")
    assert [each for each in on_screen if is_seen(each)] == []
    assert "100 Fictional Way" in page.locator(".on-paper").inner_text()
    answer = page.locator("#faqs details:not([open]) p").first
    assert answer.evaluate("e => e.checkVisibility()")
    question = page.locator("#questions li").first
    assert question.bounding_box()["height"] > 60  # Room for two lines by hand.
    source = "getComputedStyle(document.querySelector('#sources a'), '::after').content"
    assert "https://" in page.evaluate(source)
    ink = page.evaluate("getComputedStyle(document.querySelector('h1')).color")
    assert ink == "rgb(0, 0, 0)"


# --- Many and long ------------------------------------------------------------------------------

WORD = "Pneumonoultramicroscopicsilicovolcanoconiosisreconstructions"
LONG = "Reconstruction of the eyelids, cheeks and lips after burns with several skin flaps"


@pytest.fixture
def crowded(whole_site):
    """A hundred procedures in nine categories and forty surgeons, with the longest names."""
    from practice.models import Surgeon
    from procedures.models import Category, Performance, Procedure

    names = [WORD, LONG]
    categories = [
        Category.objects.create(
            name=f"{names[n % 2]} {n}"[-80:], slug=f"category-{n}", summary=LONG
        )
        for n in range(9)
    ]
    Procedure.objects.bulk_create(
        Procedure(
            name=f"{names[n % 2]} {n}",
            slug=f"procedure-{n}",
            category=categories[n % 9],
            summary=f"{LONG} {WORD}",
            status="published",
        )
        for n in range(100)
    )
    Surgeon.objects.bulk_create(
        Surgeon(
            name=f"{names[n % 2]} {n}",
            slug=f"surgeon-{n}",
            role=LONG,
            certifying_board=WORD,
            status="published",
        )
        for n in range(40)
    )
    procedure = Procedure.objects.get(slug="selective-neurolysis")
    for model, fields in (
        (
            procedure.sources,
            {"title": LONG, "publisher": WORD, "url": f"https://example.com/{WORD}"},
        ),
        (procedure.faqs, {"question": WORD, "answer": WORD}),
        (procedure.milestones, {"when": "A year and a half later", "title": WORD, "text": WORD}),
        (procedure.diagram_parts, {"number": 100, "label": WORD, "text": WORD}),
    ):
        model.create(position=100, **fields)
    for name in ("time_in_theatre", "back_to_work"):
        setattr(procedure, name, WORD)
    procedure.name = WORD
    procedure.also_known_as = f"{WORD}\n{WORD}"
    procedure.benefits += f"\n- {WORD}"
    procedure.save()
    procedure.related.set(Procedure.objects.exclude(pk=procedure.pk)[:20])
    surgeon = Surgeon.objects.get(slug="sam-devictor")
    surgeon.name, surgeon.post_nominals = (
        LONG,
        "MD, PhD, FACS, FRCS, FEBOPRAS, ABCDEFGHIJKLM, NOPQRST",
    )
    surgeon.save()
    Performance.objects.bulk_create(
        Performance(surgeon=surgeon, procedure=each)
        for each in Procedure.objects.filter(slug__startswith="procedure-")
    )
    Performance.objects.bulk_create(
        Performance(surgeon=each, procedure=procedure)
        for each in Surgeon.objects.filter(slug__startswith="surgeon-")
    )
    return whole_site


def test_many_pages_and_long_names_break_no_layout(crowded, page):
    for address in (
        "/",
        "/procedures/",
        PROCEDURE,
        "/surgeons/",
        "/surgeons/sam-devictor/",
        crowded["location"],
        f"/search/?q={WORD}",
        FORM,
    ):
        page.goto(address)
        open_details(page)
        assert sticking_out(page, NARROW | WIDE) == {}, address
