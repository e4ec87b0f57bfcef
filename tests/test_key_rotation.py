"""A new encryption key takes over while the site is open, and then the old one can go."""

import io
import re
from datetime import timedelta

import pytest
from allauth.mfa.models import Authenticator
from allauth.mfa.recovery_codes.internal.auth import RecoveryCodes
from allauth.mfa.totp.internal.auth import TOTP
from cryptography.fernet import Fernet
from django.apps import apps
from django.core.management import CommandError, call_command
from django.db import connection
from django.utils import timezone
from post_office.models import Email

from consultations import photos
from consultations.models import ConsultationRequest, Event, Photo
from consultations.patient_page import private_link
from practice.backups import tables
from practice.caching.content_version import content_version
from practice.encryption import EncryptedTextField, decrypt, fingerprint, sealed_by
from practice.operations import key_rotation
from practice.operations.mail_queue import send_one
from tests import dump
from tests.backups import everything, use_folders
from tests.dump import columns
from tests.new_keys import put_in_front, rotate, something_of_everything, under

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture(autouse=True)
def folder(settings, tmp_path):
    """Where the photographs of this test lie."""
    use_folders(settings, tmp_path)
    return tmp_path / "private"


@pytest.fixture
def add_key(settings):
    """`add_key()` puts a new key in front; returns the new one and the one before."""
    return lambda: put_in_front(settings)


@pytest.fixture
def old_request(a_request, practice, coordinator, signed_in):
    """A request with everything that depends on the key, before there is a new one."""
    return something_of_everything(a_request, practice, coordinator, signed_in)


# --- Afterwards -------------------------------------------------------------------------------


def test_afterwards_the_old_key_can_go_and_nothing_breaks(
    old_request, coordinator, add_key, settings, client, smtp_sink
):
    link = private_link.path(old_request)
    codes = RecoveryCodes(Authenticator.objects.get(type="recovery_codes")).generate_codes()
    new, old = add_key()
    assert under(old) >= 7

    said = rotate()

    assert "0 values under older keys." in said
    assert f"Remove the older keys ({fingerprint(old)})" in said
    settings.FIELD_ENCRYPTION_KEYS = [new]
    request = ConsultationRequest.objects.get()
    assert request.message == "MARK what the patient wrote"
    assert request.events.get(kind=Event.Kind.NOTED).note == "MARK what staff noted"
    assert photos.read(request.photos.get())[:2] == b"\xff\xd8"
    # The link that the patient has, the page that shows it, and the mail that is still to go.
    assert client.get(link).status_code == 200
    assert private_link.path(request) == link
    while send_one():
        pass
    letter = next(each for each in smtp_sink.messages if each.envelope_to[0] == request.email)
    assert link in letter.get_body(("plain",)).get_content()
    # Both second factors.
    totp = Authenticator.objects.get(user=coordinator, type="totp")
    assert decrypt(totp.data["secret"])
    assert TOTP(totp).validate_code("000000") is False
    assert RecoveryCodes(Authenticator.objects.get(type="recovery_codes")).validate_code(codes[3])


def test_links_survive_a_second_new_key_as_well(old_request, add_key, settings, client):
    link = private_link.path(old_request)
    for _ in range(2):
        new, _ = add_key()
        rotate()
        settings.FIELD_ENCRYPTION_KEYS = [new]

    assert private_link.path(ConsultationRequest.objects.get()) == link
    assert client.get(link).status_code == 200


def test_a_link_that_was_renewed_after_a_new_key_leads_to_the_new_page(
    old_request, add_key, settings, client
):
    add_key()
    rotate()
    stored = ConsultationRequest.objects.get()
    before = private_link.path(stored)
    stored.link_number += 1
    private_link.issue(stored)
    # As staff_acts does: without the column for kept tokens.
    stored.save(update_fields=["link_number", "link_digest"])
    new, _ = add_key()
    rotate()
    settings.FIELD_ENCRYPTION_KEYS = [new]

    after = private_link.path(ConsultationRequest.objects.get())
    assert after not in (before, None)
    assert client.get(after).status_code == 200
    assert client.get(before).status_code == 404


def test_links_that_open_nothing_any_more_are_not_kept(a_request, add_key):
    over = a_request(full_name="Over")
    revoked = a_request(full_name="Revoked")
    now = timezone.now()
    ConsultationRequest.objects.filter(pk=over.pk).update(link_expires_at=now - timedelta(days=1))
    ConsultationRequest.objects.filter(pk=revoked.pk).update(link_revoked_at=now)
    add_key()

    rotate()

    assert set(ConsultationRequest.objects.values_list("sealed_link", flat=True)) == {""}


def test_a_kept_link_is_ciphertext(old_request, add_key):
    token = private_link.path(old_request).split("/")[-2]
    add_key()

    rotate()

    assert all(token not in text for table in dump.tables() for text in columns(table).values())
    assert sealed_by(ConsultationRequest.objects.get().sealed_link)


def test_the_photographs_old_files_are_gone(old_request, add_key, folder):
    before = Photo.objects.get().stored_as
    add_key()

    rotate()

    assert [path.name for path in folder.iterdir()] == [Photo.objects.get().stored_as]
    assert Photo.objects.get().stored_as != before


# --- What it leaves alone ---------------------------------------------------------------------


