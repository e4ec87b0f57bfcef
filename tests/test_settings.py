"""The site refuses to start on an environment that is incomplete or weak, and says why."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

pytestmark = pytest.mark.once
ROOT = Path(__file__).resolve().parent.parent
COMPLETE = {
    "SECRET_KEY": "a-long-and-random-secret-0123456789-abcdefghijklmnopqrstuvwxyz",
    "FIELD_ENCRYPTION_KEYS": "a25vd24tdG8tZXZlcnlvbmUtd2hvLXJlYWRzLWl0ISE=",
    "ALLOWED_HOSTS": "www.example.com",
}


def start(environment, statement="import practice.settings"):
    """Starts Python with this environment alone; (did it start, the last line it said)."""
    kept = {name: os.environ[name] for name in ("PATH", "SYSTEMROOT") if name in os.environ}
    ran = subprocess.run(
        [sys.executable, "-c", statement],
        cwd=ROOT,
        env=kept | environment,
        capture_output=True,
        text=True,
        timeout=60,
    )
    return ran.returncode == 0, (ran.stdout + ran.stderr).strip().rpartition("\n")[2]


def refusal(**changes):
    """The message with which a complete environment with these changes is refused."""
    started, message = start(COMPLETE | changes)
    assert not started, "It started."
    return message


def test_a_complete_environment_starts_without_debug():
    started, said = start(COMPLETE, "from practice.settings import DEBUG; print(DEBUG)")
    assert (started, said) == (True, "False")


def test_development_needs_nothing_but_debug():
    started, said = start({"DEBUG": "true"}, "from practice.settings import DEBUG; print(DEBUG)")
    assert (started, said) == (True, "True")


@pytest.mark.parametrize("missing", COMPLETE)
def test_a_missing_variable_is_named_and_no_other(missing):
    environment = {name: value for name, value in COMPLETE.items() if name != missing}
    started, message = start(environment)
    assert not started
    assert missing in message
    assert not any(name in message for name in environment)


def test_all_missing_variables_are_named_at_once():
    started, message = start({})
    assert not started
    assert all(name in message for name in COMPLETE)


@pytest.mark.parametrize(
    ("name", "value", "words"),
    [
        ("SECRET_KEY", "short", "Too weak"),
        ("SECRET_KEY", "a" * 60, "Too weak"),
        ("SECRET_KEY", "django-insecure-" + COMPLETE["SECRET_KEY"], "Too weak"),
        ("SECRET_KEY", "", "Too weak"),
        ("FIELD_ENCRYPTION_KEYS", "", "generate_secrets"),
        ("FIELD_ENCRYPTION_KEYS", "not-a-key", "Key 1"),
        ("FIELD_ENCRYPTION_KEYS", COMPLETE["FIELD_ENCRYPTION_KEYS"] + ",no", "Key 2"),
        ("ALLOWED_HOSTS", "*", "www.example.com"),
        ("ALLOWED_HOSTS", "www.example.com,*", "www.example.com"),
        ("ALLOWED_HOSTS", "", "www.example.com"),
        ("TRUSTED_PROXIES", "the-proxy", "the-proxy"),
        ("EMAIL_URL", "http://mail.example.com", "smtp://"),
        ("EMAIL_URL", "mail.example.com", "smtp://"),
        ("DEBUG", "perhaps", "boolean"),
    ],
)
def test_a_wrong_value_is_refused_by_name(name, value, words):
    message = refusal(**{name: value})
    assert name in message
    assert words in message


def test_debug_is_refused_beside_a_public_host():
    message = refusal(DEBUG="true")
    assert "ALLOWED_HOSTS" in message
    assert "DEBUG is on" in message


@pytest.mark.parametrize("name", ["SECRET_KEY", "FIELD_ENCRYPTION_KEYS"])
def test_a_refusal_does_not_repeat_the_secret(name):
    assert "hunter2" not in refusal(**{name: "hunter2"})


@pytest.mark.parametrize("arguments", [[], ["--host", "clinic.example.com"], ["--development"]])
def test_generate_secrets_prints_an_environment_that_starts(arguments):
    kept = {"PATH": os.environ["PATH"]}
    printed = subprocess.run(
        [sys.executable, "manage.py", "generate_secrets", *arguments],
        cwd=ROOT,
        env=kept,
        capture_output=True,
        text=True,
        check=True,
    ).stdout
    environment = dict(line.split("=", 1) for line in printed.splitlines())
    assert start(environment)[0]
