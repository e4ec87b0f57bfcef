"""What patients may do on their private page. Each is a verb, as for staff in `triage`."""

from datetime import timedelta

from django.db import transaction
from django.utils import timezone

from practice.models import Practice

from .. import notifications, search_words, triage
from ..choices import CloseReason, Status
from ..models import ConsultationRequest, Event
from ..timeline import PATIENT, lock, record

# A new address gets a mail, and whoever opened the page may enter anybody's. With so many in
# 24 hours nobody is pestered, and a mistake is corrected all the same.
CORRECTIONS_A_DAY = 5
# Of a correction's line on the timeline: which facts the patient changed.
CORRECTED = "contact"
FACTS = {"phone": "phone number", "email": "email address"}

# What the patient is told about each state: never more than they need, no word on spam.
IN_WORDS = {
    Status.NEW: "We have your request. A person on our staff will answer it.",
    Status.ATTEMPTING: "We have tried to reach you and will try again.",
    Status.IN_CONTACT: "We have been in contact with you.",
    Status.BOOKED: "Your consultation is booked.",
    Status.CLOSED: "This request is closed. To ask again, call us or send a new request.",
    Status.QUARANTINED: "We have your request. A person on our staff will answer it.",
    Status.SPAM: "We have your request. A person on our staff will answer it.",
    Status.DUPLICATE: "We have joined this with your other request, and answer you there.",
}
NOT_WITHDRAWN = {
    Status.CLOSED: "This request is closed already. There is nothing to do.",
    Status.DUPLICATE: "We have joined this with your other request. Withdraw that one on its own "
    "private page, or call us.",
}


class TooOften(Exception):
    """The request was corrected as often as a day allows."""


def in_words(request):
    """How the request stands, for its patient; what they wished themselves comes first."""
    if request.deletion_asked_at:
        return "You asked us to delete this request. We confirm by email when it is done."
    if request.close_reason == CloseReason.WITHDRAWN:
        return "This request is closed, as you wished."
    return IN_WORDS[request.status]


def is_open(request):
    """Whether it goes on: we would answer, and may be told more. A suspect's does like any."""
    is_over = request.status in (Status.CLOSED, Status.DUPLICATE)
    return not is_over and request.deletion_asked_at is None


def correct_contact(request, seen, changes):
    """Changes how the patient is reached, and says whether anything was to change.

    `seen` and `changes` are values by field, as for `staff_acts.correct`. What it was before
    stays in the timeline, and a new email address gets a mail. Raises TooOften, and
    triage.TriageError when somebody else changed the same meanwhile.
    """
    if not changes:
        return False
    with transaction.atomic():
        lock(request)
        if _corrections_today(request) >= CORRECTIONS_A_DAY:
            raise TooOften
        triage.update_as_seen(request, {field: seen[field] for field in changes}, **changes)
        search_words.follow(request)
        before = [f"{FACTS[field]}: {seen[field] or 'none'}" for field in changes]
        record(
            request,
            Event.Kind.CORRECTED,
            PATIENT,
            f"Changed {' and '.join(FACTS[field] for field in changes)}",
            note="Before: " + ", ".join(before),
            details={CORRECTED: list(changes)},
        )
        if "email" in changes:
            notifications.tell_corrected(request, Practice.current())
    return True


def withdraw(request):
    """Closes the request at the patient's wish, whatever staff made of it while the page was open.

    Raises triage.TriageError when it cannot be closed any more; NOT_WITHDRAWN says why.
    """
    with transaction.atomic():
        lock(request, "status", "first_response_at")
        triage.move(request, Status.CLOSED, by=PATIENT, reason=CloseReason.WITHDRAWN)


def ask_for_deletion(request):
    """Marks the request for erasure and tells staff; asking twice is asking once."""
    with transaction.atomic():
        marked = ConsultationRequest.objects.filter(pk=request.pk, deletion_asked_at=None).update(
            deletion_asked_at=timezone.now()
        )
        if marked:
            record(request, Event.Kind.PATIENT, PATIENT, "Asked for deletion")
            notifications.tell_staff_deletion_asked(request, Practice.current())
    request.refresh_from_db(fields=["deletion_asked_at"])


def _corrections_today(request):
    """Exact while the request is locked."""
    a_day_ago = timezone.now() - timedelta(days=1)
    corrections = Event.objects.filter(request=request, kind=Event.Kind.CORRECTED, at__gt=a_day_ago)
    return corrections.filter(details__has_key=CORRECTED).count()
