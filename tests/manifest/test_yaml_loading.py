"""Text to tree: places, budgets, and every pitfall of YAML, under libyaml and the pure scanner."""

from __future__ import annotations

import gc
from pathlib import Path

import pytest

from compiler.diagnostics import Diagnostic, ManifestError, Position
from compiler.manifest.load import load_tree
from compiler.manifest.model import Source
from compiler.manifest.plain import to_plain
from compiler.manifest.source import decode_source, read_source
from compiler.manifest.tree import MappingNode, ScalarNode, SequenceNode

PARSERS = pytest.mark.parametrize("pure", [False, True], ids=["libyaml", "pure"])


def load(text: str, *, pure: bool = False) -> tuple[MappingNode | None, list[Diagnostic]]:
    return load_tree(Source(file="m.yaml", text=text, root=Path()), pure=pure)


def codes(text: str, *, pure: bool = False) -> list[tuple[str, int, int]]:
    found = load(text, pure=pure)[1]
    return [(one.code, one.span.start.line, one.span.start.column) for one in found if one.span]


@PARSERS
def test_a_tree_holds_values_and_places(pure: bool) -> None:
    tree, found = load("a: 1\nb:\n  - 'x'\n  - é: [true, ~]\n", pure=pure)
    assert not found
    assert tree is not None
    assert to_plain(tree) == {"a": 1, "b": ["x", {"é": [True, None]}]}
    items = tree.get("b")
    assert isinstance(items, SequenceNode)
    first, second = items.items
    assert first.span.start == Position(3, 5)
    assert first.span.end == Position(3, 8)
    assert isinstance(second, MappingNode)
    inner = second.values[0]
    assert inner.span.start == Position(4, 8)


@PARSERS
def test_columns_count_code_points(pure: bool) -> None:
    tree, _ = load("日本𝒳: x\n", pure=pure)
    assert tree is not None
    assert tree.values[0].span.start == Position(1, 6)


@PARSERS
def test_quoted_scalars_are_texts(pure: bool) -> None:
    tree, _ = load("a: '1'\nb: \"true\"\nc: !!str 12\nd: |\n  no\n", pure=pure)
    assert tree is not None
    assert to_plain(tree) == {"a": "1", "b": "true", "c": "12", "d": "no\n"}


@PARSERS
def test_a_scalar_keeps_its_text_and_style(pure: bool) -> None:
    tree, _ = load("a: 0x10\nb: '1'\n", pure=pure)
    assert tree is not None
    first, second = tree.values
    assert isinstance(first, ScalarNode)
    assert isinstance(second, ScalarNode)
    assert (first.value, first.raw, first.style) == (16, "0x10", "")
    assert (second.value, second.raw, second.style) == ("1", "1", "'")


@PARSERS
@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("a:\n\tb: 1\n", ("E004", 2, 1)),
        ("a:\n  \tb: 1\n", ("E004", 2, 3)),
        ("a: b\n\tc: d\n", ("E004", 2, 1)),
        ("a: 1\na: 2\n", ("E005", 2, 1)),
        ("a: &x {b: 1}\nc:\n  <<: *x\n", ("E006", 3, 3)),
        ("a: *x\n", ("E007", 1, 4)),
        ("a: &x [*x]\n", ("E007", 1, 8)),
        ("a: 1\n---\nb: 2\n", ("E008", 2, 1)),
        ("", ("E009", 1, 1)),
        ("# only a comment\n", ("E009", 1, 1)),
        ("- a\n", ("E009", 1, 1)),
        ("just text\n", ("E009", 1, 1)),
        ("a: !!int '1'\n", ("E010", 1, 4)),
        ("a: !foo x\n", ("E010", 1, 4)),
        ("a: &b !foo x\n", ("E010", 1, 7)),
        ("a: !e!foo x\n", ("E010", 1, 4)),
        ("a: !!set {x, y}\n", ("E010", 1, 4)),
        ("1: a\n", ("E013", 1, 1)),
        ("null: a\n", ("E013", 1, 1)),
        ("true: a\n", ("E013", 1, 1)),
        ("[a]: b\n", ("E013", 1, 1)),
        ("007: b\n", ("E013", 1, 1)),
        ("a: 0644\n", ("E014", 1, 4)),
        ("a: [.inf]\n", ("E015", 1, 5)),
        ("a: {{ x }}\n", ("E211", 1, 4)),
        ("a: [{{ x }}]\n", ("E211", 1, 5)),
        ("a: {{ x }}-b\n", ("E211", 1, 4)),
        ("a: [${{ x }}]\n", ("E003", 1, 5)),
        ("a: {b: ${{ x }}}\n", ("E003", 1, 8)),
        ("a: ${{ {'k': 1} }}\n", ("E003", 1, 4)),
        ("a: b${{ x #1 }}\n", ("E202", 1, 4)),
        ("a: b: c\n", ("E003", 1, 5)),
        ("a: [1, 2\nb: 3\n", ("E003", 2, 2)),
        ("a: @b\n", ("E003", 1, 4)),
        ("a: 'b\n", ("E003", 2, 1)),
    ],
)
def test_each_pitfall_has_its_code_and_place(pure: bool, text: str, expected: tuple[str, int, int]) -> None:
    assert codes(text, pure=pure) == [expected]


