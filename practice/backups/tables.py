"""Rows as a backup holds them: the same on SQLite and on PostgreSQL.

A row is a JSON list of plain values, in the order of its columns. Ciphertext stays ciphertext.
Which tables and columns there are is read from the migrations that the database has had, not
from today's models, so that a database can be backed up before it is migrated.
"""

import base64
import hashlib
import json
from collections import defaultdict
from dataclasses import asdict, dataclass
from datetime import UTC, date, datetime, time
from uuid import UUID

from django.apps import apps as installed
from django.db import models
from django.db.migrations.loader import MigrationLoader
from django.db.models.expressions import Col

from practice.encryption import EncryptedTextField

from . import BackupError

ROWS_AT_ONCE = 1000
# Django's name for what a column is → ours.
KINDS = {
    **dict.fromkeys(("AutoField", "BigAutoField", "SmallAutoField"), "integer"),
    **dict.fromkeys(("IntegerField", "BigIntegerField", "SmallIntegerField"), "integer"),
    **dict.fromkeys(("PositiveIntegerField", "PositiveBigIntegerField"), "integer"),
    "PositiveSmallIntegerField": "integer",
    **dict.fromkeys(("CharField", "TextField", "SlugField", "GenericIPAddressField"), "text"),
    "FileField": "text",
    "BooleanField": "boolean",
    "FloatField": "float",
    "DateField": "date",
    "TimeField": "time",
    "DateTimeField": "datetime",
    "UUIDField": "uuid",
    "JSONField": "json",
    "BinaryField": "binary",
}
SEALED = "sealed"  # The kind of a text column that holds ciphertext.


@dataclass
class Table:
    """One table: `columns` are (name, kind) pairs, the first is the primary key."""

    name: str
    columns: list
    # Columns that name a file, each with the alias of its storage.
    files: dict

    def positions(self, kind):
        return [place for place, (_, each) in enumerate(self.columns) if each == kind]

    def described(self):
        return asdict(self)


# --- Which tables there are ------------------------------------------------------------------


def applied_migrations(connection):
    """The (app, name) pairs that the database has had. BackupError when it is newer than we."""
    loader = MigrationLoader(connection)
    known = set(loader.disk_migrations)
    applied = set(loader.applied_migrations)
    if not applied:
        raise BackupError("The database has no tables yet: `python manage.py migrate` makes them.")
    ours = {app for app, _ in known}
    if unknown := sorted(key for key in applied - known if key[0] in ours):
        raise BackupError(
            f"The database is newer than this version of the site: it has had {named(unknown)}. "
            "Use the version that made it."
        )
    return sorted(applied & known)


def named(keys):
    return ", ".join(f"{app}.{name}" for app, name in keys)


def models_of(connection):
    """The models as they were for the migrations that the database has had: their registry."""
    nodes = applied_migrations(connection)
    return MigrationLoader(connection).project_state(nodes).apps


def of(connection):
    """(tables to keep, names of tables whose rows are worth nothing after a restore)."""
    passing = _passing()
    kept, not_kept = [], []
    for model in models_of(connection).get_models(include_auto_created=True, include_swapped=False):
        if not model._meta.managed or model._meta.proxy:
            continue
        if model._meta.label_lower in passing:
            not_kept.append(model._meta.db_table)
        else:
            kept.append(_described(model))
    return sorted(kept, key=lambda table: table.name), sorted(not_kept)


def _passing():
    """Labels of models that each app names in `passing_models`: sessions, leases, counters."""
    return {
        label.lower()
        for config in installed.get_app_configs()
        for label in getattr(config, "passing_models", ())
    }


def _file_columns():
    """{(label, field): storage alias} of text fields that name a file."""
    return {
        (label.lower(), field): alias
        for config in installed.get_app_configs()
        for label, field, alias in getattr(config, "file_names", ())
    }


def _described(model):
    fields = sorted(model._meta.concrete_fields, key=lambda field: not field.primary_key)
    declared = _file_columns()
    files = {}
    for field in fields:
        if isinstance(field, models.FileField):
            files[field.column] = "default"
        elif alias := declared.get((model._meta.label_lower, field.name)):
            files[field.column] = alias
    columns = [[field.column, kind_of(field)] for field in fields]
    return Table(model._meta.db_table, columns, files)


def kind_of(field):
    while field.remote_field:
        field = field.target_field
    if isinstance(field, EncryptedTextField):
        return SEALED
    try:
        return KINDS[field.get_internal_type()]
    except KeyError:
        raise BackupError(
            f"A backup does not know columns like {field}. Add them to practice/backups/tables.py."
        ) from None


# --- Reading ---------------------------------------------------------------------------------

_ENCODE = {
    "date": date.isoformat,
    "time": time.isoformat,
    "datetime": lambda value: value.astimezone(UTC).isoformat(),
    "uuid": lambda value: value.hex,
    # In a list of its own, because JSON's null is not the database's NULL.
    "json": lambda value: [json.loads(value) if isinstance(value, str) else value],
    "binary": lambda value: base64.b64encode(value).decode(),
}
_FIELDS = {
    "boolean": models.BooleanField,
    "date": models.DateField,
    "time": models.TimeField,
    "datetime": models.DateTimeField,
    "uuid": models.UUIDField,
    "binary": models.BinaryField,
    "float": models.FloatField,
}


def rows(connection, table):
    """Yields lists of rows in the canonical order: by primary key, text by its bytes."""
    steps = [_reading(connection, table.name, *column) for column in table.columns]
    with connection.chunked_cursor() as cursor:
        cursor.execute(_select(connection, table))
        while batch := cursor.fetchmany(ROWS_AT_ONCE):
            yield [
                [
                    value if value is None or step is None else step(value)
                    for step, value in zip(steps, row, strict=True)
                ]
                for row in batch
            ]


