"""The one rule of where a deployment's history lies: in the Redis that the user names, else in files.

A Redis that treadle starts ends with a run or a stack; what runs took is to outlive both. Redis's client is loaded only
where it is asked: a plan by a history in files has no use for it.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from runtime.history.file_store import FileHistory
from runtime.history.store import HistoryStore
from runtime.local.places import StateFolder


@contextmanager
def open_history(deployment: str, redis_url: str | None) -> Iterator[HistoryStore]:
    """The history of a deployment; `redis_url` is the user's setting. Raises `StoreUnavailable`."""
    if redis_url is None:
        yield FileHistory(folder=StateFolder.of(deployment).history)
        return
    from runtime.backends.redis_link import Link
    from runtime.history.redis_store import RedisHistory

    link = Link.to(redis_url)
    try:
        yield RedisHistory(link, deployment)
    finally:
        link.close()
