"""OLD and NEW of `treadle diff`: a plan in a file, a bundle's folder, or a manifest, which is planned first."""

from __future__ import annotations

import argparse
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from compiler.cli.console import Console
from compiler.cli.instances import slot_of
from compiler.cli.results import is_bundle
from compiler.cli.stages import MAX_PLAN_SIZE, load_plan
from compiler.manifest.source import read_source
from compiler.planner.differences import Place, Snapshot
from compiler.planner.kept import KeptPlan, is_plan_document, parse_kept
from compiler.planning import Planned
from runtime.bundle import LoadedBundle, load_bundle
from runtime.promise import Promise, read_promise

SHOWN = (50, 90, 95, 99)


def snapshot_of(file: str, args: argparse.Namespace, console: Console) -> tuple[str, Snapshot]:
    """What kind of thing FILE is, and what it says. Raises ManifestError, RuntimeFault."""
    if is_bundle(file):
        folder = Path(file)
        return "bundle", _of_bundle(load_bundle(folder), read_promise(folder))
    source = read_source(file, max_file_size=MAX_PLAN_SIZE)
    if _is_plan(source.text, file):
        console.sources[source.file] = source.text
        return "plan", _of_file(parse_kept(source.text, source.file))
    args.file = file
    return "manifest", _of_planned(load_plan(args, console))


def _is_plan(text: str, file: str) -> bool:
    """A manifest may be JSON, too; it has a `spec`."""
    return is_plan_document(text) or (file.endswith(".json") and '"spec"' not in text)


def _of_file(kept: KeptPlan) -> Snapshot:
    return Snapshot(
        name=kept.name,
        planner=kept.planner,
        functions=kept.functions,
        places={name: Place(worker=row.worker, env=row.env) for name, row in kept.instances.items()},
        entries={entry.worker: entry.start for entry in kept.entries},
        edges=None,
        figures=_figures(kept.outlook),
    )


def _figures(outlook: Mapping[str, Any]) -> dict[str, float]:
    """What a file says was expected; what is no number in it is left out."""
    makespans = outlook.get("makespan_s")
    figures = {**(makespans if isinstance(makespans, dict) else {})}
    figures |= {
        name: outlook.get(name) for name in ("cost_usd", "workers", "cold_starts", "warm_starts", "bytes_moved")
    }
    return {
        str(name): float(value)
        for name, value in figures.items()
        if isinstance(value, (int, float)) and not isinstance(value, bool)
    }


def _of_bundle(bundle: LoadedBundle, promise: Promise | None) -> Snapshot:
    graph = bundle.graph()
    return Snapshot(
        name=bundle.name,
        planner=bundle.planner,
        functions=graph.fingerprints,
        places={
            name: Place(worker=worker, env=bundle.classes[env].name)
            for name, worker, env in zip(graph.names, graph.workers, graph.envs, strict=True)
        },
        entries={entry.worker: entry.start for entry in bundle.entries},
        edges={
            name: tuple([graph.slot(producer, output) for producer, output in sources])
            for name, sources in zip(graph.names, graph.in_edges, strict=True)
        },
        figures={} if promise is None else _promised(promise),
    )


def _promised(promise: Promise) -> dict[str, float]:
    percentiles = {f"p{percentile}": promise.within(percentile) for percentile in SHOWN}
    return {
        "mean": promise.mean_s,
        **percentiles,
        "cost_usd": promise.cost_usd,
        "cold_starts": promise.cold,
        "warm_starts": promise.warm,
    }


def _of_planned(planned: Planned) -> Snapshot:
    graph, plan = planned.graph, planned.plan
    names = [graph.name_of(instance) for instance in range(len(graph))]
    families, marks = graph.families, planned.collect().fingerprints
    return Snapshot(
        name=graph.name,
        planner=plan.planner,
        functions=dict(zip((family.task for family in families), marks, strict=True)),
        places={
            name: Place(worker=plan.worker_name(instance), env=plan.env(instance).name)
            for instance, name in enumerate(names)
        },
        entries={entry.worker: entry.start for entry in plan.entries},
        edges={
            name: tuple([slot_of(graph, *edge) for edge in sources])
            for name, sources in zip(names, graph.in_edges, strict=True)
        },
        figures={},
    )
