"""[onnx] The float32 graph to quantize: refused with the reason, or brought into the form that quantizing needs."""

import re
from pathlib import Path
from typing import Any

import numpy as np

from edgecnn.errors import ExportError
from edgecnn.graph.graph import Graph, metadata, onnx_module
from edgecnn.graph.prepare import prepare
from edgecnn.quantizing.quantizers import ALTERNATIVE, quantizable
from edgecnn.runtime.metadata import ModelMetadata

OLDEST_OPSET = 13  # the first in which weights have a scale for each channel
WEIGHTED = ("Conv", "Gemm", "MatMul", "ConvTranspose")
CONTROL_FLOW = ("If", "Loop", "Scan")
SOURCE_LINE = re.compile(r"^/\S+:\d+: (\S+: )?")  # where in onnx's own code something was noticed


def load_source(path: Path) -> Any:
    """The ModelProto of a float32 file, its nodes named and its opset new enough.

    Raises ExportError for a model that is quantized already, has weights that are no float32 numbers, branches, an
    opset that cannot be raised, or nothing that int8 could run; MissingDependencyError.
    """
    model = onnx_module().load(path)
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
        raise ExportError(f"{path} is quantized already: give the float32 file it was made from")
    control = sorted(_operators(graph).intersection(CONTROL_FLOW))
    if control:
        raise ExportError(f"{path} branches ({', '.join(control)}), which cannot be quantized: export it without")


def _operators(graph: Graph) -> set[str]:
    return {node.op_type for node in graph.nodes}


def _require_numbers(graph: Graph, path: Path) -> None:
    """All weights are float32 and finite; one number alone may be infinite, as the bound of a Clip."""
    for tensor in graph.proto.initializer:
        if tensor.data_type in (graph.onnx.TensorProto.FLOAT16, graph.onnx.TensorProto.BFLOAT16):
            raise ExportError(f"{path} holds 16-bit weights, in {tensor.name}: give the float32 file it was made from")
        value = graph.onnx.numpy_helper.to_array(tensor)
        floating = np.issubdtype(value.dtype, np.floating)
        if floating and (np.isnan(value).any() or (value.size > 1 and not np.isfinite(value).all())):
            raise ExportError(f"{path} has weights that are no numbers, in {tensor.name}: train and export it again")


def _require_work(graph: Graph, path: Path) -> None:
    if not _operators(graph) & quantizable() & set(WEIGHTED):
        raise ExportError(f"{path} has no {', '.join(WEIGHTED)}, so nothing that int8 would speed up: keep float32")


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
