"""The process between environments and their Redis: it lets every byte through, as late as the link would.

`python -m runtime.local.link.proxy`: its standard input has one line of JSON (`socket`, the number of a listening
socket; `link`; `redis_url`), and its end is the end of this process, so that it goes with whoever started it. It
prints nothing; what it has to say goes to standard error.

An environment is told by the process id that its connections come from: its two lanes are shared by all of them. What
bytes mean is not known here: pipelines, blocking commands, half-closed connections and resets go through as they are.
"""

from __future__ import annotations

import asyncio
import gc
import json
import os
import resource
import socket
import struct
import sys
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

from runtime.links import LinkShape, parse_link
from runtime.local.link.fine_timers import FineLoop
from runtime.local.link.lane import Bounds, Lane, Pipe
from runtime.local.link.upstream import Upstream

DARWIN_PEER_PID = (0, 2)
"""SOL_LOCAL and LOCAL_PEERPID, which the `socket` module does not name."""


ACCEPT_AGAIN_S = 0.1
CONNECT_S = 10.0
PRIORITY = -10
"""As `nice` counts."""

AUTOGROUP = Path("/proc/self/autogroup")


SMALL_BYTES = 16 * 1024


class Buffers:
    """Where all connections read into, since what is read is taken out at once: copied when little, else as it is."""

    def __init__(self, size: int) -> None:
        self._size = size
        self.current = memoryview(bytearray(size))

    def take(self, count: int) -> bytes | memoryview:
        data = self.current[:count]
        if count <= SMALL_BYTES:
            return bytes(data)
        self.current = memoryview(bytearray(self._size))
        return data


class End(asyncio.BufferedProtocol):
    """One end of a connection: what it reads goes into `into`; `out_of` is the pipe that it is the sink of."""

    def __init__(self, buffers: Buffers, *, into: Pipe, out_of: Pipe, on_lost: Callable[[], None]) -> None:
        self._buffers = buffers
        self._into = into
        self._out_of = out_of
        self._on_lost = on_lost
        self._has_halves = True

    def connection_made(self, transport: Any) -> None:
        self._has_halves = transport.can_write_eof()
        self._into.source = transport
        self._out_of.open(transport)

    def get_buffer(self, _sizehint: int) -> memoryview:
        return self._buffers.current

    def buffer_updated(self, count: int) -> None:
        self._into.put(self._buffers.take(count))

    def eof_received(self) -> bool:
        self._into.end()
        return self._has_halves

    def pause_writing(self) -> None:
        self._out_of.block(True)

    def resume_writing(self) -> None:
        self._out_of.block(False)

    def connection_lost(self, exc: Exception | None) -> None:
        self._into.source = self._out_of.sink = None
        if exc is None:
            self._into.end()
        else:
            self._into.break_off()
        self._on_lost()


class Environment:
    """The two lanes of one environment, and how many ends of connections share them."""

    def __init__(self, shape: LinkShape) -> None:
        self.up = Lane(shape.bytes_per_s)
        self.down = Lane(shape.bytes_per_s)
        self.ends = 0


class Proxy:
    """Takes connections, and carries each over the lanes of the environment that it comes from."""

    def __init__(self, loop: FineLoop, shape: LinkShape, upstream: Upstream) -> None:
        self._loop = loop
        self._shape = shape
        self._bounds = Bounds.of(shape)
        self._upstream = upstream
        self._buffers = Buffers(self._bounds.chunk)
        self._environments: dict[int, Environment] = {}
        self._opening: set[asyncio.Task[None]] = set()

    async def accept_all(self, listening: socket.socket) -> None:
        """Take connections for ever."""
        while True:
            try:
                connection, _ = await self._loop.sock_accept(listening)
            except OSError as err:
                _say(f"a connection cannot be taken: {err}")
                await asyncio.sleep(ACCEPT_AGAIN_S)
                continue
            task = self._loop.create_task(self._open(connection))
            self._opening.add(task)
            task.add_done_callback(self._opening.discard)

    async def _open(self, connection: socket.socket) -> None:
        """Reach the Redis; what the connection says until then waits."""
        opens_at = self._loop.time() + self._shape.round_trip_s * self._upstream.trips_to_open
        pid = peer_of(connection)
        environment = self._environments.setdefault(pid, Environment(self._shape))
        environment.ends += 2
        up, down = self._pipe(environment.up, opens_at), self._pipe(environment.down, opens_at)

        def leave() -> None:
            environment.ends -= 1
            if not environment.ends:
                self._environments.pop(pid, None)

        client, _ = await self._loop.connect_accepted_socket(
            lambda: End(self._buffers, into=up, out_of=down, on_lost=leave), connection
        )
        try:
            async with asyncio.timeout(CONNECT_S):
                await self._upstream.connect(lambda: End(self._buffers, into=down, out_of=up, on_lost=leave))
        except OSError as err:
            _say(f"the Redis behind the link cannot be reached: {str(err) or 'no answer'}")
            leave()
            client.abort()

    def _pipe(self, lane: Lane, opens_at: float) -> Pipe:
        return Pipe(timer=self._loop, lane=lane, shape=self._shape, bounds=self._bounds, opens_at=opens_at)


def peer_of(connection: socket.socket) -> int:
    """The process at the other end of a unix socket."""
    if sys.platform == "linux":
        credentials = connection.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, struct.calcsize("3i"))
        return int(struct.unpack("3i", credentials)[0])
    return connection.getsockopt(*DARWIN_PEER_PID)


def _say(text: str) -> None:
    print(text, file=sys.stderr, flush=True)


async def serve(loop: FineLoop, listening: socket.socket, shape: LinkShape, upstream: Upstream) -> None:
    """Carry connections until standard input ends."""
    accepting = loop.create_task(Proxy(loop, shape, upstream).accept_all(listening))
    loop.add_reader(sys.stdin.fileno(), accepting.cancel)
    with suppress(asyncio.CancelledError):
        await accepting


def take_files() -> None:
    """As many connections as the system allows."""
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))


def go_first() -> None:
    """A network waits for no processor: before other processes, where the user may do that.

    Linux weighs sessions against each other where it groups tasks by them, and a process only within its own
    (https://man7.org/linux/man-pages/man7/sched.7.html, autogroup): both are asked for.
    """
    with suppress(PermissionError):
        os.setpriority(os.PRIO_PROCESS, 0, PRIORITY)
    if os.getsid(0) == os.getpid():
        with suppress(OSError):
            AUTOGROUP.write_text(str(PRIORITY))


def main() -> None:
    given = json.loads(sys.stdin.readline())
    listening = socket.socket(fileno=given["socket"])
    listening.setblocking(False)
    take_files()
    go_first()
    gc.freeze()
    loop = FineLoop()
    with asyncio.Runner(loop_factory=lambda: loop) as runner:
        runner.run(serve(loop, listening, parse_link(given["link"]), Upstream(given["redis_url"])))


if __name__ == "__main__":
    main()
