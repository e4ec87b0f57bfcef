"""Mails to staff name requests: what becomes of them when one of those is erased."""

from datetime import timedelta

import pytest
from django.utils import timezone
from post_office.models import STATUS, Email

from consultations import notifications, privacy, triage
from consultations.figures import reminders
from consultations.models import ConsultationRequest
from consultations.staff_work import replies

pytestmark = pytest.mark.django_db
NOW = timezone.now()


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
    rows = [a_request(respond_by=NOW - timedelta(minutes=each + 1)) for each in range(number)]
    rows.reverse()  # The latest first, as the mail names them.
    reminders.escalate_late()

    erase_person(rows[0])

    mail = notice()
    assert mail.subject == f"{number - 1} consultation requests late"
    assert rows[reminders.MOST_NAMED].reference in mail.message  # It moved up.
    assert rows[-1].reference not in mail.message
    assert "… and more" in mail.message


def test_a_notice_about_the_erased_request_alone_goes(three_late, practice):
    notifications.tell_staff_deletion_asked(three_late[1], practice)
    erase_person(three_late[1])

    assert "late" in notice().subject


def test_what_was_reported_at_another_time_is_not_reported_again(a_request, manager):
    Email.objects.all().delete()
    erased, late, later = (a_request() for _ in range(3))
    for rows in ((erased, late), (later,)):
        keys = [row.pk for row in rows]
        ConsultationRequest.objects.filter(pk__in=keys).update(respond_by=NOW - timedelta(hours=1))
        reminders.escalate_late()
    erase_person(erased)

    one, other = Email.objects.filter(headers__has_keys=["X-Notice"]).order_by("pk")
    assert late.reference in one.message
    assert later.reference not in one.message
    assert later.reference in other.message


def test_notices_about_others_stay_as_they_are(a_request, practice):
    row, other = a_request(), a_request()
    notifications.tell_staff_deletion_asked(other, practice)
    before = Email.objects.values("pk", "message", "status").get()
    erase_person(row)

    assert Email.objects.filter(**before).exists()


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


@pytest.mark.parametrize(
    ("status", "stays"), [(STATUS.sent, False), (STATUS.failed, False), (STATUS.queued, True)]
)
def test_the_mail_that_confirms_an_erasure_goes_when_nothing_more_is_tried(
    a_request, status, stays
):
    erase_person(a_request())
    Email.objects.update(status=status)

    privacy.apply_retention()

    assert Email.objects.exists() is stays
