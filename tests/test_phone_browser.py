"""A coordinator takes a call: by keyboard, on a phone, without scripts, under axe."""

import pytest

from consultations.models import ConsultationRequest

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]
REQUESTS = "/admin/consultations/consultationrequest/"
SMALL = {"width": 320, "height": 640}
PHONE = {"width": 360, "height": 740}
MOST_TABS = 80


def tab_to(page, field):
    """As somebody without a mouse gets there."""
    for _ in range(MOST_TABS):
        if page.evaluate("document.activeElement.id") == field:
            return
        page.keyboard.press("Tab")
    raise AssertionError(f"{field} is not reached by keyboard")


def assert_fits(page):
    width = page.viewport_size["width"]
    assert page.evaluate("document.documentElement.scrollWidth") <= width


def test_a_call_is_entered_by_keyboard_on_a_phone(
    open_page, sign_in, coordinator, practice, axe, problems
):
    """Given a caller without an address, when she is entered in a hurry, then she is not lost."""
    problems.allow("400 (Bad Request)")
    page = open_page(viewport=PHONE)
    sign_in(page, coordinator)
    page.goto(REQUESTS)
    assert axe(page) == []
    page.get_by_role("link", name="Enter a phone request").focus()
    page.keyboard.press("Enter")
    page.get_by_role("heading", name="Enter a phone request").wait_for()
    assert axe(page) == []
    assert_fits(page)
    assert not page.locator("#id_guardian_name").is_visible()

    tab_to(page, "id_full_name")
    page.keyboard.type("Cal Caller")
    tab_to(page, "id_message")
    page.keyboard.type("The scar pulls.")
    tab_to(page, "id_first_reply_0")
    page.keyboard.press("Space")
    page.keyboard.press("Enter")
    page.get_by_role("alert").wait_for()
    assert page.evaluate("document.activeElement.getAttribute('role')") == "alert"
    assert axe(page) == []
    assert_fits(page)
    assert page.input_value("#id_message") == "The scar pulls."

    tab_to(page, "id_phone")
    page.keyboard.type("(512) 555-0142")
    tab_to(page, "id_consent_health_data_0")
    page.keyboard.press("Space")
    page.keyboard.press("Enter")
    page.get_by_role("heading", name="Cal Caller", exact=True).wait_for()
    assert axe(page) == []
    assert_fits(page)
    row = ConsultationRequest.objects.get()
    assert (row.origin, row.status, row.message) == ("phone", "new", "The scar pulls.")


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_a_referral_is_entered_without_scripts_on_the_smallest_screen(
    open_page, sign_in, coordinator, practice, axe, problems, scheme
):
    problems.allow("400 (Bad Request)")
    page = open_page(viewport=SMALL, java_script_enabled=False, color_scheme=scheme)
    sign_in(page, coordinator)
    page.goto(f"{REQUESTS}add/")
    page.get_by_label("Referral").check()
    page.fill("#id_referred_by", "Dr. Ray Away")
    page.get_by_label("The patient is under 18").check()
    page.fill("#id_guardian_name", "Gala Guardian")
    page.fill("#id_guardian_relationship", "mother")
    page.fill("#id_full_name", "Cal Caller")
    page.fill("#id_phone", "(512) 555-0142")
    page.fill("#id_message", "The letter says a scar.")
    page.get_by_label("Not asked yet").check()
    page.get_by_label("Yes: the promised time").check()
    page.get_by_role("button", name="Save the request").click()
    page.get_by_role("heading", name="Cal Caller", exact=True).wait_for()
    row = ConsultationRequest.objects.get()
    assert (row.origin, row.referred_by, row.guardian_name) == (
        "referral",
        "Dr. Ray Away",
        "Gala Guardian",
    )


def test_an_error_is_accessible_in_the_dark(
    open_page, sign_in, coordinator, practice, axe, problems
):
    problems.allow("400 (Bad Request)")
    page = open_page(viewport=SMALL, color_scheme="dark")
    sign_in(page, coordinator)
    page.goto(f"{REQUESTS}add/")
    page.get_by_role("button", name="Save the request").click()
    page.get_by_role("alert").wait_for()
    assert axe(page) == []
    assert_fits(page)
    page.get_by_role("link", name="Enter their full name.").click()
    assert page.evaluate("document.activeElement.id") == "id_full_name"
