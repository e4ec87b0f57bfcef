"""The whole database as text, as somebody would read it who got hold of a copy."""

from django.db import connection


def tables():
    with connection.cursor() as cursor:
        return sorted(connection.introspection.table_names(cursor))


def columns(table):
    """Each column of the table with everything in it: {"email": "…"}."""
    with connection.cursor() as cursor:
        cursor.execute(f"SELECT * FROM {connection.ops.quote_name(table)}")  # noqa: S608
        names = [column[0] for column in cursor.description]
        rows = cursor.fetchall()
    return {
        name: "\n".join(_readable(row[position]) for row in rows)
        for position, name in enumerate(names)
    }


def places_of(text):
    """Every “table.column” that holds `text` in clear."""
    return {
        f"{table}.{name}"
        for table in tables()
        for name, content in columns(table).items()
        if text in content
    }


def _readable(value):
    if isinstance(value, bytes | memoryview):
        return bytes(value).decode("utf-8", "replace")
    return str(value)
