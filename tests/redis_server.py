"""Finds a Redis (or Valkey) for the tests of several servers, or installs one.

The variable REDIS_SERVER comes first; then what is on the PATH; then the system's packages.
"""

import os
import shutil
import subprocess
import time
from contextlib import contextmanager
from pathlib import Path

import redis

NAMES = ("redis-server", "valkey-server")
NOT_FOUND = (
    "no Redis was found. Install redis-server or valkey-server, or set REDIS_SERVER=/path/to/it"
)


def find():
    """The path of a server that starts, or None."""
    if named := os.environ.get("REDIS_SERVER"):
        return named if _starts(named) else None
    return next((path for path in map(shutil.which, NAMES) if path and _starts(path)), None)


def find_or_install():
    """As `find`, after trying apt and Homebrew. None when there is none to be had."""
    if (found := find()) or os.environ.get("REDIS_SERVER"):
        return found
    for commands in (*_apt(), *_brew()):
        if all(_runs(command) for command in commands) and (found := find()):
            return found
    return None


class RedisServer:
    """A Redis of one test's own on a port of this machine; nothing is kept on disk."""

    def __init__(self, folder, port):
        self.folder, self.port = Path(folder), port
        self.path = find_or_install()
        if self.path is None:
            raise AssertionError(NOT_FOUND)
        self.url = f"redis://127.0.0.1:{port}/0"
        self.start()

    def start(self):
        options = {"port": self.port, "bind": "127.0.0.1", "dir": self.folder, "save": ""}
        arguments = [word for key, value in options.items() for word in (f"--{key}", str(value))]
        with (self.folder / "redis.log").open("ab") as log:
            self.process = subprocess.Popen(
                [self.path, *arguments], stdout=log, stderr=log, start_new_session=True
            )
        self._wait_until_it_answers()

    def kill(self):
        """SIGKILL, as a lost machine."""
        self.process.kill()
        self.process.wait()

    def client(self):
        return redis.Redis(port=self.port, socket_timeout=5)

    def _wait_until_it_answers(self):
        give_up_at = time.monotonic() + 15
        while time.monotonic() < give_up_at:
            try:
                with self.client() as client:
                    client.ping()
                return
            except redis.ConnectionError:
                if self.process.poll() is not None:
                    break
                time.sleep(0.05)
        self.kill()
        log = (self.folder / "redis.log").read_text(errors="replace")[-2000:]
        raise AssertionError(f"Redis did not start:\n{log}")


@contextmanager
def a_redis(folder, port):
    server = RedisServer(folder, port)
    try:
        yield server
    finally:
        server.kill()


def _starts(path):
    try:
        return not subprocess.run([path, "--version"], capture_output=True, timeout=30).returncode
    except (OSError, subprocess.TimeoutExpired):
        return False


def _runs(command):
    return subprocess.run(command, stdin=subprocess.DEVNULL).returncode == 0


def _apt():
    """Lists of commands, each of which may bring one. The package's own service stays off."""
    if not shutil.which("apt-get"):
        return []
    if os.geteuid() == 0:
        prefix = []
    elif subprocess.run(["sudo", "-n", "true"], capture_output=True).returncode == 0:
        prefix = ["sudo", "-n"]
    else:
        return []
    get = [*prefix, "env", "DEBIAN_FRONTEND=noninteractive", "RUNLEVEL=1", "apt-get", "-qq"]
    install = [*get, "install", "-y", "--no-install-recommends"]
    update = [[*get, "update"]]
    return [update + [[*install, package]] for package in NAMES]


def _brew():
    if not shutil.which("brew"):
        return []
    return [[["brew", "install", "--quiet", name]] for name in ("redis", "valkey")]
