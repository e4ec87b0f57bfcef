"""How long a person's data is kept, and how it is erased with everything that hangs on it."""

import hashlib
import logging
from collections import Counter
from contextlib import suppress
from datetime import timedelta

from auditlog.context import disable_auditlog
from auditlog.models import LogEntry
from dateutil.relativedelta import relativedelta
from django.conf import settings
from django.contrib.contenttypes.models import ContentType
from django.db import transaction
from django.db.models import Q
from django.utils import timezone
from post_office.models import STATUS, Email

from practice.models import Practice
from practice.operations.background import DATABASE_AWAY, JobFailed
from practice.operations.mail_queue import NOTICE, NOTICES_KEPT_FOR, forget_old_notices

from . import notifications, one_matter, photos
from .choices import Status
from .figures.reminders import MOST_NAMED
from .models import ConsultationRequest, ErasureReceipt, Event
from .notifications import ERASURE_HEADER
from .timeline import SYSTEM

SPAM_KEPT_FOR = timedelta(days=90)
UNWANTED = (Status.SPAM, Status.QUARANTINED)
ERASED = "an erased request"
AT_ONCE = 1000

logger = logging.getLogger(__name__)


class Held(ValueError):
    """A legal hold is on the request or on one merged with it, so it was not erased."""


class Gone(LookupError):
    """The request is erased already, by somebody else or by a second click."""


class NotDue(ValueError):
    """The request was taken up again since it was listed as one whose time is over."""


def due_for_erasure(now=None):
    """Requests whose time is over, less those that a legal hold keeps, also one on what they are
    merged with."""
    return past_their_time(now).filter(~one_matter.held())


def past_their_time(now=None):
    """Closed requests after the practice's months, suspected and confirmed spam after 90 days,
    duplicates when their original is due; those that a legal hold keeps among them."""
    now = now or timezone.now()
    months_ago = now - relativedelta(months=Practice.current().retention_months)
    on_their_own = Q(status=Status.CLOSED, closed_at__lt=months_ago) | Q(
        status__in=UNWANTED, received_at__lt=now - SPAM_KEPT_FOR
    )
    # A duplicate is part of its original's story: it stays as long as that, and goes with it.
    over = ConsultationRequest.objects.filter(on_their_own)
    is_over = Q(duplicate_of__in=over) | Q(duplicate_of=None, received_at__lt=months_ago)
    return ConsultationRequest.objects.filter(on_their_own | Q(status=Status.DUPLICATE) & is_over)


def apply_retention(*, by=SYSTEM, goes_on=lambda: True):
    """Erases whatever is due; how many rows of each kind went, as a Counter.

    Each request is a transaction of its own, and `goes_on` is asked before the next: the rest
    is done another time. Raises JobFailed at the end when a request could not be erased.
    """
    total, failed = Counter(), []
    for request in _in_turn(due_for_erasure()):
        if not goes_on():
            return total
        try:
            total += _erase_if_still_due(request, by)
        except (Held, Gone, NotDue):  # Somebody was faster, since the row was read.
            continue
        except DATABASE_AWAY:
            raise
        except Exception:
            logger.exception("A request that is due could not be erased.")
            failed.append(request.reference)
    forget_old_records(goes_on)
    if failed:
        raise JobFailed(_not_erased(failed))
    return total


def _erase_if_still_due(request, by):
    """Asks once more, of rows that stay as they are until the erasure is committed."""
    with transaction.atomic():
        # With its original: a duplicate is due only as long as that is.
        _lock(request)
        if not due_for_erasure().filter(pk=request.pk).exists():
            raise NotDue("This request was taken up again.")
        return erase(request, reason="Kept for its time", by=by)


def _not_erased(references):
    named = ", ".join(references[:MOST_NAMED])
    more = " …" if len(references) > MOST_NAMED else ""
    return (
        f"{len(references)} requests could not be erased: {named}{more}. The log says why; the "
        "others were erased."
    )


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


def _in_turn(requests):
    """Duplicates first: once its original is gone, nothing says any more when one is due."""
    is_duplicate = Q(status=Status.DUPLICATE)
    yield from _one_by_one(requests.filter(is_duplicate))
    yield from _one_by_one(requests.exclude(is_duplicate))


def _one_by_one(requests):
    """The requests in the order of their keys, read in small batches without a long cursor."""
    last = 0
    while batch := list(requests.filter(pk__gt=last).order_by("pk").defer("message")[:200]):
        yield from batch
        last = batch[-1].pk


def erase_person(request, *, reason, by):
    """Erases the request and what was merged into it, and queues the mail that says so.

    All or nothing: raises Held when a legal hold is on one of them, and Gone when the request
    is erased already.
    """
    with transaction.atomic():
        _lock(request)  # From here on nothing is merged into it, and a second click waits.
        counts = Counter()
        for each in request.duplicates.defer("message"):
            with suppress(Gone):  # Retention was faster.
                counts += _erase_with_notices(each, reason=reason, by=by)
        counts += _erase_with_notices(request, reason=reason, by=by)
        notifications.tell_patient_erased(request, Practice.current())
    return counts


def _erase_with_notices(request, **details):
    """Notices to staff name it; by the time that retention comes they are long gone."""
    late = list(_late_with(request))
    counts = erase(request, **details)
    notices = Email.objects.filter(
        created__gt=timezone.now() - NOTICES_KEPT_FOR,
        headers__has_keys=list(NOTICE),
        message__contains=request.reference,
    )
    for mail in notices:
        if any(each.reference in mail.message for each in late):
            # The others were reported in this mail alone: it must still be sent.
            notifications.tell_manager_late_anew(
                mail, late[:MOST_NAMED], len(late), Practice.current()
            )
        else:
            _delete(Email.objects.filter(pk=mail.pk), counts)
    return counts


def _late_with(request):
    """The others that became late with it, and are named by the same mails to managers."""
    when = ConsultationRequest.objects.filter(pk=request.pk).values("escalated_at")
    together = ConsultationRequest.objects.filter(escalated_at__in=when)
    return together.exclude(pk=request.pk).only("reference").order_by("respond_by")


def erase(request, *, reason, by):
    """Deletes the request with its timeline, consents, photographs, mails and audit details.

    What stays is a receipt: a digest of the reference, when, why, by whom, and how many rows
    of each kind went. Who looked at the request and when stays too, under that digest, for as
    long as the law wants access to be accounted for. Returns those counts. Raises Held under a
    legal hold, also one on what it is merged with, and Gone when it is erased already.
    """
    with transaction.atomic():
        _lock(request)
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


def _lock(request):
    """Keeps the row, and those merged with it, as they are until the transaction ends.

    As they are now: one may be held back or gone since it was read. Raises Held and Gone.
    """
    try:
        rows = one_matter.lock(request)
    except ConsultationRequest.DoesNotExist:
        raise Gone("This request is erased already.") from None
    if any(each.legal_hold for each in rows.values()):
        raise Held("A request under legal hold cannot be erased.")


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
        # Without what is encrypted: a text that no key opens must not keep its row here.
        _delete(Event.objects.filter(request=request.pk).defer("note"), counts)
        _delete(ConsultationRequest.objects.filter(pk=request.pk).defer("message"), counts)
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
