"""Backup and key rotation never run at the same time, nor two of either.

A rotation gives patients' photographs new files: a backup in between would have rows that
name the old ones.
"""

import os
import socket
import time
import uuid
from contextlib import contextmanager

from .background import LEASE, give_lease_back, take_lease

NAME = "maintenance"
RENEW_EVERY = LEASE.total_seconds() / 4
# A little longer than the lease of a process that was killed.
PATIENCE = LEASE.total_seconds() + 5


class AnotherIsRunning(Exception):
    """A backup or a key rotation holds the lease, and went on holding it."""


@contextmanager
def alone(patience=PATIENCE, on_wait=None):
    """Yields a function to call again and again during the work: it keeps the lease.

    Waits up to `patience` seconds for another holder; raises AnotherIsRunning after that, and
    from the function when the lease was lost to another.
    """
    holder = f"{socket.gethostname()[:60]}:{os.getpid()}:{uuid.uuid4().hex[:8]}"
    _wait_for_it(holder, patience, on_wait)
    renewed_at = time.monotonic()

    def go_on():
        nonlocal renewed_at
        if time.monotonic() - renewed_at < RENEW_EVERY:
            return
        if not take_lease(NAME, holder):
            raise AnotherIsRunning
        renewed_at = time.monotonic()

    try:
        yield go_on
    finally:
        give_lease_back(NAME, holder)


def _wait_for_it(holder, patience, on_wait):
    give_up_at = time.monotonic() + patience
    while not take_lease(NAME, holder):
        if on_wait:
            on_wait()
            on_wait = None
        if time.monotonic() >= give_up_at:
            raise AnotherIsRunning
        time.sleep(min(1, patience))
