"""The site refuses to start on an environment that is incomplete or weak, and says why."""

import base64
import os
import re
import subprocess
import sys
import tempfile
import traceback
from pathlib import Path

import pytest

from practice import environment

pytestmark = pytest.mark.once
ROOT = Path(__file__).resolve().parent.parent


def key(raw):
    return base64.urlsafe_b64encode(bytes(raw)).decode()


RANDOM_KEY = "q2vC0kzO8Yj1e4b6HnXw5tRfUaLgM3iPsDxKy7ZcE9A="
SEVERAL_SERVERS = {
    "SERVERS": "2",
    "DATABASE_URL": "postgres://user:password@db.example.com/practice",
    "CACHE_URL": "redis://:password@cache.example.com:6379/0",
    "MEDIA_STORAGE_URL": "s3://key:secret@store.example.com/bucket?region=eu-west-1",
}
COMPLETE = {
    "SECRET_KEY": "a-long-and-random-secret-0123456789-abcdefghijklmnopqrstuvwxyz",
    "FIELD_ENCRYPTION_KEYS": "a25vd24tdG8tZXZlcnlvbmUtd2hvLXJlYWRzLWl0ISE=",
    "ALLOWED_HOSTS": "www.example.com",
}


def set_ones(environment):
    return {name: value for name, value in environment.items() if value is not None}


def start(environment, statement="import practice.settings"):
    """Reads the settings with this environment alone; (did it work, the last line it said).

    It happens in a copy of this process that knows nothing of our own modules: Python and the
    libraries are there already, whose start takes longer than a hundred readings.
    """
    with tempfile.TemporaryFile() as output:
        copy = os.fork()
        if copy == 0:
            only_read(environment, statement, output.fileno())
        _, status = os.waitpid(copy, 0)
        output.seek(0)
        return status == 0, output.read().decode().strip().rpartition("\n")[2]


def only_read(environment, statement, output):
    """The life of the copy, which ends here whatever happens."""
    code = 1
    try:
        sys.stdout = sys.stderr = os.fdopen(output, "w", closefd=False)
        os.environ.clear()
        os.environ.update({"PATH": os.defpath} | environment)
        for name in [each for each in sys.modules if each.partition(".")[0] == "practice"]:
            del sys.modules[name]
        exec(statement, {})  # noqa: S102 (our own words)
        code = 0
    except BaseException:
        traceback.print_exc()
    finally:
        sys.stdout.flush()
        os._exit(code)


