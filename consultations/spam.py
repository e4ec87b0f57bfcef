"""Signs of a program rather than a person. Suspects are set aside for staff, never dropped."""

import hashlib
import hmac
import ipaddress
import re
from dataclasses import dataclass
from datetime import timedelta

from django.conf import settings
from django.db import connection
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
    from_address, from_network = _counted(sending.address)
    if from_address > FROM_ONE_ADDRESS:
        found.append(Suspicion("Many requests from one address within an hour.", is_certain=True))
    if from_network > FROM_ONE_NETWORK:
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


# One statement that counts exactly, whoever counts at the same time.
COUNT_ONE_MORE = """
    INSERT INTO consultations_submissioncount (bucket, "window", count)
    VALUES (%s, %s, 1), (%s, %s, 1)
    ON CONFLICT (bucket, "window") DO UPDATE SET count = consultations_submissioncount.count + 1
    RETURNING bucket, count
"""


def _counted(address: str) -> tuple[int, int]:
    """Counts one more in this hour; the exact numbers so far of the address and its network.

    An address of this machine is not a person's: the proxy in front did not pass theirs on.
    Everybody would share it, so it is never counted.
    """
    if not address or ipaddress.ip_address(address).is_loopback:
        return 0, 0
    buckets = [_digest(f"address {address}"), _digest(f"network {_network(address)}")]
    window = timezone.now().replace(minute=0, second=0, microsecond=0)
    stored = connection.ops.adapt_datetimefield_value(window)
    with connection.cursor() as cursor:
        # In one order for everybody: two sends from one network cannot wait for each other.
        values = [value for bucket in sorted(buckets) for value in (bucket, stored)]
        cursor.execute(COUNT_ONE_MORE, values)
        counts = dict(cursor.fetchall())
    return counts[buckets[0]], counts[buckets[1]]


def _network(address: str) -> str:
    prefix = 24 if ipaddress.ip_address(address).version == 4 else 48
    return str(ipaddress.ip_network(f"{address}/{prefix}", strict=False))


def _digest(text: str) -> str:
    """Addresses are personal data: the table holds keyed digests only."""
    return hmac.new(settings.SECRET_KEY.encode(), text.encode(), hashlib.sha256).hexdigest()
