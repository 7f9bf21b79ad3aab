"""Are promises kept? Many runs of short workflows, each promised from the history before it, and how many kept within.

    python -m tests.benchmarks.calibration [--folder DIR] [--runs 400] [--warm-up 20] [--workflows chain,wordcount]
        [--planners simple] [--environments 4] [--link lambda]

`--runs` are counted, shared out among workflows and planners; each of those begins with `--warm-up` runs that only
leave a history. Every run has a service of its own, as `treadle run` gives it: every environment begins cold. What the
history says before a run is what its promise is made from, by the code that `treadle run` uses.

Timelines are kept in `--folder` (a temporary one when none is named): what is there is not run again, so a stopped
campaign goes on, and changed statistics are judged on the same runs (of planners that look at the history for their
plans, on runs of the plans that were made then).

Printed: the median of what was promised at a percentile, beside that percentile of the runs; the share of runs within
what was promised, with its interval; and a histogram of the percentile at which each run fell, which is flat when
promises are right.
"""

from __future__ import annotations

import argparse
import os
import sys
import tempfile
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from compiler.graph.model import Graph
from compiler.pipeline import CompileOptions, build_workflow, expand_workflow, plan_graph
from runtime.bundle import LoadedBundle
from runtime.config import LocalSettings, WorkerSettings
from runtime.history.calibration import coverages, histogram
from runtime.history.gathering import history_of
from runtime.history.records import GraphHistory, merge_graphs
from runtime.history.remembering import code_of
from runtime.history.view import History
from runtime.launcher import Target, launch
from runtime.links import NO_LINK, LinkShape, parse_link
from runtime.local.stack import ensure_stack
from runtime.promise import Promise
from runtime.timeline import Timeline, decode_timeline, encode_timeline
from tests.benchmarks.traces import table

