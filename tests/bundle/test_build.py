"""A build in memory: the index, the blobs, the graph and the plan as the launcher reads them."""

from __future__ import annotations

import io
import json
import zipfile
from dataclasses import replace

import pytest

from compiler.emit.bundle import make_build
from compiler.emit.canonical import canonical_json, digest_of
from compiler.emit.closure import CLIENT_SIDE, shipped_closure, whole_runtime
from compiler.emit.literals import LITERAL_BYTES, Literals
from compiler.manifest.model import Param
from compiler.planner.model import PlanOptions
from compiler.planner.simple import simple
from compiler.planner.wukong import wukong
from runtime.bundle import MemoryBlobs, read_index
from runtime.errors import BundleInvalid, SchemaVersionUnsupported
from runtime.pages import decode_subdag
from runtime.plan import Blob, Ref
from tests.factories import SPAN, graph_of, make_functions, make_graph, make_tree


def build_of(graph, strategy=simple, **options):
    return make_build(graph, strategy(graph, PlanOptions(**options)), make_functions(graph))


def test_the_index_tells_what_a_launcher_needs():
    build = build_of(make_graph("a->b a->c", pins={"c": "mine"}, memory_mb={"c": 512}), wukong)
    bundle = build.loaded
    assert (bundle.name, bundle.planner, bundle.task_count, bundle.digest) == ("test", "wukong", 3, build.digest)
    assert bundle.classes[bundle.workers["mine"].env].memory_mb == 512
    assert list(decode_subdag(bundle.subdag("mine")).tasks) == ["c"]
    assert list(decode_subdag(bundle.page(0)).tasks) == ["a", "b"]
    assert [(entry.worker, entry.start, entry.page) for entry in bundle.entries] == [("~a", ("a",), 0)]
    assert bundle.result == {"b": Ref(0), "c": Ref(1)}
    assert bundle.result_edges == (("b", None), ("c", None))


def test_inputs_are_declared_in_the_index_large_defaults_as_blobs():
    words = ["x" * 100] * 1000
    declared = {
        "who": Param(name="who", span=SPAN, type="str", description="Whom to greet."),
        "share": Param(name="share", span=SPAN, type="float", has_default=True, default=1),
        "words": Param(name="words", span=SPAN, type="list[str]", has_default=True, default=words),
        "free": Param(name="free", span=SPAN, type="any", has_default=True, default={"$b": "0" * 64}),
    }
    graph = make_graph("a")
    graph = replace(graph, manifest=replace(graph.manifest, inputs=declared))
    build = build_of(graph)
    assert len(build.index) < 5_000
    inputs = build.loaded.inputs
    assert list(inputs) == ["who", "share", "words", "free"]
    assert not inputs["who"].has_default and inputs["who"].description == "Whom to greet."
    assert [inputs[name].default for name in ("share", "words", "free")] == [1.0, words, {"$b": "0" * 64}]


def test_an_index_of_an_earlier_minor_version_has_no_inputs():
    build = build_of(make_graph("a"))
    index = {key: part for key, part in json.loads(build.index).items() if key != "inputs"} | {"schema": "1.0"}
    assert read_index(canonical_json(index), MemoryBlobs(build.blobs)).inputs == {}


def test_the_graph_has_the_plan_in_columns():
    graph = graph_of({"a": [], "b": ["a.y", "a.x"]}, outputs={"a": ("x", "y")}, pins={"b": "mine"})
    columns = build_of(graph, wukong).loaded.graph()
    assert columns.names == ["a", "b"]
    assert columns.in_edges == [(), ((0, 1), (0, 0))]
    assert columns.workers == [None, "mine"] and columns.pages == [0, -1]
    assert columns.targets == [False, True]
    assert columns.slots(0) == ("a.x", "a.y") and columns.slots(1) == ("b",)
    assert columns.slot(0, 1) == "a.y" and columns.slot(1, -1) == "b"


def test_entries_know_the_pages_of_their_start_tasks():
    bundle = build_of(make_tree(512), wukong, concurrency=2).loaded
    pages = [bundle.entry_pages(entry) for entry in bundle.entries]
    assert pages[0][0] == 0 and pages[-1][-1] >= len(bundle.pages) - 2
    assert all(list(numbers) == sorted(numbers) for numbers in pages)


def test_every_blob_of_a_build_is_named_in_its_index():
    build = build_of(make_tree(64))
    build.loaded.verify()
    assert set(build.loaded.digests()) == set(build.blobs)


