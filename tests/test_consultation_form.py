"""The patient's form, as a browser sees it: asking, mistakes, and the confirmation."""

import re

import pytest
from django.core import signing
from django.test import Client

from consultations.models import ConsultationRequest
from consultations.patient_page import private_link
from consultations.views import FORM_SALT
from procedures.models import Procedure
from tests.pages import Page

pytestmark = pytest.mark.django_db

FORM = "/consultation/"
PERSONAL = ("full_name", "preferred_name", "email", "phone", "message")


def ticket_in(page):
    return signing.loads(page.fields["token"], salt=FORM_SALT)


def typed(answers):
    """What must still be there after a mistake; the ticket and the honeypot are not typed."""
    return {name: value for name, value in answers.items() if name not in ("token", "website")}


def as_shown(page, answers):
    return {name: page.fields.get(name, "") for name in typed(answers)}


# --- Opening it -------------------------------------------------------------------------------


def test_the_form_opens_empty_with_the_warnings_before_the_first_question(client, practice):
    response = client.get(FORM)

    page = Page(response)
    assert response.status_code == 200
    assert "no-store" in response["Cache-Control"]
    assert [page.fields[name] for name in PERSONAL] == [""] * 5
    assert "contact_method" not in page.fields  # Nothing is answered for the patient.
    assert page.fields["best_time"] == "any"
    for name in ("may_leave_voicemail", "may_text", "consent_health_data"):
        assert name not in page.fields
    before_questions = page.text[: page.text.index("Full name")]
    assert "call 911" in before_questions
    assert "does not make you our patient" in before_questions
    assert "24 months" in before_questions


def test_what_is_up_to_the_patient_is_asked_apart_from_what_is_needed(client, practice):
    words = Page(client.get(FORM)).text

    free = words.index("Tick only what is fine with you:")
    needed = words.index("We need this to read your request:")
    assert free < words.index("leave a voicemail") < words.index("send me text messages") < needed
    assert needed < words.index("I agree that the practice’s own staff")


def test_every_form_that_is_handed_out_has_its_own_ticket(client, practice):
    tickets = {ticket_in(Page(client.get(FORM)))["token"] for _ in range(3)}

    assert len(tickets) == 3


def test_it_knows_the_page_the_patient_came_from(client, procedure, surgeon):
    page = Page(client.get(FORM, {"procedure": "rhinoplasty", "surgeon": "robin-example"}))

    assert page.fields["procedure"] == str(procedure.pk)
    assert page.fields["surgeon"] == str(surgeon.pk)
    ticket = ticket_in(page)
    assert (ticket["procedure"], ticket["version"]) == (procedure.pk, procedure.content_version)


@pytest.mark.parametrize(
    ("query", "origin"),
    [
        ("", "website"),
        ("?surgeon=robin-example", "surgeon"),
        ("?procedure=rhinoplasty", "procedure"),
        ("?procedure=rhinoplasty&surgeon=robin-example", "procedure"),
        ("?procedure=unknown", "website"),
    ],
)
def test_the_request_remembers_where_it_came_from(client, procedure, answers, query, origin):
    opened = Page(client.get(FORM + query))

    client.post(FORM, answers | {"token": opened.fields["token"]})

    assert ConsultationRequest.objects.get().origin == origin


def test_the_version_is_stored_of_the_page_that_was_read_only(client, procedure, answers):
    read = {"token": Page(client.get(f"{FORM}?procedure=rhinoplasty")).fields["token"]}

    client.post(FORM, answers | read | {"procedure": procedure.pk})
    client.post(FORM, answers | read | {"procedure": "", "message": "Another thing."})

    first, second = ConsultationRequest.objects.order_by("pk")
    assert (first.procedure, first.procedure_version) == (procedure, procedure.content_version)
    assert (second.procedure, second.procedure_version) == (None, None)


UNKNOWN = {
    "an unknown name": "nothing-here",
    "no name": "",
    "a NUL byte": "rhinoplasty%00",
    "only a NUL byte": "%00",
    "a broken encoding": "%ff%fe",
    "half a character": "%ed%a0%80",
    "a very long name": "a" * 20_000,
    "a path": "../../etc/passwd",
    "a quote": "rhinoplasty'--",
    "another case": "RHINOPLASTY",
    "a number": "1",
}


@pytest.mark.parametrize("name", UNKNOWN.values(), ids=UNKNOWN.keys())
@pytest.mark.parametrize("field", ["procedure", "surgeon"])
def test_unknown_names_in_the_address_are_ignored(client, procedure, field, name):
    response = client.get(f"{FORM}?{field}={name}")

    assert response.status_code == 200
    assert Page(response).fields[field] == ""


