"""Fills the database with copies of finished invented requests, fast enough for a million.

Only finished requests are copied: a practice has many years of those, and never many open
ones. Rows bypass the ORM, which would take a quarter of an hour; ciphertext is copied as it
is, since every copy says the same.
"""

import json
import random
import uuid
from collections import defaultdict
from datetime import datetime, timedelta
from itertools import islice

from django.core.management.color import no_style
from django.db import connection, models, transaction
from django.utils import timezone

from .choices import Status
from .models import Consent, ConsultationRequest, ContactAttempt, Event, new_reference

# Days before today in which copies arrived: long enough to be finished, and not so long
# that retention would take them away at once.
ARRIVED = {Status.CLOSED: (10, 690), Status.SPAM: (1, 85)}
BATCH = 10_000


class Table:
    """One model's rows as plain column values, and the fastest way to insert more of them."""

    def __init__(self, model):
        self.model = model
        self.fields = model._meta.concrete_fields
        self.columns = [field.column for field in self.fields]
        self.places = {field.attname: place for place, field in enumerate(self.fields)}
        self.moments = [
            place
            for place, field in enumerate(self.fields)
            if isinstance(field, models.DateTimeField)
        ]
        self.next_key = (model.objects.aggregate(most=models.Max("pk"))["most"] or 0) + 1

    def values(self, row):
        return [self._plain(field, getattr(row, field.attname)) for field in self.fields]

    def copy(self, values, shift, **changes):
        """The values moved in time, with a key of their own and `changes` by attribute name."""
        copied = list(values)
        for place in self.moments:
            if copied[place] is not None:
                copied[place] += shift
        changes["id"] = self.next_key
        self.next_key += 1
        for name, value in changes.items():
            copied[self.places[name]] = value
        return copied

    def insert(self, rows):
        table = connection.ops.quote_name(self.model._meta.db_table)
        columns = ", ".join(connection.ops.quote_name(name) for name in self.columns)
        with connection.cursor() as cursor:
            if connection.vendor == "postgresql":
                cursor.copy_expert(f"COPY {table} ({columns}) FROM STDIN", _CopyText(rows))
            else:
                marks = ", ".join(["%s"] * len(self.columns))
                adapt = connection.ops.adapt_datetimefield_value
                cursor.executemany(
                    f"INSERT INTO {table} ({columns}) VALUES ({marks})",  # noqa: S608 (our names)
                    [[adapt(v) if isinstance(v, datetime) else v for v in row] for row in rows],
                )

    def _plain(self, field, value):
        if isinstance(field, models.JSONField):
            return json.dumps(value)
        if isinstance(field, models.DateTimeField):
            return value
        return field.get_db_prep_save(value, connection)


class _CopyText:
    """Rows as a file in PostgreSQL's text format for COPY, made as it is read."""

    ESCAPES = str.maketrans({"\\": r"\\", "\n": r"\n", "\r": r"\r", "\t": r"\t"})

    def __init__(self, rows):
        self.rows = iter(rows)

    def read(self, size=-1):
        some = islice(self.rows, 500)
        return "".join("\t".join(map(self._text, row)) + "\n" for row in some)

    def _text(self, value):
        return r"\N" if value is None else str(value).translate(self.ESCAPES)


def copy_finished(count, seed=None):
    """Adds `count` copies of the finished requests that are there; yields the number so far."""
    chance = random.Random(seed)  # noqa: S311 (invented people, not secrets)
    tables = {
        model: Table(model) for model in (ConsultationRequest, Event, ContactAttempt, Consent)
    }
    originals = _originals(tables)
    now = timezone.now()
    stored = 0
    while stored < count:
        size = min(BATCH, count - stored)
        rows = defaultdict(list)
        for _ in range(size):
            row, *parts = chance.choice(originals)
            days_ago = chance.uniform(*ARRIVED[row.status])
            shift = now - timedelta(days=days_ago) - row.received_at
            _copy_one(parts, shift, tables, rows)
        with transaction.atomic():
            for model, table in tables.items():
                table.insert(rows[model])
        stored += size
        yield stored
    _reset_sequences(tables)


def _originals(tables):
    """For each finished request the row, its values and those of its parts."""
    requests = ConsultationRequest.objects.filter(status__in=ARRIVED)[:2000]
    found = []
    for row in requests.prefetch_related("events", "consents", "contacts"):
        events = list(row.events.all())
        order = {event.pk: number for number, event in enumerate(events)}
        found.append(
            (
                row,
                tables[ConsultationRequest].values(row),
                [tables[Event].values(event) for event in events],
                [
                    (order[contact.event_id], tables[ContactAttempt].values(contact))
                    for contact in row.contacts.all()
                ],
                [tables[Consent].values(consent) for consent in row.consents.all()],
            )
        )
    return found


def _copy_one(original, shift, tables, rows):
    request, events, contacts, consents = original
    key = tables[ConsultationRequest].next_key
    rows[ConsultationRequest].append(
        tables[ConsultationRequest].copy(
            request,
            shift,
            reference=new_reference(),
            submission_token=_uuid(),
            answers_digest="",
            link_digest="",
        )
    )
    first = tables[Event].next_key
    rows[Event] += [tables[Event].copy(values, shift, request_id=key) for values in events]
    rows[ContactAttempt] += [
        tables[ContactAttempt].copy(values, shift, request_id=key, event_id=first + number)
        for number, values in contacts
    ]
    rows[Consent] += [tables[Consent].copy(values, shift, request_id=key) for values in consents]


def _uuid():
    value = uuid.uuid4()
    return value if connection.features.has_native_uuid_field else value.hex


def _reset_sequences(tables):
    with connection.cursor() as cursor:
        for statement in connection.ops.sequence_reset_sql(no_style(), list(tables)):
            cursor.execute(statement)