def test_a_flipped_byte_in_any_blob_is_found():
    build = build_of(make_tree(8), wukong)
    for digest, data in build.blobs.items():
        spoiled = {**build.blobs, digest: bytes([data[0] ^ 1, *data[1:]]) if data else b"x"}
        with pytest.raises(BundleInvalid, match="has changed") as caught:
            read_index(build.index, MemoryBlobs(spoiled)).verify()
        assert caught.value.code == "E603"


def test_a_missing_blob_is_found():
    build = build_of(make_tree(8))
    with pytest.raises(BundleInvalid, match="missing"):
        read_index(build.index, MemoryBlobs({})).verify()


@pytest.mark.parametrize("version", ["2.0", "0.9", "10.1"])
def test_another_major_version_is_refused(version):
    index = json.loads(build_of(make_tree(2)).index) | {"schema": version}
    with pytest.raises(SchemaVersionUnsupported) as caught:
        read_index(canonical_json(index), MemoryBlobs({}))
    assert caught.value.code == "E605"


def test_another_minor_version_is_read():
    index = json.loads(build_of(make_tree(2)).index) | {"schema": "1.7", "unknown": True}
    assert read_index(canonical_json(index), MemoryBlobs({})).name == "tree-reduction"


@pytest.mark.parametrize(
    "data", [b"", b"{}", b"[]", b'"x"', b'{"schema": 1}', b'{"schema": "x"}', b'{"schema": "1.0"}']
)
def test_a_garbled_index_is_refused_with_a_message(data):
    with pytest.raises(BundleInvalid, match="garbled"):
        read_index(data, MemoryBlobs({}))


def test_a_literal_at_the_limit_stays_and_one_above_becomes_a_blob():
    at_limit, above = "x" * (LITERAL_BYTES - 2), "x" * (LITERAL_BYTES - 1)
    literals = Literals()
    assert literals.value(at_limit) == at_limit
    blob = literals.value(above)
    assert isinstance(blob, Blob) and json.loads(literals.blobs[blob.digest]) == above


def test_a_large_part_beside_a_reference_becomes_a_blob_alone():
    literals = Literals(limit=100)
    value = literals.value({"data": ["x" * 200], "input": Ref(0), "small": [1]})
    assert value == {"data": Blob(next(iter(literals.blobs))), "input": Ref(0), "small": [1]}


def test_a_large_literal_of_many_tasks_is_stored_once():
    large = list(range(20_000))
    graph = graph_of({f"t{n}": [] for n in range(20)}, args={f"t{n}": (large,) for n in range(20)})
    bundle = build_of(graph).loaded
    assert len(bundle.literals) == 1
    assert json.loads(bundle.blob(bundle.literals[0])) == large


def test_the_signature_covers_tasks_edges_and_functions_and_not_the_plan():
    graph = make_graph("a->b a->c b,c->d")
    signature = build_of(graph).loaded.graph_signature
    assert len(signature) == 16
    assert signature == build_of(graph, wukong).loaded.graph_signature
    assert signature == build_of(make_graph("a->b a->c b,c->d", pins={"a": "mine"})).loaded.graph_signature
    assert signature != build_of(make_graph("a->b a->c b->d")).loaded.graph_signature
    assert signature != build_of(make_graph("a->b a->c b,c->e")).loaded.graph_signature
    functions = make_functions(graph)
    other = replace(functions, fingerprints=("0" * 64, *functions.fingerprints[1:]))
    assert signature != make_build(graph, simple(graph, PlanOptions()), other).loaded.graph_signature


def test_changing_an_edge_changes_no_code():
    before, after = (build_of(make_graph(text)).blobs for text in ("a->b a->c", "a->b b->c"))
    units = set(make_functions(make_graph("a")).units)
    changed = set(after) - set(before)
    assert units <= set(before) & set(after)
    assert sum(len(after[digest]) for digest in changed) < 4096


def test_the_closure_is_what_goes_to_lambda():
    shipped = zipfile.ZipFile(io.BytesIO(shipped_closure())).namelist()
    whole = zipfile.ZipFile(io.BytesIO(whole_runtime())).namelist()
    assert {"runtime/__init__.py", "runtime/plan.py", "runtime/pages.py"} <= set(shipped) < set(whole)
    assert not [name for name in shipped if name.split("/")[1].removesuffix(".py") in CLIENT_SIDE]
    assert not [name for name in whole if "__pycache__" in name]
    assert "runtime/local/__init__.py" in whole


def test_canonical_json_does_not_depend_on_the_order_of_keys():
    assert canonical_json({"b": 1, "a": ["é"]}) == canonical_json({"a": ["é"], "b": 1}) == '{"a":["é"],"b":1}'.encode()


def test_the_digest_of_a_bundle_is_that_of_its_index():
    build = build_of(make_tree(4))
    assert build.digest == digest_of(build.index) == build.loaded.digest
