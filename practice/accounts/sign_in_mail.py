"""The mails about an account: a link to a new password, and word of every change.

They wait in the queue like all mail. A link that opens something is stored sealed and
unsealed when it is handed to the transport, so the queue opens nobody's account.
"""

import re

from django.conf import settings
from django.template.loader import render_to_string
from django.urls import reverse

from .. import encryption
from ..models import Practice
from ..operations.mail_queue import queue

RESET = "account/email/password_reset_key"
CHANGES = {
    "account/email/password_changed": "Your password was changed",
    "account/email/password_set": "A password was set for your account",
    "account/email/password_reset": "Your password was changed through a link in a mail",
    "account/email/address_changed": "Your account has another email address now",
    "mfa/email/totp_activated": "An authenticator app was set up for your account",
    "mfa/email/totp_deactivated": "The authenticator app was removed from your account",
    "mfa/email/webauthn_added": "A passkey was added to your account",
    "mfa/email/webauthn_removed": "A passkey was removed from your account",
    "mfa/email/recovery_codes_generated": "New recovery codes were made for your account",
    "mfa/email/recovery_code_used": "A recovery code was used for your account",
    "mfa/email/taken_away": "A lost second factor was removed from your account",
}
SEALED = re.compile(r"sealed-link-([\w=-]+)")


def send(name, email, context, *, otherwise):
    """Queues the mail that allauth calls `name`; one that is not ours comes from `otherwise`.

    `otherwise(name, email, context)` makes a django.core.mail message.
    """
    practice = Practice.current()
    context = context | {"practice": practice, "zone": practice.zone, "site_url": settings.SITE_URL}
    if name == RESET:
        context["password_reset_url"] = seal(context["password_reset_url"])
        subject = f"A new password for your account at {practice.name}"
        text = render_to_string("account/email/new_password.txt", context)
    elif name in CHANGES:
        subject = f"{CHANGES[name]} – {practice.name}"
        context |= {"change": CHANGES[name], "reset_path": reverse("account_reset_password")}
        text = render_to_string("account/email/change.txt", context)
    else:
        message = otherwise(name, email, context)
        subject, text = message.subject, message.body
    queue(email, subject, text, priority="high")


def seal(link):
    """What a queued mail holds in place of `link`."""
    return f"sealed-link-{encryption.encrypt(link)}"


def unseal(text):
    """Text of a mail about to be sent, with each sealed link opened."""

    def link(match):
        try:
            return encryption.decrypt(match[1])
        except encryption.DecryptionError:  # Its key is gone: ask for another link.
            return f"{settings.SITE_URL}{reverse('account_reset_password')}"

    return SEALED.sub(link, text)
