"""Files of the two storages, read for a backup and put in place by a restore.

A folder is filled beside what is there and swapped at the end, and says at any moment which of
its files are whose, should the restore be cut off there (`settling`). Object storage has no
folders to swap: there, files that are missing are added first, those that differ are exchanged
at the end, and those that the backup does not have are deleted last.
"""

import errno
import fcntl
import hashlib
import os
import shutil
import tempfile
from contextlib import contextmanager
from pathlib import Path
from uuid import uuid4

from django.core.exceptions import SuspiciousFileOperation
from django.core.files import File
from django.core.files.storage import FileSystemStorage, storages

from . import BackupError

ALIASES = ("default", "private")
CHUNK = 256 * 1024
# MOVING holds some of what was there, the rest is in its place; OLD holds all of it. What is in
# THROWN_AWAY nobody needs any more.
NEW, MOVING, OLD, THROWN_AWAY = ".restoring", ".replacing", ".replaced", ".thrown-away"
NOT_OURS = {NEW, MOVING, OLD, THROWN_AWAY, "lost+found"}
FULL = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)


def stores():
    """{alias: its store}"""
    return {alias: store(alias) for alias in ALIASES}


def store(alias):
    storage = storages[alias]
    return Folder(storage) if isinstance(storage, FileSystemStorage) else Objects(storage)


def chunks_of(file):
    while chunk := file.read(CHUNK):
        yield chunk


def _digest(storage, name):
    sha = hashlib.sha256()
    try:
        with storage.open(name) as file:
            for chunk in chunks_of(file):
                sha.update(chunk)
    except FileNotFoundError:
        return None
    return sha.hexdigest()


class _Store:
    """`place` says in words where it is."""

    def __init__(self, storage):
        self.storage = storage

    def names(self, folder=""):
        """Every file's name, in order. An empty or missing storage has none."""
        try:
            folders, files = self.storage.listdir(folder)
        except FileNotFoundError:
            return
        inside = f"{folder}/" if folder else ""
        yield from (inside + name for name in sorted(files) if name)
        for name in sorted(folders):
            if name and (folder or name not in NOT_OURS):
                yield from self.names(inside + name)

    def open(self, name):
        return self.storage.open(name)

    def digest(self, name):
        """The SHA-256 of a stored file in hex; None when there is none."""
        return _digest(self.storage, name)

    def _save(self, storage, name, file):
        try:
            saved_as = storage.save(name, File(file))
        except SuspiciousFileOperation:
            raise BackupError(f"The backup names a file that may not be: {name!r}.") from None
        except OSError as error:
            raise BackupError(not_written(self.place, error)) from None
        if saved_as != name:
            raise BackupError(f"{name} could not be written under its own name.")


