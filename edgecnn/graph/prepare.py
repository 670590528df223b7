"""[onnx] Prepares a float32 graph from any exporter for quantizing."""

from itertools import count
from typing import Any

from edgecnn.graph.elimination.constants import constants_to_initializers
from edgecnn.graph.fusion.products import plain_gemm
from edgecnn.graph.graph import Graph


def prepare(model: Any) -> None:
    """Edit a ModelProto in place: make weights initializers, simplify Gemms, drop unused parts, name every node."""
    graph = Graph(model)
    stored = {tensor.name for tensor in graph.proto.initializer}
    # Files before IR version 4 list weights as inputs too.
    for value in [value for value in graph.proto.input if value.name in stored]:
        graph.proto.input.remove(value)
    while constants_to_initializers(graph) or plain_gemm(graph):
        pass
    graph.drop_dead()  # onnxruntime warns about unused parts each time it opens the graph
    _name_nodes(graph)


def _name_nodes(graph: Graph) -> None:
    """Give every node a unique name, because the nodes to keep in float32 are chosen by name."""
    nodes, seen = graph.nodes, set[str]()
    taken = {node.name for node in nodes}
    for node in nodes:
        if not node.name or node.name in seen:
            numbers = (f"{node.op_type.lower()}_{number}" for number in count(1))
            node.name = next(name for name in numbers if name not in taken)
            taken.add(node.name)
        seen.add(node.name)
