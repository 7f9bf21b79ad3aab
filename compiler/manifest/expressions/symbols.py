"""Values that stand for what is known only at run time: references to tasks, items, inputs, secrets.

They move through lists, dicts, slices and conditionals like any value, and refuse everything else:
`compiler.manifest.expressions.operators` raises E214 or E216 for them. What they become in a graph is decided by
`compiler.graph.bind`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Protocol, Union

from compiler.diagnostics import Span
from compiler.manifest.expressions.faults import ExprFault
from runtime.plan import Key, instance_name, path_text
from runtime.value_types import ANY, Type, a_type


class Owner(Protocol):
    """The family that a reference points into."""

    @property
    def task(self) -> str: ...

    @property
    def outputs(self) -> tuple[str, ...]: ...

    def entry_span(self, depth: int) -> Span | None:
        """Where the `foreach` entry of that depth stands."""


class TaskRef:
    """One instance: the `local`-th of its family. `output` is the index of one of its named outputs, -1 for the value.

    `path` selects inside the run-time result.
    """

    __slots__ = ("local", "output", "owner", "path")

    def __init__(self, owner: Owner, local: int, output: int = -1, path: tuple[str | int, ...] = ()) -> None:
        self.owner = owner
        self.local = local
        self.output = output
        self.path = path

    def select(self, key: str | int) -> TaskRef:
        """A named output, or a part of the run-time result. Raises E315."""
        outputs = self.owner.outputs
        if not outputs or self.output >= 0:
            return TaskRef(self.owner, self.local, self.output, (*self.path, key))
        if isinstance(key, str) and key in outputs:
            return TaskRef(self.owner, self.local, outputs.index(key))
        raise NoOutput(self.owner.task, key, outputs)


class NoOutput(ExprFault):
    """E315: which output was asked of which task."""

    def __init__(self, task: str, key: object, outputs: Sequence[str]) -> None:
        hint = f"its outputs are {', '.join(outputs)}" if len(outputs) <= 8 else ""
        super().__init__("E315", f"`{task}` has no output {key!r}", hint=hint)


class Level:
    """A static family, or one row of it: an ordered mapping from keys to rows or, at its rank, to references.

    A family of inlined workflows has the result of each where another has a reference. `kind` is the type of its keys,
    None when it is empty.
    """

    __slots__ = ("children", "kind", "owner", "prefix")

    def __init__(self, owner: Owner, prefix: tuple[Key, ...], children: dict[Key, object]) -> None:
        self.owner = owner
        self.prefix = prefix
        self.children = children
        self.kind: type | None = next((type(key) for key in children), None)

    def __len__(self) -> int:
        return len(self.children)

    def items(self) -> list[object]:
        return list(self.children.values())


class Outputs(dict[str, object]):
    """The `outputs` of an inlined workflow by name: a dict that knows whose they are."""

    __slots__ = ("task",)

    def __init__(self, task: str, values: Mapping[str, object]) -> None:
        super().__init__(values)
        self.task = task


class DynRef:
    """A whole run-time family: at run time a list in key order."""

    __slots__ = ("owner",)

    def __init__(self, owner: Owner) -> None:
        self.owner = owner


class Item:
    """What a loop variable stands for while its `foreach` runs over something known only at run time."""

    __slots__ = ("path", "source")

    def __init__(self, source: RunTime, path: tuple[str | int, ...] = ()) -> None:
        self.source = source
        self.path = path


class InputValue:
    """An input of the workflow, given at launch; `type` is that of the part at `path`."""

    __slots__ = ("name", "path", "type")

    def __init__(self, name: str, path: tuple[str | int, ...] = (), type_: Type = ANY) -> None:
        self.name = name
        self.path = path
        self.type = type_

    def select(self, key: str | int) -> InputValue:
        """A part of its value. Raises E206 when its type has no such part."""
        part = _part_type(self.type, key)
        if part is None:
            written = f"inputs.{self.name}{path_text(self.path)}"
            raise ExprFault("E206", f"`{written}` is {a_type(self.type)}{_without_part(self.type, key)}")
        return InputValue(self.name, (*self.path, key), part)


def _part_type(type_: Type, key: str | int) -> Type | None:
    match type_.name, key:
        case "any", _:
            return ANY
        case ("list", int()) | ("dict", str()):
            return type_.element or ANY
        case (("str" | "path" | "size" | "duration"), int()):
            return Type("str")
        case _:
            return None


def _without_part(type_: Type, key: str | int) -> str:
    if type_.name in ("int", "float", "bool", "secret"):
        return ", which has no parts"
    wanted, found = ("a string", "an int") if isinstance(key, int) else ("an int", "a string")
    return f", which is indexed by {wanted}, not by {found}"


class NoResult:
    """What an inlined workflow stands for whose manifest, in `file`, names no result: nothing can refer to it."""

    __slots__ = ("file",)

    def __init__(self, file: str) -> None:
        self.file = file


class Handling:
    """What a task stands for that handles the failures of `task`: it has no result of its own."""

    __slots__ = ("task",)

    def __init__(self, task: str) -> None:
        self.task = task


class Caller(Protocol):
    """The task that inlines a workflow."""

    @property
    def task(self) -> str: ...


class Given:
    """An input of an inlined workflow that its result hands on: what the `copy`-th instance of a task gives to it."""

    __slots__ = ("caller", "copy", "name", "path")

    def __init__(self, caller: Caller, copy: int, name: str, path: tuple[str | int, ...] = ()) -> None:
        self.caller = caller
        self.copy = copy
        self.name = name
        self.path = path


class SecretValue:
    """A declared secret: legal in `env` only."""

    __slots__ = ("name",)

    def __init__(self, name: str) -> None:
        self.name = name


class Predicate:
    """A run-time condition in `when`: an operator, as `runtime.plan.Condition` names them, and what it is applied to.

    Operands are references, other conditions, and values known already.
    """

    __slots__ = ("operands", "operator")

    def __init__(self, operator: str, *operands: object) -> None:
        self.operator = operator
        self.operands = operands


RunTime = Union[TaskRef, DynRef, Item, InputValue, Given, SecretValue, Predicate]
RUN_TIME = (TaskRef, DynRef, Item, InputValue, Given, SecretValue, Predicate)
SYMBOLIC = (Level, *RUN_TIME)


class Namespace:
    """`params`, `inputs` or `secrets`: names reached through a dot. A poisoned name raises when it is read."""

    __slots__ = ("noun", "poisoned", "values")

    def __init__(self, noun: str, values: Mapping[str, object], poisoned: frozenset[str] = frozenset()) -> None:
        self.noun = noun
        self.values = values
        self.poisoned = poisoned


def describe(value: object) -> str:
    """The type of a value in the reader's words."""
    match value:
        case None:
            return "null"
        case bool():
            return "a bool"
        case int():
            return "an int"
        case float():
            return "a float"
        case str():
            return "a string"
        case list() | range():
            return "a list"
        case dict():
            return "a dict"
        case TaskRef():
            return f"the result of `{value.owner.task}`, known only at run time"
        case Level():
            return f"a list of results of `{value.owner.task}`, known only at run time"
        case DynRef():
            return f"the results of `{value.owner.task}`, known only at run time"
        case Item():
            return "an item known only at run time"
        case InputValue():
            return f"the input `{value.name}`, given at launch"
        case Given():
            return f"the input `{value.name}` of `{value.caller.task}`, known only at run time"
        case SecretValue():
            return f"the secret `{value.name}`, read by workers"
        case Predicate():
            return "a condition on results, known only at run time"
        case _:
            raise AssertionError(f"no such value in the language: {type(value).__name__}")


def show(value: object, limit: int = 40) -> str:
    """A value in a message: short, on one line."""
    match value:
        case TaskRef():
            return f"tasks.{value.owner.task}[…]"
        case Level():
            return f"tasks.{instance_name(value.owner.task, value.prefix)}"
        case DynRef():
            return f"tasks.{value.owner.task}"
        case Item() | InputValue() | Given() | SecretValue() | Predicate():
            return "a run-time value"
        case list() | range():
            inner = ", ".join(show(item, 12) for item in value[:6])
            return f"[{inner}{', …' if len(value) > 6 else ''}]"
        case dict():
            return f"a dict of {len(value)}"
        case str():
            text = f'"{value}"'
        case None | bool():
            text = {None: "null", True: "true", False: "false"}[value]
        case int():
            text = str(value) if value.bit_length() < 256 else "a large number"
        case _:
            text = str(value)
    text = " ".join(text.split())
    return text if len(text) <= limit else text[: limit - 1] + "…"
