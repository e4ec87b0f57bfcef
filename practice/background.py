"""Background work: one holder at a time, and a record of how each job's last run ended."""

from contextlib import contextmanager
from datetime import timedelta

from django.db import IntegrityError, connection, transaction
from django.db.models import Q
from django.utils import timezone

from .models import JobRun, Lease, Practice

# Longer than the longest single step of work (one mail: EMAIL_TIMEOUT, 20 s), and short
# enough that another worker takes over within a minute of the holder's death.
LEASE = timedelta(seconds=45)


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


def every(interval):
    """A rule for when a job is due: `interval` after its last start, or when it never ran."""
    return lambda last_start, now: last_start is None or now - last_start >= interval


def mondays_at(hour):
    """A rule: once a week, from `hour` o'clock in practice time on Monday."""

    def is_due(last_start, now):
        local = now.astimezone(Practice.current().zone)
        if local.weekday() != 0 or local.hour < hour:
            return False
        return last_start is None or now - last_start > timedelta(days=1)

    return is_due


def is_due(job: str, rule, now=None) -> bool:
    last_start = JobRun.objects.filter(job=job).values_list("started_at", flat=True).first()
    return rule(last_start, now or timezone.now())


def tend_database():
    """Refreshes SQLite's statistics, without which it sorts instead of reading an index.

    PostgreSQL does this by itself.
    """
    if connection.vendor == "sqlite":
        with connection.cursor() as cursor:
            cursor.execute("ANALYZE")


@contextmanager
def recorded(job: str):
    """Records start, end and the kind of error of one run. The error is raised on.

    Only the error's class is kept: its message may quote what a person wrote.
    """
    JobRun.objects.update_or_create(
        job=job, defaults={"started_at": timezone.now(), "finished_at": None}
    )
    error = ""
    try:
        yield
    except Exception as raised:
        error = f"{type(raised).__module__}.{type(raised).__qualname__}"
        raise
    finally:
        JobRun.objects.filter(job=job).update(finished_at=timezone.now(), last_error=error)
