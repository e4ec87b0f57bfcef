"""The last step of a mail: private links are filled in while it is handed to the transport."""

import threading

from django.conf import settings
from django.core.mail import get_connection
from django.core.mail.backends.base import BaseEmailBackend
from django.db import connections

from practice.accounts import sign_in_mail

from .notifications import SELF_TEST_HEADER
from .patient_page import private_link


class NotOneRecipient(ValueError):
    """Says no address: the queue shows it to staff."""

    def __init__(self):
        super().__init__("This is not one email address. Correct the patient's address.")


class PrivateLinkBackend(BaseEmailBackend):
    """Sends through settings.MAIL_TRANSPORT; what is stored keeps the placeholder."""

    def __init__(self, fail_silently=False, **kwargs):
        super().__init__(fail_silently=fail_silently)
        self.transport = get_connection(settings.MAIL_TRANSPORT, fail_silently, **kwargs)

    def open(self):
        return self.transport.open()

    def close(self):
        self.transport.close()

    def send_messages(self, messages):
        messages = [each for each in messages if SELF_TEST_HEADER not in each.extra_headers]
        for message in messages:
            # Every mail has one. More come of an address that was stored before forms refused
            # its commas (`practice.mail_addresses`), and the others are strangers.
            if len(message.recipients()) != 1:
                raise NotOneRecipient
            body = private_link.fill_in(message.body, message.to)
            message.body = sign_in_mail.unseal(body)
            message.alternatives = [
                alternative._replace(content=private_link.fill_in(alternative.content, message.to))
                for alternative in getattr(message, "alternatives", [])
            ]
        if threading.current_thread() is not threading.main_thread():
            # The queue sends each mail in a thread of its own; nobody else closes its connection.
            connections.close_all()
        return self.transport.send_messages(messages)
