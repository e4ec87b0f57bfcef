"""Puts a checked backup in place.

Rows are put together where nobody sees them, with everything that is owed to them: migrations,
and erasures since. The files are swapped last, within the transaction that shows the rows. So
whatever fails, and whenever it is killed, the installation is as before, or wholly restored.
"""

import json
import logging
import os
import shutil
import sqlite3
from collections import defaultdict
from contextlib import contextmanager, suppress

from django.core.management import call_command
from django.db import DatabaseError, InterfaceError, OperationalError, connection, transaction
from django.db import Error as AnyDatabaseError
from django.db.migrations.loader import MigrationLoader

from . import BackupError, NotAsBefore, archive, files, marks, schema, settling, tables
from .checking import lines_of, storage_of, table_of
from .making import MEGABYTE
from .schema import is_older_than_the_code

logger = logging.getLogger(__name__)
UNCHANGED = "Nothing was changed."
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
    _refuse_a_full_disk(found)


def _refuse_a_full_disk(found):
    """The files of the backup lie beside those that are here until the end."""
    needed, folders = defaultdict(int), {}
    for alias, named in found.files.items():
        store = files.store(alias)
        if isinstance(store, files.Folder):
            store.root.mkdir(parents=True, exist_ok=True)
            disk = store.root.stat().st_dev
            needed[disk] += sum(size for size, _ in named.values())
            folders.setdefault(disk, store.root)
    for disk, size in needed.items():
        free = shutil.disk_usage(folders[disk]).free
        if free < size:
            raise BackupError(
                f"The files of the backup need about {size // MEGABYTE + 1} MB beside those that "
                f"are here, and {folders[disk]} has {free // MEGABYTE} MB left. {UNCHANGED} Make "
                "room there, then run the restore again."
            )


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


def restore(file, keys, found, progress, owed=tuple):
    """Puts the backup in place. ([(what, how many, whether it equals the backup)], what is left
    to say: words, empty where all is well).

    `owed` does to the rows what has to be done before anybody sees them, and returns
    (storage alias, name) of files that belong to them no longer. Raises BackupError, after which
    everything is as it was before; or NotAsBefore, which says what is how.
    """
    stores = files.stores()
    with _said_in_words(), settling.alone(stores):
        settling.settle(stores)
        with suppress(OSError):
            settling.clean(stores)
        try:
            report = _put_in_place(file, keys, found, stores, progress, owed)
        except BaseException as error:
            _take_back(stores, error)
            raise
        return report, _let_go(stores)


def _put_in_place(file, keys, found, stores, progress, owed):
    """From the last commit in it on the backup is there, and nothing is owed to it."""
    with schema.out_of_sight(found) as show:
        for store in stores.values():
            store.begin()
        with transaction.atomic():
            schema.empty()
            _fill(file, keys, found, stores, progress)
            report = [*_compare_rows(found, progress), *_compare_files(found, stores, progress)]
            if wrong := [what for what, _, is_equal in report if not is_equal]:
                raise BackupError(f"What was restored differs in {', '.join(wrong)}.")
        if is_older_than_the_code(found):
            _migrate()
        with transaction.atomic():
            for alias, name in owed():
                stores[alias].leave_out(name)
        with transaction.atomic():
            show()
            connection.check_constraints()
            marks.make()
            for store in stores.values():
                store.swap()
            os.sync()  # A power cut must not leave rows without their files.
    return report


def _migrate():
    try:
        call_command("migrate", verbosity=0)
    except OperationalError:
        raise
    except Exception as error:
        logger.exception("The restored rows could not be migrated.")
        raise BackupError(
            "The backup could not be brought to the state of this version of the site "
            f"({type(error).__name__}; the log says where). {UNCHANGED} Install the version that "
            "made the backup, and restore with that."
        ) from None


# --- When it fails ---------------------------------------------------------------------------


