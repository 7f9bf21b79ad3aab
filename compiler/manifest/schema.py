"""Checks a tree, or an evaluated value, against `schemas/manifest.json`.

jsonschema is the validator; `compiler.manifest.precheck` answers first whether there is anything for it to say, and
only the tasks that fail are handed to it. Pass 1 reads what is written: an expression satisfies any check of a scalar.
Pass 2 (`check_value`) reads what it evaluated to. What a schema cannot say is in the modules `names` and `ranges`.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping
from functools import cache
from importlib import resources
from itertools import islice
from typing import TYPE_CHECKING, Any

from compiler.diagnostics import MAX_MISTAKES, Diagnostic, Span
from compiler.manifest.complaints import Failure, complain
from compiler.manifest.plain import to_node, to_plain
from compiler.manifest.precheck import EXPRESSION, SCALAR_TYPES, Json, Precheck, exact_pattern, has_type
from compiler.manifest.ranges import check_ranges
from compiler.manifest.tree import MappingNode, Node, SequenceNode

if TYPE_CHECKING:
    from jsonschema.exceptions import ValidationError

MAX_FAILURES = 3 * MAX_MISTAKES
"""Failed keywords that are looked into: several may come from one mistake."""

Keyword = Callable[[Any, Any, Any, Any], Iterator["ValidationError"]]


_NAMES = {"": "the manifest", "fragment": "an included file"}
"""How the root of a tree is spoken of, by the definition that it is checked against."""


class WrittenExpression(str):
    """A text that holds `${{ … }}` and has not been evaluated."""

    __slots__ = ()


@cache
def manifest_schema() -> Mapping[str, Json]:
    """The JSON Schema of manifests, as data."""
    text = resources.files("schemas").joinpath("manifest.json").read_text(encoding="utf-8")
    schema: Mapping[str, Json] = json.loads(text)
    return schema


def check_tree(tree: MappingNode, definition: str = "") -> list[Diagnostic]:
    """Pass 1: what is wrong with the structure of a manifest, or of a "fragment"."""
    check = _precheck(is_written=True)
    if check.definition(definition)(tree):
        return []
    return _complain(definition, _only_failing_tasks(tree, check), is_written=True)


def check_value(definition: str, value: object, place: Span | Node) -> list[Diagnostic]:
    """Pass 2: what is wrong with an evaluated value, such as "worker", "timeout", "resources", "retry", "io", "memory".

    `definition` is a name of the schema's `$defs`. A part of the value is reported where the same part of `place`
    stands, or at `place` itself when that is a span.
    """
    node = to_node(value, place)
    if _precheck(is_written=False).definition(definition)(node):
        return check_ranges(definition, node)
    return _complain(definition, node, is_written=False)


@cache
def _precheck(*, is_written: bool) -> Precheck:
    return Precheck(manifest_schema(), is_written=is_written)


def _only_failing_tasks(tree: MappingNode, check: Precheck) -> MappingNode:
    """The tree with only the tasks that fail, or with one that is fine: jsonschema need not see the others."""
    tasks = tree.get("tasks")
    if not isinstance(tasks, MappingNode):
        return tree
    is_fine, is_name = check.definition("task"), _precheck(is_written=False).definition("identifier")
    pairs = list(zip(tasks.keys, tasks.values, strict=True))
    failing = (pair for pair in pairs if not (is_fine(pair[1]) and is_name(pair[0])))
    bad = list(islice(failing, MAX_MISTAKES)) or pairs[:1]
    reduced = MappingNode(tuple(key for key, _ in bad), tuple(value for _, value in bad), tasks.span)
    values = tuple(reduced if value is tasks else value for value in tree.values)
    return MappingNode(tree.keys, values, tree.span)


def _complain(definition: str, node: Node, *, is_written: bool) -> list[Diagnostic]:
    failures = jsonschema_failures(definition, node, is_written=is_written)
    assert failures, "the precheck refused what jsonschema accepts"
    return complain(failures, node, _NAMES.get(definition, f"`{definition}`"), is_file=definition in _NAMES)


def jsonschema_failures(definition: str, node: Node, *, is_written: bool) -> list[Failure]:
    """What jsonschema finds in a tree, by a definition of the schema, or by all of it for ""."""
    value = _marked(node) if is_written else to_plain(node)
    errors = _validator(definition, is_written).iter_errors(value)
    return [_failure(error) for error in islice(errors, MAX_FAILURES)]


def _failure(error: ValidationError) -> Failure:
    return Failure(
        keyword=str(error.validator),
        wanted=error.validator_value,
        schema=error.schema if isinstance(error.schema, Mapping) else {},
        value=error.instance,
        path=tuple(error.absolute_path),
        is_key="propertyNames" in error.absolute_schema_path,
    )


def _marked(node: Node) -> object:
    """The node as plain data, its expressions marked."""
    if isinstance(node, MappingNode):
        return {str(key.value): _marked(value) for key, value in zip(node.keys, node.values, strict=True)}
    if isinstance(node, SequenceNode):
        return [_marked(item) for item in node.items]
    value = node.value
    return WrittenExpression(value) if isinstance(value, str) and EXPRESSION.search(value) else value


@cache
def _validator(definition: str, is_written: bool) -> Any:
    """jsonschema's validator of a definition, with this language's idea of numbers, patterns and expressions."""
    from jsonschema import Draft202012Validator
    from jsonschema.validators import extend

    base = Draft202012Validator
    keywords = {name: _unless_expression(base.VALIDATORS[name]) for name in ("type", "enum", "minLength")}
    keywords["pattern"] = _unless_expression(_pattern)
    names = [*SCALAR_TYPES, "array", "object"]
    checker = base.TYPE_CHECKER.redefine_many({name: _type_check(name) for name in names})
    validator = extend(base, keywords, type_checker=checker)  # type: ignore[no-untyped-call]
    schema = manifest_schema()
    part = schema if not definition else {"$defs": schema["$defs"], "$ref": f"#/$defs/{definition}"}
    return validator(part)


def _type_check(name: str) -> Callable[[Any, object], bool]:
    return lambda _, value: has_type(value, name)


def _unless_expression(keyword: Keyword) -> Keyword:
    def check(validator: Any, value: Any, instance: Any, schema: Any) -> Iterator[ValidationError]:
        if isinstance(instance, WrittenExpression) and not schema.get("x-literal") and _is_scalar(schema):
            return iter(())
        return keyword(validator, value, instance, schema) or iter(())

    return check


def _is_scalar(schema: Mapping[str, Any]) -> bool:
    written = schema.get("type", ())
    return bool(SCALAR_TYPES & ({written} if isinstance(written, str) else set(written)))


def _pattern(validator: Any, value: Any, instance: Any, _: Any) -> Iterator[ValidationError]:
    from jsonschema.exceptions import ValidationError

    if validator.is_type(instance, "string") and not exact_pattern(value).search(instance):
        yield ValidationError("")
