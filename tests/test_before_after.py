"""Before and after: shown under consent only, two pictures or a slider, gone at once."""

import re
from datetime import timedelta

import pytest
from django.utils import timezone

from practice.media import renditions
from procedures.models import BeforeAfterCase, Procedure
from tests.whole_site import PROCEDURE, add_case

PHONE, DESK = (320, 640), (1280, 800)


@pytest.fixture
def case(procedure):
    return add_case(procedure)


def pictures(client, procedure):
    """Every address of a patient's picture that the procedure's page names."""
    source = client.get(procedure.get_absolute_url()).content.decode()
    return set(re.findall(r"/media/cases/[\w.-]+", source))


# --- Consent ----------------------------------------------------------------------------------

ENDED = {
    "revoked": {"consent_revoked_on": timezone.localdate},
    "expired": {"consent_expires_on": timezone.localdate},
    "not for the web": {"consent_covers_web": lambda: False},
    "not signed yet": {"consent_signed_on": lambda: timezone.localdate() + timedelta(days=1)},
    "not to be shown": {"is_shown": lambda: False},
}
HIDDEN = {"draft", "withdrawn"}


@pytest.mark.django_db
@pytest.mark.parametrize("fields", ENDED.values(), ids=ENDED)
def test_where_consent_ends_every_size_of_both_pictures_is_gone_at_once(
    client, procedure, case, fields
):
    addresses = pictures(client, procedure)
    addresses |= {case.before.url, case.after.url}
    assert len(addresses) == 2 + 2 * 3  # Each picture as it is, and in three formats.
    assert {client.get(address).status_code for address in addresses} == {200}

    BeforeAfterCase.objects.update(**{name: value() for name, value in fields.items()})

    assert pictures(client, procedure) == set()
    assert "Before and after" not in client.get(procedure.get_absolute_url()).content.decode()
    assert {client.get(address).status_code for address in addresses} == {404}


@pytest.mark.django_db
@pytest.mark.parametrize("status", sorted(HIDDEN))
def test_a_page_that_is_not_live_shows_no_patient(client, procedure, case, status):
    addresses = pictures(client, procedure)

    Procedure.objects.update(status=status)

    assert {client.get(address).status_code for address in addresses} == {404}


@pytest.mark.django_db
def test_nobody_keeps_a_copy_of_a_patients_picture(client, procedure, case):
    for address in pictures(client, procedure) | {case.before.url}:
        assert client.get(address)["Cache-Control"] == "private, no-store", address


@pytest.mark.django_db
def test_the_name_of_a_patients_picture_says_nothing(client, procedure, case):
    assert len(pictures(client, procedure)) == 2 * 3
    for address in pictures(client, procedure):
        assert re.fullmatch(r"/media/cases/[0-9a-f]{20}-\d+x\d+(_\w+)?-w\d+\.\w+", address)


# {} is the name of a file in the folder of patients' pictures.
OTHER_SPELLINGS = [
    *("./cases/{}", "%2e/cases/{}", "cases/./{}", "cases//{}", "/cases/{}", "%2fcases/{}"),
    *("x/../cases/{}", "x/%2e%2e/cases/{}", "portraits/../cases/{}", "x/../../media/cases/{}"),
    *("cases/x/../{}", "cases/../cases/{}", "..%2fmedia%2fcases/{}", "cases/{}/", "cases/{}/."),
    *(".%5ccases/{}", ".%5ccases%5c{}", "cases%5c{}", "x%5c..%5ccases%5c{}", "%5ccases%5c{}"),
    *("%252e/cases/{}", "cases/{}%00", " cases/{}", "cases /{}", "cases./{}", "cases%0a/{}"),
    # On disks for which these are the same folder: of macOS, of Windows.
    *("CASES/{}", "Cases/{}", "./Cases/{}", "ca%C5%BFes/{}", "ca%E2%80%8Cses/{}", "CASES~1/{}"),
    "cases::$INDEX_ALLOCATION/{}",
]


@pytest.fixture
def lenient_disk(settings, tmp_path):
    """Names that other disks take for the folder of patients' pictures lead to it here too."""
    settings.MEDIA_ROOT = str(tmp_path)
    names = ["CASES", "Cases", "ca\u017fes", "ca\u200cses", "CASES~1", " cases", "cases ", "cases."]
    for name in [*names, "cases\n", "cases::$INDEX_ALLOCATION", "portraits", "x"]:
        (tmp_path / name).symlink_to(tmp_path / "cases")


