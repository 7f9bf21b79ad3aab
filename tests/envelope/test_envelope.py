"""Envelopes: what opens, what is refused, and what can be packed."""

from __future__ import annotations

import dataclasses
import threading

import pytest
from hypothesis import given
from hypothesis import strategies as st

from runtime.errors import NotSerializable, SignatureInvalid
from runtime.values.envelope import (
    OVERHEAD,
    Codec,
    Kind,
    Place,
    Signer,
    key_id,
    named_key,
    open_sealed,
    seal,
)
from runtime.values.packing import pack_value, unpack_value

KEY = b"k" * 32
PLACE = Place(deployment="local", run="r1", instance="add[1]", output="sum")


@pytest.mark.parametrize("data", [b"", b"x", b"y" * 64 * 1024, b"z" * (64 * 1024 + 1), b"\x00" * 3_000_000])
@pytest.mark.parametrize("codec", list(Codec))
def test_what_is_sealed_opens_at_its_place(data: bytes, codec: Codec) -> None:
    blob = seal(KEY, PLACE, data, codec)
    assert len(blob) == len(data) + OVERHEAD
    assert open_sealed(KEY, PLACE, blob) == (codec, data)


def test_a_signer_seals_and_opens_as_its_key_does() -> None:
    signer = Signer(KEY)
    blob = seal(signer, PLACE, b"data", Codec.PICKLE)
    assert blob == seal(KEY, PLACE, b"data", Codec.PICKLE)
    assert open_sealed(signer, PLACE, blob) == open_sealed(KEY, PLACE, blob)
    with pytest.raises(SignatureInvalid):
        open_sealed(Signer(b"l" * 32), PLACE, blob)


def test_what_an_older_key_signed_opens_and_a_dropped_keys_does_not() -> None:
    old, new = b"o" * 32, b"n" * 32
    sealed = seal(old, PLACE, b"data", Codec.PICKLE)
    assert open_sealed(Signer(new, old), PLACE, sealed) == (Codec.PICKLE, b"data")
    assert named_key(sealed) == key_id(old)
    with pytest.raises(SignatureInvalid, match=f"signed with the key {key_id(old).hex()}") as caught:
        open_sealed(Signer(new), PLACE, sealed)
    assert caught.value.code == "E606"
    assert "treadle key" in caught.value.hint


def test_a_signer_signs_with_its_first_key_or_the_one_it_is_told() -> None:
    old, new = b"o" * 32, b"n" * 32
    both = Signer(new, old)
    assert seal(both, PLACE, b"data", Codec.RAW) == seal(new, PLACE, b"data", Codec.RAW)
    assert seal(both.using(key_id(old)), PLACE, b"data", Codec.RAW) == seal(old, PLACE, b"data", Codec.RAW)
    with pytest.raises(SignatureInvalid, match="does not have here"):
        both.using(key_id(b"x" * 32))


def test_a_signature_of_one_key_under_the_name_of_another_is_refused() -> None:
    old, new = b"o" * 32, b"n" * 32
    blob = bytearray(seal(old, PLACE, b"data", Codec.PICKLE))
    blob[5:9] = key_id(new)
    with pytest.raises(SignatureInvalid, match="does not fit"):
        open_sealed(Signer(new, old), PLACE, bytes(blob))


def test_sealing_is_deterministic() -> None:
    assert seal(KEY, PLACE, b"data", Codec.PICKLE) == seal(KEY, PLACE, b"data", Codec.PICKLE)


@pytest.mark.parametrize(
    "change",
    [
        {"deployment": "other"},
        {"run": "r2"},
        {"instance": "add[2]"},
        {"output": None},
        {"output": ""},
        {"output": "sum2"},
        {"kind": Kind.PAGE},
    ],
)
def test_a_valid_value_of_another_place_is_refused(change: dict[str, object]) -> None:
    blob = seal(KEY, PLACE, b"data", Codec.PICKLE)
    with pytest.raises(SignatureInvalid, match="signature does not fit") as caught:
        open_sealed(KEY, dataclasses.replace(PLACE, **change), blob)
    assert caught.value.code == "E606"


def test_another_key_is_refused() -> None:
    with pytest.raises(SignatureInvalid, match=r"add\[1\]\.sum of run r1"):
        open_sealed(b"l" * 32, PLACE, seal(KEY, PLACE, b"data", Codec.PICKLE))


CHANGES = st.one_of(
    st.tuples(st.just("set"), st.integers(0, 200), st.binary(min_size=1, max_size=20)),
    st.tuples(st.just("cut"), st.integers(0, 200), st.integers(1, 50)),
    st.tuples(st.just("put"), st.integers(0, 200), st.binary(min_size=1, max_size=20)),
)


