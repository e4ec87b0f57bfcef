"""What monitors are told: the process is up; the site can serve."""

import re
from datetime import timedelta

import pytest
from django.conf import settings
from django.db import InterfaceError, OperationalError, connection
from django.db.migrations.loader import MigrationLoader
from django.db.migrations.recorder import MigrationRecorder
from django.test import Client
from django.utils import timezone
from post_office.models import STATUS, Email

from practice.models import JobRun
from practice.operations import health

pytestmark = pytest.mark.django_db


@pytest.fixture
def alive(db):
    """A worker that has just been seen."""
    return JobRun.objects.create(job="worker", started_at=timezone.now())


@pytest.fixture
def queued(db):
    def queued(age, status=STATUS.queued):
        email = Email.objects.create(
            from_email="a@example.com", to=["b@example.com"], status=status
        )
        Email.objects.filter(pk=email.pk).update(created=timezone.now() - age)

    return queued


def failing(error):
    def fail(*args):
        raise error("connection lost")

    return connection.execute_wrapper(fail)


def test_a_site_with_everything_it_needs_is_ready(client, alive):
    response = client.get("/readyz")

    assert response.status_code == 200
    assert response.json() == {
        "ready": True,
        "database": "ok",
        "migrations": "ok",
        "media": "ok",
        "cache": "ok",
        "worker": "ok",
        "mail": "ok",
        "self_test": "ok",
        "backup": "ok",
    }
    assert "no-store" in response["Cache-Control"]


def test_a_site_whose_worker_was_never_started_is_not(client):
    response = client.get("/readyz")

    assert response.status_code == 503
    assert response.json()["worker"] == "never started"
    assert response.json()["ready"] is False


@pytest.mark.parametrize(
    ("silence", "state"),
    [
        (timedelta(minutes=2), "ok"),
        (timedelta(minutes=2, seconds=1), "silent for 121 s"),
        (timedelta(hours=1), "silent for 3600 s"),
    ],
    ids=str,
)
def test_a_silent_worker_is_noticed_after_two_minutes(client, alive, time_machine, silence, state):
    time_machine.move_to(alive.started_at + silence, tick=False)

    response = client.get("/readyz")

    assert response.json()["worker"] == state
    assert response.status_code == (200 if state == "ok" else 503)


@pytest.mark.parametrize(
    ("age", "status", "is_late"),
    [
        (timedelta(minutes=14), STATUS.queued, False),
        (timedelta(minutes=16), STATUS.queued, True),
        (timedelta(minutes=16), STATUS.requeued, True),
        (timedelta(minutes=16), STATUS.sent, False),
    ],
)
def test_mail_that_waits_for_a_quarter_of_an_hour_is_noticed(
    client, alive, queued, age, status, is_late
):
    queued(age, status)

    response = client.get("/readyz")

    assert response.json()["mail"] == ("1 waiting for more than 15 minutes" if is_late else "ok")
    assert response.status_code == (503 if is_late else 200)


def test_a_forgotten_migration_is_noticed(client, alive):
    MigrationRecorder.Migration.objects.filter(app="consultations").latest("pk").delete()

    response = client.get("/readyz")

    assert response.status_code == 503
    assert response.json()["migrations"] == "1 not applied"


@pytest.mark.parametrize("error", [OperationalError, InterfaceError])
def test_without_a_database_the_process_is_up_and_the_site_is_not_until_it_comes_back(
    client, alive, error
):
    with failing(error):
        assert client.get("/healthz").status_code == 200
        response = client.get("/readyz")
        assert response.status_code == 503
        assert response.json() == {"ready": False, "database": "cannot be reached"}

    assert client.get("/readyz").status_code == 200


def test_monitors_are_answered_without_https_and_told_nothing_about_anybody(settings, alive):
    settings.SECURE_SSL_REDIRECT = True

    assert Client().get("/healthz").content == b"ok\n"
    assert Client().get("/readyz").status_code == 200


@pytest.mark.parametrize("address", ["/healthz", "/readyz"])
def test_monitors_only_look(client, alive, address):
    assert client.head(address).status_code == 200
    assert client.post(address).status_code == 405


def test_asking_reads_no_migrations_into_the_process_when_all_are_applied(client, monkeypatch):
    def never(connection):
        raise AssertionError("The names are enough.")

    monkeypatch.setattr(health, "MigrationExecutor", never)

    assert client.get("/readyz").json()["migrations"] == "ok"


def test_it_knows_the_migrations_that_django_knows():
    known = set(MigrationLoader(None).disk_migrations)

    assert health._names_of_migrations() == known


def test_migrations_that_another_one_has_replaced_are_left_to_django(client, monkeypatch):
    """Names alone would call them missing for ever."""
    names = health._names_of_migrations()
    monkeypatch.setattr(health, "_names_of_migrations", lambda: {*names, ("practice", "squashed")})

    assert client.get("/readyz").json()["migrations"] == "ok"


def test_the_handbook_says_of_every_light_what_to_do():
    docs = settings.BASE_DIR / "docs"
    said = re.findall(r"^\| `(\w+): ", (docs / "handbook.md").read_text(), re.MULTILINE)
    table = (docs / "operating.md").read_text().partition("## Watching")[2].partition("**The")[0]
    listed = re.findall(r"`(\w+)`[,| ]", table)

    assert set(said) == set(health.checks())
    assert set(listed) >= set(health.checks())
