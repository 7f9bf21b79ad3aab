"""How names, attributes, subscripts and calls become closures: everything that reaches a value by its name."""

from __future__ import annotations

from collections.abc import Callable

from compiler.manifest.expressions import nodes, operators
from compiler.manifest.expressions.compilation import Closure, Compilation, Frame, poison
from compiler.manifest.expressions.faults import ExprFault, Extent, Poisoned
from compiler.manifest.expressions.functions import FILTERS, FUNCTIONS, Function
from compiler.manifest.expressions.symbols import Level, Namespace, show
from compiler.suggest import did_you_mean

ROOTS = ("params", "inputs", "secrets", "tasks")


def compile_const(c: Compilation, node: nodes.Const) -> Closure:
    value = node.value
    if isinstance(value, int) and value.bit_length() > 4096:
        return c.fail(node, "E207", "the number is too large")
    if isinstance(value, float) and value in (float("inf"), float("-inf")):
        return c.fail(node, "E207", "the number is too large")
    return c.constant(value)


def compile_name(c: Compilation, node: nodes.Name) -> Closure:
    name = node.name
    slot = c.scope.variables.get(name)
    if slot is not None:
        index = slot
        c.slots.add(index)
        return lambda frame: frame[index]
    if name == "tasks":
        return c.fail(node, "E305", "`tasks` is not a value", hint="name one task: tasks.NAME")
    try:
        value = c.scope.lookup(name)
    except KeyError:
        return c.fail_name(node, name)
    except Poisoned:
        return _settled(c, lambda: c.scope.lookup(name))
    if isinstance(value, Namespace):
        return c.fail(node, "E203", f"`{name}` is not a value", hint=f"name one of them: {name}.NAME")
    return _settled(c, lambda: c.scope.lookup(name))


def _settled(c: Compilation, look: Callable[[], object]) -> Closure:
    """What a name means: as it is now, unless that may change. Raises ExprFault."""
    try:
        value = look()
    except Poisoned:
        if not c.scope.is_reused:
            c.is_poisoned = True
            return poison
    else:
        if not c.scope.is_reused:
            return c.constant(value)
    return lambda frame: look()


def _is_root(c: Compilation, node: nodes.Node, name: str) -> bool:
    return isinstance(node, nodes.Name) and node.name == name and name not in c.scope.variables


def _namespace(c: Compilation, node: nodes.Node) -> Namespace | None:
    if not isinstance(node, nodes.Name) or node.name in c.scope.variables or node.name not in ROOTS:
        return None
    try:
        value = c.scope.lookup(node.name)
    except (KeyError, Poisoned):
        return None
    return value if isinstance(value, Namespace) else None


def _task(c: Compilation, name: str, where: Callable[[], Extent]) -> Closure:
    reference = c.scope.reference
    try:
        return _settled(c, lambda: reference(name))
    except KeyError:
        return c.fail(where(), "E301", f"there is no task `{name}`", hint=did_you_mean(name, c.scope.tasks()))
    except ExprFault as fault:
        return c.fail(where(), fault.code, fault.message, hint=fault.hint)


def compile_getattr(c: Compilation, node: nodes.Getattr) -> Closure:
    name = node.attr

    def where() -> Extent:
        end = c.tree.extent(node)[1]
        return end - len(name), end

    if name.startswith("_"):
        return c.fail(where(), "E204", f"`.{name}`: names that begin with `_` are out of reach")
    if _is_root(c, node.node, "tasks"):
        return _task(c, name, where)
    if isinstance(node.node, nodes.Name) and _namespace(c, node.node) is not None:
        return _namespace_entry(c, node.node.name, name, where)
    base = c.expr(node.node)
    select = operators.select

    def closure(frame: Frame) -> object:
        try:
            return select(base(frame), name)
        except ExprFault as fault:
            fault.at(c.tree.extent(node))
            raise

    return closure


def _namespace_entry(c: Compilation, root: str, name: str, where: Callable[[], Extent]) -> Closure:
    lookup, select = c.scope.lookup, operators.select
    try:
        return _settled(c, lambda: select(lookup(root), name))
    except ExprFault as fault:
        return c.fail(where(), fault.code, fault.message, hint=fault.hint)


