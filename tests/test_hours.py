"""Working time, mostly as tables of boundaries. All of it pure: no database is touched.

Most use one calendar: Chicago, Monday to Thursday 9–12 and 13–17, Friday 9–15, closed on
Thursday 26 and Friday 27 November 2026.
"""

from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from practice.hours import (
    HORIZON,
    Calendar,
    NeverOpen,
    add_working_minutes,
    working_minutes_between,
)

pytestmark = pytest.mark.once

CHICAGO = ZoneInfo("America/Chicago")
BERLIN = ZoneInfo("Europe/Berlin")
FULL_DAY = [(time(9), time(12)), (time(13), time(17))]
WEEK = {0: FULL_DAY, 1: FULL_DAY, 2: FULL_DAY, 3: FULL_DAY, 4: [(time(9), time(15))]}
THANKSGIVING = ((date(2026, 11, 26), date(2026, 11, 27)),)
CALENDAR = Calendar(CHICAGO, WEEK, THANKSGIVING)
NIGHT_SHIFT = {6: [(time(0), time(6))]}  # Sundays, across every change of the clocks.


def at(text, zone=CHICAGO):
    """“2026-11-16 09:00:00” on the wall clock of `zone`."""
    return datetime.fromisoformat(text).replace(tzinfo=zone)


def is_open(calendar, moment):
    """Whether time that begins then is counted from that instant on."""
    return add_working_minutes(at(moment), 0, calendar) == at(moment)


# --- Adding -----------------------------------------------------------------------------------

# Monday is 2026-11-16.
ADDING = {
    "in the middle of the morning": ("2026-11-16 09:30", 60, "2026-11-16 10:30"),
    "at the opening second": ("2026-11-16 09:00:00", 60, "2026-11-16 10:00"),
    "one second before opening": ("2026-11-16 08:59:59", 60, "2026-11-16 10:00"),
    "one second after opening": ("2026-11-16 09:00:01", 60, "2026-11-16 10:00:01"),
    "at night": ("2026-11-16 03:00", 60, "2026-11-16 10:00"),
    "one second before closing": ("2026-11-16 16:59:59", 1, "2026-11-17 09:00:59"),
    "at the closing second": ("2026-11-16 17:00:00", 1, "2026-11-17 09:01"),
    "one second after closing": ("2026-11-16 17:00:01", 1, "2026-11-17 09:01"),
    "ending exactly at closing": ("2026-11-16 16:00", 60, "2026-11-16 17:00"),
    "ending a minute after closing": ("2026-11-16 16:00", 61, "2026-11-17 09:01"),
    "over lunch": ("2026-11-16 11:30", 60, "2026-11-16 13:30"),
    "ending exactly at lunch": ("2026-11-16 11:30", 30, "2026-11-16 12:00"),
    "a minute into the afternoon": ("2026-11-16 11:30", 31, "2026-11-16 13:01"),
    "at the first second of lunch": ("2026-11-16 12:00", 1, "2026-11-16 13:01"),
    "at the last second of lunch": ("2026-11-16 12:59:59", 1, "2026-11-16 13:01"),
    "Friday afternoon": ("2026-11-20 14:00", 240, "2026-11-23 12:00"),
    "Friday afternoon, a minute more": ("2026-11-20 14:00", 241, "2026-11-23 13:01"),
    "Saturday": ("2026-11-21 10:00", 30, "2026-11-23 09:30"),
    "Sunday, last second": ("2026-11-22 23:59:59", 30, "2026-11-23 09:30"),
    "the evening before a holiday": ("2026-11-25 16:30", 60, "2026-11-30 09:30"),
    "the first second of a holiday": ("2026-11-26 00:00", 60, "2026-11-30 10:00"),
    "the last day of a holiday": ("2026-11-27 14:59:59", 60, "2026-11-30 10:00"),
    "over a whole week": ("2026-11-16 09:00", (4 * 7 + 6) * 60 + 1, "2026-11-23 09:01"),
    "nothing, while open": ("2026-11-16 10:15:30", 0, "2026-11-16 10:15:30"),
    "nothing, while closed": ("2026-11-16 18:00", 0, "2026-11-17 09:00"),
    "nothing, at the closing second": ("2026-11-16 17:00", 0, "2026-11-17 09:00"),
}


