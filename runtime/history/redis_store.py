"""Histories in a Redis that outlives runs. Keys have no expiry; those of a graph have one hash tag, and so one slot.

    treadle:<deployment>:history:{<graph signature>}:head     hash: workflow, seen, functions, version (a token)
    treadle:<deployment>:history:{<graph signature>}:log      list of documents
    treadle:<deployment>:history:{<graph signature>}:marks    sorted set: what was counted, by its time, the newest 512

Adding is one script (`history_add.lua`). Folding reads, merges and puts in place of what was read, unless another was
faster (`history_fold.lua`); what came meanwhile stays behind it. Graphs are found by SCAN.
"""

from __future__ import annotations

import secrets
from collections.abc import Sequence

from runtime.backends.keys import escape_glob
from runtime.backends.redis_link import Link
from runtime.errors import RuntimeFault
from runtime.history.store import KEPT_GRAPHS, KEPT_MARKS, Head, Rewrite, folded, is_long

TRIES = 20


class RedisHistory:
    """`HistoryStore` over one link."""

    def __init__(self, link: Link, deployment: str) -> None:
        self._link = link
        self._deployment = deployment

    @property
    def where(self) -> str:
        return f"Redis at {self._link.where}"

    def heads(self) -> list[Head]:
        found: list[Head] = []
        for keys in self._link.scan(f"treadle:{escape_glob(self._deployment)}:history:{{*}}:head"):
            rows = self._link.pipeline([("HMGET", key, "workflow", "seen", "functions") for key in keys])
            found += [_head(key.decode(), row) for key, row in zip(keys, rows, strict=True) if row[1] is not None]
        return sorted(found, key=lambda head: (-head.seen_at, head.signature))

    def add(self, head: Head, mark: str, data: bytes) -> bool:
        keys = [self._key(head.signature, kind) for kind in ("head", "log", "marks")]
        functions = "\n".join(sorted(head.functions))
        args = (mark, str(head.seen_at), head.workflow, functions, data, KEPT_MARKS, secrets.token_hex(8))
        length = int(self._link.script("history_add", keys, args))
        if length == 1:
            self._prune()
        elif is_long(length):
            self.rewrite(head.signature, folded(head.signature))
        return length > 0

    def read(self, signature: str) -> tuple[bytes, ...]:
        return tuple(self._link.command("LRANGE", self._key(signature, "log"), 0, -1))

    def rewrite(self, signature: str, change: Rewrite) -> None:
        head, log = self._key(signature, "head"), self._key(signature, "log")
        for _ in range(TRIES):
            # In this order: a rewrite between the two is seen by the script.
            version, documents = self._link.pipeline([("HGET", head, "version"), ("LRANGE", log, 0, -1)])
            if version is None or not documents:
                return
            if self._replace(head, log, version, documents, change(documents)):
                return
        raise RuntimeFault(
            f"the history of {signature} was being rewritten by others, {TRIES} times in a row", hint="try again"
        )

    def _replace(self, head: str, log: str, version: bytes, old: Sequence[bytes], new: Sequence[bytes]) -> bool:
        args: list[bytes | str | int] = [version, secrets.token_hex(8), len(old), *reversed(new)]
        return bool(self._link.script("history_fold", [head, log], args))

    def remove(self, signature: str) -> None:
        self._link.command("UNLINK", *(self._key(signature, kind) for kind in ("head", "log", "marks")))

    def _prune(self) -> None:
        for head in self.heads()[KEPT_GRAPHS:]:
            self.remove(head.signature)

    def _key(self, signature: str, kind: str) -> str:
        return f"treadle:{self._deployment}:history:{{{signature}}}:{kind}"


def _head(key: str, row: Sequence[bytes]) -> Head:
    workflow, seen, functions = (field or b"" for field in row)
    return Head(
        signature=key.rpartition("}")[0].rpartition("{")[2],
        workflow=workflow.decode(errors="replace"),
        seen_at=_time(seen),
        functions=frozenset(functions.decode(errors="replace").split()),
    )


def _time(text: bytes) -> float:
    try:
        return float(text)
    except ValueError:
        return 0.0
