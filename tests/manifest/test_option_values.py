"""Evaluated values: checked by definition, then typed."""

from __future__ import annotations

import pytest

from compiler.diagnostics import Position, Span
from compiler.manifest.load import load_tree
from compiler.manifest.model import IoHint, Resources, Sla
from compiler.manifest.options import (
    parse_duration,
    parse_io,
    parse_requirements,
    parse_resources,
    parse_retry,
    parse_size,
    parse_sla,
    parse_timeout,
)
from compiler.manifest.schema import check_value
from runtime.plan import Retry
from tests.manifest.texts import source

PLACE = Span("m.yaml", Position(3, 5), Position(3, 9))


@pytest.mark.parametrize(
    ("text", "size"),
    [("0B", 0), ("1KiB", 1024), ("1KB", 1000), ("1.5MiB", 1572864), ("2GiB", 2 << 30), ("0.3B", 1), ("1GB", 10**9)],
)
def test_sizes(text: str, size: int) -> None:
    assert parse_size(text) == size


@pytest.mark.parametrize("text", ["", "1", "MiB", "1 MiB", "1mib", "-1MiB", "1.MiB", "1e3B", "1KiB\n", "\u0661MiB"])
def test_texts_that_are_no_sizes(text: str) -> None:
    with pytest.raises(ValueError, match="is not a size"):
        parse_size(text)


@pytest.mark.parametrize(
    ("text", "seconds"), [("500ms", 0.5), ("1h30m", 5400), ("2d", 172800), ("1.5s", 1.5), ("1m30s", 90), ("0s", 0)]
)
def test_durations(text: str, seconds: float) -> None:
    assert parse_duration(text) == seconds


@pytest.mark.parametrize("text", ["", "30", "30 s", "1 h", "s", "-1s", "1s ", "1s\n"])
def test_texts_that_are_no_durations(text: str) -> None:
    with pytest.raises(ValueError, match="is not a duration"):
        parse_duration(text)


def test_resources_round_sizes_up_to_mebibytes() -> None:
    assert parse_resources({}) == Resources()
    assert parse_resources({"memory": "1GB", "tmp": "1B", "cpu": 2, "arch": "arm64"}) == Resources(
        memory_min_mb=954, tmp_mb=1, cpu=2.0, arch="arm64"
    )
    assert parse_resources({"memory": {"min": "1GiB", "max": "2GiB"}}) == Resources(
        memory_min_mb=1024, memory_max_mb=2048
    )


def test_a_written_retry_repeats_every_failure() -> None:
    assert parse_retry(3) == Retry(max=3, kills_only=False)
    assert parse_retry({"max": 1, "delay": "2s", "max_delay": "5s", "backoff": 2, "jitter": "full", "on": ["X"]}) == (
        Retry(max=1, kills_only=False, delay_s=2.0, max_delay_s=5.0, backoff=2.0, jitter="full", on=("X",))
    )
    with pytest.raises(ValueError, match="longer than"):
        parse_retry({"max": 1, "delay": "6s", "max_delay": "5s"})


def test_io_relations() -> None:
    assert parse_io("none") == IoHint(kind="none")
    assert parse_io({"linear": 0.5, "of": ["a"]}) == IoHint(kind="linear", factor=0.5, of=("a",))
    assert parse_io({"linear": {"factor": 2, "offset": "1KiB"}}) == IoHint(kind="linear", factor=2, offset_bytes=1024)
    assert parse_io({"exponent": 0.9}) == IoHint(kind="exponent", power=0.9)
    assert parse_io({"exponent": {"power": 2, "factor": 3}}) == IoHint(kind="exponent", factor=3, power=2)
    constant = parse_io({"constant": "2KiB"})
    assert constant.offset_bytes + constant.factor * 10.0**constant.power == 2048


def test_objectives() -> None:
    assert parse_sla("average") == Sla()
    assert parse_sla("p99.9") == Sla(percentile=99.9)
    assert parse_sla({"percentile": 50, "budget": "$2"}) == Sla(percentile=50.0, budget_usd=2.0)
    with pytest.raises(ValueError, match="objective"):
        parse_sla("p0")


def test_requirements_are_a_list_or_a_file() -> None:
    assert parse_requirements(["a==1", "b"]) == ("a==1", "b")
    assert parse_requirements("r.txt") == ("-r r.txt",)


def test_a_timeout_is_seconds() -> None:
    assert parse_timeout("2m") == 120.0


@pytest.mark.parametrize(
    ("definition", "value", "code"),
    [
        ("worker", "w1", None),
        ("worker", "a b", "E107"),
        ("worker", "w\n", "E107"),
        ("worker", 3, "E103"),
        ("worker", "${{ x }}", "E107"),
        ("timeout", "3s", None),
        ("timeout", 3, "E103"),
        ("timeout", "3", "E109"),
        ("memory", "1GiB", None),
        ("memory", "1G", "E110"),
        ("memory", {"min": "1GiB"}, None),
        ("resources", {"memory": "1GiB", "cpu": -1}, "E108"),
        ("retry", 0, None),
        ("retry", -1, "E108"),
        ("retry", True, "E103"),
        ("retry", {"max": 1, "delay": "2s", "max_delay": "1s"}, "E108"),
        ("io", {"linear": 1, "exponent": 1}, "E507"),
        ("io", {"linear": -1}, "E108"),
        ("sla", "p0", "E506"),
        ("requirements", ["a"], None),
        ("requirements", [""], "E112"),
        ("on_error", {"value": {"any": [1, None]}}, None),
        ("optimize", ["preload", "prelaod"], "E104"),
        ("env", {"A": "b"}, None),
    ],
)
def test_an_evaluated_value_is_checked_by_its_definition(definition: str, value: object, code: str | None) -> None:
    found = check_value(definition, value, PLACE)
    assert [(one.code, one.span) for one in found] == ([(code, PLACE)] if code else [])


def test_a_part_of_a_value_is_reported_where_that_part_stands() -> None:
    tree, _ = load_tree(source("resources:\n  memory: ${{ x }}\n  cpu: ${{ y }}\n"))
    assert tree is not None
    place = tree.values[0]
    (one,) = check_value("resources", {"memory": "1GiB", "cpu": 0}, place)
    assert one.span is not None
    assert (one.code, one.span.start.line) == ("E108", 3)
