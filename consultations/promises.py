"""Keeps open promises true when opening hours, closures or the practice's own promise change."""

from django.db import transaction
from django.db.models.signals import post_delete, post_save

from practice.models import Closure, Location, OpeningHours, Practice

from . import clock

CAUSES = (Practice, Location, OpeningHours, Closure)


def follow_the_opening_hours():
    for model in CAUSES:
        for signal in (post_save, post_delete):
            signal.connect(_recompute_after_commit, sender=model, dispatch_uid=__name__)


def _recompute_after_commit(sender, raw=False, using=None, **kwargs):
    """Once for each transaction, however many rows a form saved in it.

    A recomputation that waits under other savepoints does not count: it is dropped when one
    of them is rolled back.
    """
    if raw:
        return
    connection = transaction.get_connection(using)
    here = set(connection.savepoint_ids)
    for savepoints, waiting, *_ in connection.run_on_commit:
        if waiting is clock.recompute_open_promises and savepoints == here:
            return
    transaction.on_commit(clock.recompute_open_promises, using=using, robust=True)
