"""Files of the two storages, read for a backup and put in place by a restore.

A folder is filled beside what is there and swapped at the end, and says at any moment which of
its files are whose, should the restore be cut off there. Object storage has no folders
to swap: there, files that are missing are added first, those that differ are exchanged at the
end, and those that the backup does not have are deleted last.
"""

import hashlib
import shutil
from pathlib import Path
from tempfile import SpooledTemporaryFile

from django.core.exceptions import SuspiciousFileOperation
from django.core.files import File
from django.core.files.storage import FileSystemStorage, storages

from . import BackupError

ALIASES = ("default", "private")
CHUNK = 256 * 1024
# MOVING holds some of what was there, the rest is in its place; OLD holds all of it.
NEW, MOVING, OLD = ".restoring", ".replacing", ".replaced"
NOT_OURS = {NEW, MOVING, OLD, "lost+found"}


def store(alias):
    storage = storages[alias]
    return Folder(storage) if isinstance(storage, FileSystemStorage) else Objects(storage)


def chunks_of(file):
    while chunk := file.read(CHUNK):
        yield chunk


class _Store:
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
        sha = hashlib.sha256()
        try:
            with self.storage.open(name) as file:
                for chunk in chunks_of(file):
                    sha.update(chunk)
        except FileNotFoundError:
            return None
        return sha.hexdigest()

    def _save(self, storage, name, file):
        try:
            saved_as = storage.save(name, File(file))
        except SuspiciousFileOperation:
            raise BackupError(f"The backup names a file that may not be: {name!r}.") from None
        if saved_as != name:
            raise BackupError(f"{name} could not be written under its own name.")


class Folder(_Store):
    """Files in a folder of this machine."""

    def __init__(self, storage):
        super().__init__(storage)
        self.root = Path(storage.location)

    def begin(self, *, last_one_counts):
        """Settles what an interrupted restore has left: to its end if its rows were committed,
        else back to what was there before it."""
        self.root.mkdir(parents=True, exist_ok=True)
        if last_one_counts:
            self.finish()
        else:
            self.undo()
        self.beside = FileSystemStorage(
            location=self.root / NEW,
            file_permissions_mode=self.storage.file_permissions_mode,
            directory_permissions_mode=self.storage.directory_permissions_mode,
        )

    def put(self, name, file):
        self._save(self.beside, name, file)

    def swap(self):
        """Renames alone, inside the folder: it may be a mounted volume."""
        self._move_all(self.root, self.root / MOVING)
        (self.root / MOVING).rename(self.root / OLD)  # From here on the others are the backup's.
        self._move_all(self.root / NEW, self.root)

    def undo(self):
        """Puts back what was there. May be cut off at any step, and begun anew."""
        self._remove(NEW)
        if (self.root / OLD).exists():
            self._move_all(self.root, self.root / NEW)
            (self.root / OLD).rename(self.root / MOVING)
        if (self.root / MOVING).exists():
            self._move_all(self.root / MOVING, self.root)
        self._remove(NEW, MOVING)

    def finish(self):
        self._remove(NEW, OLD)

    def _move_all(self, source, target):
        for folder in (source, target):
            folder.mkdir(exist_ok=True)
        for path in [each for each in source.iterdir() if each.name not in NOT_OURS]:
            path.rename(target / path.name)

    def _remove(self, *names):
        for name in names:
            if (self.root / name).exists():
                shutil.rmtree(self.root / name)


class Objects(_Store):
    """Files in an object storage, through Django's interface alone."""

    def begin(self, *, last_one_counts):
        self.before, self.added, self.differing = set(self.names()), [], []
        self.in_backup = set()

    def put(self, name, file):
        self.in_backup.add(name)
        with SpooledTemporaryFile(max_size=CHUNK * 16) as copy:
            shutil.copyfileobj(file, copy, CHUNK)
            copy.seek(0)
            if name not in self.before:
                self.added.append(name)
                self._save(self.storage, name, copy)
            elif hashlib.file_digest(copy, "sha256").hexdigest() != self.digest(name):
                copy.seek(0)
                self.storage.delete(f"{NEW}/{name}")
                self._save(self.storage, f"{NEW}/{name}", copy)
                self.differing.append(name)

    def swap(self):
        for name in self.differing:
            with self.storage.open(f"{NEW}/{name}") as file:
                self.storage.delete(name)
                self._save(self.storage, name, file)

    def undo(self):
        """Takes back what was added. What was exchanged already stays as in the backup."""
        for name in [*self.added, *(f"{NEW}/{name}" for name in self.differing)]:
            self.storage.delete(name)

    def finish(self):
        for name in self.before - self.in_backup:
            self.storage.delete(name)
        for name in self.differing:
            self.storage.delete(f"{NEW}/{name}")
