"""Connections to Redis that notice when user code has closed their descriptor: the number may be a user's file by now.

A task may close every descriptor of its process. What would then be written goes to whatever file has the number
since, and what would be closed is that file. Each connection therefore knows the socket that it opened, looks before it
writes or closes, and lets go of a number that is not its own; the client library then connects anew.

None tells the server the name and the version of the client library, which would be two round trips more for each.
"""

from __future__ import annotations

import socket
import ssl
from collections.abc import Mapping
from contextlib import suppress
from inspect import signature
from traceback import walk_tb
from typing import Any

from redis.connection import AbstractConnection, Connection, SSLConnection, UnixDomainSocketConnection

from runtime.tasks.descriptors import Identity, file_of, is_still

SETTINGS = signature(AbstractConnection.__init__).parameters
NAMELESS = dict.fromkeys(("driver_info",) if "driver_info" in SETTINGS else ("lib_name", "lib_version"))
"""The settings that keep a connection from saying what it is, by the library's version."""


class Guarded:
    """What the connection classes below have in common; mixed in before one of the client library's."""

    _sock: Any
    _opened: Identity = None

    def __init__(self, **settings: Any) -> None:
        super().__init__(**NAMELESS | settings)

    def _connect(self) -> socket.socket:
        opened: socket.socket = super()._connect()  # type: ignore[misc]
        self._opened = file_of(opened.fileno())
        return opened

    def send_packed_command(self, command: Any, check_health: bool = True) -> None:
        self._look()
        super().send_packed_command(command, check_health)  # type: ignore[misc]

    def can_read(self, timeout: float = 0) -> bool:
        self._look()
        return bool(super().can_read(timeout))  # type: ignore[misc]

    def disconnect(self, *args: Any) -> None:
        if self._sock is not None:
            is_still(self._sock, self._opened)
        super().disconnect(*args)  # type: ignore[misc]

    def interrupt(self) -> None:
        """End what another thread reads from it now: the server closes it, and then the reader sees that it has.

        So the server never counts this one and the next at one time.
        """
        if self._sock is not None and is_still(self._sock, self._opened):
            with suppress(OSError):
                socket.socket.shutdown(self._sock, socket.SHUT_WR)

    def _look(self) -> None:
        if self._sock is not None and not is_still(self._sock, self._opened):
            self.disconnect()


class TcpConnection(Guarded, Connection):
    """redis://"""


class TlsConnection(Guarded, SSLConnection):
    """rediss://. Where the server goes away between the connection and the handshake, `ssl.SSLSocket` fails while it is
    made and stays open, closed by nobody: it is found where the error comes from, and closed here.
    """

    def _wrap_socket_with_ssl(self, sock: socket.socket) -> Any:
        try:
            return super()._wrap_socket_with_ssl(sock)  # type: ignore[no-untyped-call]
        except OSError as err:
            for frame, _ in walk_tb(err.__traceback__):
                if isinstance(made := frame.f_locals.get("self"), ssl.SSLSocket):
                    made.close()
            raise


class UnixConnection(Guarded, UnixDomainSocketConnection):
    """unix://"""


GUARDED: Mapping[type[Any], type[Any]] = {
    Connection: TcpConnection,
    SSLConnection: TlsConnection,
    UnixDomainSocketConnection: UnixConnection,
}


def guarded_class(plain: type[Any]) -> type[Any]:
    """The class here for one of the client library's, which it takes from a URL."""
    return GUARDED[plain]
