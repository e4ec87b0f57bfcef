"""Notes each backup beside the worker's jobs, so that one that silently stopped is seen.

A timer of the server makes backups, not the worker. What the worker knows of is only when
the next one ought to be there.
"""

from contextlib import ExitStack, contextmanager
from datetime import timedelta

from django.conf import settings
from django.db import Error as AnyDatabaseError
from django.utils import timezone

from practice.models import JobRun
from practice.operations.background import Job, note_next, recorded

# A timer begins somewhat late, and a large backup takes its time.
GRACE = timedelta(hours=2)


class Expected:
    """`BACKUP_EVERY_HOURS` after the last good one; at first, after the worker began to wait."""

    def next_due(self, run):
        if not settings.BACKUP_EVERY_HOURS:
            return None
        interval = timedelta(hours=settings.BACKUP_EVERY_HOURS) + GRACE
        if run and run.succeeded_at:
            return run.succeeded_at + interval
        return (run and run.due_at) or timezone.now() + interval


BACKUP = Job(
    "backup",
    "Writes everything into one encrypted file. The server's timer starts it.",
    Expected(),
    run=None,
)


@contextmanager
def noted(say):
    """Records the run in the block, and how it ended.

    Yields a function that takes what is to be known of a backup that is good all the same, and
    holds no value. A database that an older version has left is backed up, though nothing can be
    recorded there: `say` is told then.
    """
    is_noted, warnings = True, []
    with ExitStack() as run:
        try:
            run.enter_context(recorded(BACKUP.name))
        except AnyDatabaseError:
            is_noted = False
            say("This run does not show in the list of background jobs: migrate first.")
        yield warnings.append
    if is_noted:
        JobRun.objects.filter(job=BACKUP.name).update(last_error="\n".join(warnings))
        note_next(BACKUP)
