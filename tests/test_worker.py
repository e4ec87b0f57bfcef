"""The background worker: mail goes out once, whatever dies, and silence is noticed."""

import logging
import os
import signal
import subprocess
import sys
import threading
import time
from datetime import timedelta

import pytest
from django.conf import settings as site
from django.core.management import call_command
from django.db import (
    DataError,
    IntegrityError,
    InterfaceError,
    OperationalError,
    ProgrammingError,
    connection,
)
from django.utils import timezone
from post_office import mail
from post_office.models import STATUS, Email

from practice.management.commands import run_worker
from practice.models import JobRun, Lease
from practice.operations import background
from practice.operations.background import LEASE, give_lease_back, recorded, take_lease

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def work():
    """`work()` is one round of a worker."""
    handlers = {number: signal.getsignal(number) for number in (signal.SIGTERM, signal.SIGINT)}
    yield lambda: call_command("run_worker", once=True)
    for number, handler in handlers.items():
        signal.signal(number, handler)


@pytest.fixture
def mails():
    """Five queued mails."""
    for number in range(5):
        mail.send(f"p{number}@example.com", "no-reply@example.com", subject=f"No. {number}")


def in_threads(*acts):
    ready = threading.Barrier(len(acts), timeout=20)
    results = []

    def run(act):
        try:
            ready.wait()
            results.append(act())
        finally:
            connection.close()

    threads = [threading.Thread(target=run, args=[act]) for act in acts]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return results


def statuses():
    return set(Email.objects.values_list("status", flat=True))


# --- The lease --------------------------------------------------------------------------------


def test_one_holder_at_a_time():
    assert take_lease("worker", "first")
    assert not take_lease("worker", "second")
    assert take_lease("worker", "first")
    assert take_lease("another job", "second")


@pytest.mark.parametrize(
    ("after", "is_free"),
    [(LEASE - timedelta(seconds=1), False), (LEASE, True), (LEASE * 2, True)],
    ids=["last second", "over", "long over"],
)
def test_the_lease_of_the_dead_runs_out(time_machine, after, is_free):
    time_machine.move_to("2026-11-16T16:00:00Z", tick=False)
    take_lease("worker", "dead")

    time_machine.shift(after)

    assert take_lease("worker", "living") is is_free


def test_renewing_prolongs_it(time_machine):
    time_machine.move_to("2026-11-16T16:00:00Z", tick=False)
    for _ in range(3):
        assert take_lease("worker", "living")
        time_machine.shift(LEASE - timedelta(seconds=1))

    assert not take_lease("worker", "other")


def test_only_the_holder_gives_it_back():
    take_lease("worker", "first")

    give_lease_back("worker", "second")
    assert not take_lease("worker", "second")

    give_lease_back("worker", "first")
    assert take_lease("worker", "second")


@pytest.mark.parametrize("is_left_over", [False, True], ids=["a new one", "one that ran out"])
def test_of_many_who_reach_for_it_at_once_exactly_one_gets_it(is_left_over):
    if is_left_over:
        Lease.objects.create(name="worker", holder="dead", expires_at=timezone.now())

    got = in_threads(*(lambda n=n: take_lease("worker", f"holder {n}") for n in range(6)))

    assert sorted(got) == [False] * 5 + [True]


# --- Sending ----------------------------------------------------------------------------------


def test_one_round_sends_everything_that_is_due(mails, work, mailoutbox):
    work()

    assert [each.subject for each in mailoutbox] == [f"No. {n}" for n in range(5)]
    assert statuses() == {STATUS.sent}


def test_two_workers_send_every_mail_once(mails, work, mailoutbox):
    in_threads(work, work)
    work()

    assert sorted(each.subject for each in mailoutbox) == [f"No. {n}" for n in range(5)]


def test_a_worker_leaves_the_mail_to_the_one_that_has_the_lease_until_it_is_dead(
    mails, work, mailoutbox, time_machine
):
    time_machine.move_to(timezone.now(), tick=False)
    take_lease(run_worker.LEASE_NAME, "another machine")

    work()
    assert mailoutbox == []

    time_machine.shift(LEASE)
    work()
    assert len(mailoutbox) == 5


def test_a_worker_that_ends_gives_the_lease_back(work):
    work()

    assert not Lease.objects.exists()


def test_a_worker_that_lost_its_lease_leaves_everything_else_to_the_other(
    mails, work, mailoutbox, monkeypatch
):
    answers = iter([True, True])
    monkeypatch.setattr(run_worker, "take_lease", lambda *args: next(answers, False))

    work()

    assert len(mailoutbox) == 2
    started = JobRun.objects.exclude(started_at=None).values_list("job", flat=True)
    assert set(started) == {"worker", "mail"}


