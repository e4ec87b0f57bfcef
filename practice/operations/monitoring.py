"""A sign of life to a monitoring service, for when the whole machine falls silent.

The worker asks for MONITORING_URL once a minute while the site is well, and for the same
address with /fail behind it when it is not: the convention of healthchecks.io, which others
understand too. Nothing is sent along. When no sign comes, the service raises the alarm.
"""

import urllib.error
import urllib.request

from django.conf import settings

from . import health
from .background import JobFailed

TIMEOUT = 10  # Seconds.


class _Stay(urllib.request.HTTPRedirectHandler):
    """Follows nowhere: the address is a secret, and was checked when the site started."""

    def redirect_request(self, *args, **kwargs):
        return None


def ping() -> str:
    """Tells how the site is; returns the address's ending. Raises JobFailed if nobody listens."""
    ending = "" if health.is_well(health.checks()) else "/fail"
    request = urllib.request.Request(  # noqa: S310 (settings.py lets no other scheme in)
        settings.MONITORING_URL + ending, headers={"User-Agent": "practice-website"}
    )
    try:
        with urllib.request.build_opener(_Stay).open(request, timeout=TIMEOUT) as reply:
            reply.read(1)
    except urllib.error.HTTPError as error:
        raise JobFailed(f"The monitoring service answered {error.code}.") from None
    except OSError:
        raise JobFailed("The monitoring service cannot be reached.") from None
    return ending
