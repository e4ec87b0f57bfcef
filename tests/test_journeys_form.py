"""What may happen to somebody who fills in the form: reloads, second thoughts, old pages, Back."""

import pytest
from playwright.sync_api import expect

from consultations.models import ConsultationRequest
from tests.journeys import (
    EVERYTHING,
    FORM,
    MESSAGE,
    TYPED,
    fill_in,
    leaving,
    reference_on,
    send,
    what_is_typed,
)

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]

NOTHING = dict.fromkeys(TYPED, "") | {"by phone": False, "agreed": False}


def kept_on_the_device(page):
    return page.evaluate("JSON.stringify(localStorage)")


@pytest.fixture
def written(page, practice):
    """The form, filled in and not sent."""
    page.goto(FORM)
    fill_in(page)
    return page


# --- Kept on this device ------------------------------------------------------------------------


def test_what_was_typed_survives_a_reload_and_leaves_the_device_when_it_is_sent(written):
    asked = leaving(written, "accept")
    written.reload()

    assert asked == ["beforeunload"]
    assert what_is_typed(written) == EVERYTHING
    expect(written.get_by_text("We put back what you had typed")).to_be_visible()

    send(written)

    reference_on(written)
    assert asked == ["beforeunload"]  # Sending is not leaving.
    assert kept_on_the_device(written) == "{}"
    written.goto(FORM)
    assert what_is_typed(written) == NOTHING
    assert asked == ["beforeunload"]


def test_what_was_typed_survives_a_mistake_and_a_closed_window(written):
    written.get_by_label("Email address").fill("ada@example")
    send(written)
    written.get_by_role("heading", name="There is a problem").wait_for()

    window = written.context.new_page()
    written.close()
    window.goto(FORM)

    assert what_is_typed(window) == EVERYTHING | {"Email address": "ada@example"}


def test_the_draft_is_gone_after_delete_it_from_this_device(written):
    asked = leaving(written, "accept")
    written.reload()
    assert MESSAGE in kept_on_the_device(written)

    written.get_by_role("button", name="Delete it from this device").click()

    expect(written.get_by_text("We put back what you had typed")).to_have_count(0)
    assert what_is_typed(written) == NOTHING
    assert kept_on_the_device(written) == "{}"
    assert asked == ["beforeunload"]  # For the reload; deleting is meant.


def test_neither_token_nor_trap_is_kept_on_the_device(written):
    kept = kept_on_the_device(written)

    assert MESSAGE in kept
    token = written.locator("input[name=token]").input_value()
    assert token not in kept
    assert "csrf" not in kept
    assert "website" not in kept


def test_who_leaves_with_unsent_text_is_asked_and_can_stay(written):
    asked = leaving(written, "dismiss")

    written.get_by_role("link", name="Privacy", exact=True).click()
    written.wait_for_timeout(300)

    assert asked == ["beforeunload"]
    assert written.url.endswith(FORM)
    assert what_is_typed(written) == EVERYTHING


def test_who_has_typed_nothing_is_not_asked(page, practice):
    asked = leaving(page, "dismiss")
    page.goto(FORM)
    page.get_by_label("Full name", exact=True).click()

    page.get_by_role("link", name="Privacy", exact=True).click()

    page.wait_for_url("**/privacy/")
    assert asked == []


# --- Old pages ----------------------------------------------------------------------------------


@pytest.mark.parametrize("scripts", [True, False], ids=["scripts", "no scripts"])
def test_an_expired_form_comes_back_with_everything_and_can_be_sent(
    open_page, practice, problems, scripts
):
    page = open_page(java_script_enabled=scripts)
    problems.allow("403 (Forbidden)")
    page.goto(FORM)
    fill_in(page)
    page.context.clear_cookies(name="csrf")

    send(page)

    page.get_by_role("heading", name="Nothing was sent yet").wait_for()
    assert what_is_typed(page) == EVERYTHING
    assert not ConsultationRequest.objects.exists()

    send(page)

    assert ConsultationRequest.objects.get().reference == reference_on(page)


# --- Twice --------------------------------------------------------------------------------------


def test_back_and_send_again_leads_to_the_same_reference(written):
    send(written)
    first = reference_on(written)

    written.go_back()
    written.get_by_role("button", name="Send request").wait_for()
    fill_in(written)
    send(written)

    assert reference_on(written) == first
    assert ConsultationRequest.objects.count() == 1


def test_the_same_form_sent_from_two_tabs_leads_to_the_same_reference(page, practice):
    other = page.context.new_page()
    for tab in (page, other):
        tab.goto(FORM)
    for tab in (page, other):
        fill_in(tab)

    send(page)
    send(other)

    assert reference_on(page) == reference_on(other)
    assert ConsultationRequest.objects.count() == 1


def test_an_impatient_double_click_sends_once(written):
    written.get_by_role("button", name="Send request").dblclick(no_wait_after=True)

    reference = reference_on(written)
    assert [row.reference for row in ConsultationRequest.objects.all()] == [reference]
