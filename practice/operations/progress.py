"""How far a long command is: one line on a terminal, nothing in a log."""

import time

EVERY = 0.2  # Seconds between two updates of the line.


class Progress:
    """`with Progress(stream, "Rows", total) as progress: progress.add(1)`."""

    def __init__(self, stream, what, total, unit=""):
        self.stream, self.what, self.total, self.unit = stream, what, total, unit
        self.done = 0
        self.started = self.shown = time.monotonic()
        self.is_shown = stream is not None and stream.isatty()

    def __enter__(self):
        return self

    def __exit__(self, *error):
        if self.is_shown:
            self.stream.write("\r\x1b[K")
            self.stream.flush()

    def add(self, number):
        self.done += number
        now = time.monotonic()
        if self.is_shown and now - self.shown >= EVERY:
            self.shown = now
            self.stream.write(f"\r\x1b[K{self.line(now)}")
            self.stream.flush()

    def line(self, now):
        """“Rows: 1,200 of 5,000, 600 a second, 6 s to go”."""
        rate = self.done / max(now - self.started, 0.001)
        left = max(self.total - self.done, 0) / rate if rate else 0
        return (
            f"{self.what}: {self.done:,.0f} of {self.total:,.0f}{self.unit}, "
            f"{rate:,.0f} a second, {left:,.0f} s to go"
        )
