"""One service after the other is taken away from a real site, and comes back."""

import itertools
import json
import os
import re
import signal
from collections import Counter
from urllib.parse import urlencode

import pytest
from django.db import connection

from tests.conftest import Sink
from tests.pages import Page
from tests.patients import FORM, REFERENCE, Patient
from tests.processes import a_site, free_port, look, visit, wait_for

pytestmark = pytest.mark.processes
NUMBERS = itertools.count()
PHONE = "555-0100"
NOWHERE = "127.0.0.1:9"
MAILS = """
from post_office.models import Email
answer = [
    {
        "to": email.to[0],
        "state": email.get_status_display(),
        "errors": [log.exception_type for log in email.logs.all()],
        "waits": bool(email.scheduled_time and email.scheduled_time > email.last_updated),
    }
    for email in Email.objects.filter(message__regex="|".join(references))
]
"""
# As if the minutes until the next try had passed.
LET_TIME_PASS = """
from django.utils import timezone
from post_office.models import Email
Email.objects.exclude(scheduled_time=None).update(scheduled_time=timezone.now())
"""
RUN_OUT_THE_LEASE = """
from practice.models import Lease
Lease.objects.update(expires_at="2020-01-01T00:00Z")
"""
REQUESTS = """
from consultations.models import ConsultationRequest
answer = [
    {"reference": row.reference, "message": row.message, "consents": row.consents.count()}
    for row in ConsultationRequest.objects.all() if marker in row.message
]
"""


@pytest.fixture(scope="module")
def installed():
    with a_site(connection.vendor == "postgresql") as site:
        yield site


@pytest.fixture
def site(installed):
    """The site with nothing running but its database. Processes end with the test."""
    before = dict(installed.environment)
    yield installed
    installed.stop()
    installed.environment = before


@pytest.fixture
def patient(site):
    """`patient()` has opened the form and filled it in."""

    def patient():
        patient = Patient(site, next(NUMBERS))
        patient.open()
        return patient

    return patient


class DyingSink(Sink):
    """A mail server that takes the third mail, and kills who brings it before saying so."""

    def __init__(self, port, site):
        super().__init__(port)
        self.site = site

    async def handle_DATA(self, server, session, envelope):  # noqa: N802
        answer = await super().handle_DATA(server, session, envelope)
        if len(self.messages) == 3:
            os.kill(self.site.worker.pid, signal.SIGKILL)
        return answer


@pytest.fixture
def mail_server(site):
    """`mail_server()` brings to life what EMAIL_URL has named all along."""
    from aiosmtpd.controller import Controller

    port = free_port()
    site.environment["EMAIL_URL"] = f"smtp://127.0.0.1:{port}"
    started = []

    def mail_server():
        sink = DyingSink(port, site)
        started.append(Controller(sink, hostname="127.0.0.1", port=port))
        started[-1].start()
        return sink

    yield mail_server
    for controller in started:
        controller.stop()


def test_mail_waits_for_its_server_and_arrives_once_though_the_worker_dies(
    site, patient, mail_server
):
    # Given a mail server that does not answer, and three people who ask
    site.serve(workers=1)
    site.work()
    people = [patient() for _ in range(3)]
    for person in people:
        person.send()
    (*references,) = (reference for person in people for reference in person.references)
    assert len(references) == 3

    # Then their mails wait for a later try, and each says why
    def all_tried():
        mails = site.ask(MAILS, references=references)
        # The error of a try is written a moment before the mail is put back.
        is_back = (mail["errors"] and mail["state"] != "Waiting" for mail in mails)
        return len(mails) == 6 and all(is_back) and mails

    for mail in wait_for(all_tried, "every mail is tried"):
        assert mail["state"] == "Waiting to be tried again"
        assert set(mail["errors"]) == {"ConnectionRefusedError"}
        assert mail["waits"]

    # When the server lives, the worker dies with a mail in its hand, and another takes over
    sink = mail_server()
    site.ask(LET_TIME_PASS)
    wait_for(lambda: site.worker.poll() is not None, "the worker is killed")
    site.ask(RUN_OUT_THE_LEASE)
    site.work()

    # Then all six have arrived, and only the one in the dead worker's hand twice
    def all_sent():
        mails = site.ask(MAILS, references=references)
        return {mail["state"] for mail in mails} == {"Sent"}

    wait_for(all_sent, "every mail is sent")
    arrived = Counter(
        (message.envelope_to[0], reference_in(message))
        for message in sink.messages
        if reference_in(message) in references
    )
    assert len(arrived) == 6
    assert sorted(arrived.values()) == [1, 1, 1, 1, 1, 2]

    # And the patient's link opens their page
    letter = next(each for each in sink.messages if each.envelope_to[0].startswith("marker-"))
    link = re.search(r"https://testserver(/consultation/request/\S+)", text_of(letter))[1]
    page = look(site, link)
    assert page.status == 200
    assert reference_in(letter) in page.text
    assert "It hurts" not in page.source


