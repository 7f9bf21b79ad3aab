"""The reference of the manifest language: a page whose tables of fields come from the schema.

What the schema cannot say (expressions, references, instances, diagnostics) stands in `template.md`; there a line
`<!-- fields: task.retry -->` is replaced by the table of the fields there, found by following keys from the root, or
from a definition when the path begins with its name; `<!-- settings: worker -->` is replaced by the table of a group
of settings. `treadle schema --reference` prints the page, and `schemas/REFERENCE.md` is a copy of it.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from importlib.resources import files
from typing import Any

import yaml

from compiler.manifest.schema import manifest_schema
from runtime.settings.layers import resolve
from runtime.settings.meanings import DEFAULTS, MEANINGS

Schema = Mapping[str, Any]

_MARK = re.compile(r"<!-- fields: (?P<path>[\w.\[\]-]+)(?: but (?P<but>[\w, ]+))? -->")
_SETTINGS = re.compile(r"<!-- settings: (?P<group>\w+) -->")
_NAMED = {"value": "any value", "size": "a size", "duration": "a duration", "identifier": "a name"}
_TYPES = {
    "null": "nothing",
    "boolean": "true or false",
    "integer": "an integer",
    "number": "a number",
    "string": "a text",
}
_MAX_EXAMPLES = 2


def reference_page() -> str:
    """The whole page, in Markdown."""
    template = (files(__name__) / "template.md").read_text(encoding="utf-8")
    page = _MARK.sub(lambda found: _table(found["path"], re.split(r",\s*", found["but"] or "")), template)
    return _SETTINGS.sub(lambda found: _settings_table(found["group"]), page)


def _settings_table(group: str) -> str:
    """The settings of a group, with their defaults as users write them."""
    rows = ["| setting | default | meaning |", "|---|---|---|"]
    for setting in resolve([], backend="local").all:
        if setting.group == group:
            default = DEFAULTS.get(setting.name) or _default(setting.text)
            rows.append(f"| `{setting.name}` | {default} | {MEANINGS[setting.name]} |")
    assert len(rows) > 2, f"no settings of {group}"
    return "\n".join(rows)


def _default(text: str) -> str:
    return text[1:-1] if text.startswith("(") else f"`{text}`"


def shown_paths() -> frozenset[str]:
    """The paths whose tables the page has."""
    template = (files(__name__) / "template.md").read_text(encoding="utf-8")
    return frozenset(found["path"] for found in _MARK.finditer(template))


def find(path: str) -> Schema:
    """The schema at a path such as `task.retry` or `optimize[].prewarm`; `manifest` is the root."""
    schema: Schema = manifest_schema()
    for name in re.findall(r"\[\]|[\w-]+", path.removeprefix("manifest")):
        if name == "[]":
            schema = resolved(schema["items"])
        elif name in schema.get("properties", {}):
            schema = resolved(schema["properties"][name])
        else:
            schema = resolved({"$ref": f"#/$defs/{name}"})
    return schema


def resolved(schema: Schema) -> Schema:
    """A schema with the definition that it refers to, its own words first."""
    if "$ref" not in schema:
        return schema
    own = {key: value for key, value in schema.items() if key != "$ref"}
    return {**resolved(_definition(schema)), **own}


def _definition(schema: Schema) -> Schema:
    root: Schema = manifest_schema()
    found: Schema = root["$defs"][_name(schema)]
    return found


def _name(schema: Schema) -> str:
    return str(schema.get("$ref", "")).rpartition("/")[2]


def _table(path: str, left_out: Sequence[str]) -> str:
    rows = ["| field | value | meaning | example |", "|---|---|---|---|"]
    schema = find(path)
    required = schema.get("required", ())
    for name, part in schema["properties"].items():
        if name not in left_out:
            rows.append(_row(name, part, is_required=name in required))
    return "\n".join(rows)


def _row(name: str, part: Schema, *, is_required: bool) -> str:
    whole = resolved(part)
    meaning = whole["description"]
    if "default" in whole:
        meaning += f" Default: `{_flow(whole['default'])}`."
    examples = (f"`{name}: {_flow(one)}`" for one in whole["examples"][:_MAX_EXAMPLES])
    value = _words(part) + (", required" if is_required else "")
    cells = (f"`{name}`", value, meaning, "<br>".join(examples))
    return "| " + " | ".join(cell.replace("|", "\\|").replace("\n", " ") for cell in cells) + " |"


def _words(part: Schema) -> str:
    """What may be written, in words."""
    if _name(part) in _NAMED:
        return _NAMED[_name(part)]
    schema = resolved(part)
    if "const" in schema:
        return f"`{schema['const']}`"
    written = schema.get("type", ())
    types = [written] if isinstance(written, str) else list(written)
    found = [word for one in types for word in _of_type(one, schema)]
    if not found or len(types) >= len(_TYPES):
        return "any value"
    return found[0] if len(found) == 1 else f"{', '.join(found[:-1])} or {found[-1]}"


def _of_type(name: str, schema: Schema) -> Iterator[str]:
    match name:
        case "string" if choices := schema.get("enum") or schema.get("x-choices"):
            yield from (f"`{choice}`" for choice in choices)
        case "array":
            yield f"a list, each item {_words(schema['items'])}" if "items" in schema else "a list"
        case "object" if "properties" in schema:
            yield "a mapping"
        case "object":
            inner = schema.get("additionalProperties")
            yield f"a mapping of names, each to {_words(inner)}" if isinstance(inner, Mapping) else "a mapping"
        case "integer" | "number":
            yield _TYPES[name] + _bounds(schema)
        case "string" if _name(schema) == "" and schema.get("x-what", "").startswith(("a size", "a duration")):
            yield " ".join(schema["x-what"].split()[:2])
        case _:
            yield _TYPES[name]


def _bounds(schema: Schema) -> str:
    words = {"exclusiveMinimum": "more than", "minimum": "at least", "maximum": "at most"}
    said = [f"{words[key]} {schema[key]}" for key in words if key in schema]
    return f" {' and '.join(said)}" if said else ""


def _flow(value: object) -> str:
    """A value as YAML on one line."""
    text = yaml.safe_dump(value, default_flow_style=True, width=10_000, allow_unicode=True, sort_keys=False)
    return text.strip().removesuffix("...").strip()
