"""Runs as files: what is left of them when the Redis that held them ends.

An embedded Redis lives as long as its stack. Before it goes, the record of each of its runs is written to the
deployment's state folder; of a run that can be resumed also its keys, as Redis dumps them, and the blobs that it needs.
`restore` brings such a run into another Redis. Nothing here opens what is sealed.

    runs/<run>/record    sections: "start", "outcome", "blobs", "timeline" and "part <name>" as they are, "graph" and
                         "plan" compressed, "key <name>" dumped; "spans" of a run that has no timeline, compressed;
                         "logs" of one that was imported
    runs/<run>/logs/     logs of the environments of the run's stack, the newest 16 MiB at most

Only the newest 200 are kept; keys are restored within their time only.
"""

from __future__ import annotations

import os
import shutil
import struct
import time
import zlib
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from runtime.backends.keys import RunKeys, escape_glob
from runtime.backends.redis_link import Link
from runtime.config import LocalSettings
from runtime.errors import RuntimeFault
from runtime.local.living import LocalStack
from runtime.local.places import StateFolder
from runtime.markers import part_of_run
from runtime.runs.book import KEPT_RUNS, RecordKeys

MAGIC = b"treadle run 1\n"
HEAD = struct.Struct(">IqQ")
"""Of a section: bytes of its name, milliseconds to live (0: for ever), bytes of its data."""

KEYS_PER_CALL = 200
MAX_BLOB_BYTES = 1024 * 1024 * 1024
LOG_BYTES = 16 * 1024 * 1024
FILE_LOG_BYTES = 1024 * 1024


@dataclass(frozen=True, slots=True)
class Section:
    name: str
    data: bytes
    life_ms: int = 0


@contextmanager
def leaves_record(stack: LocalStack, local: LocalSettings, run: str) -> Iterator[None]:
    """What a run on a stack of its own leaves when that ends: its file, unless its Redis stays, and the logs.

    The service does the same at its end for a launcher that was killed; here the client library is loaded already.
    """
    try:
        yield
    finally:
        if stack.started:
            with suppress(RuntimeFault, OSError):
                _leave(stack, local, run)


def _leave(stack: LocalStack, local: LocalSettings, run: str) -> None:
    if local.redis_url is not None:
        keep_logs(local.deployment, run, stack.directory / "logs")
        return
    link = Link.to(stack.redis_url)
    try:
        archive(link, local.deployment, run, logs=stack.directory / "logs")
    finally:
        link.close()


def archive_all(redis_url: str, deployment: str, *, logs: Path) -> None:
    """Every run that this Redis holds becomes a file, and leaves it. Raises RuntimeFault, OSError."""
    link = Link.to(redis_url)
    try:
        runs = [run.decode() for run in link.command("ZRANGE", f"treadle:{deployment}:runs", 0, -1)]
        for run in runs:
            archive(link, deployment, run, logs=logs)
    finally:
        link.close()


def archive(link: Link, deployment: str, run: str, *, logs: Path) -> None:
    """Write the run's file, then take the run out of this Redis. Raises RuntimeFault, OSError."""
    folder = StateFolder.of(deployment).runs
    keys = RecordKeys(deployment=deployment, run=run)
    fields = ("start", "outcome", "blobs", "timeline", "keeps")
    start, outcome, blobs, timeline, keeps = link.command("HMGET", keys.of("record"), *fields)
    if start is not None:
        own = _own_keys(link, deployment, run)
        needed = [f"treadle:{deployment}:blob:{digest}" for digest in blobs.decode().split("\n")] if own else []
        sections = [Section("start", start), Section("outcome", outcome or b""), Section("blobs", blobs)]
        sections += [Section("timeline", timeline)] if timeline else _spans(link, deployment, run)
        sections += _kept(link, deployment, keeps.decode().split("\n"))
        write_sections(folder / run, [*sections, *_parts(link, keys), *_dumped(link, [*own, *needed])])
        keep_logs(deployment, run, logs)
        for names in _batches(own):
            link.command("UNLINK", *names)
    link.pipeline([("ZREM", f"treadle:{deployment}:runs", run), ("UNLINK", *keys.all())])
    prune(folder)


def restore(link: Link, deployment: str, run: str) -> None:
    """Bring an archived run into this Redis; what has outlived its time stays away. Raises RuntimeFault."""
    path = StateFolder.of(deployment).runs / run / "record"
    keys = RecordKeys(deployment=deployment, run=run)
    age_ms = int(1000 * (time.time() - path.stat().st_mtime))
    record: list[bytes | str] = []
    for section in read_sections(path):
        kind, _, name = section.name.partition(" ")
        match kind:
            case "start" | "outcome" | "blobs" if section.data:
                record += [kind, section.data]
            case "part":
                link.command("HSET", keys.of("result"), name, section.data)
            case "key" if not section.life_ms or section.life_ms > age_ms:
                left = max(1, section.life_ms - age_ms) if section.life_ms else 0
                link.command("RESTORE", name, left, section.data, "REPLACE")
    started = int(run.partition("_")[0]) / 1000
    link.pipeline([("HSET", keys.of("record"), *record), ("ZADD", f"treadle:{deployment}:runs", started, run)])


