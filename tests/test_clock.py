"""The promise of a first reply, in the hours of the `practice` fixture: Mon–Fri 9–17, 4 h."""

from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

import pytest

from consultations import clock
from consultations.models import ConsultationRequest, Status
from practice.models import Closure, Location, OpeningHours

pytestmark = pytest.mark.django_db

CHICAGO = ZoneInfo("America/Chicago")


def at(text):
    """“2026-11-16 09:00:00” on the practice's wall clock; that day is a Monday."""
    return datetime.fromisoformat(text).replace(tzinfo=CHICAGO)


PROMISES = {
    "in the morning": ("2026-11-16 10:00", "2026-11-16 14:00"),
    "at the opening second": ("2026-11-16 09:00:00", "2026-11-16 13:00:00"),
    "so that it ends at closing": ("2026-11-16 13:00:00", "2026-11-16 17:00:00"),
    "a second later": ("2026-11-16 13:00:01", "2026-11-17 09:00:01"),
    "in the afternoon": ("2026-11-16 15:30", "2026-11-17 11:30"),
    "at the closing second": ("2026-11-16 17:00", "2026-11-17 13:00"),
    "in the evening": ("2026-11-16 21:00", "2026-11-17 13:00"),
    "at night": ("2026-11-17 03:00", "2026-11-17 13:00"),
    "on Friday afternoon": ("2026-11-20 16:00", "2026-11-23 12:00"),
    "on Saturday": ("2026-11-21 12:00", "2026-11-23 13:00"),
    "before the clocks change": ("2026-10-30 16:00", "2026-11-02 12:00"),
    "on the day before a holiday": ("2026-11-25 16:00", "2026-11-30 12:00"),
    "on a holiday": ("2026-11-26 10:00", "2026-11-30 13:00"),
}


@pytest.fixture
def thanksgiving(practice):
    Closure.objects.create(
        first_day=date(2026, 11, 26), last_day=date(2026, 11, 27), reason="Thanksgiving"
    )


@pytest.mark.parametrize(("received", "promised"), PROMISES.values(), ids=PROMISES.keys())
def test_the_promise_for_a_request_received(practice, thanksgiving, received, promised):
    assert clock.promise(practice, at(received)) == at(promised)


def test_the_practice_says_how_long_a_reply_takes(practice):
    practice.first_response_minutes = 30

    assert clock.promise(practice, at("2026-11-16 16:45")) == at("2026-11-17 09:15")


def test_only_closures_of_the_main_location_and_of_the_whole_practice_count(practice, location):
    other = Location.objects.create(name="Branch", slug="branch", street="2 Street", city="Waco")
    for place, day in ((other, 16), (location, 17), (None, 18)):
        Closure.objects.create(
            location=place,
            first_day=date(2026, 11, day),
            last_day=date(2026, 11, day),
            reason="Repairs",
        )

    assert clock.promise(practice, at("2026-11-16 10:00")) == at("2026-11-16 14:00")
    assert clock.promise(practice, at("2026-11-17 10:00")) == at("2026-11-19 13:00")


@pytest.mark.parametrize("model", [OpeningHours, Location], ids=["no hours", "no location"])
def test_without_opening_hours_there_is_no_promise_and_no_error(practice, model):
    model.objects.all().delete()

    assert clock.promise(practice, at("2026-11-16 10:00")) is None


def test_a_practice_that_is_closed_for_good_promises_nothing(practice):
    Closure.objects.create(
        first_day=date(2026, 1, 1), last_day=date(2030, 1, 1), reason="We have moved away"
    )

    assert clock.promise(practice, at("2026-11-16 10:00")) is None


# --- How a promise stands ---------------------------------------------------------------------

# Promised by Monday 14:00.
STANDING = {
    "just received": ("2026-11-16 10:00:00", "due in 4 h", False),
    "59 seconds on": ("2026-11-16 10:00:59", "due in 3 h 59 min", False),
    "one hour left": ("2026-11-16 13:00:00", "due in 1 h", False),
    "a minute left": ("2026-11-16 13:59:00", "due in 1 min", False),
    "a second left": ("2026-11-16 13:59:59", "due now", False),
    "at the promised second": ("2026-11-16 14:00:00", "due now", False),
    "a second late": ("2026-11-16 14:00:01", "late", True),
    "a minute late": ("2026-11-16 14:01:00", "1 min late", True),
    "late at closing": ("2026-11-16 17:00:00", "3 h late", True),
    "no later at night": ("2026-11-17 03:00:00", "3 h late", True),
    "a morning late": ("2026-11-17 09:40:00", "3 h 40 min late", True),
}


