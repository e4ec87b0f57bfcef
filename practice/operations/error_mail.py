"""Errors are mailed to the operators (`ERROR_EMAIL`): kind, stack, page; never a value.

Django's own AdminEmailHandler mails what was posted. This one sends what `logs` writes and
nothing more. It goes straight to the mail server and not through the queue, because the
database may be what is broken; a thread waits for the mail server, not the visitor.
"""

import logging
import socket
import threading
import time
from collections import Counter
from http import HTTPStatus

from django.conf import settings
from django.core.mail import EmailMessage, get_connection

from . import logs
from .request_log import current

logger = logging.getLogger(__name__)
HOUR = 60 * 60
OF_ONE_KIND = 3  # Mails within an hour, from each process.
OF_ALL_KINDS = 20
TIMEOUT = 10


class ErrorMailHandler(logging.Handler):
    """Mails records of ERROR and above; refused requests are nobody's error."""

    def __init__(self, level=logging.ERROR):
        super().__init__(level)
        self.counted = Limits()

    def emit(self, record):
        if record.name.startswith("django.security.") or record.name == __name__:
            return
        if getattr(record, "status_code", None) == HTTPStatus.SERVICE_UNAVAILABLE:
            return  # An answer on purpose, as of /readyz; what is wrong has a line of its own.
        try:
            title, body = described(record)
            unsent = self.counted.take(place(record))
            if unsent is None:
                return
            if unsent:
                body += f"\n\n{unsent} more of this kind came since the last mail about it."
            threading.Thread(target=send, args=(title, body), name="error mail").start()
        except Exception:
            self.handleError(record)


class Limits:
    """How many mails of a kind may still go out in this hour."""

    def __init__(self, clock=time.monotonic):
        self.clock, self.lock = clock, threading.Lock()
        self.hour, self.sent, self.unsent = None, Counter(), Counter()

    def take(self, what):
        """None when no mail may be sent; else how many of this kind were kept back before."""
        with self.lock:
            hour = self.clock() // HOUR
            if hour != self.hour:
                self.hour, self.sent = hour, Counter()
            if self.sent[what] >= OF_ONE_KIND or self.sent.total() >= OF_ALL_KINDS:
                self.unsent[what] += 1
                return None
            self.sent[what] += 1
            return self.unsent.pop(what, 0)


def place(record):
    """What makes two errors one kind: the exception and where it was raised, or the words."""
    if not record.exc_info or record.exc_info[1] is None:
        return record.name, str(record.msg)
    _, error, trace = record.exc_info
    while trace is not None and trace.tb_next is not None:
        trace = trace.tb_next
    where = (trace.tb_frame.f_code.co_filename, trace.tb_lineno) if trace else ()
    return (logs.kind(error), *where)


def described(record):
    """(subject, text) of the mail about a record."""
    error = record.exc_info[1] if record.exc_info else None
    what = logs.kind(error).removeprefix("builtins.") if error else logs.words(record)
    facts = current()
    lines = [f"{record.levelname} from {record.name}: {logs.words(record)}", ""]
    lines.append(f"Site: {settings.SITE_URL}, on {socket.gethostname()}")
    where = ""
    if facts:
        where = f" at {facts.route or 'no page'}"
        lines += [f"Page: {facts.method} {facts.route or 'none'}", f"Request: {facts.id}"]
    if error:
        lines += ["", logs.stack(record.exc_info)]
    lines += ["", "What people typed is not in this mail. The log has the line of this request."]
    return logs.PRIVATE_LINK.sub(logs.LEFT_OUT, f"{what}{where}")[:150], "\n".join(lines)


def send(title, body):
    """Sends at once; a mail server that is down too is noted in the log alone."""
    try:
        EmailMessage(
            f"[{settings.SITE_URL.partition('://')[2]}] {' '.join(title.split())}",
            body,
            settings.DEFAULT_FROM_EMAIL,
            settings.ERROR_EMAIL,
            connection=get_connection(settings.MAIL_TRANSPORT, timeout=TIMEOUT),
            headers={"Auto-Submitted": "auto-generated"},
        ).send()
    except Exception as error:
        logger.warning("An error mail could not be sent (%s).", logs.kind(error))
