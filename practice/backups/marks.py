"""A mark in the database: the rows are the restored ones, and what was there has not yet gone.

It becomes visible with the rows themselves, in the same commit. So whoever finds files of a
restore that was cut off can tell which of them belong to the rows. A table that no migration
knows: it fits a database in the state of any version, and is in no backup.
"""

from django.db import connection

TABLE = "practice_restored"


def make():
    """In the restore's transaction."""
    with connection.cursor() as cursor:
        cursor.execute(f"CREATE TABLE {TABLE} (is_restored integer)")


def is_made():
    return TABLE in connection.introspection.table_names()


def remove():
    with connection.cursor() as cursor:
        cursor.execute(f"DROP TABLE IF EXISTS {TABLE}")
