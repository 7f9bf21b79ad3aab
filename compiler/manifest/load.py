"""YAML text to a tree of located nodes, from PyYAML's event stream, within budgets.

libyaml's events feed a builder of our own: scalars are resolved by the YAML 1.2 core schema, keys are unique
strings, and depth, aliases, tags and documents are checked before a node exists (libyaml's `compose` crashes at a
nesting of 50,000). An aliased node is shared, not copied, so memory is bounded by the file. Mistakes that leave a tree
are collected; what breaks the stream ends it with the one diagnostic that says why. Nothing here knows the grammar.

A file has one event for a scalar or an alias and two for a collection. There may be `MAX_EVENTS` of them, and an eighth
of that in one list or mapping (E012); `--max-file-size` raises both. libyaml counts events without making them, so that
a file of very many small things is refused in the time that it takes to scan.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from itertools import count
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

from compiler.diagnostics import MAX_MISTAKES, Diagnostic, Position, Related, Span
from compiler.manifest.events import (
    AliasLike,
    EventSource,
    Located,
    ScalarLike,
    StartLike,
    count_events,
    event_source,
)
from compiler.manifest.frames import Anchored, Frame
from compiler.manifest.lines import Ruler
from compiler.manifest.model import Source
from compiler.manifest.resolver import ScalarRefusedError, resolve_plain
from compiler.manifest.source import MAX_FILE_SIZE
from compiler.manifest.syntax import bare_jinja, cut_apart, explain_yaml_error
from compiler.manifest.tree import MappingNode, Node, Place, Scalar, ScalarNode, SequenceNode
from compiler.manifest.vocabulary import MERGE_KEY

MAX_DEPTH = 64
BYTES_PER_EVENT = 8
"""A file may have one event for so many bytes of the largest size that it may have."""

MAX_EVENTS = MAX_FILE_SIZE // BYTES_PER_EVENT
EVENTS_PER_ENTRY = 8
"""One collection may have one entry for so many events that the file may have."""

_STRIDE = 4096
"""Events between two looks at the budget."""

MIN_ALIAS_BUDGET = 1000
ALIAS_BUDGET_PER_EVENT = 20
_COUNT_LIMIT = 1 << 62

_SPOILED = "${{ none }}"
"""What stands for a value that is reported already: an expression satisfies the checks that would report it again."""

_STR_TAG = "tag:yaml.org,2002:str"
_TAG = re.compile(r"(?:&[^\s]{1,200}[ ]{1,20})?(?P<tag>![^\s,\[\]{}]{0,80})")
_COMMENT = re.compile(r"[ \t]+#")


def load_tree(
    source: Source, *, pure: bool = False, max_events: int = MAX_EVENTS
) -> tuple[MappingNode | None, list[Diagnostic]]:
    """The tree of a manifest and what is wrong with it as YAML; None when there is no tree to go on with."""
    builder = _Builder(source, max_events)
    try:
        if not pure and _may_exceed(source.text, max_events):
            builder.check_size(count_events(source.text))
        builder.run(event_source(source.text, pure=pure))
    except yaml.YAMLError as err:
        found = explain_yaml_error(err, source.text, source.file)
        is_new = all((one.code, one.span) != (found.code, found.span) for one in builder.diagnostics)
        return None, [*builder.diagnostics, found] if is_new else builder.diagnostics
    except _StopError:
        return None, builder.diagnostics
    return builder.root, builder.diagnostics


def _may_exceed(text: str, max_events: int) -> bool:
    """Whether a text has so many indicators that it is worth counting its events."""
    return len(text) > max_events and sum(map(text.count, ",:-[{")) > max_events // 2


class _StopError(Exception):
    """The stream is at an end: the last diagnostic says why."""


class _Builder:
    """Builds the tree of the first document from its events; `root` is set when it is whole."""

    def __init__(self, source: Source, max_events: int) -> None:
        self.file = source.file
        self.text = source.text
        self._ruler = Ruler(source.file, source.text)
        self._max_events = max_events
        self.diagnostics: list[Diagnostic] = []
        self.root: MappingNode | None = None
        self._frames: list[Frame] = []
        self._anchors: dict[str, Anchored | None] = {}
        self._plain: dict[str, Scalar] = {}
        self._documents = 0
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
        next_event, handler_of = events.get_event, handlers.get
        for number in count(1):
            event = next_event()
            handle = handler_of(type(event))
            if handle is not None:
                handle(event)
            elif type(event) is StreamEndEvent:
                break
            if not number % _STRIDE:
                self.check_size(number)
        self.check_size(number)
        if not self._documents:
            self._stop("E009", "the file is empty", _at(self.file, 1, 1), "begin with `spec: 1`")
        budget = max(MIN_ALIAS_BUDGET, ALIAS_BUDGET_PER_EVENT * number)
        if self._expanded > budget:
            message = f"the aliases of this file expand to more than {budget:,} nodes"
            self._stop("E007", message, self._first_alias, "write the repetition with `foreach`")

    def check_size(self, events: int) -> None:
        """Refuse a file of too many events, or with too long a collection open."""
        if events > self._max_events:
            self._too_many(f"the file holds more than {self._max_events:,} keys, values and brackets")
        for frame in self._frames:
            self._check_entries(frame)

    def _check_entries(self, frame: Frame) -> None:
        if len(frame.values) > self._max_events // EVENTS_PER_ENTRY:
            kind = "mapping" if frame.is_mapping else "list"
            limit = self._max_events // EVENTS_PER_ENTRY
            self._too_many(
                f"this {kind} has more than {limit:,} entries", self._ruler.span(frame.start, frame.start + 1)
            )

    def _too_many(self, message: str, span: Span | None = None) -> NoReturn:
        hint = "describe what repeats with `foreach`, or allow more with --max-file-size"
        self._stop("E012", message, span or _at(self.file, 1, 1), hint)

    def _stop(self, code: str, message: str, span: Span | None, hint: str = "") -> NoReturn:
        self.report(Diagnostic(code=code, message=message, span=span, hint=hint))
        raise _StopError

    def _span(self, event: Located) -> Span:
        return self._ruler.span(event.start_mark.index, event.end_mark.index)

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
        text = event.value
        place: Place = (self._ruler, event.start_mark.index, event.end_mark.index)
        frame = self._frames[-1] if self._frames else None
        is_key = frame is not None and frame.is_mapping and frame.key is None and not frame.drop_next
        style = event.style or ""
        value: Scalar = text
        if event.tag is not None:
            style = style or "'"
            if event.tag != _STR_TAG:
                place = self._bad_tag(event)
                value = _SPOILED
        elif not style:
            if is_key and text == MERGE_KEY and not self._is_first_merge(self._frames[-1], self._span(event)):
                return
            value = self._plain[text] if text in self._plain else self._resolve(event, is_key)
        node = ScalarNode(value, place, text, style)
        if event.anchor is not None:
            self._anchors[event.anchor] = Anchored(node, 1, 0)
        if frame is None:
            self._finish(node)
            return
        frame.count += 1
        if is_key:
            self._take_key(frame, node)
        else:
            frame.take(node)

    def _resolve(self, event: ScalarLike, is_key: bool) -> Scalar:
        """The value of a plain scalar, remembered unless something is wrong with it."""
        text = event.value
        if _is_cut(text) and _COMMENT.match(self.text, event.end_mark.index):
            message, hint = "` #` begins a comment and cuts off this expression", "put the whole value in quotes"
            self.report(Diagnostic(code="E202", message=message, span=self._span(event), hint=hint))
            return _SPOILED
        try:
            value = resolve_plain(text)
        except ScalarRefusedError as err:
            if is_key:
                return 0
            self.report(Diagnostic(code=err.code, message=err.message, span=self._span(event), hint=err.hint))
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
        frame = Frame(event.start_mark.index, event.anchor, is_mapping, bool(event.flow_style))
        frame.spoiled = spoiled
        if is_mapping and event.flow_style and not self._jinja_depth and self._frames:
            self._check_bare_jinja(self._frames[-1], event)
        self._frames.append(frame)

    def _check_bare_jinja(self, outer: Frame, inner: StartLike) -> None:
        """A flow mapping that is a key, its brace right after another, is `{{ x }}` without its dollar sign."""
        if not (outer.is_mapping and outer.is_flow and outer.key is None and not outer.drop_next):
            return
        if outer.start + 1 == inner.start_mark.index:
            outer.spoiled = self._ruler.span(outer.start, outer.start + 2)
            self.report(bare_jinja(outer.spoiled))
            self._jinja_depth = len(self._frames)

    def _on_end(self, event: Located) -> None:
        if self._jinja_depth == len(self._frames):
            self._jinja_depth = 0
        frame = self._frames.pop()
        self._check_entries(frame)
        place = (self._ruler, frame.start, event.end_mark.index)
        node: Node
        if frame.spoiled is not None:
            node = ScalarNode(_SPOILED, frame.spoiled, "{{", "'")
        elif frame.is_mapping:
            node = MappingNode(tuple(frame.keys), tuple(frame.values), place)
        else:
            node = SequenceNode(tuple(frame.values), place)
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
        if not isinstance(node, ScalarNode):
            frame.drop_next = True
            self._bad_key(node)
            return
        name = node.value
        if not isinstance(name, str):
            self._bad_key(node)
            name, node = node.raw, ScalarNode(node.raw, node.span, node.raw, node.style)
        elif not node.style and _is_cut(name):
            frame.drop_next = True
            self._cut_expression(frame, node)
            return
        first = frame.seen.setdefault(name, node)
        if first is not node:
            frame.drop_next = True
            message = f"key `{name}` stands here a second time"
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

    def _is_first_merge(self, frame: Frame, span: Span) -> bool:
        """Report a merge key; the first of a mapping stays a key, so that nobody misses what it was to bring."""
        hint = "share options with `defaults` or `extends`"
        self.report(Diagnostic(code="E006", message="the merge key `<<` is not understood", span=span, hint=hint))
        frame.drop_next = MERGE_KEY in frame.seen
        return not frame.drop_next

    def _bad_tag(self, event: Located) -> Span:
        """Report a tag; returns where it stands, after an anchor or before one."""
        index = event.start_mark.index
        found = _TAG.match(self.text, index)
        first, last = (found.start("tag"), found.end("tag")) if found else (index, index + 1)
        span = self._ruler.span(first, last)
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


def _is_cut(text: str) -> bool:
    """Whether an expression begins in a text and does not end there."""
    return "${{" in text and text.rfind("${{") > text.rfind("}}")


def _at(file: str, line: int, column: int) -> Span:
    return Span(file, Position(line, column), Position(line, column))
