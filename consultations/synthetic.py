"""The daily self test: a request goes the whole way over HTTP, as a patient's does, and is
taken away again.

It is marked by a header that only this site can sign (SECRET_KEY), and only for the text it
came with; so nobody else's request can be marked, by accident or on purpose. A marked
request is seen by nobody: not in the inbox, the figures, exports, the rate limits. Its mails
are checked and removed with it; should one be left over, the last step of the queue
(`mail_backend`) does not hand it to the mail server.
"""

import http.client
import secrets
import time
from datetime import timedelta
from html.parser import HTMLParser
from http.cookies import SimpleCookie
from urllib.parse import urlencode, urlsplit

from django.conf import settings
from django.core import signing
from django.urls import reverse
from django.utils import timezone
from post_office.models import Email

from practice.models import JobRun, Practice
from practice.operations.background import JobFailed
from practice.operations.health import SELF_TEST as JOB

from . import notifications, privacy, spam
from .choices import Status
from .consents import HEALTH_DATA, ON_THE_FORM
from .models import ConsultationRequest, Event
from .patient_page import private_link

HEADER = "X-Self-Test"
SIGNER = signing.TimestampSigner(salt="consultations.self-test")
MARK_HOLDS_FOR = timedelta(minutes=5)
DOMAIN = "self-test.invalid"  # A name that can never receive mail (RFC 2606).
LEFT_OVER_AFTER = timedelta(minutes=10)
TIMEOUT = 15  # Seconds.
TRIES, BETWEEN_TRIES = 3, 5  # Of opening the form; a site that restarts is up again by then.
TOLD_EVERY = 144  # Failures in a row, ten minutes apart: once a day.


def is_ours(request, message) -> bool:
    """Whether this request was sent by `check_the_form`, with this very text."""
    try:
        number = SIGNER.unsign(request.headers.get(HEADER, ""), max_age=MARK_HOLDS_FOR)
    except signing.BadSignature:
        return False
    return message == words(number)


def words(number):
    return f"This is the daily self test {number} of the website. It removes itself."


def check_the_form(goes_on=lambda: True):
    """Walks the whole way once. Raises JobFailed, and mails the operators, if a step fails."""
    failures = JobRun.objects.filter(job=JOB).values_list("failures", flat=True).first() or 0
    number = secrets.token_hex(8)
    try:
        take_away(left_over())
        if not _walk(Visitor(), number, goes_on):
            return
    except (JobFailed, OSError, http.client.HTTPException) as error:
        why = str(error) if isinstance(error, JobFailed) else "The site does not answer."
        if failures % TOLD_EVERY == 0:
            notifications.tell_operators_form_fails(why, Practice.current())
        raise JobFailed(why) from None
    finally:
        take_away(ConsultationRequest.objects.filter(email=f"{number}@{DOMAIN}"))
    if failures:
        notifications.tell_operators_form_works(Practice.current())


def left_over():
    """What a run that was killed could not take away."""
    now = timezone.now()
    return ConsultationRequest.objects.filter(
        is_test=True,
        received_at__gt=now - timedelta(days=7),
        received_at__lt=now - LEFT_OVER_AFTER,
    )


def take_away(requests):
    for request in requests:
        privacy.remove_test(request)


# --- The way ----------------------------------------------------------------------------------


def _walk(visitor, number, goes_on):
    """False when it was asked to stop before anything was sent."""
    fields = _open_form(visitor, goes_on)
    if fields is None:
        return False
    answers = {
        "full_name": "Self test",
        "email": f"{number}@{DOMAIN}",
        "message": words(number),
        "contact_method": "email",
        "best_time": "any",
        HEALTH_DATA.field: "on",
    }
    if missing := [name for name in answers if name not in fields]:
        raise JobFailed(f"The form lacks: {', '.join(missing)}.")
    page = visitor.post(
        reverse("consultation"),
        {**fields, **answers, "may_leave_voicemail": "", "may_text": "", "is_under_18": ""},
        {HEADER: SIGNER.sign(number)},
    )
    request = ConsultationRequest.objects.filter(email=answers["email"]).first()
    if request is None:
        raise JobFailed("The confirmation was shown, and nothing was stored.")
    if request.reference not in page:
        raise JobFailed("The confirmation does not show the reference.")
    _compare(request, answers)
    _check_mails(request)
    path = private_link.path(request)
    if not path or request.reference not in visitor.get(path):
        raise JobFailed("The patient's private page does not open.")
    return True


