"""From the tree to the typed `Manifest`. After this no code looks at raw mappings again.

The schema says what is wrong with a tree (`compiler.manifest.schema`), the names what it cannot
(`compiler.manifest.names`); here each part that has the right shape is taken over and the rest left out, so that a
manifest with mistakes still yields what the later phases can check. What `run` does not execute yet is listed by
`compiler.manifest.unsupported`. Expressions stay nodes.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace

from compiler.diagnostics import MAX_MISTAKES, Diagnostic, ManifestError, Severity, Span
from compiler.manifest.breakage import BODIES, HARMLESS, TASK_OPTIONS, Wrong, are_local, is_broken
from compiler.manifest.fragments import check_fragment
from compiler.manifest.load import load_tree
from compiler.manifest.model import (
    Body,
    Call,
    Exec,
    ForeachEntry,
    FunctionDef,
    Import,
    Manifest,
    Param,
    Sla,
    Source,
    TaskDef,
    Use,
    Workflow,
)
from compiler.manifest.names import check_names
from compiler.manifest.options import parse_sla
from compiler.manifest.plain import to_plain
from compiler.manifest.schema import check_tree
from compiler.manifest.tree import KeySpans, MappingNode, Node, ScalarNode, SequenceNode, pairs_of
from compiler.manifest.unsupported import find_unsupported


def load_manifest(source: Source) -> Manifest:
    """The manifest of a text, whole. Raises ManifestError with every diagnostic of this stage."""
    manifest, diagnostics = check_manifest(source)
    if manifest is None or any(found.severity is Severity.ERROR for found in diagnostics):
        raise ManifestError(tuple(diagnostics))
    return manifest


def check_manifest(source: Source) -> tuple[Manifest | None, list[Diagnostic]]:
    """Load and parse: the manifest as far as later phases can use it, and every diagnostic of this stage.

    What YAML itself spoiled has no structure to speak of: complaints at such a place are dropped.
    """
    tree, spoiled = load_tree(source)
    if tree is None:
        return None, spoiled
    manifest, found = parse_manifest(source, tree)
    places = {one.span for one in spoiled}
    return manifest, spoiled + [one for one in found if one.span not in places]


def parse_manifest(source: Source, tree: MappingNode) -> tuple[Manifest | None, list[Diagnostic]]:
    """The manifest in a tree, and what is wrong with its structure.

    It is None when the errors reach into what shapes the graph, or are too many to go on; what is wrong elsewhere (an
    unknown key, an option of a task) is left out, so that the later phases find their own errors in the same run.
    """
    diagnostics = check_tree(tree)
    if len(diagnostics) < MAX_MISTAKES:
        diagnostics += check_names(tree)
    return _parsed(source, tree, tree.get("tasks"), diagnostics), diagnostics


def parse_fragment(source: Source, tree: MappingNode) -> tuple[Manifest | None, list[Diagnostic]]:
    """The tasks, functions and `let` of an included file, as a manifest that has nothing else; None as above.

    None too for a whole manifest, whose names mean something else there than they would here.
    """
    if tree.get("name") is not None:
        return None, check_fragment(tree)
    diagnostics = [*check_fragment(tree), *check_names(tree)]
    return _parsed(source, tree, tree.get("tasks") or MappingNode((), (), tree.span), diagnostics), diagnostics


def _parsed(
    source: Source, tree: MappingNode, tasks: Node | None, diagnostics: Sequence[Diagnostic]
) -> Manifest | None:
    errors = [one for one in diagnostics if one.severity is Severity.ERROR]
    if len(errors) >= MAX_MISTAKES:
        return None
    wrong, grave = Wrong(errors), Wrong(one for one in errors if one.code not in HARMLESS)
    if not isinstance(tasks, MappingNode) or not are_local(wrong, grave, tree, tasks):
        return None
    manifest = _build(source, tree, _text(tree.get("name")) or "", tasks, wrong=wrong, grave=grave)
    warnings = tuple(one for one in diagnostics if one.severity is Severity.WARNING)
    return replace(manifest, warnings=warnings, unsupported=find_unsupported(manifest, tree))


def _build(
    source: Source, tree: MappingNode, name: str, tasks_node: MappingNode, *, wrong: Wrong, grave: Wrong
) -> Manifest:
    root = _table(tree)
    defaults, default_spans = _options(_submapping(root, "defaults"), wrong)
    outputs = root.get("outputs")
    workers = root.get("workers")
    tasks_span = next((key.span for key in tree.keys if key.value == "tasks"), tree.span)
    return Manifest(
        source=source,
        name=name,
        tasks=_tasks(root, tasks_node, wrong, grave),
        tasks_span=tasks_span,
        params={str(key.value): _param(key, value, wrong) for key, value in _section(root, "params")},
        inputs={str(key.value): _param(key, value, wrong) for key, value in _section(root, "inputs")},
        let={str(key.value): value for key, value in _section(root, "let")},
        let_spans={str(key.value): key.span for key, _ in _section(root, "let")},
        functions=_functions(root, wrong),
        defaults=defaults,
        default_spans=default_spans,
        requirements=_sound(tree, "requirements", wrong),
        imports=_imports(root),
        secrets={str(key.value): value for key, value in _section(root, "secrets")},
        sla=_sla(root.get("sla")),
        sla_node=_sound(tree, "sla", wrong),
        description_node=_sound(tree, "description", wrong),
        labels_node=_sound(tree, "labels", wrong),
        optimize=root.get("optimize"),
        workers=_workers(workers, wrong) if isinstance(workers, MappingNode) else None,
        metrics=root.get("metrics"),
        outputs=_table(outputs) if isinstance(outputs, MappingNode) else None,
        outputs_span=outputs.span if isinstance(outputs, MappingNode) else None,
        result=root.get("result"),
        description=_text(root.get("description")) or "",
        labels={str(key.value): _text(value) or "" for key, value in _section(root, "labels")},
    )


def _submapping(root: Mapping[str, Node], key: str) -> MappingNode | None:
    node = root.get(key)
    return node if isinstance(node, MappingNode) else None


def _section(root: Mapping[str, Node], key: str) -> Iterator[tuple[ScalarNode, Node]]:
    node = _submapping(root, key)
    return iter(()) if node is None else pairs_of(node)


def _table(node: MappingNode) -> dict[str, Node]:
    return {str(key.value): value for key, value in pairs_of(node)}


def _items(node: Node | None) -> tuple[Node, ...]:
    return node.items if isinstance(node, SequenceNode) else ()


def _text(node: Node | None) -> str | None:
    return node.value if isinstance(node, ScalarNode) and isinstance(node.value, str) else None


def _is_extension(key: ScalarNode) -> bool:
    return str(key.value).startswith("x-")


def _sla(node: Node | None) -> Sla:
    if node is None:
        return Sla()
    try:
        return parse_sla(to_plain(node))
    except ValueError:
        return Sla()


def _param(key: ScalarNode, node: Node, wrong: Wrong) -> Param:
    """A declaration `{type, default, …}` without what is wrong in it, or the bare literal that is the default."""
    name = str(key.value)
    if not isinstance(node, MappingNode):
        return Param(name=name, span=key.span, has_default=True, default=to_plain(node), default_span=node.span)
    fields = {str(field.value): value for field, value in pairs_of(node) if not wrong.count_in(field, value)}
    declared, default, enum = fields.get("type"), fields.get("default"), fields.get("enum")
    return Param(
        name=name,
        span=key.span,
        type=_text(declared) or "",
        type_span=None if declared is None else declared.span,
        has_default=default is not None,
        default=None if default is None else to_plain(default),
        default_span=None if default is None else default.span,
        enum=tuple(to_plain(item) for item in enum.items) if isinstance(enum, SequenceNode) else None,
        minimum=_number(fields.get("min")),
        maximum=_number(fields.get("max")),
        pattern=_text(fields.get("pattern")),
        description=_text(fields.get("description")) or "",
        is_wrong=wrong.count_in(key, node) > 0,
    )


def _number(node: Node | None) -> float | None:
    value = node.value if isinstance(node, ScalarNode) else None
    return value if isinstance(value, (int, float)) and not isinstance(value, bool) else None


def _imports(root: Mapping[str, Node]) -> dict[str, Import]:
    """Those of `imports` that have a path."""
    found = {}
    for key, node in _section(root, "imports"):
        path = node.get("path") if isinstance(node, MappingNode) else node
        digest = node.get("sha256") if isinstance(node, MappingNode) else None
        if isinstance(path, ScalarNode) and _text(path):
            sha256 = digest if isinstance(digest, ScalarNode) and _text(digest) else None
            found[str(key.value)] = Import(name=str(key.value), span=key.span, path=path, sha256=sha256)
    return found


def _sound(tree: MappingNode, name: str, wrong: Wrong) -> Node | None:
    """The value of a section in which nothing is wrong."""
    return next((value for key, value in pairs_of(tree) if key.value == name and not wrong.count_in(key, value)), None)


def _workers(node: MappingNode, wrong: Wrong) -> dict[str, Node]:
    """The declared workers; one in which something is wrong has no size."""
    empty = MappingNode((), (), node.span)
    return {str(key.value): empty if wrong.count_in(key, value) else value for key, value in pairs_of(node)}


def _functions(root: Mapping[str, Node], wrong: Wrong) -> dict[str, FunctionDef]:
    functions = {}
    for key, node in _section(root, "functions"):
        if isinstance(node, MappingNode) and (body := _body(node)):
            options, spans = _options(node, wrong)
            name = str(key.value)
            functions[name] = FunctionDef(name=name, name_span=key.span, body=body, options=options, option_spans=spans)
    return functions


def _options(node: MappingNode | None, wrong: Wrong) -> tuple[dict[str, Node], Mapping[str, Span]]:
    """The options of a task without those that hold an error, and where its keys are."""
    if node is None:
        return {}, {}
    written = {
        str(key.value): value
        for key, value in pairs_of(node)
        if key.value in TASK_OPTIONS and not (wrong and wrong.count_in(key, value))
    }
    return written, KeySpans(node.keys)


def _tasks(root: Mapping[str, Node], node: MappingNode, wrong: Wrong, grave: Wrong) -> dict[str, TaskDef]:
    """The tasks. One that is broken has a name and nothing else, so that its consumers are silent; and so has one that
    stands on a broken task or function.
    """
    pairs = [(key, value) for key, value in pairs_of(node) if not _is_extension(key)]
    tasks = {str(key.value): _task(key, value, wrong) for key, value in pairs}
    if not wrong:
        return tasks
    lost = {str(key.value) for key, value in _section(root, "functions") if is_broken(key, value, wrong, grave)}
    bad = {str(key.value) for key, value in pairs if is_broken(key, value, wrong, grave)}
    bad |= {name for name, task in tasks.items() if isinstance(task.body, Use) and task.body.name in lost}
    for name in _standing_on(bad, tasks):
        tasks[name] = TaskDef(name=name, name_span=tasks[name].name_span, body=None)
    return tasks


def _standing_on(bad: set[str], tasks: Mapping[str, TaskDef]) -> set[str]:
    """These tasks and those that extend one of them, directly or not."""
    above: dict[str, list[str]] = {}
    for name, task in tasks.items():
        if task.extends:
            above.setdefault(task.extends[0], []).append(name)
    found, waiting = set(bad), list(bad)
    while waiting:
        more = [name for name in above.get(waiting.pop(), ()) if name not in found]
        found.update(more)
        waiting += more
    return found


def _task(key: ScalarNode, node: Node, wrong: Wrong) -> TaskDef:
    name = str(key.value)
    if not isinstance(node, MappingNode):
        return TaskDef(name=name, name_span=key.span, body=None)
    fields = {str(key.value): value for key, value in pairs_of(node)}
    options, option_spans = _options(node, wrong)
    args, with_, foreach = fields.get("args"), fields.get("with"), fields.get("foreach")
    extends = fields.get("extends")
    body = _body(node)
    return TaskDef(
        name=name,
        name_span=key.span,
        body=body,
        args=args.items if isinstance(args, SequenceNode) else None,
        with_=_table(with_) if isinstance(with_, MappingNode) else None,
        with_spans=KeySpans(with_.keys) if isinstance(with_, MappingNode) else {},
        foreach=_foreach(foreach),
        foreach_span=foreach.span if isinstance(foreach, MappingNode) else None,
        where=fields.get("where"),
        fanout=fields.get("fanout"),
        when=fields.get("when"),
        after=tuple((item.value, item.span) for item in _text_items(fields.get("after"))),
        worker=_sound(node, "worker", wrong) if "worker" in fields else None,
        extends=(text, extends.span) if extends is not None and (text := _text(extends)) else None,
        outputs=tuple(item.value for item in _text_items(fields.get("outputs"))),
        options=options,
        option_spans=option_spans,
    )


class _TextItem:
    __slots__ = ("span", "value")

    def __init__(self, value: str, span: Span) -> None:
        self.value = value
        self.span = span


def _text_items(node: Node | None) -> list[_TextItem]:
    if node is None:
        return []
    return [_TextItem(text, item.span) for item in _items(node) if (text := _text(item)) is not None]


def _foreach(node: Node | None) -> tuple[ForeachEntry, ...]:
    if not isinstance(node, MappingNode):
        return ()
    return tuple(
        ForeachEntry(
            variables=tuple(part.strip() for part in str(key.value).split(",")), key_span=key.span, iterable=value
        )
        for key, value in pairs_of(node)
    )


def _body(node: MappingNode) -> Body | None:
    """The body of a task or a shared function; of two that exclude each other, the first."""
    for key, value in pairs_of(node):
        if key.value in BODIES and (body := _one_body(str(key.value), value)):
            return body
    return None


def _one_body(kind: str, node: Node) -> Body | None:
    if kind == "exec":
        return _exec(node)
    text = _text(node)
    if not text:
        return None
    if kind == "use":
        return Use(name=text, span=node.span)
    if kind == "workflow":
        return Workflow(name=text, span=node.span)
    target, colon, function = text.rpartition(":")
    return Call(target=target, function=function, span=node.span) if colon and target and function else None


def _exec(node: Node) -> Exec | None:
    if isinstance(node, SequenceNode):
        return Exec(argv=node.items, span=node.span) if node.items else None
    if not isinstance(node, MappingNode):
        return None
    fields = _table(node)
    argv = _items(fields.get("argv"))
    if not argv:
        return None
    return Exec(
        argv=argv,
        span=node.span,
        stdin=fields.get("stdin"),
        stdout=_text(fields.get("stdout")) or "text",
        cwd=fields.get("cwd"),
        files=_items(fields.get("files")),
    )
