"""The ports in memory, for one run: tests, the inline mode, and whatever drives the protocol in its own time.

    backend = MemoryBackend(WorkerSettings())
    backend.coordinator.begin(…); backend.values.fetch(…); backend.signals.wait_hints(…)

Thread-safe: several workers and a launcher share one backend. Keys do not expire here.
"""

from __future__ import annotations

import time
from collections.abc import Callable

from runtime.backends.memory_coordinator import MemoryCoordinator
from runtime.backends.memory_state import MemoryState
from runtime.backends.memory_values import MemorySignals, MemoryValues
from runtime.config import WorkerSettings


class MemoryBackend:
    """One run's state. `clock` gives seconds; a virtual one makes leases and calls late without waiting."""

    def __init__(self, settings: WorkerSettings, clock: Callable[[], float] = time.time) -> None:
        self.state = MemoryState(clock)
        self._settings = settings
        self.coordinator = MemoryCoordinator(self.state, settings)
        self.values = MemoryValues(self.state)
        self.signals = MemorySignals(self.state)

    def another_client(self) -> MemoryCoordinator:
        """A second coordinator on the same run, as another process would have."""
        return MemoryCoordinator(self.state, self._settings)

    def close(self) -> None:
        """There is nothing to close; a Redis backend has connections."""
