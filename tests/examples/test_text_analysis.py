"""The text analysis, which goes from file to file, against one matrix of all counts."""

from __future__ import annotations

import json
import re
from itertools import combinations
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pytest

from tests.examples.loading import Functions

CORPUS = Path(json.__file__).parents[1] / "email"


def analysed(texts: ModuleType, *, chunks: int, segments: int, summaries: int, top: int = 12) -> dict[str, Any]:
    """The whole workflow, one task after another."""
    corpus = texts.list_files(str(CORPUS), ".py")
    vocabulary = texts.merge(corpus, [texts.count(corpus, chunk, chunks) for chunk in range(chunks)])
    parts = [
        texts.analyse(texts.read_segment(vocabulary, segment, segments), vocabulary) for segment in range(segments)
    ]
    whole = [texts.summarise(parts[at : at + summaries]) for at in range(0, segments, summaries)]
    report: dict[str, Any] = texts.report(vocabulary, whole, top)
    return report


@pytest.mark.parametrize("segments", [1, 5])
def test_keywords_and_closest_files_are_those_of_the_matrix_of_counts(functions: Functions, segments: int) -> None:
    names = sorted(path.relative_to(CORPUS).as_posix() for path in CORPUS.rglob("*.py"))
    texts = [re.findall("[a-z]+", (CORPUS / name).read_text(errors="replace").lower()) for name in names]
    words, at = np.unique(np.concatenate(texts), return_inverse=True)
    counts = np.zeros((len(names), len(words)))
    np.add.at(counts, (np.repeat(np.arange(len(names)), [len(text) for text in texts]), at), 1)
    weights = counts * np.log(len(names) / (counts > 0).sum(axis=0))
    lengths = np.linalg.norm(weights, axis=1)
    part = [next(s for s in range(segments) if n < len(names) * (s + 1) // segments) for n in range(len(names))]
    alike = {
        (names[one], names[other]): float(weights[one] @ weights[other] / lengths[one] / lengths[other])
        for one, other in combinations(range(len(names)), 2)
        if part[one] == part[other] and lengths[one] and lengths[other]
    }
    report = analysed(functions("text_analysis/texts.py"), chunks=7, segments=segments, summaries=2)
    total = weights.sum(axis=0)
    assert report["files"] == len(names) > 10
    assert report["words"] == counts.sum()
    assert report["distinct_words"] == len(words)
    best = sorted(zip(total, words, strict=True), key=lambda one: (-one[0], one[1]))[:12]
    assert [word for word, _ in report["keywords"]] == [word for _, word in best]
    assert [weight for _, weight in report["keywords"]] == pytest.approx([weight for weight, _ in best])
    closest = max(alike, key=lambda pair: alike[pair])
    assert report["closest"]["files"] == closest
    assert report["closest"]["alike"] == pytest.approx(alike[closest], abs=1e-6)


def test_report_does_not_depend_on_how_the_corpus_is_cut_but_for_the_closest_files(functions: Functions) -> None:
    texts = functions("text_analysis/texts.py")
    one, other = (
        analysed(texts, chunks=1, segments=1, summaries=1),
        analysed(texts, chunks=32, segments=16, summaries=4),
    )
    del one["closest"], other["closest"]
    assert one == other


def test_corpus_that_is_smaller_than_its_parts_is_analysed(functions: Functions, tmp_path: Path) -> None:
    texts = functions("text_analysis/texts.py")
    (tmp_path / "a.py").write_text("spam spam eggs")
    (tmp_path / "b.py").write_bytes(b"eggs \xff ham")
    corpus = texts.list_files(str(tmp_path), ".py")
    vocabulary = texts.merge(corpus, [texts.count(corpus, chunk, 5) for chunk in range(5)])
    parts = [texts.analyse(texts.read_segment(vocabulary, segment, 4), vocabulary) for segment in range(4)]
    report = texts.report(vocabulary, [texts.summarise(parts)], 2)
    assert report == {
        "files": 2,
        "words": 5,
        "distinct_words": 3,
        "keywords": [("spam", 1.386294), ("ham", 0.693147)],
        "richest": None,
        "closest": None,
    }


def test_text_analysis_of_a_folder_without_sources_is_an_error(functions: Functions, tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match="no file that ends with"):
        functions("text_analysis/texts.py").list_files(str(tmp_path), ".py")
