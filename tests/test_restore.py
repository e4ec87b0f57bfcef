"""The way back: all of it or nothing, whatever is wrong with the file or happens on the way."""

import gzip
import json
import os
import random
from hashlib import sha256

import pyrage
import pytest
from cryptography.fernet import Fernet
from django.core.files.storage import storages
from django.core.management import CommandError, call_command
from django.db import connection

from consultations import notifications, photos, privacy
from consultations.models import ConsultationRequest, ErasureReceipt, Event
from consultations.patient_page import private_link
from practice.backups import restoring, tables
from practice.encryption import fingerprint
from tests.backups import (
    IDENTITY,
    NASTY,
    backup,
    everything,
    forged,
    opened,
    put_file,
    restore,
)
from tests.dump import places_of

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.usefixtures("own_folders")]
pytest_plugins = ["tests.backups"]


def wipe():
    call_command("flush", interactive=False, verbosity=0)
    for alias in ("default", "private"):
        for name in list(restoring.files.store(alias).names()):
            storages[alias].delete(name)


# --- There and back ---------------------------------------------------------------------------


def test_after_backup_wipe_and_restore_every_row_and_file_is_as_it_was(full, folder, key_file):
    before = everything()
    path = backup(folder)
    wipe()
    assert not ConsultationRequest.objects.exists()

    said = restore(path, key_file)

    assert everything() == before
    assert "Every row and every file equals the backup." in said
    assert "DIFFERENT" not in said
    assert Event.objects.filter(request__full_name=NASTY).count() == 2
    assert photos.read(full.photos.get())[:2] == b"\xff\xd8"


def test_a_restored_site_gives_no_number_a_second_time(full, a_request, folder, key_file):
    gone = a_request()
    number = gone.pk
    gone.delete()
    path = backup(folder)
    wipe()

    restore(path, key_file)

    assert a_request().pk == number + 1


def test_sessions_leases_and_counters_are_not_kept(full, folder, key_file, client, coordinator):
    client.force_login(coordinator)
    path = backup(folder)
    manifest = json.loads(opened(path)["manifest.json"])
    assert {"practice_lease", "practice_staffsession"} <= set(manifest["not_kept"])

    restore(path, key_file, replace=True)

    assert places_of(client.cookies.output()) == set()
    assert client.get("/admin/").status_code == 302


def test_it_works_with_storages_that_are_no_folders(full, folder, key_file, settings):
    _, stored = everything()
    memory = {"BACKEND": "django.core.files.storage.InMemoryStorage"}
    settings.STORAGES = settings.STORAGES | {"default": memory, "private": memory}
    for (alias, name), content in stored.items():
        put_file(alias, name, content)
    before = everything()
    path = backup(folder)
    *_, (alias, changed), (_, gone) = stored
    for name in (changed, gone):
        storages[alias].delete(name)
    put_file(alias, changed, b"different")
    put_file(alias, "later.webp", b"later")
    put_file("default", "later/later.webp", b"later")

    restore(path, key_file, replace=True)

    assert everything() == before


def test_a_restore_that_fails_takes_back_what_it_added_to_such_a_storage(
    full, folder, key_file, settings, monkeypatch
):
    path = backup(folder)
    memory = {"BACKEND": "django.core.files.storage.InMemoryStorage"}
    settings.STORAGES = settings.STORAGES | {"default": memory, "private": memory}
    put_file("default", "portraits/here.webp", b"here")
    before = everything()
    monkeypatch.setattr(restoring, "_compare_rows", lambda *args: [("rows", 0, False)])

    with pytest.raises(CommandError, match="differs in rows"):
        restore(path, key_file, replace=True)

    assert everything() == before


# --- What is wrong with a file ----------------------------------------------------------------


@pytest.fixture
def unharmed(full, folder):
    """The path of a backup; afterwards, everything must still be as it was."""
    path = backup(folder)
    ConsultationRequest.objects.filter(pk=full.pk).update(full_name="Changed since")
    put_file("default", "since.webp", b"since")
    before = everything()
    yield path
    assert everything() == before


def altered(path, place):
    data = bytearray(path.read_bytes())
    data[place] ^= 1
    path.write_bytes(data)


