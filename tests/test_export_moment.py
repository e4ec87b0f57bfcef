"""What leaves is what was recorded; its times are the practice's; one bad row keeps no other."""

import csv
import io
import json
import zipfile
from datetime import UTC, datetime

import pytest
from auditlog.models import LogEntry
from django.test import Client

from consultations import triage
from consultations.data_rights import export, person_data
from consultations.models import ConsultationRequest
from practice.encryption import UNREADABLE
from tests.unreadable import spoil

pytestmark = pytest.mark.django_db
EXPORT = "/admin/consultations/consultationrequest/export/"
REASON = "Yearly review of waiting times"
# Half past two in the night in UTC is the evening before in Chicago.
RECEIVED = datetime(2026, 7, 2, 2, 30, 59, 123456, UTC)
HERE = "2026-07-01 21:30"


@pytest.fixture
def client(signed_in, manager) -> Client:
    return signed_in(manager)


def send(client, kind="csv", **changes):
    return client.post(f"{EXPORT}?view=all", {"kind": kind, "reason": REASON} | changes)


def body(response):
    return b"".join(response.streaming_content)


def rows(response):
    lines = body(response).decode("utf-8-sig")
    return list(csv.DictReader(io.StringIO(lines, newline="")))


def sheet(response, name="sheet1.xml"):
    with zipfile.ZipFile(io.BytesIO(body(response))) as book:
        return book.read(f"xl/worksheets/{name}").decode(), book.read("xl/styles.xml").decode()


def copy_for(row, *others, client, **changes):
    """The JSON in the copy that is handed to the person."""
    page = f"/admin/consultations/consultationrequest/{row.pk}/hand-over/"
    sent = {"reason": "Asked by phone", "others": [each.pk for each in others]} | changes
    response = client.post(page, sent)
    archive = zipfile.ZipFile(io.BytesIO(body(response)))
    return json.loads(archive.read("your-data.json")), archive.read("your-data.html").decode()


# --- Times ------------------------------------------------------------------------------------


def test_the_copy_for_a_person_says_practice_time_as_it_promises(client, a_request):
    row = a_request(received_at=RECEIVED)

    (told,), page = copy_for(row, client=client)

    assert told["received"].startswith(HERE)
    assert told["happened"][0]["at"].startswith(HERE)
    assert f"received {HERE}" in page


def test_a_copy_made_outside_any_request_says_practice_time_as_well(a_request):
    a_request(received_at=RECEIVED)

    made = b"".join(person_data.pieces(ConsultationRequest.objects.all(), with_notes=False))

    (told,) = json.loads(zipfile.ZipFile(io.BytesIO(made)).read("your-data.json"))
    assert told["received"].startswith(HERE)


def test_while_the_copy_is_on_its_way_other_answers_have_their_own_time(practice, a_request):
    from django.utils import timezone

    a_request()
    for _ in person_data.pieces(ConsultationRequest.objects.all(), with_notes=False):
        assert timezone.get_current_timezone_name() == "UTC"


def test_csv_has_practice_time_to_the_minute_and_says_which_zone(client, a_request):
    a_request(received_at=RECEIVED)

    (row,) = rows(send(client))

    assert row["Received (America/Chicago)"] == HERE
    assert row["Closed (America/Chicago)"] == ""


def test_xlsx_has_dates_that_a_spreadsheet_sorts_and_says_which_zone(client, a_request):
    a_request(received_at=RECEIVED)

    cells, styles = sheet(send(client, "xlsx"))

    shown = datetime(2026, 7, 1, 21, 30, tzinfo=UTC)
    days = (shown - datetime(1899, 12, 30, tzinfo=UTC)).total_seconds() / 86400
    number = next(part for part in cells.split("<v>")[1:] if part.startswith(f"{days:.6f}"[:11]))
    assert float(number.split("<")[0]) == pytest.approx(days, abs=1e-6)
    assert 'r="D2" s="1"><v>' in cells
    assert "yyyy-mm-dd hh:mm" in styles
    assert "Received (America/Chicago)" in cells
    assert "+00:00" not in cells


# --- Recorded is what leaves ------------------------------------------------------------------


