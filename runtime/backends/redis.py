"""The ports over a real Redis, for one run: coordinator, values and signals that share one link.

backend = RedisBackend("unix:///run/redis.sock", "local", run_id, WorkerSettings())
backend.coordinator.begin(…); backend.values.fetch(…); backend.signals.wait_hints(…)
"""

from __future__ import annotations

from runtime.backends.keys import RunKeys
from runtime.backends.objects import objects_of
from runtime.backends.redis_coordinator import RedisCoordinator
from runtime.backends.redis_link import Client, Link, connect
from runtime.backends.redis_signals import RedisSignals
from runtime.backends.redis_values import RedisValues
from runtime.config import WorkerSettings

__all__ = ["Link", "RedisBackend", "connect"]


class RedisBackend:
    """One run's access to Redis: by URL, through a client, or through the link of another backend.

    Raises StoreUnavailable when nothing answers at the URL.
    """

    def __init__(self, target: str | Client | Link, deployment: str, run: str, settings: WorkerSettings) -> None:
        self.keys = RunKeys(deployment, run)
        self.link = Link.to(target)
        address = settings.object_store
        self.objects = None if address is None else objects_of(address, deployment, run)
        self.coordinator = RedisCoordinator(self.link, self.keys, settings, objects=self.objects)
        self.values = RedisValues(self.link, self.keys, settings, self.objects)
        self.signals = RedisSignals(self.link, self.keys, settings)

    def close(self) -> None:
        """Close the connections of this backend."""
        self.link.close()
