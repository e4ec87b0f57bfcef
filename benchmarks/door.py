"""The proxy in front, as patients meet it: TLS and HTTP/2 by deploy/Caddyfile.

A browser pays for what it finds on the way: the handshakes, one connection for all files.
So pages are looked at through the same door that a practice has, and so is the page they
are compared with. Caddy signs with an authority of its own that the browser is told to accept.
"""

import os
import shutil
import ssl
import subprocess
import sys
from contextlib import closing, contextmanager
from http.client import HTTPSConnection
from pathlib import Path

from . import servers

HOST = "localhost"  # For which Caddy makes a certificate by itself.


def caddy():
    """The program, from the development requirements or the system; "" where there is none."""
    own = Path(sys.executable).with_name("caddy")
    return str(own) if own.exists() else shutil.which("caddy") or ""


@contextmanager
def door(folder, port, upstream):
    """A Caddy at `port` in front of the server at `upstream`, until the block ends.

    Raises RuntimeError with what Caddy said when it does not answer.
    """
    folder.mkdir(parents=True, exist_ok=True)
    environment = {
        "PATH": os.environ["PATH"],
        "HOME": str(folder),
        "XDG_DATA_HOME": str(folder),
        "SITE_HOST": HOST,
        "SITE_ADDRESSES": f"https://{HOST}",
        "UPSTREAMS": f"127.0.0.1:{upstream}",
        "ERROR_PAGES": str(servers.ROOT / "deploy/errors"),
        "PRACTICE_NAME": "Example Surgery",
        "PRACTICE_PHONE": "(512) 555-0100",
        "HTTP_PORT": str(servers.free_port()),
        "HTTPS_PORT": str(port),
    }
    command = [caddy(), "run", "--config", str(servers.ROOT / "deploy/Caddyfile")]
    log = folder / f"caddy-{port}.log"
    with log.open("wb") as output:
        process = subprocess.Popen(command, env=environment, stdout=output, stderr=output)
    try:
        try:
            servers.wait_for(lambda: visit(port, "/healthz") == 200, "Caddy answers")
        except RuntimeError as error:
            raise RuntimeError(f"{error}\n{log.read_text()[-3000:]}") from None
        yield
    finally:
        process.terminate()
        process.wait()


def visit(port, path):
    """The status of a page through the door at `port`."""
    context = ssl.create_default_context()
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    with closing(HTTPSConnection(HOST, port, timeout=5, context=context)) as line:
        line.request("GET", path, headers={"Accept": "text/html,*/*", "Accept-Encoding": "br"})
        response = line.getresponse()
        response.read()
        return response.status
