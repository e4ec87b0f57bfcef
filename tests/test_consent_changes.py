"""Agreeing later, or no longer: what holds changes, what was agreed to before stays."""

import threading
import time

import pytest
from django.core.files.storage import storages
from django.db import connection, transaction
from PIL import Image

from consultations import photos
from consultations.models import Consent, Event, Photo
from consultations.patient_page import consent_changes, private_link
from consultations.privacy import Held
from consultations.staff_work import staff_acts
from consultations.triage import TriageError
from tests.pages import Page

pytestmark = pytest.mark.django_db
REQUESTS = "/admin/consultations/consultationrequest/"
BOTH = {"may_leave_voicemail": True, "may_text": False}


@pytest.fixture
def row(a_request):
    row = a_request(**BOTH)
    Consent.objects.create(
        request=row, kind="voicemail", version="2020-01", wording="Old words.", is_given=True
    )
    return row


def allowed(row):
    row.refresh_from_db()
    return {"may_leave_voicemail": row.may_leave_voicemail, "may_text": row.may_text}


def patient_post(client, row, *ticked, **shown):
    """Sent from a page that showed `shown`, by default what was agreed to on the form."""
    sent = {f"initial-consents-{name}": str(value) for name, value in (BOTH | shown).items()}
    sent |= {f"consents-{name}": "on" for name in ticked}
    return client.post(f"{private_link.path(row)}consents/", sent)


def test_a_patient_takes_back_what_was_allowed_and_allows_another(client, row):
    path = private_link.path(row)
    fields = Page(client.get(path)).fields
    assert "consents-may_leave_voicemail" in fields

    response = patient_post(client, row, "may_text")

    assert response["Location"] == path
    assert allowed(row) == {"may_leave_voicemail": False, "may_text": True}
    assert list(row.consents.values_list("kind", "is_given")) == [
        ("voicemail", True),
        ("voicemail", False),
        ("text", True),
    ]
    assert row.consents.first().wording == "Old words."
    event = Event.objects.get(request=row, kind="corrected")
    assert event.by_name == "Patient"
    assert event.summary == "Voicemail no longer allowed, Text messages allowed"


def test_saving_what_is_so_already_records_nothing(client, row):
    patient_post(client, row, "may_leave_voicemail")

    assert allowed(row) == BOTH
    assert row.consents.count() == 1
    assert not Event.objects.filter(request=row, kind="corrected").exists()


def test_who_saw_other_answers_is_told_and_changes_nothing(row):
    with pytest.raises(TriageError, match="meanwhile"):
        consent_changes.change(row, {"may_text": True}, {"may_text": False}, by="Patient")

    assert row.consents.count() == 1


def test_an_older_page_does_not_give_back_what_staff_were_told_is_no_longer_allowed(
    client, row, coordinator
):
    consent_changes.change(
        row, BOTH, {"may_leave_voicemail": False}, by=coordinator, how="On the phone."
    )

    patient_post(client, row, "may_leave_voicemail", "may_text")

    assert allowed(row) == {"may_leave_voicemail": False, "may_text": True}
    assert list(row.consents.filter(kind="voicemail").values_list("is_given", flat=True)) == [
        True,
        False,
    ]


def test_what_staff_have_recorded_already_is_recorded_once(client, row, coordinator):
    consent_changes.change(row, BOTH, {"may_leave_voicemail": False}, by=coordinator)

    response = patient_post(client, row)

    assert response.status_code == 302
    assert allowed(row) == {"may_leave_voicemail": False, "may_text": False}
    assert row.consents.filter(kind="voicemail").count() == 2


def test_a_page_that_does_not_say_what_it_showed_asks_again_and_keeps_the_ticks(client, row):
    path = f"{private_link.path(row)}consents/"

    response = client.post(path, {"consents-may_text": "on"})

    page = Page(response)
    assert response.status_code == 409
    assert "Error:" in page.source
    assert "Meanwhile this is allowed" in page.error_of("consents-may_leave_voicemail")
    assert "Meanwhile this is no longer allowed" in page.error_of("consents-may_text")
    assert allowed(row) == BOTH
    again = {name: value for name, value in page.fields.items() if "consents-" in name}
    assert client.post(path, again).status_code == 302
    assert allowed(row) == {"may_leave_voicemail": False, "may_text": True}


