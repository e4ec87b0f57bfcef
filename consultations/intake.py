"""How a request comes in: everything it causes is committed at once, and once only."""

import hashlib
import hmac
import json
from datetime import timedelta

from django.conf import settings
from django.db import IntegrityError, transaction
from django.utils import timezone

from practice.models import Practice

from . import clock, notifications
from .consents import ON_THE_FORM
from .models import Consent, ConsultationRequest, Event

# After Back, a browser fetches the form anew with a fresh token; the same answers within
# this time are the same request. Changed answers always are a new one.
SAME_ANSWERS_WINDOW = timedelta(minutes=30)


def submit(answers, *, token, origin, procedure_version=None, consents=(), is_test=False):
    """Stores one request with its consents, its first event and its two queued mails.

    `answers` maps field names of ConsultationRequest to cleaned values; `consents` names
    the fields of the consents that were ticked; `token` is the UUID handed out with the
    form. Returns (request, is_new): a second send returns the first one's request. Database
    errors propagate: the caller must then say that nothing was received.
    """
    digest = answers_digest(answers)
    earlier = _already_sent(token, digest)
    if earlier:
        return earlier, False
    practice = Practice.current()
    received_at = timezone.now()
    try:
        with transaction.atomic():
            request = ConsultationRequest.objects.create(
                **answers,
                submission_token=token,
                answers_digest=digest,
                origin=origin,
                procedure_version=procedure_version,
                received_at=received_at,
                respond_by=clock.promise(practice, received_at),
                is_test=is_test,
            )
            _store_consents(request, consents)
            Event.objects.create(
                request=request,
                kind=Event.Kind.RECEIVED,
                at=received_at,
                by_name="Patient",
                to_status=request.status,
            )
            notifications.tell_patient_received(request, practice)
            notifications.tell_staff_received(request, practice)
    except IntegrityError:
        earlier = _already_sent(token, digest)
        if earlier is None:
            raise
        return earlier, False
    return request, True


def answers_digest(answers):
    """A keyed SHA-256 of the answers, so that equal ones are found without being readable."""
    plain = json.dumps(
        {name: str(getattr(value, "pk", value)).strip() for name, value in answers.items()},
        sort_keys=True,
    )
    return hmac.new(settings.SECRET_KEY.encode(), plain.encode(), hashlib.sha256).hexdigest()


def _already_sent(token, digest):
    by_token = ConsultationRequest.objects.filter(submission_token=token).first()
    return (
        by_token
        or ConsultationRequest.objects.filter(
            answers_digest=digest, received_at__gt=timezone.now() - SAME_ANSWERS_WINDOW
        ).first()
    )


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
