"""A process that outlives this one by a moment: it ends the commands that this one has left behind.

Commands run in process groups of their own, so that a timeout ends a whole group and not its worker. Whoever kills the
worker, and with whatever signal, does not reach them; the guardian does. It reads the groups that live from a pipe,
and when the pipe ends, which the kernel sees to, it kills those that are left. It is started with the first command.

Between the start of a command and its line in the pipe lies a moment. Where there is a `/proc`, a mark in the
environment of every command closes it: from its first instruction on a process has it, and so has all that it starts.
"""

from __future__ import annotations

import secrets
import subprocess
import sys

MARK_VARIABLE = "TREADLE_COMMAND_OF"

PROGRAM = """
import os, signal, sys, time

living = set()
for line in sys.stdin:
    group = int(line)
    (living.add if group > 0 else living.discard)(abs(group))

def end(kill, number):
    try:
        kill(number, signal.SIGKILL)
    except OSError:
        pass

def marked(number):
    try:
        with open(f"/proc/{number}/environ", "rb") as file:
            return mark in file.read().split(b"\\0")
    except OSError:
        return False

for group in living:
    end(os.killpg, group)
mark = sys.argv[1].encode()
quiet = 0
while quiet < 3 and os.path.isdir("/proc/self"):
    found = [int(name) for name in os.listdir("/proc") if name.isdigit() and marked(name)]
    for number in found:
        end(os.kill, number)
    quiet = 0 if found else quiet + 1
    time.sleep(0.02)
"""


class Guardian:
    """Keeps the groups that live; one per process. `mark` is to be in the environment of every command."""

    def __init__(self) -> None:
        self.mark = secrets.token_hex(16)
        self._living: set[int] = set()
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        """Start the process unless it runs."""
        if self._process is None or self._process.poll() is not None:
            self._start()

    def watch(self, group: int) -> None:
        """The group lives."""
        self._living.add(group)
        self._tell(group)

    def forget(self, group: int) -> None:
        """The group has ended: its number may be another's soon."""
        self._living.discard(group)
        self._tell(-group)

    def close(self) -> None:
        """Have it kill what still lives, and end."""
        if self._process is not None:
            self._hang_up(self._process)
            self._process = None

    def _start(self) -> None:
        if self._process is not None:
            self._hang_up(self._process)
        self._process = subprocess.Popen(
            [sys.executable, "-I", "-S", "-c", PROGRAM, f"{MARK_VARIABLE}={self.mark}"],
            stdin=subprocess.PIPE,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
            cwd="/",
            env={},
            bufsize=0,
        )
        for group in self._living:
            self._write(group)

    def _hang_up(self, process: subprocess.Popen[bytes]) -> None:
        assert process.stdin is not None, "the guardian reads a pipe"
        process.stdin.close()
        process.wait()

    def _tell(self, group: int) -> None:
        try:
            self._write(group)
        except BrokenPipeError:
            self._start()

    def _write(self, group: int) -> None:
        assert self._process is not None and self._process.stdin is not None, "started before the first group"
        self._process.stdin.write(b"%d\n" % group)
