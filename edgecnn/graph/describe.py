"""[onnx] Counts the operators, parameters and multiply-accumulates of a graph."""

import math
from collections import Counter
from collections.abc import Iterator
from typing import Any

from edgecnn.graph.graph import Graph, attributes
from edgecnn.runtime.metadata import GraphSummary

WEIGHTED = ("Conv", "Gemm", "MatMul", "ConvInteger", "MatMulInteger", "QLinearConv", "QLinearMatMul", "QGemm")
# The inputs of integer operators that are images, weights and biases. The other inputs are scales and zero points.
VALUES = {
    "ConvInteger": (0, 1),
    "MatMulInteger": (0, 1),
    "QLinearConv": (0, 3, 8),
    "QLinearMatMul": (0, 3),
    "QGemm": (0, 3, 6),
}
PASSING = ("DequantizeLinear", "Cast", "Reshape")  # may stand between a stored value and the node that reads it
NO_READERS = ("QuantizeLinear", *PASSING, "Clip", "Squeeze", "Pad", "ReduceMean")  # their constants are not parameters
INT64 = 7  # TensorProto.DataType: of positions and sizes, never of weights


def describe(model: Any) -> GraphSummary:
    """Summarize a ModelProto: opset, IR version, operators, parameters and multiply-accumulates for one image."""
    graph = Graph(model)
    return GraphSummary(
        opset=opset_of(model),
        ir_version=model.ir_version,
        operators=dict(Counter(node.op_type for node in model.graph.node).most_common()),
        parameters=_parameters(graph),
        macs=_macs(graph),
    )


def opset_of(model: Any) -> int:
    """The version of ONNX's operators that a ModelProto uses, or 0."""
    return next((int(item.version) for item in model.opset_import if item.domain in ("", "ai.onnx")), 0)


def weighted_layers(model: Any) -> int:
    """The number of nodes of a ModelProto that multiply by weights."""
    return sum(node.op_type in WEIGHTED for node in model.graph.node)


def _parameters(graph: Graph) -> int:
    """The number of weights and biases: of the constants that nodes read, directly or through a DequantizeLinear."""
    counted: dict[str, int] = {}
    for node in graph.nodes:
        if node.op_type in NO_READERS or _multiplies_scales(graph, node):
            continue
        for name in _values(node):
            tensor = _stored(graph, name)
            if tensor is not None and tensor.data_type != INT64:
                counted[tensor.name] = math.prod(tensor.dims)
    return sum(counted.values())


def _values(node: Any) -> list[str]:
    """The names of a node's inputs, without scales and zero points."""
    return [name for at, name in enumerate(node.input) if at in VALUES.get(node.op_type, range(len(node.input)))]


def _multiplies_scales(graph: Graph, node: Any) -> bool:
    """Whether a node multiplies two scales: dynamic quantization computes the activation's and stores the weight's."""
    makers = map(graph.producer, node.input)
    return node.op_type == "Mul" and any(maker and maker.op_type == "DynamicQuantizeLinear" for maker in makers)


def _stored(graph: Graph, name: str) -> Any | None:
    """The initializer that a node reads as `name`, directly or after a DequantizeLinear, Cast or Reshape; or None."""
    maker = graph.producer(name)
    if maker is not None and maker.op_type in PASSING:
        name = maker.input[0]
    return next((tensor for tensor in graph.proto.initializer if tensor.name == name), None)


def _macs(graph: Graph) -> int | None:
    counted = [macs for _, macs in weighted(graph)]
    return None if None in counted else sum(map(int, counted))  # type: ignore[arg-type]


def weighted(graph: Graph) -> Iterator[tuple[Any, int | None]]:
    """Each convolution and matrix product, with its multiply-accumulates for one image (None if a shape is open).

    They are the number of output values times the number of products that are summed for each.
    """
    shapes = graph.shapes(1)
    for node in graph.nodes:
        if node.op_type in WEIGHTED:
            weights = shapes.get(_values(node)[1], ())
            outputs = shapes.get(node.output[0], ())
            is_open = not weights or not outputs or None in weights or None in outputs
            yield node, None if is_open else math.prod(map(int, outputs)) * _summed(node, weights)  # type: ignore[arg-type]


def _summed(node: Any, weights: tuple[int | None, ...]) -> int:
    """How many products are summed for one output value."""
    sizes = [int(size or 0) for size in weights]
    if "Conv" in node.op_type:
        return math.prod(sizes[1:])
    return sizes[-1] if attributes(node).get("transB") else sizes[-2]
