"""What retention and erasure owe to others: merged requests, colleagues, unreadable rows."""

from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from io import StringIO

import pytest
from auditlog.models import LogEntry
from dateutil.relativedelta import relativedelta
from django.core.management import call_command
from django.db import OperationalError, connections
from django.utils import timezone
from post_office.models import Email

from consultations import notifications, privacy, triage
from consultations.choices import CloseReason, Status
from consultations.data_rights import retention_preview
from consultations.models import ConsultationRequest, ErasureReceipt, Event
from tests.unreadable import spoil

pytestmark = pytest.mark.django_db
NOW = timezone.now()
LONG_AGO = NOW - timedelta(days=800)
CLOSED = {"status": Status.CLOSED, "close_reason": CloseReason.NO_REPLY}
MONTHS = relativedelta(months=24)
REQUESTS = "/admin/consultations/consultationrequest/"


@pytest.fixture(autouse=True)
def two_years(practice):
    practice.retention_months = 24
    practice.save()


def erase_person(row, by="Maria"):
    return privacy.erase_person(row, reason="Asked for it", by=by)


def duplicate(a_request, original, **fields):
    values = {"status": Status.DUPLICATE, "duplicate_of": original, "received_at": LONG_AGO}
    return a_request(**values | fields)


# --- A duplicate goes with its original -------------------------------------------------------


@pytest.mark.parametrize(
    ("original", "is_due"),
    [
        ({"status": Status.NEW}, False),
        (CLOSED | {"closed_at": NOW}, False),
        (CLOSED | {"closed_at": LONG_AGO}, True),
        (CLOSED | {"closed_at": LONG_AGO, "legal_hold": True}, False),
        ({"status": Status.SPAM, "received_at": NOW - timedelta(days=89)}, False),
        ({"status": Status.SPAM, "received_at": NOW - timedelta(days=91)}, True),
    ],
    ids=["open", "closed today", "closed long ago", "held", "young spam", "old spam"],
)
@pytest.mark.parametrize("received_at", [LONG_AGO, NOW], ids=["received long ago", "just now"])
def test_a_duplicate_is_due_exactly_when_its_original_is(a_request, original, is_due, received_at):
    row = duplicate(a_request, a_request(**original), received_at=received_at)

    assert privacy.due_for_erasure(NOW + timedelta(minutes=1)).contains(row) is is_due


def test_a_duplicate_whose_original_was_erased_alone_has_its_own_time(a_request):
    old = duplicate(a_request, None)
    duplicate(a_request, None, received_at=NOW)

    assert list(privacy.due_for_erasure()) == [old]


def test_they_go_in_the_same_run_even_when_it_is_cut_short_between_them(a_request):
    original = a_request(**CLOSED, closed_at=LONG_AGO, received_at=LONG_AGO)
    duplicate(a_request, original, received_at=NOW - timedelta(days=100))
    answers = iter([True, False])

    privacy.apply_retention(goes_on=lambda: next(answers))
    assert list(ConsultationRequest.objects.all()) == [original]

    privacy.apply_retention()
    assert not ConsultationRequest.objects.exists()


def test_what_is_due_is_one_question_however_many_there_are(
    a_request, django_assert_num_queries, practice
):
    for _ in range(4):
        duplicate(a_request, a_request(**CLOSED, closed_at=LONG_AGO))

    with django_assert_num_queries(2):  # The practice's months, and the rows.
        assert len(privacy.due_for_erasure()) == 8


def test_the_preview_shows_a_duplicate_on_the_day_of_its_original(a_request):
    original = a_request(**CLOSED, closed_at=NOW - MONTHS + timedelta(days=10))
    duplicate(a_request, original)

    found = retention_preview.preview()

    assert len({row.due_on for row in found.requests}) == 1
    assert [kinds for _, kinds in found.days] == [{"Closed": 1, "Duplicate": 1}]


def test_the_original_no_longer_names_a_duplicate_that_was_erased(a_request, coordinator):
    original, twin = a_request(), a_request()
    triage.merge(twin, original, by=coordinator)
    triage.unmerge(ConsultationRequest.objects.get(pk=twin.pk), by=coordinator)

    erase_person(twin)

    summaries = [event.summary for event in original.events.all()]
    assert summaries[1:] == ["an erased request merged", "an erased request is separate again"]


# --- Twice ------------------------------------------------------------------------------------


