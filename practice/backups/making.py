"""Makes a backup: rows of one snapshot, then the files, then the manifest that lists both."""

import gzip
import json
import shutil
from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from hashlib import sha256

from django.conf import settings
from django.db import connection as live
from django.db import connections
from django.utils import timezone

from practice import encryption

from . import BackupError, files, tables
from .sealed import Sealed

FORMAT = 1
MANIFEST, DIGESTS = "manifest.json", "digests.json"
PART = 1024 * 1024  # Bytes of rows, before they are compressed, in one member of the archive.
MEGABYTE = 1024 * 1024
ABOUT = """This is a backup of a practice's website: a tar archive, encrypted by age.

manifest.json   when and from what it was made, and the columns of each table
digests.json    the number and SHA-256 of each table's rows and of each file; under which
                encryption key how many values are
tables/         the rows, each a JSON list in a line
files/default   public pictures
files/private   patients' photographs

Columns of the kind "sealed" and the private files are encrypted once more, under the keys in
FIELD_ENCRYPTION_KEYS, which are not in here. `manage.py restore` puts everything back.
"""


@contextmanager
def snapshot():
    """A connection of its own that sees the database as it is now, while others go on writing."""
    with closing(connections.create_connection("default")) as connection:
        if connection.vendor == "sqlite":
            with connection.cursor() as cursor:
                cursor.execute("BEGIN DEFERRED")
                cursor.execute("SELECT COUNT(*) FROM django_migrations")  # From here it is fixed.
        else:
            connection.set_autocommit(False)
            with connection.cursor() as cursor:
                cursor.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ, READ ONLY")
        yield connection


@dataclass
class Contents:
    """Yields what goes into the archive, and knows afterwards what that was.

    `missing` are files whose rows are still there; `vanished` those that were deleted with
    their rows while the backup was made. `sealed` knows what no key here opens.
    """

    progress: object  # (what, total, unit) → a Progress.
    go_on: object  # Called between any two steps.
    rows: int = 0
    files: int = 0
    missing: list = field(default_factory=list)
    vanished: list = field(default_factory=list)
    sealed: Sealed = field(default_factory=Sealed)

    def members(self):
        self.named = {}  # (storage, file name) → (table, primary key) of the row that names it.
        yield _member("README.txt", ABOUT.encode())
        with snapshot() as connection:
            kept, not_kept = tables.of(connection)
            yield _json(MANIFEST, _manifest(connection, kept, not_kept))
            digests = {"tables": (yield from self._tables(connection, kept))}
        digests["files"] = {}
        for alias in files.ALIASES:
            digests["files"][alias] = yield from self._files(alias)
        self._look_for_missing(digests["files"], {table.name: table for table in kept})
        digests |= {"vanished": self.vanished, "missing": self.missing}
        digests["encryption_keys"] = dict(self.sealed.by_key)
        yield _json(DIGESTS, digests)

    def _tables(self, connection, kept):
        """Yields the rows of every table; returns {name: [number, SHA-256, last number given]}."""
        found, numbers = {}, tables.last_numbers(connection, kept)
        total = sum(tables.count(connection, table) for table in kept)
        with self.progress("Rows", total) as progress:
            for table in kept:
                digest = tables.Digest(table)
                for number, part in enumerate(self._parts(connection, table, progress), 1):
                    digest.add_lines(part)
                    data = gzip.compress(b"\n".join(part), 3, mtime=0)
                    yield _member(f"tables/{table.name}/{number:06}.jsonl.gz", data)
                found[table.name] = [digest.rows, str(digest), numbers.get(table.name, 0)]
                self.rows += digest.rows
        return found

    def _parts(self, connection, table, progress):
        """Yields the rows as lists of lines, each about as large as PART."""
        part, size = [], 0
        for batch in tables.rows(connection, table):
            self.go_on()
            self._remember_files(table, batch)
            self.sealed.look_at_rows(table, batch)
            for row in batch:
                part.append(tables.line(row))
                size += len(part[-1])
                if size >= PART:
                    yield part
                    part, size = [], 0
            progress.add(len(batch))
        if part:
            yield part

    def _remember_files(self, table, batch):
        for place, (column, _) in enumerate(table.columns):
            if alias := table.files.get(column):
                self.named |= {
                    (alias, row[place]): (table.name, row[0]) for row in batch if row[place]
                }

    def _files(self, alias):
        """Yields every file of a storage; returns {name: [size, SHA-256]}."""
        store, found = files.store(alias), {}
        with self.progress(f"Files ({alias})", size_of(store) / MEGABYTE, " MB") as progress:
            for name in store.names():
                self.go_on()
                try:
                    file = store.open(name)
                except FileNotFoundError:
                    continue  # Deleted since it was listed; `_look_for_missing` judges.
                whole = bytearray() if self.sealed.is_named(alias, name) else None
                with file:
                    sha, size = sha256(), file.size
                    yield f"files/{alias}/{name}", size, _seen(file, sha, progress, whole)
                if whole is not None:  # One photograph: a few megabytes.
                    self.sealed.look_at_file(alias, name, bytes(whole))
                found[name] = [size, sha.hexdigest()]
                self.files += 1
        return found

    def _look_for_missing(self, found, by_name):
        quote = live.ops.quote_name
        for (alias, name), (table, key) in self.named.items():
            if name in found[alias]:
                continue
            column = quote(by_name[table].columns[0][0])
            with live.cursor() as cursor:
                cursor.execute(f"SELECT 1 FROM {quote(table)} WHERE {column} = %s", [key])  # noqa: S608
                row_is_there = cursor.fetchone()
            (self.missing if row_is_there else self.vanished).append([alias, name])


