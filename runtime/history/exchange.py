"""A history as one file, to be taken to another deployment or machine: a head, then documents, each behind its length.

    b"treadle histories 1\\n", then for each graph: 8 bytes of length, document

Importing adds. A graph some of whose runs are known here already is left alone, since nobody could take their share
out again; so is one whose very document was imported before. What is not readable is left out and said.
"""

from __future__ import annotations

import hashlib
import struct
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from runtime.errors import RuntimeFault
from runtime.history.codec import HistoryNewer, HistoryUnreadable, decode_graph, encode_graph
from runtime.history.records import GraphHistory, merge_graphs
from runtime.history.store import Documents, Head, HistoryStore

MAGIC = b"treadle histories "
VERSION = 1
LENGTH = struct.Struct(">Q")


class ExportUnreadable(RuntimeFault):
    """A file that is no export of a history, or a damaged one."""

    code = "history-unreadable"


@dataclass(frozen=True, slots=True, kw_only=True)
class Imported:
    """What became of the graphs of a file. `known` had runs that are counted here already."""

    added: tuple[GraphHistory, ...]
    known: tuple[GraphHistory, ...]
    newer: int


def export(graphs: Sequence[GraphHistory]) -> bytes:
    """The file of these graphs: the same bytes for the same histories."""
    documents = [encode_graph(graph) for graph in sorted(graphs, key=lambda graph: graph.signature)]
    return b"".join([b"%s%d\n" % (MAGIC, VERSION), *(LENGTH.pack(len(data)) + data for data in documents)])


def import_into(store: HistoryStore, data: bytes) -> Imported:
    """Add what a file holds. Raises `ExportUnreadable` before anything is added when a part of it is damaged."""
    graphs, newer = _graphs(data)
    added: list[GraphHistory] = []
    known: list[GraphHistory] = []
    for graph in graphs:
        (added if _add(store, graph) else known).append(graph)
    return Imported(added=tuple(added), known=tuple(known), newer=newer)


def _add(store: HistoryStore, graph: GraphHistory) -> bool:
    here = Documents.of(graph.signature, store.read(graph.signature)).graphs
    runs = {(row.run, row.at) for row in merge_graphs(here).runs} if here else set()
    if runs & {(row.run, row.at) for row in graph.runs}:
        return False
    data = encode_graph(graph)
    return store.add(Head.of(graph), f"import {hashlib.sha256(data).hexdigest()}", data)


def _graphs(data: bytes) -> tuple[list[GraphHistory], int]:
    graphs: list[GraphHistory] = []
    newer = 0
    for document in _documents(data):
        try:
            graphs.append(decode_graph(document))
        except HistoryNewer:
            newer += 1
        except HistoryUnreadable as err:
            raise ExportUnreadable(f"part {len(graphs) + newer + 1} of the file is damaged: {err.message}") from err
    return graphs, newer


def _documents(data: bytes) -> Iterator[bytes]:
    version, newline, _ = data.removeprefix(MAGIC)[:10].partition(b"\n")
    if not data.startswith(MAGIC) or not newline or not version.isdigit():
        raise ExportUnreadable("it is no exported history", hint="`treadle history export FILE` writes one")
    if int(version) > VERSION:
        raise ExportUnreadable(f"it is of version {int(version)}, but this treadle reads {VERSION}")
    at = len(MAGIC) + len(version) + 1
    while at < len(data):
        size = LENGTH.unpack_from(data, at)[0] if at + LENGTH.size <= len(data) else len(data)
        at += LENGTH.size
        if at + size > len(data):
            raise ExportUnreadable("it is cut short", hint="export it again")
        yield data[at : at + size]
        at += size
