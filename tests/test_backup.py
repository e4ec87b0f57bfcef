"""One encrypted file with everything, of one moment, readable by its owner alone."""

import fcntl
import io
import stat
from types import SimpleNamespace

import pytest
import time_machine
from django.core.management import CommandError, call_command
from django.db import connection
from environs import ValidationError

from consultations import photos, privacy
from consultations.models import ConsultationRequest, Event, Photo
from practice.backups import making, tables
from practice.encryption import fingerprint
from practice.environment import CACHE_TABLE, backup_recipients
from practice.operations import maintenance
from practice.operations.background import take_lease
from tests.backups import (
    RECIPIENT,
    backup,
    everything,
    opened,
    restore,
)

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.usefixtures("own_folders")]
pytest_plugins = ["tests.backups"]


# --- What is in it ----------------------------------------------------------------------------


def test_only_its_owner_can_read_the_file_and_nothing_unfinished_lies_beside_it(full, folder):
    path = backup(folder)

    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert [each.name for each in folder.iterdir()] == [path.name]


def test_nothing_is_in_clear_and_no_key_is_in_it_at_all(full, folder, settings):
    path = backup(folder)
    inside = opened(path)
    plain = b"".join(
        making.gzip.decompress(v) if k.endswith(".gz") else v for k, v in inside.items()
    )

    assert b"MARK" not in path.read_bytes()
    assert full.reference.encode() in plain
    assert b"MARK-message" not in plain
    for secret in (settings.SECRET_KEY, *settings.FIELD_ENCRYPTION_KEYS):
        assert secret.encode() not in plain
    assert fingerprint(settings.FIELD_ENCRYPTION_KEYS[0]).encode() in plain


def test_without_recipients_nothing_is_written(full, folder, settings):
    settings.BACKUP_RECIPIENTS = []

    with pytest.raises(CommandError, match="BACKUP_RECIPIENTS"):
        backup(folder)

    assert not folder.exists()


def test_a_site_under_development_may_leave_it_open(full, folder, settings):
    settings.BACKUP_RECIPIENTS, settings.DEBUG = [], True
    path = backup(folder)
    before = everything()

    call_command("restore", path, replace=True, stdout=io.StringIO())

    assert path.suffix == ".tar"
    assert everything() == before


def test_every_column_of_every_model_is_known():
    kept, not_kept = tables.of(connection)
    with connection.cursor() as cursor:
        there = set(connection.introspection.table_names(cursor)) - {
            "django_migrations",
            CACHE_TABLE,
        }
    assert {table.name for table in kept} | set(not_kept) == there
    assert ["message", "sealed"] in next(
        each.columns for each in kept if each.name == "consultations_consultationrequest"
    )


# --- While others work ------------------------------------------------------------------------


def test_it_shows_one_moment_though_requests_arrive_meanwhile(
    full, a_request, folder, key_file, monkeypatch
):
    read = tables.rows

    def rows_while_somebody_writes(snapshot, table):
        a_request()  # A request and its event, committed between two tables.
        yield from read(snapshot, table)

    before = ConsultationRequest.objects.count()
    monkeypatch.setattr(tables, "rows", rows_while_somebody_writes)
    path = backup(folder)
    monkeypatch.setattr(tables, "rows", read)
    assert ConsultationRequest.objects.count() > before + 30

    restore(path, key_file, replace=True)

    assert ConsultationRequest.objects.count() == before
    assert Event.objects.filter(kind="received").count() == before


def test_a_photograph_erased_meanwhile_is_no_loss_and_one_that_is_missing_is(
    full, folder, monkeypatch
):
    backup(folder).rename(folder / "practice-20200101T000000Z.tar.age")
    read = making.Contents._files

    def files_after_an_erasure(contents, alias):
        if alias == "private":
            privacy.erase(ConsultationRequest.objects.get(pk=full.pk), reason="Asked", by="Maria")
        return read(contents, alias)

    monkeypatch.setattr(making.Contents, "_files", files_after_an_erasure)
    call_command("backup", to=folder, keep=9, stdout=io.StringIO())  # Raises nothing.

    assert not Photo.objects.exists()
    assert len(list(folder.iterdir())) == 2


def test_a_missing_file_is_said_and_then_no_older_backup_is_deleted(full, folder):
    old = backup(folder)
    old = old.rename(folder / "practice-20200101T000000Z.tar.age")
    photos.delete_file(full.photos.get())

    with pytest.raises(CommandError, match="1 files that rows name are not there"):
        call_command("backup", to=folder, keep=1, stdout=io.StringIO(), stderr=io.StringIO())

    assert len(list(folder.iterdir())) == 2
    assert old.exists()


def test_two_backups_never_run_at_once(full, folder, monkeypatch):
    monkeypatch.setattr(maintenance.alone.__wrapped__, "__defaults__", (0, None))
    take_lease(maintenance.NAME, "another")

    with pytest.raises(CommandError, match="Another backup or a key rotation is running"):
        backup(folder)


