"""What patients may do on their private page. Each is a verb, as for staff in `triage`."""

from django.db import transaction
from django.utils import timezone

from practice.models import Practice

from . import notifications, search_words, triage
from .choices import CloseReason, Status
from .models import ConsultationRequest, Event
from .timeline import PATIENT, record

# What the patient is told about each state: never more than they need, no word on spam.
IN_WORDS = {
    Status.NEW: "We have your request. A person on our staff will answer it.",
    Status.ATTEMPTING: "We have tried to reach you and will try again.",
    Status.IN_CONTACT: "We have been in contact with you.",
    Status.BOOKED: "Your consultation is booked.",
    Status.CLOSED: "This request is closed.",
    Status.QUARANTINED: "We have your request. A person on our staff will answer it.",
    Status.SPAM: "We have your request. A person on our staff will answer it.",
    Status.DUPLICATE: "We have joined this with your other request.",
}


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


def correct_contact(request, *, phone, email):
    """Changes how the patient is reached; what it was before stays in the timeline.

    A new email address gets the confirmation, because the old one may never have.
    """
    was = {"phone": request.phone, "email": request.email}
    if (phone, email) == (was["phone"], was["email"]):
        return False
    with transaction.atomic():
        ConsultationRequest.objects.filter(pk=request.pk).update(phone=phone, email=email)
        request.phone, request.email = phone, email
        search_words.follow(request)
        changed = [
            label
            for label, before, after in (
                ("phone number", was["phone"], phone),
                ("email address", was["email"], email),
            )
            if before != after
        ]
        note = f"Before: {was['phone'] or 'no phone number'}, {was['email']}"
        record(
            request, Event.Kind.CORRECTED, PATIENT, f"Changed {' and '.join(changed)}", note=note
        )
        if email != was["email"]:
            notifications.tell_patient_again(request, Practice.current())
    return True


def withdraw(request):
    """Closes the request at the patient's wish. Raises triage.TriageError when it is closed."""
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