MANIFESTS = Path(__file__).parents[2] / "manifests"
PERCENTS = (50, 90, 95)
BINS = 20
ALL = "all"
WIDTH = 40
CHAIN = """\
spec: 1
name: chain
tasks:
  first: {call: "links:link", args: [0]}
  second: {call: "links:link", args: ["${{ tasks.first }}"]}
  third: {call: "links:link", args: ["${{ tasks.second }}"]}
  fourth: {call: "links:link", args: ["${{ tasks.third }}"]}
result: ${{ tasks.fourth }}
"""
LINKS = """\
import hashlib


def link(before):
    found = str(before).encode()
    for _ in range(20_000):
        found = hashlib.sha256(found).digest()
    return found.hex()
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Subject:
    """One workflow with one planner."""

    name: str
    graph: Graph
    options: CompileOptions

    def bundle(self, history: History) -> LoadedBundle:
        """What would be launched when this is known, with its promise."""
        options = replace(self.options, recall=lambda signature, marks: history)
        return build_workflow(plan_graph(self.graph, options), promises=True).loaded


@dataclass(frozen=True, slots=True, kw_only=True)
class Kept:
    """One run: what was promised of it, and what it took."""

    promise: Promise
    makespan_s: float

    @property
    def rank(self) -> int:
        return self.promise.rank(self.makespan_s)


def subjects(args: argparse.Namespace, folder: Path) -> Iterator[Subject]:
    for name in args.workflows.split(","):
        place = _chain(folder) if name == "chain" else MANIFESTS / name
        for planner in args.planners.split(","):
            options = CompileOptions(
                planner=planner,
                concurrency=args.environments,
                cores=os.cpu_count() or 1,
                link=parse_link(args.link),
            )
            yield Subject(name=name, graph=expand_workflow(place / "workflow.yaml", options), options=options)


def _chain(folder: Path) -> Path:
    own = folder / "chain"
    own.mkdir(parents=True, exist_ok=True)
    (own / "workflow.yaml").write_text(CHAIN)
    (own / "links.py").write_text(LINKS)
    return own


def campaign(subject: Subject, folder: Path, *, warm_up: int, runs: int) -> list[Kept]:
    """Run after run, each promised from those before it. The promises of the counted ones, and what came of them."""
    own = folder / f"{subject.name}.{subject.options.planner}.{subject.options.link.text}"
    own.mkdir(parents=True, exist_ok=True)
    graph: GraphHistory | None = None
    found = []
    for number in range(warm_up + runs):
        bundle = subject.bundle(History() if graph is None else History(graphs={graph.signature: graph}))
        timeline = _timeline(own / f"{number:04}.json", bundle, subject.options)
        if bundle.promise is not None and number >= warm_up:
            found.append(Kept(promise=bundle.promise, makespan_s=timeline.makespan_s))
        new = history_of(timeline, code_of(bundle), "succeeded", bundle.promise)
        graph = new if graph is None else merge_graphs([graph, new])
    return found


def _timeline(path: Path, bundle: LoadedBundle, options: CompileOptions) -> Timeline:
    if not path.exists():
        path.with_suffix(".part").write_bytes(encode_timeline(_run(bundle, options.concurrency, options.link)))
        path.with_suffix(".part").rename(path)
    return decode_timeline(path.read_bytes())


def _run(bundle: LoadedBundle, environments: int, link: LinkShape) -> Timeline:
    with ensure_stack(LocalSettings(concurrency_limit=environments, link=link.text)) as stack:
        target = Target(redis_url=stack.redis_url, lambda_endpoint=stack.lambda_endpoint, link=link.text)
        result = launch(bundle, target, WorkerSettings(fan_out=environments))
    assert result.timeline is not None, "a run that was followed to its end has a timeline"
    return result.timeline


def coverage_rows(found: Mapping[str, Sequence[Kept]]) -> Iterator[Sequence[str]]:
    yield ("workflow", "runs", "percentile", "promised", "real", "off", "within", "interval of 95 %", "")
    for title, runs in found.items():
        for one in coverages(Counter(run.rank for run in runs), PERCENTS):
            times = _times(runs, one.percentile) if title != ALL else ("", "", "")
            yield (
                title,
                f"{one.runs:,}",
                f"p{one.percentile}",
                *times,
                f"{one.share:.1%}",
                f"{one.low:.1%} to {one.high:.1%}",
                "" if one.is_right else "not right",
            )


def _times(runs: Sequence[Kept], percentile: int) -> tuple[str, str, str]:
    """The median of what was promised at a percentile, that percentile of the runs, and how far off the first is."""
    promised = float(np.median([run.promise.within(percentile) for run in runs]))
    real = float(np.percentile([run.makespan_s for run in runs], percentile))
    return f"{promised:.3f} s", f"{real:.3f} s", f"{promised / real - 1:+.1%}"


def ranks_text(runs: Sequence[Kept]) -> Iterator[str]:
    """Runs by where they fell, a line for each twentieth of the promise."""
    counts = histogram(Counter(run.rank for run in runs), BINS)
    for number, count in enumerate(counts):
        low, high = 100 * number // BINS, 100 * (number + 1) // BINS
        yield f"  {low:>3} to {high:<3} {count:>4}  {'█' * round(WIDTH * count / max(counts))}"


def main(argv: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.benchmarks.calibration")
    parser.add_argument("--folder", type=Path)
    parser.add_argument("--runs", type=int, default=400)
    parser.add_argument("--warm-up", type=int, default=20)
    parser.add_argument("--workflows", default="chain,wordcount")
    parser.add_argument("--planners", default="simple")
    parser.add_argument("--environments", type=int, default=4)
    parser.add_argument("--link", default=NO_LINK)
    args = parser.parse_args(argv)
    found: dict[str, list[Kept]] = {}
    with tempfile.TemporaryDirectory() as temporary:
        folder = args.folder or Path(temporary)
        os.environ["XDG_STATE_HOME"] = str(Path(temporary) / "state")
        chosen = list(subjects(args, folder))
        for subject in chosen:
            title = f"{subject.name} ({subject.options.planner})"
            found[title] = campaign(subject, folder, warm_up=args.warm_up, runs=args.runs // len(chosen))
            print(title, file=sys.stderr, flush=True)
    every = [run for runs in found.values() for run in runs]
    print(f"{len(every)} runs, each promised from those before it; {args.environments} environments; link {args.link}")
    print(table(list(coverage_rows({**found, ALL: every}))))
    print("\nruns by the percentile of their promise at which they fell")
    print("\n".join(ranks_text(every)))
    return 0


if __name__ == "__main__":
    sys.exit(main())
