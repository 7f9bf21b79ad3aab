"""Invocation payloads: both ways, their limits, their size."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest

from compiler.emit.bundle import make_build
from compiler.planner.model import PlanOptions
from compiler.planner.simple import simple
from compiler.planner.wukong import wukong
from runtime.config import WorkerSettings
from runtime.errors import BundleInvalid, SchemaVersionUnsupported
from runtime.payload import START_NAMES, Payload, make_payload, read_payload
from runtime.plan import EnvClass
from tests.factories import make_functions, make_tree

BASE = Payload(run="r1", worker="w0", env=EnvClass(memory_mb=512, layer="ab"), at=1.5, start=("a", 'b["x"][3]'))


def limited(**limits):
    return replace(BASE, settings=WorkerSettings(**limits))


@pytest.mark.parametrize(
    "payload",
    [
        BASE,
        replace(BASE, subdag=b"records"),
        replace(BASE, digest="f" * 64),
        replace(BASE, worker="~a", pages={3: b"three", 4: b"four"}),
        replace(BASE, values={"a": b"\x00\xff", "b.out": b""}),
        replace(BASE, inputs={"who": b"\x00\xff"}),
        replace(BASE, settings=WorkerSettings(lease_s=30.0, fan_out=2)),
    ],
)
def test_a_payload_survives_the_round_trip(payload):
    assert read_payload(make_payload(payload)) == payload


def test_a_payload_is_read_from_what_lambda_parsed():
    assert read_payload(json.loads(make_payload(BASE))) == BASE


def test_start_tasks_are_pairs_of_task_and_keys():
    assert json.loads(make_payload(BASE))["start"] == [["a", []], ["b", ["x", 3]]]


def test_what_travels_inside_is_sealed_after_compression():
    sealed = []

    def seal(data):
        sealed.append(data)
        return b"sealed:" + data

    data = make_payload(replace(BASE, subdag=b"records" * 100), seal=seal)
    assert len(sealed) == 1 and len(sealed[0]) < 100
    assert read_payload(data, unseal=lambda blob: blob.removeprefix(b"sealed:")).subdag == b"records" * 100


@pytest.mark.parametrize(("size", "is_inside"), [(99, True), (100, True), (101, False)])
def test_inline_subdag_bytes_at_its_limit(size, is_inside):
    payload = replace(limited(inline_subdag_bytes=100), subdag=b"x" * size, digest="d" * 64)
    document = json.loads(make_payload(payload))["subdag"]
    assert set(document) == ({"b64"} if is_inside else {"sha256"})


def test_a_subdag_over_the_limit_is_named_by_its_digest():
    read = read_payload(make_payload(replace(limited(inline_subdag_bytes=1), subdag=b"xy")))
    assert read.subdag == b"" and len(read.digest) == 64


@pytest.mark.parametrize(("size", "inside"), [(49, [0, 1]), (50, [0, 1]), (51, [0])])
def test_pages_go_in_while_they_fit(size, inside):
    payload = replace(limited(inline_subdag_bytes=100), pages={0: b"x" * 50, 1: b"y" * size})
    assert list(read_payload(make_payload(payload)).pages) == inside


@pytest.mark.parametrize(("size", "is_inside"), [(99, True), (100, True), (101, False)])
def test_inline_value_bytes_at_its_limit(size, is_inside):
    payload = replace(limited(inline_value_bytes=100), values={"a": b"x" * size})
    assert ("a" in read_payload(make_payload(payload)).values) == is_inside


@pytest.mark.parametrize(("size", "inside"), [(39, {"a", "b"}), (40, {"a", "b"}), (41, {"a"})])
def test_all_inline_values_together_at_their_limit(size, inside):
    payload = replace(limited(inline_values_bytes=100), values={"a": b"x" * 60, "b": b"y" * size})
    assert set(read_payload(make_payload(payload)).values) == inside


def test_start_names_are_bounded():
    payload = replace(BASE, start=tuple(f"a[{n}]" for n in range(1000)))
    assert read_payload(make_payload(payload)).start == payload.start[:START_NAMES]


@pytest.mark.parametrize("data", [b"", b"{", b"[]", b"{}", b"1", b'{"v":1}', {"v": 1, "run": "r"}])
def test_an_event_that_is_no_payload_is_refused(data):
    with pytest.raises(BundleInvalid, match="no invocation payload"):
        read_payload(data)


def test_a_payload_of_another_version_is_refused_as_such():
    with pytest.raises(SchemaVersionUnsupported):
        read_payload(b'{"v": 2}')


@pytest.mark.parametrize(
    ("strategy", "concurrency"), [(wukong, 10), (wukong, 4), (simple, 8)], ids=["wukong-10", "wukong-4", "simple-8"]
)
def test_every_payload_of_a_tree_of_512_is_within_four_kib(strategy, concurrency):
    graph = make_tree(512)
    bundle = make_build(graph, strategy(graph, PlanOptions(concurrency=concurrency)), make_functions(graph)).loaded
    for entry in bundle.entries:
        payload = Payload(run="r" * 60, worker=entry.worker, env=entry.env, at=1763687123.123456, start=entry.start)
        if entry.worker in bundle.workers:
            payload = replace(payload, subdag=bundle.subdag(entry.worker))
        else:
            payload = replace(payload, pages={number: bundle.page(number) for number in bundle.entry_pages(entry)})
        assert len(make_payload(payload, seal=lambda data: data + bytes(80))) <= 4096
