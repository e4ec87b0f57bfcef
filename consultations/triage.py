"""The rules of triage. Every change of a request's state is one verb here, with an actor.

A verb checks the rule, changes the row only if it still is as the actor saw it, and writes
the event in the same transaction. The slower of two colleagues gets a TriageError that says
what happened meanwhile; nothing is overwritten.
"""

from django.db import transaction
from django.utils import timezone

from practice.hours import working_minutes_between
from practice.models import Practice

from . import notifications, one_matter
from .choices import OPEN, CloseReason, Status
from .models import ConsultationRequest, ContactAttempt, Event
from .timeline import record

# The one table of allowed moves: drives the check below, the admin's buttons and the tests.
NEXT = {
    Status.NEW: (
        Status.ATTEMPTING,
        Status.IN_CONTACT,
        Status.CLOSED,
        Status.SPAM,
    ),
    Status.ATTEMPTING: (
        Status.IN_CONTACT,
        Status.CLOSED,
        Status.SPAM,
    ),
    Status.IN_CONTACT: (
        Status.BOOKED,
        Status.CLOSED,
    ),
    Status.BOOKED: (
        Status.IN_CONTACT,
        Status.CLOSED,
    ),
    Status.CLOSED: (
        Status.ATTEMPTING,
        Status.IN_CONTACT,
    ),
    Status.QUARANTINED: (
        Status.NEW,
        Status.SPAM,
        Status.CLOSED,
    ),
    Status.SPAM: (Status.NEW,),
    Status.DUPLICATE: (),  # Entered and left by `merge` and `unmerge` alone.
}

GONE = "This request no longer exists. Nothing was changed."

# States that a member of staff can only have reached by speaking or writing to the patient.
ANSWERED = (Status.IN_CONTACT, Status.BOOKED)


# Of a duplicate's line on the timeline: its patient used the page of the duplicate to withdraw.
WITHDREW = "Withdrawn on this request's own page"


class TriageError(Exception):
    """The change was not made; the message says why and what to do, for the person who tried."""


def assign(request, to, *, by, why=""):
    """Gives the request to `to` (a user, or None to release it), if its owner is unchanged.

    `why` is for the timeline. Raises TriageError when somebody else took it meanwhile, naming them.
    """
    was = request.owner
    if was == to:
        return
    with transaction.atomic():
        update_as_seen(request, {"owner": was}, owner=to)
        whom = f"Given to {to}" if to else "Released"
        words = f"Claimed by {to}" if to == by else whom
        record(request, Event.Kind.ASSIGNED, by, f"{words}: {why}" if why else words)


def claim(request, *, by):
    """Takes an unowned request. Raises TriageError, naming the owner, when it has one."""
    if request.owner_id and request.owner_id != by.pk:
        raise TriageError(f"{request.owner} already has this request.")
    assign(request, by, by=by)


def move(request, to, *, by, note="", reason=""):
    """Moves the request to status `to` and records it.

    Closing needs a `reason` (a CloseReason). Raises TriageError when NEXT does not allow
    the move or a colleague moved the request first.
    """
    to = Status(to)
    was = Status(request.status)
    if to not in NEXT[was]:
        raise TriageError(f"A request that is “{was.label}” cannot become “{to.label}”.")
    if (to == Status.CLOSED) != bool(reason):
        raise TriageError("Choose a reason for closing; only closing has one.")
    if reason and reason not in CloseReason.values:
        raise TriageError("Choose one of the listed reasons for closing.")
    now = timezone.now()
    changes = {"status": to, "close_reason": reason}
    changes["closed_at"] = now if to == Status.CLOSED else None
    if to in ANSWERED and request.first_response_at is None:
        changes |= _first_response(request, now) | {"last_contact_at": now}
    if to not in OPEN:
        changes["follow_up_on"] = None
    with transaction.atomic():
        update_as_seen(request, _as_seen(request), **changes)
        record(
            request,
            Event.Kind.MOVED,
            by,
            CloseReason(reason).label if reason else "",
            note=note,
            from_status=was,
            to_status=to,
        )
        if to == Status.NEW:
            # Restored from quarantine: the confirmations that were held back go out now.
            notifications.tell_received(request, Practice.current())


