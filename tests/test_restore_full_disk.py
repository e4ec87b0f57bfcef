"""A restore that finds a disk full: it names the place, changes nothing, and says what to do."""

from types import SimpleNamespace

import pytest
from django.core.files.storage import FileSystemStorage, storages
from django.core.management import CommandError
from django.db import transaction

from practice.backups import files, restoring
from practice.media.object_storage import StorageUnavailable
from tests.backups import a_site_with_keys, backup, everything, put_file, restore

pytest_plugins = ["tests.backups"]
in_this_process = pytest.mark.django_db(transaction=True)
BIG = """
import os
from django.core.files.base import ContentFile
from django.core.files.storage import storages
storages["default"].save("portraits/big.webp", ContentFile(os.urandom(9_000_000)))
"""
ROWS = """
from django.contrib.contenttypes.models import ContentType
ContentType.objects.bulk_create(ContentType(app_label="x", model=f"m{n}") for n in range(5000))
"""
NO_ROWS = """
from django.contrib.contenttypes.models import ContentType
from django.db import connection
ContentType.objects.filter(app_label="x").delete()
if connection.vendor == "sqlite":
    with connection.cursor() as cursor:
        cursor.execute("VACUUM")
        cursor.execute("PRAGMA wal_checkpoint(TRUNCATE)")
"""
# What a process may write into one file: as a disk that is full at that point.
FILES_ARE_FULL = """
import resource
resource.setrlimit(resource.RLIMIT_FSIZE, (8_000_000, resource.RLIM_INFINITY))
"""
# On SQLite the database's own limit. PostgreSQL says it by the code of its own error.
ROWS_ARE_FULL = """
from django.db import connection
with connection.cursor() as cursor:
    if connection.vendor == "sqlite":
        cursor.execute("PRAGMA page_count")
        cursor.execute(f"PRAGMA max_page_count = {cursor.fetchone()[0] + 8}")
    else:
        cursor.execute('''
            CREATE OR REPLACE FUNCTION no_room() RETURNS trigger LANGUAGE plpgsql AS $$
            BEGIN RAISE 'could not extend file' USING ERRCODE = 'disk_full'; END $$''')
        cursor.execute("CREATE TRIGGER no_room BEFORE INSERT ON django_content_type"
                       " FOR EACH ROW EXECUTE FUNCTION no_room()")
"""
RESTORE = """
import io, pathlib
from django.core.management import call_command
exec(trick)
out = io.StringIO()
call_command("restore", pathlib.Path(path), identity=identity, replace=True, stdout=out, stderr=out)
"""
STATE = """
from django.contrib.contenttypes.models import ContentType
from practice.backups import files
answer = [
    ContentType.objects.filter(app_label="x").count(),
    [str(path) for store in files.stores().values() for path in store.root.glob("**/*")],
]
"""


@pytest.fixture(scope="module")
def site():
    with a_site_with_keys() as site:
        site.ask(BIG + ROWS)
        site.manage("backup", "--to", str(site.folder / "one.tar.age"))
        site.ask(NO_ROWS)
        yield site


@pytest.mark.processes
@pytest.mark.parametrize("trick", [FILES_ARE_FULL, ROWS_ARE_FULL])
def test_a_disk_that_is_full_on_the_way_is_named_and_nothing_is_changed(site, trick):
    before = site.ask(STATE)
    path, identity = str(site.folder / "one.tar.age"), str(site.folder / "identity.txt")
    with pytest.raises(AssertionError) as refused:
        site.ask(RESTORE, path=path, identity=identity, trick=trick)

    said = str(refused.value)
    said = said[said.index("CommandError: ") :]
    if trick == FILES_ARE_FULL:
        assert f"No room is left in the folder {site.folder / 'media'}. Nothing was" in said
    else:
        assert "No room is left for the database, on the disk of " in said
        assert "site.sqlite3. " in said or "its server (" in said
    assert "Nothing was changed. Make room there: until its end a restore needs as much" in said
    assert "Then run it again." in said
    assert site.ask(STATE) == before


@pytest.fixture
def unharmed(full, folder):
    """The path of a backup; afterwards, everything must still be as it was."""
    path = backup(folder)
    put_file("default", "since.webp", b"since")
    before = everything()
    yield path
    assert everything() == before
    left = [name for store in files.stores().values() for name in store.names()]
    assert not [name for name in left if name.startswith(".")]


@in_this_process
@pytest.mark.parametrize("alias", ["default", "private"])
@pytest.mark.parametrize("number", files.FULL)
def test_each_of_the_two_folders_is_named(unharmed, key_file, monkeypatch, alias, number):
    save, root = FileSystemStorage._save, files.store(alias).root

    def full(storage, name, content):
        if storage.location.startswith(str(root)):
            raise OSError(number, "Disk quota exceeded")
        return save(storage, name, content)

    monkeypatch.setattr(FileSystemStorage, "_save", full)
    with pytest.raises(CommandError, match=f"No room is left in the folder {root}. Nothing was"):
        restore(unharmed, key_file, replace=True)


@in_this_process
@pytest.mark.parametrize(
    ("error", "words"),
    [
        (StorageUnavailable("The object storage cannot be reached."), "storage: The object storag"),
        (OSError(28, "No space left on device"), "No room is left in the object storage"),
    ],
)
def test_a_bucket_that_goes_away_is_named(unharmed, key_file, settings, monkeypatch, error, words):
    memory = {"BACKEND": "django.core.files.storage.InMemoryStorage"}
    usual = settings.STORAGES
    settings.STORAGES = settings.STORAGES | {"default": memory}

    def fail(*args):
        raise error

    monkeypatch.setattr(type(storages["default"]), "_save", fail)
    with pytest.raises(CommandError, match=f"{words}.*Nothing was changed"):
        restore(unharmed, key_file, replace=True)
    settings.STORAGES = usual


@in_this_process
def test_too_little_room_is_said_before_anything_begins(unharmed, key_file, monkeypatch):
    monkeypatch.setattr(restoring.shutil, "disk_usage", lambda path: SimpleNamespace(free=1000))
    monkeypatch.setattr(restoring, "restore", lambda *args: pytest.fail("It has begun."))

    with pytest.raises(CommandError, match=r"need about 1 MB .* has 0 MB left\. Nothing was"):
        restore(unharmed, key_file, replace=True)


@in_this_process
def test_a_backup_that_is_not_there_is_said_with_what_was_changed(unharmed, key_file):
    with pytest.raises(CommandError, match=r"gone\.age: No such file or directory\. Nothing was"):
        restore(unharmed.with_name("gone.age"), key_file, replace=True)


@in_this_process
def test_an_error_nobody_thought_of_says_so_too_and_repeats_no_value(
    unharmed, key_file, monkeypatch
):
    def fail():
        raise ValueError("a patient's name")

    monkeypatch.setattr(restoring.marks, "make", fail)
    with pytest.raises(CommandError, match=r"failed \(ValueError; the log .*\)\. Nothing was") as e:
        restore(unharmed, key_file, replace=True)
    assert "patient" not in str(e.value)
    assert not transaction.get_connection().in_atomic_block
