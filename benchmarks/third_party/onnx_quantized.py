"""[onnx] Quantizes a model with onnxruntime's own tools, as people do before they publish it."""

import tempfile
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.third_party import data
from edgecnn.graph.graph import onnx_module

IMAGES = 64


def quantized(model: Any, form: str, operators: list[str] | None = None) -> Any:
    """The model of gray digits from 0 to 1 in int8; `form` is QDQ or QOperator."""
    from onnxruntime.quantization import CalibrationDataReader, QuantFormat, quantize_static

    images = data.loaded("digits").train.images[:IMAGES, None].astype(np.float32) / 255

    class Images(CalibrationDataReader):  # type: ignore[misc]
        def __init__(self) -> None:
            self.left = iter(images)

        def get_next(self) -> Any:
            image = next(self.left, None)
            return None if image is None else {model.graph.input[0].name: image[None]}

    with tempfile.TemporaryDirectory() as folder:
        before, after = Path(folder) / "before.onnx", Path(folder) / "after.onnx"
        before.write_bytes(model.SerializeToString())
        quantize_static(before, after, Images(), quant_format=QuantFormat[form], op_types_to_quantize=operators)
        return onnx_module().load(after)
