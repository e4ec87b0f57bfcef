"""Who has a request open at this moment, so that two people do not call the same patient."""

from datetime import timedelta

from django.utils import timezone

from ..models import Presence

# The page asks every ten seconds; who was not heard of for longer than this has left.
FRESH_FOR = timedelta(seconds=15)


def here(request, user):
    """Notes that the user has the request open, and returns the names of the others who do."""
    now = timezone.now()
    Presence.objects.bulk_create(  # One statement, also for two tabs in the same moment.
        [Presence(request=request, user=user, seen_at=now)],
        update_conflicts=True,
        unique_fields=["request", "user"],
        update_fields=["seen_at"],
    )
    others = (
        Presence.objects.filter(request=request, seen_at__gt=now - FRESH_FOR)
        .exclude(user=user)
        .select_related("user")
        .order_by("user__first_name", "user_id")
    )
    return [str(each.user) for each in others]


def gone(request, user):
    """Notes that the user has left the request's page."""
    Presence.objects.filter(request=request, user=user).delete()
