"""Puts a checked backup in place.

Rows are exchanged in one transaction. Within it the files are swapped and everything is
compared with the backup, so that whatever fails leaves the installation as it was.
"""

import json

from django.db import DatabaseError, OperationalError, connection, transaction
from django.db.migrations.loader import MigrationLoader

from . import BackupError, archive, files, marks, schema, tables
from .checking import lines_of, storage_of, table_of

# What migrating fills by itself: a database with nothing else is empty.
FILLED_BY_MIGRATING = {
    "auth_group",
    "auth_group_permissions",
    "auth_permission",
    "django_content_type",
}


# --- Before ----------------------------------------------------------------------------------


def refuse_what_cannot_be(found, *, replace, without_keys=False):
    """Raises BackupError for a reason not to begin. Nothing has been changed by then.

    Single values that were unreadable already when the backup was made are no reason.
    """
    if found.sealed.number_unread and found.missing_keys and not without_keys:
        raise BackupError(
            f"{found.sealed.number_unread:,} of {found.sealed.number:,} encrypted values cannot "
            "be read with the keys here. You need the key with the fingerprint "
            f"{' or '.join(found.missing_keys)}: add it to FIELD_ENCRYPTION_KEYS. If it is lost "
            "for good, --without-keys restores everything else. Nothing was changed."
        )
    known = set(MigrationLoader(None).disk_migrations)
    if newer := sorted(found.migrations - known):
        raise BackupError(
            "The backup was made by a newer version of the site, which has the migrations "
            f"{tables.named(newer)}. Install that version first. Nothing was changed."
        )
    if not replace and (taken := what_is_there()):
        raise BackupError(
            f"This installation is not empty: there are {taken}. With --replace, everything "
            "that is here is deleted and the backup takes its place. Nothing was changed."
        )


def is_older_than_the_code(found):
    return found.migrations != set(MigrationLoader(None).disk_migrations)


def what_is_there():
    """Words for the first thing that a restore would delete; empty when there is none."""
    if applied := set(MigrationLoader(connection).applied_migrations):
        if not applied <= set(MigrationLoader(None).disk_migrations):
            return "tables of a newer version of the site"
        for table in tables.of(connection)[0]:
            if table.name not in FILLED_BY_MIGRATING and (rows := tables.count(connection, table)):
                return f"{rows:,} rows in {table.name}"
    for alias in files.ALIASES:
        if any(not name.startswith(".") for name in files.store(alias).names()):
            return f"files in the storage “{alias}”"
    return ""


# --- All or nothing --------------------------------------------------------------------------


def restore(file, keys, found, progress, add=lambda: None):
    """Puts the backup in place; a list of (what, how many, whether it equals the backup).

    `add` writes what shall be there together with the rows of the backup: both or neither.
    Raises BackupError, after which everything is as it was before.
    """
    stores = {alias: files.store(alias) for alias in files.ALIASES}
    last_one_counts = marks.is_made()
    report, begun = [], []
    try:
        for store in stores.values():
            store.begin(last_one_counts=last_one_counts)
            begun.append(store)
        marks.remove()
        schema.prepare(found)
        # In which tables can be made and filled in any order, on SQLite as well.
        with connection.constraint_checks_disabled(), transaction.atomic():
            _make_room(found)
            _fill(file, keys, found, stores, progress)
            report += _compare_rows(found, progress)
            for store in stores.values():
                store.swap()
            report += _compare_files(found, stores, progress)
            if wrong := [what for what, _, is_equal in report if not is_equal]:
                raise BackupError(f"What was restored differs in {', '.join(wrong)}.")
            add()
            connection.check_constraints()
            marks.make()
    except BaseException as error:
        for store in begun:
            store.undo()
        schema.forget()
        if isinstance(error, DatabaseError):
            raise BackupError(_in_words(error)) from None
        raise
    for store in stores.values():
        store.finish()
    marks.remove()
    return report


def _in_words(error):
    """Without the error's own message, which quotes rows."""
    is_locked = type(error.__cause__).__name__ == "LockNotAvailable" or "locked" in str(error)
    if isinstance(error, OperationalError) and is_locked:
        return "The database is in use. Stop the site and its worker first. Nothing was changed."
    return (
        f"The database refused the rows of the backup ({type(error).__name__}). "
        "Nothing was changed."
    )


def _make_room(found):
    """Empty tables, in the state of the backup. Keeps everybody else out until the end."""
    is_sqlite = connection.vendor == "sqlite"
    with connection.cursor() as cursor:
        if not is_sqlite:
            cursor.execute("SET LOCAL lock_timeout = '30s'")
        if schema.differs(found):
            schema.exchange(cursor, found)
        kept, passing = tables.of(connection)
        every = [connection.ops.quote_name(name) for name in (*(t.name for t in kept), *passing)]
        if is_sqlite:
            for name in every:
                cursor.execute(f"DELETE FROM {name}")  # noqa: S608
        else:
            cursor.execute(f"TRUNCATE {', '.join(every)}")


def _fill(file, keys, found, stores, progress):
    total = found.rows + found.number_of_files
    with archive.reading(file, keys) as members, progress("Restoring", total) as shown:
        for name, member in members:
            if name.startswith("tables/"):
                rows = [json.loads(line) for line in lines_of(member)]
                tables.insert(connection, found.tables[table_of(name)], rows)
                shown.add(len(rows))
            elif name.startswith("files/"):
                alias, name = storage_of(name)
                stores[alias].put(name, member)
                shown.add(1)
    numbers = {name: last for name, (*_, last) in found.digests["tables"].items()}
    tables.set_last_numbers(connection, list(found.tables.values()), numbers)


def _compare_rows(found, progress):
    with progress("Comparing rows", found.rows) as shown:
        for table in found.tables.values():
            digest = tables.digest(connection, table)
            shown.add(digest.rows)
            expected = found.digests["tables"][table.name][:2]
            yield table.name, digest.rows, [digest.rows, str(digest)] == expected


def _compare_files(found, stores, progress):
    with progress("Comparing files", found.number_of_files) as shown:
        for alias, listed in found.digests["files"].items():
            equal = 0
            for name, (_, expected) in listed.items():
                equal += stores[alias].digest(name) == expected
                shown.add(1)
            is_all = set(stores[alias].names()) >= set(listed)
            yield f"files in “{alias}”", equal, is_all and equal == len(listed)
