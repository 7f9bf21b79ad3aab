"""The schema of manifests as editors and other validators read it, made from `schemas/manifest.json`.

That file is a schema of values, and the compiler knows that an expression may stand for any scalar. Here this is
written out, so that any validator knows: a scalar is what the file says, or a text with `${{`. The marks that are
meant for the compiler's messages (`x-…`) are gone; what they say of patterns and choices stays, in the words that
yaml-language-server shows.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from compiler.manifest.precheck import SCALAR_TYPES
from compiler.manifest.schema import manifest_schema

EXPRESSION_PATTERN = r"\$\{\{"

Schema = dict[str, Any]

_MARKS = frozenset({"x-codes", "x-what", "x-literal", "x-group", "x-choices", "x-missing", "x-bare"})
_MAPS = frozenset({"properties", "patternProperties", "$defs", "dependentSchemas"})
_LISTS = frozenset({"anyOf", "allOf"})
_SCHEMAS = frozenset({"items", "additionalProperties", "propertyNames", "not"})


def published_schema() -> Schema:
    """The whole schema, with nothing in it that is private to the compiler."""
    return _published(manifest_schema())


def published_fragment_schema() -> Schema:
    """The schema of a file that `include` names."""
    whole = published_schema()
    head = {
        "$schema": whole["$schema"],
        "$id": "urn:treadle:schema:fragment:1",
        "title": "A part of a treadle manifest",
    }
    return {**head, **whole["$defs"]["fragment"], "$defs": whole["$defs"]}


def as_text(schema: Schema) -> str:
    """A schema as a JSON text."""
    return json.dumps(schema, indent=2, ensure_ascii=False) + "\n"


def _published(schema: Mapping[str, Any]) -> Schema:
    made = {key: _inner(key, value) for key, value in schema.items() if key not in _MARKS}
    if SCALAR_TYPES & _types(schema):
        made.update(_examples(schema))
    if choices := schema.get("x-choices"):
        del made["pattern"]
        made["anyOf"] = [{"enum": choices}, {"type": "object"}]
    elif "pattern" in made and "x-what" in schema:
        made["patternErrorMessage"] = f"This is not {schema['x-what']}."
    if "x-group" in schema:
        return _barred(schema)
    return made if schema.get("x-literal") else _with_expressions(made)


def _barred(schema: Mapping[str, Any]) -> Schema:
    """Keys that another of a group excludes, each forbidden by itself: editors then mark the key, not the mapping."""
    keys = [one["required"][0] for one in schema["not"]["anyOf"]]
    words = f"Of these keys one may stand here: {', '.join(schema['x-group'])}."
    return {"properties": dict.fromkeys(keys, False), "errorMessage": words}


def _inner(key: str, value: Any) -> Any:
    if key in _MAPS:
        return {name: _each(part) for name, part in value.items()}
    if key in _LISTS:
        return [_each(part) for part in value]
    if key in _SCHEMAS:
        return _literal(value) if key == "propertyNames" else _each(value)
    return value


def _each(part: Any) -> Any:
    return _published(part) if isinstance(part, Mapping) else part


def _literal(part: Mapping[str, Any]) -> Schema:
    """The schema of keys, in which no expression stands; a definition is written out, since values share it."""
    named = part.get("$ref", "").rpartition("/")[2]
    definitions: Mapping[str, Any] = manifest_schema()
    whole = definitions["$defs"][named] if named else part
    return _published({**whole, "x-literal": True})


def _types(schema: Mapping[str, Any]) -> frozenset[str]:
    written = schema.get("type", ())
    return frozenset([written] if isinstance(written, str) else written)


def _examples(schema: Mapping[str, Any]) -> Schema:
    """The scalars among a scalar's examples: editors offer them, and cannot write the others."""
    scalars = [one for one in schema.get("examples", ()) if not isinstance(one, (Mapping, list))]
    return {"examples": scalars} if scalars else {}


def _with_expressions(schema: Schema) -> Schema:
    """The schema with a text that holds an expression among the scalars that it accepts."""
    types = _types(schema)
    if not SCALAR_TYPES & types:
        return schema
    if "string" not in types:
        schema = {**schema, "type": sorted({*types, "string"}), "pattern": EXPRESSION_PATTERN}
    elif "pattern" in schema:
        schema = {**schema, "pattern": f"{EXPRESSION_PATTERN}|{schema['pattern']}"}
    if "enum" in schema:
        rest = {key: value for key, value in schema.items() if key != "enum"}
        schema = {**rest, "anyOf": [{"enum": schema["enum"]}, {"pattern": EXPRESSION_PATTERN}]}
    elif "anyOf" in schema and {"type": "object"} in schema["anyOf"]:
        schema = {**schema, "anyOf": [*schema["anyOf"], {"pattern": EXPRESSION_PATTERN}]}
    return schema
