"""Several querysets in one round trip to the database.

A page shows rows of many tables. Fetched one after another, they cost more time than all
the rest of the page; so each queryset becomes a column of one row, a list in JSON. And
Django takes longer to write that statement than the database to answer it, so it is
written once, with places for what differs from page to page.
"""

import hashlib
import json
import threading
from collections.abc import Callable, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time
from functools import cached_property
from typing import Any
from uuid import UUID
from weakref import WeakKeyDictionary

from django.core.exceptions import EmptyResultSet
from django.db import connections, models
from django.utils import timezone


class Given(models.Expression):
    """A place in a queryset for a value that is named when the question is asked."""

    def __init__(self, name, output_field):
        super().__init__(output_field=output_field)
        self.name = name

    def as_sql(self, compiler, connection):
        return "%s", [self]


SLUG = Given("slug", models.SlugField())
TODAY = Given("today", models.DateField())
# The moment of asking, which nobody has to name.
NOW = Given("now", models.DateTimeField())


class OneQuery:
    """Decorates a module's function that gives {name: plain queryset of a model}.

    `only()` and `defer()` are heeded. Neither `select_related` nor annotations come along, and
    related rows are fetched by querysets of their own.
    """

    known: dict[str, "OneQuery"] = {}

    def __init__(self, querysets: Callable[[], Mapping[str, models.QuerySet]]):
        self.querysets = querysets
        self.name = f"{querysets.__module__}.{querysets.__qualname__}"
        if "<" not in self.name:  # One that is made in a function shares its name with others.
            self.known[self.name] = self
        self._statements = {}

    def fetch(self, using="default", **given) -> dict[str, list[models.Model]]:
        """{name: instances, in the queryset's order}. Raises django.db.Error."""
        notes = getattr(_here, "notes", None)
        row = notes.taken(self.name, given) if notes else None
        row = row or self.row(using, **given)
        if notes and self.name in self.known:
            notes.answers.append((self.name, tuple(given.items()), digest(row)))
        found = zip(self._statement(using).lists, row, strict=True)
        return {each.name: each.instances(rows, using) for each, rows in found}

    def row(self, using="default", **given):
        """What the database answers: the JSON text of each list, None for an empty one."""
        connection = connections[using]
        statement = self._statement(using)
        with connection.cursor() as cursor:
            cursor.execute(statement.ready(connection), statement.values(given, connection))
            return cursor.fetchone()

    def _statement(self, using):
        vendor = connections[using].vendor
        if vendor not in self._statements:
            self._statements[vendor] = _written(self.querysets(), connections[using])
        return self._statements[vendor]


@dataclass(frozen=True)
class RowsOf:
    """One list of the answer: of which model, and which of its fields."""

    name: str
    model: type[models.Model]
    fields: list[models.Field]

    def instances(self, text, using):
        rows = json.loads(text or "[]")
        names = [field.attname for field in self.fields]
        for position, column in enumerate(self.fields):
            convert = FROM_JSON.get(column.get_internal_type())
            for row in rows if convert else ():
                if row[position] is not None:
                    row[position] = convert(row[position])
        return [self.model.from_db(using, names, row) for row in rows]


@dataclass(frozen=True)
class Statement:
    sql: str  # With a named place for each value.
    places: dict[str, Any]  # What fills it: a Given stands for what comes with the question.
    lists: list[RowsOf]

    def values(self, given, connection):
        given = given | {"now": timezone.now()}
        return {
            name: place.output_field.get_db_prep_value(given[name], connection)
            if isinstance(place, Given)
            else place
            for name, place in self.places.items()
        }

    def ready(self, connection):
        """The SQL that asks it.

        PostgreSQL plans a statement of so many parts for several times as long as it takes
        to answer it, so each of its connections has it planned once.
        """
        if connection.vendor != "postgresql":
            return self.sql
        planned = _planned.setdefault(connection.connection, set())
        if self.name not in planned:
            with connection.wrap_database_errors, connection.connection.cursor() as cursor:
                cursor.execute(f"PREPARE {self.name} AS {self.sql % self._numbers}")
            planned.add(self.name)
        values = ", ".join(f"%({name})s" for name in self.places)
        return f"EXECUTE {self.name}" + (f" ({values})" if values else "")

    @cached_property
    def name(self):
        return f"one_query_{hashlib.blake2b(self.sql.encode(), digest_size=16).hexdigest()}"

    @property
    def _numbers(self):
        return {name: f"${number}" for number, name in enumerate(self.places, 1)}


