"""Quantizes an ONNX file as onnxruntime's own functions do by their defaults, for comparison."""

import logging
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from edgecnn.data import Dataset
from edgecnn.runtime.classifier import Classifier

CALIBRATION_IMAGES, SEED = 512, 0  # as many as ours and LiteRT's have


def dynamic(model: Path, output: Path) -> str | None:
    """Write what `quantize_dynamic` makes of it; returns why there is nothing, should there be nothing."""
    from onnxruntime.quantization import quantize_dynamic

    return _failure(lambda: quantize_dynamic(model, output))


def static(model: Path, output: Path, dataset: Dataset) -> str | None:
    """The same of `quantize_static`, calibrated with training images, one by one."""
    from onnxruntime.quantization import quantize_static

    return _failure(lambda: quantize_static(model, output, _reader(Classifier(model), dataset)))


def _reader(classifier: Classifier, dataset: Dataset) -> Any:
    from onnxruntime.quantization import CalibrationDataReader

    images = classifier.input.prepare(dataset.train.sample(CALIBRATION_IMAGES, SEED).images)

    class Reader(CalibrationDataReader):  # type: ignore[misc]  # which comes without types
        left: Iterator[Any] = iter(images)

        def get_next(self) -> dict[str, Any] | None:
            image = next(self.left, None)
            return None if image is None else {classifier.input_name: image[None]}

    return Reader()


def _failure(quantize: Callable[[], None]) -> str | None:
    log = logging.getLogger()
    level = log.level
    log.setLevel(logging.ERROR)  # they advise to do more beforehand, which would not be naive
    try:
        quantize()
    except Exception as error:  # whatever they raise is what a user would get
        return f"{type(error).__name__}: {error}"
    finally:
        log.setLevel(level)
    return None
