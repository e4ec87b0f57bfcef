"""Public pages, answered before Django's handler is asked.

A page that is the same for everybody is made once for each edition of the content. Which
edition is in force is read from the database with every request (see edition.py), so a
change is seen by the very next request on every server, and no cache has to be told of it
or trusted.

What does not look exactly like a visitor's plain request for such a page goes to Django
untouched. And a page is made from a request that holds nothing of the visitor's, so nobody's
headers can end up in what others get.
"""

import hashlib
import io
import logging
import threading
import time
from functools import lru_cache, partial, wraps
from pathlib import Path
from urllib.parse import unquote

from django.conf import settings
from django.core.cache import caches
from django.core.cache.backends.redis import RedisCache
from django.db import Error as AnyDatabaseError
from django.http.request import split_domain_port
from django.urls import Resolver404, resolve

from .caching import edition
from .caching.prepared_page import PreparedPage
from .context_processors import know_the_practice
from .http.proxies import TrustedProxies
from .sql import one_query

logger = logging.getLogger(__name__)

MOST_BYTES = 32 * 1024 * 1024
# A page of this edition that nobody asked for in a day may as well be made again.
SHARED_SECONDS = 24 * 60 * 60
SHARED_AWAY_SECONDS = 10
NO_STORE = ("no-store", "private")
PREPARED = "practice.prepared_page"


def same_for_everyone(view=None, *, reads=()):
    """Declares that a view's pages depend on the content alone.

    `reads` names the values of the query that make another page of it.
    """
    if view is None:
        return partial(same_for_everyone, reads=reads)

    @wraps(view)
    def wrapped(request, *args, **kwargs):
        page = request.environ.get(PREPARED)
        return page.response(request.environ) if page else view(request, *args, **kwargs)

    wrapped.reads = ("preview", *reads)
    return wrapped


