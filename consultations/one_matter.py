"""Requests that are merged: one person and one matter, whichever of them is spoken of.

Merging moves nothing, so each keeps its own row. What has to hold for all of them asks here
which those are.
"""

from django.db.models import Exists, OuterRef, Q

from . import search_words
from .models import ConsultationRequest, Event
from .timeline import record


def together(request):
    """The request, what it is merged into, and all that is merged into that; messages deferred."""
    original = request.duplicate_of_id or request.pk
    rows = ConsultationRequest.objects.defer("message").order_by("pk")
    return rows.filter(Q(pk__in=(request.pk, original)) | Q(duplicate_of=original))


def lock(request):
    """The rows as they are now, by key, kept so until the caller's transaction ends.

    In the order of their keys, as merging does: of two who lock the same rows, one waits. What
    a colleague merged meanwhile is among them. Raises DoesNotExist when the request is erased.
    """
    while True:
        rows = {each.pk: each for each in together(request).select_for_update()}
        if request.pk not in rows:
            raise ConsultationRequest.DoesNotExist
        into = rows[request.pk].duplicate_of_id
        if into == request.duplicate_of_id:
            return rows
        request.duplicate_of_id = into


def worked_on(request, rows=None):
    """What staff work on: the original, or the request itself; itself too once that is erased."""
    if request.duplicate_of_id is None:
        return request
    rows = rows or {each.pk: each for each in together(request)}
    return rows.get(request.duplicate_of_id, request)


def correct_alike(request, rows, seen, changes, names, *, by, verb):
    """Corrects the others of the locked `rows` wherever they said what the request has `seen`.

    What was given differently there is somebody's word too, and stays. `names` is what to call
    each field on the timeline, `verb` what was done to it.
    """
    for row in rows.values():
        alike = {field: to for field, to in changes.items() if getattr(row, field) == seen[field]}
        if row.pk == request.pk or not alike:
            continue
        ConsultationRequest.objects.filter(pk=row.pk).update(**alike)
        for field, to in alike.items():
            setattr(row, field, to)
        search_words.follow(row)
        what = " and ".join(names[field] for field in alike)
        words = f"{verb} {what} on the page of {request.reference}"
        record(row, Event.Kind.CORRECTED, by, words, note=before(seen, alike, names))


def before(seen, changes, names):
    """For the encrypted note of a correction: what the changed fields said until now."""
    return "Before: " + ", ".join(f"{names[field]}: {seen[field] or 'none'}" for field in changes)


def held():
    """A condition for querysets: a legal hold is on the request or on one merged with it."""
    holds = ConsultationRequest.objects.filter(
        Q(pk=OuterRef("pk"))
        | Q(pk=OuterRef("duplicate_of"))
        | Q(duplicate_of=OuterRef("pk"))
        | Q(duplicate_of=OuterRef("duplicate_of")),
        legal_hold=True,
    )
    return Exists(holds)


def holds_on(request) -> list[str]:
    """The references of those of the matter that a legal hold is on."""
    return list(together(request).filter(legal_hold=True).values_list("reference", flat=True))
