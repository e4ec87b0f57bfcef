"""A small HTTP/1.1 client on raw sockets: fast enough to keep a server busy from one core.

Run as a program it loads one address and prints what it saw as JSON:
`python -m benchmarks.http_load '{"port": 8000, "path": "/", "seconds": 2, …}'`
"""

import itertools
import json
import os
import selectors
import socket
import sys
import time
from contextlib import suppress
from dataclasses import dataclass

END_OF_HEAD = b"\r\n\r\n"
WHILE_IDLE = 10


@dataclass(frozen=True)
class Answer:
    status: int
    headers: dict[str, str]
    body: bytes
    cookies: dict[str, str]


class Connection:
    """One kept-alive connection; `ask` blocks until the whole answer is there."""

    def __init__(self, port, timeout=30):
        self.port, self.timeout = port, timeout
        self.socket = None

    def ask(self, message):
        try:
            return self._ask(message)
        except ConnectionError:
            # A kept-alive connection may just have been closed by the other side. What was
            # posted is not sent twice: nobody knows how far it came.
            self.close()
            if not message.startswith(b"GET"):
                raise
            return self._ask(message)

    def _ask(self, message):
        if self.socket is None:
            self.socket = socket.create_connection(("127.0.0.1", self.port), self.timeout)
            self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.socket.sendall(message)
        received = bytearray()
        while not (end := end_of_answer(received)):
            chunk = self.socket.recv(1 << 18)
            if not chunk:
                raise ConnectionResetError("The server closed the connection early.")
            received += chunk
        return answer(bytes(received[:end]))

    def close(self):
        if self.socket is not None:
            self.socket.close()
            self.socket = None


def message(path, host, *, method="GET", body=b"", **headers):
    """A request as the trusted proxy passes it on; header names with underscores for dashes."""
    lines = [f"{method} {path} HTTP/1.1", f"Host: {host}", "X-Forwarded-Proto: https"]
    lines += [f"{name.replace('_', '-')}: {value}" for name, value in headers.items()]
    if body:
        lines += [
            f"Content-Length: {len(body)}",
            "Content-Type: application/x-www-form-urlencoded",
        ]
    return "\r\n".join([*lines, "", ""]).encode() + body


def end_of_answer(received):
    """Where the first answer ends within `received`; 0 while it is not whole."""
    head = received.find(END_OF_HEAD)
    if head < 0:
        return 0
    start = head + len(END_OF_HEAD)
    names = bytes(received[:head]).lower()
    if names[9:12] in (b"204", b"304"):
        return start
    place = names.find(b"\r\ncontent-length:")
    if place >= 0:
        length = int(names[place + 17 :].split(b"\r\n", 1)[0])
        return start + length if len(received) >= start + length else 0
    if b"\r\ntransfer-encoding: chunked" in names:
        return _end_of_chunks(received, start)
    raise ValueError("An answer without a length cannot be followed by another.")


def _end_of_chunks(received, place):
    while (line := received.find(b"\r\n", place)) >= 0:
        size = int(received[place:line], 16)
        place = line + 2 + size + 2
        if place > len(received):
            return 0
        if not size:
            return place
    return 0


def answer(raw):
    head, _, body = raw.partition(END_OF_HEAD)
    first, *lines = head.decode("latin-1").split("\r\n")
    headers, cookies = {}, {}
    for line in lines:
        name, _, value = line.partition(": ")
        if name.lower() == "set-cookie":
            key, _, rest = value.partition("=")
            cookies[key] = rest.partition(";")[0]
        headers[name.lower()] = value
    if headers.get("transfer-encoding") == "chunked":
        body = _unchunked(body)
    return Answer(int(first.split()[1]), headers, body, cookies)


def _unchunked(body):
    plain = bytearray()
    while body:
        size, _, rest = body.partition(b"\r\n")
        plain += rest[: int(size, 16)]
        body = rest[int(size, 16) + 2 :]
    return bytes(plain)


def load(port, host, path, seconds, connections=8, headers=None, is_cold=False):
    """Keeps `connections` busy; how many answers came, of which status, and how soon.

    With `is_cold`, each request has a query string that nobody has asked for before.
    """
    numbers = itertools.count(time.time_ns())
    plain = message(path, host, **(headers or {}))

    def next_message():
        return message(f"{path}?cold={next(numbers)}", host, **(headers or {}))

    chosen = next_message if is_cold else lambda: plain
    selector = selectors.DefaultSelector()
    for _ in range(connections):
        opened = socket.create_connection(("127.0.0.1", port), WHILE_IDLE)
        opened.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        opened.sendall(chosen())
        selector.register(opened, selectors.EVENT_READ, [bytearray(), time.perf_counter()])
    times, statuses, size = [], {}, 0
    started, busy = time.perf_counter(), time.process_time()
    ends = started + seconds
    while (now := time.perf_counter()) < ends:
        for key, _ in selector.select(WHILE_IDLE):
            received, sent = key.data
            chunk = key.fileobj.recv(1 << 18)
            if not chunk:
                raise ConnectionResetError("The server closed a connection under load.")
            received += chunk
            end = end_of_answer(received)
            if not end:
                continue
            now = time.perf_counter()
            times.append(now - sent)
            status, size = received[9:12].decode(), end
            statuses[status] = statuses.get(status, 0) + 1
            received.clear()
            key.data[1] = now
            key.fileobj.sendall(chosen())
    lasted = time.perf_counter() - started
    busy = time.process_time() - busy
    for key in list(selector.get_map().values()):
        with suppress(OSError):
            key.fileobj.close()
    return {
        "requests": len(times),
        "seconds": lasted,
        "per_second": len(times) / lasted,
        "statuses": statuses,
        "bytes": size,
        "p50": sorted(times)[len(times) // 2] if times else None,
        "p99": sorted(times)[len(times) * 99 // 100] if times else None,
        # The share of its core that this client needed: below a half, it could do twice as much.
        "client_busy": busy / lasted,
    }


def pin(core):
    """Keeps this process on one core, where the system can do that."""
    if hasattr(os, "sched_setaffinity") and core in os.sched_getaffinity(0):
        os.sched_setaffinity(0, {core})


if __name__ == "__main__":
    asked = json.loads(sys.argv[1])
    pin(asked.pop("core"))
    json.dump(load(**asked), sys.stdout)
