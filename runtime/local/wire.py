"""HTTP/1.1 as the local service needs it: bytes in, `Request` values out, one `Response` for each, in order.

A callback per request instead of a coroutine: a long poll is answered whenever its owner calls `reply`.
httptools parses when it is installed, `PlainParser` otherwise; both obey the same limits. Strangers get a 403 here
(`callers`, `peers`). Routing and meaning are `invoke_api` and `runtime_api`; no TLS, no compression, no HTTP/2.
"""

from __future__ import annotations

import asyncio
import json
import socket
from collections import deque
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from http import HTTPStatus
from typing import Protocol

from runtime.local.callers import refusal
from runtime.local.peers import is_foreign
from runtime.local.plain_parser import BadRequest, PlainParser, RawRequest

try:
    from runtime.local.fast_parser import FastParser
except ImportError:
    FastParser = None  # type: ignore[assignment,misc]

REASONS = {status.value: status.phrase for status in HTTPStatus}


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """One complete request. Header names are in lower case; `path` keeps its percent encoding."""

    method: str
    path: str
    query: str
    headers: Mapping[str, str]
    body: bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class Response:
    """One answer; `content-length` is added, and `content-type` is JSON unless given."""

    status: int
    body: bytes = b""
    headers: tuple[tuple[str, str], ...] = ()
    content_type: str = "application/json"

    def encode(self, *, keep_alive: bool) -> bytes:
        lines = [f"HTTP/1.1 {self.status} {REASONS.get(self.status, 'Unknown')}"]
        if self.body:
            lines.append(f"content-type: {self.content_type}")
        if self.status != HTTPStatus.NO_CONTENT:
            lines.append(f"content-length: {len(self.body)}")
        lines.extend(f"{name}: {value}" for name, value in self.headers)
        if not keep_alive:
            lines.append("connection: close")
        return ("\r\n".join(lines) + "\r\n\r\n").encode("latin-1", "replace") + self.body


Reply = Callable[[Response], bool]
"""Answers a request, once; False when the connection is gone."""
Handle = Callable[[Request, Reply], None]


class Parser(Protocol):
    """Feeds on bytes; hands each complete request to the callback it was made with."""

    def feed(self, data: bytes) -> None: ...


def make_parser(on_request: Callable[[RawRequest], None], on_continue: Callable[[], None]) -> Parser:
    """The fastest parser that is installed."""
    if FastParser is not None:
        return FastParser(on_request, on_continue)
    return PlainParser(on_request, on_continue)


class HttpConnection(asyncio.Protocol):
    """One connection: requests are handled one at a time, in order; the next waits for the reply to this one."""

    def __init__(self, handle: Handle, connections: set[HttpConnection]) -> None:
        self._handle = handle
        self._connections = connections
        self._parser = make_parser(self._on_request, self._on_continue)
        self._waiting: deque[RawRequest] = deque()
        self._is_busy = False
        self._transport: asyncio.Transport | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport
        self._connections.add(self)
        if is_foreign(transport.get_extra_info("peername"), transport.get_extra_info("sockname")):
            self._handle = _refuse_foreign

    def connection_lost(self, exc: Exception | None) -> None:
        self._transport = None
        self._waiting.clear()
        self._connections.discard(self)

    def data_received(self, data: bytes) -> None:
        try:
            self._parser.feed(data)
        except BadRequest as err:
            self._write(Response(status=err.status, body=str(err).encode(), content_type="text/plain"), False)
            self.close()

    def close(self) -> None:
        if self._transport is not None:
            self._transport.close()

    def _on_continue(self) -> None:
        if self._transport is not None:
            self._transport.write(b"HTTP/1.1 100 Continue\r\n\r\n")

    def _on_request(self, raw: RawRequest) -> None:
        if self._is_busy:
            self._waiting.append(raw)
        else:
            self._start(raw)

    def _start(self, raw: RawRequest) -> None:
        self._is_busy = True
        path, _, query = raw.target.partition("?")
        request = Request(method=raw.method, path=path, query=query, headers=raw.headers, body=raw.body)

        def reply(response: Response) -> bool:
            self._is_busy = False
            is_open = self._transport is not None and not self._transport.is_closing()
            self._write(response, raw.keep_alive)
            if not raw.keep_alive:
                self.close()
            elif self._waiting and self._transport is not None:
                self._start(self._waiting.popleft())
            return is_open

        self._handle(request, reply)

    def _write(self, response: Response, keep_alive: bool) -> None:
        if self._transport is not None:
            self._transport.write(response.encode(keep_alive=keep_alive))


def _refuse_foreign(_request: Request, reply: Reply) -> None:
    reply(_forbidden("the local service answers programs of its own user alone"))


def _forbidden(why: str) -> Response:
    """A refusal in the words of both APIs."""
    body = {"Type": "User", "Message": why, "message": why, "errorType": "AccessDenied", "errorMessage": why}
    headers = (("x-amzn-ErrorType", "AccessDeniedException"),)
    return Response(status=HTTPStatus.FORBIDDEN, body=json.dumps(body).encode(), headers=headers)


class HttpServer:
    """A listening loopback port and its connections."""

    def __init__(self, handle: Handle) -> None:
        self._handle = handle
        self._connections: set[HttpConnection] = set()
        self._server: asyncio.Server | None = None
        self.port = 0

    async def start(self, port: int = 0, backlog: int = 1024) -> None:
        """Listen on 127.0.0.1. Raises OSError when the port is taken."""
        # asyncio sets TCP_NODELAY only on sockets made with IPPROTO_TCP; without it each reply waits 40 ms.
        listener = socket.socket(socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP)
        try:
            listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            listener.bind(("127.0.0.1", port))
        except OSError:
            listener.close()
            raise
        self.port = listener.getsockname()[1]
        loop = asyncio.get_running_loop()
        self._server = await loop.create_server(
            lambda: HttpConnection(self._admit, self._connections), sock=listener, backlog=backlog
        )

    def _admit(self, request: Request, reply: Reply) -> None:
        if why := refusal(request.headers):
            reply(_forbidden(why))
        else:
            self._handle(request, reply)

    def close(self) -> None:
        if self._server is not None:
            self._server.close()
        for connection in tuple(self._connections):
            connection.close()
