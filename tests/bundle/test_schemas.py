"""The published schemas describe what is written."""

from __future__ import annotations

import json
from dataclasses import replace
from importlib.resources import files

import jsonschema
import pytest

from compiler.emit.bundle import make_build
from compiler.manifest.model import Param
from compiler.planner.model import PlanOptions
from compiler.planner.simple import simple
from compiler.planner.wukong import wukong
from runtime.config import WorkerSettings
from runtime.payload import Payload, make_payload
from runtime.plan import EnvClass, Secret
from tests.factories import SPAN, graph_of, make_functions


def validator(name):
    schema = json.loads((files("schemas") / f"{name}.json").read_text(encoding="utf-8"))
    jsonschema.Draft202012Validator.check_schema(schema)
    return jsonschema.Draft202012Validator(schema)


@pytest.mark.parametrize("strategy", [simple, wukong])
def test_index_and_plan_of_a_build_are_valid(strategy):
    graph = graph_of({"a": [], "b": ["a.x"], "c": ["a"]}, outputs={"a": ("x",)}, pins={"b": "mine"})
    inputs = {
        "who": Param(name="who", span=SPAN, type="str", description="Whom to greet."),
        "token": Param(name="token", span=SPAN, type="secret", has_default=True, default="env:TOKEN"),
        "many": Param(name="many", span=SPAN, type="list[int]", has_default=True, default=[1] * 100_000),
    }
    graph = replace(graph, manifest=replace(graph.manifest, inputs=inputs))
    option = replace(graph.option_table[0], environ=(("KEY", Secret("key", "ssm:/key", "workflow.yaml:3")),))
    graph = replace(graph, option_table=(option, *graph.option_table[1:]))
    build = make_build(graph, strategy(graph, PlanOptions()), make_functions(graph))
    validator("bundle").validate(json.loads(build.index))
    validator("plan").validate(json.loads(build.loaded.blob(build.loaded.plan_digest)))
    assert build.loaded.secrets == (Secret("key", "ssm:/key", "workflow.yaml:3"),)
    assert build.loaded.inputs["token"].default == "env:TOKEN"


def test_payloads_are_valid():
    plain = Payload(run="r", worker="~a", env=EnvClass(memory_mb=128), at=1.5, start=("a", "b[1]", 'b["x"][true]'))
    for payload in (
        plain,
        replace(plain, subdag=b"x", values={"a": b"y"}, inputs={"who": b"z"}, settings=WorkerSettings(linger_s=1.0)),
        replace(plain, digest="0" * 64),
        replace(plain, pages={1: b"x", 2: b"y"}),
    ):
        validator("payload").validate(json.loads(make_payload(payload)))


def test_an_unknown_key_is_no_payload():
    with pytest.raises(jsonschema.ValidationError):
        validator("payload").validate({"v": 1, "run": "r", "more": 1})
