"""The inbox: what each view holds and in which order.

The page must stay as quick with a million requests as with a thousand. So nothing here
counts a whole table: every count stops at COUNTED_TO, and a page is cut from the front of
an index, one part of the order after the other.
"""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta

from django.db import connection
from django.utils import timezone

from practice.models import User

from .. import clock
from ..choices import OPEN, Status
from ..models import RequestQuerySet

PER_PAGE = 50
COUNTED_TO = 500
# Said as what a request is not, so that the planner reads these views off the index of their
# order (follow-up, closing) and does not sort everything that has the state.
NOT_OPEN = [status for status in Status if status not in OPEN]
NOT_CLOSED = [status for status in Status if status != Status.CLOSED]
# Later than this, the day of the promise says more than a number of hours.
LATE_IN_WORDS = 40 * 60


@dataclass(frozen=True)
class Moment:
    """Who looks, and when: `today` and `day_ends` are the practice's, not the server's."""

    user: User
    now: datetime
    today: date
    day_ends: datetime

    @classmethod
    def of(cls, user):
        now = timezone.now()
        today = timezone.localdate(now)
        midnight = datetime.combine(today + timedelta(days=1), time.min)
        return cls(user, now, today, timezone.make_aware(midnight))


def by_urgency(requests: RequestQuerySet):
    """Unanswered ones first, the oldest promise on top; then the rest, newest on top.

    Three querysets, because each can be read off an index while their union would have to
    be sorted. Requests without a promise exist where no opening hours are entered.
    """
    awaiting = requests.awaiting_first_response()
    return (
        awaiting.filter(respond_by__isnull=False).order_by("respond_by", "pk"),
        awaiting.filter(respond_by=None).order_by("-received_at", "pk"),
        requests.answered().order_by("-received_at", "pk"),
    )


def newest_first(requests):
    return (requests.order_by("-received_at", "pk"),)


@dataclass(frozen=True)
class View:
    """One tab of the inbox."""

    key: str
    label: str
    choose: Callable[[RequestQuerySet, Moment], RequestQuerySet]
    parts: Callable[[RequestQuerySet], tuple[RequestQuerySet, ...]]
    when_empty: str
    is_counted: bool = True

    def within(self, requests, moment):
        """What the view holds of `requests`."""
        return self.choose(requests, moment)


VIEWS = (
    View(
        "todo",
        "To do",
        lambda requests, moment: requests.open(),
        by_urgency,
        "Nothing to do. Every request is closed.",
    ),
    View(
        "mine",
        "Mine",
        lambda requests, moment: requests.open().filter(owner=moment.user),
        by_urgency,
        "You have no open requests. Claim one from Unassigned.",
    ),
    View(
        "unassigned",
        "Unassigned",
        lambda requests, moment: requests.open().filter(owner=None),
        by_urgency,
        "Every open request has an owner.",
    ),
    View(
        "late",
        "Late",
        lambda requests, moment: requests.late(moment.now),
        lambda requests: (requests.order_by("respond_by", "pk"),),
        "Nobody is waiting longer than promised.",
    ),
    View(
        "due-today",
        "Due today",
        lambda requests, moment: requests.awaiting_first_response().filter(
            respond_by__gte=moment.now, respond_by__lt=moment.day_ends
        ),
        lambda requests: (requests.order_by("respond_by", "pk"),),
        "No first reply is due before the end of today.",
    ),
    View(
        "follow-up",
        "Follow-up today",
        lambda requests, moment: requests.filter(follow_up_on__lte=moment.today).exclude(
            status__in=NOT_OPEN
        ),
        lambda requests: (requests.order_by("follow_up_on", "pk"),),
        "No follow-up is planned for today or left from before.",
    ),
    View(
        "from-patients",
        "From patients",
        # A duplicate stands for itself only where nothing tells it on its original.
        lambda requests, moment: requests.filter(
            patient_acted_at__isnull=False, duplicate_of__patient_acted_at=None
        ),
        lambda requests: (requests.order_by("patient_acted_at", "pk"),),
        "Nothing new from patients. Photographs and corrections stand here until they are seen.",
    ),
    View(
        "quarantine",
        "Quarantine",
        lambda requests, moment: requests.filter(status=Status.QUARANTINED),
        newest_first,
        "Nothing is held back as suspected spam.",
    ),
    View(
        "closed",
        "Closed",
        lambda requests, moment: requests.filter(closed_at__isnull=False).exclude(
            status__in=NOT_CLOSED
        ),
        lambda requests: (requests.order_by("-closed_at", "-pk"),),
        "No request has been closed yet.",
        is_counted=False,
    ),
    View(
        "spam",
        "Spam",
        lambda requests, moment: requests.filter(status=Status.SPAM),
        newest_first,
        "Nothing is marked as spam.",
        is_counted=False,
    ),
    View(
        "all",
        "All",
        lambda requests, moment: requests,
        newest_first,
        "No request has come in yet.",
        is_counted=False,
    ),
)
BY_KEY = {view.key: view for view in VIEWS}


