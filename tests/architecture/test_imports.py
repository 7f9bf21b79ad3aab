"""Who may import whom: the rooms and doors of the house, read from the source with `ast`.

`IMPORTS` is the table. Each module falls under its longest prefix; an import of the project's own packages must be
of that prefix itself or of one listed. `SHIPPED` is what goes to Lambda, and may import the standard library,
cloudpickle and redis (boto3 where it is used, inside a function).
"""

from __future__ import annotations

import ast
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
OWN = ("compiler", "runtime", "schemas")

VOCABULARY = (
    "runtime.errors",
    "runtime.plan",
    "runtime.config",
    "runtime.links",
    "runtime.prices",
    "runtime.quantities",
    "runtime.secrecy.references",
    "runtime.value_types",
)
FRONT = ("compiler.diagnostics", "compiler.suggest", "compiler.manifest", *VOCABULARY)

IMPORTS: dict[str, tuple[str, ...]] = {
    "compiler.diagnostics": (),
    "compiler.suggest": (),
    "compiler.explanations": ("compiler.diagnostics",),
    "compiler.rendering": ("compiler.diagnostics", "compiler.manifest", "compiler.explanations"),
    "compiler.fixes": ("compiler.diagnostics", "compiler.manifest"),
    "compiler.reference": ("compiler.manifest", "runtime.settings.layers", "runtime.settings.meanings"),
    "compiler.manifest": FRONT,
    "compiler.graph": (*FRONT, "schemas"),
    "compiler.drawing": (
        "compiler.graph",
        "compiler.manifest.model",
        "compiler.manifest.tree",
        "compiler.planner.model",
        "runtime.bundle",
        "runtime.critical_path",
        "runtime.display",
        "runtime.measures.spans",
        "runtime.moments",
        "runtime.plan",
        "runtime.quantities",
        "runtime.timeline",
    ),
    "compiler.code": (
        *FRONT,
        "compiler.graph",
        "runtime.hints",
        "runtime.unit",
        "runtime.tasks.executable",
        "runtime.requirements",
    ),
    "compiler.planner": (
        *FRONT,
        "compiler.graph",
        "compiler.code",
        "compiler.predict",
        "compiler.simulate",
        "runtime.bundle",
        "runtime.calls.calling",
        "runtime.calls.sending",
        "runtime.costs",
        "runtime.history.view",
        "runtime.machine.lingering",
        "runtime.moments",
        "runtime.ports",
        "runtime.promise",
        "runtime.runs.summary",
        "runtime.timeline",
    ),
    "compiler.simulate": (
        *FRONT,
        "compiler.graph",
        "compiler.planner.model",
        "runtime.backends.memory_coordinator",
        "runtime.backends.memory_state",
        "runtime.backends.memory_values",
        "runtime.bundle",
        "runtime.calls",
        "runtime.events",
        "runtime.local.dispatch",
        "runtime.local.functions",
        "runtime.local.invocation",
        "runtime.local.states",
        "runtime.ports",
        "runtime.measures.spans",
        "runtime.timeline",
        "runtime.watch",
        "runtime.worker",
    ),
    "compiler.predict": (
        *FRONT,
        "compiler.graph",
        "compiler.planner.model",
        "compiler.simulate",
        "runtime.history",
        "runtime.measures.spans",
    ),
    "compiler.emit": (
        *FRONT,
        "compiler.graph",
        "compiler.code",
        "compiler.planner",
        "runtime.bundle",
        "runtime.pages",
        "runtime.payload",
        "runtime.unit",
        "runtime.measures.upload",
        "runtime.promise",
    ),
    "compiler.importers": (
        "compiler.manifest.model",
        "compiler.planner.profile",
        "runtime.bundle",
        "runtime.history",
        "runtime.measures.spans",
        "runtime.timeline",
        *VOCABULARY,
    ),
    "compiler.findings": ("compiler.diagnostics",),
    "compiler.planning": (
        "compiler.code",
        "compiler.emit.signature",
        "compiler.findings",
        "compiler.graph",
        "compiler.planner",
        "compiler.predict",
        "runtime.history.view",
        "runtime.values.collector",
        *FRONT,
    ),
    "compiler.pipeline": ("compiler", "runtime.bundle", "runtime.values.collector", *VOCABULARY),
    "compiler.cli": ("compiler", "runtime"),
    "runtime": ("runtime",),
}
"""Prefix of a module -> prefixes that it may import, besides its own."""

FORBIDDEN: dict[str, tuple[str, ...]] = {
    "runtime": ("compiler",),
    "runtime.worker": ("runtime.backends", "runtime.launcher", "runtime.local", "runtime.driver"),
    "runtime.optimizations": ("runtime.backends", "runtime.launcher", "runtime.local", "runtime.driver"),
    "runtime.plan": ("runtime.ports", "runtime.worker", "runtime.backends"),
    "runtime.ports": ("runtime.worker", "runtime.backends"),
    "runtime.errors": ("runtime.plan", "runtime.ports", "runtime.worker"),
    "runtime.backends": ("runtime.launcher", "runtime.local", "runtime.worker", "runtime.driver"),
    "compiler.pipeline": ("compiler.cli", "runtime.launcher", "runtime.local", "runtime.backends"),
    "compiler.planning": ("compiler.cli", "compiler.pipeline", "runtime.launcher", "runtime.local", "runtime.backends"),
}
"""Prefix of a module -> prefixes that it never imports, whatever the other table says."""