def test_a_second_click_erases_nothing_writes_no_receipt_and_mails_nobody(a_request):
    row = a_request()
    seen_by_the_second_click = ConsultationRequest.objects.get(pk=row.pk)
    erase_person(row)

    with pytest.raises(privacy.Gone):
        erase_person(seen_by_the_second_click)

    assert ErasureReceipt.objects.count() == 1
    assert Email.objects.filter(headers__has_key=notifications.ERASURE_HEADER).count() == 1


@pytest.mark.django_db(transaction=True)
def test_of_two_clicks_at_once_one_erases_and_the_other_is_told(a_request):
    row = a_request()
    duplicate(a_request, row)
    seen = [ConsultationRequest.objects.get(pk=row.pk) for _ in range(4)]

    def click(request):
        try:
            return erase_person(request)["ConsultationRequest"]
        except privacy.Gone:
            return "gone"
        finally:
            connections.close_all()

    with ThreadPoolExecutor(4) as pool:
        answers = list(pool.map(click, seen))

    assert sorted(answers, key=str) == [2, "gone", "gone", "gone"]
    assert ErasureReceipt.objects.count() == 2
    assert Email.objects.filter(headers__has_key=notifications.ERASURE_HEADER).count() == 1


def test_the_page_says_so_in_words(a_request, signed_in, manager, monkeypatch):
    row = a_request()
    client, erase = signed_in(manager), privacy.erase_person

    def the_first_click_is_faster(request, **details):
        erase(ConsultationRequest.objects.get(pk=request.pk), **details)
        return erase(request, **details)

    monkeypatch.setattr(privacy, "erase_person", the_first_click_is_faster)
    sent = {"reason": "The patient asked for it", "reference": row.reference}
    page = client.post(f"{REQUESTS}{row.pk}/erase/", sent, follow=True).content.decode()

    assert "is erased already" in page
    assert ErasureReceipt.objects.count() == 1


def test_a_duplicate_that_retention_took_a_moment_ago_does_not_stop_the_erasure(
    a_request, monkeypatch
):
    row = a_request()
    duplicate(a_request, row)
    lock = privacy._lock

    def gone(request):
        if request.duplicate_of_id:
            raise privacy.Gone
        lock(request)

    monkeypatch.setattr(privacy, "_lock", gone)
    erase_person(row)

    assert not ConsultationRequest.objects.filter(pk=row.pk).exists()


def test_retention_goes_on_after_one_that_somebody_else_erased(a_request, monkeypatch):
    first, _ = (a_request(**CLOSED, closed_at=LONG_AGO) for _ in range(2))
    listed = list(ConsultationRequest.objects.all())
    privacy.erase(first, reason="Asked for it", by="Maria")
    monkeypatch.setattr(privacy, "_in_turn", lambda requests: listed)

    counts = privacy.apply_retention()

    assert counts["ConsultationRequest"] == 1
    assert ErasureReceipt.objects.count() == 2


# --- Rows that no key opens -------------------------------------------------------------------


def test_a_row_that_cannot_be_decrypted_is_erased_like_any_other(a_request, coordinator):
    row, other = a_request(**CLOSED, closed_at=LONG_AGO), a_request()
    duplicate(a_request, other)
    triage.add_note(row, "A note.", by=coordinator)
    for table, column in (("consultationrequest", "message"), ("event", "note")):
        spoil(f"consultations_{table}", column)

    privacy.apply_retention()
    assert ErasureReceipt.objects.count() == 1
    counts = erase_person(ConsultationRequest.objects.defer("message").get(pk=other.pk))

    assert not ConsultationRequest.objects.exists()
    assert not Event.objects.exists()
    assert counts["Event"] == 2
    assert counts["ConsultationRequest"] == 2


def test_the_reason_of_a_hold_that_cannot_be_read_keeps_the_preview_open(
    a_request, signed_in, manager
):
    row = a_request(**CLOSED, closed_at=LONG_AGO, legal_hold=True)
    Event.objects.create(request=row, kind=Event.Kind.HOLD, by_name="Maria", note="A court.")
    spoil("consultations_event", "note")

    page = signed_in(manager).get(f"{REQUESTS}erased-next/")

    assert page.status_code == 200
    assert "This text can no longer be read." in page.content.decode()


def test_the_one_that_could_not_be_erased_is_named(a_request, monkeypatch):
    row = a_request(**CLOSED, closed_at=LONG_AGO)

    def fails(request, **details):
        raise RuntimeError

    monkeypatch.setattr(privacy, "erase", fails)
    monkeypatch.setattr(privacy, "MOST_NAMED", 1)
    with pytest.raises(privacy.JobFailed, match=f"{row.reference}. The log"):
        privacy.apply_retention()


