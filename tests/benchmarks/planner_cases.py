"""The cases on which planners are compared: a graph with what is known of its code, whatever the objective.

An example's history is that of a few real runs, each on a service of its own, kept in a folder; a trace's is what was
recorded, in real seconds, which cost nothing in simulation.
"""

from __future__ import annotations

import argparse
import io
from collections.abc import Iterable, Iterator, Sequence
from contextlib import redirect_stdout
from dataclasses import dataclass, replace
from math import inf
from pathlib import Path

from compiler.cli import main as treadle
from compiler.emit.bundle import Build
from compiler.importers.experience import history_of_trace
from compiler.manifest.model import Sla
from compiler.pipeline import CompileOptions, compile_workflow, plan_workflow
from compiler.planner.model import PlanOptions
from compiler.planner.problem import Problem
from compiler.predict.predictions import Predictions
from runtime.bundle import LoadedBundle
from runtime.history.gathering import history_of
from runtime.history.records import GraphHistory, merge_graphs
from runtime.history.remembering import code_of
from runtime.history.view import History
from runtime.links import parse_link
from runtime.timeline import decode_timeline
from tests.benchmarks.accuracy import MANIFESTS, Subject, real_runs

LEARNED_BY = "simple"
LEARNED_ENVIRONMENTS = 4


@dataclass(frozen=True, slots=True, kw_only=True)
class Case:
    """One workflow. `predictions` are made once, for all planners and budgets."""

    name: str
    predictions: Predictions
    options: PlanOptions

    def problem(self, percentile: float, budget_usd: float | None = None, seed: int = 0) -> Problem:
        graph = self.predictions.graph
        sla = Sla(percentile=percentile, budget_usd=budget_usd)
        graph = replace(graph, manifest=replace(graph.manifest, sla=sla))
        return Problem(graph=graph, options=replace(self.options, seed=seed), learn=lambda _: self.predictions)


def example_names() -> list[str]:
    return sorted(path.parent.name for path in MANIFESTS.glob("*/workflow.yaml"))


def examples(names: Iterable[str], folder: Path, args: argparse.Namespace) -> Iterator[Case]:
    """Examples of `manifests/`; each is run `args.runs` times, unless the folder has as many runs of it."""
    for name in names:
        path = MANIFESTS / name / "workflow.yaml"
        build = compile_workflow(path, CompileOptions(planner=LEARNED_BY, concurrency=LEARNED_ENVIRONMENTS))
        yield _case(name, path, learned_history(name, build, folder, args), args)


def learned_history(name: str, build: Build, folder: Path, args: argparse.Namespace) -> GraphHistory:
    """That of real runs over the link, as many as are wanted; those that the folder has are not run again."""
    wanted = argparse.Namespace(runs=args.runs, check=0, environments=LEARNED_ENVIRONMENTS, link=args.link)
    timelines = real_runs(Subject(name=name, planner=LEARNED_BY, build=build), folder, wanted)
    code = code_of(build.loaded)
    return merge_graphs([history_of(one, code, "succeeded") for one in timelines])


def traces(paths: Sequence[Path], folder: Path, args: argparse.Namespace) -> Iterator[Case]:
    """Recorded runs in WfFormat."""
    for path in paths:
        own = folder / path.stem
        with redirect_stdout(io.StringIO()):
            if treadle(["import", "wfformat", str(path), "-o", str(own), "--json"]):
                raise SystemExit(f"{path.name} cannot be imported")
        bundle: LoadedBundle = compile_workflow(own / "workflow.yaml", CompileOptions()).loaded
        timeline = decode_timeline((own / "timeline.json").read_bytes())
        yield _case(path.stem, own / "workflow.yaml", history_of_trace(timeline, bundle), args)


def _case(name: str, path: Path, history: GraphHistory, args: argparse.Namespace) -> Case:
    options = CompileOptions(
        planner=LEARNED_BY,
        concurrency=args.environments,
        cores=args.cores or inf,
        link=parse_link(args.link),
        rounds=args.rounds,
        recall=lambda signature, marks: History(graphs={history.signature: history}),
    )
    problem = plan_workflow(path, options).problem
    return Case(name=name, predictions=problem.predictions, options=problem.options)
