"""What tests of a new encryption key start from."""

import io

from allauth.mfa.recovery_codes.internal.auth import RecoveryCodes
from cryptography.fernet import Fernet
from django.core.management import call_command
from PIL import Image

from consultations import notifications, photos, triage
from practice.encryption import fingerprint
from practice.operations import key_rotation


def put_in_front(settings):
    """A new key comes first; returns it and the one before."""
    old, new = settings.FIELD_ENCRYPTION_KEYS[0], Fernet.generate_key().decode()
    settings.FIELD_ENCRYPTION_KEYS = [new, *settings.FIELD_ENCRYPTION_KEYS]
    return new, old


def something_of_everything(a_request, practice, coordinator, signed_in):
    """A request with whatever depends on the key: seven values in all."""
    request = a_request(message="MARK what the patient wrote")
    triage.add_note(request, "MARK what staff noted", by=coordinator)
    photos.add(request, [("Front", Image.new("RGB", (40, 30), "red"))], by=coordinator)
    notifications.tell_received(request, practice)
    signed_in(coordinator)
    RecoveryCodes.activate(coordinator)
    return request


def rotate(**options):
    """Runs the command; what it said."""
    out = io.StringIO()
    call_command("rotate_encryption_keys", stdout=out, stderr=out, **options)
    return out.getvalue()


def under(key):
    """How many stored values depend on the key, anywhere."""
    return sum(
        place.keys(pk, value).count(fingerprint(key))
        for place in key_rotation.places()
        for batch in place.batches()
        for pk, value in batch
    )
