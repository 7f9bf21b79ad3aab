"""What an import made of every recorded task, second and byte: nothing is dropped without a word."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import asdict, dataclass

from compiler.importers.scales import Scales
from compiler.importers.timeouts import Timeouts
from compiler.importers.trace import Trace, Wiring
from compiler.importers.volumes import Volumes
from runtime.quantities import format_size

SHOWN_NOTES = 12


@dataclass(frozen=True, slots=True, kw_only=True)
class Account:
    """Figures of a trace. Each byte read is one of an edge or from outside; each byte written is that of an output.

    `bytes_read` is what the readers recorded, `edge_bytes` what goes along edges: what was written counts. `…_scaled`
    is what the manifest makes of them, which drops what is left of a byte for each file.
    """

    tasks: int
    seconds: float
    seconds_scaled: float
    edges: int
    edge_bytes: int
    edge_bytes_scaled: int
    controls: int
    outside_reads: int
    outside_bytes: int
    outside_bytes_scaled: int
    bytes_read: int
    bytes_written: int
    bytes_written_scaled: int
    files_written: int
    timeouts: int
    """Programs whose tasks have a timeout of their own."""
    too_long: int
    fitting_time_scale: float | None
    """Where tasks take longer than any invocation lasts: how many, and a scale that leaves them room."""
    too_large: int
    fitting_bytes_scale: float | None
    """Where tasks have files of more than any environment holds: as many, and such a scale."""

    @classmethod
    def of(cls, trace: Trace, wiring: Wiring, scales: Scales) -> Account:
        seconds = sum(task.runtime_s for task in trace.tasks)
        moved = [one.bytes for one in wiring.transfers]
        written = [size for task in trace.tasks for size in task.writes.values()]
        timeouts, volumes = Timeouts.of(trace, scales), Volumes.of(trace, scales)
        outside = [sum(files.values()) for files in wiring.outside.values()]
        return cls(
            tasks=len(trace.tasks),
            seconds=seconds,
            seconds_scaled=seconds * scales.time,
            edges=len(moved),
            edge_bytes=sum(moved),
            edge_bytes_scaled=sum(map(scales.size, moved)),
            controls=len(wiring.controls),
            outside_reads=sum(map(len, wiring.outside.values())),
            outside_bytes=sum(outside),
            outside_bytes_scaled=sum(map(scales.size, outside)),
            bytes_read=sum(sum(task.reads.values()) for task in trace.tasks),
            bytes_written=sum(written),
            bytes_written_scaled=sum(map(scales.size, written)),
            files_written=len(written),
            timeouts=len(timeouts.by_category),
            too_long=timeouts.too_long,
            fitting_time_scale=timeouts.fitting_scale,
            too_large=volumes.too_large,
            fitting_bytes_scale=volumes.fitting_scale,
        )


def account_lines(trace: Trace, wiring: Wiring, scales: Scales) -> Iterator[str]:
    """For people: what was recorded, and what becomes of it."""
    found = Account.of(trace, wiring, scales)
    yield f"  tasks     {found.tasks:>7,}  {found.seconds:,.1f} s, of which {found.seconds_scaled:,.3f} s are left"
    yield f"  edges     {found.edges:>7,}  {_sizes(found.edge_bytes, found.edge_bytes_scaled)}"
    yield f"  outputs   {found.files_written:>7,}  {_sizes(found.bytes_written, found.bytes_written_scaled)}"
    yield f"  outside   {found.outside_reads:>7,}  {_sizes(found.outside_bytes, found.outside_bytes_scaled)}"
    yield f"  waits     {found.controls:>7,}  for a task that gives no file"
    if trace.unused:
        yield f"  not used  {', '.join(f'{field} ({count:,})' for field, count in trace.unused.items())}"
    notes = _notes(trace, wiring, scales)
    yield from (f"  note      {note}" for note in notes[:SHOWN_NOTES])
    if len(notes) > SHOWN_NOTES:
        yield f"  note      and {len(notes) - SHOWN_NOTES:,} more, which --json lists"


def _notes(trace: Trace, wiring: Wiring, scales: Scales) -> list[str]:
    """What keeps the manifest from running as it is comes first."""
    hindering = filter(None, (Timeouts.of(trace, scales).note(), Volumes.of(trace, scales).note()))
    return [*hindering, *trace.notes, *wiring.notes]


def _sizes(size: int, scaled: int) -> str:
    return f"{format_size(size)}, of which {format_size(scaled)} are left"


def account_object(trace: Trace, wiring: Wiring, scales: Scales) -> dict[str, object]:
    """For programs."""
    return {
        **asdict(Account.of(trace, wiring, scales)),
        "time_scale": scales.time,
        "bytes_scale": scales.bytes,
        "recorded_makespan_s": trace.makespan_s,
        "unused": dict(trace.unused),
        "notes": _notes(trace, wiring, scales),
    }
