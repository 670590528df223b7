"""[TensorFlow] Converts a TensorFlow model to a clean ONNX graph with tf2onnx."""

import logging
from pathlib import Path
from typing import Any

from edgecnn.errors import ExportError, MissingDependencyError
from edgecnn.exporting.opening import INPUT_NAME, first_line
from edgecnn.exporting.original import Original
from edgecnn.graph.cleanup import clean, finish
from edgecnn.graph.graph import onnx_module

OUTPUT_NAME = "probabilities"


def convert(original: Original, opset: int) -> Any:
    """The original as a clean float32 ModelProto of any batch size. Raises ExportError and MissingDependencyError."""
    onnx_module()
    try:
        import tf2onnx
    except ImportError:
        raise MissingDependencyError("tf2onnx", "train", "exporting") from None
    logging.getLogger("tf2onnx").setLevel(logging.CRITICAL)
    signature = list(original.forward.input_signature)  # type: ignore[attr-defined]
    try:
        model, _ = tf2onnx.convert.from_function(original.forward, input_signature=signature, opset=opset)
    except Exception as error:  # tf2onnx lets exceptions of any type through
        raise ExportError(f"{original.path} cannot be converted by tf2onnx: {first_line(error)}") from error
    _refuse_unknown_operators(original.path, model, opset)
    clean(model, INPUT_NAME, OUTPUT_NAME)
    finish(model, original.classes, opset)
    return model


def _refuse_unknown_operators(path: Path, model: Any, opset: int) -> None:
    """Refuse operators that tf2onnx does not know: it copies them into the graph, where no runtime can run them."""
    defs = onnx_module().defs
    unknown = sorted({node.op_type for node in model.graph.node if not defs.has(node.op_type)})
    if unknown:
        raise ExportError(
            f"{path} uses {', '.join(unknown)}, which tf2onnx cannot express in opset {opset}: "
            "replace the layer (such as gelu by relu or swish) and train again"
        )
