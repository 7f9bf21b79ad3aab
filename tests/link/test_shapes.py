"""Links as people write them."""

from __future__ import annotations

import json
from importlib.resources import files
from math import inf

import pytest

from runtime.config import LocalSettings
from runtime.links import LinkShape, parse_link


@pytest.mark.parametrize(
    ("text", "shape"),
    [
        ("none", LinkShape()),
        ("lambda", LinkShape(round_trip_s=0.001, bytes_per_s=78_000_000)),
        ("5ms,20MB/s", LinkShape(round_trip_s=0.005, bytes_per_s=20_000_000)),
        ("20MB/s,5ms", LinkShape(round_trip_s=0.005, bytes_per_s=20_000_000)),
        ("0.5ms", LinkShape(round_trip_s=0.0005)),
        ("1.5MiB/s", LinkShape(bytes_per_s=1_572_864)),
    ],
)
def test_a_link_is_a_name_or_a_trip_and_a_bandwidth(text, shape):
    assert parse_link(text) == shape
    assert parse_link(shape.text) == shape


def test_figures_are_told_whatever_name_a_link_has():
    assert parse_link("lambda").text == "1ms,78MB/s"
    assert parse_link("none").text == "none" == LinkShape(bytes_per_s=inf).text
    assert parse_link("1.5MiB/s").text == "1572864B/s"


@pytest.mark.parametrize(
    "text", ["", "aws", "5", "5ms,6ms", "1MB/s,2MB/s", "5ms,", "2s", "1KB/s", "0B/s", "-5ms", "/s"]
)
def test_what_is_no_link_is_a_mistake_in_words(text):
    with pytest.raises(
        ValueError, match=r"is no link; write none, lambda, or figures such as 5ms,20MB/s|too long|too slow"
    ):
        parse_link(text)
    with pytest.raises(ValueError, match="`link`: "):
        LocalSettings(link=text)


def test_the_link_named_lambda_is_that_of_the_newest_profile():
    profiles = [json.loads(path.read_text()) for path in (files("schemas") / "profiles").iterdir()]
    newest = max(profiles, key=lambda profile: profile["date"])
    assert parse_link("lambda").bytes_per_s == newest["network_bytes_per_s"]
    assert parse_link("lambda").round_trip_s == newest["store_round_trip_s"]
