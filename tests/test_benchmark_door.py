"""The proxy that Lighthouse looks through: the documented one, with TLS and HTTP/2."""

import socket
import ssl
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from benchmarks import door, lighthouse, servers

pytestmark = pytest.mark.once


class Behind(BaseHTTPRequestHandler):
    def do_GET(self):
        is_secure = self.headers["X-Forwarded-Proto"] == "https"
        self.send_response(200 if is_secure and self.path in ("/healthz", "/page/") else 404)
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, *_):
        pass


@pytest.fixture
def upstream():
    behind = ThreadingHTTPServer(("127.0.0.1", 0), Behind)
    threading.Thread(target=behind.serve_forever, daemon=True).start()
    yield behind.server_port
    behind.shutdown()
    behind.server_close()


def test_pages_are_looked_at_through_tls_and_http_2(upstream, tmp_path):
    port = servers.free_port()
    with door.door(tmp_path, port, upstream):
        assert door.visit(port, "/page/") == 200
        assert door.visit(port, "/other/") == 404
        context = ssl.create_default_context(
            cafile=tmp_path / "caddy/pki/authorities/local/root.crt"
        )
        context.set_alpn_protocols(["h2", "http/1.1"])
        with (
            socket.create_connection(("127.0.0.1", port)) as plain,
            context.wrap_socket(plain, server_hostname=door.HOST) as line,
        ):
            assert line.selected_alpn_protocol() == "h2"
    with pytest.raises(OSError):
        door.visit(port, "/page/")


def test_a_door_that_does_not_open_says_why(upstream, tmp_path, monkeypatch):
    monkeypatch.setattr(servers, "PATIENCE", 1)
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        with (
            pytest.raises(RuntimeError, match="address already in use"),
            door.door(tmp_path, taken.getsockname()[1], upstream),
        ):
            pass


def test_without_a_proxy_nothing_is_measured(monkeypatch):
    monkeypatch.setattr(lighthouse.shutil, "which", lambda name: f"/usr/bin/{name}")
    monkeypatch.setattr(lighthouse, "caddy", lambda: "")
    assert lighthouse.missing() == "Caddy is not installed"
    monkeypatch.setattr(lighthouse, "caddy", lambda: "/usr/bin/caddy")
    assert lighthouse.missing() == ""