def keep_logs(deployment: str, run: str, logs: Path) -> None:
    """Copy what the end of each log of the stack tells of this run, the newest first, bounded. Raises OSError."""
    into = StateFolder.of(deployment).runs / run / "logs"
    found = sorted(logs.glob("*/*.log"), key=lambda path: path.stat().st_mtime, reverse=True)
    room = LOG_BYTES
    for path in found:
        with path.open("rb") as file:
            file.seek(max(0, path.stat().st_size - min(FILE_LOG_BYTES, room)))
            data = part_of_run(file.read(), run)
        room -= len(data)
        if data:
            target = into / path.relative_to(logs)
            target.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            target.write_bytes(data)
        if room <= 0:
            return


def read_sections(path: Path) -> Iterator[Section]:
    """The sections of a record's file, in order. Raises RuntimeFault when it is none, OSError."""
    with path.open("rb") as file:
        if file.read(len(MAGIC)) != MAGIC:
            raise RuntimeFault(f"{path} is no record of a run", hint="remove it with its folder")
        while head := file.read(HEAD.size):
            name_bytes, life_ms, data_bytes = HEAD.unpack(head.ljust(HEAD.size, b"\0"))
            left = os.fstat(file.fileno()).st_size - file.tell()
            if len(head) < HEAD.size or name_bytes + data_bytes > left:
                raise RuntimeFault(f"{path} is cut short", hint="remove it with its folder")
            name = file.read(name_bytes).decode(errors="replace")
            yield Section(name, file.read(data_bytes), life_ms)


def prune(folder: Path) -> None:
    """Remove the oldest runs beyond the newest 200; ids begin with their time."""
    for run in sorted((path for path in folder.iterdir() if path.is_dir()), reverse=True)[KEPT_RUNS:]:
        shutil.rmtree(run, ignore_errors=True)


def _own_keys(link: Link, deployment: str, run: str) -> list[str]:
    head = f"treadle:{escape_glob(deployment)}:{{{escape_glob(run)}"
    return [key.decode() for tail in ("}:*", "/*") for found in link.scan(head + tail) for key in found]


def _spans(link: Link, deployment: str, run: str) -> list[Section]:
    """What workers had measured of a run that nobody saw end."""
    texts = link.command("LRANGE", RunKeys(deployment, run).fixed("spans"), 0, -1)
    return [Section("spans", zlib.compress(b"\n".join(texts), 1))] if texts else []


def _kept(link: Link, deployment: str, digests: list[str]) -> Iterator[Section]:
    """Graph and plan; one that Redis has lost is left out."""
    found = link.pipeline([("GET", f"treadle:{deployment}:blob:{digest}") for digest in digests])
    for name, sealed in zip(("graph", "plan"), found, strict=True):
        if sealed is not None:
            yield Section(name, pack_blob(sealed))


def pack_blob(sealed: bytes) -> bytes:
    """A sealed graph or plan as its section holds it."""
    return zlib.compress(sealed, 1)


def unpack_blob(data: bytes) -> bytes:
    """The inverse of `pack_blob`. What none has made is b"", which opens nowhere; it is not signed yet."""
    packed = zlib.decompressobj()
    try:
        blob = packed.decompress(data, MAX_BLOB_BYTES)
    except zlib.error:
        return b""
    return blob if packed.eof else b""


def _parts(link: Link, keys: RecordKeys) -> Iterator[Section]:
    for name, data in link.command("HGETALL", keys.of("result")).items():
        yield Section(f"part {name.decode()}", data)


def _dumped(link: Link, names: Iterable[str]) -> Iterator[Section]:
    for batch in _batches(list(names)):
        looks = [look for name in batch for look in (("DUMP", name), ("PTTL", name))]
        answers = iter(link.pipeline(looks))
        for name in batch:
            data, life_ms = next(answers), next(answers)
            if data is not None:
                yield Section(f"key {name}", data, max(0, life_ms))


def _batches(names: list[str]) -> Iterator[list[str]]:
    for first in range(0, len(names), KEYS_PER_CALL):
        yield names[first : first + KEYS_PER_CALL]


def write_sections(folder: Path, sections: Iterable[Section]) -> None:
    """Written whole under another name first."""
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    draft = folder / f"record.{os.getpid()}"
    with open(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "wb") as file:
        file.write(MAGIC)
        for section in sections:
            name = section.name.encode()
            file.write(HEAD.pack(len(name), section.life_ms, len(section.data)) + name)
            file.write(section.data)
    draft.replace(folder / "record")