def test_without_a_database_nothing_more_is_tried_and_no_request_is_blamed(a_request, monkeypatch):
    for _ in range(2):
        a_request(**CLOSED, closed_at=LONG_AGO)
    tried = []

    def fails(request, **details):
        tried.append(request)
        raise OperationalError

    monkeypatch.setattr(privacy, "erase", fails)
    with pytest.raises(OperationalError):
        privacy.apply_retention()

    assert len(tried) == 1


def test_of_many_that_could_not_be_erased_the_first_are_named(a_request, monkeypatch):
    first, second = (a_request(**CLOSED, closed_at=LONG_AGO) for _ in range(2))

    def fails(request, **details):
        raise RuntimeError

    monkeypatch.setattr(privacy, "erase", fails)
    monkeypatch.setattr(privacy, "MOST_NAMED", 1)
    with pytest.raises(privacy.JobFailed, match=f"^2 .*{first.reference} …") as failed:
        privacy.apply_retention()

    assert second.reference not in str(failed.value)


# --- Requests of the site itself --------------------------------------------------------------


@pytest.mark.parametrize(
    ("is_test", "email", "is_removed"),
    [
        (True, "self-test@practice.invalid", True),
        (True, "staff@example.com", True),
        (False, "self-test@practice.invalid", True),
        (False, "ada@example.com", False),
        (False, "ada@invalid.example.com", False),
    ],
)
def test_only_what_cannot_be_a_person_s_goes_without_a_receipt(
    a_request, is_test, email, is_removed
):
    row = a_request(is_test=is_test, email=email)

    if is_removed:
        assert privacy.remove_test(row)["ConsultationRequest"] == 1
    else:
        with pytest.raises(ValueError, match="may be a person's"):
            privacy.remove_test(row)

    assert ConsultationRequest.objects.exists() is not is_removed
    assert not ErasureReceipt.objects.exists()


# --- The audit trail --------------------------------------------------------------------------


def test_what_the_audit_trail_says_of_anything_else_stays(a_request, practice):
    row = a_request()
    number = row.events.get().pk
    entry = LogEntry.objects.log_create(practice, action=LogEntry.Action.UPDATE, changes={})
    LogEntry.objects.filter(pk=entry.pk).update(object_id=number, object_pk=number)

    erase_person(row)

    assert LogEntry.objects.contains(entry)


def test_the_old_part_of_the_audit_trail_stays_when_there_is_no_time_for_it(practice):
    LogEntry.objects.log_create(practice, action=LogEntry.Action.UPDATE, changes={})
    LogEntry.objects.update(timestamp=NOW - timedelta(days=4000))

    privacy.forget_old_records(goes_on=lambda: False)
    assert LogEntry.objects.exists()

    privacy.forget_old_records()
    assert not LogEntry.objects.exists()


# --- Numbers ----------------------------------------------------------------------------------


def test_every_hold_is_counted_though_not_every_one_is_listed(
    a_request, signed_in, manager, monkeypatch
):
    for _ in range(3):
        a_request(**CLOSED, closed_at=LONG_AGO, legal_hold=True)
    monkeypatch.setattr(retention_preview, "LISTED", 2)
    said = StringIO()

    call_command("apply_retention", "--dry-run", stdout=said)
    found = retention_preview.preview()

    assert "3 kept by a legal hold" in said.getvalue()
    assert (found.number_held, len(found.held)) == (3, 2)
    page = signed_in(manager).get(f"{REQUESTS}erased-next/").content.decode()
    assert "the first 2 of 3" in page


def test_the_preview_asks_the_same_number_of_questions_however_many_are_held(
    a_request, django_assert_max_num_queries
):
    def hold(number):
        for _ in range(number):
            row = a_request(**CLOSED, closed_at=LONG_AGO, legal_hold=True)
            Event.objects.create(request=row, kind=Event.Kind.HOLD, note="First.")
            Event.objects.create(request=row, kind=Event.Kind.HOLD, note="Last.")

    hold(1)
    with django_assert_max_num_queries(40) as one:
        retention_preview.preview()
    hold(9)
    with django_assert_max_num_queries(len(one)):
        found = retention_preview.preview()
    assert {row.hold.note for row in found.held} == {"Last."}
