"""The one way a line gets onto a request's timeline."""

from django.utils import timezone

from .models import ConsultationRequest, Event

# Actors without an account, as the timeline names them.
PATIENT = "Patient"
SYSTEM = "System"


def lock(request, *fields):
    """Keeps the row as it is until the caller's transaction ends, and reads `fields` as they are.

    Raises DoesNotExist when the request was erased meanwhile.
    """
    rows = ConsultationRequest.objects.select_for_update()
    request.refresh_from_db(fields=fields or ["status"], from_queryset=rows)


def record(request, kind, by, summary="", **details):
    """Appends one event. `by` is a user, or the name of an actor without an account.

    `summary` must be free of health details; those belong into `note`, which is encrypted.
    """
    if by == PATIENT and kind != Event.Kind.RECEIVED:
        # Whatever a patient does later waits to be seen, whoever planned what for when; also on
        # the request that staff work on instead of a duplicate.
        rows = ConsultationRequest.objects.filter(pk__in=(request.pk, request.duplicate_of_id))
        rows.update(patient_acted_at=timezone.now())
    event = line(request, kind, by, summary, **details)
    event.save(force_insert=True)
    return event


def line(request, kind, by, summary="", **details):
    """As `record`, for a caller that stores several lines in one statement."""
    has_account = not isinstance(by, str)
    return Event(
        request=request,
        kind=kind,
        by=by if has_account else None,
        by_name=str(by),
        summary=summary,
        **details,
    )
