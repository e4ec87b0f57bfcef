"""Several querysets in one round trip to the database.

A page shows rows of many tables. Fetched one after another, they cost more time than all
the rest of the page; so each queryset becomes a column of one row, a list in JSON.
"""

import json
from datetime import UTC, date, datetime, time
from uuid import UUID

from django.core.exceptions import EmptyResultSet
from django.db import connections


def fetch(using="default", **querysets):
    """{name: list of model instances} for plain querysets of models, in their order.

    Neither `select_related` nor annotations come along, and related rows are fetched by
    querysets of their own.
    """
    connection = connections[using]
    selects, parameters = [], []
    for queryset in querysets.values():
        sql, values = _as_json(queryset, connection)
        selects.append(sql)
        parameters += values
    with connection.cursor() as cursor:
        cursor.execute(f"SELECT {', '.join(selects)}", parameters)
        row = cursor.fetchone()
    return {
        name: _instances(queryset.model, json.loads(rows or "[]"), using)
        for (name, queryset), rows in zip(querysets.items(), row, strict=True)
    }


def _as_json(queryset, connection):
    fields = queryset.model._meta.concrete_fields
    try:
        sql, parameters = queryset.query.get_compiler(connection=connection).as_sql()
    except EmptyResultSet:  # Django knows without asking that there is nothing.
        return "NULL", ()
    columns = ", ".join(connection.ops.quote_name(field.column) for field in fields)
    if connection.vendor == "postgresql":
        listed = f"json_agg(json_build_array({columns}))::text"
    else:
        listed = f"json_group_array(json_array({columns}))"
    return f"(SELECT {listed} FROM ({sql}) AS rows)", parameters  # noqa: S608


def _instances(model, rows, using):
    fields = model._meta.concrete_fields
    names = [field.attname for field in fields]
    converted = [
        (position, convert)
        for position, field in enumerate(fields)
        if (convert := FROM_JSON.get(field.get_internal_type()))
    ]
    for row in rows:
        for position, convert in converted:
            if row[position] is not None:
                row[position] = convert(row[position])
    return [model.from_db(using, names, row) for row in rows]


def _moment(text):
    """SQLite holds moments without their zone, which is UTC."""
    moment = datetime.fromisoformat(text)
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)


FROM_JSON = {
    "BooleanField": bool,
    "DateField": date.fromisoformat,
    "DateTimeField": _moment,
    "TimeField": time.fromisoformat,
    "UUIDField": UUID,
}
