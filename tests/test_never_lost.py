"""Two hundred people send the form while everything below it is killed. Then every row is
compared with what its sender was told, by a marker, never by a total: one that is lost and
one that is doubled would cancel out."""

import logging
import re
import threading
import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor

import pytest
from django.db import connection

from tests.patients import REFERENCE, Patient
from tests.processes import a_site, wait_for

pytestmark = pytest.mark.processes
logger = logging.getLogger(__name__)

SUBMISSIONS = 200
SENDERS = 20
# After how many acknowledgements what is killed: S a web process, W the mail worker,
# D the database.
BLOWS = {5: "S", 25: "S", 40: "W", 50: "SS", 80: "D", 110: "S", 140: "SW", 170: "S"}
ROWS = """
from consultations.models import ConsultationRequest
from post_office.models import Email
mails = list(Email.objects.values_list("to", "message"))

def sent(address, reference):
    return sum(to == [address] and reference in text for to, text in mails)

answer = [
    {
        "name": row.full_name,
        "message": row.message,
        "reference": row.reference,
        "status": row.status,
        "consents": row.consents.count(),
        "received": row.events.filter(kind="received").count(),
        "mailed": row.events.filter(kind="mailed").count(),
        "to_patient": sent(row.email, row.reference),
        "to_staff": sent("hello@example.com", row.reference),
    }
    for row in ConsultationRequest.objects.prefetch_related("consents", "events")
]
"""
COMPLETE = {
    "status": "new",
    "consents": 3,
    "received": 1,
    "mailed": 1,
    "to_patient": 1,
    "to_staff": 1,
}


class Storm(threading.Thread):
    """Strikes as soon as so many were acknowledged; `killed` counts what it hit."""

    def __init__(self, site, patients, *, spares):
        super().__init__()
        self.site, self.patients, self.spares = site, patients, spares
        self.killed = Counter()
        self.is_over = False
        self.seconds_without_database = 0

    def run(self):
        for number, targets in BLOWS.items():
            while sum(bool(patient.receipt) for patient in self.patients) < number:
                if self.is_over:
                    return
                time.sleep(0.01)
            for target in targets:
                if target not in self.spares:
                    self.strike(target)

    def strike(self, target):
        if target == "S":
            wait_for(self.site.kill_a_server, "a web process lives")
            self.killed[target] += 1
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


def test_what_was_acknowledged_is_stored_once_whatever_is_killed(smtp_sink):
    is_postgresql = connection.vendor == "postgresql"
    with a_site(is_postgresql) as site:
        # Given a site at work, and 200 people who have opened the form
        site.environment["EMAIL_URL"] = f"smtp://127.0.0.1:{smtp_sink.port}"
        site.serve()
        site.work()
        patients = [Patient(site, number) for number in range(SUBMISSIONS)]
        with ThreadPoolExecutor(SENDERS) as people:
            list(people.map(Patient.open, patients))
        time.sleep(3)  # Nobody fills it in faster; the spam rules know.

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
        storm.is_over = True
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
            "%s sent, %s acknowledged, %s rows, %s lost, %s doubled in %.1f s; killed %s; "
            "%.1f s without database; troubles on the way %s",
            *(SUBMISSIONS, len(acknowledged), len(rows), len(lost), len(doubled), seconds),
            *(dict(storm.killed), storm.seconds_without_database, dict(troubles)),
        )
        assert (lost, doubled, wrong) == ([], [], [])
        assert others == []
        assert "a page that does not keep what was typed" not in troubles
        assert 500 not in troubles

        # And the storm was one
        assert storm.killed == Counter("".join(BLOWS.values()).replace("D", "D" * is_postgresql))
        if is_postgresql:
            assert troubles[503] > 0

        # And no mail arrived twice but the one in the hand of each worker that was killed
        twice = [count - 1 for count in delivered(smtp_sink).values()]
        assert sum(twice) <= storm.killed["W"] + storm.killed["D"]


def is_as_told(patient, row):
    return (
        row["name"] == f"Pat {patient.marker}"
        and row["message"] == f"It hurts & it is\n<red> {patient.marker}"
        and patient.references in ({row["reference"]}, set())
        and (bool(patient.references) or not patient.receipt)
        and {name: row[name] for name in COMPLETE} == COMPLETE
    )


def delivered(smtp_sink):
    """How often each mail has arrived, by its recipient and the reference in it."""
    return Counter(
        (message.envelope_to[0], REFERENCE.search(message.get_body(("plain",)).get_content())[0])
        for message in list(smtp_sink.messages)
    )
