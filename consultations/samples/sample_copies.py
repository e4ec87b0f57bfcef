"""Fills the database with copies of finished invented requests, fast enough for a million.

Only finished requests are copied: a practice has many years of those, and never many open
ones. Each copy is another person. Chance is ours, so that a seed repeats it; the rows are
made by the database itself, which takes a tenth of the time that sending them would.
Ciphertext is copied as it is, since every copy says the same.
"""

import random
import uuid
from datetime import timedelta
from io import StringIO
from itertools import accumulate
from types import SimpleNamespace

from django.core.management.color import no_style
from django.db import connection, models, transaction
from django.utils import timezone
from django.utils.text import slugify

from practice import sample_content

from .. import search_words
from ..choices import Status
from ..models import Consent, ConsultationRequest, ContactAttempt, Event
from ..references import REFERENCE_ALPHABET
from ..search_words import SearchWord
from .sample_requests import AREAS

# Days before today in which copies arrived: long enough to be finished, and not so long
# that retention would take them away at once.
ARRIVED = {Status.CLOSED: (10, 690), Status.SPAM: (1, 85)}
MOST_ORIGINALS = 2_000
# Invented people. Copies share their names; addresses and most numbers are a copy's own.
MOST_PEOPLE = 10_000
BATCH = 100_000
HOST = "@example.com"

# What a copy has of its own, and which request and person it is made of.
COPY = """CREATE TEMPORARY TABLE copy (
    id bigint PRIMARY KEY, original bigint, person integer, first_event bigint,
    seconds integer, reference varchar(11), token varchar(32), phone varchar(20),
    phone_word varchar(20)
)"""
PERSON = """CREATE TEMPORARY TABLE person (
    id integer PRIMARY KEY, full_name varchar(120), given_name varchar(80),
    guardian_name varchar(120), mailbox varchar(100)
)"""
# `whose` is name, guardian or address; of an address only what stands before its number.
PERSON_WORD = "CREATE TEMPORARY TABLE person_word (person integer, whose varchar(8), word text)"
# Which line of its request's timeline an event is.
LINE = f"""CREATE TEMPORARY TABLE line AS
SELECT id AS event, row_number() OVER (PARTITION BY request_id ORDER BY id) - 1 AS place
FROM {Event._meta.db_table} WHERE request_id IN (SELECT id FROM original)
"""  # noqa: S608 (our names, here and below)
ORIGINAL = "CREATE TEMPORARY TABLE original (id bigint PRIMARY KEY)"
REQUEST = ConsultationRequest._meta.db_table
WORDS = f"""INSERT INTO {SearchWord._meta.db_table} (request_id, word, received_at)
SELECT copy.id, CASE whose WHEN 'address' THEN word || copy.id || '{HOST}' ELSE word END,
    request.received_at
FROM copy JOIN {REQUEST} AS request ON request.id = copy.id
JOIN person_word ON person_word.person = copy.person
WHERE whose <> 'guardian' OR request.guardian_name <> ''
UNION ALL SELECT copy.id, copy.phone_word, request.received_at
FROM copy JOIN {REQUEST} AS request ON request.id = copy.id WHERE request.phone <> ''
ORDER BY 2
"""  # noqa: S608
TEMPORARY = ("copy", "person", "person_word", "line", "original")


def copy_finished(count, seed=None):
    """Adds `count` copies of the finished requests that are there; yields the number so far."""
    if count <= 0:
        return
    chance = random.Random(seed)  # noqa: S311 (invented people, not secrets)
    originals = _originals()
    people = list(_people(chance, min(count, MOST_PEOPLE)))
    _prepare(originals, people)
    for stored in range(0, count, BATCH):
        size = min(BATCH, count - stored)
        with transaction.atomic():
            _stop_looking_up_keys()
            _load("copy", _copies(chance, originals, len(people), size))
            _insert_copies()
        yield stored + size
    _reset_sequences()
    _run(*(f"DROP TABLE {name}" for name in TEMPORARY))


def _originals():
    """Finished requests, each with how many lines its timeline has."""
    finished = ConsultationRequest.objects.filter(status__in=ARRIVED)
    lines = models.Count("events")
    return list(
        finished.annotate(lines=lines).only("status", "received_at").order_by("pk")[:MOST_ORIGINALS]
    )


def _people(chance, number):
    """Invented people: names of two lists, half of them with a double one."""
    names = sample_content.read("invented_people.toml")
    given_names, family_names = names["given_names"], names["family_names"]
    for _ in range(number):
        given, family = chance.choice(given_names), chance.choice(family_names)
        double = f"-{chance.choice(family_names)}" if chance.random() < 0.5 else ""
        yield SimpleNamespace(
            full_name=f"{given} {family}{double}",
            given_name=given,
            guardian_name=f"{chance.choice(given_names)} {family}",
            mailbox=f"{slugify(given)}.{slugify(family)}.",
        )


def _words(person):
    """(whose, word) of everything by which a copy of this person is found."""

    def words(email="", guardian=""):
        named = {"full_name": person.full_name, "preferred_name": "", "guardian_name": guardian}
        return search_words.words_of(SimpleNamespace(email=email, phone="", **named))

    names = words()
    yield from (("name", word) for word in sorted(names))
    yield from (("guardian", word) for word in sorted(words(guardian=person.guardian_name) - names))
    addresses = words(email=f"{person.mailbox}0{HOST}") - names
    yield from (("address", word.removesuffix(f"0{HOST}")) for word in sorted(addresses))


