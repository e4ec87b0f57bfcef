"""The environment of the tests, set before Django reads its settings (`-p tests.environment`).

The tests run on production settings (DEBUG off) with the few differences in `pytest_configure`.
DATABASE_URL is taken from outside, so that the same tests run on SQLite and on PostgreSQL.
"""

import os
import shutil
import tempfile
from pathlib import Path

from tests import fresh_database

VALUES = {
    "DJANGO_SETTINGS_MODULE": "practice.settings",
    "SECRET_KEY": "only-for-tests-and-open-nothing-0123456789-abcdefghijkl",
    "FIELD_ENCRYPTION_KEYS": "b25seS1mb3ItdGVzdHMtYW5kLW9wZW4tbm90aGluZyE=",
    "ALLOWED_HOSTS": "testserver,localhost,127.0.0.1",
    "SITE_URL": "https://testserver",
    "CACHE_URL": "locmem://",
    "EMAIL_URL": "smtp://127.0.0.1:9",  # The discard port: nothing here answers.
    "DEFAULT_FROM_EMAIL": "no-reply@example.com",
    "SELF_TEST": "off",  # Nobody serves this site; tests/test_synthetic.py turns it on.
}
NOT_FROM_OUTSIDE = ("DEBUG", "TRUSTED_PROXIES")

if "PYTEST_XDIST_WORKER" not in os.environ:  # Workers inherit what the first process set.
    for name in NOT_FROM_OUTSIDE:
        os.environ.pop(name, None)
    scratch = tempfile.mkdtemp(prefix="practice-tests-")
    os.environ |= VALUES | {
        "MEDIA_ROOT": f"{scratch}/media",
        "PRIVATE_MEDIA_ROOT": f"{scratch}/private_media",
        "TESTS_SCRATCH": scratch,
    }
    os.environ.setdefault("DATABASE_URL", f"sqlite:///{scratch}/site.sqlite3")


def pytest_configure():
    from django.conf import settings
    from django.test.utils import override_settings

    override_settings(
        SECURE_SSL_REDIRECT=False,
        PASSWORD_HASHERS=["django.contrib.auth.hashers.MD5PasswordHasher"],
        # The manifest would need `collectstatic` first.
        STORAGES=settings.STORAGES
        | {"staticfiles": {"BACKEND": "django.contrib.staticfiles.storage.StaticFilesStorage"}},
        WHITENOISE_USE_FINDERS=True,
        WHITENOISE_AUTOREFRESH=True,
        # Mail is queued as on the site; what the queue sends lands in `mailoutbox`.
        MAIL_TRANSPORT="django.core.mail.backends.locmem.EmailBackend",
    ).enable()
    database = settings.DATABASES["default"]
    if database["ENGINE"] == "django.db.backends.sqlite3":
        # A file, because threads block each other on SQLite in memory as they never do on one.
        test = database.setdefault("TEST", {})
        test["NAME"] = str(Path(os.environ["TESTS_SCRATCH"]) / "test.sqlite3")
        # Nobody needs it after a power cut; tests of lost power start sites of their own.
        database["OPTIONS"]["init_command"] += "PRAGMA synchronous=OFF;"
    fresh_database.put_back_quickly()


def pytest_unconfigure():
    if "PYTEST_XDIST_WORKER" not in os.environ:
        shutil.rmtree(os.environ["TESTS_SCRATCH"], ignore_errors=True)
