"""`workflow`: what an imported manifest becomes among the instances of the one that uses it."""

from __future__ import annotations

from pathlib import Path

import pytest

from compiler.graph.model import Graph
from compiler.planner.checks import check_plan_static
from compiler.planner.profile import load_profile
from runtime.plan import Input, Secret, parse_instance_name
from tests.graph.manifests import listing, result_of
from tests.linking.projects import examined, graph_of, places

SUB = """
params: {n: {type: int, default: 2, min: 1, max: 4}}
inputs: {data: {type: any, default: none}, tag: {type: str, default: t}}
tasks:
  first: {call: app:f, args: ["${{ inputs.data }}"]}
  leaf: {call: app:f, foreach: {i: "${{ range(params.n) }}"}, args: ["${{ i }}", "${{ tasks.first.rows[i] }}"]}
  last: {call: app:f, args: ["${{ tasks.leaf }}", "${{ inputs.tag }}"]}
result: ${{ tasks.last }}
"""


def main_of(tasks: str, result: str = "") -> str:
    return f"imports: {{sub: sub.yaml}}\ntasks:\n{tasks}" + (f"result: {result}\n" if result else "")


def inlined(folder: Path, tasks: str, result: str = "", sub: str = SUB, **files: str) -> Graph:
    return graph_of(folder, {"main.yaml": main_of(tasks, result), "sub.yaml": sub, **files})


def wrong(folder: Path, tasks: str, sub: str = SUB) -> list[tuple[str, str, int]]:
    return places(folder, {"main.yaml": main_of(tasks), "sub.yaml": sub})


CASES = {
    "one copy": (
        '  load: {call: app:f}\n  s: {workflow: sub, with: {data: "${{ tasks.load }}"}}\n',
        "${{ tasks.s.score }}",
        SUB,
        """
        load()
        s/first(<load>)
        s/leaf[0](0, <s/first.rows.0>)
        s/leaf[1](1, <s/first.rows.1>)
        s/last([<s/leaf[0]>, <s/leaf[1]>], 't')
        = <s/last.score>
        """,
    ),
    "a ragged family, with keys of both": (
        '  s: {workflow: sub, foreach: {k: [x, y]}, with: {n: "${{ 1 if k == \'x\' else 2 }}", tag: "${{ k }}"}}\n',
        "${{ tasks.s['y'] }}",
        SUB,
        """
        s/first["x"]('none')
        s/first["y"]('none')
        s/leaf["x"][0](0, <s/first["x"].rows.0>)
        s/leaf["y"][0](0, <s/first["y"].rows.0>)
        s/leaf["y"][1](1, <s/first["y"].rows.1>)
        s/last["x"]([<s/leaf["x"][0]>], 'x')
        s/last["y"]([<s/leaf["y"][0]>, <s/leaf["y"][1]>], 'y')
        = <s/last["y"]>
        """,
    ),
    "a chain of copies": (
        '  s: {workflow: sub, foreach: {k: [0, 1]}, with: {n: 1, data: "${{ tasks.s[k - 1] if k else 7 }}"}}\n',
        "${{ tasks.s }}",
        SUB,
        """
        s/first[0](7)
        s/first[1](<s/last[0]>)
        s/leaf[0][0](0, <s/first[0].rows.0>)
        s/leaf[1][0](0, <s/first[1].rows.0>)
        s/last[0]([<s/leaf[0][0]>], 't')
        s/last[1]([<s/leaf[1][0]>], 't')
        = [<s/last[0]>, <s/last[1]>]
        """,
    ),
    "after, on both sides": (
        "  a: {call: app:f, foreach: {i: [0, 1]}}\n"
        '  s: {workflow: sub, with: {n: 1, data: "${{ tasks.a[0] }}"}, after: [a]}\n'
        "  b: {call: app:f, after: [s]}\n",
        "",
        SUB,
        """
        a[0]()
        a[1]()
        s/first(<a[0]>) after a[1]
        s/leaf[0](0, <s/first.rows.0>)
        s/last([<s/leaf[0]>], 't')
        b() after s/last
        """,
    ),
    "outputs by name, whole, and an input handed back": (
        "  s: {workflow: sub, with: {n: 1, data: {k: [1, 2]}}}\n"
        '  b: {call: app:f, args: ["${{ tasks.s.leaves[0].x }}", "${{ tasks.s.data }}", "${{ tasks.s }}"]}\n',
        "${{ tasks.b }}",
        SUB.replace(
            "result: ${{ tasks.last }}",
            "outputs: {leaves: '${{ tasks.leaf }}', data: '${{ inputs.data.k }}', n: '${{ params.n }}'}",
        ),
        """
        s/first({k: [1, 2]})
        s/leaf[0](0, <s/first.rows.0>)
        s/last([<s/leaf[0]>], 't')
        b(<s/leaf[0].x>, [1, 2], {leaves: [<s/leaf[0]>], data: [1, 2], n: 1})
        = <b>
        """,
    ),
    "a foreach over what a workflow returns": (
        '  s: {workflow: sub}\n  b: {call: app:f, foreach: {r: "${{ tasks.s }}"}, args: ["${{ r }}"]}\n',
        "${{ tasks.b }}",
        SUB.replace("result: ${{ tasks.last }}", "result: ${{ tasks.leaf }}"),
        """
        s/first('none')
        s/leaf[0](0, <s/first.rows.0>)
        s/leaf[1](1, <s/first.rows.1>)
        s/last([<s/leaf[0]>, <s/leaf[1]>], 't')
        b[0](<s/leaf[0]>)
        b[1](<s/leaf[1]>)
        = [<b[0]>, <b[1]>]
        """,
    ),
    "parts of inputs": (
        "  load: {call: app:f, outputs: [rows, size]}\n"
        '  s: {workflow: sub, with: {n: 1, data: {deep: ["${{ tasks.load }}"]}}}\n',
        "${{ tasks.s }}",
        SUB.replace('"${{ inputs.data }}"', '"${{ inputs.data.deep[0].rows.x }}", "${{ inputs.data.deep }}"'),
        """
        load()
        s/first(<load.rows.x>, [{rows: <load.rows>, size: <load.size>}])
        s/leaf[0](0, <s/first.rows.0>)
        s/last([<s/leaf[0]>], 't')
        = <s/last>
        """,
    ),
    "where chooses copies": (
        '  s: {workflow: sub, foreach: {k: [1, 2, 3]}, where: "${{ k != 2 }}", with: {n: 1, tag: "${{ k ~ \'\' }}"}}\n',
        "${{ tasks.s[3] }}",
        SUB.replace("  leaf:", "  other:").replace("tasks.leaf", "tasks.other"),
        """
        s/first[1]('none')
        s/first[3]('none')
        s/other[1][0](0, <s/first[1].rows.0>)
        s/other[3][0](0, <s/first[3].rows.0>)
        s/last[1]([<s/other[1][0]>], '1')
        s/last[3]([<s/other[3][0]>], '3')
        = <s/last[3]>
        """,
    ),
}


