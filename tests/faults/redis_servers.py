"""A Redis of the test's own that can be killed, brought back with as much as it would have kept, stopped and followed.

`kill -9` alone loses nothing: what Redis has written lies in the system's cache. What a power cut loses is cut off the
end of the append-only file, which is a prefix of the history, as a replica that lags is.
"""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import tempfile
import threading
import time
from collections import deque
from pathlib import Path

from runtime.local.redis_server import ask, find_redis_server

READY_S = 20.0
SAMPLE_S = 0.02
KEPT_S = 5.0


class RedisServer:
    """One server at one address, through all its lives.

    `fsync` "" is a server that keeps nothing; `follows` is the port of another's whose replica this is.
    """

    def __init__(self, fsync: str, *, port: str = "0", follows: str = "") -> None:
        # A socket's path has to be short.
        folder = self.folder = Path(tempfile.mkdtemp(prefix="treadle-", dir="/tmp"))
        self.socket_path = folder / "redis.sock"
        self._fsync = fsync
        self._port = port
        self._follows = follows
        self._process: subprocess.Popen[bytes] | None = None
        self._sizes: deque[tuple[float, int]] = deque(maxlen=int(KEPT_S / SAMPLE_S))
        self._ends = threading.Event()
        self._sampler = threading.Thread(target=self._sample, daemon=True)

    @property
    def url(self) -> str:
        return f"unix://{self.socket_path}"

    def __enter__(self) -> RedisServer:
        self.start()
        self._sampler.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._ends.set()
        self._sampler.join()
        self.kill()
        shutil.rmtree(self.folder)

    def start(self) -> None:
        """Start, or start again with what is kept; returns once it answers."""
        command = [str(find_redis_server()), "--port", self._port, "--unixsocket", str(self.socket_path)]
        command += ["--dir", str(self.folder), "--save", "", "--daemonize", "no"]
        if self._fsync:
            command += ["--appendonly", "yes", "--appendfsync", self._fsync, "--auto-aof-rewrite-percentage", "0"]
        if self._follows:
            command += ["--replicaof", "127.0.0.1", self._follows]
        with (self.folder / "redis.log").open("ab") as log:
            self._process = subprocess.Popen(command, stdout=log, stderr=log)
        self._sizes.clear()
        give_up = time.monotonic() + READY_S
        while not self._answers():
            assert self._process.poll() is None, (self.folder / "redis.log").read_text()[-2000:]
            assert time.monotonic() < give_up, "the Redis of this test does not answer"
            time.sleep(0.002)

    def kill(self) -> None:
        """SIGKILL; a server that has ended already stays so."""
        if self._process is not None:
            self._process.kill()
            self._process.wait()
            self._process = None

    def forget(self, seconds: float) -> int:
        """Of a server that was killed: cut off what it wrote in its last `seconds`; returns the bytes lost."""
        assert self._process is None, "only a server that has ended forgets"
        file, until = self._log_file(), time.monotonic() - seconds
        size = file.stat().st_size
        kept = max((known for at, known in tuple(self._sizes) if at <= until), default=0)
        os.truncate(file, kept)
        return size - kept

    def pause(self) -> None:
        self._signal(signal.SIGSTOP)

    def resume(self) -> None:
        self._signal(signal.SIGCONT)

    def take_over(self, address: Path) -> None:
        """Answer at another server's address, which has ended."""
        os.replace(self.socket_path, address)
        self.socket_path = address

    def _signal(self, number: signal.Signals) -> None:
        assert self._process is not None, "the server lives"
        self._process.send_signal(number)

    def _answers(self) -> bool:
        try:
            return ask(self.socket_path, "PING", timeout_s=1.0) == "+PONG"
        except OSError:
            return False

    def _log_file(self) -> Path:
        (found,) = (self.folder / "appendonlydir").glob("*.incr.aof")
        return found

    def _sample(self) -> None:
        """How long the append-only file was at which time."""
        while self._fsync and not self._ends.wait(SAMPLE_S):
            self._sizes.append((time.monotonic(), self._log_file().stat().st_size))
