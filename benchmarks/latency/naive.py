"""Quantizes an ONNX file with onnxruntime's functions and their default settings, for comparison."""

import logging
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from edgecnn.data import Dataset
from edgecnn.runtime.classifier import Classifier

CALIBRATION_IMAGES, SEED = 512, 0  # the same number as for our files and LiteRT's


def dynamic(model: Path, output: Path) -> str | None:
    """Quantize with `quantize_dynamic`. Returns the reason if it fails, otherwise None."""
    from onnxruntime.quantization import quantize_dynamic

    return _failure(lambda: quantize_dynamic(model, output))


def static(model: Path, output: Path, dataset: Dataset) -> str | None:
    """Quantize with `quantize_static`, calibrated with training images one by one. Returns the reason if it fails."""
    from onnxruntime.quantization import quantize_static

    return _failure(lambda: quantize_static(model, output, _reader(Classifier(model), dataset)))


def _reader(classifier: Classifier, dataset: Dataset) -> Any:
    from onnxruntime.quantization import CalibrationDataReader

    images = classifier.input.prepare(dataset.train.sample(CALIBRATION_IMAGES, SEED).images)

    class Reader(CalibrationDataReader):  # type: ignore[misc]  # onnxruntime has no type annotations
        left: Iterator[Any] = iter(images)

        def get_next(self) -> dict[str, Any] | None:
            image = next(self.left, None)
            return None if image is None else {classifier.input_name: image[None]}

    return Reader()


def _failure(quantize: Callable[[], None]) -> str | None:
    log = logging.getLogger()
    level = log.level
    log.setLevel(logging.ERROR)  # they recommend preprocessing, which a naive user would not do
    try:
        quantize()
    except Exception as error:  # a user would get the same error
        return f"{type(error).__name__}: {error}"
    finally:
        log.setLevel(level)
    return None
