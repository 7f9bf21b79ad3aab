"""`--format sarif`: a log of the OASIS standard SARIF 2.1.0, which code scanning services and editors read.

Each code that occurs is a rule with its page of `treadle explain`. Columns count code points, as everywhere in treadle.
Paths below the working folder are relative to `%SRCROOT%`, as services expect; standard input is called `stdin`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from importlib import metadata
from pathlib import Path
from urllib.parse import quote

from compiler.diagnostics import CODES, Diagnostic, Fix, Related, Severity, Span
from compiler.explanations import page
from compiler.manifest.source import STDIN_NAME
from compiler.rendering.order import sort_diagnostics
from compiler.rendering.text import plain

SCHEMA = "https://docs.oasis-open.org/sarif/sarif/v2.1.0/errata01/os/schemas/sarif-schema-2.1.0.json"
VERSION = "2.1.0"

Json = dict[str, object]


def to_sarif(diagnostics: Sequence[Diagnostic]) -> Json:
    """All diagnostics as one SARIF log with one run."""
    ordered = sort_diagnostics(diagnostics)
    rules = {code: index for index, code in enumerate(sorted({one.code for one in ordered}))}
    driver = {"name": "treadle", "version": _version(), "rules": [_rule(code) for code in rules]}
    run = {
        "tool": {"driver": driver},
        "columnKind": "unicodeCodePoints",
        "invocations": [{"executionSuccessful": True}],
        "results": [_result(one, rules) for one in ordered],
    }
    return {"$schema": SCHEMA, "version": VERSION, "runs": [run]}


def _version() -> str:
    try:
        return metadata.version("treadle")
    except metadata.PackageNotFoundError:
        return "unknown"


def _rule(code: str) -> Json:
    slug, title = CODES[code]
    text = page(code).text
    level = Severity.WARNING if code.startswith("W") else Severity.ERROR
    return {
        "id": code,
        "name": "".join(word.capitalize() for word in slug.split("-")),
        "shortDescription": {"text": title},
        "fullDescription": {"text": text.partition("\n\n")[0].replace("\n", " ")},
        "help": {"text": text, "markdown": text},
        "defaultConfiguration": {"level": level.value},
    }


def _result(one: Diagnostic, rules: Mapping[str, int]) -> Json:
    text = f"{one.message}\n{one.hint}" if one.hint else one.message
    result: Json = {
        "ruleId": one.code,
        "ruleIndex": rules[one.code],
        "level": one.severity.value,
        "message": {"text": text},
        "occurrenceCount": 1 + one.more,
    }
    if one.span is not None:
        result["locations"] = [_location(one.span, one.instance)]
    if one.related:
        result["relatedLocations"] = [_related(number, other) for number, other in enumerate(one.related, 1)]
    if one.fixes:
        result["fixes"] = [_fix(fix, one.hint) for fix in one.fixes]
    if one.bindings:
        result["properties"] = {"bindings": {name: plain(value) for name, value in one.bindings.items()}}
    return result


def _location(span: Span, instance: str = "") -> Json:
    location: Json = {"physicalLocation": {"artifactLocation": _artifact(span.file), "region": _region(span)}}
    if instance:
        location["logicalLocations"] = [{"fullyQualifiedName": instance, "kind": "object"}]
    return location


def _related(number: int, other: Related) -> Json:
    return {"id": number, **_location(other.span), "message": {"text": other.message}}


def _fix(fix: Fix, description: str) -> Json:
    replacement = {"deletedRegion": _region(fix.span), "insertedContent": {"text": fix.replacement}}
    change = {"artifactLocation": _artifact(fix.span.file), "replacements": [replacement]}
    return {"description": {"text": description}, "artifactChanges": [change]}


def _region(span: Span) -> Json:
    start, end = span.start, span.end
    return {"startLine": start.line, "startColumn": start.column, "endLine": end.line, "endColumn": end.column}


def _artifact(file: str) -> Json:
    """A path as a URI: what is not ASCII, and what means something in a URI, percent-encoded."""
    if file == STDIN_NAME:
        return {"uri": "stdin", "description": {"text": "standard input"}}
    path = Path(file)
    if path.is_absolute() and not path.is_relative_to(Path.cwd()):
        return {"uri": f"file://{_quoted(path)}"}
    relative = path.relative_to(Path.cwd()) if path.is_absolute() else path
    return {"uri": _quoted(relative), "uriBaseId": "%SRCROOT%"}


def _quoted(path: Path) -> str:
    return quote(path.as_posix().encode("utf-8", "surrogateescape"))
