"""The service's side of the fork servers: start them, ask them for environments, hear of every exit.

One fork server per code folder and preload list. What runs in it is `zygote`; what an environment is for
is `environments`.
"""

from __future__ import annotations

import asyncio
import importlib.util
import itertools
import json
import os
import signal
import socket
import subprocess
import sys
from collections import deque
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from importlib.abc import InspectLoader
from pathlib import Path

PACKET = 1 << 20


@dataclass(frozen=True, slots=True, kw_only=True)
class Launch:
    """What an environment's process is started with."""

    handler: str
    code: Path
    preload: tuple[str, ...]
    variables: Mapping[str, str]
    log: Path


@dataclass(frozen=True, slots=True, kw_only=True)
class Watcher:
    """Whom to tell: once that the process has its pid, once that it has ended (exit code, or minus the signal)."""

    on_started: Callable[[int], None]
    on_exited: Callable[[int | None, str], None]


def base_variables(home: Path) -> dict[str, str]:
    """The variables every environment starts from: nothing of the caller's but where libraries lie."""
    variables = {
        "PATH": "/usr/local/bin:/usr/bin:/bin",
        "LANG": "C.UTF-8",
        "TZ": ":UTC",
        "HOME": str(home),
        "AWS_EC2_METADATA_DISABLED": "true",
    }
    if "LD_LIBRARY_PATH" in os.environ:
        variables["LD_LIBRARY_PATH"] = os.environ["LD_LIBRARY_PATH"]
    return variables


def program_source(name: str) -> str:
    """The source text of a module, also out of a zip. Raises ImportError when it has none."""
    spec = importlib.util.find_spec(name)
    loader = spec.loader if spec is not None else None
    source = loader.get_source(name) if isinstance(loader, InspectLoader) else None
    if source is None:
        raise ImportError(f"no source text for {name}", name=name)
    return source


class Zygote:
    """One running fork server."""

    def __init__(self, *, code: Path, preload: tuple[str, ...], home: Path, log: Path) -> None:
        self._watchers: dict[int, Watcher] = {}
        self._starting: dict[int, Watcher] = {}
        self._outbox: deque[bytes] = deque()
        self._numbers = itertools.count(1)
        self._loop = asyncio.get_running_loop()
        ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        ours.setblocking(False)
        program = log.parent / "zygote.py"
        program.write_text(program_source("runtime.local.zygote"))
        command = [sys.executable, str(program)]
        command += [str(theirs.fileno()), str(os.getpid()), str(code), ",".join(preload)]
        with log.open("ab") as output, theirs:
            self.process = subprocess.Popen(
                command,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=output,
                env=base_variables(home),
                cwd=home,
                pass_fds=[theirs.fileno()],
                start_new_session=True,
            )
        self._socket = ours
        self._is_released = False
        self.is_alive = True
        self._loop.add_reader(ours.fileno(), self._read)

    def start(self, launch: Launch, watcher: Watcher, *, mode: str) -> None:
        """Ask for one environment; `watcher` hears the rest, `on_exited` always last."""
        number = next(self._numbers)
        self._starting[number] = watcher
        request = {
            "start": number,
            "mode": mode,
            "handler": launch.handler,
            "cwd": str(launch.code),
            "env": dict(launch.variables),
            "log": str(launch.log),
        }
        self._send(request)

    def kill(self, pid: int, number: signal.Signals) -> None:
        """Signal an environment and its whole process group."""
        if pid in self._watchers:
            self._send({"kill": pid, "signal": int(number)})

    def adopt(self, code: Path, preload: tuple[str, ...]) -> None:
        """From now on fork for this code."""
        self._send({"adopt": str(code), "preload": list(preload)})

    def release(self) -> None:
        """No environment is asked for any more: end with the last one there is."""
        self._is_released = True
        if not self._starting and not self._watchers:
            self.close()

    def close(self) -> None:
        """End the fork server; the kernel ends what it has forked."""
        self._lose("the service stops")
        self.process.kill()
        self.process.wait()

    def _send(self, message: Mapping[str, object]) -> None:
        self._outbox.append(json.dumps(message).encode())
        if len(self._outbox) == 1:
            self._flush()

    def _flush(self) -> None:
        """Send what waits; the rest goes when the fork server, busy with imports, has made room."""
        try:
            while self._outbox:
                self._socket.send(self._outbox[0])
                self._outbox.popleft()
        except BlockingIOError:
            self._loop.add_writer(self._socket.fileno(), self._flush)
            return
        except OSError as err:
            self._outbox.clear()
            self._loop.call_soon(self._lose, f"the fork server does not answer: {err}")
            return
        self._loop.remove_writer(self._socket.fileno())

    def _read(self) -> None:
        while self.is_alive:
            try:
                packet = self._socket.recv(PACKET)
            except BlockingIOError:
                return
            except ConnectionResetError:
                packet = b""
            if not packet:
                self._lose("the fork server ended")
                self.process.kill()
                self.process.wait()
                return
            self._take(json.loads(packet))

    def _take(self, message: Mapping[str, int]) -> None:
        if "started" in message:
            watcher = self._starting.pop(message["started"])
            self._watchers[message["pid"]] = watcher
            watcher.on_started(message["pid"])
        elif "failed" in message:
            self._starting.pop(message["failed"]).on_exited(None, str(message["reason"]))
        elif "exited" in message:
            watched = self._watchers.pop(message["exited"], None)
            if watched is not None:
                watched.on_exited(message["status"], "")
            if self._is_released:
                self.release()

    def _lose(self, reason: str) -> None:
        if not self.is_alive:
            return
        self.is_alive = False
        self._loop.remove_reader(self._socket.fileno())
        self._loop.remove_writer(self._socket.fileno())
        self._socket.close()
        lost = [*self._starting.values(), *self._watchers.values()]
        self._starting.clear()
        self._watchers.clear()
        for watcher in lost:
            watcher.on_exited(-signal.SIGKILL, reason)


