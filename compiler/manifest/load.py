"""YAML text to a tree of located nodes, from PyYAML's event stream, within budgets.

libyaml's events feed a builder of our own: scalars are resolved by the YAML 1.2 core schema, keys are unique
strings, and depth, aliases, tags and documents are checked before a node exists (libyaml's `compose` crashes at a
nesting of 50,000). An aliased node is shared, not copied, so memory is bounded by the file. Mistakes that leave a tree
are collected; what breaks the stream ends it with the one diagnostic that says why. Nothing here knows the grammar.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any, NoReturn

import yaml
from yaml.events import (
    AliasEvent,
    DocumentStartEvent,
    Event,
    MappingEndEvent,
    MappingStartEvent,
    ScalarEvent,
    SequenceEndEvent,
    SequenceStartEvent,
    StreamEndEvent,
)

from compiler.diagnostics import Diagnostic, Position, Related, Span
from compiler.manifest.events import AliasLike, EventSource, Located, ScalarLike, StartLike, event_source
from compiler.manifest.frames import Anchored, Frame
from compiler.manifest.model import Source
from compiler.manifest.resolver import ScalarRefusedError, resolve_plain
from compiler.manifest.source import position_at
from compiler.manifest.syntax import bare_jinja, cut_apart, explain_yaml_error
from compiler.manifest.tree import MappingNode, Node, Scalar, ScalarNode, SequenceNode

MAX_DEPTH = 64
MIN_ALIAS_BUDGET = 1000
ALIAS_BUDGET_PER_EVENT = 20
MAX_MISTAKES = 1000
"""Diagnostics after which nobody reads on: the stream ends there."""

_COUNT_LIMIT = 1 << 62

_SPOILED = "${{ none }}"
"""What stands for a value that is reported already: an expression satisfies the checks that would report it again."""

_STR_TAG = "tag:yaml.org,2002:str"
_TAG = re.compile(r"(?:&[^\s]{1,200}[ ]{1,20})?(?P<tag>![^\s,\[\]{}]{0,80})")
_COMMENT = re.compile(r"[ \t]+#")


def load_tree(source: Source, *, pure: bool = False) -> tuple[MappingNode | None, list[Diagnostic]]:
    """The tree of a manifest and what is wrong with it as YAML; None when there is no tree to go on with."""
    builder = _Builder(source)
    try:
        builder.run(event_source(source.text, pure=pure))
    except yaml.YAMLError as err:
        found = explain_yaml_error(err, source.text, source.file)
        is_new = all((one.code, one.span) != (found.code, found.span) for one in builder.diagnostics)
        return None, [*builder.diagnostics, found] if is_new else builder.diagnostics
    except _StopError:
        return None, builder.diagnostics
    return builder.root, builder.diagnostics


class _StopError(Exception):
    """The stream is at an end: the last diagnostic says why."""


class _Builder:
    """Builds the tree of the first document from its events; `root` is set when it is whole."""

    def __init__(self, source: Source) -> None:
        self.file = source.file
        self.text = source.text
        self._length = len(source.text)
        self._end_of_file: Position | None = None
        self.diagnostics: list[Diagnostic] = []
        self.root: MappingNode | None = None
        self._frames: list[Frame] = []
        self._anchors: dict[str, Anchored | None] = {}
        self._plain: dict[str, Scalar] = {}
        self._documents = 0
        self._events = 0
        self._expanded = 0
        self._first_alias: Span | None = None
        self._jinja_depth = 0
        """How many frames are open where a bare `{{` was found: what stands in it is reported already. 0: none."""

    def report(self, diagnostic: Diagnostic) -> None:
        if self._jinja_depth:
            return
        self.diagnostics.append(diagnostic)
        if len(self.diagnostics) >= MAX_MISTAKES:
            raise _StopError

    def run(self, events: EventSource) -> None:
        """Read the stream to its end. Raises _StopError, or YAMLError from the scanner."""
        handlers: dict[type[Event], Callable[[Any], None]] = {
            ScalarEvent: self._on_scalar,
            MappingStartEvent: self._on_start,
            SequenceStartEvent: self._on_start,
            MappingEndEvent: self._on_end,
            SequenceEndEvent: self._on_end,
            AliasEvent: self._on_alias,
            DocumentStartEvent: self._on_document,
        }
        next_event = events.get_event
        while True:
            event = next_event()
            self._events += 1
            kind = type(event)
            if kind in handlers:
                handlers[kind](event)
            elif kind is StreamEndEvent:
                break
        if not self._documents:
            self._stop("E009", "the file is empty", _at(self.file, 1, 1), "begin with `spec: 1`")
        budget = max(MIN_ALIAS_BUDGET, ALIAS_BUDGET_PER_EVENT * self._events)
        if self._expanded > budget:
            message = f"the aliases of this file expand to more than {budget:,} nodes"
            self._stop("E007", message, self._first_alias, "write the repetition with `foreach`")

    def _stop(self, code: str, message: str, span: Span | None, hint: str = "") -> NoReturn:
        self.report(Diagnostic(code=code, message=message, span=span, hint=hint))
        raise _StopError

    def _span(self, event: Located) -> Span:
        start = event.start_mark
        return Span(self.file, Position(start.line + 1, start.column + 1), self._end(event.end_mark))

    def _end(self, mark: yaml.Mark) -> Position:
        """Where something ends; libyaml's marks may stand on a line after the last one."""
        if mark.index < self._length:
            return Position(mark.line + 1, mark.column + 1)
        if self._end_of_file is None:
            self._end_of_file = Position(*position_at(self.text, self._length))
        return self._end_of_file

    def _on_document(self, event: Located) -> None:
        self._documents += 1
        if self._documents > 1:
            self._stop("E008", "a second document begins here", self._span(event), "one file holds one manifest")

    def _on_alias(self, event: AliasLike) -> None:
        span = self._span(event)
        name = event.anchor
        if name not in self._anchors:
            self._stop("E007", f"there is no anchor `&{name}` above this", span, f"define `&{name}` first, or quote it")
        anchored = self._anchors[name]
        if anchored is None:
            self._stop("E007", f"`*{name}` stands inside its own anchor", span, "an alias cannot hold itself")
        self._first_alias = self._first_alias or span
        self._expanded = min(_COUNT_LIMIT, self._expanded + anchored.count)
        if len(self._frames) + anchored.height > MAX_DEPTH:
            self._too_deep(span)
        self._attach(anchored.node, anchored.count, anchored.height)

    def _on_scalar(self, event: ScalarLike) -> None:
        text, start, end = event.value, event.start_mark, event.end_mark
        last = Position(end.line + 1, end.column + 1) if end.index < self._length else self._end(end)
        span = Span(self.file, Position(start.line + 1, start.column + 1), last)
        frame = self._frames[-1] if self._frames else None
        is_key = frame is not None and frame.is_mapping and frame.key is None and not frame.drop_next
        style = event.style or ""
        value: Scalar = text
        if event.tag is not None:
            style = style or "'"
            if event.tag != _STR_TAG:
                span = self._bad_tag(event)
                value = _SPOILED
        elif not style:
            if is_key and text == "<<":
                self._merge_key(self._frames[-1], span)
                return
            value = self._plain[text] if text in self._plain else self._resolve(text, span, end.index, is_key)
        node = ScalarNode(value, span, text, style)
        if event.anchor is not None:
            self._anchors[event.anchor] = Anchored(node, 1, 0)
        if frame is None:
            self._finish(node)
        else:
            frame.count += 1
            if is_key:
                self._take_key(frame, node)
            else:
                frame.take(node)

    def _resolve(self, text: str, span: Span, end: int, is_key: bool) -> Scalar:
        """The value of a plain scalar, remembered unless something is wrong with it."""
        if "${{" in text and text.rfind("${{") > text.rfind("}}") and _COMMENT.match(self.text, end):
            message = "` #` begins a comment and cuts off this expression"
            self.report(Diagnostic(code="E202", message=message, span=span, hint="put the whole value in quotes"))
            return _SPOILED
        try:
            value = resolve_plain(text)
        except ScalarRefusedError as err:
            if is_key:
                return 0
            self.report(Diagnostic(code=err.code, message=err.message, span=span, hint=err.hint))
            return _SPOILED
        self._plain[text] = value
        return value

    def _on_start(self, event: StartLike) -> None:
        is_mapping = isinstance(event, MappingStartEvent)
        spoiled = None if event.tag is None else self._bad_tag(event)
        if len(self._frames) >= MAX_DEPTH:
            self._too_deep(self._span(event))
        if not self._frames and not is_mapping:
            message = "a manifest is a mapping, and this is a list"
            self._stop("E009", message, self._span(event), "begin with `spec: 1`")
        if event.anchor is not None:
            self._anchors[event.anchor] = None
        frame = Frame(event.start_mark, event.anchor, is_mapping, bool(event.flow_style))
        frame.spoiled = spoiled
        if is_mapping and event.flow_style and not self._jinja_depth and self._frames:
            self._check_bare_jinja(self._frames[-1], event)
        self._frames.append(frame)

    def _check_bare_jinja(self, outer: Frame, inner: StartLike) -> None:
        """A flow mapping that is a key, its brace right after another, is `{{ x }}` without its dollar sign."""
        if not (outer.is_mapping and outer.is_flow and outer.key is None and not outer.drop_next):
            return
        if outer.start.index + 1 == inner.start_mark.index:
            line, column = outer.start.line + 1, outer.start.column + 1
            outer.spoiled = Span(self.file, Position(line, column), Position(line, column + 2))
            self.report(bare_jinja(outer.spoiled))
            self._jinja_depth = len(self._frames)

    def _on_end(self, event: Located) -> None:
        if self._jinja_depth == len(self._frames):
            self._jinja_depth = 0
        frame = self._frames.pop()
        span = Span(self.file, Position(frame.start.line + 1, frame.start.column + 1), self._end(event.end_mark))
        node: Node
        if frame.spoiled is not None:
            node = ScalarNode(_SPOILED, frame.spoiled, "{{", "'")
        elif frame.is_mapping:
            node = MappingNode(tuple(frame.keys), tuple(frame.values), span)
        else:
            node = SequenceNode(tuple(frame.values), span)
        if frame.anchor is not None:
            self._anchors[frame.anchor] = Anchored(node, frame.count, frame.height)
        self._attach(node, frame.count, frame.height)

    def _attach(self, node: Node, count: int, height: int) -> None:
        if not self._frames:
            self._finish(node)
            return
        frame = self._frames[-1]
        frame.count = min(_COUNT_LIMIT, frame.count + count)
        if height >= frame.height:
            frame.height = height + 1
        if frame.is_mapping and frame.key is None and not frame.drop_next:
            self._take_key(frame, node)
        else:
            frame.take(node)

    def _take_key(self, frame: Frame, node: Node) -> None:
        if type(node) is not ScalarNode:
            frame.drop_next = True
            self._bad_key(node)
            return
        if type(node.value) is not str:
            self._bad_key(node)
            node = ScalarNode(node.raw, node.span, node.raw, node.style)
        elif not node.style and "${{" in node.value and node.value.rfind("${{") > node.value.rfind("}}"):
            frame.drop_next = True
            self._cut_expression(frame, node)
            return
        first = frame.seen.setdefault(node.value, node)
        if first is not node:
            frame.drop_next = True
            message = f"key `{node.value}` stands here a second time"
            related = (Related(span=first.span, message="the first one is here"),)
            hint = "keep one of the two"
            self.report(Diagnostic(code="E005", message=message, span=node.span, hint=hint, related=related))
            return
        frame.key = node

    def _cut_expression(self, frame: Frame, key: ScalarNode) -> None:
        """An expression that YAML reads as a mapping, because of the `: ` in it."""
        start = key.span.start
        column = start.column + key.raw.rfind("${{")
        frame.spoiled = Span(self.file, Position(start.line, column), Position(start.line, column + 3))
        self.report(cut_apart(frame.spoiled))

    def _bad_key(self, node: Node) -> None:
        if not isinstance(node, ScalarNode):
            message = f"a key is a text, and this is a {'mapping' if isinstance(node, MappingNode) else 'list'}"
            self.report(Diagnostic(code="E013", message=message, span=node.span))
            return
        shown = f"`{node.raw}`" if node.raw else "an empty key"
        message = f"a key is a text, and {shown} is not"
        hint = f"quote it: '{node.raw}'" if node.raw else "name the key"
        self.report(Diagnostic(code="E013", message=message, span=node.span, hint=hint))

    def _merge_key(self, frame: Frame, span: Span) -> None:
        frame.drop_next = True
        hint = "share options with `defaults` or `extends`"
        self.report(Diagnostic(code="E006", message="the merge key `<<` is not understood", span=span, hint=hint))

    def _bad_tag(self, event: Located) -> Span:
        """Report a tag; returns where it stands, after an anchor or before one."""
        line, column, index = event.start_mark.line + 1, event.start_mark.column + 1, event.start_mark.index
        found = _TAG.match(self.text, index)
        first, last = (found.start("tag"), found.end("tag")) if found else (index, index + 1)
        start = Position(line, column + first - index)
        span = Span(self.file, start, Position(line, column + last - index))
        hint = "remove it; quote a value to make it text"
        self.report(Diagnostic(code="E010", message="explicit tags are not understood", span=span, hint=hint))
        return span

    def _too_deep(self, span: Span) -> NoReturn:
        self._stop(
            "E011", f"this is nested deeper than {MAX_DEPTH} levels", span, "flatten the value, or load it from a file"
        )

    def _finish(self, node: Node) -> None:
        if isinstance(node, MappingNode):
            self.root = node
            return
        is_empty = isinstance(node, ScalarNode) and not node.raw and not node.style
        message = "the file is empty" if is_empty else "a manifest is a mapping, and this is a text"
        self._stop("E009", message, _at(self.file, 1, 1) if is_empty else node.span, "begin with `spec: 1`")


def _at(file: str, line: int, column: int) -> Span:
    return Span(file, Position(line, column), Position(line, column))
