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
from contextlib import suppress
from os.path import abspath, dirname
from typing import TYPE_CHECKING

from runtime.errors import RuntimeFault
from runtime.tasks.descriptors import file_of

if TYPE_CHECKING:
    import socket

STDOUT, STDERR = 1, 2
ROOT = dirname(dirname(dirname(abspath(__file__))))
PROGRAM = "import sys; sys.path.insert(0, sys.argv.pop(1)); from runtime.secrecy.filter import main; main(sys.argv[1:])"
ANSWER_S = 10.0
PIPE_BYTES = 1 << 20


class LogUnfiltered(RuntimeFault):
    """The filter of the log cannot be started, or does not answer."""

    code = "log-unfiltered"


class Log:
    """The output of this process."""

    def __init__(self) -> None:
        self.descriptor = STDOUT
        self._control: socket.socket | None = None
        self._saved: list[tuple[int, int]] = []
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
        self._ask_if_filtered(b"settle")

    def flush(self) -> None:
        """Returns when all that was written is in the log."""
        self._ask_if_filtered(b"flush")

    def close(self) -> None:
        """Everything is in the log, and the filter gone."""
        _flush_streams()
        self.flush()
        with self._lock:
            for stream, log in self._saved:
                os.dup2(log, stream)
                os.close(log)
            self._saved.clear()
            self.descriptor = STDOUT
            if self._control is not None:
                self._control.close()
                self._control = None

    def _ask_if_filtered(self, word: bytes) -> None:
        if self._control is not None:
            with self._lock, suppress(OSError):
                self._ask(word)

    def _ask(self, *message: bytes) -> None:
        """Raises OSError when there is no answer."""
        import marshal

        from runtime.secrecy.filter import LENGTH_BYTES

        if self._control is None:
            return
        data = marshal.dumps(message)
        try:
            self._control.sendall(len(data).to_bytes(LENGTH_BYTES) + data)
            answer = self._control.recv(1)
        except ConnectionError:
            answer = b""
        if not answer:
            raise OSError("its filter has ended")

    def _start(self) -> None:
        import fcntl
        import socket

        _flush_streams()
        streams = [[STDOUT, STDERR]] if file_of(STDOUT) == file_of(STDERR) else [[STDOUT], [STDERR]]
        self._saved = [(stream, os.dup(stream)) for stream in (STDOUT, STDERR)]
        logs = dict(self._saved)
        pipes = [os.pipe() for _ in streams]
        ours, theirs = socket.socketpair()
        with theirs:
            ends = [end for (read, _), group in zip(pipes, streams, strict=True) for end in (read, logs[group[0]])]
            _run_filter(theirs.fileno(), ends)
        ours.settimeout(ANSWER_S)
        for (read, write), group in zip(pipes, streams, strict=True):
            os.close(read)
            with suppress(OSError, AttributeError):
                fcntl.fcntl(write, fcntl.F_SETPIPE_SZ, PIPE_BYTES)
            for stream in group:
                os.dup2(write, stream)
            os.close(write)
        self._control, self.descriptor = ours, logs[STDOUT]


def _flush_streams() -> None:
    for stream in (sys.stdout, sys.stderr):
        with suppress(AttributeError, OSError, ValueError):
            stream.flush()


def _run_filter(control: int, ends: Sequence[int]) -> None:
    """Start the filter; it is nobody's child. Raises OSError."""
    import subprocess  # a worker without secrets does not pay for it

    words = [sys.executable, "-I", "-S", "-c", PROGRAM, ROOT, *map(str, (os.getpid(), control, *ends))]
    process = subprocess.Popen(
        words,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        pass_fds=(control, *ends),
        cwd="/",
        env={},
        start_new_session=True,
    )
    if process.wait(ANSWER_S):
        raise OSError("its filter does not start")
