"""Text that the database holds only as ciphertext.

`FIELD_ENCRYPTION_KEYS` lists Fernet keys, newest first: the first encrypts, all decrypt,
so a new key can be put in front at any time. Fernet (AES-128-CBC with HMAC-SHA256, as
specified at https://github.com/fernet/spec) authenticates: text that was altered in the
database does not come back altered, it raises.
"""

import base64
import hashlib
import hmac
from functools import cache

from cryptography.fernet import Fernet, InvalidToken, MultiFernet
from django.conf import settings
from django.core.exceptions import FieldError
from django.db import models


class DecryptionError(Exception):
    """The stored text was altered, or its key is no longer in FIELD_ENCRYPTION_KEYS."""


@cache
def _cipher(keys):
    return MultiFernet([Fernet(key) for key in keys])


def cipher():
    """The MultiFernet for the keys now in the settings."""
    return _cipher(tuple(settings.FIELD_ENCRYPTION_KEYS))


def encrypt(text: str) -> str:
    return cipher().encrypt(text.encode()).decode("ascii")


def decrypt(token: str) -> str:
    """Raises DecryptionError, which never holds the text or the token."""
    try:
        return cipher().decrypt(token.encode("ascii")).decode()
    except (InvalidToken, ValueError):
        raise DecryptionError(
            "A stored text could not be decrypted: it was altered, or its key was removed "
            "from FIELD_ENCRYPTION_KEYS."
        ) from None


# --- Rows of which some may not open ----------------------------------------------------------

UNREADABLE = "This text can no longer be read."


def with_sealed(rows, *names):
    """The queryset with these encrypted columns as they are stored, for `opened`.

    A row whose text was altered, or whose key is gone, then keeps no other from being read.
    """
    stored = {
        f"sealed_{name}": models.ExpressionWrapper(models.F(name), models.TextField())
        for name in names
    }
    return rows.defer(*names).annotate(**stored)


def opened(row, name):
    """The text of a row from `with_sealed`; UNREADABLE where no key here opens it."""
    token = getattr(row, f"sealed_{name}")
    try:
        return decrypt(token) if token else token
    except DecryptionError:
        return UNREADABLE


# --- Which key it was -------------------------------------------------------------------------


def fingerprint(key: str) -> str:
    """Twelve characters that tell keys apart and say nothing of them."""
    return hashlib.sha256(b"field-encryption-key:" + key.encode()).hexdigest()[:12]


def fingerprints() -> list[str]:
    """Those of the keys now in the settings, newest first."""
    return [fingerprint(key) for key in settings.FIELD_ENCRYPTION_KEYS]


def sealed_by(token: str | bytes) -> str | None:
    """The fingerprint of the key that sealed a token; None for altered ones and keys not here.

    Looks at the seal alone, which takes a tenth of the time of decrypting.
    """
    try:
        data = base64.urlsafe_b64decode(token)
    except ValueError:
        return None
    for name, secret in _seals(tuple(settings.FIELD_ENCRYPTION_KEYS)):
        if hmac.compare_digest(hmac.digest(secret, data[:-32], "sha256"), data[-32:]):
            return name
    return None


@cache
def _seals(keys):
    # The first half of a Fernet key signs, the second encrypts.
    return [(fingerprint(key), base64.urlsafe_b64decode(key)[:16]) for key in keys]


# --- In models --------------------------------------------------------------------------------


class EncryptedTextField(models.TextField):
    """A text field whose column holds ciphertext; empty text stays empty.

    It cannot be searched or ordered by: every lookup but `isnull` raises FieldError,
    because equal texts have different ciphertexts and a filter would silently find nothing.
    """

    def from_db_value(self, value, expression, connection):
        return decrypt(value) if value else value

    def get_prep_value(self, value):
        value = super().get_prep_value(value)
        return encrypt(value) if value else value

    def get_lookup(self, lookup_name):
        if lookup_name != "isnull":
            raise FieldError(f"{self.name} is encrypted and cannot be searched ({lookup_name}).")
        return super().get_lookup(lookup_name)