def test_a_lost_database_is_said_honestly_and_comes_back_without_a_restart(site, patient):
    # Given a site that has served, one person who was received, and one about to send
    site.serve(workers=1)
    site.manage("run_worker", "--once")
    assert visit(site, "/readyz").status_code == 200
    received, person = patient(), patient()
    received.send()
    private = next(
        link for link in look(site, received.receipt).links if "/consultation/request/" in link
    )

    # When the database goes
    site.database.stop()
    try:
        # Then nobody is told a lie, nothing typed is lost, and the phone number is there
        refused = visit(site, FORM, urlencode(person.fields), cookie=person.cookie)
        page = Page(refused)
        assert refused.status_code == 503
        assert "We did not receive your request" in page.text
        assert PHONE in page.text
        assert typed(page.fields) == typed(person.fields)
        opened = look(site, FORM)
        assert opened.status == 503
        assert PHONE in opened.text

        # And who was received still is
        confirmation = look(site, received.receipt)
        assert "We have your request" in confirmation.text
        assert received.references == set(REFERENCE.findall(confirmation.text))
        token = {"csrfmiddlewaretoken": received.fields["csrfmiddlewaretoken"]}
        withdrawal = {"body": urlencode(token), "cookie": received.cookie}
        for lost in (look(site, private), look(site, f"{private}withdraw/", **withdrawal)):
            assert lost.status == 503
            assert PHONE in lost.text
        assert "did not receive what you sent" in lost.text

        # And monitors are told
        assert visit(site, "/healthz").status_code == 200
        assert visit(site, "/readyz").status_code == 503
    finally:
        site.database.start()

    # When it is back, so is the site, and pressing the button once more is enough
    site.wait_until(lambda: visit(site, "/readyz").status_code == 200, "the site is ready again")
    sent = visit(site, FORM, urlencode(page.fields), cookie=person.cookie)
    assert sent.status_code == 302
    rows = site.ask(REQUESTS, marker=person.marker)
    assert [row["reference"] in sent["Location"] for row in rows] == [True]
    assert site.server.poll() is None


def test_without_cache_mail_server_and_worker_everything_is_accepted(site, patient):
    site.ask("from practice.models import JobRun; JobRun.objects.all().delete()")
    site.environment |= {"CACHE_URL": f"redis://{NOWHERE}/0", "EMAIL_URL": f"smtp://{NOWHERE}"}
    site.serve(workers=1)

    for address in ("/", "/procedures/", "/surgeons/", "/locations/main-office/", "/search/?q=a"):
        assert visit(site, address).status_code == 200, address
    person = patient()
    person.send()

    assert not person.troubles
    (row,) = site.ask(REQUESTS, marker=person.marker)
    assert {row["reference"]} == person.references
    assert row["consents"] == 3
    mails = site.ask(MAILS, references=[row["reference"]])
    assert [(mail["state"], mail["errors"]) for mail in mails] == [("Waiting", [])] * 2
    ready = visit(site, "/readyz")
    assert ready.status_code == 503
    assert json.loads(ready.content)["worker"] == "never started"


def typed(fields):
    return {name: text for name, text in fields.items() if name != "csrfmiddlewaretoken"}


def text_of(message):
    return message.get_body(("plain",)).get_content()


def reference_in(message):
    return REFERENCE.search(text_of(message))[0]