def test_a_byte_altered_anywhere_is_refused(unharmed, key_file):
    whole = unharmed.read_bytes()
    header = whole.index(b"\n---")
    places = [0, 5, 30, header - 20, header + 10, header + 60, len(whole) // 2, len(whole) - 1]
    for place in places + random.Random(1).sample(range(len(whole)), 30):
        unharmed.write_bytes(whole)
        altered(unharmed, place)
        with pytest.raises(CommandError, match=r"Nothing was changed\."):
            restore(unharmed, key_file, replace=True)


@pytest.mark.parametrize("left", [0, 10, 150, 0.3, 0.9, -1, -17])
def test_a_file_cut_short_is_refused(unharmed, key_file, left):
    size = unharmed.stat().st_size
    os.truncate(unharmed, int(size * left) if isinstance(left, float) else left % size)

    with pytest.raises(CommandError, match="damaged: it was altered or cut short"):
        restore(unharmed, key_file, replace=True)


def test_a_file_with_something_behind_it_is_refused(unharmed, key_file):
    with unharmed.open("ab") as file:
        file.write(b"x" * 100_000)

    with pytest.raises(CommandError, match="damaged"):
        restore(unharmed, key_file, replace=True)


def without_a_row(members):
    name = next(name for name in members if "consultations_event/" in name)
    rows = gzip.decompress(members[name]).split(b"\n")
    members[name] = gzip.compress(b"\n".join(rows[1:]))


def with_another_picture(members):
    name = next(name for name in members if "portraits" in name)
    members[name] = members[name][::-1]


def with_a_file_too_many(members):
    digests = members.pop("digests.json")
    members |= {"files/default/evil.svg": b"<svg/>", "digests.json": digests}


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (without_a_row, "The rows of consultations_event are not those"),
        (with_another_picture, "The files in the backup are not those"),
        (with_a_file_too_many, "The files in the backup are not those"),
        (lambda members: members.pop("digests.json"), "has no manifest"),
    ],
)
def test_what_differs_from_its_digests_is_refused_though_it_decrypts(
    unharmed, key_file, change, words
):
    forged(unharmed, change)

    with pytest.raises(CommandError, match=words):
        restore(unharmed, key_file, replace=True)


def test_a_file_that_would_lie_outside_the_media_is_refused(unharmed, key_file):
    def escape(members):
        members["files/default/../../evil"] = b"evil"
        digests = json.loads(members.pop("digests.json"))
        digests["files"]["default"]["../../evil"] = [4, sha256(b"evil").hexdigest()]
        members["digests.json"] = json.dumps(digests).encode()

    forged(unharmed, escape)

    with pytest.raises(CommandError, match="names a file that may not be"):
        restore(unharmed, key_file, replace=True)


def test_it_is_read_to_its_very_end_even_where_nothing_is_left_to_restore(unharmed, key_file):
    plain = pyrage.decrypt(unharmed.read_bytes(), [IDENTITY]) + bytes(1_000_000)
    unharmed.write_bytes(pyrage.encrypt(plain, [IDENTITY.to_public()])[:-10])

    with pytest.raises(CommandError, match="damaged"):
        restore(unharmed, key_file, replace=True)


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (None, "does not open the backup"),
        ("", "holds no identity"),
        ("AGE-SECRET-KEY-1QQQ", "holds no identity"),
    ],
)
def test_a_wrong_identity_is_refused(unharmed, tmp_path, content, words):

    wrong = tmp_path / "wrong.txt"
    wrong.write_text(str(pyrage.x25519.Identity.generate()) if content is None else content)

    with pytest.raises(CommandError, match=words):
        restore(unharmed, wrong, replace=True)


def test_a_missing_encryption_key_is_named_by_its_fingerprint(unharmed, key_file, settings):
    old = settings.FIELD_ENCRYPTION_KEYS
    settings.FIELD_ENCRYPTION_KEYS = [Fernet.generate_key().decode()]

    with pytest.raises(CommandError, match=f"fingerprint {fingerprint(old[0])}"):
        restore(unharmed, key_file, replace=True)
    assert f"fingerprint {fingerprint(old[0])}" in restore(unharmed, key_file, check=True)

    settings.FIELD_ENCRYPTION_KEYS = old


def test_what_is_there_is_replaced_only_on_demand(unharmed, key_file):
    with pytest.raises(CommandError, match=r"not empty: there are .* --replace"):
        restore(unharmed, key_file)


