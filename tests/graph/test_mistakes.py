"""What is wrong with a manifest's references, families and expressions: the code and the line, once each."""

from __future__ import annotations

import pytest

from tests.graph.manifests import codes, mistakes

CASES = {
    "unknown task, and its consumers are silent": (
        """
        tasks:
          a: {call: "m:f", args: ["${{ tasks.nope }}"]}
          b: {call: "m:f", args: ["${{ tasks.a }}", "${{ tasks.a.k }}"]}
        """,
        [("E301", 4)],
    ),
    "a family that cannot be expanded silences what uses it": (
        """
        tasks:
          a: {call: "m:f", foreach: {i: "${{ oops }}"}}
          b: {call: "m:f", foreach: {r: "${{ tasks.a }}"}, args: ["${{ r }}"]}
          c: {call: "m:f", args: ["${{ tasks.b[0] }}", "${{ tasks.a | length }}"]}
        """,
        [("E203", 4)],
    ),
    "a wrong let is reported once, used or not": (
        """
        let: {x: "${{ 1 // 0 }}", y: "${{ x + 1 }}"}
        tasks:
          a: {call: "m:f", args: ["${{ y }}", "${{ x }}"]}
        """,
        [("E213", 3)],
    ),
    "several mistakes of several tasks come in one run": (
        """
        tasks:
          a: {call: "m:f", args: ["${{ oops }}", ["${{ 'a' + 1 }}", "${{ tasks.zzz }}"]]}
          b: {call: "m:f", after: [qqq]}
        result: ${{ tasks.nothing }}
        """,
        [("E203", 4), ("E206", 4), ("E301", 4), ("E301", 5), ("E301", 6)],
    ),
    "a plain task that refers to itself": (
        """
        tasks:
          a:
            call: m:f
            args: [1, "${{ [tasks.a] }}"]
        """,
        [("E303", 6)],
    ),
    "after itself": ('tasks:\n  a: {call: "m:f", after: [a]}\n', [("E303", 4)]),
    "foreach over itself": ('tasks:\n  a: {call: "m:f", foreach: {x: "${{ tasks.a }}"}}\n', [("E303", 4)]),
    "a key that is not there": (
        """
        tasks:
          a: {call: "m:f", foreach: {x: [u, v]}}
          b: {call: "m:f", args: ["${{ tasks.a['w'] }}"]}
          c: {call: "m:f", args: ["${{ tasks.a[0] }}"]}
        """,
        [("E304", 5), ("E304", 6)],
    ),
    "a negative index": (
        """
        tasks:
          a: {call: "m:f", foreach: {x: "${{ range(3) }}"}}
          b: {call: "m:f", args: ["${{ tasks.a[-1] }}"]}
        """,
        [("E304", 5)],
    ),
    "a bool is no key of ints": (
        """
        tasks:
          a: {call: "m:f", foreach: {x: "${{ range(3) }}"}}
          b: {call: "m:f", args: ["${{ tasks.a[true] }}"]}
        """,
        [("E304", 5)],
    ),
    "an instance of a run-time family": (
        """
        tasks:
          a: {call: "m:f"}
          b: {call: "m:f", foreach: {x: "${{ tasks.a }}"}, fanout: {max: 3}}
          c: {call: "m:f", args: ["${{ tasks.b[0] }}"]}
        """,
        [("E306", 6)],
    ),
    "a selection of a whole family": (
        """
        tasks:
          a: {call: "m:f", foreach: {x: [1, 2]}}
          b: {call: "m:f", args: ["${{ tasks.a.k }}"]}
        """,
        [("E306", 5)],
    ),
    "equal elements": ('tasks:\n  a: {call: "m:f", foreach: {x: "${{ [1, 2, 1] }}"}}\n', [("E309", 4)]),
    "nothing to iterate over": ('tasks:\n  a: {call: "m:f", foreach: {x: []}}\n', [("E310", 4)]),
    "foreach over a text": ('tasks:\n  a: {call: "m:f", foreach: {x: "${{ \'ab\' }}"}}\n', [("E311", 4)]),
    "foreach over an input": (
        'inputs: {n: {type: "list[int]"}}\ntasks:\n  a: {call: "m:f", foreach: {x: "${{ inputs.n }}"}}\n',
        [("E214", 5)],
    ),
    "two variables over what is no pair": (
        'tasks:\n  a: {call: "m:f", foreach: {"p, q": "${{ [1] }}"}}\n',
        [("E206", 4)],
    ),
    "run-time width without a bound": (
        'tasks:\n  a: {call: "m:f"}\n  b: {call: "m:f", foreach: {x: "${{ tasks.a }}"}}\n',
        [("E313", 5)],
    ),
    "an unknown output": (
        'tasks:\n  a: {call: "m:f", outputs: [x]}\n  b: {call: "m:f", args: ["${{ tasks.a.z }}"]}\n',
        [("E315", 5)],
    ),
    "where that is no bool": (
        'tasks:\n  a: {call: "m:f", foreach: {x: [1, 2]}, where: "${{ x }}"}\n',
        [("E206", 4)],
    ),
    "where over a result": (
        'tasks:\n  b: {call: "m:f"}\n  a: {call: "m:f", foreach: {x: [1, 2]}, where: "${{ tasks.b }}"}\n',
        [("E214", 5)],
    ),
    "a comparison of results outside when": (
        'tasks:\n  b: {call: "m:f"}\n  a: {call: "m:f", args: ["${{ tasks.b == 1 }}"]}\n',
        [("E214", 5)],
    ),
    "arithmetic in when": (
        'tasks:\n  b: {call: "m:f"}\n  a: {call: "m:f", when: "${{ tasks.b + 1 == 2 }}"}\n',
        [("E214", 5)],
    ),
    "a circle of three lets": (
        'let:\n  a: ${{ c }}\n  b: ${{ a }}\n  c: ${{ b }}\ntasks: {t: {call: "m:f", args: ["${{ a }}"]}}\n',
        [("E212", 4)],
    ),
    "a let that needs the family that needs it": (
        'let: {n: "${{ tasks.a | length }}"}\ntasks:\n  a: {call: "m:f", foreach: {i: "${{ range(n) }}"}}\n',
        [("E212", 3)],
    ),
    "families whose widths need each other": (
        """
        tasks:
          a: {call: "m:f", foreach: {x: "${{ tasks.b }}"}}
          b: {call: "m:f", foreach: {x: "${{ tasks.a }}"}}
        """,
        [("E302", 4)],
    ),
    "an unknown handler": ('tasks:\n  a: {call: "m:f", on_error: {task: zz}}\n', [("E301", 4)]),
    "a worker with a space, from an expression": (
        'params: {w: "a b"}\ntasks:\n  a: {call: "m:f", worker: "w${{ params.w }}"}\n',
        [("E107", 5)],
    ),
    "a result as a part of a worker": (
        'tasks:\n  b: {call: "m:f"}\n  a: {call: "m:f", worker: "w${{ tasks.b }}"}\n',
        [("E216", 5)],
    ),
    "a size without a unit, from an expression": (
        "params: {n: 4}\ntasks:\n  a:\n    call: m:f\n    resources:\n      memory: ${{ params.n }}\n",
        [("E103", 8)],
    ),
    "a secret as an argument": (
        """
        secrets: {k: {env: K}}
        tasks:
          a: {call: "m:f", args: ["${{ secrets.k }}"], env: {K: "${{ secrets.k }}"}}
        """,
        [("E215", 5)],
    ),
    "an import that is not declared": ("tasks:\n  a: {workflow: etl}\n", [("E316", 4)]),
}


