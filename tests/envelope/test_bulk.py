"""Values in chunks: what opens, what is refused, and how they lie in one stream."""

from __future__ import annotations

import io
from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from runtime.errors import SignatureInvalid
from runtime.values.bulk import CHUNK_BYTES, FRAME, Bulk, ChunkGone, framed, unframed
from runtime.values.envelope import Signer
from runtime.values.trust import Trust

TRUST = Trust(signer=Signer(b"k" * 32), deployment="test", run="run")
SLOT = "a[1].out"


def sealed(value: object, trust: Trust = TRUST, slot: str = SLOT) -> Bulk:
    found = trust.seal_value(slot, value)
    assert isinstance(found, Bulk)
    return found


def chunks_of(bulk: Bulk) -> list[bytes]:
    return [bytes(chunk) for chunk in bulk.chunks if chunk is not None]


def large(mark: int = 1, count: int = 2 * CHUNK_BYTES + 5) -> bytes:
    return bytes([mark]) * count


@pytest.mark.parametrize(
    "value",
    [
        large(),
        [large(1), large(2, CHUNK_BYTES)],
        {"text": "x" * (CHUNK_BYTES + 1)},
        {"text": "x" * (CHUNK_BYTES + 1), "bytes": large(3)},
        list(range(4_000_000)),
    ],
    ids=["bytes", "two", "text", "both", "numbers"],
)
def test_what_is_sealed_opens_again(value: object) -> None:
    bulk = sealed(value)
    assert all(len(chunk) <= CHUNK_BYTES for chunk in chunks_of(bulk))
    assert TRUST.open_value(SLOT, bulk) == value
    again = unframed(io.BytesIO(b"".join(framed(bulk))).read)
    assert TRUST.open_value(SLOT, again) == value


def test_arrays_open_writable_unless_they_were_not() -> None:
    writable, fixed = np.arange(3_000_000), np.ones((1000, 1000))
    fixed.flags.writeable = False
    bulk = sealed([writable, fixed, "small"])
    assert bulk.is_shared
    first, second, text = TRUST.open_value(SLOT, bulk)  # type: ignore[misc]
    assert np.array_equal(first, writable) and np.array_equal(second, fixed) and text == "small"
    assert first.flags.writeable and not second.flags.writeable


def test_chunks_share_the_values_memory_until_they_are_isolated() -> None:
    array = np.zeros(CHUNK_BYTES, dtype=np.uint8)
    bulk = sealed(array)
    alone = bulk.isolated()
    array[:] = 7
    assert TRUST.open_value(SLOT, alone) is not None
    with pytest.raises(SignatureInvalid, match="chunks"):
        TRUST.open_value(SLOT, bulk)


def test_only_mutable_memory_counts_as_shared() -> None:
    assert not sealed(large()).is_shared


Change = Callable[[list[bytes]], list[bytes]]


@pytest.mark.parametrize(
    "change",
    [
        lambda chunks: [chunks[1], chunks[0], *chunks[2:]],
        lambda chunks: [chunks[0], chunks[0], *chunks[2:]],
        lambda chunks: [chunks[0][:-1] + b"\xff", *chunks[1:]],
        lambda chunks: [chunks[0][:-1], *chunks[1:]],
        lambda chunks: [chunks[0] + b"\x01", *chunks[1:]],
        lambda chunks: [b"", *chunks[1:]],
    ],
    ids=["swapped", "repeated", "changed", "cut", "lengthened", "emptied"],
)
def test_chunks_that_are_not_as_they_were_are_refused(change: Change) -> None:
    bulk = sealed(large(1, CHUNK_BYTES) + large(2))
    with pytest.raises(SignatureInvalid, match="one of its chunks") as caught:
        TRUST.open_value(SLOT, replace(bulk, chunks=change(chunks_of(bulk))))
    assert caught.value.code == "E606"


def test_a_chunk_of_another_value_is_refused() -> None:
    other = replace(TRUST, run="other")
    foreign = [(TRUST, "a[2].out"), (other, SLOT), (replace(TRUST, deployment="else"), SLOT)]
    bulk = sealed(large(1))
    for trust, slot in foreign:
        theirs = sealed(large(1), trust, slot)
        with pytest.raises(SignatureInvalid):
            TRUST.open_value(SLOT, theirs)
        with pytest.raises(SignatureInvalid):
            TRUST.open_value(SLOT, replace(theirs, chunks=bulk.chunks))
        mixed = sealed(large(2), trust, slot)
        with pytest.raises(SignatureInvalid):
            TRUST.open_value(SLOT, replace(bulk, chunks=mixed.chunks))


def test_a_chunk_that_is_gone_is_no_forgery() -> None:
    bulk = sealed(large())
    first, *rest = chunks_of(bulk)
    for chunks in ([], [first], [first, None, *rest[1:]]):
        with pytest.raises(ChunkGone):
            TRUST.open_value(SLOT, replace(bulk, chunks=chunks))


def test_a_stream_that_was_cut_or_is_none_is_refused() -> None:
    whole = b"".join(framed(sealed(large())))
    for cut in (0, 1, 10, 30, 200, len(whole) - 1):
        with pytest.raises(SignatureInvalid):
            TRUST.open_value(SLOT, unframed(io.BytesIO(whole[:cut]).read))
    with pytest.raises(SignatureInvalid):
        TRUST.open_value(SLOT, unframed(io.BytesIO(b"\x80\x05" + whole).read))


def test_a_kept_value_opens_at_its_own_place_alone() -> None:
    for value in ("small", large()):
        packed = TRUST.verify_value(SLOT, TRUST.seal_value(SLOT, value))
        kept = TRUST.keep_value(SLOT, packed)
        assert TRUST.open_kept(SLOT, kept) == value
        with pytest.raises(SignatureInvalid):
            TRUST.open_kept("b", kept)
    kept_input = TRUST.keep_input("data", large())
    assert TRUST.open_kept_input("data", kept_input) == large()
    with pytest.raises(SignatureInvalid):
        TRUST.open_kept("data", kept_input)


KEPT = TRUST.keep_value(SLOT, TRUST.verify_value(SLOT, TRUST.seal_value(SLOT, large(1, 1_100_000))))
PLACES = st.one_of(st.integers(0, 300), st.integers(0, len(KEPT)))


@settings(max_examples=60, deadline=None)
@given(st.lists(st.tuples(PLACES, st.binary(max_size=12), st.integers(0, 12)), min_size=1, max_size=3))
def test_random_changes_of_a_kept_value_are_refused_or_change_nothing(changes: list[tuple[int, bytes, int]]) -> None:
    kept = KEPT
    for at, part, gone in changes:
        kept = kept[:at] + part + kept[at + gone :]
    try:
        value = TRUST.open_kept(SLOT, kept)
    except SignatureInvalid:
        return
    assert value == large(1, 1_100_000)


@pytest.mark.parametrize("head", [(b"TF", 2**63, 1), (b"TF", 10, 2**32 - 1), (b"TF", 10, 1_000_000)])
def test_a_stream_that_says_to_be_huge_takes_no_memory(head: tuple[bytes, int, int]) -> None:
    asked: list[int] = []
    data = io.BytesIO(FRAME.pack(*head) + b"\xff" * 100)

    def read(count: int) -> bytes:
        asked.append(count)
        return data.read(count)

    with pytest.raises(SignatureInvalid):
        TRUST.open_value(SLOT, unframed(read))
    assert max(asked) <= 8_000_000
