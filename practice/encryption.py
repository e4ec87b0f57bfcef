"""Text that the database holds only as ciphertext.

`FIELD_ENCRYPTION_KEYS` lists Fernet keys, newest first: the first encrypts, all decrypt,
so a new key can be put in front at any time. Fernet (AES-128-CBC with HMAC-SHA256, as
specified at https://github.com/fernet/spec) authenticates: text that was altered in the
database does not come back altered, it raises.
"""

import base64
import hashlib
import hmac
import logging
from functools import cache

from cryptography.fernet import Fernet, InvalidToken, MultiFernet
from django.conf import settings
from django.core.exceptions import FieldError
from django.db import models
from django.db.models.query_utils import DeferredAttribute

logger = logging.getLogger(__name__)


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


class Unreadable:
    """Stands for a stored text that no key at hand opens. Whoever wants its text is refused."""

    def __init__(self, token):
        self.token = token

    def __str__(self):
        return decrypt(self.token)

    def __repr__(self):
        return "<a text that cannot be read>"


class EncryptedText(DeferredAttribute):
    """An encrypted field of a row: raises DecryptionError when a text is asked for in vain."""

    def __get__(self, instance, cls=None):
        value = super().__get__(instance, cls)
        return str(value) if isinstance(value, Unreadable) else value

    def __set__(self, instance, value):  # Without it the row's own value would come first.
        instance.__dict__[self.field.attname] = value


class EncryptedTextField(models.TextField):
    """A text field whose column holds ciphertext; empty text stays empty.

    A row whose text cannot be decrypted is fetched all the same and can be worked with, and
    erased; DecryptionError is raised where the text itself is asked for. Saving such a row
    leaves the ciphertext as it is.

    It cannot be searched or ordered by: every lookup but `isnull` raises FieldError,
    because equal texts have different ciphertexts and a filter would silently find nothing.
    """

    descriptor_class = EncryptedText

    def from_db_value(self, value, expression, connection):
        try:
            return decrypt(value) if value else value
        except DecryptionError:
            return Unreadable(value)

    def pre_save(self, instance, add):
        value = instance.__dict__.get(self.attname)
        return value if isinstance(value, Unreadable) else super().pre_save(instance, add)

    def get_prep_value(self, value):
        if isinstance(value, Unreadable):
            return value.token
        value = super().get_prep_value(value)
        return encrypt(value) if value else value

    def get_lookup(self, lookup_name):
        if lookup_name != "isnull":
            raise FieldError(f"{self.name} is encrypted and cannot be searched ({lookup_name}).")
        return super().get_lookup(lookup_name)


def readable(row, name, otherwise=None):
    """The row's value; `otherwise`, and a line in the log, for a text that no key opens."""
    try:
        return getattr(row, name)
    except DecryptionError:
        logger.error("A text in %s cannot be decrypted.", f"{row._meta.label}.{name}")
        return otherwise