@pytest.mark.parametrize(("now", "words", "is_late"), STANDING.values(), ids=STANDING.keys())
def test_how_a_promise_stands_in_words(practice, a_request, now, words, is_late):
    request = a_request(received_at=at("2026-11-16 10:00"))

    due = clock.due(request, practice.calendar(), at(now))

    assert (due.words, due.is_late) == (words, is_late)
    # The inbox's query and the words must never disagree.
    assert ConsultationRequest.objects.late(at(now)).exists() is is_late


def test_the_arithmetic_is_told_in_practice_time(practice, a_request):
    request = a_request(received_at=at("2026-11-16 10:00").astimezone(UTC))

    due = clock.due(request, practice.calendar(), at("2026-11-17 09:40").astimezone(UTC))

    assert " ".join(due.arithmetic.split()) == (
        "Received Mon Nov 16, 10:00 AM, promised by Mon Nov 16, 2:00 PM, "
        "now Tue Nov 17, 9:40 AM (practice time): 3 h 40 min of opening hours between."
    )


NO_CLOCK = {
    "answered": {"status": "attempting", "first_response_at": at("2026-11-16 11:00")},
    "in contact": {"status": "in_contact"},
    "closed": {"status": "closed"},
    "quarantined": {"status": "quarantined"},
    "without a promise": {"respond_by": None},
}


@pytest.mark.parametrize("fields", NO_CLOCK.values(), ids=NO_CLOCK.keys())
def test_no_clock_runs_for_what_needs_no_first_reply(practice, a_request, fields):
    request = a_request(received_at=at("2026-11-16 10:00"), **fields)

    assert clock.due(request, practice.calendar(), at("2026-11-20 10:00")) is None
    assert not ConsultationRequest.objects.late(at("2026-11-20 10:00")).exists()


@pytest.mark.parametrize(
    ("minutes", "words"),
    [(0, "0 min"), (1, "1 min"), (59, "59 min"), (60, "1 h"), (61, "1 h 1 min"), (600, "10 h")],
)
def test_minutes_in_words(minutes, words):
    assert clock.in_words(minutes) == words


# --- When hours change ------------------------------------------------------------------------


def promises():
    return {r.pk: r.respond_by for r in ConsultationRequest.objects.all()}


def test_new_hours_move_the_promises_that_are_still_open_and_no_others(practice, a_request):
    received = at("2026-11-16 10:00")
    waiting = [a_request(received_at=received, status=s) for s in ("new", "attempting")]
    a_request(received_at=received, status="new", first_response_at=received)
    for status in set(Status.values) - {"new", "attempting"}:
        a_request(received_at=received, status=status)
    before = promises()

    OpeningHours.objects.update(opens=time(8), closes=time(12))
    changed = clock.recompute_open_promises()

    assert changed == 2
    moved = {pk: moment for pk, moment in promises().items() if moment != before[pk]}
    assert moved == {request.pk: at("2026-11-17 10:00") for request in waiting}


def test_computing_the_promises_again_changes_nothing(practice, a_request):
    a_request(received_at=at("2026-11-16 10:00"))
    OpeningHours.objects.update(opens=time(8), closes=time(12))

    assert clock.recompute_open_promises() == 1
    assert clock.recompute_open_promises() == 0


def test_without_hours_the_open_promises_are_taken_back_and_later_made_again(practice, a_request):
    request = a_request(received_at=at("2026-11-16 10:00"))
    moved_away = Closure.objects.create(
        first_day=date(2026, 1, 1), last_day=date(2030, 1, 1), reason="Moved"
    )

    clock.recompute_open_promises()
    assert promises() == {request.pk: None}

    moved_away.delete()
    clock.recompute_open_promises()
    assert promises() == {request.pk: at("2026-11-16 14:00")}


def test_many_open_promises_take_few_queries(practice, a_request, django_assert_max_num_queries):
    for _ in range(30):
        a_request(received_at=at("2026-11-16 10:00"))
    OpeningHours.objects.update(opens=time(8), closes=time(12))

    with django_assert_max_num_queries(8):
        assert clock.recompute_open_promises() == 30


def test_late_means_later_than_promised_to_the_second(a_request):
    promised = a_request(received_at=at("2026-11-16 10:00")).respond_by

    assert not ConsultationRequest.objects.late(promised).exists()
    assert ConsultationRequest.objects.late(promised + timedelta(seconds=1)).exists()