@pytest.mark.parametrize(("start", "minutes", "end"), ADDING.values(), ids=ADDING.keys())
def test_minutes_are_counted_while_open(start, minutes, end):
    assert add_working_minutes(at(start), minutes, CALENDAR) == at(end)


def test_the_result_is_in_utc_wherever_the_start_comes_from():
    tokyo = at("2026-11-16 09:30").astimezone(ZoneInfo("Asia/Tokyo"))

    end = add_working_minutes(tokyo, 60, CALENDAR)

    assert end == at("2026-11-16 10:30")
    assert end.tzinfo is UTC


def test_a_closure_of_one_day_closes_that_day_and_no_other():
    calendar = Calendar(CHICAGO, WEEK, ((date(2026, 11, 17), date(2026, 11, 17)),))

    assert add_working_minutes(at("2026-11-16 16:59"), 2, calendar) == at("2026-11-18 09:01")
    assert is_open(calendar, "2026-11-16 16:59:59")
    assert not is_open(calendar, "2026-11-17 10:00")
    assert is_open(calendar, "2026-11-18 09:00")


def test_negative_minutes_are_refused():
    with pytest.raises(ValueError, match="negative"):
        add_working_minutes(at("2026-11-16 10:00"), -1, CALENDAR)


NEVER = {
    "no opening hours at all": Calendar(CHICAGO, {}),
    "days without an opening": Calendar(CHICAGO, {0: []}),
    "closed for years": Calendar(CHICAGO, WEEK, ((date(2020, 1, 1), date(2040, 1, 1)),)),
}


@pytest.mark.parametrize("calendar", NEVER.values(), ids=NEVER.keys())
@pytest.mark.parametrize("minutes", [0, 1])
def test_a_practice_that_never_opens_cannot_promise(calendar, minutes):
    with pytest.raises(NeverOpen):
        add_working_minutes(at("2026-11-16 10:00"), minutes, calendar)


def test_more_minutes_than_the_horizon_holds_are_refused_rather_than_counted_for_ever():
    one_hour_a_week = Calendar(CHICAGO, {0: [(time(9), time(10))]})
    start = at("2026-11-16 09:00")
    weeks = HORIZON.days // 7 + 1

    assert add_working_minutes(start, weeks * 60, one_hour_a_week) > start
    with pytest.raises(NeverOpen):
        add_working_minutes(start, (weeks + 1) * 60, one_hour_a_week)


def test_an_opening_400_days_away_is_found_and_a_later_one_is_not():
    start, monday = at("2026-11-16 10:00"), date(2026, 11, 16)
    first = at("2027-12-21 09:00")

    def closed_until(day):
        return Calendar(CHICAGO, dict.fromkeys(range(7), FULL_DAY), [(monday, day)])

    assert first.date() - monday == timedelta(days=400)
    assert add_working_minutes(start, 0, closed_until(date(2027, 12, 20))) == first
    with pytest.raises(NeverOpen):
        add_working_minutes(start, 0, closed_until(date(2027, 12, 21)))


# --- Open or closed ---------------------------------------------------------------------------

MOMENTS = {
    "one second before opening": ("2026-11-16 08:59:59", False),
    "opening second": ("2026-11-16 09:00:00", True),
    "last second before lunch": ("2026-11-16 11:59:59", True),
    "first second of lunch": ("2026-11-16 12:00:00", False),
    "end of lunch": ("2026-11-16 13:00:00", True),
    "one second before closing": ("2026-11-16 16:59:59", True),
    "closing second": ("2026-11-16 17:00:00", False),
    "Saturday": ("2026-11-21 10:00", False),
    "eve of the holiday": ("2026-11-25 16:59:59", True),
    "first day of the holiday": ("2026-11-26 10:00", False),
    "last day of the holiday": ("2026-11-27 10:00", False),
    "the first day back": ("2026-11-30 09:00", True),
}


