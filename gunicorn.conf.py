"""gunicorn's settings; it reads this file by itself when it is started in this folder.

    gunicorn        or, with a Unix socket:        BIND=unix:/run/practice/web.sock gunicorn

Made for a proxy in front (deploy/Caddyfile) that ends TLS and waits for slow senders.
"""

import gc
import os
from pathlib import Path
from select import select

from gunicorn.workers.gthread import ThreadWorker


class Worker(ThreadWorker):
    """Answers who already waits at the door before it closes it.

    Stock workers stop accepting at SIGTERM but keep the socket open until they end. A form
    that arrives meanwhile is never read, and its sender is cut off. When nobody holds the
    socket any more, the proxy's connection is refused and it goes to another server instead.
    """

    def set_accept_enabled(self, enabled):
        super().set_accept_enabled(enabled)
        if not self.alive:
            for listener in self.sockets:
                while select([listener], [], [], 0)[0]:
                    self.accept(listener)
                listener.close()
            self.sockets = []


wsgi_app = "practice.wsgi:application"
bind = os.environ.get("BIND", "127.0.0.1:8000")

# Processes share no Python lock; threads wait for the database side by side. A photograph
# that trickles in over a bad line holds one thread: the Caddyfile lets in six of them at most.
workers = int(os.environ.get("WEB_CONCURRENCY", "2"))
worker_class = Worker
threads = int(os.environ.get("WEB_THREADS", "8"))
# Everything is imported once and then shared by fork: less memory, and a process that died
# is replaced at once. A new version therefore needs a restart; SIGHUP would not load it.
preload_app = True
# The master beats its workers' hearts through a file. On a disk that is busy this can stall.
worker_tmp_dir = "/dev/shm" if Path("/dev/shm").is_dir() else None  # noqa: S108

timeout = 30  # Seconds without a sign of life from a process; a request may take longer.
graceful_timeout = 30  # Seconds that requests in hand have after SIGTERM.
keepalive = 75  # Longer than the proxy keeps a connection, so that the proxy ends it.
# Python and Pillow give memory back late. Processes are renewed, not all at the same time.
max_requests = 50_000
max_requests_jitter = 5_000

limit_request_line = 8190  # The most that gunicorn allows. A filtered list has a long address.
limit_request_fields = 64
limit_request_field_size = 8190

# Whom to believe is decided in one place, practice/http/proxies.py, from TRUSTED_PROXIES. gunicorn
# itself believes nobody; else a visitor's header SCRIPT_NAME would move all links of a page.
forwarded_allow_ips = ""
forwarder_headers = ""
secure_scheme_headers = {}

# No list of addresses visited: whoever reads one could open patients' private pages.
accesslog = None
errorlog = "-"
loglevel = os.environ.get("GUNICORN_LOG_LEVEL", "info")
control_socket_disable = True
proc_name = "practice"


def pre_fork(server, worker):
    """Keeps what was imported out of garbage collection, which would copy it into each process."""
    gc.collect()  # Else the new process fills the holes of what is garbage by now: a copy too.
    gc.freeze()
