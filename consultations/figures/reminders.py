"""What the worker tells managers: requests that became late, and how the week went."""

from datetime import timedelta

from django.db import transaction
from django.utils import timezone

from practice.models import Practice, User

from .. import notifications
from ..models import ConsultationRequest
from . import reports

# Named in one mail; more than that and the inbox tells better.
MOST_NAMED = 20


def escalate_late() -> int:
    """Queues one mail to each manager that names the requests which became late; how many.

    Each request is escalated once, together with the mail that says so.
    """
    with transaction.atomic():
        late = list(
            ConsultationRequest.objects.late()
            .filter(escalated_at=None, is_test=False)
            .only("reference")
            .select_for_update()
            .order_by("respond_by")
        )
        if not late:
            return 0
        ConsultationRequest.objects.filter(pk__in=[each.pk for each in late]).update(
            escalated_at=timezone.now()
        )
        practice = Practice.current()
        for address in managers(practice):
            notifications.tell_manager_late(late[:MOST_NAMED], len(late), address, practice)
        return len(late)


def send_weekly_report(now=None) -> None:
    """Queues the figures of the last seven days to every manager."""
    practice = Practice.current()
    with timezone.override(practice.zone), transaction.atomic():
        until = now or timezone.now()
        since = until - timedelta(weeks=1)
        figures = {
            "since": since,
            "until": until,
            "answering": reports.answering(since, until, practice.first_response_minutes),
            "procedures": reports.by_procedure(since),
            "origins": reports.by_origin(since),
            "late_now": ConsultationRequest.objects.late().filter(is_test=False).count(),
        }
        for address in managers(practice):
            notifications.send_weekly_report(figures, address, practice)


def managers(practice) -> list[str]:
    """Where managers are told: their own addresses, or the practice's when none has one."""
    addresses = (
        User.objects.filter(groups__name="Manager", is_active=True)
        .exclude(email="")
        .values_list("email", flat=True)
    )
    return sorted(set(addresses)) or [practice.staff_mailbox]
