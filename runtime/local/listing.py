"""Where a stack can be found while it lives: a record in the deployment's state folder, removed at its end.

A kept stack's record is written by whoever starts it; one that ends with its run lists itself, so that other
processes can look at the run. A state folder that cannot be written costs just that.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path

from runtime.local.places import StateFolder, write_stack_record


class ListedStack:
    """The record of this very process."""

    def __init__(self, deployment: str | None, directory: Path, *, is_kept: bool) -> None:
        self._state = None if deployment is None else StateFolder.of(deployment)
        self._directory = directory
        self._is_kept = is_kept

    def write(self, ready: Mapping[str, object]) -> None:
        if self._state is not None and not self._is_kept:
            with suppress(OSError):
                write_stack_record(self._place(ready["pid"]), {**ready, "directory": str(self._directory)})

    def remove(self) -> None:
        """Remove the record, which for a kept stack may be another one's by now."""
        if self._state is None:
            return
        if not self._is_kept:
            with suppress(OSError):
                self._place(os.getpid()).unlink(missing_ok=True)
            return
        record = self._state.read_record()
        if record is not None and record["directory"] == str(self._directory):
            self._state.remove_record()

    def _place(self, pid: object) -> Path:
        assert self._state is not None
        return self._state.stacks / f"{pid}.json"
