"""Tables in the state of a backup, where those of the database are in another.

Some migrations cannot run in a transaction on PostgreSQL. So they run beforehand, in a schema
beside the one in use, and the transaction only changes the old tables for the new ones.
"""

from django.apps import apps
from django.db import connection
from django.db.migrations.executor import MigrationExecutor
from django.db.migrations.loader import MigrationLoader

BESIDE = "restoring"


def differs(found):
    return set(MigrationLoader(connection).applied_migrations) != found.migrations


def prepare(found):
    """Before the transaction: on PostgreSQL the tables are made beside the others."""
    if connection.vendor != "postgresql" or not differs(found):
        return
    forget()
    with connection.cursor() as cursor:
        cursor.execute(f"CREATE SCHEMA {BESIDE}")
        cursor.execute("SHOW search_path")
        usual = cursor.fetchone()[0]
        cursor.execute(f"SET search_path TO {BESIDE}")
        try:
            _migrate(found)
        finally:
            cursor.execute(f"SET search_path TO {usual}")


def exchange(cursor, found):
    """In the transaction: drops the old tables and puts empty ones in their place."""
    _drop_tables(cursor)
    if connection.vendor != "postgresql":
        _migrate(found)
        return
    cursor.execute("SELECT current_schema()")
    here = connection.ops.quote_name(cursor.fetchone()[0])
    cursor.execute("SELECT tablename FROM pg_tables WHERE schemaname = %s", [BESIDE])
    for (name,) in cursor.fetchall():
        table = f"{BESIDE}.{connection.ops.quote_name(name)}"
        cursor.execute(f"ALTER TABLE {table} SET SCHEMA {here}")
    cursor.execute(f"DROP SCHEMA {BESIDE} CASCADE")


def forget():
    """Removes what an interrupted restore has left beside."""
    if connection.vendor == "postgresql":
        with connection.cursor() as cursor:
            cursor.execute(f"DROP SCHEMA IF EXISTS {BESIDE} CASCADE")


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
