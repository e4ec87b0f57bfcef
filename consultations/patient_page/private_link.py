"""The unguessable link to a patient's private page.

The database holds only the SHA-256 of the token. The token itself is derived, when a mail
is sent or the confirmation is shown, from the request's reference under the encryption
keys; queued mails hold a placeholder in its place. So neither a copy of the database nor
the mail queue opens anybody's page. Before an encryption key is removed, `Links` keeps the
tokens that were derived under it, encrypted under the newest one: they go on being shown.
"""

import base64
import hashlib
import hmac
import re
from datetime import timedelta

from django.conf import settings
from django.urls import reverse
from django.utils import timezone

from practice.encryption import DecryptionError, decrypt, encrypt, fingerprint
from practice.operations.key_rotation import AT_ONCE, Place

from ..models import ConsultationRequest

VALID_FOR = timedelta(days=180)
PLACEHOLDER = re.compile(r"private-link-of-([0-9A-Z]{5}-[0-9A-Z]{5})")


def issue(request: ConsultationRequest) -> None:
    """Gives the unsaved or saved request a link; the caller saves it."""
    request.link_digest = digest(_derive(settings.FIELD_ENCRYPTION_KEYS[0], request))
    request.link_expires_at = timezone.now() + VALID_FOR
    request.link_revoked_at = None
    request.sealed_link = ""


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
    if not is_in_force(request):
        return None
    for key in settings.FIELD_ENCRYPTION_KEYS:
        token = _derive(key, request)
        if hmac.compare_digest(digest(token), request.link_digest):
            return reverse("private_page", args=[token])
    token = _kept(request)
    return token and reverse("private_page", args=[token])


def is_in_force(request: ConsultationRequest) -> bool:
    """Whether `find` would open it: by the same three rules."""
    is_over = request.link_expires_at is None or request.link_expires_at <= timezone.now()
    return bool(request.link_digest) and request.link_revoked_at is None and not is_over


def placeholder(request: ConsultationRequest) -> str:
    """What a queued mail holds in place of the link."""
    return f"private-link-of-{request.reference}"


def fill_in(text: str, recipients: list[str]) -> str:
    """Text of a mail about to be sent, with each placeholder replaced by its address.

    A link goes to its own patient only: somebody may have typed another's placeholder as
    their name.
    """
    known = {recipient.casefold() for recipient in recipients}

    def address(match):
        request = ConsultationRequest.objects.filter(reference=match[1]).defer("message").first()
        is_theirs = request is not None and request.email.casefold() in known
        return settings.SITE_URL + ((is_theirs and path(request)) or reverse("consultation"))

    return PLACEHOLDER.sub(address, text)


def digest(token: str) -> str:
    return hashlib.sha256(token.encode()).hexdigest()


def _derive(key: str, request: ConsultationRequest) -> str:
    message = f"private-link:{request.reference}:{request.link_number}"
    mac = hmac.new(key.encode(), message.encode(), hashlib.sha256).digest()
    return base64.urlsafe_b64encode(mac).rstrip(b"=").decode()


# --- A new key -------------------------------------------------------------------------------


def _kept(request):
    """The token of this very link if it was kept (a renewed link has another) and can be read."""
    try:
        token = decrypt(request.sealed_link) if request.sealed_link else ""
    except DecryptionError:
        return None
    return token if hmac.compare_digest(digest(token), request.link_digest) else None


class Links(Place):
    """Links in force whose token can be derived under an older key only."""

    name = "consultations_consultationrequest.link_digest"

    def _in_force(self):
        return ConsultationRequest.objects.filter(
            link_revoked_at=None, link_expires_at__gt=timezone.now()
        ).only("reference", "link_number", "link_digest", "sealed_link")

    def count(self):
        return self._in_force().count()

    def batches(self):
        after = 0
        while batch := list(self._in_force().filter(pk__gt=after).order_by("pk")[:AT_ONCE]):
            yield [(request.pk, request) for request in batch]
            after = batch[-1].pk

    def keys(self, pk, value):
        """Of a kept token the column itself tells the key; of a lost one nothing can be told."""
        key = self._key_of(value)
        return [fingerprint(key)] if key and not _kept(value) else []

    def renew(self, batch):
        for pk, request in batch:
            token = _derive(self._key_of(request), request)
            here = ConsultationRequest.objects.filter(pk=pk, link_digest=request.link_digest)
            here.update(sealed_link=encrypt(token))

    def _key_of(self, request):
        for key in settings.FIELD_ENCRYPTION_KEYS:
            if digest(_derive(key, request)) == request.link_digest:
                return key
        return None
