"""Slow and huge requests, sent to the documented Caddy and gunicorn, do not keep people waiting.

Two hundred connections that send a byte of their headers each second, bodies of 100 MB with
and without saying so beforehand, and readers that read next to nothing: meanwhile others read
pages and are received.
"""

import http.client
import logging
import select
import socket
import threading
import time
from collections import Counter
from contextlib import closing, suppress
from statistics import median, quantiles

import psutil
import pytest

from tests.conftest import DRAWING
from tests.pages import Page
from tests.patients import FORM, Patient
from tests.processes import Response, a_site, visit
from tests.servers import a_door

pytestmark = pytest.mark.servers
logger = logging.getLogger(__name__)
SECONDS = 12  # How long it goes on: longer than the proxy waits for a header.
MEGABYTE = 1024 * 1024
HUGE = 100 * MEGABYTE
LARGE_PICTURE = "pictures/large.webp"
PATIENT_ENOUGH = 1.0  # Seconds.


class Attack:
    """Threads that go on until the end of the `with` block, and count what became of them."""

    def __init__(self, site):
        self.site, self.is_over, self.counted = site, threading.Event(), Counter()
        self.answers = []
        self.threads = []

    def add(self, act, *arguments, times=1):
        for _ in range(times):
            self.threads.append(threading.Thread(target=self._again, args=(act, *arguments)))

    def _again(self, act, *arguments):
        while not self.is_over.is_set():
            with suppress(OSError, http.client.HTTPException):
                act(*arguments)

    def __enter__(self):
        for each in self.threads:
            each.start()
        return self

    def __exit__(self, *_):
        self.is_over.set()
        for each in self.threads:
            each.join()

    def drip_headers(self, connections):
        """Opens so many, and gives each one byte a second of a header that never ends."""
        lines = []
        try:
            while not self.is_over.wait(1):
                while len(lines) < connections and not self.is_over.is_set():
                    lines.append(self.site.line(5))
                    lines[-1].sendall(b"GET / HTTP/1.1\r\nHost: localhost\r\nX-Slow: ")
                    self.counted["opened"] += 1
                lines = [line for line in lines if self._takes(line, b"a")]
        finally:
            for line in lines:
                line.close()

    def _takes(self, line, byte):
        try:
            line.sendall(byte)
            if not select.select([line], [], [], 0)[0]:
                return True
        except OSError:
            pass
        line.close()
        self.counted["headers given up by the proxy"] += 1
        return False

    def drip_a_body(self):
        """A form whose body comes in at a byte a second."""
        with closing(self.site.line(5)) as line:
            line.sendall(head("POST", FORM, "Content-Length: 5000"))
            while not self.is_over.wait(1) and self._takes(line, b"a"):
                pass

    def break_off_a_body(self):
        """A form of which the half comes, and then nothing more ever."""
        with closing(self.site.line(5)) as line:
            line.sendall(head("POST", FORM, "Content-Length: 5000") + b"a" * 2500)
            line.shutdown(socket.SHUT_WR)
            self.counted["bodies broken off"] += 1
            self.is_over.wait(0.2)

    def read_slowly(self, path):
        with closing(self.site.line(5)) as line:
            line.sendall(head("GET", path))
            while not self.is_over.wait(1) and line.recv(1):
                self.counted["bytes read slowly"] += 1

    def send_something_huge(self, path, is_announced, method="POST"):
        answer = send_huge(self.site, path, is_announced, method)
        self.answers.append((method, path, answer and answer.status_code))
        self.is_over.wait(1)


def head(method, path, *lines):
    start = [f"{method} {path} HTTP/1.1", "Host: localhost", "Origin: https://localhost", *lines]
    return "\r\n".join([*start, "", ""]).encode()


