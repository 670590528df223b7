"""[TensorFlow] Converts a TensorFlow model to a clean ONNX graph with tf2onnx."""

import logging
from pathlib import Path
from typing import Any

from edgecnn.errors import ExportError, MissingDependencyError
from edgecnn.exporting.freezing import freeze
from edgecnn.exporting.opening import INPUT_NAME, first_line
from edgecnn.exporting.original import Original
from edgecnn.exporting.translations import TRANSLATIONS, advice_for
from edgecnn.graph.cleanup import clean, finish
from edgecnn.graph.graph import onnx_module
from edgecnn.graph.protos import subgraphs
from edgecnn.training.backend import return_freed_memory

OUTPUT_NAME = "scores"


def convert(original: Original, opset: int) -> Any:
    """The original as a clean float32 ModelProto of any batch size. Raises ExportError and MissingDependencyError."""
    model = converted(original, opset)
    _refuse_unknown_operators(original.path, model, opset)
    clean(model, INPUT_NAME, OUTPUT_NAME)
    finish(model, original.outputs, opset)
    return_freed_memory()
    return model


def converted(original: Original, opset: int) -> Any:
    """The original as tf2onnx converts it, with operators that it does not know. Raises as `convert` does."""
    onnx_module()
    try:
        import tf2onnx
    except ImportError:
        raise MissingDependencyError("tf2onnx", "train", "exporting") from None
    logging.getLogger("tf2onnx").setLevel(logging.CRITICAL)
    try:
        frozen = freeze(original.forward)
        model, _ = tf2onnx.convert.from_graph_def(
            frozen.graph,
            input_names=list(frozen.inputs),
            output_names=list(frozen.outputs),
            opset=opset,
            custom_op_handlers=dict(TRANSLATIONS),
        )
    except MemoryError:
        raise
    except Exception as error:  # tf2onnx lets exceptions of any type through
        raise ExportError(f"{original.path} cannot be converted by tf2onnx: {first_line(error)}") from error
    return model


def _refuse_unknown_operators(path: Path, model: Any, opset: int) -> None:
    """Refuse operators that tf2onnx does not know: it copies them into the graph, where no runtime can run them."""
    unknown = sorted(_unknown(model.graph, opset))
    if unknown:
        raise ExportError(
            f"{path} uses {', '.join(unknown)}, which cannot be expressed in ONNX opset {opset}: {advice_for(unknown)}"
        )


def _unknown(graph: Any, opset: int) -> set[str]:
    """The operators of a GraphProto and of its subgraphs that ONNX does not define in this opset."""
    defs = onnx_module().defs
    unknown = {node.op_type for node in graph.node if not defs.has(node.op_type, opset)}
    return unknown.union(*(_unknown(inner, opset) for node in graph.node for inner in subgraphs(node)))
