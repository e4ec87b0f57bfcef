"""Several machines in one: web servers on ports of their own, workers, and what they share.

`several_servers()` starts one PostgreSQL, one Redis and one object store, each empty but for
a migrated example practice. Servers are `Site`s of tests/processes.py, and so is what they do.
`a_door()` puts the documented Caddy in front of them, as operators do.
"""

import http.client
import os
import signal
import socket
import ssl
import subprocess
import sys
import tempfile
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from pathlib import Path

from tests.object_store import an_object_store
from tests.processes import PATIENCE, PRACTICE, ROOT, PostgresDatabase, Site, free_port, visit
from tests.redis_server import a_redis

MIGRATE = 'call_command("migrate", verbosity=0)'
CADDY = Path(sys.executable).with_name("caddy")


class SeveralServers:
    """`a` and `b` are two installations of one site; nothing of them runs yet."""

    def __init__(self, folder, database, redis, store):
        self.database, self.redis, self.store = database, redis, store
        self.a, self.b = (self._server(folder / name) for name in ("a", "b"))
        self.both = (self.a, self.b)

    def _server(self, folder):
        folder.mkdir(mode=0o755)
        site = Site(folder, self.database)
        del site.environment["MEDIA_ROOT"], site.environment["PRIVATE_MEDIA_ROOT"]
        site.environment |= {
            "SERVERS": "2",
            "CACHE_URL": self.redis.url,
            "MEDIA_STORAGE_URL": self.store.url,
        }
        return site

    def serve(self):
        with ThreadPoolExecutor(2) as both:
            list(both.map(Site.serve, self.both))

    def set(self, **environment):
        for each in self.both:
            each.environment |= environment


@contextmanager
def several_servers():
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="servers-")))
        folder.chmod(0o755)  # As root, PostgreSQL runs under an account of its own.
        database = PostgresDatabase(folder)
        stack.callback(database.end)
        redis = stack.enter_context(a_redis(folder, free_port()))
        store = stack.enter_context(an_object_store())
        servers = SeveralServers(folder, database, redis, store)
        for each in servers.both:
            stack.callback(each.close)
        servers.a.ask(f"from django.core.management import call_command\n{MIGRATE}\n{PRACTICE}")
        store.wait()
        yield servers


class Door:
    """A Caddy with the Caddyfile that operators are given; visited as a `Site` is."""

    host = "localhost"  # For which Caddy makes a certificate by itself.

    def __init__(self, folder, sites):
        self.folder, self.port = folder, free_port()
        self.environment = {
            "PATH": os.environ["PATH"],
            "HOME": str(folder),
            "XDG_DATA_HOME": str(folder),
            "SITE_HOST": self.host,
            "SITE_ADDRESSES": f"https://{self.host}",
            "UPSTREAMS": " ".join(f"127.0.0.1:{site.port}" for site in sites),
            "ERROR_PAGES": str(ROOT / "deploy/errors"),
            "PRACTICE_NAME": "Example Surgery",
            "PRACTICE_PHONE": "(512) 555-0100",
            "HTTP_PORT": str(free_port()),
            "HTTPS_PORT": str(self.port),
        }
        with (folder / "caddy.log").open("ab") as log:
            self.process = subprocess.Popen(
                [CADDY, "run", "--config", str(ROOT / "deploy/Caddyfile")],
                env=self.environment,
                stdout=log,
                stderr=log,
            )
        self.context = ssl.create_default_context()
        self.context.check_hostname = False
        self.context.verify_mode = ssl.CERT_NONE
        # Version 1.3 sends tickets after the handshake: who waits for an answer would see one.
        self.context.maximum_version = ssl.TLSVersion.TLSv1_2

    def line(self, timeout=PATIENCE):
        """An open TLS connection."""
        plain = socket.create_connection(("127.0.0.1", self.port), timeout)
        return self.context.wrap_socket(plain, server_hostname=self.host)

    def connect(self, timeout):
        connection = http.client.HTTPConnection(self.host, self.port, timeout=timeout)
        connection.sock = self.line(timeout)
        return connection


@contextmanager
def a_door(*sites):
    with tempfile.TemporaryDirectory(prefix="door-", ignore_cleanup_errors=True) as folder:
        door = Door(Path(folder), sites)
        try:
            sites[0].wait_until(lambda: visit(door, "/healthz").status_code == 200, "Caddy answers")
            yield door
        finally:
            door.process.kill()
            door.process.wait()


def lose_power(site):
    """SIGKILL to a web server and all its processes at once."""
    os.killpg(site.server.pid, signal.SIGKILL)
    site.server.wait()


def restart(site, seconds=PATIENCE):
    """What an upgrade does to one server: asks it to end, and starts it anew on its port."""
    site.server.terminate()
    code = site.server.wait(timeout=seconds)
    site.serve()
    return code
