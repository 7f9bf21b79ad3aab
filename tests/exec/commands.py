"""Commands without a manifest: an executable and its files as blobs, run as a worker does."""

from __future__ import annotations

import sys
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from hashlib import sha256
from pathlib import Path

from runtime.code import CodeLoader
from runtime.plan import EnvClass, Function, Task, Value
from runtime.tasks.executable import ShippedFile, encode_executable
from runtime.tasks.execute import Execution, Outcome, TaskFailure
from tests.secrecy.given import secrets_in

PYTHON = sys.executable
NOW_S = 60.0


@dataclass
class Bench:
    """Blobs, and a loader over them; `run` does one task and returns its value, `fail` its failure."""

    blobs: dict[str, bytes] = field(default_factory=dict)
    loader: CodeLoader = field(init=False)

    def __post_init__(self) -> None:
        self.loader = CodeLoader(lambda digests: [self.blobs[digest] for digest in digests])

    def add(self, data: bytes) -> str:
        digest = sha256(data).hexdigest()
        self.blobs[digest] = data
        return digest

    def function(self, stdout: str, files: Mapping[str, str | bytes], executables: Sequence[str]) -> Function:
        rows = []
        for path, content in files.items():
            data = content.encode() if isinstance(content, str) else content
            is_executable = path in executables
            rows.append(ShippedFile(path=path, is_executable=is_executable, digest=self.add(data), size=len(data)))
        return Function(unit=self.add(encode_executable(stdout, rows)), module="", qualname="", kind="exec")

    def outcome(
        self,
        *argv: object,
        stdout: str = "text",
        files: Mapping[str, str | bytes] | None = None,
        executables: Sequence[str] = (),
        environ: Mapping[str, str] | None = None,
        timeout_s: float = NOW_S,
        outputs: tuple[str, ...] = (),
        **options: object,
    ) -> Outcome:
        task = Task(
            name="t",
            function=self.function(stdout, files or {}, executables),
            env=EnvClass(memory_mb=128),
            args=_values(argv),
            kwargs=dict(zip(options, _values(tuple(options.values())), strict=True)),
            timeout_s=timeout_s,
            outputs=outputs,
            environ=tuple((environ or {}).items()),
        )
        return Execution(self.loader, _nothing, _nothing, secrets_in()).run(task, {})

    def run(self, *argv: object, **more: object) -> object:
        outcome = self.outcome(*argv, **more)  # type: ignore[arg-type]
        assert outcome.failure is None, outcome.failure
        return outcome.outputs["t"]

    def fail(self, *argv: object, **more: object) -> TaskFailure:
        outcome = self.outcome(*argv, **more)  # type: ignore[arg-type]
        assert outcome.failure is not None, outcome.outputs
        return outcome.failure


def _values(values: tuple[object, ...]) -> tuple[Value, ...]:
    """A run-time value stands where its reference would have been replaced by it."""
    return values  # type: ignore[return-value]


def _nothing(name: str) -> object:
    raise AssertionError(f"nothing is called {name}")


def wait_for(path: Path) -> str:
    """The content of a file that is about to be written."""
    give_up = time.monotonic() + NOW_S
    while not path.exists() or not path.read_text().endswith("\n"):
        assert time.monotonic() < give_up, f"waited for {path} in vain"
        time.sleep(0.005)
    return path.read_text()
