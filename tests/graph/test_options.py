"""Options of instances: layered, evaluated, checked as values, kept once."""

from __future__ import annotations

from pathlib import Path

import pytest

from compiler.manifest.model import Call, ErrorPolicy, Resources, Source
from compiler.pipeline import check
from runtime.plan import Input, Retry, Secret
from tests.graph.manifests import HEAD, codes, graph_of


def test_task_wins_over_function_over_defaults_key_by_key() -> None:
    graph = graph_of(
        """
        defaults: {resources: {memory: 1GiB, tmp: 1GiB, arch: arm64}, timeout: 1m, retry: {max: 5, delay: 2s}}
        functions: {f: {call: "m:f", resources: {memory: 2GiB}, timeout: 2m}}
        tasks:
          a: {use: f, resources: {tmp: 2GiB}, retry: 1}
        """
    )
    options = graph.option_of(0)
    assert options.resources == Resources(memory_min_mb=2048, tmp_mb=2048, arch="arm64")
    assert options.timeout_s == 120.0
    assert options.retry == Retry(max=1, kills_only=False)
    assert isinstance(graph.families[0].body, Call) and graph.families[0].body.function == "f"


def test_lists_and_other_options_replace() -> None:
    graph = graph_of(
        """
        defaults: {requirements: [a==1], io: {linear: 2}, optimize: [prewarm]}
        tasks:
          a: {call: "m:f", requirements: [b==2], io: {constant: 1KiB}, optimize: []}
        """
    )
    options = graph.option_of(0)
    assert options.requirements == ("b==2",)
    assert options.io is not None and options.io.kind == "constant"
    assert ("optimize", "[]") in options.other


def test_requirements_of_the_workflow_hold_for_tasks_without_their_own() -> None:
    graph = graph_of('requirements: [a==1]\ntasks: {t: {call: "m:f"}, u: {call: "m:f", requirements: [b==1]}}\n')
    assert [graph.option_of(instance).requirements for instance in range(2)] == [("a==1",), ("b==1",)]


def test_extends_hands_down_everything_but_arguments_and_foreach() -> None:
    graph = graph_of(
        """
        tasks:
          base: {call: "m:f", args: [1], foreach: {i: [1, 2]}, timeout: 9s, worker: w1, outputs: [x, y]}
          a: {extends: base, timeout: 7s}
          b: {extends: a, call: "m:g"}
        """
    )
    first, second = graph.families[1], graph.families[2]
    assert (first.rank, first.outputs, graph.args[first.first]) == (0, ("x", "y"), ())
    assert graph.option_of(first.first).timeout_s == 7.0
    assert graph.option_of(second.first).timeout_s == 7.0
    assert graph.option_of(second.first).worker == "w1"
    assert isinstance(second.body, Call) and second.body.function == "g"


def test_extending_what_is_not_there_or_oneself() -> None:
    assert codes('tasks:\n  a: {call: "m:f", extends: zz}\n') == [("E301", 4)]
    assert codes('tasks:\n  a: {call: "m:f", extends: b}\n  b: {call: "m:f", extends: a}\n') == [("E302", 4)]


def test_worker_and_options_are_evaluated_for_each_instance_and_kept_once() -> None:
    graph = graph_of(
        """
        let: {sizes: ["1GiB", "2GiB"]}
        tasks:
          a:
            call: m:f
            foreach: {i: "${{ range(100) }}"}
            worker: w${{ i % 4 }}
            resources: {memory: "${{ sizes[i % 2] }}"}
        """
    )
    assert graph.option_of(5).worker == "w1"
    assert graph.option_of(5).resources.memory_min_mb == 2048
    assert len(graph.option_table) == 4


def test_an_option_of_a_family_that_is_wrong_for_some_instances_is_reported_once() -> None:
    found = codes(
        """
        tasks:
          a:
            call: m:f
            foreach: {i: "${{ range(4) }}"}
            timeout: ${{ '5s' if i < 2 else 'soon' }}
        """
    )
    assert found == [("E109", 7)]


def test_what_later_issues_execute_is_kept_for_display() -> None:
    graph = graph_of(
        """
        tasks:
          a: {call: "m:f", cache: {ttl: 1h}, on_error: {value: [1]}}
          b: {call: "m:f", args: ["${{ tasks.a }}"], when: "${{ tasks.a == 1 }}"}
        """
    )
    other = dict(graph.option_of(0).other)
    assert other == {"cache": '{"ttl": "1h"}'}
    assert graph.option_of(0).on_error == ErrorPolicy(action="value", value="[1]")
    assert dict(graph.option_of(1).other) == {"when": '"${{ tasks.a == 1 }}"'}


def test_a_secret_in_env_is_kept_as_a_reference() -> None:
    graph = graph_of(
        """
        secrets: {key: {env: KEY}}
        tasks: {a: {call: "m:f", env: {K: "${{ secrets.key }}"}}}
        """
    )
    assert graph.option_of(0).environ == (("K", Secret("key", "env:KEY", "workflow.yaml:3")),)


def test_variables_are_merged_key_by_key_and_may_be_inputs_or_texts_of_each_instance() -> None:
    graph = graph_of(
        """
        inputs: {level: {type: int}, tree: {type: any}}
        defaults: {env: {A: outer, B: outer}}
        functions: {f: {call: "m:f", env: {B: function, C: function}}}
        tasks:
          a:
            use: f
            foreach: {i: [0, 1]}
            env: {C: "n-${{ i }}", D: "${{ inputs.level }}", E: "${{ inputs.tree.k[0] }}", F: "$${{ inputs.level }}"}
        """
    )
    merged = {"A": "outer", "B": "function", "C": "n-0", "D": Input("level"), "E": Input("tree", ("k", 0))}
    assert dict(graph.option_of(0).environ) == {**merged, "F": "${{ inputs.level }}"}
    assert dict(graph.option_of(1).environ)["C"] == "n-1"


DECLARED = """\
inputs: {who: {type: str}, many: {type: "list[int]"}}
params: {nul: "a\\0b"}
"""
PLACES = {
    "task": 'tasks:\n  b: {call: "m:f"}\n  a:\n    call: m:f\n    env: ENV\n',
    "defaults": 'tasks: {b: {call: "m:f"}}\n\ndefaults:\n  timeout: 1s\n  env: ENV\n',
    "function": "tasks: {b: {use: f}}\nfunctions:\n  f:\n    call: m:f\n    env: ENV\n",
}


@pytest.mark.parametrize(
    ("env", "code"),
    [
        ("{A: 1}", "E103"),
        ('{A: "${{ 1 + 1 }}"}', "E103"),
        ('{A: "${{ inputs.many }}"}', "E206"),
        ('{A: "x ${{ inputs.who }}"}', "E216"),
        ('{"A=B": x}', "E107"),
        ('{"A\\0": x}', "E107"),
        ("{AWS_REGION: x}", "E111"),
        ("{_HANDLER: x}", "E111"),
        ("{LAMBDA_TASK_ROOT: x, PATH: /bin, PYTHONPATH: lib}", "E111"),
        ("{TREADLE_KEY: x}", "E111"),
        ('{A: "a\\0b"}', "E103"),
        ('{A: "${{ params.nul }}"}', "E103"),
    ],
)
@pytest.mark.parametrize("place", PLACES)
def test_wrong_variable_is_found_where_it_stands(place: str, env: str, code: str) -> None:
    text = HEAD + DECLARED + PLACES[place].replace("ENV", env)
    found = check(Source(file="workflow.yaml", text=text, root=Path()), level="graph")
    assert [(one.code, one.span and one.span.start.line) for one in found] == [(code, 9)]
