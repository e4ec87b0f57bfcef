"""`make run`, as processes: it starts, says where, keeps data, and leaves nothing behind."""

import http.client
import os
import signal
import socket
import sqlite3
import subprocess
import sys
import time
from contextlib import closing
from pathlib import Path

import psutil
import pytest

pytestmark = [pytest.mark.once, pytest.mark.processes]
ROOT = Path(__file__).resolve().parent.parent
PATIENCE = 60


@pytest.fixture
def port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


@pytest.fixture
def launch(tmp_path, port):
    """`launch()` starts the site on a database that stays from one launch to the next."""
    launched = []

    def launch():
        process = subprocess.Popen(
            [sys.executable, "manage.py", "run_local", "--port", str(port)],
            cwd=ROOT,
            env={
                "PATH": os.environ["PATH"],
                "DEBUG": "true",
                "DATABASE_URL": f"sqlite:///{tmp_path}/site.sqlite3",
                "MEDIA_ROOT": str(tmp_path / "media"),
                "PRIVATE_MEDIA_ROOT": str(tmp_path / "private_media"),
            },
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            start_new_session=True,
        )
        launched.append(process)
        return process

    yield launch
    for process in launched:
        try:
            os.killpg(process.pid, signal.SIGKILL)
        except ProcessLookupError:
            pass
        process.communicate()


def read_until(process, words):
    """What the process says up to and with the line that holds `words`."""
    said = []
    for line in process.stdout:
        said.append(line)
        if words in line:
            return "".join(said)
    pytest.fail(f"It ended without saying “{words}”:\n{''.join(said)}")


def get(port, path):
    with closing(http.client.HTTPConnection("127.0.0.1", port, timeout=PATIENCE)) as connection:
        connection.request("GET", path, headers={"Host": "localhost"})
        response = connection.getresponse()
        return response.status, response.read().decode()


def group_is_gone(process):
    deadline = time.monotonic() + 5
    while time.monotonic() < deadline:
        try:
            os.killpg(process.pid, 0)
        except ProcessLookupError:
            return True
        time.sleep(0.1)
    return False


def test_first_run_second_run_and_ctrl_c(launch, port, tmp_path):
    first = launch()
    said = read_until(first, "Ctrl-C")
    assert f"http://localhost:{port}/" in said
    assert "carla" in said
    assert get(port, "/healthz") == (200, "ok\n")
    assert get(port, "/procedures/")[0] == 200
    os.killpg(first.pid, signal.SIGINT)  # As a terminal does it: to everybody at once.
    rest, _ = first.communicate(timeout=10)
    assert first.returncode == 0, rest
    assert "Traceback" not in rest
    assert group_is_gone(first)

    with closing(sqlite3.connect(tmp_path / "site.sqlite3")) as database:
        database.execute("UPDATE practice_practice SET name = 'Renamed since'")
        database.commit()
    second = launch()
    read_until(second, "Ctrl-C")
    assert "Renamed since" in get(port, "/")[1]
    second.terminate()
    rest, _ = second.communicate(timeout=10)
    assert second.returncode == 0, rest
    assert group_is_gone(second)

    third = launch()
    read_until(third, "Ctrl-C")
    (worker,) = (
        child for child in psutil.Process(third.pid).children() if "run_worker" in child.cmdline()
    )
    worker.kill()
    rest, _ = third.communicate(timeout=10)
    assert third.returncode == 1
    assert "The worker ended by itself" in rest
    assert group_is_gone(third)


def test_a_taken_port_is_named_with_a_way_out(launch, port):
    with socket.socket() as other:
        other.bind(("127.0.0.1", port))
        other.listen()
        process = launch()
        said, _ = process.communicate(timeout=PATIENCE)
    assert process.returncode == 1
    assert f"Port {port} cannot be used" in said
    assert "make run" in said
    assert "Traceback" not in said


def test_it_is_refused_without_debug():
    environment = {name: value for name, value in os.environ.items() if name != "DEBUG"}
    ran = subprocess.run(
        [sys.executable, "manage.py", "run_local"],
        cwd=ROOT,
        env=environment,
        capture_output=True,
        text=True,
        timeout=PATIENCE,
    )
    assert ran.returncode == 1
    assert "DEBUG" in ran.stderr
    assert "Traceback" not in ran.stderr
