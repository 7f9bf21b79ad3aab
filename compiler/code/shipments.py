"""The executables of a graph's commands: for each family, or instance with files of its own, what goes to a worker."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from pathlib import Path

from compiler.code.commands import instance_files
from compiler.code.modules import Project
from compiler.code.shipping import FoundFile, shipped_files
from compiler.graph.merge import FILES
from compiler.graph.model import Family, Graph
from compiler.manifest.model import Exec
from compiler.manifest.tree import MappingNode, Node, ScalarNode, SequenceNode
from runtime.plan import Function
from runtime.tasks.executable import ShippedFile, encode_executable
from runtime.unit import unit_digest


class Shipments:
    """Executables and files by digest, each made once; `by_instance` are the functions of instances with own files."""

    def __init__(self, graph: Graph) -> None:
        self.files: dict[str, bytes] = {}
        self.by_instance: dict[int, Function] = {}
        self._graph = graph
        self._records: dict[tuple[Path, str], ShippedFile] = {}
        self._functions: dict[tuple[Path, str, tuple[str, ...], str], Function] = {}

    def collect(self, project: Project, family: Family, body: Exec) -> tuple[Function, str]:
        """The function of a family's first instance, and the fingerprint of all. Raises ShippingFault.

        The fingerprint covers the command as it is written, what it ships and how its output is read.
        """
        instances = range(family.first, family.first + family.count)
        functions = [self._function(project, body, ())] if not instances else []
        for instance in instances:
            function = self._function(project, body, instance_files(self._graph, family, instance))
            functions.append(function)
            if FILES not in self._graph.kwargs[instance]:
                break
            self.by_instance[instance] = function
        units = list(dict.fromkeys(function.unit for function in functions))
        written = [_written(node) for node in (*body.argv, body.stdin, body.cwd)]
        mark = hashlib.sha256(json.dumps(["exec", units, *written]).encode()).hexdigest()
        return functions[0], mark

    def _function(self, project: Project, body: Exec, paths: tuple[str, ...]) -> Function:
        program = _written(body.argv[0]) if body.argv else ""
        key = (project.root, body.stdout, paths, program)
        found = self._functions.get(key)
        if found is None:
            unit = self._executable(project, body.stdout, paths)
            found = self._functions[key] = Function(unit=unit, module="", qualname=program, kind="exec")
        return found

    def _executable(self, project: Project, stdout: str, paths: Sequence[str]) -> str:
        records = [self._record(project, file) for file in shipped_files(project, paths)]
        return self._add(encode_executable(stdout, records))

    def _record(self, project: Project, file: FoundFile) -> ShippedFile:
        key = (project.root, file.path)
        if key not in self._records:
            data = file.read()
            self._records[key] = ShippedFile(
                path=file.path, is_executable=file.is_executable, digest=self._add(data), size=len(data)
            )
        return self._records[key]

    def _add(self, data: bytes) -> str:
        digest = unit_digest(data)
        self.files[digest] = data
        return digest


def _written(node: Node | None) -> str:
    """A value as the manifest writes it, expressions and all."""
    match node:
        case None:
            return ""
        case ScalarNode():
            return node.raw
        case SequenceNode():
            return json.dumps([_written(item) for item in node.items])
        case MappingNode():
            return json.dumps(
                [[str(key.value), _written(value)] for key, value in zip(node.keys, node.values, strict=True)]
            )
