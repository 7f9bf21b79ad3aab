"""Linking: the files that a manifest includes and imports, read, checked and joined to it.

`include` names fragments, whose tasks, functions and `let` come to stand among the manifest's own: after this stage
nobody knows of fragments but by the file in a place. `imports` names whole manifests, each linked by itself and kept
apart in `Manifest.linked`; what `workflow` makes of them is `compiler.graph.inlining`. Every file is read once, under
the budgets of any manifest, and its mistakes carry its name.

A path is relative to the file that names it. What a manifest names, directly or through fragments, lies in the
manifest's folder, links followed: a folder can be moved, and an imported manifest is valid wherever it is used. So an
import in a subfolder may not reach back up; what both need goes beside the inner one.
"""

from __future__ import annotations

import hashlib
import os
import stat
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import NoReturn

from compiler.diagnostics import Diagnostic, ManifestError, Span
from compiler.manifest.joining import join_fragments
from compiler.manifest.load import BYTES_PER_EVENT, load_tree
from compiler.manifest.model import Import, Manifest, Source
from compiler.manifest.parse import parse_fragment, parse_manifest
from compiler.manifest.precheck import is_expression
from compiler.manifest.source import MAX_FILE_SIZE, decode_source, read_bytes
from compiler.manifest.tree import MappingNode, Node, ScalarNode, SequenceNode

MAX_DEPTH = 64
"""Files that name one another in a row."""

MAX_FILES = 1000
MAX_SHOWN = 8
"""Files of a circle that are named."""

