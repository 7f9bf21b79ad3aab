"""A manifest with another objective or memory: the user's text, but for what is put into it.

The folder of the manifest is copied, so that its functions stand beside it; their code, and so their history, is the
same. A task that writes its own memory keeps it.
"""

from __future__ import annotations

import shutil
from collections.abc import Sequence
from hashlib import sha256
from pathlib import Path

import yaml

SKIPPED = frozenset({"__pycache__", ".git", ".venv"})


def make_variant(manifest: Path, folder: Path, *, sla: str, memory_mb: str) -> Path:
    """The manifest of this objective and memory ("" for its own) in a folder that is made, or was made before.

    An objective keeps the deadline and the budget that the manifest has written.
    """
    place = sha256(str(manifest).encode()).hexdigest()[:8]
    own = folder / "-".join([manifest.parent.name, place, sla, memory_mb or "own"])
    target = own / manifest.name
    if not own.exists():
        text = with_sla(manifest.read_text(encoding="utf-8"), sla)
        if memory_mb:
            text = put(text, ("defaults", "resources", "memory"), f"{memory_mb}MiB")
        part = own.with_suffix(".part")
        shutil.rmtree(part, ignore_errors=True)
        _copy(manifest.parent, part, but=folder.parent.resolve())
        (part / manifest.name).write_text(text, encoding="utf-8")
        part.rename(own)
    return target


def _copy(folder: Path, target: Path, *, but: Path) -> None:
    """What the folder holds, but for what is not the workflow's own, such as the campaign itself."""

    def skipped(place: str, names: list[str]) -> set[str]:
        return {name for name in names if name in SKIPPED or Path(place, name).resolve() == but}

    shutil.copytree(folder, target, ignore=skipped)


def with_sla(text: str, sla: str) -> str:
    """The manifest with another objective."""
    found = _child(yaml.compose(text, Loader=yaml.SafeLoader), "sla")
    if isinstance(found, yaml.MappingNode) and sla != "average":
        return put(text, ("sla", "percentile"), sla.removeprefix("p"))
    return put(text, ("sla",), sla)


def put(text: str, path: Sequence[str], value: str) -> str:
    """The YAML text with this scalar at that path of mappings; what else it says stays as it is written."""
    node = yaml.compose(text, Loader=yaml.SafeLoader)
    assert isinstance(node, yaml.MappingNode), "a manifest is a mapping"
    for depth, key in enumerate(path):
        child = _child(node, key)
        if child is None:
            return _inserted(text, node, _nested(path[depth:], value))
        if depth == len(path) - 1:
            return _replaced(text, child, value)
        assert isinstance(child, yaml.MappingNode), f"{key} is a mapping"
        node = child
    raise AssertionError("a path has a last key")


def _child(node: yaml.Node | None, key: str) -> yaml.Node | None:
    if not isinstance(node, yaml.MappingNode):
        return None
    return next((value for name, value in node.value if name.value == key), None)


def _nested(path: Sequence[str], value: str) -> str:
    """`a: {b: {c: value}}`."""
    first, *rest = path
    return f"{first}: {{{_nested(rest, value)}}}" if rest else f"{first}: {value}"


def _inserted(text: str, node: yaml.MappingNode, entry: str) -> str:
    """The entry before the first of the mapping."""
    at = node.start_mark.index
    if node.flow_style:
        return f"{text[: at + 1]}{entry}{', ' if node.value else ''}{text[at + 1 :]}"
    return f"{text[:at]}{entry}\n{' ' * node.start_mark.column}{text[at:]}"


def _replaced(text: str, node: yaml.Node, value: str) -> str:
    begin, end = node.start_mark.index, node.end_mark.index
    was = text[begin:end]
    kept = was[len(was.rstrip()) :]  # a block ends where the next key begins
    return text[:begin] + value + kept + text[end:]
