"""[onnx] Computes what depends on constants only, and what a shape tells besides the batch size."""

from typing import Any

import numpy as np

from edgecnn.graph.graph import Graph
from edgecnn.graph.protos import subgraphs

NEVER = ("DequantizeLinear", "QuantizeLinear")  # a quantized weight stays small
RANDOM = "Random"  # how the names of operators begin that return other values each time
MOST_GROWTH = 1024  # values: a result may have so many, or as many as the constants it is made of


def fold_constants(graph: Graph, node: Any) -> bool:
    """Replace a node whose inputs are all constants by its result."""
    stored = [graph.dims(name) for name in node.input if name]
    if not stored or None in stored or len(node.output) != 1 or not _may_fold(graph, node):
        return False
    most = max(MOST_GROWTH, *(int(np.prod(dims, dtype=np.int64)) for dims in stored if dims is not None))
    value = graph.computed(node.output[0], 2)
    if value is None or value.size > most or value.dtype == object:
        return False
    graph.bypass(node, graph.add_constant(value))
    return True


def _may_fold(graph: Graph, node: Any) -> bool:
    fixed = node.op_type not in NEVER and not node.op_type.startswith(RANDOM)
    return fixed and not graph.is_output(node.output[0]) and not any(subgraphs(node))


def fold_shape_parts(graph: Graph, node: Any) -> bool:
    """Replace a size or position that is computed from shapes by a constant, if it is the same for every batch size."""
    if not node.input or len(node.output) != 1 or not _may_fold(graph, node) or not _may_be_size(graph, node):
        return False
    value = graph.computed_always(node.output[0])
    if value is None:
        return False
    graph.bypass(node, graph.add_constant(value))
    return True


def _may_be_size(graph: Graph, node: Any) -> bool:
    """Whether a node returns a short list of whole numbers, as computations with shapes do."""
    shape = graph.shapes(2).get(node.output[0])
    whole = graph.type_of(node.output[0]) in (graph.onnx.TensorProto.INT32, graph.onnx.TensorProto.INT64)
    return whole and shape is not None and len(shape) <= 1
