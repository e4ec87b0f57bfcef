"""Each request has an id, and leaves one line that says how it was answered.

The line names the page by its route (`consultation/request/<str:token>/`), never by its
address: addresses hold private links, signed references, and whatever somebody typed. Query
strings, form values and the client's address are not in it either.
"""

import logging
import re
import time
import uuid
from contextvars import ContextVar
from dataclasses import dataclass, field

from django.db import Error as AnyDatabaseError
from django.http import HttpRequest

from ..http.headers import STAFF_PATHS

logger = logging.getLogger("practice.requests")
# What a proxy may hand on as an id; anything else is replaced.
SOUND_ID = re.compile(r"[A-Za-z0-9._-]{8,64}")
NOT_LOGGED = ("/healthz", "/readyz", "/static/")
_facts = ContextVar("facts of the request", default=None)


@dataclass
class Facts:
    """What log lines say of the request in hand."""

    id: str
    request: HttpRequest
    started: float = field(default_factory=time.monotonic)

    @property
    def method(self):
        return self.request.method

    @property
    def route(self):
        match = self.request.resolver_match
        return f"/{match.route}" if match else None

    @property
    def milliseconds(self):
        return round(1000 * (time.monotonic() - self.started), 1)


def current() -> Facts | None:
    """The request in hand; None outside of requests, as in the worker."""
    return _facts.get()


class RequestLogMiddleware:
    """Comes after TrustedProxyMiddleware, which drops the ids that strangers send."""

    def __init__(self, get_response):
        self.get_response = get_response

    def __call__(self, request):
        facts = Facts(_id(request.META.get("HTTP_X_REQUEST_ID", "")), request)
        token = _facts.set(facts)
        try:
            response = self.get_response(request)
            response["X-Request-ID"] = facts.id
            if not request.path.startswith(NOT_LOGGED):
                _log(facts, response)
            return response
        finally:
            _facts.reset(token)


def _id(given):
    return given if SOUND_ID.fullmatch(given) else uuid.uuid4().hex


def _log(facts, response):
    if not logger.isEnabledFor(logging.INFO):
        return
    line = {"status": response.status_code, "ms": facts.milliseconds}
    if user := _staff(facts.request):
        line["user"] = user
    logger.info(
        "%s %s %s in %s ms",
        facts.method,
        facts.route or "no such page",
        response.status_code,
        facts.milliseconds,
        extra={"facts": line},
    )


def _staff(request):
    """The key of the account, asked for only where staff act: it reads the session."""
    if not request.path.startswith(STAFF_PATHS):
        return None
    try:
        return request.user.pk
    except (AttributeError, AnyDatabaseError):  # Refused before sign-in; no database.
        return None
