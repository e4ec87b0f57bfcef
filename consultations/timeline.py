"""The one way a line gets onto a request's timeline."""

from .models import Event

# Actors without an account, as the timeline names them.
PATIENT = "Patient"
SYSTEM = "System"


def record(request, kind, by, summary="", **details):
    """Appends one event. `by` is a user, or the name of an actor without an account.

    `summary` must be free of health details; those belong into `note`, which is encrypted.
    """
    has_account = not isinstance(by, str)
    return Event.objects.create(
        request=request,
        kind=kind,
        by=by if has_account else None,
        by_name=str(by),
        summary=summary,
        **details,
    )
