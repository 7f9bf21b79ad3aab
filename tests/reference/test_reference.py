"""The reference: current, complete, and every example in it true."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest

from compiler.cli.main import VERBS
from compiler.manifest.expressions.functions import FILTERS, FUNCTIONS
from compiler.manifest.model import Source
from compiler.manifest.schema import manifest_schema
from compiler.pipeline import check
from compiler.reference import find, reference_page, shown_paths
from tests.expressions.evaluation import evaluate

ROOT = Path(__file__).resolve().parents[2]
PAGE = reference_page()
EXAMPLES = re.findall(r"```yaml\n(.*?)```", PAGE, flags=re.DOTALL)
EXPRESSIONS = re.findall(r"\| `([^`]+)` is `([^`]+)` \|", PAGE)


def test_the_page_in_the_repository_is_current() -> None:
    written = (ROOT / "schemas" / "REFERENCE.md").read_text(encoding="utf-8")
    assert written == PAGE, "run: treadle schema --reference -o schemas/REFERENCE.md"


def test_every_field_of_the_schema_is_on_the_page() -> None:
    shown = {id(find(path)["properties"]) for path in shown_paths()}
    missing = [path for path, properties in _mappings("manifest", manifest_schema()) if id(properties) not in shown]
    assert missing == []


def _mappings(path: str, schema: Any) -> Iterator[tuple[str, Mapping[str, Any]]]:
    """The `properties` of every mapping that the schema describes."""
    if isinstance(schema, Mapping):
        if "properties" in schema and "description" in schema:
            yield path, schema["properties"]
        for key, value in schema.items():
            if key not in ("examples", "default", "enum", "dependentSchemas"):
                yield from _mappings(f"{path}.{key}", value)


@pytest.mark.parametrize("text", EXAMPLES)
def test_an_example_is_sound(text: str) -> None:
    whole = text if text.startswith("spec:") else f"spec: 1\nname: example\n{text}"
    source = Source(file="workflow.yaml", text=whole, root=ROOT / "tests" / "reference")
    level = "graph" if "call:" in whole else "plan"
    codes = {one.code for one in check(source, level=level)}
    assert codes <= {"W301", "W302"}, codes
    if "treadle: ignore" in text:
        assert codes == set()


@pytest.mark.parametrize(("expression", "value"), EXPRESSIONS)
def test_an_expression_has_the_value_that_the_page_says(expression: str, value: str) -> None:
    found = evaluate(expression.replace("\\|", "|"))
    made = list(found) if isinstance(found, range) else found
    assert made == json.loads(value)


def test_every_function_and_filter_is_on_the_page() -> None:
    rows = re.findall(r"^\| `(\w+)[(`]", PAGE, flags=re.MULTILINE)
    assert set(rows) >= set(FUNCTIONS) | set(FILTERS)
    assert len(EXPRESSIONS) == len(FUNCTIONS) + len(FILTERS)


def test_links_and_verbs_lead_somewhere() -> None:
    headings = re.findall(r"^#+ (.+)$", PAGE, flags=re.MULTILINE)
    anchors = {re.sub(r"[^\w -]", "", heading.lower()).replace(" ", "-") for heading in headings}
    assert set(re.findall(r"\]\(#([^)]+)\)", PAGE)) <= anchors
    assert set(re.findall(r"`treadle ([a-z]+)", PAGE)) <= set(VERBS)


def test_no_mark_is_left() -> None:
    assert "<!--" not in PAGE
