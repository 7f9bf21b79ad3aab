"""How operators, comparisons, conditionals and displays become closures.

Ints, which is what most indices are, take a short way; everything else goes through
`compiler.manifest.expressions.operators`.
"""

from __future__ import annotations

from collections.abc import Callable

from compiler.manifest.expressions import nodes, operators
from compiler.manifest.expressions.budget import check_text
from compiler.manifest.expressions.compilation import Closure, Compilation, Frame
from compiler.manifest.expressions.faults import ExprFault
from compiler.manifest.expressions.symbols import RUN_TIME, Predicate, describe

FAST = {
    nodes.Add: (operators.add, int.__add__),
    nodes.Sub: (operators.subtract, int.__sub__),
}
BINARY: dict[type[nodes.Node], Callable[[object, object], object]] = {
    nodes.Mul: operators.multiply,
    nodes.Div: operators.divide,
    nodes.FloorDiv: operators.floor_divide,
    nodes.Mod: operators.modulo,
    nodes.Pow: operators.power,
}


def compile_fast_binary(c: Compilation, node: nodes.BinExpr) -> Closure:
    left, right = c.expr(node.left), c.expr(node.right)
    slow, fast = FAST[type(node)]
    budget = c.scope.budget
    careful = c.placed(node, lambda pair: slow(pair[0], pair[1], budget), node.left, node.right)

    def closure(frame: Frame) -> object:
        a = left(frame)
        b = right(frame)
        if type(a) is int and type(b) is int:
            return fast(a, b)
        return careful([a, b])

    return closure


_SMALL = 1 << 31


def compile_multiply(c: Compilation, node: nodes.Mul) -> Closure:
    left, right = c.expr(node.left), c.expr(node.right)
    careful = c.placed(node, lambda pair: operators.multiply(pair[0], pair[1]), node.left, node.right)

    def closure(frame: Frame) -> object:
        a = left(frame)
        b = right(frame)
        if type(a) is int and type(b) is int and -_SMALL < a < _SMALL and -_SMALL < b < _SMALL:
            return a * b
        return careful([a, b])

    return closure


def compile_binary(c: Compilation, node: nodes.BinExpr) -> Closure:
    left, right = c.expr(node.left), c.expr(node.right)
    apply = BINARY[type(node)]
    return c.placed(node, lambda frame: apply(left(frame), right(frame)), node.left, node.right)


def unary(apply: Callable[[object], object]) -> Callable[[Compilation, nodes.UnaryExpr], Closure]:
    def compile_node(c: Compilation, node: nodes.UnaryExpr) -> Closure:
        inner = c.expr(node.node)
        return c.placed(node, lambda frame: apply(inner(frame)), node.node)

    return compile_node


def compile_compare(c: Compilation, node: nodes.Compare) -> Closure:
    first = c.expr(node.expr)
    rest = [(operand.op, c.expr(operand.expr)) for operand in node.ops]
    operands = (node.expr, *(operand.expr for operand in node.ops))
    budget, is_run_time = c.scope.budget, c.scope.is_run_time

    def compute(frame: Frame) -> object:
        left = first(frame)
        found: Predicate | None = None
        for symbol, closure in rest:
            right = closure(frame)
            if is_run_time and (isinstance(left, RUN_TIME) or isinstance(right, RUN_TIME)):
                link = Predicate(symbol, left, right)
                found = link if found is None else Predicate("and", found, link)
            elif not operators.compare(symbol, left, right, budget):
                return False
            left = right
        return found or True

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


def junction(is_and: bool) -> Callable[[Compilation, nodes.BinExpr], Closure]:
    def compile_node(c: Compilation, node: nodes.BinExpr) -> Closure:
        left, right = c.expr(node.left), c.expr(node.right)
        is_run_time = c.scope.is_run_time

        def compute(frame: Frame) -> object:
            a = left(frame)
            if is_run_time and isinstance(a, RUN_TIME):
                return Predicate("and" if is_and else "or", a, right(frame))
            return right(frame) if operators.truth(a) is is_and else a

        return c.placed(node, compute, node.left)

    return compile_node


def compile_not(c: Compilation, node: nodes.Not) -> Closure:
    inner, is_run_time = c.expr(node.node), c.scope.is_run_time

    def compute(frame: Frame) -> object:
        value = inner(frame)
        if is_run_time and isinstance(value, RUN_TIME):
            return Predicate("not", value)
        return not operators.truth(value)

    return c.placed(node, compute)


def compile_conditional(c: Compilation, node: nodes.CondExpr) -> Closure:
    test, chosen = c.expr(node.test), c.expr(node.expr1)
    other = c.expr(node.expr2) if node.expr2 is not None else c.constant(None)
    careful = c.placed(node.test, lambda value: operators.truth(value[0]))

    def closure(frame: Frame) -> object:
        value = test(frame)
        if value is True or (value is not False and careful([value])):
            return chosen(frame)
        return other(frame)

    return closure


def compile_concat(c: Compilation, node: nodes.Concat) -> Closure:
    parts = [(c.expr(part), part) for part in node.nodes]
    budget = c.scope.budget
    texts = [c.placed(part, lambda value: operators.as_text(value[0])) for _, part in parts]

    def compute(frame: Frame) -> object:
        found = [str(text([closure(frame)])) for (closure, _), text in zip(parts, texts, strict=True)]
        check_text(sum(map(len, found)), budget)
        return "".join(found)

    return c.placed(node, compute)


def compile_list(c: Compilation, node: nodes.List | nodes.Tuple) -> Closure:
    items = [c.expr(item) for item in node.items]
    return lambda frame: [item(frame) for item in items]


def compile_dict(c: Compilation, node: nodes.Dict) -> Closure:
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
            raise ExprFault("E206", f"the keys of a dict are strings, and this is {describe(value)}")
        return value

    return closure
