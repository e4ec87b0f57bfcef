"""The sign of life: a monitoring service hears every minute whether the site is well."""

import http.server
import threading
import time
from datetime import timedelta

import pytest
from django.core.management import call_command
from django.db import OperationalError, connection
from django.utils import timezone

from practice.models import JobRun
from practice.operations import monitoring
from practice.operations.background import JobFailed
from practice.operations.health import HEARTBEAT

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def service(settings):
    """A monitoring service that keeps what it hears and answers `service.status`."""

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self):
            server.heard.append((self.path, dict(self.headers), self.rfile.read(0)))
            time.sleep(server.waits)
            self.send_response(server.status)
            if server.status == 302:
                self.send_header("Location", f"http://127.0.0.1:{server.server_port}/elsewhere")
            self.end_headers()

        def log_message(self, *args):
            pass

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.heard, server.status, server.waits = [], 200, 0
    threading.Thread(target=server.serve_forever, daemon=True).start()
    settings.MONITORING_URL = f"http://127.0.0.1:{server.server_port}/ping/secret-token"
    yield server
    server.shutdown()
    server.server_close()


@pytest.fixture
def alive():
    return JobRun.objects.create(job=HEARTBEAT, started_at=timezone.now())


def paths(service):
    return [path for path, *_ in service.heard]


def test_a_site_that_is_well_says_so_and_nothing_else(service, alive):
    monitoring.ping()

    ((path, headers, body),) = service.heard
    assert path == "/ping/secret-token"
    assert body == b""
    assert set(headers) == {"Accept-Encoding", "Host", "User-Agent", "Connection"}


def test_a_site_that_is_not_well_says_that(service):
    monitoring.ping()  # No worker was ever seen.

    assert paths(service) == ["/ping/secret-token/fail"]


def test_a_lost_database_is_told_too(service):
    def fail(*args):
        raise OperationalError("gone")

    with connection.execute_wrapper(fail):
        monitoring.ping()

    assert paths(service) == ["/ping/secret-token/fail"]


@pytest.mark.parametrize(
    ("status", "why"), [(404, "answered 404"), (500, "answered 500"), (302, "answered 302")]
)
def test_a_service_that_does_not_listen_fails_the_job_and_is_followed_nowhere(
    service, alive, status, why
):
    service.status = status

    with pytest.raises(JobFailed, match=why) as raised:
        monitoring.ping()

    assert "secret-token" not in str(raised.value)
    assert len(service.heard) == 1


def test_a_service_that_hangs_is_given_up(service, alive, monkeypatch):
    monkeypatch.setattr(monitoring, "TIMEOUT", 0.3)
    service.waits = 2
    started = time.monotonic()

    with pytest.raises(JobFailed, match="cannot be reached"):
        monitoring.ping()

    assert time.monotonic() - started < 1.5


def test_the_worker_pings_and_goes_on_when_nobody_answers(service, settings, caplog):
    call_command("run_worker", once=True)
    assert paths(service) == ["/ping/secret-token"]

    settings.MONITORING_URL = "http://127.0.0.1:9/secret-token"
    JobRun.objects.filter(job="monitoring").update(started_at=timezone.now() - timedelta(hours=1))
    call_command("run_worker", once=True)

    run = JobRun.objects.get(job="monitoring")
    assert (run.failures, run.last_error) == (1, "The monitoring service cannot be reached.")
    assert "Worker stopped." in caplog.text
    assert "secret-token" not in caplog.text


def test_without_an_address_there_is_no_such_job(settings):
    settings.MONITORING_URL = ""
    call_command("run_worker", once=True)
    assert not JobRun.objects.filter(job="monitoring").exists()
