"""INSERT statements that are written once.

Django writes each of them anew, which takes several times as long as it takes the database to
carry it out. As with `bulk_create`, `save()` is not called and no signal is sent.
"""

from functools import lru_cache

from django.db import DEFAULT_DB_ALIAS, connections


def insert(*lists):
    """Stores lists of new instances, each of one model; those of the last get their keys.

    PostgreSQL takes all lists in one statement. Rows that depend on one another's keys are
    stored one call after the other.
    """
    connection = connections[DEFAULT_DB_ALIAS]
    lists = [rows for rows in lists if rows]
    if not lists:
        return
    groups = [lists] if connection.vendor == "postgresql" else [[rows] for rows in lists]
    for group in groups:
        shape = tuple((type(rows[0]), len(rows)) for rows in group)
        values = [value for rows in group for row in rows for value in _values(row, connection)]
        with connection.cursor() as cursor:
            cursor.execute(_statement(shape), values)
            keys = cursor.fetchall()
    for row, (key,) in zip(lists[-1], keys, strict=True):
        row.pk = key
        row._state.adding, row._state.db = False, DEFAULT_DB_ALIAS


def _values(row, connection):
    for field in _fields(type(row)):
        yield field.get_db_prep_save(field.pre_save(row, add=True), connection)


@lru_cache
def _fields(model):
    """All but the key, which is the database's to give."""
    return [field for field in model._meta.local_concrete_fields if not field.primary_key]


@lru_cache(512)
def _statement(shape):
    """`shape` is (model, number of rows) of each list."""
    name = connections[DEFAULT_DB_ALIAS].ops.quote_name
    written = []
    for model, number in shape:
        fields = _fields(model)
        columns = ", ".join(name(field.column) for field in fields)
        row = f"({', '.join(['%s'] * len(fields))})"
        written.append(
            f"INSERT INTO {name(model._meta.db_table)} ({columns}) "  # noqa: S608 (names of ours)
            f"VALUES {', '.join([row] * number)}"
        )
    *others, last = written
    before = ", ".join(f"list_{place} AS ({each})" for place, each in enumerate(others))
    key = name(shape[-1][0]._meta.pk.column)
    return f"{f'WITH {before} ' if before else ''}{last} RETURNING {key}"
