"""How near do simulation and prediction come to real runs, after a history of some runs of the same workflow?

    python -m tests.benchmarks.accuracy [--folder DIR] [--runs 20] [--check 20] [--workflows gemm,wordcount,…]
        [--traces FILE…] [--planners simple,wukong] [--environments 4] [--link lambda]

Every workflow is run `--runs` + `--check` times for real, each time on a service of its own, as `treadle run` does:
every environment begins cold. Of the first runs the history is made from which the makespan and the span kinds are
predicted; with the others they are compared. A trace is a file in WfFormat, imported with its times and bytes
scaled so that a run takes about a second.

Timelines are kept in `--folder` (a temporary one when none is named): what is there is not run again, so a stopped
campaign goes on, and a changed model is judged on the same runs.

Printed: for each workflow and planner the makespan at p50 and p95, as simulation alone predicts it, as a plan promises
it (`compiler.planner.recalibration`: set right by how far off simulation was for the runs of the history), and real,
with the errors, and how far the medians of the two halves of the real runs are apart, which no prediction can better;
then the mean of each span kind.
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

import numpy as np

from compiler.cli import main as treadle
from compiler.emit.bundle import Build
from compiler.pipeline import CompileOptions, compile_workflow
from compiler.planner.model import PlanOptions
from compiler.planner.outlook import look_ahead
from compiler.planner.problem import Problem
from compiler.planner.recalibration import recalibrated
from compiler.predict.predictions import predict
from compiler.simulate.workload import Workload
from compiler.simulate.world import simulate
from runtime.config import LocalSettings, WorkerSettings
from runtime.history.gathering import history_of
from runtime.history.records import merge_graphs
from runtime.history.remembering import code_of
from runtime.history.view import History
from runtime.launcher import Target, launch
from runtime.links import NO_LINK, parse_link
from runtime.local.stack import ensure_stack
from runtime.timeline import Timeline, decode_timeline, encode_timeline
from tests.benchmarks.kinds import COUNTED, KINDS, mean_kinds
from tests.benchmarks.traces import table

MANIFESTS = Path(__file__).parents[2] / "manifests"
WORKFLOWS = "wordcount,gemm,text_analysis,image_pipeline,tree_reduction"
TRACE_WORK_S = 3.0
TRACE_BYTES = 3e7
SIMULATED = 12
PERCENTS = (50, 95)
HEADS = ("real", "simulated", "promised")


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
    simulated: np.ndarray
    promised: np.ndarray
    real: np.ndarray
    predicted_kinds: dict[str, float]
    real_kinds: dict[str, float]

    def error(self, predicted: np.ndarray, percent: float) -> float:
        return float(np.percentile(predicted, percent) / np.percentile(self.real, percent) - 1)

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


def real_runs(subject: Subject, folder: Path, args: argparse.Namespace) -> list[Timeline]:
    """The timelines of real runs: those that are kept, and new ones."""
    own = folder / f"{subject.name}.{subject.planner}.{subject.build.loaded.graph_signature[:8]}"
    if args.link != NO_LINK:
        own = own.with_name(f"{own.name}.{args.link}")
    own.mkdir(parents=True, exist_ok=True)
    found = []
    for number in range(args.runs + args.check):
        path = own / f"{number:04}.json"
        if not path.exists():
            path.with_suffix(".part").write_bytes(encode_timeline(run_once(subject, args.environments, args.link)))
            path.with_suffix(".part").rename(path)
        found.append(decode_timeline(path.read_bytes()))
    return found


def run_once(subject: Subject, environments: int, link: str) -> Timeline:
    """One run on a service of its own."""
    settings = LocalSettings(concurrency_limit=environments, link=link)
    with ensure_stack(settings) as stack:
        target = Target(redis_url=stack.redis_url, lambda_endpoint=stack.lambda_endpoint, link=settings.link_shape.text)
        result = launch(subject.build.loaded, target, WorkerSettings(fan_out=environments))
    assert result.timeline is not None, "a run that was followed to its end has a timeline"
    return result.timeline


def problem_after(subject: Subject, timelines: Sequence[Timeline], args: argparse.Namespace) -> Problem:
    """What a planner is asked after these runs."""
    bundle, graph = subject.build.loaded, subject.build.graph
    code = code_of(bundle)
    history = merge_graphs([history_of(one, code, "succeeded") for one in timelines])
    fingerprints = [code.fingerprints[family.task] for family in graph.families]
    known = predict(
        graph, fingerprints, History(graphs={history.signature: history}), parse_link(args.link), history.signature
    )
    options = PlanOptions(concurrency=args.environments, cores=float(os.cpu_count() or 1))
    return Problem(graph=graph, options=options, learn=lambda _: known)


def compare(
    subject: Subject, before: Sequence[Timeline], after: Sequence[Timeline], args: argparse.Namespace
) -> Accuracy:
    problem, plan = problem_after(subject, before, args), subject.build.plan
    outlook = look_ahead(problem, plan)
    predictions = problem.predictions
    # As if the runs of the history had been simulated as they are now.
    predictions.own_runs = tuple([replace(run, model_s=outlook.model_s) for run in predictions.own_runs])
    draws, workload = predictions.draws(plan, SIMULATED), Workload(source=problem.graph, plan=plan)
    simulated = [simulate(workload, problem.conditions, draws.draw(number)).timeline for number in range(SIMULATED)]
    return Accuracy(
        subject=subject,
        learned=np.array([one.makespan_s for one in before]),
        simulated=outlook.makespans,
        promised=recalibrated(problem, subject.planner, outlook).makespans,
        real=np.array([one.makespan_s for one in after]),
        predicted_kinds=dict(mean_kinds(simulated)),
        real_kinds=dict(mean_kinds(after)),
    )


def makespan_rows(found: Sequence[Accuracy]) -> Iterator[Sequence[str]]:
    yield ("workflow", "tasks", "noise", *(f"{head} p{percent}" for percent in PERCENTS for head in HEADS))
    for one in found:
        cells = [f"{len(one.subject.build.graph):,}", f"{one.noise:+.1%}"]
        for percent in PERCENTS:
            cells.append(f"{np.percentile(one.real, percent):.3f} s")
            for predicted in (one.simulated, one.promised):
                cells.append(f"{np.percentile(predicted, percent):.3f} s {one.error(predicted, percent):+6.1%}")
        yield one.subject.title, *cells


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
    parser.add_argument("--link", default=NO_LINK)
    args = parser.parse_args(argv)
    found: list[Accuracy] = []
    with tempfile.TemporaryDirectory() as temporary:
        folder = args.folder or Path(temporary)
        os.environ["XDG_STATE_HOME"] = str(Path(temporary) / "state")
        for subject in subjects(args, folder):
            timelines = real_runs(subject, folder, args)
            before, after = timelines[: args.runs], timelines[args.runs :]
            found.append(compare(subject, before, after, args))
            print(subject.title, file=sys.stderr, flush=True)
    print(
        f"history of {args.runs} runs, beside {args.check} others; {args.environments} environments; link {args.link}"
    )
    print(table(list(makespan_rows(found))))
    print()
    print(table(list(kind_rows(found))))
    return 0


if __name__ == "__main__":
    sys.exit(main())
