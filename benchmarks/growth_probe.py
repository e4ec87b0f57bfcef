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
from procedures.models import Category, Faq, Procedure  # noqa: E402

INBOX = "/admin/consultations/consultationrequest/"
VIEWS = ("todo", "mine", "unassigned", "late", "due-today", "follow-up", "closed", "all")
# Before the name of a table or an index, and not said.
APP = re.compile(r"\b(consultations|procedures|practice)_")
NAMESAKES = 60
# Each request adds rows to these.
GROWING = {
    f"consultations_{name}"
    for name in ("consultationrequest", "searchword", "event", "contactattempt", "consent")
}


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


def add_namesakes():
    """So many of one name that a search for it fills its page on the small site as well."""
    closed = ConsultationRequest.objects.filter(status="closed").order_by("-received_at")
    for row in closed[10 : 10 + NAMESAKES]:
        row.full_name, row.preferred_name = "Amara Testwell", ""
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
        "Search by two letters": "am",
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
        "Home page": "/?cold=1",
        "List of procedures": "/procedures/?cold=1",
        "A procedure": "/procedures/rhinoplasty/?cold=1",
        "Site search: nothing typed": "/search/",
        "Site search: a name": "/search/?q=rhinoplasty",
        "Site search: a typing error": "/search/?q=rinoplasty",
        "Site search: a word of every page": "/search/?q=operation",
        "Site search: the beginning of one": "/search/?q=oper",
        "Site search: several words": "/search/?q=how+long+is+recovery",
        "Site search: nothing found": "/search/?q=xqzzw",
    }


def add_procedures(number):
    """Published copies of a sample procedure under invented names, in all categories."""
    original = Procedure.objects.published().first()
    categories = list(Category.objects.values_list("pk", flat=True))
    copies = []
    for place in range(Procedure.objects.count(), number):
        copy = Procedure.objects.get(pk=original.pk)
        copy.pk, copy.category_id = None, categories[place % len(categories)]
        copy.name, copy.slug = f"Invented operation {place}", f"invented-{place}"
        copy.summary = f"An operation that nobody does, number {place}."
        copies.append(copy)
    Procedure.objects.bulk_create(copies)
    Faq.objects.bulk_create(
        Faq(procedure=copy, question=f"What is {copy.name}?", answer="Nothing.") for copy in copies
    )
    with connection.cursor() as cursor:
        cursor.execute("VACUUM ANALYZE")


class Probe:
    def __init__(self, kind):
        settings.SECOND_FACTOR_REQUIRED = False
        self.client = Client(headers={"X-Forwarded-Proto": "https", "Host": "testserver"})
        if kind == "inbox":
            add_staff()
            add_somebody()
            add_namesakes()
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
        """How many, what EXPLAIN says of each that reads content or requests, and which
        growing tables one of them reads from end to end."""
        with CaptureQueriesContext(connection) as captured:
            self.client.get(self.pages[name], secure=True)
        plans = [explained(query["sql"]) for query in captured if is_told(query["sql"])]
        return {
            "queries": len(captured),
            "plans": [line_of(plan) for plan in plans],
            "sequential": sorted(GROWING & {table for plan in plans for table in scanned(plan)}),
        }


def is_told(sql):
    is_of_rows = "consultations_" in sql or "procedures_" in sql
    return sql.startswith("EXECUTE one_query_") or (sql.startswith("SELECT") and is_of_rows)


def explained(sql):
    """The plan as it was carried out, as EXPLAIN's JSON has it."""
    with connection.cursor() as cursor:
        how = "EXPLAIN (ANALYZE, BUFFERS, FORMAT JSON)"
        cursor.execute(f"{how} {sql.replace('%', '%%')}", [])
        (found,) = cursor.fetchone()
    return (found if isinstance(found, list) else json.loads(found))[0]["Plan"]


def nodes(plan):
    yield plan
    for child in plan.get("Plans", ()):
        yield from nodes(child)


def scanned(plan):
    return {node["Relation Name"] for node in nodes(plan) if "Seq Scan" in node["Node Type"]}


def line_of(plan):
    """One line: what came of how many rows, at what cost, and the nodes from the top down."""
    rows = plan["Actual Rows"]
    buffers = plan["Shared Hit Blocks"] + plan["Shared Read Blocks"]
    cost = f"{rows:,.0f} rows, {buffers:,} buffers, {plan['Actual Total Time']:.2f} ms"
    return f"{cost}: {APP.sub('', _told(plan))}"


def _told(node):
    said = node["Node Type"]
    if "Index Name" in node:
        said += f" by {node['Index Name']}"
    if "Relation Name" in node:
        said += f" of {node['Relation Name']}"
    below = [_told(child) for child in node.get("Plans", ()) if child["Actual Loops"]]
    if not below:
        return said
    return f"{said} < {below[0]}" if len(below) == 1 else f"{said} < ({'; '.join(below)})"


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
