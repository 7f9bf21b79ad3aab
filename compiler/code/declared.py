"""The requirements that a manifest declares: checked where they stand, and asked which modules they may provide.

Nothing is installed or imported. What is installed beside the compiler serves only to tell whose a module is;
where that leaves a doubt, the answer is "perhaps".
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from functools import cached_property

from compiler.code.requirements import RequirementFileFault, read_requirements_file
from compiler.diagnostics import Diagnostic, Span
from compiler.manifest.model import Manifest
from compiler.manifest.tree import Node, ScalarNode, SequenceNode
from runtime.requirements import Requirement, normalise_name, parse_requirement

EXPRESSION = "${{"
_EVERYWHERE = frozenset({"boto3", "botocore", "cloudpickle", "redis"})
"""What every worker has: the target's own packages, and those that the runtime brings."""


class Declared:
    """Every requirement of a manifest, the workflow's and the tasks'."""

    def __init__(self, requirements: Sequence[Requirement], *, has_unread: bool = False) -> None:
        self._names = frozenset(requirement.name for requirement in requirements)
        self._has_unread = has_unread

    def __bool__(self) -> bool:
        return bool(self._names) or self._has_unread

    def may_provide(self, module: str) -> bool:
        """Whether a module may come from a declared requirement."""
        top = module.partition(".")[0]
        if normalise_name(top) in self._names or self._has_unread or top in self._provided:
            return True
        return self._has_unknown and not self.owners(top)

    def certainly_lacks(self, module: str) -> bool:
        """Whether no declared package brings a module along, all of them being installed here, nor does the worker."""
        return not (self._has_unknown or self.may_provide(module) or module.partition(".")[0] in _EVERYWHERE)

    def owners(self, top: str) -> frozenset[str]:
        """The installed packages that have a module of this name."""
        return frozenset(normalise_name(name) for name in self._installed.get(top, ()))

    @cached_property
    def _installed(self) -> Mapping[str, list[str]]:
        from importlib.metadata import packages_distributions

        return packages_distributions()

    @property
    def _has_unknown(self) -> bool:
        return None in self._resolved or self._has_unread

    @cached_property
    def _provided(self) -> frozenset[str]:
        """The top-level modules of the declared packages that are installed here, and of what they need."""
        return frozenset(top for name in self._resolved if name is not None for top in _modules_of(name))

    @cached_property
    def _resolved(self) -> frozenset[str | None]:
        """The declared packages and what they need in turn; None stands for those that are not installed here."""
        from importlib.metadata import PackageNotFoundError, distribution

        found: set[str | None] = set()
        waiting = list(self._names)
        while waiting:
            name = waiting.pop()
            if name in found:
                continue
            try:
                needs = distribution(name).requires or []
            except PackageNotFoundError:
                found |= {None} if name in self._names else set()
                continue
            found.add(name)
            waiting += [need for need in map(_name_of, needs) if need]
        return frozenset(found)


def check_requirements(manifest: Manifest) -> tuple[list[Diagnostic], Declared]:
    """What is wrong with the requirements as written (E404, E408, E410, W408), and what they are."""
    diagnostics: list[Diagnostic] = []
    found: list[Requirement] = []
    has_unread = False
    for node in _nodes(manifest):
        if isinstance(node, SequenceNode):
            first = len(found)
            for item in node.items:
                has_unread |= _check_item(item, found, diagnostics, first)
        elif isinstance(node, ScalarNode) and isinstance(node.value, str):
            has_unread |= _check_file(node, node.value, manifest, found, diagnostics)
    return diagnostics, Declared(found, has_unread=has_unread)


def _nodes(manifest: Manifest) -> Iterator[Node]:
    """Every `requirements:` that is written, once."""
    written = [manifest.requirements, manifest.defaults.get("requirements")]
    written += [function.options.get("requirements") for function in manifest.functions.values()]
    written += [task.options.get("requirements") for task in manifest.tasks.values()]
    seen: set[int] = set()
    for node in written:
        if node is not None and id(node) not in seen:
            seen.add(id(node))
            yield node


def _check_item(item: Node, found: list[Requirement], diagnostics: list[Diagnostic], first: int) -> bool:
    """Whether the item stays unread: an expression, or a mistake that another check reports.

    `found` holds those of the same list from `first` on.
    """
    if not isinstance(item, ScalarNode) or not isinstance(item.value, str) or EXPRESSION in item.value:
        return True
    try:
        requirement = parse_requirement(item.value)
    except ValueError as err:
        diagnostics.append(Diagnostic(code="E410", message=str(err), span=item.span, hint=_REQUIREMENT_HINT))
        return True
    if any(_contradict(requirement, other) for other in found[first:]):
        message = f"`{requirement.written_name}` stands here twice, with different versions"
        diagnostics.append(Diagnostic(code="E410", message=message, span=item.span, hint="keep one of the two"))
    found.append(requirement)
    if not requirement.is_pinned:
        diagnostics.append(_unpinned([requirement], item.span))
    return False


def _contradict(one: Requirement, other: Requirement) -> bool:
    """Whether no version fits both: each names one exactly, everywhere, and not the same."""
    if one.name != other.name or one.marker or other.marker or not (one.is_pinned and other.is_pinned):
        return False
    return (one.clauses, one.url) != (other.clauses, other.url)


def _check_file(
    node: ScalarNode, path: str, manifest: Manifest, found: list[Requirement], diagnostics: list[Diagnostic]
) -> bool:
    if EXPRESSION in path:
        return True
    try:
        lines = read_requirements_file(path, manifest.source.root)
    except RequirementFileFault as fault:
        hint = _REQUIREMENT_HINT if fault.code == "E410" else _file_hint(path)
        diagnostics.append(Diagnostic(code=fault.code, message=fault.message, span=node.span, hint=hint))
        return True
    requirements = [requirement for _, requirement in lines]
    found += requirements
    loose = [requirement for requirement in requirements if not requirement.is_pinned]
    if loose:
        diagnostics.append(_unpinned(loose, node.span))
    return False


_REQUIREMENT_HINT = "write a name and a version, such as `numpy==2.2.1`"


def _file_hint(path: str) -> str:
    try:
        is_requirement = bool(parse_requirement(path).clauses)
    except ValueError:
        is_requirement = False
    return f"write a list: `[{path}]`" if is_requirement else "paths are relative to the manifest's folder"


def _unpinned(requirements: Sequence[Requirement], span: Span) -> Diagnostic:
    names = ", ".join(f"`{requirement.written_name}`" for requirement in requirements)
    verb = "names" if len(requirements) == 1 else "name"
    return Diagnostic(
        code="W408",
        message=f"{names} {verb} no exact version: another build may get another one",
        span=span,
        hint=f"pin it: `{requirements[0].written_name}==<version>`",
    )


def _modules_of(name: str) -> set[str]:
    """The top-level names that an installed package puts on the import path."""
    from importlib.metadata import distribution

    package = distribution(name)
    listed = package.read_text("top_level.txt")
    if listed is not None:
        return set(listed.split())
    paths = (file.parts[0] for file in package.files or ())
    return {part.partition(".")[0] for part in paths if not part.endswith((".dist-info", ".egg-info"))}


def _name_of(line: str) -> str:
    """The name in a `Requires-Dist` line; "" for one that only an extra needs."""
    if "extra ==" in line or "extra==" in line:
        return ""
    try:
        return parse_requirement(line).name
    except ValueError:
        return ""