@pytest.mark.parametrize("case", CASES)
def test_mistake_has_its_code_and_line_and_no_cascade(case: str) -> None:
    text, expected = CASES[case]
    assert codes(text) == expected


def test_a_mistake_of_a_family_is_reported_once_with_its_first_instance() -> None:
    (found,) = mistakes(
        """
        tasks:
          l: {call: "m:f", foreach: {i: "${{ range(4) }}"}}
          r:
            call: m:f
            foreach: {i: "${{ range(8) }}"}
            args:
              - ${{ tasks.l[i + 1] }}
        """
    )
    assert found.code == "E304"
    assert found.message == "l[4] does not exist"
    assert (found.instance, dict(found.bindings), found.more) == ("r[3]", {"i": 3}, 4)
    assert found.label == "`i + 1` is 4"
    assert found.span is not None and (found.span.start.column, found.span.end.column) == (13, 27)
    assert [(one.message, one.span.start.line) for one in found.related] == [("valid keys of `l` are 0..3 (4)", 4)]
    assert "`i` on line 7" in found.hint


@pytest.mark.parametrize(
    ("written", "label"),
    [
        ("tasks.l[8]", "the key is 8"),
        ("tasks.l[params.n]", "`params.n` is 8"),
        ("[1, 2][8]", "the index is 8"),
        ("[1, 2][params.n]", "`params.n` is 8"),
    ],
)
def test_a_caret_over_an_index_that_is_not_there_tells_the_index_from_the_whole(written: str, label: str) -> None:
    (found,) = mistakes(
        f"""
        params: {{n: 8}}
        tasks:
          l: {{call: "m:f", foreach: {{i: "${{{{ range(4) }}}}"}}}}
          r: {{call: "m:f", args: ["${{{{ {written} }}}}"]}}
        """
    )
    assert found.label == label


