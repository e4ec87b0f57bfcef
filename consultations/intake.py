"""How a request comes in: everything it causes is committed at once, and once only."""

import hashlib
import hmac
import json
import uuid
from dataclasses import astuple, dataclass
from datetime import datetime, timedelta

from django.conf import settings
from django.db import DEFAULT_DB_ALIAS, connection, transaction
from django.utils import timezone

from practice.models import Practice
from practice.sql.inserts import insert
from practice.templatetags.text import when

from . import audit, clock, form_facts, notifications, search_words, spam, timeline, triage
from .choices import Origin, Status
from .consents import ON_THE_FORM
from .models import Consent, ConsultationRequest, ContactAttempt, Event
from .patient_page import private_link

# After Back, a browser fetches the form anew with a fresh token; the same answers within
# this time are the same request. Changed answers always are a new one.
SAME_ANSWERS_WINDOW = timedelta(minutes=30)
# What staff type while they speak is on the timeline by the time of the call alone.
AT_ONCE = timedelta(minutes=30)


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
        earlier, request.resembles = _earlier(token, digest, answers, request.received_at)
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
    received = _received(request, timeline.PATIENT)
    insert([received, *([notifications.told_received(request, mails)] if mails else [])])


def _received(request, by, summary=""):
    """The first line of the timeline."""
    return timeline.line(
        request,
        Event.Kind.RECEIVED,
        by,
        summary,
        at=request.received_at,
        to_status=request.status,
        details={"resembles": request.resembles.reference} if request.resembles else {},
    )


@dataclass(frozen=True)
class Arrival:
    """How somebody came to staff without the form, and what staff did about it at once."""

    origin: Origin
    received_at: datetime
    referred_by: str = ""
    # Who was spoken to has had a first response.
    was_spoken_to: bool = False
    is_taken: bool = False
    is_confirmed: bool = False


def enter(answers, arrival, *, by, token, consents):
    """Stores a request that `by`, of the staff, took by phone or from a referral.

    `answers` and `token` are as for `submit`; `consents` are (consents.Wording, is given) of
    what was said. Nobody is screened, and no notice goes to staff, who know it. Returns
    (request, is_new): a second send of the same returns the first one's request. Database
    errors propagate.
    """
    how = astuple(arrival)
    typed = {"by": by, "how": (how[0], *how[2:]), "consents": consents}
    digest = answers_digest(answers | typed)
    token = uuid.uuid5(uuid.UUID(str(token)), digest)
    practice = Practice.current()
    request = ConsultationRequest(
        **answers,
        submission_token=token,
        answers_digest=digest,
        origin=arrival.origin,
        received_at=arrival.received_at,
        referred_by=arrival.referred_by,
        respond_by=clock.promise(practice, arrival.received_at),
    )
    with transaction.atomic():
        earlier, request.resembles = _earlier(token, digest, answers, arrival.received_at)
        if earlier:
            return earlier, False
        _store_entered(request, arrival, by, consents, practice)
    return request, True


def _store_entered(request, arrival, by, consents, practice):
    is_mailed = arrival.is_confirmed and bool(request.email)
    if is_mailed:
        private_link.issue(request)
    insert([request])
    insert(search_words.rows_of(request), _spoken_consents(request, consents, by))
    audit.entered(request, by)
    words = f"{request.get_origin_display()}, entered by staff"
    insert([_received(request, by, f"{words}{_entered_later(request, practice)}")])
    if arrival.is_taken:
        triage.claim(request, by=by)
    if arrival.was_spoken_to:
        _spoken_to(request, by)
    if is_mailed:  # When it is known whether a reply is still to be promised.
        notifications.tell_entered(request, practice, by=by)


def _spoken_to(request, by):
    """A call that was taken is a contact."""
    triage.record_contact(
        request,
        ContactAttempt.Channel.CALL,
        ContactAttempt.Outcome.REACHED,
        by=by,
        at=_spoken_at(request),
        is_incoming=request.origin == Origin.PHONE,
    )


def _spoken_at(request):
    """Callers spoke when they called; who was referred has been called since."""
    return request.received_at if request.origin == Origin.PHONE else timezone.now()


def _entered_later(request, practice):
    """When it was typed, where that was not as it came in; the line has the time of that."""
    now = timezone.now()
    return f" on {when(now, practice.zone)}" if now - request.received_at > AT_ONCE else ""


def _spoken_consents(request, consents, by):
    return [
        Consent(
            request=request,
            kind=wording.kind,
            version=wording.version,
            wording=wording.text,
            is_given=is_given,
            at=_spoken_at(request),
            recorded_by=str(by),
        )
        for wording, is_given in consents
    ]


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
        WHERE submission_token = %s
            OR (answers_digest = %s AND received_at > %s AND received_at < %s)
        LIMIT 1
    ) AS sent
    UNION ALL
    SELECT * FROM (
        SELECT 'person', id, reference FROM consultations_consultationrequest
        WHERE ((UPPER(email) = UPPER(%s) AND email <> '') OR (phone = %s AND phone <> ''))
            AND NOT is_test AND status NOT IN (%s, %s)
        ORDER BY received_at DESC LIMIT 1
    ) AS person
"""


def _earlier(token, digest, answers, received_at):
    """(the request that was stored for this send, the latest one of the same person).

    Call it in the transaction that stores the request: nobody stores the same meanwhile.
    Of each the number and reference: nobody here needs more, least of all the message.
    """
    values = [("submission_token", token), ("answers_digest", digest)]
    values += [("received_at", received_at - SAME_ANSWERS_WINDOW)]
    values += [("received_at", received_at + SAME_ANSWERS_WINDOW)]
    values += [(name, answers[name]) for name in ("email", "phone")]
    prepared = [
        ConsultationRequest._meta.get_field(name).get_db_prep_value(value, connection)
        for name, value in values
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
