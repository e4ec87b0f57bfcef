"""How long a person's data is kept, and how it is erased with everything that hangs on it."""

import hashlib
import logging
from collections import Counter
from datetime import timedelta

from auditlog.context import disable_auditlog
from auditlog.models import LogEntry
from dateutil.relativedelta import relativedelta
from django.conf import settings
from django.contrib.contenttypes.models import ContentType
from django.db import Error as AnyDatabaseError
from django.db import transaction
from django.db.models import Q
from django.utils import timezone
from post_office.models import STATUS, Email

from practice.background import JobFailed
from practice.mail_queue import NOTICES_KEPT_FOR, forget_old_notices
from practice.models import Practice

from . import notifications, photos
from .choices import OPEN, Status
from .models import ConsultationRequest, ErasureReceipt, Event
from .notifications import ERASURE_HEADER
from .timeline import SYSTEM

SPAM_KEPT_FOR = timedelta(days=90)
UNWANTED = (Status.SPAM, Status.QUARANTINED)
ERASED = "an erased request"
AT_ONCE = 1000

logger = logging.getLogger(__name__)


class Held(ValueError):
    """A legal hold is on the request, so it was not erased."""


def due_for_erasure(now=None):
    """Requests whose time is over and that no legal hold keeps."""
    return past_their_time(now).filter(legal_hold=False)


def past_their_time(now=None):
    """Closed requests and duplicates after the practice's months, suspected and confirmed spam
    after 90 days; those that a legal hold keeps among them."""
    now = now or timezone.now()
    months_ago = now - relativedelta(months=Practice.current().retention_months)
    # A duplicate is part of its original's story, so it stays as long as that is needed.
    kept = ConsultationRequest.objects.filter(Q(status__in=OPEN) | Q(legal_hold=True))
    return ConsultationRequest.objects.filter(
        Q(status=Status.CLOSED, closed_at__lt=months_ago)
        | Q(status=Status.DUPLICATE, received_at__lt=months_ago) & ~Q(duplicate_of__in=kept)
        | Q(status__in=UNWANTED, received_at__lt=now - SPAM_KEPT_FOR)
    )


def apply_retention(*, by=SYSTEM, goes_on=lambda: True):
    """Erases whatever is due; how many rows of each kind went, as a Counter.

    Each request is a transaction of its own, and `goes_on` is asked before the next: the rest
    is done another time. Raises JobFailed at the end when a request could not be erased.
    """
    total, failed = Counter(), 0
    for request in _one_by_one(due_for_erasure()):
        if not goes_on():
            return total
        try:
            total += erase(request, reason="Kept for its time", by=by)
        except Held:  # Put on since the row was read.
            continue
        except AnyDatabaseError:
            raise
        except Exception:
            logger.exception("A request that is due could not be erased.")
            failed += 1
    forget_old_records(goes_on)
    if failed:
        raise JobFailed(f"{failed} requests could not be erased. The log says why.")
    return total


def forget_old_records(goes_on=lambda: True):
    """Deletes what hangs on no request and has had its time (docs/operating.md lists it)."""
    # The mail that confirms an erasure is the last thing that holds the person's address.
    Email.objects.filter(
        status__in=(STATUS.sent, STATUS.failed), headers__has_key=ERASURE_HEADER
    ).delete()
    forget_old_notices()
    photos.delete_orphans()
    years_ago = timezone.now() - relativedelta(years=settings.AUDIT_YEARS)
    with disable_auditlog():  # A line about it would begin another six years.
        ErasureReceipt.objects.filter(erased_at__lt=years_ago).delete()
    old = LogEntry.objects.filter(timestamp__lt=years_ago).order_by()
    while goes_on() and (keys := list(old.values_list("pk", flat=True)[:AT_ONCE])):
        LogEntry.objects.filter(pk__in=keys).delete()


def _one_by_one(requests):
    """The requests in the order of their keys, read in small batches without a long cursor."""
    last = 0
    while batch := list(requests.filter(pk__gt=last).order_by("pk").defer("message")[:200]):
        yield from batch
        last = batch[-1].pk


