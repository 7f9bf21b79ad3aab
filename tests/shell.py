"""The `treadle` command as a process of its own, and waiting for what it does."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[1]
END_S = 120.0


@dataclass(frozen=True, slots=True)
class Shell:
    """Runs `treadle` as a process of its own, with a home folder of its own."""

    environ: dict[str, str]

    def start(self, *arguments: str | Path) -> subprocess.Popen[str]:
        return subprocess.Popen(
            [sys.executable, "-m", "compiler.cli", *map(str, arguments)],
            cwd=ROOT,
            env=self.environ,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )

    def call(self, *arguments: str | Path) -> tuple[int, str, str]:
        process = self.start(*arguments)
        try:
            out, err = process.communicate(timeout=END_S)
        except subprocess.TimeoutExpired:
            process.kill()
            process.communicate()
            raise
        return process.returncode, out, err

    def json(self, *arguments: str | Path) -> Any:
        code, out, err = self.call(*arguments, "--json")
        assert code == 0, err
        return json.loads(out)


def end(process: subprocess.Popen[str]) -> None:
    """Kill a process that may still run, and close its pipes."""
    process.kill()
    process.communicate()


def shell_at(home: Path) -> Shell:
    own = {name: value for name, value in os.environ.items() if not name.startswith(("TREADLE_", "XDG_"))}
    return Shell({**own, "HOME": str(home)})


def wait_for(is_true: Callable[[], bool], what: str) -> None:
    give_up = time.monotonic() + END_S
    while not is_true():
        assert time.monotonic() < give_up, f"waited for {what} in vain"
        time.sleep(0.02)


def is_alive(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except FileNotFoundError:
        return False
