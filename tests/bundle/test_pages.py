"""Task records to bytes and back."""

from __future__ import annotations

import copy
import json
import string

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from runtime.errors import BundleInvalid, SchemaVersionUnsupported
from runtime.pages import decode_subdag, decode_value, dumps, encode_subdag, encode_value, value_text
from runtime.plan import (
    FAIL,
    Blob,
    Condition,
    EnvClass,
    Function,
    InEdge,
    Input,
    OnError,
    OutEdge,
    Ref,
    Retry,
    Secret,
    Task,
)

ENV = EnvClass(memory_mb=1769)
FUNCTION = Function(unit="0" * 64, module="app", qualname="f")

texts = st.text(max_size=12)
scalars = st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | texts
handlers = st.lists(st.integers(0, 5), max_size=2).map(tuple)
references = st.builds(Ref, st.integers(0, 5), st.lists(texts | st.integers(0, 9), max_size=2).map(tuple), handlers)
inputs = st.builds(Input, texts, st.lists(texts | st.integers(0, 9), max_size=2).map(tuple))
keys = texts | st.sampled_from(["$r", "$b", "$i", "$h", "$c", "$", "$$r"])
secrets = st.builds(Secret, texts, texts, texts)
values = st.recursive(
    scalars | references | inputs | secrets | st.builds(Blob, texts),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(keys, inner, max_size=3),
    max_leaves=8,
)
conditions = st.recursive(
    values, lambda inner: st.builds(Condition, texts, st.lists(inner, min_size=1, max_size=2).map(tuple)), max_leaves=4
)
names = st.text(string.ascii_lowercase, min_size=1, max_size=4)
optional = st.none() | names
envs = st.builds(EnvClass, memory_mb=st.sampled_from([128, 1769]), layer=st.sampled_from(["", "ab"]))
functions = st.builds(Function, unit=names, module=names, qualname=names, kind=st.just("module"), pickle=st.just(""))
retries = st.builds(Retry, max=st.integers(0, 5), kills_only=st.booleans(), delay_s=st.floats(0, 9), on=st.just(("A",)))
tasks = st.builds(
    Task,
    name=names,
    function=functions,
    env=envs,
    args=st.lists(values, max_size=3).map(tuple),
    kwargs=st.dictionaries(names, values, max_size=2),
    in_edges=st.lists(st.builds(InEdge, producer=names, output=optional, worker=optional), max_size=3).map(tuple),
    out_edges=st.lists(
        st.builds(
            OutEdge,
            consumer=names,
            need=st.integers(1, 9),
            env=envs,
            output=optional,
            worker=optional,
            page=st.integers(-1, 9),
        ),
        max_size=3,
    ).map(tuple),
    outputs=st.lists(names, max_size=2).map(tuple),
    worker=optional,
    page=st.integers(-1, 3),
    is_target=st.booleans(),
    retry=st.just(Retry()) | retries,
    timeout_s=st.sampled_from([300.0, 0.5]),
    line=st.integers(0, 99),
    file=st.sampled_from(["", "etl/etl.yaml"]),
    when=st.booleans() | conditions,
    on_error=st.sampled_from([FAIL, OnError(action="skip")]) | values.map(lambda v: OnError(action="value", value=v)),
    is_handler=st.booleans(),
    has_secrets=st.booleans(),
    environ=st.lists(st.tuples(names, texts | inputs | secrets), max_size=2, unique_by=lambda pair: pair[0]).map(tuple),
)


@given(st.lists(tasks, max_size=6, unique_by=lambda task: task.name))
@settings(max_examples=100, deadline=None)
def test_records_survive_the_round_trip_in_order(records):
    decoded = decode_subdag(encode_subdag(records))
    assert list(decoded.tasks.values()) == records
    assert list(decoded.tasks) == [task.name for task in records]


@given(values)
@settings(max_examples=100, deadline=None)
def test_values_survive_with_keys_that_look_like_tags(value):
    assert decode_value(json.loads(json.dumps(encode_value(value)))) == value


@given(values)
@settings(max_examples=200, deadline=None)
def test_the_short_way_to_a_values_text_gives_the_encoders_text(value):
    assert value_text(value) == dumps(encode_value(value))
    assert value_text(("key", value)) == dumps(["key", encode_value(value)])


@given(st.lists(tasks, max_size=4, unique_by=lambda task: task.name))
@settings(max_examples=50, deadline=None)
def test_equal_records_give_equal_bytes_whether_they_share_their_parts_or_not(records):
    assert encode_subdag([copy.deepcopy(record) for record in records]) == encode_subdag(records)


def test_the_same_records_give_the_same_bytes():
    records = [
        Task(name="a", function=FUNCTION, env=ENV, kwargs={"x": [1, Ref(0)]}),
        Task(name="b", function=FUNCTION, env=ENV),
    ]
    assert encode_subdag(records) == encode_subdag(list(records))


def test_arguments_that_differ_in_type_only_stay_apart():
    records = [Task(name=str(n), function=FUNCTION, env=ENV, args=([value],)) for n, value in enumerate((1, True, 1.0))]
    decoded = decode_subdag(encode_subdag(records)).tasks
    assert [type(task.args[0][0]) for task in decoded.values()] == [int, bool, float]


def test_a_large_argument_of_many_tasks_is_written_once():
    records = [Task(name=f"t{n}", function=FUNCTION, env=ENV, args=("x" * 1000,)) for n in range(50)]
    assert len(encode_subdag(records)) < 3000


def test_records_of_another_format_are_refused_as_such():
    with pytest.raises(SchemaVersionUnsupported, match="format 1"):
        decode_subdag(b'{"v": 1}')


@pytest.mark.parametrize(
    "data",
    [b"", b"{", b"[]", b"{}", b"null", b'{"v":2}', b"\xff\xfe", b'{"v":2,"names":[],"tasks":[[0]]}', b"[" * 100_000],
)
def test_garbage_is_refused_with_a_message(data):
    with pytest.raises(BundleInvalid, match="task records"):
        decode_subdag(data)


def test_a_truncated_subdag_is_refused():
    data = encode_subdag([Task(name="a", function=FUNCTION, env=ENV)])
    for length in range(len(data)):
        with pytest.raises(BundleInvalid):
            decode_subdag(data[:length])
