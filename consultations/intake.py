"""How a request comes in: everything it causes is committed at once, and once only."""

import hashlib
import hmac
import json
import uuid
from datetime import timedelta

from django.conf import settings
from django.db import DEFAULT_DB_ALIAS, connection, transaction
from django.utils import timezone

from practice.sql.inserts import insert

from . import clock, form_facts, notifications, search_words, spam, timeline
from .choices import Status
from .consents import ON_THE_FORM
from .models import Consent, ConsultationRequest, Event
from .patient_page import private_link

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
    facts = facts or form_facts.current()
    request = ConsultationRequest(
        **answers, **more, submission_token=token, answers_digest=digest, origin=origin
    )
    request.respond_by = clock.promise(facts.practice, request.received_at, facts.calendar)
    private_link.issue(request)
    with transaction.atomic():
        earlier, request.resembles = _earlier(token, digest, answers)
        if earlier:
            return earlier, False
        _store(request, consents, sending or spam.Sending(), facts)
    return request, True


def _store(request, consents, sending, facts):
    texts = [request.message, request.full_name, request.preferred_name]
    suspicions = spam.suspicions(sending, texts)
    if suspicions:
        request.status = Status.QUARANTINED
        request.suspicions = [suspicion.reason for suspicion in suspicions]
    insert([request])
    mails = []
    if not any(suspicion.is_certain for suspicion in suspicions):
        mails = notifications.of_received(request, facts.practice, facts)
    insert(search_words.rows_of(request), _consents(request, consents), mails)
    received = timeline.line(
        request,
        Event.Kind.RECEIVED,
        timeline.PATIENT,
        at=request.received_at,
        to_status=request.status,
        details={"resembles": request.resembles.reference} if request.resembles else {},
    )
    insert([received, *([notifications.told_received(request, mails)] if mails else [])])


def answers_digest(answers):
    """A keyed SHA-256 of the answers, so that equal ones are found without being readable."""
    plain = json.dumps(
        {name: str(getattr(value, "pk", value)).strip() for name, value in answers.items()},
        sort_keys=True,
    )
    return hmac.new(settings.SECRET_KEY.encode(), plain.encode(), hashlib.sha256).hexdigest()


# Of sends with the same answers, the second looks when the first has committed: one after
# the other to the end of the transaction. SQLite lets in one writer at a time anyway.
ONE_AT_A_TIME = "SELECT pg_advisory_xact_lock(%s);"
# The request that this very send has stored before, and the latest genuine one of the same
# person. In one statement, and past the ORM, which takes ten times as long to write it.
EARLIER = """
    SELECT * FROM (
        SELECT 'sent', id, reference FROM consultations_consultationrequest
        WHERE submission_token = %s OR (answers_digest = %s AND received_at > %s)
        LIMIT 1
    ) AS sent
    UNION ALL
    SELECT * FROM (
        SELECT 'person', id, reference FROM consultations_consultationrequest
        WHERE (UPPER(email) = UPPER(%s) OR (phone = %s AND phone <> ''))
            AND NOT is_test AND status NOT IN (%s, %s)
        ORDER BY received_at DESC LIMIT 1
    ) AS person
"""


def _earlier(token, digest, answers):
    """(the request that was stored for this send, the latest one of the same person).

    Call it in the transaction that stores the request: nobody stores the same meanwhile.
    Of each the number and reference: nobody here needs more, least of all the message.
    """
    lately = timezone.now() - SAME_ANSWERS_WINDOW
    values = {"submission_token": token, "answers_digest": digest, "received_at": lately}
    values |= {name: answers[name] for name in ("email", "phone")}
    fields = map(ConsultationRequest._meta.get_field, values)
    prepared = [
        each.get_db_prep_value(value, connection)
        for each, value in zip(fields, values.values(), strict=True)
    ]
    sql, values = EARLIER, [*prepared, Status.SPAM, Status.QUARANTINED]
    if connection.vendor == "postgresql":
        # Sent together, and yet two statements: the second sees what was committed meanwhile.
        sql, values = ONE_AT_A_TIME + sql, [_lock_number(digest), *values]
    with connection.cursor() as cursor:
        cursor.execute(sql, values)
        found = {
            which: ConsultationRequest.from_db(DEFAULT_DB_ALIAS, ["id", "reference"], row)
            for which, *row in cursor.fetchall()
        }
    return found.get("sent"), found.get("person")


def _lock_number(digest):
    """A signed 64-bit number. Two digests that share one merely wait for each other."""
    return int.from_bytes(bytes.fromhex(digest)[:8], signed=True)


def _consents(request, given):
    return [
        Consent(
            request=request,
            kind=wording.kind,
            version=wording.version,
            wording=wording.text,
            is_given=wording.field in given,
            at=request.received_at,
        )
        for wording in ON_THE_FORM
    ]
