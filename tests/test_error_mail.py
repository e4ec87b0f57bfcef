"""Errors reach the operators by mail: what broke and where, and nothing that anybody typed."""

import logging
import threading

import pytest
from django.core import mail
from django.test import Client

from consultations import intake
from practice.operations import error_mail
from practice.operations.error_mail import OF_ALL_KINDS, OF_ONE_KIND, ErrorMailHandler, Limits

MARKERS = ("MARK-name", "mark-mail@example.com", "MARK-message", "5550177", "MARK-query")


@pytest.fixture
def handler(settings):
    """Added to the root logger, as the settings do with ERROR_EMAIL."""
    settings.ERROR_EMAIL = ["it@example.com", "owner@example.com"]
    handler = ErrorMailHandler()
    logging.getLogger().addHandler(handler)
    yield handler
    logging.getLogger().removeHandler(handler)


def sent():
    for thread in threading.enumerate():
        if thread.name == "error mail":
            thread.join()
    return mail.outbox


def broken(*args, **kwargs):
    secret = "MARK-message in a local variable"
    raise ValueError(f"The row was {args} {kwargs} {secret}")


def log_error(error=ValueError, name="practice.worker"):
    words = MARKERS[2]  # The line of code is in the stack; what it raises must not be.
    try:
        raise error(words)
    except error:
        logging.getLogger(name).exception("It broke.")


@pytest.mark.django_db
def test_a_page_that_breaks_is_mailed_without_a_value(handler, practice, answers, monkeypatch):
    monkeypatch.setattr(intake, "_store", broken)
    typed = {"full_name": MARKERS[0], "email": MARKERS[1], "message": MARKERS[2]}

    response = Client(raise_request_exception=False).post(
        "/consultation/?q=MARK-query",
        answers | typed | {"phone": "+15125550177"},
        headers={"User-Agent": "MARK-agent", "Referer": "https://testserver/MARK-referer"},
    )

    assert response.status_code == 500
    (message,) = sent()
    assert message.to == ["it@example.com", "owner@example.com"]
    whole = message.message().as_string() + message.subject + message.body
    assert "ValueError at /consultation/" in message.subject
    assert "in broken" in message.body
    assert f"Request: {response['X-Request-ID']}" in message.body
    assert "POST /consultation/" in message.body
    for marker in (*MARKERS, "MARK", response.cookies.output() or "csrftoken="):
        assert marker not in whole


@pytest.mark.django_db
def test_a_job_that_breaks_is_mailed(handler):
    log_error()

    (message,) = sent()
    assert "ValueError" in message.subject
    assert "practice.worker" in message.body
    assert "MARK" not in message.body


def test_an_error_without_an_exception_is_named_by_its_words(handler):
    logging.getLogger("practice.anything").error("The disk is full.")
    logging.getLogger("a.library").error("Could not store %s", "MARK-name")

    first, second = sorted(message.body for message in sent())
    assert "The disk is full." in second
    assert "MARK" not in first + second


@pytest.mark.parametrize(
    ("name", "level"),
    [
        ("django.security.DisallowedHost", logging.ERROR),
        ("practice.worker", logging.WARNING),
        ("practice.operations.error_mail", logging.ERROR),
    ],
)
def test_what_is_nobody_s_error_is_not_mailed(handler, name, level):
    logging.getLogger(name).log(level, "Something.")

    assert sent() == []


def test_of_one_kind_few_are_mailed_in_an_hour():
    clock = [0.0]
    limits = Limits(clock=lambda: clock[0])

    assert [limits.take("a") for _ in range(OF_ONE_KIND)] == [0] * OF_ONE_KIND
    assert [limits.take("a") for _ in range(7)] == [None] * 7
    assert limits.take("b") == 0
    clock[0] = error_mail.HOUR
    assert limits.take("a") == 7
    assert limits.take("a") == 0


def test_of_all_kinds_together_not_many_either():
    limits = Limits(clock=lambda: 0)
    taken = [limits.take(f"kind {number}") for number in range(OF_ALL_KINDS + 5)]
    assert taken.count(None) == 5


def test_two_errors_of_different_places_are_two_kinds(handler):
    for _ in range(OF_ONE_KIND + 2):
        log_error()
    log_error(KeyError)

    assert len(sent()) == OF_ONE_KIND + 1


def test_a_dead_mail_server_harms_nobody(handler, settings, caplog):
    settings.MAIL_TRANSPORT = "django.core.mail.backends.smtp.EmailBackend"
    settings.EMAIL_HOST, settings.EMAIL_PORT = "127.0.0.1", 9

    with caplog.at_level(logging.WARNING):
        log_error()
        assert sent() == []

    assert "An error mail could not be sent" in caplog.text


def test_a_red_light_is_an_answer_and_not_an_error(handler, db):
    response = Client().get("/readyz")  # No worker runs in the tests.

    assert response.status_code == 503
    assert sent() == []