@pytest.mark.parametrize("case", CASES)
def test_copies_are_instances_of_the_graph(case: str, tmp_path: Path) -> None:
    tasks, result, sub, expected = CASES[case]
    graph = inlined(tmp_path, tasks, result, sub)
    shown = listing(graph) + (f"\n= {result_of(graph)}" if result else "")
    assert shown.split("\n") == [line.strip() for line in expected.strip().split("\n")]


def test_copies_within_copies_have_the_keys_of_all(tmp_path: Path) -> None:
    middle = """
    params: {m: 2}
    inputs: {data: {type: any}}
    imports: {deep: deep/sub.yaml}
    tasks:
      d: {workflow: deep, foreach: {j: "${{ range(params.m) }}"}, with: {n: "${{ j + 1 }}", data: "${{ inputs.data }}"}}
    result: ${{ tasks.d }}
    """
    tasks = '  a: {call: app:f}\n  s: {workflow: sub, foreach: {k: [5]}, with: {data: "${{ tasks.a }}"}}\n'
    files = {"main.yaml": main_of(tasks, "${{ tasks.s[5][1] }}"), "sub.yaml": middle, "deep/sub.yaml": SUB}
    graph = graph_of(tmp_path, files)
    assert [graph.name_of(at) for at in range(len(graph))] == [
        *("a", "s/d/first[5][0]", "s/d/first[5][1]"),
        *("s/d/leaf[5][0][0]", "s/d/leaf[5][1][0]", "s/d/leaf[5][1][1]"),
        *("s/d/last[5][0]", "s/d/last[5][1]"),
    ]
    assert result_of(graph) == "<s/d/last[5][1]>"
    assert [graph.name_of(producer) for producer, _ in graph.in_edges[2]] == ["a"]
    assert [family.rank for family in graph.families] == [0, 2, 3, 2]
    assert parse_instance_name("s/d/leaf[5][1][0]") == ("s/d/leaf", (5, 1, 0))