def _manifest(connection, kept, not_kept):
    return {
        "format": FORMAT,
        "made_at": timezone.now().isoformat(timespec="seconds"),
        "database": connection.vendor,
        "migrations": tables.applied_migrations(connection),
        "encryption_keys": encryption.fingerprints(),
        "tables": [table.described() for table in kept],
        "not_kept": not_kept,
    }


def _member(name, data):
    return name, len(data), [data]


def _json(name, data):
    return _member(name, json.dumps(data, indent=1).encode())


def _seen(file, sha, progress, whole):
    for chunk in files.chunks_of(file):
        sha.update(chunk)
        if whole is not None:
            whole += chunk
        progress.add(len(chunk) / MEGABYTE)
        yield chunk


# --- Room ------------------------------------------------------------------------------------


def size_of(store):
    """Bytes in a folder; 0 for object storage, which tells sizes only one by one."""
    if not isinstance(store, files.Folder):
        return 0
    total = 0
    for name in store.names():
        try:
            total += store.storage.size(name)
        except FileNotFoundError:
            continue
    return total


def refuse_a_full_disk(folder):
    """Raises BackupError when the backup would hardly fit."""
    with live.cursor() as cursor:
        if live.vendor == "sqlite":
            cursor.execute("SELECT page_count * page_size FROM pragma_page_count, pragma_page_size")
        else:
            cursor.execute("SELECT pg_database_size(current_database())")
        database = cursor.fetchone()[0]
    # Indexes are not copied, and rows are compressed.
    needed = database // 2 + sum(size_of(files.store(alias)) for alias in files.ALIASES)
    free = shutil.disk_usage(folder).free
    if free < needed:
        raise BackupError(
            f"The backup needs about {needed // MEGABYTE + 1} MB, and {folder} has "
            f"{free // MEGABYTE} MB left. Free some, lower --keep, or choose another --to."
        )


def recipients():
    """The keys to encrypt to. Without any, only a DEBUG site may make a backup."""
    if not settings.BACKUP_RECIPIENTS and not settings.DEBUG:
        raise BackupError(
            "BACKUP_RECIPIENTS is not set, and an unencrypted backup would lay patients' names "
            "open. `python manage.py generate_secrets` makes a pair of keys."
        )
    return settings.BACKUP_RECIPIENTS
