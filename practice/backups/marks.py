"""A mark in the database: the rows are the restored ones, and what was there has not yet gone.

It becomes visible with the rows themselves, in the same commit. So whoever finds files of a
restore that was cut off can tell which of them belong to the rows. A table that no migration
knows: it fits a database in the state of any version, and is in no backup.
"""

from contextlib import contextmanager, suppress

from django.db import Error as AnyDatabaseError
from django.db import connection

TABLE = "practice_restored"
LOCK = 7_263_104_583  # A number that nothing else locks.


def make():
    """In the restore's transaction."""
    with connection.cursor() as cursor:
        cursor.execute(f"CREATE TABLE {TABLE} (is_restored integer)")


def is_made():
    return TABLE in connection.introspection.table_names()


def remove():
    with connection.cursor() as cursor:
        cursor.execute(f"DROP TABLE IF EXISTS {TABLE}")


@contextmanager
def alone():
    """Nobody else makes or reads the mark meanwhile: not even a commit that still goes on after
    its connection was lost. On SQLite every transaction that writes is alone anyway."""
    if connection.vendor == "sqlite":
        yield
        return
    with connection.cursor() as cursor:
        cursor.execute("SET lock_timeout = '30s'")
        cursor.execute("SELECT pg_advisory_lock(%s)", [LOCK])
        cursor.execute("RESET lock_timeout")
    try:
        yield
    finally:
        with suppress(AnyDatabaseError), connection.cursor() as cursor:  # If it is still there.
            cursor.execute("SELECT pg_advisory_unlock(%s)", [LOCK])
