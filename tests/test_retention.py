"""How long requests are kept, and that erasing one leaves nothing but a receipt."""

from datetime import timedelta
from io import StringIO

import pytest
from auditlog.models import LogEntry
from dateutil.relativedelta import relativedelta
from django.core.files.base import ContentFile
from django.core.files.storage import storages
from django.core.management import call_command
from django.db import IntegrityError
from django.utils import timezone
from PIL import Image
from post_office.models import STATUS, Email

from consultations import notifications, photos, privacy, triage
from consultations.choices import CloseReason, Status
from consultations.data_rights import export, retention_preview
from consultations.models import Consent, ConsultationRequest, ErasureReceipt, Event, Photo
from consultations.patient_page import patient_acts
from consultations.staff_work import presence, replies, staff_acts
from practice.operations.background import JobFailed
from tests import dump

pytestmark = pytest.mark.django_db
NOW = timezone.now()
MONTHS = relativedelta(months=24)
CLOSED = {"status": Status.CLOSED, "close_reason": CloseReason.NO_REPLY}
MINUTE = timedelta(minutes=1)


@pytest.mark.parametrize(
    ("fields", "is_due"),
    [
        (CLOSED | {"closed_at": NOW - MONTHS - MINUTE}, True),
        (CLOSED | {"closed_at": NOW - MONTHS + MINUTE}, False),
        (CLOSED | {"closed_at": NOW - MONTHS - MINUTE, "legal_hold": True}, False),
        ({"status": Status.SPAM, "received_at": NOW - timedelta(days=90) - MINUTE}, True),
        ({"status": Status.SPAM, "received_at": NOW - timedelta(days=90) + MINUTE}, False),
        ({"status": Status.QUARANTINED, "received_at": NOW - timedelta(days=91)}, True),
        ({"status": Status.DUPLICATE, "received_at": NOW - MONTHS - MINUTE}, True),
        ({"status": Status.DUPLICATE, "received_at": NOW - MONTHS + MINUTE}, False),
        ({"status": Status.NEW, "received_at": NOW - relativedelta(years=9)}, False),
        ({"status": Status.BOOKED, "received_at": NOW - relativedelta(years=9)}, False),
    ],
)
def test_a_request_is_due_when_its_time_is_over(practice, a_request, fields, is_due):
    practice.retention_months = 24
    practice.save()
    row = a_request(**fields)

    assert privacy.due_for_erasure(NOW).filter(pk=row.pk).exists() is is_due


def test_erasing_leaves_a_receipt_and_nothing_else(
    practice, a_request, coordinator, django_capture_on_commit_callbacks
):
    row = a_request(message="What must be gone.")
    other = a_request(resembles=row)
    notifications.tell_received(row, practice)
    triage.add_note(row, "A note that must be gone.", by=coordinator)
    photos.add(row, [("Front", Image.new("RGB", (40, 30)))], by="Patient")
    file = Photo.objects.get().stored_as
    reference, mails = row.reference, Email.objects.count()

    with django_capture_on_commit_callbacks(execute=True):
        counts = privacy.erase(row, reason="Asked for", by=coordinator)

    assert not ConsultationRequest.objects.filter(pk=row.pk).exists()
    assert not Event.objects.filter(request_id=row.pk).exists()
    assert not Consent.objects.filter(request_id=row.pk).exists()
    assert not Photo.objects.exists()
    assert not storages["private"].exists(file)
    assert Email.objects.count() == mails - 2
    assert not LogEntry.objects.filter(object_repr=reference).exists()
    receipt = ErasureReceipt.objects.get()
    assert receipt.counts == dict(counts)
    assert (receipt.reason, receipt.by_name) == ("Asked for", str(coordinator))
    assert receipt.counts["ConsultationRequest"] == 1
    assert receipt.counts["Photo"] == 1
    assert reference not in str(vars(receipt))
    other.refresh_from_db()
    assert other.resembles is None


def test_a_request_under_legal_hold_is_not_erased(practice, a_request):
    row = a_request(legal_hold=True)

    with pytest.raises(ValueError, match="legal hold"):
        privacy.erase(row, reason="Asked for", by="System")

    assert ConsultationRequest.objects.filter(pk=row.pk).exists()


