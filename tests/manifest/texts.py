"""Manifests from texts, for the tests of the front half."""

from __future__ import annotations

from pathlib import Path
from typing import Protocol

from compiler.diagnostics import Diagnostic
from compiler.manifest.model import Manifest, Source
from compiler.manifest.parse import check_manifest

HEAD = "spec: 1\nname: t\n"


class Check(Protocol):
    """Code and line of everything that is wrong with a text."""

    def __call__(self, text: str) -> list[tuple[str, int]]: ...


def source(text: str) -> Source:
    return Source(file="m.yaml", text=text, root=Path())


def diagnose(text: str) -> list[Diagnostic]:
    return check_manifest(source(text))[1]


def check_text(text: str) -> list[tuple[str, int]]:
    return [(one.code, one.span.start.line if one.span else 0) for one in diagnose(text)]


def check_task_fields(fields: str) -> list[tuple[str, int]]:
    """The same for the fields of one task: its first field is line 1, its key line 0."""
    body = "".join(f"    {line}\n" for line in fields.splitlines())
    return [(code, line - 4) for code, line in check_text(f"{HEAD}tasks:\n  g:\n{body}")]


def parse(text: str) -> Manifest:
    """The manifest of a text without its first two lines, in which nothing is wrong."""
    manifest, found = check_manifest(source(HEAD + text))
    assert manifest is not None, found
    assert not found
    return manifest
