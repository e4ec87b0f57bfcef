"""Log lines say what failed and where, without the values that were in the way."""

import logging
import sys

import pytest

from practice.logs import Formatter, SafeFormatter

pytestmark = pytest.mark.once

SECRET = "what a patient wrote"


def logged(act):
    """One line about an error, as the site writes it."""
    try:
        act()
    except Exception:
        record = logging.LogRecord("site", logging.ERROR, "", 0, "It broke.", (), sys.exc_info())
        return SafeFormatter("%(levelname)s %(message)s").format(record)
    raise AssertionError("It did not break.")


def plain():
    raise ValueError(SECRET)


def caused():
    try:
        plain()
    except ValueError as error:
        raise RuntimeError(SECRET) from error


def while_handling():
    try:
        plain()
    except ValueError:
        raise KeyError(SECRET)  # noqa: B904 (just that is tried here)


def with_notes():
    error = ValueError()
    error.add_note(SECRET)
    raise error


def in_a_group():
    raise ExceptionGroup(SECRET, [ValueError(SECRET)])


@pytest.mark.parametrize("act", [plain, caused, while_handling, with_notes, in_a_group])
def test_an_error_is_logged_with_its_place_and_without_its_words(act):
    text = logged(act)

    assert text.startswith("ERROR It broke.\n")
    assert act.__name__ in text
    assert "Error" in text or "Group" in text
    for line in text.splitlines():
        assert SECRET not in line


def test_the_cause_is_named_by_its_kind():
    text = logged(caused)

    assert "builtins.RuntimeError" in text
    assert "builtins.ValueError" in text


def test_a_line_without_an_error_is_as_it_is():
    record = logging.LogRecord("site", logging.INFO, "", 0, "Worker %s.", ("started",), None)

    assert SafeFormatter("%(message)s").format(record) == "Worker started."


def test_the_token_of_a_private_page_does_not_reach_the_log():
    path = "/consultation/request/VerySecretToken-_1/photos/"
    record = logging.LogRecord("django.request", logging.WARNING, "", 0, "Gone: %s", (path,), None)

    assert Formatter("%(message)s").format(record) == "Gone: /consultation/request/…/photos/"