def start_python(environment, statement="import practice.settings"):
    """The same in a Python of its own."""
    ran = subprocess.run(
        [sys.executable, "-c", statement],
        cwd=ROOT,
        env={"PATH": os.environ["PATH"]} | environment,
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
    for begin in (start, start_python):
        started, said = begin(COMPLETE, "from practice.settings import DEBUG; print(DEBUG)")
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
    for begin in (start, start_python):
        started, message = begin({})
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
        ("SECRET_KEY", environment.DEVELOPMENT_SECRET_KEY, "development key"),
        ("FIELD_ENCRYPTION_KEYS", environment.DEVELOPMENT_ENCRYPTION_KEY, "can be guessed"),
        ("FIELD_ENCRYPTION_KEYS", key(bytes(32)), "Key 1 can be guessed"),
        ("FIELD_ENCRYPTION_KEYS", key(range(32)), "Key 1 can be guessed"),
        ("FIELD_ENCRYPTION_KEYS", key(b"password" * 4), "Key 1 can be guessed"),
        ("FIELD_ENCRYPTION_KEYS", ",".join([RANDOM_KEY, key(bytes(32))]), "Key 2 can be guessed"),
        ("FIELD_ENCRYPTION_KEYS", ",".join([RANDOM_KEY, RANDOM_KEY]), "Key 2 is there twice"),
        ("TRUSTED_PROXIES", "the-proxy", "the-proxy"),
        ("TRUSTED_PROXIES", "10.0.0.1,0.0.0.0/0", "everybody"),
        ("TRUSTED_PROXIES", "::/0", "everybody"),
        ("SITE_URL", "http://www.example.com", "https://"),
        ("SITE_URL", "www.example.com", "https://www.example.com"),
        ("SITE_URL", "https://www.example.com/shop", "nothing behind"),
        ("SITE_URL", "https://www.example.org", "ALLOWED_HOSTS"),
        ("DEFAULT_FROM_EMAIL", "the practice", "no-reply@example.com"),
        ("DATABASE_URL", "postgers://user@host/name", "postgres://"),
        ("CACHE_URL", "reddis://host:6379/0", "redis://"),
        ("SERVERS", "0", "1 to 1000"),
        ("SERVERS", "two", "integer"),
        ("MEDIA_STORAGE_URL", "https://store.example.com/bucket", "s3://"),
        ("MEDIA_STORAGE_URL", "s3://store.example.com", "s3://"),
        ("MEDIA_STORAGE_URL", "s3://key@store.example.com/bucket", "s3://"),
        ("MEDIA_STORAGE_URL", "s3://key:secret@store.example.com/bucket/folder", "s3://"),
        ("MEDIA_STORAGE_URL", "s3://key:a/b@store.example.com/bucket", "s3://"),
        ("MEDIA_STORAGE_URL", "s3://key:secret@store.example.com/bucket?acl=public", "s3://"),
        ("EMAIL_URL", "http://mail.example.com", "smtp://"),
        ("EMAIL_URL", "mail.example.com", "smtp://"),
        ("DEBUG", "perhaps", "boolean"),
        ("ERROR_EMAIL", "it@example.com,nobody", "“nobody” is no mail address"),
        ("LOG_FORMAT", "xml", "text, json"),
        ("MONITORING_URL", "http://monitor.example.com/token", "https://"),
        ("MONITORING_URL", "monitor.example.com/token", "whole address"),
        ("SELF_TEST_URL", "127.0.0.1:8000", "https://www.example.com"),
        ("AUDIT_YEARS", "0", "from 1 to 30"),
        ("SESSION_IDLE_MINUTES", "4", "from 5 to 120"),
        ("SESSION_IDLE_MINUTES", "121", "from 5 to 120"),
        ("SESSION_IDLE_MINUTES", "half an hour", "integer"),
        ("SESSION_HOURS", "0", "from 1 to 12"),
        ("SESSION_HOURS", "13", "from 1 to 12"),
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


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("SECRET_KEY", "hunter2"),
        ("FIELD_ENCRYPTION_KEYS", "hunter2"),
        ("DATABASE_URL", "postgers://user:hunter2@host/name"),
        ("CACHE_URL", "reddis://:hunter2@host"),
        ("EMAIL_URL", "http://user:hunter2@mail.example.com"),
        ("MEDIA_STORAGE_URL", "s3://key:hunter2@store.example.com"),
    ],
)
def test_a_refusal_does_not_repeat_the_secret(name, value):
    message = refusal(**{name: value})
    assert name in message
    assert "hunter2" not in message


# --- Several servers -------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "value", "words"),
    [
        ("DATABASE_URL", "sqlite:////var/lib/practice/site.sqlite3", "postgres://"),
        ("DATABASE_URL", None, "postgres://"),
        ("CACHE_URL", "locmem://", "redis://"),
        ("CACHE_URL", "file:///var/cache/practice", "redis://"),
        ("CACHE_URL", "dummy://", "redis://"),
        ("MEDIA_STORAGE_URL", "", "SHARED_MEDIA=yes"),
        ("MEDIA_STORAGE_URL", None, "s3://"),
    ],
)
def test_what_lies_on_one_machine_is_refused_for_several(name, value, words):
    environment = COMPLETE | SEVERAL_SERVERS | {name: value}
    started, message = start(
        {key: value for key, value in environment.items() if value is not None}
    )
    assert not started
    assert name in message
    assert words in message
    assert "SERVERS says 2" in message


@pytest.mark.parametrize(
    "changes",
    [
        {},
        {"CACHE_URL": None},  # A table of the database that they share.
        {"MEDIA_STORAGE_URL": None, "SHARED_MEDIA": "yes"},
    ],
)
def test_several_servers_start_on_what_they_share(changes):
    assert start(set_ones(COMPLETE | SEVERAL_SERVERS | changes))[0]


