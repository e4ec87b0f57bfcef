"""Retries of mail: soon after a hiccup, patiently during an outage, never lost."""

from datetime import timedelta

import pytest
from django.utils import timezone
from post_office import mail
from post_office.models import STATUS, Email

from practice.operations import mail_queue

pytestmark = pytest.mark.django_db


@pytest.fixture
def queued():
    return mail.send("patient@example.com", "practice@example.com", subject="A", message="B")


@pytest.mark.parametrize(
    ("tries", "minutes"), [(1, 1), (2, 2), (3, 4), (4, 8), (6, 32), (7, 60), (8, 60), (99, 60)]
)
def test_each_failure_doubles_the_wait_up_to_an_hour(queued, tries, minutes):
    now = timezone.now()
    Email.objects.update(
        status=STATUS.requeued,
        number_of_retries=tries,
        last_updated=now,
        scheduled_time=now + timedelta(minutes=5),
    )

    mail_queue.back_off(now)

    queued.refresh_from_db()
    assert queued.scheduled_time == now + timedelta(minutes=minutes)


def test_a_mail_that_cannot_be_sent_stays_queued_with_its_error(queued, smtp_is_dead):
    assert mail_queue.send_one() is False

    queued.refresh_from_db()
    assert queued.status == STATUS.requeued
    assert queued.logs.get().message
    wait = queued.scheduled_time - queued.last_updated
    assert wait == timedelta(minutes=1)


def test_an_empty_queue_is_nothing_to_do():
    assert mail_queue.send_one() is False


@pytest.fixture
def smtp_is_dead(settings):
    settings.MAIL_TRANSPORT = "django.core.mail.backends.smtp.EmailBackend"
    settings.EMAIL_HOST, settings.EMAIL_PORT = "127.0.0.1", 1
    settings.POST_OFFICE = {
        **settings.POST_OFFICE,
        "BACKENDS": {"default": "consultations.mail_backend.PrivateLinkBackend"},
    }
