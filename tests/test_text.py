"""How words, numbers and days are written on pages."""

from datetime import date
from html import unescape

import pytest

from practice.templatetags.text import markdown, phone, to_day


@pytest.mark.django_db
def test_a_number_abroad_keeps_its_country(practice):
    practice.phone = "+44 20 7946 0018"
    practice.full_clean()

    assert phone(practice.phone) == "+44 20 7946 0018".replace(" ", "\N{NO-BREAK SPACE}")
    assert phone(None) == ""


@pytest.mark.parametrize(
    ("first", "last", "words"),
    [
        ("2026-12-24", "2026-12-24", "December 24, 2026"),
        ("2026-11-26", "2026-11-27", "November 26 and 27, 2026"),
        ("2026-12-21", "2026-12-31", "December 21 to 31, 2026"),
        ("2027-06-28", "2027-07-02", "June 28 to July 2, 2027"),
        ("2027-12-31", "2028-01-01", "December 31, 2027 and January 1, 2028"),
        ("2026-12-24", "2027-01-02", "December 24, 2026 to January 2, 2027"),
    ],
)
def test_days_in_a_row_are_said_without_saying_anything_twice(first, last, words):
    assert to_day(date.fromisoformat(first), date.fromisoformat(last)) == words


def test_degrees_stay_with_their_number():
    assert "38.3\N{NO-BREAK SPACE}°C" in unescape(markdown("A fever of 38.3 °C or more."))
