"""Names, bounds and archives of functions."""

from __future__ import annotations

import io
import zipfile
from pathlib import Path

import pytest

from runtime.local.functions import ApiError, FunctionConfig, FunctionRegistry, extract, mend, plain_name


def config(**options) -> FunctionConfig:
    given = {"name": "f", "handler": "a.b", "runtime": "", "role": "", "code_sha256": "", "code_bytes": 0}
    return FunctionConfig(**{**given, "code": Path("/"), **options})


@pytest.mark.parametrize(
    "identifier",
    ["f", "f:$LATEST", "1:function:f", "arn:aws:lambda:r:1:function:f", "arn:aws:lambda:r:1:function:f:$LATEST"],
)
def test_every_form_of_a_name_means_the_function(identifier):
    assert plain_name(identifier, None) == "f"
    assert plain_name(identifier, "$LATEST") == "f"


@pytest.mark.parametrize(
    ("identifier", "qualifier", "status"),
    [
        ("f", "3", 404),
        ("f:3", None, 404),
        ("", None, 400),
        ("a/b", None, 400),
        ("arn:aws", None, 400),
        ("f:a:b", None, 400),
    ],
)
def test_other_versions_and_malformed_names_are_refused(identifier, qualifier, status):
    with pytest.raises(ApiError) as refused:
        plain_name(identifier, qualifier)
    assert refused.value.status == status


@pytest.mark.parametrize("bad", [{"memory_mb": 127}, {"memory_mb": 10241}, {"timeout_s": 0}, {"arch": "m68k"}])
def test_bounds_are_lambdas(bad):
    with pytest.raises(ApiError):
        config(**bad).check()


def test_preloaded_modules_are_named_by_a_variable():
    assert config(variables={"TREADLE_PRELOAD": "a, b.c,,"}).preload == ("a", "b.c")
    assert config().preload == ()


def archive(*members: tuple[str, int]) -> bytes:
    made = io.BytesIO()
    with zipfile.ZipFile(made, "w") as package:
        for name, mode in members:
            info = zipfile.ZipInfo(name)
            info.external_attr = mode << 16
            package.writestr(info, "x = 1\n")
    return made.getvalue()


@pytest.mark.parametrize("name", ["../a.py", "a/../../b.py", "/etc/a.py", "a\\..\\b.py"])
def test_no_member_of_an_archive_leaves_its_folder(tmp_path, name):
    with pytest.raises(ApiError, match="unsafe path"):
        extract(archive((name, 0o644)), tmp_path)


def test_modes_are_kept_and_a_link_becomes_a_file(tmp_path):
    extract(archive(("bin/tool", 0o755), ("a.py", 0), ("link", 0o120777)), tmp_path)
    assert (tmp_path / "bin/tool").stat().st_mode & 0o777 == 0o755
    assert (tmp_path / "a.py").read_text() == "x = 1\n"
    assert not (tmp_path / "link").is_symlink()


def test_one_archive_is_unpacked_once(tmp_path):
    registry = FunctionRegistry(folder=tmp_path, region="r")
    first = registry.unpack(archive(("a.py", 0o644)))
    assert registry.unpack(archive(("a.py", 0o644))) == first
    assert [path.name for path in tmp_path.iterdir() if path.is_dir()] == [first[1].name]


def test_what_user_code_removed_from_its_code_folder_is_unpacked_again(tmp_path):
    _, folder = FunctionRegistry(folder=tmp_path, region="r").unpack(archive(("a.py", 0o644), ("b/c.py", 0o644)))
    (folder / "b/c.py").unlink()
    mend(folder)
    assert (folder / "b/c.py").read_text() == "x = 1\n"