class Folder(_Store):
    """Files in a folder of this machine."""

    def __init__(self, storage):
        super().__init__(storage)
        self.root = Path(storage.location)
        self.place = f"the folder {self.root}"

    @contextmanager
    def held(self):
        """Nobody else puts files in place here meanwhile: BackupError when somebody does.

        The system takes the lock from a process that was killed.
        """
        self.root.mkdir(parents=True, exist_ok=True)
        descriptor = os.open(self.root, os.O_RDONLY)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            os.close(descriptor)
            raise BackupError(f"Another restore is at work in {self.root}.") from None
        except OSError:
            pass  # A disk of another machine, which knows no such locks.
        try:
            yield
        finally:
            os.close(descriptor)

    def has_left_overs(self):
        return any((self.root / name).exists() for name in (NEW, MOVING, OLD, THROWN_AWAY))

    def is_between(self):
        """Whether some of what was there, or all of it, is in another place than its rows say.

        Unless the rows are those of the backup: then OLD is what was there before.
        """
        return any((self.root / name).exists() for name in (MOVING, OLD))

    def begin(self):
        self.beside = FileSystemStorage(
            location=self.root / NEW,
            file_permissions_mode=self.storage.file_permissions_mode,
            directory_permissions_mode=self.storage.directory_permissions_mode,
        )

    def put(self, name, file):
        self._save(self.beside, name, file)

    def digest_of_new(self, name):
        return _digest(self.beside, name)

    def leave_out(self, name):
        self.beside.delete(name)

    def swap(self):
        """Renames alone, inside the folder: it may be a mounted volume."""
        self._move_all(self.root, self.root / MOVING)
        (self.root / MOVING).rename(self.root / OLD)  # From here on the others are the backup's.
        self._move_all(self.root / NEW, self.root)

    def undo(self):
        """Puts back what was there, beside what was stored since. May be cut off at any step,
        and begun anew."""
        if (self.root / OLD).exists():
            self._delete_older_than((self.root / OLD).stat().st_mtime_ns)
            (self.root / OLD).rename(self.root / MOVING)
        if (self.root / MOVING).exists():
            self._move_all(self.root / MOVING, self.root)
        self._throw_away(NEW, MOVING)

    def finish(self):
        self._throw_away(NEW, OLD)

    def clean(self):
        """Deletes what was thrown away: it takes a while, so it comes after everything else."""
        if (self.root / THROWN_AWAY).exists():
            shutil.rmtree(self.root / THROWN_AWAY)

    def _move_all(self, source, target):
        for folder in (source, target):
            folder.mkdir(exist_ok=True)
        for path in list(source.iterdir()):
            if source == self.root and path.name in NOT_OURS:
                continue
            there = target / path.name
            if path.is_dir() and there.is_dir():  # Somebody stored something there meanwhile.
                self._move_all(path, there)
            else:
                path.rename(there)

    def _delete_older_than(self, moment):
        """Deletes the backup's files from their places. OLD was last written to when they were
        about to be put there; so what is newer was stored after it, and belongs to a row."""
        for name in self.names():
            path = self.root / name
            if path.stat().st_mtime_ns <= moment:
                path.unlink()

    def _throw_away(self, *names):
        """Out of the way by one rename each."""
        for name in names:
            if (self.root / name).exists():
                (self.root / THROWN_AWAY).mkdir(exist_ok=True)
                (self.root / name).rename(self.root / THROWN_AWAY / uuid4().hex)


class Objects(_Store):
    """Files in an object storage, through Django's interface alone."""

    place = "the object storage"
    # As they are for whoever only settles what another process has left.
    before = added = differing = in_backup = frozenset()

    @contextmanager
    def held(self):
        yield

    def has_left_overs(self):
        return False  # Asking costs money. The next restore looks.

    is_between = has_left_overs

    def begin(self):
        self.before, self.added, self.differing = set(self.names()), [], []
        self.in_backup = set()

    def put(self, name, file):
        self.in_backup.add(name)
        with tempfile.SpooledTemporaryFile(max_size=CHUNK * 16) as copy:
            try:
                shutil.copyfileobj(file, copy, CHUNK)
            except OSError as error:
                place = f"the folder {tempfile.gettempdir()}"
                raise BackupError(not_written(place, error)) from None
            copy.seek(0)
            if name not in self.before:
                self.added.append(name)
                self._save(self.storage, name, copy)
            elif hashlib.file_digest(copy, "sha256").hexdigest() != self.digest(name):
                copy.seek(0)
                self.storage.delete(f"{NEW}/{name}")
                self._save(self.storage, f"{NEW}/{name}", copy)
                self.differing.append(name)

    def digest_of_new(self, name):
        return self.digest(f"{NEW}/{name}" if name in self.differing else name)

    def leave_out(self, name):
        self.in_backup.discard(name)

    def swap(self):
        for name in self.differing:
            with self.storage.open(f"{NEW}/{name}") as file:
                self.storage.delete(name)
                self._save(self.storage, name, file)

    def undo(self):
        """Takes back what was added. What was exchanged already stays as in the backup."""
        for name in [*self.added, *self.names(NEW)]:
            self.storage.delete(name)

    def finish(self):
        for name in [*({*self.before, *self.added} - {*self.in_backup}), *self.names(NEW)]:
            self.storage.delete(name)

    def clean(self):
        pass


def not_written(place, error):
    """Words for what kept a file from being written."""
    if error.errno in FULL:
        return (
            f"No room is left in {place}. Nothing was changed. Make room there: until its end a "
            "restore needs as much again as the files of the backup. Then run it again."
        )
    why = error.strerror or (error if error.errno is None else type(error).__name__)
    return (
        f"Files could not be written into {place}: {why}. Nothing was changed. "
        "Mend that, then run the restore again."
    )
