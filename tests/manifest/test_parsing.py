"""The typed manifest: what each section becomes, what is left out after a mistake, what `run` does not execute yet."""

from __future__ import annotations

import pytest

from compiler.diagnostics import ManifestError
from compiler.manifest.model import Call, Exec, Use, Workflow
from compiler.manifest.parse import check_manifest, load_manifest
from compiler.manifest.plain import to_plain
from compiler.manifest.tree import ScalarNode
from tests.manifest.texts import HEAD, parse, source

TASK = "tasks: {g: {call: 'a:f'}}\n"


def test_tasks_keep_the_order_of_the_file() -> None:
    manifest = parse("tasks:\n  z: {call: 'a:f'}\n  a: {call: 'a:f'}\n  m: {call: 'a:f'}\n")
    assert list(manifest.tasks) == ["z", "a", "m"]
    assert manifest.tasks_span.start.line == 3


def test_each_kind_of_body_is_typed() -> None:
    text = """\
functions: {add: {call: "a:add"}}
imports: {etl: etl.yaml}
tasks:
  a: {call: "pkg.mod:f"}
  b: {call: "steps/x.py:Class.method"}
  c: {exec: [ls, "${{ 1 }}"]}
  d: {exec: {argv: [ls], stdin: x, stdout: json, cwd: here, files: [f]}}
  e: {use: add}
  f: {workflow: etl}
"""
    bodies = {name: task.body for name, task in parse(text).tasks.items()}
    assert isinstance(bodies["a"], Call)
    assert (bodies["a"].target, bodies["a"].function, bodies["a"].is_path) == ("pkg.mod", "f", False)
    assert isinstance(bodies["b"], Call)
    assert (bodies["b"].target, bodies["b"].function, bodies["b"].is_path) == ("steps/x.py", "Class.method", True)
    assert isinstance(bodies["c"], Exec)
    assert [to_plain(one) for one in bodies["c"].argv] == ["ls", "${{ 1 }}"]
    assert isinstance(bodies["d"], Exec)
    assert (bodies["d"].stdout, len(bodies["d"].files)) == ("json", 1)
    assert isinstance(bodies["e"], Use)
    assert bodies["e"].name == "add"
    assert isinstance(bodies["f"], Workflow)
    assert bodies["f"].name == "etl"


def test_a_task_keeps_its_nodes_with_their_places() -> None:
    text = """\
tasks:
  a: {call: "a:f"}
  g:
    call: a:f
    args: [1, {k: "${{ tasks.a }}"}]
    with: {x: 2}
    foreach: {"n, p": [], i: "${{ range(3) }}"}
    after: [a]
    worker: w${{ i }}
    outputs: [left, right]
    timeout: 5s
"""
    task = parse(text).tasks["g"]
    assert task.args is not None
    assert [to_plain(one) for one in task.args] == [1, {"k": "${{ tasks.a }}"}]
    assert task.with_ is not None
    assert to_plain(task.with_["x"]) == 2
    assert task.with_spans["x"].start.line == 8
    assert [entry.variables for entry in task.foreach] == [("n", "p"), ("i",)]
    assert [name for name, _ in task.after] == ["a"]
    assert isinstance(task.worker, ScalarNode)
    assert task.worker.value == "w${{ i }}"
    assert task.outputs == ("left", "right")
    assert to_plain(task.options["timeout"]) == "5s"
    assert task.option_spans["timeout"].start.line == 13


def test_params_are_literals_or_declarations() -> None:
    text = """\
params:
  a: 3
  b: [1, 2]
  c: {type: int, default: 4, min: 1, max: 9, enum: [4, 5], description: count}
  d: {type: str, pattern: "x+"}
  e: {type: any, default: null}
tasks: {g: {call: "a:f"}}
"""
    params = parse(text).params
    assert (params["a"].default, params["a"].type, params["a"].has_default) == (3, "", True)
    assert params["b"].default == [1, 2]
    declared = params["c"]
    assert (declared.type, declared.default, declared.minimum, declared.maximum) == ("int", 4, 1, 9)
    assert (declared.enum, declared.description) == ((4, 5), "count")
    assert declared.default_span is not None
    assert declared.default_span.start.line == 6
    assert (params["d"].has_default, params["d"].pattern) == (False, "x+")
    assert (params["e"].has_default, params["e"].default) == (True, None)


