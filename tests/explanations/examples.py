"""Runs the example of an explanation as its reader would: its files in a folder, and its command."""

from __future__ import annotations

import os
import shlex
from dataclasses import dataclass
from pathlib import Path

from compiler.cli.arguments import Parser, pairs
from compiler.cli.verbs.validate import configure
from compiler.diagnostics import Diagnostic, ManifestError
from compiler.explanations import Example
from compiler.pipeline import CompileOptions, check, expand_workflow, refuse_unsupported


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """A diagnostic as a program sees it; line 0 when it has no place."""

    code: str
    file: str
    line: int
    message: str


def write(example: Example, folder: Path) -> None:
    for file in example.files:
        path = folder / file.name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(file.data)


def outcome(example: Example, folder: Path) -> list[Finding]:
    """What the example's command finds, asked of the pipeline; file names are relative to the folder."""
    write(example, folder)
    words = shlex.split(example.command)
    assert words[0] == "treadle", example.command
    verb, arguments = words[1], words[2:]
    parser = Parser(prog="treadle", description="")
    configure(parser)
    args = parser.parse_args(arguments)
    (file,) = args.files
    sets = pairs(args.sets, "--set")
    if verb == "run":
        return _findings(_refused(folder / file, sets), folder)
    assert verb == "validate", example.command
    limits = {"max_instances": args.max_instances, "max_file_size": args.max_file_size_bytes}
    given = {name: value for name, value in limits.items() if value is not None}
    return _findings(check(folder / file, sets, args.level, **given), folder)


def _refused(path: Path, sets: dict[str, str]) -> list[Diagnostic]:
    """What `treadle run` finds before it starts anything."""
    try:
        refuse_unsupported(expand_workflow(path, CompileOptions(set_values=sets)))
    except ManifestError as err:
        return list(err.diagnostics)
    return []


def _findings(found: list[Diagnostic], folder: Path) -> list[Finding]:
    return [
        Finding(
            code=one.code,
            file="" if one.span is None else os.path.relpath(one.span.file, folder),
            line=0 if one.span is None else one.span.start.line,
            message=one.message,
        )
        for one in found
    ]
