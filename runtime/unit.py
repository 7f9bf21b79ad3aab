"""The format of a code unit: the user's modules that one function reaches, as one deterministic blob.

A unit is canonical JSON, `{"modules":[[name, file, is_package, source], …],"v":1}`, sorted by module name,
in UTF-8: free of time, place and compression, decoded in C. `file` is relative to the manifest's folder.
A package without `__init__.py` is not listed: it follows from the names. Which modules belong to a unit is
`compiler.code.units`; importing them is `runtime.code`.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from runtime.errors import BundleInvalid, SchemaVersionUnsupported

VERSION = 1


@dataclass(frozen=True, slots=True, kw_only=True)
class UnitModule:
    """One module of the user's. `file` is "" for a package that has no `__init__.py`."""

    name: str
    file: str
    source: str
    is_package: bool = False


def encode_unit(modules: Iterable[UnitModule]) -> bytes:
    """The bytes of a unit; the same modules in any order give the same bytes."""
    rows = sorted([module.name, module.file, module.is_package, module.source] for module in modules if module.file)
    text = json.dumps({"modules": rows, "v": VERSION}, ensure_ascii=False, separators=(",", ":"), sort_keys=True)
    return text.encode()


def unit_digest(data: bytes) -> str:
    """The name of a unit: the sha256 of its bytes, in hex."""
    return hashlib.sha256(data).hexdigest()


def decode_unit(digest: str, data: bytes) -> Mapping[str, UnitModule]:
    """Module name → module, packages without `__init__.py` included.

    Raises `BundleInvalid` (E603) when the bytes are not those that `digest` names, and
    `SchemaVersionUnsupported` (E605) for a unit of another version.
    """
    if unit_digest(data) != digest:
        raise BundleInvalid(
            f"code unit {digest[:12]} is damaged: its {len(data)} bytes have the digest {unit_digest(data)[:12]}",
            hint="build the bundle again",
        )
    try:
        content = json.loads(data)
        version = content["v"]
        rows = content["modules"]
    except (ValueError, KeyError, TypeError) as err:
        raise BundleInvalid(f"code unit {digest[:12]} is not a code unit", hint="build the bundle again") from err
    if version != VERSION:
        raise SchemaVersionUnsupported(
            f"code unit {digest[:12]} has version {version}; this runtime reads version {VERSION}"
        )
    modules = {
        name: UnitModule(name=name, file=file, source=source, is_package=bool(is_package))
        for name, file, is_package, source in rows
    }
    for name in list(modules):
        parent = name.rpartition(".")[0]
        while parent and parent not in modules:
            modules[parent] = UnitModule(name=parent, file="", source="", is_package=True)
            parent = parent.rpartition(".")[0]
    return modules
