"""The object store for large values: a probe object is put, read and deleted, by the code that workers use."""

from __future__ import annotations

import secrets
import shutil
from collections.abc import Iterator

from compiler.cli.health.findings import Finding, note, of_fault, ok, warning
from compiler.cli.health.machine import LITTLE_SPACE
from runtime.backends.objects import Objects, objects_of
from runtime.config import S3_SCHEME, WorkerSettings
from runtime.errors import ObjectStoreUnavailable
from runtime.quantities import format_size

PROBE = b"treadle doctor"
NAME = "object store"


def object_store(worker: WorkerSettings, deployment: str) -> Iterator[Finding]:
    address = worker.object_store
    if address is None:
        yield note(NAME, "none: values of any size lie in Redis")
        return
    try:
        fault = _try(objects_of(address, deployment, f"doctor-{secrets.token_hex(4)}"))
    except ObjectStoreUnavailable as err:
        fault = err
    if fault is not None:
        yield of_fault(NAME, fault, "see whether the file system is sound")
        return
    yield ok(NAME, f"{address} takes, gives and deletes; for values over {format_size(worker.object_store_bytes)}")
    if not address.startswith(S3_SCHEME):
        yield _room(address)


def _try(objects: Objects) -> ObjectStoreUnavailable | None:
    """The probe; it is deleted whatever happens."""
    objects.check()
    try:
        objects.put("probe", [PROBE])
        read = objects.open("probe")
        if read is None or read(len(PROBE)) != PROBE:
            return ObjectStoreUnavailable(
                f"{objects.root} does not give back what was put", hint="see whether something else writes there"
            )
        objects.delete("probe")
    finally:
        objects.clear()
    return None


def _room(folder: str) -> Finding:
    free = shutil.disk_usage(folder).free
    text = f"{format_size(free)} free"
    return warning(NAME, text, "make room there, or clean old runs") if free < LITTLE_SPACE else ok(NAME, text)
