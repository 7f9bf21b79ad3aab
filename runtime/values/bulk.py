"""Large values: cut into chunks beside a sealed head, so that none is copied whole and none is too large for its store.

The head is an envelope at the value's place. It holds the pickle, when that is small, and of each further *segment*
(a large pickle, an array's buffer, a `bytes` object) its length and the tag of each of its chunks. Chunks are bare
bytes: slices of the value's own memory where it is stored, copied straight into the new value's memory where it is
read, each after its tag was verified. A tag is bound to the place and the chunk's position, so that a chunk of another
value, a missing or a moved one is refused like a forged envelope.

Not responsible for where head and chunks lie: that is the value store's.
"""

from __future__ import annotations

import hmac
import io
import json
import struct
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import chain, islice, repeat
from typing import Literal

from runtime.values.envelope import Codec, Place, Signer, invalid, seal
from runtime.values.packing import BULK_BYTES, Buffer, Packing

CHUNK_BYTES = 8 * 1024 * 1024
CHUNK_MARK = b"TC"
FRAME_MARK = b"TF"
FRAME = struct.Struct(">2sQI")
MAX_CHUNKS = 1_000_000
MAX_HEAD = 256 * 1024 * 1024
"""Of a stream: 8 TB of chunks; a head has about 70 bytes for each, and a pickle of some MiB."""
SegmentKind = Literal["stream", "array", "constant", "bytes"]
"""`array` is memory that may be written to, `constant` an array's that may not."""


class ChunkGone(Exception):
    """A chunk is not in the store any more: the value is lost."""


@dataclass(frozen=True, slots=True)
class Bulk:
    """A large value on its way: its sealed head and its chunks. One that is being read yields them as they come.

    A chunk that is None is not there. `lengths` of the chunks are known where it is written. `is_shared`: chunks are
    parts of a live object that may change.
    """

    head: bytes
    chunks: Iterable[Buffer | None]
    lengths: tuple[int, ...] = ()
    is_shared: bool = False

    @property
    def size(self) -> int:
        return len(self.head) + sum(self.lengths)

    def isolated(self) -> Bulk:
        """The same with memory of its own."""
        return replace(self, chunks=tuple(None if chunk is None else bytes(chunk) for chunk in self.chunks))


Sealed = bytes | Bulk
"""What is stored of a value."""


def is_bulk(packing: Packing) -> bool:
    return bool(packing.buffers or packing.outlined or len(packing.stream) > CHUNK_BYTES)


def seal_bulk(signer: Signer, place: Place, packing: Packing) -> Bulk:
    """Sign a value in chunks; its buffers are not copied."""
    position = 0
    chunks: list[Buffer] = []
    rows: list[tuple[str, int, list[str]]] = []
    where = place.encode()
    for kind, data in _segments(packing):
        pieces = list(_cut(data))
        tags = [_tag(signer, where, position + index, piece).hex() for index, piece in enumerate(pieces)]
        rows.append((kind, len(data), tags))
        chunks += pieces
        position += len(pieces)
    stream = packing.stream if len(packing.stream) <= BULK_BYTES else b""
    table = json.dumps([int(packing.codec), rows], separators=(",", ":")).encode()
    head = seal(signer, place, b"".join((b"%d:" % len(table), table, stream)), Codec.BULK)
    return Bulk(
        head,
        tuple(chunks),
        tuple(map(len, chunks)),
        is_shared=any(kind == "array" for kind, _, _ in rows),
    )


def _segments(packing: Packing) -> Iterator[tuple[SegmentKind, memoryview]]:
    if len(packing.stream) > BULK_BYTES:
        yield "stream", memoryview(packing.stream)
    for buffer in packing.buffers:
        yield ("constant" if buffer.readonly else "array"), buffer
    for constant in packing.outlined:
        yield "bytes", memoryview(constant)


def _cut(data: memoryview) -> Iterator[memoryview]:
    for start in range(0, len(data), CHUNK_BYTES):
        yield data[start : start + CHUNK_BYTES]


def _tag(signer: Signer, where: bytes, position: int, chunk: Buffer) -> bytes:
    return signer.tag(where, CHUNK_MARK + position.to_bytes(8, "big"), chunk)


