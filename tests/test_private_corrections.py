"""How a patient corrects the way they are reached, and what nobody can make of it."""

from datetime import timedelta

import pytest
from django.utils import timezone
from post_office.models import Email

from consultations import triage
from consultations.choices import OPEN, Status
from consultations.models import Event
from consultations.patient_page import patient_acts, private_link
from consultations.staff_work import staff_acts
from tests.pages import Page
from tests.private_pages import correct, done_by_the_patient, page_of, stored

pytestmark = pytest.mark.django_db


@pytest.fixture
def mine(a_request):
    return a_request(email="ada@example.com")


def test_a_corrected_phone_number_is_used_and_the_old_one_stays_in_the_timeline(client, mine):
    before = mine.phone.as_e164

    response = correct(client, mine, phone="(512) 555-0188")

    assert response.status_code == 302
    assert response["Location"] == page_of(mine)
    assert stored(mine).phone.as_e164 == "+15125550188"
    assert done_by_the_patient(mine) == [("corrected", "Patient", "Changed phone number")]
    assert before[-4:] in mine.events.get(kind="corrected").note
    assert not Email.objects.exists()


def test_a_corrected_address_gets_the_reference_and_the_link(client, mine):
    correct(client, mine, email="ada.patient@example.com")

    assert stored(mine).email == "ada.patient@example.com"
    mail = Email.objects.get()
    assert mail.to == ["ada.patient@example.com"]
    assert mine.reference in mail.subject
    for text in (mail.message, mail.html_message):
        assert mine.reference in text
        assert private_link.placeholder(mine) in text
        assert "We will answer by" in text
    assert [kind for kind, *_ in done_by_the_patient(mine)] == ["corrected", "mailed"]


def test_who_was_answered_is_promised_no_first_answer_again(client, a_request):
    request = a_request(status="in_contact", first_response_at=timezone.now())

    correct(client, request, email="right@example.com")

    assert "We will answer by" not in Email.objects.get().message


@pytest.mark.parametrize("status", sorted(set(Status.values) - set(OPEN)))
def test_what_is_suspected_or_over_is_corrected_and_mails_nobody(client, a_request, status):
    request = a_request(status=status)

    response = correct(client, request, email="victim@example.com")

    assert response.status_code == 302
    assert stored(request).email == "victim@example.com"
    assert not Email.objects.exists()


def test_a_suspect_who_was_a_person_gets_the_first_mail_at_the_corrected_address(
    client, a_request, coordinator
):
    request = a_request(status="quarantined")
    correct(client, request, email="right@example.com")

    triage.move(stored(request), Status.NEW, by=coordinator)

    to = [mail.to[0] for mail in Email.objects.order_by("pk")]
    assert to == ["right@example.com", "hello@example.com"]


def test_another_mail_does_not_stand_for_the_first(a_request, coordinator, practice):
    request = a_request(status="quarantined")
    Event.objects.create(
        request=request, kind="mailed", summary="Confirmation to the corrected address"
    )

    triage.move(request, Status.NEW, by=coordinator)
    triage.move(request, Status.SPAM, by=coordinator)
    triage.move(request, Status.NEW, by=coordinator)

    assert Email.objects.filter(to=[request.email]).count() == 1


def test_a_day_has_few_corrections_and_the_page_says_what_to_do_then(client, mine, time_machine):
    time_machine.move_to("2026-11-16T16:00:00Z", tick=False)
    for number in range(patient_acts.CORRECTIONS_A_DAY):
        assert correct(client, stored(mine), email=f"{number}@example.com").status_code == 302
    before = stored(mine).email

    response = correct(client, stored(mine), email="more@example.com", phone="(512) 555-0188")

    page = Page(response)
    assert response.status_code == 429
    assert page.fields["contact-email"] == "more@example.com"
    assert page.fields["contact-phone"] == "(512) 555-0188"
    assert "please call (512) 555-0100, or come back tomorrow" in page.text
    assert (stored(mine).email, stored(mine).phone) == (before, mine.phone)
    assert Email.objects.count() == patient_acts.CORRECTIONS_A_DAY

    time_machine.shift(timedelta(days=1))
    assert correct(client, stored(mine), email="more@example.com").status_code == 302