def counts(requests: RequestQuerySet, moment: Moment) -> dict[str, int]:
    """How many each counted view holds, up to COUNTED_TO + 1, in one query.

    One scalar subquery for each view, each stopping at the limit; the ORM has no words for
    a count of a limited subquery inside a SELECT, so its SQL is put together here.
    """
    views = [view for view in VIEWS if view.is_counted]
    selects, parameters = [], []
    for view in views:
        chosen = view.within(requests, moment).order_by().values("pk")[: COUNTED_TO + 1]
        sql, values = chosen.query.sql_with_params()
        selects.append(f"(SELECT COUNT(*) FROM ({sql}) AS counted)")  # noqa: S608
        parameters += values
    with connection.cursor() as cursor:
        cursor.execute("SELECT " + ", ".join(selects), parameters)
        return dict(zip([view.key for view in views], cursor.fetchone(), strict=True))


def in_figures(count: int) -> str:
    return f"{COUNTED_TO:,}+" if count > COUNTED_TO else f"{count:,}"


def cut(parts, start: int, number: int) -> list:
    """`number` rows from position `start` of the parts laid end to end."""
    rows = []
    for part in parts:
        if len(rows) == number:
            break
        found = list(part[start : start + number - len(rows)])
        rows += found
        # A part that gave nothing was shorter than `start`: go that much less far into the next.
        if start and part is not parts[-1]:
            start = 0 if found else start - part[:start].count()
    return rows


@dataclass(frozen=True)
class Page:
    rows: list
    number: int
    has_next: bool
    size = PER_PAGE

    @property
    def previous(self):
        return self.number - 1

    @property
    def next(self):
        return self.number + 1

    @property
    def first(self):
        return (self.number - 1) * PER_PAGE + 1

    @property
    def last(self):
        return self.first + len(self.rows) - 1


def page(parts, number: int) -> Page:
    """One page; whether there is another is known from one row more, not from a count."""
    number = max(number, 1)
    rows = cut(parts, (number - 1) * PER_PAGE, PER_PAGE + 1)
    return Page(rows[:PER_PAGE], number, len(rows) > PER_PAGE)


def with_promises(rows, calendar, now):
    """Sets on each row what `set_promise` does."""
    for row in rows:
        set_promise(row, calendar, now)
    return rows


def set_promise(row, calendar, now):
    """Sets `promise` (a clock.Due or None), `promise_words`, and `follow_up_due`: the day of the
    follow-up, or the first open one after it."""
    day = row.follow_up_on
    row.follow_up_due = day and calendar.working_day_from(day)
    row.promise = clock.due(row, calendar, now)
    row.promise_words = row.promise and _words(row)


def _words(row):
    if row.promise.is_late and row.promise.minutes < -LATE_IN_WORDS:
        day = timezone.localtime(row.respond_by)
        return f"late since {day:%b} {day.day}"
    return row.promise.words
