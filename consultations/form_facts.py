"""What the form and its intake need to know of the practice, kept in this process.

Names to choose from, opening hours and the like change a few times a week, and each is a
query or two. They are fetched anew as soon as the content's version is another, which one
query tells, or a scheduled page goes live.
"""

from dataclasses import dataclass, field
from datetime import datetime

from django.utils import timezone

from practice.content_version import content_version
from practice.hours import Calendar
from practice.models import Location, Practice, Surgeon
from practice.publishing import Publishable
from procedures.models import Procedure


@dataclass(frozen=True)
class Facts:
    """Read by many threads: nothing in it is changed, but for HTML that is added."""

    version: int
    until: datetime | None
    practice: Practice
    main_location: Location | None
    calendar: Calendar
    procedures: tuple[Procedure, ...]
    surgeons: tuple[Surgeon, ...]
    # The page of the form before anything is typed, by what is preselected.
    fresh_pages: dict[tuple, str] = field(default_factory=dict)

    def still_hold(self, version):
        return self.version == version and (self.until is None or timezone.now() < self.until)


_kept: Facts | None = None


def current() -> Facts:
    global _kept
    version = content_version()  # Read before the rest: what changes meanwhile is fetched anew.
    facts = _kept
    if facts is None or not facts.still_hold(version):
        facts = _kept = _fetched(version)
    return facts


def forget():
    """For tests, whose databases are rolled back to versions that were used before."""
    global _kept
    _kept = None


def _fetched(version):
    practice = Practice.current()
    procedures = Procedure.objects.published().only("name", "slug", "content_version")
    surgeons = Surgeon.objects.published().only("name", "post_nominals", "slug")
    return Facts(
        version,
        _next_start(),
        practice,
        Location.objects.published().filter(is_main=True).first(),
        practice.calendar(),
        tuple(procedures),
        tuple(surgeons),
    )


def _next_start():
    """When the next scheduled page goes live, if one is scheduled."""
    starts = (
        model.objects.filter(
            status=Publishable.Status.SCHEDULED, publish_at__gt=timezone.now()
        ).order_by("publish_at")
        for model in (Location, Procedure, Surgeon)
    )
    firsts = (rows.values_list("publish_at", flat=True).first() for rows in starts)
    return min((first for first in firsts if first), default=None)