def test_the_inputs_of_the_main_manifest_are_handed_on(tmp_path: Path) -> None:
    main = "inputs: {rows: {type: any}}\n" + main_of('  s: {workflow: sub, with: {data: "${{ inputs.rows.k }}"}}\n')
    graph = graph_of(tmp_path, {"main.yaml": main, "sub.yaml": SUB})
    assert graph.args[0] == (Input("rows", ("k",)),)


def test_copies_that_need_nothing_of_their_own_share_their_arguments(tmp_path: Path) -> None:
    graph = inlined(tmp_path, "  s: {workflow: sub, foreach: {k: [0, 1, 2]}}\n")
    leaf = graph.families[1]
    assert graph.args[leaf.first] is graph.args[leaf.first + 2]


def test_defaults_stay_outside_and_options_come_along(tmp_path: Path) -> None:
    sub = SUB + "defaults: {timeout: 7s}\nrequirements: reqs.txt\n"
    sub = sub.replace("first: {call: app:f,", "first: {call: app:f, env: {TAG: '${{ inputs.tag }}'},")
    main = "imports: {sub: in/sub.yaml}\ndefaults: {timeout: 1h, retry: 5}\ntasks:\n"
    main += "  s: {workflow: sub, foreach: {k: [1, 2]}, with: {tag: \"${{ k ~ '' }}\"}}\n"
    graph = graph_of(tmp_path, {"main.yaml": main, "in/sub.yaml": sub, "in/reqs.txt": "cloudpickle==3.1.2\n"})
    first, second = graph.option_of(0), graph.option_of(1)
    assert (first.timeout_s, first.retry.max, first.requirements) == (7.0, 2, ("-r in/reqs.txt",))
    assert (first.environ, second.environ) == ((("TAG", "1"),), (("TAG", "2"),))


SECRETIVE = """
inputs: {token: {type: secret, default: "env:OWN"}, plain: {type: any, default: none}}
tasks:
  a: {call: app:f, args: [["${{ inputs.token }}"]], env: {TOKEN: "${{ inputs.token }}"}}
result: ${{ tasks.a }}
"""


def test_secrets_are_given_to_secret_inputs(tmp_path: Path) -> None:
    main = "secrets: {key: {ssm: /key}}\ninputs: {token: {type: secret}}\n" + main_of(
        """  key: {workflow: sub, with: {token: "${{ secrets.key }}"}}
  token: {workflow: sub, with: {token: "${{ inputs.token }}"}}
  text: {workflow: sub, with: {token: "secretsmanager:id"}}
  default: {workflow: sub}
"""
    )
    graph = graph_of(tmp_path, {"main.yaml": main, "sub.yaml": SECRETIVE})
    given = (
        Secret("key", "ssm:/key", "main.yaml:3"),
        Input("token"),
        Secret("token", "secretsmanager:id", "main.yaml:9"),
        Secret("token", "env:OWN", "sub.yaml:3"),
    )
    assert tuple(graph.args[number] for number in range(4)) == tuple(([one],) for one in given)
    assert tuple(graph.option_of(number).environ for number in range(4)) == tuple((("TOKEN", one),) for one in given)


SECRET_MISTAKES = {
    "a secret for what is none": ('{plain: "${{ secrets.key }}"}', "E215"),
    "a secret deep in what is none": ('{plain: {a: ["${{ secrets.key }}"]}}', "E215"),
    "a secret input for what is none": ('{plain: ["${{ inputs.token }}"]}', "E215"),
    "an input that is none for a secret": ('{token: "${{ inputs.text }}"}', "E215"),
    "a result for a secret": ('{token: "${{ tasks.b }}"}', "E215"),
    "a text that is no reference": ("{token: hunter22}", "E208"),
    "a secret in a text": ('{token: "env:${{ secrets.key }}"}', "E215"),
}


