"""A bar on the terminal: how far the measurement is, and about how long it will take."""

import sys
import time

WIDTH = 30


class Progress:
    def __init__(self, output=sys.stderr):
        self.output = output
        self.part, self.done, self.steps, self.started = "", 0, 0, time.monotonic()

    def begin(self, part):
        self.part, self.done, self.steps, self.started = part, 0, 0, time.monotonic()
        self._show()

    def add(self, steps):
        self.steps += steps
        self._show()

    def step(self):
        self.done += 1
        self._show()

    def end(self):
        took = time.monotonic() - self.started
        self._write(f"{self.part:<12}done in {took:,.0f} s", end="\n")

    def _show(self):
        share = self.done / self.steps if self.steps else 0
        bar = "█" * int(share * WIDTH)
        took = time.monotonic() - self.started
        left = f", about {took / share - took:,.0f} s left" if share else ", getting ready"
        self._write(f"{self.part:<12}{bar:·<{WIDTH}} {self.done} of {self.steps}{left}")

    def _write(self, text, end=""):
        if self.output.isatty():
            self.output.write(f"\r\033[K{text}{end}")
        elif end:
            self.output.write(f"{text}{end}")
        self.output.flush()
