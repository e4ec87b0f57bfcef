"""Follow-ups and days on which nobody is there to see them."""

from datetime import UTC, date, datetime

import pytest
import time_machine

from practice.models import Closure

pytestmark = pytest.mark.django_db
REQUESTS = "/admin/consultations/consultationrequest/"
# Thanksgiving is the Thursday, the practice is closed until Monday.
WEDNESDAY = datetime(2026, 11, 25, 16, 0, tzinfo=UTC)
MONDAY = datetime(2026, 11, 30, 16, 0, tzinfo=UTC)


@pytest.fixture(autouse=True)
def clock():
    with time_machine.travel(WEDNESDAY, tick=False) as clock:
        yield clock


@pytest.fixture
def row(a_request, coordinator):
    Closure.objects.create(
        reason="Thanksgiving", first_day=date(2026, 11, 26), last_day=date(2026, 11, 27)
    )
    return a_request(status="in_contact", owner=coordinator)


@pytest.fixture
def plan(row, coordinator, signed_in):
    client = signed_in(coordinator)

    def plan(day):
        sent = {"seen_status": row.status, "seen_owner": row.owner_id, "seen_follow_up": ""}
        answer = client.post(f"{REQUESTS}{row.pk}/note/", sent | {"follow_up_on": day}, follow=True)
        return answer.content.decode()

    return plan


@pytest.mark.parametrize("day", ["2026-11-26", "2026-11-27", "2026-11-28", "2026-11-29"])
def test_who_plans_for_a_closed_day_is_told_which_day_it_will_be(plan, row, day):
    shown = plan(day)

    assert "The follow-up is saved." in shown
    assert "We are closed that day" in shown
    assert "for Mon Nov\N{NO-BREAK SPACE}30" in shown
    row.refresh_from_db()
    assert str(row.follow_up_on) == day  # As it was typed: somebody may work on a Saturday.


@pytest.mark.parametrize("day", ["2026-11-30", "2026-12-01", ""])
def test_of_an_ordinary_day_nothing_is_said(plan, day):
    assert "We are closed that day" not in plan(day)


def test_without_opening_hours_no_day_is_a_closed_one(plan, location):
    location.hours.all().delete()

    assert "We are closed that day" not in plan("2026-11-28")


def test_on_monday_what_fell_on_the_closed_days_is_there_and_is_not_called_overdue(
    plan, row, coordinator, signed_in, clock
):
    plan("2026-11-28")
    clock.move_to(MONDAY)
    client = signed_in(coordinator)

    listed = client.get(f"{REQUESTS}?view=follow-up").content.decode()
    assert row.reference in listed
    assert "Sat Nov\N{NO-BREAK SPACE}28, a closed day" in listed
    assert "overdue" not in listed
    assert "overdue" not in client.get(f"{REQUESTS}{row.pk}/change/").content.decode()


def test_what_was_open_and_not_done_is_overdue(plan, row, coordinator, signed_in, clock):
    plan("2026-11-25")
    clock.move_to(MONDAY)

    listed = signed_in(coordinator).get(f"{REQUESTS}?view=follow-up").content.decode()

    assert "Wed Nov\N{NO-BREAK SPACE}25, overdue" in listed


def test_what_fell_on_a_closed_day_is_overdue_once_an_open_one_has_passed(
    plan, row, coordinator, signed_in, clock
):
    plan("2026-11-28")
    clock.move_to(datetime(2026, 12, 1, 16, 0, tzinfo=UTC))

    listed = signed_in(coordinator).get(f"{REQUESTS}?view=follow-up").content.decode()

    assert "Sat Nov\N{NO-BREAK SPACE}28, overdue" in listed
