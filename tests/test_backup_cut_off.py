"""A backup that is killed, finds its disk full or its bucket gone in the middle: none is written,
none is lost, and the next one is as good as ever."""

import io
import os
import time

import pytest
from django.core.management import CommandError, call_command
from django.db import OperationalError, connection

from practice.backups import making, tables
from practice.management.commands import backup as command
from practice.media.object_storage import StorageUnavailable
from practice.models import JobRun
from practice.operations import health
from tests.backups import RECIPIENT, backup
from tests.processes import a_site

pytest_plugins = ["tests.backups"]
in_this_process = pytest.mark.django_db(transaction=True)
A_PICTURE = """
import os
from django.core.files.base import ContentFile
from django.core.files.storage import storages
storages["default"].save("portraits/one.webp", ContentFile(os.urandom(3_000_000)))
"""
BACKUP = """
import io, os, pathlib, resource, signal
from django.core.management import call_command
from practice.backups import making
def die(*args):
    os.kill(os.getpid(), signal.SIGKILL)
exec(trick)
call_command("backup", to=pathlib.Path(folder), stdout=io.StringIO(), stderr=io.StringIO())
"""
DIES = "making.Contents._look_for_missing = die"
# What a process may write into one file: as a disk that is full at that point.
FULL = "resource.setrlimit(resource.RLIMIT_FSIZE, (1_000_000, resource.RLIM_INFINITY))"
STATE = """
from practice.models import JobRun, Lease
from practice.operations import health
run = JobRun.objects.get(job="backup")
answer = [run.succeeded_at, run.finished_at, health.jobs(), health.backup()]
Lease.objects.all().delete()  # Instead of waiting until it has run out.
JobRun.objects.filter(job="backup").update(due_at="2026-01-01T00:00Z")
"""


@pytest.fixture
def site():
    with a_site(connection.vendor == "postgresql") as site:
        site.environment |= {"BACKUP_RECIPIENTS": RECIPIENT, "BACKUP_EVERY_HOURS": "24"}
        site.ask(A_PICTURE)
        yield site


def names_in(folder):
    return sorted(path.name for path in folder.iterdir())


@pytest.mark.processes
def test_one_that_is_killed_is_no_backup_and_the_next_one_takes_away_what_it_left(site):
    folder = site.folder / "backups"
    with pytest.raises(AssertionError):
        site.ask(BACKUP, folder=str(folder), trick=DIES)

    [left] = folder.iterdir()
    assert left.name.endswith(".part")
    assert left.stat().st_size > 2_000_000
    assert site.ask(STATE) == [None, None, "ok", "ok"]
    assert site.ask(STATE)[-1] == "none was made yet"

    site.manage("backup", "--to", str(folder), "--keep", "1")
    assert left.exists(), "It may be one that is only just being begun."
    os.utime(left, (time.time() - 90,) * 2)
    site.manage("backup", "--to", str(folder), "--keep", "1")

    [made] = folder.iterdir()
    assert made.name.endswith(".age")
    assert site.ask(STATE)[-1] == "ok"


@pytest.mark.processes
def test_a_disk_that_is_full_half_way_is_named_and_nothing_is_left(site):
    folder = site.folder / "backups"
    site.ask(BACKUP, folder=str(folder), trick="")
    before = names_in(folder)

    with pytest.raises(AssertionError, match=f"No room is left in {folder}. No backup was"):
        site.ask(BACKUP, folder=str(folder), trick=FULL)

    assert names_in(folder) == before


@in_this_process
@pytest.mark.parametrize(
    ("error", "words"),
    [
        (StorageUnavailable("The object storage cannot be reached."), "storage cannot be reached"),
        (PermissionError(13, "Permission denied", "media/x"), "media/x: Permission denied"),
        (OSError(28, "No space left on device"), "No room is left in"),
    ],
)
def test_a_bucket_that_goes_away_in_the_middle_leaves_the_last_good_one(
    full, folder, monkeypatch, error, words
):
    last = backup(folder)

    def fail(*args):
        raise error

    monkeypatch.setattr(making.Contents, "_files", fail)
    with pytest.raises(CommandError, match=rf"{words}.*\. No backup was written, and no older"):
        call_command("backup", to=folder, keep=1, stdout=io.StringIO())

    assert names_in(folder) == [last.name]
    run = JobRun.objects.get(job="backup")
    assert words in run.last_error
    assert run.succeeded_at < run.finished_at
    assert "backup" in health.jobs()


@in_this_process
def test_a_database_that_goes_away_in_the_middle_is_said_in_words(full, folder, monkeypatch):
    def fail(*args):
        raise OperationalError("server closed the connection unexpectedly")

    monkeypatch.setattr(tables, "rows", fail)
    with pytest.raises(CommandError, match=r"did not go on\. No backup was written"):
        backup(folder)

    assert names_in(folder) == []


@in_this_process
def test_what_another_still_writes_is_left_to_it(full, folder):
    folder.mkdir()
    _, unfinished, descriptor = command.begin(folder, ["practice-20260101T000000Z.tar.age"])
    os.utime(unfinished, (time.time() - 9000,) * 2)

    backup(folder)
    assert unfinished.exists()

    os.close(descriptor)
    os.utime(unfinished, (time.time() - 9000,) * 2)
    command.delete_what_was_cut_off(folder)
    assert not unfinished.exists()