def send_huge(site, path, is_announced, method="POST"):
    """Sends 100 MB or as much as is taken; what is answered, or None when nothing is."""
    size = f"Content-Length: {HUGE}" if is_announced else "Transfer-Encoding: chunked"
    kind = "Content-Type: multipart/form-data; boundary=b"
    piece = b"a" * (256 * 1024)
    framed = piece if is_announced else b"%x\r\n%b\r\n" % (len(piece), piece)
    with closing(site.line(20)) as line:
        line.sendall(head(method, path, size, kind))
        with suppress(OSError):
            for _ in range(HUGE // len(piece)):
                if select.select([line], [], [], 0)[0]:
                    break
                line.sendall(framed)
        raw = http.client.HTTPResponse(line)
        with suppress(OSError, http.client.HTTPException):
            raw.begin()
            return Response(raw)
    return None


class Visitors(threading.Thread):
    """Somebody who reads one page after the other, and how long each took."""

    PATHS = ("/", FORM, "/procedures/", "/search/?q=nose", "/healthz")

    def __init__(self, door, is_over):
        super().__init__()
        self.door, self.is_over = door, is_over
        self.seconds, self.statuses = [], Counter()

    def run(self):
        number = 0
        while not self.is_over.is_set():
            started = time.monotonic()
            try:
                self.statuses[visit(self.door, self.PATHS[number % 5], timeout=20).status_code] += 1
            except OSError as error:
                self.statuses[type(error).__name__] += 1
            self.seconds.append(time.monotonic() - started)
            number += 1
            time.sleep(0.05)


def memory(site):
    """Megabytes that gunicorn and its processes hold of their own."""
    master = psutil.Process(site.server.pid)
    return sum(each.memory_full_info().uss for each in (master, *master.children())) / MEGABYTE


@pytest.fixture(scope="module")
def site():
    with a_site(is_postgresql=False) as site:
        pictures = site.folder / "media" / "pictures"
        pictures.mkdir(parents=True)
        (pictures / "large.webp").write_bytes(bytes(2 * MEGABYTE))
        (pictures / "drawing.svg").write_text(DRAWING)
        site.serve()
        yield site


@pytest.fixture
def door(site):
    with a_door(site) as door:
        yield door


def test_others_are_served_while_slow_and_huge_requests_come_in(site, door):
    # Given people who have opened the form, and how much memory it takes to serve
    people = [Patient(door, number) for number in range(4)]
    for each in people:
        each.open()
    for path in Visitors.PATHS * 3:
        visit(door, path)
    time.sleep(3)
    before = memory(site)

    # When all of it comes in at once
    attack = Attack(door)
    attack.add(attack.drip_headers, 200)
    attack.add(attack.drip_a_body, times=20)
    attack.add(attack.break_off_a_body, times=4)
    attack.add(attack.read_slowly, f"/media/{LARGE_PICTURE}", times=20)
    for path in (FORM, "/consultation/request/unknown/photos/"):
        for is_announced in (True, False):
            attack.add(attack.send_something_huge, path, is_announced)
    attack.add(attack.send_something_huge, "/", False, "GET")
    with attack:
        visitors = [Visitors(door, attack.is_over) for _ in range(2)]
        for each in visitors:
            each.start()
        time.sleep(SECONDS / 2)
        for each in people:
            each.send()
        during = memory(site)
        time.sleep(SECONDS / 2)
    for each in visitors:
        each.join()

    # Then others wait no longer than people bear, and whoever asks is received
    seconds = [each for visitor in visitors for each in visitor.seconds]
    statuses = sum((visitor.statuses for visitor in visitors), Counter())
    refused = Counter(attack.answers)
    logger.info(
        "%s pages, median %.0f ms, 95%% within %.0f ms; %s; huge: %s; gunicorn %.0f MB, then %.0f",
        *(len(seconds), median(seconds) * 1000, quantiles(seconds, n=20)[-1] * 1000),
        *(dict(attack.counted), dict(refused), before, during),
    )
    assert set(statuses) == {200}
    assert quantiles(seconds, n=20)[-1] < PATIENT_ENOUGH
    assert all(each.receipt for each in people)
    assert sum((each.troubles for each in people), Counter()) == {}

    # And it was an attack, of which gunicorn has noticed little
    assert attack.counted["opened"] >= 200
    assert attack.counted["headers given up by the proxy"] >= 200
    assert attack.counted["bodies broken off"] >= 20
    # (A page that is asked for may come although a body comes with the question.)
    assert {status for method, _, status in refused if method == "POST"} == {413}
    assert during - before < 80  # Of the gigabytes that were on offer.


@pytest.mark.parametrize("path", [FORM, "/consultation/request/unknown/photos/", "/staff/login/"])
@pytest.mark.parametrize("is_announced", [True, False], ids=["announced", "unannounced"])
def test_a_body_of_100_mb_is_refused_kindly(door, path, is_announced):
    started = time.monotonic()
    answer = send_huge(door, path, is_announced)

    assert answer is not None
    assert answer.status_code == 413
    page = Page(answer)
    assert "512" in page.text
    assert "555-0100" in page.text
    assert time.monotonic() - started < 15
    assert visit(door, "/healthz").status_code == 200
