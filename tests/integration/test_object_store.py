"""Runs whose large values lie in an object store: a folder, and an S3 over HTTP. Nothing is left when they end."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import boto3
import pytest

from runtime.config import WorkerSettings
from runtime.errors import ObjectStoreUnavailable
from tests.contracts.buckets import s3_with
from tests.integration.running import CONCURRENCY, Bench, compile_at, write_workflow

BODY = """
inputs: {words: {type: "list[str]", default: [a]}}
tasks:
  array: {call: "functions:array", worker: red}
  text: {call: "functions:text", args: ["${{ inputs.words }}"], worker: red}
  total: {call: "functions:total", args: ["${{ tasks.array }}", "${{ tasks.text }}"], worker: blue}
outputs: {total: "${{ tasks.total }}", text: "${{ tasks.text }}"}
"""
FUNCTIONS = """
import numpy


def array():
    return numpy.arange(300_000)


def text(words):
    return b"".join(word.encode() for word in words) * 10


def total(array, text):
    array += 0
    return int(array.sum()) + len(text)
"""
INPUTS = {"words": ["word" * 1000] * 100}
TOTAL = 300_000 * 299_999 // 2 + 4_000_000


@pytest.fixture(scope="module")
def bucket() -> Iterator[str]:
    with s3_with("values"):
        yield "s3://values/of/runs"


def settings(address: str) -> WorkerSettings:
    return WorkerSettings(fan_out=CONCURRENCY, object_store=address, object_store_bytes=1_000_000)


@pytest.mark.parametrize(("kind", "planner"), [("folder", "simple"), ("folder", "wukong"), ("s3", "simple")])
def test_large_values_pass_through_the_object_store(
    bench: Bench, tmp_path: Path, request: pytest.FixtureRequest, kind: str, planner: str
) -> None:
    store = tmp_path / "store"
    store.mkdir()
    address = str(store) if kind == "folder" else str(request.getfixturevalue("bucket"))
    build = compile_at(write_workflow(tmp_path, BODY, FUNCTIONS), planner)
    result = bench.run(build, settings(address), inputs=INPUTS).result
    assert isinstance(result, dict) and result["total"] == TOTAL and len(result["text"]) == 4_000_000
    assert bench.left_keys() == []
    assert [path for path in store.rglob("*") if path.is_file()] == []
    if kind == "s3":
        assert "Contents" not in boto3.client("s3", region_name="us-east-1").list_objects_v2(Bucket="values")


@pytest.mark.parametrize("address", ["s3://missing/x", "/nonexistent/store"])
def test_a_store_that_is_not_there_ends_the_run_before_it_begins(
    bench: Bench, tmp_path: Path, bucket: str, address: str
) -> None:
    build = compile_at(write_workflow(tmp_path, BODY, FUNCTIONS), "simple")
    with pytest.raises(ObjectStoreUnavailable, match=r"no such bucket|is no folder"):
        bench.run(build, settings(address))
    assert bench.left_keys() == []


def test_a_store_that_takes_no_more_in_mid_run_is_one_clear_error(bench: Bench, tmp_path: Path) -> None:
    store = tmp_path / "store"
    store.mkdir()
    functions = FUNCTIONS.replace("def array():", f"def array():\n    import os; os.rmdir({str(store)!r})")
    build = compile_at(write_workflow(tmp_path, BODY, functions), "simple")
    with pytest.raises(Exception, match=r"object store .* is no folder"):
        bench.run(build, settings(str(store)))
