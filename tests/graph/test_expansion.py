"""What a manifest expands to, as text: one line for each instance."""

from __future__ import annotations

from textwrap import dedent

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from runtime.plan import Input
from tests.graph.manifests import graph_of, listing, result_of

TREE = """
    params: {leaves: 4}
    let: {levels: "${{ log2(params.leaves) }}"}
    tasks:
      leaf: {call: "m:load", foreach: {i: "${{ range(params.leaves) }}"}, args: ["${{ i }}"]}
      add:
        call: m:add
        foreach: {l: "${{ range(1, levels + 1) }}", i: "${{ range(params.leaves // 2 ** l) }}"}
        args:
          - ${{ tasks.leaf[2*i] if l == 1 else tasks.add[l-1][2*i] }}
          - ${{ tasks.leaf[2*i+1] if l == 1 else tasks.add[l-1][2*i+1] }}
    result: ${{ tasks.add[levels][0] }}
    """


def golden(text: str, expected: str) -> None:
    assert listing(graph_of(text)) == dedent(expected).strip()


def test_tree_reduction_refers_to_itself_level_by_level() -> None:
    golden(
        TREE,
        """
        leaf[0](0)
        leaf[1](1)
        leaf[2](2)
        leaf[3](3)
        add[1][0](<leaf[0]>, <leaf[1]>)
        add[1][1](<leaf[2]>, <leaf[3]>)
        add[2][0](<add[1][0]>, <add[1][1]>)
        """,
    )
    assert result_of(graph_of(TREE)) == "<add[2][0]>"


def test_set_changes_the_shape() -> None:
    graph = graph_of(TREE, {"leaves": "8"})
    assert len(graph) == 15
    assert graph.params == {"leaves": 8}


def test_whole_families_rows_slices_and_transposed_columns_keep_every_edge() -> None:
    golden(
        """
        tasks:
          a: {call: "m:f", foreach: {i: [0, 1], j: [0, 1]}}
          all: {call: "m:f", args: ["${{ tasks.a }}"]}
          row: {call: "m:f", args: ["${{ tasks.a[1] }}"]}
          cut: {call: "m:f", args: ["${{ tasks.a[:1] }}"]}
          columns: {call: "m:f", args: ["${{ tasks.a | transpose }}"]}
          flat: {call: "m:f", args: ["${{ tasks.a | flatten }}"]}
          nested: {call: "m:f", with: {x: {y: ["${{ tasks.a[0][1] }}", 7]}}}
        """,
        """
        a[0][0]()
        a[0][1]()
        a[1][0]()
        a[1][1]()
        all([[<a[0][0]>, <a[0][1]>], [<a[1][0]>, <a[1][1]>]])
        row([<a[1][0]>, <a[1][1]>])
        cut([[<a[0][0]>, <a[0][1]>]])
        columns([[<a[0][0]>, <a[1][0]>], [<a[0][1]>, <a[1][1]>]])
        flat([<a[0][0]>, <a[0][1]>, <a[1][0]>, <a[1][1]>])
        nested(x={y: [<a[0][1]>, 7]})
        """,
    )


def test_keys_are_values_of_one_type_and_positions_otherwise() -> None:
    golden(
        """
        tasks:
          texts: {call: "m:f", foreach: {x: [b, a]}, args: ["${{ x }}"]}
          bools: {call: "m:f", foreach: {x: [true, false]}}
          mixed: {call: "m:f", foreach: {x: [1, "1"]}, args: ["${{ x }}"]}
          floats: {call: "m:f", foreach: {x: [0.5, 1.5]}, args: ["${{ x }}"]}
          pairs: {call: "m:f", foreach: {"n, x": "${{ enumerate(['p', 'q']) }}"}, args: ["${{ x }}"]}
          table: {call: "m:f", foreach: {"k, v": {u: 1, w: 2}}, args: ["${{ v }}"]}
          names: {call: "m:f", foreach: {k: {u: 1, w: 2}}, args: ["${{ k }}"]}
        """,
        """
        texts["b"]('b')
        texts["a"]('a')
        bools[true]()
        bools[false]()
        mixed[0](1)
        mixed[1]('1')
        floats[0](0.5)
        floats[1](1.5)
        pairs[0]('p')
        pairs[1]('q')
        table["u"](1)
        table["w"](2)
        names["u"]('u')
        names["w"]('w')
        """,
    )


