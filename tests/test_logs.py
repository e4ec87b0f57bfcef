"""Log lines say what failed and where, without the values that were in the way."""

import json
import logging
import sys
from datetime import datetime

import pytest
from django.core.exceptions import SuspiciousOperation
from django.test import Client

from consultations import views
from consultations.patient_page import private_link
from practice.operations import logs
from practice.operations.logs import Formatter, JsonFormatter, SafeFormatter

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
    record = logging.LogRecord(
        "practice.site", logging.INFO, "", 0, "Worker %s.", ("started",), None
    )

    assert SafeFormatter("%(message)s").format(record) == "Worker started."


def test_the_token_of_a_private_page_does_not_reach_the_log():
    path = "/consultation/request/VerySecretToken-_1/photos/"
    record = logging.LogRecord("django.request", logging.WARNING, "", 0, "Gone: %s", (path,), None)

    assert Formatter("%(message)s").format(record) == "Gone: /consultation/request/…/photos/"


# --- Words of libraries -----------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "message", "arguments", "said"),
    [
        ("practice.worker", "Worker %s.", ("started",), "Worker started."),
        ("urllib3.pool", "Retrying %s after %d", (SECRET, 3), "Retrying … after 3"),
        ("botocore", "%(who)s failed %(times)d times", {"who": SECRET, "times": 2}, "… failed 2"),
        ("PIL", "No value at all", (), "No value at all"),
        ("post_office", ValueError(SECRET), (), "builtins.ValueError"),
        ("django.security.DisallowedHost", f"Invalid host {SECRET}", (), "Refused: DisallowedHost"),
        ("django.security.csrf", "Forbidden (%s): %s", (SECRET, SECRET), "Refused: csrf."),
        ("gunicorn.error", "Error handling request %s", (SECRET,), "Error handling request …"),
        ("broken.library", "%d", (SECRET,), "%d"),
    ],
)
def test_a_library_s_words_are_kept_and_texts_in_them_left_out(name, message, arguments, said):
    level = logging.WARNING
    record = logging.LogRecord(name, level, "", 0, message, (), None)
    record.args = arguments

    for written in (
        SafeFormatter("%(message)s").format(record),
        json.loads(JsonFormatter().format(record))["message"],
    ):
        assert said in written
        assert SECRET not in written


def test_a_refused_request_is_named_by_its_kind_alone():
    error = SuspiciousOperation(SECRET)
    assert logs.kind(error) == "django.core.exceptions.SuspiciousOperation"


# --- Lines for machines -----------------------------------------------------------------------


def as_json(records):
    lines = []
    for record in records:
        record.exc_text = None  # What another formatter has left there.
        lines.append(json.loads(JsonFormatter().format(record)))
    return lines


def requests_in(caplog):
    return [line for line in as_json(caplog.records) if line["logger"] == "practice.requests"]


@pytest.mark.django_db
def test_each_request_is_one_line_by_its_route(practice, a_request, caplog):
    path = private_link.path(a_request())
    with caplog.at_level(logging.INFO):
        Client().get(path, {"q": SECRET})
        Client().get(f"/{SECRET}/", {"q": SECRET})
        Client().get("/healthz")

    page, unknown = requests_in(caplog)
    assert page["status"] == 200
    assert page["ms"] > 0
    assert "user" not in page
    assert datetime.fromisoformat(page["time"]).utcoffset().total_seconds() == 0
    assert "consultation/request/" in page["message"]
    assert "no such page" in unknown["message"]
    assert path.split("/")[-2] not in json.dumps(as_json(caplog.records))
    assert SECRET not in json.dumps(as_json(caplog.records))


@pytest.mark.django_db
def test_staff_are_named_by_their_number(signed_in, manager, caplog):
    with caplog.at_level(logging.INFO):
        signed_in(manager).get("/admin/")

    (line,) = requests_in(caplog)
    assert line["user"] == manager.pk
    assert manager.username not in json.dumps(line)


@pytest.mark.django_db
def test_lines_within_a_request_carry_its_id(practice, monkeypatch, caplog):
    def fail(*args):
        raise ValueError(SECRET)

    monkeypatch.setattr(views, "_fresh_page", fail)
    written = []
    handler = logging.StreamHandler()
    handler.emit = lambda record: written.append(JsonFormatter().format(record))
    logging.getLogger("django.request").addHandler(handler)
    try:
        response = Client(raise_request_exception=False).get("/consultation/")
    finally:
        logging.getLogger("django.request").removeHandler(handler)

    (line,) = map(json.loads, written)
    assert line["request_id"] == response["X-Request-ID"]
    assert (line["level"], line["method"], line["route"]) == ("ERROR", "GET", "/consultation/")
    assert line["error"] == "builtins.ValueError"
    assert "fail" in line["stack"]
    assert line["message"] == "500 Internal Server Error: /consultation/"
    assert SECRET not in written[0]


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("sender", "sent", "is_believed"),
    [
        ("127.0.0.1", "abc-123.DEF_456", True),
        ("127.0.0.1", "short", False),
        ("127.0.0.1", "x" * 65, False),
        ("127.0.0.1", "with a space", False),
        ("203.0.113.9", "abc-123.DEF_456", False),
    ],
)
def test_an_id_is_taken_from_a_trusted_proxy_alone(client, sender, sent, is_believed):
    response = client.get("/healthz", REMOTE_ADDR=sender, headers={"X-Request-ID": sent})

    assert (response["X-Request-ID"] == sent) is is_believed
    assert len(response["X-Request-ID"]) >= 8


@pytest.mark.parametrize(
    ("given", "formatter", "handlers"),
    [
        ({"debug": True, "log_format": "text"}, "practice.operations.logs.Formatter", ["console"]),
        (
            {"debug": False, "log_format": "text"},
            "practice.operations.logs.SafeFormatter",
            ["console"],
        ),
        (
            {"debug": False, "log_format": "json"},
            "practice.operations.logs.JsonFormatter",
            ["console"],
        ),
        (
            {"debug": False, "log_format": "json", "error_mail": True},
            "practice.operations.logs.JsonFormatter",
            ["console", "mail"],
        ),
    ],
)
def test_the_settings_choose_the_form_and_who_is_told(given, formatter, handlers):
    made = logs.configuration(**{"with_requests": True, "error_mail": False, **given})

    assert made["formatters"]["line"]["()"] == formatter
    assert made["root"]["handlers"] == handlers
    assert made["loggers"]["post_office"]["handlers"] == handlers
