"""What retention will erase in the coming days, before it does: by day, by kind, row by row."""

from collections import Counter
from dataclasses import dataclass
from datetime import date, timedelta

from auditlog.models import LogEntry
from dateutil.relativedelta import relativedelta
from django.contrib.contenttypes.models import ContentType
from django.utils import timezone
from post_office.models import Email

from practice.encryption import UNREADABLE, readable
from practice.models import Practice

from .. import privacy
from ..choices import Status
from ..models import Consent, ConsultationRequest, ContactAttempt, Event, Photo, Presence
from ..search_words import SearchWord

AHEAD = timedelta(days=30)
LISTED = 200
# What tells the day on which a request is due: a duplicate goes with its original.
WHEN = ("status", "closed_at", "received_at")
WHEN += tuple(f"duplicate_of__{name}" for name in WHEN)
PARTS = (
    ("line of a timeline", Event),
    ("contact", ContactAttempt),
    ("consent", Consent),
    ("photograph", Photo),
    ("word for the search", SearchWord),
    ("mark of who is looking", Presence),
)


@dataclass(frozen=True)
class Preview:
    """`days`: (day, {status label: number}); `parts`: (what hangs on them, how many)."""

    until: date
    number: int
    days: list[tuple[date, dict[str, int]]]
    parts: list[tuple[str, int]]
    requests: list[ConsultationRequest]
    held: list[ConsultationRequest]
    number_held: int


def preview(ahead=AHEAD, now=None) -> Preview:
    """What is due by then if nothing changes. Reading it changes nothing."""
    now = now or timezone.now()
    until = now + ahead
    due = privacy.due_for_erasure(until)
    months = Practice.current().retention_months
    rows = list(
        due.select_related("duplicate_of")
        .defer("message", "duplicate_of__message")
        .order_by("closed_at", "received_at", "pk")[:LISTED]
    )
    for row in rows:
        row.due_on = due_on(row, months, now)
    held = privacy.past_their_time(until).filter(legal_hold=True)
    days = {}
    for row in due.select_related("duplicate_of").only(*WHEN).iterator(chunk_size=1000):
        kinds = days.setdefault(due_on(row, months, now), Counter())
        kinds[row.get_status_display()] += 1
    return Preview(
        until=timezone.localdate(until),
        number=sum(kinds.total() for kinds in days.values()),
        days=[(day, dict(kinds)) for day, kinds in sorted(days.items())],
        parts=_parts(due),
        requests=sorted(rows, key=lambda row: row.due_on),
        held=_with_holds(list(held.defer("message").order_by("pk")[:LISTED])),
        number_held=held.count(),
    )


def _with_holds(rows):
    """Each with the latest line about its hold, and what that says, as far as it can be read."""
    lines = Event.objects.filter(request__in=rows, kind=Event.Kind.HOLD)
    latest = {line.request_id: line for line in lines.order_by("at", "pk")}
    for row in rows:
        row.hold = latest.get(row.pk)
        row.hold_note = row.hold and readable(row.hold, "note", UNREADABLE)
    return rows


def due_on(row, months, now):
    """The day on which it goes; today for what is due already."""
    if row.status == Status.DUPLICATE and row.duplicate_of:
        return due_on(row.duplicate_of, months, now)
    if row.status in privacy.UNWANTED:
        moment = row.received_at + privacy.SPAM_KEPT_FOR
    elif row.status == Status.CLOSED:
        moment = row.closed_at + relativedelta(months=months)
    else:
        moment = row.received_at + relativedelta(months=months)
    return timezone.localdate(max(moment, now))


def _parts(due):
    """How many rows of each kind go with the requests; the mails by what the timelines name."""
    keys = due.order_by().values("pk")
    found = [(words, model.objects.filter(request__in=keys).count()) for words, model in PARTS]
    events = Event.objects.filter(request__in=keys).exclude(details={})
    mails = [
        pk
        for details in events.values_list("details", flat=True).iterator(chunk_size=1000)
        for pk in details.get("emails", ())
    ]
    there = sum(
        Email.objects.filter(pk__in=mails[start : start + 500]).count()
        for start in range(0, len(mails), 500)
    )
    changes = LogEntry.objects.filter(
        content_type=ContentType.objects.get_for_model(ConsultationRequest), object_id__in=keys
    ).exclude(action=LogEntry.Action.ACCESS)
    return [*found, ("mail", there), ("audit entry about a change", changes.count())]
