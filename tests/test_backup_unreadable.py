"""Values that no key opens: they are named, and keep nobody from making or restoring a backup."""

import io
import json

import pytest
from cryptography.fernet import Fernet
from django.core.management import CommandError, call_command

from consultations import photos, triage
from consultations.models import ConsultationRequest
from consultations.patient_page import private_link
from practice.backups import record
from practice.encryption import fingerprint
from practice.models import JobRun
from practice.operations import health
from tests.backups import (
    backup,
    everything,
    forged,
    opened,
    put_file,
    restore,
)
from tests.unreadable import spoil

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.usefixtures("own_folders")]
pytest_plugins = ["tests.backups"]
REQUEST = "consultations_consultationrequest"


@pytest.fixture
def full(full, coordinator):
    triage.add_note(full, "MARK-note", by=coordinator)
    return full


def made(folder):
    """(the backup's path, what was said on the side)."""
    err = io.StringIO()
    return backup(folder, stderr=err), err.getvalue()


def lose_the_keys(settings):
    lost = settings.FIELD_ENCRYPTION_KEYS
    settings.FIELD_ENCRYPTION_KEYS = [Fernet.generate_key().decode()]
    return lost


# --- One value --------------------------------------------------------------------------------


def test_one_altered_text_is_named_and_everything_is_restored_all_the_same(full, folder, key_file):
    note = full.events.get(kind="noted")
    spoil("consultations_event", "note", note.pk)
    before = everything()
    path, said = made(folder)
    assert f"Cannot be read: consultations_event.note, row {note.pk} ({full.reference})" in said
    assert "Warning: 1 of " in said

    told = restore(path, key_file, replace=True)

    assert everything() == before
    assert f"Cannot be read: consultations_event.note, row {note.pk}" in told
    assert "unreadable already when the backup was made" in told
    assert "MARK" not in told + said


@pytest.mark.parametrize(
    "altered", ["no token at all", "gAAAAA", "ünreadable", "gAAAAA" + "B" * 94]
)
def test_whatever_the_altered_text_looks_like_it_is_found(full, folder, key_file, altered):
    spoil(REQUEST, "message", full.pk, altered)
    path, said = made(folder)

    assert f"Cannot be read: {REQUEST}.message, row {full.pk}" in said
    assert f"{REQUEST}.message, row {full.pk}" in restore(path, key_file, check=True)
    assert "Restored." in restore(path, key_file, replace=True)


def test_an_altered_photograph_is_named_by_its_row(full, folder, key_file):
    photo = full.photos.get()
    photos.delete_file(photo)
    put_file("private", photo.stored_as, b"altered")

    path, said = made(folder)

    assert f"Cannot be read: consultations_photo.stored_as, row {photo.pk}" in said
    assert "Restored." in restore(path, key_file, replace=True)


def test_a_spoilt_secret_within_other_data_is_named(full, folder, coordinator):
    factor = coordinator.authenticator_set.get()
    factor.data = {"secret": Fernet(Fernet.generate_key()).encrypt(b"x").decode()}
    factor.save()

    assert f"Cannot be read: mfa_authenticator.data, row {factor.pk}" in made(folder)[1]


def test_a_file_that_no_row_names_is_nobody_s_secret(full, folder, key_file):
    put_file("private", ".DS_Store", b"\x00\x00\x00\x01Bud1")
    put_file("private", "left-over.photo", Fernet(Fernet.generate_key()).encrypt(b"old"))
    before = everything()

    path, said = made(folder)

    assert "Cannot be read" not in said
    assert "Restored." in restore(path, key_file, replace=True)
    assert everything() == before


def test_what_a_patient_types_is_never_taken_for_ciphertext(a_request, folder, key_file):
    a_request(full_name="gAAAAA" + "A" * 110)

    path, said = made(folder)

    assert "Cannot be read" not in said
    assert "Restored." in restore(path, key_file, replace=True)


def test_of_many_the_first_are_named_and_the_others_counted(a_request, folder, monkeypatch):
    for _ in range(25):
        a_request()
    spoil(REQUEST, "message")

    said = made(folder)[1]

    assert said.count("Cannot be read:") == 20
    assert f"… and 5 more. In all: {REQUEST}.message 25." in said


# --- What the admin says ----------------------------------------------------------------------


def test_the_list_of_jobs_shows_the_warning_and_the_backup_counts_as_good(
    full, folder, settings, signed_in, manager
):
    settings.BACKUP_EVERY_HOURS = 24
    spoil("consultations_event", "note", full.events.get(kind="noted").pk)
    made(folder)

    run = JobRun.objects.get(job=record.BACKUP.name)
    page = signed_in(manager).get("/admin/practice/jobrun/").content.decode()

    assert run.state() == ("Well, with a warning", "warn")
    assert run.failures == 0
    assert run.due_at == run.succeeded_at + record.GRACE * 13
    assert (health.backup(), health.jobs()) == ("ok", "ok")
    assert "consultations_event.note, row" in page
    assert "0 times" not in page


