"""The worker's jobs: long ones, their record, when they are due, and their list in the admin."""

import os
import signal
import threading
import time
from datetime import UTC, datetime, timedelta

import pytest
from auditlog.models import LogEntry
from django.core.management import call_command
from django.utils import timezone

from practice.management.commands import run_worker
from practice.models import JobRun, Lease
from practice.operations import background
from practice.operations.background import LEASE, Every, Job, MondaysAt, recorded, take_lease

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def work():
    """`work()` is one round of a worker."""
    handlers = {number: signal.getsignal(number) for number in (signal.SIGTERM, signal.SIGINT)}
    yield lambda: call_command("run_worker", once=True)
    for number, handler in handlers.items():
        signal.signal(number, handler)


# --- Long jobs --------------------------------------------------------------------------------


def a_job(run, name="long", **fields):
    return Job(name, "Is long.", Every(timedelta(days=1)), run, **fields)


@pytest.fixture
def only(monkeypatch):
    """`only(job, …)` are the jobs there are."""
    return lambda *jobs: monkeypatch.setattr(run_worker, "JOBS", jobs)


def test_a_job_longer_than_the_lease_is_begun_by_no_second_worker(only, work, monkeypatch):
    monkeypatch.setattr(background, "LEASE", timedelta(seconds=1))
    monkeypatch.setattr(background, "RENEWED_EVERY", timedelta(seconds=0.2))
    begun, others = [], []

    def takes_long():
        begun.append(1)
        for _ in range(15):
            time.sleep(0.2)
            others.append(take_lease(run_worker.LEASE_NAME, "another worker"))

    only(a_job(takes_long))
    before = timezone.now()
    work()

    assert len(begun) == 1
    assert set(others) == {False}
    beat = JobRun.objects.get(job="worker")
    assert beat.started_at - before > timedelta(seconds=2), "It was silent during the job."


def test_a_job_in_steps_stops_when_asked_and_goes_on_in_the_next_round(only, work):
    done = []

    def in_steps(goes_on):
        for number in range(3):
            if not goes_on():
                return
            done.append(number)
            if len(done) == 2:
                os.kill(os.getpid(), signal.SIGTERM)

    only(a_job(in_steps, in_steps=True))
    work()
    assert done == [0, 1]
    assert JobRun.objects.get(job="long").is_asked_for

    work()
    assert done == [0, 1, 0, 1, 2]
    assert not JobRun.objects.get(job="long").is_asked_for


def test_a_turn_ends_with_its_time_and_when_the_worker_must_stop():
    must_stop = threading.Event()
    turn = background.Turn(must_stop.is_set)
    assert turn()
    must_stop.set()
    assert not turn()
    must_stop.clear()
    assert not turn(), "Once cut, it stays cut."
    assert turn.was_cut
    assert not background.Turn(lambda: False, seconds=-1)()


def test_a_worker_whose_lease_was_taken_while_it_hung_leaves_the_rest(only, work, monkeypatch):
    monkeypatch.setattr(background, "RENEWED_EVERY", timedelta(seconds=0.1))
    ran, asked = [], []

    def hangs(goes_on):
        Lease.objects.update(holder="another", expires_at=timezone.now() + LEASE)
        time.sleep(0.5)
        asked.append(goes_on())

    only(a_job(hangs, in_steps=True), a_job(lambda: ran.append(1), name="after"))
    work()

    assert asked == [False]
    assert ran == []


# --- What is remembered of each job -----------------------------------------------------------


def test_failures_in_a_row_are_counted_until_one_succeeds():
    for _ in range(3):
        with pytest.raises(KeyError), recorded("a job"):
            raise KeyError
    run = JobRun.objects.get(job="a job")
    assert (run.failures, run.succeeded_at) == (3, None)

    with recorded("a job"):
        pass

    run.refresh_from_db()
    assert run.failures == 0
    assert run.succeeded_at >= run.started_at


def test_words_of_our_own_failures_are_kept():
    with pytest.raises(background.JobFailed), recorded("a job"):
        raise background.JobFailed("The form answered 500.")

    assert JobRun.objects.get(job="a job").last_error == "The form answered 500."


def test_jobs_are_listed_before_they_have_run(work, only):
    only(a_job(lambda: None), Job("report", "Tells.", MondaysAt(8), lambda: None))
    work()

    ran, waits = JobRun.objects.get(job="long"), JobRun.objects.get(job="report")
    assert ran.state() == ("Well", "good")
    assert ran.due_at == ran.started_at + timedelta(days=1)
    assert waits.state() == ("Has not run yet", "quiet")
    assert waits.due_at > timezone.now()
    assert waits.purpose == "Tells."


