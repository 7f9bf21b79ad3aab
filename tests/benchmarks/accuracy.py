"""How near do simulation and prediction come to real runs, after a history of some runs of the same workflow?

    python -m tests.benchmarks.accuracy [--folder DIR] [--runs 20] [--check 20] [--workflows gemm,wordcount,…]
        [--traces FILE…] [--planners simple,wukong] [--environments 4]

Every workflow is run `--runs` + `--check` times for real, each time on a service of its own, as `treadle run` does:
every environment begins cold. Of the first runs the history is made from which the makespan and the span kinds are
predicted; with the others they are compared. A trace is a file in WfFormat 1.4, imported with its times and bytes
scaled so that a run takes about a second.

Timelines are kept in `--folder` (a temporary one when none is named): what is there is not run again, so a stopped
campaign goes on, and a changed model is judged on the same runs.

Printed: for each workflow and planner the makespan at p50 and p95, predicted and real, with the error, and how far the
medians of the two halves of the real runs are apart, which no prediction can better; then the mean of each span kind.
"""

from __future__ import annotations

import argparse
import io
import os
import sys
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import redirect_stdout
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from compiler.cli import main as treadle
from compiler.emit.bundle import Build
from compiler.pipeline import CompileOptions, compile_workflow
from compiler.predict.predictions import Predictions, predict
from compiler.simulate.estimate import sample_makespans
from compiler.simulate.workload import Workload
from compiler.simulate.world import simulate
from runtime.config import LocalSettings, WorkerSettings
from runtime.history.gathering import history_of
from runtime.history.records import merge_graphs
from runtime.history.remembering import code_of
from runtime.history.view import History
from runtime.launcher import Target, launch
from runtime.local.stack import ensure_stack
from runtime.timeline import Timeline, decode_timeline, encode_timeline
from tests.benchmarks.kinds import COUNTED, KINDS, mean_kinds
from tests.benchmarks.traces import table

MANIFESTS = Path(__file__).parents[2] / "manifests"
WORKFLOWS = "wordcount,gemm,tree_reduction,image_pipeline,train_test"
TRACE_WORK_S = 3.0
TRACE_BYTES = 3e7
DRAWS = 200
SIMULATED = 12


@dataclass(frozen=True, slots=True, kw_only=True)
class Subject:
    """One workflow with one planner."""

    name: str
    planner: str
    build: Build

    @property
    def title(self) -> str:
        return f"{self.name} ({self.planner})"


@dataclass(frozen=True, slots=True, kw_only=True)
class Accuracy:
    """Predicted and real, in seconds: the makespans, and the means of the span kinds."""

    subject: Subject
    learned: np.ndarray
    predicted: np.ndarray
    real: np.ndarray
    predicted_kinds: dict[str, float]
    real_kinds: dict[str, float]

    def error(self, percent: float) -> float:
        return float(np.percentile(self.predicted, percent) / np.percentile(self.real, percent) - 1)

    @property
    def noise(self) -> float:
        return float(np.median(self.learned) / np.median(self.real) - 1)


def subjects(args: argparse.Namespace, folder: Path) -> Iterator[Subject]:
    places = [(name, MANIFESTS / name / "workflow.yaml") for name in filter(None, args.workflows.split(","))]
    places += [(path.stem, _imported(path, folder)) for path in args.traces]
    for name, path in places:
        for planner in args.planners.split(","):
            options = CompileOptions(planner=planner, concurrency=args.environments)
            yield Subject(name=name, planner=planner, build=compile_workflow(path, options))


def _imported(path: Path, folder: Path) -> Path:
    """A trace as a manifest, scaled; one that was imported before stays."""
    own = folder / "imported" / path.stem
    if not own.exists():
        with redirect_stdout(io.StringIO()):
            scales = scaled_for(path, TRACE_WORK_S, TRACE_BYTES)
            if treadle(["import", "wfformat", str(path), "-o", str(own), *scales, "--json"]):
                raise SystemExit(f"{path.name} cannot be imported")
    return own / "workflow.yaml"


def scaled_for(path: Path, work_s: float, size: float) -> tuple[str, ...]:
    """The scales with which the tasks of a trace take so long together and move so many bytes."""
    from compiler.importers.account import Account
    from compiler.importers.edges import wire
    from compiler.importers.scales import Scales
    from compiler.importers.wfformat import read_wfformat

    trace = read_wfformat(path.read_text())
    whole = Account.of(trace, wire(trace), Scales())
    moved = whole.edge_bytes + whole.outside_bytes
    time, scale = min(1.0, work_s / whole.seconds), min(1.0, size / max(1, moved))
    return "--time-scale", repr(time), "--bytes-scale", repr(scale)