@pytest.mark.parametrize("case", SECRET_MISTAKES)
def test_a_secret_goes_to_secret_inputs_and_nothing_else_does(case: str, tmp_path: Path) -> None:
    given, code = SECRET_MISTAKES[case]
    head = "secrets: {key: {ssm: /key}}\ninputs: {token: {type: secret}, text: {type: str}}\n"
    tasks = f"  b: {{call: app:f}}\n  s:\n    workflow: sub\n    with: {given}\n"
    assert places(tmp_path, {"main.yaml": head + main_of(tasks), "sub.yaml": SECRETIVE}) == [(code, "main.yaml", 10)]


WRONG = {
    "a result for a param": ('  a: {call: app:f}\n  s: {workflow: sub, with: {n: "${{ tasks.a }}"}}\n', "E214", 6),
    "a param of another type": ("  s:\n    workflow: sub\n    with:\n      n: two\n", "E208", 8),
    "a param out of its bounds": ("  s: {workflow: sub, with: {n: 5}}\n", "E208", 5),
    "a param wrong for one copy": (
        '  s: {workflow: sub, foreach: {k: [4, 5]}, with: {n: "${{ k }}"}}\n',
        "E208",
        5,
    ),
    "an input of another type": ("  s: {workflow: sub, with: {tag: 3}}\n", "E208", 5),
    "a name that it does not take": ("  s:\n    workflow: sub\n    with:\n      dta: 3\n", "E102", 8),
    "positional arguments": ("  s:\n    workflow: sub\n    args:\n      - 3\n", "E105", 7),
    "a worker": ("  s:\n    workflow: sub\n    worker: w\n", "E105", 7),
    "an option": ("  s:\n    workflow: sub\n    resources:\n      memory: 1GiB\n", "E105", 7),
    "outputs": ("  s:\n    workflow: sub\n    outputs:\n      - a\n", "E105", 7),
    "an undefined name given": ('  s: {workflow: sub, with: {n: "${{ m }}"}}\n', "E203", 5),
    "an undefined name given to an input": ('  s: {workflow: sub, with: {data: "${{ m }}"}}\n', "E203", 5),
    "an unknown task after it": ("  s: {workflow: sub, after: [b]}\n", "E301", 5),
    "a result in arithmetic": (
        '  s: {workflow: sub}\n  b: {call: app:f, args: ["${{ tasks.s + 1 }}"]}\n',
        "E214",
        6,
    ),
    "a result in a text": ('  s: {workflow: sub}\n  b: {call: app:f, args: ["a ${{ tasks.s }}"]}\n', "E216", 6),
    "an instance that is not there": (
        '  s: {workflow: sub, foreach: {k: [1]}}\n  b: {call: app:f, args: ["${{ tasks.s[2] }}"]}\n',
        "E304",
        6,
    ),
    "an inner task by its name": (
        '  s: {workflow: sub}\n  b: {call: app:f, args: ["${{ tasks.leaf }}"]}\n',
        "E301",
        6,
    ),
    "a param that follows from itself": ('  s: {workflow: sub, with: {n: "${{ tasks.s }}"}}\n', "E303", 5),
    "a run-time width without a bound": (
        '  a: {call: app:f}\n  s: {workflow: sub, foreach: {x: "${{ tasks.a }}"}, with: {data: "${{ x }}"}}\n',
        "E313",
        6,
    ),
}


@pytest.mark.parametrize("case", WRONG)
def test_a_mistake_in_the_caller_is_reported_there_once(case: str, tmp_path: Path) -> None:
    tasks, code, line = WRONG[case]
    assert wrong(tmp_path, tasks) == [(code, "main.yaml", line)]


def test_what_has_no_value_is_named_at_the_task(tmp_path: Path) -> None:
    sub = SUB.replace("default: 2, ", "").replace(", default: none", "")
    found = examined(tmp_path, {"main.yaml": main_of("  s: {workflow: sub}\n"), "sub.yaml": sub}).diagnostics
    assert [(one.code, one.span.start.line if one.span else 0) for one in found] == [("E209", 5)]
    assert "the param `n` and the input `data` of `sub`" in found[0].message


def test_an_output_that_is_not_there_lists_those_that_are(tmp_path: Path) -> None:
    sub = SUB.replace("result: ${{ tasks.last }}", "outputs: {one: '${{ tasks.last }}', two: 2}")
    tasks = '  s: {workflow: sub}\n  b: {call: app:f, args: ["${{ tasks.s.three }}"]}\n'
    found = examined(tmp_path, {"main.yaml": main_of(tasks), "sub.yaml": sub}).diagnostics
    assert [(one.code, one.hint) for one in found] == [("E315", "its outputs are one, two")]


