"""The background worker: mail, publishing, escalation, reports, retention, its own heartbeat."""

import logging
import os
import signal
import socket
import threading
import time
import uuid
from datetime import timedelta

from django.conf import settings
from django.core.management.base import BaseCommand
from django.db import Error as AnyDatabaseError
from django.db import close_old_connections

from consultations import search_words, spam, synthetic
from consultations.figures import kept_figures, reminders
from consultations.privacy import apply_retention
from consultations.staff_work import leavers
from practice.accounts.sessions import clear_ended
from practice.backups import settling
from practice.backups.record import BACKUP
from practice.editing.scheduling import publish_due
from practice.media.unused_pictures import delete_unused
from practice.operations import background, monitoring
from practice.operations.background import (
    DATABASE_AWAY,
    Every,
    Job,
    MondaysAt,
    Turn,
    give_lease_back,
    is_due,
    recorded,
    take_lease,
)
from practice.operations.health import HEARTBEAT
from practice.operations.mail_queue import send_one

logger = logging.getLogger("practice.worker")
LEASE_NAME = "worker"
SECOND, MINUTE = timedelta(seconds=1), timedelta(minutes=1)
HOUR, DAY = timedelta(hours=1), timedelta(days=1)

# What there is to do besides mail, which comes before these in every round.
JOBS = (
    Job(
        "clear up after a restore",
        "Puts files in order that a restore left which was cut off.",
        Every(MINUTE),
        settling.clear_up,
    ),
    Job(
        "publish what is due",
        "Puts scheduled pages and drafts on the site at their time.",
        Every(5 * SECOND),
        publish_due,
    ),
    Job(
        "escalate late requests",
        "Mails managers which requests wait longer than promised.",
        Every(MINUTE),
        reminders.escalate_late,
    ),
    Job(
        "hand back requests",
        "Gives open requests of people who left back to the team.",
        Every(MINUTE),
        leavers.hand_back,
    ),
    Job(
        "count the figures",
        "Counts what the first page of the admin shows.",
        Every(MINUTE),
        kept_figures.count_anew,
    ),
    Job(
        "words for the search",
        "Lets the search find requests that an earlier version stored.",
        Every(5 * MINUTE),
        search_words.catch_up,
    ),
    Job(
        "weekly report",
        "Mails managers on Monday how requests were answered.",
        MondaysAt(8),
        reminders.send_weekly_report,
    ),
    Job(
        "retention",
        "Erases requests that were kept for their time, and old records.",
        Every(DAY),
        apply_retention,
        in_steps=True,
    ),
    Job(
        "delete unused pictures",
        "Deletes pictures that no page, draft or earlier version shows any more.",
        Every(DAY),
        delete_unused,
        in_steps=True,
    ),
    Job(
        "forget counts of senders",
        "Deletes how often an address sent the form.",
        Every(HOUR),
        spam.forget_old_counts,
    ),
    Job(
        "tend the database",
        "Keeps SQLite's statistics fresh, so that pages stay fast.",
        Every(6 * HOUR),
        background.tend_database,
    ),
    Job(
        "clear ended sessions",
        "Deletes sign-ins that are over.",
        Every(HOUR),
        clear_ended,
    ),
    Job(
        synthetic.JOB,
        "Sends a test request through the real form and takes it away again.",
        # Not before the site is surely up; and once it failed, soon again.
        Every(DAY, first_after=5 * MINUTE, after_failure=10 * MINUTE),
        synthetic.check_the_form,
        in_steps=True,
        is_on=lambda: settings.SELF_TEST,
    ),
    Job(
        "monitoring",
        "Tells the monitoring service that the site is well, or not.",
        Every(MINUTE),
        monitoring.ping,
        is_on=lambda: bool(settings.MONITORING_URL),
    ),
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
        self.is_described = False
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
            self.beat()
            jobs = self.jobs()
            with background.kept_lease(LEASE_NAME, self.holder, self.beat) as is_lost:
                for job in jobs:
                    if self.asked_to_stop.is_set() or is_lost.is_set():
                        return
                    if is_due(job):
                        self.run_job(job, is_lost)
                        if not take_lease(LEASE_NAME, self.holder):
                            return
        except DATABASE_AWAY:
            logger.warning("The database cannot be reached; trying again shortly.")
        except AnyDatabaseError:  # Most likely it has not been migrated yet.
            logger.exception("A round of work failed; trying again shortly.")

    def beat(self):
        """Says that this worker lives, also in the middle of a long job."""
        with recorded(HEARTBEAT):
            pass

    def jobs(self):
        """Mail first, then what is turned on; written down once for the list in the admin."""
        mail = Job("mail", "Sends the mails that wait.", Every(timedelta()), self.send_mail)
        jobs = [mail, *(job for job in JOBS if job.is_on())]
        if not self.is_described:
            background.describe([*jobs, BACKUP])
            self.is_described = True
        return jobs

    def run_job(self, job, is_lost):
        """A job that fails keeps no other from running; it is tried again when next due."""
        turn = Turn(lambda: self.asked_to_stop.is_set() or is_lost.is_set())
        try:
            with recorded(job.name):
                job.run(goes_on=turn) if job.in_steps else job.run()
        except DATABASE_AWAY:
            raise
        except background.JobFailed as error:
            logger.warning("The job %s failed: %s", job.name, error)
        except Exception:
            logger.exception("The job %s failed; it is tried again when it is next due.", job.name)
        background.note_next(job, is_unfinished=turn.was_cut)

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