def _open_form(visitor, goes_on):
    for tries_left in reversed(range(TRIES)):
        try:
            fields = _fields(visitor.get(reverse("consultation")))
            break
        except (OSError, http.client.HTTPException, JobFailed):
            if not tries_left:
                raise
            time.sleep(BETWEEN_TRIES)
            if not goes_on():
                return None
    time.sleep(spam.MINIMUM_SECONDS + 0.5)  # As long as a person needs at least.
    return fields if goes_on() else None


def _compare(request, answers):
    """What is stored must be what was sent, with its consents and its first line."""
    if not request.is_test:
        raise JobFailed("The site and the worker have different values of SECRET_KEY.")
    if request.status != Status.NEW:
        raise JobFailed("An ordinary request was set aside as suspected spam.")
    for name in ("full_name", "message", "contact_method"):
        if getattr(request, name) != answers[name]:
            raise JobFailed(f"What was stored is not what was sent: {name}.")
    given = {(each.kind, each.version, each.is_given) for each in request.consents.all()}
    if given != {(each.kind, each.version, each.field in answers) for each in ON_THE_FORM}:
        raise JobFailed("The consents were not stored as they were given.")
    if not request.events.filter(kind=Event.Kind.RECEIVED).exists():
        raise JobFailed("The timeline does not say that the request was received.")


def _check_mails(request):
    told = request.events.filter(kind=Event.Kind.MAILED).first()
    mails = Email.objects.filter(pk__in=told.details["emails"] if told else ())
    queued = {mail.to[0]: mail for mail in mails}
    mailbox = Practice.current().staff_mailbox
    if not {request.email, mailbox or request.email} <= set(queued):
        raise JobFailed("The mails to the patient and to staff were not queued.")
    if private_link.placeholder(request) not in queued[request.email].message:
        raise JobFailed("The mail to the patient lacks the private link.")


class _Fields(HTMLParser):
    """The names of the page's fields, with the values that come filled in."""

    def __init__(self):
        super().__init__()
        self.found = {}

    def handle_starttag(self, tag, attributes):
        field = dict(attributes)
        if tag in ("input", "textarea", "select") and field.get("name"):
            is_ticked_later = field.get("type") in ("radio", "checkbox")
            self.found[field["name"]] = "" if is_ticked_later else field.get("value") or ""


def _fields(page):
    parser = _Fields()
    parser.feed(page)
    return parser.found


class Visitor:
    """A browser as far as the form needs one: keeps cookies, follows one redirect."""

    def __init__(self):
        self.site = urlsplit(settings.SITE_URL)
        self.reached_at = urlsplit(settings.SELF_TEST_URL or settings.SITE_URL)
        self.cookies = {}

    def get(self, path):
        return self._page("GET", path)

    def post(self, path, fields, headers):
        """Sends the form and follows to where it leads; the page that is shown there."""
        sent = {name: value for name, value in fields.items() if value}
        status, location, _ = self._ask("POST", path, urlencode(sent), headers)
        if status != http.client.FOUND:
            raise JobFailed(f"The form was not accepted (status {status}).")
        return self.get(urlsplit(location).path)

    def _page(self, method, path):
        status, _, text = self._ask(method, path)
        if status != http.client.OK:
            # Never the path itself: the private page's opens it for whoever reads it.
            raise JobFailed(f"{path.split('/')[1:3][-1] or 'The form'} answered {status}.")
        return text

    def _ask(self, method, path, body=None, headers=None):
        https = self.reached_at.scheme == "https"
        kind = http.client.HTTPSConnection if https else http.client.HTTPConnection
        connection = kind(self.reached_at.hostname, self.reached_at.port, timeout=TIMEOUT)
        try:
            connection.request(method, path, body, self._headers() | (headers or {}))
            response = connection.getresponse()
            for line in response.headers.get_all("Set-Cookie", ()):
                self.cookies |= {name: each.value for name, each in SimpleCookie(line).items()}
            text = response.read().decode("utf-8", "replace")
            return response.status, response.headers.get("Location", ""), text
        finally:
            connection.close()

    def _headers(self):
        headers = {
            "Host": self.site.netloc,
            "Origin": settings.SITE_URL,
            "Referer": f"{settings.SITE_URL}/",
            "Content-Type": "application/x-www-form-urlencoded",
            "User-Agent": "practice-website self test",
            "Cookie": "; ".join(f"{name}={value}" for name, value in self.cookies.items()),
        }
        if self.site.scheme != self.reached_at.scheme:
            # Past the proxy: what the proxy would say. Believed from TRUSTED_PROXIES alone.
            headers["X-Forwarded-Proto"] = self.site.scheme
        return headers