def test_when_erasing_fails_half_way_everything_is_still_there(practice, a_request, monkeypatch):
    row = a_request()
    photos.add(row, [("Front", Image.new("RGB", (40, 30)))], by="Patient")

    def fails(*args, **kwargs):
        raise RuntimeError

    monkeypatch.setattr(ErasureReceipt.objects, "create", fails)
    with pytest.raises(RuntimeError):
        privacy.erase(row, reason="Asked for", by="System")

    assert ConsultationRequest.objects.filter(pk=row.pk).exists()
    assert photos.read(Photo.objects.get())


def test_the_command_says_what_it_would_erase_before_it_does(practice, a_request):
    a_request(**CLOSED, closed_at=NOW - relativedelta(years=3))
    kept = a_request()
    said = StringIO()

    call_command("apply_retention", "--dry-run", stdout=said)
    assert "1 closed" in said.getvalue()
    assert ConsultationRequest.objects.count() == 2

    call_command("apply_retention", stdout=said)
    assert "1 requests were erased" in said.getvalue()
    assert list(ConsultationRequest.objects.all()) == [kept]


# --- Nothing of a person is left anywhere -----------------------------------------------------

PERSON = {
    "full_name": "MARK-fullname",
    "preferred_name": "MARK-preferred",
    "email": "mark-email@example.com",
    "phone": "+15125550177",
    "is_under_18": True,
    "guardian_name": "MARK-guardian",
    "guardian_relationship": "MARK-relationship",
    "interpreter_language": "MARK-language",
    "message": "MARK-message",
}
TRACES = ("MARK-", "mark-email", "5550177", "771055512", "mark fullname", "MARK-new")


@pytest.fixture
def full_life(practice, a_request, coordinator, manager, signed_in):
    """A request to which everything has happened that can happen to one."""
    row, other, twin = a_request(**PERSON), a_request(), a_request(email=PERSON["email"])
    ConsultationRequest.objects.filter(pk=other.pk).update(resembles=row)
    Event.objects.create(
        request=other, kind="received", details={"resembles": row.reference, "a": "b"}
    )
    row.consents.create(kind=Consent.Kind.HEALTH_DATA, is_given=True)
    notifications.tell_received(row, practice)
    triage.claim(row, by=coordinator)
    triage.record_contact(row, "call", "reached", by=coordinator, note="MARK-note")
    triage.merge(twin, row, by=coordinator)
    triage.unmerge(twin, by=coordinator)
    photos.add(row, [("MARK-view", Image.new("RGB", (40, 30)))], by="Patient")
    patient_acts.correct_contact(
        row, vars(row), {"phone": "+15125550188", "email": "mark-new@example.com"}
    )
    replies.send(row, "Subject MARK-subject", "Body MARK-body", by=coordinator, name="MARK-name")
    staff_acts.hold(row, True, "MARK-reason", by=manager)
    staff_acts.hold(row, False, "MARK-reason", by=manager)
    patient_acts.ask_for_deletion(row)
    row.full_name = "MARK-new"
    row.save()  # An audit entry about a change.
    # And entries about what hangs on it.
    for parts in (row.events, row.contacts, row.consents, row.photos):
        changes = {"view": ["MARK-view", "MARK-other"]}
        LogEntry.objects.log_create(parts.first(), action=LogEntry.Action.UPDATE, changes=changes)
    client = signed_in(manager)
    page = f"/admin/consultations/consultationrequest/{row.pk}"
    client.get(f"{page}/change/")
    client.get(f"{page}/photo/{row.photos.get().pk}/")
    presence.here(row, manager)
    export.record(
        ConsultationRequest.objects.filter(pk=row.pk),
        by=manager,
        reason="Asked for by phone",
        kind="csv",
        with_health=True,
    )
    return row


