"""Signs of a program rather than a person. Suspects are set aside for staff, never dropped."""

import hashlib
import hmac
import ipaddress
import re
from dataclasses import dataclass
from datetime import timedelta

from django.conf import settings
from django.db import IntegrityError, transaction
from django.db.models import F
from django.utils import timezone

from .models import SubmissionCount

MINIMUM_SECONDS = 3
WINDOW = timedelta(hours=1)
FROM_ONE_ADDRESS = 5
FROM_ONE_NETWORK = 40
LINKS_ALLOWED = 2

LINK = re.compile(r"https?://|www\.", re.IGNORECASE)
MARKUP = re.compile(r"\[url|<a\s|</\w+>", re.IGNORECASE)


@dataclass(frozen=True)
class Sending:
    """How a form was sent: the client's address, what the hidden field held, seconds open."""

    address: str = ""
    honeypot: str = ""
    seconds_open: float | None = None


@dataclass(frozen=True)
class Suspicion:
    """Why a request is set aside, for staff. A certain one sends no mail to anybody."""

    reason: str
    is_certain: bool = False


def suspicions(sending: Sending, texts: list[str]) -> list[Suspicion]:
    """What speaks against `sending`. Counts it, so call it inside the intake's transaction:
    a send that is rolled back as a repetition is then not counted."""
    found = []
    if sending.honeypot:
        found.append(Suspicion("Filled a field that people cannot see.", is_certain=True))
    if _counted(f"address {sending.address}", sending.address) > FROM_ONE_ADDRESS:
        found.append(Suspicion("Many requests from one address within an hour.", is_certain=True))
    if _counted(f"network {_network(sending.address)}", sending.address) > FROM_ONE_NETWORK:
        found.append(Suspicion("Many requests from one network within an hour.", is_certain=True))
    if sending.seconds_open is not None and sending.seconds_open < MINIMUM_SECONDS:
        found.append(Suspicion(f"Sent within {MINIMUM_SECONDS} seconds of opening the form."))
    if any(len(LINK.findall(text)) > LINKS_ALLOWED for text in texts):
        found.append(Suspicion("Holds many links."))
    if any(MARKUP.search(text) for text in texts):
        found.append(Suspicion("Holds the markup of a link."))
    return found


def forget_old_counts() -> int:
    """Deletes counts whose window is over; how many."""
    return SubmissionCount.objects.filter(window__lt=timezone.now() - 2 * WINDOW).delete()[0]


def _counted(bucket: str, address: str) -> int:
    """Counts one more in the bucket's present hour and returns the exact number so far.

    An address of this machine is not a person's: the proxy in front did not pass theirs on.
    Everybody would share it, so it is never counted.
    """
    if not address or ipaddress.ip_address(address).is_loopback:
        return 0
    now = timezone.now()
    row = {"bucket": _digest(bucket), "window": now.replace(minute=0, second=0, microsecond=0)}
    rows = SubmissionCount.objects.filter(**row)
    if not rows.update(count=F("count") + 1):
        try:
            with transaction.atomic():
                SubmissionCount.objects.create(**row, count=1)
        except IntegrityError:  # Another began this hour's count first.
            rows.update(count=F("count") + 1)
    return rows.values_list("count", flat=True).get()


def _network(address: str) -> str:
    if not address:
        return ""
    prefix = 24 if ipaddress.ip_address(address).version == 4 else 48
    return str(ipaddress.ip_network(f"{address}/{prefix}", strict=False))


def _digest(text: str) -> str:
    """Addresses are personal data: the table holds keyed digests only."""
    return hmac.new(settings.SECRET_KEY.encode(), text.encode(), hashlib.sha256).hexdigest()
