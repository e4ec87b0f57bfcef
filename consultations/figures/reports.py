"""Figures about how requests are answered. Spam and tests never count."""

from dataclasses import dataclass
from datetime import datetime, time, timedelta

from django.db.models import Count, Q
from django.utils import timezone

from ..choices import Origin
from ..models import ConsultationRequest

WEEKS = 12


@dataclass(frozen=True)
class Answering:
    """First responses in a span of time; minutes are working minutes.

    `late` ones still wait for theirs. Without them a practice that answers only what is easy
    would seem to keep every promise.
    """

    received: int
    answered: int
    in_time: int
    late: int
    median: int | None
    ninetieth: int | None

    @property
    def due(self):
        """Of how many it is known whether the promise was kept."""
        return self.answered + self.late

    @property
    def percent_in_time(self):
        return round(100 * self.in_time / self.due) if self.due else None


def answering(since: datetime, until: datetime, promised_minutes: int) -> Answering:
    """How the requests that came in from `since` to before `until` were answered."""
    came = _genuine().filter(received_at__gte=since, received_at__lt=until)
    counts = came.aggregate(
        received=Count("*"),
        answered=Count("response_minutes"),
        in_time=Count("received_at", filter=Q(response_minutes__lte=promised_minutes)),
    )
    # Asked by itself: few wait, and they have an index of their own.
    late = ConsultationRequest.objects.late(until).filter(
        is_test=False, received_at__gte=since, received_at__lt=until
    )
    minutes = came.exclude(response_minutes=None).values_list("response_minutes", flat=True)
    ordered = minutes.order_by("response_minutes")
    return Answering(
        **counts,
        late=late.count(),
        median=percentile(ordered, counts["answered"], 50),
        ninetieth=percentile(ordered, counts["answered"], 90),
    )


def percentile(ordered, number: int, percent: int) -> int | None:
    """The nearest-rank percentile of `number` ordered values, of which one is read."""
    rank = max(1, -(-number * percent // 100))
    return next(iter(ordered[rank - 1 : rank]), None)


def weekly_numbers(now=None) -> list[dict]:
    """The last twelve weeks, oldest first: `week` (its Monday), `received`, `answered`."""
    now = timezone.localtime(now)
    this_monday = (now - timedelta(days=now.weekday())).replace(
        hour=0, minute=0, second=0, microsecond=0
    )
    first = this_monday - timedelta(weeks=WEEKS - 1)
    weeks = [(first + timedelta(weeks=number)).date() for number in range(WEEKS)]
    starts = [timezone.make_aware(datetime.combine(week, time.min)) for week in weeks]
    # Not cut by the database's calendar: finding the week of each row costs more than
    # comparing its time with twelve instants, and the weeks with a clock change are right.
    counts = {}
    for place, (start, end) in enumerate(zip(starts, [*starts[1:], None], strict=True)):
        within = Q(received_at__gte=start) & (Q(received_at__lt=end) if end else Q())
        counts[f"received_{place}"] = Count("received_at", filter=within)
        counts[f"answered_{place}"] = Count("first_response_at", filter=within)
    found = _genuine().filter(received_at__gte=first).aggregate(**counts)
    return [
        {
            "week": week,
            "received": found[f"received_{place}"],
            "answered": found[f"answered_{place}"],
        }
        for place, week in enumerate(weeks)
    ]


def by_procedure(since: datetime) -> list[tuple[str, int]]:
    """(procedure, number of requests since), most first."""
    rows = _genuine().filter(received_at__gte=since).values_list("procedure__name")
    counted = rows.annotate(number=Count("*")).order_by("-number")
    return [(name or "Not named", number) for name, number in counted]


def by_origin(since: datetime) -> list[tuple[str, int]]:
    """(where they came from, number of requests since), most first."""
    rows = _genuine().filter(received_at__gte=since).values_list("origin")
    counted = rows.annotate(number=Count("*")).order_by("-number")
    return [(Origin(origin).label, number) for origin, number in counted]


AGES = (("Under 1 day", 1), ("1 to 3 days", 3), ("3 to 7 days", 7), ("7 to 30 days", 30))
OLDER = "Over 30 days"


def open_by_age(now=None) -> list[tuple[str, int]]:
    """(age, number) of the open requests, youngest first; counted by the database."""
    now = now or timezone.now()
    counts, youngest = {}, {}
    for number, (_, days) in enumerate(AGES):
        since = now - timedelta(days=days)
        counts[f"age_{number}"] = Count("received_at", filter=Q(received_at__gt=since, **youngest))
        youngest = {"received_at__lte": since}
    counts[f"age_{len(AGES)}"] = Count("received_at", filter=Q(**youngest))
    found = ConsultationRequest.objects.open().filter(is_test=False).aggregate(**counts)
    labels = [*(label for label, _ in AGES), OLDER]
    return [(label, found[f"age_{number}"]) for number, label in enumerate(labels)]


def _genuine():
    return ConsultationRequest.objects.genuine().filter(~Q(status="duplicate")).order_by()
