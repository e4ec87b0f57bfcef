"""What managers are told: late requests once each, and the week's figures."""

from datetime import timedelta

import pytest
from django.utils import timezone
from post_office.models import Email

from consultations.figures import reminders

pytestmark = pytest.mark.django_db


@pytest.fixture
def late(practice, a_request):
    return a_request(
        respond_by=timezone.now() - timedelta(minutes=1), message="A secret complaint."
    )


def test_a_late_request_is_reported_once_to_each_manager(late, manager, staff):
    staff("Manager", "second")
    Email.objects.all().delete()

    assert reminders.escalate_late() == 1
    assert reminders.escalate_late() == 0

    mails = Email.objects.all()
    assert sorted(mail.to[0] for mail in mails) == sorted(
        manager.__class__.objects.filter(groups__name="Manager").values_list("email", flat=True)
    )
    for mail in mails:
        assert late.reference in mail.message
        assert "secret" not in mail.message + mail.html_message
        assert late.full_name not in mail.message + mail.html_message


def test_without_a_manager_the_practice_is_told(late, practice):
    Email.objects.all().delete()

    reminders.escalate_late()

    assert Email.objects.get().to == [practice.staff_mailbox]


@pytest.mark.parametrize(
    "fields",
    [
        {"respond_by": timezone.now() + timedelta(hours=1)},
        {"first_response_at": timezone.now()},
        {"status": "closed", "close_reason": "no_reply"},
        {"status": "quarantined"},
        {"is_test": True},
        {"respond_by": None},
    ],
    ids=["due later", "answered", "closed", "quarantined", "a test", "without a promise"],
)
def test_others_are_not_escalated(practice, a_request, fields):
    a_request(**{"respond_by": timezone.now() - timedelta(hours=1), **fields})

    assert reminders.escalate_late() == 0


def test_when_the_mail_cannot_be_queued_nothing_is_marked_as_reported(late, monkeypatch):
    def fails(*args, **kwargs):
        raise RuntimeError

    monkeypatch.setattr(reminders.notifications, "tell_manager_late", fails)
    with pytest.raises(RuntimeError):
        reminders.escalate_late()

    late.refresh_from_db()
    assert late.escalated_at is None


def test_the_weekly_report_holds_figures_and_no_person(late, manager):
    Email.objects.all().delete()

    reminders.send_weekly_report()

    mail = Email.objects.get()
    assert mail.to == [manager.email]
    assert "Received: 1" in mail.message
    assert "Late at this moment: 1" in mail.message
    assert late.full_name not in mail.message + mail.html_message
    assert late.reference not in mail.message + mail.html_message