def open_bulk(signer: Signer, place: Place, head: memoryview, chunks: Iterable[Buffer | None]) -> tuple[Packing, int]:
    """The value whose opened head is `head`, with its size in bytes; each chunk is verified as it comes.

    Raises SignatureInvalid for a chunk that is not this value's, ChunkGone for one that is not there.
    """
    codec, rows, stream = _read_head(head)
    incoming = _verified(signer, place, chain.from_iterable(tags for _, _, tags in rows), chunks)
    streams, buffers, outlined = [stream], [], []
    for kind, length, tags in rows:
        if kind == "array":
            buffers.append(memoryview(_array(length, islice(incoming, len(tags)))))
            continue
        data = _constant(length, islice(incoming, len(tags)))
        match kind:
            case "stream":
                streams.append(data)
            case "constant":
                buffers.append(memoryview(data))
            case _:
                outlined.append(data)
    return Packing(codec, streams[-1], buffers, outlined), len(head) + sum(length for _, length, _ in rows)


def _read_head(head: memoryview) -> tuple[Codec, Sequence[tuple[SegmentKind, int, Sequence[str]]], bytes]:
    """The codec, of each segment its kind, length and tags, and the pickle when it is small."""
    digits = bytes(head[:20]).partition(b":")[0]
    end = len(digits) + 1 + int(digits)
    codec, rows = json.loads(bytes(head[len(digits) + 1 : end]))
    return Codec(codec), rows, bytes(head[end:])


def _verified(
    signer: Signer, place: Place, tags: Iterable[str], chunks: Iterable[Buffer | None]
) -> Iterator[bytes | bytearray | memoryview]:
    where = place.encode()
    for position, (tag, chunk) in enumerate(zip(tags, chain(chunks, repeat(None)), strict=False)):
        if chunk is None:
            raise ChunkGone
        if not hmac.compare_digest(_tag(signer, where, position, chunk), bytes.fromhex(tag)):
            raise invalid(place, "the signature of one of its chunks does not fit")
        yield chunk


def _array(length: int, chunks: Iterable[Buffer]) -> bytearray:
    """Memory that may be written to, filled in place."""
    data = bytearray(length)
    at = 0
    for chunk in chunks:
        data[at : at + len(chunk)] = chunk
        at += len(chunk)
    assert at == length, "the tags cover the whole length"
    return data


def _constant(length: int, chunks: Iterable[Buffer]) -> bytes:
    """A `bytes` object made without a second copy: BytesIO hands out its own buffer when that is of the exact size."""
    data = io.BytesIO()
    data.seek(length - 1)
    data.write(b"\0")
    data.seek(0)
    for chunk in chunks:
        data.write(chunk)
    assert data.tell() == length, "the tags cover the whole length"
    return data.getvalue()


def framed(bulk: Bulk) -> Iterator[Buffer]:
    """One stream of bytes: how long head and chunks are, then these."""
    yield FRAME.pack(FRAME_MARK, len(bulk.head), len(bulk.lengths)) + struct.pack(
        f">{len(bulk.lengths)}Q", *bulk.lengths
    )
    yield bulk.head
    for chunk in bulk.chunks:
        assert chunk is not None, "what is written is there"
        yield chunk


def unframed(read: Callable[[int], bytes]) -> Bulk:
    """The inverse of `framed`: chunks are read as they are taken. What was cut short is refused by its tags.

    What no `framed` has written has an empty head, and opens nowhere: its lengths would fill the memory.
    """
    mark, head_bytes, count = FRAME.unpack(read(FRAME.size).ljust(FRAME.size, b"\0"))
    table = read(8 * count) if mark == FRAME_MARK and count <= MAX_CHUNKS else b""
    lengths = [length for (length,) in struct.iter_unpack(">Q", table)] if len(table) == 8 * count else []
    if mark != FRAME_MARK or len(lengths) != count or max(lengths, default=0) > CHUNK_BYTES or head_bytes > MAX_HEAD:
        return Bulk(b"", ())
    return Bulk(read(head_bytes), (read(length) for length in lengths))
