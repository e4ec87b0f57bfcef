"""Contact attempts, notes and follow-ups: the other verbs of triage."""

from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
import time_machine

from consultations import triage
from consultations.models import ConsultationRequest, ContactAttempt, Event, Status

pytestmark = pytest.mark.django_db

Channel, Outcome = ContactAttempt.Channel, ContactAttempt.Outcome
NOT_REACHED = [outcome for outcome in Outcome.values if outcome != "reached"]

# (state, outcome, state afterwards)
AFTER = [
    ("new", "reached", "in_contact"),
    *[("new", outcome, "attempting") for outcome in NOT_REACHED],
    ("attempting", "reached", "in_contact"),
    *[("attempting", outcome, "attempting") for outcome in NOT_REACHED],
    *[("in_contact", outcome, "in_contact") for outcome in Outcome.values],
    *[("booked", outcome, "booked") for outcome in Outcome.values],
]
OPEN_STATES = {was for was, *_ in AFTER}
NOT_OPEN = [state for state in Status.values if state not in OPEN_STATES]


def stored(request):
    return ConsultationRequest.objects.get(pk=request.pk)


def kinds(request):
    return [event.kind for event in request.events.all()]


@pytest.mark.parametrize(
    ("was", "outcome", "to"), AFTER, ids=[f"{was}, {outcome}" for was, outcome, _ in AFTER]
)
def test_a_contact_moves_the_request_by_itself(a_request, coordinator, was, outcome, to):
    request = a_request(status=was)

    contact = triage.record_contact(
        request, Channel.CALL, outcome, by=coordinator, note="Spoke to her sister."
    )

    assert request.status == stored(request).status == to
    assert stored(request).first_response_at is not None
    assert stored(request).last_contact_at is not None
    assert (contact.channel, contact.outcome, contact.request) == ("call", outcome, request)
    event = contact.event
    assert (event.kind, event.by, event.note) == ("contacted", coordinator, "Spoke to her sister.")
    assert event.summary == f"Phone call: {Outcome(outcome).label}"
    moved = [(e.from_status, e.to_status) for e in request.events.filter(kind="moved")]
    assert moved == ([(was, to)] if was != to else [])


@pytest.mark.parametrize("was", NOT_OPEN)
def test_what_is_not_open_has_to_be_reopened_first(a_request, coordinator, was):
    request = a_request(status=was)

    with pytest.raises(triage.TriageError, match="Reopen"):
        triage.record_contact(request, Channel.CALL, Outcome.REACHED, by=coordinator)

    assert kinds(request) == ["received"]
    assert stored(request).first_response_at is None
    assert not ContactAttempt.objects.exists()


@pytest.mark.parametrize("channel", Channel.values)
def test_every_channel_stops_the_first_response_clock_once(a_request, coordinator, channel):
    request = a_request()
    first = datetime(2026, 11, 17, 16, tzinfo=UTC)
    second = first + timedelta(hours=2)

    with time_machine.travel(first, tick=False):
        triage.record_contact(request, channel, Outcome.NO_ANSWER, by=coordinator)
    with time_machine.travel(second, tick=False):
        triage.record_contact(request, channel, Outcome.REACHED, by=coordinator)

    assert stored(request).first_response_at == first
    assert stored(request).last_contact_at == second


# On the practice's wall clock, open on weekdays from 9 to 17; November 16 is a Monday.
TOOK = {
    "while open": ("2026-11-16 10:00", "2026-11-16 10:30", 30),
    "over a night": ("2026-11-16 16:30", "2026-11-17 09:15", 45),
    "before opening": ("2026-11-16 05:00", "2026-11-16 06:00", 0),
    "by a clock that runs behind": ("2026-11-16 10:00", "2026-11-16 09:50", 0),
}


@pytest.mark.parametrize(("received", "answered", "minutes"), TOOK.values(), ids=TOOK.keys())
def test_the_answer_took_so_many_minutes_of_opening_hours(
    a_request, coordinator, received, answered, minutes
):
    received, answered = (
        datetime.fromisoformat(each).replace(tzinfo=ZoneInfo("America/Chicago"))
        for each in (received, answered)
    )
    request = a_request(received_at=received)

    with time_machine.travel(answered, tick=False):
        triage.record_contact(request, Channel.CALL, Outcome.NO_ANSWER, by=coordinator)

    assert stored(request).response_minutes == minutes


def test_whoever_is_booked_has_been_answered(a_request, coordinator):
    request = a_request(status="in_contact")

    triage.move(request, Status.BOOKED, by=coordinator)

    assert stored(request).first_response_at is not None


@pytest.mark.parametrize(("channel", "outcome"), [("pigeon", "reached"), ("call", "married")])
def test_an_unknown_channel_or_outcome_changes_nothing(a_request, coordinator, channel, outcome):
    request = a_request()

    with pytest.raises(ValueError, match=r"pigeon|married"):
        triage.record_contact(request, channel, outcome, by=coordinator)

    assert kinds(request) == ["received"]
    assert stored(request).status == "new"


