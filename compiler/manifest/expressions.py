"""Expressions compiled to closures: a whitelist over Jinja's syntax tree, evaluated with types, never rendered.

An expression is compiled once and evaluated for every instance of a family: a closure takes the *frame* (the
values of the loop variables, by slot) and gives a value. Parameters, `let` names and task references are
resolved while compiling. What shows without evaluating (undefined names, forbidden constructs) is collected as
`StaticFault`s; such an expression is poison and says nothing more. Nothing of Python's attributes is reachable:
no closure ever calls `getattr`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field

from jinja2 import nodes

from compiler.manifest import operators
from compiler.manifest.budget import Budget, check_text
from compiler.manifest.faults import ExprFault, Extent, Poisoned, StaticFault
from compiler.manifest.functions import FILTERS, FUNCTIONS, Function
from compiler.manifest.jinja_tree import SyntaxTree
from compiler.manifest.symbols import RUN_TIME, Level, Namespace, Predicate, RunTime
from compiler.suggest import did_you_mean

Frame = list[object]
Closure = Callable[[Frame], object]

ROOTS = ("params", "inputs", "secrets", "tasks")


@dataclass(frozen=True, slots=True, kw_only=True)
class Scope:
    """What names mean where an expression stands.

    `variables` are loop variables by slot. `lookup` gives a `let` value or a `Namespace`, `reference` the symbolic
    value of a task; both raise KeyError for an unknown name and Poisoned for one that was reported already.
    With `is_run_time` (in `when`) references may be compared.
    """

    variables: Mapping[str, int] = field(default_factory=dict)
    lookup: Callable[[str], object]
    reference: Callable[[str], object]
    names: Callable[[], Iterator[str]]
    tasks: Callable[[], Iterator[str]]
    budget: Budget
    is_run_time: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Compiled:
    """A compiled expression: its closure, the slots it reads, and what is wrong with it already."""

    evaluate: Closure
    slots: frozenset[int]
    tree: SyntaxTree
    faults: tuple[StaticFault, ...] = ()


def compile_expression(tree: SyntaxTree, scope: Scope) -> Compiled:
    """Compile one expression in its scope."""
    compiler = _Compiler(tree, scope)
    closure = compiler.expr(tree.root)
    if compiler.faults or compiler.is_poisoned:
        closure = _poison
    return Compiled(
        evaluate=closure, slots=frozenset(compiler.slots), tree=tree, faults=tuple(dict.fromkeys(compiler.faults))
    )


def _poison(frame: Frame) -> object:
    raise Poisoned


class _Compiler:
    """One expression on its way from tree to closure."""

    def __init__(self, tree: SyntaxTree, scope: Scope) -> None:
        self.tree = tree
        self.scope = scope
        self.faults: list[StaticFault] = []
        self.slots: set[int] = set()
        self.is_poisoned = False

    def expr(self, node: nodes.Node) -> Closure:
        compile_node = _NODES.get(type(node))
        if compile_node is None:
            return self.fail(node, "E204", f"{_NAMES.get(type(node), 'this')} is not part of the expression language")
        return compile_node(self, node)

    def fail(self, node: nodes.Node | Extent, code: str, message: str, hint: str = "", label: str = "") -> Closure:
        extent = node if isinstance(node, tuple) else self.tree.extent(node)
        self.faults.append(StaticFault(code=code, message=message, extent=extent, hint=hint, label=label))
        return _poison

    def fail_name(self, node: nodes.Node, name: str) -> Closure:
        if name in FUNCTIONS:
            return self.fail(node, "E203", f"`{name}` is a function, not a value", hint=f"call it: {name}(…)")
        known = [*self.scope.variables, *self.scope.names()]
        return self.fail(node, "E203", f"`{name}` is not defined", hint=did_you_mean(name, known))

    def constant(self, value: object) -> Closure:
        return lambda frame: value

    def placed(self, node: nodes.Node, compute: Callable[[Frame], object], *operands: nodes.Node) -> Closure:
        """`compute`, its faults placed at `node` or at the operand that they name."""
        tree = self.tree

        def closure(frame: Frame) -> object:
            try:
                return compute(frame)
            except ExprFault as fault:
                if fault.extent is None:
                    wrong = operands[fault.operand] if 0 <= fault.operand < len(operands) else node
                    fault.at(tree.extent(wrong))
                raise

        return closure


def _const(c: _Compiler, node: nodes.Const) -> Closure:
    value = node.value
    if isinstance(value, int) and value.bit_length() > 4096:
        return c.fail(node, "E207", "the number is too large")
    if isinstance(value, float) and value in (float("inf"), float("-inf")):
        return c.fail(node, "E207", "the number is too large")
    return c.constant(value)


def _name(c: _Compiler, node: nodes.Name) -> Closure:
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
        c.is_poisoned = True
        return _poison
    if isinstance(value, Namespace):
        return c.fail(node, "E203", f"`{name}` is not a value", hint=f"name one of them: {name}.NAME")
    return c.constant(value)


def _is_root(c: _Compiler, node: nodes.Node, name: str) -> bool:
    return isinstance(node, nodes.Name) and node.name == name and name not in c.scope.variables


def _namespace(c: _Compiler, node: nodes.Node) -> Namespace | None:
    if not isinstance(node, nodes.Name) or node.name in c.scope.variables or node.name not in ROOTS:
        return None
    try:
        value = c.scope.lookup(node.name)
    except KeyError:
        return None
    return value if isinstance(value, Namespace) else None


def _task(c: _Compiler, name: str, node: nodes.Node, where: Extent) -> Closure:
    try:
        return c.constant(c.scope.reference(name))
    except KeyError:
        return c.fail(where, "E301", f"there is no task `{name}`", hint=did_you_mean(name, c.scope.tasks()))
    except Poisoned:
        c.is_poisoned = True
        return _poison


def _getattr(c: _Compiler, node: nodes.Getattr) -> Closure:
    name = node.attr
    start, end = c.tree.extent(node)
    where = (end - len(name), end)
    if name.startswith("_"):
        return c.fail(where, "E204", f"`.{name}`: names that begin with `_` are out of reach")
    if _is_root(c, node.node, "tasks"):
        return _task(c, name, node, where)
    namespace = _namespace(c, node.node)
    if namespace is not None:
        return _namespace_entry(c, namespace, name, where)
    base = c.expr(node.node)
    select = operators.select

    def closure(frame: Frame) -> object:
        try:
            return select(base(frame), name)
        except ExprFault as fault:
            raise fault.at((start, end))

    return closure


def _namespace_entry(c: _Compiler, namespace: Namespace, name: str, where: Extent) -> Closure:
    try:
        return c.constant(operators.select(namespace, name))
    except Poisoned:
        c.is_poisoned = True
        return _poison
    except ExprFault as fault:
        return c.fail(where, fault.code, fault.message, hint=fault.hint)


def _getitem(c: _Compiler, node: nodes.Getitem) -> Closure:
    if isinstance(node.arg, nodes.Slice):
        return _slice(c, node, node.arg)
    if isinstance(node.arg, nodes.Tuple):
        return c.fail(node.arg, "E204", "one index at a time", hint="write [i][j] for [i, j]")
    if _is_root(c, node.node, "tasks"):
        if isinstance(node.arg, nodes.Const) and isinstance(node.arg.value, str):
            return _task(c, node.arg.value, node, c.tree.extent(node.arg))
        return c.fail(
            node.arg,
            "E305",
            "the name of a task cannot be computed",
            hint="write tasks.NAME, or choose between them with if … else",
        )
    namespace = _namespace(c, node.node)
    base = c.constant(namespace) if namespace is not None else c.expr(node.node)
    key = c.expr(node.arg)
    subscript = operators.subscript
    tree, arg = c.tree, node.arg
    whole = tree.extent(node)

    def closure(frame: Frame) -> object:
        value = base(frame)
        at = key(frame)
        if type(value) is Level and type(at) is value.kind:
            child = value.children.get(at)  # type: ignore[call-overload]
            if child is not None:
                return child
        try:
            return subscript(value, at)
        except operators.NoInstance as fault:
            if not isinstance(arg, nodes.Const):
                fault.label = f"`{tree.text(arg)}` is {operators.show(at)}"
            raise fault.at(whole)
        except ExprFault as fault:
            raise fault.at(tree.extent(arg) if fault.code == "E214" else whole)

    return closure


def _slice(c: _Compiler, node: nodes.Getitem, cut: nodes.Slice) -> Closure:
    base = c.expr(node.node)
    parts = [c.expr(part) if part is not None else c.constant(None) for part in (cut.start, cut.stop, cut.step)]
    budget = c.scope.budget

    def compute(frame: Frame) -> object:
        start, stop, step = (part(frame) for part in parts)
        return operators.slice_of(base(frame), (start, stop, step), budget)

    return c.placed(node, compute)


_FAST = {
    nodes.Add: (operators.add, int.__add__),
    nodes.Sub: (operators.subtract, int.__sub__),
}
_BINARY: dict[type[nodes.Node], Callable[[object, object], object]] = {
    nodes.Mul: operators.multiply,
    nodes.Div: operators.divide,
    nodes.FloorDiv: operators.floor_divide,
    nodes.Mod: operators.modulo,
    nodes.Pow: operators.power,
}


def _fast_binary(c: _Compiler, node: nodes.BinExpr) -> Closure:
    left, right = c.expr(node.left), c.expr(node.right)
    slow, fast = _FAST[type(node)]  # type: ignore[index]
    careful = c.placed(node, lambda pair: slow(pair[0], pair[1]), node.left, node.right)

    def closure(frame: Frame) -> object:
        a = left(frame)
        b = right(frame)
        if type(a) is int and type(b) is int:
            return fast(a, b)
        return careful([a, b])

    return closure


_SMALL = 1 << 31


def _multiply(c: _Compiler, node: nodes.Mul) -> Closure:
    left, right = c.expr(node.left), c.expr(node.right)
    careful = c.placed(node, lambda pair: operators.multiply(pair[0], pair[1]), node.left, node.right)

    def closure(frame: Frame) -> object:
        a = left(frame)
        b = right(frame)
        if type(a) is int and type(b) is int and -_SMALL < a < _SMALL and -_SMALL < b < _SMALL:
            return a * b
        return careful([a, b])

    return closure


def _binary(c: _Compiler, node: nodes.BinExpr) -> Closure:
    left, right = c.expr(node.left), c.expr(node.right)
    apply = _BINARY[type(node)]
    return c.placed(node, lambda frame: apply(left(frame), right(frame)), node.left, node.right)


def _unary(apply: Callable[[object], object]) -> Callable[[_Compiler, nodes.UnaryExpr], Closure]:
    def compile_node(c: _Compiler, node: nodes.UnaryExpr) -> Closure:
        inner = c.expr(node.node)
        return c.placed(node, lambda frame: apply(inner(frame)), node.node)

    return compile_node


def _compare(c: _Compiler, node: nodes.Compare) -> Closure:
    first = c.expr(node.expr)
    rest = [(operand.op, c.expr(operand.expr)) for operand in node.ops]
    operands = (node.expr, *(operand.expr for operand in node.ops))
    budget, is_run_time = c.scope.budget, c.scope.is_run_time

    def compute(frame: Frame) -> object:
        left = first(frame)
        reads: tuple[RunTime, ...] = ()
        for symbol, closure in rest:
            right = closure(frame)
            if is_run_time and (isinstance(left, RUN_TIME) or isinstance(right, RUN_TIME)):
                reads += _reads(left) + _reads(right)
            elif not operators.compare(symbol, left, right, budget):
                return False
            left = right
        return Predicate(reads) if reads else True

    careful = c.placed(node, compute, *operands)
    if len(rest) != 1 or rest[0][0] != "eq":
        return careful
    second = rest[0][1]

    def closure(frame: Frame) -> object:
        a = first(frame)
        b = second(frame)
        if type(a) is int and type(b) is int:
            return a == b
        return careful(frame)

    return closure


def _reads(value: object) -> tuple[RunTime, ...]:
    if isinstance(value, Predicate):
        return value.reads
    return (value,) if isinstance(value, RUN_TIME) else ()


def _junction(is_and: bool) -> Callable[[_Compiler, nodes.BinExpr], Closure]:
    def compile_node(c: _Compiler, node: nodes.BinExpr) -> Closure:
        left, right = c.expr(node.left), c.expr(node.right)
        is_run_time = c.scope.is_run_time

        def compute(frame: Frame) -> object:
            a = left(frame)
            if is_run_time and isinstance(a, RUN_TIME):
                return Predicate(_reads(a) + _reads(right(frame)))
            return right(frame) if operators.truth(a) is is_and else a

        return c.placed(node, compute, node.left)

    return compile_node


def _not(c: _Compiler, node: nodes.Not) -> Closure:
    inner, is_run_time = c.expr(node.node), c.scope.is_run_time

    def compute(frame: Frame) -> object:
        value = inner(frame)
        if is_run_time and isinstance(value, RUN_TIME):
            return Predicate(_reads(value))
        return not operators.truth(value)

    return c.placed(node, compute)


def _conditional(c: _Compiler, node: nodes.CondExpr) -> Closure:
    test, chosen = c.expr(node.test), c.expr(node.expr1)
    other = c.expr(node.expr2) if node.expr2 is not None else c.constant(None)
    careful = c.placed(node.test, lambda value: operators.truth(value[0]))

    def closure(frame: Frame) -> object:
        value = test(frame)
        if value is True or (value is not False and careful([value])):
            return chosen(frame)
        return other(frame)

    return closure


def _concat(c: _Compiler, node: nodes.Concat) -> Closure:
    parts = [(c.expr(part), part) for part in node.nodes]
    texts = [c.placed(part, lambda value: operators.as_text(value[0])) for _, part in parts]

    def compute(frame: Frame) -> object:
        found = [str(text([closure(frame)])) for (closure, _), text in zip(parts, texts)]
        check_text(sum(map(len, found)))
        return "".join(found)

    return c.placed(node, compute)


def _list(c: _Compiler, node: nodes.List | nodes.Tuple) -> Closure:
    items = [c.expr(item) for item in node.items]
    return lambda frame: [item(frame) for item in items]


def _dict(c: _Compiler, node: nodes.Dict) -> Closure:
    pairs: list[tuple[Closure, Closure]] = []
    for pair in node.items:
        key = c.expr(pair.key)
        pairs.append((c.placed(pair.key, _checked_key(key)), c.expr(pair.value)))
    return lambda frame: {str(key(frame)): value(frame) for key, value in pairs}


def _checked_key(key: Closure) -> Closure:
    def closure(frame: Frame) -> object:
        value = key(frame)
        operators.refuse_symbolic(value, "as a key")
        if not isinstance(value, str):
            raise ExprFault("E206", f"the keys of a dict are strings, and this is {operators.describe(value)}")
        return value

    return closure


def _call(c: _Compiler, node: nodes.Call) -> Closure:
    if not isinstance(node.node, nodes.Name):
        return c.fail(node, "E204", "methods cannot be called", hint="use the functions and filters of the language")
    name = node.node.name
    function = FUNCTIONS.get(name)
    if function is None:
        hint = f"`{name}` is a filter: write value | {name}" if name in FILTERS else did_you_mean(name, FUNCTIONS)
        return c.fail(node.node, "E205", f"there is no function `{name}`", hint=hint)
    return _apply(c, node, name, function, node.args)


def _filter(c: _Compiler, node: nodes.Filter) -> Closure:
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
    c: _Compiler, node: nodes.Call | nodes.Filter, name: str, function: Function, written: list[nodes.Expr]
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


_NODES: dict[type[nodes.Node], Callable[[_Compiler, nodes.Node], Closure]] = {
    nodes.Const: _const,
    nodes.Name: _name,
    nodes.Getattr: _getattr,
    nodes.Getitem: _getitem,
    nodes.Add: _fast_binary,
    nodes.Sub: _fast_binary,
    nodes.Mul: _multiply,
    nodes.Div: _binary,
    nodes.FloorDiv: _binary,
    nodes.Mod: _binary,
    nodes.Pow: _binary,
    nodes.Neg: _unary(operators.negate),
    nodes.Pos: _unary(operators.positive),
    nodes.Compare: _compare,
    nodes.And: _junction(True),
    nodes.Or: _junction(False),
    nodes.Not: _not,
    nodes.CondExpr: _conditional,
    nodes.Concat: _concat,
    nodes.List: _list,
    nodes.Tuple: _list,
    nodes.Dict: _dict,
    nodes.Call: _call,
    nodes.Filter: _filter,
}  # type: ignore[dict-item]
_NAMES: dict[type[nodes.Node], str] = {
    nodes.Test: "a test (`is …`)",
    nodes.Slice: "a slice",
    nodes.NSRef: "a namespace",
}
