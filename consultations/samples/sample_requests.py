"""Obviously invented requests, for trying the inbox and for measuring it when it is full."""

import random
from datetime import timedelta

from django.utils import timezone
from django.utils.text import slugify

from practice import sample_content
from practice.hours import working_minutes_between
from practice.models import Practice, Surgeon, User
from procedures.models import Procedure

from .. import clock, search_words
from ..choices import AWAITING, BestTime, CloseReason, ContactMethod, Origin, Status
from ..consents import ON_THE_FORM, SPOKEN
from ..models import Consent, ConsultationRequest, ContactAttempt, Event

# How many of 20 requests are in each state.
SHARES = {
    Status.NEW: 5,
    Status.ATTEMPTING: 3,
    Status.IN_CONTACT: 3,
    Status.BOOKED: 2,
    Status.CLOSED: 4,
    Status.QUARANTINED: 1,
    Status.SPAM: 1,
    Status.DUPLICATE: 1,
}
# Oldest age in hours for each state: open work is recent, finished work goes back almost two
# years, and nothing is so old that retention would take it away at once.
OLDEST = {
    Status.NEW: 30,
    Status.ATTEMPTING: 24 * 6,
    Status.IN_CONTACT: 24 * 20,
    Status.BOOKED: 24 * 45,
    Status.QUARANTINED: 24 * 20,
    Status.SPAM: 24 * 80,
}
BATCH = 2000
# One in so many came without the form; people who program a form do not call.
PHONED, REFERRED = 7, 15
SENT_TO_THE_FORM = (Status.QUARANTINED, Status.SPAM)
# Area codes of North America in their common form; 555-01xx is nobody's number in any.
AREAS = [n for n in range(201, 990) if n % 100 != 11 and n // 10 % 10 != 9]
AUSTIN = AREAS.index(512)


class Inventor:
    """Makes requests and their timelines; `fill` stores any number of them in batches."""

    def __init__(self, seed=None):
        self.random = random.Random(seed)  # noqa: S311 (invented people, not secrets)
        self.people = sample_content.read("invented_people.toml")
        self.procedures = list(Procedure.objects.published())
        self.surgeons = list(Surgeon.objects.published())
        self.staff = list(
            User.objects.filter(groups__name__in=("Coordinator", "Manager"), is_active=True)
        )
        self.practice = Practice.current()
        self.calendar = self.practice.calendar()
        self.states = [state for state, share in SHARES.items() for _ in range(share)]
        self.now = timezone.now()

    def fill(self, count):
        """Yields the number stored so far after each batch."""
        stored = 0
        while stored < count:
            size = min(BATCH, count - stored)
            batch = [self.request(stored + number) for number in range(size)]
            ConsultationRequest.objects.bulk_create(batch)
            Consent.objects.bulk_create(c for each in batch for c in self.consents(each))
            events = [event for each in batch for event in self.timeline(each)]
            Event.objects.bulk_create(events)
            ContactAttempt.objects.bulk_create(
                ContactAttempt(
                    request=event.request,
                    event=event,
                    channel=ContactAttempt.Channel.CALL,
                    outcome=event.details["outcome"],
                )
                for event in events
                if event.kind == Event.Kind.CONTACTED
            )
            self.link_duplicates(batch)
            search_words.store_new(batch)
            stored += size
            yield stored

    def request(self, number):
        pick = self.random.choice
        status = self.states[number % len(self.states)]
        given, family = pick(self.people["given_names"]), pick(self.people["family_names"])
        procedure = pick([*self.procedures, None])
        received_at = self.now - timedelta(
            hours=self.random.uniform(0.2, OLDEST.get(status, 24 * 700))
        )
        method = pick(ContactMethod.values)
        origin = self.origin(number, procedure, status)
        request = ConsultationRequest(
            received_at=received_at,
            full_name=f"{given} {family}",
            preferred_name=given if self.random.random() < 0.3 else "",
            email=f"{slugify(given)}.{slugify(family)}.{number}@example.com",
            phone=self.phone(number),
            procedure=procedure,
            procedure_version=procedure.content_version if origin == Origin.PROCEDURE else None,
            surgeon=pick([*self.surgeons, None]),
            message=pick(self.people["messages"][procedure.slug if procedure else "general"]),
            origin=origin,
            referred_by=pick(self.people["referrers"]) if origin == Origin.REFERRAL else "",
            contact_method=method,
            best_time=pick(BestTime.values),
            may_leave_voicemail=self.random.random() < 0.6,
            may_text=method == ContactMethod.TEXT,
            status=status,
            respond_by=clock.promise(self.practice, received_at, self.calendar),
        )
        if self.random.random() < 0.1:
            request.interpreter_language = pick(self.people["languages"])
        self.progress(request)
        return request

    def origin(self, number, procedure, status):
        if status not in SENT_TO_THE_FORM and self.staff:
            if number % REFERRED == 0:
                return Origin.REFERRAL
            if number % PHONED == 0:
                return Origin.PHONE
        return Origin.PROCEDURE if procedure else Origin.WEBSITE

    def phone(self, number):
        """A number of each request's own: two people with one would look like the same."""
        hundreds, last = divmod(number, 100)
        return f"+1{AREAS[(AUSTIN + hundreds) % len(AREAS)]}55501{last:02d}"

    def progress(self, request):
        """What staff did with it so far, in keeping with its state."""
        if request.status not in (Status.NEW, Status.QUARANTINED, Status.SPAM):
            answered = request.received_at + timedelta(hours=self.random.uniform(0.1, 5))
            answered = min(answered, self.now)
            request.owner = self.random.choice(self.staff) if self.staff else None
            request.first_response_at = request.last_contact_at = answered
            request.response_minutes = max(
                0, working_minutes_between(request.received_at, answered, self.calendar)
            )
        elif self.staff and request.status == Status.NEW and self.random.random() < 0.3:
            request.owner = self.random.choice(self.staff)
        if request.status == Status.CLOSED:
            request.close_reason = self.random.choice(CloseReason.values)
            request.closed_at = min(self.now, request.first_response_at + timedelta(days=9))
        if request.status in (*AWAITING, Status.IN_CONTACT) and self.random.random() < 0.4:
            request.follow_up_on = (self.now + timedelta(days=self.random.randint(-1, 5))).date()
        if request.status == Status.QUARANTINED:
            request.suspicions = ["Sent within two seconds of opening the form."]

    def consents(self, request):
        given = {
            "consent_health_data": True,
            "may_leave_voicemail": request.may_leave_voicemail,
            "may_text": request.may_text,
        }
        return [
            Consent(
                request=request,
                kind=wording.kind,
                version=wording.version,
                wording=wording.text,
                is_given=given[wording.field],
                at=request.received_at,
                recorded_by=str(self.staff[0]) if request.is_entered_by_staff else "",
            )
            for wording in (SPOKEN if request.is_entered_by_staff else ON_THE_FORM)
        ]

    def timeline(self, request):
        def event(kind, at, by=None, **details):
            return Event(
                request=request,
                kind=kind,
                at=at,
                by=by,
                by_name=str(by) if by else "Patient" if kind == Event.Kind.RECEIVED else "System",
                **details,
            )

        began = Status.QUARANTINED if request.status == Status.SPAM else Status.NEW
        yield self.received(event, request, began)
        if request.owner:
            moment = request.first_response_at or request.received_at
            yield event(
                Event.Kind.ASSIGNED, moment, request.owner, summary=f"Claimed by {request.owner}"
            )
        if request.first_response_at:
            yield self.first_contact(event, request)
        if request.status not in (began, Status.QUARANTINED):
            yield event(
                Event.Kind.MOVED,
                request.closed_at or request.first_response_at or request.received_at,
                request.owner,
                from_status=began,
                to_status=request.status,
                summary=request.get_close_reason_display(),
            )

    def received(self, event, request, began):
        by, summary = None, ""
        if request.is_entered_by_staff:
            by, summary = self.staff[0], f"{request.get_origin_display()}, entered by staff"
        return event(Event.Kind.RECEIVED, request.received_at, by, to_status=began, summary=summary)

    def first_contact(self, event, request):
        reached = request.status != Status.ATTEMPTING
        outcome = ContactAttempt.Outcome.REACHED if reached else ContactAttempt.Outcome.NO_ANSWER
        return event(
            Event.Kind.CONTACTED,
            request.first_response_at,
            request.owner,
            summary=f"Phone call: {outcome.label}",
            note=self.random.choice(self.people["notes"]),
            details={"outcome": outcome},
        )

    def link_duplicates(self, batch):
        """Each duplicate points at another request of the same batch and person."""
        originals = [each for each in batch if each.status != Status.DUPLICATE]
        changed = []
        for request in batch:
            if request.status == Status.DUPLICATE and originals:
                original = self.random.choice(originals)
                request.duplicate_of = original
                for fact in ("full_name", "email", "phone"):
                    setattr(request, fact, getattr(original, fact))
                changed.append(request)
        fields = ["duplicate_of", "full_name", "email", "phone"]
        ConsultationRequest.objects.bulk_update(changed, fields)