# --- In the folder ----------------------------------------------------------------------------


def names_in(folder):
    return sorted(path.name for path in folder.iterdir())


def test_older_ones_go_once_the_new_one_is_there(full, folder):
    folder.mkdir()
    older = [f"practice-2020010{day}T000000Z.tar.age" for day in range(1, 5)]
    for name in (*older, "practice-notes.txt"):
        (folder / name).write_bytes(b"old")

    path = backup(folder, keep=3)

    assert names_in(folder) == [*older[2:], path.name, "practice-notes.txt"]


@pytest.mark.parametrize("taken", ["practice-{}.tar.age", ".practice-{}.tar.age.part"])
def test_a_backup_of_the_same_second_is_not_overwritten(full, folder, taken):
    folder.mkdir()
    with time_machine.travel("2026-11-24T03:15:00Z", tick=False):
        other = folder / taken.format("20261124T031500Z")
        other.write_bytes(b"of another")
        with other.open("rb") as held:
            fcntl.flock(held, fcntl.LOCK_EX)  # As whoever writes it does.

            path = backup(folder, keep=3)

    assert path.name == "practice-20261124T031501Z.tar.age"
    assert other.read_bytes() == b"of another"
    assert names_in(folder) == sorted([other.name, path.name])


def test_a_file_that_appears_while_others_are_waited_for_is_not_overwritten(
    full, tmp_path, monkeypatch
):
    chosen = tmp_path / "chosen.tar.age"
    monkeypatch.setattr(making, "refuse_a_full_disk", lambda folder: chosen.write_bytes(b"theirs"))

    with pytest.raises(CommandError, match=r"chosen\.tar\.age was not written"):
        call_command("backup", to=chosen, stdout=io.StringIO())

    assert chosen.read_bytes() == b"theirs"
    assert not (tmp_path / ".chosen.tar.age.part").exists()


def test_what_a_killed_backup_left_is_named_and_not_touched(full, tmp_path):
    left = tmp_path / ".chosen.tar.age.part"
    left.write_bytes(b"half")

    with pytest.raises(CommandError, match="left of a backup that was cut off: delete it"):
        call_command("backup", to=tmp_path / "chosen.tar.age", stdout=io.StringIO())

    assert left.read_bytes() == b"half"


def test_a_failure_deletes_nothing_and_leaves_nothing(full, folder, monkeypatch):
    folder.mkdir()
    (folder / "practice-20200101T000000Z.tar.age").write_bytes(b"old")

    def fail(*args):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(making.Contents, "_files", fail)

    with pytest.raises(
        CommandError,
        match=r"No room is left in .*backups\. No backup was",
    ):
        backup(folder, keep=1)

    assert names_in(folder) == ["practice-20200101T000000Z.tar.age"]


@pytest.mark.parametrize(
    ("to", "keep", "words"),
    [
        ("backups", 0, "--keep takes a number from 1"),
        ("backups/one.tar.age", 2, "needs --to to be a folder"),
        ("media/backups", None, "inside the media"),
        ("identity.txt", None, "exists already"),
    ],
)
def test_what_cannot_be_is_refused(full, tmp_path, key_file, to, keep, words):
    with pytest.raises(CommandError, match=words):
        call_command("backup", to=tmp_path / to, keep=keep, stdout=io.StringIO())


def test_a_full_disk_is_noticed_beforehand(full, folder, monkeypatch):
    monkeypatch.setattr(making.shutil, "disk_usage", lambda path: SimpleNamespace(free=1000))

    with pytest.raises(CommandError, match=r"needs about \d+ MB, and .* has 0 MB left"):
        backup(folder)


# --- Its keys ---------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "value",
    ["age1", "AGE-SECRET-KEY-1X", RECIPIENT[:-1], RECIPIENT + "q"],
    # The pair is made anew with each run; the workers must agree on the tests' names.
    ids=["no key", "the private half", "too short", "too long"],
)
def test_a_wrong_recipient_is_refused_at_the_start(value):
    backup_recipients([])
    backup_recipients([RECIPIENT, RECIPIENT])
    with pytest.raises(ValidationError, match="Key 2 is not a public key"):
        backup_recipients([RECIPIENT, value])


def test_new_secrets_come_with_a_pair_whose_private_half_is_not_in_the_env_file():
    import pyrage

    out, err = io.StringIO(), io.StringIO()
    call_command("generate_secrets", stdout=out, stderr=err)

    identity = next(line for line in err.getvalue().splitlines() if line.startswith("AGE-SECRET"))
    public = pyrage.x25519.Identity.from_str(identity).to_public()
    assert f"BACKUP_RECIPIENTS={public}\n" in out.getvalue()
    assert "AGE-SECRET" not in out.getvalue()
    assert "off\nthis server" in err.getvalue()
