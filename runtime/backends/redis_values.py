"""Values and blobs in Redis, as sealed bytes. Sealing, opening and deciding what is large are the caller's."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence

from runtime.backends.batch import read_value, write_value
from runtime.backends.keys import RunKeys
from runtime.backends.objects import Objects
from runtime.backends.redis_large import LargeValues
from runtime.backends.redis_link import Link
from runtime.config import WorkerSettings
from runtime.ports import HEAD_BYTES, Reference, nothing_else
from runtime.values.bulk import Sealed

BATCH_BYTES = 4 * 1024 * 1024
SLOTS_PER_CALL = 1_000


def by_bytes(items: Mapping[str, bytes] | Mapping[int, bytes]) -> list[list[tuple[str, bytes]]]:
    """The items in lists of about `BATCH_BYTES`."""
    lists: list[list[tuple[str, bytes]]] = [[]]
    size = 0
    for name, data in items.items():
        if lists[-1] and size + len(data) > BATCH_BYTES:
            lists.append([])
            size = 0
        lists[-1].append((str(name), data))
        size += len(data)
    return lists if lists[-1] else []


class RedisValues:
    """`runtime.ports.ValueStore` for one run and its deployment."""

    def __init__(self, link: Link, keys: RunKeys, settings: WorkerSettings, objects: Objects | None = None) -> None:
        self._link = link
        self._large = LargeValues(link, keys, settings, objects)
        self._keys = keys
        self._life = int(settings.life_s)

    def fetch(self, slots: Sequence[str]) -> list[bytes | Reference | None]:
        if not slots:
            return []
        found = self._link.command("HMGET", self._keys.fixed("out"), *slots)
        return [None if value is None else read_value(value) for value in found]

    def readable(self) -> tuple[frozenset[str], frozenset[str]]:
        """(slots whose values can be read, slots whose reference is dangling): what a rebuild starts from."""
        out = self._keys.fixed("out")
        slots = [slot.decode() for slot in self._link.command("HKEYS", out)]
        large: dict[str, str] = {}
        for first in range(0, len(slots), SLOTS_PER_CALL):
            part = slots[first : first + SLOTS_PER_CALL]
            answers = self._link.script("stored", [out], part)
            large.update({slot: key.decode() for slot, key in zip(part, answers, strict=True) if key})
        gone = self._large.gone(tuple(large.values()))
        dangling = frozenset(slot for slot, key in large.items() if key in gone)
        return frozenset(slots) - dangling, dangling

    def put_large(self, task: str, output: str | None, token: str, sealed: Sealed) -> str:
        return self._large.put(task, output, token, sealed)

    def get_large(self, key: str) -> Sealed | None:
        (found,) = self._large.each((key,))
        return found

    def each_large(self, keys: Sequence[str]) -> Iterator[Sealed | None]:
        return self._large.each(keys)

    def delete_large(self, key: str) -> None:
        self._large.delete(key)

    def put_blobs(self, blobs: Mapping[str, bytes], stands: Callable[[str, bytes], bool] = nothing_else) -> None:
        """Send what is not there as it shall be, renew the rest.

        There as it shall be: of this length, with this head, which holds the signature of all its bytes, or with one
        that `stands` knows. Workers of older runs go on reading what lies there.
        """
        if not blobs:
            return
        keys = [self._keys.blob(digest) for digest in blobs]
        looks = [look for key in keys for look in (("STRLEN", key), ("GETRANGE", key, 0, HEAD_BYTES - 1))]
        answers = iter(self._link.pipeline([*looks, *(("EXPIRE", key, self._life) for key in keys)]))
        there = [(next(answers), next(answers)) for _ in keys]
        absent = {
            digest: data
            for (digest, data), found in zip(blobs.items(), there, strict=True)
            if found != (len(data), data[:HEAD_BYTES]) and not (found[0] == len(data) and stands(digest, found[1]))
        }
        for batch in by_bytes(absent):
            self._link.pipeline([("SET", self._keys.blob(digest), data, "EX", self._life) for digest, data in batch])

    def get_blobs(self, digests: Sequence[str]) -> list[bytes | None]:
        """The blobs, in one round trip; reading renews them."""
        if not digests:
            return []
        return self._link.pipeline([("GETEX", self._keys.blob(digest), "EX", self._life) for digest in digests])

    def put_pages(self, pages: Mapping[int, bytes]) -> None:
        key = self._keys.fixed("pages")
        for batch in by_bytes(pages):
            fields = [part for number, data in batch for part in (number, data)]
            self._link.pipeline([("HSET", key, *fields), ("EXPIRE", key, self._life)])

    def get_pages(self, numbers: Sequence[int]) -> list[bytes | None]:
        if not numbers:
            return []
        found: list[bytes | None] = self._link.command("HMGET", self._keys.fixed("pages"), *numbers)
        return found

    def put_inputs(self, inputs: Mapping[str, bytes | Reference]) -> None:
        key = self._keys.fixed("inputs")
        for batch in by_bytes({name: write_value(value) for name, value in inputs.items()}):
            fields = [part for name, data in batch for part in (name, data)]
            self._link.pipeline([("HSET", key, *fields), ("EXPIRE", key, self._life)])

    def get_inputs(self, names: Sequence[str]) -> list[bytes | Reference | None]:
        found = self._link.command("HMGET", self._keys.fixed("inputs"), *names)
        return [None if value is None else read_value(value) for value in found]

    def put_graph(self, data: bytes) -> None:
        self._link.command("SET", self._keys.fixed("graph"), data, "EX", self._life)

    def get_graph(self) -> bytes | None:
        found: bytes | None = self._link.command("GET", self._keys.fixed("graph"))
        return found
