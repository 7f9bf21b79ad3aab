"""Inputs as they are given: texts and values by type, defaults, files, and every mistake at once."""

from __future__ import annotations

from pathlib import Path

import pytest

from runtime.errors import RunFailed
from runtime.given_inputs import (
    InputDeclaration,
    InputsFileInvalid,
    InputsInvalid,
    inputs_text,
    read_inputs_file,
    resolve_inputs,
)
from runtime.report import fault_object, fault_text
from runtime.secrecy.references import parse_reference
from runtime.value_types import parse_type


def declared(**types: str) -> dict[str, InputDeclaration]:
    return {name: InputDeclaration(type=parse_type(text)) for name, text in types.items()}


def problems(*given: object) -> list[tuple[str, str]]:
    with pytest.raises(InputsInvalid) as caught:
        resolve_inputs(*given)  # type: ignore[arg-type]
    return [(problem.code, problem.name) for problem in caught.value.problems]


@pytest.mark.parametrize(
    ("type_", "text", "value"),
    [
        ("str", "", ""),
        ("str", "@[1]=x", "@[1]=x"),
        ("path", "~/../a", "~/../a"),
        ("int", "-12", -12),
        ("float", "1", 1.0),
        ("bool", "false", False),
        ("size", "2GiB", "2GiB"),
        ("duration", "1h", "1h"),
        ("list[float]", "[1, 2.5]", [1.0, 2.5]),
        ("dict[str, list[str]]", '{"a": ["b"]}', {"a": ["b"]}),
        ("any", '{"a": null}', {"a": None}),
        ("any", "a b", "a b"),
    ],
)
def test_text_is_read_as_its_type(type_: str, text: str, value: object) -> None:
    found = resolve_inputs(declared(x=type_), {}, {"x": text})["x"]
    assert (found, type(found)) == (value, type(value))


@pytest.mark.parametrize(
    ("type_", "text"),
    [
        ("int", "1.0"),
        ("int", ""),
        ("bool", "yes"),
        ("float", "nan"),
        ("size", "2"),
        ("duration", "soon"),
        ("list[str]", "a,b"),
        ("list[int]", '["1"]'),
        ("dict[int]", "[1]"),
        ("list[float]", "[1e999]"),
        ("dict[int]", '{"a": 1, "a": 2}'),
    ],
)
def test_text_that_is_none_of_its_type_is_told(type_: str, text: str) -> None:
    assert problems(declared(x=type_), {}, {"x": text}) == [("E208", "x")]


def test_value_from_python_must_have_the_type() -> None:
    assert problems(declared(n="int"), {"n": "3"}) == [("E208", "n")]
    assert problems(declared(n="int"), {"n": True}) == [("E208", "n")]
    marker = object()
    assert resolve_inputs(declared(x="any"), {"x": marker})["x"] is marker


@pytest.mark.parametrize(
    ("given", "text"),
    [
        ("env:TOKEN", "env:TOKEN"),
        ("ssm:/app/token", "ssm:/app/token"),
        ({"secretsmanager": "arn:aws:x"}, "secretsmanager:arn:aws:x"),
    ],
)
def test_a_secret_is_given_as_a_reference(given: object, text: str) -> None:
    wanted = {"x": InputDeclaration(type=parse_type("secret"), has_default=True, default=given)}
    for found in (resolve_inputs(wanted, {}), resolve_inputs(declared(x="secret"), {"x": given})):
        assert (found["x"], str(found["x"])) == (parse_reference(text), text)
        assert resolve_inputs(declared(x="secret"), found) == found


@pytest.mark.parametrize(
    "given", ["hunter22", "https://hunter22", "file:/hunter22", "", 4711, {"env": 1}, {}, ["env:A"]]
)
def test_what_may_be_the_secret_itself_is_refused_and_not_repeated(given: object) -> None:
    with pytest.raises(InputsInvalid) as caught:
        resolve_inputs(declared(x="secret"), {"x": given})
    (problem,) = caught.value.problems
    assert problem.code == "E208"
    assert "hunter22" not in f"{problem}"
    assert "4711" not in f"{problem}"


def test_a_secret_that_is_not_given_asks_for_a_reference() -> None:
    with pytest.raises(InputsInvalid) as caught:
        resolve_inputs(declared(token="secret"), {})
    assert caught.value.hint == "say where it is, for example with --input token=env:NAME"


def test_text_goes_before_a_value_and_a_value_before_the_default() -> None:
    one = {"x": InputDeclaration(type=parse_type("int"), has_default=True, default=1)}
    assert resolve_inputs(one, {}) == {"x": 1}
    assert resolve_inputs(one, {"x": 2}) == {"x": 2}
    assert resolve_inputs(one, {"x": 2}, {"x": "3"}) == {"x": 3}


def test_default_of_null_is_a_default() -> None:
    assert resolve_inputs({"x": InputDeclaration(type=parse_type("any"), has_default=True)}, {}) == {"x": None}


def test_every_mistake_is_found_at_once() -> None:
    wanted = declared(word="str", many="list[int]", needed="str")
    found = problems(wanted, {"many": "x", "wrod": "x"}, {"other": "1", "wrod": "2"})
    assert found == [("E209", "word"), ("E208", "many"), ("E209", "needed"), ("E210", "wrod"), ("E210", "other")]


def test_mistakes_are_shown_one_by_one_with_their_hints() -> None:
    with pytest.raises(InputsInvalid) as caught:
        resolve_inputs(declared(word="str"), {"wrod": "x"})
    assert fault_text(caught.value) == (
        "error[E209]: the input `word` has no value\n"
        "  = help: give it with --input word=…, a value of type str\n"
        "error[E210]: there is no input `wrod`\n"
        "  = help: write `word`"
    )
    assert fault_object(caught.value)["error"]["code"] == "E209"  # type: ignore[index]
    assert caught.value.exit_code == RunFailed.exit_code


def test_workflow_without_inputs_says_so() -> None:
    with pytest.raises(InputsInvalid) as caught:
        resolve_inputs({}, {}, {"x": "1"})
    assert caught.value.problems[0].hint == "this workflow declares no inputs"


def test_file_is_one_json_object(tmp_path: Path) -> None:
    file = tmp_path / "inputs.json"
    file.write_text('{"a": [1, {"b": null}], "é": "x"}')
    assert read_inputs_file(file) == {"a": [1, {"b": None}], "é": "x"}


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (b"", "is no JSON"),
        (b"[1]", "holds no object"),
        (b'{"a": 1, "a": 2}', "the key `a` is there twice"),
        (b'{"a": NaN}', "NaN is no finite number"),
        (b'{"a": [-1e999]}', "-1e999 is no finite number"),
        (b"\xff\xfe\x00", "is no JSON"),
        (b"[" * 100_000, "is no JSON"),
    ],
)
def test_file_that_is_none_is_one_clear_error(tmp_path: Path, text: bytes, message: str) -> None:
    file = tmp_path / "inputs.json"
    file.write_bytes(text)
    with pytest.raises(InputsFileInvalid, match=message):
        read_inputs_file(file)
    with pytest.raises(InputsFileInvalid, match="cannot be read"):
        read_inputs_file(tmp_path)


def test_inputs_are_listed_with_type_default_and_description() -> None:
    rows = {
        **declared(a="str"),
        "b": InputDeclaration(
            type=parse_type("list[any]"), has_default=True, default=["é" * 100], description="Words."
        ),
    }
    first, second = inputs_text(rows)
    assert first == "a: str"
    assert second.startswith('b: list[any] = ["éé') and second.endswith("…  Words.") and len(second) < 100
