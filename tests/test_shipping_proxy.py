"""The proxy in front: what it lets through, what it takes out, what it says when all else fails.

A real Caddy with deploy/Caddyfile; behind it a server of this test that tells what arrived.
"""

import base64
import hashlib
import http.client
import json
import os
import re
import runpy
import ssl
import subprocess
import sys
import threading
from contextlib import closing, suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
from django.conf import settings
from django.urls import reverse

from consultations import photos
from tests.processes import free_port, wait_for

pytestmark = [pytest.mark.once, pytest.mark.processes]
ROOT = Path(__file__).resolve().parent.parent
CADDY = str(Path(sys.executable).with_name("caddy"))
CADDYFILE = ROOT / "deploy/Caddyfile"
PAGES = sorted((ROOT / "deploy/errors").glob("*.html"))
MULTIPART = {"Content-Type": "multipart/form-data; boundary=b"}


class Telling(BaseHTTPRequestHandler):
    """Answers with the headers and the size of the body that reached it."""

    server_version, protocol_version = "gunicorn", "HTTP/1.1"

    def do_GET(self):
        self.do_POST()

    def do_POST(self):
        body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        told = json.dumps({"headers": dict(self.headers), "size": len(body)}).encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(told)))
        self.end_headers()
        self.wfile.write(told)

    def log_message(self, *_):
        pass


def environment(folder, **changes):
    return {
        "PATH": os.environ["PATH"],
        "HOME": str(folder),
        "XDG_DATA_HOME": str(folder),
        "SITE_HOST": "localhost",
        "SITE_ADDRESSES": "https://localhost",
        "UPSTREAMS": "127.0.0.1:8000",
        "ERROR_PAGES": str(ROOT / "deploy/errors"),
        "PRACTICE_NAME": "Example <Surgery>",
        "PRACTICE_PHONE": "(512) 555-0100",
    } | changes


@pytest.fixture(scope="module")
def proxy(tmp_path_factory):
    """Asks through a running Caddy: (method, path, headers, body) → response, its content."""
    folder = tmp_path_factory.mktemp("caddy")
    behind = ThreadingHTTPServer(("127.0.0.1", 0), Telling)
    behind.handle_error = lambda *_: None  # The proxy hangs up on what is too large.
    threading.Thread(target=behind.serve_forever, daemon=True).start()
    port = free_port()
    started_with = environment(
        folder,
        UPSTREAMS=f"127.0.0.1:{behind.server_port}",
        HTTP_PORT=str(free_port()),
        HTTPS_PORT=str(port),
    )
    command = [CADDY, "run", "--config", str(CADDYFILE)]
    with (folder / "log").open("wb") as log:
        running = subprocess.Popen(command, env=started_with, stdout=log, stderr=log)

    def ask(method, path, headers=(), body=None):
        own = ssl.create_default_context(cafile=folder / "caddy/pki/authorities/local/root.crt")
        with closing(http.client.HTTPSConnection("localhost", port, context=own)) as line:
            with suppress(OSError):  # It refuses before it has read everything, as it may.
                line.request(method, path, body, dict(headers))
            response = line.getresponse()
            return response, response.read()

    def answers():
        try:
            return ask("GET", "/")[0].status == 200
        except OSError:
            return False

    try:
        wait_for(answers, "Caddy answers")
        yield ask
    finally:
        running.terminate()
        running.wait()
        behind.shutdown()
        behind.server_close()


@pytest.mark.parametrize(
    ("addresses", "upstreams"),
    [
        ("www.example.com", "127.0.0.1:8000"),
        ("www.example.com, example.com", "unix//run/practice/web.sock"),
        ("https://localhost", "web:8000"),
        ("http://localhost", "10.0.0.1:8000 10.0.0.2:8000"),
    ],
)
def test_the_settings_are_valid_for_every_kind_of_address(addresses, upstreams, tmp_path):
    values = environment(tmp_path, SITE_ADDRESSES=addresses, UPSTREAMS=upstreams)
    command = [CADDY, "validate", "--config", str(CADDYFILE)]
    ran = subprocess.run(command, env=values, capture_output=True, text=True)
    assert ran.returncode == 0, ran.stderr


def test_every_variable_is_explained():
    asked = set(re.findall(r"\{\$(\w+)\}", CADDYFILE.read_text()))
    asked |= set(re.findall(r'env "(\w+)"', "".join(page.read_text() for page in PAGES)))
    offered = re.findall(r"^(\w+)=", (ROOT / "deploy/caddy.env.example").read_text(), re.MULTILINE)
    assert set(offered) == asked