@pytest.mark.parametrize(("moment", "expected"), MOMENTS.values(), ids=MOMENTS.keys())
def test_an_opening_has_its_first_second_and_not_its_last(moment, expected):
    assert is_open(CALENDAR, moment) is expected


# --- The clocks change ------------------------------------------------------------------------

# In 2026: Chicago on 8 March and 1 November, Berlin on 29 March and 25 October; all Sundays.
CLOCK_CHANGES = {
    "Chicago, an hour is left out": (CHICAGO, "2026-03-08", 5),
    "Chicago, an hour comes twice": (CHICAGO, "2026-11-01", 7),
    "Berlin, an hour is left out": (BERLIN, "2026-03-29", 5),
    "Berlin, an hour comes twice": (BERLIN, "2026-10-25", 7),
    "Berlin, when only Chicago changes": (BERLIN, "2026-03-08", 6),
    "Chicago, when only Berlin changes": (CHICAGO, "2026-03-29", 6),
}


@pytest.mark.parametrize(
    ("zone", "sunday", "hours"), CLOCK_CHANGES.values(), ids=CLOCK_CHANGES.keys()
)
def test_a_night_on_which_the_clocks_change_is_as_long_as_it_really_was(zone, sunday, hours):
    calendar = Calendar(zone, NIGHT_SHIFT)
    opens, closes = at(f"{sunday} 00:00", zone), at(f"{sunday} 06:00", zone)

    assert working_minutes_between(opens, closes, calendar) == hours * 60
    assert add_working_minutes(opens, hours * 60, calendar) == closes
    assert add_working_minutes(opens, hours * 60 + 1, calendar) > closes + timedelta(days=6)


@pytest.mark.parametrize(
    ("friday", "monday"),
    [("2026-03-06 16:30", "2026-03-09 09:30"), ("2026-10-30 16:30", "2026-11-02 09:30")],
    ids=["spring", "autumn"],
)
def test_wall_clock_hours_stay_the_same_over_a_weekend_with_a_clock_change(friday, monday):
    calendar = Calendar(CHICAGO, {day: [(time(9), time(17))] for day in range(5)})

    assert add_working_minutes(at(friday), 60, calendar) == at(monday)
    assert working_minutes_between(at(friday), at(monday), calendar) == 60


def test_opening_hours_inside_the_hour_that_is_left_out_never_count_backwards():
    # 2:30 does not exist on 8 March 2026 and stands for 3:30, which is after 3:15.
    calendar = Calendar(CHICAGO, {6: [(time(2, 30), time(3, 15))], 0: [(time(9), time(17))]})
    start = at("2026-03-08 00:00")

    assert working_minutes_between(start, at("2026-03-09 10:00"), calendar) == 60
    assert add_working_minutes(start, 60, calendar) == at("2026-03-09 10:00")


# --- Counting ---------------------------------------------------------------------------------

