"""Fills the database with copies of finished invented requests, fast enough for a million.

Only finished requests are copied: a practice has many years of those, and never many open
ones. Each copy is another person. Rows bypass the ORM, which would take a quarter of an
hour; ciphertext is copied as it is, since every copy says the same.
"""

import json
import random
import uuid
from collections import defaultdict
from datetime import datetime, timedelta
from itertools import islice
from types import SimpleNamespace

from django.core.management.color import no_style
from django.db import connection, models, transaction
from django.utils import timezone
from django.utils.text import slugify

from practice import sample_content

from . import search_words
from .choices import Status
from .models import Consent, ConsultationRequest, ContactAttempt, Event
from .references import REFERENCE_ALPHABET
from .search_words import SearchWord

# Days before today in which copies arrived: long enough to be finished, and not so long
# that retention would take them away at once.
ARRIVED = {Status.CLOSED: (10, 690), Status.SPAM: (1, 85)}
BATCH = 20_000
# Area codes of North America in their common form; 555-01xx is nobody's number in any.
AREAS = [n for n in range(201, 990) if n % 100 != 11 and n // 10 % 10 != 9]


class Table:
    """One model's rows as encoded column values, and the fastest way to insert more of them."""

    def __init__(self, model):
        self.model = model
        self.fields = model._meta.concrete_fields
        self.columns = [field.column for field in self.fields]
        self.places = {field.attname: place for place, field in enumerate(self.fields)}
        self.is_copied = connection.vendor == "postgresql"
        self.encoded = _as_text if self.is_copied else _as_parameter
        self.next_key = (model.objects.aggregate(most=models.Max("pk"))["most"] or 0) + 1

    def original(self, row):
        """(encoded values, [(place, moment)]): what copies share, and what moves in time."""
        values = [self._plain(field, getattr(row, field.attname)) for field in self.fields]
        moments = [(n, value) for n, value in enumerate(values) if isinstance(value, datetime)]
        return [self.encoded(value) for value in values], moments

    def copy(self, original, shift, **changes):
        """The row moved in time, with a key of its own and `changes` by attribute name."""
        values, moments = original
        copied = values.copy()
        for place, moment in moments:
            copied[place] = self.encoded(moment + shift)
        copied[self.places["id"]] = self.encoded(self.new_key())
        for name, value in changes.items():
            copied[self.places[name]] = self.encoded(value)
        return copied

    def new_key(self):
        self.next_key += 1
        return self.next_key - 1

    def insert(self, rows):
        table = connection.ops.quote_name(self.model._meta.db_table)
        columns = ", ".join(connection.ops.quote_name(name) for name in self.columns)
        with connection.cursor() as cursor:
            if self.is_copied:
                cursor.copy_expert(f"COPY {table} ({columns}) FROM STDIN", _CopyText(rows))
            else:
                marks = ", ".join(["%s"] * len(self.columns))
                cursor.executemany(
                    f"INSERT INTO {table} ({columns}) VALUES ({marks})",  # noqa: S608 (our names)
                    rows,
                )

    def _plain(self, field, value):
        if isinstance(field, models.JSONField):
            return json.dumps(value)
        if isinstance(field, models.DateTimeField):
            return value
        return field.get_db_prep_save(value, connection)


ESCAPES = str.maketrans({"\\": r"\\", "\n": r"\n", "\r": r"\r", "\t": r"\t"})


def _as_text(value):
    """In PostgreSQL's text format for COPY."""
    if type(value) is str:
        return value.translate(ESCAPES)
    return r"\N" if value is None else str(value)


def _as_parameter(value):
    if isinstance(value, datetime):
        return connection.ops.adapt_datetimefield_value(value)
    return value.hex if isinstance(value, uuid.UUID) else value


class _CopyText:
    """Rows of encoded values as a file for COPY, made as it is read."""

    def __init__(self, rows):
        self.rows = iter(rows)

    def read(self, size=-1):
        return "".join("\t".join(row) + "\n" for row in islice(self.rows, 500))


class People:
    """Invented people without end: names of two lists, numbers and addresses of nobody."""

    def __init__(self, chance):
        self.chance = chance
        people = sample_content.read("invented_people.toml")
        self.given, self.family = people["given_names"], people["family_names"]
        self.slugs = {name: slugify(name) for name in self.given + self.family}

    def pick(self, choices):
        return choices[int(self.chance.random() * len(choices))]

    def one(self, number, **was):
        """As keyword arguments; without the preferred name, guardian or number if `was` is."""
        pick = self.pick
        given, family = pick(self.given), pick(self.family)
        full_name, slug = f"{given} {family}", f"{self.slugs[given]}.{self.slugs[family]}"
        if self.chance.random() < 0.5:
            full_name += f"-{pick(self.family)}"
        return {
            "full_name": full_name,
            "preferred_name": given if was["preferred_name"] else "",
            "guardian_name": f"{pick(self.given)} {family}" if was["guardian_name"] else "",
            "email": f"{slug}.{number}@example.com",
            "phone": f"+1{pick(AREAS)}555{pick(range(100, 200)):04d}" if was["phone"] else "",
        }

    def reference(self):
        bits = self.chance.getrandbits(50)
        plain = "".join(REFERENCE_ALPHABET[bits >> place & 31] for place in range(0, 50, 5))
        return f"{plain[:5]}-{plain[5:]}"


def copy_finished(count, seed=None):
    """Adds `count` copies of the finished requests that are there; yields the number so far."""
    chance = random.Random(seed)  # noqa: S311 (invented people, not secrets)
    tables = {
        model: Table(model)
        for model in (ConsultationRequest, Event, ContactAttempt, Consent, SearchWord)
    }
    people = People(chance)
    originals = _originals(tables)
    now = timezone.now()
    stored = 0
    while stored < count:
        size = min(BATCH, count - stored)
        rows = defaultdict(list)
        for _ in range(size):
            original = chance.choice(originals)
            days_ago = chance.uniform(*ARRIVED[original.row.status])
            _copy_one(original, now - timedelta(days=days_ago), people, tables, rows)
        with transaction.atomic():
            for model, table in tables.items():
                table.insert(rows[model])
        stored += size
        yield stored
    _reset_sequences(tables)


def _originals(tables):
    """Each finished request with the encoded values of its own row and those of its parts."""
    requests = ConsultationRequest.objects.filter(status__in=ARRIVED)[:2000]
    found = []
    for row in requests.prefetch_related("events", "consents", "contacts"):
        events = list(row.events.all())
        order = {event.pk: number for number, event in enumerate(events)}
        found.append(
            SimpleNamespace(
                row=row,
                was={name: bool(str(getattr(row, name))) for name in search_words.SEARCHED},
                request=tables[ConsultationRequest].original(row),
                events=[tables[Event].original(event) for event in events],
                contacts=[
                    (order[contact.event_id], tables[ContactAttempt].original(contact))
                    for contact in row.contacts.all()
                ],
                consents=[tables[Consent].original(consent) for consent in row.consents.all()],
            )
        )
    return found


def _copy_one(original, received_at, people, tables, rows):
    requests, events, contacts, consents, words = tables.values()
    key, first = requests.next_key, events.next_key
    shift = received_at - original.row.received_at
    person = people.one(key, **original.was)
    rows[ConsultationRequest].append(
        requests.copy(
            original.request,
            shift,
            reference=people.reference(),
            submission_token=uuid.UUID(int=people.chance.getrandbits(128)),
            answers_digest="",
            link_digest="",
            **person,
        )
    )
    rows[Event] += [events.copy(each, shift, request_id=key) for each in original.events]
    rows[ContactAttempt] += [
        contacts.copy(each, shift, request_id=key, event_id=first + number)
        for number, each in original.contacts
    ]
    rows[Consent] += [consents.copy(each, shift, request_id=key) for each in original.consents]
    of_request, arrived = words.encoded(key), words.encoded(received_at)
    rows[SearchWord] += [
        [words.encoded(words.new_key()), of_request, words.encoded(word), arrived]
        for word in search_words.words_of(SimpleNamespace(**person))
    ]


def _reset_sequences(tables):
    with connection.cursor() as cursor:
        for statement in connection.ops.sequence_reset_sql(no_style(), list(tables)):
            cursor.execute(statement)
