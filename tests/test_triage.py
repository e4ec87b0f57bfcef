"""Every change of a request's state: what is allowed, what is written, who is told."""

import threading
from datetime import UTC, date, datetime, timedelta

import pytest
import time_machine
from django.db import connection
from post_office.models import Email

from consultations import notifications, privacy, triage
from consultations.models import (
    CloseReason,
    ConsultationRequest,
    ContactAttempt,
    Event,
    Status,
)
from consultations.timeline import PATIENT

pytestmark = pytest.mark.django_db

# Written out once more on purpose: a change of triage.NEXT has to be meant.
ALLOWED = {
    "new": {"attempting", "in_contact", "closed", "spam"},
    "attempting": {"in_contact", "closed", "spam"},
    "in_contact": {"booked", "closed"},
    "booked": {"in_contact", "closed"},
    "closed": {"attempting", "in_contact"},
    "quarantined": {"new", "spam", "closed"},
    "spam": {"new"},
    "duplicate": set(),
}
PAIRS = [(was, to) for was in Status.values for to in Status.values]
YES = [pair for pair in PAIRS if pair[1] in ALLOWED[pair[0]]]
NO = [pair for pair in PAIRS if pair[1] not in ALLOWED[pair[0]]]
OUTCOMES = ContactAttempt.Outcome
CALL = ContactAttempt.Channel.CALL


def ids(pairs):
    return [" to ".join(pair) for pair in pairs]


def a_reason(to):
    return CloseReason.DECLINED if to == "closed" else ""


def stored(request):
    return ConsultationRequest.objects.get(pk=request.pk)


def state(request):
    """Every column of the stored row and the number of its events: nothing may differ."""
    row = ConsultationRequest.objects.filter(pk=request.pk).values().get()
    return row, Event.objects.filter(request=request).count()


# --- Moving -----------------------------------------------------------------------------------


@pytest.mark.parametrize(("was", "to"), YES, ids=ids(YES))
def test_an_allowed_move_is_made_and_written_down_with_its_actor(a_request, coordinator, was, to):
    request = a_request(status=was)

    triage.move(request, to, by=coordinator, note="As agreed.", reason=a_reason(to))

    assert request.status == stored(request).status == to
    event = request.events.get(kind=Event.Kind.MOVED)
    assert (event.by, event.by_name) == (coordinator, "Carla Coordinator")
    assert (event.from_status, event.to_status, event.note) == (was, to, "As agreed.")
    assert event.summary == ("Patient declined" if to == "closed" else "")


@pytest.mark.parametrize(("was", "to"), NO, ids=ids(NO))
def test_any_other_move_is_refused_and_changes_nothing(a_request, coordinator, was, to):
    request = a_request(status=was)
    before = state(request)

    with pytest.raises(triage.TriageError) as refused:
        triage.move(request, to, by=coordinator, reason=a_reason(to))

    assert Status(was).label in str(refused.value)
    assert Status(to).label in str(refused.value)
    assert state(request) == before


@pytest.mark.parametrize(
    ("to", "reason"),
    [("closed", ""), ("closed", "bored"), ("in_contact", CloseReason.DECLINED), ("closed", None)],
    ids=["closing without one", "an unknown one", "one without closing", "none"],
)
def test_closing_and_only_closing_has_a_listed_reason(a_request, coordinator, to, reason):
    request = a_request(status="new")
    before = state(request)

    with pytest.raises(triage.TriageError, match="reason"):
        triage.move(request, to, by=coordinator, reason=reason)

    assert state(request) == before


def test_a_patient_without_an_account_can_be_the_actor(a_request):
    request = a_request(status="new")

    triage.move(request, Status.CLOSED, by=PATIENT, reason=CloseReason.WITHDRAWN)

    event = request.events.get(kind=Event.Kind.MOVED)
    assert (event.by, event.by_name) == (None, "Patient")


def test_closing_stops_what_was_planned_and_reopening_keeps_the_story(a_request, coordinator):
    request = a_request(status="in_contact", follow_up_on=date(2026, 12, 1))

    with time_machine.travel(datetime(2026, 11, 17, 16, tzinfo=UTC), tick=False):
        triage.move(request, "closed", by=coordinator, reason=CloseReason.NO_REPLY)

    closed = stored(request)
    assert closed.close_reason == CloseReason.NO_REPLY
    assert closed.closed_at == datetime(2026, 11, 17, 16, tzinfo=UTC)
    assert closed.follow_up_on is None

    triage.move(request, "attempting", by=coordinator)

    reopened = stored(request)
    assert (reopened.close_reason, reopened.closed_at) == ("", None)
    moves = request.events.filter(kind=Event.Kind.MOVED)
    assert [(each.from_status, each.to_status) for each in moves] == [
        ("in_contact", "closed"),
        ("closed", "attempting"),
    ]


