"""Asks a WSGI application as a web server does, past Django's test client."""

import gzip
import io
import sys
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager

import brotli
from django.core.handlers.wsgi import WSGIHandler
from django.core.signals import request_finished, request_started
from django.db import close_old_connections, connections

from practice.page_cache import PageCache

PROCEDURE = "/procedures/rhinoplasty/"
# Pages that are the same for everybody.
PUBLIC = ["/", "/procedures/", PROCEDURE, "/surgeons/", "/surgeons/robin-example/"]
PUBLIC += ["/locations/main-office/", "/privacy/", "/accessibility/", "/search/", "/sitemap.xml"]
PUBLIC += ["/robots.txt", "/site.webmanifest", "/social/home.png"]


class Answer:
    def __init__(self, status, headers, body):
        self.status = int(status.split()[0])
        self.headers = headers
        self.body = body

    def __getitem__(self, name):
        """The one header of this name, or None."""
        values = [value for key, value in self.headers if key.lower() == name.lower()]
        assert len(values) <= 1, f"{name} was sent more than once"
        return values[0] if values else None

    @property
    def text(self):
        unpack = {"br": brotli.decompress, "gzip": gzip.decompress, None: bytes}
        return unpack[self["Content-Encoding"]](self.body).decode()


def ask(application, path, method="GET", **environ):
    """One request over HTTPS through the proxy of this machine. Returns an Answer."""
    path, _, query = path.partition("?")
    request = {
        "REQUEST_METHOD": method,
        "SCRIPT_NAME": "",
        "PATH_INFO": path,
        "QUERY_STRING": query,
        "SERVER_NAME": "testserver",
        "SERVER_PORT": "80",
        "SERVER_PROTOCOL": "HTTP/1.1",
        "REMOTE_ADDR": "127.0.0.1",
        "HTTP_HOST": "testserver",
        "HTTP_X_FORWARDED_PROTO": "https",
        "wsgi.version": (1, 0),
        "wsgi.url_scheme": "http",
        "wsgi.input": io.BytesIO(),
        "wsgi.errors": sys.stderr,
        "wsgi.multithread": True,
        "wsgi.multiprocess": True,
        "wsgi.run_once": False,
    } | environ
    begun = []
    response = application(
        {name: value for name, value in request.items() if value is not None},
        lambda status, headers, *error: begun.append((status, headers)),
    )
    try:
        body = b"".join(response)
    finally:
        getattr(response, "close", lambda: None)()
    return Answer(*begun[-1], body)


class CountedDjango:
    """Django's handler, counting what it is asked."""

    def __init__(self):
        self.handler, self.asked = WSGIHandler(), []

    def __call__(self, environ, start_response):
        self.asked.append(environ)
        return self.handler(environ, start_response)


class Site:
    """One server process."""

    def __init__(self):
        self.django = CountedDjango()
        self.application = PageCache(self.django)

    def ask(self, path, method="GET", **environ):
        return ask(self.application, path, method, **environ)

    def is_kept(self, path, method="GET", **environ):
        """Whether a second request of this kind is answered without Django."""
        self.ask(path, method, **environ)
        before = len(self.django.asked)
        self.ask(path, method, **environ)
        return len(self.django.asked) == before


@contextmanager
def in_the_tests_own_transaction():
    """Django closes connections with each request, and with them a test's transaction."""
    for signal in (request_started, request_finished):
        signal.disconnect(close_old_connections)
    yield
    for signal in (request_started, request_finished):
        signal.connect(close_old_connections)


class Elsewhere:
    """Another thread with a database connection of its own, as each server has."""

    def __init__(self):
        self.pool = ThreadPoolExecutor(1)

    def ask(self, *arguments, **environ):
        return self.pool.submit(ask, *arguments, **environ).result()

    def close(self):
        self.pool.submit(connections.close_all).result()
        self.pool.shutdown()