def add_note(request, text, *, by):
    """Appends a note. Raises TriageError for an empty one, or when the request is gone."""
    if not text.strip():
        raise TriageError("Write the note before saving it.")
    with transaction.atomic():
        if request.pk not in _locked(request.pk):
            raise TriageError(GONE)
        return record(request, Event.Kind.NOTED, by, note=text.strip())


def record_contact(
    request, channel, outcome, *, by, note="", follow_up_on=None, at=None, is_incoming=False
):
    """Logs one try to reach the patient; the first stops the first-response clock.

    `at` is when it was, if not now; `is_incoming` says that it was the patient who called.
    A new request moves on by itself: to “in contact” when the patient was reached, else to
    “trying to reach”. Raises TriageError when the request is not open or has changed.
    """
    if request.status not in OPEN:
        raise TriageError("Reopen this request before logging a contact.")
    reached = outcome == ContactAttempt.Outcome.REACHED
    at = at or timezone.now()
    was = Status(request.status)
    to = _after_contact(was, reached)
    changes = {"last_contact_at": at, "status": to}
    if request.first_response_at is None:
        changes |= _first_response(request, at)
    seen = _as_seen(request)
    if follow_up_on:
        seen["follow_up_on"] = request.follow_up_on
        changes["follow_up_on"] = follow_up_on
    with transaction.atomic():
        update_as_seen(request, seen, **changes)
        how = "The patient called us" if is_incoming else ContactAttempt.Outcome(outcome).label
        summary = f"{ContactAttempt.Channel(channel).label}: {how}"
        event = record(request, Event.Kind.CONTACTED, by, summary, note=note, at=at)
        if to != was:
            record(request, Event.Kind.MOVED, by, from_status=was, to_status=to, at=at)
        if follow_up_on:
            record(request, Event.Kind.FOLLOW_UP, by, f"Follow up on {_in_words(follow_up_on)}")
        return ContactAttempt.objects.create(
            request=request, event=event, channel=channel, outcome=outcome
        )


def follow_up(request, on, *, by):
    """Sets the day of the next step, or clears it with None. Only open requests have one."""
    if on and request.status not in OPEN:
        raise TriageError("Reopen this request before planning a follow-up.")
    with transaction.atomic():
        seen = {"status": request.status, "follow_up_on": request.follow_up_on}
        update_as_seen(request, seen, follow_up_on=on)
        words = f"Follow up on {_in_words(on)}" if on else "Follow-up cleared"
        record(request, Event.Kind.FOLLOW_UP, by, words)


def _in_words(day):
    return f"{day:%b} {day.day}, {day.year}"


def merge(request, into, *, by):
    """Marks the open request as a duplicate of `into`, whose page then shows both histories.

    Nothing is moved: notes, photographs, consents and events stay with the request they were
    made for, so that `unmerge` finds everything as it was. Raises TriageError when one of the
    two is no longer fit for it.
    """
    was = Status(request.status)
    with transaction.atomic():
        _check_merge(request, into)
        update_as_seen(request, {"status": was}, status=Status.DUPLICATE, duplicate_of=into)
        if request.patient_acted_at:  # Not seen yet, so it waits to be seen there.
            unmarked = ConsultationRequest.objects.filter(pk=into.pk, patient_acted_at=None)
            unmarked.update(patient_acted_at=request.patient_acted_at)
        details = {"from": request.reference, "into": into.reference}
        record(
            request,
            Event.Kind.MERGED,
            by,
            f"Merged into {into.reference}",
            from_status=was,
            to_status=Status.DUPLICATE,
            details=details,
        )
        record(into, Event.Kind.MERGED, by, f"{request.reference} merged", details=details)


