"""Letters that staff send from a template: filled in, looked through for health details, sent."""

import re
from dataclasses import dataclass

from django.core.exceptions import ValidationError
from django.db import transaction
from post_office.models import STATUS, Email

from practice.encryption import readable
from practice.models import Practice
from practice.templatetags.text import phone, when

from .. import clock, notifications, triage
from ..models import ContactAttempt, Event
from ..timeline import record

PLACEHOLDER = re.compile(r"\{(\w*)\}")
PLACEHOLDERS = ("name", "reference", "phone", "practice", "reply_by")
# So many words in a row that a letter shares with the patient's own are a quotation.
QUOTED_WORDS = 5
WORD = re.compile(r"\w+")
NO_ADDRESS = "No email address is known. Add it under “Correct how to reach them”, or call."
UNCOMPARED = (
    "A text of this request cannot be decrypted, so we could not make sure that the letter does "
    "not repeat it."
)

DELIVERY = {
    STATUS.queued: "waiting to be sent",
    STATUS.requeued: "not delivered yet, trying again",
    STATUS.sent: "sent",
    STATUS.failed: "could not be sent",
}


@dataclass(frozen=True)
class Concern:
    """Health details that a letter would carry. A quotation is refused, a name only asked about."""

    words: str
    is_refused: bool


def check_placeholders(text):
    """Raises ValidationError for a placeholder that no letter can fill."""
    unknown = sorted(set(PLACEHOLDER.findall(text)) - set(PLACEHOLDERS))
    if unknown:
        known = ", ".join(f"{{{name}}}" for name in PLACEHOLDERS)
        raise ValidationError(f"“{{{unknown[0]}}}” cannot be filled in. Use {known}.")


def fill(text, request, practice=None):
    """The text with its placeholders replaced; unknown ones stay as they are."""
    practice = practice or Practice.current()
    reply_by = clock.still_to_keep(request)
    values = {
        "name": request.called,
        "reference": request.reference,
        "phone": phone(practice.phone),
        "practice": practice.name,
        "reply_by": when(reply_by, practice.zone) if reply_by else "as soon as we can",
    }
    return PLACEHOLDER.sub(lambda match: values.get(match[1], match[0]), text)


def concerns(text, request) -> list[Concern]:
    """What in the text says something about the patient's health."""
    found = []
    letter = _words(text)
    sources = _health_texts(request)
    if None in sources:
        found.append(Concern(UNCOMPARED, False))
    for source in filter(None, sources):
        quoted = _shared_run(letter, _words(source))
        if quoted:
            found.append(Concern(f"It repeats “{quoted}”, which is about their health.", True))
    procedure = request.procedure
    if procedure:
        names = [procedure.name, *procedure.synonyms]
        named = [name for name in names if " ".join(_words(name)) in " ".join(letter)]
        if named:
            found.append(
                Concern(f"It names “{named[0]}”, which says what they asked about.", False)
            )
    return found


def send(request, subject, body, *, by, name="Letter"):
    """Queues the letter to the patient, logs it as a contact, and keeps its text in the timeline.

    Raises ValidationError when it quotes health details, and triage.TriageError when the
    request is not open, has no address or was changed meanwhile.
    """
    if not request.email:
        raise triage.TriageError(NO_ADDRESS)
    refused = [each.words for each in concerns(f"{subject}\n{body}", request) if each.is_refused]
    if refused:
        raise ValidationError(refused)
    with transaction.atomic():
        triage.record_contact(
            request,
            ContactAttempt.Channel.EMAIL,
            ContactAttempt.Outcome.MESSAGE_LEFT,
            by=by,
        )
        email = notifications.send_letter(request, subject, body, Practice.current())
        record(
            request,
            Event.Kind.MAILED,
            by,
            name,
            note=f"{subject}\n\n{body}",
            details={"emails": [email.pk]},
        )
    return email


def delivery(events) -> dict[int, str]:
    """How the mails of some events stand, in words, by the event's key."""
    mails = {event.pk: event.details.get("emails", ()) for event in events}
    every = [pk for pks in mails.values() for pk in pks]
    states = dict(Email.objects.filter(pk__in=every).values_list("pk", "status"))
    # The worst of an event's mails speaks for it.
    order = (STATUS.failed, STATUS.requeued, STATUS.queued, STATUS.sent)
    return {
        event: next(DELIVERY[state] for state in order if state in [states.get(pk) for pk in pks])
        for event, pks in mails.items()
        if any(pk in states for pk in pks)
    }


def _health_texts(request):
    """What the patient wrote and what staff noted, also in requests merged into this one.

    None stands for a text that cannot be read.
    Letters are left out: two from one template are alike, and they were looked through.
    """
    every = [request, *request.duplicates.all()]
    events = Event.objects.filter(request__in=every).exclude(
        kind__in=(Event.Kind.MAILED, Event.Kind.CORRECTED)
    )
    return [
        *(readable(each, "message") for each in every),
        *(readable(event, "note") for event in events),
    ]


def _words(text):
    return [word.lower() for word in WORD.findall(text or "")]


def _shared_run(letter, source):
    """The first run of QUOTED_WORDS words that both lists hold, or ""."""
    runs = {
        tuple(source[start : start + QUOTED_WORDS])
        for start in range(len(source) - QUOTED_WORDS + 1)
    }
    for start in range(len(letter) - QUOTED_WORDS + 1):
        run = tuple(letter[start : start + QUOTED_WORDS])
        if run in runs:
            return " ".join(run)
    return ""