DAY = timedelta(days=1)


@pytest.mark.parametrize(
    ("rule", "last_start", "failures", "due"),
    [
        (Every(DAY), None, 0, background.AT_ONCE),
        (Every(DAY), "2026-03-04T12:00:00Z", 0, "2026-03-05T12:00:00Z"),
        (Every(DAY), "2026-03-04T12:00:00Z", 2, "2026-03-05T12:00:00Z"),
        (Every(DAY, after_failure=DAY / 24), "2026-03-04T12:00:00Z", 1, "2026-03-04T13:00:00Z"),
        (Every(DAY, after_failure=DAY / 24), "2026-03-04T12:00:00Z", 0, "2026-03-05T12:00:00Z"),
        # Monday, March 2, 8:00 in Chicago is 14:00 UTC; a week later the clocks have changed.
        (MondaysAt(8), "2026-02-25T12:00:00Z", 0, "2026-03-02T14:00:00Z"),
        (MondaysAt(8), "2026-03-02T13:59:59Z", 0, "2026-03-02T14:00:00Z"),
        (MondaysAt(8), "2026-03-02T14:00:00Z", 0, "2026-03-09T13:00:00Z"),
    ],
)
def test_when_a_job_is_due(practice, rule, last_start, failures, due):
    as_moment = datetime.fromisoformat
    run = JobRun(started_at=last_start and as_moment(last_start), failures=failures)

    assert rule.next_due(run) == (as_moment(due) if isinstance(due, str) else due)


NOW = datetime(2026, 3, 4, 12, tzinfo=UTC)
AGO = {"minute": NOW - timedelta(minutes=1), "hours": NOW - timedelta(hours=2)}


@pytest.mark.parametrize(
    ("fields", "words"),
    [
        ({}, "Has not run yet"),
        ({"started_at": AGO["minute"], "finished_at": AGO["minute"]}, "Well"),
        ({"started_at": AGO["minute"]}, "Running"),
        ({"started_at": AGO["hours"]}, "Cut off"),
        ({"started_at": AGO["minute"], "failures": 1}, "Failed"),
        ({"due_at": AGO["hours"]}, "Overdue"),
        ({"due_at": NOW - timedelta(minutes=15)}, "Has not run yet"),
        ({"started_at": AGO["hours"], "asked_at": AGO["minute"]}, "Asked for"),
        (
            {"started_at": AGO["minute"], "finished_at": NOW, "asked_at": AGO["hours"]},
            "Well",
        ),
    ],
)
def test_the_state_of_a_job_in_words(fields, words):
    assert JobRun(job="a job", **fields).state(NOW)[0] == words


# --- The list in the admin --------------------------------------------------------------------

LIST = "/admin/practice/jobrun/"


@pytest.fixture
def listed(practice, work):
    work()
    JobRun.objects.filter(job="retention").update(
        failures=2, last_error="builtins.OSError", succeeded_at=None
    )


def test_managers_see_how_each_job_fares(listed, signed_in, manager):
    page = signed_in(manager).get(LIST).content.decode()

    assert "Erases requests that were kept for their time" in page
    assert "builtins.OSError" in page
    assert "2 times in a row" in page
    overview = signed_in(manager).get("/admin/").content.decode()
    assert "Failed</span>" in overview
    assert "Tell whoever runs the server what stands here." in overview


def test_a_manager_has_a_job_run_now_and_that_is_recorded(listed, work, signed_in, manager):
    client = signed_in(manager)
    before = JobRun.objects.get(job="retention").started_at

    client.get(f"{LIST}retention/run/")
    work()
    assert JobRun.objects.get(job="retention").started_at == before, "A look runs nothing."

    client.post(f"{LIST}retention/run/")
    work()
    run = JobRun.objects.get(job="retention")
    assert run.started_at > before
    assert run.failures == 0
    entry = LogEntry.objects.get(object_pk="retention")
    assert entry.actor == manager
    assert entry.changes == {"run": ["", "asked for now"]}


def test_who_may_only_look_runs_nothing(listed, signed_in, coordinator, auditor):
    for user in (coordinator, auditor):
        assert signed_in(user).post(f"{LIST}retention/run/").status_code == 403
    assert not JobRun.objects.exclude(asked_at=None).exists()


@pytest.mark.parametrize("job", ["worker", "mail", "nothing"])
def test_what_always_runs_is_not_asked_for(listed, signed_in, manager, job):
    assert signed_in(manager).post(f"{LIST}{job}/run/").status_code == 404