def compile_getitem(c: Compilation, node: nodes.Getitem) -> Closure:
    if isinstance(node.arg, nodes.Slice):
        return _slice(c, node, node.arg)
    if isinstance(node.arg, nodes.Tuple):
        return c.fail(node.arg, "E204", "one index at a time", hint="write [i][j] for [i, j]")
    if _is_root(c, node.node, "tasks"):
        if isinstance(node.arg, nodes.Const) and isinstance(node.arg.value, str):
            return _task(c, node.arg.value, lambda: c.tree.extent(node.arg))
        return c.fail(
            node.arg,
            "E305",
            "the name of a task cannot be computed",
            hint="write tasks.NAME, or choose between them with if … else",
        )
    root = node.node
    if isinstance(root, nodes.Name) and _namespace(c, root) is not None:
        name = root.name
        base = _settled(c, lambda: c.scope.lookup(name))
    else:
        base = c.expr(root)
    key = c.expr(node.arg)
    subscript = operators.subscript
    tree, arg = c.tree, node.arg
    whole = tree.extent(node)
    names = tuple(part.name for part in arg.find_all(nodes.Name))

    def closure(frame: Frame) -> object:
        value = base(frame)
        at = key(frame)
        if type(value) is Level and type(at) is value.kind:
            child = value.children.get(at)  # type: ignore[call-overload]
            if child is not None:
                return child
        try:
            return subscript(value, at)
        except ExprFault as fault:
            if fault.label and not isinstance(arg, nodes.Const):
                fault.label = f"`{tree.text(arg)}` is {show(at)}"
            if isinstance(fault, operators.NoInstance):
                fault.names = names
            fault.at(tree.extent(arg) if fault.code == "E214" else whole)
            raise

    return closure


def _slice(c: Compilation, node: nodes.Getitem, cut: nodes.Slice) -> Closure:
    base = c.expr(node.node)
    parts = [c.expr(part) if part is not None else c.constant(None) for part in (cut.start, cut.stop, cut.step)]
    budget = c.scope.budget

    def compute(frame: Frame) -> object:
        start, stop, step = (part(frame) for part in parts)
        return operators.slice_of(base(frame), (start, stop, step), budget)

    return c.placed(node, compute)


def compile_call(c: Compilation, node: nodes.Call) -> Closure:
    if not isinstance(node.node, nodes.Name):
        return c.fail(node, "E204", "methods cannot be called", hint="use the functions and filters of the language")
    name = node.node.name
    function = FUNCTIONS.get(name)
    if function is None:
        hint = f"`{name}` is a filter: write value | {name}" if name in FILTERS else did_you_mean(name, FUNCTIONS)
        return c.fail(node.node, "E205", f"there is no function `{name}`", hint=hint)
    return _apply(c, node, name, function, node.args)


def compile_filter(c: Compilation, node: nodes.Filter) -> Closure:
    if node.node is None:
        return c.fail(node, "E204", "a filter needs a value before its `|`")
    function = FILTERS.get(node.name)
    if function is None:
        start = c.tree.tokens[node.lineno][0]
        hint = (
            f"`{node.name}` is a function: write {node.name}(…)"
            if node.name in FUNCTIONS
            else did_you_mean(node.name, FILTERS)
        )
        c.expr(node.node)
        return c.fail((start, start + len(node.name)), "E205", f"there is no filter `{node.name}`", hint=hint)
    return _apply(c, node, node.name, function, [node.node, *node.args])


def _apply(
    c: Compilation, node: nodes.Call | nodes.Filter, name: str, function: Function, written: list[nodes.Expr]
) -> Closure:
    if node.kwargs or node.dyn_args is not None or node.dyn_kwargs is not None:
        return c.fail(node, "E204", f"`{name}` takes arguments by position only")
    arguments = [c.expr(argument) for argument in written]
    if not function.least <= len(arguments) <= (function.most or len(arguments)):
        return c.fail(node, "E206", f"`{name}` takes {_count(function)}, and has {len(arguments)}")
    call, budget = function.call, c.scope.budget
    return c.placed(node, lambda frame: call(budget, *[argument(frame) for argument in arguments]), *written)


def _count(function: Function) -> str:
    if function.most is None:
        return f"at least {function.least} argument{'s' if function.least > 1 else ''}"
    if function.least == function.most:
        return f"{function.least} argument{'s' if function.least > 1 else ''}"
    return f"{function.least} to {function.most} arguments"
