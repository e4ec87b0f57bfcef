"""Of two web servers, two workers and a Redis one is lost or replaced: nobody who was told
“received” is forgotten, no mail goes twice, and a planned restart is noticed by nobody."""

import json
import re
import signal
import threading
import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress

import pytest

from tests.conftest import PASSWORD, Sink
from tests.pages import Page
from tests.patients import FORM, Patient
from tests.processes import free_port, look, visit, wait_for
from tests.servers import a_door, lose_power, restart
from tests.two_servers import (
    ACCOUNT,
    assert_each_is_stored_once_as_told,
    people,
    try_to_sign_in,
)

pytestmark = pytest.mark.servers
pytest_plugins = ["tests.two_servers"]
TAKEOVER = 60  # Seconds within which another worker goes on after the holder's death.
MAILS = """
from post_office.models import Email
answer = [
    (mail.to[0], mail.get_status_display())
    for mail in Email.objects.all() if any(each in mail.message for each in references)
]
"""
HOLDER = """
from practice.models import Lease
answer = Lease.objects.filter(name="worker").values_list("holder", flat=True).first()
"""


# --- Something is lost ------------------------------------------------------------------------


def test_without_redis_everything_goes_on_and_monitors_are_told(servers):
    servers.a.ask(ACCOUNT, name="rita", password=PASSWORD)
    senders = people(2, *servers.both)
    servers.redis.kill()
    try:
        # Pages are served, and forms are received
        for site in servers.both:
            assert look(site, "/").status == 200
        for each in senders:
            each.send()
            assert not each.troubles
        assert_each_is_stored_once_as_told(servers, senders)

        # Staff can sign in, and guessers still cannot try for ever: the database counts
        for number in range(5):
            try_to_sign_in(servers.both[number % 2], "rita", "wrong", f"192.0.2.{number + 100}")
        blocked = try_to_sign_in(servers.a, "rita", PASSWORD, "192.0.2.178")
        assert "Too many failed tries" in Page(blocked).text

        ready = visit(servers.a, "/readyz")
        assert ready.status_code == 503
        assert "Redis cannot be reached" in json.loads(ready.content)["cache"]
    finally:
        servers.redis.start()
    assert json.loads(visit(servers.a, "/readyz").content)["cache"] == "ok"


class Power(threading.Thread):
    """Kills one server with all its processes, then the other, as soon as so many were told."""

    def __init__(self, servers, senders):
        super().__init__()
        self.servers, self.senders, self.killed = servers, senders, 0

    def run(self):
        for number, site in ((8, self.servers.a), (24, self.servers.b)):
            with suppress(AssertionError):
                wait_for(lambda number=number: self.told() >= number, "people are told", 60)
            lose_power(site)
            self.killed += 1
            site.serve()

    def told(self):
        return sum(bool(each.receipt) for each in self.senders)


def test_a_server_that_loses_power_loses_nobody_who_was_told(servers):
    with a_door(*servers.both) as door:
        senders = people(48, door)
        power = Power(servers, senders)
        power.start()
        with ThreadPoolExecutor(8) as pool:
            list(pool.map(Patient.send, senders))
        power.join()

    assert power.killed == 2
    assert_each_is_stored_once_as_told(servers, senders)


class SlowSink(Sink):
    """A mail server that takes its time over each mail."""

    seconds = 0.0

    async def handle_DATA(self, server, session, envelope):  # noqa: N802
        import asyncio

        await asyncio.sleep(self.seconds)
        return await super().handle_DATA(server, session, envelope)


@pytest.fixture
def mail_server(servers):
    from aiosmtpd.controller import Controller

    sink = SlowSink(free_port())
    servers.set(EMAIL_URL=f"smtp://127.0.0.1:{sink.port}")
    controller = Controller(sink, hostname="127.0.0.1", port=sink.port)
    controller.start()
    yield sink
    controller.stop()


