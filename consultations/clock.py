"""The promise: by when a request gets its first response, in the practice's working time."""

from dataclasses import dataclass
from datetime import datetime

from django.utils import timezone

from practice.hours import NeverOpen, add_working_minutes, working_minutes_between
from practice.models import Practice
from practice.templatetags.text import wall_clock

from .models import ConsultationRequest


def promise(practice: Practice, received_at: datetime, calendar=None) -> datetime | None:
    """The UTC instant by which a request received then is answered; None without hours.

    `calendar` is the practice's, for who has it at hand.

    A practice that has not entered opening hours must not lose a request over it, so no
    promise is made instead of raising.
    """
    try:
        return add_working_minutes(
            received_at, practice.first_response_minutes, calendar or practice.calendar()
        )
    except NeverOpen:
        return None


def still_to_keep(request: ConsultationRequest, now=None) -> datetime | None:
    """The promise, for whoever is told of it now: None once that moment has gone by."""
    if request.respond_by is None or request.respond_by <= (now or timezone.now()):
        return None
    return request.respond_by


def recompute_open_promises() -> int:
    """Sets the promise of every unanswered request anew; how many changed."""
    practice = Practice.current()
    calendar = practice.calendar()
    changed = []
    for request in ConsultationRequest.objects.awaiting_first_response().only(
        "received_at", "respond_by"
    ):
        respond_by = promise(practice, request.received_at, calendar)
        if respond_by != request.respond_by:
            request.respond_by = respond_by
            changed.append(request)
    ConsultationRequest.objects.bulk_update(changed, ["respond_by"], batch_size=500)
    return len(changed)


@dataclass(frozen=True)
class Due:
    """How a promise stands now. `minutes` of working time are left, or negative: late."""

    minutes: int
    is_late: bool
    arithmetic: str

    @property
    def words(self):
        if not self.minutes:
            return "late" if self.is_late else "due now"
        if self.is_late:
            return f"{in_words(-self.minutes)} late"
        return f"due in {in_words(self.minutes)}"


def due(request: ConsultationRequest, calendar, now: datetime) -> Due | None:
    """How the request's first-response promise stands; None when no clock is running."""
    if not request.is_awaiting_first_response or request.respond_by is None:
        return None
    minutes = working_minutes_between(now, request.respond_by, calendar)
    local = calendar.time_zone

    def clock(moment):
        moment = moment.astimezone(local)
        return f"{moment:%a %b} {moment.day}, {wall_clock(moment)}"

    arithmetic = (
        f"Received {clock(request.received_at)}, promised by {clock(request.respond_by)}, "
        f"now {clock(now)} (practice time): {in_words(abs(minutes))} of opening hours between."
    )
    return Due(minutes, now > request.respond_by, arithmetic)


def in_words(minutes: int) -> str:
    """Working minutes as “1 h 20 min”."""
    hours, minutes = divmod(minutes, 60)
    if not hours:
        return f"{minutes} min"
    return f"{hours} h {minutes} min" if minutes else f"{hours} h"
