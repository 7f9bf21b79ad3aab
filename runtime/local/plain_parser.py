"""An incremental HTTP/1.1 request parser in plain Python, for where httptools is not installed.

Strict where looseness is dangerous (lengths, chunk sizes, both framings at once), and bounded: a head of
64 KiB, a body of 96 MiB. It also owns the types and limits that both parsers share.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

MAX_HEAD = 64 * 1024
MAX_BODY = 96 * 1024 * 1024


class BadRequest(Exception):
    """Not HTTP, or over a limit; `status` is the answer before the connection closes."""

    def __init__(self, status: int, message: str) -> None:
        super().__init__(message)
        self.status = status


@dataclass(frozen=True, slots=True, kw_only=True)
class RawRequest:
    """A request as it came: `target` is path and query; header names are in lower case."""

    method: str
    target: str
    headers: Mapping[str, str]
    body: bytes
    keep_alive: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Head:
    """The request line and the headers; `length` is None when the body is chunked."""

    method: str
    target: str
    headers: Mapping[str, str]
    keep_alive: bool
    length: int | None


def parse_head(data: bytes) -> Head:
    """Parse a head without its closing empty line. Raises BadRequest."""
    request_line, _, rest = data.decode("latin-1").partition("\r\n")
    words = request_line.split(" ")
    if len(words) != 3 or words[2] not in ("HTTP/1.1", "HTTP/1.0") or not words[0].isalpha():
        raise BadRequest(400, "malformed request line")
    headers: dict[str, str] = {}
    for line in rest.split("\r\n") if rest else ():
        name, colon, value = line.partition(":")
        if not colon or not name or name != name.strip():
            raise BadRequest(400, "malformed header")
        key = name.lower()
        if key in headers and key in ("content-length", "host", "transfer-encoding"):
            raise BadRequest(400, f"repeated header {key}")
        headers[key] = value.strip()
    return Head(
        method=words[0],
        target=words[1],
        headers=headers,
        keep_alive=_keeps_alive(words[2], headers),
        length=_body_length(headers),
    )


def _keeps_alive(version: str, headers: Mapping[str, str]) -> bool:
    wish = headers.get("connection", "").lower()
    return wish == "keep-alive" if version == "HTTP/1.0" else wish != "close"


def _body_length(headers: Mapping[str, str]) -> int | None:
    encoding, length = headers.get("transfer-encoding"), headers.get("content-length")
    if encoding is not None:
        if encoding.lower() != "chunked" or length is not None:
            raise BadRequest(400, "unsupported transfer encoding")
        return None
    if length is None:
        return 0
    if not (length.isascii() and length.isdigit()):
        raise BadRequest(400, "malformed content-length")
    if len(length) > 12 or int(length) > MAX_BODY:
        raise BadRequest(413, "request body too large")
    return int(length)


class PlainParser:
    """Collects bytes until a request is whole, then hands it over."""

    def __init__(self, on_request: Callable[[RawRequest], None], on_continue: Callable[[], None]) -> None:
        self._on_request = on_request
        self._on_continue = on_continue
        self._buffer = bytearray()
        self._head: Head | None = None
        self._chunks = bytearray()

    def feed(self, data: bytes) -> None:
        """Take more bytes. Raises BadRequest; the connection is of no further use then."""
        self._buffer += data
        while self._advance():
            continue

    def _advance(self) -> bool:
        """Consume one element of the buffer; False when more bytes are needed."""
        if self._head is None:
            return self._take_head()
        if self._head.length is None:
            return self._take_chunk(self._head)
        if len(self._buffer) < self._head.length:
            return False
        body = bytes(self._buffer[: self._head.length])
        del self._buffer[: self._head.length]
        self._finish(self._head, body)
        return True

    def _take_head(self) -> bool:
        end = self._buffer.find(b"\r\n\r\n", 0, MAX_HEAD + 4)
        if end < 0:
            if len(self._buffer) > MAX_HEAD:
                raise BadRequest(431, "request head too large")
            return False
        self._head = parse_head(bytes(self._buffer[:end]))
        del self._buffer[: end + 4]
        if self._head.headers.get("expect", "").lower() == "100-continue":
            self._on_continue()
        return True

    def _take_chunk(self, head: Head) -> bool:
        line_end = self._buffer.find(b"\r\n", 0, 1024)
        if line_end < 0:
            if len(self._buffer) > 1024:
                raise BadRequest(400, "malformed chunk")
            return False
        size = self._chunk_size(bytes(self._buffer[:line_end]))
        end = line_end + 2 + size
        if len(self._buffer) < end + 2:
            return False
        if self._buffer[end : end + 2] != b"\r\n":
            raise BadRequest(400, "malformed chunk")
        self._chunks += self._buffer[line_end + 2 : end]
        del self._buffer[: end + 2]
        if size == 0:
            self._finish(head, bytes(self._chunks))
            self._chunks.clear()
        return True

    def _chunk_size(self, line: bytes) -> int:
        text = line.partition(b";")[0].strip().decode("latin-1")
        if not text or len(text) > 8 or any(digit not in "0123456789abcdefABCDEF" for digit in text):
            raise BadRequest(400, "malformed chunk")
        size = int(text, 16)
        if size + len(self._chunks) > MAX_BODY:
            raise BadRequest(413, "request body too large")
        return size

    def _finish(self, head: Head, body: bytes) -> None:
        self._head = None
        self._on_request(
            RawRequest(
                method=head.method, target=head.target, headers=head.headers, body=body, keep_alive=head.keep_alive
            )
        )
