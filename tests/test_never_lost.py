"""Two hundred people send the form while everything below it is killed. Then every row is
compared with what its sender was told, by a marker, never by a total: one that is lost and
one that is doubled would cancel out."""

import http.client
import logging
import re
import threading
import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from urllib.parse import urlencode

import pytest
from django.db import connection

from tests.conftest import Sink
from tests.pages import Page
from tests.processes import a_site, free_port, visit, wait_for

logger = logging.getLogger(__name__)

SUBMISSIONS = 200
SENDERS = 20
TRIES = 25
FORM = "/consultation/"
REFERENCE = re.compile(r"\b[0-9A-Z]{5}-[0-9A-Z]{5}\b")
# After how many acknowledgements what is killed: S a web process, W the mail worker,
# D the database.
BLOWS = {5: "S", 20: "S", 30: "W", 40: "S", 55: "SS", 70: "D", 100: "S", 120: "SS", 150: "SW", 170: "S"}
ROWS = """
from consultations.models import ConsultationRequest
from post_office.models import Email
mails = [(each.to, each.message, each.get_status_display()) for each in Email.objects.all()]
answer = [
    {
        "name": row.full_name,
        "message": row.message,
        "reference": row.reference,
        "status": row.status,
        "consents": row.consents.count(),
        "received": row.events.filter(kind="received").count(),
        "mailed": row.events.filter(kind="mailed").count(),
        "to_patient": sum(to == [row.email] and row.reference in text for to, text, _ in mails),
        "to_staff": sum(to == ["hello@example.com"] and row.reference in text for to, text, _ in mails),
    }
    for row in ConsultationRequest.objects.prefetch_related("consents", "events")
]
"""
COMPLETE = {"status": "new", "consents": 3, "received": 1, "mailed": 1, "to_patient": 1, "to_staff": 1}


@dataclass
class Patient:
    """One person: sends, and when it fails sends the same form again, as people do."""

    site: object
    number: int
    references: set = field(default_factory=set)
    troubles: Counter = field(default_factory=Counter)
    fields: dict = field(default_factory=dict)
    cookie: str = ""
    receipt: str = ""

    @property
    def marker(self):
        return f"marker-{self.number:04d}-end"

    def visit(self, path, body=None):
        """Asks again until there is an answer; the addresses make everybody a stranger."""
        address = f"198.18.{self.number}.7"
        for _ in range(TRIES):
            try:
                response = visit(
                    self.site, path, body, address=address, cookie=self.cookie, timeout=15
                )
            except (OSError, http.client.HTTPException):
                self.troubles["no answer"] += 1
            else:
                if response.status_code < 500:
                    return response
                self.troubles[response.status_code] += 1
                if response.status_code==500: logger.info("500 %s %s", path, body is None)
                if body is not None:
                    body = self.what_came_back(response)
            time.sleep(0.2)
        return None

    def open(self):
        response = self.visit(FORM)
        self.cookie = response["Set-Cookie"].partition(";")[0]
        self.fields = Page(response).fields | {
            "full_name": f"Pat {self.marker}",
            "email": f"{self.marker}@example.com",
            "phone": f"+1512555{self.number + 1000:04d}",
            "message": f"It hurts & it is\r\n<red> {self.marker}",
            "contact_method": "phone",
            "consent_health_data": "on",
        }

    def what_came_back(self, response):
        """The page says that nothing was received; pressing its button sends the same."""
        page = Page(response)
        kept = {name: page.fields.get(name, "").splitlines() for name in self.fields}
        typed = {name: value.splitlines() for name, value in self.fields.items()}
        del kept["csrfmiddlewaretoken"], typed["csrfmiddlewaretoken"]
        if "We did not receive your request" not in page.text or kept != typed:
            self.troubles["a page that does not keep what was typed"] += 1
            logger.info("%s %s %s", page.title, page.text[:200], {n: (kept[n], typed[n]) for n in typed if kept.get(n)!=typed[n]})
            return urlencode(self.fields)
        return urlencode(page.fields)

    def send(self):
        response = self.visit(FORM, urlencode(self.fields))
        if response is not None and response.status_code == 302:
            self.receipt = response["Location"]
            confirmation = self.visit(self.receipt)
            self.references |= set(REFERENCE.findall(Page(confirmation).text))

    def send_twice_at_once(self):
        with ThreadPoolExecutor(2) as both:
            list(both.map(lambda _: self.send(), range(2)))