def _copies(chance, originals, people, number):
    """Rows of `copy`, in the order of their arrival: so they are found in any practice, and
    the database need not go to and fro."""
    now = timezone.now()
    chosen = []
    for _ in range(number):
        original = originals[int(chance.random() * len(originals))]
        arrived = now - timedelta(days=chance.uniform(*ARRIVED[original.status]))
        chosen.append((arrived, original))
    chosen.sort(key=lambda pair: pair[0])
    key, event = _next_key(ConsultationRequest), _next_key(Event)
    first_events = accumulate((original.lines for _, original in chosen), initial=event)
    for (arrived, original), first_event in zip(chosen, first_events, strict=False):
        phone = f"+1{AREAS[int(chance.random() * len(AREAS))]}55501{int(chance.random() * 100):02}"
        yield (
            *(key, original.pk, int(chance.random() * people), first_event),
            int((arrived - original.received_at).total_seconds()),
            *(_reference(chance), uuid.UUID(int=chance.getrandbits(128)).hex),
            *(phone, search_words.phone_word(phone)),
        )
        key += 1


def _reference(chance):
    bits = chance.getrandbits(50)
    plain = "".join([REFERENCE_ALPHABET[bits >> place & 31] for place in range(0, 50, 5)])
    return f"{plain[:5]}-{plain[5:]}"


def _prepare(originals, people):
    _run(COPY, PERSON, PERSON_WORD, ORIGINAL)
    _load("original", ((original.pk,) for original in originals))
    _load("person", ((number, *vars(person).values()) for number, person in enumerate(people)))
    _load(
        "person_word",
        ((number, *word) for number, person in enumerate(people) for word in _words(person)),
    )
    _run(LINE, "ANALYZE line")


def _load(table, rows):
    """Fills a table of numbers and plain words."""
    rows = list(rows)
    _run(f"DELETE FROM {table}")  # noqa: S608
    with connection.cursor() as cursor:
        if connection.vendor == "postgresql":
            text = StringIO("".join("\t".join(map(str, row)) + "\n" for row in rows))
            cursor.copy_expert(f"COPY {table} FROM STDIN", text)
        else:
            marks = ", ".join(["%s"] * len(rows[0]))
            cursor.executemany(f"INSERT INTO {table} VALUES ({marks})", rows)  # noqa: S608
    _run(f"ANALYZE {table}")


def _stop_looking_up_keys():
    """PostgreSQL would look up every foreign key, a third of all the time. Ours are read off
    the rows that they point to. Only a superuser may say so, and it ends with the transaction."""
    if connection.vendor == "postgresql":
        _run(
            "SELECT set_config('session_replication_role', 'replica', true)"
            " WHERE current_setting('is_superuser') = 'on'"
        )


def _insert_copies():
    token = ConsultationRequest._meta.get_field("submission_token").db_type(connection)
    _insert(
        ConsultationRequest,
        "copy JOIN {table} AS was ON was.id = copy.original"
        " JOIN person ON person.id = copy.person ORDER BY copy.id",
        id="copy.id",
        reference="copy.reference",
        submission_token=f"CAST(copy.token AS {token})",
        answers_digest="''",
        link_digest="''",
        full_name="person.full_name",
        preferred_name="CASE was.preferred_name WHEN '' THEN '' ELSE person.given_name END",
        guardian_name="CASE was.guardian_name WHEN '' THEN '' ELSE person.guardian_name END",
        email=f"person.mailbox || copy.id || '{HOST}'",
        phone="CASE was.phone WHEN '' THEN '' ELSE copy.phone END",
    )
    _insert(
        Event,
        "copy JOIN {table} AS was ON was.request_id = copy.original"
        " JOIN line ON line.event = was.id ORDER BY copy.id, line.place",
        id="copy.first_event + line.place",
        request_id="copy.id",
    )
    _insert(
        ContactAttempt,
        "copy JOIN {table} AS was ON was.request_id = copy.original"
        " JOIN line ON line.event = was.event_id ORDER BY copy.id, was.id",
        id=None,
        request_id="copy.id",
        event_id="copy.first_event + line.place",
    )
    _insert(
        Consent,
        "copy JOIN {table} AS was ON was.request_id = copy.original ORDER BY copy.id, was.id",
        id=None,
        request_id="copy.id",
    )
    _run(WORDS)


def _insert(model, source, **changes):
    """Rows of `model` as they `was`, moved in time, but for the `changes` by attribute name.
    A change to None leaves a column to the database."""
    columns, values = [], []
    for field in model._meta.concrete_fields:
        column = connection.ops.quote_name(field.column)
        value = changes.get(field.attname, _moved(field, f"was.{column}"))
        if value is not None:
            columns.append(column)
            values.append(value)
    table = connection.ops.quote_name(model._meta.db_table)
    _run(
        f"INSERT INTO {table} ({', '.join(columns)})"  # noqa: S608
        f" SELECT {', '.join(values)} FROM {source.format(table=table)}"
    )


def _moved(field, column):
    """A moment as much later as the copy came in; any other value as it is."""
    if not isinstance(field, models.DateTimeField):
        return column
    if connection.vendor == "postgresql":
        return f"{column} + copy.seconds * interval '1 second'"
    # SQLite holds text, and would round what is less than a millisecond.
    return f"datetime(substr({column}, 1, 19), copy.seconds || ' seconds') || substr({column}, 20)"


def _next_key(model):
    return (model.objects.aggregate(most=models.Max("pk"))["most"] or 0) + 1


def _reset_sequences():
    _run(*connection.ops.sequence_reset_sql(no_style(), [ConsultationRequest, Event]))


def _run(*statements):
    with connection.cursor() as cursor:
        for statement in statements:
            cursor.execute(statement)