def test_one_server_needs_none_of_that():
    assert start(COMPLETE | {"SERVERS": "1", "CACHE_URL": "locmem://"})[0]


def test_everything_wrong_is_said_at_once():
    message = refusal(
        SECRET_KEY="short",
        SITE_URL="http://www.example.com",
        SERVERS="2",
        CACHE_URL="locmem://",
        EMAIL_URL="mail.example.com",
        DEFAULT_FROM_EMAIL="nobody",
    )
    for name in (
        *("SECRET_KEY", "SITE_URL", "DATABASE_URL", "CACHE_URL", "EMAIL_URL"),
        *("DEFAULT_FROM_EMAIL", "MEDIA_STORAGE_URL"),
    ):
        assert name in message


# --- What an environment comes to ------------------------------------------------------------


@pytest.mark.parametrize(
    ("environment", "expression", "value"),
    [
        (COMPLETE, "CACHES['default']['BACKEND']", "django.core.cache.backends.db.DatabaseCache"),
        (
            COMPLETE | {"CACHE_URL": "redis://127.0.0.1:6379/0"},
            "CACHES['default']['BACKEND']",
            "practice.caching.shared_cache.RedisOrDatabase",
        ),
        (
            {"DEBUG": "true"},
            "CACHES['default']['BACKEND']",
            "django.core.cache.backends.locmem.LocMemCache",
        ),
        (COMPLETE, "SITE_URL", "https://www.example.com"),
        (
            COMPLETE | {"SITE_URL": "https://www.example.com/"},
            "SITE_URL",
            "https://www.example.com",
        ),
        (
            COMPLETE | {"ALLOWED_HOSTS": ".example.com", "SITE_URL": "https://a.example.com"},
            "SITE_URL",
            "https://a.example.com",
        ),
        (
            COMPLETE | {"ALLOWED_HOSTS": "localhost", "SITE_URL": "http://localhost:8000"},
            "SITE_URL",
            "http://localhost:8000",
        ),
        (
            COMPLETE | {"DEFAULT_FROM_EMAIL": "Example Surgery <hello@example.com>"},
            "DEFAULT_FROM_EMAIL",
            "Example Surgery <hello@example.com>",
        ),
        (
            COMPLETE | {"MEDIA_STORAGE_URL": "s3://key:a%2Fb%2Bc@s3.example.com:9000/pictures"},
            "'{access_key} {secret_key} {endpoint_url} {bucket_name} {addressing_style}'"
            ".format(**STORAGES['private']['OPTIONS'])",
            "key a/b+c https://s3.example.com:9000 pictures path",
        ),
        (
            COMPLETE | {"MEDIA_STORAGE_URL": "s3://s3.eu-west-1.amazonaws.com/p?region=eu-west-1"},
            "'{access_key} {region_name} {addressing_style}'"
            ".format(**STORAGES['private']['OPTIONS'])",
            "None eu-west-1 virtual",
        ),
    ],
)
def test_what_an_environment_comes_to(environment, expression, value):
    statement = f"from practice.settings import *; print({expression})"
    assert start(environment, statement) == (True, value)


@pytest.mark.parametrize("changes", [{}, {"DATABASE_URL": "postgres://nobody@127.0.0.1:9/none"}])
def test_djangos_deployment_check_finds_nothing(changes):
    kept = {"PATH": os.environ["PATH"]}
    ran = subprocess.run(
        [sys.executable, "manage.py", "check", "--deploy", "--fail-level=WARNING"],
        cwd=ROOT,
        env=kept | COMPLETE | changes,
        capture_output=True,
        text=True,
    )
    assert "no issues" in ran.stdout + ran.stderr
    assert ran.returncode == 0


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
    assert start_python(environment)[0]
    # systemd, Docker and a shell read these alike: nothing here needs quotes in any of them.
    assert all(re.fullmatch(r"[A-Z_]+=[\w.,:/=-]+", line) for line in printed.splitlines())
