"""Where the rows of a backup are put together before anybody sees them.

Wherever it can be, that is one transaction on the tables in use. But some migrations cannot run
in a transaction on PostgreSQL: a backup that has to be migrated there is put together in a
schema beside, and a short transaction changes the old tables for the new ones.
"""

from contextlib import contextmanager, suppress
from functools import partial

from django.apps import apps
from django.db import Error as AnyDatabaseError
from django.db import connection, transaction
from django.db.migrations.executor import MigrationExecutor
from django.db.migrations.loader import MigrationLoader

from . import tables

BESIDE = "restoring"


@contextmanager
def out_of_sight(found):
    """Tables in the state of the backup, to be filled by whoever runs in the block.

    Yields a function for the block's last transaction: it shows the rows, with its commit.
    """
    if connection.vendor == "sqlite" or not (differs(found) or is_older_than_the_code(found)):
        with connection.constraint_checks_disabled(), transaction.atomic():
            with connection.cursor() as cursor:
                _wait_not_too_long(cursor)
                if differs(found):
                    _drop_tables(cursor)
                    _migrate(found)
            yield lambda: None
        return
    forget()
    with connection.cursor() as cursor:
        cursor.execute(f"CREATE SCHEMA {BESIDE}")
        cursor.execute("SHOW search_path")
        usual = cursor.fetchone()[0]
        cursor.execute(f"SET search_path TO {BESIDE}")
    try:
        _migrate(found)
        yield partial(_exchange, usual)
    finally:
        with suppress(AnyDatabaseError), connection.cursor() as cursor:  # If it is still there.
            cursor.execute(f"SET search_path TO {usual}")


def differs(found):
    return set(MigrationLoader(connection).applied_migrations) != found.migrations


def is_older_than_the_code(found):
    return found.migrations != set(MigrationLoader(None).disk_migrations)


def empty():
    """Deletes all rows, also those that migrating has put there."""
    kept, passing = tables.of(connection)
    every = [connection.ops.quote_name(name) for name in (*(t.name for t in kept), *passing)]
    with connection.cursor() as cursor:
        if connection.vendor == "sqlite":
            for name in every:
                cursor.execute(f"DELETE FROM {name}")  # noqa: S608
        else:  # Keeps everybody else out until the end.
            cursor.execute(f"TRUNCATE {', '.join(every)}")


def forget():
    """Removes what an interrupted restore has left beside."""
    if connection.vendor == "postgresql":
        with connection.cursor() as cursor:
            cursor.execute(f"DROP SCHEMA IF EXISTS {BESIDE} CASCADE")


def _exchange(usual):
    """Drops the old tables and puts those beside in their place."""
    with connection.cursor() as cursor:
        _wait_not_too_long(cursor)
        cursor.execute(f"SET search_path TO {usual}")
        _drop_tables(cursor)
        cursor.execute("SELECT current_schema()")
        here = connection.ops.quote_name(cursor.fetchone()[0])
        cursor.execute("SELECT tablename FROM pg_tables WHERE schemaname = %s", [BESIDE])
        for (name,) in cursor.fetchall():
            table = f"{BESIDE}.{connection.ops.quote_name(name)}"
            cursor.execute(f"ALTER TABLE {table} SET SCHEMA {here}")
        cursor.execute(f"DROP SCHEMA {BESIDE} CASCADE")


def _wait_not_too_long(cursor):
    if connection.vendor == "postgresql":
        cursor.execute("SET LOCAL lock_timeout = '30s'")


def _migrate(found):
    executor = MigrationExecutor(connection)
    executor.migrate(_newest(executor.loader.graph, found.migrations))


def _newest(graph, wanted):
    """Of the wanted migrations, the last ones in each app."""
    return [
        key
        for key in sorted(wanted)
        if not any(
            child.key in wanted and child.key[0] == key[0] for child in graph.node_map[key].children
        )
    ]


def _drop_tables(cursor):
    """Those of the installed apps, even such that only a newer version knows."""
    ours = (*(f"{config.label}_" for config in apps.get_app_configs()), "django_")
    ending = "" if connection.vendor == "sqlite" else " CASCADE"
    for name in connection.introspection.table_names(cursor):
        if name.startswith(ours):
            cursor.execute(f"DROP TABLE {connection.ops.quote_name(name)}{ending}")
