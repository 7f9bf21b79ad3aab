"""A bundle that somebody edited: each wrong part gives one clear fault, never a traceback of another kind."""

from __future__ import annotations

import json
from functools import cache

from hypothesis import given, settings
from hypothesis import strategies as st

from compiler.emit.bundle import make_build
from compiler.emit.canonical import canonical_json, digest_of
from compiler.planner.model import PlanOptions
from compiler.planner.wukong import wukong
from runtime.bundle import MemoryBlobs, read_index
from runtime.errors import BundleInvalid, SchemaVersionUnsupported
from runtime.payload import Payload, make_payload, read_payload
from runtime.plan import EnvClass
from tests.factories import graph_of, make_functions

ABSENT = object()
wrong_values = st.sampled_from([ABSENT, None, 7, -1, "x", [], [7], ["x"], [[]], {}, {"x": 1}, True, 1.5])


@cache
def built():
    graph = graph_of({"a": [], "b": ["a.x"], "c": ["b"]}, outputs={"a": ("x",)}, pins={"c": "mine"})
    return make_build(graph, wukong(graph, PlanOptions()), make_functions(graph))


def edited(document, key, value):
    changed = {name: part for name, part in document.items() if name != key}
    return changed if value is ABSENT else changed | {key: value}


def read_all(index, blobs):
    bundle = read_index(canonical_json(index), MemoryBlobs(blobs))
    bundle.verify()
    assert all(bundle.inputs)
    bundle.graph()
    for entry in bundle.entries:
        bundle.entry_pages(entry)


def read_or_refuse(index, blobs):
    try:
        read_all(index, blobs)
    except (BundleInvalid, SchemaVersionUnsupported) as fault:
        assert str(fault)


@given(st.data())
@settings(max_examples=100, deadline=None)
def test_an_edited_index_is_read_or_refused(data):
    index = json.loads(built().index)
    key = data.draw(st.sampled_from(sorted(index)))
    read_or_refuse(edited(index, key, data.draw(wrong_values)), built().blobs)


@given(st.sampled_from(["name", "type", "default", "description"]), wrong_values | st.just({"$r": [0]}))
@settings(max_examples=100, deadline=None)
def test_an_edited_input_is_read_or_refused(key, value):
    row = {"name": "who", "type": "str", "default": {"$b": "0" * 64}, "description": "x"}
    read_or_refuse(json.loads(built().index) | {"inputs": [edited(row, key, value)]}, built().blobs)


@given(st.data())
@settings(max_examples=100, deadline=None)
def test_an_edited_graph_or_plan_is_read_or_refused(data):
    index = json.loads(built().index)
    part = data.draw(st.sampled_from(["graph", "plan"]))
    document = json.loads(built().blobs[index[part]])
    key = data.draw(st.sampled_from(sorted(document)))
    blob = canonical_json(edited(document, key, data.draw(wrong_values)))
    read_or_refuse(index | {part: digest_of(blob)}, {**built().blobs, digest_of(blob): blob})


@given(st.data())
@settings(max_examples=100, deadline=None)
def test_an_edited_payload_is_read_or_refused(data):
    payload = Payload(
        run="r", worker="~a", env=EnvClass(memory_mb=128), at=1.0, start=("a",), pages={0: b"x"}, values={"b": b"y"}
    )
    document = json.loads(make_payload(payload)) | {"set": {"linger_s": 0.5}}
    key = data.draw(st.sampled_from(sorted(document)))
    try:
        read_payload(edited(document, key, data.draw(wrong_values)))
    except (BundleInvalid, SchemaVersionUnsupported) as fault:
        assert str(fault)
