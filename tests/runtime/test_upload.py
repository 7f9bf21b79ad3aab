"""Upload strategies: their texts, what the manifest says, and who is heard first."""

from __future__ import annotations

import math
from pathlib import Path

import pytest

from compiler.emit.bundle import Build
from compiler.manifest.source import Source
from compiler.pipeline import CompileOptions, compile_workflow
from runtime.config import WorkerSettings
from runtime.measures.upload import SHUTDOWN, TASK, Upload, parse_upload, upload_text
from runtime.runs.session import settled
from runtime.settings.layers import SettingsInvalid, command_line, environment, resolve, settings_file


@pytest.mark.parametrize(
    ("text", "upload"),
    [
        ("shutdown", SHUTDOWN),
        ("task", TASK),
        ("every:5s", Upload(age_s=5)),
        ("every:1m30s", Upload(age_s=90)),
        ("queue:50", Upload(rows=50)),
    ],
)
def test_a_strategy_is_read_from_its_text(text: str, upload: Upload) -> None:
    assert parse_upload(text) == upload


@pytest.mark.parametrize(
    "text",
    ["", "never", "shutdown:", "task:1", "every", "every:", "every:5", "queue", "queue:0", "queue:-1", "queue:٣"],
)
def test_what_is_no_strategy_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r"write shutdown, task, every:5s or queue:50|is not a duration"):
        parse_upload(text)


@pytest.mark.parametrize(
    ("said", "text"),
    [("task", "task"), ({"every": "90s"}, "every:1m30s"), ({"queue": 50}, "queue:50"), ("shutdown", "shutdown")],
)
def test_what_a_manifest_says_has_a_setting_s_text(said: object, text: str) -> None:
    assert upload_text(said) == text
    assert parse_upload(text).rows >= 1


def build(tmp_path: Path, metrics: str) -> Build:
    text = f"spec: 1\nname: m\nparams: {{t: 5s}}\n{metrics}\ntasks: {{a: {{call: 'math:sqrt', args: [4]}}}}\n"
    return compile_workflow(Source(file="m.yaml", text=text, root=tmp_path), CompileOptions())


@pytest.mark.parametrize(
    ("metrics", "upload"),
    [
        ("", ""),
        ("metrics: {}", ""),
        ("metrics: {upload: task}", "task"),
        ('metrics: {upload: {every: "${{ params.t }}"}}', "every:5s"),
        ("metrics: {upload: {queue: 7}}", "queue:7"),
    ],
)
def test_the_manifest_s_word_travels_in_the_bundle(tmp_path: Path, metrics: str, upload: str) -> None:
    assert build(tmp_path, metrics).loaded.upload == upload


@pytest.mark.parametrize(
    ("setting", "manifest", "counts"),
    [(None, "", None), (None, "task", "task"), ("shutdown", "task", "shutdown"), ("every:1s", "", "every:1s")],
)
def test_a_setting_beats_the_manifest(setting: str | None, manifest: str, counts: str | None) -> None:
    assert settled(WorkerSettings(metrics_upload=setting), manifest).metrics_upload == counts


def test_the_layers_of_settings_are_heard_in_their_order(tmp_path: Path) -> None:
    (tmp_path / "treadle.toml").write_text('metrics_upload = "queue:9"\n')
    layers = [
        command_line({"metrics_upload": "task"}),
        environment({"TREADLE_METRICS_UPLOAD": "every:2s"}),
        settings_file(tmp_path, backend="local"),
    ]
    found = [resolve(layers[at:], backend="local").of(WorkerSettings).metrics_upload for at in range(4)]
    assert found == ["task", "every:2s", "queue:9", None]


def test_a_wrong_strategy_is_one_clear_message() -> None:
    with pytest.raises(SettingsInvalid, match="`metrics_upload`: 'evry:5s' is no upload strategy; write shutdown"):
        resolve([command_line({"metrics_upload": "evry:5s"})], backend="local")


def test_what_no_layer_says_is_left_to_the_manifest_and_told_so() -> None:
    (setting,) = [one for one in resolve([], backend="local").all if one.name == "metrics_upload"]
    assert (setting.value, setting.text) == (None, "(as the manifest says, else shutdown)")
    assert parse_upload("shutdown").rows == math.inf
