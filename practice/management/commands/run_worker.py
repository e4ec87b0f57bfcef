"""The background worker: mail, publishing, escalation, reports, retention, its own heartbeat."""

import logging
import os
import signal
import socket
import threading
import time
import uuid
from datetime import timedelta

from django.core.management import call_command
from django.core.management.base import BaseCommand
from django.db import Error as AnyDatabaseError
from django.db import close_old_connections

from consultations.privacy import apply_retention
from consultations.reminders import escalate_late, send_weekly_report
from consultations.spam import forget_old_counts
from practice.background import (
    every,
    give_lease_back,
    is_due,
    mondays_at,
    recorded,
    take_lease,
    tend_database,
)
from practice.health import HEARTBEAT
from practice.mail_queue import send_one
from practice.scheduling import publish_due

logger = logging.getLogger("practice.worker")
LEASE_NAME = "worker"

# Name, when it is due, what it does. Mail comes before these in every round.
JOBS = (
    ("publish what is due", every(timedelta(seconds=5)), publish_due),
    ("escalate late requests", every(timedelta(minutes=1)), escalate_late),
    ("weekly report", mondays_at(8), send_weekly_report),
    ("retention", every(timedelta(days=1)), apply_retention),
    ("forget counts of senders", every(timedelta(hours=1)), forget_old_counts),
    ("tend the database", every(timedelta(hours=6)), tend_database),
    ("clear ended sessions", every(timedelta(days=1)), lambda: call_command("clearsessions")),
)


class Command(BaseCommand):
    help = "Runs background work until SIGTERM or SIGINT, after which it finishes the job in hand."

    def add_arguments(self, parser):
        parser.add_argument("--once", action="store_true", help="One round, then exit.")
        parser.add_argument(
            "--pause", type=float, default=3, help="Seconds between rounds (default 3)."
        )

    def handle(self, *, once, pause, **options):
        self.holder = f"{socket.gethostname()[:60]}:{os.getpid()}:{uuid.uuid4().hex[:8]}"
        self.asked_to_stop = threading.Event()
        if threading.current_thread() is threading.main_thread():
            for number in (signal.SIGTERM, signal.SIGINT):
                signal.signal(number, lambda *_: self.asked_to_stop.set())
        logger.info("Worker started.")
        while not self.asked_to_stop.is_set():
            self.round()
            if once:
                break
            self.asked_to_stop.wait(pause)
        self.leave()
        logger.info("Worker stopped.")

    def round(self):
        """One look at everything there is to do. A lost database ends the round, not the worker."""
        try:
            close_old_connections()
            if not take_lease(LEASE_NAME, self.holder):
                return
            with recorded(HEARTBEAT):
                pass
            for name, rule, run in (("mail", every(timedelta()), self.send_mail), *JOBS):
                if self.asked_to_stop.is_set():
                    return
                if is_due(name, rule):
                    self.run_job(name, run)
                    if not take_lease(LEASE_NAME, self.holder):
                        return
        except AnyDatabaseError:
            logger.warning("The database cannot be reached; trying again shortly.")

    def run_job(self, name, run):
        """A job that fails keeps no other from running; it is tried again when next due."""
        try:
            with recorded(name):
                run()
        except AnyDatabaseError:
            raise
        except Exception:
            logger.exception("The job %s failed; it is tried again when it is next due.", name)

    def send_mail(self):
        """Sends due mails one by one, renewing the lease between them.

        A mail that could not be sent waits for its next time, and so do those behind it:
        the fault is most often the mail server's.
        """
        started = time.monotonic()
        while not self.asked_to_stop.is_set():
            if not send_one():
                return
            if time.monotonic() - started > 30 or not take_lease(LEASE_NAME, self.holder):
                return

    def leave(self):
        try:
            give_lease_back(LEASE_NAME, self.holder)
        except AnyDatabaseError:
            logger.warning("The lease could not be given back; it runs out by itself.")