class PageCache:
    """WSGI middleware around Django's handler."""

    def __init__(self, application):
        self.application = application
        self.pages = Shelf()
        self.shared = SharedPages()
        self.trust = lru_cache(256)(TrustedProxies(settings.TRUSTED_PROXIES).trust)
        self.domain = lru_cache(256)(self._domain)
        self.never = (settings.STATIC_URL, settings.MEDIA_URL)
        self.our_cookies = (settings.SESSION_COOKIE_NAME, settings.CSRF_COOKIE_NAME, "messages")

    def __call__(self, environ, start_response):
        address = self._address(environ)
        at_hand = ()
        try:
            present = address and edition.current()
            page = present and self.pages.get(address, present)
            if present and not page:
                page, at_hand = self._still_so(address, present)
        except AnyDatabaseError:
            present = None  # Django says what there is to say without a database.
        if not present:
            return self.application(environ, start_response)
        page = page or self._from_others(address, present)
        unkept = None
        if page is None:
            page, unkept = self._make(address, present, environ["wsgi.errors"], at_hand)
        if environ.get("QUERY_STRING") or self._has_our_cookies(environ):
            # Sessions and the like are Django's; the page in the middle of it all is the same.
            if unkept:
                unkept.close()
            environ[PREPARED] = page
            return self.application(environ, start_response)
        if unkept:
            return unkept.answer(environ, start_response)
        body = page.answer(environ, start_response)
        return body if page.is_best else Afterwards(body, partial(self._improve, address, present))

    def _address(self, environ):
        """(scheme, host, path) of a request for a public page; None for any other."""
        path = environ["PATH_INFO"]
        if (
            environ["REQUEST_METHOD"] not in ("GET", "HEAD")
            or environ.get("SCRIPT_NAME")
            or "HTTP_AUTHORIZATION" in environ
            or path.startswith(self.never)
        ):
            return None
        domain = self.domain(environ.get("HTTP_HOST", ""))
        scheme = self._scheme(environ)
        if not domain or (scheme != "https" and settings.SECURE_SSL_REDIRECT):
            return None
        query = environ.get("QUERY_STRING")
        address = (scheme, domain, path)
        if address in self.pages and not query:
            return address
        reads = what_it_reads(path)
        # Found in a longer name or in a value, it is taken for one that is read: to be sure.
        is_other = reads is None or (query and any(name in unquote(query) for name in reads))
        return None if is_other else address

    def _has_our_cookies(self, environ):
        cookies = environ.get("HTTP_COOKIE")
        return bool(cookies) and any(name in cookies for name in self.our_cookies)

    def _still_so(self, address, present):
        """(the page of an earlier edition if nothing in it has changed, what was asked for it).

        Within one `until` no moment has passed that its rows know of, so the same rows make
        the same page.
        """
        page = self.pages.of_before(address, present)
        if page is None or not page.made_of:
            return None, ()
        is_same, at_hand = one_query.asked_again(page.made_of)
        if not is_same:
            self.pages.remove(address)
            return None, at_hand
        self.pages.put(address, present, page)
        return page, ()

    def _from_others(self, address, present):
        """The page as another process has made it, which this one then keeps."""
        page = self.shared.get(address, present)
        if page is not None:
            know_the_practice(present)
            self.pages.put(address, present, page)
        return page

    def _scheme(self, environ):
        """As Django sees it behind TrustedProxyMiddleware."""
        claimed = environ.get("HTTP_X_FORWARDED_PROTO")
        if claimed is None or not self.trust(environ.get("REMOTE_ADDR", "")):
            return environ["wsgi.url_scheme"]
        return "https" if claimed.split(",")[0].strip() == "https" else "http"

    def _domain(self, host):
        """The host without its port, if ALLOWED_HOSTS names exactly this one."""
        domain, _ = split_domain_port(host)
        return domain if domain in map(str.lower, settings.ALLOWED_HOSTS) else None

    def _make(self, address, present, errors, at_hand):
        """(page, None) when Django's answer may be kept, else (None, the answer)."""
        with one_query.noted(at_hand) as notes:
            made = Answer(self.application, bare_request(address, errors))
        if notes.has_failed or not may_be_kept(made.status, made.headers, made.response):
            return None, made
        try:
            page = PreparedPage(made.headers, b"".join(made.response))
            page.made_of = one_query.made_of(notes)
        finally:
            made.close()
        self._keep(address, present, page)
        return page, None

    def _keep(self, address, present, page):
        self.pages.put(address, present, page)
        if page.is_best:
            self.shared.put(address, present, page)

    def _improve(self, address, present):
        """The reader has the page; now it is compressed as far as it goes, for all others."""
        page = self.pages.get(address, present)
        if page is not None and not page.is_best:
            self._keep(address, present, page.at_its_best())


@lru_cache(1024)
def what_it_reads(path):
    """The names in a query that a public page's view looks at; None for any other view."""
    try:
        return getattr(resolve(path).func, "reads", None)
    except (Resolver404, UnicodeError):
        return None


def bare_request(address, errors):
    """A request for `address` and nothing else, whoever asked."""
    scheme, domain, path = address
    return {
        "REQUEST_METHOD": "GET",
        "SCRIPT_NAME": "",
        "PATH_INFO": path,
        "QUERY_STRING": "",
        "SERVER_NAME": domain,
        "SERVER_PORT": "443" if scheme == "https" else "80",
        "SERVER_PROTOCOL": "HTTP/1.1",
        "REMOTE_ADDR": "127.0.0.1",
        "HTTP_HOST": domain,
        "wsgi.version": (1, 0),
        "wsgi.url_scheme": scheme,
        "wsgi.input": io.BytesIO(),
        "wsgi.errors": errors,
        "wsgi.multithread": True,
        "wsgi.multiprocess": True,
        "wsgi.run_once": False,
    }


def may_be_kept(status, headers, response):
    """Only a whole page that depends on nothing but its address and the content."""
    if not status.startswith("200") or getattr(response, "streaming", True):
        return False
    values = {}
    for name, value in headers:
        values.setdefault(name.lower(), []).append(value.lower())
    vary = {name.strip() for each in values.get("vary", []) for name in each.split(",")}
    cache_control = " ".join(values.get("cache-control", []))
    return (
        "set-cookie" not in values
        and "content-encoding" not in values
        and vary <= {"accept-encoding"}
        and not any(word in cache_control for word in NO_STORE)
    )