@pytest.mark.parametrize("kind", ["csv", "xlsx"])
def test_a_request_that_arrives_meanwhile_does_not_leave_unrecorded(
    client, a_request, kind, monkeypatch
):
    a_request(full_name="Recorded")
    in_parts = export._in_parts

    def while_somebody_writes(keys):  # Both while it is recorded and while it leaves.
        a_request(full_name="Arrived since")
        return in_parts(keys)

    monkeypatch.setattr(export, "_in_parts", while_somebody_writes)
    response = send(client, kind)

    told = sheet(response)[0] if kind == "xlsx" else body(response).decode()
    assert ConsultationRequest.objects.count() == 3
    assert "Recorded" in told
    assert "Arrived since" not in told


def test_one_that_leaves_the_view_meanwhile_was_recorded_and_leaves(client, a_request):
    row = a_request(full_name="Recorded")
    response = client.post(f"{EXPORT}?view=todo", {"kind": "csv", "reason": REASON})
    ConsultationRequest.objects.filter(pk=row.pk).update(status="closed", close_reason="no_reply")

    assert [each["Name"] for each in rows(response)] == ["Recorded"]


def test_one_that_is_erased_meanwhile_is_left_out(client, a_request):
    a_request(full_name="Stays")
    erased = a_request(full_name="Erased")
    response = send(client)
    erased.delete()

    assert [each["Name"] for each in rows(response)] == ["Stays"]


def test_many_are_exported_in_the_order_of_the_view_a_few_at_a_time(
    client, a_request, monkeypatch, django_assert_max_num_queries
):
    monkeypatch.setattr(export, "AT_ONCE", 3)
    names = [a_request(full_name=f"Person {number}").full_name for number in range(8)]
    response = send(client)

    with django_assert_max_num_queries(4):  # Three times rows, once the practice.
        assert [row["Name"] for row in rows(response)] == names[::-1]
    entries = LogEntry.objects.filter(additional_data__export="csv")
    assert entries.count() == 9
    assert {entry.additional_data["rows"] for entry in entries} == {8}


# --- Rows that no key opens -------------------------------------------------------------------


@pytest.mark.parametrize("kind", ["csv", "xlsx"])
def test_an_export_with_health_details_says_which_text_cannot_be_read_and_goes_on(
    client, a_request, kind
):
    bad, good = a_request(full_name="Bad"), a_request(message="A worry.")
    spoil("consultations_consultationrequest", "message", bad.pk)

    response = send(client, kind, with_health="on")

    if kind == "xlsx":
        assert export.UNREADABLE in (told := sheet(response)[0])
        assert "A worry." in told
        return
    texts = {row["Reference"]: row["In the patient's words"] for row in rows(response)}
    assert texts == {bad.reference: export.UNREADABLE, good.reference: "A worry."}


def test_a_copy_for_a_person_says_which_text_cannot_be_read_and_goes_on(
    client, a_request, coordinator
):
    bad = a_request()
    good = a_request(email=bad.email, message="A worry.")
    triage.add_note(bad, "Seemed anxious.", by=coordinator)
    spoil("consultations_event", "note", bad.events.get(kind="noted").pk)
    spoil("consultations_consultationrequest", "message", bad.pk)
    bad = ConsultationRequest.objects.defer("message").get(pk=bad.pk)

    made = person_data.pieces(
        ConsultationRequest.objects.filter(pk__in=[bad.pk, good.pk]).order_by("pk"), with_notes=True
    )
    archive = zipfile.ZipFile(io.BytesIO(b"".join(made)))
    first, second = json.loads(archive.read("your-data.json"))

    assert first["reference"] == bad.reference
    assert first["told"]["In the patient's words"] == UNREADABLE
    assert UNREADABLE in [event.get("note") for event in first["happened"]]
    assert second["told"]["In the patient's words"] == "A worry."
    assert UNREADABLE in archive.read("your-data.html").decode()


def test_staff_can_hand_over_a_copy_with_another_request_that_cannot_be_read(client, a_request):
    row = a_request()
    other = a_request(email=row.email)
    spoil("consultations_consultationrequest", "message", other.pk)

    told, _ = copy_for(row, other, client=client)

    texts = {each["reference"]: each["told"]["In the patient's words"] for each in told}
    assert texts[other.reference] == UNREADABLE
    assert texts[row.reference] == row.message