def _select(connection, table):
    quote = connection.ops.quote_name
    listed = ", ".join(quote(name) for name, _ in table.columns)
    key, kind = table.columns[0]
    order = quote(key)
    if connection.vendor == "postgresql" and kind == "text":
        order += ' COLLATE "C"'
    return f"SELECT {listed} FROM {quote(table.name)} ORDER BY {order}"  # noqa: S608


def _reading(connection, table, column, kind):
    """What turns a value of the driver into a plain one; None when it is one already."""
    encode = _ENCODE.get(kind)
    if kind not in _FIELDS:
        return encode
    expression = Col(table, _FIELDS[kind](db_column=column))
    converters = connection.ops.get_db_converters(expression)

    def read(value):
        for convert in converters:
            value = convert(value, expression, connection)
        return encode(value) if encode else value

    return read if converters or encode else None


def count(connection, table):
    with connection.cursor() as cursor:
        cursor.execute(f"SELECT COUNT(*) FROM {connection.ops.quote_name(table.name)}")  # noqa: S608
        return cursor.fetchone()[0]


_compact = json.JSONEncoder(ensure_ascii=False, separators=(",", ":")).encode
_sorted = json.JSONEncoder(sort_keys=True).encode


def line(row):
    """One row as a backup holds it, in bytes."""
    return _compact(row).encode()


class Digest:
    """SHA-256 over rows in their order, whatever the order of keys inside a JSON column."""

    def __init__(self, table):
        self._has_json = bool(table.positions("json"))
        self._sha = hashlib.sha256()
        self.rows = 0

    def add(self, rows):
        self.add_lines(line(row) for row in rows)

    def add_lines(self, lines):
        """Adds rows that are lines of a backup already."""
        for each in lines:
            if self._has_json:
                each = _sorted(json.loads(each)).encode()
            self._sha.update(each + b"\n")
            self.rows += 1

    def __str__(self):
        return self._sha.hexdigest()


def digest(connection, table):
    """The Digest of what the table holds now."""
    result = Digest(table)
    for batch in rows(connection, table):
        result.add(batch)
    return result


# --- Writing ---------------------------------------------------------------------------------

_DECODE = {
    "date": date.fromisoformat,
    "time": time.fromisoformat,
    "datetime": datetime.fromisoformat,
    "uuid": UUID,
    "binary": base64.b64decode,
}


def insert(connection, table, batch):
    """Writes a list of rows as they came out of a backup."""
    steps = [_writing(connection, kind) for _, kind in table.columns]
    values = [
        tuple(
            value if value is None or step is None else step(value)
            for step, value in zip(steps, row, strict=True)
        )
        for row in batch
    ]
    quote = connection.ops.quote_name
    listed = ", ".join(quote(name) for name, _ in table.columns)
    start = f"INSERT INTO {quote(table.name)} ({listed}) VALUES "  # noqa: S608
    with connection.cursor() as cursor:
        if connection.vendor == "postgresql":
            from psycopg2.extras import execute_values

            with connection.wrap_database_errors:  # It goes past Django's own cursor.
                execute_values(cursor.cursor, f"{start} %s", values, page_size=ROWS_AT_ONCE)
        else:
            cursor.executemany(f"{start} ({', '.join(['%s'] * len(steps))})", values)


def _writing(connection, kind):
    if kind == "json":
        return lambda value: connection.ops.adapt_json_value(value[0], None)
    decode = _DECODE.get(kind)
    if kind not in _FIELDS:
        return decode
    field = _FIELDS[kind]()
    if decode is None:
        return lambda value: field.get_db_prep_value(value, connection)
    return lambda value: field.get_db_prep_value(decode(value), connection)


# --- Numbers that the database gives to new rows ---------------------------------------------


def last_numbers(connection, tables):
    """{table: the last number given}, so that a restored database gives none a second time."""
    found = defaultdict(int)
    with connection.cursor() as cursor:
        if connection.vendor == "sqlite":
            cursor.execute("SELECT name, seq FROM sqlite_sequence")
            found |= dict(cursor.fetchall())
        else:
            for table in tables:
                if sequence := _sequence(cursor, table):
                    cursor.execute(
                        "SELECT last_value - CASE WHEN is_called THEN 0 ELSE 1 END FROM "  # noqa: S608
                        + sequence
                    )
                    found[table.name] = cursor.fetchone()[0]
    return {table.name: found[table.name] for table in tables if found[table.name]}


def set_last_numbers(connection, tables, numbers):
    """Goes on counting after the last number that was given."""
    quote = connection.ops.quote_name
    with connection.cursor() as cursor:
        for table in tables:
            key, kind = table.columns[0]
            if kind != "integer":
                continue
            cursor.execute(f"SELECT MAX({quote(key)}) FROM {quote(table.name)}")  # noqa: S608
            last = max(cursor.fetchone()[0] or 0, numbers.get(table.name, 0))
            if connection.vendor == "sqlite":
                cursor.execute("DELETE FROM sqlite_sequence WHERE name = %s", [table.name])
                cursor.execute("INSERT INTO sqlite_sequence VALUES (%s, %s)", [table.name, last])
            elif sequence := _sequence(cursor, table):
                # Unlike setval() it is undone with the transaction.
                cursor.execute(f"ALTER SEQUENCE {sequence} RESTART WITH {int(last) + 1}")


def _sequence(cursor, table):
    key, kind = table.columns[0]
    if kind != "integer":
        return None
    cursor.execute("SELECT pg_get_serial_sequence(%s, %s)", [f'"{table.name}"', key])
    return cursor.fetchone()[0]
