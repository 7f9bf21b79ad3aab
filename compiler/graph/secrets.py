"""Secrets on their way into tasks: declarations as the references that workers read, and where secrets may not stand.

A secret may be a variable of a task, or what a task gives to a secret input of the workflow that it inlines. An input
of type secret may besides be an argument of a function, or the standard input of a command. Everywhere else what it
holds would be written down: in a result, in a command line, which every process of the machine can see.
"""

from __future__ import annotations

from compiler.diagnostics import Span
from compiler.graph.context import Context
from compiler.manifest.expressions.faults import ExprFault, Poisoned
from compiler.manifest.expressions.symbols import SYMBOLIC, InputValue, SecretValue, describe
from compiler.manifest.expressions.templates import TemplateFault, has_expression
from compiler.manifest.model import Manifest, Param
from compiler.manifest.params import declared_type
from compiler.manifest.tree import Node
from runtime.plan import Input, Leaf, Secret, Value, map_refs
from runtime.secrecy.references import parse_reference
from runtime.value_types import SECRET_SOURCES

SECRET = "secret"


def declared_secret(name: str, context: Context) -> Secret:
    """A secret of the manifest, with the expressions in its reference evaluated. Raises Poisoned; that is reported."""
    if name not in context.secrets:
        context.secrets[name] = _declared(name, context.manifest.secrets[name], context)
    found = context.secrets[name]
    if found is None:
        raise Poisoned
    return found


def check_secrets(context: Context) -> None:
    """Report what is wrong with secrets that no task takes."""
    for name in context.manifest.secrets:
        if name not in context.secrets:
            context.secrets[name] = _declared(name, context.manifest.secrets[name], context)


def _declared(name: str, node: Node, context: Context) -> Secret | None:
    template = context.compile(node)
    try:
        return Secret(name, _reference(name, template.evaluate([])), place_of(node.span, context.manifest))
    except (TemplateFault, Poisoned):
        context.blame(template.leaves, [])
    except _Formless:
        if has_expression(node):  # the form of a constant was checked when the file was read
            fault = ExprFault("E103", f"the secret `{name}` is not of the form `{{env: NAME}}`")
            context.report.fault(context.whole(node, fault))
    except ExprFault as fault:
        context.report.fault(context.whole(node, fault))
    return None


class _Formless(Exception):
    """The value has not the form of a secret."""


def _reference(name: str, value: object) -> str:
    """Raises ExprFault, _Formless."""
    match value:
        case dict() if len(value) == 1 and set(value) <= SECRET_SOURCES:
            (place,) = value.values()
        case _:
            raise _Formless
    if isinstance(place, SYMBOLIC):
        raise ExprFault("E214", f"{describe(place)}, cannot say where the secret `{name}` is", hint="use a parameter")
    if not isinstance(place, str):
        raise _Formless
    try:
        return str(parse_reference(value))
    except ValueError as err:
        raise ExprFault("E103", f"the secret `{name}`: {err}") from err


def place_of(span: Span, manifest: Manifest) -> str:
    """Where something is written, for messages at run time: `workflow.yaml:8`."""
    return f"{manifest.source.file.replace(chr(92), '/').rpartition('/')[2]}:{span.start.line}"


def is_secret(declared: Param) -> bool:
    """An input of type secret."""
    return declared_type(declared).name == SECRET


def refuse_secret_inputs(value: Value, context: Context, use: str, hint: str) -> Value:
    """`value`, which stands where no secret may. Raises ExprFault (E215) when an input of type secret is in it."""

    def visit(leaf: Leaf) -> object:
        if isinstance(leaf, Input) and is_secret(context.manifest.inputs[leaf.name]):
            raise ExprFault("E215", f"the secret input `{leaf.name}` cannot be {use}", hint=hint)
        return leaf

    if context.has_secret_inputs:
        map_refs(value, visit)
    return value


def given_secret(declared: Param, value: object, context: Context) -> object:
    """What a task gives to an input of the workflow that it inlines: a secret to a secret input, and to no other.

    Raises ExprFault (E215), Poisoned.
    """
    if not is_secret(declared):
        for found in _secrets_in(value):
            message = f"{describe(found)}, cannot be given to `{declared.name}`, which is no secret input"
            raise ExprFault("E215", message, hint=f"declare `{declared.name}` with `type: secret`")
        return value
    if isinstance(value, SecretValue):
        return declared_secret(value.name, context)
    if isinstance(value, InputValue) and value.type.name == SECRET:
        return value
    raise ExprFault(
        "E215", f"`{declared.name}` is a secret, and this is {describe(value)}", hint="give it one of `secrets`"
    )


def _secrets_in(value: object) -> list[object]:
    match value:
        case SecretValue():
            return [value]
        case InputValue():
            return [value] if value.type.name == SECRET else []
        case list():
            return [found for item in value for found in _secrets_in(item)]
        case dict():
            return [found for item in value.values() for found in _secrets_in(item)]
        case _:
            return []
