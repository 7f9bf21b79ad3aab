"""The filter between a process and its log: real processes, real pipes."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.integration.running import descendants_of, wait_for
from tests.shell import ROOT

PRELUDE = """
import os, subprocess, sys
from runtime.secrecy.log import Log
from runtime.secrecy.masking import Masks
log = Log()
masks = Masks(log.hide)
masks.add("hunter22")
"""


def start(tmp_path: Path, program: str) -> subprocess.Popen[bytes]:
    with (tmp_path / "log").open("ab") as log:
        return subprocess.Popen(
            [sys.executable, "-c", PRELUDE + program], stdin=subprocess.PIPE, stdout=log, stderr=log, cwd=ROOT
        )


@contextmanager
def closing_in(process: subprocess.Popen[bytes]) -> Iterator[subprocess.Popen[bytes]]:
    """Killed at the end of the block, whatever happens in it."""
    try:
        yield process
    finally:
        process.kill()
        process.communicate()


def log_of(tmp_path: Path, program: str) -> str:
    """What the program has written once it has ended."""
    with closing_in(start(tmp_path, program)) as process:
        process.communicate(timeout=60)
    wait_for(lambda: not filters_of(process.pid), "the end of the filter")
    return (tmp_path / "log").read_text()


def filters_of(pid: int) -> list[int]:
    """Filters of the output of a process: they name it in their command lines."""
    found = []
    for path in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            words = path.read_bytes().split(b"\0")
        except OSError:
            continue
        if b"from runtime.secrecy.filter import main" in words[min(4, len(words) - 1)] and words[6] == b"%d" % pid:
            found.append(int(path.parent.name))
    return found


def test_what_a_process_and_its_children_write_is_filtered(tmp_path: Path) -> None:
    text = log_of(
        tmp_path,
        """
print("printed hunter22", flush=True)
print("to stderr hunter22", file=sys.stderr)
os.system("echo from a child hunter22; echo and its stderr hunter22 >&2")
os.write(1, b"in two pie"), os.write(1, b"ces hunt"), os.write(1, b"er22\\n")
print("the end")
""",
    )
    assert text.splitlines() == [
        *("printed ***", "to stderr ***", "from a child ***", "and its stderr ***", "in two pieces ***", "the end")
    ]


def test_the_two_streams_stay_two_when_they_go_to_two_places(tmp_path: Path) -> None:
    program = PRELUDE + 'print("out hunter22"); print("err hunter22", file=sys.stderr); log.close(); print("after")'
    words = [sys.executable, "-c", program]
    done = subprocess.run(words, capture_output=True, text=True, timeout=60, cwd=ROOT, check=True)
    assert (done.stdout, done.stderr) == ("out ***\nafter\n", "err ***\n")


def test_what_was_written_before_a_kill_is_in_the_log(tmp_path: Path) -> None:
    text = log_of(tmp_path, 'os.write(1, b"last words hunter22, half of it: hunter"); os.kill(os.getpid(), 9)')
    assert text == "last words ***, half of it: hunter"


def test_who_settles_knows_what_is_in_the_log(tmp_path: Path) -> None:
    text = log_of(
        tmp_path,
        """
os.write(1, b"one hun")
log.settle()
os.write(log.descriptor, b"<settled>")
os.write(1, b"ter22 two hun")
log.flush()
os.write(log.descriptor, b"<flushed>")
""",
    )
    assert text == "one <settled>*** two hun<flushed>"


def test_much_output_does_not_stop_a_process_that_holds_the_interpreter(tmp_path: Path) -> None:
    text = log_of(
        tmp_path,
        """
import ctypes
ctypes.PyDLL(None).write(1, b"hunter22\\n" * 200_000, 1_800_000)
""",
    )
    assert text.count("***\n") == 200_000
    assert "hunter" not in text


def test_a_filter_is_nobodys_child_and_holds_no_secret_in_its_command_line(tmp_path: Path) -> None:
    with closing_in(start(tmp_path, 'print("ready", flush=True); sys.stdin.read()')) as process:
        wait_for(lambda: b"ready" in (tmp_path / "log").read_bytes(), "the filter")
        (found,) = filters_of(process.pid)
        assert found not in descendants_of(process.pid)
        shown = Path(f"/proc/{found}/cmdline").read_bytes() + Path(f"/proc/{found}/environ").read_bytes()
        assert b"hunter22" not in shown


def test_a_filter_ends_soon_after_its_process_though_others_could_still_write(tmp_path: Path) -> None:
    program = 'subprocess.Popen(["sleep", "1000"]); print("ready", flush=True); sys.stdin.read()'
    with closing_in(start(tmp_path, program)) as process:
        wait_for(lambda: b"ready" in (tmp_path / "log").read_bytes(), "the child")
        (left,) = descendants_of(process.pid)
    wait_for(lambda: not filters_of(process.pid), "the end of the filter")
    os.kill(left, signal.SIGKILL)


def test_without_its_filter_a_process_gets_no_secret(tmp_path: Path) -> None:
    text = log_of(
        tmp_path,
        """
from runtime.secrecy.log import LogUnfiltered
from tests.secrecy.test_log import filters_of
log_end = os.dup(log.descriptor)
for pid in filters_of(os.getpid()):
    os.kill(pid, 9)
try:
    masks.add("another secret")
except LogUnfiltered as fault:
    os.write(log_end, fault.message.encode())
os._exit(0)
""",
    )
    assert text == "no secret can be read, as the log cannot be filtered: its filter has ended"


def test_numbers_that_user_code_closed_and_others_got_are_left_alone(tmp_path: Path) -> None:
    text = log_of(
        tmp_path,
        """
import socket
from runtime.secrecy.log import LogUnfiltered
os.closerange(3, 200)
pairs = [socket.socketpair() for _ in range(20)]
for act in (log.settle, log.flush, log.close):
    act()
for pair in pairs:
    for one in pair:
        one.setblocking(False)
        try:
            print("came:", one.recv(100))
        except BlockingIOError:
            pass
print(log.descriptor, "still hidden: hunter22")
""",
    )
    assert text in ("-1 still hidden: ***\n", "1 still hidden: ***\n")
