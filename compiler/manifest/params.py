"""The values of parameters: `--set` over defaults, typed and checked (E104, E208, E209, E210, E215).

An error of the command line has no place in the file. A wrong parameter is poison: what uses it says nothing more.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from compiler.diagnostics import MAX_MISTAKES, Diagnostic, ManifestError, Span
from compiler.manifest.model import Manifest, Param
from compiler.manifest.patterns import is_match
from compiler.suggest import did_you_mean
from runtime.quantities import parse_duration, parse_size
from runtime.value_types import ANY, SCALAR_TYPES, Type, accept, parse_type, read, type_of


@dataclass(frozen=True, slots=True, kw_only=True)
class Params:
    """Values by name, the names whose value is wrong or missing, and what is wrong."""

    values: Mapping[str, object]
    poisoned: frozenset[str]
    diagnostics: tuple[Diagnostic, ...]


def resolve_params(manifest: Manifest, set_values: Mapping[str, object]) -> Params:
    """The value of every declared parameter. A text in `set_values` is read as the declared type, or the default's."""
    values: dict[str, object] = {}
    diagnostics: list[Diagnostic] = []
    for name, param in manifest.params.items():
        if param.is_wrong and not param.has_default and name not in set_values:
            continue
        if len(diagnostics) >= MAX_MISTAKES:
            break
        try:
            values[name] = _value(param, set_values)
        except _Wrong as wrong:
            diagnostics.append(wrong.diagnostic)
    for name in set_values:
        if name not in manifest.params:
            message = f"there is no parameter `{name}` to set"
            hint = did_you_mean(name, manifest.params)
            if name in manifest.inputs:
                hint = f"`{name}` is an input: give it to `treadle run` with --input {name}=…"
            diagnostics.append(Diagnostic(code="E210", message=message, span=None, hint=hint))
    diagnostics.extend(_check_inputs(manifest))
    poisoned = frozenset(manifest.params) - frozenset(values)
    return Params(values=values, poisoned=poisoned, diagnostics=tuple(diagnostics))


def given_params(manifest: Manifest, given: Mapping[str, tuple[object, Span]]) -> Params:
    """The value of every parameter of an imported manifest: what a task gives it, with its place, over the default.

    That one without a default is not given is reported by the caller, which knows the task.
    """
    values: dict[str, object] = {}
    diagnostics: list[Diagnostic] = []
    for name, param in manifest.params.items():
        try:
            if param.has_default:
                default = param.default_span or param.span
                values[name] = _accept(param, _type(param), param.default, default, "the default")
            if name in given:
                values[name] = _accept(param, _type(param), *given[name], "the value")
        except _Wrong as wrong:
            values.pop(name, None)
            diagnostics.append(wrong.diagnostic)
    diagnostics.extend(_check_inputs(manifest))
    poisoned = frozenset(manifest.params) - frozenset(values)
    return Params(values=values, poisoned=poisoned, diagnostics=tuple(diagnostics))


def lone_params(manifest: Manifest) -> Params:
    """The defaults of an imported manifest that no task uses; what has none is poison and no mistake."""
    found = resolve_params(manifest, {})
    return Params(
        values=found.values,
        poisoned=found.poisoned,
        diagnostics=tuple(one for one in found.diagnostics if one.code != "E209"),
    )


def accept_input(declared: Param, value: object, span: Span) -> object:
    """A value known at compile time as the input's declared type. Raises ManifestError (E208)."""
    try:
        return _accept(declared, _type(declared), value, span, "the value")
    except _Wrong as wrong:
        raise ManifestError((wrong.diagnostic,)) from wrong


class _Wrong(Exception):
    def __init__(self, code: str, message: str, span: Span | None, hint: str = "") -> None:
        super().__init__(message)
        self.diagnostic = Diagnostic(code=code, message=message, span=span, hint=hint)