@pytest.mark.django_db
@pytest.mark.parametrize("spelling", OTHER_SPELLINGS)
def test_no_other_spelling_leads_to_a_patients_picture(client, lenient_disk, procedure, spelling):
    name = add_case(procedure).before.name.removeprefix("cases/")
    for each in (name, renditions.name_of(name, 480, "avif")):
        assert client.get(f"/media/cases/{each}").status_code == 200
        address = f"/media/{spelling.format(each)}"
        # Not under consent either: under another address it might be kept as if it were public.
        assert client.generic("GET", address).status_code == 404

        BeforeAfterCase.objects.update(consent_revoked_on=timezone.localdate())

        assert client.generic("GET", address).status_code == 404
        BeforeAfterCase.objects.update(consent_revoked_on=None)


# --- Comparing --------------------------------------------------------------------------------


@pytest.fixture
def open_case(whole_site, open_page):
    """`open_case(size)` is the procedure's page with its first comparison in view."""

    def open_case(size, **options):
        page = open_page(viewport={"width": size[0], "height": size[1]}, **options)
        page.goto(PROCEDURE)
        page.locator("#cases").scroll_into_view_if_needed()
        return page

    return open_case


def boxes(page):
    return [
        page.locator(f".compare .{name} img").first.bounding_box() for name in ("before", "after")
    ]


def shown_part(page):
    return page.locator(".compare .after").first.evaluate("e => getComputedStyle(e).clipPath")


def label_of(page, name):
    """How far the label of a picture stands from either side of it."""
    picture = page.locator(f".compare .{name}").first
    return picture.evaluate("e => ({...getComputedStyle(e, '::after')})")


@pytest.mark.browser
@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("size", [PHONE, DESK])
def test_without_a_script_the_pictures_stand_side_by_side(open_case, size):
    page = open_case(size, java_script_enabled=False)

    before, after = boxes(page)
    assert before["y"] == after["y"]
    assert before["x"] + before["width"] <= after["x"]
    assert after["x"] + after["width"] <= size[0]
    assert page.locator("input[type=range]").count() == 0


@pytest.mark.browser
@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize(("size", "scheme"), [(PHONE, "dark"), (DESK, "light")])
def test_the_slider_works_by_keyboard_and_says_what_it_shows(open_case, axe, size, scheme):
    page = open_case(size, color_scheme=scheme)
    slider = page.get_by_role("slider", name="Show more of the after picture").first
    assert slider.get_attribute("aria-valuetext") == "50 % after"
    before, after = boxes(page)
    assert before == pytest.approx(after, abs=1)

    slider.focus()
    page.keyboard.press("Home")
    at_first = shown_part(page)
    for _ in range(70):
        page.keyboard.press("ArrowLeft")

    assert slider.get_attribute("aria-valuetext") == "70 % after"
    assert at_first != shown_part(page)
    assert (
        page.locator(".compare").first.evaluate("e => getComputedStyle(e).outlineStyle") != "none"
    )
    assert axe(page) == []
    assert page.evaluate("document.documentElement.scrollWidth") <= size[0]


@pytest.mark.browser
@pytest.mark.django_db(transaction=True)
def test_the_slider_follows_a_finger_on_the_picture(open_case):
    page = open_case(DESK)
    before, _ = boxes(page)
    middle = before["y"] + before["height"] / 2
    page.mouse.move(before["x"] + before["width"] / 2, middle)
    page.mouse.down()
    page.mouse.move(before["x"] + before["width"] / 4, middle)
    page.mouse.up()

    # Before is left and after right, as in words and without a script.
    assert page.get_by_role("slider").first.input_value() == "75"
    assert shown_part(page) == "inset(0px 0px 0px 25%)"
    labels = [label_of(page, name) for name in ("before", "after")]
    assert labels[0]["left"] == labels[1]["right"] == "8px"


@pytest.mark.browser
@pytest.mark.django_db(transaction=True)
def test_both_pictures_keep_their_words_and_paper_shows_both(open_case):
    page = open_case(DESK)
    page.get_by_role("slider").first.wait_for()
    assert page.get_by_role("img", name="Before: a face from the side").count() == 2
    assert page.get_by_role("img", name="After: the same face").count() == 2

    page.emulate_media(media="print")

    before, after = boxes(page)
    assert before["x"] + before["width"] <= after["x"]
    assert shown_part(page) == "none"
    assert not page.get_by_role("slider").first.is_visible()


@pytest.mark.browser
@pytest.mark.django_db(transaction=True)
def test_only_pages_with_cases_load_the_script(open_case, whole_site):
    page = open_case(DESK)
    assert page.locator("script[src*=compare]").count() == 1

    page.goto("/procedures/rhinoplasty/")

    assert page.locator("script[src*=compare]").count() == 0
