"""What editors show comes from the schema: every field says what it is, with examples that are themselves right."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest
from jsonschema import Draft202012Validator

from compiler.diagnostics import Severity
from compiler.manifest.load import load_tree
from compiler.manifest.model import Source
from compiler.manifest.parse import check_manifest
from compiler.manifest.plain import to_plain
from compiler.manifest.published import published_schema
from compiler.manifest.schema import manifest_schema
from tests.editors.fields import Field, every_field

ROOT = Path(__file__).resolve().parents[2]
GOOD = sorted([*ROOT.glob("tests/conformance/good/*.yaml"), *ROOT.glob("manifests/*/workflow.yaml")])
FIELDS = every_field()
PUBLISHED = Draft202012Validator(published_schema())
SCALARS = {"string", "number", "integer", "boolean", "null"}


def by_path(field: Field) -> str:
    return field.path


def source_of(manifest: dict[str, Any]) -> Source:
    return Source(file="workflow.yaml", text=json.dumps(manifest), root=ROOT / "tests")


def test_the_fields_are_found_at_every_depth() -> None:
    paths = {field.path for field in FIELDS}
    assert {"spec", "tasks.NAME.call", "tasks.NAME.retry.on[]", "functions.NAME.io.linear.offset"} <= paths
    assert len(FIELDS) > 200


@pytest.mark.parametrize("field", FIELDS, ids=by_path)
def test_a_field_is_described_with_examples(field: Field) -> None:
    assert re.fullmatch(r"[A-Z0-9`].*[.…]", field.schema.get("description", ""), flags=re.DOTALL), field.path
    assert field.schema.get("examples"), field.path


@pytest.mark.parametrize("name", sorted(manifest_schema()["$defs"]))
def test_a_definition_is_described_with_examples(name: str) -> None:
    definition = manifest_schema()["$defs"][name]
    assert definition["description"]
    assert definition["examples"]


@pytest.mark.parametrize("field", FIELDS, ids=by_path)
def test_examples_are_right(field: Field) -> None:
    for example in field.schema["examples"]:
        manifest = field.put(example)
        assert [error.message for error in PUBLISHED.iter_errors(manifest)] == []
        _, found = check_manifest(source_of(manifest))
        assert [(one.code, one.message) for one in found if one.severity is Severity.ERROR] == []


@pytest.mark.parametrize("field", [one for one in FIELDS if not one.schema.get("x-literal")], ids=by_path)
def test_an_expression_may_stand_for_any_scalar(field: Field) -> None:
    written = field.schema.get("type", "string")
    is_scalar = bool(SCALARS & ({written} if isinstance(written, str) else set(written)))
    assert PUBLISHED.is_valid(field.put("${{ params.x }}")) is is_scalar
    if is_scalar and "pattern" in field.schema:
        assert not PUBLISHED.is_valid(field.put("?? {{ ??"))


@pytest.mark.parametrize("path", GOOD, ids=lambda path: "/".join(path.parts[-2:]))
def test_good_manifests_are_valid_for_any_validator(path: Path) -> None:
    text = path.read_text(encoding="utf-8")
    tree, _ = load_tree(Source(file=path.name, text=text, root=path.parent))
    assert tree is not None
    assert [error.message for error in PUBLISHED.iter_errors(to_plain(tree))] == []


def test_nothing_private_is_published() -> None:
    Draft202012Validator.check_schema(published_schema())
    assert '"x-' not in json.dumps(published_schema())
