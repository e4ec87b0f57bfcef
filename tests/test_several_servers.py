"""Two web servers and two workers on one PostgreSQL, one Redis and one object store.

They are one site: what one knows the other knows at the very next request, and whichever is
killed or replaced, nobody who was told “received” is forgotten and nobody sees an error.
"""

import json
import re
import signal
import threading
import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, suppress
from urllib.parse import urlencode

import pytest
from django.test.client import BOUNDARY, MULTIPART_CONTENT, encode_multipart

from tests import picture_files
from tests.conftest import PASSWORD, Sink
from tests.pages import Page
from tests.patients import FORM, REFERENCE, Patient
from tests.processes import Response, free_port, look, visit, wait_for
from tests.servers import a_door, lose_power, restart, several_servers

pytestmark = pytest.mark.servers
TAKEOVER = 60  # Seconds within which another worker goes on after the holder's death.
LONGEST_FILLING = 3.2  # Seconds: nobody fills the form in faster; the spam rules know.
ACCOUNT = """
from practice.models import User
User.objects.create_superuser(name, f"{name}@example.com", password)
"""
# A browser that has passed the second factor.
SIGNED_IN = f"""
from allauth.mfa.totp.internal.auth import TOTP, generate_totp_secret
from django.test import Client
from practice.models import User
user = User.objects.filter(username=name).first()
if user is None:
    user = User.objects.create_superuser(name, f"{{name}}@example.com", {PASSWORD!r})
    TOTP.activate(user, generate_totp_secret())
client = Client()
client.force_login(user)
answer = "; ".join(f"{{key}}={{morsel.value}}" for key, morsel in client.cookies.items())
"""
ROWS = """
from consultations.models import ConsultationRequest
answer = [
    {
        "marker": row.full_name.removeprefix("Pat "),
        "reference": row.reference,
        "status": row.status,
        "consents": row.consents.count(),
        "received": row.events.filter(kind="received").count(),
    }
    for row in ConsultationRequest.objects.filter(is_test=False)
    if row.full_name.removeprefix("Pat ") in markers
]
"""
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


@pytest.fixture(scope="module")
def installed():
    with several_servers() as servers:
        servers.set(SELF_TEST="off")
        yield servers


@pytest.fixture
def servers(installed):
    """Both serving when a test begins, and whatever it did to them, the next test's too."""
    for each in installed.both:
        if not getattr(each, "server", None) or each.server.poll() is not None:
            each.serve()
    yield installed
    for each in installed.both:
        if worker := getattr(each, "worker", None):
            worker.kill()
            worker.wait()


class People:
    """Patients with numbers that no other test uses."""

    def __init__(self):
        self.known = 0

    def __call__(self, count, *sites, kind=Patient):
        """`count` people who have opened the form at these sites in turn, and filled it in."""
        people = [kind(sites[number % len(sites)], self.known + number) for number in range(count)]
        self.known += count
        with ThreadPoolExecutor(8) as pool:
            list(pool.map(Patient.open, people))
        time.sleep(LONGEST_FILLING)
        return people


people = People()


def rows_of(servers, senders):
    found = servers.b.ask(ROWS, markers=[each.marker for each in senders])
    return {each.marker: [row for row in found if row["marker"] == each.marker] for each in senders}


def assert_each_is_stored_once_as_told(servers, senders):
    """Row by row: one that is lost and one that is doubled would cancel out in a total."""
    rows = rows_of(servers, senders)
    wrong = [
        (each.marker, each.references, rows[each.marker])
        for each in senders
        if each.receipt
        and [(row["reference"], row["consents"], row["received"]) for row in rows[each.marker]]
        != [(reference, 3, 1) for reference in each.references]
    ]
    assert wrong == []
    assert [each.marker for each in senders if not each.receipt] == []


def signed_in(servers, name="maria"):
    """The cookies of somebody who has signed in somewhere."""
    return servers.a.ask(SIGNED_IN, name=name)


def save(site, path, cookie, **changes):
    """Opens an admin form, changes something, and presses its button."""
    opened = visit(site, path, cookie=cookie)
    assert opened.status_code == 200
    csrf = next(
        each.partition(";")[0]
        for each in opened.headers.get_all("Set-Cookie")
        if "csrf" in each.partition("=")[0]
    )
    fields = Page(opened).fields | changes
    return visit(site, path, urlencode(fields), cookie=f"{cookie}; {csrf}")


# --- One site ---------------------------------------------------------------------------------


