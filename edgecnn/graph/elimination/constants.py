"""[onnx] Stores computed constants as initializers, and removes operations that change nothing."""

from typing import Any

import numpy as np

from edgecnn.graph.graph import Array, Graph, attributes


def constants_to_initializers(graph: Graph) -> bool:
    """Replace a Constant node by an initializer. Returns whether there was one."""
    for node in graph.nodes:
        value = _value_of(graph, node) if node.op_type == "Constant" else None
        if value is not None:
            graph.bypass(node, graph.add_constant(value))
            return True
    return False


def _value_of(graph: Graph, node: Any) -> Array | None:
    """The value of a Constant node, or None if it is text or a sparse tensor."""
    [(form, value)] = attributes(node).items()
    if form == "value":
        array: Array = graph.onnx.numpy_helper.to_array(value)
        return array
    types = {"value_float": np.float32, "value_floats": np.float32, "value_int": np.int64, "value_ints": np.int64}
    return np.array(value, types[form]) if form in types else None


def drop_neutral(graph: Graph) -> bool:
    """Remove an operation that returns its input: x + 0, x × 1 or Identity. Returns whether there was one."""
    for node in graph.nodes:
        for at, constant in enumerate(node.input[:2]):
            neutral = {"Add": 0.0, "Mul": 1.0}.get(node.op_type)
            if neutral is not None and graph.scalar(constant) == neutral:
                graph.bypass(node, node.input[1 - at])
                return True
        if node.op_type == "Identity" and graph.producer(node.input[0]) is not None:
            graph.bypass(node, node.input[0])
            return True
    return False