def the_rest():
    """Every row without the columns that hold ciphertext, and the number of the content."""
    renewed = {place.name for place in key_rotation.places()} | {"consultations_photo.digest"}
    renewed -= {"consultations_consultationrequest.link_digest"}
    rows, _ = everything()
    kept = {table.name: table for table in tables.of(connection)[0]}
    return content_version(), {
        name: [
            [
                value
                for (column, _), value in zip(kept[name].columns, row, strict=True)
                if f"{name}.{column}" not in renewed
            ]
            for row in found
        ]
        for name, found in rows.items()
    }


def test_nothing_else_changes_no_audit_no_time_no_content_version(old_request, add_key):
    before = the_rest()
    add_key()

    rotate()

    assert the_rest() == before


def test_a_second_run_changes_nothing(old_request, add_key):
    add_key()
    rotate()
    before = {table: columns(table) for table in dump.tables() if table != "practice_lease"}

    rotate()

    assert {table: columns(table) for table in dump.tables() if table != "practice_lease"} == before


def test_a_dry_run_counts_and_changes_nothing(old_request, add_key):
    new, old = add_key()
    before = {table: columns(table) for table in dump.tables()}

    said = rotate(dry_run=True)

    counts = f"0 under {fingerprint(new)}, 1 under {fingerprint(old)}"
    assert f"consultations_consultationrequest.message: {counts}" in said
    assert f"consultations_photo.stored_as: {counts}" in said
    assert f"consultations_consultationrequest.link_digest: {counts}" in said
    assert "Nothing was changed." in said
    assert {table: columns(table) for table in dump.tables()} == before


def test_every_encrypted_column_is_found():
    found = {place.name for place in key_rotation.places()}
    fields = {
        f"{model._meta.db_table}.{field.column}"
        for model in apps.get_models()
        for field in model._meta.concrete_fields
        if isinstance(field, EncryptedTextField)
    }
    assert fields < found
    assert {"mfa_authenticator.data", "consultations_photo.stored_as"} < found


# --- What goes wrong --------------------------------------------------------------------------


def test_what_cannot_be_read_is_named_by_its_place_and_the_reference_only(old_request, add_key):
    with connection.cursor() as cursor:
        cursor.execute("UPDATE consultations_event SET note = %s WHERE note <> ''", ["MARK broken"])
    note = Event.objects.defer("note").get(kind=Event.Kind.NOTED)
    add_key()
    out = io.StringIO()

    with pytest.raises(CommandError, match="1 values cannot be read with any key here"):
        call_command("rotate_encryption_keys", stdout=out, stderr=out)

    named = f"Cannot be read: consultations_event.note, row {note.pk} ({old_request.reference})"
    assert named in out.getvalue()
    assert "MARK" not in out.getvalue()
    assert "0 values under older keys." in out.getvalue()  # The others were renewed.


def test_a_value_that_cannot_be_read_keeps_none_beside_it_from_being_renewed(add_key, settings):
    from practice.accounts.sign_in_mail import seal, unseal

    lost = Fernet(Fernet.generate_key()).encrypt(b"MARK https://testserver/lost/").decode()
    mail = Email.objects.create(
        from_email="a@example.com",
        to=["b@example.com"],
        message=f"Open sealed-link-{lost} or {seal('https://testserver/x/')} now",
    )
    new, _ = add_key()

    with pytest.raises(CommandError, match="1 values cannot be read"):
        rotate()

    settings.FIELD_ENCRYPTION_KEYS = [new]
    mail.refresh_from_db()
    assert lost in mail.message
    own = mail.message.replace(f"sealed-link-{lost}", "")
    assert "https://testserver/x/" in unseal(own)


def test_a_missing_photograph_is_named(old_request, add_key):
    photo = Photo.objects.get()
    photos.delete_file(photo)
    add_key()
    out = io.StringIO()

    with pytest.raises(CommandError, match="1 values cannot be read"):
        call_command("rotate_encryption_keys", stdout=out, stderr=out)

    assert f"Cannot be read: consultations_photo.stored_as, row {photo.pk}" in out.getvalue()


def test_a_process_that_still_writes_under_the_old_key_is_noticed(
    old_request, add_key, settings, monkeypatch
):
    new, old = add_key()
    look = key_rotation.look

    def look_while_somebody_writes(*args, **options):
        settings.FIELD_ENCRYPTION_KEYS = [old]
        ConsultationRequest.objects.update(message="again")
        settings.FIELD_ENCRYPTION_KEYS = [new, old]
        return look(*args, **options)

    monkeypatch.setattr(key_rotation, "look", look_while_somebody_writes)

    with pytest.raises(CommandError, match="Restart every process"):
        rotate()


def test_a_queued_mail_whose_own_link_is_sealed_is_renewed_too(add_key, settings):
    from practice.accounts.sign_in_mail import seal, unseal

    Email.objects.create(
        from_email="a@example.com",
        to=["b@example.com"],
        message=f"Open {seal('https://testserver/x/')} now",
    )
    new, _ = add_key()

    rotate()

    settings.FIELD_ENCRYPTION_KEYS = [new]
    assert (
        re.sub(r"\s+", " ", unseal(Email.objects.get().message)) == "Open https://testserver/x/ now"
    )
