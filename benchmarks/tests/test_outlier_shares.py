"""What the program outliers computes of known scores, and the copies that it measures."""

from pathlib import Path

import numpy as np

from benchmarks.accuracy import outliers
from benchmarks.accuracy.outliers_table import DIGITS
from edgecnn.data import load
from edgecnn.folder import SHIPPED_MODELS
from edgecnn.runtime.classifier import Classifier


def test_the_area_is_the_share_of_pairs_in_the_right_order_and_half_of_ties() -> None:
    inside, outside = np.array([1.0, 2.0, 3.0, 4.0]), np.array([4.0, 5.0, 0.0])
    pairs = [(b > a) + (b == a) / 2 for a in inside for b in outside]
    assert outliers.area(inside, outside) == round(float(np.mean(pairs)), 4)


def test_both_files_of_a_network_are_measured_with_the_limits_of_one(tmp_path: Path) -> None:
    data = load()
    found = outliers.opened("nano", data, tmp_path)
    float32, int8 = (found[name].metadata for name in ("float32", "int8"))
    assert float32.outliers is not None
    assert (float32.outliers, float32.confidence) == (int8.outliers, int8.confidence)
    assert int8.quantization == Classifier(SHIPPED_MODELS / "nano" / "model.int8.onnx").metadata.quantization
    clothes = np.full((1, 28, 28), 255, np.uint8)
    judged = outliers.judged(found["int8"], {DIGITS: data.test.images[:500], "clothes": clothes})
    assert judged[DIGITS]["far"] <= 10
    assert judged["clothes"] == {
        "images": 1,
        "far": 1,
        "unsure": judged["clothes"]["unsure"],
        "uncertain": 1,
        "area by distance": 1.0,
        "area by confidence": judged["clothes"]["area by confidence"],
    }


def test_letters_that_look_like_digits_are_left_out() -> None:
    assert not {*"OlISZBqgo"} & {*outliers.letters()}
    assert len(outliers.letters()) == 36
