"""[onnx] Writes the exact gelu in the form that runtimes know: x / √2, Erf, + 1, × x, × 0.5, or as one Gelu."""

import math
from typing import Any

import numpy as np

from edgecnn.graph.graph import Graph

GELU_SINCE = 20  # the opset that has the operator
CLOSE = 1e-6  # relative: constants are stored in float32


def complement_to_gelu(graph: Graph, node: Any) -> bool:
    """Replace 0.5 x × (1 - erf(-x / √2)), which TensorFlow computes, by one of the forms above."""
    if node.op_type != "Mul":
        return False
    for half, rest in (node.input, reversed(node.input)):
        x = _scaled(graph, half, 0.5)
        if x is not None and _is_complement(graph, rest, x):
            _write_gelu(graph, node, x)
            return True
    return False


def _is_complement(graph: Graph, name: str, x: str) -> bool:
    """Whether a tensor is 1 - erf(-x / √2)."""
    difference = _maker(graph, name, "Sub")
    erf = _maker(graph, difference.input[1], "Erf") if difference is not None else None
    if difference is None or erf is None or graph.scalar(difference.input[0]) != 1:
        return False
    negative = _scaled(graph, erf.input[0], 1 / math.sqrt(2))
    if negative is not None:
        opposite = _maker(graph, negative, "Neg")
        return opposite is not None and opposite.input[0] == x
    return _scaled(graph, erf.input[0], -1 / math.sqrt(2)) == x


def _scaled(graph: Graph, name: str, factor: float) -> str | None:
    """The tensor that is multiplied by a constant factor to get the tensor `name`, or None."""
    product = _maker(graph, name, "Mul")
    for constant, other in (product.input, reversed(product.input)) if product is not None else ():
        value = graph.scalar(constant)
        if value is not None and math.isclose(value, factor, rel_tol=CLOSE):
            return str(other)
    return None


def _maker(graph: Graph, name: str, operator: str) -> Any | None:
    maker = graph.producer(name)
    return maker if maker is not None and maker.op_type == operator else None


def _write_gelu(graph: Graph, node: Any, x: str) -> None:
    if graph.opset >= GELU_SINCE:
        graph.replace(node, "Gelu", [x])
        return
    root, one, half = (graph.add_constant(np.array(value, np.float32)) for value in (math.sqrt(2), 1, 0.5))
    erf = graph.add("Erf", [graph.add("Div", [x, root])])
    graph.replace(node, "Mul", [graph.add("Mul", [x, graph.add("Add", [erf, one])]), half])
