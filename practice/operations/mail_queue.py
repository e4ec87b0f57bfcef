"""Sending queued mail, and waiting longer after each failure."""

from datetime import timedelta

from django.conf import settings
from django.utils import timezone
from post_office.mail import send, send_queued
from post_office.models import STATUS, Email

LONGEST_WAIT = timedelta(hours=1)
# The header of mails to staff that hang on no request: of use for some days, then forgotten.
NOTICE = {"X-Notice": "yes"}
NOTICES_KEPT_FOR = timedelta(days=30)


def queue(address, subject, text, *, priority="medium"):
    """Queues a notice to staff in the caller's transaction."""
    send(
        recipients=[address],
        sender=settings.DEFAULT_FROM_EMAIL,
        # The queue renders what it is given as a template once more. A name or a browser
        # must be a value there, never a part of the template; values are not stored.
        subject="{{ subject|safe }}",
        message="{{ text|safe }}",
        context={"subject": " ".join(subject.split()), "text": text},
        headers={"Auto-Submitted": "auto-generated", **NOTICE},
        priority=priority,
    )


def send_one() -> bool:
    """Sends the next due mail; False when there was none or it could not be sent."""
    sent, failed, requeued = send_queued()
    if requeued:
        back_off()
    return bool(sent) and not (failed or requeued)


def back_off(now=None) -> None:
    """Spaces the retries of mails that failed: 1, 2, 4 … minutes, then every hour.

    The library's own interval is always the same: too long after a hiccup of the mail server,
    too short for one that is down for the night.
    """
    now = now or timezone.now()
    just_tried = Email.objects.filter(
        status=STATUS.requeued, last_updated__gt=now - timedelta(minutes=1)
    )
    for mail in just_tried:
        tries = min(mail.number_of_retries or 1, 10)
        wait = min(timedelta(minutes=2 ** (tries - 1)), LONGEST_WAIT)
        Email.objects.filter(pk=mail.pk).update(scheduled_time=mail.last_updated + wait)


def forget_old_notices(now=None) -> int:
    """Deletes notices that were sent, or given up, a month ago; how many."""
    until = (now or timezone.now()) - NOTICES_KEPT_FOR
    return Email.objects.filter(
        # The job runs every day: looking back further would read the whole table.
        created__range=(until - 3 * NOTICES_KEPT_FOR, until),
        status__in=(STATUS.sent, STATUS.failed),
        headers__has_keys=list(NOTICE),
    ).delete()[0]