def test_a_follow_up_survives_a_move_to_another_open_state(a_request, coordinator):
    request = a_request(status="in_contact", follow_up_on=date(2026, 12, 1))

    triage.move(request, "booked", by=coordinator)

    assert stored(request).follow_up_on == date(2026, 12, 1)


def test_being_in_contact_stops_the_first_response_clock_once(a_request, coordinator):
    request = a_request(status="new")
    first = datetime(2026, 11, 17, 16, tzinfo=UTC)

    with time_machine.travel(first, tick=False):
        triage.move(request, "in_contact", by=coordinator)
    with time_machine.travel(first + timedelta(days=1), tick=False):
        triage.move(request, "booked", by=coordinator)

    assert stored(request).first_response_at == stored(request).last_contact_at == first


def test_trying_to_reach_without_a_contact_does_not_stop_the_clock(a_request, coordinator):
    request = a_request(status="new")

    triage.move(request, "attempting", by=coordinator)

    assert stored(request).first_response_at is None


# --- Two colleagues at once -------------------------------------------------------------------


def slower_acts(request, by):
    """What the slower of two may try on a page that shows an old state."""
    yield "move", lambda: triage.move(request, "in_contact", by=by, note="Mine.")
    yield "close", lambda: triage.move(request, "closed", by=by, reason=CloseReason.DECLINED)
    yield "contact", lambda: triage.record_contact(request, CALL, OUTCOMES.NO_ANSWER, by=by)


@pytest.mark.parametrize("act", ["move", "close", "contact"])
def test_the_slower_of_two_is_told_who_was_first_and_overwrites_nothing(
    a_request, coordinator, colleague, act
):
    _, request = a_request(status="spam"), a_request(status="new")
    on_the_screen = stored(request)
    triage.claim(request, by=colleague)
    triage.move(request, "attempting", by=colleague)
    before = state(request)

    with pytest.raises(triage.TriageError) as told:
        dict(slower_acts(on_the_screen, coordinator))[act]()

    assert "Colin Coordinator changed this request meanwhile" in str(told.value)
    assert "“Trying to reach”" in str(told.value)
    assert state(request) == before
    assert ContactAttempt.objects.count() == 0


def test_a_request_claimed_meanwhile_is_not_taken_away(a_request, coordinator, colleague):
    request = a_request()
    on_the_screen = stored(request)
    triage.claim(request, by=colleague)

    with pytest.raises(triage.TriageError, match="belongs to Colin Coordinator"):
        triage.claim(on_the_screen, by=coordinator)

    assert stored(request).owner == colleague


def test_a_follow_up_is_not_planned_on_what_a_colleague_has_closed(
    a_request, coordinator, colleague
):
    request = a_request(status="in_contact")
    on_the_screen = stored(request)
    triage.move(request, "closed", by=colleague, reason=CloseReason.DECLINED)
    before = state(request)

    with pytest.raises(triage.TriageError, match="Colin Coordinator"):
        triage.follow_up(on_the_screen, date(2026, 12, 1), by=coordinator)

    assert state(request) == before


def test_the_first_response_stays_the_first_of_two_calls_logged_at_once(
    a_request, coordinator, colleague
):
    request = a_request(status="attempting")
    on_the_screen = stored(request)
    triage.record_contact(request, CALL, OUTCOMES.NO_ANSWER, by=colleague)
    before = state(request)

    with pytest.raises(triage.TriageError, match="Colin Coordinator"):
        triage.record_contact(on_the_screen, CALL, OUTCOMES.NO_ANSWER, by=coordinator)

    assert state(request) == before


def test_a_request_that_was_erased_meanwhile_is_said_to_be_gone(a_request, coordinator):
    request = a_request()
    ConsultationRequest.objects.get(pk=request.pk).delete()

    with pytest.raises(triage.TriageError, match="no longer exists"):
        triage.move(request, "attempting", by=coordinator)


ACTS = {
    "a note": lambda request, by: triage.add_note(request, "She called.", by=by),
    "a contact": lambda request, by: triage.record_contact(
        request, CALL, OUTCOMES.NO_ANSWER, by=by
    ),
    "a claim": lambda request, by: triage.claim(request, by=by),
    "a follow-up": lambda request, by: triage.follow_up(request, date(2031, 5, 6), by=by),
}


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("act", ACTS.values(), ids=ACTS.keys())
def test_nothing_is_done_to_a_request_that_was_erased_meanwhile(a_request, coordinator, act):
    request = a_request()
    privacy.erase(ConsultationRequest.objects.get(pk=request.pk), reason="Asked", by="Maria")

    with pytest.raises(triage.TriageError, match="no longer exists"):
        act(request, coordinator)

    assert not Event.objects.exists()


