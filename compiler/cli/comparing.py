"""Planners side by side: the same workflow, the same history, the same random numbers, each with its own plan.

What is known of the workflow is looked up before, so that planning times are those of the planners. A planner that
makes no plan, or one that misses the objective (E511), has its reason below the table.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

from compiler.cli.arguments import UsageError, meant
from compiler.cli.console import BOLD, Console
from compiler.cli.history_notes import tell_history_notes
from compiler.cli.outlook_data import outlook_object
from compiler.cli.outlooks import basis, is_known, percentile_names, statistics
from compiler.cli.progress import working_line
from compiler.cli.prospects import UNKNOWN, objective
from compiler.cli.reports import show_diagnostics
from compiler.cli.tables import table
from compiler.diagnostics import Diagnostic, ManifestError, Severity
from compiler.planner.problem import Problem
from compiler.planner.promises import Prospect, check_objective, check_samples
from compiler.planner.timeouts import check_timeouts
from compiler.planning import Planned, Posed, plan_by
from compiler.rendering.json_format import to_json
from compiler.rendering.text import cells, prose
from runtime.quantities import dollars, format_size, seconds_text

ALL = "all"
BEST = "*"
MANY = 1000
"""Columns of a terminal that nobody has."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Contender:
    """One planner: its plan and how long that took, or none; `found` is why not, or what speaks against its plan."""

    planner: str
    planned: Planned | None
    planning_s: float
    found: tuple[Diagnostic, ...] = ()

    @property
    def has_failed(self) -> bool:
        """There is no plan, or one that misses the objective."""
        return self.planned is None or any(one.severity is Severity.ERROR for one in self.found)

    @property
    def figures(self) -> dict[str, float]:
        """What is compared, less is better: nothing where nobody knows, or there is no plan."""
        if self.planned is None:
            return {}
        planning = {"planning": self.planning_s}
        if not is_known(self.planned):
            return planning
        outlook = self.planned.outlook
        return {
            **statistics(self.planned.problem, outlook),
            "cost": outlook.cost.usd,
            "workers": outlook.workers,
            "cold": outlook.cold,
            "bytes": outlook.bytes_moved,
            **planning,
        }


def chosen(text: str) -> list[str]:
    """The planners that `all` or a list with commas names, each once. Raises UsageError."""
    from compiler.planner.strategies import STRATEGIES

    hint = f"the planners are {', '.join(sorted(STRATEGIES))}; `all` stands for them"
    names = list(dict.fromkeys(name.strip() for name in text.split(",") if name.strip()))
    if not names:
        raise UsageError("--compare names no planner", hint=hint)
    for name in names:
        if name not in (ALL, *STRATEGIES):
            raise UsageError(f"--compare: there is no planner `{name}`{meant(name, STRATEGIES)}", hint=hint)
    return sorted(STRATEGIES) if ALL in names else names


def contend(posed: Posed, names: Sequence[str], console: Console) -> list[Contender]:
    """A plan of each planner, with its outlook: on hints and defaults where one of them had nothing else, either."""
    posed.learn(posed.graph)
    made = [_contender(posed, name, f"{name} ({number}/{len(names)})", console) for number, name in enumerate(names, 1)]
    is_predicted = any(one.planned is not None and one.planned.is_predicted for one in made)
    shown = [_on_one_basis(one, is_predicted=is_predicted) for one in made]
    prospects: dict[str, Prospect] = {}
    for one in shown:
        if one.planned is not None and is_known(one.planned):
            with working_line(console, f"simulating the plan of {one.planner}"):
                prospects[one.planner] = Prospect(planner=one.planner, outlook=one.planned.outlook)
    return [_judged(one, prospects) for one in shown]


def _contender(posed: Posed, name: str, label: str, console: Console) -> Contender:
    planned: Planned | None = None
    found: tuple[Diagnostic, ...] = ()
    began = time.perf_counter()
    try:
        with working_line(console, f"planning with {label}"):
            planned = plan_by(posed, name)
    except ManifestError as err:
        found = tuple(err.diagnostics)
    return Contender(planner=name, planned=planned, planning_s=time.perf_counter() - began, found=found)


def _on_one_basis(one: Contender, *, is_predicted: bool) -> Contender:
    """What is good enough for one planner is shown of all."""
    if one.planned is None or not is_predicted:
        return one
    return replace(one, planned=replace(one.planned, is_predicted=True))


def _judged(one: Contender, prospects: Mapping[str, Prospect]) -> Contender:
    """With what the objective has against its plan."""
    own = prospects.get(one.planner)
    if one.planned is None or own is None:
        return one
    problem, sla = one.planned.problem, one.planned.problem.objective

    def best() -> Prospect:
        return min(prospects.values(), key=lambda other: (other.misses(sla), other.outlook.statistic(sla)))

    return replace(one, found=check_objective(problem, own, best))


