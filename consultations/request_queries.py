"""The sets of requests that people speak of: open, waiting for a first reply, late, genuine."""

from django.db import models
from django.db.models import Q
from django.utils import timezone

from practice.sql import partial_indexes  # noqa: F401 (registers the lookup `among`)

from .choices import AWAITING, OPEN, Status


def same_address_or_number(row) -> Q:
    """Requests reached where `row` is. An address or number that nobody gave is nobody's."""
    same = Q(pk__in=())
    if row.email:
        same |= Q(email__iexact=row.email)
    if row.phone:
        same |= Q(phone=row.phone)
    return same


class RequestQuerySet(models.QuerySet):
    def open(self):
        return self.filter(status__among=OPEN)

    def awaiting_first_response(self):
        return self.filter(status__among=AWAITING, first_response_at=None)

    def answered(self):
        """Open ones whose first-response clock has stopped."""
        return self.open().exclude(status__among=AWAITING, first_response_at=None)

    def late(self, now=None):
        return self.awaiting_first_response().filter(respond_by__lt=now or timezone.now())

    def genuine(self):
        """Requests that count in figures: no spam, no tests."""
        return self.exclude(status__in=(Status.SPAM, Status.QUARANTINED)).filter(is_test=False)

    def visible_to(self, user):
        """Surgeons see the requests that name them or are theirs; coordinators see all. Nobody
        sees the site's own test requests: they are gone in a moment."""
        people = self.filter(is_test=False)
        if user.has_perm("consultations.view_every_request"):
            return people
        return people.filter(Q(surgeon__user=user) | Q(owner=user))
