"""Whose process is at the other end of a loopback connection, as the kernel tells it (Linux: `sock_diag(7)`).

A port of loopback is open to every user of a machine, and who may make a function runs code as the service's user and
reads the signing key. So a connection must be the service's own user's, or root's, who needs no port for that. Who has
closed his end already is nobody's, and refused. Where the kernel does not tell, everybody is let in.
"""

from __future__ import annotations

import os
import socket
import struct
from functools import cache

NETLINK_SOCK_DIAG = 4
SOCK_DIAG_BY_FAMILY = 20
NLM_F_REQUEST = 1
NLMSG_ERROR = 2
NETLINK_HEADER = struct.Struct("=IHHII")
REQUEST = struct.Struct("=BBBxI")
PORTS = struct.Struct(">HH")
NO_COOKIE = struct.pack("=III", 0, 0xFFFFFFFF, 0xFFFFFFFF)
OWNER = struct.Struct("=II")
OWNER_OFFSET = NETLINK_HEADER.size + 64
ALL_STATES = 0xFFFFFFFF
ANSWER_BYTES = 4096
TIMEOUT_S = 1.0
Address = tuple[str, int]


def is_foreign(peer: Address, own: Address) -> bool:
    """Whether the connection from `peer` to `own`, both of loopback, is another user's."""
    return kernel_tells() and owner_of(peer, own) not in friends()


def friends() -> frozenset[int]:
    """The users who may call."""
    return frozenset((os.geteuid(), 0))


def owner_of(peer: Address, own: Address) -> int | None:
    """The user whose socket `peer` is; None for one that nobody holds any more, or of which the kernel says nothing."""
    try:
        with socket.socket(getattr(socket, "AF_NETLINK", -1), socket.SOCK_DGRAM, NETLINK_SOCK_DIAG) as kernel:
            kernel.settimeout(TIMEOUT_S)
            kernel.sendto(_question(peer, own), (0, 0))
            answer = kernel.recv(ANSWER_BYTES)
    except OSError:
        return None
    if len(answer) < OWNER_OFFSET + OWNER.size or NETLINK_HEADER.unpack_from(answer)[1] == NLMSG_ERROR:
        return None
    user, inode = OWNER.unpack_from(answer, OWNER_OFFSET)
    return int(user) if inode else None


def _question(peer: Address, own: Address) -> bytes:
    places = b"".join(socket.inet_aton(host) + bytes(12) for host, _ in (peer, own))
    body = REQUEST.pack(socket.AF_INET, socket.IPPROTO_TCP, 0, ALL_STATES) + PORTS.pack(peer[1], own[1]) + places
    size = NETLINK_HEADER.size + len(body) + len(NO_COOKIE)
    return NETLINK_HEADER.pack(size, SOCK_DIAG_BY_FAMILY, NLM_F_REQUEST, 1, 0) + body + NO_COOKIE


@cache
def kernel_tells() -> bool:
    """Whether this kernel knows the owner of a connection, tried with one to ourselves."""
    with socket.create_server(("127.0.0.1", 0)) as server, socket.create_connection(server.getsockname()) as client:
        return owner_of(client.getsockname(), server.getsockname()) == os.geteuid()
