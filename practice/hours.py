"""Working-time arithmetic. Pure: no database, no clock of its own.

A calendar holds opening hours as wall-clock times in the practice's time zone. Each
opening is turned into two instants in UTC before anything is counted, so a day on which
the clocks change is as long as it really was. An opening includes its first instant and
excludes its last: a request that arrives at the closing second waits for the next opening.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

HORIZON = timedelta(days=400)


class NeverOpen(ValueError):
    """The calendar has too few opening hours within 400 days of the start."""


@dataclass(frozen=True)
class Calendar:
    """When the practice works.

    `weekly` maps a weekday (0 is Monday) to its openings as (opens, closes) wall-clock
    times; `closures` are inclusive (first day, last day) ranges.
    """

    time_zone: ZoneInfo
    weekly: Mapping[int, Sequence[tuple[time, time]]]
    closures: Sequence[tuple[date, date]] = field(default=())

    def is_closed_on(self, day: date) -> bool:
        return any(first <= day <= last for first, last in self.closures)

    def works_on(self, day: date) -> bool:
        return bool(self.weekly.get(day.weekday())) and not self.is_closed_on(day)

    def working_day_from(self, day: date) -> date:
        """The first day from `day` on that has opening hours; `day` itself when none has."""
        days = (day + timedelta(days=number) for number in range(HORIZON.days))
        return next(filter(self.works_on, days), day)

    def openings_from(self, start: datetime) -> Iterator[tuple[datetime, datetime]]:
        """Openings that end after `start`, in order, as aware UTC instants."""
        day = start.astimezone(self.time_zone).date()
        last_day = day + HORIZON
        while day <= last_day:
            if not self.is_closed_on(day):
                for opens, closes in sorted(self.weekly.get(day.weekday(), ())):
                    opening = self._instant(day, opens), self._instant(day, closes)
                    # Ends before it begins when it began in the hour that spring leaves out.
                    if opening[1] > max(start, opening[0]):
                        yield opening
            day += timedelta(days=1)

    def _instant(self, day: date, wall_clock: time) -> datetime:
        return datetime.combine(day, wall_clock, self.time_zone).astimezone(UTC)


def add_working_minutes(start: datetime, minutes: int, calendar: Calendar) -> datetime:
    """The UTC instant at which `minutes` of working time have passed since `start`.

    Minutes that end exactly at closing time end at that closing, not at the next opening.
    Raises ValueError for negative minutes and NeverOpen when the calendar runs out.
    """
    if minutes < 0:
        raise ValueError("minutes must not be negative")
    remaining = timedelta(minutes=minutes)
    for opens, closes in calendar.openings_from(start):
        begins = max(opens, start.astimezone(UTC))
        if remaining <= closes - begins:
            return begins + remaining
        remaining -= closes - begins
    raise NeverOpen("The practice has no opening hours to count with.")


def working_minutes_between(start: datetime, end: datetime, calendar: Calendar) -> int:
    """Whole working minutes from `start` to `end`; negative when `end` is the earlier."""
    if end < start:
        return -working_minutes_between(end, start, calendar)
    worked = timedelta()
    for opens, closes in calendar.openings_from(start):
        if opens >= end:
            break
        worked += min(closes, end) - max(opens, start)
    return int(worked.total_seconds() // 60)