@pytest.mark.parametrize("status", ["draft", "scheduled", "withdrawn"])
def test_what_is_not_published_is_neither_offered_nor_accepted(
    client, procedure, surgeon, answers, status
):
    Procedure.objects.update(status=status)
    type(surgeon).objects.update(status=status)

    page = Page(client.get(FORM, {"procedure": "rhinoplasty", "surgeon": "robin-example"}))
    assert (page.fields["procedure"], page.fields["surgeon"]) == ("", "")
    assert ticket_in(page)["origin"] == "website"
    assert "procedure" not in ticket_in(page)
    assert "Rhinoplasty" not in page.source
    assert "Robin Example" not in page.source

    refused = client.post(FORM, answers | {"procedure": procedure.pk, "surgeon": surgeon.pk})
    assert Page(refused).error_of("procedure")
    assert Page(refused).error_of("surgeon")
    assert not ConsultationRequest.objects.exists()


# --- Mistakes ---------------------------------------------------------------------------------

MISTAKES = {
    "no name": ({"full_name": ""}, "full_name", "Enter your full name."),
    "only spaces": ({"full_name": "   "}, "full_name", "Enter your full name."),
    "no address": ({"email": ""}, "email", "Enter your email address."),
    "no real address": (
        {"email": "ada@example"},
        "email",
        "Enter an email address like name@example.com.",
    ),
    "an address no mail can go to": (
        {"email": '"<ada>"@example.com'},
        "email",
        "Enter an email address like name@example.com.",
    ),
    "an address that is several": (
        {"email": '"a,stranger@elsewhere.example.com,b"@example.com'},
        "email",
        "Enter an email address like name@example.com.",
    ),
    "no address, with a comma": (
        {"email": "ada@example.com, grace@example.com"},
        "email",
        "Enter an email address like name@example.com.",
    ),
    "no message": (
        {"message": ""},
        "message",
        "Tell us in a few words what you would like to discuss.",
    ),
    "too long a message": (
        {"message": "a" * 5001},
        "message",
        "This is 5,001 characters long and 5,000 fit. "
        "Shorten it, and tell us the rest when we talk.",
    ),
    "no way to reach them": (
        {"contact_method": ""},
        "contact_method",
        "Choose how we should contact you.",
    ),
    "no phone to call": (
        {"phone": ""},
        "phone",
        "Enter a phone number, or choose email as the way to reach you.",
    ),
    "no phone to text": (
        {"phone": "", "contact_method": "text", "may_text": "on"},
        "phone",
        "Enter a phone number, or choose email as the way to reach you.",
    ),
    "half a phone number": (
        {"phone": "555-0142"},
        "phone",
        "Enter a phone number with its area code, such as (512) 555-0142, "
        "or with + and the country code.",
    ),
    "words for a phone number": (
        {"phone": "my sister’s, in the evening"},
        "phone",
        "Enter a phone number with its area code, such as (512) 555-0142, "
        "or with + and the country code.",
    ),
    "texting not agreed to": (
        {"contact_method": "text"},
        "may_text",
        "Tick this to be reached by text, or choose another way.",
    ),
    "no consent": (
        {"consent_health_data": ""},
        "consent_health_data",
        "We may only read your request if you agree. Tick the box, or call us.",
    ),
    "a child's guardian": (
        {"is_under_18": "on", "guardian_relationship": "Mother"},
        "guardian_name",
        "Enter the full name of a parent or guardian.",
    ),
    "how they are related": (
        {"is_under_18": "on", "guardian_name": "Grace"},
        "guardian_relationship",
        "Say how they are related, such as mother.",
    ),
}
IN_GROUPS = {"contact_method"}  # Whose first choice is what the summary links to.


@pytest.mark.parametrize(("change", "field", "message"), MISTAKES.values(), ids=MISTAKES.keys())
def test_a_mistake_is_named_twice_in_the_same_words_and_nothing_typed_is_lost(
    client, practice, answers, change, field, message
):
    sent = answers | change

    response = client.post(FORM, sent)

    page = Page(response)
    assert response.status_code in (200, 422)
    assert page.error_of(field) == message
    assert page.summary == {f"#id_{field}{'_0' * (field in IN_GROUPS)}": message}
    assert page.title.startswith("Error: ")
    assert as_shown(page, sent) == typed(sent)
    assert page.fields["token"] == sent["token"]
    assert not ConsultationRequest.objects.exists()


def test_every_mistake_is_named_at_once(client, practice):
    page = Page(client.post(FORM, {}))

    required = ("full_name", "email", "message", "contact_method", "consent_health_data")
    assert all(page.error_of(name) for name in required)
    assert len(page.summary) >= len(required)


