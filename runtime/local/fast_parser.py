"""The HTTP/1.1 request parser on httptools; importing this module fails where httptools is not installed."""

from __future__ import annotations

from collections.abc import Callable

import httptools

from runtime.local.plain_parser import MAX_BODY, MAX_HEAD, BadRequest, RawRequest


class FastParser:
    """Same door and same limits as `PlainParser`."""

    def __init__(self, on_request: Callable[[RawRequest], None], on_continue: Callable[[], None]) -> None:
        self._hand_over = on_request
        self._allow_body = on_continue
        self._parser = httptools.HttpRequestParser(self)
        self._target = b""
        self._headers: dict[str, str] = {}
        self._head_bytes = 0
        self._body = bytearray()

    def feed(self, data: bytes) -> None:
        """Take more bytes. Raises BadRequest; the connection is of no further use then."""
        try:
            self._parser.feed_data(data)
        except httptools.HttpParserCallbackError as err:
            if isinstance(err.__context__, BadRequest):
                raise err.__context__ from None
            raise
        except (httptools.HttpParserError, httptools.HttpParserUpgrade) as err:
            raise BadRequest(400, f"malformed request: {err}") from err

    def on_message_begin(self) -> None:
        self._target = b""
        self._headers = {}
        self._head_bytes = 0
        self._body = bytearray()

    def on_url(self, url: bytes) -> None:
        self._target += url
        self._count_head(len(url))

    def on_header(self, name: bytes, value: bytes) -> None:
        self._count_head(len(name) + len(value) + 4)
        key = name.decode("latin-1").lower()
        if key == "host" and key in self._headers:
            raise BadRequest(400, "repeated header host")
        self._headers[key] = value.decode("latin-1")

    def on_headers_complete(self) -> None:
        length = self._headers.get("content-length", "0")
        if len(length) > 12 or int(length) > MAX_BODY:
            raise BadRequest(413, "request body too large")
        if self._headers.get("expect", "").lower() == "100-continue":
            self._allow_body()

    def on_body(self, body: bytes) -> None:
        if len(self._body) + len(body) > MAX_BODY:
            raise BadRequest(413, "request body too large")
        self._body += body

    def on_message_complete(self) -> None:
        self._hand_over(
            RawRequest(
                method=self._parser.get_method().decode("latin-1"),
                target=self._target.decode("latin-1"),
                headers=self._headers,
                body=bytes(self._body),
                keep_alive=self._parser.should_keep_alive(),
            )
        )

    def _count_head(self, size: int) -> None:
        self._head_bytes += size
        if self._head_bytes > MAX_HEAD:
            raise BadRequest(431, "request head too large")
