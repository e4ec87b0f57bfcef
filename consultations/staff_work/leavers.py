"""Open requests of people who no longer work on any go back to the team.

An account may be turned off, deleted, or given another role, here or straight in the database.
So it is not those acts that are watched, but what they leave behind: an open request whose
owner can do nothing with it, and which nobody else would look for.
"""

from contextlib import suppress

from django.conf import settings
from django.db.models.signals import pre_delete

from .. import triage
from ..models import ConsultationRequest
from ..timeline import SYSTEM
from .staff_forms import colleagues

LONGEST_NAME = 100  # So that the line fits.


def hand_back() -> int:
    """Takes the owner off every open request whose owner cannot work on it; how many."""
    able = list(colleagues().values_list("pk", flat=True))
    owned = ConsultationRequest.objects.open().filter(owner__isnull=False)
    return _release(owned.exclude(owner__in=able))


def follow_deletions():
    """Called once when the apps are ready: a deleted account takes itself off without a word."""
    pre_delete.connect(_before_deletion, sender=settings.AUTH_USER_MODEL, dispatch_uid=__name__)


def _before_deletion(instance, **kwargs):
    _release(ConsultationRequest.objects.open().filter(owner=instance))


def _release(requests):
    number = 0
    for request in requests.select_related("owner").defer("message"):
        why = f"{str(request.owner)[:LONGEST_NAME]} no longer works on requests"
        with suppress(triage.TriageError):  # Somebody has just taken it over.
            triage.assign(request, None, by=SYSTEM, why=why)
            number += 1
    return number
