"""The whole way, in a real browser: from a procedure's page to a request that staff work on."""

import re
import time

import pytest
from playwright.sync_api import expect

from consultations import spam
from consultations.models import ConsultationRequest, ContactAttempt, Event
from practice.models import Practice
from tests.journeys import (
    EVERYTHING,
    FORM,
    MESSAGE,
    fill_in,
    reference_on,
    send,
    tab_to,
    what_is_typed,
    where_the_focus_is,
)

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]

INBOX = "/admin/consultations/consultationrequest/"


def test_a_reader_asks_for_a_consultation_and_a_coordinator_takes_it_up(
    open_page, procedure, coordinator, sign_in
):
    patient, desk = open_page(), open_page()

    # Given somebody who reads about an operation
    patient.goto(procedure.get_absolute_url())
    patient.get_by_role("heading", name="Rhinoplasty", exact=True).wait_for()
    opened_at = time.monotonic()
    patient.get_by_role("link", name="Request a consultation").first.click()

    # Then the form knows which one
    patient.wait_for_url(f"**{FORM}?procedure=rhinoplasty")
    chosen = patient.get_by_label("Procedure (optional)")
    assert chosen.input_value() == str(procedure.pk)

    # When they make mistakes
    fill_in(patient, Full="", Email="ada@example")
    send(patient)

    # Then each is named first and where it was made, and the rest is as it was
    summary = patient.get_by_role("alert").filter(has_text="There is a problem")
    expect(summary).to_be_focused()
    assert patient.title().startswith("Error: ")
    for label, message in (
        ("Full name", "Enter your full name."),
        ("Email address", "Enter an email address like name@example.com."),
    ):
        summary.get_by_role("link", name=message).click()
        field = patient.get_by_label(label, exact=True)
        expect(field).to_be_focused()
        expect(field).to_have_accessible_description(re.compile(re.escape(message)))
    assert what_is_typed(patient) == EVERYTHING | {"Full name": "", "Email address": "ada@example"}
    assert chosen.input_value() == str(procedure.pk)

    # When they mend them and send
    fill_in(patient)
    patient.wait_for_timeout(
        max(0, spam.MINIMUM_SECONDS + 0.5 - (time.monotonic() - opened_at)) * 1000
    )
    send(patient)

    # Then they have a reference and a time
    reference = reference_on(patient)
    stored = ConsultationRequest.objects.get(reference=reference)
    local = stored.respond_by.astimezone(Practice.current().zone)
    assert f"{local:%B} {local.day} at " in patient.get_by_role("main").inner_text()

    # When the coordinator looks into the inbox
    sign_in(desk, coordinator)
    desk.goto(INBOX)
    row = desk.get_by_role("row").filter(has_text=reference)
    expect(row).to_contain_text("Rhinoplasty")
    row.get_by_role("link", name="Ada Patient").click()
    expect(desk.get_by_text(MESSAGE)).to_be_visible()

    # And claims the request, reaches the patient and writes a note
    desk.get_by_role("button", name="Claim").click()
    expect(desk.get_by_text(f"{reference} is yours.")).to_be_visible()
    work = desk.get_by_role("form", name="Log a contact or a note")
    work.get_by_label("Note").fill("Talked about the left side.")
    work.get_by_role("button", name="No answer").click()
    expect(desk.get_by_text("“Trying to reach”")).to_be_visible()
    work.get_by_text("Change the state").click()
    work.get_by_role("button", name="In contact").click()
    expect(desk.get_by_text("“In contact” now")).to_be_visible()
    work.get_by_label("Note").fill("Sleeps badly.")
    work.get_by_role("button", name="Save note and follow-up").click()
    expect(desk.get_by_text("The note is saved.")).to_be_visible()

    # Then the timeline tells it all
    timeline = desk.get_by_role("region", name="Timeline")
    for told in ("Received", "Claimed by Carla", "No answer", "In contact", "Sleeps badly."):
        expect(timeline.get_by_text(told).first).to_be_visible()

    # And so does the database
    stored.refresh_from_db()
    assert (stored.status, stored.owner, stored.message) == ("in_contact", coordinator, MESSAGE)
    assert (stored.procedure, stored.procedure_version) == (procedure, procedure.content_version)
    assert stored.first_response_at is not None
    assert ContactAttempt.objects.get(request=stored).outcome == "no_answer"
    acts = list(stored.events.exclude(kind="mailed").values_list("kind", "by__username"))
    assert acts == [
        (Event.Kind.RECEIVED, None),
        *((kind, "carla") for kind in ("assigned", "contacted", "moved", "moved", "noted")),
    ]


def test_the_same_without_scripts_on_a_small_phone_by_keyboard_alone(open_page, procedure):
    page = open_page(viewport={"width": 320, "height": 640}, java_script_enabled=False)

    def fits():
        assert page.evaluate("document.documentElement.scrollWidth") <= 320

    # Given the procedure's page, and Tab and Enter
    page.goto(procedure.get_absolute_url())
    fits()
    assert tab_to(page, "Skip to")[0] == "Skip to the main content"
    tab_to(page, "Request a consultation")
    page.keyboard.press("Enter")
    page.wait_for_url(f"**{FORM}?procedure=rhinoplasty")
    fits()

    # When everything is typed, with a mistake in the address
    answers = {
        "full_name": "Ada Patient",
        "preferred_name": "Ada",
        "email": "ada@example",
        "phone": "512 555 0142",
        "message": MESSAGE,
    }
    ticked = ("contact_method", "consent_health_data")
    order = []
    for name in (*list(answers)[:4], "procedure", "message", *ticked):
        order += tab_to(page, name)
        if name in answers:
            page.keyboard.type(answers[name])
        elif name in ticked:
            page.keyboard.press("Space")
    order += tab_to(page, "Send request")

    # Then the stops were every question in turn, without the trap for programs
    assert order[order.index("full_name") :] == [
        *("full_name", "preferred_name", "email", "phone", "is_under_18"),
        *("procedure", "surgeon", "message"),
        *("contact_method", "best_time", "interpreter_language"),
        *("may_leave_voicemail", "may_text", "consent_health_data", "Send request"),
    ]

    # When it is sent
    page.keyboard.press("Enter")

    # Then the summary has the focus, and its link leads to the field
    page.get_by_role("heading", name="There is a problem").wait_for()
    fits()
    assert page.title().startswith("Error: ")
    assert "There is a problem" in where_the_focus_is(page)["name"]
    tab_to(page, "Enter an email address")
    page.keyboard.press("Enter")
    assert where_the_focus_is(page)["name"] == "email"
    page.keyboard.press("Control+A")
    page.keyboard.type("ada@example.com")
    tab_to(page, "Send request")
    page.keyboard.press("Space")

    # Then it has arrived, as it was typed
    reference = reference_on(page)
    fits()
    stored = ConsultationRequest.objects.get()
    assert stored.reference == reference
    assert (stored.email, stored.phone.as_e164) == ("ada@example.com", "+15125550142")
    assert (stored.message, stored.procedure) == (MESSAGE, procedure)
    tab_to(page, "Open your private page")
    page.keyboard.press("Enter")
    page.get_by_role("heading", name="Your request", exact=True).wait_for()
    fits()
    tab_to(page, "Save the correction")


def test_by_keyboard_a_guardian_is_asked_for_where_a_child_is_named(open_page, practice):
    page = open_page(java_script_enabled=False)
    page.goto(FORM)
    tab_to(page, "is_under_18")
    page.keyboard.press("Space")

    assert tab_to(page, "procedure")[:2] == ["guardian_name", "guardian_relationship"]
