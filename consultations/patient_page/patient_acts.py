"""What patients may do on their private page. Each is a verb, as for staff in `triage`."""

from dataclasses import dataclass
from datetime import datetime, timedelta

from django.db import transaction
from django.utils import timezone

from practice.models import Practice

from .. import clock, notifications, one_matter, search_words, triage
from ..choices import AWAITING, CloseReason, Status
from ..models import ConsultationRequest, Event
from ..timeline import PATIENT, record

# A new address gets a mail, and whoever opened the page may enter anybody's. With so many in
# 24 hours nobody is pestered, and a mistake is corrected all the same.
CORRECTIONS_A_DAY = 5
# Of a correction's line on the timeline: which facts the patient changed.
CORRECTED = "contact"
FACTS = {"phone": "phone number", "email": "email address"}
# A suspect may be a person: their page says the same as everybody's.
UNANSWERED = (*AWAITING, Status.QUARANTINED, Status.SPAM)

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
JOINED = "We have joined this with your other request."
NOT_WITHDRAWN = {
    Status.CLOSED: "This request is closed already. There is nothing to do.",
    Status.DUPLICATE: "We have joined this with your other request. Withdraw that one on its own "
    "private page, or call us.",
}


class TooOften(Exception):
    """The request was corrected as often as a day allows."""


@dataclass(frozen=True)
class Standing:
    """How a matter stands, on the page of any request that belongs to it.

    A patient who wrote twice has two links, and may use either. What they read and can do goes
    by the request that staff work on; of what that one says about them nothing is shown here.
    """

    request: ConsultationRequest
    worked_on: ConsultationRequest
    deletion_asked_at: datetime | None

    @classmethod
    def of(cls, request):
        """Raises DoesNotExist when the request was erased since it was read."""
        rows = {each.pk: each for each in one_matter.together(request)}
        if request.pk not in rows:
            raise ConsultationRequest.DoesNotExist
        asked = [each.deletion_asked_at for each in rows.values() if each.deletion_asked_at]
        worked_on = rows.get(request.duplicate_of_id, rows[request.pk])
        return cls(request, worked_on, min(asked, default=None))

    @property
    def in_words(self):
        """What they wished themselves comes first."""
        if self.deletion_asked_at:
            return "You asked us to delete this request. We confirm by email when it is done."
        if self.worked_on.close_reason == CloseReason.WITHDRAWN:
            return "This request is closed, as you wished."
        words = IN_WORDS[self.worked_on.status]
        return words if self.worked_on.pk == self.request.pk else f"{JOINED} {words}"

    @property
    def is_open(self):
        """Whether it goes on: we would answer, and may be told more. A suspect's does like any."""
        is_over = self.worked_on.status in (Status.CLOSED, Status.DUPLICATE)
        return not is_over and self.deletion_asked_at is None

    @property
    def may_withdraw(self):
        return Status.CLOSED in triage.NEXT[self.worked_on.status] and not self.deletion_asked_at

    @property
    def answer_by(self):
        """What was promised, until somebody has answered."""
        is_unanswered = self.worked_on.status in UNANSWERED and self.is_open
        if is_unanswered and self.worked_on.first_response_at is None:
            return self.worked_on.respond_by
        return None

    @property
    def is_late(self):
        return self.answer_by is not None and clock.still_to_keep(self.worked_on) is None


def correct_contact(request, seen, changes):
    """Changes how the patient is reached, and says whether anything was to change.

    `seen` and `changes` are values by field, as for `staff_acts.correct`. What it was before
    stays in the timeline, and a new email address gets a mail. What is merged with it follows.
    Raises TooOften, and triage.TriageError when somebody else changed the same meanwhile.
    """
    if not changes:
        return False
    with transaction.atomic():
        rows = triage.lock_matter(request)
        if _corrections_today(request) >= CORRECTIONS_A_DAY:
            raise TooOften
        triage.update_as_seen(request, {field: seen[field] for field in changes}, **changes)
        search_words.follow(request)
        record(
            request,
            Event.Kind.CORRECTED,
            PATIENT,
            f"Changed {' and '.join(FACTS[field] for field in changes)}",
            note=one_matter.before(seen, changes, FACTS),
            details={CORRECTED: list(changes)},
        )
        one_matter.correct_alike(request, rows, seen, changes, FACTS, by=PATIENT, verb="Changed")
        if "email" in changes:
            notifications.tell_corrected(request, Practice.current())
    return True


def withdraw(request):
    """Closes the request at the patient's wish, whatever staff made of it while the page was open.

    Of a duplicate it is the original that is closed. Raises triage.TriageError when it cannot be
    closed any more; NOT_WITHDRAWN says why.
    """
    with transaction.atomic():
        rows = one_matter.lock(request)
        worked_on = one_matter.worked_on(rows[request.pk], rows)
        triage.move(worked_on, Status.CLOSED, by=PATIENT, reason=CloseReason.WITHDRAWN)
        if worked_on.pk != request.pk:
            record(request, Event.Kind.PATIENT, PATIENT, triage.WITHDREW)


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