class Spawner:
    """Starts environments in one of two modes: "zygote" (forked from a warm interpreter) or "exec" (a fresh one).

    `ahead` names modules of the interpreter that most functions want. A spare fork server imports them while
    there is no function yet, and is taken by the first one whose preload list names them all.
    """

    def __init__(self, *, mode: str, home: Path, log: Path, ahead: tuple[str, ...] = ()) -> None:
        self._mode = "exec" if mode == "exec" else "fork"
        self._home = home
        self._log = log
        self._zygotes: dict[tuple[Path, tuple[str, ...]], Zygote] = {}
        self._released: list[Zygote] = []
        self._ahead = ahead
        self._spare = self._make(home, ahead) if ahead and self._mode == "fork" else None

    def start(self, launch: Launch, watcher: Watcher) -> Zygote:
        """Start an environment; returns the fork server that owns its process."""
        zygote = self.warm(launch.code, launch.preload)
        zygote.start(launch, watcher, mode=self._mode)
        return zygote

    def warm(self, code: Path, preload: tuple[str, ...]) -> Zygote:
        """The fork server for this code, started when there is none that lives."""
        # In exec mode a fresh interpreter shares nothing, so one bare fork server serves all code.
        key = (code, preload) if self._mode == "fork" else (self._home, ("-",))
        zygote = self._zygotes.get(key)
        if zygote is None or not zygote.is_alive:
            zygote = self._take_spare(*key) or self._make(*key)
            self._zygotes[key] = zygote
        return zygote

    def _make(self, code: Path, preload: tuple[str, ...]) -> Zygote:
        return Zygote(code=code, preload=preload, home=self._home, log=self._log)

    def _take_spare(self, code: Path, preload: tuple[str, ...]) -> Zygote | None:
        spare = self._spare
        if spare is None or not spare.is_alive or not set(self._ahead) <= set(preload):
            return None
        self._spare = None
        spare.adopt(code, preload)
        return spare

    def retire(self, in_use: set[tuple[Path, tuple[str, ...]]]) -> None:
        """End the fork servers that no function needs any more, each with its last environment."""
        if self._mode == "exec":
            return
        for key in [key for key in self._zygotes if key not in in_use]:
            zygote = self._zygotes.pop(key)
            zygote.release()
            self._released.append(zygote)
        self._released = [zygote for zygote in self._released if zygote.is_alive]

    def close(self) -> None:
        spare = [] if self._spare is None else [self._spare]
        for zygote in [*self._zygotes.values(), *self._released, *spare]:
            zygote.close()
        self._zygotes.clear()
        self._released.clear()
