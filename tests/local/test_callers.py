"""Web pages cannot reach the local service through a browser; programs of this machine can. Bytes over raw sockets."""

from __future__ import annotations

import json
import socket
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from tests.local.harness import LocalService

INVOKE = "/2015-03-31/functions/echo/invocations"


def exchange(port: int, *lines: str, body: bytes = b"") -> tuple[int, dict[str, object]]:
    """The status and the JSON that answer these lines; PORT stands for the port."""
    head = "\r\n".join((*lines, f"Content-Length: {len(body)}", "Connection: close", "", ""))
    with socket.create_connection(("127.0.0.1", port), timeout=60) as connection:
        connection.sendall(head.replace("PORT", str(port)).encode() + body)
        data = b"".join(iter(lambda: connection.recv(65536), b""))
    head_bytes, _, answer = data.partition(b"\r\n\r\n")
    return int(head_bytes.split(b" ")[1]), json.loads(answer or b"{}")


@pytest.fixture
def port(shared: LocalService) -> int:
    found = urlsplit(shared.endpoint).port
    assert found is not None
    return found


@pytest.fixture
def runtime_port(shared: LocalService) -> Iterator[int]:
    """Of an environment that waits for its next event."""
    yield int(shared.invoke({"env": 1})["json"]["AWS_LAMBDA_RUNTIME_API"].partition(":")[2])  # type: ignore[index]


STRANGERS = {
    "a name that was made to resolve here": ("Host: evil.example:PORT",),
    "a name that begins as loopback": ("Host: localhost.evil.example:PORT",),
    "loopback before an at": ("Host: 127.0.0.1:PORT@evil.example",),
    "a port of letters": ("Host: localhost:abc",),
    "digits of another alphabet": ("Host: 127.0.0.1:٣",),
    "an address of the network": ("Host: 192.168.0.1:PORT",),
    "a page that names another port": ("Host: localhost:PORT", "Origin: http://localhost"),
    "half an address": ("Host: [",),
    "an empty host": ("Host:",),
    "another page": ("Host: 127.0.0.1:PORT", "Origin: https://evil.example"),
    "a page of another local server": ("Host: localhost:PORT", "Origin: http://localhost:3000"),
    "an opaque page": ("Host: 127.0.0.1:PORT", "Origin: null"),
    "a form": ("Host: 127.0.0.1:PORT", "Origin: http://evil.example", "Content-Type: text/plain"),
    "an image": ("Host: 127.0.0.1:PORT", "Sec-Fetch-Site: cross-site", "Sec-Fetch-Mode: no-cors"),
    "a page of another port": ("Host: 127.0.0.1:PORT", "Sec-Fetch-Site: same-site"),
}
FRIENDS = {
    "its address": ("Host: 127.0.0.1:PORT",),
    "a port that is forwarded": ("Host: 127.0.0.1:1",),
    "its name": ("Host: LocalHost:PORT",),
    "its own page": ("Host: localhost:PORT", "Origin: http://localhost:PORT", "Sec-Fetch-Site: same-origin"),
    "an address that was typed": ("Host: 127.0.0.1:PORT", "Sec-Fetch-Site: none"),
    "a client of AWS": ("Host: 127.0.0.1:PORT", "User-Agent: aws-cli/2.15", "Authorization: AWS4-HMAC-SHA256 x"),
}


@pytest.mark.parametrize("lines", STRANGERS.values(), ids=STRANGERS.keys())
def test_strangers_are_refused_and_nothing_runs(
    shared: LocalService, port: int, tmp_path: Path, lines: tuple[str, ...]
) -> None:
    for kind in ("Event", "RequestResponse"):
        body = json.dumps({"touch": str(tmp_path / "ran")}).encode()
        status, answer = exchange(port, f"POST {INVOKE} HTTP/1.1", *lines, f"X-Amz-Invocation-Type: {kind}", body=body)
        assert status == 403
        assert "the local service answers" in str(answer["message"])
    assert exchange(port, "GET /treadle/status HTTP/1.1", *lines)[0] == 403
    assert exchange(port, "DELETE /2015-03-31/functions/echo HTTP/1.1", *lines)[0] == 403
    assert shared.invoke(1)["json"]["event"] == 1  # type: ignore[index]
    assert not (tmp_path / "ran").exists()


@pytest.mark.parametrize("lines", FRIENDS.values(), ids=FRIENDS.keys())
def test_programs_of_this_machine_are_served(port: int, lines: tuple[str, ...]) -> None:
    status, answer = exchange(port, f"POST {INVOKE} HTTP/1.1", *lines, body=b"7")
    assert (status, answer["event"]) == (200, 7)


def test_a_request_without_a_host_is_refused(port: int) -> None:
    assert exchange(port, "GET /treadle/status HTTP/1.0")[0] == 403


@pytest.mark.parametrize("lines", STRANGERS.values(), ids=STRANGERS.keys())
def test_no_page_takes_the_events_of_an_environment(
    shared: LocalService, runtime_port: int, lines: tuple[str, ...]
) -> None:
    status, answer = exchange(runtime_port, "GET /2018-06-01/runtime/invocation/next HTTP/1.1", *lines)
    assert status == 403
    assert "the local service answers" in str(answer["errorMessage"])
    assert shared.invoke(1)["json"]["event"] == 1  # type: ignore[index]


def test_json_that_is_nested_too_deep_is_a_clear_error(port: int) -> None:
    status, answer = exchange(port, f"POST {INVOKE} HTTP/1.1", "Host: 127.0.0.1:PORT", body=b"[" * 200_000)
    assert status == 400
    assert "json" in str(answer["message"])
