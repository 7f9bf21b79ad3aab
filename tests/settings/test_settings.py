"""Settings: which layer wins, what is refused, and that every value knows where it came from."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from compiler.manifest.model import Sla, TaskOptions
from compiler.planner.classes import DEFAULT_MEMORY_MB
from runtime.addresses import ESCAPED, mask_passwords, without_password
from runtime.config import CompileSettings, LocalSettings, WorkerSettings
from runtime.plan import Retry
from runtime.quantities import format_duration, format_size, parse_duration, parse_size
from runtime.settings.layers import Layer, Settings, SettingsInvalid, command_line, environment, resolve, settings_file
from runtime.settings.meanings import DEFAULTS, MEANINGS


def sources(settings: Settings) -> dict[str, str]:
    return {setting.name: setting.source for setting in settings.all}


def test_defaults_hold_when_nothing_is_set() -> None:
    settings = resolve([], backend="local")
    assert settings.of(LocalSettings) == LocalSettings()
    assert settings.of(WorkerSettings) == WorkerSettings(fan_out=LocalSettings().concurrency_limit)
    assert set(sources(settings).values()) == {"default", "default, as concurrency_limit"}


def test_defaults_are_those_that_were_settled() -> None:
    compiling, worker, local = CompileSettings(), WorkerSettings(), LocalSettings()
    assert (compiling.planner, compiling.workers) == ("treadle", None)
    assert (compiling.max_file_size_bytes, compiling.max_instances) == (16 * 2**20, 200_000)
    assert (worker.lease_s, worker.renew_s, worker.linger_s) == (10, 2.5, 0.05)
    assert (worker.deadline_s, worker.life_s) == (24 * 3600, 48 * 3600)
    assert (worker.inline_subdag_bytes, worker.inline_value_bytes, worker.inline_values_bytes) == (2**17, 2**15, 2**17)
    assert worker.metrics_upload is None
    assert local.concurrency_limit == max(4, 2 * (os.cpu_count() or 1))
    assert (local.idle_expiry_s, local.retries, local.deployment) == (300, 0, "local")
    assert (Retry().max, Retry().kills_only, TaskOptions().timeout_s) == (2, True, 300)
    assert (DEFAULT_MEMORY_MB, Sla().percentile) == (1769, None)


def test_workers_call_no_more_at_once_than_environments_may_live() -> None:
    for own, fan_out in (({}, 3), ({"fan_out": "7"}, 7)):
        settings = resolve([command_line({"concurrency_limit": "3", **own})], backend="local")
        assert settings.of(WorkerSettings).fan_out == fan_out


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
    assert told["retries"] == f"{tmp_path}/treadle.toml:5"
    assert told["renew"] == "default"


@pytest.mark.parametrize(
    ("name", "text", "said"),
    [
        ("lingr", "1s", "there is no setting `lingr`; did you mean `linger`?"),
        ("LINGER", "1s", "did you mean `linger`?"),
        ("max-tries", "1", "did you mean `max_tries`?"),
        ("max_tries", "1_0", "expected a whole number"),
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


def refusal(*layers: Layer, backend: str = "local") -> list[str]:
    """The lines of what is wrong."""
    with pytest.raises(SettingsInvalid) as caught:
        resolve(layers, backend=backend)
    return caught.value.message.splitlines()


def in_file(folder: Path, text: str, *, backend: str = "local") -> Layer:
    (folder / "treadle.toml").write_text(text, encoding="utf-8")
    return settings_file(folder, backend=backend)


def test_setting_of_another_backend_is_an_error_in_every_layer(tmp_path: Path) -> None:
    file = in_file(tmp_path, 'linger = "1s"\nretries = 1\n[inline]\nlambda_port = 1\n', backend="inline")
    own = command_line({"redis_url": "redis://:pw@h"})
    said = refusal(own, environment({"TREADLE_CONCURRENCY_LIMIT": "3"}), file, backend="inline")
    whose = "is a setting of the backend local, and this is inline"
    assert said == [
        f"environment, TREADLE_CONCURRENCY_LIMIT: `concurrency_limit` {whose}",
        f"command line: `redis_url` {whose}",
        f"{tmp_path}/treadle.toml:2: `retries` {whose}; write it in the table [local]",
        f"{tmp_path}/treadle.toml:4: `lambda_port` {whose}",
    ]


def test_table_of_another_backend_does_not_apply_but_is_checked(tmp_path: Path) -> None:
    assert in_file(tmp_path, "[local]\nretries = 1\n", backend="inline") == Layer(values={}, origin={})
    for text, said in (
        ("[local]\nretrys = 1\n", ":2: there is no setting `retrys`; did you mean `retries`?"),
        ("[local]\nretries = true\n", ":2: `retries`: expected a number, found true"),
        ("\n[lokal]\nretries = 1\n", ":2: unknown table [lokal]; did you mean [local]?"),
        ("[cloud]\n", ":1: unknown table [cloud]; the backends are inline, local"),
        ("local = 3", ":1: `local` is a backend, not 3; write its settings in one table [local]"),
        ("[[local]]\n", ":1: `local` is a backend, not a list; write its settings in one table [local]"),
        ("[linger]\nms = 3", ":1: `linger` is a setting, not a table"),
    ):
        assert refusal(in_file(tmp_path, text, backend="inline"), backend="inline") == [
            f"{tmp_path}/treadle.toml{said}"
        ]


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (b"linger = \n", ":1:10: this is no TOML: Invalid value"),
        (b"[local", ":1: this is no TOML: Expected ']' at the end of a table declaration"),
        (b'lease = "1s"\nlease = "2s"\n', ":2:13: this name is given twice"),
        (b"[local]\n[local]\n", ":2:7: this table is there twice"),
        (b'lease = "1s"\n# \xe9\n', ":2: this is not UTF-8; save the file in that encoding"),
        (b"lease = 1979-05-27", ":1: `lease`: expected a duration, found a date"),
        (b"lease = [1]", ":1: `lease`: expected a duration, found a list"),
        (b'max_tries = "nan"', ":1: `max_tries`: expected a whole number, found 'nan'"),
        (b"request_rate = inf", ":1: `request_rate`: expected a number, found inf"),
        (b"planner = true", ":1: `planner`: expected text, found true"),
    ],
)
def test_a_file_that_is_wrong_is_one_message_with_its_place(tmp_path: Path, text: bytes, said: str) -> None:
    (tmp_path / "treadle.toml").write_bytes(text)
    assert refusal(settings_file(tmp_path, backend="local")) == [f"{tmp_path}/treadle.toml{said}"]


@pytest.mark.parametrize("name", ["", "a.b", "té", "a b", "x" * 29, "a:b"])
def test_a_deployment_is_part_of_functions_names(name: str) -> None:
    (said,) = refusal(command_line({"deployment": name}))
    assert said.endswith("it is empty" if not name else "letters a to z, digits, '-' and '_'")


def test_a_name_cannot_steer_the_terminal(tmp_path: Path) -> None:
    (said,) = refusal(in_file(tmp_path, '"\\u001b[31mx" = 1\n'))
    assert said.isprintable()


def test_what_is_no_file_is_not_waited_for(tmp_path: Path) -> None:
    (tmp_path / "a" / "treadle.toml").mkdir(parents=True)
    (tmp_path / "b").mkdir()
    os.mkfifo(tmp_path / "b" / "treadle.toml")
    assert "is a folder" in refusal(settings_file(tmp_path / "a", backend="local"))[0]
    assert "is no file" in refusal(settings_file(tmp_path / "b", backend="local"))[0]


def test_a_file_from_another_system_is_read(tmp_path: Path) -> None:
    (tmp_path / "treadle.toml").write_bytes(b'\xef\xbb\xbflease = "20s"\r\nlocal.retries = 1\r\n')
    settings = resolve([settings_file(tmp_path, backend="local")], backend="local")
    assert settings.of(WorkerSettings).lease_s == 20
    assert sources(settings)["retries"] == f"{tmp_path}/treadle.toml:2"


def test_what_a_function_finds_in_its_environment_is_no_misspelt_setting() -> None:
    handed_down = {"TREADLE_KEYS": "00", "TREADLE_FUNCTION_PREFIX": "treadle-x-", "TREADLE_PRELOAD": "json"}
    assert environment(handed_down).values == {}
    own = environment({"TREADLE_SIGNING_KEY": "env:TREADLE_TEAM", "TREADLE_TEAM": "00" * 32})
    assert resolve([own], backend="local").of(LocalSettings).signing_key == "env:TREADLE_TEAM"


def test_settings_that_do_not_fit_together_are_told_with_all_their_places(tmp_path: Path) -> None:
    said = refusal(
        command_line({"renew": "20s", "deployment": "../x", "lambda_port": "70000"}),
        environment({"TREADLE_LEASE": "15s", "TREADLE_WORKERS": "0"}),
    )
    assert said == [
        "environment, TREADLE_WORKERS: `workers` is 0; a plan needs at least 1",
        "command line and environment, TREADLE_LEASE: `renew` (20s) must be shorter than `lease` (15s)",
        "command line: `deployment` is '../x'; write a name of at most 28 letters a to z, digits, '-' and '_'",
        "command line: `lambda_port` is 70000; a port is a number up to 65535",
    ]


def test_what_travels_inside_fits_an_invocation() -> None:
    (said,) = refusal(command_line({"inline_values_bytes": "1MiB"}))
    assert said.endswith("are 2,228,224 bytes; an invocation has room for 655,360")


def test_sizes_are_printed_as_they_are_written() -> None:
    for size in ("0B", "1000B", "64KiB", "1536KiB", "2GiB"):
        (shown,) = [
            one
            for one in resolve([command_line({"object_store_bytes": size})], backend="local").all
            if one.name == "object_store_bytes"
        ]
        assert shown.text == size


def test_keys_of_a_run_outlive_its_deadline() -> None:
    settings = resolve([command_line({"deadline": "10d"})], backend="local").of(WorkerSettings)
    assert settings.life_s == 11 * 24 * 3600


@pytest.mark.parametrize(
    ("url", "text"),
    [
        ("redis://team:secret@h:1/0", "redis://h:1/0"),
        ("rediss://h:1/0?password=secret&ssl_ca_certs=/x", "rediss://h:1/0"),
        ("redis://h?username=a@b&password=secret", "redis://…"),
        ("redis://:sec@ret@h", "redis://h"),
        ("redis://:se?cret@h:1/0", "redis://…"),
        ("unix://team:secret@/tmp/s", "unix:///tmp/s"),
        ("team:secret@h:1", "…"),
    ],
)
def test_no_password_is_shown(url: str, text: str) -> None:
    assert without_password(url) == text
    assert "secret" not in mask_passwords(f"see '{url}', or {url}") or "://" not in url
    if "://" in url and "se?cret" not in url:
        (shown,) = [
            one for one in resolve([command_line({"redis_url": url})], backend="local").all if one.name == "redis_url"
        ]
        assert (shown.text, shown.shown, shown.value) == (text, text, url)


@pytest.mark.parametrize(
    ("url", "said"),
    [
        ("http://:secret@h", "is no Redis URL; write redis://HOST:PORT/0, rediss://HOST:PORT/0 or unix:///PATH"),
        ("secret", "is no Redis URL; write redis://HOST:PORT/0, rediss://HOST:PORT/0 or unix:///PATH"),
        ("redis:h:1", "is no Redis URL; write redis://HOST:PORT/0, rediss://HOST:PORT/0 or unix:///PATH"),
        ("redis://h:99999/0", "has a host or a port that cannot be; write redis://HOST:PORT/0"),
        ("redis://h:port/0", "has a host or a port that cannot be; write redis://HOST:PORT/0"),
        ("redis://h..example:1/0", "has a host or a port that cannot be; write redis://HOST:PORT/0"),
        ("redis://[::1/0", "has a host or a port that cannot be; write redis://HOST:PORT/0"),
        ("redis://:sec/ret@h:1/0", "has a host or a port that cannot be; write redis://HOST:PORT/0" + ESCAPED),
        ("redis://:?secret@h:1/0", "names no host and port; write redis://HOST:PORT/0" + ESCAPED),
        ("redis:///0", "names no host and port; write redis://HOST:PORT/0"),
        ("redis://h:1/abc", "does not end with the number of a database; write redis://HOST:PORT/0"),
        ("redis://h?db=x", "has a `db` that is no number"),
        ("unix://", "names no socket; write unix:///PATH"),
        ("redis://h?socket_timeout=1000000", "has an option that is not known here: 'socket_timeout'"),
        ("unix:///s?retry=3", "has an option that is not known here: 'retry'"),
        ("redis://h?ssl_ca_certs=f", "has the option `ssl_ca_certs`, which is for TLS; write rediss://HOST:PORT/0"),
        ("rediss://h?ssl_cert_reqs=never", "has an `ssl_cert_reqs` that is none of required, optional, none"),
    ],
)
def test_an_address_that_is_no_redis_url_is_refused_without_being_shown(url: str, said: str) -> None:
    assert refusal(command_line({"redis_url": url})) == [f"command line: `redis_url` {said}"]


@pytest.mark.parametrize(
    "url",
    [
        "redis://h",
        "redis://[::1]:1/3",
        "rediss://u:p%2F@h:1?ssl_check_hostname=false",
        "unix:///s?db=2",
        "unix://u:p@/s",
    ],
)
def test_addresses_of_all_three_kinds_are_taken(url: str) -> None:
    assert resolve([command_line({"redis_url": url})], backend="local").of(LocalSettings).redis_url == url


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


def test_every_setting_has_a_meaning() -> None:
    assert list(MEANINGS) == [setting.name for setting in resolve([], backend="local").all]
    assert set(DEFAULTS) <= set(MEANINGS)
