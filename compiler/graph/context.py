"""What names mean throughout one manifest: parameters, `let` values, references to tasks, and one report for all.

`let` values and families depend on one another in any order that the file likes; `compiler.graph.order` finds an
order without recursion, and this module keeps what has been evaluated so far.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping
from typing import Protocol

from compiler.diagnostics import Related
from compiler.graph.report import Report, Stopped
from compiler.manifest.expressions.budget import STEPS_PER_INSTANCE, Budget
from compiler.manifest.expressions.compilation import Scope
from compiler.manifest.expressions.faults import ExprFault, Poisoned
from compiler.manifest.expressions.functions import measure
from compiler.manifest.expressions.operators import NoInstance, refuse_secret
from compiler.manifest.expressions.symbols import Handling, InputValue, Namespace, NoResult, SecretValue, show
from compiler.manifest.expressions.syntax_tree import SyntaxTrees
from compiler.manifest.expressions.templates import (
    Template,
    TemplateFault,
    TreeTemplate,
    compile_tree,
    constant_tree,
    has_expression,
    scalars,
)
from compiler.manifest.model import ForeachEntry, Manifest
from compiler.manifest.params import Params, declared_type
from compiler.manifest.tree import Node, ScalarNode
from runtime.plan import Secret

Watch = Callable[[int, int], None]
"""Takes, now and then, how many instances are bound to their arguments, and how many there are."""


def _unwatched(done: int, total: int) -> None:
    """Nobody looks on."""


class Ends(Protocol):
    """A family whose instances have numbers."""

    def ends(self) -> Iterable[int]:
        """The instances that are done when all of it is done."""


class Context:
    """The state of one expansion. `symbols` holds what the evaluated families stand for; a poisoned one is not there.

    `secrets` are those declared, by name, None for one that is wrong; `compiler.graph.secrets` fills it.

    The contexts of inlined workflows, made by `inner`, share the report, the parsed expressions and the account of
    work with that of the main manifest. One serves all copies of its manifest, one after another: expressions are
    compiled once, and `restart` gives them other params to look up.
    """

    def __init__(self, manifest: Manifest, params: Params, report: Report, max_instances: int) -> None:
        self.manifest = manifest
        self.report = report
        self.max_instances = max_instances
        self.watch: Watch = _unwatched
        self.trees = SyntaxTrees()
        self._known_names: Mapping[str, object] = {}
        self.budget = Budget(max_instances * STEPS_PER_INSTANCE)
        self._compiled: dict[tuple[object, ...], TreeTemplate] | None = None
        self._outermost: Scope | None = None
        self.restart(params, max_instances)

    def restart(self, params: Params, limit: int) -> None:
        """Begin with these params, for a graph of at most `limit` instances; nothing is evaluated yet."""
        manifest = self.manifest
        self.params = params
        self.limit = limit
        self.symbols: dict[str, object] = {}
        self.families: dict[str, Ends] = {}
        self._let: dict[str, object] = {}
        self._let_poisoned: set[str] = set()
        self.secrets: dict[str, Secret | None] = {}
        self.has_secret_inputs = any(declared_type(one).name == "secret" for one in manifest.inputs.values())
        self._namespaces: dict[str, Namespace] = {
            "params": Namespace("param", params.values, params.poisoned),
            "inputs": Namespace(
                "input", {name: InputValue(name, type_=declared_type(one)) for name, one in manifest.inputs.items()}
            ),
        }
        if manifest.secrets:
            self._namespaces["secrets"] = Namespace("secret", {name: SecretValue(name) for name in manifest.secrets})

    def inner(self, manifest: Manifest, params: Params) -> Context:
        """A context for the copies of an imported manifest."""
        context = Context(manifest, params, self.report, self.max_instances)
        context.trees, context.budget, context._compiled = self.trees, self.budget, {}
        return context

    def compile(
        self, node: Node, variables: Mapping[str, int] | None = None, *, is_run_time: bool = False
    ) -> TreeTemplate:
        """Compile a tree where these loop variables exist, and report what shows at once."""
        if not has_expression(node):
            return constant_tree(node)
        key = id(node), is_run_time, *(variables or {}).items()
        template = self._compiled.get(key) if self._compiled is not None else None
        if template is None:
            template = self._compile(node, variables or {}, is_run_time)
            if self._compiled is not None:
                self._compiled[key] = template
        for leaf in template.leaves:
            self.report.statics(leaf)
        return template

    def _compile(self, node: Node, variables: Mapping[str, int], is_run_time: bool) -> TreeTemplate:
        if variables or is_run_time:
            return compile_tree(node, self.trees, self._scope(variables, is_run_time))
        if self._outermost is None:
            self._outermost = self._scope({}, False)
        return compile_tree(node, self.trees, self._outermost)

    def _scope(self, variables: Mapping[str, int], is_run_time: bool) -> Scope:
        return Scope(
            variables=dict(variables),
            lookup=self._lookup,
            reference=self._reference,
            names=self._names,
            tasks=lambda: self.manifest.tasks,
            budget=self.budget,
            is_run_time=is_run_time,
            is_reused=self._compiled is not None,
        )

    def evaluate_let(self, name: str) -> None:
        """Evaluate one `let` value, or poison it."""
        template = self.compile(self.manifest.let[name])
        value: object = None
        try:
            value = template.evaluate([])
            measure(value, self.budget)
            _refuse_secrets(value)
        except TemplateFault:
            self.blame(template.leaves, [])
            self._let_poisoned.add(name)
        except Poisoned:
            self.blame(template.leaves, [])
            self._let_poisoned.add(name)
        except ExprFault as fault:
            self.report.fault(self.whole(self.manifest.let[name], fault))
            self._let_poisoned.add(name)
        self._let[name] = value

    def let_values(self) -> dict[str, object]:
        """The `let` values that could be evaluated."""
        return {name: value for name, value in self._let.items() if name not in self._let_poisoned}

    def stop_when_spent(self) -> None:
        """Raises Stopped once the account of work is overdrawn."""
        if self.budget.is_spent:
            raise Stopped

    def poison_let(self, name: str) -> None:
        self._let_poisoned.add(name)

    def blame(
        self,
        leaves: tuple[Template, ...],
        frame: list[object],
        instance: str = "",
        bindings: Mapping[str, object] | None = None,
        entries: tuple[ForeachEntry, ...] = (),
    ) -> None:
        """Report each scalar of a tree that cannot be evaluated in this frame."""
        for leaf in leaves:
            try:
                leaf.evaluate(frame)
            except TemplateFault as found:
                if not self.report.knows(found):
                    self.explain(found, entries)
                self.report.fault(found, instance, bindings)
            except Poisoned:
                continue

    def whole(self, node: Node, fault: ExprFault) -> TemplateFault:
        """A fault that concerns a tree as a whole, placed at its first scalar."""
        first = next(scalars(node), None)
        if first is None:
            first = ScalarNode("", node.span, "")
        return TemplateFault(first, fault, 0, len(first.value) if isinstance(first.value, str) else 0)

    def explain(self, found: TemplateFault, entries: tuple[ForeachEntry, ...] = ()) -> None:
        """Say of an instance that does not exist which ones do, and which `foreach` entry asks for it."""
        fault = found.fault
        if not isinstance(fault, NoInstance) or fault.related:
            return
        level = fault.level
        span = level.owner.entry_span(len(level.prefix))
        if span is not None:
            fault.related = (
                Related(span=span, message=_valid_keys(level.owner.task, level.prefix, list(level.children))),
            )
        if isinstance(fault.key, int) and not isinstance(fault.key, bool) and fault.key < 0:
            fault.hint = "a negative index does not count from the end here: write the key"
            return
        for entry in entries:
            used = [name for name in entry.variables if name in fault.names]
            if used:
                fault.hint = f"does the domain of `{used[0]}` on line {entry.key_span.start.line} go one level too far?"

    def _lookup(self, name: str) -> object:
        if name in self._let_poisoned:
            raise Poisoned
        if name in self._let:
            return self._let[name]
        if name in self.manifest.let:
            raise Poisoned
        return self._namespaces[name]

    def _reference(self, name: str) -> object:
        if name not in self.manifest.tasks:
            raise KeyError(name)
        if name not in self.symbols:
            raise Poisoned
        symbol = self.symbols[name]
        if isinstance(symbol, Handling):
            message = f"`{name}` handles failures of `{symbol.task}`, and has no result of its own"
            hint = f"refer to `{symbol.task}`: where that has failed, its result is what `{name}` returns"
            raise ExprFault("E315", message, hint=hint)
        if isinstance(symbol, NoResult):
            hint = f"add `result:` or `outputs:` to `{symbol.file}`"
            raise ExprFault("E315", f"`{name}` returns nothing: its workflow names no result", hint=hint)
        return symbol

    def _names(self) -> Collection[str]:
        if not self._known_names:
            self._known_names = {**self.manifest.let, **self._namespaces, "tasks": None}
        return self._known_names


def _refuse_secrets(value: object) -> None:
    """A secret has no name but its own: behind another, nobody would see where it goes. Raises E215."""
    level = [value]
    while level:
        for item in level:
            refuse_secret(item, "in `let`")
        level = [
            inner
            for item in level
            if isinstance(item, (list, dict))
            for inner in (item.values() if isinstance(item, dict) else item)
        ]


def _valid_keys(task: str, prefix: tuple[object, ...], keys: list[str | int | bool]) -> str:
    where = task + "".join(f"[{show(key)}]" for key in prefix)
    if not keys:
        return f"`{where}` has no instances"
    numbers = [key for key in keys if isinstance(key, int) and not isinstance(key, bool)]
    if len(numbers) == len(keys) and len(keys) > 1 and max(numbers) - min(numbers) + 1 == len(numbers):
        return f"valid keys of `{where}` are {min(numbers)}..{max(numbers)} ({len(keys)})"
    shown = ", ".join(show(key) for key in keys[:8]) + (", …" if len(keys) > 8 else "")
    return f"valid keys of `{where}` are {shown} ({len(keys)})"
