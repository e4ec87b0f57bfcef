"""How long a person's data is kept, and how it is erased with everything that hangs on it."""

import hashlib
from collections import Counter
from datetime import timedelta

from auditlog.models import LogEntry
from dateutil.relativedelta import relativedelta
from django.db import transaction
from django.db.models import Q
from django.utils import timezone
from post_office.models import STATUS, Email

from practice.models import Practice

from . import notifications, photos
from .choices import OPEN, Status
from .models import ConsultationRequest, ErasureReceipt
from .notifications import ERASURE_HEADER
from .timeline import SYSTEM

SPAM_KEPT_FOR = timedelta(days=90)
UNWANTED = (Status.SPAM, Status.QUARANTINED)


def due_for_erasure(now=None):
    """Requests whose time is over: closed ones and duplicates after the practice's months,
    suspected and confirmed spam after 90 days. A legal hold keeps a request."""
    now = now or timezone.now()
    months_ago = now - relativedelta(months=Practice.current().retention_months)
    # A duplicate is part of its original's story, so it stays as long as that is needed.
    kept = ConsultationRequest.objects.filter(Q(status__in=OPEN) | Q(legal_hold=True))
    return ConsultationRequest.objects.filter(legal_hold=False).filter(
        Q(status=Status.CLOSED, closed_at__lt=months_ago)
        | Q(status=Status.DUPLICATE, received_at__lt=months_ago) & ~Q(duplicate_of__in=kept)
        | Q(status__in=UNWANTED, received_at__lt=now - SPAM_KEPT_FOR)
    )


def apply_retention(*, by=SYSTEM):
    """Erases whatever is due; how many rows of each kind went, as a Counter."""
    total = Counter()
    for request in due_for_erasure().iterator(chunk_size=200):
        total += erase(request, reason="Kept for its time", by=by)
    # The mail that confirms an erasure is the last thing that holds the person's address.
    Email.objects.filter(
        status__in=(STATUS.sent, STATUS.failed), headers__has_key=ERASURE_HEADER
    ).delete()
    return total


def erase_person(request, *, reason, by):
    """Erases the request and what was merged into it, and queues the mail that says so.

    All or nothing: raises ValueError when one of them is under legal hold.
    """
    with transaction.atomic():
        counts = Counter()
        for each in (*request.duplicates.all(), request):
            counts += erase(each, reason=reason, by=by)
        notifications.tell_patient_erased(request, Practice.current())
    return counts


def erase(request, *, reason, by):
    """Deletes the request with its timeline, consents, photographs, mails and audit details.

    What stays is a receipt: a digest of the reference, when, why, by whom, and how many rows
    of each kind went. Returns those counts. Raises ValueError for a request under legal hold.
    """
    pictures = list(request.photos.all())
    with transaction.atomic():
        # As it is now: the hold may have been put on since the row was read.
        rows = ConsultationRequest.objects.select_for_update().filter(pk=request.pk)
        if rows.values_list("legal_hold", flat=True).first():
            raise ValueError("A request under legal hold cannot be erased.")
        counts = Counter()
        mails = [
            pk
            for details in request.events.values_list("details", flat=True)
            for pk in details.get("emails", ())
        ]
        _delete(Email.objects.filter(pk__in=mails), counts)
        _delete(_audit_entries(request), counts)
        reference = request.reference
        _delete(ConsultationRequest.objects.filter(pk=request.pk), counts)
        # Deleting is itself logged with the row's values: that entry goes as well.
        _delete(_audit_entries(request), counts)
        ErasureReceipt.objects.create(
            reference_digest=hashlib.sha256(reference.encode()).hexdigest(),
            reason=reason,
            counts=dict(counts),
            by_name=str(by),
        )
        # Only once the rows are surely gone; a file without a row is cleaned up, a row
        # without its file would be a loss.
        transaction.on_commit(lambda: [photos.delete_file(each) for each in pictures])
    return counts


def _audit_entries(request):
    return LogEntry.objects.get_for_object(request)


def _delete(rows, counts):
    for label, number in rows.delete()[1].items():
        if number:
            counts[label.rpartition(".")[2]] += number