@pytest.mark.parametrize(
    ("field", "hint"),
    [
        ("foreach: {i: range(3)}", "write ${{ range(3) }}"),
        ("foreach: {i: tasks.l}", "write ${{ tasks.l }}"),
        ("foreach: {i: abc}", "give a list or a dict"),
        ("foreach: {i: 3}", "give a list or a dict, such as range(n)"),
        ('foreach: {i: [1, 2]}, where: "i < 2"', "write ${{ i < 2 }}"),
        ('foreach: {i: [1, 2]}, where: "yes"', ""),
    ],
)
def test_a_text_that_looks_like_an_expression_is_told_how_to_become_one(field: str, hint: str) -> None:
    (found,) = mistakes(
        f"""
        tasks:
          l: {{call: "m:f"}}
          r: {{call: "m:f", {field}}}
        """
    )
    assert (found.code, found.hint) == ("E206" if "where" in field else "E311", hint)


def test_a_million_instances_are_refused_with_the_limit_and_how_to_raise_it() -> None:
    (found,) = mistakes('tasks: {a: {call: "m:f", foreach: {i: "${{ range(1000) }}", j: "${{ range(1000) }}"}}}')
    assert found.code == "E312"
    assert "200,000" in found.message and "--max-instances" in found.hint


def test_the_limit_counts_all_families() -> None:
    text = """
        tasks:
          a: {call: "m:f", foreach: {i: "${{ range(6) }}"}}
          b: {call: "m:f", foreach: {i: "${{ range(5) }}"}}
        """
    assert codes(text, max_instances=10) == [("E312", 5)]
    assert codes(text, max_instances=11) == [("W302", 3)]


def test_too_many_edges_are_refused() -> None:
    text = """
        tasks:
          a: {call: "m:f", foreach: {i: "${{ range(60) }}"}}
          b: {call: "m:f", foreach: {i: "${{ range(60) }}"}, args: ["${{ tasks.a }}"]}
        """
    assert codes(text, max_instances=120) == [("E312", 3)]


def test_nested_values_of_lets_are_bounded() -> None:
    lets = "\n".join(f"  x{n}: ${{{{ [x{n - 1}, x{n - 1}] }}}}" for n in range(1, 60))
    found = codes(f'let:\n  x0: 1\n{lets}\ntasks: {{a: {{call: "m:f", args: ["${{{{ x59 }}}}"]}}}}\n')
    assert [code for code, _ in found] == ["E207"]


def test_a_long_chain_of_lets_needs_no_recursion() -> None:
    lets = "\n".join(f"  x{n}: ${{{{ x{n + 1} + 1 }}}}" for n in range(3_000))
    text = f'let:\n{lets}\n  x3000: 1\ntasks: {{a: {{call: "m:f", args: ["${{{{ x0 }}}}"]}}}}\n'
    assert codes(text) == []


@pytest.mark.parametrize("body", ["${{ 'x' * 1000000000 }}", "${{ range(2000000) | join('0123456789') }}"])
def test_a_gigabyte_of_text_is_never_made(body: str) -> None:
    text = f'tasks: {{a: {{call: "m:f", args: ["{body}"]}}}}'
    assert [code for code, _ in codes(text)] in (["E206"], ["E207"])


INPUTS = """
inputs:
  {n: {type: int}, who: {type: str}, words: {type: "list[str]"}, table: {type: "dict[list[int]]"}, free: {type: any}}
tasks:
  a: {call: "m:f", args: ["${{ inputs.PART }}"]}
"""


@pytest.mark.parametrize("part", ["who[0]", "words[-1]", "words[1][0]", "table.k[0]", "table['a b']", "free.k[0]['x']"])
def test_part_that_the_type_of_an_input_has_may_be_selected(part: str) -> None:
    assert codes(INPUTS.replace("PART", part)) == []


@pytest.mark.parametrize(
    ("part", "message"),
    [
        ("n[0]", "`inputs.n` is an int, which has no parts"),
        ("n.k", "`inputs.n` is an int, which has no parts"),
        ("who.k", "`inputs.who` is a str, which is indexed by an int, not by a string"),
        ("words.k", "`inputs.words` is a list[str], which is indexed by an int, not by a string"),
        ("words[0].k", "`inputs.words[0]` is a str, which is indexed by an int, not by a string"),
        ("table[0]", "`inputs.table` is a dict[list[int]], which is indexed by a string, not by an int"),
        ("table.k[0][0]", "`inputs.table.k[0]` is an int, which has no parts"),
    ],
)
def test_part_that_the_type_of_an_input_does_not_have_is_a_wrong_type(part: str, message: str) -> None:
    (found,) = mistakes(INPUTS.replace("PART", part))
    assert (found.code, found.message, found.span and found.span.start.line) == ("E206", message, 6)


def test_setting_an_input_names_the_option_for_inputs() -> None:
    (found,) = mistakes(INPUTS.replace("PART", "n"), {"n": "1"})
    assert (found.code, found.span) == ("E210", None)
    assert "--input n=" in found.hint
