"""The inputs of a workflow as they are given at launch: texts and values by name, checked against their declarations.

Everything that is wrong is found before anything starts, and told at once. Texts come from a command line and are read
as the declared type: a str, path, size or duration verbatim (a path is not resolved: it means what it means where the
task runs), a secret as a reference to it, a list or dict as JSON, `any` as JSON when it is some, else as a text. Values
come from Python or from a JSON file. How they reach the workers is `runtime.run_inputs`.
"""

from __future__ import annotations

import difflib
import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from runtime.errors import RuntimeFault
from runtime.value_types import Type, accept, read, strict_json

SHOWN_DEFAULT = 60
INPUT_HELP = (
    "an input of the workflow, read as its type: a list or dict as JSON, any as JSON when it is some, a secret as "
    "where it is (env:NAME, ssm:PATH, secretsmanager:ID), else a text"
)
FILE_HELP = "inputs as one JSON object in a file; --input goes before it"


@dataclass(frozen=True, slots=True, kw_only=True)
class InputDeclaration:
    """One declared input. `has_default` tells a default of null from none."""

    type: Type
    has_default: bool = False
    default: object = None
    description: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class InputProblem:
    """What is wrong with one input: E208 its value, E209 it has none, E210 there is no such input."""

    code: str
    name: str
    message: str
    hint: str = ""


class InputsInvalid(RuntimeFault):
    """The inputs given do not fit those declared; `problems` is everything that is wrong."""

    exit_code = 1

    def __init__(self, problems: tuple[InputProblem, ...]) -> None:
        super().__init__("\n".join(problem.message for problem in problems), hint=problems[0].hint)
        self.code = problems[0].code
        self.problems = problems


def resolve_inputs(
    declared: Mapping[str, InputDeclaration],
    given: Mapping[str, object],
    texts: Mapping[str, str] | None = None,
) -> dict[str, object]:
    """The value of every declared input: a text before a value before the default. Raises InputsInvalid."""
    texts = texts or {}
    values: dict[str, object] = {}
    problems: list[InputProblem] = []
    for name, declaration in declared.items():
        try:
            values[name] = _value(name, declaration, given, texts)
        except _Wrong as wrong:
            problems.append(wrong.problem)
    problems += _unknown(declared, [*given, *(name for name in texts if name not in given)])
    if problems:
        raise InputsInvalid(tuple(problems))
    return values


class _Wrong(Exception):
    def __init__(self, code: str, name: str, message: str, hint: str = "") -> None:
        super().__init__(message)
        self.problem = InputProblem(code=code, name=name, message=message, hint=hint)


def _value(name: str, declaration: InputDeclaration, given: Mapping[str, object], texts: Mapping[str, str]) -> object:
    type_ = declaration.type
    try:
        if name in texts:
            return read(type_, texts[name])
        if name in given:
            return accept(type_, given[name])
    except ValueError as err:
        raise _Wrong("E208", name, f"the input `{name}`: {err}", f"`{name}` is declared as {type_}") from err
    if not declaration.has_default:
        hint = f"give it with --input {name}=…, a value of type {type_}"
        if type_.name == "secret":
            hint = f"say where it is, for example with --input {name}=env:NAME"
        raise _Wrong("E209", name, f"the input `{name}` has no value", hint)
    return accept(type_, declaration.default) if type_.name == "secret" else declaration.default


def inputs_text(declared: Mapping[str, InputDeclaration]) -> list[str]:
    """One line for each input: its name, type, default and description."""
    return [f"{name}: {_declaration_text(declaration)}" for name, declaration in declared.items()]


def _declaration_text(declaration: InputDeclaration) -> str:
    text = str(declaration.type)
    if declaration.has_default:
        default = json.dumps(declaration.default, ensure_ascii=False)
        text += f" = {default if len(default) <= SHOWN_DEFAULT else default[: SHOWN_DEFAULT - 1] + '…'}"
    return f"{text}  {declaration.description}".rstrip()


def _unknown(declared: Mapping[str, InputDeclaration], names: list[str]) -> Iterator[InputProblem]:
    for name in names:
        if name not in declared:
            yield InputProblem(
                code="E210", name=name, message=f"there is no input `{name}`", hint=_meant(name, declared)
            )


def _meant(name: str, declared: Mapping[str, InputDeclaration]) -> str:
    if not declared:
        return "this workflow declares no inputs"
    close = difflib.get_close_matches(name, declared, n=1)
    if close:
        return f"write `{close[0]}`"
    return f"its inputs are {', '.join(declared)}" if len(declared) <= 8 else ""


class InputsFileInvalid(RuntimeFault):
    """The file of inputs cannot be read, or holds something else than one JSON object."""

    code = "inputs-file"
    exit_code = 4


def read_inputs_file(path: Path) -> dict[str, object]:
    """The values by name in a file of one JSON object. Raises InputsFileInvalid."""
    try:
        document = strict_json(path.read_bytes())
    except OSError as err:
        raise InputsFileInvalid(f"{path} cannot be read: {err.strerror}") from err
    except ValueError as err:
        raise InputsFileInvalid(f"{path} is no JSON: {err}", hint='write one object: {"name": value, …}') from err
    if not isinstance(document, dict):
        raise InputsFileInvalid(f"{path} holds no object", hint='write one object: {"name": value, …}')
    return document
