"""[onnx] The float32 graph to quantize: refused with the reason, or brought into the form that quantizing needs."""

import re
from itertools import count
from pathlib import Path
from typing import Any

import numpy as np

from edgecnn.errors import ExportError
from edgecnn.graph.cleanup import constants_to_initializers
from edgecnn.graph.graph import Graph, attributes, metadata, onnx_module
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
    graph = Graph(model)
    stored = {tensor.name for tensor in graph.proto.initializer}
    for value in [value for value in graph.proto.input if value.name in stored]:  # as files before IR version 4 have
        graph.proto.input.remove(value)
    while constants_to_initializers(graph) or plain_gemm(graph):
        pass
    graph.drop_dead()  # of which onnxruntime would warn whenever it opens the graph
    _require_numbers(graph, path)
    _require_work(graph, path)
    _name_nodes(graph)
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


def plain_gemm(graph: Graph) -> bool:
    """Put a Gemm's factors and its transposition into its constants: onnxruntime's quantizer heeds no factor."""
    for node in graph.nodes:
        values = attributes(node) if node.op_type == "Gemm" else {}
        alpha, beta, turned = values.get("alpha", 1.0), values.get("beta", 1.0), values.get("transB", 0)
        constants = [graph.constant(name) for name in node.input[1:]]
        if (alpha, beta, turned) == (1, 1, 0) or values.get("transA") or any(value is None for value in constants):
            continue
        weights, *bias = (value for value in constants if value is not None)
        scaled = [alpha * (weights.T if turned else weights), *(beta * value for value in bias)]
        names = [graph.add_constant(value.astype(weights.dtype)) for value in scaled]
        graph.replace(node, "Gemm", [node.input[0], *names])
        return True
    return False


def _name_nodes(graph: Graph) -> None:
    """Give every node a name of its own, as parts are kept in float32 by name."""
    nodes, seen = graph.nodes, set[str]()
    taken = {node.name for node in nodes}
    for node in nodes:
        if not node.name or node.name in seen:
            numbers = (f"{node.op_type.lower()}_{number}" for number in count(1))
            node.name = next(name for name in numbers if name not in taken)
            taken.add(node.name)
        seen.add(node.name)
