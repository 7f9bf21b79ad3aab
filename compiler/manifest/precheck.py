"""A fast yes or no to the question that jsonschema answers in full: does a tree satisfy a schema?

The schema is compiled once to closures over located nodes, for the keywords that `schemas/manifest.json` uses and no
others (an unknown one is an error of ours, found when compiling). Ten thousand tasks are checked in the time that
jsonschema takes to import; only what fails here goes there for its reasons. A test holds the two to the same answers.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from typing import Union

from compiler.manifest.tree import MappingNode, Node, ScalarNode, SequenceNode

Json = Union[None, bool, int, float, str, Sequence["Json"], Mapping[str, "Json"]]
Check = Callable[[Node], bool]

EXPRESSION = re.compile(r"(?<!\$)\$\{\{")
ANNOTATIONS = frozenset(
    {
        *("$schema", "$id", "$defs", "title", "description", "examples", "default"),
        *("x-codes", "x-what", "x-choices", "x-group", "x-literal", "x-missing", "x-bare"),
    }
)
_REMEMBERED = 1_000
_REMEMBERED_LENGTH = 100
SCALAR_TYPES = frozenset({"null", "boolean", "integer", "number", "string"})


def is_expression(node: Node) -> bool:
    """Whether a scalar holds `${{ … }}`, so that its value is not known yet."""
    return isinstance(node, ScalarNode) and isinstance(node.value, str) and EXPRESSION.search(node.value) is not None


def exact_pattern(pattern: str) -> re.Pattern[str]:
    """A schema's pattern for Python, where `$` would also match before a last line break."""
    return re.compile(pattern[:-1] + r"\Z" if pattern.endswith("$") and not pattern.endswith(r"\$") else pattern)


def has_type(value: object, name: str) -> bool:
    """Whether a plain value is of a JSON Schema type; a bool is no number, and 1.0 is no integer."""
    match name:
        case "null":
            return value is None
        case "boolean":
            return isinstance(value, bool)
        case "integer":
            return isinstance(value, int) and not isinstance(value, bool)
        case "number":
            return isinstance(value, (int, float)) and not isinstance(value, bool)
        case "string":
            return isinstance(value, str)
        case "array":
            return isinstance(value, list)
        case _:
            return isinstance(value, dict)


class Precheck:
    """Compiled definitions of one schema. With `is_written`, an expression satisfies any check of a scalar."""

    def __init__(self, root: Mapping[str, Json], *, is_written: bool) -> None:
        self._root = root
        self._is_written = is_written
        self._compiled: dict[str, Check] = {}

    def definition(self, name: str) -> Check:
        """The check of `#/$defs/name`; of the whole schema for ""."""
        if name not in self._compiled:
            table = self._root["$defs"]
            assert isinstance(table, Mapping), "a schema's $defs are a mapping"
            self._compiled[name] = self._compile(table[name] if name else self._root)
        return self._compiled[name]

    def _compile(self, schema: Json) -> Check:
        if isinstance(schema, bool):
            return lambda node: schema
        assert isinstance(schema, Mapping), f"a schema is a mapping or a boolean, not {schema!r}"
        parts = [self._mapping_check(schema)] if _MAPPING_KEYWORDS & schema.keys() else []
        ignored = ANNOTATIONS | _MAPPING_KEYWORDS
        checks = (*parts, *(_KEYWORDS[key](self, value) for key, value in schema.items() if key not in ignored))
        is_exempt = self._is_written and not schema.get("x-literal") and bool(_types(schema) & SCALAR_TYPES)

        def check(node: Node) -> bool:
            if is_exempt and is_expression(node):
                return True
            for part in checks:  # noqa: SIM110 - a loop is twice as fast as all() with a generator
                if not part(node):
                    return False
            return True

        if not checks:
            return lambda node: True
        return _remembering(checks[0] if len(checks) == 1 and not is_exempt else check)

    def _mapping_check(self, schema: Mapping[str, Json]) -> Check:
        """`properties`, `patternProperties`, `additionalProperties`, `propertyNames` in one walk over the keys."""
        known = {name: self._compile(value) for name, value in _table(schema.get("properties", {})).items()}
        patterns = [
            (exact_pattern(name), self._compile(value))
            for name, value in _table(schema.get("patternProperties", {})).items()
        ]
        others = self._compile(schema.get("additionalProperties", True))
        names = Precheck(self._root, is_written=False)._compile(schema.get("propertyNames", True))
        is_plain = {name for name in known if not any(pattern.search(name) for pattern, _ in patterns)}
        fast = {name: known[name] for name in is_plain} if "propertyNames" not in schema else {}

        def check(node: Node) -> bool:
            if type(node) is not MappingNode:
                return True
            for key, value in zip(node.keys, node.values, strict=True):
                name = str(key.value)
                if name in fast:
                    if not fast[name](value):
                        return False
                    continue
                if not names(key):
                    return False
                matched = [one(value) for pattern, one in patterns if pattern.search(name)]
                if not all(matched):
                    return False
                if name in known:
                    if not known[name](value):
                        return False
                elif not matched and not others(value):
                    return False
            return True

        return check

    def _reference(self, value: Json) -> Check:
        return self.definition(str(value).removeprefix("#/$defs/"))

    def _type(self, value: Json) -> Check:
        names = (value,) if isinstance(value, str) else tuple(str(name) for name in _list(value))
        scalars = tuple(name for name in names if name in SCALAR_TYPES)
        is_mapping, is_sequence = "object" in names, "array" in names

        def check(node: Node) -> bool:
            if type(node) is ScalarNode:
                return any(has_type(node.value, name) for name in scalars)
            return is_mapping if type(node) is MappingNode else is_sequence

        return check

    def _items(self, value: Json) -> Check:
        one = self._compile(value)
        return lambda node: type(node) is not SequenceNode or all(one(item) for item in node.items)

    def _required(self, value: Json) -> Check:
        names = frozenset(str(name) for name in _list(value))
        return lambda node: type(node) is not MappingNode or names <= {key.value for key in node.keys}

    def _dependent_required(self, value: Json) -> Check:
        return _dependent({key: self._required(names) for key, names in _table(value).items()})

    def _dependent_schemas(self, value: Json) -> Check:
        return _dependent({key: self._compile(schema) for key, schema in _table(value).items()})

    def _any_of(self, value: Json) -> Check:
        choices = tuple(self._compile(schema) for schema in _list(value))
        return lambda node: any(choice(node) for choice in choices)

    def _not(self, value: Json) -> Check:
        refused = self._compile(value)
        return lambda node: not refused(node)

    def _enum(self, value: Json) -> Check:
        allowed = tuple(_list(value))
        return lambda node: type(node) is ScalarNode and any(_is_equal(node.value, one) for one in allowed)

    def _const(self, value: Json) -> Check:
        return lambda node: type(node) is ScalarNode and _is_equal(node.value, value)

    def _pattern(self, value: Json) -> Check:
        pattern = exact_pattern(str(value))
        return lambda node: (
            type(node) is not ScalarNode or type(node.value) is not str or pattern.search(node.value) is not None
        )

    def _unique(self, value: Json) -> Check:
        assert value is True, "uniqueItems is written where it holds"
        return lambda node: type(node) is not SequenceNode or _is_unique(node)


