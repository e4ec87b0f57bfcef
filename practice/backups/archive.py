"""The file itself: a tar archive, encrypted in the age format (https://age-encryption.org/v1).

It is written and read as a stream: nothing is in memory whole, and nothing that was encrypted
is on disk in clear. `age -d -i identity.txt FILE | tar t` reads it without this site.
"""

import os
import tarfile
import threading
from contextlib import contextmanager

import pyrage

from . import BackupError

CHUNK = 256 * 1024
WRONG_IDENTITY = (
    "This identity does not open the backup: it was encrypted to other recipients. "
    "Use the identity that belongs to the BACKUP_RECIPIENTS of its time. Nothing was changed."
)
DAMAGED = (
    "The backup is damaged: it was altered or cut short, or is no backup. "
    "Use another copy of it, or an older one. Nothing was changed."
)


# --- Writing ---------------------------------------------------------------------------------


class _Pulled:
    """What `read` gives comes out of an iterator of bytes. Keeps the error that it raised."""

    def __init__(self, chunks):
        self.chunks, self.rest, self.error = iter(chunks), memoryview(b""), None

    def read(self, size=-1):
        try:
            while not self.rest:
                self.rest = memoryview(next(self.chunks))
        except StopIteration:
            return b""
        except BaseException as error:
            self.error = error
            raise
        taken, self.rest = self.rest[:size], self.rest[size:]
        return bytes(taken)


class _Written:
    """A file that keeps the error of a write: the encryption has only its words."""

    def __init__(self, file):
        self.file, self.error = file, None

    def write(self, data):
        try:
            return self.file.write(data)
        except OSError as error:
            self.error = error
            raise

    def flush(self):
        self.file.flush()


def write(file, recipients, members):
    """Writes `members`, an iterable of (name, size, chunks of bytes), to a binary file.

    `recipients` are age public keys; with none of them the archive stays readable. What
    `members` and the file raise comes through as it is.
    """
    if not recipients:
        for chunk in _tar(members):
            file.write(chunk)
        return
    keys = [pyrage.x25519.Recipient.from_str(each) for each in recipients]
    pulled, written = _Pulled(_tar(members)), _Written(file)
    try:
        pyrage.encrypt_io(pulled, written, keys)
    except pyrage.EncryptError:
        if error := pulled.error or written.error:
            raise error from None
        raise


def _tar(members):
    for name, size, chunks in members:
        info = tarfile.TarInfo(name)
        info.size, info.mode = size, 0o600
        yield info.tobuf(tarfile.PAX_FORMAT)
        written = 0
        for chunk in chunks:
            written += len(chunk)
            yield chunk
        if written != size:
            raise BackupError(f"{name} changed while it was read. Make the backup again.")
        yield b"\0" * (-size % tarfile.BLOCKSIZE)
    yield b"\0" * (2 * tarfile.BLOCKSIZE)


# --- Reading ---------------------------------------------------------------------------------


def identities(text):
    """The age identities in a key file. Raises BackupError when there is none."""
    lines = (line.strip() for line in text.splitlines())
    try:
        found = [pyrage.x25519.Identity.from_str(line) for line in lines if line.startswith("AGE")]
    except pyrage.IdentityError:
        found = []
    if not found:
        raise BackupError(
            "The key file holds no identity: a line that begins with AGE-SECRET-KEY-1."
        )
    return found


@contextmanager
def reading(file, keys):
    """Yields an iterator of (name, binary file) over the members of an open backup.

    Raises BackupError for a wrong identity, and for a file that was altered anywhere or cut
    short: that is known for certain only when the block ends without an error. Without `keys`
    the backup is one that a DEBUG site left unencrypted.
    """
    file.seek(0)
    if keys is None:
        try:
            yield _members(file)
        except tarfile.TarError:
            raise BackupError(DAMAGED) from None
        return
    came_out, goes_in = os.pipe()
    decryption = _Decryption(file, keys, goes_in)
    try:
        with open(came_out, "rb", buffering=CHUNK) as plain:  # noqa: PTH123 (a descriptor)
            decryption.start()
            try:
                yield _members(plain)
            except tarfile.TarError:
                pass  # The decryption knows better what is wrong.
            else:
                while plain.read(CHUNK):  # To the very end, whose seal is checked as well.
                    pass
    finally:
        decryption.join()
    decryption.raise_what_went_wrong()


class _Decryption(threading.Thread):
    """Decrypts into a pipe, from which the other side reads as fast as it can use it."""

    def __init__(self, file, keys, goes_in):
        super().__init__(daemon=True)
        self.file, self.keys, self.goes_in = file, keys, goes_in
        self.error = None

    def run(self):
        try:
            with open(self.goes_in, "wb", buffering=0) as pipe:  # noqa: PTH123
                pyrage.decrypt_io(self.file, _Whole(pipe), self.keys)
        except BrokenPipeError:
            pass  # The reader stopped because of an error of its own.
        except Exception as error:
            self.error = error

    def raise_what_went_wrong(self):
        if isinstance(self.error, pyrage.DecryptError) and "No matching" in str(self.error):
            raise BackupError(WRONG_IDENTITY)
        if self.error is not None:
            raise BackupError(DAMAGED)


class _Whole:
    """A raw pipe takes what fits; this writes all of it."""

    def __init__(self, pipe):
        self.pipe = pipe

    def write(self, data):
        view = memoryview(data)
        while view:
            view = view[self.pipe.write(view) :]
        return len(data)

    def flush(self):
        pass


def _members(plain):
    with tarfile.open(fileobj=plain, mode="r|", bufsize=CHUNK) as tar:
        while (info := tar.next()) is not None:
            yield info.name, tar.extractfile(info)
            tar.members.clear()  # Else it remembers every one of a hundred thousand.