def test_a_contact_can_plan_the_next_one(a_request, coordinator):
    request = a_request()

    triage.record_contact(
        request,
        Channel.VOICEMAIL,
        Outcome.MESSAGE_LEFT,
        by=coordinator,
        follow_up_on=date(2026, 12, 1),
    )

    assert stored(request).follow_up_on == date(2026, 12, 1)
    assert request.events.get(kind="follow_up").summary == "Follow up on Dec 1, 2026"


def test_a_contact_does_not_replace_what_a_colleague_planned_meanwhile(
    a_request, coordinator, colleague
):
    request = a_request(status="in_contact")
    on_the_screen = stored(request)
    triage.follow_up(request, date(2026, 12, 1), by=colleague)

    with pytest.raises(triage.TriageError, match="Colin Coordinator"):
        triage.record_contact(
            on_the_screen,
            Channel.CALL,
            Outcome.REACHED,
            by=coordinator,
            follow_up_on=date(2026, 12, 8),
        )

    assert stored(request).follow_up_on == date(2026, 12, 1)
    assert kinds(request) == ["received", "follow_up"]


def test_a_contact_without_a_plan_keeps_the_old_one(a_request, coordinator):
    request = a_request(status="in_contact", follow_up_on=date(2026, 12, 1))

    triage.record_contact(request, Channel.CALL, Outcome.REACHED, by=coordinator)

    assert stored(request).follow_up_on == date(2026, 12, 1)


# --- Notes ------------------------------------------------------------------------------------


@pytest.mark.parametrize("status", Status.values)
def test_a_note_is_added_in_every_state(a_request, coordinator, status):
    request = a_request(status=status)

    triage.add_note(request, "  Prefers mornings.\n", by=coordinator)

    note = request.events.get(kind=Event.Kind.NOTED)
    assert (note.note, note.by, note.summary) == ("Prefers mornings.", coordinator, "")


@pytest.mark.parametrize("text", ["", " ", "\n\t ", "\u00a0"], ids=ascii)
def test_an_empty_note_is_refused(a_request, coordinator, text):
    request = a_request()

    with pytest.raises(triage.TriageError, match="Write the note"):
        triage.add_note(request, text, by=coordinator)

    assert kinds(request) == ["received"]


# --- Follow-ups -------------------------------------------------------------------------------


@pytest.mark.parametrize("status", sorted(OPEN_STATES))
def test_an_open_request_has_a_day_of_its_next_step(a_request, coordinator, status):
    request = a_request(status=status)

    triage.follow_up(request, date(2026, 12, 1), by=coordinator)
    assert stored(request).follow_up_on == date(2026, 12, 1)

    triage.follow_up(request, None, by=coordinator)
    assert stored(request).follow_up_on is None

    lines = request.events.filter(kind="follow_up")
    assert [each.summary for each in lines] == ["Follow up on Dec 1, 2026", "Follow-up cleared"]
    assert {each.by for each in lines} == {coordinator}


@pytest.mark.parametrize("status", NOT_OPEN)
def test_nothing_is_planned_for_what_is_not_open(a_request, coordinator, status):
    request = a_request(status=status)

    with pytest.raises(triage.TriageError, match="Reopen"):
        triage.follow_up(request, date(2026, 12, 1), by=coordinator)

    assert stored(request).follow_up_on is None
    assert kinds(request) == ["received"]


def test_the_slower_of_two_plans_does_not_replace_the_first(a_request, coordinator, colleague):
    request = a_request()
    on_the_screen = stored(request)
    triage.follow_up(request, date(2026, 12, 1), by=colleague)

    with pytest.raises(triage.TriageError, match="Colin Coordinator"):
        triage.follow_up(on_the_screen, date(2026, 12, 8), by=coordinator)

    assert stored(request).follow_up_on == date(2026, 12, 1)
    assert kinds(request) == ["received", "follow_up"]


# --- All or nothing ---------------------------------------------------------------------------

VERBS = {
    "claim": lambda request, by: triage.claim(request, by=by),
    "move": lambda request, by: triage.move(request, Status.IN_CONTACT, by=by),
    "contact": lambda request, by: triage.record_contact(
        request, Channel.CALL, Outcome.REACHED, by=by
    ),
    "follow-up": lambda request, by: triage.follow_up(request, date(2026, 12, 1), by=by),
    "merge": lambda request, by: triage.merge(
        request, ConsultationRequest.objects.exclude(pk=request.pk).get(), by=by
    ),
}


@pytest.mark.parametrize("verb", VERBS.values(), ids=VERBS.keys())
def test_what_cannot_be_written_on_the_timeline_is_not_done(
    a_request, coordinator, monkeypatch, verb
):
    request, _ = a_request(), a_request()
    before = list(ConsultationRequest.objects.order_by("pk").values())

    def fails(*args, **kwargs):
        raise RuntimeError

    monkeypatch.setattr(Event, "save", fails)
    with pytest.raises(RuntimeError):
        verb(request, coordinator)

    assert list(ConsultationRequest.objects.order_by("pk").values()) == before
