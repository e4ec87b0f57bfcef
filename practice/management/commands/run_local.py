"""The site and its background worker on this machine, in one command: `make run`."""

import http.client
import os
import signal
import socket
import subprocess
import sys
import time
from io import StringIO

from django.conf import settings
from django.core.management import call_command
from django.core.management.base import BaseCommand, CommandError

from practice.accounts.demo_staff import DEMO_PASSWORD, DEMO_STAFF
from practice.models import Practice

HOST = "127.0.0.1"
STOP_SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
STOPPED_WITHIN = 8  # Seconds that a child has after SIGTERM.
ANSWERS_WITHIN = 60  # Seconds that the site has to give its first answer.


class Command(BaseCommand):
    help = "Prepares the database and runs the site with its worker until Ctrl-C. Needs DEBUG."

    def add_arguments(self, parser):
        parser.add_argument("--port", type=int, default=8000)

    def handle(self, *, port, **options):
        if not settings.DEBUG:
            raise CommandError(
                "This is for trying the site on one's own machine, with DEBUG on: "
                "`make run` sets it. docs/operating.md says how to run it for patients."
            )
        self.port = port
        self.children = {}
        self.is_stopping = False
        for number in STOP_SIGNALS:
            signal.signal(number, self.leave_at_once)
        self.refuse_a_taken_port()
        self.prepare()
        self.start()
        try:
            failure = self.watch()
        finally:
            self.stop()
        if failure:
            raise CommandError(failure)
        self.say("Stopped.")

    def leave_at_once(self, *_):
        """While nothing runs yet there is nothing to stop; the database rolls back."""
        raise SystemExit(0)

    def refuse_a_taken_port(self):
        with socket.socket() as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind((HOST, self.port))
            except (OSError, OverflowError) as error:
                reason = getattr(error, "strerror", None) or error
                another = self.port + 1 if 1024 <= self.port < 65535 else 8000
                raise CommandError(
                    f"Port {self.port} cannot be used ({reason}). "
                    f"Choose another: PORT={another} make run"
                ) from None

    def prepare(self):
        self.say("Preparing the database")
        call_command("migrate", verbosity=0)
        is_first_run = not Practice.objects.exists()
        if is_first_run:
            self.say("Loading the sample practice")
            call_command("load_sample_content", stdout=self.stdout)
        call_command("load_demo_staff", stdout=self.stdout)
        if is_first_run:  # After the staff, so that some requests have an owner.
            call_command("load_sample_content", with_requests=True, stdout=StringIO())

    def say(self, text):
        self.stdout.write(text)
        self.stdout.flush()

    def start(self):
        # Children start with Ctrl-C ignored, so that only this process hears it from the
        # terminal, tells them once, and none of them ends in a traceback.
        signal.signal(signal.SIGINT, signal.SIG_IGN)
        self.children = {
            "site": subprocess.Popen(
                [
                    *(sys.executable, "-m", "gunicorn", "practice.wsgi:application"),
                    *("--bind", f"{HOST}:{self.port}", "--workers", "1", "--threads", "4"),
                    *("--graceful-timeout", "5", "--log-level", "warning", "--no-control-socket"),
                ],
                cwd=settings.BASE_DIR,
            ),
            "worker": subprocess.Popen(
                [sys.executable, "manage.py", "run_worker"], cwd=settings.BASE_DIR
            ),
        }
        for number in STOP_SIGNALS:
            signal.signal(number, self.ask_to_stop)

    def ask_to_stop(self, *_):
        self.is_stopping = True

    def watch(self):
        """Waits until asked to stop; a sentence about what went wrong if it was something."""
        parent = os.getppid()
        give_up_at = time.monotonic() + ANSWERS_WITHIN
        is_announced = False
        while not self.is_stopping:
            for name, child in self.children.items():
                if child.poll() is not None:
                    return f"The {name} ended by itself (exit code {child.returncode})."
            if os.getppid() != parent:  # `make` was killed; do not outlive it.
                return None
            if not is_announced:
                is_announced = self.site_answers()
                if is_announced:
                    self.announce()
                elif time.monotonic() > give_up_at:
                    return f"The site gave no answer within {ANSWERS_WITHIN} s."
            time.sleep(0.2)
        return None

    def site_answers(self):
        connection = http.client.HTTPConnection(HOST, self.port, timeout=2)
        try:
            connection.request("GET", "/healthz")
            return connection.getresponse().status == http.HTTPStatus.OK
        except (OSError, http.client.HTTPException):
            return False
        finally:
            connection.close()

    def announce(self):
        address = f"http://localhost:{self.port}"
        lines = ["", f"  The site    {address}/", f"  The admin   {address}/admin/", ""]
        lines += [f"  Demo staff, all with the password {DEMO_PASSWORD}", ""]
        for username, first_name, last_name, group in DEMO_STAFF:
            lines.append(
                f"    {username:<9} {first_name} {last_name}, {group or 'may do everything'}"
            )
        if settings.EMAIL_FILE_PATH:
            lines += ["", f"  Mails are not sent; read them in {settings.EMAIL_FILE_PATH}/"]
        lines += ["", "  Ctrl-C stops the site and its worker. Data stays for the next time.", ""]
        self.say("\n".join(lines))

    def stop(self):
        for child in self.children.values():
            if child.poll() is None:
                child.terminate()
        give_up_at = time.monotonic() + STOPPED_WITHIN
        for child in self.children.values():
            try:
                child.wait(max(0.1, give_up_at - time.monotonic()))
            except subprocess.TimeoutExpired:
                child.kill()
                child.wait()