def changed(data: bytes, change: tuple[str, int, bytes | int]) -> bytes:
    match change:
        case ("set", at, bytes(part)):
            return data[:at] + part + data[at + len(part) :]
        case ("cut", at, int(count)):
            return data[:at] + data[at + count :]
        case (_, at, part):
            assert isinstance(part, bytes)
            return data[:at] + part + data[at:]


@given(st.binary(max_size=100), st.lists(CHANGES, min_size=1, max_size=4))
def test_random_changes_are_refused_and_nothing_else_is_raised(
    data: bytes, changes: list[tuple[str, int, int]]
) -> None:
    blob = seal(KEY, PLACE, data, Codec.PICKLE)
    other = blob
    for change in changes:
        other = changed(other, change)
    if other != blob:
        with pytest.raises(SignatureInvalid):
            open_sealed(KEY, PLACE, other)


@given(st.binary(max_size=200))
def test_random_bytes_are_refused(data: bytes) -> None:
    for blob in (data, seal(KEY, PLACE, b"data", Codec.PICKLE)[:6] + data):
        with pytest.raises(SignatureInvalid):
            open_sealed(KEY, PLACE, blob)


@given(st.binary(max_size=100), st.data())
def test_any_flipped_bit_is_refused(data: bytes, draw: st.DataObject) -> None:
    blob = bytearray(seal(KEY, PLACE, data, Codec.PICKLE))
    bit = draw.draw(st.integers(0, len(blob) * 8 - 1))
    blob[bit // 8] ^= 1 << bit % 8
    with pytest.raises(SignatureInvalid):
        open_sealed(KEY, PLACE, bytes(blob))


@given(st.binary(max_size=100), st.binary(max_size=100))
def test_cut_or_lengthened_bytes_are_refused(data: bytes, more: bytes) -> None:
    blob = seal(KEY, PLACE, data, Codec.PICKLE)
    for length in range(len(blob)):
        with pytest.raises(SignatureInvalid):
            open_sealed(KEY, PLACE, blob[:length])
    with pytest.raises(SignatureInvalid):
        open_sealed(KEY, PLACE, blob + more + b"x")


def test_another_version_is_named() -> None:
    blob = bytearray(seal(KEY, PLACE, b"data", Codec.PICKLE))
    blob[2] = 2
    with pytest.raises(SignatureInvalid, match="version 2"):
        open_sealed(KEY, PLACE, bytes(blob))


TEXT = st.text(alphabet="a:0+-1", max_size=4)
PLACES = st.builds(
    Place, deployment=TEXT, run=TEXT, instance=TEXT, output=st.none() | TEXT, kind=st.sampled_from(list(Kind))
)


@given(PLACES, PLACES)
def test_no_two_places_read_alike(first: Place, second: Place) -> None:
    assert (first.encode() == second.encode()) == (first == second)


class Plain:
    def __init__(self, part: object) -> None:
        self.part = part


class Slotted:
    __slots__ = ("part",)

    def __init__(self, part: object) -> None:
        self.part = part


@pytest.mark.parametrize("value", [None, 0, "", b"", [], {}, {"a": [1, (2, {3})]}, float("inf"), 10**100])
def test_plain_values_go_by_pickle(value: object) -> None:
    packing = pack_value(value)
    assert packing.codec is Codec.PICKLE
    assert unpack_value(packing) == value


def test_what_pickle_refuses_goes_by_cloudpickle() -> None:
    packing = pack_value(lambda number: number + 1)
    assert packing.codec is Codec.CLOUDPICKLE
    function = unpack_value(packing)
    assert callable(function) and function(1) == 2


@pytest.mark.parametrize(
    ("wrap", "path"),
    [
        (lambda lock: {"model": Plain([1, lock])}, r"\['model'\]\.part\[1\]"),
        (lambda lock: (1, Slotted(lock)), r"\[1\]\.part"),
        (lambda lock: [lock], r"\[0\]"),
    ],
)
def test_the_part_that_cannot_be_pickled_is_named(wrap: object, path: str) -> None:
    assert callable(wrap)
    with pytest.raises(NotSerializable, match=path + r" \(a lock\).*cannot pickle"):
        pack_value(wrap(threading.Lock()))


def test_a_value_that_is_itself_the_part_is_named() -> None:
    with pytest.raises(NotSerializable, match="a generator cannot be pickled"):
        pack_value(number for number in range(3))


def test_a_cyclic_value_with_a_bad_part_is_named_too() -> None:
    cycle: list[object] = []
    cycle.extend([cycle, threading.Lock()])
    with pytest.raises(NotSerializable, match=r"\[1\] \(a lock\)"):
        pack_value(cycle)


def test_a_value_nested_too_deep_is_refused_clearly() -> None:
    value: object = threading.Lock()
    for _ in range(100_000):
        value = [value]
    with pytest.raises(NotSerializable, match="cannot be pickled"):
        pack_value(value)
