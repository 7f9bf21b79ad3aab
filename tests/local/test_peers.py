"""The local service answers programs of its own user alone; the kernel says whose a connection is."""

from __future__ import annotations

import asyncio
import os
import socket
import sys
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from runtime.local import peers
from runtime.local.peers import is_foreign, kernel_tells, owner_of
from runtime.local.wire import HttpServer, Reply, Request, Response


@contextmanager
def connected() -> Iterator[tuple[socket.socket, tuple[str, int], tuple[str, int]]]:
    """The client's end, and the addresses of both."""
    with socket.create_server(("127.0.0.1", 0)) as server, socket.create_connection(server.getsockname()) as client:
        accepted, peer = server.accept()
        with accepted:
            yield client, peer, server.getsockname()


def test_linux_tells_whose_a_connection_is() -> None:
    assert kernel_tells() == (sys.platform == "linux")
    with connected() as (_, peer, own):
        assert owner_of(peer, own) == (os.geteuid() if kernel_tells() else None)
        assert not is_foreign(peer, own)


def test_an_end_that_nobody_holds_any_more_is_nobodys() -> None:
    with connected() as (client, peer, own):
        client.sendall(b"x")
        client.close()
        assert owner_of(peer, own) is None
        assert is_foreign(peer, own) == kernel_tells()


def test_a_connection_that_is_not_there_is_nobodys() -> None:
    assert owner_of(("127.0.0.1", 1), ("127.0.0.1", 2)) is None


async def answer_of(server: HttpServer) -> bytes:
    await server.start()
    reader, writer = await asyncio.open_connection("127.0.0.1", server.port)
    writer.write(b"GET / HTTP/1.1\r\nHost: 127.0.0.1:%d\r\nConnection: close\r\n\r\n" % server.port)
    answer = await reader.read()
    writer.close()
    server.close()
    return answer


@pytest.mark.parametrize("users", [frozenset({os.geteuid()}), frozenset({os.geteuid() + 1})], ids=["own", "another"])
def test_another_users_program_is_refused(monkeypatch: pytest.MonkeyPatch, users: frozenset[int]) -> None:
    monkeypatch.setattr(peers, "friends", lambda: users)
    monkeypatch.setattr(peers, "kernel_tells", lambda: True)
    handled: list[Request] = []

    def handle(request: Request, reply: Reply) -> None:
        handled.append(request)
        reply(Response(status=204))

    answer = asyncio.run(answer_of(HttpServer(handle)))
    is_own = os.geteuid() in users and owner_of_own_connections()
    assert answer.startswith(b"HTTP/1.1 204" if is_own else b"HTTP/1.1 403")
    assert len(handled) == is_own


def owner_of_own_connections() -> bool:
    with connected() as (_, peer, own):
        return owner_of(peer, own) == os.geteuid()
