"""A new encryption key takes over while people send, edit and erase."""

import threading

import pytest
from allauth.mfa.models import Authenticator
from allauth.mfa.recovery_codes.internal.auth import RecoveryCodes
from django.core.management import CommandError
from django.db import connection
from django.test import Client

from consultations import photos, privacy
from consultations.models import ConsultationRequest
from consultations.patient_page import private_link
from practice.operations import key_rotation, maintenance
from practice.operations.background import take_lease
from tests.backups import use_folders
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


@pytest.fixture
def between(monkeypatch):
    """`between(act)` acts once, after values were read and before they are written."""

    def between(act):
        acts = [act]
        for kind in (key_rotation.Column, private_link.Links, photos.StoredPhotos):
            renew = kind.renew

            def renew_late(place, batch, renew=renew):
                while acts:
                    acts.pop()()
                renew(place, batch)

            monkeypatch.setattr(kind, "renew", renew_late)

    return between


def test_what_was_changed_meanwhile_is_never_overwritten(old_request, add_key, between, settings):
    new, old = add_key()

    def edit():
        settings.FIELD_ENCRYPTION_KEYS = [old]  # A process that was not restarted yet.
        ConsultationRequest.objects.update(message="Newer words")
        settings.FIELD_ENCRYPTION_KEYS = [new, old]

    between(edit)
    said = rotate()

    assert "0 values under older keys." in said
    settings.FIELD_ENCRYPTION_KEYS = [new]
    assert ConsultationRequest.objects.get().message == "Newer words"


def test_a_recovery_code_used_meanwhile_stays_used(old_request, add_key, between):
    factor = Authenticator.objects.get(type="recovery_codes")
    code = RecoveryCodes(factor).generate_codes()[0]
    add_key()
    between(lambda: RecoveryCodes(factor).validate_code(code))

    rotate()

    assert not RecoveryCodes(Authenticator.objects.get(pk=factor.pk)).validate_code(code)


def test_a_link_renewed_meanwhile_is_the_one_that_counts(old_request, add_key, between, settings):
    new, _ = add_key()
    links = []

    def renew():
        stored = ConsultationRequest.objects.get()
        stored.link_number += 1
        private_link.issue(stored)
        stored.save(update_fields=["link_number", "link_digest"])
        links.append(private_link.path(stored))

    between(renew)
    rotate()

    settings.FIELD_ENCRYPTION_KEYS = [new]
    assert [private_link.path(ConsultationRequest.objects.get())] == links


@pytest.mark.parametrize("late", [False, True], ids=["before it is read", "after it is written"])
def test_a_photograph_erased_meanwhile_leaves_no_file(
    old_request, add_key, between, folder, monkeypatch, late
):
    def erase():
        privacy.erase(old_request, reason="Asked", by="Maria")

    add_key()
    if late:
        save = photos._save
        monkeypatch.setattr(photos, "_save", lambda data: (save(data), erase())[0])
    else:
        between(erase)

    assert "0 values under older keys." in rotate()

    assert list(folder.iterdir()) == []


def test_requests_that_arrive_all_the_while_are_stored_as_they_were_sent(
    old_request, a_request, answers, add_key, monkeypatch
):
    for _ in range(30):
        a_request()
    add_key()
    monkeypatch.setattr(key_rotation, "AT_ONCE", 3)
    stop, sent = threading.Event(), []

    def send():
        try:
            while not stop.is_set() and len(sent) < 200:
                number = len(sent)
                fields = answers | {"message": f"MARK-{number}", "email": f"p{number}@example.com"}
                response = Client().post("/consultation/", fields)
                sent.append((number, response.status_code))
        finally:
            connection.close()

    sender = threading.Thread(target=send)
    sender.start()
    try:
        said = [rotate() for _ in range(3)]
    finally:
        stop.set()
        sender.join()

    assert all("0 values under older keys." in each for each in said)
    assert {status for _, status in sent} == {302}
    stored = sorted(
        ConsultationRequest.objects.filter(email__startswith="p").values_list("message")
    )
    arrived = sorted((f"MARK-{number}",) for number, _ in sent)
    assert [each for each in stored if each[0].startswith("MARK-")] == arrived
    assert len(sent) > 3


def test_two_never_rotate_at_once(old_request, add_key, monkeypatch):
    monkeypatch.setattr(maintenance.alone.__wrapped__, "__defaults__", (0, None))
    _, old = add_key()
    take_lease(maintenance.NAME, "another")

    with pytest.raises(CommandError, match="Another key rotation or a backup is running"):
        rotate()
    assert under(old) >= 7
