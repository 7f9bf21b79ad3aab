"""The options of each instance: evaluated, checked again as values, parsed, and kept once however many share them.

An option without loop variables is evaluated once for its family. What later issues execute is kept as JSON text.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from itertools import islice

from compiler.graph.context import Context
from compiler.graph.domains import Domain
from compiler.graph.handlers import check_spread, named_handler
from compiler.graph.secrets import declared_secret
from compiler.manifest.expressions.faults import ExprFault, Poisoned
from compiler.manifest.expressions.functions import plain
from compiler.manifest.expressions.symbols import SYMBOLIC, InputValue, SecretValue, describe
from compiler.manifest.expressions.templates import TemplateFault, TreeTemplate
from compiler.manifest.model import TaskOptions
from compiler.manifest.options import (
    parse_env,
    parse_idempotent,
    parse_io,
    parse_on_error,
    parse_requirements,
    parse_resources,
    parse_retry,
    parse_timeout,
)
from compiler.manifest.plain import to_node
from compiler.manifest.schema import check_value
from compiler.manifest.tree import MappingNode, Node, ScalarNode, SequenceNode
from runtime.plan import Input, Secret, path_text
from runtime.value_types import a_type

_TYPED: Mapping[str, tuple[str, Callable[[object], object], str]] = {
    "resources": ("resources", parse_resources, "E501"),
    "retry": ("retry", parse_retry, "E108"),
    "timeout": ("timeout_s", parse_timeout, "E109"),
    "io": ("io", parse_io, "E507"),
    "requirements": ("requirements", parse_requirements, "E410"),
    "env": ("environ", parse_env, "E103"),
    "on_error": ("on_error", parse_on_error, "E103"),
    "idempotent": ("is_idempotent", parse_idempotent, "E103"),
}
"""Option -> field of `TaskOptions`, its parser, and the code of what the parser refuses."""

_WITH_SECRETS = frozenset({"env"})
_FREE = frozenset({"description", "labels"})
_WRONG = object()
"""Stands for the parsed form of a value that was refused."""


class OptionTable:
    """Every distinct `TaskOptions` of a graph, numbered in order of first use."""

    def __init__(self) -> None:
        self._numbers: dict[TaskOptions, int] = {}
        self.constants: dict[str, dict[str, object]] = {}
        """By option, the values that are written without expressions, parsed, by their JSON."""
        self.layers: dict[tuple[object, ...], TaskOptions] = {}
        self.written: dict[tuple[object, ...], int] = {}
        """By all that a task says, when that is plain values: flat tasks by the thousand say the same."""

    def intern(self, options: TaskOptions) -> int:
        return self._numbers.setdefault(options, len(self._numbers))

    def number(self, number: int) -> TaskOptions:
        return next(islice(self._numbers, number, None))

    def rows(self) -> tuple[TaskOptions, ...]:
        return tuple(self._numbers)


@dataclass(slots=True)
class _Option:
    name: str
    template: TreeTemplate
    parsed: dict[str, object] = field(default_factory=dict)


def family_options(domain: Domain, context: Context, table: OptionTable) -> list[int]:
    """For each instance of a family the number of its options in the table. Reports what is wrong with the values."""
    written, base = _written(domain, context)
    numbers = _numbered_options(domain, context, table, written, base)
    if "on_error" in written and domain.outputs:
        policies = {table.number(number).on_error for number in set(numbers)}
        check_spread(domain, written["on_error"], policies, context.report)
    return numbers


def _numbered_options(
    domain: Domain, context: Context, table: OptionTable, written: Mapping[str, Node], base: TaskOptions
) -> list[int]:
    said = _plain_values(written)
    if said is None:
        return _evaluated_options(domain, context, table, written, base)
    key = (base.other, *said)
    number = table.written.get(key)
    if number is None:
        numbers = _evaluated_options(domain, context, table, written, base)
        table.written.update((key, number) for number in numbers[:1])
        return numbers
    return [number] * len(domain.keys)


def _plain_values(written: Mapping[str, Node]) -> list[object] | None:
    """The options as a key; None when there is an expression among them."""
    found: list[object] = []
    for name, node in written.items():
        found.append(name)
        if not _gather(node, found):
            return None
    return found


def _gather(node: Node, found: list[object]) -> bool:
    """Add the values of a tree to a key, with their types and where lists and mappings end; False at an expression."""
    if type(node) is ScalarNode:
        value = node.value
        found.append(value if type(value) is str else (type(value), value))
        return type(value) is not str or "${{" not in value
    if type(node) is MappingNode:
        found.append(dict)
        for key, part in zip(node.keys, node.values, strict=True):
            found.append(key.value)
            if not _gather(part, found):
                return False
    elif type(node) is SequenceNode:
        found.append(list)
        if not all(_gather(item, found) for item in node.items):
            return False
    found.append(None)
    return True


def _evaluated_options(
    domain: Domain, context: Context, table: OptionTable, written: Mapping[str, Node], base: TaskOptions
) -> list[int]:
    variables = {name: slot for slot, name in enumerate(domain.variables)}
    options = [_option(name, context.compile(node, variables), table) for name, node in written.items()]
    fixed = [option for option in options if not option.template.slots]
    varying = [option for option in options if option.template.slots]
    common = _common(base, fixed, _evaluate(fixed, [], domain, context), table)
    if not varying:
        return [table.intern(common)] * len(domain.keys)
    numbers = []
    known: dict[tuple[str | None, ...], int] = {}
    for local, frame in enumerate(domain.frames):
        keys = _evaluate(varying, list(frame), domain, context, local=local)
        number = known.get(keys)
        if number is None:
            number = known[keys] = table.intern(_apply(common, varying, keys))
        numbers.append(number)
    return numbers


def _option(name: str, template: TreeTemplate, table: OptionTable) -> _Option:
    return _Option(name, template, table.constants.setdefault(name, {}) if template.is_constant else {})


def _common(base: TaskOptions, fixed: list[_Option], keys: tuple[str | None, ...], table: OptionTable) -> TaskOptions:
    """`base` with what all instances share: flat tasks by the thousand share it, too."""
    layer = (base.other, keys, *(option.name for option in fixed))
    if layer not in table.layers:
        table.layers[layer] = _apply(base, fixed, keys)
    return table.layers[layer]


def _written(domain: Domain, context: Context) -> tuple[dict[str, Node], TaskOptions]:
    """The nodes to evaluate, and the options that need no evaluation."""
    task, manifest = domain.task_source.task, context.manifest
    written = dict(domain.task_source.options)
    if "requirements" not in written and manifest.requirements is not None:
        written["requirements"] = manifest.requirements
    if task.worker is not None:
        written["worker"] = task.worker
    if task.fanout is not None:
        written["fanout"] = task.fanout
    if domain.handler is None and named_handler(domain.task_source) is not None:
        del written["on_error"]  # the task inherits what names itself, or its handler is wrong, which is reported
    other: tuple[tuple[str, str], ...] = ()
    if task.when is not None:
        text = task.when.value if isinstance(task.when, ScalarNode) else "…"
        other = (("when", json.dumps(text, ensure_ascii=False)),)
    return written, TaskOptions(other=other)


def evaluate_section(name: str, node: Node, context: Context) -> Node | None:
    """A section of the manifest with its expressions evaluated, checked as the schema's definition `name`.

    None when something is wrong with it, which is reported.
    """
    section = _Option(name, context.compile(node))
    try:
        value = _plain(section, section.template.evaluate([]), context)
        _check(section, value, "", context)
    except (TemplateFault, Poisoned):
        context.blame(section.template.leaves, [])
    except _Refused:
        pass
    else:
        return to_node(value, node)
    return None


def _evaluate(
    options: list[_Option], frame: list[object], domain: Domain, context: Context, *, local: int = -1
) -> tuple[str | None, ...]:
    """The value of each option in this frame as canonical JSON, None for a wrong one, which is reported."""
    found: list[str | None] = []
    for option in options:
        key: str | None = None
        try:
            value = _plain(option, option.template.evaluate(frame), context)
            key = _CANONICAL.encode(value)
            _check(option, value, key, context)
        except (TemplateFault, Poisoned):
            _blame(option, frame, domain, context, local)
        except _Refused:
            key = None
        found.append(key)
        context.stop_when_spent()
    return tuple(found)


def _apply(base: TaskOptions, options: list[_Option], keys: tuple[str | None, ...]) -> TaskOptions:
    """`base` with these options, evaluated and parsed."""
    changes: dict[str, object] = {}
    other = list(base.other)
    for option, key in zip(options, keys, strict=True):
        if key is None:
            continue
        if option.name in _TYPED:
            changes[_TYPED[option.name][0]] = option.parsed[key]
        elif option.name == "worker":
            changes["worker"] = option.parsed[key]
        else:
            other.append((option.name, key))
    return replace(base, other=tuple(sorted(other)), **changes)  # type: ignore[arg-type]


class _Refused(Exception):
    """The value of an option is wrong; it is reported."""


def _blame(option: _Option, frame: list[object], domain: Domain, context: Context, local: int) -> None:
    if local < 0:
        context.blame(option.template.leaves, frame)
    else:
        context.blame(option.template.leaves, frame, domain.name_of(local), domain.bindings(local))


def _check(option: _Option, value: object, key: str, context: Context) -> None:
    """Check and parse a value the first time it is met. Raises _Refused after reporting what is wrong with it."""
    if key in option.parsed:
        if option.parsed[key] is _WRONG:
            raise _Refused
        return
    option.parsed[key] = _WRONG
    if not option.template.is_constant and option.name not in _FREE:
        found = check_value(option.name, _written_out(value), option.template.node)
        for diagnostic in found:
            context.report.add(diagnostic)
        if found:
            raise _Refused
    if option.name == "on_error" and isinstance(value, dict) and "task" in value and not _is_mapping(option):
        message, hint = "the name of a task cannot be computed", "write `on_error: {task: NAME}`"
        context.report.error("E305", message, option.template.node.span, hint=hint)
        raise _Refused
    option.parsed[key] = _parse(option, value, context) if option.name in _TYPED else value


def _is_mapping(option: _Option) -> bool:
    return isinstance(option.template.node, MappingNode)


def _marked(value: object) -> object:
    """An input or a secret in a key: no value of an option has these forms."""
    match value:
        case Secret():
            return {"$s": [value.name, value.reference]}
        case Input():
            return {"$i": [value.name, *value.path]}
        case _:
            raise AssertionError("an option holds plain data, inputs and secrets")


_CANONICAL = json.JSONEncoder(ensure_ascii=False, sort_keys=True, default=_marked)


def _written_out(value: object) -> object:
    """The value for a check of its form: an input and a secret stand for a text."""
    match value:
        case Input() | Secret():
            return value.name
        case dict():
            return {name: _written_out(item) for name, item in value.items()}
        case _:
            return value


def _parse(option: _Option, value: object, context: Context) -> object:
    _, parse, code = _TYPED[option.name]
    try:
        return parse(value)
    except ValueError as err:
        if not option.template.is_constant:
            context.report.error(code, str(err), option.template.leaves[0].node.span)
        raise _Refused from err


def _plain(option: _Option, value: object, context: Context) -> object:
    """The value without symbols: secrets and inputs in `env` as such.

    Raises _Refused after reporting all others, Poisoned for a secret that is wrong.
    """
    node = option.template.node
    if option.template.is_constant:
        return value
    written = plain(value)
    misplaced = list(_misplaced(option, node, written))
    for part, symbol in misplaced:
        context.report.fault(context.whole(part, _misuse(option, symbol)))
    if misplaced:
        raise _Refused
    return _without_symbols(option, node, written, context)


def _misplaced(option: _Option, node: Node, value: object) -> Iterator[tuple[Node, object]]:
    """Each value known only at run time that may not stand in this option, and where it is written."""
    match value:
        case SecretValue() | InputValue() if option.name in _WITH_SECRETS:
            return
        case list() | dict():
            for part, item in _parts(node, value):
                yield from _misplaced(option, part, item)
        case _ if isinstance(value, SYMBOLIC):
            yield node, value


def _parts(node: Node, value: list[object] | dict[str, object]) -> Iterator[tuple[Node, object]]:
    """Each element of a value with the node where it is written, or the whole where one expression made them all."""
    if isinstance(value, list):
        items = node.items if isinstance(node, SequenceNode) else (node,) * len(value)
        yield from zip(items, value, strict=True)
    else:
        for name, item in value.items():
            yield (node.get(name) if isinstance(node, MappingNode) else None) or node, item


def _without_symbols(option: _Option, node: Node, value: object, context: Context) -> object:
    match value:
        case SecretValue(name=name):
            return declared_secret(name, context)
        case InputValue():
            return _input(node, value, context)
        case list():
            return [_without_symbols(option, part, item, context) for part, item in _parts(node, value)]
        case dict():
            parts = zip(value, _parts(node, value), strict=True)
            return {name: _without_symbols(option, part, item, context) for name, (part, item) in parts}
        case _:
            return value


def _input(node: Node, given: InputValue, context: Context) -> Input:
    """An input as a variable's value, which is a text. Raises _Refused for one that is none."""
    if given.type.name in ("list", "dict"):
        written = f"inputs.{given.name}{path_text(given.path)}"
        message = f"`{written}` is {a_type(given.type)}, and the value of an environment variable is a text"
        fault = ExprFault("E206", message, hint="pass it to the task as an argument")
        context.report.fault(context.whole(node, fault))
        raise _Refused
    return Input(given.name, given.path)


def _misuse(option: _Option, value: object) -> ExprFault:
    is_secret = isinstance(value, SecretValue)
    return ExprFault(
        "E215" if is_secret else "E214",
        f"{describe(value)}, cannot be used in `{option.name}`",
        hint="use it in `env:`" if is_secret else "make it a parameter, known when the workflow is compiled",
    )