def test_workflow_sections_are_typed() -> None:
    text = """\
description: Does it
labels: {team: astro}
sla: {percentile: 95, deadline: 1m30s, budget: $0.50}
let: {n: 3}
defaults: {timeout: 1s}
workers: {w: {memory: 1GiB}}
tasks: {g: {call: "a:f"}}
outputs: {a: "${{ tasks.g }}"}
"""
    manifest = parse(text)
    assert manifest.description == "Does it"
    assert manifest.labels == {"team": "astro"}
    assert (manifest.sla.percentile, manifest.sla.deadline_s, manifest.sla.budget_usd) == (95, 90.0, 0.5)
    assert list(manifest.let) == ["n"]
    assert manifest.let_spans["n"].start.line == 6
    assert list(manifest.defaults) == ["timeout"]
    assert manifest.workers is not None
    assert list(manifest.workers) == ["w"]
    assert manifest.outputs is not None
    assert list(manifest.outputs) == ["a"]


def test_extension_keys_are_left_alone() -> None:
    assert list(parse("x-a: 1\ntasks:\n  x-t: {b: 1}\n  g: {call: 'a:f', x-c: 2}\n").tasks) == ["g"]


def test_unsupported_features_are_named_with_their_places() -> None:
    text = """\
inputs: {a: {type: str}, b: {type: secret}}
optimize: [preload]
metrics: {upload: task}
defaults: {retry: {max: 2, delay: 1s, backoff: 2, jitter: full}}
tasks:
  g:
    call: a:f
    foreach: {i: [1, 2]}
    where: ${{ i > 1 }}
    on_error: skip
    env: {A: b}
    cache: true
    idempotent: false
    optimize: [preload]
  h: {exec: [ls], when: true}
  i: {extends: g}
"""
    found = [(name, span.start.line) for name, span in parse(text).unsupported]
    assert found == [
        ("optimize", 4),
        ("cache", 14),
        ("optimize", 16),
    ]


def test_what_asks_for_nothing_is_supported() -> None:
    text = """\
optimize: []
inputs: {}
metrics: {upload: shutdown}
sla: p95
defaults: {retry: {max: 2, delay: 1s}, on_error: fail, idempotent: true, cache: false, env: {}}
tasks: {g: {call: "a:f", after: [], timeout: 3s}}
"""
    assert parse(text).unsupported == ()


def test_a_wrong_option_is_left_out_and_the_rest_goes_on() -> None:
    text = HEAD + "tasks:\n  g: {call: 'a:f', timeout: 30, retry: 2, colour: red}\n  h: {call: 'a:f'}\n"
    manifest, found = check_manifest(source(text))
    assert [one.code for one in found] == ["E103", "E102"]
    assert manifest is not None
    assert list(manifest.tasks["g"].options) == ["retry"]


@pytest.mark.parametrize(
    "text",
    [
        "tasks: 5",
        "tasks: {}",
        f"let: 5\n{TASK}",
        f"params: [a]\n{TASK}",
        f"functions: x\n{TASK}",
        f"imports: 5\n{TASK}",
    ],
)
def test_a_mistake_in_what_shapes_the_graph_leaves_no_manifest(text: str) -> None:
    assert check_manifest(source(HEAD + text))[0] is None


@pytest.mark.parametrize(
    "task", ["{call: 3}", "{call: 'a:f', foreach: {}}", "{}", "{cal: 'a:f'}", "{call: 'a:f', wiht: {x: 1}}"]
)
def test_a_broken_task_is_known_by_name_and_silences_what_stands_on_it(task: str) -> None:
    manifest, _ = check_manifest(source(f"{HEAD}tasks: {{g: {task}, h: {{extends: g}}, i: {{call: 'a:f'}}}}\n"))
    assert manifest is not None
    assert {name: one.body is None and not one.extends for name, one in manifest.tasks.items()} == {
        "g": True,
        "h": True,
        "i": False,
    }


def test_a_task_that_uses_a_broken_function_is_silent_too() -> None:
    text = "functions: {f: {call: 5}, k: {call: 'a:f'}}\ntasks: {g: {use: f}, h: {use: k}, i: {use: z}}\n"
    manifest, found = check_manifest(source(HEAD + text))
    assert manifest is not None and [one.code for one in found] == ["E103"]
    assert [one.body is None for one in manifest.tasks.values()] == [True, False, False]


def test_load_manifest_raises_all_errors_together() -> None:
    text = "spec: 2\ntasks:\n  g: {call: 'a:f', timeout: 30}\n  h: {call: x}\n"
    with pytest.raises(ManifestError) as refused:
        load_manifest(source(text))
    assert sorted(one.code for one in refused.value.diagnostics) == ["E101", "E103", "E106", "E113"]


def test_warnings_come_with_the_manifest() -> None:
    manifest = load_manifest(source(HEAD + "params: {a: no}\ntasks: {g: {call: 'a:f'}}\n"))
    assert [one.code for one in manifest.warnings] == ["W014"]