def test_a_backup_of_a_newer_version_is_refused(full, folder, key_file, monkeypatch):
    ours = tables.applied_migrations
    monkeypatch.setattr(
        tables, "applied_migrations", lambda _: [*ours(connection), ("consultations", "0999_mind")]
    )
    monkeypatch.setattr(tables, "of", lambda _: ([], []))
    path = backup(folder)
    monkeypatch.undo()

    with pytest.raises(CommandError, match=r"newer version .* consultations\.0999_mind"):
        restore(path, key_file, replace=True)


def test_checking_says_what_is_in_it_and_changes_nothing(unharmed, key_file):
    said = restore(unharmed, key_file, check=True)

    assert "The backup is whole. Nothing was changed." in said
    assert f"from {connection.vendor}" in said
    assert "encrypted values open with the keys here" in said


@pytest.mark.parametrize("broken", ["rows", "files", "late"])
def test_a_restore_that_fails_on_the_way_leaves_everything_as_it_was(
    unharmed, key_file, monkeypatch, broken
):
    if broken == "rows":
        insert = tables.insert
        monkeypatch.setattr(tables, "insert", lambda c, t, rows: insert(c, t, rows[1:]))
    elif broken == "files":
        monkeypatch.setattr(restoring.files.Folder, "digest_of_new", lambda self, name: "other")
    else:
        monkeypatch.setattr(restoring.files.Folder, "finish", lambda self: None)  # Never reached.
        monkeypatch.setattr(restoring, "_compare_files", lambda *args: [("files", 0, False)])

    with pytest.raises(CommandError, match="What was restored differs in"):
        restore(unharmed, key_file, replace=True)


def test_a_restore_that_failed_gives_no_number_a_second_time(
    full, a_request, folder, key_file, monkeypatch
):
    path = backup(folder)
    last = a_request().pk
    monkeypatch.setattr(restoring, "_compare_rows", lambda *args: [("rows", 0, False)])

    with pytest.raises(CommandError, match="differs in rows"):
        restore(path, key_file, replace=True)

    assert a_request().pk == last + 1


# --- What a restored site owes ----------------------------------------------------------------


def test_who_was_erased_since_is_erased_again(full, a_request, folder, key_file):
    person = a_request(full_name="Erase Me")
    path = backup(folder)
    privacy.erase(person, reason="Asked for it", by="Maria")
    later = a_request()
    privacy.erase(later, reason="Came and went", by="Maria")

    said = restore(path, key_file, replace=True)

    assert "1 requests had been erased since, and were erased again." in said
    assert places_of("Erase Me") == set()
    assert set(ErasureReceipt.objects.values_list("reason", flat=True)) == {
        "Asked for it",
        "Came and went",
    }


def test_a_database_that_cannot_tell_who_was_erased_is_not_replaced(unharmed, key_file):
    renamed = "ALTER TABLE consultations_erasurereceipt RENAME COLUMN"
    with connection.cursor() as cursor:
        cursor.execute(f"{renamed} reason TO lost")
        with pytest.raises(CommandError, match="does not tell who was erased since the backup"):
            restore(unharmed, key_file, replace=True)
        cursor.execute(f"{renamed} lost TO reason")


def test_nobody_sees_the_rows_when_somebody_cannot_be_erased_again(
    full, a_request, folder, key_file, monkeypatch
):
    person = a_request(full_name="Erase Me")
    path = backup(folder)
    privacy.erase(person, reason="Asked for it", by="Maria")
    before = everything()

    def fail(*args, **kwargs):
        raise OSError("Some reason")

    monkeypatch.setattr(privacy, "erase", fail)
    words = rf"Could not be erased again.*: {person.reference}\. .*Nothing was changed\."
    with pytest.raises(CommandError, match=words):
        restore(path, key_file, replace=True)

    assert everything() == before


def test_mails_that_were_waiting_are_announced(full, practice, folder, key_file):

    notifications.tell_received(full, practice)
    path = backup(folder)

    assert "2 mails were waiting" in restore(path, key_file, replace=True)


def test_patients_links_open_as_before(full, client, folder, key_file):
    address = private_link.path(full)
    path = backup(folder)
    wipe()

    restore(path, key_file)

    assert client.get(address).status_code == 200