CLIENT_SIDE = (
    "runtime.launcher",
    "runtime.promise",
    "runtime.history",
    "runtime.local",
    "runtime.settings",
    "runtime.watch",
    "runtime.inline",
    "runtime.runs",
    "runtime.moments",
    "runtime.timeline",
    "runtime.costs",
    "runtime.critical_path",
)
"""Modules of `runtime` that are not shipped to Lambda."""

HEAVY = frozenset({"networkx", "yaml", "jsonschema", "jinja2", "boto3", "botocore", "numpy"})


def modules(package: str) -> Iterator[tuple[str, Path]]:
    for path in sorted((ROOT / package).rglob("*.py")):
        parts = path.relative_to(ROOT).with_suffix("").parts
        yield ".".join(parts[:-1] if parts[-1] == "__init__" else parts), path


def imports(name: str, path: Path, *, top_level_only: bool = False) -> Iterator[str]:
    """Every module that the source names in an import, relative ones resolved; not those for type checkers only."""
    tree = ast.parse(path.read_text(encoding="utf-8"))
    for statement in _statements(tree, top_level_only):
        if isinstance(statement, ast.Import):
            yield from (alias.name for alias in statement.names)
        elif isinstance(statement, ast.ImportFrom):
            base = statement.module or ""
            if statement.level:
                package = name if path.name == "__init__.py" else name.rpartition(".")[0]
                for _ in range(statement.level - 1):
                    package = package.rpartition(".")[0]
                base = f"{package}.{base}".rstrip(".")
            yield base
            yield from (f"{base}.{alias.name}" for alias in statement.names if base in OWN)


def _statements(node: ast.AST, top_level_only: bool) -> Iterator[ast.AST]:
    for child in ast.iter_child_nodes(node):
        if isinstance(child, ast.If) and "TYPE_CHECKING" in ast.dump(child.test):
            continue
        if top_level_only and isinstance(child, (ast.FunctionDef, ast.AsyncFunctionDef, ast.Lambda)):
            continue
        yield child
        yield from _statements(child, top_level_only)


def within(module: str, prefix: str) -> bool:
    return module == prefix or module.startswith(prefix + ".")


def rule_of(module: str, table: dict[str, tuple[str, ...]]) -> str | None:
    return max((prefix for prefix in table if within(module, prefix)), key=len, default=None)


def test_every_import_goes_through_a_door() -> None:
    broken = []
    for package in ("compiler", "runtime"):
        for module, path in modules(package):
            prefix = rule_of(module, IMPORTS)
            if prefix is None:
                continue
            allowed = (prefix, *IMPORTS[prefix], "schemas")
            for imported in imports(module, path):
                own = imported.partition(".")[0] in OWN and imported not in OWN
                if own and not any(within(imported, door) for door in allowed):
                    broken.append(f"{module} imports {imported}")
    assert not broken, "\n".join(broken)


def test_no_import_goes_where_it_must_not() -> None:
    broken = []
    for package in ("compiler", "runtime"):
        for module, path in modules(package):
            for prefix, barred in FORBIDDEN.items():
                if not within(module, prefix):
                    continue
                found = (i for i in imports(module, path) if any(within(i, bar) for bar in barred))
                broken += [f"{module} imports {imported}" for imported in found]
    assert not broken, "\n".join(broken)


def test_optimizations_do_not_import_one_another() -> None:
    for package in ("compiler/optimizations", "runtime/optimizations"):
        base = package.replace("/", ".")
        for module, path in modules(package):
            if module == base:
                continue
            siblings = [i for i in imports(module, path) if i.startswith(base + ".") and not within(i, module)]
            assert not siblings, f"{module} imports {siblings}"


def test_shipped_closure_needs_only_the_standard_library_cloudpickle_and_redis() -> None:
    broken = []
    for module, path in modules("runtime"):
        if any(within(module, client) for client in CLIENT_SIDE):
            continue
        for imported in imports(module, path, top_level_only=True):
            top = imported.partition(".")[0]
            if top not in {"runtime", "cloudpickle", "redis"} | sys.stdlib_module_names:
                broken.append(f"{module} imports {imported} at its top level")
    assert not broken, "\n".join(broken)


@pytest.mark.parametrize("package", ["compiler", "runtime"])
def test_no_module_reads_the_environment_when_it_is_imported(package: str) -> None:
    for module, path in modules(package):
        tree = ast.parse(path.read_text(encoding="utf-8"))
        for statement in _statements(tree, top_level_only=True):
            if isinstance(statement, ast.Attribute) and statement.attr in {"environ", "getenv"}:
                raise AssertionError(f"{module}, line {statement.lineno}: reads the environment at import")