def staff_post(client, row, **changes):
    sent = {
        "initial-may_leave_voicemail": "True",
        "may_leave_voicemail": "on",
        "initial-may_text": "False",
        "how": "Said so on the phone.",
    }
    return client.post(f"{REQUESTS}{row.pk}/consents/", sent | changes)


def test_staff_record_what_they_were_told_and_how(signed_in, coordinator, row):
    client = signed_in(coordinator)
    shown = client.get(f"{REQUESTS}{row.pk}/change/").content.decode()
    assert "We may send text messages" in shown

    staff_post(client, row, may_text="on")

    assert allowed(row) == {"may_leave_voicemail": True, "may_text": True}
    event = Event.objects.get(request=row, kind="corrected")
    assert event.by == coordinator
    assert event.note == "Said so on the phone."
    assert "phone" not in event.summary


@pytest.mark.parametrize(
    ("changes", "status", "why"),
    [
        ({"may_text": "on", "how": " "}, 400, "Write how the patient told you."),
        ({}, 409, "Nothing was changed."),
        ({"initial-may_text": "True"}, 409, "meanwhile"),
    ],
)
def test_staff_are_told_what_is_missing(signed_in, coordinator, row, changes, status, why):
    response = staff_post(signed_in(coordinator), row, **changes)

    assert response.status_code == status
    assert why in response.content.decode()
    assert allowed(row) == BOTH
    assert row.consents.count() == 1


def test_a_surgeon_who_may_not_see_the_request_changes_nothing(signed_in, surgeon_user, row):
    assert staff_post(signed_in(surgeon_user), row, may_text="on").status_code in (302, 403, 404)
    assert allowed(row) == BOTH


def test_a_patient_takes_the_photographs_back(client, row, django_capture_on_commit_callbacks):
    photos.add(row, [("Front", Image.new("RGB", (40, 30)))], by="Patient")
    file = Photo.objects.get().stored_as
    path = private_link.path(row)

    with django_capture_on_commit_callbacks(execute=True):
        client.post(f"{path}photos/delete/")

    assert not Photo.objects.exists()
    assert not storages["private"].exists(file)
    assert Event.objects.filter(request=row, summary="1 photograph taken back and deleted").exists()
    assert "Delete my photographs" not in client.get(path).content.decode()


def test_taking_back_none_says_and_records_nothing(client, row):
    client.post(f"{private_link.path(row)}photos/delete/")

    assert not Event.objects.filter(request=row, kind="photo").exists()


def test_a_legal_hold_keeps_the_photographs_and_the_patient_is_told(client, row):
    photos.add(row, [("Front", Image.new("RGB", (40, 30)))], by="Patient")
    type(row).objects.filter(pk=row.pk).update(legal_hold=True)

    for _ in range(2):
        response = client.post(f"{private_link.path(row)}photos/delete/", follow=True)

    assert "The law makes us keep your photographs for now" in response.content.decode()
    assert photos.read(Photo.objects.get())
    asked = Event.objects.get(request=row, kind="patient")
    assert asked.summary == "Asked for the photographs to be deleted"


@pytest.mark.django_db(transaction=True)
def test_a_hold_that_is_being_put_on_at_that_moment_keeps_the_photographs(row, manager):
    photos.add(row, [("Front", Image.new("RGB", (40, 30)))], by="Patient")
    held = type(row).objects.get(pk=row.pk)
    is_written = threading.Event()

    def hold():
        with transaction.atomic():
            staff_acts.hold(held, True, "A dispute.", by=manager)
            is_written.set()
            time.sleep(0.3)  # Not committed yet, so that nobody else can see it.
        connection.close()

    thread = threading.Thread(target=hold)
    thread.start()
    is_written.wait(10)
    with pytest.raises(Held):
        consent_changes.take_back_photographs(row)
    thread.join()

    assert photos.read(Photo.objects.get())
