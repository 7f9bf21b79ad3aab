"""The manifest as parsed: every section typed, every value that may hold an expression still a located `Node`.

After `compiler.manifest.parse` no code looks at raw mappings again. Expressions are evaluated by
`compiler.graph.expand` with `compiler.manifest.expressions.compile`, and the values that come out are parsed
to the typed options at the end of this page by `compiler.manifest.options`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from compiler.diagnostics import Diagnostic, Span
from compiler.manifest.tree import Node, ScalarNode
from runtime.plan import Retry, Variable


@dataclass(frozen=True, slots=True, kw_only=True)
class Source:
    """The text that a manifest came from. `file` is the name shown in diagnostics, `root` the folder of user code."""

    file: str
    text: str
    root: Path


@dataclass(frozen=True, slots=True, kw_only=True)
class Param:
    """A declared parameter or input. `type` is the text of the type ("int", "list[path]"), "" for a bare default.

    `default`, `enum`, `minimum`, `maximum` are plain values (literals; no expressions). `has_default`
    distinguishes a default of null. `default_span` is where the default (or the bare literal) stands. `is_wrong` when
    the structure of the declaration is, which is reported.
    """

    name: str
    span: Span
    type: str = ""
    has_default: bool = False
    default: object = None
    default_span: Span | None = None
    enum: tuple[object, ...] | None = None
    minimum: float | None = None
    maximum: float | None = None
    pattern: str | None = None
    description: str = ""
    is_wrong: bool = False
    type_span: Span | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Call:
    """`call: pkg.module:function` or `call: path/file.py:function`. `target` is the part before the last colon."""

    target: str
    function: str
    span: Span

    @property
    def is_path(self) -> bool:
        return self.target.endswith(".py")


@dataclass(frozen=True, slots=True, kw_only=True)
class Exec:
    argv: tuple[Node, ...]
    span: Span
    stdin: Node | None = None
    stdout: str = "text"
    cwd: Node | None = None
    files: tuple[Node, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Use:
    """`use: IDENT`: the body and options of a shared function."""

    name: str
    span: Span


@dataclass(frozen=True, slots=True, kw_only=True)
class Workflow:
    """`workflow: IDENT`: an imported manifest, inlined."""

    name: str
    span: Span


Body = Call | Exec | Use | Workflow


@dataclass(frozen=True, slots=True, kw_only=True)
class Import:
    """An entry of `imports`: the path of another manifest, and the digest that its bytes must have."""

    name: str
    span: Span
    path: ScalarNode
    sha256: ScalarNode | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class ForeachEntry:
    """One entry of `foreach`: one or two variables over a literal sequence or mapping, or over an expression."""

    variables: tuple[str, ...]
    key_span: Span
    iterable: Node


@dataclass(frozen=True, slots=True, kw_only=True)
class TaskDef:
    """One task of the manifest, `defaults`, `use` and `extends` not yet merged.

    `options` maps each written task option (resources, retry, timeout, io, sla, optimize, requirements,
    cache, env, on_error, idempotent, description, labels) to its node. `option_spans` has the place of every key.
    """

    name: str
    name_span: Span
    body: Body | None
    args: tuple[Node, ...] | None = None
    with_: Mapping[str, Node] | None = None
    with_spans: Mapping[str, Span] = field(default_factory=dict)
    foreach: tuple[ForeachEntry, ...] = ()
    foreach_span: Span | None = None
    where: Node | None = None
    fanout: Node | None = None
    when: Node | None = None
    after: tuple[tuple[str, Span], ...] = ()
    worker: Node | None = None
    extends: tuple[str, Span] | None = None
    outputs: tuple[str, ...] = ()
    options: Mapping[str, Node] = field(default_factory=dict)
    option_spans: Mapping[str, Span] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class FunctionDef:
    """An entry of `functions`: a body with options, shared by tasks that `use` it."""

    name: str
    name_span: Span
    body: Body
    options: Mapping[str, Node] = field(default_factory=dict)
    option_spans: Mapping[str, Span] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Sla:
    """`percentile` is None for average. Times in seconds, budget in dollars."""

    percentile: float | None = None
    deadline_s: float | None = None
    budget_usd: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Manifest:
    """One whole manifest. `unsupported` names each feature that `run` does not execute yet (E513), with its place.

    `warnings` are the diagnostics found so far that do not stop anything. `fragments` are the texts of the included
    files, whose tasks, functions and `let` stand among the manifest's own. `linked` are the imported manifests by
    name, None for one that is wrong, which is reported; both are empty until `compiler.manifest.linking` has run.
    """

    source: Source
    name: str
    tasks: Mapping[str, TaskDef]
    tasks_span: Span
    params: Mapping[str, Param] = field(default_factory=dict)
    inputs: Mapping[str, Param] = field(default_factory=dict)
    let: Mapping[str, Node] = field(default_factory=dict)
    let_spans: Mapping[str, Span] = field(default_factory=dict)
    functions: Mapping[str, FunctionDef] = field(default_factory=dict)
    defaults: Mapping[str, Node] = field(default_factory=dict)
    default_spans: Mapping[str, Span] = field(default_factory=dict)
    requirements: Node | None = None
    imports: Mapping[str, Import] = field(default_factory=dict)
    linked: Mapping[str, Manifest | None] = field(default_factory=dict)
    fragments: tuple[Source, ...] = ()
    secrets: Mapping[str, Node] = field(default_factory=dict)
    sla: Sla = Sla()
    sla_node: Node | None = None
    description_node: Node | None = None
    labels_node: Node | None = None
    optimize: Node | None = None
    workers: Mapping[str, Node] | None = None
    metrics: Node | None = None
    outputs: Mapping[str, Node] | None = None
    outputs_span: Span | None = None
    result: Node | None = None
    description: str = ""
    labels: Mapping[str, str] = field(default_factory=dict)
    unsupported: tuple[tuple[str, Span], ...] = ()
    warnings: tuple[Diagnostic, ...] = ()

    @property
    def sources(self) -> tuple[Source, ...]:
        """The texts that this manifest was written in, the main file first; not those of its imports."""
        return (self.source, *self.fragments)

    def closure(self) -> tuple[Manifest, ...]:
        """This manifest and all that it imports, directly or not, each once."""
        found: dict[int, Manifest] = {}
        waiting = [self]
        while waiting:
            manifest = waiting.pop()
            if id(manifest) not in found:
                found[id(manifest)] = manifest
                waiting.extend(reversed([one for one in manifest.linked.values() if one is not None]))
        return tuple(found.values())


# ---- typed options: what the evaluated values of a task's options become --------------------------------


@dataclass(frozen=True, slots=True, kw_only=True)
class Resources:
    """Stated resources; None where the manifest says nothing. A scalar memory is a minimum. Sizes in MB = MiB."""

    memory_min_mb: int | None = None
    memory_max_mb: int | None = None
    cpu: float | None = None
    tmp_mb: int | None = None
    arch: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class IoHint:
    """The user's I/O relationship: out_bytes = offset + factor * (sum of in_bytes) ** power.

    `kind` is "linear", "exponent", "constant" or "none". `of` limits the sum to named arguments.
    """

    kind: str
    factor: float = 1.0
    power: float = 1.0
    offset_bytes: float = 0.0
    of: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class ErrorPolicy:
    """What follows when the task has failed for good: `action` is fail, skip, continue, value or task.

    `value` is JSON text, so that options can be told apart; `task` is the handler.
    """

    action: str = "fail"
    value: str = "null"
    task: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class TaskOptions:
    """The options of one instance, evaluated, `defaults`, `use` and `extends` merged.

    `requirements` is the normalised list of the task's (or the workflow's) requirements. `other` holds the options that
    later issues execute (optimize, cache, sla, fanout) and the text of `when`, as plain values, to show.
    `environ` are the environment variables, sorted by name; a secret is the text of its expression.
    """

    resources: Resources = Resources()
    retry: Retry = Retry()
    timeout_s: float = 300.0
    io: IoHint | None = None
    worker: str | None = None
    requirements: tuple[str, ...] = ()
    environ: tuple[tuple[str, Variable], ...] = ()
    on_error: ErrorPolicy = ErrorPolicy()
    is_idempotent: bool = True
    other: tuple[tuple[str, str], ...] = ()

    @property
    def repetition(self) -> Retry:
        """What is repeated in the run: a task that is not idempotent only as the manifest says."""
        return Retry(max=0) if self.retry.kills_only and not self.is_idempotent else self.retry
