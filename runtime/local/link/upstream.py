"""The Redis behind a link: how it is reached, and under which URL it is found through the link's socket.

TLS ends here: an environment speaks in the clear to a socket that only its user can open, and what it sends goes on
under the names and certificates that the URL gives.
"""

from __future__ import annotations

import asyncio
import socket
import ssl
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar
from urllib.parse import parse_qsl, quote, unquote, urlencode, urlsplit

OF_THE_USER = ("db", "username", "password", "client_name")
"""Options of a URL that are said to Redis, not to the network."""

DEFAULT_PORT = 6379
TRY_AGAIN_S = 0.005
TRIES = 1000
P = TypeVar("P", bound=asyncio.Protocol | asyncio.BufferedProtocol)


def url_through(path: Path, redis_url: str) -> str:
    """The URL under which an environment finds that Redis at the socket `path`."""
    parts = urlsplit(redis_url)
    user, at, _ = parts.netloc.rpartition("@")
    options = {name: value for name, value in parse_qsl(parts.query) if name in OF_THE_USER}
    number = parts.path.strip("/")
    if parts.scheme != "unix" and number:
        options.setdefault("db", number)
    return f"unix://{user}{at}{quote(str(path))}{f'?{urlencode(options)}' if options else ''}"


class Upstream:
    """Connects to the Redis of one URL."""

    def __init__(self, redis_url: str) -> None:
        parts = urlsplit(redis_url)
        self._path = unquote(parts.path) if parts.scheme == "unix" else None
        self._host = unquote(parts.hostname or "localhost")
        self._port = parts.port or DEFAULT_PORT
        self._context = _context(dict(parse_qsl(parts.query))) if parts.scheme == "rediss" else None

    @property
    def trips_to_open(self) -> int:
        """Round trips before the first byte of a connection."""
        return 1 if self._context is None else 2

    async def connect(self, protocol: Callable[[], P]) -> P:
        """Raises OSError."""
        loop = asyncio.get_running_loop()
        if self._path is not None:
            return (await loop.create_unix_connection(protocol, sock=await _reach(self._path)))[1]
        return (await loop.create_connection(protocol, self._host, self._port, ssl=self._context))[1]


async def _reach(path: str) -> socket.socket:
    """A connection to a unix socket, which refuses for a moment when many come at once. Raises OSError."""
    connection = socket.socket(socket.AF_UNIX)
    connection.setblocking(False)
    for _ in range(TRIES):
        try:
            connection.connect(path)
            return connection
        except BlockingIOError:
            await asyncio.sleep(TRY_AGAIN_S)
        except OSError:
            connection.close()
            raise
    connection.close()
    raise ConnectionRefusedError(f"{path} takes no connection")


def _context(options: dict[str, str]) -> ssl.SSLContext:
    """As the client library makes it from the same options."""
    context = ssl.create_default_context()
    if "ssl_ca_certs" in options or "ssl_ca_path" in options:
        context.load_verify_locations(options.get("ssl_ca_certs"), options.get("ssl_ca_path"))
    checks = options.get("ssl_cert_reqs", "required")
    is_checked = options.get("ssl_check_hostname", "true").lower() not in ("0", "f", "false", "n", "no")
    context.check_hostname = is_checked and checks != "none"
    context.verify_mode = {
        "none": ssl.CERT_NONE,
        "optional": ssl.CERT_OPTIONAL,
        "required": ssl.CERT_REQUIRED,
    }[checks]
    if "ssl_certfile" in options:
        context.load_cert_chain(options["ssl_certfile"], options.get("ssl_keyfile"), options.get("ssl_password"))
    return context
