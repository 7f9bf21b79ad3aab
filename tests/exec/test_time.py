"""How commands end: by the clock, with everything they started, and also when their worker is killed."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from tests.exec.commands import PYTHON, Bench, wait_for
from tests.shell import ROOT, is_alive
from tests.shell import wait_for as wait_until

STUBBORN = """\
import os, signal, subprocess, sys, time
signal.signal(signal.SIGTERM, signal.SIG_IGN)
if len(sys.argv) > 2:
    subprocess.Popen([sys.executable, sys.argv[0], sys.argv[1]])
else:
    with open(sys.argv[1] + ".new", "w") as file:
        print(os.getpid(), file=file)
    os.rename(sys.argv[1] + ".new", sys.argv[1])
time.sleep(600)
"""


def gone(pid: int) -> None:
    wait_until(lambda: not is_alive(pid), "the process to end")


def test_a_timeout_ends_the_command(bench: Bench) -> None:
    failure = bench.fail("sh", "-c", "echo working >&2; sleep 600", timeout_s=0.2)
    assert failure.kind == "Timeout"
    assert "timeout of 0.2 s" in failure.message
    assert failure.stderr == "working\n"


def test_a_timeout_lets_the_command_end_by_itself(bench: Bench, tmp_path: Path) -> None:
    mark = tmp_path / "mark"
    script = f"trap 'echo cleaned > {mark}; exit 0' TERM; while :; do sleep 0.01; done"
    assert bench.fail("sh", "-c", script, timeout_s=0.3).kind == "Timeout"
    assert mark.read_text() == "cleaned\n"


def test_a_grandchild_that_ignores_sigterm_dies_with_its_command(bench: Bench, tmp_path: Path) -> None:
    marker = tmp_path / "pid"
    files = {"stubborn.py": STUBBORN}
    failure = bench.fail(PYTHON, "stubborn.py", marker, "parent", files=files, timeout_s=1.5)
    assert failure.kind == "Timeout"
    gone(int(wait_for(marker)))


def test_what_a_command_leaves_in_the_background_ends_with_it(bench: Bench, tmp_path: Path) -> None:
    marker = tmp_path / "pid"
    found = bench.run("sh", "-c", f"(sleep 600; echo late) & echo $! > {marker}; echo done")
    assert found == "done"
    gone(int(marker.read_text()))


def test_an_interrupt_ends_the_command_and_goes_on(bench: Bench, tmp_path: Path) -> None:
    marker = tmp_path / "pid"

    def interrupt(*_: object) -> None:
        raise KeyboardInterrupt

    previous = signal.signal(signal.SIGUSR1, interrupt)
    fill = "head -c 1000000 /dev/zero >&2"  # more than a pipe holds: the worker reads, so it has seen the start
    script = f"echo $$ > {marker}; {fill}; kill -USR1 {os.getpid()}; sleep 600"
    try:
        with pytest.raises(KeyboardInterrupt):
            bench.run("sh", "-c", script)
    finally:
        signal.signal(signal.SIGUSR1, previous)
    gone(int(marker.read_text()))


WORKER = """\
import sys
from tests.exec.commands import Bench
Bench().run("sh", "-c", "echo $$ > $0.new; mv $0.new $0; sleep 600", sys.argv[1])
"""


def test_killing_the_worker_kills_its_commands(tmp_path: Path) -> None:
    marker = tmp_path / "pid"
    worker = subprocess.Popen(
        [sys.executable, "-c", WORKER, str(marker)], cwd=ROOT, env={**os.environ, "TMPDIR": str(tmp_path)}
    )
    try:
        command = int(wait_for(marker))
        assert is_alive(command)
    finally:
        worker.kill()
        worker.wait()
    gone(command)


def test_a_stopped_command_is_killed_as_well(bench: Bench) -> None:
    assert bench.fail("sh", "-c", "kill -STOP $$", timeout_s=0.2).kind == "Timeout"


def test_a_killed_guardian_is_replaced(bench: Bench) -> None:
    assert bench.run("echo", "1") == "1"
    commands = bench.loader._commands
    assert commands is not None
    guardian = commands._guardian._process
    assert guardian is not None
    guardian.kill()
    guardian.wait()
    assert bench.run("echo", "2") == "2"
    assert commands._guardian._process is not guardian