@PARSERS
def test_words_of_yaml_1_1_are_keys_like_others(pure: bool) -> None:
    tree, found = load("on: 1\nno: 2\n", pure=pure)
    assert not found
    assert tree is not None
    assert to_plain(tree) == {"on": 1, "no": 2}


def test_a_second_key_points_to_the_first() -> None:
    (one,) = load("a: 1\nb: 2\na: 3\n")[1]
    assert one.related[0].span.start == Position(1, 1)


def test_all_mistakes_that_leave_a_tree_are_found_at_once() -> None:
    text = "a: 0644\na: 1\n1: x\nb: {{ y }}\nc: !foo z\n"
    assert [code for code, _, _ in codes(text)] == ["E014", "E005", "E013", "E211", "E010"]


def test_an_alias_shares_its_node() -> None:
    tree, found = load("a: &x [1, 2]\nb: *x\nc: [*x, *x]\n")
    assert not found
    assert tree is not None
    assert tree.get("b") is tree.get("a")


def test_an_alias_bomb_is_refused_before_it_expands() -> None:
    rows = [f"x{n}: &x{n} [{', '.join([f'*x{n - 1}'] * 10)}]" for n in range(1, 40)]
    text = "x0: &x0 [y]\n" + "\n".join(rows) + "\n"
    assert [code for code, _, _ in codes(text)] == ["E007"]


def test_an_alias_counts_towards_the_depth() -> None:
    rows = ["x0: &x0 [y]", *(f"x{n}: &x{n} [*x{n - 1}]" for n in range(1, 70))]
    assert [code for code, _, _ in codes("\n".join(rows) + "\n")] == ["E011"]


@PARSERS
def test_64_levels_are_allowed_and_65_are_not(pure: bool) -> None:
    assert codes("a: " + "[" * 63 + "]" * 63 + "\n", pure=pure) == []
    assert codes("a: " + "[" * 64 + "]" * 64 + "\n", pure=pure) == [("E011", 1, 67)]


@PARSERS
def test_100_000_levels_are_refused_without_descending(pure: bool) -> None:
    assert codes("a: " + "[" * 100_000, pure=pure) == [("E011", 1, 67)]


def test_the_collector_is_as_it_was_after_loading() -> None:
    assert gc.isenabled()
    load("a: 1\n")
    load("a: [\n")
    assert gc.isenabled()


def decode(data: bytes, limit: int = 1000) -> Diagnostic:
    with pytest.raises(ManifestError) as refused:
        decode_source(data, "m.yaml", Path(), max_file_size=limit)
    (one,) = refused.value.diagnostics
    return one


def test_latin_1_is_no_utf_8() -> None:
    one = decode("a: 1\nb: é\n".encode("latin-1"))
    assert one.code == "E002"
    assert one.span is not None
    assert one.span.start == Position(2, 4)


@pytest.mark.parametrize("character", ["\0", "\x07", "\x1b", "\ufffe"])
def test_characters_that_yaml_forbids_are_refused(character: str) -> None:
    one = decode(f"a: 1\nb: x{character}\n".encode())
    assert one.code == "E002"
    assert one.span is not None
    assert one.span.start == Position(2, 5)


def test_a_byte_order_mark_is_dropped() -> None:
    assert decode_source(b"\xef\xbb\xbfa: 1\n", "m.yaml", Path()).text == "a: 1\n"


def test_a_file_at_the_limit_is_read_and_one_byte_more_is_not() -> None:
    assert decode_source(b"a: 1", "m.yaml", Path(), max_file_size=4).text == "a: 1"
    assert decode(b"a: 12", limit=4).code == "E012"


def test_files_that_cannot_be_read_are_one_clear_message(tmp_path: Path) -> None:
    for path in (tmp_path, tmp_path / "no.yaml", tmp_path / "no" / "no.yaml", Path("a\0b")):
        with pytest.raises(ManifestError) as refused:
            read_source(path)
        (one,) = refused.value.diagnostics
        assert (one.code, one.span) == ("E001", None)


def test_a_file_is_read_with_its_folder(tmp_path: Path) -> None:
    (tmp_path / "w.yaml").write_text("a: 1\n", encoding="utf-8")
    found = read_source(tmp_path / "w.yaml")
    assert (found.text, found.root) == ("a: 1\n", tmp_path.resolve())
