"""From a failed keyword of the JSON Schema to a diagnostic in the words of the language.

A complaint names the code, the place and the remedy. Which keyword means which code is decided here, unless the schema
says otherwise (`x-codes`); how a value is described to people is the schema's `x-what`. One mistake gives one
diagnostic: a key that was mistyped is not also reported as missing.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import Any

from compiler.diagnostics import Diagnostic, Position, Related, Span
from compiler.manifest.phrases import command_hint, either, kind, show, text_hint, type_hint
from compiler.manifest.plain import to_plain
from compiler.manifest.tree import MappingNode, Node, ScalarNode, SequenceNode
from compiler.manifest.vocabulary import MERGE_KEY, foreign_key, intended_key
from compiler.suggest import closest, did_you_mean

MAX_UNKNOWN_KEYS = 200
"""Keys of one mapping that are complained about: each is compared with all that are known."""

_TYPE_NAMES = {
    "null": "nothing",
    "boolean": "true or false",
    "integer": "an integer",
    "number": "a number",
    "string": "a text",
    "array": "a list",
    "object": "a mapping",
}
_DEFAULT_CODES = {
    "type": "E103",
    "enum": "E104",
    "const": "E104",
    "pattern": "E104",
    "minimum": "E108",
    "maximum": "E108",
    "exclusiveMinimum": "E108",
    "minItems": "E112",
    "minProperties": "E112",
    "minLength": "E112",
    "maxProperties": "E105",
    "uniqueItems": "E309",
    "required": "E101",
    "additionalProperties": "E102",
    "anyOf": "E105",
    "not": "E105",
    "dependentRequired": "E105",
}
_MISSING = frozenset({"required", "anyOf", "dependentRequired"})


@dataclass(frozen=True, slots=True, kw_only=True)
class Failure:
    """A keyword that did not hold: its value in the schema, the schema around it, and the plain value it refused.

    `path` leads from the root to that value; with `is_key` the value is a key of the mapping there.
    """

    keyword: str
    wanted: Any
    schema: Mapping[str, Any]
    value: Any
    path: tuple[str | int, ...]
    is_key: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """A node that failed: `key` is the key it is the value of, `name` how it is spoken of; `is_file`, all of a file."""

    node: Node
    key: ScalarNode | None
    name: str
    is_file: bool


def complain(failures: Sequence[Failure], tree: Node, name: str, *, is_file: bool) -> list[Diagnostic]:
    """One diagnostic for each mistake among the failures of a tree, of a whole file or of a value in one, whose root is
    spoken of by `name`."""
    meant = _meant_keys(failures)
    bare = {failure.path for failure in failures if _is_bare_value(failure)}
    found: dict[tuple[str, Span | None, str], Diagnostic] = {}
    for failure in failures:
        if failure.keyword in _MISSING and _expected(failure) & meant.get(failure.path, frozenset()):
            continue
        if failure.keyword == "additionalProperties" and failure.path in bare:
            continue
        place = _locate(tree, failure.path, name, is_file=is_file)
        for diagnostic in _COMPLAINTS[failure.keyword](failure, place):
            found.setdefault((diagnostic.code, diagnostic.span, diagnostic.message), diagnostic)
    return list(found.values())


def _is_bare_value(failure: Failure) -> bool:
    """Whether a declaration lacks what it requires because a value stands in its place: none of its keys is known."""
    known = failure.schema.get("properties", {})
    if failure.keyword != "required" or "x-bare" not in failure.schema or failure.value.keys() & known.keys():
        return False
    return not any(intended_key(name, tuple(known)) for name in failure.value)


def _locate(tree: Node, path: Sequence[str | int], name: str, *, is_file: bool) -> Place:
    node: Node = tree
    key: ScalarNode | None = None
    for part in path:
        if isinstance(node, MappingNode):
            name = f"`{part}`"
            key = _key_node(node, str(part))
            node = node.values[node.keys.index(key)]
        else:
            assert isinstance(node, SequenceNode), "a path leads through collections"
            key, node = None, node.items[int(part)]
            name = f"an item of {name}" if name.startswith("`") else name
    return Place(node=node, key=key, name=name, is_file=is_file and not path)


def _code(failure: Failure) -> str:
    code = failure.schema.get("x-codes", {}).get(failure.keyword, _DEFAULT_CODES[failure.keyword])
    assert isinstance(code, str), "x-codes holds codes"
    return code


def _meant_keys(failures: Sequence[Failure]) -> dict[tuple[str | int, ...], frozenset[str]]:
    """For each mapping with unknown keys, the known ones that those stand for."""
    meant: dict[tuple[str | int, ...], frozenset[str]] = {}
    for failure in failures:
        if failure.keyword == "additionalProperties":
            known = tuple(failure.schema.get("properties", ()))
            unknown = _unknown_keys(failure)
            names = known if MERGE_KEY in unknown else (intended_key(name, known) for name in unknown)
            meant[failure.path] = frozenset(name for name in names if name)
    return meant


def _unknown_keys(failure: Failure) -> list[str]:
    patterns = [re.compile(pattern) for pattern in failure.schema.get("patternProperties", ())]
    known = failure.schema.get("properties", {})
    unknown = (
        name for name in failure.value if name not in known and not any(pattern.search(name) for pattern in patterns)
    )
    return list(islice(unknown, MAX_UNKNOWN_KEYS))


def _expected(failure: Failure) -> frozenset[str]:
    """The keys whose absence a failure is about."""
    if failure.keyword == "required":
        return frozenset(failure.wanted)
    if failure.keyword == "dependentRequired":
        return frozenset(name for names in failure.wanted.values() for name in names)
    return frozenset(name for choice in failure.wanted for name in choice.get("required", ()))


def _key_node(node: Node, name: str) -> ScalarNode:
    assert isinstance(node, MappingNode), "only a mapping has keys"
    return next(key for key in node.keys if key.value == name)


def _lacking_span(place: Place) -> Span:
    """Where something missing is reported: the key of the mapping that lacks it, the first line for the file."""
    if place.key is not None:
        return place.key.span
    start = place.node.span.start
    if place.is_file:
        return Span(place.node.span.file, Position(1, 1), Position(1, 1))
    return Span(place.node.span.file, start, Position(start.line, start.column + 1))


def _type(failure: Failure, place: Place) -> list[Diagnostic]:
    names = failure.wanted
    allowed = [names] if isinstance(names, str) else list(names)
    what = failure.schema.get("x-what") or either([_TYPE_NAMES[name] for name in allowed])
    message = f"{place.name} is {what}, not {kind(place.node)}"
    hint = _command_hint(place) or type_hint(place.node, allowed, failure.schema)
    return [Diagnostic(code=_code(failure), message=message, span=place.node.span, hint=hint)]


def _command_hint(place: Place) -> str:
    if place.key is None or place.key.value not in ("exec", "argv") or not isinstance(place.node, ScalarNode):
        return ""
    return command_hint(place.node.value) if isinstance(place.node.value, str) else ""


def _choice(failure: Failure, place: Place, choices: Sequence[object]) -> list[Diagnostic]:
    names = [str(choice) for choice in choices]
    message = f"{place.name} is {either(names)}, not {show(place.node)}"
    word = place.node.value if isinstance(place.node, ScalarNode) else ""
    nearest = closest(str(word), names)
    hint = f"write `{nearest}`" if nearest else ""
    return [Diagnostic(code=_code(failure), message=message, span=place.node.span, hint=hint)]


def _enum(failure: Failure, place: Place) -> list[Diagnostic]:
    return _choice(failure, place, failure.wanted)


def _const(failure: Failure, place: Place) -> list[Diagnostic]:
    is_text = isinstance(place.node, ScalarNode) and place.node.value == str(failure.wanted)
    message = f"{place.name} is {failure.wanted}, not {'the text ' if is_text else ''}{show(place.node)}"
    hint = f"write {failure.wanted}"
    return [Diagnostic(code=_code(failure), message=message, span=place.node.span, hint=hint)]


def _pattern(failure: Failure, place: Place) -> list[Diagnostic]:
    if failure.is_key:
        key = _key_node(place.node, str(failure.value))
        return [_bad_text(failure, key, f"{show(key)} is not")]
    if choices := failure.schema.get("x-choices"):
        return _choice(failure, place, choices)
    return [_bad_text(failure, place.node, f"{show(place.node)} is not")]


def _bad_text(failure: Failure, node: Node, subject: str) -> Diagnostic:
    what = failure.schema.get("x-what", "a text of the right form")
    code = _code(failure)
    text = str(node.value) if isinstance(node, ScalarNode) else ""
    hint = text_hint(code, text, str(failure.wanted))
    return Diagnostic(code=code, message=f"{subject} {what}", span=node.span, hint=hint)


def _bound(relation: str) -> Callable[[Failure, Place], list[Diagnostic]]:
    def explain(failure: Failure, place: Place) -> list[Diagnostic]:
        message = f"{place.name} is {relation} {failure.wanted}, not {show(place.node)}"
        return [Diagnostic(code=_code(failure), message=message, span=place.node.span)]

    return explain


def _empty(failure: Failure, place: Place) -> list[Diagnostic]:
    message = f"{place.name} is empty"
    return [Diagnostic(code=_code(failure), message=message, span=place.node.span, hint="write at least one entry")]


def _required(failure: Failure, place: Place) -> list[Diagnostic]:
    return [
        Diagnostic(
            code=_code(failure),
            message=f"{place.name} has no `{name}`",
            span=_lacking_span(place),
            hint=str(failure.schema["x-bare"]) if _is_bare_value(failure) else f"add `{name}:`",
        )
        for name in failure.wanted
        if name not in failure.value
    ]


def _any_of(failure: Failure, place: Place) -> list[Diagnostic]:
    message = f"{place.name} has none of {', '.join(sorted(_expected(failure)))}"
    hint = str(failure.schema.get("x-missing", "write one of them"))
    return [Diagnostic(code=_code(failure), message=message, span=_lacking_span(place), hint=hint)]


def _additional(failure: Failure, place: Place) -> list[Diagnostic]:
    known = tuple(failure.schema.get("properties", ()))
    found = []
    for name in _unknown_keys(failure):
        key = _key_node(place.node, name)
        if foreign := foreign_key(name, known):
            message = f"`{name}` is the word of another system: here it is `{foreign}`"
            found.append(Diagnostic(code="E114", message=message, span=key.span, hint=f"write `{foreign}`"))
            continue
        message = f"{place.name} has no key {show(key)}"
        meant = intended_key(name, known)
        hint = f"write `{meant}`" if meant else did_you_mean(name, known)
        found.append(Diagnostic(code=_code(failure), message=message, span=key.span, hint=hint))
    return found


def _exclusive(failure: Failure, place: Place) -> list[Diagnostic]:
    assert isinstance(place.node, MappingNode), "only keys of a mapping exclude each other"
    group = failure.schema.get("x-group") or [key.value for key in place.node.keys]
    first, *others = [key for key in place.node.keys if key.value in group]
    related = (Related(span=first.span, message=f"`{first.value}` is here"),)
    return [
        Diagnostic(
            code=_code(failure),
            message=f"`{key.value}` and `{first.value}` exclude each other",
            span=key.span,
            hint="keep one of the two",
            related=related,
        )
        for key in others
    ]


def _dependent(failure: Failure, place: Place) -> list[Diagnostic]:
    found = []
    for name, needs in failure.wanted.items():
        lacking = [need for need in needs if need not in failure.value]
        if name in failure.value and lacking:
            message = f"`{name}` stands without `{lacking[0]}`"
            hint = f"add `{lacking[0]}:`, or remove `{name}:`"
            found.append(
                Diagnostic(code=_code(failure), message=message, span=_key_node(place.node, name).span, hint=hint)
            )
    return found


def _unique(failure: Failure, place: Place) -> list[Diagnostic]:
    assert isinstance(place.node, SequenceNode), "only items of a list are unique"
    seen: set[str] = set()
    found = []
    for item in place.node.items:
        value = repr(to_plain(item))
        if value in seen:
            message = f"{show(item)} stands here a second time"
            found.append(Diagnostic(code=_code(failure), message=message, span=item.span, hint="keep one of the two"))
        seen.add(value)
    return found


_COMPLAINTS: dict[str, Callable[[Failure, Place], list[Diagnostic]]] = {
    "type": _type,
    "enum": _enum,
    "const": _const,
    "pattern": _pattern,
    "minimum": _bound("at least"),
    "maximum": _bound("at most"),
    "exclusiveMinimum": _bound("more than"),
    "minItems": _empty,
    "minProperties": _empty,
    "minLength": _empty,
    "maxProperties": _exclusive,
    "uniqueItems": _unique,
    "required": _required,
    "additionalProperties": _additional,
    "anyOf": _any_of,
    "not": _exclusive,
    "dependentRequired": _dependent,
}
