"""PyYAML's event stream: libyaml's, or that of the scanner written in Python."""

from __future__ import annotations

from typing import Any, Protocol

import yaml


class EventSource(Protocol):
    """Where events come from: libyaml, or PyYAML's pure scanner."""

    def get_event(self) -> Any: ...


class Located(Protocol):
    """An event as the scanners give it: always with its marks, which PyYAML's own types leave open."""

    start_mark: yaml.Mark
    end_mark: yaml.Mark


class AliasLike(Located, Protocol):
    anchor: str


class ScalarLike(Located, Protocol):
    anchor: str | None
    tag: str | None
    value: str
    style: str | None


class StartLike(Located, Protocol):
    anchor: str | None
    tag: str | None
    flow_style: bool | None


def event_source(text: str, *, pure: bool = False) -> EventSource:
    """libyaml's parser where PyYAML has it, else (or when `pure`) the scanner written in Python."""
    loader = yaml.BaseLoader if pure or not yaml.__with_libyaml__ else yaml.CBaseLoader
    source: EventSource = loader(text)
    return source


def count_events(text: str) -> int:
    """How many events libyaml finds in a text, without making them; 0 when it finds a mistake, or is not there."""
    if not yaml.__with_libyaml__:
        return 0
    parser: Any = yaml.CBaseLoader(text)
    try:
        return int(parser.raw_parse())
    except yaml.YAMLError:
        return 0
