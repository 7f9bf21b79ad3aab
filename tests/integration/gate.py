"""A task that waits at a gate, and what a test does meanwhile."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.integration.running import wait_for

WAIT = """
import pathlib
import time


def wait(folder):
    pathlib.Path(folder, "begun").write_text("")
    give_up = time.monotonic() + 60
    while not pathlib.Path(folder, "open").exists():
        assert time.monotonic() < give_up, "the gate stays closed"
        time.sleep(0.005)
    return 1
"""
"""Functions of a workflow: `wait(folder)` says that it has begun, and returns once the gate is open."""


@contextmanager
def meanwhile(folder: Path, act: Callable[[], object]) -> Iterator[None]:
    """Do `act` once the task waits at the gate in `folder`, then open it. What `act` raises is raised at the end."""
    problems: list[BaseException] = []

    def interfere() -> None:
        try:
            wait_for((folder / "begun").exists, "the gate's task")
            act()
        except BaseException as err:  # noqa: BLE001  raised again below
            problems.append(err)
        finally:
            (folder / "open").write_text("")

    thread = threading.Thread(target=interfere)
    thread.start()
    try:
        yield
    finally:
        thread.join()
        if problems:
            raise problems[0]