def test_what_is_published_on_one_is_seen_on_the_other_at_the_very_next_request(servers):
    cookie = signed_in(servers)
    # Given pages that both have shown before, so that whatever keeps them has kept them
    for site in servers.both * 3:
        assert look(site, "/").status == 200

    for number in range(6):
        here, there = servers.both if number % 2 else reversed(servers.both)
        tagline = f"Plain facts, number {number}."
        saved = save(here, "/admin/practice/practice/1/change/", cookie, tagline=tagline)

        assert saved.status_code == 302
        assert tagline in look(there, "/").text
        assert tagline in look(here, "/").text


def test_somebody_signed_in_on_one_is_signed_in_on_the_other_and_out_of_both(servers):
    cookie = signed_in(servers, "olga")
    assert {visit(site, "/admin/", cookie=cookie).status_code for site in servers.both} == {200}

    servers.a.ask(
        "from practice.models import User; from practice.sessions import end_all\n"
        "end_all(User.objects.get(username='olga'))"
    )

    assert {visit(site, "/admin/", cookie=cookie).status_code for site in servers.both} == {302}


def try_to_sign_in(site, name, password, address):
    opened = visit(site, "/staff/login/", address=address)
    fields = Page(opened).fields | {"login": name, "password": password}
    cookie = "; ".join(each.partition(";")[0] for each in opened.headers.get_all("Set-Cookie"))
    return visit(site, "/staff/login/", urlencode(fields), address=address, cookie=cookie)


def test_five_wrong_passwords_on_one_server_close_the_other_to_that_name(servers):
    servers.a.ask(ACCOUNT, name="paula", password=PASSWORD)
    for number in range(5):
        refused = try_to_sign_in(servers.a, "paula", "wrong", f"192.0.2.{number}")
        assert "do not match" in Page(refused).text

    blocked = try_to_sign_in(servers.b, "paula", PASSWORD, "192.0.2.77")

    assert blocked.status_code != 302
    assert "Too many failed tries" in Page(blocked).text


class Neighbour(Patient):
    """All of them at one address."""

    @property
    def address(self):
        return "203.0.113.50"


def test_the_limit_of_one_address_is_exact_over_both(servers):
    senders = people(13, *servers.both, kind=Neighbour)
    with ThreadPoolExecutor(13) as pool:
        list(pool.map(Patient.send, senders))

    found = Counter(row["status"] for rows in rows_of(servers, senders).values() for row in rows)

    assert found == {"new": 5, "quarantined": 8}


def test_a_form_that_one_gave_out_is_received_by_the_other(servers):
    senders = people(4, *servers.both)
    for each in senders:
        each.site = servers.b if each.site is servers.a else servers.a
        each.send()

    assert_each_is_stored_once_as_told(servers, senders)
    # And whoever presses twice, once here and once there, is received once
    (twice,) = people(1, servers.a)
    twice.send()
    twice.site = servers.b
    twice.send()
    assert len(twice.references) == 1
    assert_each_is_stored_once_as_told(servers, [twice])


def test_a_photograph_sent_to_one_is_seen_on_the_other(servers):
    (person,) = people(1, servers.a)
    person.send()
    confirmation = look(servers.b, person.receipt)
    private = next(link for link in confirmation.links if "/consultation/request/" in link)
    assert person.references == set(REFERENCE.findall(look(servers.b, private).text))

    sent = send_photograph(servers.a, private, person.cookie)

    assert sent.status_code == 302
    assert [name.partition("/")[0] for name in servers.store.names()] == ["private"]
    assert "Front" in look(servers.b, private).text
    row, photo = servers.a.ask(
        "from consultations.models import Photo\n"
        "photo = Photo.objects.get(); answer = [photo.request_id, photo.pk]"
    )
    seen = visit(
        servers.b,
        f"/admin/consultations/consultationrequest/{row}/photo/{photo}/",
        cookie=signed_in(servers),
    )
    assert seen.content.startswith(b"\xff\xd8\xff")


def send_photograph(site, private, cookie):
    page = look(site, private, cookie=cookie)
    fields = {
        "csrfmiddlewaretoken": page.fields["csrfmiddlewaretoken"],
        "photos-view_0": picture_files.upload(picture_files.plain((400, 300)), "a.jpg"),
    }
    headers = {
        "Host": site.host,
        "X-Forwarded-Proto": "https",
        "X-Forwarded-For": "203.0.113.9",
        "Origin": f"https://{site.host}",
        "Content-Type": MULTIPART_CONTENT,
        "Cookie": cookie,
    }
    with closing(site.connect(30)) as connection:
        body = encode_multipart(BOUNDARY, fields)
        connection.request("POST", f"{private}photos/", body, headers)
        return Response(connection.getresponse())


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
        return len(found) == 6 and {state for _, state in found} == {"sent"}

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
    assert len(mail_server.messages) - so_far == states.count("sent") >= 1


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