def test_line_breaks_count_as_one_character_as_they_do_in_the_browser(client, practice, answers):
    client.post(FORM, answers | {"message": "ab\r\n" * 1666 + "ab"})

    assert ConsultationRequest.objects.get().message == "ab\n" * 1666 + "ab"


# --- What is stored ---------------------------------------------------------------------------


def test_answers_that_are_no_longer_shown_are_not_kept(client, practice, answers):
    hidden = {"is_under_18": "", "guardian_name": "Grace", "guardian_relationship": "Mother"}

    client.post(FORM, answers | hidden)

    stored = ConsultationRequest.objects.get()
    assert (stored.guardian_name, stored.guardian_relationship) == ("", "")


def test_a_child_is_asked_for_with_a_guardian(client, practice, answers):
    child = {"is_under_18": "on", "guardian_name": "Grace", "guardian_relationship": "Mother"}

    client.post(FORM, answers | child)

    stored = ConsultationRequest.objects.get()
    assert stored.is_under_18
    assert (stored.guardian_name, stored.guardian_relationship) == ("Grace", "Mother")


def test_who_wants_email_needs_no_phone(client, practice, answers):
    response = client.post(FORM, answers | {"phone": "", "contact_method": "email"})

    assert response.status_code == 302
    assert ConsultationRequest.objects.get().phone == ""


@pytest.mark.parametrize(
    ("phone", "stored_as"),
    [
        ("(512) 555-0142", "+15125550142"),
        ("512.555.0142", "+15125550142"),
        ("1 512 555 0142", "+15125550142"),
        ("+49 30 901820", "+4930901820"),
        ("+44 (0)20 7946 0958", "+442079460958"),
    ],
)
def test_a_phone_number_is_stored_in_one_way(client, practice, answers, phone, stored_as):
    client.post(FORM, answers | {"phone": phone})

    assert ConsultationRequest.objects.get().phone.as_e164 == stored_as


# --- The confirmation -------------------------------------------------------------------------


def test_the_confirmation_shows_the_reference_and_the_deadline_in_practice_time(
    client, practice, answers, time_machine
):
    time_machine.move_to("2026-11-20T22:00:00Z", tick=False)  # Friday 16:00 in Chicago.
    opened = Page(client.get(FORM)).fields
    time_machine.shift(60)

    response = client.post(FORM, answers | {"token": opened["token"]})
    stored = ConsultationRequest.objects.get()
    confirmation = client.get(response["Location"])

    page = Page(confirmation)
    assert page.status == 200
    assert stored.reference in page.text
    assert "Monday, November 23 at 12:01 PM" in page.text
    assert stored.message not in page.source
    assert "no-store" in confirmation["Cache-Control"]


def test_the_confirmation_can_be_looked_at_again_without_sending_again(client, practice, answers):
    address = client.post(FORM, answers)["Location"]

    pages = [client.get(address) for _ in range(3)]

    assert {page.status_code for page in pages} == {200}
    assert ConsultationRequest.objects.count() == 1
    assert Client().get(address).status_code == 200  # It does not hang on a session.


def test_without_hours_the_confirmation_names_no_time(client, practice, location, answers):
    location.hours.all().delete()

    page = Page(client.get(client.post(FORM, answers)["Location"]))

    assert "as soon as we can" in page.text
    assert not re.search(r"\b(AM|PM)\b", page.text)


def test_a_confirmation_shows_no_link_that_no_longer_opens_anything(
    client, practice, answers, time_machine
):
    time_machine.move_to("2026-11-16T16:00:00Z", tick=False)
    confirmation = client.post(FORM, answers)["Location"]
    assert "Your private page" in Page(client.get(confirmation)).text

    time_machine.shift(private_link.VALID_FOR)

    page = Page(client.get(confirmation))
    assert page.status == 200
    assert "/consultation/request/" not in page.source
    assert "Your private page" not in page.text


def test_a_made_up_receipt_opens_nothing(client, practice, a_request, answers):
    real = client.post(FORM, answers)["Location"]
    other = a_request().reference

    forged = [
        real[:-2] + ("A/" if real[-2] != "A" else "B/"),
        re.sub(r"[0-9A-Z]{5}-[0-9A-Z]{5}", other, real),
        f"{FORM}received/{other}/",
        f"{FORM}received/nonsense/",
        f"{FORM}received/%00/",
    ]

    assert {client.get(address).status_code for address in forged} == {404}
    assert real not in forged


@pytest.mark.parametrize("method", ["put", "patch", "delete", "options"])
def test_other_methods_are_not_allowed(client, practice, method):
    assert getattr(client, method)(FORM).status_code == 405
