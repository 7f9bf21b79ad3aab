"""Recorded runs imported, planned and run: is every recorded second and byte there, and how long do they take?

    python -m tests.benchmarks.traces FOLDER [--work-s 4] [--bytes 5e7] [--planner simple] [--environments 4]

FOLDER holds traces in WfFormat 1.4. Each is scaled so that its tasks take `--work-s` seconds together and read
`--bytes` at most, planned from the recorded run as history, and run once on the local service. Printed: what was
recorded, what no run of the manifest is shorter than (its critical path, and its work over the environments), what the
run was expected to take, from the recorded run and the environments of earlier traces, and what it took. A run whose
spans show less time or fewer bytes than its manifest says is marked: nothing may be lost on the way.
"""

from __future__ import annotations

import argparse
import io
import os
import sys
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import redirect_stdout
from dataclasses import dataclass, replace
from pathlib import Path

from compiler.cli import main as treadle
from compiler.importers.account import Account
from compiler.importers.edges import wire
from compiler.importers.scales import Scales
from compiler.importers.wfformat import read_wfformat
from compiler.pipeline import CompileOptions, build_workflow, compile_workflow, expand_workflow, plan_graph
from runtime.config import LocalSettings, WorkerSettings
from runtime.history.gathering import history_of
from runtime.history.records import GraphHistory
from runtime.history.remembering import code_of
from runtime.history.view import History
from runtime.launcher import Target, launch
from runtime.local.stack import ensure_stack
from runtime.quantities import format_size
from runtime.timeline import Timeline, decode_timeline

SLACK_S = 1e-6


@dataclass(frozen=True, slots=True, kw_only=True)
class Run:
    """One trace: what it holds, the imported timeline, and the measured one."""

    name: str
    account: Account
    imported: Timeline
    expected_s: float
    measured: Timeline
    history: GraphHistory

    def lost(self) -> str:
        """What of the manifest the run does not show, in words; nothing should be."""
        taken = {span.task: span for span in self.measured.spans if span.outcome == "done"}
        for span in self.imported.spans:
            found = taken.get(span.task)
            if found is None or found.exec_s < span.exec_s - SLACK_S:
                return f"time of {span.task}"
            read = sum(one.bytes for one in found.inputs) + found.local_bytes
            if read < sum(one.bytes for one in span.inputs):
                return f"bytes into {span.task}"
            if sum(one.bytes for one in found.outputs) < sum(one.bytes for one in span.outputs):
                return f"bytes out of {span.task}"
        return ""


def run_trace(
    path: Path, folder: Path, target: Target, before: Sequence[GraphHistory], args: argparse.Namespace
) -> Run:
    trace = read_wfformat(path.read_text())
    wiring = wire(trace)
    whole = Account.of(trace, wiring, Scales())
    moved = whole.edge_bytes + whole.outside_bytes
    scales = Scales(
        time=min(1.0, args.work_s / max(whole.seconds, SLACK_S)),
        bytes=min(1.0, args.bytes / max(1, moved)),
        how="sleep",
    )
    own = folder / path.stem
    wanted = ("--time-scale", repr(scales.time), "--bytes-scale", repr(scales.bytes))
    with redirect_stdout(io.StringIO()):
        if treadle(["import", "wfformat", str(path), "-o", str(own), *wanted, "--json"]):
            raise SystemExit(f"{path.name} cannot be imported")
    options = CompileOptions(
        planner=args.planner,
        workers=args.environments,
        concurrency=args.environments,
        cores=os.cpu_count() or 1,
    )
    imported = decode_timeline((own / "timeline.json").read_bytes())
    code = code_of(compile_workflow(own / "workflow.yaml", options).loaded)
    known = History(graphs={one.signature: one for one in (*before, history_of(imported, code, "succeeded"))})
    options = replace(options, recall=lambda signature, marks: known)
    planned = plan_graph(expand_workflow(own / "workflow.yaml", options), options)
    bundle = build_workflow(planned, promises=True).loaded
    assert bundle.promise is not None, "what has run before is promised"
    measured = launch(bundle, target, WorkerSettings(fan_out=args.environments)).timeline
    assert measured is not None, "a run that was followed to its end has a timeline"
    return Run(
        name=path.stem,
        account=Account.of(trace, wiring, scales),
        imported=imported,
        expected_s=bundle.promise.within(50),
        measured=measured,
        history=history_of(measured, code, "succeeded"),
    )


def rows(runs: Sequence[Run], environments: int) -> Iterator[Sequence[str]]:
    yield ("trace", "tasks", "edges", "recorded", "moved", "work", "path", "bound", "expected", "took", "lost")
    for one in runs:
        account, path = one.account, one.imported.makespan_s
        bound = max(path, account.seconds_scaled / environments)
        yield (
            one.name,
            f"{account.tasks:,}",
            f"{account.edges:,}",
            f"{account.seconds:,.0f} s",
            format_size(account.edge_bytes + account.outside_bytes),
            f"{account.seconds_scaled:.2f} s",
            f"{path:.2f} s",
            f"{bound:.2f} s",
            f"{one.expected_s:.2f} s",
            f"{one.measured.makespan_s:.2f} s",
            one.lost() or "nothing",
        )


def table(rows: Sequence[Sequence[str]]) -> str:
    widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]))]
    return "\n".join("  ".join(cell.rjust(width) for cell, width in zip(row, widths, strict=True)) for row in rows)


def main(argv: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.benchmarks.traces")
    parser.add_argument("folder", type=Path)
    parser.add_argument("--work-s", type=float, default=4.0)
    parser.add_argument("--bytes", type=float, default=50e6)
    parser.add_argument("--planner", default="simple")
    parser.add_argument("--environments", type=int, default=4)
    args = parser.parse_args(argv)
    paths = sorted(args.folder.glob("*.json"))
    runs: list[Run] = []
    with (
        tempfile.TemporaryDirectory() as folder,
        ensure_stack(LocalSettings(concurrency_limit=args.environments)) as stack,
    ):
        target = Target(redis_url=stack.redis_url, lambda_endpoint=stack.lambda_endpoint)
        for path in paths:
            runs.append(run_trace(path, Path(folder), target, [one.history for one in runs], args))
            print(path.stem, file=sys.stderr, flush=True)
    print(f"{args.planner}, {args.environments} environments")
    print(table(list(rows(runs, args.environments))))
    return 1 if any(one.lost() for one in runs) else 0


if __name__ == "__main__":
    sys.exit(main())
