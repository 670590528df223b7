"""[onnx] Brings a float32 graph of any origin into the form that quantizing needs."""

from itertools import count
from typing import Any

from edgecnn.graph.elimination.constants import constants_to_initializers
from edgecnn.graph.fusion.products import plain_gemm
from edgecnn.graph.graph import Graph


def prepare(model: Any) -> None:
    """Make weights initializers, Gemms plain and names unique, in place; what no output needs goes."""
    graph = Graph(model)
    stored = {tensor.name for tensor in graph.proto.initializer}
    for value in [value for value in graph.proto.input if value.name in stored]:  # as files before IR version 4 have
        graph.proto.input.remove(value)
    while constants_to_initializers(graph) or plain_gemm(graph):
        pass
    graph.drop_dead()  # of which onnxruntime would warn whenever it opens the graph
    _name_nodes(graph)


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
