"""Two requests of one person: seen side by side, merged, and shown as one history."""

from django.contrib import messages
from django.shortcuts import redirect

from .. import triage
from ..models import ConsultationRequest
from . import acts, search

CHANGE = "admin:consultations_consultationrequest_change"


def together(row, user):
    """The request and, as far as `user` may see them, those merged into it, by key."""
    merged = (
        ConsultationRequest.objects.visible_to(user)
        .filter(duplicate_of=row)
        .select_related("procedure")
        .order_by("received_at")
    )
    return {row.pk: row, **{each.pk: each for each in merged}}


def with_origin(things, requests, row):
    """The things, each with `comes_from`: the reference it belongs to, "" for the row's own."""
    things = list(things)
    for each in things:
        own = each.request_id == row.pk
        each.comes_from = "" if own else requests[each.request_id].reference
    return things


def merge_view(admin, request, row):
    """Asks first, with both side by side; then merges."""
    into = _target(admin, request)
    if request.method == "POST" and into is not None:
        try:
            triage.merge(acts.as_seen(row, request.POST), into, by=request.user)
        except triage.TriageError as error:
            row = admin.get_object(request, str(row.pk))
            if row is None:
                return admin.gone(request, str(error))
            return _confirm(admin, request, row, into, str(error))
        words = f"{row.reference} is merged into this request. It can be undone below."
        admin.message_user(request, words, messages.SUCCESS)
        return redirect(CHANGE, into.pk)
    if into is None or into.pk == row.pk:
        admin.message_user(request, _not_found(request, row, into), messages.ERROR)
        return redirect(CHANGE, row.pk)
    return _confirm(admin, request, row, into)


def _target(admin, request):
    """The other request: by its number, or by a reference that fits one request alone."""
    given = request.POST if request.method == "POST" else request.GET
    rows = admin.get_queryset(request)
    if acts.is_number(given.get("into", "")):
        return rows.filter(pk=int(given["into"])).first()
    wanted = search.by_reference(given.get("reference", ""))
    found = list(rows.filter(wanted)[:2]) if wanted else []
    return found[0] if len(found) == 1 else None


def _not_found(request, row, into):
    if into is not None:
        return "This is the same request. Type the reference of the other one."
    return "No single other request has this reference. It has ten characters, as in 7QK2M-XH4TB."


def _confirm(admin, request, row, into, problem=""):
    context = {
        "row": row,
        "into": into,
        "problem": problem,
        # The promise of what is merged is no longer watched.
        "is_promised_sooner": _is_promised_sooner(row, into),
        "is_same_person": bool(row.email and row.email.lower() == into.email.lower())
        or bool(row.phone and row.phone == into.phone),
    }
    return admin.framed(
        request,
        f"Merge {row.reference} into {into.reference}?",
        "merge.html",
        status=409 if problem else 200,
        **context,
    )


def _is_promised_sooner(row, into):
    if not (row.is_awaiting_first_response and into.is_awaiting_first_response):
        return False
    return bool(row.respond_by and (not into.respond_by or row.respond_by < into.respond_by))
