"""Corrections by staff, and what patients do that staff have yet to see."""

from datetime import date

import pytest
from PIL import Image
from post_office.models import Email

from consultations import photos
from consultations.models import ConsultationRequest, Event
from consultations.patient_page import patient_acts
from consultations.timeline import PATIENT

REQUESTS = "/admin/consultations/consultationrequest/"
FIELDS = ("phone", "email", "preferred_name", "interpreter_language")


@pytest.fixture
def client(signed_in, coordinator):
    return signed_in(coordinator)


@pytest.fixture
def row(a_request):
    return a_request(preferred_name="Ada", interpreter_language="")


def correct(client, row, **changes):
    shown = {f"initial-{name}": str(getattr(row, name)) for name in FIELDS}
    typed = {name: str(getattr(row, name)) for name in FIELDS} | changes
    return client.post(f"{REQUESTS}{row.pk}/correct/", shown | typed)


def text(response):
    return response.content.decode()


def test_a_correction_is_an_event_that_keeps_what_was_before(client, row, coordinator):
    was = str(row.phone)
    assert correct(client, row, phone="(512) 555-0177", interpreter_language="Spanish")
    row.refresh_from_db()
    assert (row.phone.as_e164, row.interpreter_language) == ("+15125550177", "Spanish")
    event = Event.objects.get(request=row, kind="corrected")
    assert event.by == coordinator
    assert event.summary == "Corrected phone and interpreter language"
    assert was in event.note
    assert was not in event.summary


def test_a_new_address_gets_a_mail(client, row):
    correct(client, row, email="right@example.com")
    event = Event.objects.get(request=row, kind="mailed")
    assert event.summary == "Mail to the corrected address"
    assert Email.objects.get().to == ["right@example.com"]


@pytest.mark.parametrize("status", ["closed", "quarantined", "spam", "duplicate"])
def test_what_is_suspected_or_over_mails_nobody(client, a_request, status):
    row = a_request(status=status)
    correct(client, row, email="right@example.com")
    row.refresh_from_db()
    assert row.email == "right@example.com"
    assert not Email.objects.exists()


@pytest.mark.parametrize(
    ("changes", "why"),
    [
        ({"phone": "12"}, "Enter a phone number"),
        ({"email": "nobody"}, "Enter an email address like name@example.com."),
        (
            {"email": '"a,stranger@elsewhere.example.com,b"@example.com'},
            "Enter an email address like name@example.com.",
        ),
        ({"email": ""}, "required"),
    ],
)
def test_a_fault_is_told_and_what_was_typed_stays(client, row, changes, why):
    response = correct(client, row, preferred_name="Adele", **changes)
    assert response.status_code == 400
    assert why in text(response)
    assert 'value="Adele"' in text(response)
    assert not Event.objects.filter(kind="corrected").exists()


def test_a_correction_is_one_line(client, row):
    correct(client, row, preferred_name="Ada\r\n\r\nof  Austin")
    row.refresh_from_db()
    assert row.preferred_name == "Ada of Austin"


def test_a_name_of_several_lines_from_before_can_be_corrected(client, row):
    type(row).objects.update(preferred_name="Ada\r\nof Austin")
    row.refresh_from_db()
    assert correct(client, row, preferred_name="Ada").status_code == 302
    row.refresh_from_db()
    assert row.preferred_name == "Ada"


def test_saving_without_a_change_says_so(client, row):
    response = correct(client, row)
    assert response.status_code == 409
    assert "Nothing was changed" in text(response)


def test_two_who_correct_different_facts_do_not_undo_each_other(client, row):
    page_of_both = ConsultationRequest.objects.get(pk=row.pk)
    correct(client, page_of_both, phone="(512) 555-0177")
    correct(client, page_of_both, interpreter_language="Spanish")
    row.refresh_from_db()
    assert (row.phone.as_e164, row.interpreter_language) == ("+15125550177", "Spanish")


def test_two_who_correct_the_same_fact_the_second_is_told(client, row):
    page_of_both = ConsultationRequest.objects.get(pk=row.pk)
    correct(client, page_of_both, preferred_name="Adele")
    response = correct(client, page_of_both, preferred_name="Addy")
    assert response.status_code == 409
    assert 'value="Addy"' in text(response)
    row.refresh_from_db()
    assert row.preferred_name == "Adele"
    # The page now compares with the fresh value, so that sending again is a decision.
    assert correct(client, row, preferred_name="Addy").status_code == 302
    row.refresh_from_db()
    assert row.preferred_name == "Addy"


# --- What patients did ---------------------------------------------------------------------


def by_photo(row):
    photos.add(row, [("Front", Image.new("RGB", (20, 20)))], by=PATIENT)


def by_correction(row):
    patient_acts.correct_contact(row, {"phone": row.phone}, {"phone": "+15125550188"})


def by_wish(row):
    patient_acts.ask_for_deletion(row)


@pytest.mark.parametrize("act", [by_photo, by_correction, by_wish])
def test_a_patient_s_act_leaves_the_follow_up_and_waits_to_be_seen(client, a_request, act):
    row = a_request(follow_up_on=date(2031, 5, 6), status="attempting")
    assert "New from the patient" not in text(client.get(REQUESTS))
    act(row)
    row.refresh_from_db()
    assert row.follow_up_on == date(2031, 5, 6)
    assert "New from the patient" in text(client.get(REQUESTS))
    assert row.full_name in text(client.get(REQUESTS, {"view": "from-patients"}))
    assert "New from the patient" in text(client.get(f"{REQUESTS}{row.pk}/change/"))
    assert "New from the patient" not in text(client.get(REQUESTS))
    assert row.full_name not in text(client.get(REQUESTS, {"view": "from-patients"}))


def test_a_request_that_came_in_is_not_marked(a_request):
    assert a_request().patient_acted_at is None


def test_staff_s_own_acts_mark_nothing(client, row):
    client.post(f"{REQUESTS}{row.pk}/note/", {"note": "Ours"})
    row.refresh_from_db()
    assert row.patient_acted_at is None
