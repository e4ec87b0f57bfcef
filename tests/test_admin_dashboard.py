"""The admin's first page: today's work, and figures for those who may see them."""

from datetime import UTC, date, datetime, timedelta

import pytest
import time_machine
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from consultations.admin import dashboard, drawings
from consultations.figures import kept_figures
from consultations.models import KeptFigures
from practice.management.commands import run_worker

HOME = "/admin/"
# A Wednesday at noon in Chicago.
NOON = datetime(2026, 3, 4, 18, 0, tzinfo=UTC)


@pytest.fixture(autouse=True)
def at_noon():
    with time_machine.travel(NOON, tick=False):
        yield


def shown(client):
    return client.get(HOME).content.decode()


def ago(**span):
    return NOON - timedelta(**span)


def test_a_coordinator_sees_today_and_what_is_late_but_no_figures(
    signed_in, coordinator, a_request
):
    late = a_request(full_name="Late Person", received_at=ago(days=2))
    page = shown(signed_in(coordinator))
    assert "Requests today" in page
    assert f"/consultationrequest/{late.pk}/change/" in page
    assert "Late Person" in page
    assert "First replies in" not in page


def test_the_late_list_is_short_and_the_longest_wait_is_first(signed_in, coordinator, a_request):
    for number in range(10):
        a_request(full_name=f"Late {number}", received_at=ago(days=10 - number))
    page = shown(signed_in(coordinator))
    listed = [number for number in range(10) if f">Late {number}<" in page]
    assert listed == list(range(8))


def test_a_surgeon_s_first_page_is_about_their_own(signed_in, surgeon_user, surgeon, a_request):
    a_request(full_name="Theirs", surgeon=surgeon, received_at=ago(days=2))
    a_request(full_name="Not theirs", received_at=ago(days=3))
    page = shown(signed_in(surgeon_user))
    assert "Theirs" in page
    assert "Not theirs" not in page


def test_a_manager_sees_median_and_ninetieth_against_the_promise(
    signed_in, manager, a_request, procedure
):
    for minutes in (30, 60, 90, 120, 600):
        a_request(
            received_at=ago(days=3),
            first_response_at=ago(days=2),
            response_minutes=minutes,
            status="in_contact",
            procedure=procedure,
            origin="procedure",
        )
    a_request(is_test=True, response_minutes=1, first_response_at=NOON, status="in_contact")
    a_request(status="spam", response_minutes=1)
    figures = dashboard.figures()
    assert [each["words"] for each in figures["times"]] == ["1 h 30 min", "10 h"]
    assert [each["is_kept"] for each in figures["times"]] == [True, False]
    assert (figures["received"], figures["answered"], figures["in_time"]) == (5, 5, 80)
    page = shown(signed_in(manager))
    assert "1 h 30 min" in page
    assert "beyond the promise" in page
    assert "Rhinoplasty" in page
    assert "Procedure page" in page


def test_the_percentage_is_of_all_that_was_due(signed_in, manager, a_request):
    for _ in range(3):
        a_request(
            received_at=ago(days=3),
            first_response_at=ago(days=2),
            response_minutes=30,
            status="in_contact",
        )
    a_request(received_at=ago(days=3))
    page = " ".join(shown(signed_in(manager)).split())
    assert "Of the 4 answered or overdue, 3 kept the promise" in page
    assert "<strong>75 %</strong>" in page
    assert "1 still waits" in page


def test_figures_kept_by_the_version_before_are_counted_anew(signed_in, manager, a_request):
    kept_figures.count_anew()
    kept = KeptFigures.objects.get()
    del kept.values["due"]
    kept.save()
    a_request(received_at=ago(minutes=1))
    assert "1 received, 0 answered" in shown(signed_in(manager))


def test_the_chart_is_a_picture_with_words_and_the_same_numbers_as_a_table(
    signed_in, manager, a_request
):
    a_request(received_at=ago(days=1), first_response_at=NOON, status="in_contact")
    a_request(received_at=ago(days=1))
    page = shown(signed_in(manager))
    assert 'role="img"' in page
    assert "2 received and 1 answered in all" in page
    assert "<details>" in page
    assert '<th scope="row">Mar 2</th><td>2</td><td>1</td>' in page
    assert "style=" not in page.partition("figures-heading")[2].partition("</section>")[0]


