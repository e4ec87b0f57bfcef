"""One encrypted file with the whole database and all pictures (docs/backup.md)."""

import fcntl
import itertools
import os
import re
import signal
import sys
import threading
import time
from contextlib import suppress
from datetime import timedelta
from pathlib import Path

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError
from django.db import connection
from django.utils import timezone

from practice.backups import BackupError, archive, files, making, record, settling, tables
from practice.operations.background import DATABASE_AWAY
from practice.operations.key_rotation import whose
from practice.operations.maintenance import AnotherIsRunning, alone
from practice.operations.progress import Progress

NAME = re.compile(r"practice-\d{8}T\d{6}Z\.tar(\.age)?")
UNFINISHED = ".part"
A_MINUTE, A_DAY = 60, 24 * 60 * 60
NOT_WRITTEN = "No backup was written, and no older one was deleted."


class Command(BaseCommand):
    help = "Writes one encrypted file with the database, the pictures and the photographs."

    def add_arguments(self, parser):
        parser.add_argument(
            "--to",
            default=settings.BASE_DIR / "backups",
            type=Path,
            help="A folder, or a file that does not exist yet (default: backups/).",
        )
        parser.add_argument(
            "--keep", type=int, help="How many backups stay in the folder; older ones are deleted."
        )

    def handle(self, *, to, keep, **options):
        if threading.current_thread() is threading.main_thread():
            # Leaves no half a file behind.
            signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
        try:
            recipients = making.recipients()
            folder, names = self.target(to, keep, bool(recipients))
            tables.applied_migrations(connection)
            with alone(on_wait=self.say_waiting) as go_on, record.noted(self.stderr.write) as warn:
                refuse_half_a_restore()
                delete_what_was_cut_off(folder)
                making.refuse_a_full_disk(folder)
                path, contents = self.write(folder, names, recipients, go_on)
                self.report(path, contents, recipients)
                self.tell_unread(contents.sealed, warn)
        except BackupError as error:
            raise CommandError(str(error)) from None
        except AnotherIsRunning:
            raise CommandError("Another backup or a key rotation is running.") from None
        except DATABASE_AWAY:
            raise CommandError(
                f"The database cannot be reached, or did not go on. {NOT_WRITTEN}"
            ) from None
        if keep:
            self.delete_older(folder, keep)

    def target(self, to, keep, is_encrypted):
        """(folder, names that the file may have there, the best first)."""
        is_folder = to.is_dir() or not to.suffix
        if keep is not None and (keep < 1 or not is_folder):
            raise BackupError("--keep takes a number from 1, and needs --to to be a folder.")
        folder = to if is_folder else to.parent
        self.refuse_a_media_folder(folder.resolve())
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        if is_folder:
            return folder, names_of_now(".tar.age" if is_encrypted else ".tar")
        if to.exists():  # Said before others are waited for.
            raise BackupError(f"{to} exists already.")
        return folder, [to.name]

    def refuse_a_media_folder(self, folder):
        for alias in files.ALIASES:
            store = files.store(alias)
            if isinstance(store, files.Folder) and folder.is_relative_to(store.root.resolve()):
                raise BackupError(f"{folder} is inside the media, which are backed up themselves.")

    def write(self, folder, names, recipients, go_on):
        """Under another name until it is whole and on disk."""
        path, unfinished, descriptor = begin(folder, names)
        contents = making.Contents(self.progress, go_on)
        try:
            with open(descriptor, "wb") as file:  # noqa: PTH123 (a descriptor)
                archive.write(file, recipients, contents.members())
                file.flush()
                os.fsync(file.fileno())
            unfinished.rename(path)
        except BaseException as error:
            unfinished.unlink(missing_ok=True)
            if isinstance(error, OSError):
                raise BackupError(in_words(error, folder)) from None
            raise
        descriptor = os.open(folder, os.O_RDONLY)
        os.fsync(descriptor)  # The name as well.
        os.close(descriptor)
        return path, contents

    def progress(self, what, total, unit=""):
        return Progress(self.stderr, what, total, unit)

    def say_waiting(self):
        self.stderr.write("Waiting for another backup or key rotation to end.")

    def report(self, path, contents, recipients):
        size = path.stat().st_size / making.MEGABYTE
        sealed = (
            f"encrypted to {len(recipients)} recipient{'s'[: len(recipients) != 1]}"
            if recipients
            else "NOT ENCRYPTED"
        )
        self.stdout.write(
            f"Wrote {path}: {contents.rows:,} rows, {contents.files:,} files, {size:,.1f} MB, "
            f"{sealed}."
        )
        if contents.missing:
            for alias, name in contents.missing[:20]:
                self.stderr.write(f"Missing: {name} (storage “{alias}”)")
            raise BackupError(
                f"{len(contents.missing)} files that rows name are not there. The backup was "
                "written without them, and no older one was deleted."
            )

    def tell_unread(self, sealed, warn):
        """The backup is as good as the database: what is unreadable there is so in it."""
        if not sealed.number_unread:
            return
        words = (
            f"Warning: {sealed.number_unread:,} of {sealed.number:,} encrypted values cannot be "
            "read with the keys here. They are in the backup as they are. docs/backup.md, “Values "
            "that cannot be read”, says what to do."
        )
        for line in (words, *sealed.in_words(whose)):
            self.stderr.write(line)
            warn(line)

    def delete_older(self, folder, keep):
        ours = sorted(path for path in folder.iterdir() if NAME.fullmatch(path.name))
        for path in ours[:-keep]:
            path.unlink()


