"""Properties over broken manifests: no traceback, every range inside the file, the order of keys of no account."""

from __future__ import annotations

import json
from collections import Counter
from pathlib import Path
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from compiler.diagnostics import Diagnostic, Span
from compiler.manifest.lines import split_lines
from compiler.manifest.load import load_tree
from compiler.manifest.plain import to_node, to_plain
from compiler.manifest.precheck import Precheck
from compiler.manifest.schema import check_tree, jsonschema_failures, manifest_schema
from compiler.manifest.tree import MappingNode
from compiler.rendering import render_human, to_json
from tests.manifest.texts import diagnose, source

GOOD = [path.read_text(encoding="utf-8") for path in sorted((Path(__file__).parents[1] / "conformance/good").glob("*"))]
SNIPPETS = [
    *(
        "\t",
        "\n",
        "  ",
        ":",
        ": ",
        " #",
        "- ",
        "'",
        '"',
        "[",
        "]",
        "{",
        "}",
        "{{ x }}",
        "${{ ",
        "}}",
        "&a ",
        "*a",
        "!!int ",
    ),
    *(
        "<<: 1\n",
        "---\n",
        "0644",
        ".inf",
        "no",
        "\u2028",
        "é",
        "\U0001f600",
        "|\n",
        "? ",
        ",",
        "%",
        "@",
        "1",
        "null",
        "x" * 40,
    ),
]


@st.composite
def mutated(draw: st.DrawFn) -> str:
    """A good manifest with a few cuts, insertions and swaps."""
    text = draw(st.sampled_from(GOOD))
    for _ in range(draw(st.integers(1, 4))):
        at = draw(st.integers(0, len(text)))
        end = min(len(text), at + draw(st.integers(0, 12)))
        match draw(st.sampled_from(["cut", "insert", "replace", "repeat"])):
            case "cut":
                text = text[:at] + text[end:]
            case "insert":
                text = text[:at] + draw(st.sampled_from(SNIPPETS)) + text[at:]
            case "replace":
                text = text[:at] + draw(st.sampled_from(SNIPPETS)) + text[end:]
            case _:
                text = text[:end] + text[at:end] + text[end:]
    return text


def lies_in(span: Span, lines: list[str]) -> bool:
    return span.start <= span.end and all(
        1 <= place.line <= len(lines) and 1 <= place.column <= len(lines[place.line - 1]) + 1
        for place in (span.start, span.end)
    )


def lines_of(found: list[Diagnostic]) -> list[tuple[str, int]]:
    return [(one.code, one.span.start.line if one.span else 0) for one in found]


def check_report(found: list[Diagnostic], text: str) -> None:
    lines = split_lines(text)
    for one in found:
        assert one.span is not None
        assert all(lies_in(span, lines) for span in (one.span, *(other.span for other in one.related))), one
    rows = render_human(found, {"m.yaml": text}).splitlines()
    assert all(len(row) <= 100 for row in rows if row.isascii())
    json.dumps(to_json(found), allow_nan=False)


@settings(max_examples=200, deadline=None)
@given(mutated())
def test_a_mutated_manifest_gives_diagnostics_inside_the_file(text: str) -> None:
    check_report(diagnose(text), text)


@settings(max_examples=60, deadline=None)
@given(mutated())
def test_the_pure_parser_gives_diagnostics_inside_the_file_too(text: str) -> None:
    check_report(load_tree(source(text), pure=True)[1], text)


@settings(max_examples=60, deadline=None)
@given(mutated())
def test_both_yaml_parsers_see_the_same_tree(text: str) -> None:
    """Where both accept a text: they disagree about tabs inside plain scalars, PyYAML about some colons, and about the
    column of what is empty.
    """
    (fast, fast_found), (slow, slow_found) = (load_tree(source(text), pure=pure) for pure in (False, True))
    if fast is not None and slow is not None:
        assert to_plain(fast) == to_plain(slow)
        assert lines_of(fast_found) == lines_of(slow_found)


SCALARS = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(-2, 12),
    st.sampled_from([0.0, 1.0, 0.5, -0.5, 1e300]),
    st.sampled_from(
        ["a:f", "a.py:f", "none", "fail", "skip", "1s", "30", "1KiB", "2GiB", "p95", "p0", "average", "full"]
    ),
    st.sampled_from(["x86_64", "preload", "text", "w-1", "a b", "", "${{x}}", "$${{x}}", "i", "a\n"]),
)
KEYS = sorted(
    {name for part in (manifest_schema(), *manifest_schema()["$defs"].values()) for name in part.get("properties", {})}
    | {"g", "x-y", "my-task", "i", "timout", "command", "1", "params", "a, b"}
)
VALUES = st.recursive(
    SCALARS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(KEYS), inner, max_size=4),
    max_leaves=8,
)


def manifest_of(task: dict[str, Any], rest: dict[str, Any]) -> dict[str, Any]:
    return {"spec": 1, "name": "t", "tasks": {"g": {"call": "a:f", **task}}, **rest}


TASKS = st.dictionaries(st.sampled_from(sorted(manifest_schema()["$defs"]["task"]["properties"])), VALUES, max_size=3)
MANIFESTS = st.builds(manifest_of, TASKS, st.dictionaries(st.sampled_from(KEYS), VALUES, max_size=2))


def write(value: object) -> str:
    """JSON, which is YAML too."""
    return json.dumps(value, ensure_ascii=False)


@settings(max_examples=300, deadline=None)
@given(MANIFESTS)
def test_the_precheck_and_jsonschema_agree(value: dict[str, Any]) -> None:
    tree, _ = load_tree(source(write(value)))
    assert tree is not None
    for is_written in (True, False):
        is_fine = Precheck(manifest_schema(), is_written=is_written).definition("")(tree)
        assert is_fine == (not jsonschema_failures("", tree, is_written=is_written))


def shuffled(value: object, order: int) -> object:
    if isinstance(value, dict):
        names = list(value)
        names = names[order % len(names) :][::-1] + names[: order % len(names)] if names else []
        return {name: shuffled(value[name], order) for name in names}
    return [shuffled(item, order) for item in value] if isinstance(value, list) else value


@settings(max_examples=150, deadline=None)
@given(MANIFESTS, st.integers(0, 5))
def test_the_order_of_keys_never_changes_the_codes(value: dict[str, Any], order: int) -> None:
    first, second = diagnose(write(value)), diagnose(write(shuffled(value, order)))
    assert Counter(one.code for one in first) == Counter(one.code for one in second)


@settings(max_examples=100, deadline=None)
@given(MANIFESTS)
def test_each_mistake_has_a_place_of_its_own(value: dict[str, Any]) -> None:
    text = write(value)
    tree, _ = load_tree(source(text))
    assert isinstance(tree, MappingNode)
    check_report(check_tree(tree), text)


@settings(max_examples=100, deadline=None)
@given(VALUES)
def test_plain_values_survive_as_nodes(value: object) -> None:
    tree, _ = load_tree(source("a: 1\n"))
    assert tree is not None
    assert to_plain(to_node(value, tree)) == value