def test_a_request_without_a_line_on_its_timeline_is_not_said_to_be_gone(a_request, coordinator):
    request = a_request()
    Event.objects.all().delete()
    ConsultationRequest.objects.update(status="attempting")

    with pytest.raises(triage.TriageError, match="The system changed this request meanwhile"):
        triage.move(request, "closed", by=coordinator, reason="no_reply")


@pytest.mark.django_db(transaction=True)
def test_of_two_who_claim_in_the_same_moment_exactly_one_gets_it(a_request, coordinator, colleague):
    request = a_request()
    ready = threading.Barrier(2, timeout=20)
    won, lost = [], []

    def claim(user):
        try:
            seen = stored(request)
            ready.wait()
            triage.claim(seen, by=user)
            won.append(user)
        except triage.TriageError as error:
            lost.append(str(error))
        finally:
            connection.close()

    threads = [threading.Thread(target=claim, args=[user]) for user in (coordinator, colleague)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert (len(won), len(lost)) == (1, 1)
    assert stored(request).owner == won[0]
    assert f"belongs to {won[0]}" in lost[0]
    assert request.events.filter(kind=Event.Kind.ASSIGNED).count() == 1


# --- Owners -----------------------------------------------------------------------------------


def test_claiming_giving_and_releasing_are_each_one_line(a_request, coordinator, colleague):
    request = a_request()

    triage.claim(request, by=coordinator)
    triage.assign(request, colleague, by=coordinator)
    triage.assign(request, None, by=colleague)

    assert stored(request).owner is None
    lines = request.events.filter(kind=Event.Kind.ASSIGNED)
    assert [(each.by, each.summary) for each in lines] == [
        (coordinator, "Claimed by Carla Coordinator"),
        (coordinator, "Given to Colin Coordinator"),
        (colleague, "Released"),
    ]


def test_claiming_ones_own_request_again_is_nothing_new(a_request, coordinator):
    request = a_request(owner=coordinator)
    before = state(request)

    triage.claim(request, by=coordinator)

    assert state(request) == before


def test_what_has_an_owner_cannot_be_claimed(a_request, coordinator, colleague):
    request = a_request(owner=colleague)
    before = state(request)

    with pytest.raises(triage.TriageError, match="Colin Coordinator already has"):
        triage.claim(request, by=coordinator)

    assert state(request) == before


# --- Quarantine -------------------------------------------------------------------------------


def test_restoring_from_quarantine_sends_what_was_held_back_once(a_request, coordinator):
    received = datetime(2026, 11, 16, 16, tzinfo=UTC)
    request = a_request(status="quarantined", received_at=received)
    promise = request.respond_by

    triage.move(request, "new", by=coordinator)

    assert sorted(each.to for each in Email.objects.all()) == [
        ["hello@example.com"],
        [request.email],
    ]
    assert request.events.filter(kind=Event.Kind.MAILED).count() == 1
    assert (stored(request).received_at, stored(request).respond_by) == (received, promise)

    triage.move(request, "spam", by=coordinator)
    triage.move(request, "new", by=coordinator)

    assert Email.objects.count() == 2


def test_a_restored_request_that_had_its_mails_gets_no_second_ones(
    a_request, coordinator, practice
):
    request = a_request(status="new")
    notifications.tell_received(request, practice)

    triage.move(request, "spam", by=coordinator)
    triage.move(request, "new", by=coordinator)

    assert Email.objects.count() == 2


def test_spam_and_closed_suspects_get_no_mail(a_request, coordinator):
    triage.move(a_request(status="quarantined"), "spam", by=coordinator)
    triage.move(
        a_request(status="quarantined"), "closed", by=coordinator, reason=CloseReason.NO_REPLY
    )

    assert Email.objects.count() == 0


def test_when_the_held_mails_cannot_be_queued_the_request_stays_where_it_was(
    a_request, coordinator, monkeypatch
):
    request = a_request(status="quarantined")
    before = state(request)

    def broken(*args):
        raise RuntimeError

    monkeypatch.setattr(notifications, "tell_received", broken)

    with pytest.raises(RuntimeError):
        triage.move(request, "new", by=coordinator)

    assert state(request) == before