COUNTING = {
    "nothing": ("2026-11-16 10:00", "2026-11-16 10:00", 0),
    "within a morning": ("2026-11-16 09:00", "2026-11-16 10:30", 90),
    "59 seconds are no minute": ("2026-11-16 09:00", "2026-11-16 09:00:59", 0),
    "60 seconds are one": ("2026-11-16 09:00", "2026-11-16 09:01:00", 1),
    "from before opening": ("2026-11-16 06:00", "2026-11-16 09:01", 1),
    "to after closing": ("2026-11-16 16:59", "2026-11-16 23:00", 1),
    "from the closing second": ("2026-11-16 17:00", "2026-11-17 09:00", 0),
    "from one second before closing": ("2026-11-16 16:59:59", "2026-11-17 09:00:59", 1),
    "over lunch": ("2026-11-16 11:59", "2026-11-16 13:01", 2),
    "lunch itself": ("2026-11-16 12:00", "2026-11-16 13:00", 0),
    "a whole day": ("2026-11-16 00:00", "2026-11-17 00:00", 7 * 60),
    "a weekend": ("2026-11-20 15:00", "2026-11-23 09:00", 0),
    "over a weekend": ("2026-11-20 14:59", "2026-11-23 09:01", 2),
    "a holiday": ("2026-11-25 17:00", "2026-11-30 09:00", 0),
    "over a holiday": ("2026-11-25 16:59", "2026-11-30 09:01", 2),
    "a whole week": ("2026-11-16 09:00", "2026-11-23 09:00", (4 * 7 + 6) * 60),
    # Over the end of daylight saving time.
    "a quarter": ("2026-08-31 00:00", "2026-11-23 00:00", 12 * 34 * 60),
}


@pytest.mark.parametrize(("start", "end", "minutes"), COUNTING.values(), ids=COUNTING.keys())
def test_working_minutes_between_two_moments(start, end, minutes):
    assert working_minutes_between(at(start), at(end), CALENDAR) == minutes


@pytest.mark.parametrize(("start", "end", "minutes"), COUNTING.values(), ids=COUNTING.keys())
def test_working_minutes_backwards_are_the_same_with_a_minus(start, end, minutes):
    assert working_minutes_between(at(end), at(start), CALENDAR) == -minutes


def test_nothing_is_worked_where_nobody_works():
    calendar = Calendar(CHICAGO, {})

    assert working_minutes_between(at("2026-01-01 00:00"), at("2026-06-01 00:00"), calendar) == 0


# --- Rules that hold for every calendar -------------------------------------------------------

quarters = st.integers(0, 4 * 24 - 1)


@st.composite
def openings(draw):
    """One or two openings of one day, apart from each other."""
    marks = sorted(draw(st.sets(quarters, min_size=2, max_size=4)))
    if len(marks) == 3:
        marks.pop()
    times = [time(mark // 4, mark % 4 * 15) for mark in marks]
    return list(zip(times[::2], times[1::2], strict=True))


calendars = st.builds(
    Calendar,
    st.sampled_from([CHICAGO, BERLIN, ZoneInfo("Australia/Lord_Howe"), ZoneInfo("UTC")]),
    st.dictionaries(st.integers(0, 6), openings(), min_size=1),
    st.lists(
        st.dates(date(2026, 1, 1), date(2026, 12, 31)).map(lambda day: (day, day)), max_size=3
    ).map(tuple),
)
moments = st.timedeltas(timedelta(0), timedelta(days=365)).map(
    lambda passed: datetime(2026, 1, 1, tzinfo=UTC) + passed
)
minutes = st.integers(0, 5_000)


def added(start, number, calendar):
    try:
        return add_working_minutes(start, number, calendar)
    except NeverOpen:
        assume(False)


@settings(max_examples=200, deadline=None)
@given(moments, minutes, calendars)
def test_what_was_added_is_counted_again(start, number, calendar):
    end = added(start, number, calendar)

    assert end >= start
    assert working_minutes_between(start, end, calendar) == number


@settings(max_examples=200, deadline=None)
@given(moments, st.timedeltas(timedelta(0), timedelta(days=9)), minutes, calendars)
def test_who_comes_later_is_not_promised_an_earlier_time(start, delay, number, calendar):
    assert added(start, number, calendar) <= added(start + delay, number, calendar)


@settings(max_examples=200, deadline=None)
@given(moments, minutes, minutes, calendars)
def test_more_minutes_never_end_earlier(start, number, more, calendar):
    assert added(start, number, calendar) <= added(start, number + more, calendar)
