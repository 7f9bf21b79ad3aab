"""What `treadle history show` shows: every graph, one with its tasks, one task, or what is known of a manifest."""

from __future__ import annotations

import argparse
from collections.abc import Iterable, Sequence
from pathlib import Path

from compiler.cli.arguments import UsageError, meant
from compiler.cli.console import Console
from compiler.cli.results import is_bundle
from runtime.bundle import LoadedBundle, load_bundle
from runtime.history.forgetting import named
from runtime.history.records import GraphHistory
from runtime.history.store import Head, HistoryStore
from runtime.history.tables import (
    Task,
    environment_lines,
    environment_object,
    family_lines,
    graph_lines,
    graph_object,
    head_lines,
    task_lines,
    task_object,
)
from runtime.history.view import History, load_history, read_graphs


def show_graphs(store: HistoryStore, console: Console) -> None:
    """Every graph, the one that ran last first."""
    heads = store.heads()
    history = _read(store, heads, console)
    sizes = {head.signature: _size(store, head.signature) for head in heads}
    graphs = list(history.graphs.values())
    if console.is_json:
        console.json([graph_object(graph, sizes[graph.signature]) for graph in graphs])
    elif graphs:
        _say(graph_lines(graphs, sizes), console)
    else:
        console.note(f"there is no history in {store.where}: runs leave one")


def show_workflow(store: HistoryStore, console: Console, name: str) -> None:
    """The graph of this name that ran last, by task and class of environments. Raises `UnknownHistory`."""
    head, *older = named(store.heads(), name)
    graph = _graph(store, head, console)
    tasks = [Task(task=task, env=env, family=family) for (task, env), family in graph.families.items()]
    size = _size(store, head.signature)
    if console.is_json:
        environments = [environment_object(env, found) for env, found in graph.environments.items()]
        rows = [task_object(row) for row in tasks]
        console.json({**graph_object(graph, size), "by_task": rows, "environments": environments})
        return
    _say([*head_lines(graph, size), "", *task_lines(tasks), "", *environment_lines(graph.environments)], console)
    if older:
        shown = ", ".join(one.signature[:8] for one in older[:8])
        console.note(f"older graphs of this name: {shown}{' …' if len(older) > 8 else ''}")


def show_task(store: HistoryStore, console: Console, name: str, task: str) -> None:
    """One task of the graph of this name that ran last. Raises `UnknownHistory`, UsageError."""
    graph = _graph(store, named(store.heads(), name)[0], console)
    found = [Task(task=one, env=env, family=family) for (one, env), family in graph.families.items() if one == task]
    _show_tasks(found, task, {one for one, _ in graph.families}, console)


def show_code(store: HistoryStore, args: argparse.Namespace, console: Console, file: str, task: str | None) -> None:
    """What is known of the code of a manifest or bundle, whatever graphs it ran in, and of what it was before."""
    bundle = _bundle(args, console, file)
    fingerprints = bundle.graph().fingerprints
    history = load_history(store, bundle.graph_signature, fingerprints.values())
    _warn(history, console)
    if task is not None:
        _show_tasks(_of_code(history, bundle, [task]), task, fingerprints, console)
        return
    rows = _of_code(history, bundle, sorted(fingerprints))
    unknown = sorted(fingerprints.keys() - {row.task for row in rows})
    if console.is_json:
        head = {"workflow": bundle.name, "signature": bundle.graph_signature}
        console.json({**head, "by_task": [task_object(row) for row in rows], "unknown": unknown})
        return
    if rows:
        _say(task_lines(rows), console)
    if unknown:
        console.note(f"never run: {', '.join(unknown[:8])}{f' and {len(unknown) - 8:,} more' if unknown[8:] else ''}")


def _of_code(history: History, bundle: LoadedBundle, tasks: Sequence[str]) -> list[Task]:
    """What the current functions took; of a task whose function never ran, what its former one did."""
    fingerprints = bundle.graph().fingerprints
    rows: list[Task] = []
    for task in tasks:
        found = history.functions(fingerprints.get(task, ""))
        rows += [Task(task=task, env=env, family=family, is_current=True) for env, family in found.items()]
        if not found:
            rows += _before(history, bundle.name, task)
    return rows


def _before(history: History, workflow: str, task: str) -> list[Task]:
    graphs = [graph for graph in history.graphs.values() if graph.workflow == workflow]
    for graph in sorted(graphs, key=lambda graph: -graph.seen_at):
        found = [(env, family) for (one, env), family in graph.families.items() if one == task]
        if found:
            return [Task(task=task, env=env, family=family, is_current=False) for env, family in found]
    return []


def _show_tasks(rows: Sequence[Task], task: str, tasks: Iterable[str], console: Console) -> None:
    known = sorted(tasks)
    if not rows and task in known:
        raise UsageError(f"`{task}` has never run", hint="a run leaves a history")
    if not rows:
        hint = f"the tasks are {', '.join(known)}" if len(known) <= 8 else ""
        raise UsageError(f"there is no task `{task}`{meant(task, known)}", hint=hint)
    if console.is_json:
        console.json([task_object(row) for row in rows])
        return
    for number, row in enumerate(rows):
        _say([*([""] if number else []), *family_lines(row)], console)


def _bundle(args: argparse.Namespace, console: Console, file: str) -> LoadedBundle:
    if is_bundle(file):
        return load_bundle(Path(file))
    from compiler.cli.stages import load_build

    args.file = file
    return load_build(args, console).loaded


def _graph(store: HistoryStore, head: Head, console: Console) -> GraphHistory:
    history = _read(store, [head], console)
    if head.signature not in history.graphs:
        raise UsageError(f"nothing of the history of {head.workflow} ({head.signature[:8]}) can be read")
    return history.graphs[head.signature]


def _read(store: HistoryStore, heads: Sequence[Head], console: Console) -> History:
    history = read_graphs(store, heads)
    _warn(history, console)
    return history


def _warn(history: History, console: Console) -> None:
    for note in history.notes:
        console.note(f"warning: {note}")


def _size(store: HistoryStore, signature: str) -> int:
    return sum(map(len, store.read(signature)))


def _say(lines: Iterable[str], console: Console) -> None:
    console.lines("".join(f"{line}\n" for line in lines))
