"""The end of a session as people meet it: warned, kept with one click, nothing typed is lost."""

from datetime import timedelta

import pytest
from django.utils import timezone

from consultations.models import Event
from practice.accounts.session_store import StaffSession
from tests.conftest import PASSWORD

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]
REQUESTS = "/admin/consultations/consultationrequest/"
NOTE = "Prefers mornings.\nAsked about “numbness”."
SIZES = ((320, 640), (1280, 800))


@pytest.fixture(autouse=True)
def who_else_is_here_is_asked_in_vain(problems):
    """By pages whose session has ended."""
    problems.allow("/presence/")


@pytest.fixture
def row(live_site, a_request):
    return a_request()


@pytest.fixture
def at_work(open_page, sign_in, coordinator, row):
    """A page of the request, of somebody who has just signed in; time there can be moved on."""

    def at_work(**options):
        page = open_page(**options)
        sign_in(page, coordinator)
        page.goto(f"{REQUESTS}{row.pk}/change/")
        if options.get("java_script_enabled", True):
            page.clock.install()
            page.reload()
        return page

    return at_work


def idle(*pages, minutes):
    """So long nothing is done: on the server, and on the clock of each page."""
    StaffSession.objects.update(active_at=timezone.now() - timedelta(minutes=minutes))
    for page in pages:
        page.clock.fast_forward(minutes * 60 * 1000)


def fits_in_every_size_and_scheme(page, axe):
    for width, height in SIZES:
        for scheme in ("light", "dark"):
            page.set_viewport_size({"width": width, "height": height})
            page.emulate_media(color_scheme=scheme)
            page.wait_for_timeout(400)  # Colours change by and by.
            assert axe(page) == []
            assert page.evaluate("document.documentElement.scrollWidth") <= width


def is_renewal(answer):
    return answer.request.method == "POST" and answer.url.endswith("/staff/session/")


def seconds_idle():
    return (timezone.now() - StaffSession.objects.get().active_at).total_seconds()


def test_a_warning_comes_in_time_and_one_click_is_enough(at_work, axe):
    page = at_work()
    warning = page.get_by_role("alertdialog", name="Are you still there?")
    assert not warning.is_visible()
    idle(page, minutes=28.5)
    warning.wait_for()
    stay = page.get_by_role("button", name="Stay signed in")
    assert stay.evaluate("element => element === document.activeElement")
    assert "You will be signed out in" in warning.inner_text()
    fits_in_every_size_and_scheme(page, axe)
    stay.click()
    warning.wait_for(state="hidden")
    assert seconds_idle() < 20


def test_escape_means_that_the_person_is_there(at_work):
    page = at_work()
    idle(page, minutes=28.5)
    page.get_by_role("alertdialog", name="Are you still there?").wait_for()
    with page.expect_response(is_renewal):
        page.keyboard.press("Escape")
    assert seconds_idle() < 20


def test_tabs_know_of_each_other(at_work):
    here = at_work()
    there = here.context.new_page()
    there.goto("/admin/")
    there.clock.install()
    there.reload()
    idle(here, there, minutes=28.5)
    for page in (here, there):
        page.get_by_role("alertdialog", name="Are you still there?").wait_for()
    there.get_by_role("button", name="Stay signed in").click()
    here.get_by_role("alertdialog", name="Are you still there?").wait_for(state="hidden")


def test_typing_is_being_there(at_work):
    page = at_work()
    idle(page, minutes=20)
    with page.expect_response(is_renewal):
        page.locator("textarea[name=note]").first.press("a")
    assert seconds_idle() < 20


def note(page):
    return page.locator("form[action$='/note/'] textarea[name=note]")


def open_note(page):
    page.evaluate("for (const each of document.querySelectorAll('details')) each.open = true")
    return note(page)


def sign_in_in_the_tab_that_opens(page, coordinator, link):
    with page.context.expect_page() as opened:
        link.click()
    tab = opened.value
    tab.fill("input[name=login]", coordinator.username)
    tab.fill("input[name=password]", PASSWORD)
    tab.press("input[name=password]", "Enter")
    tab.get_by_role("heading", name="Where you are signed in").wait_for()
    tab.close()


def test_what_was_typed_waits_behind_a_curtain_until_one_has_signed_in_again(
    at_work, axe, coordinator, row
):
    page = at_work()
    open_note(page).fill(NOTE)
    StaffSession.objects.all().delete()
    page.clock.fast_forward(29 * 60 * 1000)
    over = page.get_by_role("alertdialog", name="You were signed out")
    over.wait_for()
    page.keyboard.press("Escape")
    assert over.is_visible()
    curtain = page.evaluate(
        "getComputedStyle(document.getElementById('session-over'), '::backdrop').backgroundColor"
    )
    assert curtain.startswith("rgb(")  # Without an alpha channel: nothing shines through.
    assert axe(page) == []
    sign_in_in_the_tab_that_opens(page, coordinator, over.get_by_role("link"))
    page.bring_to_front()
    over.wait_for(state="hidden")
    assert note(page).input_value() == NOTE
    page.get_by_role("button", name="Save note and follow-up").click()
    page.get_by_text("The note is saved.").wait_for()
    assert Event.objects.get(kind=Event.Kind.NOTED).note.splitlines() == NOTE.splitlines()


def test_a_page_with_nothing_typed_goes_to_the_sign_in(at_work, row):
    page = at_work()
    StaffSession.objects.all().delete()
    page.clock.fast_forward(29 * 60 * 1000)
    page.wait_for_url("**/staff/login/**")
    assert row.full_name not in page.content()


def test_without_scripts_a_late_save_is_given_back(at_work, axe, problems, coordinator, row):
    problems.allow("403")
    page = at_work(java_script_enabled=False)
    note(page).fill(NOTE)
    StaffSession.objects.all().delete()
    page.get_by_role("button", name="Save note and follow-up").click()
    page.get_by_role("heading", name="You were signed out; this was not saved").wait_for()
    sign_in_in_the_tab_that_opens(page, coordinator, page.get_by_role("link", name="Sign in again"))
    again = page.get_by_role("button", name="Save again")
    again.click()
    page.get_by_role("heading", name="Not saved yet").wait_for()
    again.click()
    page.get_by_text("The note is saved.").wait_for()
    assert Event.objects.get(kind=Event.Kind.NOTED).note.splitlines() == NOTE.splitlines()


def test_the_pages_are_accessible_and_fit(at_work, axe, problems, row):
    problems.allow("403")
    page = at_work()
    page.goto("/staff/sessions/")
    fits_in_every_size_and_scheme(page, axe)
    page.goto(f"{REQUESTS}{row.pk}/change/")
    open_note(page).fill(NOTE)
    StaffSession.objects.all().delete()
    page.get_by_role("button", name="Save note and follow-up").click()
    page.get_by_role("heading", name="You were signed out; this was not saved").wait_for()
    fits_in_every_size_and_scheme(page, axe)
