"""The requirements of each option set: files that the manifest names are read, spelling is normalised.

That a list is sound is the business of `compiler.code.check`; a plan is made of what passed it.
"""

from __future__ import annotations

from compiler.code.requirements import RequirementFileFault, resolve_requirements
from compiler.diagnostics import Diagnostic, ManifestError
from compiler.graph.model import Graph


def resolved_requirements(graph: Graph) -> list[tuple[str, ...]]:
    """For each entry of the graph's option table its requirements, normalised and sorted.

    Raises ManifestError when a requirements file has gone or changed for the worse since it was checked.
    """
    known: dict[tuple[str, ...], tuple[str, ...]] = {}
    for option in graph.option_table:
        if option.requirements not in known:
            known[option.requirements] = _resolved(option.requirements, graph)
    return [known[option.requirements] for option in graph.option_table]


def _resolved(requirements: tuple[str, ...], graph: Graph) -> tuple[str, ...]:
    try:
        return resolve_requirements(requirements, graph.manifest.source.root)
    except RequirementFileFault as fault:
        code, message = fault.code, fault.message
    except ValueError as err:
        code, message = "E410", str(err)
    raise ManifestError((Diagnostic(code=code, message=message, span=graph.manifest.tasks_span),))