def test_a_subscript_takes_keys_and_a_slice_positions() -> None:
    golden(
        """
        tasks:
          a: {call: "m:f", foreach: {x: [30, 10, 20]}}
          b: {call: "m:f", args: ["${{ tasks.a[10] }}", "${{ tasks.a[1:] }}"]}
          c: {call: "m:f", foreach: {k: [u, v]}}
          d: {call: "m:f", args: ["${{ tasks.c.v }}", "${{ tasks.c['u'] }}"]}
        """,
        """
        a[30]()
        a[10]()
        a[20]()
        b(<a[10]>, [<a[10]>, <a[20]>])
        c["u"]()
        c["v"]()
        d(<c["v"]>, <c["u"]>)
        """,
    )


def test_where_leaves_instances_out() -> None:
    golden(
        """
        tasks:
          a: {call: "m:f", foreach: {i: "${{ range(3) }}", j: "${{ range(3) }}"}, where: "${{ i < j }}"}
          b: {call: "m:f", args: ["${{ tasks.a }}"]}
        """,
        """
        a[0][1]()
        a[0][2]()
        a[1][2]()
        b([[<a[0][1]>, <a[0][2]>], [<a[1][2]>], []])
        """,
    )


def test_iterating_a_family_makes_a_chain_without_a_barrier() -> None:
    golden(
        """
        tasks:
          a: {call: "m:f", foreach: {x: [u, v]}}
          b: {call: "m:f", foreach: {r: "${{ tasks.a }}"}, args: ["${{ r }}"]}
          c: {call: "m:f", foreach: {"p, q": "${{ zip(tasks.a, tasks.b) }}"}, args: ["${{ [q, p] }}"]}
        """,
        """
        a["u"]()
        a["v"]()
        b[0](<a["u"]>)
        b[1](<a["v"]>)
        c[0]([<b[0]>, <a["u"]>])
        c[1]([<b[1]>, <a["v"]>])
        """,
    )


def test_a_named_output_is_an_edge_of_its_own_and_the_whole_is_all_of_them() -> None:
    golden(
        """
        tasks:
          t: {call: "m:f", outputs: [x, y]}
          f: {call: "m:f", foreach: {i: [0, 1]}, outputs: [x, y]}
          one: {call: "m:f", args: ["${{ tasks.t.y }}", "${{ tasks.t.y.k[0] }}"]}
          whole: {call: "m:f", args: ["${{ tasks.t }}"]}
          some: {call: "m:f", args: ["${{ tasks.f[1].x }}"]}
        """,
        """
        t()
        f[0]()
        f[1]()
        one(<t.y>, <t.y.k.0>)
        whole({x: <t.x>, y: <t.y>})
        some(<f[1].x>)
        """,
    )


def test_selecting_inside_a_result_is_lazy_and_shares_the_edge() -> None:
    graph = graph_of(
        """
        tasks:
          a: {call: "m:f"}
          b: {call: "m:f", args: ["${{ tasks.a.k }}", "${{ tasks.a['k'][0] }}", "${{ tasks.a }}"]}
        """
    )
    assert listing(graph).splitlines()[1] == "b(<a.k>, <a.k.0>, <a>)"
    assert graph.in_edges[1] == ((0, -1),)


def test_after_orders_without_an_argument_and_never_twice() -> None:
    golden(
        """
        tasks:
          a: {call: "m:f", foreach: {i: [0, 1]}}
          b: {call: "m:f", args: ["${{ tasks.a[1] }}"], after: [a]}
        """,
        """
        a[0]()
        a[1]()
        b(<a[1]>) after a[0]
        """,
    )


def test_computed_empty_family_is_an_empty_list() -> None:
    graph = graph_of(
        """
        tasks:
          a: {call: "m:f", foreach: {i: "${{ range(0) }}"}}
          b: {call: "m:f", args: ["${{ tasks.a }}", "${{ tasks.a | length }}"]}
        """
    )
    assert listing(graph) == "b([], 0)"


def test_run_time_families_are_one_symbolic_instance_and_refused_by_run() -> None:
    graph = graph_of(
        """
        tasks:
          a: {call: "m:f"}
          b: {call: "m:f", foreach: {x: "${{ tasks.a }}"}, fanout: {max: 9}, args: ["${{ x.k }}"]}
          c: {call: "m:f", foreach: {y: "${{ tasks.b }}"}, fanout: {max: 9}, args: ["${{ y }}"]}
          d: {call: "m:f", args: ["${{ tasks.c }}"]}
        """
    )
    assert listing(graph) == "a()\nb(<a.k>)\nc(<b>)\nd(<c>)"
    assert [family.dynamic for family in graph.families] == [False, True, True, False]
    assert sum("run-time" in feature for feature, _ in graph.unsupported) == 2


def test_when_reads_results_and_waits_for_them() -> None:
    golden(
        """
        tasks:
          a: {call: "m:f"}
          b: {call: "m:f", when: "${{ tasks.a.ok == true and not tasks.a.skip }}"}
        """,
        """
        a()
        b() when (and (eq <a.ok> True) (not <a.skip>))
        """,
    )


