"""What a YAML scanner's complaint means to somebody who writes a manifest: its place, in our words, with a remedy."""

from __future__ import annotations

import re
from dataclasses import replace

import yaml

from compiler.diagnostics import Diagnostic, Position, Related, Span
from compiler.manifest.lines import LINE_BREAK, position_at

_BARE_JINJA = re.compile(r"[:,\[-]\s*(\{\{)")
_WORD = re.compile(r"[\w./-]*")
_EXPRESSION = re.compile(r"(\$\{\{)")

_MEANINGS = (
    ("mapping values are not allowed", "`:` cannot begin a value here", "put a text that holds `: ` in quotes"),
    ("could not find expected ':'", "this line has no `:` after its key", "write `key: value`, or indent it as text"),
    ("did not find expected key", "this line does not continue the mapping above", "indent it like its neighbours"),
    ("expected <block end>", "this line does not continue what stands above", "indent it like its neighbours"),
    (
        "did not find expected '-'",
        "this line does not continue the list above",
        "begin it with `- `, or indent it less",
    ),
    ("expected ',' or ']'", "`,` or `]` is missing before this", "close the list, or quote the text in it"),
    ("expected ',' or '}'", "`,` or `}` is missing before this", "close the mapping, or quote the text in it"),
    ("unexpected end of stream", "a quoted text has no end", "close the quote"),
    ("unexpected document separator", "a quoted text has no end", "close the quote"),
    (
        "unknown escape character",
        "a double-quoted text has an unknown escape",
        "write `\\\\` for a backslash, or use '…'",
    ),
    ("cannot start any token", "a text cannot begin with this character", "put the text in quotes"),
    ("incompatible YAML document", "this `%YAML` version cannot be read", "remove the directive"),
    ("sequence entries are not allowed", "`-` cannot begin a list here", "put the list on lines of its own"),
    ("block sequence entries", "`-` cannot begin a list here", "put the list on lines of its own"),
    ("alphabetic or numeric", "`*` or `&` needs a name", "quote a text that begins with `*` or `&`"),
    ("did not find expected <document start>", "this does not belong to the value above", "check the line above it"),
    ("expected '<document start>'", "this does not belong to the value above", "check the line above it"),
)


def explain_yaml_error(err: yaml.YAMLError, text: str, file: str) -> Diagnostic:
    """The diagnostic of a scanner's or parser's error: E003, or E004, E010, E211 where one of these is the cause."""
    mark = getattr(err, "problem_mark", None) or getattr(err, "context_mark", None)
    if mark is None:
        start = Position(1, 1)
        return Diagnostic(code="E003", message="this file is not YAML", span=Span(file, start, start))
    mark = _inside(mark, text)
    problem = str(getattr(err, "problem", "") or "")
    span = _token_span(file, text, mark)
    if tab := _tab_at(text, mark):
        hint = "indent with spaces"
        message = "a tab cannot indent YAML"
        return Diagnostic(code="E004", message=message, span=_one_character(file, mark.line + 1, tab), hint=hint)
    if "tag handle" in problem:
        hint = "remove it; only !!str is understood"
        return Diagnostic(code="E010", message="a tag of an unknown kind", span=span, hint=hint)
    if place := _find_before(_BARE_JINJA, text, mark, file):
        return bare_jinja(place)
    if place := _find_before(_EXPRESSION, text, mark, file):
        return replace(cut_apart(place), related=_context(err, file, mark))
    message, hint = _meaning(problem)
    return Diagnostic(code="E003", message=message, span=span, hint=hint, related=_context(err, file, mark))


def _inside(mark: yaml.Mark, text: str) -> yaml.Mark:
    """A mark that libyaml set on the line after the last one, brought back to the end of the text."""
    if mark.index < len(text):
        return mark
    line, column = position_at(text, len(text))
    return yaml.Mark(mark.name, len(text), line - 1, column - 1, None, 0)


def bare_jinja(span: Span) -> Diagnostic:
    """E211: `{{ x }}` without its dollar sign, at the place of the braces."""
    message = "`{{ }}` is a YAML mapping, not an expression"
    return Diagnostic(code="E211", message=message, span=span, hint="write ${{ … }}")


def cut_apart(span: Span) -> Diagnostic:
    """E003: an expression that needs quotes, at the place of its braces."""
    message = "an unquoted `${{ }}` is cut apart by YAML here"
    return Diagnostic(code="E003", message=message, span=span, hint='put the whole value in quotes: "${{ … }}"')


def _meaning(problem: str) -> tuple[str, str]:
    for part, message, hint in _MEANINGS:
        if part in problem:
            return message, hint
    return "this is not YAML", "check the indentation and the quotes"


def _context(err: yaml.YAMLError, file: str, mark: yaml.Mark) -> tuple[Related, ...]:
    opened = getattr(err, "context_mark", None)
    if opened is None or opened.line >= mark.line:
        return ()
    return (Related(span=_one_character(file, opened.line + 1, opened.column + 1), message="it begins here"),)


def _line_of(text: str, index: int) -> tuple[str, int]:
    """The line that holds the code point at `index`, and where the line begins."""
    window = max(0, index - 4096)
    begin = window
    for found in LINE_BREAK.finditer(text, window, index):
        begin = found.end()
    after = LINE_BREAK.search(text, index)
    return text[begin : after.start() if after else len(text)], begin


def _tab_at(text: str, mark: yaml.Mark) -> int | None:
    line, begin = _line_of(text, mark.index)
    at = mark.index - begin
    indent = line[: len(line) - len(line.lstrip(" \t"))]
    if line[at : at + 1] == "\t" or (at <= len(indent) and "\t" in indent):
        return (indent.index("\t") if "\t" in indent else at) + 1
    return None


def _find_before(pattern: re.Pattern[str], text: str, mark: yaml.Mark, file: str) -> Span | None:
    """The last braces that a pattern finds in the line of a mark, up to the mark; its first group is what counts."""
    line, begin = _line_of(text, mark.index)
    found = list(pattern.finditer(line, 0, mark.index - begin + 2))
    if not found:
        return None
    first, last = found[-1].span(1)
    return Span(file, Position(mark.line + 1, first + 1), Position(mark.line + 1, last + 1))


def _token_span(file: str, text: str, mark: yaml.Mark) -> Span:
    line, begin = _line_of(text, mark.index)
    found = _WORD.match(line, mark.index - begin)
    width = len(found.group()) if found else 0
    start = Position(mark.line + 1, mark.column + 1)
    is_inside = mark.index - begin < len(line)
    return Span(file, start, Position(start.line, start.column + max(width, 1 if is_inside else 0)))


def _one_character(file: str, line: int, column: int) -> Span:
    return Span(file, Position(line, column), Position(line, column + 1))
