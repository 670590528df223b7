"""[onnx] Divides a graph into units: a node and the activation after it, which a runtime computes together."""

from collections.abc import Mapping
from typing import Any

from edgecnn.graph.graph import Graph
from edgecnn.graph.space_to_depth import ELEMENTWISE


def units_of(graph: Graph) -> dict[str, str]:
    """The unit of each node, by the node's name. A unit has the name of its first node."""
    units: dict[str, str] = {}
    for node in graph.nodes:
        maker = graph.producer(node.input[0]) if node.input else None
        joins = node.op_type in ELEMENTWISE and maker is not None and graph.only_consumer(maker) is not None
        units[node.name] = units[maker.name] if joins and maker is not None else node.name
    return units


def renamed(model: Any, units: Mapping[str, str]) -> Any:
    """A copy of a ModelProto whose nodes and tensors have their unit's number in their names.

    onnxruntime names a fused node after one of its nodes or one of its tensors.
    """
    copy = type(model)()
    copy.CopyFrom(model)
    number = {name: at for at, name in enumerate(dict.fromkeys(units.values()))}
    outputs = {output.name for output in copy.graph.output}
    tensors: dict[str, str] = {}
    for node in copy.graph.node:
        prefix = f"unit{number[units[node.name]]}_"
        own = [name for name in node.output if name and name not in outputs]
        tensors |= {name: f"{prefix}{len(tensors) + at}" for at, name in enumerate(own)}
        node.name = f"{prefix}{node.op_type}_{len(tensors)}_"
    for node in copy.graph.node:
        node.input[:] = [tensors.get(name, name) for name in node.input]
        node.output[:] = [tensors.get(name, name) for name in node.output]
    del copy.graph.value_info[:]
    return copy
