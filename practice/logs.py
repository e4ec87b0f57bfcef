"""Log lines that say what failed and where, without the values that were in the way."""

import logging
import re
import traceback

PRIVATE_LINK = re.compile(r"/consultation/request/[^/\s]+")


class Formatter(logging.Formatter):
    """Leaves the token out of a private page's address: whoever reads it can open the page."""

    def format(self, record):
        return PRIVATE_LINK.sub("/consultation/request/…", super().format(record))


class SafeFormatter(Formatter):
    """Formats an exception as its type and its stack, without its message.

    Messages of database errors quote the failing row, and others quote their input: either
    may be what a patient wrote.
    """

    def formatException(self, exc_info):  # noqa: N802 (the name is the library's)
        _, error, trace = exc_info
        lines = traceback.format_tb(trace)
        while error is not None:
            lines.append(f"{type(error).__module__}.{type(error).__qualname__}\n")
            error = error.__cause__
        return "".join(lines).rstrip()
