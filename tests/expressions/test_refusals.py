"""What expressions refuse, under which code, and which part of the text is pointed at."""

from __future__ import annotations

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from compiler.manifest.expressions.budget import Budget
from compiler.manifest.expressions.faults import ExprFault
from compiler.manifest.expressions.nodes import Node
from compiler.manifest.expressions.syntax_tree import SyntaxTree, SyntaxTrees
from tests.expressions.evaluation import code, outcome


@pytest.mark.parametrize(
    ("source", "expected"),
    [
        (" ", "E201  "),
        ("1 +", "E201 +"),
        ("a b", "E201 b"),
        ("(1, 2", "E201 (1, 2"),
        ("1 = 2", "E201 ="),
        ("1 ? 2", "E201 ?"),
        ("'a\\q'", "E201 'a\\q'"),
        ("{% if x %}", "E201 %"),
        ("missing + 1", "E203 missing"),
        ("params.m", "E203 m"),
        ("params", "E203 params"),
        ("range", "E203 range"),
        ("{'a': 1}.b", "E203 {'a': 1}.b"),
        ("''.__class__", "E204 __class__"),
        ("params._x", "E204 _x"),
        ("'a'.format(1)", "E204 'a'.format(1)"),
        ("params.n is defined", "E204 params.n is defined"),
        ("len(x=[1])", "E204 len(x=[1])"),
        ("len(*[1])", "E204 len(*[1])"),
        ("[1, 2][0, 1]", "E204 0, 1"),
        ("nope(1)", "E205 nope"),
        ("join([1])", "E205 join"),
        ("[1] | lenght", "E205 lenght"),
        ("[1] | range", "E205 range"),
        ("'a' + 1", "E206 'a' + 1"),
        ("'a' * 3", "E206 'a' * 3"),
        ("[0] * 3", "E206 [0] * 3"),
        ("'%d' % 3", "E206 '%d' % 3"),
        ("true + 1", "E206 true + 1"),
        ("-true", "E206 -true"),
        ("none < 1", "E206 none < 1"),
        ("1 < 'a'", "E206 1 < 'a'"),
        ("(-8) ** 0.5", "E206 -8) ** 0.5"),
        ("zip([1], [1, 2])", "E206 zip([1], [1, 2])"),
        ("log2(6)", "E206 log2(6)"),
        ("log2(0)", "E206 log2(0)"),
        ("log2(true)", "E206 log2(true)"),
        ("[1, 'a'] | sort", "E206 [1, 'a'] | sort"),
        ("[[1], [1, 2]] | transpose", "E206 [[1], [1, 2]] | transpose"),
        ("'a' ~ [1]", "E206 [1]"),
        ("none ~ 'a'", "E206 none"),
        ("[1][3]", "E206 [1][3]"),
        ("[1]['a']", "E206 [1]['a']"),
        ("[1][true]", "E206 [1][true]"),
        ("{1: 2}", "E206 1"),
        ("range(1.5)", "E206 range(1.5)"),
        ("range(1, 2, 0)", "E206 range(1, 2, 0)"),
        ("min([])", "E206 min([])"),
        ("len()", "E206 len()"),
        ("[] | first", "E206 [] | first"),
        ("1 // 0", "E213 0"),
        ("1.0 / 0", "E213 0"),
        ("1 % 0", "E213 0"),
        ("0 ** -1", "E213 0 ** -1"),
        ("ceil_div(1, 0)", "E213 ceil_div(1, 0)"),
        ("range(10 ** 9)", "E207 range(10 ** 9)"),
        ("9 ** 99999", "E207 9 ** 99999"),
        ("9 ** 9 ** 9 ** 9 ** 9", "E207 9 ** 9 ** 9 ** 9 ** 9"),
        ("2 ** 4000 * 2 ** 4000", "E207 2 ** 4000 * 2 ** 4000"),
        ("1e308 * 10", "E207 1e308 * 10"),
        ("product(range(9999), range(9999))", "E207 product(range(9999), range(9999))"),
        ("range(999999) | join('0123456789')", "E207 range(999999) | join('0123456789')"),
        ("tasks.a + 1", "E214 tasks.a"),
        ("1 + tasks.a.k", "E214 tasks.a.k"),
        ("tasks.a == 1", "E214 tasks.a"),
        ("1 if tasks.a else 2", "E214 tasks.a"),
        ("not tasks.a", "E214 not tasks.a"),
        ("len(tasks.a)", "E214 len(tasks.a)"),
        ("range(tasks.a)", "E214 range(tasks.a)"),
        ("[1][tasks.a]", "E214 tasks.a"),
        ("sum([tasks.a])", "E214 sum([tasks.a])"),
        ("[tasks.a] == [tasks.a]", "E214 [tasks.a]"),
        ("tasks.a in [1]", "E214 tasks.a"),
        ("'x' ~ tasks.a", "E216 tasks.a"),
        ("[tasks.a] | join", "E216 [tasks.a] | join"),
        ("[tasks.a] | tojson", "E216 [tasks.a] | tojson"),
        ("str(tasks.a)", "E216 str(tasks.a)"),
        ("tasks.b", "E301 b"),
        ("tasks['b']", "E301 'b'"),
        ("tasks[params.s]", "E305 params.s"),
        ("tasks", "E305 tasks"),
    ],
)
def test_refused_with_its_code_at_the_smallest_wrong_token(source: str, expected: str) -> None:
    assert code(source) == expected


