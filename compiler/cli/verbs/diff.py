"""`treadle diff`: what differs between two plans."""

from __future__ import annotations

import argparse
from collections.abc import Iterator, Sequence

from compiler.cli.arguments import UsageError, add_config, add_json, add_planning, add_set
from compiler.cli.console import BOLD, Console, Exit
from compiler.cli.prospects import UNKNOWN
from compiler.cli.snapshots import snapshot_of
from compiler.cli.tables import table
from compiler.planner.differences import Differences, Snapshot, compare
from compiler.rendering.text import printable, wrap
from runtime.quantities import counted, dollars, format_size, seconds_text

DESCRIPTION = """\
Compares two plans: plans in files, bundles, or manifests, which are planned first, in any combination. Shows instances
that are new or gone, changed code and edges, who runs what on another worker, sizes, and where the run starts; and what
was expected of either. A worker with the same tasks under another id is the same worker, and expected figures alone,
which follow the history, make no difference.
Ends with 0 when both are the same plan, with 3 when they differ."""
EPILOG = """\
examples:
  treadle diff plan.json new.json
  treadle diff plan.json workflow.yaml --planner wukong
  treadle diff build/old build/new
  treadle diff old.yaml workflow.yaml --json
"""

LABEL = 11
SHOWN = 12


def configure(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("old", metavar="OLD", help="a plan's FILE, a bundle's folder, or a manifest")
    parser.add_argument("new", metavar="NEW", help="another FILE or folder")
    add_planning(parser)
    add_set(parser)
    add_config(parser)
    add_json(parser)


def run(args: argparse.Namespace, console: Console) -> int:
    if args.old == args.new == "-":
        raise UsageError("standard input is one plan, not two")
    (old_kind, old), (new_kind, new) = (snapshot_of(file, args, console) for file in (args.old, args.new))
    found = compare(old, new)
    if console.is_json:
        sides = {
            side: {"file": file, "kind": kind, "name": one.name, "planner": one.planner}
            for side, file, kind, one in (("old", args.old, old_kind, old), ("new", args.new, new_kind, new))
        }
        console.json({**sides, **as_json(found)})
    else:
        console.say(console.paint(f"{printable(args.old)} → {printable(args.new)}", BOLD))
        for line in _lines(old, new, found, console.width):
            console.say(line)
    return Exit.OK if found.are_none else Exit.DIFFERENCE


def as_json(found: Differences) -> dict[str, object]:
    """Everything that differs, and the figures of both; null where one does not say."""
    return {
        "equal": found.are_none,
        "added": list(found.added),
        "removed": list(found.removed),
        "code": list(found.code),
        "edges": list(found.edges),
        "moved": [{"from": one.old, "to": one.new, "instances": list(one.instances)} for one in found.moved],
        "renamed": dict(found.renamed),
        "workers_added": list(found.workers_added),
        "workers_removed": list(found.workers_removed),
        "resized": [
            {"worker": one.worker, "old": one.old, "new": one.new, "instances": list(one.instances)}
            for one in found.resized
        ],
        "entries": [{"worker": worker, "old": was, "new": now} for worker, was, now in found.entries],
        "figures": {name: {"old": was, "new": now} for name, was, now in found.figures},
    }


def _lines(old: Snapshot, new: Snapshot, found: Differences, width: int) -> Iterator[str]:
    if old.name != new.name:
        yield _row("workflow", f"{printable(old.name)} → {printable(new.name)}")
    planners = old.planner if old.planner == new.planner else f"{old.planner} → {new.planner}"
    yield _row("planner", planners)
    if found.are_none:
        yield _row("plans", f"the same: {counted(len(new.places), 'task')}")
    for label, names in (("new", found.added), ("gone", found.removed), ("code", found.code), ("edges", found.edges)):
        if names:
            yield from _listed(label, names, width)
    if found.renamed:
        yield from _listed("renamed", [f"{worker} → {other}" for worker, other in found.renamed], width)
    if found.workers_added:
        yield from _listed("workers +", found.workers_added, width)
    if found.workers_removed:
        yield from _listed("workers -", found.workers_removed, width)
    if found.moved:
        count = sum(len(one.instances) for one in found.moved)
        yield _row("moved", f"{count:,} of {counted(len(new.places), 'task')}")
        rows = [(f"{one.old} → {one.new}", f"{len(one.instances):,}", _few(one.instances)) for one in found.moved]
        yield from _table(rows, width)
    if found.resized:
        rows = [(one.worker, f"{len(one.instances):,}", f"{one.old} → {one.new}") for one in found.resized]
        yield _row("sizes", counted(len(rows), "change"))
        yield from _table(rows, width)
    for worker, was, now in found.entries[:SHOWN]:
        instead = f"{counted(now, 'task')} instead of {was:,}" if was != now else f"{now:,} other tasks"
        yield _row("entry", f"{printable(worker)} starts with {instead}")
    yield from _more(len(found.entries))
    if found.figures:
        yield ""
        yield from _figures(found, width)


def _figures(found: Differences, width: int) -> Iterator[str]:
    rows = [("EXPECTED", "OLD", "NEW", "")]
    for name, was, now in found.figures:
        change = f"{100 * (now - was) / was:+.0f} %" if was and now is not None else ""
        rows.append((name.removesuffix("_usd").replace("_", " "), _figure(name, was), _figure(name, now), change))
    for line in table(rows, width - 2, left=(0,)):
        yield f"  {line}"


def _figure(name: str, value: float | None) -> str:
    if value is None:
        return UNKNOWN
    if name == "cost_usd":
        return dollars(value)
    if name == "bytes_moved":
        return format_size(value)
    return f"{value:,.0f}" if name.endswith(("starts", "workers")) else seconds_text(value)


def _table(rows: Sequence[tuple[str, str, str]], width: int) -> Iterator[str]:
    shown = [tuple(map(printable, row)) for row in rows[:SHOWN]]
    for line in table(shown, width - 4, left=(0, 2)):
        yield f"    {line}"
    yield from _more(len(rows))


def _more(count: int) -> Iterator[str]:
    if count > SHOWN:
        yield f"    … and {count - SHOWN:,} more"


def _listed(label: str, names: Sequence[str], width: int) -> Iterator[str]:
    first, *rest = wrap(f"{len(names):,}: {printable(_few(names))}", max(20, width - LABEL - 4))
    yield _row(label, first)
    yield from (_row("", row) for row in rest)


def _few(names: Sequence[str]) -> str:
    """The first of them, and how many there are more."""
    more = f" and {len(names) - SHOWN:,} more" if len(names) > SHOWN else ""
    return ", ".join(names[:SHOWN]) + more


def _row(label: str, text: str) -> str:
    return f"  {label:<{LABEL}}{text}"
