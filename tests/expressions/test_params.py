"""Parameters: declared types, defaults and `--set`."""

from __future__ import annotations

from collections.abc import Mapping

import pytest
from hypothesis import given
from hypothesis import strategies as st

from compiler.manifest.params import Params, resolve_params
from runtime.value_types import accept, parse_type, read
from tests.graph.manifests import codes, manifest_of


def params(declared: str, set_values: Mapping[str, object] | None = None) -> Params:
    return resolve_params(manifest_of(f'params: {declared}\ntasks: {{g: {{call: "app:g"}}}}\n'), set_values or {})


def wrong(declared: str, set_values: Mapping[str, object] | None = None) -> list[tuple[str, int]]:
    found = params(declared, set_values).diagnostics
    return [(one.code, one.span.start.line if one.span else 0) for one in found]


@pytest.mark.parametrize(
    ("declared", "text", "value"),
    [
        ("{type: int}", "12", 12),
        ("{type: int}", "-3", -3),
        ("{type: float}", "2", 2.0),
        ("{type: float}", "1e-3", 0.001),
        ("{type: bool}", "true", True),
        ("{type: str}", "12", "12"),
        ("{type: path}", "a/b", "a/b"),
        ("{type: size}", "2GiB", "2GiB"),
        ("{type: duration}", "1m30s", "1m30s"),
        ('{type: "list[int]"}', "[1, 2]", [1, 2]),
        ('{type: "dict[str, list[int]]"}', '{"a": [1]}', {"a": [1]}),
        ("{type: any}", "[1]", [1]),
        ("{type: any}", "plain", "plain"),
        ("4", "5", 5),
        ("1.5", "5", 5.0),
        ("no", "12", "12"),
        ("[a]", '["b"]', ["b"]),
    ],
)
def test_set_converts_a_text_to_the_declared_type_or_that_of_the_default(
    declared: str, text: str, value: object
) -> None:
    found = params(f"{{x: {declared}}}", {"x": text})
    assert not found.diagnostics
    assert (found.values["x"], type(found.values["x"])) == (value, type(value))


@pytest.mark.parametrize(
    ("declared", "text"),
    [
        ("{type: int}", "1.5"),
        ("{type: int}", "many"),
        ("{type: int}", ""),
        ("{type: bool}", "yes"),
        ("{type: float}", "nan"),
        ("{type: float}", "1e999"),
        ("{type: size}", "2"),
        ("{type: duration}", "2 s"),
        ('{type: "list[int]"}', "1,2"),
        ('{type: "list[int]"}', '["a"]'),
        ('{type: "list[int]"}', "[" * 5_000),
        ("{type: int, min: 2}", "1"),
        ("{type: int, max: 2}", "3"),
        ("{type: size, max: 3}", "4B"),
        ("{type: str, enum: [a, b]}", "c"),
        ('{type: str, pattern: "[a-z]+"}', "A"),
    ],
)
def test_wrong_set_is_e208_of_the_command_line(declared: str, text: str) -> None:
    assert wrong(f"{{x: {declared}}}", {"x": text}) == [("E208", 0)]


@pytest.mark.parametrize(
    "declared",
    [
        "{type: int, default: many}",
        "{type: int, default: true}",
        "{type: int, default: 1.0}",
        "{type: str, default: 1}",
        '{type: "list[str]", default: [1]}',
        "{type: int, default: 1, min: 2}",
        "{type: str, default: c, enum: [a, b]}",
        "{type: size, default: 12}",
    ],
)
def test_wrong_default_is_e208_at_the_default(declared: str) -> None:
    assert wrong(f"{{x: {declared}}}") == [("E208", 3)]
    assert wrong(f"{{x: {declared}}}", {"x": "1"})[0][0] == "E208"


def test_required_and_unknown_parameters() -> None:
    assert wrong("{x: {type: int}}") == [("E209", 3)]
    found = params("{width: 1}", {"widht": "2"})
    assert [one.code for one in found.diagnostics] == ["E210"]
    assert "width" in found.diagnostics[0].hint


def test_unknown_type_has_a_hint() -> None:
    (found,) = params("{n: {type: integer, default: 1}}").diagnostics
    assert (found.code, found.span is not None) == ("E104", True)
    assert "int" in found.hint


def test_a_wrong_parameter_silences_what_uses_it() -> None:
    text = (
        'params: {n: {type: int}}\nlet: {m: "${{ params.n }}"}\ntasks: {g: {call: "app:g", args: ["${{ m + 1 }}"]}}\n'
    )
    assert codes(text) == [("E209", 3)]


def test_a_float_takes_an_int_and_a_bool_is_no_int() -> None:
    assert accept(parse_type("float"), 1) == 1.0
    with pytest.raises(ValueError, match="bool"):
        accept(parse_type("int"), True)


_TYPES = st.recursive(
    st.sampled_from(["int", "str", "bool", "float", "any", "size"]),
    lambda inner: st.builds("list[{}]".format, inner) | st.builds("dict[str, {}]".format, inner),
    max_leaves=4,
)


@given(_TYPES, st.text(max_size=12))
def test_reading_any_text_as_any_type_gives_a_value_of_it_or_a_refusal(name: str, text: str) -> None:
    type_ = parse_type(name)
    try:
        value = read(type_, text)
    except ValueError as err:
        assert str(err)
        return
    assert accept(type_, value) == value
