"""A backup that silently stopped: the admin, /readyz and the monitoring service say so."""

import io
from datetime import timedelta

import pytest
import time_machine
from django.core.management import CommandError, call_command
from django.db import OperationalError, connection
from django.utils import timezone
from django.utils.dateparse import parse_datetime

from practice.backups import making, record
from practice.management.commands.run_worker import Command
from practice.models import JobRun
from practice.operations import background, health
from practice.operations.health import HEARTBEAT
from tests.backups import backup, restore

pytestmark = pytest.mark.django_db(transaction=True)
pytest_plugins = ["tests.backups"]
LIST = "/admin/practice/jobrun/"


@pytest.fixture(autouse=True)
def site(own_folders, settings, practice):
    settings.BACKUP_EVERY_HOURS = 24


def noted():
    return JobRun.objects.get(job="backup")


def no_room(folder):
    raise making.BackupError("The backup needs about 9 MB, and there is 1 MB left.")


# --- What is written down ---------------------------------------------------------------------


def test_a_good_backup_is_noted_with_when_the_next_one_is_due(folder):
    backup(folder)

    run = noted()
    assert run.state() == ("Well", "good")
    assert run.due_at == run.succeeded_at + timedelta(hours=26)


def test_a_failed_one_says_why_and_the_last_good_one_still_counts(folder, monkeypatch):
    backup(folder)
    before = noted()
    monkeypatch.setattr(making, "refuse_a_full_disk", no_room)

    with pytest.raises(CommandError):
        backup(folder)

    after = noted()
    assert after.state() == ("Failed", "bad")
    assert after.last_error == "The backup needs about 9 MB, and there is 1 MB left."
    assert (after.succeeded_at, after.due_at) == (before.succeeded_at, before.due_at)
    assert "backup" in health.jobs()


def test_one_without_a_file_that_a_row_names_is_not_a_good_one(folder, surgeon):
    surgeon.portrait.name = "portraits/gone.webp"
    surgeon.save()

    with pytest.raises(CommandError, match="1 files that rows name are not there"):
        call_command("backup", to=folder, stdout=io.StringIO(), stderr=io.StringIO())

    assert noted().succeeded_at is None
    assert noted().failures == 1


def test_a_command_that_could_not_begin_leaves_the_record_alone(tmp_path):
    with pytest.raises(CommandError, match="--keep takes a number"):
        call_command("backup", to=tmp_path, keep=0, stdout=io.StringIO())

    assert not JobRun.objects.filter(job="backup").exists()


def test_a_database_of_an_older_version_is_backed_up_though_nothing_can_be_noted(folder):
    def fail(execute, sql, params, many, context):
        if "practice_jobrun" in sql:
            raise OperationalError("no such column: practice_jobrun.purpose")
        return execute(sql, params, many, context)

    err = io.StringIO()
    with connection.execute_wrapper(fail):
        call_command("backup", to=folder, stdout=io.StringIO(), stderr=err)

    assert "migrate first" in err.getvalue()
    assert len(list(folder.iterdir())) == 1


# --- When it is late --------------------------------------------------------------------------

NOW = "2026-11-24T12:00:00Z"


@pytest.mark.parametrize(
    ("every", "last_good", "says"),
    [
        (24, "2026-11-24T02:15:00Z", "ok"),
        (24, "2026-11-23T10:00:00Z", "ok"),
        (24, "2026-11-23T09:59:59Z", "the last good one is 26 h old"),
        (24, "2026-11-20T12:00:00Z", "the last good one is 96 h old"),
        (168, "2026-11-20T12:00:00Z", "ok"),
        (1, "2026-11-24T08:30:00Z", "the last good one is 3 h old"),
        (0, "2020-01-01T00:00:00Z", "ok"),
        (0, None, "ok"),
    ],
)
@time_machine.travel(NOW, tick=False)
def test_ready_says_when_the_last_good_backup_is_too_old(client, settings, every, last_good, says):
    settings.BACKUP_EVERY_HOURS = every
    moment = last_good and parse_datetime(last_good)
    JobRun.objects.create(job="backup", started_at=moment, finished_at=moment, succeeded_at=moment)
    JobRun.objects.create(job=HEARTBEAT, started_at=timezone.now())

    response = client.get("/readyz")

    assert response.json()["backup"] == says
    assert response.status_code == (200 if says == "ok" else 503)


def test_a_site_that_never_made_one_is_given_the_first_day_and_a_restart_does_not_begin_it_anew():
    with time_machine.travel(NOW, tick=False) as clock:
        background.describe([record.BACKUP])
        assert health.backup() == "ok"
        clock.shift(timedelta(hours=20))
        background.describe([record.BACKUP])
        clock.shift(timedelta(hours=5, minutes=59))
        assert health.backup() == "ok"
        clock.shift(timedelta(minutes=2))
        assert health.backup() == "none was made yet"


def test_a_worker_that_starts_forgets_no_backup_and_runs_none(folder):
    backup(folder)
    before = noted().due_at

    worker = Command()
    worker.is_described, worker.send_mail = False, None
    names = [job.name for job in worker.jobs()]

    assert "backup" not in names
    assert noted().due_at == before
    assert "timer" in noted().purpose


def test_where_none_are_expected_the_list_waits_for_none(folder, settings):
    settings.BACKUP_EVERY_HOURS = 0
    backup(folder)

    background.describe([record.BACKUP])

    assert noted().due_at is None
    assert noted().state() == ("Well", "good")


def test_staff_see_it_on_the_first_page_and_nobody_can_have_the_worker_run_it(
    signed_in, manager, coordinator
):
    old = timezone.now() - timedelta(days=3)
    JobRun.objects.create(job="backup", started_at=old, finished_at=old, succeeded_at=old)
    background.describe([record.BACKUP])
    client = signed_in(manager)

    first_page, jobs = client.get("/admin/").content.decode(), client.get(LIST).content.decode()

    assert "the last good one is 72 h old" in first_page
    assert "Overdue" in jobs
    assert f"{LIST}backup/run/" not in jobs
    assert client.post(f"{LIST}backup/run/").status_code == 404


# --- After a restore --------------------------------------------------------------------------


def test_a_restored_site_has_no_record_of_the_jobs_of_the_lost_one(folder, key_file):
    """The backup holds its own run as one that has not ended: it would show as cut off."""
    old = timezone.now() - timedelta(days=90)
    JobRun.objects.create(job="backup", started_at=old, finished_at=old, succeeded_at=old)
    JobRun.objects.create(job="retention", started_at=old, failures=3, last_error="x")
    path = backup(folder)

    restore(path, key_file, replace=True)

    assert not JobRun.objects.exists()
    assert health.backup() == "ok"
