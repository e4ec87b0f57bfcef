"""Figures about how requests are answered. Spam and tests never count."""

from collections import Counter
from dataclasses import dataclass
from datetime import datetime, timedelta

from django.db.models import Count, Q
from django.db.models.functions import TruncWeek
from django.utils import timezone

from .choices import Origin
from .models import ConsultationRequest

WEEKS = 12


@dataclass(frozen=True)
class Answering:
    """First responses in a span of time; minutes are working minutes."""

    received: int
    answered: int
    in_time: int
    median: int | None
    ninetieth: int | None

    @property
    def percent_in_time(self):
        return round(100 * self.in_time / self.answered) if self.answered else None


def answering(since: datetime, until: datetime, promised_minutes: int) -> Answering:
    """How the requests that came in from `since` to before `until` were answered."""
    came = _genuine().filter(received_at__gte=since, received_at__lt=until)
    minutes = sorted(came.exclude(response_minutes=None).values_list("response_minutes", flat=True))
    return Answering(
        received=came.count(),
        answered=len(minutes),
        in_time=sum(1 for each in minutes if each <= promised_minutes),
        median=percentile(minutes, 50),
        ninetieth=percentile(minutes, 90),
    )


def percentile(ordered: list[int], percent: int) -> int | None:
    """The nearest-rank percentile of an ordered list; None for an empty one."""
    if not ordered:
        return None
    rank = max(1, -(-len(ordered) * percent // 100))
    return ordered[rank - 1]


def weekly_numbers(now=None) -> list[dict]:
    """The last twelve weeks, oldest first: `week` (its Monday), `received`, `answered`."""
    now = timezone.localtime(now)
    this_monday = (now - timedelta(days=now.weekday())).replace(
        hour=0, minute=0, second=0, microsecond=0
    )
    first = this_monday - timedelta(weeks=WEEKS - 1)
    counted = {
        row["week"].date(): row
        for row in _genuine()
        .filter(received_at__gte=first)
        .annotate(week=TruncWeek("received_at"))
        .values("week")
        .annotate(received=Count("pk"), answered=Count("first_response_at"))
    }
    weeks = [(first + timedelta(weeks=number)).date() for number in range(WEEKS)]
    nothing = {"received": 0, "answered": 0}
    return [
        {"week": week, **{name: counted.get(week, nothing)[name] for name in nothing}}
        for week in weeks
    ]


def by_procedure(since: datetime) -> list[tuple[str, int]]:
    """(procedure, number of requests since), most first."""
    rows = _genuine().filter(received_at__gte=since).values_list("procedure__name")
    counted = rows.annotate(number=Count("pk")).order_by("-number")
    return [(name or "Not named", number) for name, number in counted]


def by_origin(since: datetime) -> list[tuple[str, int]]:
    """(where they came from, number of requests since), most first."""
    rows = _genuine().filter(received_at__gte=since).values_list("origin")
    counted = rows.annotate(number=Count("pk")).order_by("-number")
    return [(Origin(origin).label, number) for origin, number in counted]


AGES = (("Under 1 day", 1), ("1 to 3 days", 3), ("3 to 7 days", 7), ("7 to 30 days", 30))
OLDER = "Over 30 days"


def open_by_age(now=None) -> list[tuple[str, int]]:
    """(age, number) of the open requests, youngest first; counted by the database."""
    now = now or timezone.now()
    counts, youngest = {}, {}
    for number, (_, days) in enumerate(AGES):
        since = now - timedelta(days=days)
        counts[f"age_{number}"] = Count("pk", filter=Q(received_at__gt=since, **youngest))
        youngest = {"received_at__lte": since}
    counts[f"age_{len(AGES)}"] = Count("pk", filter=Q(**youngest))
    found = ConsultationRequest.objects.open().filter(is_test=False).aggregate(**counts)
    labels = [*(label for label, _ in AGES), OLDER]
    return [(label, found[f"age_{number}"]) for number, label in enumerate(labels)]


def outcome_of_week(until: datetime) -> Counter:
    """How the requests that were closed in the week before `until` ended, by reason."""
    closed = _genuine().filter(closed_at__gte=until - timedelta(weeks=1), closed_at__lt=until)
    rows = closed.order_by().values_list("close_reason").annotate(Count("pk"))
    return Counter(dict(rows))


def _genuine():
    return ConsultationRequest.objects.genuine().filter(~Q(status="duplicate")).order_by()