def test_a_worker_that_is_killed_is_followed_by_the_other_and_no_mail_goes_twice(
    servers, mail_server
):
    # Given two workers, of which one holds the lease, and three people about to ask
    senders = people(3, *servers.both)
    for each in servers.both:
        each.work()
    holder = wait_for(lambda: servers.a.ask(HOLDER), "a worker takes the lease")
    number = int(holder.split(":")[-2])
    first, second = sorted(servers.both, key=lambda site: site.worker.pid != number)
    assert first.worker.pid == number

    # When it is killed, and they are received while nobody sends mail
    first.kill_the_worker()
    died = time.monotonic()
    for each in senders:
        each.send()
    references = [reference for each in senders for reference in each.references]
    assert len(references) == 3

    # Then the other sends all six within a minute, none twice
    def all_sent():
        found = servers.a.ask(MAILS, references=references)
        return len(found) == 6 and {state for _, state in found} == {"Sent"}

    wait_for(all_sent, "the other worker sends the mails", TAKEOVER + 10)
    seconds = time.monotonic() - died
    assert seconds < TAKEOVER
    assert set(arrived(mail_server, references).values()) == {1}
    assert len(arrived(mail_server, references)) == 6

    # And asked to end, it finishes the mail in its hand
    mail_server.seconds = 1.5
    (person,) = people(1, servers.a)
    so_far = len(mail_server.messages)
    person.send()
    wait_for(lambda: is_sending(second), "a mail is on its way")
    second.worker.send_signal(signal.SIGTERM)
    assert second.worker.wait(timeout=20) == 0
    states = [state for _, state in servers.a.ask(MAILS, references=list(person.references))]
    assert len(mail_server.messages) - so_far == states.count("Sent") >= 1


def is_sending(site):
    import psutil

    return any(
        each.raddr and each.raddr.port == int(site.environment["EMAIL_URL"].rpartition(":")[2])
        for each in psutil.Process(site.worker.pid).net_connections("tcp")
    )


def arrived(sink, references):
    return Counter(
        (message.envelope_to[0], reference)
        for message in sink.messages
        for reference in references
        if reference in message.get_body(("plain",)).get_content()
    )


# --- Something is replaced --------------------------------------------------------------------


class Visitors:
    """People who read pages one after the other until they are told to stop."""

    PATHS = ("/", "/procedures/", "/surgeons/", "/locations/main-office/", "/search/?q=a", FORM)

    def __init__(self, door, count):
        self.door, self.is_over = door, threading.Event()
        self.answers = Counter()
        self.threads = [threading.Thread(target=self.read) for _ in range(count)]

    def read(self):
        for number in range(10**6):
            if self.is_over.is_set():
                return
            path = self.PATHS[number % len(self.PATHS)]
            try:
                self.answers[visit(self.door, path).status_code] += 1
            except Exception as error:
                self.answers[type(error).__name__] += 1
            self.is_over.wait(0.03)  # Or they would read as fast as two cores can write.

    def __enter__(self):
        for each in self.threads:
            each.start()
        return self

    def __exit__(self, *_):
        self.is_over.set()
        for each in self.threads:
            each.join()


def test_replacing_one_server_after_the_other_fails_no_request(servers):
    with a_door(*servers.both) as door:
        senders = people(60, door)
        with Visitors(door, 3) as visitors, ThreadPoolExecutor(3) as pool:
            sent = pool.map(slowly, senders)
            for site in servers.both:
                before = site.server.pid
                assert restart(site) == 0
                assert site.server.pid != before
            list(sent)

    assert set(visitors.answers) == {200}
    assert sum(visitors.answers.values()) > 50
    assert sum((each.troubles for each in senders), Counter()) == {}
    assert_each_is_stored_once_as_told(servers, senders)


def slowly(person):
    person.send()
    time.sleep(0.4)


def test_nothing_of_a_person_is_in_the_logs_of_any_of_it(servers):
    text = "\n".join(
        path.read_text(errors="replace") for path in servers.a.folder.parent.rglob("*.log")
    )
    assert "gunicorn" in text
    assert not re.search(r"marker-\d{4}-end", text)