def tell_doubts(posed: Posed, contenders: Sequence[Contender], console: Console) -> None:
    """What a single plan would be warned of, too: of the history, and of too few samples."""
    if any(one.planned is not None for one in contenders):
        problem = Problem(graph=posed.graph, options=posed.options, learn=posed.learn)
        show_diagnostics([*check_samples(problem), *_timeouts(contenders)], console)
        tell_history_notes(problem, console)


def _timeouts(contenders: Sequence[Contender]) -> list[Diagnostic]:
    """Each task's once, in the plan in which it takes longest against its timeout first comes."""
    made = [one.planned for one in contenders if one.planned is not None]
    found = [one for planned in made for one in check_timeouts(planned.problem, planned.plan)]
    return list({one.span: one for one in reversed(found)}.values())[::-1]


def best_of(contenders: Sequence[Contender]) -> dict[str, set[str]]:
    """For each figure the planners whose is the least as it is shown; none where all are alike."""
    best: dict[str, set[str]] = {}
    for name in dict.fromkeys(name for one in contenders for name in one.figures):
        found = {one.planner: one.figures[name] for one in contenders if name in one.figures}
        least = min(found.values())
        winners = {planner for planner, value in found.items() if _text(name, value) == _text(name, least)}
        best[name] = winners if len(winners) < len(found) else set()
    return best


def comparison_object(contenders: Sequence[Contender]) -> dict[str, object]:
    """By planner: its outlook, what it is best in, or its diagnostics."""
    best = best_of(contenders)
    return {one.planner: _object(one, [name for name, who in best.items() if one.planner in who]) for one in contenders}


def _object(one: Contender, best_in: list[str]) -> dict[str, object]:
    if one.planned is None:
        return {"planning_s": one.planning_s, "best_in": [], "makespan_s": None, **to_json(one.found)}
    is_shown = is_known(one.planned)
    return {
        "planning_s": one.planning_s,
        "best_in": best_in,
        **(outlook_object(one.planned.problem, one.planned.outlook) if is_shown else {"makespan_s": None}),
        "pinned_workers": len(one.planned.plan.workers),
        **to_json(one.found),
    }


def comparison_lines(posed: Posed, contenders: Sequence[Contender], console: Console) -> Iterator[str]:
    """A table, the best of each column marked with a star; those that made no plan say why below it.

    Where the terminal is too narrow for all columns, makespans come first and the rest in a second table.
    """
    made = [one for one in contenders if one.planned is not None]
    makespans, rest = percentile_names(posed.graph.manifest.sla), ["cost", "workers", "cold", "bytes", "planning"]
    best = best_of(contenders)
    wide = _columns(posed, made, [*makespans, *rest], best)
    is_narrow = max(map(cells, wide)) > console.width - 2
    parts = [_columns(posed, made, names, best) for names in (makespans, rest)] if is_narrow else [wide]
    for number, part in enumerate(parts):
        if number:
            yield ""
        yield console.paint(f"  {part[0]}", BOLD)
        yield from (f"  {line}" for line in part[1:])
    for one in contenders:
        for diagnostic in one.found[:2]:
            who = "" if one.planned is not None else f"{one.planner}: no plan: "
            yield f"  {who}{diagnostic.code}: {prose(diagnostic.message)}"
    if any(best.values()):
        yield f"  {BEST} the least of its column"
    yield from _basis(made)


def _columns(posed: Posed, made: Sequence[Contender], names: Sequence[str], best: Mapping[str, set[str]]) -> list[str]:
    wanted = objective(posed.graph.manifest.sla).replace("average", "mean")
    heads = [f"[{name.upper()}]" if name == wanted else f"{name.upper()} " for name in names]
    rows = [[one.planner, *(_cell(one, name, best.get(name, set())) for name in names)] for one in made]
    return list(table([["PLANNER", *heads], *rows], MANY, left=(0,)))


def _basis(made: Sequence[Contender]) -> Iterator[str]:
    known = [one.planned for one in made if one.planned is not None and is_known(one.planned)]
    if known:
        yield f"  makespans and costs rest on {basis(known[0].problem, known[0].outlook)}"
    if len(known) < len(made):
        yield f"  {UNKNOWN}: tasks have never run, and the planner looks at no prediction"


def _cell(one: Contender, name: str, best: set[str]) -> str:
    value = one.figures.get(name)
    text = UNKNOWN if value is None else _text(name, value)
    return f"{text}{BEST if one.planner in best else ' '}"


def _text(name: str, value: float) -> str:
    return _TEXTS.get(name, seconds_text)(value)


_TEXTS: dict[str, Callable[[float], str]] = {
    "cost": dollars,
    "workers": lambda count: f"{count:,.0f}",
    "cold": lambda count: f"{count:,.0f}",
    "bytes": lambda size: format_size(size).replace("iB", ""),
}
