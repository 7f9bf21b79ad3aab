"""Values, blobs, pages and wake-ups: what they promise beside the protocol."""

from __future__ import annotations

import threading
from collections.abc import Iterable, Iterator
from typing import TypeVar

import pytest

from runtime.backends.keys import keys_of
from runtime.ports import HEAD_BYTES, Reference, RunEvent, Store
from runtime.values.bulk import Bulk
from runtime.values.envelope import Codec, Kind, Place, Signer, seal
from runtime.values.reading import read_all, read_stored
from runtime.values.trust import Trust
from tests.contracts.world import World, pinned, store

pytestmark = pytest.mark.everywhere
T = TypeVar("T")
TRUST = Trust(signer=Signer(b"k" * 32), deployment="test", run="run")


def test_blobs_are_kept_under_their_digest_and_outlive_the_run(world: World) -> None:
    world.values.put_blobs({"d1": b"one", "d2": b"two" * 1_000_000})
    world.values.put_blobs({"d1": b"one", "d3": b"\x00\xff"})
    world.coordinator.finish()
    assert world.values.get_blobs(["d3", "d2", "none", "d1"]) == [b"\x00\xff", b"two" * 1_000_000, None, b"one"]
    assert world.values.get_blobs([]) == []
    world.values.put_blobs({})


def test_a_blob_that_another_key_sealed_is_replaced(world: World) -> None:
    place = Place(deployment="test", run="", instance="d", kind=Kind.BLOB)
    old, new = (seal(key * 32, place, b"code" * 1_000, Codec.RAW) for key in (b"o", b"n"))
    world.values.put_blobs({"d": old})
    world.values.put_blobs({"d": new})
    assert world.values.get_blobs(["d"]) == [new]


def test_blob_that_stands_is_not_replaced(world: World) -> None:
    old, new = b"\x01" * 100, b"\x02" * 100
    world.values.put_blobs({"d": old})
    world.values.put_blobs({"d": new, "e": new}, lambda digest, head: (digest, head) == ("d", old[:HEAD_BYTES]))
    assert world.values.get_blobs(["d", "e"]) == [old, new]
    world.values.put_blobs({"d": new + b"\x02"}, lambda digest, head: True)
    assert world.values.get_blobs(["d"]) == [new + b"\x02"]


def test_pages_and_graph_belong_to_the_run(world: World) -> None:
    world.values.put_pages({number: b"page %d" % number for number in range(300)})
    world.values.put_graph(b"graph")
    assert world.values.get_pages([7, 300, 0]) == [b"page 7", None, b"page 0"]
    assert world.backend.values.get_graph() == b"graph"
    world.coordinator.finish()
    assert world.values.get_pages([7]) == [None]
    assert world.backend.values.get_graph() is None


def test_inputs_belong_to_the_run_large_ones_by_reference(world: World) -> None:
    key = world.values.put_large("inputs", "big", "input", b"large")
    world.values.put_inputs({"who": b"r\x00", "big": Reference(key=key)})
    assert world.values.get_inputs(["big", "none", "who"]) == [Reference(key=key), None, b"r\x00"]
    world.coordinator.rebuild_start()
    assert world.values.get_inputs(["who"]) == [b"r\x00"]
    world.coordinator.finish()
    assert world.values.get_inputs(["big", "who"]) == [None, None]
    assert world.values.get_large(key) is None


def test_a_large_value_can_be_deleted_by_its_loser(world: World) -> None:
    first = world.values.put_large("t[1]", "out", "token1", b"1")
    second = world.values.put_large("t[1]", "out", "token2", b"2")
    world.values.delete_large(second)
    assert (world.values.get_large(first), world.values.get_large(second)) == (b"1", None)


def test_fetching_nothing_is_nothing(world: World) -> None:
    assert world.values.fetch([]) == []
    assert world.values.get_pages([]) == []


def test_a_wait_for_hints_ends_with_its_time(world: World) -> None:
    assert world.signals.wait_hints("w0", "0", 0.01) == []
    assert world.signals.wait_events("0", 0.01) == []


def test_a_hint_wakes_a_waiting_worker(world: World) -> None:
    world.launch({"w0": {"a": -1}, "w1": {"b": -1}})
    world.begin("w0", "t0")
    world.begin("w1", "t1")
    got: list[dict[str, bytes]] = []
    thread = threading.Thread(
        target=lambda: got.extend(dict(hint.arrived) for hint in world.signals.wait_hints("w1", "0", 30.0))
    )
    thread.start()
    world.commit("w0", store("a", pinned("c", "w1", need=2)), token="t0")
    thread.join(30.0)
    assert got == [{"a": b"value"}]


