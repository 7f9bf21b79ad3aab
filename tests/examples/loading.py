"""Loads the functions of an example, as the modules that they are in a worker."""

from __future__ import annotations

import importlib.util
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from types import ModuleType

MANIFESTS = Path(__file__).resolve().parents[2] / "manifests"

Functions = Callable[[str], ModuleType]


@contextmanager
def loaded_modules() -> Iterator[Functions]:
    """`load("gemm/gemm.py")`: the module at that path, which those loaded later may import by its name."""
    loaded: list[str] = []

    def load(path: str) -> ModuleType:
        name = Path(path).stem
        spec = importlib.util.spec_from_file_location(name, MANIFESTS / path)
        assert spec is not None and spec.loader is not None
        module = importlib.util.module_from_spec(spec)
        sys.modules[name] = module
        loaded.append(name)
        spec.loader.exec_module(module)
        return module

    try:
        yield load
    finally:
        for name in loaded:
            del sys.modules[name]