class Answer:
    """What an application says to a request, as it is."""

    def __init__(self, application, environ):
        self.response = application(environ, self._begin)
        self.close = getattr(self.response, "close", lambda: None)

    def _begin(self, status, headers, *error):
        self.status, self.headers = status, headers

    def answer(self, environ, start_response):
        start_response(self.status, self.headers)
        if environ["REQUEST_METHOD"] == "HEAD":
            self.close()
            return []
        return self.response


class Afterwards:
    """A body, and what is to be done once it was sent."""

    def __init__(self, body, work):
        self.body, self.work = body, work

    def __iter__(self):
        return iter(self.body)

    def close(self):
        try:
            self.work()
        except Exception as error:
            logger.error("A prepared page was not kept.", exc_info=error)


class Shelf:
    """This process's pages, each with its edition, at most MOST_BYTES; the oldest make room."""

    def __init__(self):
        self._pages = {}
        self._bytes = 0
        self._lock = threading.Lock()

    def __contains__(self, address):
        return address in self._pages

    def get(self, address, present):
        made_for, page = self._pages.get(address, (None, None))
        return page if made_for == present else None

    def of_before(self, address, present):
        """A page of an earlier edition that ended, or would have ended, at the same moment."""
        made_for, page = self._pages.get(address, (None, None))
        return page if made_for and made_for.until == present.until else None

    def put(self, address, present, page):
        with self._lock:
            self._remove(address)
            while self._pages and self._bytes + page.size > MOST_BYTES:
                self._remove(next(iter(self._pages)))
            if page.size <= MOST_BYTES:
                self._pages[address] = (present, page)
                self._bytes += page.size

    def remove(self, address):
        with self._lock:
            self._remove(address)

    def _remove(self, address):
        _, page = self._pages.pop(address, (None, None))
        self._bytes -= page.size if page else 0


class SharedPages:
    """Pages that another process has made, where all of them share a Redis.

    It only saves work: without it, or while it is away, each process makes its own.
    """

    def __init__(self):
        self._away_until = 0.0
        self._release = release() if isinstance(caches["default"], RedisCache) else None

    def get(self, address, present):
        return self._ask(RedisCache.get, self._key(address, present))

    def put(self, address, present, page):
        self._ask(RedisCache.set, self._key(address, present), page, SHARED_SECONDS)

    def _key(self, address, present):
        words = repr((self._release, present, address))
        return f"page:{hashlib.blake2b(words.encode(), digest_size=16).hexdigest()}"

    def _ask(self, method, *arguments):
        if self._release is None or time.monotonic() < self._away_until:
            return None
        try:
            # The class's own method: a subclass may put things elsewhere while Redis is away.
            return method(caches["default"], *arguments)
        except Exception as error:  # Whatever it is, the page can be made without it.
            self._away_until = time.monotonic() + SHARED_AWAY_SECONDS
            logger.warning("The shared page cache failed: %s", type(error).__name__)
            return None


def release():
    """A digest of what pages are made of besides the content: code, templates, settings."""
    digest = hashlib.blake2b(digest_size=16)
    base = Path(settings.BASE_DIR)
    files = [base / "requirements.txt", Path(settings.STATIC_ROOT) / "staticfiles.json"]
    for folder, pattern in (
        ("templates", "*.html"),
        ("practice", "*.py"),
        ("procedures", "*.py"),
        ("consultations", "*.py"),
    ):
        files += sorted((base / folder).rglob(pattern))
    for path in files:
        if path.is_file():
            digest.update(path.name.encode())
            digest.update(path.read_bytes())
    told = (settings.SITE_URL, settings.STATIC_URL, settings.MEDIA_URL, settings.ALLOWED_HOSTS)
    digest.update(repr(told).encode())
    return digest.hexdigest()