# The names of what each open connection has planned.
_planned: WeakKeyDictionary[Any, set[str]] = WeakKeyDictionary()


def _written(querysets, connection):
    selects, places, lists = [], {}, []
    for name, queryset in querysets.items():
        sql, parameters, fields = _as_json(queryset, connection)
        selects.append(_with_names(sql, parameters, places))
        lists.append(RowsOf(name, queryset.model, fields))
    return Statement(f"SELECT {', '.join(selects)}", places, lists)


def _with_names(sql, parameters, places):
    """What is given has one name in the whole statement, so that it is sent once."""
    names = []
    for value in parameters:
        name = value.name if isinstance(value, Given) else f"fixed_{len(places)}"
        places[name] = value
        names.append(f"%({name})s")
    return sql.replace("%%", "%%%%") % tuple(names)


def _as_json(queryset, connection):
    compiler = queryset.query.get_compiler(connection=connection)
    try:
        sql, parameters = compiler.as_sql()
    except EmptyResultSet:  # Django knows without asking that there is nothing.
        return "NULL", (), ()
    fields = [column.target for column, _, _ in compiler.select]
    columns = ", ".join(connection.ops.quote_name(field.column) for field in fields)
    if connection.vendor == "postgresql":
        listed = f"json_agg(json_build_array({columns}))::text"
    else:
        listed = f"json_group_array(json_array({columns}))"
    return f"(SELECT {listed} FROM ({sql}) AS rows)", parameters, fields  # noqa: S608


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


# --- What a page was made of ------------------------------------------------------------------

_here = threading.local()


@dataclass
class Notes:
    """What was asked while a page was made, and rows for it that are at hand already."""

    at_hand: dict = field(default_factory=dict)
    answers: list = field(default_factory=list)
    statements: int = 0
    has_failed: bool = False

    def count(self, execute, *statement):
        self.statements += 1
        return execute(*statement)

    def taken(self, name, given):
        """The row that is at hand for this question; it counts as asked."""
        row = self.at_hand.pop((name, tuple(given.items())), None)
        self.statements += row is not None
        return row


@contextmanager
def noted(at_hand=(), using="default"):
    """Notes, as a Notes, what this thread asks meanwhile."""
    _here.notes = notes = Notes(dict(at_hand))
    try:
        with connections[using].execute_wrapper(notes.count):
            yield notes
    finally:
        _here.notes = None


def note_failure():
    """Says that the page in the making does without something that could not be asked."""
    notes = getattr(_here, "notes", None)
    if notes:
        notes.has_failed = True


def made_of(notes):
    """(question, what was given, digest of the answer) of each; None if anything else was asked."""
    return tuple(notes.answers) if len(notes.answers) == notes.statements else None


def asked_again(made_of):
    """(whether every answer is what it was, the answers for `noted`)."""
    rows = {(name, given): OneQuery.known[name].row(**dict(given)) for name, given, _ in made_of}
    return all(digest(rows[name, given]) == was for name, given, was in made_of), rows


def digest(row):
    """Of an answer as it came; equal ones have the same."""
    # JSON writes a NUL in another way, so that nothing moves from one list into the next.
    text = "\0".join([each or "" for each in row])
    return hashlib.blake2b(text.encode(), digest_size=16).digest()