def real_runs(subject: Subject, folder: Path, count: int, environments: int) -> list[Timeline]:
    """So many timelines of real runs: those that are kept, and new ones."""
    own = folder / f"{subject.name}.{subject.planner}.{subject.build.loaded.graph_signature[:8]}"
    own.mkdir(parents=True, exist_ok=True)
    found = []
    for number in range(count):
        path = own / f"{number:04}.json"
        if not path.exists():
            path.with_suffix(".part").write_bytes(encode_timeline(run_once(subject, environments)))
            path.with_suffix(".part").rename(path)
        found.append(decode_timeline(path.read_bytes()))
    return found


def run_once(subject: Subject, environments: int) -> Timeline:
    """One run on a service of its own."""
    with ensure_stack(LocalSettings(concurrency_limit=environments)) as stack:
        target = Target(redis_url=stack.redis_url, lambda_endpoint=stack.lambda_endpoint)
        result = launch(subject.build.loaded, target, WorkerSettings(fan_out=environments))
    assert result.timeline is not None, "a run that was followed to its end has a timeline"
    return result.timeline


def learned(subject: Subject, timelines: Sequence[Timeline]) -> Predictions:
    """Predictions from the history of these runs."""
    bundle, graph = subject.build.loaded, subject.build.graph
    code = code_of(bundle)
    history = merge_graphs([history_of(one, code, "succeeded") for one in timelines])
    fingerprints = [code.fingerprints[family.task] for family in graph.families]
    return predict(graph, fingerprints, History(graphs={history.signature: history}))


def compare(subject: Subject, before: Sequence[Timeline], after: Sequence[Timeline], environments: int) -> Accuracy:
    predictions = learned(subject, before)
    workload = Workload(source=subject.build.graph, plan=subject.build.plan)
    conditions = predictions.conditions(concurrency=environments, cores=float(os.cpu_count() or 1))
    draws = predictions.draws(subject.build.plan, DRAWS)
    simulated = [simulate(workload, conditions, draws.draw(number)).timeline for number in range(SIMULATED)]
    return Accuracy(
        subject=subject,
        learned=np.array([one.makespan_s for one in before]),
        predicted=sample_makespans(workload, conditions, draws),
        real=np.array([one.makespan_s for one in after]),
        predicted_kinds=dict(mean_kinds(simulated)),
        real_kinds=dict(mean_kinds(after)),
    )


def makespan_rows(found: Sequence[Accuracy]) -> Iterator[Sequence[str]]:
    yield ("workflow", "tasks", "predicted p50", "real p50", "error", "noise", "predicted p95", "real p95", "error")
    for one in found:
        p50, p95 = (np.percentile(one.predicted, (50, 95)), np.percentile(one.real, (50, 95)))
        yield (
            one.subject.title,
            f"{len(one.subject.build.graph):,}",
            f"{p50[0]:.3f} s",
            f"{p95[0]:.3f} s",
            f"{one.error(50):+.1%}",
            f"{one.noise:+.1%}",
            f"{p50[1]:.3f} s",
            f"{p95[1]:.3f} s",
            f"{one.error(95):+.1%}",
        )


def kind_rows(found: Sequence[Accuracy]) -> Iterator[Sequence[str]]:
    """A row for each workflow's kind that either of the two has."""
    yield ("workflow", "kind", "predicted", "real", "difference", "of the lifetime")
    for one in found:
        for kind in KINDS:
            predicted, real = one.predicted_kinds[kind], one.real_kinds[kind]
            if kind in COUNTED:
                yield one.subject.title, kind, f"{predicted:.1f}", f"{real:.1f}", f"{predicted - real:+.1f}", ""
            elif max(predicted, real) > 0.0005:
                apart = predicted - real
                share = apart / one.real_kinds["lifetime"]
                yield (
                    one.subject.title,
                    kind,
                    *(f"{value * 1000:.1f} ms" for value in (predicted, real, apart)),
                    f"{share:+.1%}",
                )


def main(argv: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.benchmarks.accuracy")
    parser.add_argument("--folder", type=Path)
    parser.add_argument("--runs", type=int, default=20)
    parser.add_argument("--check", type=int, default=20)
    parser.add_argument("--workflows", default=WORKFLOWS)
    parser.add_argument("--traces", type=Path, nargs="*", default=[])
    parser.add_argument("--planners", default="simple")
    parser.add_argument("--environments", type=int, default=4)
    args = parser.parse_args(argv)
    found: list[Accuracy] = []
    with tempfile.TemporaryDirectory() as temporary:
        folder = args.folder or Path(temporary)
        os.environ["XDG_STATE_HOME"] = str(Path(temporary) / "state")
        for subject in subjects(args, folder):
            timelines = real_runs(subject, folder, args.runs + args.check, args.environments)
            before, after = timelines[: args.runs], timelines[args.runs :]
            found.append(compare(subject, before, after, args.environments))
            print(subject.title, file=sys.stderr, flush=True)
    print(f"history of {args.runs} runs, beside {args.check} others; {args.environments} environments")
    print(table(list(makespan_rows(found))))
    print()
    print(table(list(kind_rows(found))))
    return 0


if __name__ == "__main__":
    sys.exit(main())