def _remembering(check: Check) -> Check:
    """A check that answers for short texts from memory: tasks by the thousand hold the same ones."""
    known: dict[str, bool] = {}

    def remembered(node: Node) -> bool:
        if type(node) is not ScalarNode or type(node.value) is not str or len(node.value) > _REMEMBERED_LENGTH:
            return check(node)
        answer = known.get(node.value)
        if answer is None:
            answer = check(node)
            if len(known) < _REMEMBERED:
                known[node.value] = answer
        return answer

    return remembered


def _bound(test: Callable[[float, float], bool]) -> Callable[[Precheck, Json], Check]:
    def compile_bound(_: Precheck, value: Json) -> Check:
        assert isinstance(value, (int, float)), "a bound is a number"
        limit = value
        return lambda node: (
            not isinstance(node, ScalarNode)
            or isinstance(node.value, bool)
            or not isinstance(node.value, (int, float))
            or test(node.value, limit)
        )

    return compile_bound


def _count(
    measure: Callable[[Node], int | None], test: Callable[[int, int], bool]
) -> Callable[[Precheck, Json], Check]:
    def compile_count(_: Precheck, value: Json) -> Check:
        assert isinstance(value, int), "a count is an integer"
        limit = value
        return lambda node: (size := measure(node)) is None or test(size, limit)

    return compile_count


def _length(node: Node) -> int | None:
    return len(node.value) if isinstance(node, ScalarNode) and isinstance(node.value, str) else None


def _item_count(node: Node) -> int | None:
    return len(node.items) if isinstance(node, SequenceNode) else None


def _key_count(node: Node) -> int | None:
    return len(node.keys) if isinstance(node, MappingNode) else None


_MAPPING_KEYWORDS = frozenset({"properties", "patternProperties", "additionalProperties", "propertyNames"})
_KEYWORDS: dict[str, Callable[[Precheck, Json], Check]] = {
    "$ref": Precheck._reference,
    "type": Precheck._type,
    "items": Precheck._items,
    "required": Precheck._required,
    "dependentRequired": Precheck._dependent_required,
    "dependentSchemas": Precheck._dependent_schemas,
    "anyOf": Precheck._any_of,
    "not": Precheck._not,
    "enum": Precheck._enum,
    "const": Precheck._const,
    "pattern": Precheck._pattern,
    "uniqueItems": Precheck._unique,
    "minimum": _bound(lambda value, limit: value >= limit),
    "maximum": _bound(lambda value, limit: value <= limit),
    "exclusiveMinimum": _bound(lambda value, limit: value > limit),
    "minLength": _count(_length, lambda size, limit: size >= limit),
    "minItems": _count(_item_count, lambda size, limit: size >= limit),
    "minProperties": _count(_key_count, lambda size, limit: size >= limit),
    "maxProperties": _count(_key_count, lambda size, limit: size <= limit),
}


def _types(schema: Mapping[str, Json]) -> set[str]:
    written = schema.get("type", ())
    return {written} if isinstance(written, str) else {str(name) for name in _list(written)}


def _dependent(needs: Mapping[str, Check]) -> Check:
    """The checks that the presence of a key brings with it."""

    def check(node: Node) -> bool:
        if type(node) is not MappingNode:
            return True
        return all(needs[str(key.value)](node) for key in node.keys if key.value in needs)

    return check


def _is_equal(value: object, other: object) -> bool:
    """Equality as JSON Schema has it: 1.0 is 1, and true is not."""
    return value == other and isinstance(value, bool) is isinstance(other, bool)


def _is_unique(node: SequenceNode) -> bool:
    values = [item.value for item in node.items if isinstance(item, ScalarNode)]
    return len({(type(value), value) for value in values}) == len(values)


def _table(value: Json) -> Mapping[str, Json]:
    assert isinstance(value, Mapping), "this keyword holds a mapping"
    return value


def _list(value: Json) -> Sequence[Json]:
    assert isinstance(value, Sequence), "this keyword holds a list"
    return value
