"""Settings: which layer wins, what is refused, and that every value knows where it came from."""

from __future__ import annotations

from pathlib import Path

import pytest

from runtime.config import CompileSettings, LocalSettings, WorkerSettings
from runtime.quantities import format_duration, format_size, parse_duration, parse_size
from runtime.settings import Settings, SettingsInvalid, command_line, environment, resolve, settings_file


def sources(settings: Settings) -> dict[str, str]:
    return {setting.name: setting.source for setting in settings.all}


def test_defaults_hold_when_nothing_is_set() -> None:
    settings = resolve([], backend="local")
    assert settings.of(WorkerSettings) == WorkerSettings()
    assert settings.of(LocalSettings) == LocalSettings()
    assert set(sources(settings).values()) == {"default"}


def test_command_line_beats_environment_beats_file_beats_default(tmp_path: Path) -> None:
    (tmp_path / "treadle.toml").write_text(
        'linger = "10ms"\nlease = "20s"\ninline_value_bytes = "1KiB"\n[local]\nretries = 2\n'
    )
    settings = resolve(
        [
            command_line({"linger": "30ms"}),
            environment({"TREADLE_LINGER": "20ms", "TREADLE_LEASE": "30s", "HOME": "/"}),
            settings_file(tmp_path, backend="local"),
        ],
        backend="local",
    )
    worker = settings.of(WorkerSettings)
    assert (worker.linger_s, worker.lease_s, worker.inline_value_bytes) == (0.03, 30.0, 1024)
    assert settings.of(LocalSettings).retries == 2
    told = sources(settings)
    assert told["linger"] == "command line"
    assert told["lease"] == "environment, TREADLE_LEASE"
    assert told["retries"] == str(tmp_path / "treadle.toml")
    assert told["renew"] == "default"


@pytest.mark.parametrize(
    ("name", "text", "said"),
    [
        ("lingr", "1s", "there is no setting `lingr`; did you mean `linger`?"),
        ("linger", "1", "is not a duration"),
        ("linger", 1, "has no unit"),
        ("max_tries", "two", "expected a whole number"),
        ("max_tries", 1.5, "expected a whole number"),
        ("max_tries", "-1", "is negative"),
        ("inline_value_bytes", "1 furlong", "is not a size"),
        ("start", "fork", "is not one of zygote, exec"),
        ("planner", 3, "expected text"),
        ("renew", "20s", "must be shorter than `lease`"),
        ("time_limit", "16m", "it is a whole number of seconds from 1s to 900s"),
        ("time_limit", "1500ms", "it is a whole number of seconds from 1s to 900s"),
        ("request_rate", "0", "must be more than 0"),
    ],
)
def test_wrong_setting_is_refused_with_its_reason(name: str, text: object, said: str) -> None:
    with pytest.raises(SettingsInvalid, match=r".") as caught:
        resolve([command_line({name: text})], backend="local")
    assert said in caught.value.message
    assert caught.value.exit_code == 2


def test_all_mistakes_are_told_at_once() -> None:
    with pytest.raises(SettingsInvalid) as caught:
        resolve([command_line({"lingr": "1s"}), environment({"TREADLE_LEASE": "x"})], backend="local")
    assert len(caught.value.message.splitlines()) == 2


def test_setting_of_another_backend_is_an_error() -> None:
    with pytest.raises(SettingsInvalid, match="`concurrency_limit` is a setting of the backend local"):
        resolve([environment({"TREADLE_CONCURRENCY_LIMIT": "3"})], backend="inline")


def test_table_of_another_backend_does_not_apply_but_is_checked(tmp_path: Path) -> None:
    file = tmp_path / "treadle.toml"
    file.write_text("[local]\nretries = 1\n")
    assert settings_file(tmp_path, backend="inline").values == {}
    file.write_text("[local]\nretrys = 1\n")
    with pytest.raises(SettingsInvalid, match="did you mean `retries`"):
        settings_file(tmp_path, backend="inline")
    file.write_text("[lokal]\nretries = 1\n")
    with pytest.raises(SettingsInvalid, match=r"unknown table \[lokal\]"):
        settings_file(tmp_path, backend="inline")


def test_unreadable_settings_file_is_one_message(tmp_path: Path) -> None:
    (tmp_path / "treadle.toml").write_text("linger = ")
    with pytest.raises(SettingsInvalid, match=r"treadle\.toml"):
        settings_file(tmp_path, backend="local")


def test_optional_settings_can_be_emptied() -> None:
    settings = resolve(
        [command_line({"redis_url": ""}), environment({"TREADLE_REDIS_URL": "redis://h"})], backend="local"
    )
    assert settings.of(LocalSettings).redis_url is None
    assert resolve([command_line({"workers": "3"})], backend="local").of(CompileSettings).workers == 3


@pytest.mark.parametrize(
    ("text", "seconds"), [("500ms", 0.5), ("1h30m", 5400.0), ("2d", 172800.0), ("1.5s", 1.5), ("90s", 90.0)]
)
def test_durations_are_read_and_written(text: str, seconds: float) -> None:
    assert parse_duration(text) == seconds
    assert parse_duration(format_duration(seconds)) == seconds


@pytest.mark.parametrize(("text", "size"), [("1KiB", 1024), ("1.5MB", 1_500_000), ("0B", 0), ("2GiB", 2**31)])
def test_sizes_are_read(text: str, size: int) -> None:
    assert parse_size(text) == size


def test_sizes_are_written_for_people() -> None:
    assert [format_size(size) for size in (12, 2048, 1.5 * 2**20, 5 * 2**40)] == [
        "12 B",
        "2 KiB",
        "1.5 MiB",
        "5,120.0 GiB",
    ]
