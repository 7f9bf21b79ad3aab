"""A promise and prices go with a run: through its record, and from the folder of a bundle."""

from __future__ import annotations

import json
import logging

import pytest

from runtime.config import WorkerSettings
from runtime.prices import Prices
from runtime.promise import PROMISE_NAME, promise_document, read_promise
from runtime.runs.record import RunRecord, open_record, record_document, seal_record
from runtime.values.envelope import Signer
from tests.report.test_fulfilment import PRICES, promise

SIGNER = Signer(b"k" * 32)


def record(**changes: object) -> RunRecord:
    given: dict[str, object] = {
        **dict.fromkeys(("run", "workflow", "planner", "sla", "bundle", "graph", "plan", "key"), "x"),
        "tasks": 1,
        "started": 1.0,
        "launched": 1.0,
        "blobs": ("x",),
        "inputs": (),
        "settings": WorkerSettings(),
    }
    return RunRecord(**{**given, **changes})  # type: ignore[arg-type]


@pytest.mark.parametrize("prices", [PRICES, None])
@pytest.mark.parametrize("promised", [promise(), None])
def test_a_record_comes_back_with_them(promised, prices: Prices | None) -> None:
    kept = record(promise=promised, prices=prices)
    assert open_record(SIGNER, "local", "x", seal_record(SIGNER, "local", kept)) == kept
    json.dumps(record_document(kept), allow_nan=False)


def test_a_bundle_s_folder_has_its_promise_beside_it(tmp_path) -> None:
    assert read_promise(tmp_path) is None
    (tmp_path / PROMISE_NAME).write_text(json.dumps(promise_document(promise())))
    assert read_promise(tmp_path) == promise()


@pytest.mark.parametrize(
    "text",
    ["", "[]", "{}", "\0", json.dumps({**promise_document(promise()), "makespans_s": [2.0, *[1.0] * 98]})]
    + [json.dumps({**promise_document(promise()), "cost_usd": wrong}) for wrong in (-1, "1", None, True, float("nan"))],
)
def test_a_damaged_promise_is_said_and_nothing_is_promised(tmp_path, caplog, text: str) -> None:
    (tmp_path / PROMISE_NAME).write_text(text)
    with caplog.at_level(logging.WARNING):
        assert read_promise(tmp_path) is None
    (said,) = caplog.messages
    assert "is damaged: nothing is promised of the run" in said
