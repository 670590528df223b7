"""[onnx] The precisions that need no calibration: dynamic int8 and float16."""

import tempfile
from pathlib import Path
from typing import Any

from edgecnn.exporting.graph import onnx_module
from edgecnn.quantizing.static import quiet, telling


def dynamic(model: Any) -> Any:
    """The ModelProto with int8 weights and activations quantised as they come: small, but slow for convolutions.

    Raises ExportError.
    """
    from onnxruntime import quantization as ort

    onnx = onnx_module()
    with tempfile.TemporaryDirectory() as scratch, quiet(), telling("quantised"):
        source, output = (Path(scratch) / name for name in ("source.onnx", "output.onnx"))
        onnx.save(model, source)
        ort.quantize_dynamic(source, output, per_channel=True, weight_type=ort.QuantType.QUInt8)
        return onnx.load(output)


def float16(model: Any) -> Any:
    """The ModelProto with half the bytes a weight; input and output stay as they are. Raises ExportError."""
    from onnxruntime.transformers.float16 import convert_float_to_float16

    copy = type(model)()
    copy.CopyFrom(model)  # it changes what it is given
    with telling("made float16"):
        return convert_float_to_float16(copy, keep_io_types=True)
