"""`treadle expand TASK[KEY]` and `treadle explain`: where values come from, and why one instance waits for another."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from tests.cli.conftest import MANIFESTS, Treadle

TREE = MANIFESTS / "tree_reduction" / "workflow.yaml"

LAYERED = """\
spec: 1
name: layered
params: {n: {type: int, default: 3}}
let: {size: "${{ params.n * 512 }}"}
requirements: ["six==1.16.0"]
functions:
  f: {call: "functions:g", timeout: 2m}
defaults: {retry: {max: 4}, resources: {tmp: 1GiB}}
tasks:
  base:
    use: f
    foreach: {i: "${{ range(params.n) }}", k: ['a b"<&', plain]}
    args: ["${{ i * 2 }}", {deep: [1, "x-${{ k }}", "${{ params.n }}"]}]
    resources: {memory: "${{ size }}MiB"}
    cache: true
  other:
    extends: base
    with: {all: "${{ tasks.base }}"}
  last:
    call: functions:g
    after: [other]
result: ${{ tasks.last }}
"""


@pytest.fixture
def layered(tmp_path: Path) -> Path:
    (tmp_path / "functions.py").write_text("def g(*args, **kwargs): return 1\n")
    (tmp_path / "workflow.yaml").write_text(LAYERED)
    return tmp_path / "workflow.yaml"


def values_of(treadle: Treadle, *words: str) -> dict[str, Any]:
    (instance,) = treadle("expand", *words, "--json").json["instances"]
    return {one["path"]: one for one in instance["values"]}


def test_an_argument_has_its_value_its_expression_its_bindings_and_its_place(treadle: Treadle, layered: Path) -> None:
    values = values_of(treadle, "workflow.yaml", "base[2][plain]")
    assert values["args[0]"] == {
        "path": "args[0]",
        "value": 4,
        "source": {"kind": "task", "name": None, "file": "workflow.yaml", "line": 13, "column": 12},
        "expression": "${{ i * 2 }}",
        "bindings": {"i": 2},
    }
    assert values["args[1]"]["value"] == {"deep": [1, "x-plain", 3]}
    assert values["args[1].deep[1]"]["bindings"] == {"k": "plain"}
    assert values["args[1].deep[2]"]["bindings"] == {"params.n": 3}


@pytest.mark.parametrize(
    ("path", "expected"),
    [
        ("call", ("function", "f", 7, "functions:g")),
        ("cache", ("extends", "base", 15, True)),
        ("resources.memory", ("extends", "base", 14, "1536MiB")),
        ("resources.tmp", ("defaults", None, 8, "1GiB")),
        ("retry.max", ("defaults", None, 8, 4)),
        ("timeout", ("function", "f", 7, "2m")),
        ("requirements", ("workflow", None, 5, ["six==1.16.0"])),
    ],
)
def test_an_option_names_the_layer_that_it_is_written_in(
    treadle: Treadle, layered: Path, path: str, expected: tuple[object, ...]
) -> None:
    found = values_of(treadle, "workflow.yaml", "other")[path]
    source = found["source"]
    assert (source["kind"], source["name"], source["line"], found["value"]) == expected


def test_an_option_shows_the_let_value_in_its_expression(treadle: Treadle, layered: Path) -> None:
    assert values_of(treadle, "workflow.yaml", "base[0][plain]")["resources.memory"]["bindings"] == {"size": 1536}


def test_what_nobody_wrote_is_treadles_default(treadle: Treadle, layered: Path) -> None:
    values = values_of(treadle, "workflow.yaml", "last")
    assert values["timeout"]["source"] == {"kind": "default", "name": None, "file": None, "line": None, "column": None}
    assert "retry" not in values, "`defaults` says it"


def test_references_are_names_and_neighbours_are_listed(treadle: Treadle) -> None:
    (one,) = treadle("expand", TREE, "add[2][0]", "--set", "leaves=8", "--json").json["instances"]
    assert one["bindings"] == {"l": 2, "i": 0}
    assert one["needs"] == ["add[1][0]", "add[1][1]"]
    assert one["consumers"] == ["add[3][0]"]
    shown = treadle("expand", TREE, "add[2][0]", "--set", "leaves=8").out
    assert "${{ tasks.leaf[2*i] if l == 1 else tasks.add[l-1][2*i] }}  where l = 2, i = 0" in shown
    assert f"line 30 ({TREE}:30:9)" in shown


def test_what_is_not_executed_yet_is_named(treadle: Treadle, layered: Path) -> None:
    (base,) = treadle("expand", "base[0][plain]", "--json").json["instances"]
    (last,) = treadle("expand", "last", "--json").json["instances"]
    assert "cache" in base["not_executed_yet"]
    assert last["not_executed_yet"] == []


def test_file_may_be_left_out(treadle: Treadle, layered: Path) -> None:
    assert treadle("expand", "base").out == treadle("expand", "workflow.yaml", "base").out
    assert treadle("expand", "--count").out == treadle("expand", "workflow.yaml", "--count").out
    assert treadle("expand", "nowhere.yaml").code == 4
    Path("base").mkdir()
    assert treadle("expand", "base").out == treadle("expand", "workflow.yaml", "base").out


def test_limit_shows_the_first_and_says_so(treadle: Treadle) -> None:
    called = treadle("expand", TREE, "--limit", "2")
    assert called.out.splitlines() == ["leaf[0] = tree:load(0)", "leaf[1] = tree:load(1)"]
    assert "2 of 1,023 instances" in called.err


def test_keys_are_selected_as_they_are_written(treadle: Treadle, layered: Path) -> None:
    for pattern in ('base[0]["a b\\"<&"]', 'base[0][a b"<&]'):
        called = treadle("expand", pattern, "--json")
        if called.code == 0:
            assert [one["keys"] for one in called.json["instances"]] == [[0, 'a b"<&']]
    assert treadle("expand", 'base[0]["a b\\"<&"]').code == 0


def test_explain_says_the_same_in_sentences(treadle: Treadle, layered: Path) -> None:
    said = treadle("explain", "base[1][plain]").out
    assert said.startswith('base[1]["plain"] is one of 6 instances of `base`, line 10 (workflow.yaml:10:3).')
    assert "`timeout` is 2m, line 7 (workflow.yaml:7:37), from function f." in said
    assert "Its result goes to other." in said
    assert treadle("explain", "base", "--json").json == treadle("expand", "base", "--json").json


def test_a_task_of_an_imported_workflow_shows_the_lines_of_its_own_file(treadle: Treadle, tmp_path: Path) -> None:
    (tmp_path / "functions.py").write_text("def f(*args): return 1\n")
    (tmp_path / "inner.yaml").write_text(
        "spec: 1\nname: inner\nparams: {k: {type: int}}\ninputs: {x: {type: any}}\ntasks:\n"
        '  one: {call: "functions:f", foreach: {j: "${{ range(params.k) }}"},\n'
        '        args: ["${{ inputs.x }}", "${{ j * params.k }}"]}\n'
        "result: ${{ tasks.one }}\n"
    )
    (tmp_path / "workflow.yaml").write_text(
        'spec: 1\nname: outer\nimports: {inner: inner.yaml}\ntasks:\n  src: {call: "functions:f"}\n'
        '  sub: {workflow: inner, foreach: {i: [2, 3]}, with: {k: "${{ i }}", x: "${{ tasks.src }}"}}\n'
        "result: ${{ tasks.sub }}\n"
    )
    values = values_of(treadle, "sub/one[3][1]")
    assert values["args[0]"]["value"] == {"ref": "src"}
    assert values["args[1]"]["value"] == 3
    assert values["args[1]"]["bindings"] == {"j": 1, "params.k": 3}
    assert (values["args[1]"]["source"]["file"], values["args[1]"]["source"]["line"]) == ("inner.yaml", 7)
    (edge,) = treadle("explain", "--why", "src", "sub/one[3][1]", "--json").json["edges"]
    assert (edge["path"], edge["file"], edge["line"]) == ("args[0]", "inner.yaml", 7)


def test_a_long_chain_is_shown_by_its_ends(treadle: Treadle, tmp_path: Path) -> None:
    (tmp_path / "workflow.yaml").write_text(
        'spec: 1\nname: chain\ntasks:\n  a:\n    call: "m:f"\n    foreach: {i: "${{ range(500) }}"}\n'
        '    args: ["${{ tasks.a[i-1] if i > 0 else 0 }}"]\nresult: ${{ tasks.a[499] }}\n'
    )
    lines = treadle("explain", "--why", "a[0]", "a[499]").out.splitlines()
    assert lines[0] == "a[499] waits for a[0]: 499 edges"
    assert "  … 459 more edges" in lines
    assert lines[-1].startswith("  -> a[499]  args[0] takes a[498], line 7")
    assert len(treadle("explain", "--why", "a[0]", "a[499]", "--json").json["edges"]) == 499


def test_why_shows_a_shortest_chain_with_the_line_of_each_edge(treadle: Treadle) -> None:
    called = treadle("explain", TREE, "--why", "leaf[3]", "add[3][0]", "--set", "leaves=8", "--json")
    assert called.code == 0
    assert [(one["from"], one["to"], one["path"], one["line"]) for one in called.json["edges"]] == [
        ("leaf[3]", "add[1][1]", "args[1]", 31),
        ("add[1][1]", "add[2][0]", "args[1]", 31),
        ("add[2][0]", "add[3][0]", "args[0]", 30),
    ]
    shown = treadle("explain", TREE, "--why", "leaf[3]", "add[3][0]", "--set", "leaves=8").out
    assert shown.startswith("add[3][0] waits for leaf[3]: 3 edges\n  leaf[3]\n  -> add[1][1]  args[1] takes leaf[3]")


def test_why_knows_after_and_the_other_direction(treadle: Treadle, layered: Path) -> None:
    assert treadle("explain", "--why", "other", "last", "--json").json["edges"][0]["path"] == "after"
    turned = treadle("explain", "--why", "last", "base")
    assert turned.code == 1
    assert "it is the other way round" in turned.out
    apart = treadle("explain", "--why", "base[0]", "base[1]")
    assert apart.code == 1
    assert "they may run at the same time" in apart.out


def test_why_of_an_unknown_instance_is_a_usage_error(treadle: Treadle, layered: Path) -> None:
    called = treadle("explain", "--why", "base[7]", "last")
    assert called.code == 2
    assert "valid keys of `base` are 0..2 (3)" in called.err


def test_a_command_shows_its_words_its_input_and_its_files(treadle: Treadle) -> None:
    treadle("init", "new", "--template", "cli")
    values = values_of(treadle, "new/workflow.yaml", "count[WARN]")
    assert values["exec.argv[1]"]["value"] == "WARN"
    assert values["exec.argv[1]"]["bindings"] == {"level": "WARN"}
    assert values["exec.stdin"]["value"] == {"ref": "log"}
    assert values["exec.files[0]"]["value"] == "count.sh"
    assert values["exec.stdout"]["value"] == "json"


def test_nothing_in_a_manifest_steers_the_terminal(treadle: Treadle, tmp_path: Path) -> None:
    (tmp_path / "workflow.yaml").write_text(
        'spec: 1\nname: steers\ntasks:\n  a:\n    call: "m:f"\n    foreach: {k: ["\\e[2J", "\\x9b2J"]}\n'
        '    args: ["\\e]0;x\\a${{ k }}"]\n  b: {call: "m:f", args: ["${{ tasks.a }}"]}\nresult: ${{ tasks.b }}\n'
    )
    calls = (
        ["expand"],
        ["expand", "a"],
        ["explain", "a"],
        ["explain", "--why", "a", "b"],
        ["graph", "--level", "instance"],
        ["graph", "--level", "instance", "--format", "mermaid"],
        ["graph", "--level", "instance", "--format", "svg"],
    )
    for words in calls:
        called = treadle(*words)
        assert called.code == 0, (words, called.err)
        assert not {"\x1b", "\x9b", "\x07"} & set(called.out), words
