"""What verbs that run something share: telling a bundle from a manifest, and showing a result."""

from __future__ import annotations

from pathlib import Path

from compiler.cli.console import Console
from runtime.bundle import INDEX_NAME
from runtime.results import RunResult


def is_bundle(file: str) -> bool:
    """Whether FILE is a bundle's folder."""
    return file != "-" and Path(file, INDEX_NAME).is_file()


def show_result(result: RunResult, console: Console) -> None:
    """The result on standard output, its figures beside it."""
    from runtime.report import result_object, result_text, summary_text

    if console.is_json:
        console.json(result_object(result))
        return
    console.say(result_text(result))
    console.out.flush()
    console.note(summary_text(result))
