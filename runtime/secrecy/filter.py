"""The process between an environment and its log: what is written passes through it, secrets become `***`.

Its arguments are the id of the process whose output it is, and descriptors: STATE, CONTROL, then PIPE LOG for each
stream. It is a process of its own, because a thread there would stand still with whoever holds the interpreter and
fills the pipe, and because it still writes what came from a process that was killed. The beginning of a secret is held
back until more comes, an attempt ends, or the pipe does: it may come in several writes.

STATE is memory that both see, two bytes: whether something is read and not yet written, and whether something is held
back. Who finds the pipe empty, and then both 0, need not ask. It is -1 where the system has no such memory.

On CONTROL come messages, each marshalled after its length: `["hide", spelling, …]`, `["settle"]` (everything that was
written is passed on, but what is held back) and `["flush"]` (that too); each is answered by one byte. It ends when all
who write have ended, or a moment after that process.
"""

from __future__ import annotations

import marshal
import mmap
import os
import select
import sys
from collections.abc import Sequence

from runtime.secrecy.masking import Flow
from runtime.secrecy.protocol import IS_BUSY, IS_HOLDING, LENGTH_BYTES, STATE_BYTES

CHUNK = 1 << 18
LOOK_S = 0.5
ANSWER = b"."


class Channel:
    """One stream on its way from a pipe to a log."""

    def __init__(self, pipe: int, log: int) -> None:
        self.pipe = pipe
        self.is_open = True
        self._log = log
        self._flow = Flow()
        os.set_blocking(pipe, False)

    def hide(self, spelled: Sequence[bytes]) -> None:
        self._flow.hide(spelled)

    def pump(self) -> None:
        """Pass on what is there."""
        while self.is_open:
            try:
                data = os.read(self.pipe, CHUNK)
            except BlockingIOError:
                return
            if not data:
                self.is_open = False
                self.flush()
            self._write(self._flow.take(data))

    def flush(self) -> None:
        self._write(self._flow.rest())

    @property
    def is_holding(self) -> bool:
        return self._flow.is_holding

    def _write(self, data: bytes) -> None:
        """A log that takes nothing any more must not hold up who writes."""
        view = memoryview(data)
        try:
            while view:
                view = view[os.write(self._log, view) :]
        except OSError:
            return


class Filter:
    """The loop over what is written and what is asked."""

    def __init__(self, control: int, parent: int, channels: Sequence[Channel], state: bytearray | mmap.mmap) -> None:
        self._state = state
        self._control = control
        self._parent = parent
        self._channels = channels
        self._is_asked = True

    def run(self) -> None:
        while any(channel.is_open for channel in self._channels):
            ready = self._wait()
            self._state[IS_BUSY] = 1
            for channel in self._channels:
                if channel.pipe in ready:
                    channel.pump()
            if self._control in ready:
                self._answer()
            self._state[IS_HOLDING] = any(channel.is_holding for channel in self._channels)
            self._state[IS_BUSY] = 0
            if not ready and not _is_alive(self._parent):
                break
        for channel in self._channels:
            channel.pump()
            channel.flush()

    def _wait(self) -> list[int]:
        waited = [channel.pipe for channel in self._channels if channel.is_open]
        return select.select([*waited, self._control] if self._is_asked else waited, [], [], LOOK_S)[0]

    def _answer(self) -> None:
        message = self._message()
        if not message:
            self._is_asked = False
            return
        word, *spelled = message
        for channel in self._channels:
            if word == b"hide":
                channel.hide(spelled)
            else:
                channel.pump()
            if word == b"flush":
                channel.flush()
        os.write(self._control, ANSWER)

    def _message(self) -> list[bytes]:
        """Nothing when nobody asks any more."""
        length = int.from_bytes(self._read(LENGTH_BYTES))
        data = self._read(length)
        return list(marshal.loads(data)) if data else []

    def _read(self, length: int) -> bytes:
        data = b""
        while len(data) < length:
            part = os.read(self._control, length - len(data))
            if not part:
                return b""
            data += part
        return data


def _is_alive(process: int) -> bool:
    try:
        os.kill(process, 0)
    except OSError:
        return False
    return True


def main(arguments: Sequence[str]) -> None:
    parent, state, control, *pairs = map(int, arguments)
    if os.fork():
        os._exit(0)  # so that it is no child of that process, which user code there would wait for
    channels = [Channel(*pair) for pair in zip(pairs[::2], pairs[1::2], strict=True)]
    shared = mmap.mmap(state, STATE_BYTES) if state >= 0 else bytearray(STATE_BYTES)
    Filter(control, parent, channels, shared).run()


if __name__ == "__main__":
    main(sys.argv[1:])
