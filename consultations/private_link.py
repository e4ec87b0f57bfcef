"""The unguessable link to a patient's private page.

The database holds only the SHA-256 of the token. The token itself is derived, when a mail
is sent or the confirmation is shown, from the request's reference under the encryption
keys; queued mails hold a placeholder in its place. So neither a copy of the database nor
the mail queue opens anybody's page.
"""

import base64
import hashlib
import hmac
import re
from datetime import timedelta

from django.conf import settings
from django.urls import reverse
from django.utils import timezone

from .models import ConsultationRequest

VALID_FOR = timedelta(days=180)
PLACEHOLDER = re.compile(r"private-link-of-([0-9A-Z]{5}-[0-9A-Z]{5})")


def issue(request: ConsultationRequest) -> None:
    """Gives the unsaved or saved request a link; the caller saves it."""
    request.link_digest = digest(_derive(settings.FIELD_ENCRYPTION_KEYS[0], request))
    request.link_expires_at = timezone.now() + VALID_FOR
    request.link_revoked_at = None


def find(token: str) -> ConsultationRequest | None:
    """The request that the token opens; None for an unknown, expired or revoked one."""
    return (
        ConsultationRequest.objects.filter(
            link_digest=digest(token), link_revoked_at=None, link_expires_at__gt=timezone.now()
        )
        .select_related("procedure", "surgeon")
        .defer("message")  # The private page has no use for it.
        .first()
    )


def path(request: ConsultationRequest) -> str | None:
    """The private page's path; None when its link was revoked, has expired, or its key is gone."""
    if not request.link_digest or request.link_revoked_at:
        return None
    for key in settings.FIELD_ENCRYPTION_KEYS:
        token = _derive(key, request)
        if hmac.compare_digest(digest(token), request.link_digest):
            return reverse("private_page", args=[token])
    return None


def placeholder(request: ConsultationRequest) -> str:
    """What a queued mail holds in place of the link."""
    return f"private-link-of-{request.reference}"


def fill_in(text: str) -> str:
    """Text of a mail about to be sent, with each placeholder replaced by its address."""

    def address(match):
        request = ConsultationRequest.objects.filter(reference=match[1]).first()
        return settings.SITE_URL + ((request and path(request)) or reverse("consultation"))

    return PLACEHOLDER.sub(address, text)


def digest(token: str) -> str:
    return hashlib.sha256(token.encode()).hexdigest()


def _derive(key: str, request: ConsultationRequest) -> str:
    message = f"private-link:{request.reference}:{request.link_number}"
    mac = hmac.new(key.encode(), message.encode(), hashlib.sha256).digest()
    return base64.urlsafe_b64encode(mac).rstrip(b"=").decode()
