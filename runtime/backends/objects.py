"""Where very large values lie when a run has an object store: a folder, or a prefix of an S3 bucket.

An object is one value, framed (`runtime.values.bulk`), under `ROOT/<deployment>/<run>/<name>`; a reference to it is
its whole address, and only addresses inside the run's own part of the store are followed. Objects are put before they
are committed and have their writer's token in their name, as large values in Redis have. They do not expire by
themselves: a run's end removes them all, and a rule of the bucket should, for a client that was killed.

Not responsible for what is large: that is `redis_values`'. The two stores are `folder_objects` and `s3_objects`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from hashlib import sha256
from typing import Protocol
from urllib.parse import quote

from runtime.config import S3_SCHEME, WorkerSettings
from runtime.values.packing import Buffer

SHOWN_CHARS = 60


class Objects(Protocol):
    """The objects of one run. Every method raises `ObjectStoreUnavailable`."""

    root: str

    def check(self) -> None:
        """Raise when the store is not there or may not be used."""
        ...

    def put(self, name: str, parts: Iterable[Buffer]) -> None: ...

    def open(self, name: str) -> Callable[[int], bytes] | None:
        """A function that reads so many further bytes, or what is left; None when there is no such object.

        It raises ChunkGone when the object goes meanwhile.
        """
        ...

    def delete(self, name: str) -> None: ...

    def names(self) -> frozenset[str]:
        """Every object of the run."""
        ...

    def clear(self) -> None:
        """Delete them all."""
        ...


def objects_of(address: str, deployment: str, run: str) -> Objects:
    """The part of the object store that is this run's."""
    place = f"{_quoted(deployment)}/{_quoted(run)}"
    if address.startswith(S3_SCHEME):
        from runtime.backends.s3_objects import S3Objects

        bucket, _, prefix = address.removeprefix(S3_SCHEME).partition("/")
        return S3Objects(bucket, "/".join(part for part in (prefix.strip("/"), place) if part))
    from runtime.backends.folder_objects import FolderObjects

    return FolderObjects(address, place)


def object_name(task: str, output: str | None, token: str) -> str:
    """A name that is readable, short enough for any file system, and no other slot's."""
    slot = f"{len(task)}:{task}{output or ''}"
    return f"{_quoted(task)[:SHOWN_CHARS]}-{sha256(slot.encode()).hexdigest()[:16]}-{token}"


def _quoted(text: str) -> str:
    """`text` as one part of a path, which cannot lead out of it."""
    return quote(text, safe="").replace(".", "%2E")


def object_store_variables(settings: WorkerSettings) -> dict[str, str]:
    """What a local environment, which inherits nothing, needs to use the bucket as this process may."""
    if not (settings.object_store or "").startswith(S3_SCHEME):
        return {}
    from runtime.backends.s3_objects import client_variables

    return client_variables()
