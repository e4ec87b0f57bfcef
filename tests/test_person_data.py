"""A copy of everything for the person it is about: complete, theirs alone, and recorded."""

import io
import json
import zipfile

import pytest
from auditlog.models import LogEntry
from django.core.files.storage import storages
from PIL import Image

from consultations import notifications, photos, triage
from consultations.data_rights import person_data
from consultations.models import Consent, ConsultationRequest, ContactAttempt, Photo

pytestmark = pytest.mark.django_db
REQUESTS = "/admin/consultations/consultationrequest/"
REASON = "Asked by phone on Monday"


@pytest.fixture
def client(signed_in, manager):
    return signed_in(manager)


@pytest.fixture
def row(a_request, procedure):
    return a_request(
        full_name="Ada <b>Patient</b>",
        email="ada@example.com",
        phone="+15125550142",
        message="A worry & a half.",
        procedure=procedure,
    )


def page(row):
    return f"{REQUESTS}{row.pk}/hand-over/"


def made(client, row, **changes):
    """The archive that the form answers with."""
    response = client.post(page(row), {"reason": REASON} | changes)
    assert response.status_code == 200
    return zipfile.ZipFile(io.BytesIO(b"".join(response.streaming_content)))


def told(archive):
    return json.loads(archive.read("your-data.json"))


def test_it_holds_all_that_was_said_agreed_sent_and_done(client, row, practice, coordinator):
    Consent.objects.create(
        request=row, kind="health_data", version="2026-11", wording="I agree.", is_given=True
    )
    notifications.tell_received(row, practice)
    triage.record_contact(
        row,
        by=coordinator,
        channel=ContactAttempt.Channel.CALL,
        outcome=ContactAttempt.Outcome.NO_ANSWER,
    )
    photos.add(row, [("Front", Image.new("RGB", (40, 30)))], by="Patient")

    archive = made(client, row)
    (request,) = told(archive)

    assert request["told"]["In the patient's words"] == "A worry & a half."
    assert request["told"]["Phone"] == "+1 512-555-0142"
    assert request["agreed"][0]["wording"] == "I agree."
    (mail,) = request["mails"]
    assert mail["to"] == "ada@example.com"
    assert person_data.LINK_LEFT_OUT in mail["text"]
    assert any("No answer" in event.get("contact", "") for event in request["happened"])
    picture = archive.read(request["photographs"][0]["file"])
    assert Image.open(io.BytesIO(picture)).size == (40, 30)
    assert archive.testzip() is None


def test_the_page_in_it_can_be_read_and_runs_nothing(client, row):
    html = made(client, row).read("your-data.html").decode()

    assert "A worry &amp; a half." in html
    assert "Ada &lt;b&gt;Patient&lt;/b&gt;" in html
    assert "<script" not in html
    assert "http" not in html.replace("http-equiv", "")


@pytest.mark.parametrize("with_notes", [True, False])
def test_notes_of_staff_are_in_it_when_staff_say_so(client, row, coordinator, with_notes):
    triage.add_note(row, "Seemed anxious.", by=coordinator)

    archive = made(client, row, **({"with_notes": "on"} if with_notes else {}))

    for name in ("your-data.json", "your-data.html"):
        assert ("Seemed anxious." in archive.read(name).decode()) is with_notes


@pytest.mark.parametrize(
    ("fields", "is_offered"),
    [
        ({"email": "ADA@example.com"}, True),
        ({"phone": "+15125550142"}, True),
        ({"full_name": "Ada Patient"}, False),
    ],
)
def test_requests_with_the_same_address_or_number_are_offered(
    client, row, a_request, fields, is_offered
):
    other = a_request(**fields)

    assert (other.reference in client.get(page(row)).content.decode()) is is_offered


def test_only_the_ticked_ones_are_in_the_file(client, row, a_request):
    ticked, left, stranger = (
        a_request(email=row.email),
        a_request(email=row.email),
        a_request(email="other@example.com"),
    )

    references = {each["reference"] for each in told(made(client, row, others=[ticked.pk]))}
    refused = client.post(page(row), {"reason": REASON, "others": [stranger.pk]})

    assert references == {row.reference, ticked.reference}
    assert left.reference not in references
    assert refused.status_code == 400


def test_what_was_merged_into_it_is_ticked_already(client, row, a_request, manager):
    other = a_request(email=row.email)
    triage.merge(other, row, by=manager)

    shown = client.get(page(row)).context["form"]

    assert shown["others"].initial == [other.pk]


def test_each_request_in_it_is_on_the_audit_trail_with_the_reason(client, row, a_request, manager):
    other = a_request(email=row.email)
    made(client, row, others=[other.pk])

    for each in (row, other):
        entry = LogEntry.objects.get(
            object_id=each.pk, additional_data__export="copy for the person"
        )
        assert entry.actor == manager
        assert entry.additional_data["reason"] == REASON


def test_without_a_reason_no_file_is_made(client, row):
    response = client.post(page(row), {"reason": " "})

    assert response.status_code == 400
    assert "Write why you make this copy" in response.content.decode()
    assert not LogEntry.objects.filter(additional_data__has_key="export").exists()


def test_it_is_for_those_who_may_export_alone(signed_in, coordinator, row):
    other = signed_in(coordinator)

    assert "hand-over" not in other.get(f"{REQUESTS}{row.pk}/change/").content.decode()
    assert other.get(page(row)).status_code == 403
    assert other.post(page(row), {"reason": REASON}).status_code == 403


def test_a_picture_that_cannot_be_read_is_named_and_holds_nothing_up(client, row):
    photos.add(row, [("Front", Image.new("RGB", (40, 30)))], by="Patient")
    storages["private"].delete(Photo.objects.get().stored_as)

    (request,) = told(made(client, row))

    assert request["photographs"][0]["file"] == "This picture can no longer be read."


def test_the_file_leaves_piece_by_piece_and_is_kept_nowhere(client, row):
    response = client.post(page(row), {"reason": REASON})

    assert response.streaming
    assert "no-store" in response["Cache-Control"]
    assert "Ada" not in response["Content-Disposition"]


def test_every_field_of_a_request_is_either_copied_or_left_out_on_purpose():
    fields = {field.name for field in ConsultationRequest._meta.concrete_fields}

    assert fields == {
        *("reference", "received_at"),
        *person_data.TOLD,
        *person_data.NOTED,
        *person_data.NOT_COPIED,
    }


def test_the_timeline_says_that_a_copy_was_made_and_why(client, row, manager):
    made(client, row)

    event = row.events.get(kind="noted")
    assert event.by == manager
    assert event.summary == "Copy of everything made for the patient"
    assert event.note == REASON
    assert REASON not in event.summary
