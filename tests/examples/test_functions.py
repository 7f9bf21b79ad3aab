"""The functions of the examples, called one after another: what every parallel run of them must give."""

from __future__ import annotations

import pickle
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest

from tests.examples.loading import Functions


def test_hello_greets_by_name(functions: Functions) -> None:
    assert functions("hello/hello.py").greet("Ada") == "Hello, Ada!"


@pytest.mark.parametrize("leaves", [2, 64, 512])
def test_tree_of_additions_sums_its_leaves(functions: Functions, leaves: int) -> None:
    tree = functions("tree_reduction/tree.py")
    level = [tree.load(i) for i in range(leaves)]
    while len(level) > 1:
        level = [tree.add(left, right) for left, right in zip(level[::2], level[1::2], strict=True)]
    assert level == [leaves * (leaves - 1) // 2]


@pytest.mark.parametrize(("n", "block"), [(48, 16), (50, 16), (7, 9)])
def test_blocked_product_agrees_with_numpy_when_the_last_block_is_smaller_too(
    functions: Functions, n: int, block: int
) -> None:
    gemm = functions("gemm/gemm.py")
    blocks = range(-(-n // block))
    a = [[gemm.make_block("A", i, k, n, block) for k in blocks] for i in blocks]
    b = [[gemm.make_block("B", k, j, n, block) for j in blocks] for k in blocks]
    c = [[gemm.accumulate([gemm.multiply(a[i][k], b[k][j]) for k in blocks]) for j in blocks] for i in blocks]
    report = gemm.compare_with_numpy(a, b, c)
    assert report["ok"] and report["n"] == n
    c[0][0] += 1
    assert not gemm.compare_with_numpy(a, b, c)["ok"]


def test_word_counts_do_not_depend_on_the_number_of_chunks(functions: Functions, tmp_path: Path) -> None:
    wordcount = functions("wordcount/wordcount.py")
    (tmp_path / "package").mkdir()
    (tmp_path / "one.py").write_text("def f(x): return x  # X marks\n")
    (tmp_path / "package" / "two.py").write_bytes(b"x = '\xff'\nreturn_ = 3\n")
    (tmp_path / "notes.txt").write_text("not of the corpus")
    corpus = wordcount.list_files(str(tmp_path), ".py")

    def count(chunks: int) -> dict[str, object]:
        tallies = [wordcount.count_words(corpus, chunk, chunks) for chunk in range(chunks)]
        merges = [wordcount.merge(tallies[at : at + 4]) for at in range(0, chunks, 4)]
        report: dict[str, object] = wordcount.report(corpus, merges, 2, ["Return", "absent"])
        return report

    assert count(1) == count(3) == count(9)
    assert count(1)["top"] == [("x", 4), ("return", 2)]
    assert count(1)["asked"] == {"Return": 2, "absent": 0}
    assert count(1)["files"] == 2
    assert count(1)["total_words"] == 9


def test_word_count_leaves_installed_packages_out(functions: Functions, tmp_path: Path) -> None:
    wordcount = functions("wordcount/wordcount.py")
    (tmp_path / "site-packages").mkdir()
    (tmp_path / "site-packages" / "other.py").write_text("other")
    (tmp_path / "own.py").write_text("own")
    assert [name for name, _ in wordcount.list_files(str(tmp_path), ".py")["files"]] == ["own.py"]


def test_word_count_of_a_folder_without_sources_is_an_error(functions: Functions, tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match="no file that ends with"):
        functions("wordcount/wordcount.py").list_files(str(tmp_path), ".py")


def test_chunks_share_the_bytes_fairly(functions: Functions) -> None:
    wordcount = functions("wordcount/wordcount.py")
    files = [(f"f{i}.py", 1000 + i) for i in range(40)]
    chunks = [wordcount.chunk_of(files, chunk, 4) for chunk in range(4)]
    assert sorted(name for chunk in chunks for name in chunk) == sorted(name for name, _ in files)
    assert {len(chunk) for chunk in chunks} == {10}


def draw_photo(pictures: ModuleType, rows: int, columns: int) -> bytes:
    photo = pictures.load_photo()
    tiles = [[pictures.cut(photo, r, c, rows, columns) for c in range(columns)] for r in range(rows)]
    drawn = [[pictures.draw(pictures.blur(tile), pictures.find_edges(tile)) for tile in row] for row in tiles]
    picture: bytes = pictures.assemble(drawn)
    return picture


def test_drawing_has_no_seams_between_tiles(functions: Functions) -> None:
    from io import BytesIO

    from PIL import Image

    pictures = functions("image_pipeline/pictures.py")
    whole = np.asarray(Image.open(BytesIO(draw_photo(pictures, 1, 1)))).astype(int)
    tiled = np.asarray(Image.open(BytesIO(draw_photo(pictures, 4, 4)))).astype(int)
    assert whole.shape == (427, 640, 3)
    differing = np.any(np.abs(whole - tiled) > 1, axis=2).mean()
    assert differing < 0.001, "the margin is too small for the filters"


def test_drawing_is_saved_where_the_user_asked(functions: Functions, tmp_path: Path) -> None:
    pictures = functions("image_pipeline/pictures.py")
    picture = draw_photo(pictures, 2, 2)
    saved = pictures.save(picture, str(tmp_path / "drawing.png"))
    assert saved == {
        "path": str(tmp_path / "drawing.png"),
        "width": 640,
        "height": 427,
        "bytes": len(picture),
    }
    assert (tmp_path / "drawing.png").read_bytes().startswith(b"\x89PNG")


def test_drawing_is_not_saved_in_the_folder_of_some_worker(functions: Functions) -> None:
    with pytest.raises(ValueError, match="must be an absolute path"):
        functions("image_pipeline/pictures.py").save(b"", "drawing.png")


def test_classifiers_tell_digits_apart_and_survive_pickling(functions: Functions) -> None:
    digits = functions("train_test/digits.py")
    data = digits.split(digits.load(), 0.25, 7)
    assert len(data["test"].digits) == 449
    models = [[digits.fit(kind, size, data["train"]) for size in (3, 9)] for kind in ("knn", "tree")]
    parts = [[digits.score(pickle.loads(pickle.dumps(model)), data) for model in row] for row in models]
    comparison = digits.compare(data, parts)
    assert comparison["best"]["kind"] == "knn"
    assert comparison["best"]["test_accuracy"] > 0.95
    assert comparison["train_samples"] + comparison["test_samples"] == 1797


def test_survey_counts_the_functions_of_every_file_once(functions: Functions) -> None:
    code = functions("code_survey/package/package_code.py")
    files = code.list_files("json")
    whole = code.join("json", [code.measure(files, 0, 1)])
    parts = code.join("json", [code.measure(files, chunk, 3) for chunk in range(3)])
    assert parts == whole
    assert whole["files"] == len(files) > 3
    assert 0 < whole["documented"] < whole["functions"] < whole["lines"]
    assert [one["package"] for one in functions("code_survey/survey.py").table([whole])] == ["json"]
