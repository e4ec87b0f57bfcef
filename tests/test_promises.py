"""Open promises follow every change of the hours they were counted with."""

from datetime import date, datetime, time
from zoneinfo import ZoneInfo

import pytest
from django.db import transaction

from consultations import clock
from practice.models import Closure, Location, OpeningHours

pytestmark = pytest.mark.django_db(transaction=True)

MONDAY = date(2026, 11, 16)


def at(text):
    return datetime.fromisoformat(text).replace(tzinfo=ZoneInfo("America/Chicago"))


def half_as_long(practice):
    practice.first_response_minutes = 120
    practice.save()


def in_denver(practice):
    practice.time_zone = "America/Denver"
    practice.save()


def close_for_the_day(practice):
    Closure.objects.create(first_day=MONDAY, last_day=MONDAY, reason="Burst pipe")


def open_later(practice):
    hours = OpeningHours.objects.get(weekday=0)
    hours.opens = time(11)
    hours.save()


def do_not_open(practice):
    OpeningHours.objects.get(weekday=0).delete()


def have_no_main_location(practice):
    location = Location.objects.get(is_main=True)
    location.is_main = False
    location.save()


CHANGES = {
    half_as_long: at("2026-11-16 12:00"),
    in_denver: at("2026-11-16 14:00"),  # Opens at 10 in Chicago's time.
    close_for_the_day: at("2026-11-17 13:00"),
    open_later: at("2026-11-16 15:00"),
    do_not_open: at("2026-11-17 13:00"),
    have_no_main_location: None,
}


@pytest.mark.parametrize(
    ("change", "promised"), CHANGES.items(), ids=[change.__name__ for change in CHANGES]
)
def test_a_saved_change_moves_the_open_promises(practice, a_request, change, promised):
    request = a_request(received_at=at("2026-11-16 10:00"))

    change(practice)

    request.refresh_from_db()
    assert request.respond_by == promised


def test_a_closure_that_is_taken_back_gives_the_old_promise_back(practice, a_request):
    request = a_request(received_at=at("2026-11-16 10:00"))
    close_for_the_day(practice)

    Closure.objects.get().delete()

    request.refresh_from_db()
    assert request.respond_by == at("2026-11-16 14:00")


def test_a_change_that_is_rolled_back_moves_nothing(practice, a_request):
    request = a_request(received_at=at("2026-11-16 10:00"))

    with transaction.atomic():
        close_for_the_day(practice)
        transaction.set_rollback(True)

    request.refresh_from_db()
    assert request.respond_by == at("2026-11-16 14:00")


def test_a_week_of_hours_saved_in_one_form_computes_once(practice, monkeypatch):
    computed = []
    monkeypatch.setattr(clock, "recompute_open_promises", lambda: computed.append(1))

    with transaction.atomic():
        for hours in OpeningHours.objects.all():
            hours.save()
        practice.save()

    assert len(computed) == 1


def test_a_fault_in_computing_does_not_undo_the_change(practice, monkeypatch):
    def broken():
        raise RuntimeError

    monkeypatch.setattr(clock, "recompute_open_promises", broken)

    close_for_the_day(practice)

    assert Closure.objects.count() == 1
