"""A link of a test's own: the real process between the test and a real Redis, or any server at a unix socket."""

from __future__ import annotations

import json
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

PATIENCE_S = 20.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Linked:
    """A running link. `path` is the socket to reach the server through it."""

    process: subprocess.Popen[bytes]
    path: Path

    def connect(self) -> socket.socket:
        connection = socket.socket(socket.AF_UNIX)
        connection.settimeout(PATIENCE_S)
        connection.connect(str(self.path))
        return connection

    def resident_bytes(self) -> int:
        """The most memory that it has had."""
        status = Path(f"/proc/{self.process.pid}/status").read_text()
        return int(status.split("VmHWM:")[1].split()[0]) * 1024


@contextmanager
def linked(folder: Path, redis_url: str, link: str) -> Iterator[Linked]:
    """The link runs inside; it has ended by itself when the block is left."""
    path = folder / "link.sock"
    with socket.socket(socket.AF_UNIX) as listening, (folder / "link.log").open("ab") as log:
        listening.bind(str(path))
        listening.listen(4096)
        process = subprocess.Popen(
            [sys.executable, "-P", "-m", "runtime.local.link.proxy"],
            stdin=subprocess.PIPE,
            stderr=log,
            pass_fds=[listening.fileno()],
        )
        assert process.stdin is not None
        told = {"socket": listening.fileno(), "link": link, "redis_url": redis_url}
        process.stdin.write(json.dumps(told).encode() + b"\n")
        process.stdin.flush()
    try:
        yield Linked(process=process, path=path)
    finally:
        process.stdin.close()
        code = process.wait(PATIENCE_S)
    assert code == 0, (folder / "link.log").read_text()