def refuse_half_a_restore():
    if settling.is_between(files.stores()):
        raise BackupError(
            "A restore was cut off here, and not all files belong to the rows. Start the worker, "
            "which puts its files in order within a minute, or run the restore again. "
            f"{NOT_WRITTEN}"
        )


def delete_what_was_cut_off(folder):
    """Whoever writes a backup holds a lock on it, which the system takes from a killed process."""
    for path in folder.glob(f".practice-*{UNFINISHED}"):
        age = time.time() - path.stat().st_mtime
        with path.open("rb") as file:
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                continue
            except OSError:  # A disk of another machine, which knows no such locks.
                is_left = age > A_DAY
            else:
                is_left = age > A_MINUTE  # A younger one may not be locked yet.
            if is_left:
                path.unlink(missing_ok=True)


def in_words(error, folder):
    if error.errno in files.FULL:
        return (
            f"No room is left in {folder}. {NOT_WRITTEN} Free some, lower --keep, or choose "
            "another --to."
        )
    why = error.strerror or (error if error.errno is None else type(error).__name__)
    place = f"{error.filename}: " if error.filename else ""
    return f"The backup could not be made: {place}{str(why).rstrip('.')}. {NOT_WRITTEN}"


def names_of_now(ending):
    """Names for a backup that begins now. The later ones are for when a second is taken."""
    now = timezone.now()
    for seconds in itertools.count():
        yield f"practice-{now + timedelta(seconds=seconds):%Y%m%dT%H%M%SZ}{ending}"


def begin(folder, names):
    """(path, its unfinished file, a descriptor of that) for a backup that overwrites nothing.

    Whoever makes the unfinished file, and finds no finished one then, has the name.
    """
    for name in names:
        path, unfinished = folder / name, folder / f".{name}{UNFINISHED}"
        try:
            descriptor = os.open(unfinished, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        except FileExistsError:
            continue
        if not path.exists():
            with suppress(OSError):
                fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            return path, unfinished, descriptor
        os.close(descriptor)
        unfinished.unlink()
    raise BackupError(
        f"{path} was not written: it exists by now, or {unfinished} is being written. "
        "If nothing is, that is left of a backup that was cut off: delete it."
    )
