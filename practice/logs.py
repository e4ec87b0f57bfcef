"""Log lines that say what failed and where, without the values that were in the way."""

import logging
import traceback


class SafeFormatter(logging.Formatter):
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