def unmerge(request, *, by):
    """Undoes `merge`: the request is again what it was, on its original clock.

    Unless its patient has withdrawn it since: then it is closed. Raises TriageError when a
    colleague has undone it first, or merged it into another since.
    """
    if request.status != Status.DUPLICATE:
        raise TriageError("This request is not merged into another.")
    seen = {"status": Status.DUPLICATE, "duplicate_of": request.duplicate_of_id}
    with transaction.atomic():
        # None when the original was erased.
        into = _locked(request.pk, request.duplicate_of_id).get(request.duplicate_of_id)
        merged = request.events.filter(to_status=Status.DUPLICATE).last()
        changes = {"status": Status(merged.from_status) if merged else Status.NEW}
        if withdrew := _withdrew_since(request, merged):
            changes = _as_withdrawn(withdrew.at)
        update_as_seen(request, seen, duplicate_of=None, **changes)
        record(
            request,
            Event.Kind.UNMERGED,
            by,
            f"No longer merged into {into.reference}" if into else "No longer merged",
            from_status=Status.DUPLICATE,
            to_status=request.status,
        )
        if into:
            record(into, Event.Kind.UNMERGED, by, f"{request.reference} is separate again")


def _withdrew_since(request, merged):
    """The line that says so, if the patient used the duplicate's own page for it."""
    lines = request.events.filter(kind=Event.Kind.PATIENT, summary=WITHDREW)
    return lines.filter(at__gte=merged.at).last() if merged else lines.last()


def _as_withdrawn(at):
    reason = CloseReason.WITHDRAWN
    return {"status": Status.CLOSED, "close_reason": reason, "closed_at": at, "follow_up_on": None}


def _check_merge(request, into):
    if request.pk == into.pk:
        raise TriageError("Choose another request to merge this one into.")
    now = _locked(request.pk, into.pk)
    if into.pk not in now:
        raise TriageError(f"{into.reference} no longer exists. Nothing was changed.")
    target = Status(now[into.pk].status)
    if target == Status.DUPLICATE:
        raise TriageError(f"{into.reference} is a duplicate itself. Merge into its original.")
    if target not in OPEN:
        # It would take the open request out of everybody's sight.
        raise TriageError(
            f"{into.reference} is “{target.label}”. Reopen it, or merge it into this."
        )
    if request.status not in OPEN:
        raise TriageError("Only an open request can be merged. Reopen this one first.")
    if request.duplicates.exists():
        raise TriageError("Others are merged into this request. Undo that first.")


def _locked(*keys):
    """The rows as they are now, by key, kept so until the transaction ends; without those gone."""
    rows = ConsultationRequest.objects.select_for_update().filter(pk__in=keys)
    # In the order of their keys: of two who lock the same two rows, one waits for the other.
    return {each.pk: each for each in rows.only("status", "reference").order_by("pk")}


def lock_matter(request):
    """`one_matter.lock` for verbs: raises TriageError when the request is gone."""
    try:
        return one_matter.lock(request)
    except ConsultationRequest.DoesNotExist:
        raise TriageError(GONE) from None


def _first_response(request, now):
    """What the first answer sets: when it was, and after how many working minutes."""
    calendar = Practice.current().calendar()
    minutes = max(0, working_minutes_between(request.received_at, now, calendar))
    return {"first_response_at": now, "response_minutes": minutes}


def _after_contact(was, reached):
    if reached and was in (Status.NEW, Status.ATTEMPTING):
        return Status.IN_CONTACT
    return Status.ATTEMPTING if was == Status.NEW else was


def _as_seen(request):
    """The first response is part of it: the later of two calls logged at once is not the first."""
    return {"status": request.status, "first_response_at": request.first_response_at}


def update_as_seen(request, seen, **changes):
    """Changes the row if it still is as `seen`; else raises TriageError with what happened."""
    rows = ConsultationRequest.objects.filter(pk=request.pk, **seen).update(**changes)
    if not rows:
        raise TriageError(_what_happened(request))
    for name, value in changes.items():
        setattr(request, name, value)


def _what_happened(request):
    rows = ConsultationRequest.objects.select_related("owner", "duplicate_of")
    now = rows.defer("message", "duplicate_of__message").filter(pk=request.pk).first()
    if now is None:
        return GONE
    latest = Event.objects.filter(request=now).defer("note").last()
    merged = f", merged into {now.duplicate_of.reference}," if now.duplicate_of else ""
    return (
        f"{(latest and latest.by_name) or 'The system'} changed this request meanwhile: it is "
        f"“{now.get_status_display()}”{merged} and belongs to {now.owner or 'nobody'}. "
        "Nothing of yours was saved; look again and repeat it if it still fits."
    )
