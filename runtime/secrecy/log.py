"""Where this process's output goes: straight to its log, or through a filter once it knows a secret.

The filter (`runtime.secrecy.filter`) takes the place of standard output and standard error, so that what child
processes, libraries and the interpreter itself write passes through it as well. Before anybody gets a secret the filter
has said that it hides it. From then on the log's own end is `descriptor`; who wants to know what has been written so
far lets the filter settle first. `close` gives the process back as it was found.
"""

from __future__ import annotations

import os
import sys
import threading
from collections.abc import Iterable, Sequence
from contextlib import ExitStack, suppress
from os.path import abspath, dirname
from typing import TYPE_CHECKING

from runtime.errors import RuntimeFault
from runtime.secrecy.protocol import IS_BUSY, IS_HOLDING, LENGTH_BYTES, STATE_BYTES
from runtime.tasks.descriptors import Identity, file_of

if TYPE_CHECKING:
    import socket
    from mmap import mmap

STDOUT, STDERR = 1, 2
ROOT = dirname(dirname(dirname(abspath(__file__))))
PROGRAM = "import sys; sys.path.insert(0, sys.argv.pop(1)); from runtime.secrecy.filter import main; main(sys.argv[1:])"
ANSWER_S = 10.0
PIPE_BYTES = 1 << 20
ENDED = "its filter has ended"


class LogUnfiltered(RuntimeFault):
    """The filter of the log cannot be started, or does not answer."""

    code = "log-unfiltered"


class Log:
    """The output of this process. `descriptor` is -1 once user code has closed it, or what leads to its filter."""

    def __init__(self) -> None:
        self.descriptor = STDOUT
        self._control: socket.socket | None = None
        self._opened: dict[int, Identity] = {}
        self._logs: dict[int, int] = {}
        self._pipes: tuple[int, ...] = ()
        self._state: mmap | None = None
        self._lock = threading.Lock()

    def hide(self, spelled: Iterable[str]) -> None:
        """Returns when these are hidden. Raises LogUnfiltered."""
        data = [text.encode("utf-8", "surrogateescape") for text in spelled]
        with self._lock:
            try:
                if self._control is None:
                    self._start()
                self._ask(b"hide", *data)
            except OSError as err:
                raise LogUnfiltered(f"no secret can be read, as the log cannot be filtered: {err}") from err

    def settle(self) -> None:
        """Returns when what was written is in the log, but for what may be the beginning of a secret."""
        if self._control is not None and not self._is_settled(IS_BUSY):
            self._ask_quietly(b"settle")

    def flush(self) -> None:
        """Returns when all that was written is in the log."""
        if self._control is not None and not self._is_settled(IS_BUSY, IS_HOLDING):
            self._ask_quietly(b"flush")

    def close(self) -> None:
        """Everything is in the log, and the filter gone."""
        _flush_streams()
        self.flush()
        with self._lock:
            if self._control is None:
                return
            for stream, log in self._logs.items():
                if self._is_still(log):
                    os.dup2(log, stream)
                    os.close(log)
            if self._is_still(self._control.fileno()):
                self._control.close()
            self._logs.clear()
            self._control, self.descriptor = None, STDOUT

    def _ask_quietly(self, word: bytes) -> None:
        with self._lock, suppress(OSError):
            self._ask(word)

    def _is_settled(self, *signs: int) -> bool:
        """Nothing is on its way: known without asking, as most tasks write nothing. The order of the looks matters."""
        state = self._state
        if state is None or not self._is_still(self.descriptor):
            return False
        try:
            if any(map(_has_unread, self._pipes)):
                return False
        except OSError:
            return False
        return not any([state[sign] for sign in signs])

    def _ask(self, *message: bytes) -> None:
        """Raises OSError when there is no answer."""
        import marshal

        control = self._control
        if control is None:
            return
        if not (self._is_still(control.fileno()) and self._is_still(self.descriptor)):
            control.detach()  # the number may be another's, who must not be sent this
            self.descriptor = -1
            raise OSError(ENDED)
        data = marshal.dumps(message)
        try:
            control.sendall(len(data).to_bytes(LENGTH_BYTES) + data)
            answer = control.recv(1)
        except ConnectionError:
            answer = b""
        if not answer:
            raise OSError(ENDED)

    def _is_still(self, descriptor: int) -> bool:
        """The number stands for what was opened under it here."""
        return descriptor in self._opened and file_of(descriptor) == self._opened[descriptor]

    def _start(self) -> None:
        """Raises OSError, and has changed nothing then."""
        import socket

        _flush_streams()
        is_one = file_of(STDOUT) == file_of(STDERR)
        with ExitStack() as made:
            logs = {stream: _closing(os.dup(stream), made) for stream in (STDOUT, STDERR)}
            ours, theirs = socket.socketpair()
            made.callback(ours.close)
            pipes = [tuple(_closing(end, made) for end in os.pipe()) for _ in range(1 if is_one else 2)]
            state = _shared_memory(made)
            with theirs:
                ends = [end for (read, _), log in zip(pipes, logs.values(), strict=False) for end in (read, log)]
                _run_filter(state, theirs.fileno(), ends)
            for stream, (_, write) in zip(logs, (pipes * 2)[:2], strict=True):
                _enlarge(write)
                os.dup2(write, stream)
            made.pop_all()
        self._state = _mapped(state)
        for end in (*(end for pipe in pipes for end in pipe), *([state] if state >= 0 else [])):
            os.close(end)
        ours.settimeout(ANSWER_S)
        self._control, self._logs, self.descriptor = ours, logs, logs[STDOUT]
        self._pipes = (STDOUT,) if is_one else (STDOUT, STDERR)
        self._opened = {number: file_of(number) for number in (ours.fileno(), *logs.values())}


def _shared_memory(made: ExitStack) -> int:
    """Memory that the filter may see, -1 where the system has none."""
    try:
        memory = _closing(os.memfd_create("filter"), made)
    except (AttributeError, OSError):
        return -1
    os.ftruncate(memory, STATE_BYTES)
    return memory


def _mapped(memory: int) -> mmap | None:
    from mmap import mmap

    return mmap(memory, STATE_BYTES) if memory >= 0 else None


def _has_unread(pipe: int) -> bool:
    from fcntl import ioctl
    from termios import FIONREAD

    return ioctl(pipe, FIONREAD, bytes(4)) != bytes(4)


def _closing(descriptor: int, made: ExitStack) -> int:
    made.callback(os.close, descriptor)
    return descriptor


def _enlarge(pipe: int) -> None:
    """A large pipe means fewer turns; the system may refuse it."""
    import fcntl

    with suppress(OSError, AttributeError):
        fcntl.fcntl(pipe, fcntl.F_SETPIPE_SZ, PIPE_BYTES)


def _flush_streams() -> None:
    for stream in (sys.stdout, sys.stderr):
        with suppress(AttributeError, OSError, ValueError):
            stream.flush()


def _run_filter(state: int, control: int, ends: Sequence[int]) -> None:
    """Start the filter; it is nobody's child. Raises OSError."""
    import subprocess  # a worker without secrets does not pay for it

    words = [sys.executable, "-I", "-S", "-c", PROGRAM, ROOT, *map(str, (os.getpid(), state, control, *ends))]
    process = subprocess.Popen(
        words,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        pass_fds=(*([state] if state >= 0 else []), control, *ends),
        cwd="/",
        env={},
        start_new_session=True,
    )
    if process.wait(ANSWER_S):
        raise OSError("its filter does not start")