def _take_back(stores, error):
    """Raises NotAsBefore when not everything is as it was before; else leaves the error to say."""
    try:
        is_in_place = settling.settle(stores)
        schema.forget()
    except (OSError, AnyDatabaseError) as trouble:
        what = f"{_kind(error)}; then {_kind(trouble)}"
        raise NotAsBefore(
            f"The restore failed ({what}), and could not tidy up after itself. Nothing is lost: "
            "either everything is as it was before, or the backup is in place with everything "
            "that belongs to it; which, the database knows. Do not open the site. Mend the cause, "
            "then run the restore again, with --replace."
        ) from None
    if is_in_place:
        raise NotAsBefore(
            f"The backup is in place, with all that belongs to it; only then something failed "
            f"({_kind(error)}). You may open the site."
        ) from None
    with suppress(OSError):
        settling.clean(stores)


def _let_go(stores):
    """The files of before are not needed any more. Words, if they could not be deleted."""
    try:
        settling.settle(stores)
        settling.clean(stores)
    except (OSError, AnyDatabaseError, KeyboardInterrupt, SystemExit) as error:
        return (
            "The backup is in place, with all that belongs to it, and you may open the site. But "
            "the files that were here before could not be deleted, patients' photographs among "
            f"them: {_kind(error)}. Mend that: the worker tries again every minute, and "
            "“Background jobs” in the admin shows whether it could."
        )
    return ""


def _kind(error):
    """What went wrong, without words that may hold a stored value."""
    if isinstance(error, BackupError):
        return str(error).replace(UNCHANGED, "").strip().rstrip(".")
    if isinstance(error, OSError) and error.strerror:
        return f"{error.filename}: {error.strerror}" if error.filename else error.strerror
    if isinstance(error, AnyDatabaseError):
        return "the database could not be reached, or refused"
    return "stopped" if isinstance(error, KeyboardInterrupt | SystemExit) else type(error).__name__


@contextmanager
def _said_in_words():
    """Errors become a BackupError that says what is to be done, and that nothing was changed."""
    try:
        yield
    except NotAsBefore:
        raise
    except BackupError as error:
        if UNCHANGED in str(error):
            raise
        raise BackupError(f"{error} {UNCHANGED}") from None
    except AnyDatabaseError as error:
        raise BackupError(_in_words(error)) from None
    except OSError as error:
        place = error.filename or files.Objects.place
        raise BackupError(files.not_written(place, error)) from None
    except (KeyboardInterrupt, SystemExit):
        raise BackupError(f"Stopped. {UNCHANGED}") from None
    except Exception as error:
        logger.exception("The restore failed.")
        kind = type(error).__name__
        raise BackupError(f"The restore failed ({kind}; the log says where). {UNCHANGED}") from None


def _in_words(error):
    """Without the error's own message, which quotes rows."""
    is_locked = type(error.__cause__).__name__ == "LockNotAvailable" or "locked" in str(error)
    if isinstance(error, OperationalError) and is_locked:
        return f"The database is in use. Stop the site and its worker first. {UNCHANGED}"
    if is_full(error):
        return (
            f"No room is left for the database, on {_place_of_database()}. {UNCHANGED} Make room "
            "there: until its end a restore needs as much again as the database. Then run it again."
        )
    if isinstance(error, OperationalError | InterfaceError):
        return (
            f"The database did not go on, or could not be reached ({type(error).__name__}). See "
            f"whether it runs and its disk has room. {UNCHANGED} Then run the restore again."
        )
    return f"The database refused the rows of the backup ({type(error).__name__}). {UNCHANGED}"


def is_full(error):
    """Whether the disk of the database was full."""
    if not isinstance(error, DatabaseError):
        return False
    is_sqlites = getattr(error.__cause__, "sqlite_errorcode", None) == sqlite3.SQLITE_FULL
    return is_sqlites or getattr(error.__cause__, "pgcode", None) == "53100"


def _place_of_database():
    if connection.vendor == "sqlite":
        return f"the disk of {connection.settings_dict['NAME']}"
    return f"the disk of its server ({connection.settings_dict['HOST'] or 'this machine'})"


# --- Its steps -------------------------------------------------------------------------------


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
    """Before they are in place: the swap itself only renames."""
    with progress("Comparing files", found.number_of_files) as shown:
        for alias, listed in found.digests["files"].items():
            equal = 0
            for name, (_, expected) in listed.items():
                equal += stores[alias].digest_of_new(name) == expected
                shown.add(1)
            yield f"files in “{alias}”", equal, equal == len(listed)
