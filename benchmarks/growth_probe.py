"""Asks the pages of one database, in this process: `python -m benchmarks.growth_probe`.

Reads commands as lines of JSON and answers each with one. It stands in the middle of a
measurement with two databases, so that each round can ask both in turn.
"""

import json
import logging
import re
import sys
import time
from urllib.parse import quote

import django

django.setup()

from django.conf import settings  # noqa: E402 (only after the settings)
from django.contrib.auth.models import Group  # noqa: E402
from django.db import connection  # noqa: E402
from django.test import Client  # noqa: E402
from django.test.utils import CaptureQueriesContext  # noqa: E402

from consultations.models import ConsultationRequest  # noqa: E402
from practice.models import User  # noqa: E402

INBOX = "/admin/consultations/consultationrequest/"
VIEWS = ("todo", "mine", "unassigned", "late", "due-today", "follow-up", "closed", "all")
BIG_TABLES = ("consultations_consultationrequest", "consultations_searchword")
SCAN = re.compile(r"Seq Scan on (\w+)")


def add_staff():
    for role in ("Manager", "Coordinator"):
        user = User.objects.create_user(role.lower(), is_staff=True)
        user.groups.add(Group.objects.get(name=role))


def add_somebody():
    """One closed request of a person whose like is nowhere else, to be searched for."""
    row = ConsultationRequest.objects.filter(status="closed").order_by("-received_at")[3]
    for name, value in (
        ("full_name", "Zebulon Quackenbush-Zwick"),
        ("email", "zebulon.quackenbush@example.com"),
        ("phone", "+13905550155"),
    ):
        setattr(row, name, value)
    row.save()


def inbox_pages():
    row = ConsultationRequest.objects.get(email="zebulon.quackenbush@example.com")
    searches = {
        "Search by reference": row.reference,
        "Search by e-mail address": row.email,
        "Search by phone number": "(390) 555-0155",
        "Search by the last digits of a number": "905550155",
        "Search by a rare name": "quackenbush",
        "Search by a first name that thousands have": "amara",
        "Search by first and family name that many have": "amara testwell",
        "Search by two letters": "xi",
        "Search for nobody": "nobodyhasthis",
    }
    return {
        **{f"Inbox: {view}": f"{INBOX}?view={view}" for view in VIEWS},
        "Inbox: all, page 9": f"{INBOX}?view=all&p=9",
        **{name: f"{INBOX}?q={quote(query)}" for name, query in searches.items()},
        "A request's page": f"{INBOX}{row.pk}/change/",
        "A manager's dashboard": "/admin/",
    }


def content_pages():
    return {
        "List of procedures": "/procedures/?cold=1",
        "A procedure": "/procedures/rhinoplasty/?cold=1",
        "Site search: a name": "/search/?q=rhinoplasty",
        "Site search: a typing error": "/search/?q=rinoplasty",
    }


def add_procedures(number):
    """Published copies of a sample procedure under invented names."""
    from procedures.models import Procedure

    original = Procedure.objects.published().first()
    there = Procedure.objects.count()
    for place in range(there, number):
        original.pk = None
        original.name, original.slug = f"Invented operation {place}", f"invented-{place}"
        original.summary = f"An operation that nobody does, number {place}."
        original.save(force_insert=True)


class Probe:
    def __init__(self, kind):
        settings.SECOND_FACTOR_REQUIRED = False
        self.client = Client(headers={"X-Forwarded-Proto": "https", "Host": "testserver"})
        if kind == "inbox":
            add_staff()
            add_somebody()
            self.client.force_login(User.objects.get(username="manager"))
        self.pages = inbox_pages() if kind == "inbox" else content_pages()

    def names(self):
        return list(self.pages)

    def time(self, name):
        """Milliseconds, and how many bytes came."""
        started = time.perf_counter()
        answer = self.client.get(self.pages[name], secure=True)
        body = answer.getvalue()
        took = 1000 * (time.perf_counter() - started)
        if answer.status_code != 200:
            raise RuntimeError(f"{name}: {answer.status_code}")
        return {"ms": took, "bytes": len(body), "rows": body.count(b'name="chosen"')}

    def queries(self, name):
        """How many, and what EXPLAIN says of each that reads requests."""
        with CaptureQueriesContext(connection) as captured:
            self.client.get(self.pages[name], secure=True)
        statements = [query["sql"] for query in captured if _is_big(query["sql"])]
        plans = [_explained(sql) for sql in statements]
        scanned = {table for plan in plans for table in SCAN.findall(plan)}
        return {
            "queries": len(captured),
            "plans": plans,
            "sequential": sorted(scanned & set(BIG_TABLES)),
        }


def _is_big(sql):
    return sql.startswith("SELECT") and any(table in sql for table in BIG_TABLES)


def _explained(sql):
    with connection.cursor() as cursor:
        cursor.execute(f"EXPLAIN {sql.replace('%', '%%')}", [])
        return "\n".join(line for (line,) in cursor.fetchall())


def main(kind, number):
    logging.disable()
    if kind == "content":
        add_procedures(int(number))
    probe = Probe(kind)
    for line in sys.stdin:
        command = json.loads(line)
        print(json.dumps(getattr(probe, command.pop("do"))(**command)), flush=True)


if __name__ == "__main__":
    main(*sys.argv[1:])
