"""Looking for secrets in everything that a run leaves behind, sends or shows: raw, encoded, and inside of archives."""

from __future__ import annotations

import base64
import json
import re
import threading
import zlib
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from http.client import HTTPConnection
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.parse import quote, urlsplit

import redis

BASE64 = re.compile(rb"[A-Za-z0-9+/]{24,}")
ZLIB = re.compile(rb"x[\x01\x5e\x9c\xda]")


def given_away(secret: str) -> list[bytes]:
    """What nobody may find."""
    data, shown = secret.encode(), json.dumps(secret)[1:-1]
    texts = [secret, quote(secret, safe=""), quote(secret), shown, repr(secret)[1:-1], ascii(secret)[1:-1], data.hex()]
    texts += [base64.b64encode(data).decode().rstrip("="), base64.urlsafe_b64encode(data).decode().rstrip("=")]
    return [text.encode() for text in dict.fromkeys(texts)]


def layers(data: bytes) -> Iterator[bytes]:
    """The bytes, and what they hold in base64 and compressed, at any depth."""
    waiting = [data]
    for one in waiting:
        yield one
        waiting += [base64.b64decode(found[0][: len(found[0]) // 4 * 4]) for found in BASE64.finditer(one)]
        for found in ZLIB.finditer(one):
            with suppress(zlib.error):
                waiting.append(zlib.decompressobj().decompress(one[found.start() :]))


def leaks(places: Iterable[tuple[str, bytes]], secrets: Iterable[str]) -> list[str]:
    """Which secret is found where."""
    wanted = {word: secret for secret in secrets for word in given_away(secret)}
    return [
        f"{wanted[word]!r} as {word!r} in {place}: …{layer[max(0, at - 60) : at + 60]!r}"
        for place, data in places
        for layer in layers(data)
        for word in wanted
        if (at := layer.find(word)) >= 0
    ]


def in_redis(client: redis.Redis) -> Iterator[tuple[str, bytes]]:
    """Every key with all that it holds."""
    for key in client.scan_iter("*", count=1000):
        match client.type(key):
            case b"string":
                held = client.get(key)
            case b"hash":
                held = client.hgetall(key)
            case b"stream":
                held = client.xrange(key)
            case b"list":
                held = client.lrange(key, 0, -1)
            case b"set":
                held = client.smembers(key)
            case b"zset":
                held = client.zrange(key, 0, -1)
            case _:
                held = b""
        yield f"the key {key.decode()}", key + b"\n" + b"\n".join(_flat(held))


def _flat(held: object) -> Iterator[bytes]:
    match held:
        case bytes():
            yield held
        case dict():
            for name, value in held.items():
                yield from (*_flat(name), *_flat(value))
        case list() | tuple() | set():
            for item in held:
                yield from _flat(item)


def in_files(folder: Path) -> Iterator[tuple[str, bytes]]:
    for path in folder.rglob("*"):
        if path.is_file():
            yield str(path), path.read_bytes()


class CommandLines:
    """The command lines of every process that was seen while this listened."""

    def __init__(self) -> None:
        self.seen: set[bytes] = set()
        self._stop = threading.Event()

    @contextmanager
    def listening(self) -> Iterator[None]:
        thread = threading.Thread(target=self._watch)
        thread.start()
        try:
            yield
        finally:
            self._stop.set()
            thread.join()

    def _watch(self) -> None:
        while not self._stop.wait(0.01):
            for path in Path("/proc").glob("[0-9]*/cmdline"):
                with suppress(OSError):
                    self.seen.add(path.read_bytes())


@contextmanager
def listened_to(endpoint: str) -> Iterator[tuple[str, list[bytes]]]:
    """A Lambda endpoint that passes everything on; yields its address and the requests that came."""
    came: list[bytes] = []
    parts = urlsplit(endpoint)

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def handle_one(self) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
            came.append(self.requestline.encode() + str(self.headers).encode() + body)
            connection = HTTPConnection(parts.hostname or "", parts.port)
            connection.request(self.command, self.path, body, {**dict(self.headers), "Host": parts.netloc})
            answer = connection.getresponse()
            data = answer.read()
            connection.close()
            self.send_response(answer.status)
            for name, text in answer.getheaders():
                if name.lower() not in ("connection", "content-length"):
                    self.send_header(name, text)
            self.send_header("Content-Length", str(len(data)))
            self.end_headers()
            self.wfile.write(data)

        do_GET = do_POST = do_PUT = do_DELETE = handle_one  # noqa: N815  the names that the server looks for

        def log_message(self, *_: object) -> None:
            """Nobody reads it."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield f"http://127.0.0.1:{server.server_address[1]}", came
    finally:
        server.shutdown()
        server.server_close()