TOTAL_SIZE = 4
"""All linked files together may have so many times the size that one may have."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Linked:
    """The whole manifest, None when what shapes the graph is wrong; every mistake; the texts that were read.

    `spoiled` is what YAML itself found in the linked files, `diagnostics` what came after.
    """

    manifest: Manifest | None
    spoiled: tuple[Diagnostic, ...]
    diagnostics: tuple[Diagnostic, ...]
    sources: tuple[Source, ...]


def link(source: Source, tree: MappingNode, *, max_file_size: int = MAX_FILE_SIZE) -> Linked:
    """Parse the tree of a manifest and join to it everything that it names, to any depth."""
    linker = _Linker(max_file_size)
    start = _File(shown=source.file, real=os.path.realpath(source.root / os.path.basename(source.file)))
    manifest = linker.manifest(source, tree, (start,))
    return Linked(
        manifest=manifest,
        spoiled=tuple(linker.spoiled),
        diagnostics=tuple(linker.found),
        sources=(source, *(one.source for one in linker.loaded)),
    )


@dataclass(frozen=True, slots=True)
class _File:
    """A file on the way: its name in messages, and where it really is."""

    shown: str
    real: str


@dataclass(frozen=True, slots=True)
class _Loaded:
    """A file that was read: its digest, and its tree unless YAML itself is broken."""

    source: Source
    digest: str
    tree: MappingNode | None


Chain = tuple[_File, ...]
"""The files that lead to the current one, which is the last."""


class _Linker:
    """Reads files, each once, and collects what is wrong with them."""

    def __init__(self, max_file_size: int) -> None:
        self.spoiled: list[Diagnostic] = []
        self.found: list[Diagnostic] = []
        self._max_file_size = max_file_size
        self._left = TOTAL_SIZE * max_file_size
        self._files: dict[str, _Loaded | None] = {}
        self._manifests: dict[str, Manifest | None] = {}
        self._fragments: dict[str, Manifest | None] = {}

    @property
    def loaded(self) -> Iterator[_Loaded]:
        return (one for one in self._files.values() if one is not None)

    def manifest(self, source: Source, tree: MappingNode, chain: Chain) -> Manifest | None:
        """The manifest of a tree with all that it names."""
        manifest, found = parse_manifest(source, tree)
        self.found += found
        parts: dict[str, Manifest | None] = {}
        is_whole = self._include(tree, source, chain, parts)
        linked = {one.name: self._import(one, source, chain) for one in manifest.imports.values()} if manifest else {}
        if manifest is None:
            return None
        joined, found = join_fragments(manifest, [part for part in parts.values() if part is not None])
        self.found += found
        return replace(joined, linked=linked) if is_whole else None

    def _include(self, tree: MappingNode, source: Source, chain: Chain, parts: dict[str, Manifest | None]) -> bool:
        """Gather the fragments that a file names, depth first; whether all of them are usable."""
        listed = tree.get("include")
        is_whole = True
        for item in listed.items if isinstance(listed, SequenceNode) else ():
            file = self._locate(item, "include", source, chain)
            if file is None:
                is_whole = False
            elif not self._closes_cycle(file, chain, item.span, "include") and file.real not in parts:
                is_whole &= self._fragment(file, item.span, source, chain, parts)
        return is_whole

    def _fragment(
        self, file: _File, span: Span, source: Source, chain: Chain, parts: dict[str, Manifest | None]
    ) -> bool:
        parts[file.real] = None
        loaded = self._load(file, span)
        if loaded is None or loaded.tree is None:
            return False
        if file.real not in self._fragments:
            self._fragments[file.real], found = parse_fragment(loaded.source, loaded.tree)
            self.found += found
        fragment = parts[file.real] = self._fragments[file.real]
        is_whole = self._include(loaded.tree, source, (*chain, file), parts)
        return is_whole and fragment is not None

    def _import(self, entry: Import, source: Source, chain: Chain) -> Manifest | None:
        """The imported manifest, None when it is wrong."""
        file = self._locate(entry.path, "imports", source, chain)
        if file is None or self._closes_cycle(file, chain, entry.path.span, "import"):
            return None
        loaded = self._load(file, entry.path.span)
        if loaded is None or not self._has_digest(entry, file, loaded):
            return None
        if file.real not in self._manifests:
            own = replace(loaded.source, root=Path(file.real).parent)
            tree = loaded.tree
            self._manifests[file.real] = self.manifest(own, tree, (*chain, file)) if tree is not None else None
        return self._manifests[file.real]

    def _has_digest(self, entry: Import, file: _File, loaded: _Loaded) -> bool:
        """No fix is offered: a digest that follows its file by itself pins nothing."""
        wanted = entry.sha256
        if wanted is None or wanted.value == loaded.digest:
            return True
        self._error(
            "E603",
            f"`{file.shown}` is not the file that is meant: its digest is {loaded.digest}",
            wanted.span,
            hint="look at what has changed in it, then write its new digest here",
        )
        return False

    def _locate(self, item: Node, key: str, source: Source, chain: Chain) -> _File | None:
        """The file that a path means, from the folder of the last of the chain; None for one that may not be read."""
        if not isinstance(item, ScalarNode) or not isinstance(item.value, str) or not item.value:
            return None
        if is_expression(item):
            hint = "write the path itself: files are read before any param has a value"
            self._error("E204", f"a path of `{key}` is a literal: an expression cannot stand here", item.span, hint)
            return None
        path = item.value
        if "\0" in path:
            self._error("E001", "no file has a NUL byte in its name", item.span)
            return None
        real = os.path.realpath(os.path.join(os.path.dirname(chain[-1].real), path))
        if not Path(real).is_relative_to(os.path.realpath(source.root)):
            self._error(
                "E408",
                f"`{path}` leaves the manifest's folder",
                item.span,
                hint=f"put the file beside `{source.file}`, or in a folder there",
            )
            return None
        return _File(os.path.normpath(os.path.join(os.path.dirname(chain[-1].shown), path)), real)

    def _closes_cycle(self, file: _File, chain: Chain, span: Span, verb: str) -> bool:
        """E317 for a file that is on the way to itself; E011 for a way that is too long."""
        at = next((index for index, one in enumerate(chain) if one.real == file.real), None)
        if at is not None:
            names = [one.shown for one in (*chain[at:], file)]
            if len(names) > MAX_SHOWN:
                names = [*names[: MAX_SHOWN - 2], "…", names[-1]]
            message = f"`{file.shown}` comes to {verb} itself: {' -> '.join(names)}"
            self._error("E317", message, span, hint=f"remove one {verb} of the circle")
        elif len(chain) >= MAX_DEPTH:
            message = f"more than {MAX_DEPTH} files name one another in a row"
            self._error("E011", message, span, hint=f"{verb} the last of them from an earlier one")
        return at is not None or len(chain) >= MAX_DEPTH

    def _load(self, file: _File, span: Span) -> _Loaded | None:
        """The file, read once; what is wrong with reading it is reported at each place that names it."""
        if file.real in self._files:
            return self._files[file.real]
        self._files[file.real] = None
        try:
            data = self._bytes(file, span)
            source = decode_source(data, file.shown, Path(file.real).parent, max_file_size=self._max_file_size)
        except ManifestError as err:
            self.found += [one if one.span is not None else replace(one, span=span) for one in err.diagnostics]
            return None
        tree, found = load_tree(source, max_events=self._max_file_size // BYTES_PER_EVENT)
        self.spoiled += found
        self._files[file.real] = _Loaded(source, hashlib.sha256(data).hexdigest(), tree)
        return self._files[file.real]

    def _bytes(self, file: _File, span: Span) -> bytes:
        """The bytes of a regular file. Raises ManifestError (E001, E012)."""
        if len(self._files) > MAX_FILES:
            _refuse("E012", f"the manifest names more than {MAX_FILES:,} files", span, "join some of them")
        if _is_special(file.real):
            _refuse("E001", f"{file.shown} is no regular file", span, "name a manifest")
        data = read_bytes(Path(file.real), file.shown, max_file_size=self._max_file_size)
        self._left -= len(data)
        if self._left < 0:
            total = TOTAL_SIZE * self._max_file_size
            _refuse("E012", f"the files of this manifest hold more than {total:,} bytes", span, _LARGER)
        return data

    def _error(self, code: str, message: str, span: Span, hint: str = "") -> None:
        self.found.append(Diagnostic(code=code, message=message, span=span, hint=hint))


_LARGER = "describe repeated tasks with `foreach`, or allow more with --max-file-size"


def _is_special(path: str) -> bool:
    """Whether reading may never end: a pipe, a device."""
    try:
        mode = os.stat(path).st_mode
    except (OSError, ValueError):
        return False
    return not (stat.S_ISREG(mode) or stat.S_ISDIR(mode))


def _refuse(code: str, message: str, span: Span, hint: str) -> NoReturn:
    raise ManifestError((Diagnostic(code=code, message=message, span=span, hint=hint),))