def test_bars_and_columns_are_in_proportion():
    table = drawings.bars("T", "H", [("a", 10), ("b", 5), ("c", 0)])
    assert [row["width"] for row in table["rows"]] == [100, 50, 0]
    weeks = [{"week": date(2026, 1, 5), "received": 4, "answered": 2}] * 12
    drawn = drawings.weeks(weeks)["weeks"][0]
    assert drawn["answered_height"] == drawn["received_height"] / 2
    empty = drawings.weeks([{"week": date(2026, 1, 5), "received": 0, "answered": 0}] * 12)
    assert empty["weeks"][0]["received_height"] == 0
    assert drawings.bars("T", "H", [])["rows"] == []


def test_the_kept_figures_hold_nobody(signed_in, manager, a_request):
    row = a_request(full_name="Marker Person", email="marker@example.com")
    shown(signed_in(manager))
    kept = str(vars(KeptFigures.objects.get()))
    assert "received" in kept
    for mark in ("Marker", "marker", row.reference, row.message):
        assert mark not in kept


def test_the_page_shows_what_the_worker_counted_and_when(signed_in, manager, a_request):
    client = signed_in(manager)
    kept_figures.count_anew()
    a_request(received_at=ago(minutes=1))
    assert "0 received, 0 answered" in shown(client)
    assert "Counted at 12:00 PM." in shown(client)
    {job.name: job.run for job in run_worker.JOBS}["count the figures"]()
    assert "1 received, 0 answered" in shown(client)


@pytest.mark.parametrize(
    ("age", "is_counted_anew"),
    [
        (timedelta(0), False),
        (kept_figures.KEPT_FOR - timedelta(seconds=1), False),
        (kept_figures.KEPT_FOR, True),
        (timedelta(days=3), True),
        (timedelta(minutes=-1), True),  # Kept by a server whose clock was ahead.
    ],
)
def test_without_a_worker_the_page_counts_for_itself(
    signed_in, manager, a_request, age, is_counted_anew
):
    client = signed_in(manager)
    kept_figures.count_anew()
    KeptFigures.objects.update(made_at=NOON - age)
    a_request(received_at=ago(minutes=1))
    assert ("1 received, 0 answered" in shown(client)) is is_counted_anew


def test_weeks_and_days_are_the_practice_s_whoever_counts(practice, a_request):
    # Sunday evening in Chicago, when it is Monday by UTC.
    a_request(received_at=datetime(2026, 3, 2, 3, 0, tzinfo=UTC))
    with timezone.override("Asia/Tokyo"):
        weeks = kept_figures.count_anew().values["weeks"]
    assert [week["received"] for week in weeks[-2:]] == [1, 0]


def test_an_editor_sees_pages_to_read_again_and_no_requests(
    signed_in, editor, coordinator, procedure, a_request
):
    procedure.review_due = date(2026, 1, 1)
    procedure.save()
    page = shown(signed_in(editor))
    assert "Pages to read again" in page
    assert f"/procedures/procedure/{procedure.pk}/change/" in page
    assert "Requests today" not in page
    assert "Pages to read again" not in shown(signed_in(coordinator))


def test_an_auditor_sees_neither(signed_in, auditor, a_request):
    page = shown(signed_in(auditor))
    assert "Requests today" not in page
    assert "First replies" not in page


def test_an_empty_site_has_a_first_page(signed_in, manager, practice):
    assert "0 received, 0 answered" in shown(signed_in(manager))


def test_queries_do_not_grow(signed_in, manager, coordinator, a_request, procedure):
    client = signed_in(manager)

    def add(number):
        for _ in range(number):
            a_request(received_at=ago(days=2), procedure=procedure, owner=coordinator)

    def queries():
        with CaptureQueriesContext(connection) as captured:
            client.get(HOME)
        return len(captured)

    add(2)
    queries()
    few = queries()
    add(20)
    assert queries() == few
    assert few <= 26
