"""[TensorFlow] Translates TensorFlow operators that tf2onnx does not know, and says what to do about the others."""

from collections.abc import Callable
from typing import Any

import numpy as np

FLOAT, BOOL, DOUBLE = 1, 9, 11  # TensorProto.DataType
LAST = np.array([-1], np.int64)  # the last axis

# Replaces a node of tf2onnx's graph: (graph, node, the node's name, arguments).
Translation = Callable[[Any, Any, str, Any], None]


def _erfc(graph: Any, node: Any, _name: str, _arguments: Any) -> None:
    """erfc(x) = 1 - erf(x)."""
    shape, dtype = _removed(graph, node)
    erf = graph.make_node("Erf", [node.input[0]], shapes=[shape], dtypes=[dtype])
    graph.make_node("Sub", [_one(graph, dtype), erf.output[0]], outputs=node.output, shapes=[shape], dtypes=[dtype])


def _expm1(graph: Any, node: Any, _name: str, _arguments: Any) -> None:
    """expm1(x) = exp(x) - 1."""
    shape, dtype = _removed(graph, node)
    exp = graph.make_node("Exp", [node.input[0]], shapes=[shape], dtypes=[dtype])
    graph.make_node("Sub", [exp.output[0], _one(graph, dtype)], outputs=node.output, shapes=[shape], dtypes=[dtype])


def _bucketize(graph: Any, node: Any, _name: str, _arguments: Any) -> None:
    """The number of boundaries that a value reaches."""
    boundaries = np.array(node.attr["boundaries"].floats, np.float32)
    shape, dtype = _removed(graph, node)
    wide = [*shape, len(boundaries)] if shape is not None else None
    bounds, last = graph.make_const(f"{node.name}_bounds", boundaries), graph.make_const(f"{node.name}_axis", LAST)
    values = graph.make_node("Cast", [node.input[0]], attr={"to": FLOAT}, shapes=[shape], dtypes=[FLOAT])
    column = graph.make_node("Unsqueeze", [values.output[0], last.output[0]], shapes=[wide], dtypes=[FLOAT])
    below = graph.make_node("GreaterOrEqual", [column.output[0], bounds.output[0]], shapes=[wide], dtypes=[BOOL])
    ones = graph.make_node("Cast", below.output, attr={"to": dtype}, shapes=[wide], dtypes=[dtype])
    inputs, keeps = [ones.output[0], last.output[0]], {"keepdims": 0}
    graph.make_node("ReduceSum", inputs, attr=keeps, outputs=node.output, shapes=[shape], dtypes=[dtype])


def _removed(graph: Any, node: Any) -> tuple[Any, int]:
    """Remove a node, and return the shape and type of its result."""
    [shape], [dtype] = node.output_shapes, node.output_dtypes
    graph.remove_node(node.name)
    return shape, dtype


def _one(graph: Any, dtype: int) -> Any:
    value = np.array(1, np.float64 if dtype == DOUBLE else np.float32)
    return graph.make_const(f"one_{len(graph.get_nodes())}", value).output[0]


TRANSLATIONS: dict[str, tuple[Translation, list[Any]]] = {
    "Bucketize": (_bucketize, []),
    "Erfc": (_erfc, []),
    "Expm1": (_expm1, []),
}

# What to do about operators that cannot be translated. The first entry whose words are part of the name is used.
ADVICE = {
    ("Random",): "it is random: build the network without that layer for inference",
    ("ImageProjective", "ScaleAndTranslate"): "it distorts pictures: do that to the data, outside of the network",
    (
        "TensorList",
        "While",
        "If",
        "PartitionedCall",
        "Case",
    ): "it is a loop or a branch: use unroll=True in a recurrent layer, or a convolution in its place",
    ("FFT", "Svd", "Qr", "Cholesky", "Matrix"): "ONNX has no such operator: compute it outside of the network",
    ("Bincount", "Unique", "Hash", "Lookup", "String"): "it counts or looks up words: do that outside of the network",
    ("Conv3D", "Pool3D"): "it works on volumes, and an image classifier on pictures: use the 2D layer",
    ("Erfinv", "Igamma", "Lgamma", "Digamma", "Bessel", "Ndtri", "Zeta", "Polygamma"): "ONNX has no such function: use "
    "another activation, such as relu or swish",
}
OTHERWISE = "replace the layer that uses it by others and train again, or try a newer --opset"


def advice_for(operators: list[str]) -> str:
    """What to do about TensorFlow operators that ONNX lacks, in half a sentence."""
    found = (advice for words, advice in ADVICE.items() if any(word in operators[0] for word in words))
    return next(found, OTHERWISE)