def begun(world: World) -> str:
    """A run whose stream is there; returns the id of its first event."""
    world.launch({"w0": {"a": -1}})
    world.begin("w0")
    return world.signals.wait_events("0", 1.0)[-1].id


def test_what_a_worker_says_of_a_run_that_was_cleaned_is_not_kept(world: World) -> None:
    begun(world)
    world.coordinator.finish()
    world.signals.emit_events([("span", "{}")])
    assert world.signals.wait_events("0", 0.001) == []


def test_reading_goes_on_after_an_id(world: World) -> None:
    start = begun(world)
    world.signals.emit_events([("span", '{"n": 1}'), ("span", '{"n": 2}')])
    first, second = world.signals.wait_events(start, 1.0)
    assert [first.data, second.data] == ['{"n": 1}', '{"n": 2}']
    assert world.signals.wait_events(first.id, 1.0) == [second]
    world.signals.emit_events([])
    assert world.signals.wait_events(second.id, 0.001) == []


def test_a_stream_forgets_its_oldest_entries(world: World) -> None:
    begun(world)
    for _ in range(3):
        world.signals.emit_events([("span", str(number)) for number in range(8_000)])
    kept = world.signals.wait_events("0", 1.0)
    assert 10_000 <= len(kept) < 24_000
    assert kept[-1].data == "7999"


def test_an_event_stream_is_read_while_the_run_writes_to_it(world: World) -> None:
    got: list[RunEvent] = []
    start = begun(world)

    def follow() -> None:
        after = start
        while len(got) < 20:
            got.extend(world.signals.wait_events(after, 30.0))
            after = got[-1].id

    thread = threading.Thread(target=follow)
    thread.start()
    for number in range(20):
        world.signals.emit_events([("span", str(number))])
    thread.join(30.0)
    assert [event.data for event in got] == [str(number) for number in range(20)]


def test_a_value_in_chunks_lies_under_its_reference(world: World) -> None:
    trust = Trust(signer=Signer(b"k" * 32), deployment="test", run="run")
    value = [bytes([number]) * 9_000_000 for number in (1, 2)]
    sealed = trust.seal_value('t["#2"].out', value)
    assert isinstance(sealed, Bulk)
    key = world.values.put_large('t["#2"]', "out", "token1", sealed)
    found = world.values.get_large(key)
    assert found is not None and trust.open_value('t["#2"].out', found) == value
    world.values.delete_large(key)
    assert world.values.get_large(key) is None


def test_a_value_in_chunks_that_came_in_part_is_dangling(world: World) -> None:
    trust = Trust(signer=Signer(b"k" * 32), deployment="test", run="run")
    sealed = trust.seal_value("a", b"x" * 9_000_000)
    assert isinstance(sealed, Bulk)
    world.launch({"w0": {"a": -1}})
    world.begin("w0")
    key = world.values.put_large("a", None, "t1", sealed)
    world.commit("w0", Store(task="a", slot="a", value=None, reference=key))
    assert world.values.readable() == (frozenset({"a"}), frozenset())
    if world.client is not None:
        world.client.delete(keys_of(key)[1])
        assert world.values.readable() == (frozenset(), frozenset({"a"}))
        assert read_stored(world.values, trust, "a", Reference(key=key)) is None


def test_large_values_are_read_a_few_at_a_time_in_order(world: World) -> None:
    values = {f"t[{number}]": bytes([number]) * 1000 for number in range(40)}
    values["t[7]"] = bytes(12_000_000)
    keys = [world.values.put_large(slot, None, "t1", TRUST.seal_value(slot, value)) for slot, value in values.items()]
    world.values.delete_large(keys[3])
    found = {slot: Reference(key=key) for slot, key in zip(values, keys, strict=True)}
    pieces: list[object] = []

    def passing(given: Iterable[T]) -> Iterator[T]:
        for piece in given:
            pieces.append(piece)
            yield piece

    read = {slot: packed and packed.unpack() for slot, packed in read_all(world.values, TRUST, found, passing=passing)}
    assert read == values | {"t[3]": None}
    assert len(pieces) == 40 + 2