def test_only_corrections_of_this_very_request_are_counted(client, mine, a_request, coordinator):
    other = a_request()
    for number in range(patient_acts.CORRECTIONS_A_DAY):
        correct(client, stored(other), email=f"{number}@example.com")
        was = {"preferred_name": mine.preferred_name}
        staff_acts.correct(mine, was, {"preferred_name": f"A{number}"}, by=coordinator)

    assert correct(client, mine, email="right@example.com").status_code == 302


# --- Corrections from an older page -----------------------------------------------------------


def staff_correct(request, by, **changes):
    row = stored(request)
    staff_acts.correct(row, {name: getattr(row, name) for name in changes}, changes, by=by)


def test_the_page_sends_along_what_it_showed(client, mine):
    fields = Page(client.get(page_of(mine))).fields

    assert fields["initial-contact-email"] == mine.email
    assert fields["initial-contact-phone"]
    assert fields["initial-consents-may_text"] == "False"


def test_what_the_patient_left_alone_stays_as_staff_corrected_it(client, mine, coordinator):
    staff_correct(mine, coordinator, email="right@example.com")

    response = correct(client, mine, phone="(512) 555-0188")

    assert response.status_code == 302
    row = stored(mine)
    assert (row.email, row.phone.as_e164) == ("right@example.com", "+15125550188")


def test_what_both_changed_is_shown_with_both_values_and_sending_again_decides(
    client, mine, coordinator
):
    staff_correct(mine, coordinator, phone="+15125550177")

    response = correct(client, mine, phone="(512) 555-0188", email="new@example.com")

    page = Page(response)
    assert response.status_code == 409
    assert "Meanwhile this was changed to +1 512-555-0177" in page.error_of("contact-phone")
    assert page.fields["contact-phone"] == "(512) 555-0188"
    assert page.fields["contact-email"] == "new@example.com"
    assert (stored(mine).phone.as_e164, stored(mine).email) == ("+15125550177", mine.email)
    again = {name: value for name, value in page.fields.items() if "contact-" in name}
    assert client.post(f"{page_of(mine)}contact/", again).status_code == 302
    assert (stored(mine).phone.as_e164, stored(mine).email) == ("+15125550188", "new@example.com")


def test_sending_the_same_correction_twice_is_one(client, mine):
    for _ in range(2):
        assert correct(client, mine, phone="(512) 555-0188").status_code == 302

    assert done_by_the_patient(mine) == [("corrected", "Patient", "Changed phone number")]


@pytest.mark.parametrize("shown", [{}, {"initial-contact-email": "", "initial-contact-phone": "x"}])
def test_a_page_that_does_not_say_what_it_showed_overwrites_nothing_unasked(client, mine, shown):
    typed = {"contact-phone": str(mine.phone), "contact-email": "new@example.com"}

    response = client.post(f"{page_of(mine)}contact/", typed | shown)

    assert response.status_code == 409
    assert stored(mine).email == mine.email
    assert Page(response).fields["contact-email"] == "new@example.com"


def test_the_old_address_is_in_the_encrypted_note_only(client, mine):
    correct(client, mine, phone="(512) 555-0188", email="ada.patient@example.com")

    line = mine.events.get(kind="corrected")
    assert line.summary == "Changed phone number and email address"
    assert "ada@example.com" in line.note


def test_saving_without_a_change_is_not_a_correction(client, mine):
    response = correct(client, mine)

    assert response.status_code == 302
    assert done_by_the_patient(mine) == []


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("email", ""),
        ("email", "ada@"),
        ("email", '"<ada>"@example.com'),
        ("email", '"a,stranger@elsewhere.example.com,b"@example.com'),
        ("phone", "12"),
        ("phone", "none"),
    ],
)
def test_what_cannot_be_right_is_said_beside_the_field_and_not_stored(client, mine, field, value):
    response = correct(client, mine, **{field: value})

    page = Page(response)
    assert response.status_code == 422
    assert page.fields[f"contact-{field}"] == value
    assert page.error_of(f"contact-{field}")
    assert (stored(mine).phone, stored(mine).email) == (mine.phone, mine.email)
    assert done_by_the_patient(mine) == []