def test_a_workflow_that_returns_nothing_can_only_be_waited_for(tmp_path: Path) -> None:
    sub = SUB.replace("result: ${{ tasks.last }}", "")
    tasks = '  s: {workflow: sub}\n  b: {call: app:f, args: ["${{ tasks.s }}"]}\n'
    assert wrong(tmp_path, tasks, sub) == [("E315", "main.yaml", 6)]
    assert wrong(tmp_path, "  s: {workflow: sub}\n  b: {call: app:f, after: [s]}\n", sub) == []


def test_a_part_that_a_given_value_lacks_is_told_where_it_is_given(tmp_path: Path) -> None:
    sub = SUB.replace("inputs.data }}", "inputs.data.rows }}")
    assert wrong(tmp_path, "  s: {workflow: sub, with: {data: {row: 1}}}\n", sub) == [("E208", "main.yaml", 5)]


def test_an_input_that_is_what_it_hands_back_is_refused(tmp_path: Path) -> None:
    sub = SUB.replace("result: ${{ tasks.last }}", "result: {data: '${{ inputs.data }}'}")
    assert wrong(tmp_path, '  s: {workflow: sub, with: {data: "${{ tasks.s.data.x }}"}}\n', sub) == [
        ("E303", "main.yaml", 5)
    ]


def test_an_input_is_handed_on_through_any_number_of_copies(tmp_path: Path) -> None:
    sub = SUB.replace("result: ${{ tasks.last }}", "result: {data: '${{ inputs.data }}'}")
    given = '"${{ tasks.s[k + 1].data if k < 499 else 9 }}"'
    tasks = f'  s: {{workflow: sub, foreach: {{k: "${{{{ range(500) }}}}"}}, with: {{data: {given}}}}}\n'
    assert inlined(tmp_path, tasks, sub=sub).args[0] == (9,)


def test_a_cycle_through_copies_names_the_instances(tmp_path: Path) -> None:
    found = examined(
        tmp_path, {"main.yaml": main_of('  s: {workflow: sub, with: {data: "${{ tasks.s }}"}}\n'), "sub.yaml": SUB}
    ).diagnostics
    assert [one.code for one in found] == ["E302"]
    assert found[0].message == "tasks wait for one another: s/first -> s/leaf[0] -> s/last -> s/first"


def test_all_copies_count_towards_the_limit_of_instances(tmp_path: Path) -> None:
    files = {"main.yaml": main_of("  s: {workflow: sub, foreach: {k: '${{ range(5) }}'}}\n"), "sub.yaml": SUB}
    assert len(graph_of(tmp_path, files, max_instances=20)) == 20
    assert places(tmp_path, files, max_instances=19) == [("E312", "main.yaml", 5)]


def test_workflows_that_double_at_each_level_are_refused_before_they_are_made(tmp_path: Path) -> None:
    files = {"main.yaml": main_of("  s: {workflow: sub}\n"), "sub.yaml": ""}
    for level in range(30):
        name = "sub" if level == 0 else f"l{level}"
        files[f"{name}.yaml"] = (
            f"imports: {{d: l{level + 1}.yaml}}\ntasks:\n  a: {{workflow: d}}\n  b: {{workflow: d}}\n"
        )
    files["l30.yaml"] = "tasks: {a: {call: 'app:f'}}\n"
    found = examined(tmp_path, files, max_instances=5000).diagnostics
    assert [one.code for one in found] == ["E312"]


def test_a_task_that_feeds_nothing_inside_is_the_business_of_the_import(tmp_path: Path) -> None:
    lonely = SUB.replace("  last:", "  lonely: {call: app:f}\n  last:")
    assert wrong(tmp_path, "  s: {workflow: sub}\n", lonely) == [("W301", "sub.yaml", 8)]
    unused = main_of("  s: {workflow: sub}\n  b: {call: app:f}\n", "${{ tasks.b }}")
    assert places(tmp_path, {"main.yaml": unused, "sub.yaml": SUB}) == [("W301", "main.yaml", 5)]


def test_two_ends_are_counted_by_task(tmp_path: Path) -> None:
    sub = SUB.replace("  last:", "  log: {call: app:f}\n  last:").replace(
        "result:", "outputs: {log: '${{ tasks.log }}', r: "
    )
    sub = sub.replace("r:  ${{ tasks.last }}", "r: '${{ tasks.last }}'}")
    tasks = '  s: {workflow: sub}\n  b: {call: app:f, args: ["${{ tasks.s.r }}"]}\n'
    assert wrong(tmp_path, tasks, sub) == []


