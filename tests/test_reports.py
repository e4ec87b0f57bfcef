"""Figures about answering: what counts, and what the numbers mean."""

from datetime import UTC, date, datetime, timedelta

import pytest
from django.utils import timezone

from consultations.choices import Status
from consultations.figures import reports

pytestmark = pytest.mark.django_db
NOW = datetime(2026, 11, 18, 18, 0, tzinfo=UTC)  # A Wednesday.
WEEK = timedelta(weeks=1)


@pytest.mark.parametrize(
    ("minutes", "percent", "expected"),
    [
        ([], 50, None),
        ([7], 50, 7),
        ([7], 90, 7),
        ([1, 2], 50, 1),
        ([1, 2, 3], 50, 2),
        (list(range(1, 11)), 90, 9),
        (list(range(1, 12)), 90, 10),
        (list(range(1, 101)), 90, 90),
    ],
)
def test_a_percentile_is_the_nearest_rank(minutes, percent, expected):
    assert reports.percentile(minutes, len(minutes), percent) == expected


def test_spam_tests_and_duplicates_are_not_counted(practice, a_request):
    a_request(received_at=NOW - timedelta(days=1))
    for fields in (
        {"status": Status.SPAM},
        {"status": Status.QUARANTINED},
        {"status": Status.DUPLICATE},
        {"is_test": True},
    ):
        a_request(received_at=NOW - timedelta(days=1), **fields)

    assert reports.answering(NOW - WEEK, NOW, 240).received == 1


def test_the_span_holds_its_first_instant_and_not_its_last(practice, a_request):
    for moment in (NOW - WEEK, NOW - WEEK - timedelta(seconds=1), NOW, NOW - timedelta(seconds=1)):
        a_request(received_at=moment)

    assert reports.answering(NOW - WEEK, NOW, 240).received == 2


def test_an_answer_in_the_promised_minute_is_in_time_and_one_later_is_not(practice, a_request):
    for minutes in (239, 240, 241, None):
        a_request(
            received_at=NOW - timedelta(days=1),
            response_minutes=minutes,
            first_response_at=NOW if minutes else None,
        )

    figures = reports.answering(NOW - WEEK, NOW, 240)

    assert (figures.received, figures.answered, figures.in_time) == (4, 3, 2)
    assert (figures.median, figures.ninetieth) == (240, 241)
    assert figures.percent_in_time == 50  # The fourth waits longer than promised.


def test_who_still_waits_beyond_the_promise_counts_against_it(practice, a_request):
    came = NOW - timedelta(days=1)
    for minutes in (10, 300):
        a_request(received_at=came, response_minutes=minutes, first_response_at=NOW)
    a_request(received_at=came, respond_by=NOW - timedelta(minutes=1))
    a_request(received_at=came, respond_by=NOW - timedelta(minutes=1), status=Status.ATTEMPTING)
    for fields in (
        {"respond_by": NOW},  # Not late before the minute is over.
        {"respond_by": NOW - timedelta(hours=1), "is_test": True},
        {"respond_by": NOW - timedelta(hours=1), "status": Status.QUARANTINED},
        {"respond_by": NOW - timedelta(hours=1), "status": Status.DUPLICATE},
        {"respond_by": NOW - timedelta(hours=1), "received_at": NOW - 2 * WEEK},
    ):
        a_request(**({"received_at": came} | fields))

    figures = reports.answering(NOW - WEEK, NOW, 240)

    assert (figures.in_time, figures.late, figures.due) == (1, 2, 4)
    assert figures.percent_in_time == 25


def test_where_nothing_was_due_there_is_no_percentage(practice, a_request):
    a_request(received_at=NOW - timedelta(minutes=1), respond_by=NOW + timedelta(hours=3))

    assert reports.answering(NOW - WEEK, NOW, 240).percent_in_time is None


def test_twelve_weeks_are_there_even_when_nothing_came(practice, a_request):
    a_request(received_at=NOW - timedelta(days=1), first_response_at=NOW)
    a_request(received_at=NOW - timedelta(weeks=5))
    a_request(received_at=NOW - timedelta(weeks=40))
    a_request(received_at=datetime(2026, 11, 9, 0, 0, tzinfo=UTC))

    weeks = reports.weekly_numbers(NOW)

    assert len(weeks) == 12
    assert [week["week"].weekday() for week in weeks] == [0] * 12
    assert weeks[-1] == {"week": date(2026, 11, 16), "received": 1, "answered": 1}
    assert weeks[-2] == {"week": date(2026, 11, 9), "received": 1, "answered": 0}
    assert sum(week["received"] for week in weeks) == 3


def test_a_week_with_a_clock_change_is_an_hour_longer(practice, a_request):
    # Clocks went back on Sunday, November 1: this is Sunday 23:59 by the wall, then Monday.
    a_request(received_at=datetime(2026, 11, 2, 5, 59, tzinfo=UTC))
    a_request(received_at=datetime(2026, 11, 2, 6, 0, tzinfo=UTC))

    with timezone.override("America/Chicago"):
        weeks = reports.weekly_numbers(NOW)

    assert [week["received"] for week in weeks[-4:]] == [1, 1, 0, 0]


def test_requests_are_counted_by_procedure_and_source(practice, procedure, a_request):
    a_request(received_at=NOW, procedure=procedure, origin="procedure")
    a_request(received_at=NOW, procedure=procedure, origin="procedure")
    a_request(received_at=NOW, procedure=None, origin="phone")

    assert reports.by_procedure(NOW - WEEK) == [(procedure.name, 2), ("Not named", 1)]
    assert reports.by_origin(NOW - WEEK) == [("Procedure page", 2), ("Phone call", 1)]


@pytest.mark.parametrize(
    ("age", "label"),
    [
        (timedelta(hours=23, minutes=59), "Under 1 day"),
        (timedelta(days=1), "1 to 3 days"),
        (timedelta(days=3), "3 to 7 days"),
        (timedelta(days=7), "7 to 30 days"),
        (timedelta(days=30), "Over 30 days"),
    ],
)
def test_open_requests_are_counted_by_age(practice, a_request, age, label):
    a_request(received_at=NOW - age)
    a_request(received_at=NOW - age, status=Status.CLOSED, close_reason="no_reply")

    counted = dict(reports.open_by_age(NOW))

    assert counted[label] == 1
    assert sum(counted.values()) == 1
