"""Workflows written, compiled and launched as a user's are: on real environments, over a real Redis.

What a test needs of processes: which ones live, which descend from which, and waiting for a condition with an end.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import redis

from compiler.emit.bundle import Build
from compiler.pipeline import CompileOptions, compile_workflow
from runtime.config import WorkerSettings
from runtime.inline import run_inline
from runtime.launcher import Target, launch
from runtime.local.living import LocalStack
from runtime.results import Progress, RunResult

PLANNERS = ("simple", "wukong")
CONCURRENCY = 10
PATIENCE_S = 60.0
DEPLOYMENT = "integration"
LASTING = tuple(f"treadle:{DEPLOYMENT}:{kind}" for kind in ("blob:", "record:", "result:", "runs", "watched:"))


def write_workflow(folder: Path, body: str, functions: str, *, name: str = "test") -> Path:
    """A manifest with `body` after its head, and the module `functions` beside it; returns the manifest's path."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "functions.py").write_text(functions)
    path = folder / "workflow.yaml"
    path.write_text(f"spec: 1\nname: {name}\n{body}")
    return path


def compile_at(path: Path, planner: str, *, workers: int | None = None, **set_values: object) -> Build:
    options = CompileOptions(planner=planner, concurrency=CONCURRENCY, workers=workers, set_values=set_values)
    return compile_workflow(path, options)


def run_sequentially(build: Build) -> object:
    """The result of the same bundle, one task after another in this process."""
    return run_inline(build.loaded, WorkerSettings()).result


@dataclass(frozen=True, slots=True)
class Bench:
    """A running local Lambda service with its Redis."""

    stack: LocalStack
    client: redis.Redis

    @property
    def target(self) -> Target:
        stack = self.stack
        return Target(
            redis_url=stack.redis_url,
            lambda_endpoint=stack.lambda_endpoint,
            deployment=DEPLOYMENT,
            vault=str(stack.vault),
        )

    def run(
        self,
        build: Build,
        settings: WorkerSettings | None = None,
        progress: Callable[[Progress], None] = lambda _: None,
        inputs: Mapping[str, object] | None = None,
    ) -> RunResult:
        settings = settings or WorkerSettings(fan_out=CONCURRENCY)
        return launch(build.loaded, self.target, settings, inputs=inputs, progress=progress)

    def left_keys(self) -> list[str]:
        """Every key that is no blob and no record: nothing of a run may stay, but the values of one that failed."""
        keys = [key.decode() for key in self.client.scan_iter("*", count=1000)]
        failed = [key.removesuffix("}:meta") for key in keys if key.endswith("}:meta") and self._has_failed(key)]
        return [key for key in keys if not key.startswith((*LASTING, *failed))]

    def _has_failed(self, meta: str) -> bool:
        return bool(self.client.hget(meta, "state") == b"failed")

    def environments(self) -> list[Mapping[str, Any]]:
        found = self.stack.status()["environments"]
        assert isinstance(found, list)
        return found


def wait_for(is_true: Callable[[], object], what: str, patience_s: float = PATIENCE_S) -> None:
    """Return once `is_true()` holds; fail when it never does."""
    give_up = time.monotonic() + patience_s
    while not is_true():
        assert time.monotonic() < give_up, f"waited for {what} in vain"
        time.sleep(0.01)


def is_alive(pid: int) -> bool:
    """Whether a process runs; a zombie has ended."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] not in ("Z", "X")
    except (FileNotFoundError, ProcessLookupError):
        return False


def descendants_of(pid: int) -> list[int]:
    """All living processes below `pid`."""
    parents: dict[int, list[int]] = {}
    for stat in Path("/proc").glob("[0-9]*/stat"):
        try:
            parent = int(stat.read_text().rpartition(")")[2].split()[1])
        except (FileNotFoundError, ProcessLookupError):
            continue
        parents.setdefault(parent, []).append(int(stat.parent.name))
    found, look = [], [pid]
    while look:
        direct = parents.get(look.pop(), [])
        found += direct
        look += direct
    return found