PINNED = SUB.replace("first: {call: app:f,", "first: {call: app:f, worker: w,")


@pytest.mark.parametrize(
    ("main_workers", "sub_workers", "expected"),
    [
        ("", "", []),
        ("workers: {v: {memory: 1GiB}}\n", "", []),
        ("", "workers: {v: {memory: 1GiB}}\n", [("E510", "sub.yaml", 6)]),
        ("workers: {w: {memory: 1GiB}}\n", "workers: {w: {memory: 2GiB}}\n", [("E503", "sub.yaml", 10)]),
        ("", "workers: {w: {memory: 64MiB}}\n", [("E501", "sub.yaml", 10)]),
    ],
)
def test_workers_are_declared_by_the_manifest_that_pins_to_them(
    main_workers: str, sub_workers: str, expected: list[tuple[str, str, int]], tmp_path: Path
) -> None:
    files = {"main.yaml": main_of("  s: {workflow: sub}\n") + main_workers, "sub.yaml": PINNED + sub_workers}
    graph = graph_of(tmp_path, files)
    found = check_plan_static(graph, load_profile())
    assert [
        (one.code, Path(one.span.file).name if one.span else "", one.span.start.line if one.span else 0)
        for one in found
    ] == expected


def test_two_modules_of_one_name_are_refused_with_both_files(tmp_path: Path) -> None:
    main = "imports: {sub: in/sub.yaml}\ntasks:\n  a: {call: app:f}\n  s: {workflow: sub}\n"
    files = {"main.yaml": main, "in/sub.yaml": SUB, "in/app.py": "def f(*a): return 2\n"}
    found = examined(tmp_path, files, "code").diagnostics
    assert [one.code for one in found] == ["E314"]
    assert "in/app.py" in found[0].message and found[0].message.count("app.py") == 2


def test_packages_without_init_may_lie_in_several_folders(tmp_path: Path) -> None:
    main = "imports: {sub: in/sub.yaml}\ntasks:\n  a: {call: 'lib.one:f'}\n  s: {workflow: sub, after: [a]}\n"
    files = {
        "main.yaml": main,
        "in/sub.yaml": SUB.replace("app:f", "lib.two:f"),
        "lib/one.py": "def f(*a): return 1\n",
        "in/lib/two.py": "def f(*a): return 2\n",
    }
    assert places(tmp_path, files, "code") == []


def test_what_cannot_fit_is_refused_before_any_copy_is_made(tmp_path: Path) -> None:
    tasks = '  s: {workflow: sub, foreach: {k: "${{ range(9000) }}"}, with: {n: "${{ 1 // 0 }}"}}\n'
    assert wrong(tmp_path, tasks) == [("E213", "main.yaml", 5)]
    files = {"main.yaml": main_of(tasks), "sub.yaml": SUB}
    assert places(tmp_path, files, max_instances=10_000) == [("E312", "main.yaml", 5)]


def test_an_import_without_a_copy_is_checked_alone(tmp_path: Path) -> None:
    broken = SUB.replace("tasks.first.rows", "tasks.frist.rows")
    tasks = '  s: {workflow: sub, foreach: {k: "${{ range(0) }}"}}\n'
    assert wrong(tmp_path, tasks, broken) == [("E301", "sub.yaml", 7)]


def test_params_of_one_copy_say_nothing_of_another(tmp_path: Path) -> None:
    args = '"${{ again }}", "${{ params[\'n\'] }}", "${{ tasks.leaf | length }}"'
    sub = SUB.replace('args: ["${{ tasks.leaf }}"', f"args: [{args}")
    sub += 'let: {twice: "${{ params.n * 2 }}", again: "${{ twice + 1 }}"}\n'
    tasks = "  s: {workflow: sub, foreach: {'x, k': {a: 1, b: 3, c: 1}}, with: {n: '${{ k }}'}}\n"
    graph = inlined(tmp_path, tasks, sub=sub)
    last = graph.families[2]
    assert [graph.args[at][:3] for at in range(last.first, last.first + 3)] == [(3, 1, 1), (7, 3, 3), (3, 1, 1)]
