"""Which file a descriptor stands for: user code in this process may close any, and open others under its number."""

from __future__ import annotations

import os
import socket

Identity = tuple[int, int] | None


def file_of(descriptor: int) -> Identity:
    """Device and inode of an open descriptor, None when the number is free."""
    try:
        found = os.fstat(descriptor)
    except OSError:
        return None
    return found.st_dev, found.st_ino


def is_still(opened: socket.socket, identity: Identity) -> bool:
    """Whether the number stands for what the socket opened; else it is let go, so that closing it does no harm."""
    if file_of(opened.fileno()) == identity:
        return True
    opened.detach()
    return False
