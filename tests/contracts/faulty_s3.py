"""A door to the tests' S3 that misbehaves: refuses, asks to wait, breaks off, and changes what it hands out."""

from __future__ import annotations

import http.client
import socket
import struct
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import urlsplit

import pytest

HOP = ("transfer-encoding", "connection", "content-length", "keep-alive")


@dataclass(frozen=True, slots=True)
class Refuse:
    """An error as S3 gives it."""

    status: int
    code: str


@dataclass(frozen=True, slots=True)
class Change:
    """The body is another one; one that is shorter is told to be as long as it is."""

    body: Callable[[bytes], bytes]


@dataclass(frozen=True, slots=True)
class Reset:
    """The connection is reset in the middle of the body."""


Fault = Refuse | Change | Reset | None


@dataclass(slots=True)
class Door:
    """`fault(method, path)` is asked of each request, which are all in `seen`."""

    fault: Callable[[str, str], Fault] = lambda *_: None
    seen: list[tuple[str, str]] = field(default_factory=list)

    def ask(self, method: str, path: str) -> Fault:
        self.seen.append((method, path))
        return self.fault(method, path)


def times(count: int, fault: Fault, method: str) -> Callable[[str, str], Fault]:
    """`fault` for the first requests of this method."""
    left = [fault] * count
    return lambda asked, _: left.pop() if asked == method and left else None


@contextmanager
def door_to(endpoint: str) -> Iterator[Door]:
    """A door before this S3; the environment points boto3 at it."""
    door = Door()
    host = urlsplit(endpoint).netloc

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def answer(self) -> None:
            length = int(self.headers.get("Content-Length") or 0)
            given = self.rfile.read(length)
            match door.ask(self.command, self.path):
                case Refuse(status, code):
                    text = f"<Error><Code>{code}</Code><Message>as the test asked</Message></Error>"
                    self.reply(status, [("Content-Type", "application/xml")], text.encode())
                case Change(body):
                    status, headers, found = self.forward(given)
                    self.reply(status, headers, body(found))
                case Reset():
                    self.reset(*self.forward(given))
                case None:
                    self.reply(*self.forward(given))

        do_GET = do_PUT = do_POST = do_DELETE = do_HEAD = answer  # noqa: N815

        def forward(self, given: bytes) -> tuple[int, list[tuple[str, str]], bytes]:
            inner = http.client.HTTPConnection(host, timeout=30)
            try:
                headers = {name: value for name, value in self.headers.items() if name.lower() not in ("connection",)}
                inner.request(self.command, self.path, given, headers)
                answer = inner.getresponse()
                kept = [(name, value) for name, value in answer.getheaders() if name.lower() not in HOP]
                if self.command == "HEAD":
                    kept.append(("Content-Length", answer.getheader("Content-Length") or "0"))
                return answer.status, kept, answer.read()
            finally:
                inner.close()

        def reply(self, status: int, headers: list[tuple[str, str]], body: bytes) -> None:
            self.send_response(status)
            for name, value in headers:
                if not name.lower().startswith("x-amz-checksum"):
                    self.send_header(name, value)
            if self.command != "HEAD":
                self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            if self.command != "HEAD":
                self.wfile.write(body)

        def reset(self, status: int, headers: list[tuple[str, str]], body: bytes) -> None:
            self.send_response(status)
            for name, value in headers:
                self.send_header(name, value)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body[: len(body) // 2])
            self.wfile.flush()
            self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            self.connection.close()
            self.close_connection = True

        def log_message(self, *_: object) -> None:
            pass

        def finish(self) -> None:
            try:
                super().finish()
            except OSError:
                return

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("AWS_ENDPOINT_URL_S3", f"http://127.0.0.1:{server.server_port}")
        try:
            yield door
        finally:
            server.shutdown()
            thread.join()
            server.server_close()
