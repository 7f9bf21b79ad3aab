"""Spans: what is encoded is what the schema says, and comes back as it was."""

from __future__ import annotations

import json
from importlib.resources import files

import jsonschema
import pytest

from runtime.metrics import BATCH, MetricsSink
from runtime.spans import InputSpan, StartUp, TaskSpan, decode_spans, encode_spans

START = StartUp(
    run="1_tree_abc_def",
    worker="w0",
    incarnation="00ff",
    env_class="1769-x86_64-py311-none",
    state="warm",
    invoke_time=1000.25,
    start_time=1000.5,
    commits=3,
    bytes_in=10,
    bytes_out=20,
)
SPAN = TaskSpan(
    task="add[1][0]",
    attempt=2,
    started_at=1000.75,
    exec_s=0.125,
    inputs=(InputSpan(slot="leaf[0]", bytes=61, source="store", fetch_s=0.0005),),
    local_inputs=1,
)


def test_a_batch_fits_the_schema_and_reads_back() -> None:
    text = encode_spans(START, [SPAN], is_last=True)
    schema = json.loads(files("schemas").joinpath("span.json").read_text())
    jsonschema.Draft202012Validator(schema).validate(json.loads(text))
    batch = decode_spans(text)
    assert batch.start_up == START and batch.spans == (SPAN,) and batch.is_last


@pytest.mark.parametrize("text", ["{}", "[]", '{"start": {}, "last": true, "spans": [[1]]}', "nonsense"])
def test_what_is_no_batch_is_a_value_error(text: str) -> None:
    with pytest.raises(ValueError):
        decode_spans(text)


def test_the_sink_sends_everything_once_and_marks_the_last_batch() -> None:
    sent: list[tuple[str, str]] = []
    sink = MetricsSink(sent.extend)
    for _ in range(BATCH + 1):
        sink.add(SPAN)
    sink.flush(START)
    batches = [decode_spans(data) for _, data in sent]
    assert [len(batch.spans) for batch in batches] == [BATCH, 1]
    assert [batch.is_last for batch in batches] == [False, True]
    sink.flush(START)
    assert decode_spans(sent[-1][1]).spans == ()
