"""Folders with short paths, for sockets; one Redis for each module."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from runtime.local.redis_server import start_redis


@pytest.fixture
def folder() -> Iterator[Path]:
    made = Path(tempfile.mkdtemp(prefix="link-"))
    yield made
    shutil.rmtree(made)


@pytest.fixture(scope="module")
def redis_url() -> Iterator[str]:
    made = Path(tempfile.mkdtemp(prefix="link-"))
    server = start_redis(made)
    yield server.url
    server.stop()
    shutil.rmtree(made)
