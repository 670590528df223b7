"""The generator of pictures and the program that reads them."""

import io
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from benchmarks.accuracy import paper, pictures
from edgecnn.data import Dataset
from edgecnn.runtime.classifier import Classifier


def test_the_same_seed_gives_the_same_pictures(mnist: Dataset) -> None:
    once, again = ([content for _, content in paper.photographs(mnist.test.images[:2], 1, 200)] for _ in range(2))
    assert once == again
    assert once[0] != once[1]


def test_a_picture_has_its_scenes_size(mnist: Dataset) -> None:
    for shown, content in paper.photographs(mnist.test.images[:3], 4, 220):
        assert Image.open(io.BytesIO(content)).size == shown.size
        assert max(shown.size) == 220


@pytest.mark.parametrize("kind", list(paper.NOT_DIGITS))
def test_what_is_no_digit_is_a_picture(kind: str) -> None:
    assert Image.open(io.BytesIO(paper.NOT_DIGITS[kind](np.random.default_rng(0)))).format == "JPEG"


def test_answers_count_what_is_right_by_network_and_way(mnist: Dataset) -> None:
    model = Classifier("edge")
    files = [content for _, content in paper.photographs(mnist.test.images[:4], 1, 240)]
    labels = list(map(str, mnist.test.labels[:4]))
    found = pictures.answers(list(zip(labels, files, strict=True)), {"edge float32": model})
    assert found["right"]["edge float32"]["treated"] == 4
    assert found["without"]["nothing"] == 4
    assert set(found["without"]) == set(pictures.ABLATED)


def test_folders_of_single_digits_are_sources(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pictures, "SHEETS", 2)
    monkeypatch.setattr(paper, "LARGEST", 300)
    Image.new("L", (28, 28)).save(tmp_path / "a.png")
    (tmp_path / "labels.csv").write_text("file,label\na.png,\n", encoding="utf-8")
    *_, (name, found) = pictures.sources([tmp_path], 0)
    assert name == tmp_path.name
    assert [label for label, _ in found] == [""]