def test_mail_waits_for_a_dead_mail_server_and_the_monitor_says_so(
    mails, work, client, settings, smtp_sink, time_machine
):
    # Given a mail server that does not answer
    time_machine.move_to(timezone.now(), tick=False)
    settings.EMAIL_PORT = 9

    # When the worker tries
    work()

    # Then the first one waits for its next try, and nothing is lost
    assert Email.objects.exclude(status=STATUS.sent).count() == 5
    tried = Email.objects.get(status=STATUS.requeued)
    assert tried.number_of_retries == 1
    assert timezone.now() < tried.scheduled_time <= timezone.now() + timedelta(minutes=10)

    # And the monitor is told once mail is late
    time_machine.shift(timedelta(minutes=15, seconds=1))
    work()
    reply = client.get("/readyz")
    assert reply.status_code == 503
    assert reply.json()["mail"] == "5 waiting for more than 15 minutes"

    # When the server is back
    settings.EMAIL_PORT = smtp_sink.port
    for _ in range(3):
        time_machine.shift(timedelta(minutes=10))
        work()

    # Then every mail has arrived once, and the monitor is content
    assert sorted(message["Subject"] for message in smtp_sink.messages) == [
        f"No. {n}" for n in range(5)
    ]
    assert client.get("/readyz").json()["mail"] == "ok"


# --- Signs of life ----------------------------------------------------------------------------


def test_a_round_leaves_a_heartbeat(work):
    work()

    run = JobRun.objects.get(job="worker")
    assert timezone.now() - run.started_at < timedelta(seconds=20)
    assert run.finished_at >= run.started_at
    assert run.last_error == ""


@pytest.mark.parametrize("error", [ValueError, IntegrityError, DataError, ProgrammingError])
def test_a_job_that_fails_keeps_no_other_from_running(work, monkeypatch, caplog, error):
    """Also one that the database refuses: that is the job's fault, and the database is there."""

    def fail(self):
        raise error("what a patient wrote")

    monkeypatch.setattr(run_worker.Command, "send_mail", fail)

    with caplog.at_level(logging.INFO):
        work()

    started = JobRun.objects.exclude(started_at=None)
    errors = dict(started.values_list("job", "last_error"))
    assert errors.pop("mail") == f"{error.__module__}.{error.__name__}"
    assert set(errors) >= {"worker", "retention", "publish what is due"}
    assert set(errors.values()) == {""}
    assert "The job mail failed" in caplog.text
    assert "cannot be reached" not in caplog.text
    assert "Worker stopped." in caplog.text


def test_a_round_that_the_database_refuses_ends_with_its_reason_and_the_worker_goes_on(
    work, monkeypatch, caplog
):
    """As while a table has not been migrated: that is not a database out of reach."""

    def fail(*args):
        raise ProgrammingError("the row was: …")

    monkeypatch.setattr(run_worker, "is_due", fail)

    with caplog.at_level(logging.INFO):
        work()

    assert "A round of work failed" in caplog.text
    assert "cannot be reached" not in caplog.text
    assert "Worker stopped." in caplog.text


@pytest.mark.parametrize("error", [OperationalError, InterfaceError])
@pytest.mark.parametrize("step", ["take_lease", "send_one", "give_lease_back"])
def test_a_lost_database_ends_the_round_and_not_the_worker(work, monkeypatch, caplog, error, step):
    def fail(*args):
        raise error("the row was: …")

    monkeypatch.setattr(run_worker, step, fail)

    with caplog.at_level(logging.INFO):
        work()

    assert "cannot be reached" in caplog.text or "could not be given back" in caplog.text
    assert "Worker stopped." in caplog.text
    assert "the row was" not in caplog.text


def test_of_an_error_only_its_class_is_kept():
    with pytest.raises(KeyError), recorded("a job"):
        raise KeyError("what a patient wrote")

    run = JobRun.objects.get(job="a job")
    assert run.last_error == "builtins.KeyError"
    assert run.finished_at is not None

    with recorded("a job"):
        assert JobRun.objects.get(job="a job").finished_at is None

    assert JobRun.objects.get(job="a job").last_error == ""


def database_url():
    """The address of this test's database for another process."""
    name = str(connection.settings_dict["NAME"])
    if connection.vendor == "sqlite":
        return f"sqlite:///{name}"
    return os.environ["DATABASE_URL"].replace("/postgres?", f"/{name}?")


def wait_for(condition, seconds=30):
    give_up_at = time.monotonic() + seconds
    while time.monotonic() < give_up_at:
        if condition():
            return True
        time.sleep(0.1)
    return False


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT], ids=lambda n: n.name)
def test_a_real_worker_delivers_and_stops_when_it_is_asked_to(mails, smtp_sink, number):
    environment = os.environ | {
        "DATABASE_URL": database_url(),
        "EMAIL_URL": f"smtp://127.0.0.1:{smtp_sink.port}",
    }
    worker = subprocess.Popen(
        [sys.executable, "manage.py", "run_worker", "--pause", "60"],
        cwd=site.BASE_DIR,
        env=environment,
    )
    try:
        assert wait_for(lambda: len(smtp_sink.messages) == 5)
        assert wait_for(lambda: statuses() == {STATUS.sent})

        worker.send_signal(number)

        assert worker.wait(15) == 0
    finally:
        worker.kill()
        worker.wait()
    assert not Lease.objects.exists()


def test_the_lease_outlives_the_slowest_mail_and_leaves_time_for_another_within_a_minute():
    pause = timedelta(seconds=3)
    assert background.LEASE + pause < timedelta(minutes=1)
    assert timedelta(seconds=site.EMAIL_TIMEOUT * 2) <= background.LEASE
