"""Requirements: one line, version ranges, markers, files, layers, and what an interpreter lacks."""

from __future__ import annotations

from importlib.metadata import version
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from compiler.code.requirements import RequirementFileFault, layer_digest, read_requirements_file, resolve_requirements
from runtime.errors import RequirementMissing
from runtime.requirements import check_installed, marker_holds, missing_requirements, parse_requirement
from runtime.versions import parse_specifier, parse_version, satisfies

ORDERED = [
    "1.0.dev1",
    "1.0a1",
    "1.0a2",
    "1.0b1",
    "1.0rc1",
    "1.0",
    "1.0.post1",
    "1.0.1.dev3",
    "1.0.1",
    "1.2",
    "1.10",
    "1!0.1",
]


def test_versions_are_ordered_as_pep_440_says() -> None:
    assert sorted(reversed(ORDERED), key=lambda text: parse_version(text).key) == ORDERED


@pytest.mark.parametrize(
    ("found", "wanted", "holds"),
    [
        ("1.2", "==1.2.0", True),
        ("1.2+cpu", "==1.2", True),
        ("1.2+cpu", "==1.2+gpu", False),
        ("1.2.3", "==1.2.*", True),
        ("1.20", "==1.2.*", False),
        ("1.2.3", "!=1.2.*", False),
        ("1.9", "~=1.2", True),
        ("2.0", "~=1.2", False),
        ("1.2.9", "~=1.2.3", True),
        ("1.3", "~=1.2.3", False),
        ("2.0rc1", "<2", False),
        ("1.2.post1", ">1.2", False),
        ("1.3", ">1.2,<2,!=1.4", True),
        ("1.4", ">1.2,<2,!=1.4", False),
        ("2024b", "==2024b", True),
        ("anything-odd", "===anything-odd", True),
    ],
)
def test_a_version_against_a_range(found: str, wanted: str, holds: bool) -> None:
    clauses = ((wanted[:2], wanted[2:]),) if wanted == "==2024b" else parse_specifier(wanted)
    assert satisfies(found, clauses) is holds


@given(st.tuples(*[st.integers(0, 30)] * 3), st.tuples(*[st.integers(0, 30)] * 3))
def test_every_version_is_below_equal_or_above(left: tuple[int, ...], right: tuple[int, ...]) -> None:
    a, b = ".".join(map(str, left)), ".".join(map(str, right))
    holds = [satisfies(a, parse_specifier(op + b)) for op in ("<", "==", ">")]
    assert holds == [left < right, left == right, left > right]


@pytest.mark.parametrize(
    ("line", "text", "pinned"),
    [
        ("numpy==2.2.1", "numpy==2.2.1", True),
        ("Scikit_Learn >= 1.6, <2", "scikit-learn<2,>=1.6", False),
        ("requests[Security,socks]==2.32.0", "requests[security,socks]==2.32.0", True),
        ("tomli; python_version<'3.11'", "tomli ; python_version<'3.11'", False),
        ("x (==1.0)", "x==1.0", True),
        ("pkg @ https://example.org/pkg.whl", "pkg @ https://example.org/pkg.whl", True),
        ("six==1.*", "six==1.*", False),
    ],
)
def test_a_requirement_is_normalised(line: str, text: str, pinned: bool) -> None:
    found = parse_requirement(line)
    assert (found.text, found.is_pinned) == (text, pinned)
    assert parse_requirement(found.text) == parse_requirement(parse_requirement(found.text).text)


@pytest.mark.parametrize(
    "line",
    [
        "",
        "==1.0",
        "numpy=1.0",
        "numpy==",
        "numpy 1.0",
        "numpy==one",
        "a b",
        "x[b!]",
        "x; python_version ~ '3'",
        "x @ nowhere",
        "~=1",
        "x~=1",
    ],
)
def test_a_line_that_is_no_requirement_is_refused(line: str) -> None:
    with pytest.raises(ValueError, match=r"."):
        parse_requirement(line)


def test_markers_compare_versions_as_versions() -> None:
    assert marker_holds("python_version >= '3.9'", {"python_version": "3.11"})
    assert not marker_holds("python_version < '3.9' and sys_platform == 'linux'", {"python_version": "3.11"})
    assert marker_holds("sys_platform == 'win32' or os_name != 'nt'", {"os_name": "posix"})


def test_what_the_interpreter_lacks_is_named_with_what_it_has() -> None:
    redis = version("redis")
    wanted = [f"redis=={redis}", "redis==0.0.1", "no-such-package-here>=1", "never; python_version < '3.0'"]
    assert missing_requirements(wanted) == [
        f"redis==0.0.1 (installed: {redis})",
        "no-such-package-here>=1 (not installed)",
    ]
    with pytest.raises(RequirementMissing, match="no-such-package-here") as caught:
        check_installed(wanted)
    assert "pip install" in caught.value.hint
    check_installed([f"redis=={redis}"])


def test_a_file_is_read_with_comments_hashes_and_included_files(tmp_path: Path) -> None:
    (tmp_path / "sub").mkdir()
    (tmp_path / "requirements.txt").write_text(
        "# all\n--index-url https://example.org/simple\nnumpy==2.2.1 \\\n"
        "  --hash=sha256:abc  # pinned\n\n-r sub/more.txt\n"
    )
    (tmp_path / "sub" / "more.txt").write_text("-r ../requirements.txt\nPillow>=11\n")
    found = [(line.file, line.line, item.text) for line, item in read_requirements_file("requirements.txt", tmp_path)]
    assert found == [("requirements.txt", 3, "numpy==2.2.1"), ("sub/more.txt", 2, "pillow>=11")]
    assert resolve_requirements(["six", "-r requirements.txt"], tmp_path) == ("numpy==2.2.1", "pillow>=11", "six")


@pytest.mark.parametrize(
    ("path", "code"),
    [("gone.txt", "E404"), (".", "E404"), ("../out.txt", "E408"), ("bad.txt", "E410"), ("latin.txt", "E404")],
)
def test_a_file_that_cannot_serve_says_why(tmp_path: Path, path: str, code: str) -> None:
    (tmp_path / "bad.txt").write_text("numpy\n-e .\n")
    (tmp_path / "latin.txt").write_bytes(b"caf\xe9\n")
    with pytest.raises(RequirementFileFault) as caught:
        read_requirements_file(path, tmp_path)
    assert caught.value.code == code
    assert caught.value.line == (2 if code == "E410" else 0)


def test_a_layer_is_named_by_what_it_needs_not_by_how_it_is_written() -> None:
    assert layer_digest(["b==1", "A_x>=2,<3"]) == layer_digest(["a-x<3,>=2", "b == 1", "b==1"])
    assert layer_digest(["b==1"]) != layer_digest(["b==2"])
    assert layer_digest([]) == ""