def test_the_warning_is_gone_once_a_backup_finds_everything_readable(full, folder):
    pk = full.events.get(kind="noted").pk
    spoil("consultations_event", "note", pk)
    made(folder)
    full.events.filter(pk=pk).defer("note").delete()

    made(folder)

    assert JobRun.objects.get(job=record.BACKUP.name).state() == ("Well", "good")


# --- A key that is missing --------------------------------------------------------------------


def test_a_key_that_values_need_is_asked_for_before_anything_is_changed(
    full, folder, key_file, settings
):
    path, _ = made(folder)
    before = everything()
    (lost,) = lose_the_keys(settings)

    with pytest.raises(CommandError) as refused:
        restore(path, key_file, replace=True)

    assert f"fingerprint {fingerprint(lost)}" in str(refused.value)
    assert "--without-keys" in str(refused.value)
    assert everything() == before


def test_a_key_that_nothing_needs_any_more_is_not_asked_for(full, folder, key_file, settings):
    keys = settings.FIELD_ENCRYPTION_KEYS
    settings.FIELD_ENCRYPTION_KEYS = [*keys, Fernet.generate_key().decode()]
    spoil("consultations_event", "note", full.events.get(kind="noted").pk)
    path, _ = made(folder)
    settings.FIELD_ENCRYPTION_KEYS = keys

    assert "Restored." in restore(path, key_file, replace=True)


def test_a_backup_of_the_version_before_is_judged_by_the_keys_of_its_site(
    full, folder, key_file, settings
):
    def without_the_counts(members):
        digests = json.loads(members.pop("digests.json"))
        del digests["encryption_keys"]
        members["digests.json"] = json.dumps(digests).encode()

    spoil("consultations_event", "note", full.events.get(kind="noted").pk)
    path, _ = made(folder)
    assert json.loads(opened(path)["digests.json"])["encryption_keys"]
    forged(path, without_the_counts)

    assert "Restored." in restore(path, key_file, replace=True)
    (lost,) = lose_the_keys(settings)
    with pytest.raises(CommandError, match=fingerprint(lost)):
        restore(path, key_file, replace=True)


# --- Without the keys -------------------------------------------------------------------------


@pytest.fixture
def without_keys(full, folder, key_file, settings):
    """What the command said: everything is restored, and the keys are lost."""
    path, _ = made(folder)
    lose_the_keys(settings)
    return restore(path, key_file, replace=True, without_keys=True)


def test_names_and_dates_come_back_and_it_is_said_what_does_not(full, without_keys, settings):
    row = ConsultationRequest.objects.defer("message").get(pk=full.pk)

    assert (row.full_name, row.received_at) == (full.full_name, full.received_at)
    assert "Every row and every file equals the backup." in without_keys
    for what in ("what patients wrote", "notes of staff", "photographs", "authenticator apps"):
        assert what in without_keys
    assert "cannot be read" in without_keys
    assert "Cannot be read: consultations_event.note" in without_keys


def test_when_the_key_turns_up_everything_opens_again(full, folder, key_file, settings):
    path, _ = made(folder)
    lost = lose_the_keys(settings)
    restore(path, key_file, replace=True, without_keys=True)

    settings.FIELD_ENCRYPTION_KEYS = [*settings.FIELD_ENCRYPTION_KEYS, *lost]

    assert ConsultationRequest.objects.get(pk=full.pk).message == full.message
    assert photos.read(full.photos.get())[:2] == b"\xff\xd8"


def test_the_site_serves_afterwards(full, folder, key_file, settings, client, signed_in, manager):
    address = private_link.path(full)
    path, _ = made(folder)
    lose_the_keys(settings)
    restore(path, key_file, replace=True, without_keys=True)

    for page in ("/", "/procedures/", "/consultation/", "/healthz", address):
        assert client.get(page).status_code == 200, page
    staff = signed_in(manager)
    pages = ("consultations/consultationrequest/", "practice/jobrun/", "mfa/authenticator/")
    assert staff.get("/staff/2fa/").status_code == 200
    for page in ("", *pages):
        assert staff.get(f"/admin/{page}").status_code == 200, page


def test_staff_whose_app_cannot_be_checked_are_told_whom_to_ask(
    full, without_keys, client, coordinator
):
    from tests.conftest import PASSWORD

    client.post("/staff/login/", {"login": coordinator.username, "password": PASSWORD})
    page = client.post("/staff/2fa/authenticate/", {"code": "123456"})

    assert page.status_code == 200
    assert "cannot be checked" in page.content.decode()
    assert "_auth_user_id" not in client.session


def test_checking_needs_no_key_and_exits_well(full, folder, key_file, settings):
    path, _ = made(folder)
    lose_the_keys(settings)

    assert "The backup is whole." in restore(path, key_file, check=True)


def test_a_backup_can_be_made_of_a_site_without_its_keys(full, without_keys, tmp_path):
    err = io.StringIO()

    call_command("backup", to=tmp_path / "again", stdout=io.StringIO(), stderr=err)

    assert "Cannot be read" in err.getvalue()