def test_nothing_of_a_person_is_left_in_the_database_or_on_disk(
    full_life, manager, django_capture_on_commit_callbacks
):
    row, file = full_life, Photo.objects.get().stored_as
    before = set().union(*(dump.places_of(trace) for trace in TRACES))
    assert len(before) > 8
    children = [each.pk for model in (Event, Consent, Photo) for each in model.objects.all()]
    assert children

    with django_capture_on_commit_callbacks(execute=True):
        privacy.erase_person(row, reason="The patient asked for it", by=manager)
    # What is left is the mail that says so, until it was sent.
    Email.objects.filter(headers__has_key=notifications.ERASURE_HEADER).update(status=STATUS.sent)
    privacy.apply_retention()

    left = {trace: dump.places_of(trace) for trace in (*TRACES, row.reference)}
    # The twin is another request of its own; it was not asked to be erased.
    twin = {"consultations_consultationrequest.email", "consultations_searchword.word"}
    assert {trace: found - twin for trace, found in left.items() if found - twin} == {}
    assert not storages["private"].exists(file)


def test_who_looked_is_kept_under_the_receipt_and_what_changed_is_not(full_life, manager):
    looks = LogEntry.objects.get_for_object(full_life).filter(action=LogEntry.Action.ACCESS)
    number = looks.count()
    assert number >= 3

    privacy.erase_person(full_life, reason="The patient asked for it", by=manager)

    digest = ErasureReceipt.objects.latest("pk").reference_digest
    kept = LogEntry.objects.filter(object_repr=f"Erased request {digest[:12]}")
    assert kept.count() == number
    assert {entry.actor for entry in kept} == {manager}
    assert {entry.action for entry in kept} == {LogEntry.Action.ACCESS}
    assert {(entry.additional_data, entry.object_id) for entry in kept} == {(None, None)}


def test_other_timelines_no_longer_name_it(full_life, manager):
    reference = full_life.reference
    assert Event.objects.filter(summary__contains=reference).exclude(request=full_life).exists()

    privacy.erase_person(full_life, reason="The patient asked for it", by=manager)

    assert not Event.objects.filter(summary__contains=reference).exists()
    assert Event.objects.filter(summary="Merged into an erased request").exists()
    resembling = Event.objects.get(details__has_key="resembles")
    assert resembling.details == {"resembles": "an erased request", "a": "b"}


# --- In steps ---------------------------------------------------------------------------------


@pytest.fixture
def many(a_request):
    return [a_request(**CLOSED, closed_at=NOW - relativedelta(years=3)) for _ in range(5)]


def test_a_big_batch_stops_when_asked_and_goes_on_later(many):
    answers = iter([True, True, False])

    counts = privacy.apply_retention(goes_on=lambda: next(answers))

    assert counts["ConsultationRequest"] == 2
    assert ConsultationRequest.objects.count() == 3
    privacy.apply_retention()
    assert not ConsultationRequest.objects.exists()


@pytest.mark.parametrize("error", [RuntimeError, IntegrityError])
def test_one_that_cannot_be_erased_keeps_no_other(many, monkeypatch, error):
    erase, bad = privacy.erase, many[1].pk

    def fails_once(request, **details):
        if request.pk == bad:
            raise error("what a patient wrote")
        return erase(request, **details)

    monkeypatch.setattr(privacy, "erase", fails_once)
    with pytest.raises(JobFailed, match="1 requests could not be erased"):
        privacy.apply_retention()

    assert [row.pk for row in ConsultationRequest.objects.all()] == [bad]


def test_one_that_is_held_back_meanwhile_is_left(many, monkeypatch):
    erase = privacy.erase

    def put_on_a_hold_first(request, **details):
        ConsultationRequest.objects.filter(pk=many[3].pk).update(legal_hold=True)
        return erase(request, **details)

    monkeypatch.setattr(privacy, "erase", put_on_a_hold_first)
    privacy.apply_retention()

    assert list(ConsultationRequest.objects.all()) == [many[3]]


# --- What hangs on no request -----------------------------------------------------------------