def _value(param: Param, set_values: Mapping[str, object]) -> object:
    type_ = _type(param)
    if type_.name == "secret":
        raise _Wrong(
            "E215",
            f"the parameter `{param.name}` is a secret",
            param.type_span or param.span,
            "declare it in `secrets`, or as an input",
        )
    if param.has_default:
        default = _accept(param, type_, param.default, param.default_span or param.span, "the default")
    if param.name in set_values:
        written = set_values[param.name]
        if isinstance(written, str):
            try:
                written = read(type_, written)
            except ValueError as err:
                raise _Wrong("E208", f"--set {param.name}: {err}", None) from err
        return _accept(param, type_, written, None, f"--set {param.name}")
    if not param.has_default:
        hint = f"give it with --set {param.name}=…, or declare a default"
        raise _Wrong("E209", f"the parameter `{param.name}` has no value", param.span, hint)
    return default


def declared_type(declared: Param) -> Type:
    """The type of a parameter or input, `any` for one whose declaration is wrong, which is reported elsewhere."""
    try:
        return _type(declared)
    except _Wrong:
        return ANY


def _type(param: Param) -> Type:
    if not param.type and param.type_span is None:
        return type_of(param.default)
    try:
        return parse_type(param.type)
    except ValueError as err:
        hint = did_you_mean(param.type, SCALAR_TYPES, _SYNONYMS)
        raise _Wrong("E104", str(err), param.type_span or param.span, hint) from err


SECRET = Type("secret")
_SYNONYMS = {
    "integer": "int",
    "string": "str",
    "text": "str",
    "boolean": "bool",
    "number": "float",
    "double": "float",
    "array": "list[any]",
    "object": "dict[any]",
    "file": "path",
}


def _accept(param: Param, type_: Type, value: object, span: Span | None, what: str) -> object:
    try:
        accepted = accept(type_, value)
        _check_bounds(param, type_, accepted)
    except ValueError as err:
        prefix = f"{what}: " if span is None else f"{what} of `{param.name}`: "
        raise _Wrong("E208", prefix + str(err), span) from err
    return accepted


def _check_bounds(param: Param, type_: Type, value: object) -> None:
    if param.enum is not None and not any(type(value) is type(item) and value == item for item in _enum(param, type_)):
        allowed = ", ".join(str(item) for item in param.enum) if len(param.enum) <= 8 else "the values of its `enum`"
        raise ValueError(f"`{value}` is not one of {allowed}")
    number = _magnitude(type_, value)
    if number is not None and param.minimum is not None and number < param.minimum:
        raise ValueError(f"{value} is less than {param.minimum}")
    if number is not None and param.maximum is not None and number > param.maximum:
        raise ValueError(f"{value} is more than {param.maximum}")
    if param.pattern is not None and isinstance(value, str) and not _matches(param.pattern, value):
        raise ValueError(f"`{value}` does not have the form that `pattern` asks for")


def _enum(param: Param, type_: Type) -> list[object]:
    found = []
    for item in param.enum or ():
        try:
            found.append(accept(type_, item))
        except ValueError:
            found.append(item)
    return found


def _magnitude(type_: Type, value: object) -> float | None:
    if isinstance(value, str):
        if type_.name == "size":
            return parse_size(value)
        return parse_duration(value) if type_.name == "duration" else None
    return value if isinstance(value, (int, float)) and not isinstance(value, bool) else None


def _matches(pattern: str, value: str) -> bool:
    try:
        return is_match(pattern, value)
    except ValueError as err:
        raise ValueError("its `pattern` is not a regular expression") from err


def _check_inputs(manifest: Manifest) -> list[Diagnostic]:
    """The types and defaults of inputs; their values come at launch."""
    found: list[Diagnostic] = []
    for declared in manifest.inputs.values():
        try:
            type_ = _type(declared)
            if type_.name == "secret":
                _check_secret_default(declared)
            elif declared.has_default:
                _accept(declared, type_, declared.default, declared.default_span or declared.span, "the default")
        except _Wrong as wrong:
            found.append(wrong.diagnostic)
    return found


def _check_secret_default(declared: Param) -> None:
    """What stands in a manifest is read by everybody. Raises _Wrong (E215)."""
    if not declared.has_default:
        return
    try:
        accept(SECRET, declared.default)
    except ValueError as err:
        message = f"the default of the secret input `{declared.name}`: {err}"
        raise _Wrong("E215", message, declared.default_span or declared.span) from err
