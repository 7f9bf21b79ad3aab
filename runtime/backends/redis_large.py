"""Large values under names of their own: in Redis, in chunks when they are cut, and in the object store beyond a size.

A reference is the value's key, `KEY#count` when it lies in chunks, or an object's address. The protocol only compares
references; what they mean is known here and in `keys`.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from runtime.backends.keys import CHUNKS_MARK, RunKeys, keys_of
from runtime.backends.objects import Objects, object_name
from runtime.backends.redis_link import Link
from runtime.config import WorkerSettings
from runtime.values.bulk import Bulk, ChunkGone, Sealed, framed, unframed
from runtime.values.packing import Buffer

HEADS_PER_TRIP = 16
"""Values or heads that are asked for at one time: none is longer than a chunk."""


class LargeValues:
    """The large values of one run."""

    def __init__(self, link: Link, keys: RunKeys, settings: WorkerSettings, objects: Objects | None) -> None:
        self._link = link
        self._keys = keys
        self._life = int(settings.life_s)
        self._objects = objects
        self._object_bytes = settings.object_store_bytes

    def put(self, task: str, output: str | None, token: str, sealed: Sealed) -> str:
        """Returns the reference. What comes in chunks has a key for each, and then one for the head."""
        bulk = sealed if isinstance(sealed, Bulk) else Bulk(sealed, ())
        if self._objects is not None and bulk.size > self._object_bytes:
            name = object_name(task, output, token)
            self._objects.put(name, framed(bulk))
            return f"{self._objects.root}/{name}"
        key = self._keys.large(task, output, token)
        reference = f"{key}{CHUNKS_MARK}{len(bulk.lengths)}" if bulk.lengths else key
        head, *places = keys_of(reference)
        for place, chunk in zip(places, bulk.chunks, strict=True):
            assert chunk is not None, "what is written is there"
            self._set(place, chunk)
        self._set(head, bulk.head)
        return reference

    def _set(self, key: str, data: Buffer) -> None:
        self._link.command("SET", key, data, "EX", self._life)

    def each(self, references: Sequence[str]) -> Iterator[Sealed | None]:
        """What they refer to, in order: a few heads at one time, and chunks one by one, as they are taken."""
        for first in range(0, len(references), HEADS_PER_TRIP):
            part = references[first : first + HEADS_PER_TRIP]
            in_redis = [keys_of(reference) for reference in part if not self._name(reference)]
            heads = iter(self._link.pipeline([("GET", head) for head, *_ in in_redis]) if in_redis else ())
            for reference in part:
                if name := self._name(reference):
                    yield self._object(name)
                else:
                    yield self._chunked(next(heads), keys_of(reference)[1:])

    def _object(self, name: str) -> Sealed | None:
        assert self._objects is not None, "the name is of one of its objects"
        read = self._objects.open(name)
        try:
            return None if read is None else unframed(read)
        except ChunkGone:
            return None

    def _chunked(self, head: bytes | None, places: Sequence[str]) -> Sealed | None:
        if head is None or not places:
            return head
        return Bulk(head, (self._link.command("GET", place) for place in places))

    def delete(self, reference: str) -> None:
        if self._objects is not None and (name := self._name(reference)):
            self._objects.delete(name)
        else:
            self._link.command("UNLINK", *keys_of(reference))

    def gone(self, references: Sequence[str]) -> frozenset[str]:
        """Those of which nothing, or not all, is there."""
        objects = {reference: name for reference in references if (name := self._name(reference))}
        there = self._objects.names() if self._objects is not None and objects else frozenset()
        rest = {reference: keys_of(reference) for reference in references if reference not in objects}
        counts = self._link.pipeline([("EXISTS", *keys) for keys in rest.values()]) if rest else []
        return frozenset(reference for reference, name in objects.items() if name not in there) | frozenset(
            reference for (reference, keys), count in zip(rest.items(), counts, strict=True) if count < len(keys)
        )

    def _name(self, reference: str) -> str:
        """The object that a reference means, "" for none: no address outside this run's part is followed."""
        if self._objects is None:
            return ""
        folder, _, name = reference.rpartition("/")
        return name if folder == self._objects.root else ""
