"""Background work: one holder at a time, and a record of how each job's last run ended."""

import logging
import threading
import time
from collections.abc import Callable
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from django.db import Error as AnyDatabaseError
from django.db import (
    IntegrityError,
    InterfaceError,
    OperationalError,
    connection,
    connections,
    transaction,
)
from django.db.models import F, Q
from django.utils import timezone

from ..models import JobRun, Lease, Practice

logger = logging.getLogger("practice.background")
# Longer than the longest single step of work (one mail: EMAIL_TIMEOUT, 20 s), and short
# enough that another worker takes over within a minute of the holder's death.
LEASE = timedelta(seconds=45)
RENEWED_EVERY = LEASE / 3
# How long a job that works in steps may keep the others waiting.
LONGEST_TURN = 30  # Seconds.
STARTED = timezone.now()
AT_ONCE = datetime(1, 1, 1, tzinfo=UTC)
# What means that the database is away. Any other of its errors is about what it was asked.
DATABASE_AWAY = (OperationalError, InterfaceError)


class JobFailed(Exception):
    """A job did not do what it is for. Its words hold no value, so the admin shows them."""


# --- The lease ------------------------------------------------------------------------------


def take_lease(name: str, holder: str) -> bool:
    """Takes or renews the lease; False while another holder's has not run out."""
    now = timezone.now()
    mine_or_over = Q(holder=holder) | Q(expires_at__lte=now)
    fields = {"holder": holder, "expires_at": now + LEASE}
    if Lease.objects.filter(mine_or_over, name=name).update(**fields):
        return True
    try:
        with transaction.atomic():
            Lease.objects.create(name=name, **fields)
    except IntegrityError:  # It exists, and it is another's.
        return False
    return True


def give_lease_back(name: str, holder: str) -> None:
    Lease.objects.filter(name=name, holder=holder).delete()


@contextmanager
def kept_lease(name: str, holder: str, beat: Callable):
    """Renews the lease from a thread for as long as the block runs, and calls `beat` each time.

    So a job may take longer than the lease, and no second worker begins the same work. Yields
    an event that is set once the lease is another's: after this process was held up.
    """
    ended, lost = threading.Event(), threading.Event()

    def renew():
        try:
            while not ended.wait(RENEWED_EVERY.total_seconds()):
                try:
                    if not take_lease(name, holder):
                        lost.set()
                        return
                    beat()
                except AnyDatabaseError:
                    logger.warning("The lease could not be renewed; trying again.")
                    connection.close()
        finally:
            connections.close_all()

    thread = threading.Thread(target=renew, name="lease", daemon=True)
    thread.start()
    try:
        yield lost
    finally:
        ended.set()
        thread.join()


# --- When a job is due ------------------------------------------------------------------------


@dataclass(frozen=True)
class Every:
    """`interval` after the last start. For the first time `first_after` the worker's start."""

    interval: timedelta
    first_after: timedelta = timedelta()
    after_failure: timedelta | None = None

    def next_due(self, run):
        if run is None or run.started_at is None:
            return STARTED + self.first_after if self.first_after else AT_ONCE
        if run.failures and self.after_failure:
            return run.started_at + self.after_failure
        return run.started_at + self.interval


@dataclass(frozen=True)
class MondaysAt:
    """Once a week, from `hour` o'clock in practice time on Monday; late rather than never."""

    hour: int

    def next_due(self, run):
        after = (run and run.started_at) or STARTED
        local = after.astimezone(Practice.current().zone)
        monday = local.replace(hour=self.hour, minute=0, second=0, microsecond=0)
        monday += timedelta(days=-local.weekday() % 7)
        return monday if monday > local else monday + timedelta(weeks=1)


@dataclass(frozen=True)
class Job:
    """`purpose` tells managers what it is for. One `in_steps` gets a Turn, and asks it between
    its steps whether to go on; what it leaves is done in the next round. A rule says when it
    is `next_due`; one that another program runs has nothing to `run`."""

    name: str
    purpose: str
    rule: object
    run: Callable | None
    in_steps: bool = False
    is_on: Callable = lambda: True


class Turn:
    """Whether a job may go on: not when asked to stop, nor beyond its share of the time."""

    def __init__(self, must_stop: Callable, seconds: float = LONGEST_TURN):
        self.must_stop, self.over_at = must_stop, time.monotonic() + seconds
        self.was_cut = False

    def __call__(self) -> bool:
        if self.must_stop() or time.monotonic() > self.over_at:
            self.was_cut = True
        return not self.was_cut


def is_due(job: Job, now=None) -> bool:
    run = JobRun.objects.filter(job=job.name).first()
    return (run is not None and run.is_asked_for) or job.rule.next_due(run) <= (
        now or timezone.now()
    )


def describe(jobs) -> None:
    """Writes down what there is to do, so that the admin can show it before it has run."""
    for job in jobs:
        run, _ = JobRun.objects.get_or_create(job=job.name)
        due_at = _shown(job.rule.next_due(run))
        JobRun.objects.filter(job=job.name).update(purpose=job.purpose, due_at=due_at)
    # What is turned off or no longer there is not waited for.
    JobRun.objects.exclude(job__in=[job.name for job in jobs]).update(due_at=None)


def note_next(job: Job, *, is_unfinished=False) -> None:
    """When it is due again; at once if it was cut short."""
    run = JobRun.objects.get(job=job.name)
    asked = {"asked_at": timezone.now()} if is_unfinished else {}
    JobRun.objects.filter(job=job.name).update(due_at=_shown(job.rule.next_due(run)), **asked)


def _shown(due_at):
    return timezone.now() if due_at == AT_ONCE else due_at


# --- What came of it --------------------------------------------------------------------------


@contextmanager
def recorded(job: str):
    """Records start, end and the kind of error of one run. The error is raised on.

    Only the error's class is kept: its message may quote what a person wrote.
    """
    JobRun.objects.update_or_create(
        job=job, defaults={"started_at": timezone.now(), "finished_at": None}
    )
    ended = JobRun.objects.filter(job=job)
    try:
        yield
    except Exception as error:
        ended.update(
            finished_at=timezone.now(), last_error=_in_words(error), failures=F("failures") + 1
        )
        raise
    now = timezone.now()
    ended.update(finished_at=now, succeeded_at=now, last_error="", failures=0)


def _in_words(error):
    if isinstance(error, JobFailed):
        return str(error)
    return f"{type(error).__module__}.{type(error).__qualname__}"


def tend_database():
    """Refreshes SQLite's statistics, without which it sorts instead of reading an index.

    PostgreSQL does this by itself.
    """
    if connection.vendor == "sqlite":
        with connection.cursor() as cursor:
            cursor.execute("ANALYZE")