def erase_person(request, *, reason, by):
    """Erases the request and what was merged into it, and queues the mail that says so.

    All or nothing: raises Held when one of them is under legal hold.
    """
    with transaction.atomic():
        counts = Counter()
        for each in (*request.duplicates.defer("message"), request):
            counts += erase(each, reason=reason, by=by)
            # Notices to staff name it; by the time that retention comes they are long gone.
            lately = timezone.now() - NOTICES_KEPT_FOR
            notices = Email.objects.filter(created__gt=lately, message__contains=each.reference)
            _delete(notices, counts)
        notifications.tell_patient_erased(request, Practice.current())
    return counts


def erase(request, *, reason, by):
    """Deletes the request with its timeline, consents, photographs, mails and audit details.

    What stays is a receipt: a digest of the reference, when, why, by whom, and how many rows
    of each kind went. Who looked at the request and when stays too, under that digest, for as
    long as the law wants access to be accounted for. Returns those counts. Raises Held for a
    request under legal hold.
    """
    with transaction.atomic():
        # As it is now: the hold may have been put on since the row was read.
        rows = ConsultationRequest.objects.select_for_update().filter(pk=request.pk)
        if rows.values_list("legal_hold", flat=True).first():
            raise Held("A request under legal hold cannot be erased.")
        digest = hashlib.sha256(request.reference.encode()).hexdigest()
        LogEntry.objects.get_for_object(request).filter(action=LogEntry.Action.ACCESS).update(
            object_repr=f"Erased request {digest[:12]}",
            object_pk="erased",
            object_id=None,
            additional_data=None,
        )
        counts = _delete_all_of(request)
        ErasureReceipt.objects.create(
            reference_digest=digest, reason=reason, counts=dict(counts), by_name=str(by)
        )
    return counts


def remove_test(request):
    """Takes a test request of the site itself away, without a receipt or any other trace.

    Raises ValueError for one that is not marked as a test, unless its address is no address.
    """
    if not request.is_test and not request.email.endswith(".invalid"):
        raise ValueError("This may be a person's request.")
    with transaction.atomic():
        return _delete_all_of(request)


def _delete_all_of(request):
    """How many rows of each kind went; the files go once that is committed."""
    counts = Counter()
    # Locked, because a new encryption key gives photographs new files.
    pictures = list(request.photos.select_for_update())
    mails = [
        pk
        for details in request.events.values_list("details", flat=True)
        for pk in details.get("emails", ())
    ]
    with disable_auditlog():  # Its lines about the deletion would hold what is deleted.
        _delete(Email.objects.filter(pk__in=mails), counts)
        _delete(_audit_entries(request), counts)
        _forget_reference(request)
        _delete(ConsultationRequest.objects.filter(pk=request.pk), counts)
    # Only once the rows are surely gone; a file without a row is cleaned up, a row
    # without its file would be a loss.
    transaction.on_commit(lambda: [photos.delete_file(each) for each in pictures])
    return counts


def _audit_entries(request):
    """Those of the request and of everything that hangs on it."""
    entries = LogEntry.objects.get_for_object(request)
    for relation in ("events", "contacts", "consents", "photos"):
        parts = getattr(request, relation)
        entries |= LogEntry.objects.filter(
            content_type=ContentType.objects.get_for_model(parts.model),
            object_id__in=list(parts.values_list("pk", flat=True)),
        )
    return entries


def _forget_reference(request):
    """Other requests' timelines name it: those merged with it, and those it resembled."""
    named = {
        value
        for details in request.events.values_list("details", flat=True)
        for value in details.values()
        if isinstance(value, str)
    }
    events = Event.objects.filter(
        Q(request__reference__in=named) | Q(request__resembles=request)
    ).exclude(request=request)
    for event in events.only("summary", "details"):
        summary = event.summary.replace(request.reference, ERASED)
        details = {
            key: ERASED if value == request.reference else value
            for key, value in event.details.items()
        }
        if (summary, details) != (event.summary, event.details):
            Event.objects.filter(pk=event.pk).update(summary=summary, details=details)


def _delete(rows, counts):
    for label, number in rows.delete()[1].items():
        if number:
            counts[label.rpartition(".")[2]] += number