class Storm(threading.Thread):
    """Strikes as soon as so many were acknowledged; `killed` counts what it hit."""

    def __init__(self, site, patients, *, spares):
        super().__init__()
        self.site, self.patients, self.spares = site, patients, spares
        self.killed = Counter()
        self.seconds_without_database = 0

    def run(self):
        for number, targets in BLOWS.items():
            while sum(bool(patient.receipt) for patient in self.patients) < number:
                if self.site.server.poll() is not None:
                    return
                time.sleep(0.01)
            for target in targets:
                if target not in self.spares:
                    self.strike(target)

    def strike(self, target):
        if target == "S":
            self.killed[target] += self.site.kill_a_server()
        elif target == "W":
            self.site.kill_the_worker()
            self.site.work()
            self.killed[target] += 1
        else:
            started = time.monotonic()
            self.site.database.stop()
            time.sleep(1)
            self.site.database.start()
            self.seconds_without_database = time.monotonic() - started
            self.killed[target] += 1


@pytest.fixture
def mail_server():
    from aiosmtpd.controller import Controller

    sink = Sink(free_port())
    controller = Controller(sink, hostname="127.0.0.1", port=sink.port)
    controller.start()
    yield sink
    controller.stop()


def test_what_was_acknowledged_is_stored_once_whatever_is_killed(mail_server):
    is_postgresql = connection.vendor == "postgresql"
    with a_site(is_postgresql) as site:
        # Given a site at work, and 200 people who have opened the form
        site.environment["EMAIL_URL"] = f"smtp://127.0.0.1:{mail_server.port}"
        site.serve()
        site.work()
        patients = [Patient(site, number) for number in range(SUBMISSIONS)]
        with ThreadPoolExecutor(SENDERS) as people:
            list(people.map(Patient.open, patients))
        time.sleep(3)  # Nobody fills it in faster; the spam rules know.

        logger.info("opened")
        # When they send it, some impatiently, while processes and the database are killed
        started = time.monotonic()
        storm = Storm(site, patients, spares="" if is_postgresql else "D")
        storm.start()
        with ThreadPoolExecutor(SENDERS) as people:
            list(
                people.map(
                    lambda p: p.send_twice_at_once() if p.number % 5 == 0 else p.send(), patients
                )
            )
        storm.join()
        seconds = time.monotonic() - started
        rows = site.ask(ROWS)

        # Then each one's row is what they were told
        by_marker = {}
        for row in rows:
            marker = re.search(r"marker-\d{4}-end", row["message"])[0]
            by_marker.setdefault(marker, []).append(row)
        acknowledged = [patient for patient in patients if patient.receipt]
        others = [patient for patient in patients if not patient.receipt]
        lost = [p.marker for p in acknowledged if p.marker not in by_marker]
        doubled = [marker for marker, found in by_marker.items() if len(found) > 1]
        wrong = [
            (patient.marker, patient.references, by_marker[patient.marker])
            for patient in patients
            if patient.marker in by_marker and not is_as_told(patient, by_marker[patient.marker][0])
        ]
        troubles = sum((patient.troubles for patient in patients), Counter())
        logger.info(
            f"{SUBMISSIONS} sent, {len(acknowledged)} acknowledged, {len(rows)} rows, "
            f"{len(lost)} lost, {len(doubled)} doubled, killed {dict(storm.killed)}, "
            f"troubles {dict(troubles)}, {seconds:.1f} s, without database "
            f"{storm.seconds_without_database:.1f} s",
        )
        assert (lost, doubled, wrong) == ([], [], []), site.logs()
        assert others == []
        assert "a page that does not keep what was typed" not in troubles
        assert 500 not in troubles

        # And the storm was one
        assert storm.killed["S"] >= 8
        assert storm.killed["W"] == 2
        if is_postgresql:
            assert storm.killed["D"] == 1
            assert troubles[503] > 0

        logger.info("mails")
        # And every mail arrives, at most the one in each killed worker's hand twice
        site.ask("from practice.models import Lease; Lease.objects.update(expires_at='2020-01-01T00:00Z')")
        wait_for(lambda: len(delivered(mail_server)) >= 2 * SUBMISSIONS, "every mail arrives")
        twice = {key: count for key, count in delivered(mail_server).items() if count > 1}
        assert sum(twice.values()) - len(twice) <= storm.killed["W"] + storm.killed["D"], twice


def is_as_told(patient, row):
    return (
        row["name"] == f"Pat {patient.marker}"
        and row["message"] == f"It hurts & it is\n<red> {patient.marker}"
        and patient.references in ({row["reference"]}, set())
        and (bool(patient.references) or not patient.receipt)
        and {name: row[name] for name in COMPLETE} == COMPLETE
    )


def delivered(mail_server):
    """How often each mail has arrived, by its recipient and the reference in it."""
    return Counter(
        (message.envelope_to[0], REFERENCE.search(message.get_body(("plain",)).get_content())[0])
        for message in list(mail_server.messages)
    )
