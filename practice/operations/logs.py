"""Log lines that say what failed and where, without the values that were in the way.

Words of our own loggers are written as they are: whoever logs here passes no value that a
person typed. Words of libraries are not trusted with that: they quote addresses, headers
and file names, so texts among their arguments are left out. An exception is its kind and
its stack; its message may quote the failing row.
"""

import json
import logging
import re
import traceback
from datetime import UTC, datetime
from http import HTTPStatus

from .request_log import current

PRIVATE_LINK = re.compile(r"/consultation/request/[^/\s]+")
OURS = frozenset({"practice", "procedures", "consultations"})
LEFT_OUT = "…"


class Formatter(logging.Formatter):
    """Leaves the token out of a private page's address: whoever reads it can open the page."""

    def format(self, record):
        return PRIVATE_LINK.sub("/consultation/request/…", super().format(record))


class SafeFormatter(Formatter):
    """A line of text that holds no value; within a request it ends with the request's id."""

    def format(self, record):
        written = super().format(_bare(record))
        if facts := current():
            first, line_break, rest = written.partition("\n")
            written = f"{first} [{facts.id}]{line_break}{rest}"
        return written

    def formatException(self, exc_info):  # noqa: N802 (the name is the library's)
        return stack(exc_info)


class JsonFormatter(logging.Formatter):
    """One JSON object a line; within a request it also says which, and how it is answered."""

    def format(self, record):
        line = {
            "time": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds"),
            "level": record.levelname,
            "logger": record.name,
            "message": words(record),
        }
        if facts := current():
            line |= {"request_id": facts.id, "method": facts.method, "route": facts.route}
        line |= getattr(record, "facts", {})
        if record.exc_info:
            line |= {"error": kind(record.exc_info[1]), "stack": stack(record.exc_info)}
        return PRIVATE_LINK.sub("/consultation/request/…", json.dumps(line, ensure_ascii=False))


def words(record) -> str:
    """What the record says, without values that came with a request."""
    package = record.name.partition(".")[0]
    if package in OURS:
        return record.getMessage()
    if record.name.startswith("django.security."):
        return f"Refused: {record.name.rpartition('.')[2]}."
    if record.name == "django.request" and hasattr(record, "status_code"):
        status = HTTPStatus(record.status_code)
        return f"{status.value} {status.phrase}: {_route(record)}"
    if not isinstance(record.msg, str):
        return kind(record.msg)
    if package == "gunicorn" and record.levelno <= logging.INFO:
        return record.getMessage()  # About its processes; nobody has asked it anything yet.
    return _without_texts(record.msg, record.args)


def kind(thing) -> str:
    return f"{type(thing).__module__}.{type(thing).__qualname__}"


def stack(exc_info) -> str:
    """Where it happened, and the kinds of the error and of its causes."""
    _, error, trace = exc_info
    lines = traceback.format_tb(trace)
    while error is not None:
        lines.append(f"{kind(error)}\n")
        error = error.__cause__
    return "".join(lines).rstrip()


def configuration(*, debug, log_format, with_requests, error_mail):
    """The setting LOGGING."""
    text = {
        "()": "practice.operations.logs.Formatter"
        if debug
        else "practice.operations.logs.SafeFormatter"
    }
    text |= {"format": "{asctime} {levelname} {name} {message}", "style": "{"}
    line = {"()": "practice.operations.logs.JsonFormatter"} if log_format == "json" else text
    handlers = {"console": {"class": "logging.StreamHandler", "formatter": "line"}}
    if error_mail:
        handlers["mail"] = {
            "class": "practice.operations.error_mail.ErrorMailHandler",
            "level": "ERROR",
        }
    return {
        "version": 1,
        "disable_existing_loggers": False,
        "formatters": {"line": line},
        "handlers": handlers,
        "root": {"handlers": list(handlers), "level": "INFO"},
        "loggers": {
            # It reports every look into an empty queue, and through a handler of its own
            # unless it has one already.
            "post_office": {"handlers": list(handlers), "level": "WARNING", "propagate": False},
            "django": {"handlers": [], "level": "INFO", "propagate": True},
            # Of a request that it cannot hand on, it writes the whole address.
            "gunicorn.error": {"handlers": ["console"], "propagate": False},
            "practice.requests": {"level": "INFO" if with_requests else "WARNING"},
        },
    }


def _bare(record):
    """A copy whose message is safe; the record itself goes on to other handlers."""
    bare = logging.makeLogRecord(record.__dict__)
    bare.msg, bare.args, bare.exc_text = words(record), (), None
    return bare


def _route(record):
    match = getattr(getattr(record, "request", None), "resolver_match", None)
    return f"/{match.route}" if match else "no such page"


def _without_texts(message, arguments):
    if not arguments:
        return message
    try:
        if isinstance(arguments, dict):
            return message % {name: _number(value) for name, value in arguments.items()}
        return message % tuple(_number(value) for value in arguments)
    except (TypeError, ValueError, KeyError):
        return message


def _number(value):
    return value if isinstance(value, int | float) else LEFT_OUT
