"""Envelopes: what opens, what is refused, what can be packed, and the signing key."""

from __future__ import annotations

import dataclasses
import threading
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from runtime.errors import NotSerializable, RuntimeFault, SignatureInvalid
from runtime.values.envelope import (
    OVERHEAD,
    Codec,
    Kind,
    Place,
    Signer,
    default_key_path,
    load_or_create_key,
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


def test_the_key_is_made_once_and_kept_private(tmp_path: Path) -> None:
    path = tmp_path / "a" / "b" / "local.key"
    key = load_or_create_key(path)
    assert len(key) == 32
    assert load_or_create_key(path) == key
    assert path.stat().st_mode & 0o777 == 0o600
    assert [entry.name for entry in path.parent.iterdir()] == ["local.key"]


def test_all_who_make_the_key_at_once_get_the_same(tmp_path: Path) -> None:
    keys: list[bytes] = []
    barrier = threading.Barrier(8)

    def make() -> None:
        barrier.wait(10.0)
        keys.append(load_or_create_key(tmp_path / "local.key"))

    threads = [threading.Thread(target=make) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(keys) == 8
    assert len(set(keys)) == 1


def test_a_key_that_others_can_read_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "local.key"
    load_or_create_key(path)
    path.chmod(0o644)
    with pytest.raises(RuntimeFault, match="open to other users") as caught:
        load_or_create_key(path)
    assert caught.value.hint == f"chmod 600 {path}"


def test_a_short_key_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "local.key"
    path.touch(mode=0o600)
    with pytest.raises(RuntimeFault, match="shorter than 32 bytes"):
        load_or_create_key(path)


def test_a_folder_in_the_keys_place_is_a_clear_error(tmp_path: Path) -> None:
    with pytest.raises(RuntimeFault, match="cannot be used"):
        load_or_create_key(tmp_path)


def test_the_default_key_lies_in_the_configuration_folder(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path))
    assert default_key_path("local") == tmp_path / "treadle" / "keys" / "local.key"
    monkeypatch.delenv("XDG_CONFIG_HOME")
    monkeypatch.setenv("HOME", "/home/someone")
    assert default_key_path("local") == Path("/home/someone/.config/treadle/keys/local.key")


@pytest.mark.parametrize("name", ["", "../x", "a/b", ".hidden", "a b"])
def test_a_deployment_cannot_leave_the_key_folder(name: str) -> None:
    with pytest.raises(RuntimeFault, match="no deployment name"):
        default_key_path(name)
