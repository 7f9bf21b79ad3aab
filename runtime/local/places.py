"""Where the local stack keeps things: a deployment's lasting state, and the private folder of one service."""

from __future__ import annotations

import json
import os
import re
import shutil
import tempfile
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from runtime.errors import LambdaUnavailable

PREFIX = "treadle-"


def state_home() -> Path:
    """`${XDG_STATE_HOME:-~/.local/state}/treadle/local`."""
    given = os.environ.get("XDG_STATE_HOME", "")
    base = Path(given) if given.startswith("/") else Path(os.path.expanduser("~")) / ".local" / "state"
    return base / "treadle" / "local"


def read_stack_record(path: Path) -> dict[str, object] | None:
    """What is written of a stack; None when there is nothing that can be read."""
    try:
        record = json.loads(path.read_text())
    except (OSError, ValueError):
        return None
    complete = isinstance(record, dict) and {"pid", "endpoint", "redis_url", "directory"} <= record.keys()
    return record if complete else None


def write_stack_record(path: Path, record: Mapping[str, object]) -> None:
    """Write it whole, readable by its user alone. Raises OSError."""
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    draft = path.with_suffix(f".{os.getpid()}")
    draft.write_text(json.dumps(record))
    draft.chmod(0o600)
    draft.replace(path)


@dataclass(frozen=True, slots=True, kw_only=True)
class StateFolder:
    """A deployment's lasting state: the record of its kept stack, its Redis file, what ended stacks left of runs.

    `stacks` has a record of each stack that lives with a run, `runs` a folder of each run whose stack has ended,
    `history` what runs took whose Redis ended with them.
    """

    record: Path
    redis_data: Path
    stacks: Path
    runs: Path
    history: Path

    @classmethod
    def of(cls, deployment: str) -> StateFolder:
        name = re.sub(r"[^A-Za-z0-9._-]", "_", deployment).lstrip(".") or "_"
        own = state_home() / name
        return cls(
            record=state_home() / f"{name}.json",
            redis_data=own / "redis",
            stacks=own / "stacks",
            runs=own / "runs",
            history=own / "history",
        )

    def read_record(self) -> dict[str, object] | None:
        """What `write_record` wrote; None when there is nothing that can be read."""
        return read_stack_record(self.record)

    def write_record(self, record: Mapping[str, object]) -> None:
        """Write the record, readable by its user alone. Raises LambdaUnavailable when the place cannot be written."""
        try:
            write_stack_record(self.record, record)
        except OSError as err:
            raise LambdaUnavailable(
                f"the state of the local service cannot be kept: {err}", hint="set XDG_STATE_HOME to a writable folder"
            ) from err

    def remove_record(self) -> None:
        """Forget the kept stack; harmless when there is no record."""
        with suppress(FileNotFoundError, NotADirectoryError):
            self.record.unlink()

    def remove_remains(self) -> None:
        """Remove the record and the folder that a kept stack left when it was killed outright."""
        record = self.read_record()
        if record is not None:
            folder = Path(str(record["directory"]))
            if folder.name.startswith(PREFIX) and folder.is_dir() and folder.stat().st_uid == os.getuid():
                shutil.rmtree(folder, ignore_errors=True)
        self.remove_record()


@dataclass(frozen=True, slots=True, kw_only=True)
class RunFolder:
    """A private folder with a short path: it holds a unix socket, whose path may have 108 bytes at most."""

    path: Path

    @classmethod
    def make(cls) -> RunFolder:
        parent = tempfile.gettempdir()
        if len(parent) > 60:
            parent = "/tmp"
        return cls(path=Path(tempfile.mkdtemp(prefix=PREFIX, dir=parent)))

    def remove(self) -> None:
        shutil.rmtree(self.path, ignore_errors=True)
