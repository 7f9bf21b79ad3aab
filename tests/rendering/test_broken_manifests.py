"""Over broken manifests: every format is well formed, and every edit that is offered remedies its mistake."""

from __future__ import annotations

import json
from importlib import resources
from pathlib import Path
from random import Random

import pytest
from jsonschema import Draft4Validator, Draft202012Validator

from compiler.fixes import apply_fixes, with_fixes
from compiler.rendering import to_json
from compiler.rendering.gcc import render_gcc
from compiler.rendering.github import render_github
from compiler.rendering.sarif import to_sarif
from tests.fuzz.mutations import mutate
from tests.fuzz.properties import FILE, diagnose

CONFORMANCE = Path(__file__).resolve().parents[1] / "conformance"
ROOT = CONFORMANCE / "fx"
TEXTS = [case["manifest"] for case in json.loads((CONFORMANCE / "bad_manifests.json").read_text(encoding="utf-8"))]
TEXTS = [text for text in TEXTS if text.strip() and len(text) < 2000]
OWN = Draft202012Validator(json.loads((resources.files("schemas") / "diagnostics.json").read_text(encoding="utf-8")))
SARIF = Draft4Validator(json.loads((Path(__file__).parent / "sarif" / "sarif-2.1.0.json").read_text(encoding="utf-8")))


@pytest.mark.parametrize("seed", range(12))
def test_formats_and_fixes_of_mutated_manifests(seed: int) -> None:
    chance = Random(seed)
    for _ in range(10):
        text = chance.choice(TEXTS)
        for _ in range(chance.randint(1, 3)):
            text = mutate(text, chance, TEXTS)
        found = with_fixes(diagnose(text, ROOT), {FILE: text.removeprefix("\ufeff")})
        OWN.validate(to_json(found))
        SARIF.validate(to_sarif(found))
        assert len(render_github(found).splitlines()) == len(found)
        assert len(render_gcc(found).splitlines()) == len(found) + sum(len(one.related) for one in found)
        for one in found:
            if one.fixes:
                after = diagnose(apply_fixes(text.removeprefix("\ufeff"), one.fixes), ROOT)
                assert (one.code, one.message, one.span) not in [
                    (other.code, other.message, other.span) for other in after
                ]
