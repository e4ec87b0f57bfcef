"""Files of the two storages, read for a backup and put in place by a restore.

A folder is filled beside what is there and swapped at the end. Object storage has no folders
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
NEW, OLD = ".restoring", ".replaced"
NOT_OURS = {NEW, OLD, "lost+found"}


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
        self.undoing = []

    def begin(self):
        """Makes room; what an interrupted restore has left goes away."""
        self.root.mkdir(parents=True, exist_ok=True)
        self._tidy()
        self.beside = FileSystemStorage(
            location=self.root / NEW,
            file_permissions_mode=self.storage.file_permissions_mode,
            directory_permissions_mode=self.storage.directory_permissions_mode,
        )

    def put(self, name, file):
        self._save(self.beside, name, file)

    def swap(self):
        """Renames alone, inside the folder: it may be a mounted volume."""
        new, old = self.root / NEW, self.root / OLD
        for folder in (new, old):
            folder.mkdir(exist_ok=True)
        for path in [each for each in self.root.iterdir() if each.name not in NOT_OURS]:
            self._move(path, old / path.name)
        for path in list(new.iterdir()):
            self._move(path, self.root / path.name)

    def _move(self, path, target):
        path.rename(target)
        self.undoing.append((target, path))

    def undo(self):
        while self.undoing:
            path, target = self.undoing.pop()
            path.rename(target)
        self._tidy()

    def finish(self):
        self._tidy()

    def _tidy(self):
        for name in (NEW, OLD):
            if (self.root / name).exists():
                shutil.rmtree(self.root / name)


class Objects(_Store):
    """Files in an object storage, through Django's interface alone."""

    def begin(self):
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
