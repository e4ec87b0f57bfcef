"""One page as it goes over the wire: every header and every encoding made beforehand."""

import gzip
import hashlib
from functools import lru_cache

import brotli
from django.http import HttpResponse, HttpResponseNotModified
from django.utils.http import parse_etags

# Best first. A browser that knows none of them gets the text as it is.
ENCODINGS = ("br", "gzip", "identity")
# In the reader's request, and once for all who come later: 1.6 ms and 36 ms for a long page.
QUICK, BEST = 6, 11
TEXT = ("text/", "application/json", "application/xml", "application/manifest+json")
# Made anew for each encoding, for each answer, or by the server.
NOT_KEPT = frozenset(
    {"content-length", "content-encoding", "etag", "vary", "date", "connection", "x-request-id"}
)
# What describes a body, and so is left out of an answer without one.
OF_BODY = frozenset({"content-type", "content-length", "content-encoding"})
# What the headers of one variant take in memory, roughly.
HEADER_BYTES = 2000


class Variant:
    """The page in one encoding."""

    __slots__ = ("body", "etag", "headers", "unchanged_headers")

    def __init__(self, headers, body, encoding):
        self.body = body
        self.etag = f'"{hashlib.blake2b(body, digest_size=12).hexdigest()}"'
        if encoding != "identity":
            headers = [*headers, ("Content-Encoding", encoding)]
        self.headers = [
            *headers,
            ("Content-Length", str(len(body))),
            ("ETag", self.etag),
            ("Vary", "Accept-Encoding"),
        ]
        self.unchanged_headers = [h for h in self.headers if h[0].lower() not in OF_BODY]

    def is_known_to(self, if_none_match):
        """Whether a browser that sent this If-None-Match has the body already."""
        if if_none_match == self.etag:
            return True
        tags = [tag.removeprefix("W/") for tag in parse_etags(if_none_match)]
        return self.etag in tags or "*" in tags


class PreparedPage:
    """A whole answer, in each encoding that makes it smaller.

    `content` is its text as bytes; `headers` are those that Django's middleware made.
    Public pages hold nothing secret, so their length may be known: no padding is needed.
    """

    def __init__(self, headers, content, quality=QUICK):
        self.made_headers = headers
        self.made_of = None  # What one_query noted, if the page is made of nothing else.
        kept = [(name, value) for name, value in headers if name.lower() not in NOT_KEPT]
        names = {name.lower(): value for name, value in kept}
        if "cache-control" not in names:
            # Browsers may keep it, and ask each time whether it is still the same.
            kept.append(("Cache-Control", "no-cache"))
        self.variants = {"identity": Variant(kept, content, "identity")}
        if names.get("content-type", "").startswith(TEXT):
            for encoding, body in (
                ("gzip", gzip.compress(content, 9, mtime=0)),
                ("br", brotli.compress(content, brotli.MODE_TEXT, quality)),
            ):
                if len(body) < len(content):
                    self.variants[encoding] = Variant(kept, body, encoding)
        self.is_best = quality == BEST or "br" not in self.variants
        self.size = sum(len(each.body) + HEADER_BYTES for each in self.variants.values())

    def at_its_best(self):
        """The same page, compressed as far as it goes."""
        page = PreparedPage(self.made_headers, self.variants["identity"].body, BEST)
        page.made_of = self.made_of
        return page

    def answer(self, environ, start_response):
        variant, is_known = self._for(environ)
        if is_known:
            start_response("304 Not Modified", list(variant.unchanged_headers))
            return []
        start_response("200 OK", list(variant.headers))
        return [] if environ["REQUEST_METHOD"] == "HEAD" else [variant.body]

    def response(self, environ):
        """The page as a view's response, with the headers that middleware has given it before."""
        variant, is_known = self._for(environ)
        if is_known:
            return HttpResponseNotModified(headers=dict(variant.unchanged_headers))
        return HttpResponse(variant.body, headers=dict(variant.headers))

    def _for(self, environ):
        """The variant for this browser, and whether the browser has it already."""
        allowed = accepted(environ.get("HTTP_ACCEPT_ENCODING", ""))
        variant = self.variants[next(each for each in allowed if each in self.variants)]
        if_none_match = environ.get("HTTP_IF_NONE_MATCH")
        return variant, bool(if_none_match) and variant.is_known_to(if_none_match)


@lru_cache(256)
def accepted(accept_encoding):
    """Our encodings that an Accept-Encoding header allows, best first; identity at least."""
    weights = {}
    for part in accept_encoding.lower().split(","):
        name, _, parameter = part.partition(";")
        weights[name.strip()] = _weight(parameter)
    rest = weights.get("*", 0)
    return [each for each in ENCODINGS if each == "identity" or weights.get(each, rest) > 0]


def _weight(parameter):
    """The q of an encoding: 1 where none is given, 0 where it is nonsense."""
    name, _, value = parameter.replace(" ", "").partition("=")
    if not name:
        return 1
    try:
        return float(value) if name == "q" else 0
    except ValueError:
        return 0
