"""Every field of the manifest's schema, each with a way to put a value of it into an otherwise sound manifest."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from compiler.manifest.schema import manifest_schema

Schema = Mapping[str, Any]
Put = Callable[[Any], dict[str, Any]]

MINIMAL = {"spec": 1, "name": "t", "tasks": {"g": {"call": "app:greet"}}}


@dataclass(frozen=True, slots=True)
class Field:
    """`path` is how a reader would name it; `schema` has the definition it refers to merged in below its own words."""

    path: str
    schema: Schema
    put: Put


def every_field() -> list[Field]:
    """Breadth of the manifest: sections, options, nested settings, items of lists, values of mappings."""
    return list(_fields("", manifest_schema(), lambda value: {**MINIMAL, **value}, ()))


def resolved(schema: Schema) -> Schema:
    """A schema with the definition that it refers to, its own words first."""
    if "$ref" not in schema:
        return schema
    definition = manifest_schema()["$defs"][schema["$ref"].rpartition("/")[2]]
    own = {key: value for key, value in schema.items() if key != "$ref"}
    return {**resolved(definition), **own}


def _fields(path: str, schema: Schema, put: Put, above: tuple[str, ...]) -> Iterator[Field]:
    for name, part in schema.get("properties", {}).items():
        yield from _field(f"{path}.{name}".lstrip("."), part, _at(schema, name, put), above)
    inner = schema.get("additionalProperties")
    if isinstance(inner, Mapping):
        key = resolved(schema.get("propertyNames", {})).get("examples", ["leaf"])[0]
        yield from _field(f"{path}.NAME", inner, lambda value: put({key: value}), above)
    if "items" in schema:
        yield from _field(f"{path}[]", schema["items"], lambda value: put([value]), above)


def _field(path: str, part: Schema, put: Put, above: tuple[str, ...]) -> Iterator[Field]:
    whole = resolved(part)
    yield Field(path, whole, put)
    if part.get("$ref", "") not in above:
        yield from _fields(path, whole, put, (*above, *([part["$ref"]] if "$ref" in part else [])))


def _at(schema: Schema, name: str, put: Put) -> Put:
    """Put a value under a key, with what else the mapping needs."""

    def place(value: Any) -> dict[str, Any]:
        return put({**_beside(schema, name), name: value})

    return place


def _beside(schema: Schema, name: str) -> dict[str, Any]:
    needed = [key for key in schema.get("required", ()) if key != name]
    needed += schema.get("dependentRequired", {}).get(name, ())
    choices = [one["required"][0] for one in schema.get("anyOf", ()) if "required" in one]
    if choices and name not in choices:
        needed.append(choices[0])
    examples = {key: resolved(schema["properties"][key]).get("examples", [None])[0] for key in needed}
    return {key: MINIMAL.get(key, example) for key, example in examples.items()}
