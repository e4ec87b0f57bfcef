"""Reads a backup to its end and compares it with what it says of itself. Changes nothing."""

import gzip
import json
from dataclasses import dataclass, field
from hashlib import sha256

from practice import encryption

from . import BackupError, archive, files, tables
from .making import DIGESTS, FORMAT, MANIFEST, MEGABYTE
from .sealed import Sealed


@dataclass
class Found:
    """What a backup holds, and what of it the keys here open."""

    manifest: dict = None
    digests: dict = None
    tables: dict = field(default_factory=dict)  # {name: Table}, as the manifest says.
    seen: dict = field(default_factory=dict)  # {name: Digest}, as it really was.
    files: dict = field(default_factory=dict)  # {alias: {name: [size, SHA-256]}}, really.
    sealed: Sealed = field(default_factory=Sealed)

    @property
    def migrations(self):
        """The (app, name) pairs that the backup's database had had."""
        return {tuple(key) for key in self.manifest["migrations"]}

    @property
    def rows(self):
        return sum(digest.rows for digest in self.seen.values())

    @property
    def number_of_files(self):
        return sum(map(len, self.files.values()))

    @property
    def megabytes_of_files(self):
        return sum(size for each in self.files.values() for size, _ in each.values()) / MEGABYTE

    @property
    def missing_keys(self):
        """Fingerprints of the keys that its values need and this site has not.

        An older backup does not say that; then those that its site had and this one has not.
        """
        here = encryption.fingerprints()
        needed = self.digests.get("encryption_keys", self.manifest["encryption_keys"])
        return [each for each in needed if each not in here]


def check(file, keys, progress):
    """A Found for an open backup; BackupError when anything is altered, missing or too much."""
    found, size = Found(), file.seek(0, 2) / MEGABYTE
    with archive.reading(file, keys) as members, progress("Checking", size, " MB") as shown:
        for name, member in members:
            if name == MANIFEST:
                found.manifest = _manifest(member)
                found.tables = {
                    each["name"]: tables.Table(**each) for each in found.manifest["tables"]
                }
            elif name == DIGESTS:
                found.digests = json.load(member)
            elif name.startswith("tables/"):
                _see_rows(name, member, found, shown)
            elif name.startswith("files/"):
                _see_file(name, member, found, shown)
    _compare(found)
    return found


def _manifest(member):
    manifest = json.load(member)
    if manifest["format"] != FORMAT:
        raise BackupError(
            f"The backup has the format {manifest['format']}, and this version of the site reads "
            f"{FORMAT}. Use the version that made it. Nothing was changed."
        )
    return manifest


def table_of(name):
    """The table whose rows are in the member of that name."""
    return name.split("/")[1]


def storage_of(name):
    """(storage alias, file name) of the file in the member of that name."""
    _, alias, name = name.split("/", 2)
    return alias, name


def lines_of(member):
    return gzip.decompress(member.read()).split(b"\n")


def _see_rows(name, member, found, shown):
    table = found.tables[table_of(name)]
    lines = lines_of(member)
    found.seen.setdefault(table.name, tables.Digest(table)).add_lines(lines)
    if found.sealed.holds(table):
        found.sealed.look_at_rows(table, [json.loads(line) for line in lines])
    shown.add(member.tell() / MEGABYTE)


def _see_file(name, member, found, shown):
    alias, name = storage_of(name)
    sha, size = sha256(), 0
    # One photograph: a few megabytes.
    whole = bytearray() if found.sealed.is_named(alias, name) else None
    for chunk in files.chunks_of(member):
        sha.update(chunk)
        size += len(chunk)
        shown.add(len(chunk) / MEGABYTE)
        if whole is not None:
            whole += chunk
    found.files.setdefault(alias, {})[name] = [size, sha.hexdigest()]
    if whole is not None:
        found.sealed.look_at_file(alias, name, bytes(whole))


def _compare(found):
    if found.manifest is None or found.digests is None:
        raise BackupError(f"The backup has no {MANIFEST} or {DIGESTS}. Nothing was changed.")
    for name, table in found.tables.items():
        seen = found.seen.setdefault(name, tables.Digest(table))
        if [seen.rows, str(seen)] != found.digests["tables"][name][:2]:
            raise BackupError(f"The rows of {name} are not those that were backed up.")
    if found.files != {alias: names for alias, names in found.digests["files"].items() if names}:
        raise BackupError("The files in the backup are not those that were backed up.")