def test_nothing_that_a_visitor_claims_about_himself_arrives(proxy):
    claimed = {
        "X-Forwarded-For": "198.51.100.66",
        "X-Forwarded-Proto": "http",
        "X-Forwarded-Host": "evil.example",
        "X-Request-ID": "chosen-by-the-visitor",
        "X-Real-IP": "198.51.100.66",
        "Forwarded": "for=198.51.100.66",
    }
    told = json.loads(proxy("GET", "/", claimed)[1])["headers"]
    assert told["X-Forwarded-For"] in ("127.0.0.1", "::1")
    assert told["X-Forwarded-Proto"] == "https"
    assert told["Host"].partition(":")[0] == "localhost"
    assert not re.search(r"198\.51\.100\.66|evil|chosen-by", json.dumps(told))


def test_what_runs_behind_is_not_told(proxy):
    response, _ = proxy("GET", "/")
    assert not {"Server", "Via"} & set(response.headers)


@pytest.mark.parametrize(
    ("path", "headers", "size", "status"),
    [
        ("/consultation/", {}, 1024 * 1024, 200),
        ("/consultation/", {}, 1_300_000, 413),
        ("/consultation/", MULTIPART, 1_300_000, 413),
        ("/consultation/request/t/photos/", MULTIPART, 20_000_000, 200),
        ("/consultation/request/t/photos/", {}, 1_300_000, 413),
        ("/admin/procedures/procedure/1/change/", MULTIPART, 20_000_000, 200),
        ("/staff/login/", MULTIPART, 1_300_000, 413),
    ],
)
def test_only_forms_with_pictures_may_be_large(proxy, path, headers, size, status):
    response, content = proxy("POST", path, headers, b"x" * size)
    assert response.status == status
    if status == 200:
        assert json.loads(content)["size"] == size
    else:
        assert b"This is too large to send" in content


def test_too_many_photographs_are_refused_before_they_are_sent(proxy):
    announced = MULTIPART | {"Content-Length": "96000000"}
    beginning = b"x" * 300_000  # Caddy takes in a quarter of a megabyte before it answers.
    response, content = proxy("POST", "/consultation/request/t/photos/", announced, beginning)
    assert response.status == 413
    assert b"six in all" in content


def test_the_page_of_a_refusal_is_safe_and_names_the_phone(proxy):
    response, content = proxy("POST", "/consultation/", {}, b"x" * 1_300_000)
    page = content.decode()
    assert response.headers["Content-Type"] == "text/html; charset=utf-8"
    assert response.headers["Cache-Control"] == "no-store"
    assert 'href="tel:5125550100">(512) 555-0100</a>' in page
    assert "Example &lt;Surgery&gt;" in page
    assert "{{" not in page


@pytest.mark.parametrize("path", PAGES, ids=lambda path: path.stem)
def test_the_last_pages_need_nothing_from_anywhere(path):
    page = path.read_text()
    assert not re.findall(r"(?:src|href)=\"(?!tel:)", page)
    [style] = re.findall(r"<style>(.*?)</style>", page, re.DOTALL)
    digest = base64.b64encode(hashlib.sha256(style.encode()).digest()).decode()
    assert f"style-src 'sha256-{digest}'" in CADDYFILE.read_text()


def sizes(name):
    unit = {"KB": 1000, "MB": 1000**2}
    found = re.findall(rf"{name} (\d+)(KB|MB)", CADDYFILE.read_text())
    return [int(number) * unit[letters] for number, letters in found]


def test_what_the_site_would_take_is_let_through():
    large, small = sizes("max_size")
    assert large > photos.MOST * photos.MAX_BYTES
    assert small > settings.DATA_UPLOAD_MAX_MEMORY_SIZE
    assert sizes("request_buffers")[1] >= small, "A slow form would hold a thread of gunicorn."
    path = reverse("add_photos", args=["*"])
    assert path in CADDYFILE.read_text()


def test_the_proxy_lets_go_of_a_connection_before_gunicorn_does():
    [kept] = re.findall(r"keepalive (\d+)s", CADDYFILE.read_text())
    assert int(kept) < runpy.run_path(str(ROOT / "gunicorn.conf.py"))["keepalive"]


def test_uploads_cannot_take_every_thread_of_one_process():
    [most] = re.findall(r"unhealthy_request_count (\d+)", CADDYFILE.read_text())
    assert int(most) < runpy.run_path(str(ROOT / "gunicorn.conf.py"))["threads"]


def test_addresses_of_visitors_and_pages_are_in_no_log(tmp_path):
    command = [CADDY, "adapt", "--config", str(CADDYFILE)]
    ran = subprocess.run(command, env=environment(tmp_path), capture_output=True, text=True)
    adapted = json.loads(ran.stdout)
    assert not any("logs" in server for server in adapted["apps"]["http"]["servers"].values())
    fields = adapted["logging"]["logs"]["default"]["encoder"]["fields"]
    assert fields["request>uri"]["filter"] == "replace"
    assert fields["request>headers"]["filter"] == "delete"