def test_the_audit_trail_and_receipts_are_kept_for_six_years(practice, settings):
    settings.AUDIT_YEARS = 6
    LogEntry.objects.all().delete()
    for years, days in ((6, 1), (6, -1), (1, 0)):
        when = NOW - relativedelta(years=years, days=days)
        entry = LogEntry.objects.log_create(practice, action=LogEntry.Action.ACCESS, changes={})
        LogEntry.objects.filter(pk=entry.pk).update(timestamp=when)
        ErasureReceipt.objects.create(reference_digest=str(years), erased_at=when, reason="x")
    LogEntry.objects.exclude(action=LogEntry.Action.ACCESS).delete()

    privacy.apply_retention()

    assert LogEntry.objects.count() == 2
    assert ErasureReceipt.objects.count() == 2


@pytest.mark.parametrize(
    ("days", "status", "stays"),
    [
        (29, STATUS.sent, True),
        (31, STATUS.sent, False),
        (31, STATUS.failed, False),
        (31, STATUS.queued, True),
    ],
)
def test_notices_to_staff_are_forgotten_after_a_month(practice, a_request, days, status, stays):
    notifications.tell_staff_deletion_asked(a_request(), practice)
    Email.objects.update(created=timezone.now() - timedelta(days=days), status=status)

    privacy.apply_retention()

    assert Email.objects.exists() is stays


def test_a_patient_s_mails_stay_as_long_as_the_request(practice, a_request):
    notifications.tell_received(a_request(), practice)
    Email.objects.update(created=timezone.now() - timedelta(days=60), status=STATUS.sent)

    privacy.apply_retention()

    assert Email.objects.count() == 2


def test_a_file_without_a_row_is_cleaned_up_after_a_day(a_request, time_machine):
    (kept,) = photos.add(a_request(), [("Front", Image.new("RGB", (40, 30)))], by="Patient")
    storage = storages["private"]
    orphan = storage.save("orphan.photo", ContentFile(b"ciphertext"))

    privacy.apply_retention()
    assert storage.exists(orphan), "Its row may still come."

    time_machine.move_to(timezone.now() + timedelta(days=1, minutes=1))
    privacy.apply_retention()
    assert not storage.exists(orphan)
    assert storage.exists(kept.stored_as)


# --- Seen before it happens -------------------------------------------------------------------

PAGE = "/admin/consultations/consultationrequest/erased-next/"


def text(response):
    return " ".join(response.content.decode().split())


def test_the_preview_says_what_goes_when_and_what_goes_with_it(
    practice, a_request, signed_in, manager
):
    practice.retention_months = 24
    practice.save()
    in_ten_days = timezone.now() - MONTHS + timedelta(days=10)
    row = a_request(**CLOSED, closed_at=in_ten_days)
    notifications.tell_received(row, practice)
    photos.add(row, [("Front", Image.new("RGB", (40, 30)))], by="Patient")
    a_request(status=Status.SPAM, received_at=timezone.now() - timedelta(days=200))
    later = a_request(**CLOSED, closed_at=timezone.now() - MONTHS + timedelta(days=31))
    before = dump.columns("consultations_consultationrequest")

    found = retention_preview.preview()
    page = text(signed_in(manager).get(PAGE))

    assert found.number == 2
    assert [kinds for _, kinds in found.days] == [{"Spam": 1}, {"Closed": 1}]
    assert (found.days[1][0] - found.days[0][0]).days in (9, 10, 11)
    assert dict(found.parts)["mail"] == 2
    assert dict(found.parts)["photograph"] == 1
    assert row.reference in page
    assert later.reference not in page
    assert "2 × mail" in page
    assert row.full_name not in page
    assert dump.columns("consultations_consultationrequest") == before


def test_a_hold_is_put_on_and_released_from_the_preview(a_request, signed_in, manager):
    row = a_request(**CLOSED, closed_at=NOW - relativedelta(years=3))
    client = signed_in(manager)
    hold = f"/admin/consultations/consultationrequest/{row.pk}/hold/"
    sent = {"reason": "A letter from a court.", "next": PAGE}

    assert client.post(hold, sent | {"is_held": "yes"})["Location"] == PAGE
    page = text(client.get(PAGE))
    assert "Nothing is due." in page
    assert "A letter from a court." in page
    assert row.reference in page

    assert client.post(hold, sent | {"is_held": "no"})["Location"] == PAGE
    assert retention_preview.preview().number == 1
