"""A proxy before the Invoke API that treats asynchronous invocations as badly as Lambda and a network may.

Each accepted event is delivered as often, and as late, as a seed says; some requests are refused, or their connection
is cut, before they are passed on or after. All other requests pass. Real HTTP on both sides: neither the invoker nor
the service knows.
"""

from __future__ import annotations

import http.client
import random
import socket
import threading
from collections import Counter
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import urlsplit

TIMEOUT_S = 30.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Manners:
    """Every event is delivered `copies` times, each up to `delay_s` late.

    `cut`, `lost` and `refused` are chances of a request: its connection is cut before it is passed on, or after; or it
    is answered by one of `statuses`. `swallowed`: it is accepted, and never delivered.
    """

    copies: int = 1
    delay_s: float = 0.0
    cut: float = 0.0
    lost: float = 0.0
    refused: float = 0.0
    swallowed: float = 0.0
    statuses: tuple[int, ...] = (429, 500, 503)


class UnrulyProxy:
    """Stands before the service at `endpoint` while it is open; `counts` says what it did."""

    def __init__(self, endpoint: str, manners: Manners, seed: int) -> None:
        self._place = urlsplit(endpoint).netloc
        self.manners = manners
        self.counts: Counter[str] = Counter()
        self._chance = random.Random(seed)
        self._lock = threading.Lock()
        self._coming: list[threading.Timer] = []
        self._server = _server(self)
        self._thread = threading.Thread(target=self._server.serve_forever)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self._server.server_address[1]}"

    def __enter__(self) -> UnrulyProxy:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._thread.join()
        self.drain()
        self._server.server_close()

    def drain(self) -> None:
        """Return once every event that is on its way has been delivered."""
        while self._coming:
            self._coming.pop().join()

    def fate(self) -> str:
        """What becomes of the next event: "cut", "lost", "refused", "swallowed" or "passed"."""
        with self._lock:
            drawn = self._chance.random()
            for name in ("cut", "lost", "refused", "swallowed"):
                drawn -= getattr(self.manners, name)
                if drawn < 0:
                    break
            else:
                name = "passed"
            self.counts[name] += 1
            return name

    def status(self) -> int:
        with self._lock:
            return self._chance.choice(self.manners.statuses)

    def deliver(self, path: str, headers: Mapping[str, str], body: bytes) -> None:
        """Pass an event on, in its own time."""
        with self._lock:
            delays = [self._chance.uniform(0, self.manners.delay_s) for _ in range(self.manners.copies)]
        for delay in delays:
            timer = threading.Timer(delay, self._pass_late, (path, headers, body))
            timer.start()
            self._coming.append(timer)

    def _pass_late(self, path: str, headers: Mapping[str, str], body: bytes) -> None:
        with suppress(OSError, http.client.HTTPException):  # the service may have ended meanwhile
            status, *_ = self.passed_on("POST", path, headers, body)
            self.counts[f"delivered, {status}"] += 1

    def passed_on(
        self, method: str, path: str, headers: Mapping[str, str], body: bytes
    ) -> tuple[int, list[tuple[str, str]], bytes]:
        """One request as the service sees it, and what it answers."""
        connection = http.client.HTTPConnection(self._place, timeout=TIMEOUT_S)
        try:
            connection.request(method, path, body, dict(headers))
            answer = connection.getresponse()
            return answer.status, answer.getheaders(), answer.read()
        finally:
            connection.close()


def _server(proxy: UnrulyProxy) -> ThreadingHTTPServer:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        disable_nagle_algorithm = True

        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
            if self.headers.get("X-Amz-Invocation-Type") == "Event":
                self._take_event(body)
            else:
                self._pass(body)

        do_GET = do_PUT = do_DELETE = do_POST  # noqa: N815  the base class's names

        def log_message(self, format: str, *args: object) -> None:
            """Nothing is said."""

        def _take_event(self, body: bytes) -> None:
            match proxy.fate():
                case "cut":
                    self._cut()
                case "lost":
                    proxy.deliver(self.path, self.headers, body)
                    self._cut()
                case "refused":
                    self._answer(proxy.status(), [], b'{"Message":"not now"}')
                case "swallowed":
                    self._answer(202, [], b"")
                case _:
                    proxy.deliver(self.path, self.headers, body)
                    self._answer(202, [], b"")

        def _pass(self, body: bytes) -> None:
            status, headers, answer = proxy.passed_on(self.command, self.path, self.headers, body)
            self._answer(status, headers, answer)

        def _answer(self, status: int, headers: list[tuple[str, str]], body: bytes) -> None:
            self.send_response_only(status)
            for name, value in headers:
                if name.lower() not in ("content-length", "connection", "transfer-encoding"):
                    self.send_header(name, value)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def _cut(self) -> None:
            self.close_connection = True
            with suppress(OSError):
                self.connection.shutdown(socket.SHUT_RDWR)

    return ThreadingHTTPServer(("127.0.0.1", 0), Handler)
