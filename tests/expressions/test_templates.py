"""Expressions found in scalars: alone they keep their type, with text around they become a text."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from compiler.graph.places import Places
from compiler.manifest.expressions.syntax_tree import SyntaxTrees
from compiler.manifest.expressions.templates import TemplateFault, compile_scalar, split
from compiler.manifest.load import load_tree
from compiler.manifest.model import Source
from compiler.manifest.tree import ScalarNode
from tests.expressions.evaluation import scope


def scalar(text: str) -> tuple[Source, ScalarNode]:
    """The value of `k` in a YAML text."""
    source = Source(file="workflow.yaml", text=text, root=Path())
    tree, _ = load_tree(source)
    assert tree is not None
    node = tree.get("k")
    assert isinstance(node, ScalarNode)
    return source, node


def value(text: str) -> object:
    _, node = scalar(f"k: {text}\n")
    return compile_scalar(node, SyntaxTrees(), scope({"x": [1], "w": 3})).evaluate([])


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("${{ w }}", 3),
        ("${{ x }}", [1]),
        ("w${{ w }}", "w3"),
        ("'${{ w }} '", "3 "),
        ("${{ w }}-${{ w + 1 }}", "3-4"),
        ("'$${{ w }}'", "${{ w }}"),
        ("'a $${{ b }} ${{ w }}'", "a ${{ b }} 3"),
        ("\"${{ 'a}}b' }}\"", "a}}b"),
        ("\"${{ {'a': {'b': 1}} }}\"", {"a": {"b": 1}}),
        ("\"${{ {'a': {'b': 1}}['a']}}\"", {"b": 1}),
        ("${{ true }}", True),
        ("${{ 1.50 }} s", "1.5 s"),
        ("$ {{ w }}", "$ {{ w }}"),
    ],
)
def test_scalar_evaluates(text: str, expected: object) -> None:
    found = value(text)
    assert (found, type(found)) == (expected, type(expected))


@pytest.mark.parametrize("text", ["'${{ w'", "'a ${{ w } }'", "'${{ {1: 2 }}'"])
def test_expression_without_an_end_is_e202(text: str) -> None:
    _, node = scalar(f"k: {text}\n")
    template = compile_scalar(node, SyntaxTrees(), scope({"w": 3}))
    assert [fault.code for fault in template.faults] == ["E202"]


@pytest.mark.parametrize(
    ("text", "code"), [("a${{ x }}", "E206"), ("a${{ none }}", "E206"), ("a${{ tasks.a }}", "E216")]
)
def test_text_around_refuses_what_is_no_scalar(text: str, code: str) -> None:
    with pytest.raises(TemplateFault) as caught:
        value(text)
    assert caught.value.fault.code == code


@pytest.mark.parametrize(
    ("text", "place"),
    [
        ("k: ${{ w + oops }}\n", (1, 12, 16)),
        ("k: '${{ oops }}'\n", (1, 9, 13)),
        ("k: 'it''s ${{ oops }}'\n", (1, 15, 19)),
        ('k: "\\t\\u00e9 ${{ oops }}"\n', (1, 18, 22)),
        ("k: |\n  first\n  ab ${{ oops }}\n", (3, 10, 14)),
        ("k: >\n  folded\n  ${{ oops }}\n", (3, 7, 11)),
        ("k: ${{\n  oops }}\n", (2, 3, 7)),
        ("k: é ${{ oops }}\n", (1, 10, 14)),
    ],
)
def test_fault_is_placed_in_the_text_whatever_its_quotes(text: str, place: tuple[int, int, int]) -> None:
    source, node = scalar(text)
    template = compile_scalar(node, SyntaxTrees(), scope({"w": 3}))
    (fault,) = template.faults
    span = Places([source]).find(node, *fault.extent)
    assert (span.start.line, span.start.column, span.end.column) == place


@given(st.text(alphabet="ab${}'\" \\", max_size=24))
def test_splitting_loses_nothing(text: str) -> None:
    parts, fault = split(text)
    if fault is None:
        rebuilt = "".join(f"${{{{{part.text}}}}}" if part.is_expression else part.text for part in parts)
        assert rebuilt == text.replace("$${{", "${{")
