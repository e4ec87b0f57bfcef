"""How a request comes in: everything it causes is committed at once, and once only."""

import hashlib
import hmac
import json
import uuid
from datetime import timedelta

from django.conf import settings
from django.db import IntegrityError, transaction
from django.db.models import Q
from django.utils import timezone

from . import clock, form_facts, notifications, private_link, spam, timeline
from .choices import Status
from .consents import ON_THE_FORM
from .models import Consent, ConsultationRequest, Event

# After Back, a browser fetches the form anew with a fresh token; the same answers within
# this time are the same request. Changed answers always are a new one.
SAME_ANSWERS_WINDOW = timedelta(minutes=30)


def submit(answers, *, token, origin, sending=None, consents=(), facts=None, **more):
    """Stores one request with its consents, its first event and its two queued mails.

    `answers` maps field names of ConsultationRequest to cleaned values; `consents` names
    the fields of the consents that were ticked; `token` is the UUID handed out with the
    form; `sending` (a spam.Sending) is how it was sent, `facts` are form_facts.Facts that
    the caller has at hand, and `more` further values of the row. Returns (request, is_new):
    a second send of the same answers returns the first one's request. Database errors
    propagate: the caller must then say that nothing was received.
    """
    digest = answers_digest(answers)
    # A page restored by Back has its old token: with changed answers it is another send.
    token = uuid.uuid5(uuid.UUID(str(token)), digest)
    earlier = _already_sent(token, digest)
    if earlier:
        return earlier, False
    facts = facts or form_facts.current()
    practice = facts.practice
    request = ConsultationRequest(
        **answers, **more, submission_token=token, answers_digest=digest, origin=origin
    )
    request.received_at = timezone.now()
    request.respond_by = clock.promise(practice, request.received_at, facts.calendar)
    request.resembles = _same_person(request)
    private_link.issue(request)
    try:
        with transaction.atomic():
            _store(request, consents, sending or spam.Sending(), practice)
    except IntegrityError:
        earlier = _already_sent(token, digest)
        if earlier is None:
            raise
        return earlier, False
    return request, True


def _store(request, consents, sending, practice):
    texts = [request.message, request.full_name, request.preferred_name]
    suspicions = spam.suspicions(sending, texts)
    if suspicions:
        request.status = Status.QUARANTINED
        request.suspicions = [suspicion.reason for suspicion in suspicions]
    request.save(force_insert=True)
    _store_consents(request, consents)
    received = timeline.line(
        request,
        Event.Kind.RECEIVED,
        timeline.PATIENT,
        at=request.received_at,
        to_status=request.status,
        details={"resembles": request.resembles.reference} if request.resembles else {},
    )
    if any(suspicion.is_certain for suspicion in suspicions):
        received.save(force_insert=True)
    else:
        Event.objects.bulk_create([received, notifications.queue_received(request, practice)])


def answers_digest(answers):
    """A keyed SHA-256 of the answers, so that equal ones are found without being readable."""
    plain = json.dumps(
        {name: str(getattr(value, "pk", value)).strip() for name, value in answers.items()},
        sort_keys=True,
    )
    return hmac.new(settings.SECRET_KEY.encode(), plain.encode(), hashlib.sha256).hexdigest()


def _already_sent(token, digest):
    lately = timezone.now() - SAME_ANSWERS_WINDOW
    same_answers = Q(answers_digest=digest, received_at__gt=lately)
    return _first(ConsultationRequest.objects.filter(Q(submission_token=token) | same_answers))


def _same_person(request):
    """The latest earlier request with the same email address or phone number, if any."""
    same = Q(email__iexact=request.email)
    if request.phone:
        same |= Q(phone=request.phone)
    others = ConsultationRequest.objects.filter(same, is_test=False)
    genuine = others.exclude(status__in=(Status.SPAM, Status.QUARANTINED))
    return _first(genuine.order_by("-received_at"))


def _first(requests):
    """The first one's number and reference: nobody here needs more, least of all the message."""
    return next(iter(requests.only("reference")[:1]), None)


def _store_consents(request, given):
    Consent.objects.bulk_create(
        Consent(
            request=request,
            kind=wording.kind,
            version=wording.version,
            wording=wording.text,
            is_given=wording.field in given,
            at=request.received_at,
        )
        for wording in ON_THE_FORM
    )