def test_inputs_are_values_of_launch() -> None:
    graph = graph_of(
        """
        inputs: {who: {type: any}}
        tasks: {a: {call: "m:f", args: ["${{ inputs.who }}", "${{ inputs.who.k }}"]}}
        """
    )
    assert graph.args[0] == (Input("who"), Input("who", ("k",)))


def test_outputs_name_the_targets_and_every_sink_is_one_too() -> None:
    graph = graph_of(
        """
        tasks:
          a: {call: "m:f"}
          b: {call: "m:f", args: ["${{ tasks.a }}"]}
          c: {call: "m:f"}
        outputs: {x: "${{ tasks.a.k }}", y: ["${{ tasks.b }}", 3]}
        """
    )
    assert graph.result_kind == "outputs"
    assert result_of(graph) == "{x: <a.k>, y: [<b>, 3]}"
    assert [graph.name_of(target) for target in graph.targets] == ["a", "b", "c"]


def test_values_are_never_templated_again() -> None:
    graph = graph_of(
        """
        params: {x: "plain"}
        tasks: {a: {call: "m:f", args: ["${{ params.x }}"]}}
        """,
        {"x": "${{ 1 + 1 }} evil: {call: os:system}"},
    )
    assert graph.args[0] == ("${{ 1 + 1 }} evil: {call: os:system}",)


def test_constant_arguments_are_bound_once_for_a_family() -> None:
    graph = graph_of(
        """
        tasks:
          a: {call: "m:f", foreach: {i: "${{ range(50) }}"}}
          b: {call: "m:f", foreach: {i: "${{ range(50) }}"}, args: ["${{ tasks.a }}"]}
        """
    )
    assert all(graph.args[instance] is graph.args[50] for instance in range(50, 100))
    assert sum(1 for _ in graph.edges()) == 2500


@given(st.permutations(["a", "b", "c", "d"]))
def test_the_order_of_let_does_not_matter(order: list[str]) -> None:
    written = {"a": "${{ 2 }}", "b": "${{ a + 1 }}", "c": "${{ range(b) }}", "d": "${{ c | length }}"}
    lets = "\n".join(f'  {name}: "{written[name]}"' for name in order)
    graph = graph_of(f'let:\n{lets}\ntasks:\n  t: {{call: "m:f", args: ["${{{{ [a, b, c, d] }}}}"]}}\n')
    assert graph.args[0] == ([2, 3, [0, 1, 2], 3],)


@given(st.permutations(["a", "b", "c"]))
def test_the_order_of_tasks_changes_no_name_and_no_edge(order: list[str]) -> None:
    written = {
        "a": '{call: "m:f", foreach: {i: "${{ range(2) }}"}}',
        "b": '{call: "m:f", foreach: {x: "${{ tasks.a }}"}, args: ["${{ x }}"]}',
        "c": '{call: "m:f", args: ["${{ tasks.b }}", "${{ tasks.a[0] }}"]}',
    }
    tasks = "\n".join(f"  {name}: {written[name]}" for name in order)
    graph = graph_of(f"tasks:\n{tasks}\n")
    assert sorted(listing(graph).splitlines()) == [
        "a[0]()",
        "a[1]()",
        "b[0](<a[0]>)",
        "b[1](<a[1]>)",
        "c([<b[0]>, <b[1]>], <a[0]>)",
    ]


@given(st.lists(st.integers(0, 5), min_size=1, max_size=4), st.integers(1, 4))
@settings(max_examples=50)
def test_a_family_has_one_instance_for_each_binding_in_iteration_order(widths: list[int], inner: int) -> None:
    graph = graph_of(
        f"""
        let: {{widths: {widths}}}
        tasks:
          a:
            call: m:f
            foreach:
              i: ${{{{ range(widths | length) }}}}
              j: ${{{{ range(widths[i]) }}}}
              k: ${{{{ range({inner}) }}}}
            args: ["${{{{ [i, j, k] }}}}"]
        """
    )
    expected = [(i, j, k) for i, width in enumerate(widths) for j in range(width) for k in range(inner)]
    assert list(graph.keys) == expected
    assert [args[0] for args in graph.args] == [list(key) for key in expected]


@pytest.mark.parametrize("leaves", [2, 512])
def test_every_edge_of_the_tree_comes_from_the_level_below(leaves: int) -> None:
    graph = graph_of(TREE, {"leaves": leaves})
    assert len(graph) == 2 * leaves - 1
    fed = sorted(producer for producer, _, _ in graph.edges())
    assert fed == list(range(2 * leaves - 2))
