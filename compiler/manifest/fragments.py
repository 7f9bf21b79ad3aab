"""The structure of an included file: what may stand in it, and what to do with a file that holds more.

What its names mean is settled when it is merged into the manifest that includes it (`compiler.manifest.linking`).
"""

from __future__ import annotations

from dataclasses import replace

from compiler.diagnostics import Diagnostic
from compiler.manifest.schema import check_tree, manifest_schema
from compiler.manifest.tree import MappingNode

_HOLDS = "an included file holds tasks, functions, let and include"


def check_fragment(tree: MappingNode) -> list[Diagnostic]:
    """What is wrong with the structure of an included file; a whole manifest is one mistake (E102), not one a key."""
    found = check_tree(tree, "fragment")
    keys = {key.span: str(key.value) for key in tree.keys}
    unknown = [one for one in found if one.code == "E102" and one.span in keys]
    named = next((one for one in unknown if one.span is not None and keys[one.span] == "name"), None)
    if named is not None:
        message = "this is a whole manifest, and an included file is a part of one: it has no `name`"
        hint = "use it with `imports` and `workflow`, or keep only its tasks, functions, let and include"
        return [one for one in found if one not in unknown] + [replace(named, message=message, hint=hint)]
    return [_explained(one, keys[one.span]) if one in unknown and one.span is not None else one for one in found]


def _explained(unknown: Diagnostic, key: str) -> Diagnostic:
    """A key of a manifest belongs there; of another word the mistyping has been considered already."""
    sections = manifest_schema()["properties"]
    assert isinstance(sections, dict), "a schema's properties are a mapping"
    if key in sections:
        return replace(unknown, hint=f"{_HOLDS}: write `{key}` in the manifest that includes it")
    return unknown if unknown.hint.startswith("write") else replace(unknown, hint=_HOLDS)
