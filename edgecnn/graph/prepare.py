"""[onnx] Prepares a float32 graph from any exporter for quantizing."""

from collections.abc import Sequence
from itertools import count
from typing import Any

from edgecnn.graph.elimination.constants import constants_to_initializers
from edgecnn.graph.fusion.products import plain_gemm
from edgecnn.graph.graph import Graph
from edgecnn.graph.patterns import apply


def prepare(model: Any) -> None:
    """Edit a ModelProto in place: make weights initializers, simplify Gemms, drop unused parts, name every node."""
    graph = Graph(model)
    stored = {tensor.name for tensor in graph.proto.initializer}
    # Files before IR version 4 list weights as inputs too.
    for value in [value for value in graph.proto.input if value.name in stored]:
        graph.proto.input.remove(value)
    apply(graph, (constants_to_initializers, plain_gemm))  # and drop unused parts: onnxruntime warns of them
    graph.write()
    _name_nodes(model.graph.node)


def _name_nodes(nodes: Sequence[Any]) -> None:
    """Give every node a unique name, because the nodes to keep in float32 are chosen by name."""
    seen = set[str]()
    taken = {node.name for node in nodes}
    for node in nodes:
        if not node.name or node.name in seen:
            numbers = (f"{node.op_type.lower()}_{number}" for number in count(1))
            node.name = next(name for name in numbers if name not in taken)
            taken.add(node.name)
        seen.add(node.name)
