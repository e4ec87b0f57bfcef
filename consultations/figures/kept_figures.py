"""The figures of the dashboard, counted in the background and kept in the database.

Counting three months of requests takes the longer the more there are. The page must not:
it reads one row. Nothing in the row is about a person.
"""

from datetime import date, timedelta

from django.utils import timezone

from practice.models import Practice

from ..models import KeptFigures
from . import reports

DAYS = 28
# The worker counts every minute. Figures older than this are counted anew by whoever looks.
KEPT_FOR = timedelta(minutes=5)


def count_anew() -> KeptFigures:
    """Counts and keeps; by the practice's calendar, whoever asks."""
    practice = Practice.current()
    with timezone.override(practice.zone):
        kept = KeptFigures(pk=1, made_at=timezone.now(), values=_counted(practice))
    KeptFigures.objects.update_or_create(
        pk=1, defaults={"made_at": kept.made_at, "values": kept.values}
    )
    return kept


def current() -> KeptFigures:
    """The kept figures, not older than KEPT_FOR even while no worker runs."""
    kept = KeptFigures.objects.filter(pk=1).first()
    now = timezone.now()
    if kept is None or "due" not in kept.values or not now - KEPT_FOR < kept.made_at <= now:
        kept = count_anew()
    for week in kept.values["weeks"]:
        week["week"] = date.fromisoformat(week["week"])
    return kept


def _counted(practice):
    now = timezone.now()
    since = now - timedelta(days=DAYS)
    answering = reports.answering(since, now, practice.first_response_minutes)
    return {
        "received": answering.received,
        "answered": answering.answered,
        # A percentage under this name, because the version before reads the row too.
        "in_time": answering.percent_in_time,
        "kept": answering.in_time,
        "due": answering.due,
        "late": answering.late,
        "median": answering.median,
        "ninetieth": answering.ninetieth,
        "promised": practice.first_response_minutes,
        "open_by_age": reports.open_by_age(now),
        "by_procedure": reports.by_procedure(since),
        "by_origin": reports.by_origin(since),
        "weeks": [
            {**week, "week": week["week"].isoformat()} for week in reports.weekly_numbers(now)
        ],
    }
