"""Diagnostics and faults, shown: to people on standard error, with `--json` as one object on standard output."""

from __future__ import annotations

from collections.abc import Iterable

from compiler.cli.console import RED, Console, Exit
from compiler.diagnostics import Diagnostic, ManifestError, Severity
from compiler.rendering import DEFAULT_LIMIT, render_human, summary, to_json
from runtime.errors import RuntimeFault

MAX_SHOWN_FILE = 1 << 20


def report_manifest_error(err: ManifestError, console: Console) -> int:
    """Everything that is wrong with a manifest; returns the exit code."""
    show_diagnostics(err.diagnostics, console)
    console.note(summary(err.diagnostics))
    if console.is_json:
        print_diagnostics(err.diagnostics, console, "json")
    return exit_code(err.diagnostics)


def show_diagnostics(diagnostics: Iterable[Diagnostic], console: Console, *, limit: int | None = DEFAULT_LIMIT) -> None:
    """Each diagnostic with its place, on standard error, `limit` at most."""
    found = list(diagnostics)
    if found:
        colour = console.has_colour(console.err)
        console.note(render_human(found, _sources(found, console), colour=colour, limit=limit))


def print_diagnostics(diagnostics: Iterable[Diagnostic], console: Console, form: str) -> None:
    """All diagnostics on standard output, in a format for programs: json, sarif, github or gcc."""
    found = list(diagnostics)
    if form in ("json", "sarif"):
        from compiler.fixes import with_fixes

        found = with_fixes(found, _sources(found, console))
    match form:
        case "json":
            console.json(to_json(found))
        case "sarif":
            from compiler.rendering.sarif import to_sarif

            console.json(to_sarif(found))
        case "github":
            from compiler.rendering.github import render_github

            console.lines(render_github(found))
        case "gcc":
            from compiler.rendering.gcc import render_gcc

            console.lines(render_gcc(found))
        case _:
            raise AssertionError(f"no format {form}")


def exit_code(diagnostics: Iterable[Diagnostic]) -> Exit:
    """4 when a file cannot be read, 1 for any other error, else 0."""
    codes = {one.code for one in diagnostics if one.severity is Severity.ERROR}
    if "E001" in codes:
        return Exit.ENVIRONMENT
    return Exit.ERRORS if codes else Exit.OK


def report_fault(fault: RuntimeFault, console: Console) -> int:
    """One fault with the records of failed tasks; returns the exit code."""
    from runtime.report import fault_object, fault_text

    head, _, rest = fault_text(fault).partition(":")
    console.note(f"{console.paint(head, RED, console.err)}:{rest}")
    if console.is_json:
        console.json(fault_object(fault))
    return fault.exit_code


def _sources(diagnostics: Iterable[Diagnostic], console: Console) -> dict[str, str]:
    """The texts of the files that the diagnostics point to; one that cannot be read is shown without its lines."""
    places = [one.span for one in diagnostics if one.span is not None]
    places += [related.span for one in diagnostics for related in one.related]
    texts = dict(console.sources)
    for file in {place.file for place in places} - texts.keys():
        try:
            with open(file, encoding="utf-8", errors="replace") as stream:
                texts[file] = stream.read(MAX_SHOWN_FILE)
        except (OSError, ValueError):
            continue
    return texts
