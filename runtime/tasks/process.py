"""One process from its start to its end: its pipes pumped, its time kept, its whole group ended with it.

Nothing here knows tasks. One thread pumps all pipes, so that no size of input or output can block; when the process
has ended, what it left running in its group is killed, and what it had written is read. Children inherit no other
file of ours, read /dev/null when they get no input, and their error output goes on to ours while a tail of it is kept.
"""

from __future__ import annotations

import fcntl
import os
import selectors
import signal
import subprocess
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import IO, Literal

from runtime.tasks.guardian import MARK_VARIABLE, Guardian

MAX_OUTPUT_BYTES = 512 << 20
"""More than a value in Redis may have."""
STDERR_TAIL_BYTES = 8 << 10
TERM_GRACE_S = 2.0
"""Between SIGTERM and SIGKILL; less than the driver waits before it ends a stuck environment."""

_CHUNK = 1 << 18
_LARGE_PIPE = 1 << 20
_LOOK_S = 0.02

End = Literal["exited", "timeout", "too-much"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Program:
    """What to start. `executable` is the file's path, `argv[0]` what the process is told of it."""

    executable: str
    argv: Sequence[bytes]
    cwd: str
    variables: Mapping[str, str]
    stdin: bytes | bytearray | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Finished:
    """`code` is the exit code, or minus the signal; `end` says who ended it: itself, the clock, or its own output."""

    end: End
    code: int
    stdout: bytes
    stderr: bytes


def run_process(
    program: Program,
    guardian: Guardian,
    *,
    timeout_s: float,
    grace_s: float = TERM_GRACE_S,
    max_output: int = MAX_OUTPUT_BYTES,
) -> Finished:
    """Run it to its end, which is at the latest `grace_s` after `timeout_s`. Raises OSError when it cannot start.

    Whatever ends this call, the process group is dead after it.
    """
    deadline = time.monotonic() + timeout_s
    guardian.start()
    try:
        process = _start(program, guardian)
    except OSError:
        raise
    except BaseException:
        guardian.close()  # interrupted within the start: whatever has come of it bears the mark
        raise
    try:
        guardian.watch(process.pid)
        with _Pump(process, program.stdin, max_output) as pump:
            end = pump.run(deadline)
            if end == "timeout":
                _signal_group(process.pid, signal.SIGTERM)
                pump.run(time.monotonic() + grace_s)
            _end_group(process)
            pump.drain()
    finally:
        _end_group(process)
        guardian.forget(process.pid)
    return Finished(end=end, code=process.returncode, stdout=pump.output(), stderr=bytes(pump.tail))


def _start(program: Program, guardian: Guardian) -> subprocess.Popen[bytes]:
    return subprocess.Popen(
        program.argv,
        executable=program.executable,
        cwd=program.cwd,
        env={**program.variables, MARK_VARIABLE: guardian.mark},
        stdin=subprocess.DEVNULL if program.stdin is None else subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        bufsize=0,
        process_group=0,
    )


def _end_group(process: subprocess.Popen[bytes]) -> None:
    """Kill what is left of the group, then reap its leader, until when the group's number is nobody else's."""
    if process.returncode is not None:
        return
    _signal_group(process.pid, signal.SIGKILL)
    process.wait()


def _signal_group(group: int, number: signal.Signals) -> None:
    # No such group: it has ended. Not permitted: a program that runs as somebody else.
    with suppress(ProcessLookupError, PermissionError):
        os.killpg(group, number)


class _Pump:
    """The pipes of one process, until it has ended."""

    def __init__(self, process: subprocess.Popen[bytes], stdin: bytes | bytearray | None, limit: int):
        self.tail = bytearray()
        self._process = process
        self._chunks: list[bytes] = []
        self._size = 0
        self._limit = limit
        self._left = memoryview(stdin or b"")
        self._selector = selectors.PollSelector()
        self._exit_fd = _exit_fd(process.pid)
        if self._exit_fd >= 0:
            self._selector.register(self._exit_fd, selectors.EVENT_READ, self._exited)
        self._register(process.stdout, selectors.EVENT_READ, self._read_output)
        self._register(process.stderr, selectors.EVENT_READ, self._read_errors)
        if process.stdin is not None:
            if len(self._left) > _LARGE_PIPE:
                _enlarge(process.stdin)
            self._register(process.stdin, selectors.EVENT_WRITE, self._write_input)
        self._has_ended = False

    def run(self, deadline: float) -> End:
        """Pump until the process has ended, the deadline, or more output than may be."""
        while not self._has_ended:
            left = deadline - time.monotonic()
            if left <= 0:
                return "timeout"
            for key, _ in self._selector.select(left if self._exit_fd >= 0 else min(left, _LOOK_S)):
                key.data(key.fileobj)
            if self._exit_fd < 0:
                self._look()
            if self._size > self._limit:
                return "too-much"
        return "exited"

    def drain(self) -> None:
        """Read what the dead group has left in the pipes."""
        for file, read in ((self._process.stdout, self._read_output), (self._process.stderr, self._read_errors)):
            assert file is not None, "every output is a pipe"
            while not file.closed and self._size <= self._limit and read(file):
                continue

    def __enter__(self) -> _Pump:
        return self

    def __exit__(self, *_: object) -> None:
        for file in (self._process.stdout, self._process.stderr, self._process.stdin):
            if file is not None:
                file.close()
        self._selector.close()
        if self._exit_fd >= 0:
            os.close(self._exit_fd)

    def output(self) -> bytes:
        return self._chunks[0] if len(self._chunks) == 1 else b"".join(self._chunks)

    def _register(self, file: IO[bytes] | None, event: int, act: Callable[[IO[bytes]], object]) -> None:
        assert file is not None, "every output is a pipe"
        os.set_blocking(file.fileno(), False)
        self._selector.register(file, event, act)

    def _exited(self, _: object) -> None:
        self._has_ended = True

    def _look(self) -> None:
        """Where no file tells of the end: ask."""
        if os.waitid(os.P_PID, self._process.pid, os.WEXITED | os.WNOHANG | os.WNOWAIT) is not None:
            self._has_ended = True

    def _read_output(self, file: IO[bytes]) -> bool:
        data = self._read(file)
        if data:
            self._chunks.append(data)
            self._size += len(data)
        return bool(data)

    def _read_errors(self, file: IO[bytes]) -> bool:
        data = self._read(file)
        if data:
            self.tail += data
            del self.tail[:-STDERR_TAIL_BYTES]
            _pass_on(data)
        return bool(data)

    def _read(self, file: IO[bytes]) -> bytes:
        """What is there now; nothing at the end, which closes the file."""
        try:
            data = os.read(file.fileno(), _CHUNK)
        except BlockingIOError:
            return b""
        if not data:
            self._close(file)
        return data

    def _write_input(self, file: IO[bytes]) -> None:
        try:
            self._left = self._left[os.write(file.fileno(), self._left[:_CHUNK]) :]
        except BlockingIOError:
            return
        except BrokenPipeError:
            self._left = memoryview(b"")  # it has read as much as it wanted
        if not self._left:
            self._close(file)

    def _close(self, file: IO[bytes]) -> None:
        self._selector.unregister(file)
        file.close()


def _exit_fd(pid: int) -> int:
    """A file that becomes readable when the process ends, -1 where the system has none."""
    try:
        return os.pidfd_open(pid)
    except (AttributeError, OSError):
        return -1


def _enlarge(file: IO[bytes]) -> None:
    """A large pipe means fewer turns; the system may refuse it."""
    with suppress(OSError, AttributeError):
        fcntl.fcntl(file.fileno(), fcntl.F_SETPIPE_SZ, _LARGE_PIPE)


def _pass_on(data: bytes) -> None:
    """To this process's own error output: the log of the environment, or the terminal of an inline run."""
    with suppress(OSError):
        os.write(2, data)
