"""The service's side of its links: one process for each link and Redis in use, found by environments at a socket.

A function whose variables name a link (`links.NETWORK_VARIABLE`) has environments that are told the socket's URL
instead of the Redis's. The socket is opened here and handed over, so that nobody waits for the process; one that dies
is followed by another at the same socket. What the process does is `proxy`.
"""

from __future__ import annotations

import asyncio
import itertools
import json
import socket
import subprocess
import sys
from collections.abc import Iterable, Mapping
from pathlib import Path

from runtime.links import NETWORK_VARIABLE, NO_LINK
from runtime.local.daemon import daemon_variables
from runtime.local.link.upstream import url_through

REDIS_VARIABLE = "TREADLE_REDIS_URL"
BACKLOG = 4096
SHORTEST_LIFE_S = 1.0
"""A process that lives no longer than this is followed by another only after as long a pause."""

STOP_S = 2.0
Key = tuple[str, str]


class LinkProcess:
    """One link: a listening socket, and the process that serves it."""

    def __init__(self, key: Key, folder: Path, number: int) -> None:
        self.key = key
        self.path = folder / f"link-{number}.sock"
        self._log = folder / "link.log"
        self._loop = asyncio.get_running_loop()
        self._listening = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self._listening.bind(str(self.path))
        self._listening.listen(BACKLOG)
        self._restart: asyncio.TimerHandle | None = None
        self._start()

    @property
    def pid(self) -> int:
        return self._process.pid

    def _start(self) -> None:
        link, redis_url = self.key
        with self._log.open("ab") as output:
            process = subprocess.Popen(
                [sys.executable, "-P", "-m", "runtime.local.link.proxy"],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=output,
                env=daemon_variables(),
                pass_fds=[self._listening.fileno()],
                start_new_session=True,
            )
        assert process.stdin is not None and process.stdout is not None
        told = {"socket": self._listening.fileno(), "link": link, "redis_url": redis_url}
        process.stdin.write(json.dumps(told).encode() + b"\n")
        process.stdin.flush()
        self._process = process
        self._started_at = self._loop.time()
        self._loop.add_reader(process.stdout.fileno(), self._died)

    def _died(self) -> None:
        """The process prints nothing, so its output moves when it ends."""
        self._end()
        is_soon = self._loop.time() - self._started_at < SHORTEST_LIFE_S
        self._restart = self._loop.call_later(SHORTEST_LIFE_S if is_soon else 0.0, self._start)

    def close(self) -> None:
        """End the process, and the connections through it."""
        if self._restart is not None:
            self._restart.cancel()
        self._end()
        self._listening.close()
        self.path.unlink(missing_ok=True)

    def _end(self) -> None:
        process = self._process
        assert process.stdin is not None and process.stdout is not None
        if not process.stdout.closed:
            self._loop.remove_reader(process.stdout.fileno())
        process.stdout.close()
        process.stdin.close()
        try:
            process.wait(STOP_S)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


class Links:
    """The links of one service, by what they look like and where they lead."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._numbers = itertools.count()
        self._links: dict[Key, LinkProcess] = {}

    def of(self, variables: Mapping[str, str]) -> dict[str, str]:
        """A function's variables as its environments have them."""
        key = _key(variables)
        seen = {name: text for name, text in variables.items() if name != NETWORK_VARIABLE}
        if key is None:
            return seen
        return seen | {REDIS_VARIABLE: url_through(self._link(key).path, key[1])}

    def match(self, used: Iterable[Mapping[str, str]]) -> None:
        """Start the links that these variables of functions and environments name, and end the others."""
        keys = {key for variables in used if (key := _key(variables)) is not None}
        for key in keys:
            self._link(key)
        for key in [key for key in self._links if key not in keys]:
            self._links.pop(key).close()

    def describe(self) -> list[dict[str, object]]:
        return [{"link": key[0], "pid": link.pid} for key, link in self._links.items()]

    def close(self) -> None:
        for link in self._links.values():
            link.close()
        self._links.clear()

    def _link(self, key: Key) -> LinkProcess:
        if key not in self._links:
            self._links[key] = LinkProcess(key, self._folder, next(self._numbers))
        return self._links[key]


def _key(variables: Mapping[str, str]) -> Key | None:
    link = variables.get(NETWORK_VARIABLE, NO_LINK)
    return None if link == NO_LINK else (link, variables.get(REDIS_VARIABLE, ""))
