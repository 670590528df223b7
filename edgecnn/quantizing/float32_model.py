"""[onnx] Loads the float32 model to quantize: prepares its graph, or refuses it with the reason."""

import re
from pathlib import Path
from typing import Any

import numpy as np

from edgecnn.errors import ExportError
from edgecnn.graph.graph import Graph, metadata
from edgecnn.graph.loading import load_model, telling_of_damage
from edgecnn.graph.prepare import prepare
from edgecnn.quantizing.quantizers import ALTERNATIVE, quantizable
from edgecnn.runtime.metadata import ModelMetadata

OLDEST_OPSET = 13  # the first that allows a scale for each channel of a weight
WEIGHTED = ("Conv", "Gemm", "MatMul", "ConvTranspose")
CONTROL_FLOW = ("If", "Loop", "Scan")
SOURCE_LINE = re.compile(r"^/\S+:\d+: (\S+: )?")  # the place in onnx's own code where the problem was found


def load_source(path: Path) -> Any:
    """The ModelProto of a float32 file, with named nodes and an opset of at least OLDEST_OPSET.

    Raises ModelError for a damaged or unsafe file, and ExportError for a model that is already quantized, holds 16-bit,
    NaN or infinite weights, contains control flow, has an opset that cannot be raised, or has nothing that int8 could
    run. Raises MissingDependencyError without onnx.
    """
    model = load_model(path)
    with telling_of_damage(path):
        return _prepared(model, path)


def _prepared(model: Any, path: Path) -> Any:
    graph = Graph(model)
    _require_float32(graph, path)
    model = _with_opset(model, path)
    prepare(model)
    graph = Graph(model)
    _require_numbers(graph, path)
    _require_work(graph, path)
    return model


def _require_float32(graph: Graph, path: Path) -> None:
    quantized = any("QuantizeLinear" in op or "Integer" in op or op.startswith("QLinear") for op in _operators(graph))
    if quantized or ModelMetadata.of(metadata(graph.model), path).quantization:
        raise ExportError(f"{path} is already quantized: give the float32 file it was made from")
    control = sorted(_operators(graph).intersection(CONTROL_FLOW))
    if control:
        names = ", ".join(control)
        raise ExportError(f"{path} has control flow ({names}), which cannot be quantized: export it without")


def _operators(graph: Graph) -> set[str]:
    return {node.op_type for node in graph.nodes}


def _require_numbers(graph: Graph, path: Path) -> None:
    """Refuse weights that are not finite float32 numbers. A single number may be infinite, as a bound of a Clip is."""
    for tensor in graph.proto.initializer:
        if tensor.data_type in (graph.onnx.TensorProto.FLOAT16, graph.onnx.TensorProto.BFLOAT16):
            raise ExportError(f"{path} holds 16-bit weights, in {tensor.name}: give the float32 file it was made from")
        value = graph.onnx.numpy_helper.to_array(tensor)
        floating = np.issubdtype(value.dtype, np.floating)
        if floating and (np.isnan(value).any() or (value.size > 1 and not np.isfinite(value).all())):
            raise ExportError(f"{path} has NaN or infinite weights, in {tensor.name}: train and export it again")


def _require_work(graph: Graph, path: Path) -> None:
    if not _operators(graph) & quantizable() & set(WEIGHTED):
        names = ", ".join(WEIGHTED)
        raise ExportError(f"{path} has none of {names}, so int8 would not speed it up: use the float32 file")


def _with_opset(model: Any, path: Path) -> Any:
    opset = next((item.version for item in model.opset_import if item.domain in ("", "ai.onnx")), 0)
    if opset >= OLDEST_OPSET:
        return model
    from onnx import version_converter

    try:
        return version_converter.convert_version(model, OLDEST_OPSET)
    except Exception as error:  # onnx raises RuntimeError and types of its own
        reason = " ".join(SOURCE_LINE.sub("", str(error)).split())
        raise ExportError(
            f"{path} has opset {opset}; quantizing needs {OLDEST_OPSET}, and onnx cannot raise it ({reason}): "
            f"export it again with --opset {OLDEST_OPSET} or more, or {ALTERNATIVE}"
        ) from error
