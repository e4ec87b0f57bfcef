"""Agreeing later, or no longer: what holds changes, what was agreed to before stays."""

import pytest
from django.core.files.storage import storages
from PIL import Image

from consultations import consent_changes, photos, private_link
from consultations.models import Consent, Event, Photo
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


def test_a_patient_takes_back_what_was_allowed_and_allows_another(client, row):
    path = private_link.path(row)
    fields = Page(client.get(path)).fields
    assert "consents-may_leave_voicemail" in fields

    response = client.post(f"{path}consents/", {"consents-may_text": "on"})

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
    client.post(f"{private_link.path(row)}consents/", {"consents-may_leave_voicemail": "on"})

    assert allowed(row) == BOTH
    assert row.consents.count() == 1
    assert not Event.objects.filter(request=row, kind="corrected").exists()


def test_who_saw_other_answers_is_told_and_changes_nothing(row):
    with pytest.raises(TriageError, match="meanwhile"):
        consent_changes.change(row, {"may_text": True}, {"may_text": False}, by="Patient")

    assert row.consents.count() == 1


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

    response = client.post(f"{private_link.path(row)}photos/delete/", follow=True)

    assert "The law makes us keep your photographs for now" in response.content.decode()
    assert photos.read(Photo.objects.get())
    asked = Event.objects.get(request=row, kind="patient")
    assert asked.summary == "Asked for the photographs to be deleted"
