"""A server that goes away before the handshake: nothing of the connection stays open."""

from __future__ import annotations

import errno
import socket
import ssl

import pytest
import redis
from redis.backoff import NoBackoff
from redis.retry import Retry

from runtime.backends.redis_sockets import TlsConnection


def test_a_server_that_is_gone_before_the_handshake_leaves_no_socket_open(monkeypatch: pytest.MonkeyPatch) -> None:
    made: list[ssl.SSLSocket] = []

    def gone(self: ssl.SSLSocket) -> None:
        made.append(self)
        raise ConnectionResetError(errno.ECONNRESET, "Connection reset by peer")

    monkeypatch.setattr(ssl.SSLSocket, "getpeername", gone)
    with socket.create_server(("127.0.0.1", 0)) as server:
        connection = TlsConnection(host="127.0.0.1", port=server.getsockname()[1], retry=Retry(NoBackoff(), 0))
        with pytest.raises(redis.ConnectionError):
            connection.connect()
    assert [one.fileno() for one in made] == [-1]
