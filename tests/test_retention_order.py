"""What retention and erasure owe to others: merged requests, colleagues, unreadable rows."""

from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from io import StringIO

import pytest
from dateutil.relativedelta import relativedelta
from django.core.management import call_command
from django.db import connections
from django.utils import timezone
from post_office.models import STATUS, Email

from consultations import notifications, privacy, triage
from consultations.choices import CloseReason, Status
from consultations.data_rights import retention_preview
from consultations.figures import reminders
from consultations.models import ConsultationRequest, ErasureReceipt, Event
from consultations.staff_work import replies
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


# --- Colleagues who must still be told --------------------------------------------------------


@pytest.fixture
def three_late(a_request, manager):
    """Three requests that one mail to the manager reports as late."""
    Email.objects.all().delete()
    rows = [a_request(respond_by=NOW - timedelta(hours=hours)) for hours in (3, 2, 1)]
    reminders.escalate_late()
    return rows


def erase_person(row, by="Maria"):
    return privacy.erase_person(row, reason="Asked for it", by=by)


def notice():
    return Email.objects.exclude(headers__has_key=notifications.ERASURE_HEADER).get()


def test_a_mail_about_several_late_requests_is_sent_without_the_erased_one(three_late):
    first, erased, last = three_late
    erase_person(erased)

    mail = notice()
    assert mail.status == STATUS.queued
    for text in (mail.message, mail.html_message):
        assert erased.reference not in text
        assert first.reference in text
        assert last.reference in text
    assert mail.subject == "2 consultation requests late"
    assert "more" not in mail.message


def test_when_all_it_names_are_erased_it_goes_too(three_late):
    for row in three_late:
        erase_person(row)

    assert not Email.objects.exclude(headers__has_key=notifications.ERASURE_HEADER).exists()


def test_more_than_a_mail_names_are_still_counted_in_it(a_request, manager):
    Email.objects.all().delete()
    number = reminders.MOST_NAMED + 3
    rows = [a_request(respond_by=NOW - timedelta(minutes=100 - each)) for each in range(number)]
    reminders.escalate_late()

    erase_person(rows[0])

    mail = notice()
    assert mail.subject == f"{number - 1} consultation requests late"
    assert rows[reminders.MOST_NAMED].reference in mail.message  # It moved up.
    assert "… and more" in mail.message


def test_a_notice_about_the_erased_request_alone_goes(three_late, practice):
    notifications.tell_staff_deletion_asked(three_late[1], practice)
    erase_person(three_late[1])

    assert "late" in notice().subject


def test_a_letter_to_another_patient_that_mentions_it_stays_theirs(
    a_request, practice, coordinator
):
    row, other = a_request(), a_request()
    replies.send(other, "Your question", f"You asked for {row.reference}.", by=coordinator, name="")
    erase_person(row)

    assert Email.objects.filter(to=[other.email]).count() == 1


def test_what_was_merged_into_it_is_taken_out_of_the_mail_as_well(three_late, coordinator):
    first, erased, merged = three_late
    triage.merge(merged, erased, by=coordinator)
    erase_person(erased)

    mail = notice()
    assert mail.subject == "1 consultation request late"
    assert first.reference in mail.message
    assert merged.reference not in mail.message


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
    with pytest.raises(privacy.JobFailed, match=row.reference):
        privacy.apply_retention()


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