def test_mistyped_name_gets_the_nearest_as_a_hint() -> None:
    found = outcome("widht", width=4)
    assert "width" in getattr(found, "hint", "")


@pytest.mark.parametrize(
    "source",
    [
        "(" * 500 + "1" + ")" * 500,
        "-" * 2_000 + "1",
        "not " * 900 + "true",
        " + ".join(["1"] * 900),
        "a" + ".b" * 900,
        "[" * 300,
        "1 if 1 else " * 600 + "1",
        "x" + "[0]" * 900,
    ],
)
def test_nesting_bomb_is_refused_before_it_is_compiled(source: str) -> None:
    found = outcome(source, a={}, x=[])
    assert getattr(found, "code", "") in ("E201", "E207")


def test_the_account_bounds_all_expressions_together() -> None:
    budget = Budget(1_000)
    assert outcome("sum(range(600))", budget=budget) == 179_700
    found = outcome("sum(range(600))", budget=budget)
    assert isinstance(found, ExprFault) and found.code == "E207"


def test_comparing_shared_lists_is_bounded() -> None:
    nested: list[object] = [1]
    for _ in range(60):
        nested = [nested, nested]
    other: list[object] = [1]
    for _ in range(60):
        other = [other, other]
    found = outcome("a == b", budget=Budget(10_000), a=nested, b=other)
    assert isinstance(found, ExprFault) and found.code == "E207"


_TEXT = """
params tasks inputs a b n . [ ] ( ) { } , : | + - * ** / // % ~ < == != in not and or if else is
true none 1 0 2.5 'x' "y" range len zip join first tojson __class__ __init__ # {% %} {# ? = ; $ \\
"""
_WORDS = (*_TEXT.split(), "\n")


@given(st.lists(st.sampled_from(_WORDS), max_size=14))
@example(["{", "{", "params"])
@settings(max_examples=400)
def test_any_text_gives_a_value_or_a_coded_fault_inside_the_text(words: list[str]) -> None:
    source = " ".join(words)
    found = outcome(source, b=[1, 2], n=3)
    code_found = getattr(found, "code", None)
    if code_found is not None:
        assert code_found.startswith("E")
        start, end = found.extent  # type: ignore[attr-defined]
        assert 0 <= start <= end <= len(source)


def shape(value: object) -> object:
    """A tree as tuples."""
    return (type(value), *(shape(getattr(value, name)) for name in value.fields)) if isinstance(value, Node) else value


@pytest.mark.parametrize("source", ["a", " a.b ", "tasks.a.c", "params.n", "a.b.c.d.e"])
def test_a_dotted_name_has_the_tree_and_the_places_that_the_parser_gives(source: str) -> None:
    short, whole = SyntaxTrees().parse(source), SyntaxTrees().parse(f"({source})")
    assert isinstance(short, SyntaxTree) and isinstance(whole, SyntaxTree)
    assert shape(short.root) == shape(whole.root)
    assert short.text(short.root) == whole.text(whole.root) == source.strip()
