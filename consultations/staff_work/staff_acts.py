"""What staff do to a request besides triage: correct it, renew its link, hold it back.

Like the verbs of `triage`: each changes the row only if it still is as it was seen, and
writes its event in the same transaction.
"""

from django.db import transaction
from django.utils import timezone

from practice.models import Practice

from .. import notifications, one_matter, search_words
from ..choices import Status
from ..models import ConsultationRequest, Event
from ..patient_page import private_link
from ..timeline import record
from ..triage import TriageError, lock_matter, update_as_seen

NO_ADDRESS = (
    "No email address is known, so a link cannot be mailed. Add the address under “Correct how to "
    "reach them”: the mail that goes there has the link."
)
CORRECTABLE = ("phone", "email", "preferred_name", "interpreter_language")


def correct(request, seen, changes, *, by):
    """Corrects facts that the patient gave; `seen` and `changes` are values by field.

    What it was before is kept, encrypted, in the timeline. A new email address gets a mail,
    because the old one may never have got any. What is merged with it follows.
    """
    if not changes:
        raise TriageError("Nothing was changed. Correct something, then save.")
    if not set(changes) <= set(CORRECTABLE):
        raise ValueError("Only facts about reaching the patient are corrected.")
    names = {field: ConsultationRequest._meta.get_field(field).verbose_name for field in changes}
    with transaction.atomic():
        rows = lock_matter(request)
        update_as_seen(
            request,
            {field: seen[field] for field in changes},
            **changes,
            **_first_link(request, changes),
        )
        search_words.follow(request)
        record(
            request,
            Event.Kind.CORRECTED,
            by,
            f"Corrected {' and '.join(names.values())}",
            note=one_matter.before(seen, changes, names),
        )
        one_matter.correct_alike(request, rows, seen, changes, names, by=by, verb="Corrected")
        if "email" in changes:
            notifications.tell_corrected(request, Practice.current())


def revoke_link(request, *, by):
    """The patient's private page can no longer be opened with the link they have."""
    if request.link_revoked_at:
        raise TriageError("The link is revoked already.")
    with transaction.atomic():
        update_as_seen(request, _link(request), link_revoked_at=timezone.now())
        record(request, Event.Kind.LINK, by, "Private link revoked")


def renew_link(request, *, by):
    """Makes a link with the next number, which ends the one before, and mails it."""
    if request.status in (Status.SPAM, Status.QUARANTINED):
        raise TriageError("Put this request into the inbox first: suspected spam gets no mail.")
    if not request.email:
        raise TriageError(NO_ADDRESS)
    seen = _link(request)
    request.link_number += 1
    private_link.issue(request)
    fields = ("link_number", "link_digest", "link_expires_at", "link_revoked_at")
    with transaction.atomic():
        update_as_seen(request, seen, **{field: getattr(request, field) for field in fields})
        email = notifications.tell_patient_new_link(request, Practice.current())
        record(
            request,
            Event.Kind.LINK,
            by,
            "New private link sent to the patient",
            details={"emails": [email.pk]},
        )


def hold(request, is_held, reason, *, by):
    """Keeps the request past its time, or no longer; the reason stays in the timeline."""
    if not reason.strip():
        raise TriageError("Write the reason first: somebody will ask for it.")
    if is_held == request.legal_hold:
        raise TriageError("That is so already." if is_held else "No hold is on this request.")
    with transaction.atomic():
        update_as_seen(request, {"legal_hold": request.legal_hold}, legal_hold=is_held)
        words = "Kept past its time" if is_held else "No longer kept past its time"
        record(request, Event.Kind.HOLD, by, f"Legal hold: {words.lower()}", note=reason.strip())


def _first_link(request, changes):
    """The link of somebody whom staff entered without an address, as fields: it is mailed now."""
    if request.link_digest or not changes.get("email"):
        return {}
    private_link.issue(request)
    return {"link_digest": request.link_digest, "link_expires_at": request.link_expires_at}


def _link(request):
    return {"link_number": request.link_number, "link_revoked_at": request.link_revoked_at}
