from __future__ import annotations

import pytest

from tests.manifest.texts import Check, check_task_fields, check_text


@pytest.fixture
def check() -> Check:
    return check_text


@pytest.fixture
def check_task() -> Check:
    return check_task_fields
