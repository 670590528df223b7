"""[onnx] Stores computed constants as initializers, and removes operations that change nothing."""

import math
from typing import Any

import numpy as np

from edgecnn.graph.graph import Array, Graph, attributes

NEUTRAL = {"Add": 0.0, "Sub": 0.0, "Mul": 1.0, "Div": 1.0}
MOST_COMPARED = 2**16  # values: neutral constants are as long as the channels at most
EITHER_SIDE = ("Add", "Mul")  # operators whose inputs may change places


def constants_to_initializers(graph: Graph, node: Any) -> bool:
    """Replace a Constant node by an initializer."""
    value = _value_of(graph, node) if node.op_type == "Constant" else None
    if value is None or graph.is_output(node.output[0]):
        return False
    graph.bypass(node, graph.add_constant(value))
    return True


def _value_of(graph: Graph, node: Any) -> Array | None:
    """The value of a Constant node, or None if it is text or a sparse tensor."""
    [(form, value)] = attributes(node).items()
    if form == "value":
        array: Array = graph.onnx.numpy_helper.to_array(value)
        return array
    types = {"value_float": np.float32, "value_floats": np.float32, "value_int": np.int64, "value_ints": np.int64}
    return np.array(value, types[form]) if form in types else None


def drop_neutral(graph: Graph, node: Any) -> bool:
    """Remove an operation that returns its input: x + 0, x - 0, x × 1, x / 1 or Identity."""
    neutral = NEUTRAL.get(node.op_type)
    if neutral is not None:
        for at in (1, 0) if node.op_type in EITHER_SIDE else (1,):
            source = node.input[1 - at]
            if _is_all(graph, node.input[at], neutral, source) and _may_end(graph, node, source):
                graph.bypass(node, source)
                return True
    if (node.op_type == "Identity" or _is_empty(graph, node)) and _may_end(graph, node, node.input[0]):
        graph.bypass(node, node.input[0])
        return True
    return False


def _is_all(graph: Graph, name: str, value: float, source: str) -> bool:
    """Whether a constant holds one value only, and has no more dimensions than `source`, nor larger ones."""
    if graph.scalar(name) == value:
        return True
    dims, shape = graph.dims(name), graph.shapes(2).get(source, ())
    if not dims or len(dims) > len(shape) or math.prod(dims) > MOST_COMPARED:
        return False
    if any(size not in (1, other) for size, other in zip(reversed(dims), reversed(shape), strict=False)):
        return False
    constant = graph.constant(name)
    return constant is not None and bool((constant == value).all())


def _is_empty(graph: Graph, node: Any) -> bool:
    """Whether a Cast converts to the type that its input has already, or a Pad adds nothing."""
    if node.op_type == "Cast":
        return bool(attributes(node)["to"] == graph.type_of(node.input[0]))
    if node.op_type != "Pad" or len(node.input) < 2 or node.input[3:]:
        return False
    pads = graph.constant(node.input[1])
    return pads is not None and not pads.any()


def _may_end(graph: Graph, node: Any, source: str) -> bool:
    """Whether `source` can take the place of a node's result: a graph output must come from a node."""
    return not graph.is_output(node.output[0]) or graph.producer(source) is not None
